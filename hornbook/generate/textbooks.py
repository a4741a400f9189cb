"""Textbook sections from a teacher: prose between code blocks that were executed in their order.

In: a teacher (any LLM), a number; a stage of code, if lessons are to be made of it. Out: textbook
records with the constraints they were written under, each rejected one with its reason. Without an
outline the topic tree is one: its branches are the chapters, its leaves the sections. With one, the
teacher plans each chapter first, and each section is told its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import llm, records, store
from hornbook.frame.stage import Desk, Price, Runs, Size, Stage
from hornbook.generate import prompts
from hornbook.generate.constraints import Constraint, sample
from hornbook.generate.exercise import FENCE
from hornbook.generate.exercises import PART, price
from hornbook.generate.from_shelf import sandbox
from hornbook.generate.prompts import Place
from hornbook.generate.run_drafts import check_lessons
from hornbook.generate.snippets import snippets
from hornbook.llm import LLM, Prompt
from hornbook.seed import vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = records.DOCUMENT | {
    "topic": "string", "audience": "string", "style": "string", "difficulty": "string", "library": "string",
    "words": "string", "blocks": "int32", "form": "string", "chapter": "string", "section": "int32",
}  # fmt: skip
FEWEST_WORDS = 40  # of prose
LEAST_NEW = 0.5  # the share of distinct lines below which a text turns in circles
SECTIONS = 8  # of a chapter; PART is a multiple of it
WEAK_ANSWERS = 4  # of the embedded model, whose 32 slots are computed whether they are used or not
SOURCE_LINES = 60  # of a file that is made a lesson


@dataclass(frozen=True)
class Textbooks(Stage):
    """Ask `teacher` for `number` sections; with `outline` it plans the chapters first, SECTIONS sections each.

    `rephrase` is a stage of code: each section teaches a piece of it. Of `answers` to each request the first that holds
    is taken (0: by the teacher, 4 for the embedded one, which is weak, 1 for others).
    """

    teacher: LLM
    number: int
    seed: int = 0
    outline: bool = False
    rephrase: Stage | None = None
    answers: int = 0

    version: ClassVar[int] = 2
    runs: ClassVar[Runs] = "machine"

    def parts(self, desk: Desk) -> Sequence[str]:
        return [f"{at:05d}" for at in range(-(-self.number // PART))]

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        asked = {
            "prompt": prompts.LESSON,
            "forms": prompts.FORMS,
            "outline": prompts.OUTLINE,
            "place": prompts.PLACE,
        }
        words = {file.name: store.digest(file) for file in sorted(vocabulary.FOLDER.glob("*.txt"))}
        return asked | {
            "rephrase": prompts.REPHRASE,
            "short": prompts.SHORT_LESSON,
            "vocabulary": words,
        }

    def work(self, desk: Desk, part: str) -> pa.Table:
        first = int(part) * PART
        constraints = sample(min(self.number, first + PART), self.seed)[first:]
        sources = [""] * len(constraints)
        if self.rephrase:
            sources = snippets(self.rephrase, desk, int(part), len(constraints), SOURCE_LINES)
        places = (
            self._places(desk, constraints, first) if self.outline else [None] * len(constraints)
        )
        asked = [self._asked(*each) for each in zip(constraints, places, sources, strict=True)]
        times = self.answers or (WEAK_ANSWERS if self._weak() else 1)
        desk.reporter.begin(f"{self.name} {part}", len(asked) * times, "answers")
        numbers = [number for number in range(times) for _ in asked]
        answers = llm.complete(self.teacher, asked * times, desk, samples=numbers)
        texts = [tidy(answer.text) for answer in answers]
        with sandbox(desk) as box:
            reasons = check_lessons(box, [readable(text) for text in texts])
        held = [
            first_that_holds(reasons[at :: len(asked)]) * len(asked) + at
            for at in range(len(asked))
        ]
        texts, reasons = [texts[at] for at in held], [reasons[at] for at in held]
        rows = [
            _row(each, text, reason, self.teacher.model) | _stands(place)
            for each, text, reason, place in zip(constraints, texts, reasons, places, strict=True)
        ]
        return records.table(rows, COLUMNS)

    def _weak(self) -> bool:
        return self.teacher.kind in ("embedded", "trained")

    def _asked(self, constraint: Constraint, place: Place | None, source: str) -> str | Prompt:
        if self._weak() and not source:
            return prompts.short_lesson(constraint, place)
        return prompts.lesson(constraint, place, source)

    def _places(
        self, desk: Desk, constraints: Sequence[Constraint], first: int
    ) -> list[Place | None]:
        """Where each section stands: a chapter is about the branch of its first section's topic, for its audience."""
        heads = constraints[::SECTIONS]
        chapters = [head.topic.partition(" / ")[0] for head in heads]
        asked = [
            prompts.outline(about, head.audience, SECTIONS)
            for about, head in zip(chapters, heads, strict=True)
        ]
        desk.reporter.begin(f"{self.name} outlines", len(asked), "answers")
        answers = llm.complete(self.teacher, asked, desk)
        plans = [
            titles(answer.text, about) for answer, about in zip(answers, chapters, strict=True)
        ]
        return [
            Place(chapters[at // SECTIONS], plans[at // SECTIONS], at % SECTIONS) for at in range(len(constraints))
        ]  # fmt: skip

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        requests = self.number * (1 + 1 / SECTIONS) if self.outline else self.number
        requests *= self.answers or (WEAK_ANSWERS if self._weak() else 1)
        return price(self.teacher, requests, len(prompts.LESSON), desk)


def first_that_holds(reasons: Sequence[str]) -> int:
    """The place of the first empty reason, or 0."""
    return next((at for at, reason in enumerate(reasons) if not reason), 0)


def titles(text: str, chapter: str) -> tuple[str, ...]:
    """SECTIONS titles from a numbered or dashed list; what is missing comes from the topic tree.

    >>> titles("Sure!\\n1. **Slices**\\n2) Loops: a start\\n", "Lists")[:2]
    ('Slices', 'Loops: a start')
    """
    found = [
        " ".join(each.strip(' *"#').split())
        for each in re.findall(r"(?m)^\s*(?:\d+[.)]|[-*])\s+(.+)$", text)
    ]
    leaves = [
        topic.partition(" / ")[2]
        for topic in vocabulary.topics()
        if topic.startswith(f"{chapter} / ")
    ]
    some = list(dict.fromkeys(each for each in [*found, *leaves, *vocabulary.topics()] if each))
    return tuple(some[:SECTIONS])


def _stands(place: Place | None) -> dict[str, Any]:
    return (
        {"chapter": place.chapter, "section": place.at + 1}
        if place
        else {"chapter": "", "section": 0}
    )


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
        "difficulty": each.difficulty, "library": each.module, "words": " ".join(each.words),
        "form": prompts.form(each), "blocks": 0 if isinstance(blocks, str) else len(blocks),
    }  # fmt: skip
