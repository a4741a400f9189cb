"""What flows between stages: documents and exercises as Arrow tables; and the error for users.

In: plain Python rows. Out: tables with a fixed schema, so that any stage can read what any other
wrote. A record is never deleted: `kept` turns false and `reason` says why, in words that a person
can count and search.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


class UserError(ValueError):
    """An error that the user can fix. Its text names what is wrong, where, and the way out."""

    exit_code = 2


class MissingInput(UserError):
    """An input from outside is missing. `plan` goes on with its expected size; a run stops."""


# name -> Arrow type. `start` and `end` are line numbers in the file at `path`, both included, 0 for
# a whole text.
DOCUMENT: dict[str, str] = {
    "id": "string",  # document_id(text)
    "text": "string",  # what a model would be trained on
    "kind": "string",  # code, textbook or exercise
    "origin": "string",  # pypi:networkx==3.6.1, files:src, shelf, or the teacher's name
    "path": "string",  # inside the origin
    "start": "int32",
    "end": "int32",
    "licence": "string",  # as the origin states it, "" where it states none
    "kept": "bool",
    "reason": "string",  # "" while kept
}

# An exercise is a document whose text is prompt + solution; the tests are never part of the text.
EXERCISE: dict[str, str] = DOCUMENT | {
    "prompt": "string",  # imports, signature and docstring: what a student is given
    "solution": "string",  # the body that completes the prompt
    "tests": "string",  # assert statements that call entry_point
    "entry_point": "string",
}

VERDICT_COLUMNS = ("kept", "reason")


def document_id(text: str) -> str:
    """The first 16 hex digits of the SHA-256 of the text in UTF-8.

    >>> document_id("def f(): pass")
    '3c70e0681767dfd3'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def hash_fraction(name: str, identity: str) -> float:
    """A fraction in [0, 1) that depends on the two names alone.

    Sampling by it gives the same rows however the work is split into shards.
    """
    digest = hashlib.blake2b(
        f"{name}\0{identity}".encode("utf-8", "surrogatepass"), digest_size=8
    ).digest()
    return int.from_bytes(digest, "big") / 2**64


def make_schema(columns: Mapping[str, str]) -> pa.Schema:
    """The Arrow schema of a column dictionary such as DOCUMENT."""
    import pyarrow as pa

    return pa.schema([(name, pa.type_for_alias(kind)) for name, kind in columns.items()])


def make_table(
    rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str] = DOCUMENT
) -> pa.Table:
    """Rows as a table with exactly these columns.

    A missing `kept` becomes true, any other missing value the empty one of its type.
    """
    import pyarrow as pa

    empty: dict[str, Any] = {"string": "", "int32": 0, "bool": True}
    rows = list(rows)
    arrays = [
        pa.array([row.get(name, empty.get(kind)) for row in rows], type=pa.type_for_alias(kind))
        for name, kind in columns.items()
    ]
    return pa.Table.from_arrays(arrays, schema=make_schema(columns))


def verdict_columns(kept: Iterable[bool], reason: Iterable[str], **more: Any) -> pa.Table:
    """The verdicts of a RowFilter on its rows, in their order.

    Args:
        kept: whether each row is kept.
        reason: why each row was dropped; "" for a row that is kept.
        more: further columns by name, such as a score.
    """
    import pyarrow as pa

    columns = {"kept": pa.array(kept, pa.bool_()), "reason": pa.array(reason, pa.string())}
    return pa.table(
        columns
        | {
            name: values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values)
            for name, values in more.items()
        }
    )
