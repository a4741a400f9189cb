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
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.scrub import ngram
from hornbook.scrub.exam_index import load_problems

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem


@dataclass(frozen=True)
class Idioms(FileStage):
    """Count the documents of `data` that have each n-gram of the exams' code."""

    data: Stage
    exams: tuple[str | Stage, ...] = ("humaneval",)
    ngram: int = ngram.NGRAM_SIZE
    max_documents: int = 10

    version: ClassVar[int] = 2

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {
            "exams": {
                exam: exams.describe_source(exam) for exam in self.exams if isinstance(exam, str)
            }
        }

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.2 + inputs[0].megabytes / 200 / 60)  # 300 MB/s, and reading

    def write_files(self, ctx: RunContext) -> None:
        counts = count_common_ngrams(
            load_problems(ctx, self.exams),
            ctx.run.read_kept_rows(self.data, ["text"]),
            self.ngram,
            self.max_documents,
        )
        store.write_json(ctx.run.stage_folder(self) / "idioms.json", counts)


def count_common_ngrams(
    problems: Sequence[Problem], tables: Iterable[pa.Table], n: int, max_documents: int
) -> dict[str, int]:
    """Runs of the exam's code that more than `often` texts have, and how many have them."""
    import numpy as np

    index = ngram.build_index([[problem.solution] for problem in problems], n)
    counts = np.zeros(len(index.ngrams), np.int64)
    for table in tables:
        counts += np.bincount(ngram.find_ngrams(index, table["text"])[:, 1], minlength=len(counts))
    docstring_ngrams = set().union(*(ngram.extract_ngrams(problem.text, n) for problem in problems))
    common = [
        (ngram_bytes, count)
        for ngram_bytes, count in zip(index.ngrams, counts.tolist(), strict=True)
        if count > max_documents
    ]
    return {
        ngram_bytes.decode("utf-8", "replace"): count
        for ngram_bytes, count in common
        if ngram_bytes not in docstring_ngrams
    }


def read_common_ngrams(ctx: RunContext, stage: Stage | None) -> frozenset[bytes]:
    """The idioms that a finished stage found; none where there is no stage."""
    if stage is None:
        return frozenset()
    return frozenset(
        text.encode() for text in store.read_json(ctx.run.stage_folder(stage) / "idioms.json")
    )
