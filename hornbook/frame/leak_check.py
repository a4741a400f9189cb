"""Is every exam of a recipe unseen by the models that sit it? Read off the graph, before anything runs.

In: a recipe's last stage. Out: what a Pack was given that no Scrub has looked at, or that was not
scrubbed against an exam that a model trained on it sits. `refuse` makes that an error for every
Pack that does not say unscrubbed=True; the page prints those that do. Stages are known by the names
of their classes, so that this imports none of them. Not covered: models that were trained
elsewhere; text that a stage writes anew from scrubbed text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hornbook.frame.identity import order
from hornbook.frame.stage import Stage
from hornbook.records import UserError


@dataclass(frozen=True)
class Seen:
    """A Pack and one of its inputs, with the exam that may be in it; "" where no Scrub has looked at it at all."""

    pack: str
    data: str
    exam: str
    allowed: bool  # unscrubbed=True

    def __str__(self) -> str:
        if not self.exam:
            return f"{self.pack} packs {self.data}, which no Scrub has looked at"
        return f"{self.pack} packs {self.data}, which was not scrubbed against {self.exam}, and its model sits that exam"


def findings(last: Stage) -> list[Seen]:
    """Everything that may have been seen, in the order of the graph, each once."""
    stages = order(last)
    found: dict[tuple[str, str, str], Seen] = {}
    for pack in _named(stages, "Pack"):
        for data in pack.data:
            if not _scrubs(data):
                found.setdefault(
                    (pack.name, data.name, ""), Seen(pack.name, data.name, "", _allowed(pack))
                )
    for examine in (*_named(stages, "Examine"), *_named(stages, "Choose")):
        exam = examine.exam if isinstance(examine.exam, str) else examine.exam.name
        for pack in (
            _named(order(examine.model), "Pack") if isinstance(examine.model, Stage) else ()
        ):
            for data in pack.data:
                scrubs = _scrubs(data)
                if scrubs and not any(
                    _covers(each, exam) for scrub in scrubs for each in scrub.exams
                ):
                    found.setdefault(
                        (pack.name, data.name, exam),
                        Seen(pack.name, data.name, exam, _allowed(pack)),
                    )
    return list(found.values())


def refuse(last: Stage) -> None:
    """Raises UserError for the first finding that its Pack does not allow, with the ways out."""
    for seen in findings(last):
        if not seen.allowed:
            way = f"add {seen.exam!r} to its exams" if seen.exam else "put a Scrub before it"
            raise UserError(
                f"{seen}: {way}, or let {seen.pack} say unscrubbed=True, which the page then prints"
            )


def _named(stages: list[Stage], name: str) -> Iterator[Any]:
    return (stage for stage in stages if type(stage).__name__ == name)


def _allowed(pack: Any) -> bool:
    return bool(getattr(pack, "unscrubbed", False))


def _scrubs(stage: Stage) -> list[Any]:
    """The Scrub stages whose marks lie over these rows. Marks end where a stage has rows of its own."""
    found: list[Any] = []
    while True:
        if type(stage).__name__ == "Scrub":
            found.append(stage)
        if stage.form != "marks":
            return found
        stage = stage.inputs()[0]


def _covers(scrubbed: Any, exam: str) -> bool:
    """Whether keeping this out keeps that exam out: itself, or its problems with more tests (humaneval+)."""
    name = scrubbed if isinstance(scrubbed, str) else scrubbed.name
    return bool(name == exam or name.rstrip("+") == exam or name == exam.rstrip("+"))
