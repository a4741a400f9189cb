"""Rows of anybody's jsonl or Parquet, batch by batch, to be written back with one more column.

In: a file. Out: batches of rows with their texts, and a writer for jsonl (a file or a stream) or
Parquet. No row is cut, refused or reordered; a line that is no JSON object is counted with its
number and left out, a row without a text stays, with null in the new column. Unlike CollectFiles,
this keeps every field that a row came with.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.collect import columns, jsonl
from hornbook.collect.listing import Slice, kind_of
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


@dataclass
class Batch:
    """Some rows, each with its text or None; `table` is the rows as they were stored, where they were Parquet."""

    texts: list[str | None]
    rows: list[Row]
    table: pa.Table | None = None


@dataclass
class Counts:
    """What was read; `unreadable` holds the reason of each line that is not in the output."""

    rows: int = 0
    without_text: int = 0
    unreadable: list[str] = field(default_factory=list)


def batches(path: Path, asked: str, counts: Counts, rows: int = 256) -> Iterator[Batch]:
    """The file's rows. UserError for a file of another kind, or without the text column that was asked for."""
    kind = kind_of(path.name) if path.is_file() else ""
    if kind not in ("jsonl", "parquet"):
        state = "is none of the kinds that can be read" if path.exists() else "is not there"
        raise UserError(f"{path} {state}: give a .jsonl, .jsonl.gz, .jsonl.zst or .parquet file")
    for batch in (
        _lines(path, asked, counts, rows) if kind == "jsonl" else _tables(path, asked, rows)
    ):
        counts.rows += len(batch.texts)
        yield batch


def _lines(path: Path, asked: str, counts: Counts, most: int) -> Iterator[Batch]:
    if asked:
        for values in jsonl.head(path)[:1]:
            columns.text_column(values, asked, path)
    held: list[Row] = []
    wanted = (asked,) if asked else columns.TEXT
    for line in jsonl.read(path, Slice(0, 0, 0, path.stat().st_size)):
        if line.reason:
            counts.unreadable.append(line.reason)
            continue
        held.append(line.values)
        if len(held) == most:
            yield Batch([_text(row, wanted) for row in held], held)
            held = []
    if held:
        yield Batch([_text(row, wanted) for row in held], held)


def _text(row: Row, wanted: Sequence[str]) -> str | None:
    return next((row[name] for name in wanted if isinstance(row.get(name), str)), None)


def _tables(path: Path, asked: str, most: int) -> Iterator[Batch]:
    import pyarrow as pa

    file = columns.open_parquet(path)
    names = file.schema_arrow.names
    text = asked or next((name for name in columns.TEXT if name in names), "")
    if asked:
        columns.text_column(names, asked, path)
    for batch in file.iter_batches(most):
        table = pa.Table.from_batches([batch])
        cells = columns.cells(batch.column(names.index(text))) if text else [None] * len(table)
        texts = [cell if isinstance(cell, str) else None for cell in cells]
        rows = _readable(table.drop_columns([text]) if text else table)
        yield Batch(
            texts,
            [{text: cell} | row for cell, row in zip(texts, rows, strict=True)] if text else rows,
            table,
        )


def _readable(table: pa.Table) -> list[Row]:
    """Rows as dictionaries; a column whose strings are no UTF-8 is left out of them (the table itself keeps it)."""
    found: dict[str, list[Any]] = {}
    for name in table.column_names:
        with contextlib.suppress(UnicodeDecodeError):
            found[name] = table[name].to_pylist()
    return [{name: values[at] for name, values in found.items()} for at in range(len(table))]


Write = Callable[[Batch, str, Sequence[float | None]], None]


@contextlib.contextmanager
def writer(source: Path, target: Path | None) -> Iterator[Write]:
    """A function that writes a batch with one more column of numbers, to `target` (whole or not at all) or stdout.

    A Parquet target takes a Parquet source, whose columns keep their types; jsonl takes both.
    """
    if target is None:
        yield lambda batch, name, values: _write_lines(sys.stdout.write, batch, name, values)
    elif target.suffix == ".parquet":
        if kind_of(source.name) != "parquet":
            raise UserError(
                f"--out {target}: rows of jsonl have no fixed columns; name a .jsonl file"
            )
        with store.whole(target) as temporary, contextlib.closing(_Parquet(temporary)) as parquet:
            yield parquet.write
    else:
        with store.whole(target) as temporary, temporary.open("w", encoding="utf-8") as file:
            yield lambda batch, name, values: _write_lines(file.write, batch, name, values)


def _write_lines(
    write: Callable[[str], Any], batch: Batch, name: str, values: Sequence[float | None]
) -> None:
    for row, value in zip(batch.rows, values, strict=True):
        row = {**row, name: value}
        line = json.dumps(row, ensure_ascii=False, default=str)
        try:
            line.encode("utf-8")
        except (
            UnicodeEncodeError
        ):  # a lone surrogate, which JSON can hold and UTF-8 cannot: written as it came
            line = json.dumps(row, default=str)
        write(line + "\n")


class _Parquet:
    """A Parquet file with the source's columns and one more; its schema is that of the first batch."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def write(self, batch: Batch, name: str, values: Sequence[float | None]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        assert batch.table is not None
        table = batch.table.append_column(name, pa.array(values, pa.float64()))
        if self._file is None:
            self._file = pq.ParquetWriter(self._path, table.schema, compression="zstd")
        self._file.write_table(table)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
        elif not self._path.exists():
            raise UserError("there are no rows to write: the Parquet file is empty")
