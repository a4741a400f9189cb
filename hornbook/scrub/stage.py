"""The stage that keeps the exam unseen: records that overlap with an exam's problems are dropped, each with its reason.

In: kept documents or exercises, and exams. Out: marks; reasons are "13-gram overlap: HumanEval/12", "syntax tree
match: HumanEval/3 at 0.97" and "embedding distance: HumanEval/7 at 0.11"; and columns that say how near every row came:
ngram_hit (the problem whose words it shares, or ""), syntax_match (the highest match rate, 0 below 0.8) with
nearest_exam (its problem), and, if asked for, embedding_distance with embedding_exam.
A copy is called one even if nothing came of it: records are compared as they are, not as a model would use them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook import benchmarks, records
from hornbook.embedder import Embedder, embed
from hornbook.scrub import nearest, ngram, syntax
from hornbook.scrub.exams import problems
from hornbook.stage import Desk, Marking, Price, Runs, Size, Stage

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.benchmarks import Problem


@dataclass(frozen=True)
class Scrub(Marking):
    """Drop what overlaps with `exams`: names for benchmarks.load, or stages of exercises. None switches a detector off.

    `shared`: a run of words that more problems than this have is an idiom and no evidence (0: every run counts).
    `smallest`: trees of fewer nodes are not compared, for `return len(s)` is in half of all files; the paper, which
    scrubbed exercises only, has no such limit (0).
    """

    exams: tuple[str | Stage, ...] = ("humaneval",)
    ngram: int | None = ngram.N
    syntax: float | None = 0.95
    embedding: float | None = None  # the greatest distance that is too near
    how: Embedder = Embedder()
    shared: int = 0
    smallest: int = 15

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
        exam = problems(desk, self.exams)
        reasons = [""] * len(rows)
        more: dict[str, Any] = {}
        detectors = (self._by_words(exam, rows), self._by_trees(exam, rows), self._by_vectors(desk, exam, rows))
        for columns, why in detectors:
            more |= columns
            reasons = [first or second for first, second in zip(reasons, why or reasons, strict=True)]
        return records.marks([not reason for reason in reasons], reasons, **more)

    def _by_words(self, exam: Sequence[Problem], rows: pa.Table) -> tuple[dict[str, Any], list[str]]:
        import pyarrow as pa

        if self.ngram is None:
            return {"ngram_hit": pa.array([""] * len(rows), pa.string())}, []
        runs = ngram.index([(problem.text, problem.solution) for problem in exam], self.ngram, self.shared)
        found = ngram.closest(runs, ngram.find(runs, rows["text"]), len(rows))
        hit = [exam[at].task_id if at >= 0 else "" for at in found]
        return {"ngram_hit": pa.array(hit, pa.string())}, [f"{self.ngram}-gram overlap: {h}" if h else "" for h in hit]

    def _by_trees(self, exam: Sequence[Problem], rows: pa.Table) -> tuple[dict[str, Any], list[str]]:
        import numpy as np
        import pyarrow as pa

        best, rate = np.full(len(rows), -1), np.zeros(len(rows), np.float32)
        if self.syntax is not None:
            units = [syntax.unit(problem.solution, problem.entry_point) for problem in exam]
            units = [unit if len(unit) >= self.smallest else "" for unit in units]
            texts = [syntax.trees(text) for text in rows["text"].to_pylist()]
            best, rate = syntax.nearest(units, texts, min(self.syntax, syntax.FLOOR))
        names = [exam[at].task_id if at >= 0 else "" for at in best.tolist()]
        least = np.float32(2 if self.syntax is None else self.syntax)
        why = [f"syntax tree match: {name} at {value:.2f}" if value >= least else ""
               for name, value in zip(names, rate, strict=True)]  # fmt: skip
        return {"nearest_exam": pa.array(names, pa.string()), "syntax_match": pa.array(rate)}, why

    def _by_vectors(self, desk: Desk, exam: Sequence[Problem], rows: pa.Table) -> tuple[dict[str, Any], list[str]]:
        import pyarrow as pa

        if self.embedding is None:
            return {}, []
        device, texts = str(desk.options.get("device", "cpu")), rows["text"].to_pylist()
        known = embed([problem.solution for problem in exam], self.how, device)
        desk.reporter.begin(self.name, len(texts), "texts")
        vectors = embed(texts, self.how, device, desk.reporter.advance).reshape(len(texts), -1)
        where, distance = nearest.nearest(known, vectors) if texts else ([], [])
        names, far = [exam[at[0]].task_id for at in where], [each[0] for each in distance]
        why = [f"embedding distance: {name} at {d:.2f}" if d <= self.embedding else ""
               for name, d in zip(names, far, strict=True)]  # fmt: skip
        columns = {"embedding_exam": pa.array(names, pa.string()), "embedding_distance": pa.array(far, pa.float32())}
        return columns, why
