"""A language model judges a sample: the paper's question, a rubric, a number from 0 to 5.

In: documents, an LLM. Out: records with the columns `label` and `why` (the judge's own words), fit
to be learned from instead of the shipped labels; and `agreement.json`: how the judge agrees with
the labels that `data` already has. A reply without a number is asked for again, then dropped and
counted, never guessed. The embedded model is near chance as a judge; it stands here so that the
path is real and its weakness is seen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import intervals, llm, records, store
from hornbook.frame.stage import GlobalStage, Price, RunContext, Size, Stage
from hornbook.llm import LLM
from hornbook.llm.ask_until_parsed import ask_until_parsed

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = records.DOCUMENT | {"label": "int32", "why": "string"}
RUBRIC_PATH = Path(__file__).parent / "labels" / "RUBRIC.md"
MAX_TRIES = 3
MIN_GOOD_LABEL = 3  # labels from this on are worth learning from
QUESTION = """\
{rubric}
The code:
```python
{text}
```
How educational is it for a student whose goal is to learn basic coding concepts? \
Give your reason in one sentence, \
then end with "Score: N", where N is one whole number from 0 to 5."""


@dataclass(frozen=True)
class JudgeSample(GlobalStage):
    """Ask a judge about `sample` kept documents, by a hash of their ids, cut to `characters`."""

    data: Stage
    judge: LLM
    sample: int = 1000
    characters: int = 6000

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {"question": QUESTION, "rubric": RUBRIC_PATH.read_text(encoding="utf-8")}

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        rows = list(ctx.run.iterate_rows(self.data, kept_only=True))
        sample_rows = sorted(
            rows, key=lambda row: (records.hash_fraction("judged", row["id"]), row["id"])
        )[: self.sample]
        ctx.reporter.begin(self.name, len(sample_rows), "pieces")
        questions = [format_question(row["text"][: self.characters]) for row in sample_rows]
        replies = ask_until_parsed(self.judge, questions, parse_score, MAX_TRIES, ctx)
        judged_rows = [
            row | {"label": -1 if label is None else label, "why": why, "kept": label is not None,
                   "reason": "" if label is not None else "no score in the judge's reply"}
            for row, (label, why) in zip(sample_rows, replies, strict=True)
        ]  # fmt: skip
        yield "judged", records.make_table(judged_rows, COLUMNS)
        label_pairs = [
            (row["label"], label)
            for row, (label, _) in zip(sample_rows, replies, strict=True)
            if label is not None and "label" in row
        ]
        store.write_json(
            ctx.run.stage_folder(self) / "agreement.json",
            summarise_agreement(label_pairs, len(sample_rows), self.judge.model),
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        n_documents = min(self.sample, inputs[0].documents) if inputs[0].documents else self.sample
        tokens_in = (
            n_documents * (len(RUBRIC_PATH.read_text(encoding="utf-8")) + self.characters / 2) / 3.5
        )
        # A sentence and a score.
        cost = llm.price_requests(self.judge, n_documents, tokens_in, n_documents * 60, ctx)
        return Price(
            Size(n_documents, n_documents * self.characters / 2e6),
            cost.tokens,
            n_documents,
            cost.minutes,
            1500,
            cost.money,
        )


def format_question(text: str) -> str:
    """The prompt for one piece of code."""
    return QUESTION.format(rubric=RUBRIC_PATH.read_text(encoding="utf-8").strip(), text=text)


def parse_score(reply: str) -> int | None:
    """The score that a reply ends with, or None.

    >>> parse_score("Clear and short. Score: 4"), parse_score("Score: 4/5")
    (4, 4)
    >>> parse_score("Score: 7"), parse_score("good code")
    (None, None)
    """
    scores = re.findall(r"(?i)\bscore\**\s*[:=]\s*\**\s*(\d+)", reply)
    return int(scores[-1]) if scores and int(scores[-1]) <= 5 else None


def summarise_agreement(
    pairs: Sequence[tuple[int, int]], n_asked: int, judge: str
) -> dict[str, Any]:
    """Agreement of (label, judge's label) pairs: weighted kappa, within one point, share good."""
    agreement = intervals.measure_agreement(pairs, levels=6)
    within = agreement.within_one
    return {
        "judge": judge,
        "asked": n_asked,
        "compared": len(pairs),
        "kappa": None if math.isnan(agreement.kappa) else round(agreement.kappa, 4),
        "within_one": [round(v, 4) for v in (within.low, within.value, within.high)]
        if pairs
        else None,
        "good_by_label": sum(a >= MIN_GOOD_LABEL for a, _ in pairs),
        "good_by_judge": sum(b >= MIN_GOOD_LABEL for _, b in pairs),
        "matrix": [[sum(p == (a, b) for p in pairs) for b in range(6)] for a in range(6)],
    }
