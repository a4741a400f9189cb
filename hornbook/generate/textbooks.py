"""Textbook sections from a teacher: prose and code blocks; the blocks are run in order.

In: a teacher (any LLM), a count, optionally a stage of code that the sections explain. Out:
textbook records with their constraints; a rejected record has its reason. Without an outline the
topic tree is the outline: its branches are the chapters, its leaves the sections. With an outline
the teacher plans each chapter first, and the prompt of each section gives its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import llm, records, store
from hornbook.frame.stage import Placement, Price, RunContext, Size, Stage
from hornbook.generate import prompts
from hornbook.generate.constraints import Constraint, sample_constraints
from hornbook.generate.exercise import FENCE
from hornbook.generate.exercises import REQUESTS_PER_SHARD, estimate_price
from hornbook.generate.from_shelf import open_sandbox
from hornbook.generate.prompts import SectionPosition
from hornbook.generate.run_drafts import check_lessons
from hornbook.generate.snippets import sample_snippets
from hornbook.llm import LLM, Prompt
from hornbook.seed import vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = records.DOCUMENT | {
    "topic": "string", "audience": "string", "style": "string", "difficulty": "string",
    "library": "string", "words": "string", "blocks": "int32", "form": "string",
    "chapter": "string", "section": "int32",
}  # fmt: skip
MIN_PROSE_WORDS = 40  # outside the code blocks
MIN_DISTINCT_LINES = 0.5  # share of distinct lines; a text with fewer repeats itself
SECTIONS_PER_CHAPTER = 8  # REQUESTS_PER_SHARD is a multiple of it: no chapter spans two shards
# The embedded model computes all of its 32 slots, used or not: further answers are nearly free.
WEAK_TEACHER_ANSWERS = 4
SOURCE_LINES = 60  # lines of a code file that a section explains


@dataclass(frozen=True)
class Textbooks(Stage):
    """Ask `teacher` for `count` sections; with `outline` it plans the chapters first.

    Args:
        rephrase: a stage of code; each section teaches a piece of it.
        answers: answers to each request, of which the first accepted one is kept; 0: 4 for a weak
            teacher such as the embedded one, 1 for others.
    """

    teacher: LLM
    count: int
    seed: int = 0
    outline: bool = False
    rephrase: Stage | None = None
    answers: int = 0

    version: ClassVar[int] = 2
    placement: ClassVar[Placement] = "per_machine"

    def shards(self, ctx: RunContext) -> Sequence[str]:
        return [f"{shard_index:05d}" for shard_index in range(-(-self.count // REQUESTS_PER_SHARD))]

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        prompt_texts = {
            "prompt": prompts.LESSON,
            "forms": prompts.FORMS,
            "outline": prompts.OUTLINE,
            "place": prompts.PLACE,
        }
        vocabulary_digests = {
            file.name: store.file_digest(file) for file in sorted(vocabulary.FOLDER.glob("*.txt"))
        }
        return prompt_texts | {
            "rephrase": prompts.REPHRASE,
            "short": prompts.SHORT_LESSON,
            "vocabulary": vocabulary_digests,
        }

    def make_shard(self, ctx: RunContext, shard: str) -> pa.Table:
        first = int(shard) * REQUESTS_PER_SHARD
        last = min(self.count, first + REQUESTS_PER_SHARD)
        constraints = sample_constraints(last, self.seed)[first:]
        sources = [""] * len(constraints)
        if self.rephrase:
            sources = sample_snippets(
                self.rephrase, ctx, int(shard), len(constraints), SOURCE_LINES
            )
        positions: list[SectionPosition | None] = [None] * len(constraints)
        if self.outline:
            positions = self._plan_sections(ctx, constraints)
        requests = [
            self._build_prompt(*item) for item in zip(constraints, positions, sources, strict=True)
        ]
        answers_per_request = self._answers_per_request()
        ctx.reporter.begin(f"{self.name} {shard}", len(requests) * answers_per_request, "answers")
        sample_numbers: list[int] = []
        for i in range(answers_per_request):
            sample_numbers += [i] * len(requests)
        answers = llm.complete_prompts(
            self.teacher, requests * answers_per_request, ctx, samples=sample_numbers
        )
        texts = [trim_answer(answer.text) for answer in answers]
        with open_sandbox(ctx) as box:
            reasons = check_lessons(box, [extract_code_blocks(text) for text in texts])
        # Answers are in rounds: answer k of request i is at k * len(requests) + i.
        answer_indexes = [
            index_of_first_accepted(reasons[i :: len(requests)]) * len(requests) + i
            for i in range(len(requests))
        ]
        texts = [texts[i] for i in answer_indexes]
        reasons = [reasons[i] for i in answer_indexes]
        rows = [
            _make_row(item, text, reason, self.teacher.model) | _position_columns(place)
            for item, text, reason, place in zip(
                constraints, texts, reasons, positions, strict=True
            )
        ]
        return records.make_table(rows, COLUMNS)

    def _is_weak_teacher(self) -> bool:
        return self.teacher.kind in ("embedded", "trained")

    def _answers_per_request(self) -> int:
        if self.answers:
            return self.answers
        return WEAK_TEACHER_ANSWERS if self._is_weak_teacher() else 1

    def _build_prompt(
        self, constraint: Constraint, position: SectionPosition | None, source: str
    ) -> str | Prompt:
        if self._is_weak_teacher() and not source:
            return prompts.build_short_lesson_prompt(constraint, position)
        return prompts.build_lesson_prompt(constraint, position, source)

    def _plan_sections(
        self, ctx: RunContext, constraints: Sequence[Constraint]
    ) -> list[SectionPosition | None]:
        """Each section's chapter and place; a first section gives its chapter's audience."""
        first_sections = constraints[::SECTIONS_PER_CHAPTER]
        chapters = [head.topic.partition(" / ")[0] for head in first_sections]
        requests = [
            prompts.build_outline_prompt(about, head.audience, SECTIONS_PER_CHAPTER)
            for about, head in zip(chapters, first_sections, strict=True)
        ]
        ctx.reporter.begin(f"{self.name} outlines", len(requests), "answers")
        answers = llm.complete_prompts(self.teacher, requests, ctx)
        plans = [
            parse_titles(answer.text, about)
            for answer, about in zip(answers, chapters, strict=True)
        ]
        positions: list[SectionPosition | None] = []
        for i in range(len(constraints)):
            chapter_index, section_index = divmod(i, SECTIONS_PER_CHAPTER)
            positions.append(
                SectionPosition(chapters[chapter_index], plans[chapter_index], section_index)
            )
        return positions

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        requests = self.count * (1 + 1 / SECTIONS_PER_CHAPTER) if self.outline else self.count
        requests *= self._answers_per_request()
        return estimate_price(self.teacher, requests, len(prompts.LESSON), ctx)


def index_of_first_accepted(reasons: Sequence[str]) -> int:
    """Index of the first empty reason, or 0 if there is none."""
    return next((i for i, reason in enumerate(reasons) if not reason), 0)


def parse_titles(text: str, chapter: str) -> tuple[str, ...]:
    """SECTIONS_PER_CHAPTER titles from a list; missing ones come from the topic tree.

    >>> parse_titles("Sure!\\n1. **Slices**\\n2) Loops: a start\\n", "Lists")[:2]
    ('Slices', 'Loops: a start')
    """
    list_items = [
        " ".join(item.strip(' *"#').split())
        for item in re.findall(r"(?m)^\s*(?:\d+[.)]|[-*])\s+(.+)$", text)
    ]
    leaves = [
        topic.partition(" / ")[2]
        for topic in vocabulary.read_topics()
        if topic.startswith(f"{chapter} / ")
    ]
    candidates = [*list_items, *leaves, *vocabulary.read_topics()]
    titles = list(dict.fromkeys(title for title in candidates if title))
    return tuple(titles[:SECTIONS_PER_CHAPTER])


def _position_columns(position: SectionPosition | None) -> dict[str, Any]:
    if position is None:
        return {"chapter": "", "section": 0}
    return {"chapter": position.chapter, "section": position.index + 1}


def trim_answer(text: str) -> str:
    """The text from its title to its last finished sentence or block."""
    # A chat model often writes a sentence to the user before the title.
    title = re.search(r"^#+ ", text, re.MULTILINE)
    text = text[title.start() :] if title else text
    # An odd number of fences: the answer was cut inside its last block.
    if text.count("```") % 2:
        text = text[: text.rindex("```")]
    return text.strip() + "\n"


def extract_code_blocks(text: str) -> list[str] | str:
    """The code blocks of a section, or a rejection reason."""
    blocks = [block for block in FENCE.findall(text) if block.strip()]
    prose = FENCE.sub("", text)
    if not blocks:
        return "no code"
    if len(prose.split()) < MIN_PROSE_WORDS:
        return "hardly any prose"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(set(lines)) < MIN_DISTINCT_LINES * len(lines):
        return "turns in circles"
    return blocks


def _make_row(constraint: Constraint, text: str, reason: str, teacher: str) -> dict[str, Any]:
    blocks = extract_code_blocks(text)
    return {
        "id": records.document_id(text), "text": text, "kind": "textbook", "origin": teacher,
        "path": constraint.topic, "kept": not reason, "reason": reason, "topic": constraint.topic,
        "audience": constraint.audience, "style": constraint.style,
        "difficulty": constraint.difficulty, "library": constraint.module,
        "words": " ".join(constraint.words), "form": prompts.choose_form(constraint),
        "blocks": 0 if isinstance(blocks, str) else len(blocks),
    }  # fmt: skip
