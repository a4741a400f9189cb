"""Runs of words that are everybody's: a rule against false alarms, by option.

In: data and exams. Out: `idioms.json`: runs of the exams' code that more than `often` documents of
the data have, with their numbers; Scrub(idioms=...) takes them for no evidence. Runs of a problem's
docstring always stay evidence, for a problem that is copied many times over would otherwise excuse
itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import exams, store
from hornbook.frame.stage import Desk, Form, Price, Size, Stage, Whole
from hornbook.scrub import ngram
from hornbook.scrub.exam_index import problems

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem


@dataclass(frozen=True)
class Idioms(Whole):
    """Count in how many documents of `data` each run of `ngram` words of the exams' code is found."""

    data: Stage
    exams: tuple[str | Stage, ...] = ("humaneval",)
    ngram: int = ngram.N
    often: int = 10

    version: ClassVar[int] = 2
    form: ClassVar[Form] = "files"

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"exams": {exam: exams.source(exam) for exam in self.exams if isinstance(exam, str)}}

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.2 + inputs[0].megabytes / 200 / 60)  # 300 MB/s, and reading

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        found = frequent(
            problems(desk, self.exams), desk.kept(self.data, ["text"]), self.ngram, self.often
        )
        store.write_json(desk.folder(self) / "idioms.json", found)
        yield from ()


def frequent(
    exam: Sequence[Problem], tables: Iterable[pa.Table], n: int, often: int
) -> dict[str, int]:
    """Runs of the exam's code that more than `often` texts have, and how many have them."""
    import numpy as np

    runs = ngram.index([[problem.solution] for problem in exam], n)
    counts = np.zeros(len(runs.spelled), np.int64)
    for rows in tables:
        counts += np.bincount(ngram.find(runs, rows["text"])[:, 1], minlength=len(counts))
    prose = set().union(*(ngram.runs_of(problem.text, n) for problem in exam))
    often_found = [
        (run, number)
        for run, number in zip(runs.spelled, counts.tolist(), strict=True)
        if number > often
    ]
    return {
        run.decode("utf-8", "replace"): number for run, number in often_found if run not in prose
    }


def read(desk: Desk, stage: Stage | None) -> frozenset[bytes]:
    """The idioms that a finished stage found; none where there is no stage."""
    if stage is None:
        return frozenset()
    return frozenset(run.encode() for run in store.read_json(desk.folder(stage) / "idioms.json"))
