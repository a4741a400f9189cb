"""Records from disk: a source tree, jsonl (plain, .gz, .zst) or Parquet, a file or a folder.

In: a path. Out: parts of about desk.part_mb, the same records however they are split; what cannot
be read is a dropped record with its reason. Only what makes the whole input senseless (no such
path, a Parquet file cut in half, no column with text) is a UserError, raised before any part is
begun.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import records
from hornbook.collect import columns, jsonl
from hornbook.collect.checkout import find_checkout
from hornbook.collect.documents import (
    DOCUMENT_COLUMNS,
    CollectLimits,
    Provenance,
    make_dropped_row,
    make_rows_from_bytes,
    make_rows_from_text,
)
from hornbook.collect.listing import (
    FileSlice,
    InputFile,
    digest_files,
    group_python_files,
    list_files,
)
from hornbook.frame.stage import Price, RunContext, Size, Stage

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class CollectFiles(Stage):
    """Documents under `path`. A data set's text column is `column`, else content, text or code."""

    path: str
    column: str = ""
    piece_lines: int = 70  # 0 keeps documents whole
    max_bytes: int = 1_000_000
    licences: tuple[str, ...] = ()
    mask: bool = False  # secrets and e-mail addresses, by the extra `secrets`
    expected: Size = field(
        default=Size(), metadata={"identity": False}
    )  # what `plan` counts with, until it is there

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {"content": digest_files(list_files(self._root_path()))}

    def shards(self, ctx: RunContext) -> Sequence[str]:
        files, shard_bytes = list_files(self._root_path()), ctx.shard_mb * 1e6
        slices: list[FileSlice] = []
        for file_slice in group_python_files(files, shard_bytes):
            slices += self._split_data_file(files[file_slice.first], file_slice, shard_bytes)
        return [file_slice.shard_name for file_slice in slices]

    def _split_data_file(
        self, file: InputFile, file_slice: FileSlice, shard_bytes: float
    ) -> Sequence[FileSlice]:
        """A run of Python files stays; a data file is looked at, and cut where it is large."""
        if file.kind == "python" or file.reason:
            return [file_slice]
        if file.kind == "parquet":
            columns.find_text_column(
                columns.open_parquet(file.path).schema_arrow.names, self.column, file.path
            )
            return list(columns.slice_parquet(file.path, file_slice.first, shard_bytes))
        for row in jsonl.read_head(file.path)[:1]:
            columns.find_text_column(row, self.column, file.path)
        return list(jsonl.slice_jsonl(file.path, file_slice.first, shard_bytes))

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        file_slice = FileSlice.from_shard_name(part)
        files = list_files(self._root_path())[file_slice.first : file_slice.last + 1]
        rows = itertools.chain.from_iterable(self._make_rows(file, file_slice) for file in files)
        return records.make_table(rows, DOCUMENT_COLUMNS)

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        size = self._estimate_size() if self._root_path().exists() else self.expected
        minutes = (
            size.megabytes / 5 / 60 / max(1, ctx.workers)
        )  # 5 MB/s a core: parsed, cut and hashed
        return Price(size, minutes=minutes, peak_mb=300 + 8 * ctx.shard_mb)

    def _estimate_size(self) -> Size:
        sizes = [
            file.size * (1 if file.path.suffix in (".py", ".jsonl") else 4)
            for file in list_files(self._root_path())
        ]
        megabytes = sum(sizes) / 1e6
        return Size(megabytes * 400, megabytes)

    def _root_path(self) -> Path:
        return Path(self.path).expanduser()

    def _make_rows(self, file: InputFile, file_slice: FileSlice) -> Iterator[dict[str, Any]]:
        limits = CollectLimits(self.piece_lines, self.max_bytes, self.licences, self.mask)
        provenance = self._find_provenance(file)
        if file.reason:
            yield make_dropped_row("", provenance, file.reason)
        elif file.kind == "python":
            yield from _read_python_file(file, provenance, limits)
        else:
            yield from read_data_file(file, file_slice, self.column, limits)

    def _find_provenance(self, file: InputFile) -> Provenance:
        """A Python file's origin is the checkout that it stands in, or the tree."""
        if file.kind != "python":
            return Provenance(f"files:{self._root_path().name}", file.name)
        checkout = find_checkout(file.path, self._root_path())
        return Provenance(
            checkout.origin or f"files:{self._root_path().name}", file.name, checkout.licence
        )


def read_data_file(
    file: InputFile, file_slice: FileSlice, text_column: str, limits: CollectLimits
) -> Iterator[dict[str, Any]]:
    """The rows of a range of a jsonl or Parquet file."""
    yield from (_read_jsonl_file if file.kind == "jsonl" else _read_parquet_file)(
        file, file_slice, text_column, limits
    )


def _read_python_file(
    file: InputFile, provenance: Provenance, limits: CollectLimits
) -> Iterator[dict[str, Any]]:
    try:
        with file.path.open("rb") as stream:
            data = stream.read(limits.max_bytes + 1)
    except OSError as error:
        yield make_dropped_row("", provenance, f"unreadable: {error.strerror}")
        return
    yield from make_rows_from_bytes(data, provenance, limits)


def _read_jsonl_file(
    file: InputFile, file_slice: FileSlice, text_column: str, limits: CollectLimits
) -> Iterator[dict[str, Any]]:
    text_columns = (text_column,) if text_column else columns.TEXT_COLUMNS
    for line in jsonl.read_lines(file.path, file_slice):
        provenance = columns.read_provenance(
            line.values, file.name, f"{file.name}:{line.line_number}"
        )
        text = next(
            (line.values[name] for name in text_columns if isinstance(line.values.get(name), str)),
            None,
        )
        if line.reason:
            yield make_dropped_row("", provenance, line.reason)
        elif text is None:
            yield make_dropped_row(
                "",
                provenance,
                f"no text: line {line.line_number} has {', '.join(line.values) or 'no fields'}",
            )
        else:
            yield from make_rows_from_text(text, provenance, limits)


def _read_parquet_file(
    file: InputFile, file_slice: FileSlice, text_column: str, limits: CollectLimits
) -> Iterator[dict[str, Any]]:
    column = columns.find_text_column(
        columns.open_parquet(file.path).schema_arrow.names, text_column, file.path
    )
    for row_number, cell, values in columns.read_parquet_rows(file.path, file_slice, column):
        provenance = columns.read_provenance(values, file.name, f"{file.name}:{row_number}")
        if isinstance(cell, bytes):
            yield from make_rows_from_bytes(cell, provenance, limits)
        elif isinstance(cell, str):
            yield from make_rows_from_text(cell, provenance, limits)
        else:
            yield make_dropped_row("", provenance, f"no text: row {row_number}")
