"""The stage that drops records that overlap with an exam's problems, each with a reason.

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
from hornbook.frame.stage import Placement, Price, RowFilter, RunContext, Size, Stage
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
from hornbook.scrub.exam_index import load_problems
from hornbook.scrub.judge_pairs import JudgeNear

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem


@dataclass(frozen=True)
class Scrub(RowFilter):
    """Drop what overlaps with `exams` (names or stages of exercises). None: detector off.

    `max_problems_per_ngram`: n-grams of more problems are idioms and no evidence (0: all count).
    `min_tree_nodes`: smaller trees (block ends counted) are not compared, because `return len(s)`
    is in half of all files. At 15, 15 of HumanEval's 164 problems are left to the other detectors
    (benchmarks/scrub.py measures gain and cost). The paper, which scrubbed exercises only, states
    no such limit (0).
    `recheck`: a match by trees must also reach this rate by the true tree edit
    distance (the extra `trees`).
    """

    exams: tuple[str | Stage, ...] = ("humaneval",)
    ngram: int | None = ngram.NGRAM_SIZE
    syntax: float | None = 0.95
    embedding: float | None = None  # the greatest distance that is too near
    embedder: Embedder = Embedder()
    max_problems_per_ngram: int = 0
    min_tree_nodes: int = 15
    idioms: Idioms | None = None  # runs of words that it found often are no evidence
    recheck: float | None = None
    judge_stage: JudgeNear | None = None  # what a judge called a copy or a paraphrase goes too

    version: ClassVar[int] = 2

    @property
    def placement(self) -> Placement:  # type: ignore[override]
        """With embeddings the model stays in one process; without, each core takes shards."""
        return "per_core" if self.embedding is None else "per_machine"

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        digests = {
            exam: exams.describe_source(exam) for exam in self.exams if isinstance(exam, str)
        }
        judge_decisions = (
            review_decisions.decision_identity_inputs(ctx, self.judge_stage)
            if self.judge_stage
            else {}
        )
        return {
            "exams": digests,
            **review_decisions.decision_identity_inputs(ctx, self),
            **({"on what was judged": judge_decisions} if judge_decisions else {}),
        }

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        megabytes = inputs[0].megabytes
        minutes = 0.2 + (
            megabytes / syntax.MB_PER_SECOND / 60 / max(1, ctx.workers)
            if self.syntax is not None
            else 0
        )
        if self.embedding is None:
            return Price(inputs[0], minutes=minutes)
        # 7,000 tokens a second on 2 cores (benchmarks/embed.py), 3.6 bytes a token.
        tokens = min(megabytes * 1e6 / 3.6, inputs[0].documents * self.embedder.tokens)
        return Price(
            inputs[0], tokens=tokens, minutes=minutes + 0.5 + tokens / 7000 / 60, peak_mb=1600
        )

    def filter_rows(self, ctx: RunContext, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        problems, decisions = (
            load_problems(ctx, self.exams),
            review_decisions.read_stage_verdicts(ctx, self),
        )
        record_ids = rows["id"].to_pylist()
        compared = self._compare_rows(ctx, problems, rows)
        excused_by_row = (
            [self._excused_problems(id, decisions) for id in record_ids] if decisions else []
        )
        excused_rows = [
            row for row, excused_problems in enumerate(excused_by_row) if excused_problems
        ]
        for row in excused_rows:  # decisions are made by hand: there are few
            others = [problem for problem in problems if problem.task_id not in excused_by_row[row]]
            compared_row = self._compare_rows(ctx, others, rows.slice(row, 1))
            compared = pa.concat_tables(
                [compared.slice(0, row), compared_row, compared.slice(row + 1)]
            )
        reasons = [self._drop_reason(row) for row in compared.to_pylist()]
        judged_copies = judge_pairs.read_judged_copies(ctx, self.judge_stage)
        for row, id in enumerate(record_ids):
            if id in judged_copies and not reasons[row]:
                reasons[row] = "judged a {}: {}".format(*judged_copies[id])
            for task, verdict in decisions.get(id, {}).items():
                if verdict in review_decisions.DROPPED_VERDICTS:
                    reasons[row] = f"decided a {verdict}: {task}"
        columns = {name: compared[name] for name in compared.column_names}
        return records.verdict_columns([not reason for reason in reasons], reasons, **columns)

    def _excused_problems(self, id: str, decisions: Mapping[str, Mapping[str, str]]) -> set[str]:
        """The problems of which this record was decided to be no copy."""
        return {
            task
            for task, verdict in decisions.get(id, {}).items()
            if verdict not in review_decisions.DROPPED_VERDICTS
        }

    def _compare_rows(
        self, ctx: RunContext, problems: Sequence[Problem], rows: pa.Table
    ) -> pa.Table:
        """How near each row comes to these problems, by each detector that is switched on."""
        import pyarrow as pa

        texts = rows["text"].to_pylist()
        no_matches = [""] * len(rows)
        ngram_hits, matched_problems, rates, states = (
            no_matches,
            no_matches,
            [0.0] * len(rows),
            no_matches,
        )
        if self.ngram is not None:
            ngram_hits = detect.match_ngrams(
                problems,
                rows["text"],
                self.ngram,
                self.max_problems_per_ngram,
                common_ngrams.read_common_ngrams(ctx, self.idioms),
            )
        if self.syntax is not None:
            matched_problems, rates, states = detect.match_trees(
                problems, texts, self.min_tree_nodes, min(self.syntax, syntax.MIN_RATE)
            )
            if self.recheck is not None:
                matched_problems, rates = tree_edit_distance.confirm_matches(
                    problems, texts, matched_problems, rates, self.recheck
                )
        columns = {"ngram_hit": pa.array(ngram_hits, pa.string()),
                   "nearest_exam": pa.array(matched_problems, pa.string()),
                   "syntax_match": pa.array(rates, pa.float32()),
                   "tree": pa.array(states, pa.string())}  # fmt: skip
        if self.embedding is not None:
            embedding_matches, distances = detect.match_embeddings(
                problems, texts, self.embedder, str(ctx.options.get("device", "cpu"))
            )
            columns |= {
                "embedding_exam": pa.array(embedding_matches, pa.string()),
                "embedding_distance": pa.array(distances, pa.float32()),
            }
        return pa.table(columns)

    def _drop_reason(self, row: Mapping[str, Any]) -> str:
        """Why a row is dropped. A float32 rate of 0.95 is a little less than 0.95."""
        if row["ngram_hit"]:
            return f"{self.ngram}-gram overlap: {row['ngram_hit']}"
        if self.syntax is not None and row["syntax_match"] >= self.syntax - 1e-6:
            return f"syntax tree match: {row['nearest_exam']} at {row['syntax_match']:.2f}"
        if self.embedding is not None and row.get("embedding_distance", math.inf) <= self.embedding:
            return f"embedding distance: {row['embedding_exam']} at {row['embedding_distance']:.2f}"
        return ""
