"""Textbook sections from a teacher: prose between code blocks that were executed in their order.

In: a teacher (any LLM), a number. Out: textbook records with the constraints they were written under. The topic tree
is the outline: its branches are the chapters, its leaves the sections.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import llm, records
from hornbook.generate import prompts
from hornbook.generate.check import check_lessons
from hornbook.generate.constraints import Constraint, sample
from hornbook.generate.exercise import FENCE
from hornbook.generate.exercises import PART, price
from hornbook.generate.from_shelf import sandbox
from hornbook.llm import LLM
from hornbook.stage import Desk, Price, Runs, Size, Stage

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = records.DOCUMENT | {
    "topic": "string", "audience": "string", "style": "string", "difficulty": "string", "library": "string",
    "words": "string", "blocks": "int32",
}  # fmt: skip
FEWEST_WORDS = 40  # of prose
LEAST_NEW = 0.5  # the share of distinct lines below which a text turns in circles


@dataclass(frozen=True)
class Textbooks(Stage):
    """Ask `teacher` for `number` sections."""

    teacher: LLM
    number: int
    seed: int = 0

    runs: ClassVar[Runs] = "machine"

    def parts(self, desk: Desk) -> Sequence[str]:
        return [f"{at:05d}" for at in range(-(-self.number // PART))]

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"prompt": prompts.LESSON}

    def work(self, desk: Desk, part: str) -> pa.Table:
        first = int(part) * PART
        constraints = sample(min(self.number, first + PART), self.seed)[first:]
        desk.reporter.begin(f"{self.name} {part}", len(constraints), "answers")
        answers = llm.complete(self.teacher, [prompts.lesson(each) for each in constraints], desk)
        texts = [tidy(answer.text) for answer in answers]
        with sandbox(desk) as box:
            reasons = check_lessons(box, [readable(text) for text in texts])
        rows = [
            _row(each, text, reason, self.teacher.model)
            for each, text, reason in zip(constraints, texts, reasons, strict=True)
        ]
        return records.table(rows, COLUMNS)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return price(self.teacher, self.number, len(prompts.LESSON), desk)


def tidy(text: str) -> str:
    """The text without what a chat model says before its title, and cut after its last finished sentence or block."""
    title = re.search(r"^#+ ", text, re.MULTILINE)
    text = text[title.start() :] if title else text
    if text.count("```") % 2:  # the last block was not closed
        text = text[: text.rindex("```")]
    return text.strip() + "\n"


def readable(text: str) -> list[str] | str:
    """The code blocks of a lesson, or the reason why it is none."""
    blocks = [block for block in FENCE.findall(text) if block.strip()]
    prose = FENCE.sub("", text)
    if not blocks:
        return "no code"
    if len(prose.split()) < FEWEST_WORDS:
        return "hardly any prose"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(set(lines)) < LEAST_NEW * len(lines):
        return "turns in circles"
    return blocks


def _row(each: Constraint, text: str, reason: str, teacher: str) -> dict[str, Any]:
    blocks = readable(text)
    return {
        "id": records.document_id(text), "text": text, "kind": "textbook", "origin": teacher, "path": each.topic,
        "kept": not reason, "reason": reason, "topic": each.topic, "audience": each.audience, "style": each.style,
        "difficulty": each.difficulty, "library": each.library, "words": " ".join(each.words),
        "blocks": 0 if isinstance(blocks, str) else len(blocks),
    }  # fmt: skip
