"""A language model judges detected pairs: copy, paraphrase, same idea or unrelated.

In: a finished search (NearExam), an LLM. Out: one row per pair with the columns `said` (which
detectors named it), `verdict` and `why` (the judge's reply); and `judged.json`: how many of each
detector's candidates were copies or paraphrases, with intervals.

Scrub(judge_stage=...) drops copies and paraphrases. A judge's "unrelated" does not save a record; a
person's does. A reply without a verdict is asked for again, then marked and counted, never guessed.
Every pair is in the ledger once. Not covered: candidates beyond the `top` of the search, and pairs
that no detector came near. The embedded model is too weak to judge; it only exercises the code
path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hornbook import records, store
from hornbook.frame.stage import GlobalStage, Price, RunContext, Size
from hornbook.intervals import wilson_interval
from hornbook.llm import LLM, price_requests
from hornbook.llm.ask_until_parsed import ask_until_parsed
from hornbook.scrub import nearest_records as nearby
from hornbook.scrub import review_decisions
from hornbook.scrub.exam_index import load_problems
from hornbook.scrub.nearest_records import NEAR_COLUMNS, NearExam
from hornbook.scrub.pairs import ReviewPair
from hornbook.scrub.review_decisions import DROPPED_VERDICTS, VERDICTS

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem

MAX_TRIES = 3
JUDGED_COLUMNS = {
    name: column_type
    for name, column_type in NEAR_COLUMNS.items()
    if name not in ("by", "rank", "value")
} | {
    "said": "string", "verdict": "string", "why": "string", "kept": "bool", "reason": "string",
}  # fmt: skip
JUDGE_PROMPT = """\
A is a problem of an exam with its solution. B is a part of the data that a model was trained on. \
Would somebody who had learned B by heart have been given A's answer?

copy: B has the same task or the same solution, but for names, constants, comments, order or \
formatting.
paraphrase: B tells the same task in other words, or solves it by another construction; \
whoever knows B knows A.
same idea: B uses the same technique or stands in the same field, but its task is another one.
unrelated: what they share is what any two programs may share.

A:
```python
{problem}
```

B:
```python
{text}
```

Give your reason in one sentence, then end with "Verdict: " and one of: \
copy, paraphrase, same idea, unrelated."""


@dataclass(frozen=True)
class JudgeNear(GlobalStage):
    """Ask a judge about each detected pair; pairs found by embeddings only up to a distance."""

    near: NearExam
    judge: LLM
    top: int = 3
    max_distance: float = 0.4

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {"question": JUDGE_PROMPT}

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        # Of an exam of HumanEval's size, if every problem had as many near records.
        requests = 164 * self.top
        cost = price_requests(self.judge, requests, requests * 800, requests * 100, ctx)
        size = Size(requests, requests * 0.001)
        return Price(size, cost.tokens, requests, cost.minutes, 1500, cost.money)

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        problem_by_id = {
            problem.task_id: problem for problem in load_problems(ctx, self.near.exams)
        }
        candidates = group_candidates(
            nearby.read_nearest(ctx, self.near, self.top), self.max_distance
        )
        ctx.reporter.begin(self.name, len(candidates), "pairs")
        replies = ask_judge(
            self.judge,
            [
                format_prompt(problem_by_id[rows[0].task_id].solution, rows[0].text)
                for rows in candidates
            ],
            ctx,
        )
        judged_rows = [
            {**asdict(rows[0]), "said": describe_evidence(rows), "verdict": verdict, "why": why,
             "kept": bool(verdict),
             "reason": "" if verdict else "no verdict in the judge's reply"}
            for rows, (verdict, why) in zip(candidates, replies, strict=True)
        ]  # fmt: skip
        yield "judged", records.make_table(judged_rows, JUDGED_COLUMNS)
        summary = {
            "judge": self.judge.model,
            "asked": len(candidates),
            "precision": list(precision_by_detector(candidates, judged_rows)),
        }
        store.write_json(ctx.run.stage_folder(self) / "judged.json", summary)


def group_candidates(
    records: Iterable[nearby.NearRecord], max_distance: float
) -> list[list[nearby.NearRecord]]:
    """The rows of each (record, problem) that a detector calls near, in order of the problems."""
    pairs: dict[tuple[str, str], list[nearby.NearRecord]] = {}
    for record in records:
        if record.by != "embedding" or record.value <= max_distance:
            pairs.setdefault((record.task_id, record.id), []).append(record)
    return list(pairs.values())


def describe_evidence(rows: Sequence[nearby.NearRecord]) -> str:
    """What the detectors say of a pair: "13-grams 4, syntax 0.93, embedding 0.21"."""
    templates = {
        "words": "13-grams {:.0f}",
        "syntax": "syntax {:.2f}",
        "embedding": "embedding {:.2f}",
    }
    return ", ".join(templates[row.by].format(row.value) for row in rows)


def format_prompt(problem: str, text: str) -> str:
    """The prompt for one pair."""
    return JUDGE_PROMPT.format(problem=problem.strip(), text=text.strip())


def parse_verdict(reply: str) -> str:
    """The verdict that a reply ends with, or nothing.

    >>> parse_verdict("Only names differ. Verdict: Copy."), parse_verdict("a copy, I think")
    ('copy', '')
    """
    verdicts = re.findall(rf"(?i)\bverdict\W*({'|'.join(VERDICTS)})\b", reply)
    return verdicts[-1].lower() if verdicts else ""


def ask_judge(judge: LLM, prompts: Sequence[str], ctx: RunContext) -> list[tuple[str, str]]:
    """(verdict, reply) of each prompt; without a verdict it is asked again, MAX_TRIES in all."""
    replies = ask_until_parsed(
        judge, prompts, lambda reply: parse_verdict(reply) or None, MAX_TRIES, ctx
    )
    return [(verdict or "", reply) for verdict, reply in replies]


def precision_by_detector(
    candidates: Sequence[Sequence[nearby.NearRecord]], judged_rows: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Of each detector's candidates that got a verdict, how many are copies or paraphrases."""
    for detector in nearby.DETECTORS:
        verdicts = [row["verdict"] for rows, row in zip(candidates, judged_rows, strict=True)
                if row["verdict"] and any(record.by == detector for record in rows)]  # fmt: skip
        if verdicts:
            hits = sum(verdict in DROPPED_VERDICTS for verdict in verdicts)
            counts = {verdict: verdicts.count(verdict) for verdict in VERDICTS}
            yield {
                "detector": detector,
                "hits": hits,
                "rate": asdict(wilson_interval(hits, len(verdicts))),
            } | counts


def read_judged_copies(ctx: RunContext, stage: JudgeNear | None) -> dict[str, tuple[str, str]]:
    """(verdict, task_id) of each record called a copy or a paraphrase; people override judges."""
    if stage is None:
        return {}
    decisions = review_decisions.read_stage_verdicts(ctx, stage)
    rows = ctx.run.iterate_rows(stage, ["id", "task_id", "verdict"])
    verdicts = [
        (
            row["id"],
            decisions.get(row["id"], {}).get(row["task_id"], row["verdict"]),
            row["task_id"],
        )
        for row in rows
    ]
    return {
        record_id: (verdict, task)
        for record_id, verdict, task in reversed(verdicts)
        if verdict in DROPPED_VERDICTS
    }


def make_review_pairs(
    rows: Iterable[Mapping[str, Any]], problem_by_id: Mapping[str, Problem], judge: str
) -> list[ReviewPair]:
    """A judge's rows as pairs to be looked at."""
    return [
        ReviewPair(row["task_id"], problem_by_id[row["task_id"]].solution, row["id"],
                   f"{row['origin']}:{row['path']}:{row['start']}",
             row["text"], row["said"], row["verdict"], judge)
        for row in rows
        if row["task_id"] in problem_by_id
    ]  # fmt: skip
