"""The stage that keeps the exam unseen: records that overlap with an exam's problems are dropped, each with its reason.

In: kept documents or exercises, and exams. Out: marks; reasons are "13-gram overlap: HumanEval/12",
"syntax tree match: HumanEval/3 at 0.97", "embedding distance: HumanEval/7 at 0.11", "judged a
paraphrase: HumanEval/5" and "decided a copy: HumanEval/9"; and columns that say how near every row
came: ngram_hit (the problem whose words it shares, or ""), syntax_match (the highest match rate, 0
below 0.8) with nearest_exam (its problem), tree (parsed, repaired or unreadable), and, by option,
embedding_distance, embedding_exam. What people decided about this stage's hits (verdicts.py) is
applied: a record that was called unrelated to a problem, or of the same idea, is compared with the
other problems only. A copy is called one even if nothing came of it: records are compared as they
are, not as a model would use them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import exams, records
from hornbook.frame.stage import Desk, Marking, Price, Runs, Size, Stage
from hornbook.models.embedder import Embedder
from hornbook.scrub import (
    common_ngrams,
    detect,
    judge_pairs,
    ngram,
    review_decisions,
    syntax,
    tree_edit_distance,
)
from hornbook.scrub.common_ngrams import Idioms
from hornbook.scrub.exam_index import problems
from hornbook.scrub.judge_pairs import JudgeNear

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem


@dataclass(frozen=True)
class Scrub(Marking):
    """Drop what overlaps with `exams`: names for benchmarks.load, or stages of exercises. None switches a detector off.

    `shared`: a run of words that more problems than this have is an idiom and no evidence (0: every run counts).
    `smallest`: trees of fewer nodes, block ends counted, are not compared: `return len(s)` is in half of all files. At
    15, as many of HumanEval's 164 problems are left to the other detectors (benchmarks/scrub.py
    counts what that gains and costs); the paper, which scrubbed exercises only, states no such
    limit (0).
    `recheck`: a match by trees must also reach this rate by the true distance between trees (ted.py; extra `trees`).
    """

    exams: tuple[str | Stage, ...] = ("humaneval",)
    ngram: int | None = ngram.N
    syntax: float | None = 0.95
    embedding: float | None = None  # the greatest distance that is too near
    how: Embedder = Embedder()
    shared: int = 0
    smallest: int = 15
    idioms: Idioms | None = None  # runs of words that it found often are no evidence
    recheck: float | None = None
    judged: JudgeNear | None = None  # what a judge called a copy or a paraphrase goes too

    version: ClassVar[int] = 2

    @property
    def runs(self) -> Runs:  # type: ignore[override]
        """With embeddings a model's weights stay in one process; without, every core reads for itself."""
        return "core" if self.embedding is None else "machine"

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        digests = {exam: exams.source(exam) for exam in self.exams if isinstance(exam, str)}
        judged = review_decisions.facts(desk, self.judged) if self.judged else {}
        return {
            "exams": digests,
            **review_decisions.facts(desk, self),
            **({"on what was judged": judged} if judged else {}),
        }

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        megabytes = inputs[0].megabytes
        minutes = 0.2 + (
            megabytes / syntax.MB_S / 60 / max(1, desk.workers) if self.syntax is not None else 0
        )
        if self.embedding is None:
            return Price(inputs[0], minutes=minutes)
        # 7,000 tokens a second on 2 cores (benchmarks/embed.py), 3.6 bytes a token.
        tokens = min(megabytes * 1e6 / 3.6, inputs[0].documents * self.how.tokens)
        return Price(
            inputs[0], tokens=tokens, minutes=minutes + 0.5 + tokens / 7000 / 60, peak_mb=1600
        )

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        exam, decided = problems(desk, self.exams), review_decisions.of_stage(desk, self)
        names = rows["id"].to_pylist()
        looked = self._looked(desk, exam, rows)
        mine = [self._excused(id, decided) for id in names] if decided else []
        again = [at for at, excused in enumerate(mine) if excused]
        for at in again:  # decisions are made by hand: there are few
            others = [problem for problem in exam if problem.task_id not in mine[at]]
            one = self._looked(desk, others, rows.slice(at, 1))
            looked = pa.concat_tables([looked.slice(0, at), one, looked.slice(at + 1)])
        reasons = [self._reason(row) for row in looked.to_pylist()]
        by_judge = judge_pairs.dropped(desk, self.judged)
        for at, id in enumerate(names):
            if id in by_judge and not reasons[at]:
                reasons[at] = "judged a {}: {}".format(*by_judge[id])
            for task, verdict in decided.get(id, {}).items():
                if verdict in review_decisions.DROPPED:
                    reasons[at] = f"decided a {verdict}: {task}"
        columns = {name: looked[name] for name in looked.column_names}
        return records.marks([not reason for reason in reasons], reasons, **columns)

    def _excused(self, id: str, decided: Mapping[str, Mapping[str, str]]) -> set[str]:
        """The problems of which this record was decided to be no copy."""
        return {
            task
            for task, verdict in decided.get(id, {}).items()
            if verdict not in review_decisions.DROPPED
        }

    def _looked(self, desk: Desk, exam: Sequence[Problem], rows: pa.Table) -> pa.Table:
        """How near each row comes to these problems, by each detector that is switched on."""
        import pyarrow as pa

        texts = rows["text"].to_pylist()
        nothing = [""] * len(rows)
        hits, names, rates, states = nothing, nothing, [0.0] * len(rows), nothing
        if self.ngram is not None:
            hits = detect.by_words(
                exam, rows["text"], self.ngram, self.shared, common_ngrams.read(desk, self.idioms)
            )
        if self.syntax is not None:
            names, rates, states = detect.by_trees(
                exam, texts, self.smallest, min(self.syntax, syntax.FLOOR)
            )
            if self.recheck is not None:
                names, rates = tree_edit_distance.confirmed(exam, texts, names, rates, self.recheck)
        columns = {"ngram_hit": pa.array(hits, pa.string()), "nearest_exam": pa.array(names, pa.string()),
                   "syntax_match": pa.array(rates, pa.float32()), "tree": pa.array(states, pa.string())}  # fmt: skip
        if self.embedding is not None:
            near, far = detect.by_vectors(
                exam, texts, self.how, str(desk.options.get("device", "cpu"))
            )
            columns |= {
                "embedding_exam": pa.array(near, pa.string()),
                "embedding_distance": pa.array(far, pa.float32()),
            }
        return pa.table(columns)

    def _reason(self, row: Mapping[str, Any]) -> str:
        """Why a row is dropped; a rate is a 32-bit number, in which 0.95 is a little less than 0.95."""
        if row["ngram_hit"]:
            return f"{self.ngram}-gram overlap: {row['ngram_hit']}"
        if self.syntax is not None and row["syntax_match"] >= self.syntax - 1e-6:
            return f"syntax tree match: {row['nearest_exam']} at {row['syntax_match']:.2f}"
        if self.embedding is not None and row.get("embedding_distance", math.inf) <= self.embedding:
            return f"embedding distance: {row['embedding_exam']} at {row['embedding_distance']:.2f}"
        return ""
