"""What already lies on disk to records: a source tree, jsonl (plain, .gz, .zst), Parquet, alone or in a folder.

In: a path. Out: parts of about desk.part_mb, the same records however they are split; what cannot
be read is a dropped record with its reason. Only what makes the whole input senseless (no such
path, a Parquet file cut in half, no column with text) is a UserError, raised before any part is
begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import records
from hornbook.collect import columns, jsonl
from hornbook.collect.checkout import checkout_of
from hornbook.collect.documents import COLUMNS, Limits, Place, dropped, from_bytes, from_text
from hornbook.collect.listing import Found, Slice, digest, listing, python_runs
from hornbook.frame.stage import Desk, Price, Size, Stage

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class CollectFiles(Stage):
    """Documents under `path`. A data set's text column is `column`, else content, text or code."""

    path: str
    column: str = ""
    piece_lines: int = 70  # 0 keeps documents whole
    most_bytes: int = 1_000_000
    licences: tuple[str, ...] = ()
    mask: bool = False  # secrets and e-mail addresses, by the extra `secrets`
    expected: Size = field(
        default=Size(), metadata={"identity": False}
    )  # what `plan` counts with, until it is there

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"content": digest(listing(self._root()))}

    def parts(self, desk: Desk) -> Sequence[str]:
        found, part_bytes = listing(self._root()), desk.part_mb * 1e6
        cut: list[Slice] = []
        for run in python_runs(found, part_bytes):
            cut += self._cut(found[run.first], run, part_bytes)
        return [each.part for each in cut]

    def _cut(self, first: Found, run: Slice, part_bytes: float) -> Sequence[Slice]:
        """A run of Python files stays; a data file is looked at, and cut where it is large."""
        if first.kind == "python" or first.reason:
            return [run]
        if first.kind == "parquet":
            columns.text_column(
                columns.open_parquet(first.path).schema_arrow.names, self.column, first.path
            )
            return list(columns.parquet_slices(first.path, run.first, part_bytes))
        for values in jsonl.head(first.path)[:1]:
            columns.text_column(values, self.column, first.path)
        return list(jsonl.slices(first.path, run.first, part_bytes))

    def work(self, desk: Desk, part: str) -> pa.Table:
        where = Slice.of(part)
        run = listing(self._root())[where.first : where.last + 1]
        return records.table((row for each in run for row in self._rows(each, where)), COLUMNS)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        size = self._size() if self._root().exists() else self.expected
        minutes = (
            size.megabytes / 5 / 60 / max(1, desk.workers)
        )  # 5 MB/s a core: parsed, cut and hashed
        return Price(size, minutes=minutes, peak_mb=300 + 8 * desk.part_mb)

    def _size(self) -> Size:
        sizes = [
            each.size * (1 if each.path.suffix in (".py", ".jsonl") else 4)
            for each in listing(self._root())
        ]
        megabytes = sum(sizes) / 1e6
        return Size(megabytes * 400, megabytes)

    def _root(self) -> Path:
        return Path(self.path).expanduser()

    def _rows(self, file: Found, where: Slice) -> Iterator[dict[str, Any]]:
        limits = Limits(self.piece_lines, self.most_bytes, self.licences, self.mask)
        place = self._place(file)
        if file.reason:
            yield dropped("", place, file.reason)
        elif file.kind == "python":
            yield from _python(file, place, limits)
        else:
            yield from rows_of_file(file, where, self.column, limits)

    def _place(self, file: Found) -> Place:
        """A Python file's origin is the checkout that it stands in, or the tree."""
        if file.kind != "python":
            return Place(f"files:{self._root().name}", file.name)
        around = checkout_of(file.path, self._root())
        return Place(around.origin or f"files:{self._root().name}", file.name, around.licence)


def rows_of_file(file: Found, where: Slice, asked: str, limits: Limits) -> Iterator[dict[str, Any]]:
    """The rows of a range of a jsonl or Parquet file."""
    yield from (_jsonl if file.kind == "jsonl" else _parquet)(file, where, asked, limits)


def _python(file: Found, place: Place, limits: Limits) -> Iterator[dict[str, Any]]:
    try:
        with file.path.open("rb") as opened:
            data = opened.read(limits.most_bytes + 1)
    except OSError as error:
        yield dropped("", place, f"unreadable: {error.strerror}")
        return
    yield from from_bytes(data, place, limits)


def _jsonl(file: Found, where: Slice, asked: str, limits: Limits) -> Iterator[dict[str, Any]]:
    wanted = (asked,) if asked else columns.TEXT
    for line in jsonl.read(file.path, where):
        place = columns.place(line.values, file.name, f"{file.name}:{line.number}")
        text = next(
            (line.values[name] for name in wanted if isinstance(line.values.get(name), str)), None
        )
        if line.reason:
            yield dropped("", place, line.reason)
        elif text is None:
            yield dropped(
                "",
                place,
                f"no text: line {line.number} has {', '.join(line.values) or 'no fields'}",
            )
        else:
            yield from from_text(text, place, limits)


def _parquet(file: Found, where: Slice, asked: str, limits: Limits) -> Iterator[dict[str, Any]]:
    column = columns.text_column(
        columns.open_parquet(file.path).schema_arrow.names, asked, file.path
    )
    for number, cell, values in columns.parquet_rows(file.path, where, column):
        place = columns.place(values, file.name, f"{file.name}:{number}")
        if isinstance(cell, bytes):
            yield from from_bytes(cell, place, limits)
        elif isinstance(cell, str):
            yield from from_text(cell, place, limits)
        else:
            yield dropped("", place, f"no text: row {number}")
