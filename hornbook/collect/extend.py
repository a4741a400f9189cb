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
from hornbook.collect.listing import FileSlice, detect_kind
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any]


@dataclass
class RowBatch:
    """Some rows, each with its text or None. `table` has the rows as stored, for Parquet."""

    texts: list[str | None]
    rows: list[Row]
    table: pa.Table | None = None


@dataclass
class ReadCounts:
    """What was read; `unreadable` holds the reason of each line that is not in the output."""

    rows: int = 0
    without_text: int = 0
    unreadable: list[str] = field(default_factory=list)


def read_batches(
    path: Path, text_column: str, counts: ReadCounts, batch_rows: int = 256
) -> Iterator[RowBatch]:
    """The file's rows. Raises UserError for another kind of file, or a missing text column."""
    kind = detect_kind(path.name) if path.is_file() else ""
    if kind not in ("jsonl", "parquet"):
        problem = "is none of the kinds that can be read" if path.exists() else "is not there"
        raise UserError(f"{path} {problem}: give a .jsonl, .jsonl.gz, .jsonl.zst or .parquet file")
    for batch in (
        _read_jsonl_batches(path, text_column, counts, batch_rows)
        if kind == "jsonl"
        else _read_parquet_batches(path, text_column, batch_rows)
    ):
        counts.rows += len(batch.texts)
        yield batch


def _read_jsonl_batches(
    path: Path, text_column: str, counts: ReadCounts, batch_rows: int
) -> Iterator[RowBatch]:
    if text_column:
        for row in jsonl.read_head(path)[:1]:
            columns.find_text_column(row, text_column, path)
    rows: list[Row] = []
    text_columns = (text_column,) if text_column else columns.TEXT_COLUMNS
    for line in jsonl.read_lines(path, FileSlice(0, 0, 0, path.stat().st_size)):
        if line.reason:
            counts.unreadable.append(line.reason)
            continue
        rows.append(line.values)
        if len(rows) == batch_rows:
            yield RowBatch([_find_text(row, text_columns) for row in rows], rows)
            rows = []
    if rows:
        yield RowBatch([_find_text(row, text_columns) for row in rows], rows)


def _find_text(row: Row, text_columns: Sequence[str]) -> str | None:
    return next((row[name] for name in text_columns if isinstance(row.get(name), str)), None)


def _read_parquet_batches(path: Path, text_column: str, batch_rows: int) -> Iterator[RowBatch]:
    import pyarrow as pa

    file = columns.open_parquet(path)
    names = file.schema_arrow.names
    column = text_column or next((name for name in columns.TEXT_COLUMNS if name in names), "")
    if text_column:
        columns.find_text_column(names, text_column, path)
    for batch in file.iter_batches(batch_rows):
        table = pa.Table.from_batches([batch])
        cells = (
            columns.decode_cells(batch.column(names.index(column)))
            if column
            else [None] * len(table)
        )
        texts = [cell if isinstance(cell, str) else None for cell in cells]
        rows = _convert_to_rows(table.drop_columns([column]) if column else table)
        yield RowBatch(
            texts,
            [{column: cell} | row for cell, row in zip(texts, rows, strict=True)]
            if column
            else rows,
            table,
        )


def _convert_to_rows(table: pa.Table) -> list[Row]:
    """Rows as dictionaries, without columns whose strings are no UTF-8 (the table keeps them)."""
    values_by_name: dict[str, list[Any]] = {}
    for name in table.column_names:
        with contextlib.suppress(UnicodeDecodeError):
            values_by_name[name] = table[name].to_pylist()
    return [
        {name: values[row_index] for name, values in values_by_name.items()}
        for row_index in range(len(table))
    ]


WriteBatch = Callable[[RowBatch, str, Sequence[float | None]], None]


@contextlib.contextmanager
def open_batch_writer(source: Path, target: Path | None) -> Iterator[WriteBatch]:
    """A function that writes a batch with one more column, atomically to `target`, or to stdout.

    A Parquet target takes a Parquet source, whose columns keep their types; jsonl takes both.
    """
    if target is None:
        yield lambda batch, name, values: _write_jsonl_rows(sys.stdout.write, batch, name, values)
    elif target.suffix == ".parquet":
        if detect_kind(source.name) != "parquet":
            raise UserError(
                f"--out {target}: rows of jsonl have no fixed columns; name a .jsonl file"
            )
        with (
            store.atomic_write(target) as temporary,
            contextlib.closing(_ParquetBatchWriter(temporary)) as parquet_writer,
        ):
            yield parquet_writer.write_batch
    else:
        with store.atomic_write(target) as temporary, temporary.open("w", encoding="utf-8") as file:
            yield lambda batch, name, values: _write_jsonl_rows(file.write, batch, name, values)


def _write_jsonl_rows(
    write: Callable[[str], Any], batch: RowBatch, name: str, values: Sequence[float | None]
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


class _ParquetBatchWriter:
    """A Parquet file with the source's columns and one more, with the first batch's schema."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: Any = None

    def write_batch(self, batch: RowBatch, name: str, values: Sequence[float | None]) -> None:
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
