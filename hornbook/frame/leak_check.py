"""Check that every exam of a recipe is unseen by the models that sit it, before anything runs.

In: a recipe's last stage. Out: the inputs of each Pack that no Scrub has read, or that were not
scrubbed against an exam which a model trained on them sits. `refuse_leaks` makes that an error for
every Pack without unscrubbed=True; the page prints those that have it. Not covered: models that are
trained elsewhere, and text that a stage generates from scrubbed text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hornbook.frame.identity import order_stages
from hornbook.frame.stage import Stage
from hornbook.frame.stage_names import select_stages
from hornbook.records import UserError


@dataclass(frozen=True)
class PossibleLeak:
    """A Pack and one of its inputs, with the exam that may be in it ("" where no Scrub read it)."""

    pack: str
    data: str
    exam: str
    allowed: bool  # unscrubbed=True

    def __str__(self) -> str:
        if not self.exam:
            return f"{self.pack} packs {self.data}, which no Scrub has looked at"
        return (
            f"{self.pack} packs {self.data}, which was not scrubbed against {self.exam}, and its "
            "model sits that exam"
        )


def find_possible_leaks(last: Stage) -> list[PossibleLeak]:
    """Every possible leak of the recipe, in the order of the graph, each once."""
    stages = order_stages(last)
    leaks: dict[tuple[str, str, str], PossibleLeak] = {}

    def add_leak(pack: Any, data: Stage, exam: str) -> None:
        key = (pack.name, data.name, exam)
        leaks.setdefault(key, PossibleLeak(*key, allowed=_is_allowed(pack)))

    for pack in select_stages(stages, "Pack"):
        for data in pack.data:
            if not _scrubs_over(data):
                add_leak(pack, data, "")
    for examine in select_stages(stages, "Examine") + select_stages(stages, "Choose"):
        if not isinstance(examine.model, Stage):
            continue
        exam = examine.exam if isinstance(examine.exam, str) else examine.exam.name
        for pack in select_stages(order_stages(examine.model), "Pack"):
            for data in pack.data:
                if _scrubs_over(data) and not _is_scrubbed_against(data, exam):
                    add_leak(pack, data, exam)
    return list(leaks.values())


def refuse_leaks(last: Stage) -> None:
    """Raise UserError for the first leak that its Pack does not allow, with the ways out."""
    for leak in find_possible_leaks(last):
        if not leak.allowed:
            way = f"add {leak.exam!r} to its exams" if leak.exam else "put a Scrub before it"
            raise UserError(
                f"{leak}: {way}, or let {leak.pack} say unscrubbed=True, which the page then prints"
            )


def _is_allowed(pack: Any) -> bool:
    return bool(getattr(pack, "unscrubbed", False))


def _scrubs_over(stage: Stage) -> list[Any]:
    """The Scrub stages that judged these rows, up to the stage that has the rows as its own."""
    scrubs: list[Any] = []
    while True:
        scrubs += select_stages([stage], "Scrub")
        if stage.form != "verdicts":
            return scrubs
        stage = stage.inputs()[0]


def _is_scrubbed_against(data: Stage, exam: str) -> bool:
    for scrub in _scrubs_over(data):
        if any(_covers_exam(scrubbed, exam) for scrubbed in scrub.exams):
            return True
    return False


def _covers_exam(scrubbed: Any, exam: str) -> bool:
    """Whether scrubbing against one exam covers another: itself, or itself with more tests (+)."""
    name = scrubbed if isinstance(scrubbed, str) else scrubbed.name
    return bool(name == exam or name.rstrip("+") == exam or name == exam.rstrip("+"))
