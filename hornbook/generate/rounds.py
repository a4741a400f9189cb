"""The paper's recursive training, seen round by round: yield, diversity and score in one table.

In: for each round the stage that wrote, and the exam of the model that was trained on it. Out: `rounds.json`, a row a
round, and the same as text, so that a set that narrows is seen when it happens and not when the score falls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import store
from hornbook.embedder import Embedder
from hornbook.generate.diversity import measured, sampled
from hornbook.records import UserError
from hornbook.stage import Desk, Form, Price, Size, Stage, Whole

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = ("yield", "distinct_2", "mean_likeness", "cluster_coverage", "distinct_syntax_trees", "score")


@dataclass(frozen=True)
class MeasureRounds(Whole):
    """Round n wrote `written[n]`; the model of that round was examined in `exams[n]` (fewer: no score yet)."""

    written: tuple[Stage, ...]
    exams: tuple[Stage, ...] = ()
    how: Embedder = Embedder("hashed")

    form: ClassVar[Form] = "files"

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        if len(self.exams) > len(self.written):
            raise UserError(f"{self.name}: {len(self.exams)} exams for {len(self.written)} rounds")
        texts = {stage.name: sampled(desk, stage) for stage in self.written}
        numbers = measured(texts, self.how)
        rows = []
        for at, stage in enumerate(self.written):
            facts = desk.manifest(stage)
            row = {"round": at + 1, "written by": stage.name, "yield": round(facts["kept"] / max(1, facts["seen"]), 4)}
            score = _score(desk, self.exams[at]) if at < len(self.exams) else {}
            rows.append(row | {"kept": facts["kept"]} | numbers[stage.name] | score)
        store.write_json(desk.folder(self) / "rounds.json", rows)
        for line in lines(rows):
            desk.reporter.say(line)
        return ()

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.05 * len(self.written))


def lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """The table in plain text, the most telling columns."""
    head = "  ".join(f"{name.replace('_', ' '):>21}" for name in ("round", *SHOWN))
    body = ["  ".join(f"{row.get(name, '-')!s:>21}" for name in ("round", *SHOWN)) for row in rows]
    return [head, *body]


def _score(desk: Desk, exam: Stage) -> dict[str, Any]:
    """pass@1 by the first protocol of the exam's summary, with its interval."""
    summary = store.read_json(desk.folder(exam) / "summary.json") or {}
    scores = summary.get("scores") or []
    if not scores:
        return {}
    first = scores[0].get("pass@1") or {}
    return {"score": first.get("value"), "score_low": first.get("low"), "score_high": first.get("high")}
