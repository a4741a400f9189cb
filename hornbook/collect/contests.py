"""DeepMind's code_contests to documents: a problem's description above a correct Python 3 solution.

In: its Parquet files (dm-code_contests' columns: name, description, solutions.language,
solutions.solution), a file or a folder. Out: up to `solutions` documents a problem, the shortest
first, because the shortest correct ones of hundreds are read most easily; the description stands in
a docstring. Licence: CC-BY-4.0, as its authors state. Not covered: the tests (they are for
verify/), Python 2 and other languages, incorrect solutions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import records
from hornbook.collect import columns
from hornbook.collect.documents import COLUMNS, Limits, Place, dropped, from_text
from hornbook.collect.listing import Slice, digest, listing
from hornbook.frame.stage import Desk, Price, Size, Stage
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

PYTHON3 = 3  # the data set's enum of languages: 1 is PYTHON (2), 2 CPP, 3 PYTHON3, 4 JAVA
WANTED = ("name", "description", "solutions")
LICENCE = "CC-BY-4.0"


@dataclass(frozen=True)
class CollectContests(Stage):
    """Problems of code_contests under `path`, each with at most `solutions` of its correct Python 3 solutions."""

    path: str
    solutions: int = 1
    most_bytes: int = 20_000
    mask: bool = False

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"content": digest(listing(self._root()))}

    def _root(self) -> Path:
        return Path(self.path).expanduser()

    def parts(self, desk: Desk) -> Sequence[str]:
        cut: list[Slice] = []
        for index, each in enumerate(listing(self._root())):
            if each.kind != "parquet":
                continue
            names = columns.open_parquet(each.path).schema_arrow.names
            if missing := [name for name in WANTED if name not in names]:
                raise UserError(
                    f"{each.path} is no file of code_contests: it has no column {', '.join(missing)}"
                )
            cut += columns.parquet_slices(each.path, index, desk.part_mb * 1e6)
        if not cut:
            raise UserError(f"{self._root()} holds no Parquet file of code_contests")
        return [each.part for each in cut]

    def work(self, desk: Desk, part: str) -> pa.Table:
        where = Slice.of(part)
        path = listing(self._root())[where.first].path
        groups = list(range(where.begin, where.end))
        batches = columns.open_parquet(path).iter_batches(
            64, row_groups=groups, columns=list(WANTED)
        )
        limits = Limits(0, self.most_bytes, mask=self.mask)
        rows = (
            row
            for batch in batches
            for problem in batch.to_pylist()
            for row in self._rows(problem, limits)
        )
        return records.table(rows, COLUMNS)

    def _rows(self, problem: dict[str, Any], limits: Limits) -> Iterator[dict[str, Any]]:
        place = Place("code_contests", str(problem["name"]), LICENCE)
        found = solutions(problem)[: self.solutions]
        if not found or not problem["description"]:
            yield dropped(
                str(problem["description"] or ""),
                place,
                "no Python 3 solution" if not found else "no text",
            )
        for code in found:
            yield from from_text(document(problem["description"], code), place, limits)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        size = sum(each.size for each in listing(self._root())) / 1e6
        return Price(Size(size * 20, size * 0.05), minutes=size / 20 / 60 / max(1, desk.workers))


def solutions(problem: Mapping[str, Any]) -> list[str]:
    """The correct Python 3 solutions, without repeats, the shortest first; lists of structs and structs of lists."""
    held = problem["solutions"] or {}
    pairs = (
        zip(held.get("language") or [], held.get("solution") or [], strict=False)
        if isinstance(held, Mapping)
        else ((each.get("language"), each.get("solution")) for each in held)
    )
    return sorted(
        {code for language, code in pairs if language == PYTHON3 and code},
        key=lambda c: (len(c), c),
    )


def document(description: str, code: str) -> str:
    """The description as the docstring of the program."""
    plain = description.strip().replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{plain}\n"""\n\n{code.strip()}\n'
