"""A language model's judgement of a sample: the paper's question, the shipped rubric, one whole number from 0 to 5.

In: documents, an LLM. Out: records with the columns `label` and `why` (the judge's own words), fit
to be learned from instead of the shipped labels; and `agreement.json`: how the judge agrees with
the labels that `data` already has. A reply without a number is asked for again, then dropped and
counted, never guessed. The embedded model is near chance as a judge; it stands here so that the
path is real and its weakness is seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import intervals, llm, records, store
from hornbook.frame.stage import Desk, Price, Size, Stage, Whole
from hornbook.llm import LLM

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = records.DOCUMENT | {"label": "int32", "why": "string"}
RUBRIC = Path(__file__).parent / "labels" / "RUBRIC.md"
TRIES = 3
GOOD = 3  # labels from this on are worth learning from
QUESTION = """\
{rubric}
The code:
```python
{text}
```
How educational is it for a student whose goal is to learn basic coding concepts? Give your reason in one sentence, \
then end with "Score: N", where N is one whole number from 0 to 5."""


@dataclass(frozen=True)
class JudgeSample(Whole):
    """Ask a judge about `sample` kept documents, chosen by a hash of their ids; they are cut to `characters`."""

    data: Stage
    judge: LLM
    sample: int = 1000
    characters: int = 6000

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"question": QUESTION, "rubric": RUBRIC.read_text(encoding="utf-8")}

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        rows = [row for table in desk.kept(self.data) for row in table.to_pylist()]
        chosen = sorted(rows, key=lambda row: (records.share("judged", row["id"]), row["id"]))[
            : self.sample
        ]
        desk.reporter.begin(self.name, len(chosen), "pieces")
        replies = ask(
            self.judge, [question(row["text"][: self.characters]) for row in chosen], desk
        )
        judged = [
            row | {"label": -1 if label is None else label, "why": why, "kept": label is not None,
                   "reason": "" if label is not None else "no score in the judge's reply"}
            for row, (label, why) in zip(chosen, replies, strict=True)
        ]  # fmt: skip
        yield "judged", records.table(judged, COLUMNS)
        pairs = [
            (row["label"], label)
            for row, (label, _) in zip(chosen, replies, strict=True)
            if label is not None and "label" in row
        ]
        store.write_json(
            desk.folder(self) / "agreement.json", agreement(pairs, len(chosen), self.judge.model)
        )

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        number = min(self.sample, inputs[0].documents) if inputs[0].documents else self.sample
        tokens_in = number * (len(RUBRIC.read_text(encoding="utf-8")) + self.characters / 2) / 3.5
        # The embedded model reads about 600 tokens a second on 2 cores without AMX.
        minutes = (
            (tokens_in / 600 + number * 40 / 100) / 60
            if self.judge.kind == "embedded"
            else number / 600
        )
        return Price(
            Size(number, number * self.characters / 2e6),
            tokens_in + number * 60,
            number,
            minutes,
            1500,
        )


def question(text: str) -> str:
    """The prompt for one piece of code."""
    return QUESTION.format(rubric=RUBRIC.read_text(encoding="utf-8").strip(), text=text)


def parse(reply: str) -> int | None:
    """The score that a reply ends with, or None.

    >>> parse("Clear and short. Score: 4"), parse("Score: 4/5"), parse("Score: 7"), parse("good code")
    (4, 4, None, None)
    """
    found = re.findall(r"(?i)\bscore\**\s*[:=]\s*\**\s*(\d+)", reply)
    return int(found[-1]) if found and int(found[-1]) <= 5 else None


def ask(judge: LLM, prompts: Sequence[str], desk: Desk) -> list[tuple[int | None, str]]:
    """(score, reply) of each prompt; a malformed reply is asked for again, TRIES times in all."""
    found: list[tuple[int | None, str]] = [(None, "")] * len(prompts)
    for attempt in range(TRIES):
        open_ = [at for at, (label, _) in enumerate(found) if label is None]
        if not open_:
            break
        answers = llm.complete(
            judge, [prompts[at] for at in open_], desk, samples=[attempt] * len(open_)
        )
        for at, answer in zip(open_, answers, strict=True):
            found[at] = (parse(answer.text), answer.text.strip())
    return found


def agreement(pairs: Sequence[tuple[int, int]], asked: int, judge: str) -> dict[str, Any]:
    """How (known label, judge's label) pairs agree: weighted kappa, the same within one, the share called good."""
    within = intervals.wilson(sum(abs(a - b) <= 1 for a, b in pairs), len(pairs)) if pairs else None
    kappa = (
        intervals.weighted_kappa([a for a, _ in pairs], [b for _, b in pairs], levels=6)
        if pairs
        else None
    )
    return {
        "judge": judge,
        "asked": asked,
        "compared": len(pairs),
        "kappa": None if kappa is None or kappa != kappa else round(kappa, 4),
        "within_one": [round(v, 4) for v in (within.low, within.value, within.high)]
        if within
        else None,
        "good_by_label": sum(a >= GOOD for a, _ in pairs),
        "good_by_judge": sum(b >= GOOD for _, b in pairs),
        "matrix": [[sum(p == (a, b) for p in pairs) for b in range(6)] for a in range(6)],
    }
