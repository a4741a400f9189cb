"""A language model's judgement of the candidates that the detectors named: copy, paraphrase, same idea or unrelated.

In: a finished search (NearExam), an LLM. Out: a row a pair with the columns `said` (which detectors
named it),
`verdict` and `why`, the judge's own words; and `judged.json`: how many of each detector's candidates were copies or
paraphrases, with intervals. Scrub(judged=...) drops those; a judge's "unrelated" excuses nothing, a
person's does. A reply without a verdict is asked for again, then marked and counted, never guessed.
Every pair is in the ledger once. Not covered: candidates beyond the `top` of the search, and what
no detector came near. The embedded model is no judge; it stands here so that the path is real.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from hornbook import llm, records, store
from hornbook.frame.stage import Desk, Price, Size, Whole
from hornbook.intervals import wilson
from hornbook.llm import LLM
from hornbook.scrub import nearest_records as nearby
from hornbook.scrub import review_decisions
from hornbook.scrub.exam_index import problems
from hornbook.scrub.nearest_records import NEAR, NearExam
from hornbook.scrub.pairs import Pair
from hornbook.scrub.review_decisions import DROPPED, VERDICTS

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem

TRIES = 3
COLUMNS = {name: kind for name, kind in NEAR.items() if name not in ("by", "rank", "value")} | {
    "said": "string", "verdict": "string", "why": "string", "kept": "bool", "reason": "string",
}  # fmt: skip
QUESTION = """\
A is a problem of an exam with its solution. B is a part of the data that a model was trained on. Would somebody who \
had learned B by heart have been given A's answer?

copy: B has the same task or the same solution, but for names, constants, comments, order or formatting.
paraphrase: B tells the same task in other words, or solves it by another construction; whoever knows B knows A.
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

Give your reason in one sentence, then end with "Verdict: " and one of: copy, paraphrase, same idea, unrelated."""


@dataclass(frozen=True)
class JudgeNear(Whole):
    """Ask a judge about each record that `near` has beside a problem; by vectors alone, only `within` that distance."""

    near: NearExam
    judge: LLM
    top: int = 3
    within: float = 0.4

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"question": QUESTION}

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        number = 164 * self.top  # of an exam of HumanEval's size, if every problem had so many
        tokens = number * 900
        minutes = tokens / 600 / 60 if self.judge.kind == "embedded" else number / 600
        return Price(Size(number, number * 0.001), tokens, number, minutes, 1500)

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        exam = {problem.task_id: problem for problem in problems(desk, self.near.exams)}
        found = candidates(nearby.of(desk, self.near, self.top), self.within)
        desk.reporter.begin(self.name, len(found), "pairs")
        replies = ask(
            self.judge,
            [question(exam[rows[0].task_id].solution, rows[0].text) for rows in found],
            desk,
        )
        judged = [
            {**asdict(rows[0]), "said": said(rows), "verdict": verdict, "why": why, "kept": bool(verdict),
             "reason": "" if verdict else "no verdict in the judge's reply"}
            for rows, (verdict, why) in zip(found, replies, strict=True)
        ]  # fmt: skip
        yield "judged", records.table(judged, COLUMNS)
        facts = {
            "judge": self.judge.model,
            "asked": len(found),
            "precision": list(precision(found, judged)),
        }
        store.write_json(desk.folder(self) / "judged.json", facts)


def candidates(found: Iterable[nearby.Near], within: float) -> list[list[nearby.Near]]:
    """The rows of each record and problem that one detector at least calls near, in the order of the problems."""
    pairs: dict[tuple[str, str], list[nearby.Near]] = {}
    for each in found:
        if each.by != "embedding" or each.value <= within:
            pairs.setdefault((each.task_id, each.id), []).append(each)
    return list(pairs.values())


def said(rows: Sequence[nearby.Near]) -> str:
    """What the detectors say of a pair: "13-grams 4, syntax 0.93, embedding 0.21"."""
    names = {"words": "13-grams {:.0f}", "syntax": "syntax {:.2f}", "embedding": "embedding {:.2f}"}
    return ", ".join(names[row.by].format(row.value) for row in rows)


def question(problem: str, text: str) -> str:
    """The prompt for one pair."""
    return QUESTION.format(problem=problem.strip(), text=text.strip())


def parse(reply: str) -> str:
    """The verdict that a reply ends with, or nothing.

    >>> parse("Only names differ. Verdict: Copy."), parse("**Verdict:** same idea"), parse("a copy, I think")
    ('copy', 'same idea', '')
    """
    found = re.findall(rf"(?i)\bverdict\W*({'|'.join(VERDICTS)})\b", reply)
    return found[-1].lower() if found else ""


def ask(judge: LLM, prompts: Sequence[str], desk: Desk) -> list[tuple[str, str]]:
    """(verdict, reply) of each prompt; a reply without a verdict is asked for again, TRIES times in all."""
    found = [("", "")] * len(prompts)
    for attempt in range(TRIES):
        waiting = [at for at, (verdict, _) in enumerate(found) if not verdict]
        if not waiting:
            break
        answers = llm.complete(
            judge, [prompts[at] for at in waiting], desk, samples=[attempt] * len(waiting)
        )
        for at, answer in zip(waiting, answers, strict=True):
            found[at] = (parse(answer.text), answer.text.strip())
    return found


def precision(
    found: Sequence[Sequence[nearby.Near]], judged: Sequence[Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Of each detector's candidates that got a verdict, how many are copies or paraphrases."""
    for by in nearby.DETECTORS:
        mine = [row["verdict"] for rows, row in zip(found, judged, strict=True)
                if row["verdict"] and any(each.by == by for each in rows)]  # fmt: skip
        if mine:
            hits = sum(verdict in DROPPED for verdict in mine)
            counts = {verdict: mine.count(verdict) for verdict in VERDICTS}
            yield {"detector": by, "hits": hits, "rate": asdict(wilson(hits, len(mine)))} | counts


def dropped(desk: Desk, stage: JudgeNear | None) -> dict[str, tuple[str, str]]:
    """(verdict, task_id) of every record that was called a copy or a paraphrase, by its id; people go before judges."""
    if stage is None:
        return {}
    decided = review_decisions.of_stage(desk, stage)
    rows = [
        row
        for table in desk.tables(stage, ["id", "task_id", "verdict"])
        for row in table.to_pylist()
    ]
    held = [
        (row["id"], decided.get(row["id"], {}).get(row["task_id"], row["verdict"]), row["task_id"])
        for row in rows
    ]
    return {id: (verdict, task) for id, verdict, task in reversed(held) if verdict in DROPPED}


def pairs(rows: Iterable[Mapping[str, Any]], exam: Mapping[str, Problem], judge: str) -> list[Pair]:
    """A judge's rows as pairs to be looked at."""
    return [
        Pair(row["task_id"], exam[row["task_id"]].solution, row["id"], f"{row['origin']}:{row['path']}:{row['start']}",
             row["text"], row["said"], row["verdict"], judge)
        for row in rows
        if row["task_id"] in exam
    ]  # fmt: skip
