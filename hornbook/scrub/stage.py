"""The stage that keeps the exam unseen: records that overlap with an exam's problems are dropped, each with its reason.

In: kept documents or exercises, and exams. Out: marks; reasons are "13-gram overlap: HumanEval/12", "syntax tree
match: HumanEval/3 at 0.97" and "embedding distance: HumanEval/7 at 0.11"; and columns that say how near every row came:
ngram_hit (the problem whose words it shares, or ""), syntax_match (the highest match rate, 0 below 0.8) with
nearest_exam (its problem), tree (parsed, repaired or unreadable), and, by option, embedding_distance, embedding_exam.
A copy is called one even if nothing came of it: records are compared as they are, not as a model would use them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import benchmarks, records
from hornbook.embedder import Embedder
from hornbook.scrub import detect, idioms, ngram, syntax
from hornbook.scrub.exams import problems
from hornbook.scrub.idioms import Idioms
from hornbook.stage import Desk, Marking, Price, Runs, Size, Stage

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Scrub(Marking):
    """Drop what overlaps with `exams`: names for benchmarks.load, or stages of exercises. None switches a detector off.

    `shared`: a run of words that more problems than this have is an idiom and no evidence (0: every run counts).
    `smallest`: trees of fewer nodes, block ends counted, are not compared: `return len(s)` is in half of all files. At
    15, as many of HumanEval's 164 problems are left to the other detectors (benchmarks/scrub.py counts what that gains
    and costs); the paper, which scrubbed exercises only, states no such limit (0).
    """

    exams: tuple[str | Stage, ...] = ("humaneval",)
    ngram: int | None = ngram.N
    syntax: float | None = 0.95
    embedding: float | None = None  # the greatest distance that is too near
    how: Embedder = Embedder()
    shared: int = 0
    smallest: int = 15
    idioms: Idioms | None = None  # runs of words that it found often are no evidence

    version: ClassVar[int] = 2

    @property
    def runs(self) -> Runs:  # type: ignore[override]
        """With embeddings a model's weights stay in one process; without, every core reads for itself."""
        return "core" if self.embedding is None else "machine"

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"exams": {exam: benchmarks.source(exam) for exam in self.exams if isinstance(exam, str)}}

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        megabytes = inputs[0].megabytes
        minutes = 0.2 + (megabytes / syntax.MB_S / 60 / max(1, desk.workers) if self.syntax is not None else 0)
        if self.embedding is None:
            return Price(inputs[0], minutes=minutes)
        # 7,000 tokens a second on 2 cores (benchmarks/embed.py), 3.6 bytes a token.
        tokens = min(megabytes * 1e6 / 3.6, inputs[0].documents * self.how.tokens)
        return Price(inputs[0], tokens=tokens, minutes=minutes + 0.5 + tokens / 7000 / 60, peak_mb=1600)

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        exam, texts = problems(desk, self.exams), rows["text"].to_pylist()
        nothing = [""] * len(rows)
        hits, names, rates, states = nothing, nothing, [0.0] * len(rows), nothing
        if self.ngram is not None:
            hits = detect.by_words(exam, rows["text"], self.ngram, self.shared, idioms.read(desk, self.idioms))
        if self.syntax is not None:
            names, rates, states = detect.by_trees(exam, texts, self.smallest, min(self.syntax, syntax.FLOOR))
        more = {"ngram_hit": pa.array(hits, pa.string()), "nearest_exam": pa.array(names, pa.string()),
                "syntax_match": pa.array(rates, pa.float32()), "tree": pa.array(states, pa.string())}  # fmt: skip
        near, far = names, [math.inf] * len(rows)
        if self.embedding is not None:
            near, far = detect.by_vectors(exam, texts, self.how, str(desk.options.get("device", "cpu")))
            more |= {"embedding_exam": pa.array(near, pa.string()), "embedding_distance": pa.array(far, pa.float32())}
        reasons = [self._reason(*each) for each in zip(hits, names, rates, near, far, strict=True)]
        return records.marks([not reason for reason in reasons], reasons, **more)

    def _reason(self, hit: str, name: str, rate: float, near: str, far: float) -> str:
        """Why a row is dropped; a rate is a 32-bit number, in which 0.95 is a little less than 0.95."""
        if hit:
            return f"{self.ngram}-gram overlap: {hit}"
        if self.syntax is not None and rate >= self.syntax - 1e-6:
            return f"syntax tree match: {name} at {rate:.2f}"
        if self.embedding is not None and far <= self.embedding:
            return f"embedding distance: {near} at {far:.2f}"
        return ""
