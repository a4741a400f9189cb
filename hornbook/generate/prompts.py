"""What a teacher is asked: sampled constraints in words; a weak teacher is shown examples and led by the hand.

In: a Constraint. Out: the request. The texts are part of a stage's identity: another wording is
other data.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hornbook import seed
from hornbook.llm import Prompt
from hornbook.records import share

if TYPE_CHECKING:
    from hornbook.exams.handwritten import Handwritten
    from hornbook.generate.constraints import Constraint

EXERCISE = """\
Write one small Python exercise for {audience}.
Topic: {topic}. Difficulty: {difficulty}. Style: {style}.
The function is called `{function_name}`. The story uses the words {words}.{library}{snippet}
Answer with one Python code block and nothing else: the function with type hints, a docstring that explains the task \
and shows two examples as >>> lines, its solution, and after it four assert statements that call it.
"""

SHOT = """
An example of the form:
```python
{program}

{tests}```
"""

HARDER = """\
Make this Python exercise harder, to the level "{difficulty}": {change}
```python
{program}

{tests}```
Answer with one Python code block and nothing else: the new function under a new name, with type hints, a docstring \
that explains the task and shows two examples as >>> lines, its solution, and after it four assert statements.
"""

# Evol-Instruct's operations in depth (arXiv 2306.08568), said for small exercises.
CHANGES = (
    "add one more requirement.",
    "replace a common requirement by a less common one.",
    "let it handle an edge case that raises ValueError.",
    "demand that it takes fewer steps for long inputs.",
    "let it return more than it does now.",
)

LED = "Write a short Python function {function_name}."

LESSON = """\
Write one section of a Python textbook for {audience}.
Topic: {topic}. Difficulty: {difficulty}. Style: {style}. Use the words {words} in the examples.{library}
Form: {form}
Begin with a title line "# ...". Explain the idea in short paragraphs, and between them show Python code blocks that \
run one after the other, each going on from those before. Check results with assert. Do not ask questions of the reader.
"""

# For a weak teacher, which after the longer request wrote lists of headings: 0 of 8 held.
SHORT_LESSON = "Explain {leaf} in Python to {audience}, in a few sentences, with two short code examples that run."

FORMS = {
    "tutorial": "a tutorial that builds one thing up, a step a block.",
    "worked example": "a worked example: a problem, the thoughts that lead to the solution, the solution, its check.",
    "questions and answers": "questions that a student would ask, each answered with a few lines of code.",
    "commented walk-through": "a whole small program first, then a walk through it line by line.",
    "debugging story": "a debugging story: code that fails, how the fault is found, the mended code.",
}

OUTLINE = """\
Plan one chapter of a Python textbook for {audience}. The chapter is about {chapter}.
List the titles of its {number} sections, from easy to hard, one a line, numbered, and nothing else.
"""

PLACE = """
The section is number {at} of the chapter "{chapter}" and is called "{title}".{before}"""

REPHRASE = """
Teach what this code does and why it is written so. Rewrite what does not stand alone; do not mention the file.
```python
{source}
```"""

SNIPPET = """
Be inspired by this piece of code, without copying it:
```python
{snippet}
```"""

MOST_SHOT = 700  # characters of an exercise that is shown: a small model reads slowly and copies what is long
PRIMER = Path(__file__).parent / "few_shot_examples.py"
SHOWN = 4  # functions of the primer: two chats of the embedded model's shortest requests share these, and read them once
SENTENCE_STOPS = ('"""', ">>>", "\n\n")
SOLUTION_STOPS = ("\n```", "\nassert", "\nprint", "\ndef ", "\nclass ", "\nif __name__", "\n#")


def exercise(constraint: Constraint, shots: int) -> str:
    """The request for an exercise, with that many examples from the shelf's training split."""
    text = EXERCISE.format(**_words(constraint))
    for each in chosen(constraint, shots):
        text += SHOT.format(program=each.prompt + each.solution, tests=each.tests)
    return text


def harder(constraint: Constraint, program: str, tests: str) -> str:
    """The request to make an accepted exercise harder."""
    change = CHANGES[int(share("change", constraint.function_name + program) * len(CHANGES))]
    return HARDER.format(
        difficulty=constraint.difficulty, change=change, program=program.strip(), tests=tests
    )


def led(constraint: Constraint, signature: str) -> Prompt:
    """The request to a weak teacher: a chat in which it has answered well, and an answer begun up to the docstring."""
    turns: list[tuple[str, str]] = []
    for name, program in primer(signature.partition(":")[0]):
        turns += [
            ("user", LED.format(function_name=name)),
            ("assistant", f"```python\n{program}\n```"),
        ]
    turns.append(("user", LED.format(function_name=constraint.function_name)))
    return Prompt(
        tuple(turns), begins=f'```python\ndef {constraint.function_name}({signature}:\n    """'
    )


@functools.lru_cache(maxsize=32)
def primer(parameter: str) -> list[tuple[str, str]]:
    """(name, program) of SHOWN functions of the primer; those that take this parameter first come last."""
    text = PRIMER.read_text(encoding="utf-8")
    found = [
        (node.args.args[0].arg == parameter, node.name, ast.get_source_segment(text, node) or "")
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
    ]
    others = sorted(
        (each for each in found if not each[0]), key=lambda each: share(parameter, each[1])
    )
    same = [each for each in found if each[0]][-SHOWN:]
    return [(name, program) for _, name, program in [*others[: SHOWN - len(same)], *same]]


@dataclass(frozen=True)
class Place:
    """Where a section stands in an outline."""

    chapter: str
    titles: tuple[str, ...]
    at: int

    @property
    def title(self) -> str:
        return self.titles[self.at]


def outline(chapter: str, audience: str, number: int) -> str:
    """The request for the titles of a chapter's sections."""
    return OUTLINE.format(chapter=chapter, audience=audience, number=number)


def lesson(constraint: Constraint, place: Place | None = None, source: str = "") -> str:
    """The request for a textbook section: of an outline, or about a piece of code."""
    text = LESSON.format(form=FORMS[form(constraint)], **_words(constraint))
    if place:
        done = "; ".join(place.titles[: place.at])
        before = f" Before it came: {done}." if done else ""
        text += PLACE.format(
            at=place.at + 1, chapter=place.chapter, title=place.title, before=before
        )
    return text + (REPHRASE.format(source=source) if source else "")


def short_lesson(constraint: Constraint, place: Place | None = None) -> Prompt:
    """The request to a weak teacher, and its answer begun with the title."""
    leaf = place.title if place else constraint.topic.rpartition(" / ")[2]
    text = SHORT_LESSON.format(leaf=leaf, audience=constraint.audience)
    return Prompt((("user", text),), begins=f"# {leaf[:1].upper()}{leaf[1:]}\n\n")


def form(constraint: Constraint) -> str:
    """Which of FORMS a section has: by a hash of what it is about, so that every topic meets all of them."""
    return list(FORMS)[
        int(share("form", f"{constraint.topic} {constraint.function_name}") * len(FORMS))
    ]


def chosen(constraint: Constraint, shots: int) -> Sequence[Handwritten]:
    """The shelf's exercises that a request shows: short ones of the training split, drawn by the constraint."""
    identity = f"{constraint.function_name} {constraint.topic}"
    return sorted(_short(), key=lambda each: share(identity, each.name))[:shots]


@functools.lru_cache(maxsize=1)
def _short() -> list[Handwritten]:
    from hornbook.generate.from_shelf import split_of

    return [
        each
        for each in seed.exercises()
        if split_of(each.name) == "train"
        and len(each.prompt + each.solution + each.tests) < MOST_SHOT
    ]


def _words(constraint: Constraint) -> dict[str, str]:
    library = f" Use the module {constraint.module}." if constraint.module else ""
    return {
        "audience": constraint.audience,
        "topic": constraint.topic,
        "difficulty": constraint.difficulty,
        "style": constraint.style,
        "function_name": constraint.function_name,
        "words": ", ".join(constraint.words),
        "library": library,
        "snippet": SNIPPET.format(snippet=constraint.snippet) if constraint.snippet else "",
    }
