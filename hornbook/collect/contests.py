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
from hornbook.collect.documents import (
    DOCUMENT_COLUMNS,
    CollectLimits,
    Provenance,
    make_dropped_row,
    make_rows_from_text,
)
from hornbook.collect.listing import FileSlice, digest_files, list_files
from hornbook.frame.stage import Price, RunContext, Size, Stage
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

PYTHON3 = 3  # the data set's enum of languages: 1 is PYTHON (2), 2 CPP, 3 PYTHON3, 4 JAVA
REQUIRED_COLUMNS = ("name", "description", "solutions")
LICENCE = "CC-BY-4.0"


@dataclass(frozen=True)
class CollectContests(Stage):
    """Problems of code_contests, each with up to `solutions` correct Python 3 solutions."""

    path: str
    max_solutions: int = 1
    max_bytes: int = 20_000
    mask: bool = False

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {"content": digest_files(list_files(self._root_path()))}

    def _root_path(self) -> Path:
        return Path(self.path).expanduser()

    def shards(self, ctx: RunContext) -> Sequence[str]:
        slices: list[FileSlice] = []
        for file_index, file in enumerate(list_files(self._root_path())):
            if file.kind != "parquet":
                continue
            names = columns.open_parquet(file.path).schema_arrow.names
            if missing := [name for name in REQUIRED_COLUMNS if name not in names]:
                raise UserError(
                    f"{file.path} is no file of code_contests: it has no column "
                    f"{', '.join(missing)}"
                )
            slices += columns.slice_parquet(file.path, file_index, ctx.shard_mb * 1e6)
        if not slices:
            raise UserError(f"{self._root_path()} holds no Parquet file of code_contests")
        return [file_slice.shard_name for file_slice in slices]

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        file_slice = FileSlice.from_shard_name(part)
        path = list_files(self._root_path())[file_slice.first].path
        groups = list(range(file_slice.begin, file_slice.end))
        batches = columns.open_parquet(path).iter_batches(
            64, row_groups=groups, columns=list(REQUIRED_COLUMNS)
        )
        limits = CollectLimits(0, self.max_bytes, mask=self.mask)
        rows: list[dict[str, Any]] = []
        for batch in batches:
            for problem in batch.to_pylist():
                rows += self._make_rows(problem, limits)
        return records.make_table(rows, DOCUMENT_COLUMNS)

    def _make_rows(
        self, problem: dict[str, Any], limits: CollectLimits
    ) -> Iterator[dict[str, Any]]:
        provenance = Provenance("code_contests", str(problem["name"]), LICENCE)
        programs = select_solutions(problem)[: self.max_solutions]
        if not programs or not problem["description"]:
            yield make_dropped_row(
                str(problem["description"] or ""),
                provenance,
                "no Python 3 solution" if not programs else "no text",
            )
        for program in programs:
            yield from make_rows_from_text(
                format_document(problem["description"], program), provenance, limits
            )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        megabytes = sum(file.size for file in list_files(self._root_path())) / 1e6
        return Price(
            Size(megabytes * 20, megabytes * 0.05),
            minutes=megabytes / 20 / 60 / max(1, ctx.workers),
        )


def select_solutions(problem: Mapping[str, Any]) -> list[str]:
    """The distinct correct Python 3 solutions, shortest first; both ways of nesting are read."""
    solutions = problem["solutions"] or {}
    pairs = (
        zip(solutions.get("language") or [], solutions.get("solution") or [], strict=False)
        if isinstance(solutions, Mapping)
        else ((item.get("language"), item.get("solution")) for item in solutions)
    )
    return sorted(
        {code for language, code in pairs if language == PYTHON3 and code},
        key=lambda c: (len(c), c),
    )


def format_document(description: str, code: str) -> str:
    """The description as the docstring of the program."""
    docstring = description.strip().replace("\\", "\\\\").replace('"""', "'''")
    return f'"""{docstring}\n"""\n\n{code.strip()}\n'
