"""Prompts for teachers: constraints in words; a weak teacher gets examples and a scaffold.

In: a Constraint. Out: the prompt. The texts are part of a stage's identity, because another wording
gives other data.
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
from hornbook.records import hash_fraction

if TYPE_CHECKING:
    from hornbook.exams.handwritten import HandwrittenExercise
    from hornbook.generate.constraints import Constraint

EXERCISE = """\
Write one small Python exercise for {audience}.
Topic: {topic}. Difficulty: {difficulty}. Style: {style}.
The function is called `{function_name}`. The story uses the words {words}.{library}{snippet}
Answer with one Python code block and nothing else: the function with type hints, \
a docstring that explains the task and shows two examples as >>> lines, its solution, \
and after it four assert statements that call it.
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
Answer with one Python code block and nothing else: the new function under a new name, \
with type hints, a docstring that explains the task and shows two examples as >>> lines, \
its solution, and after it four assert statements.
"""

# Evol-Instruct's in-depth operations (arXiv 2306.08568), reworded for small exercises.
HARDER_CHANGES = (
    "add one more requirement.",
    "replace a common requirement by a less common one.",
    "let it handle an edge case that raises ValueError.",
    "demand that it takes fewer steps for long inputs.",
    "let it return more than it does now.",
)

SCAFFOLDED = "Write a short Python function {function_name}."

LESSON = """\
Write one section of a Python textbook for {audience}.
Topic: {topic}. Difficulty: {difficulty}. Style: {style}. \
Use the words {words} in the examples.{library}
Form: {form}
Begin with a title line "# ...". Explain the idea in short paragraphs, and between them show \
Python code blocks that run one after the other, each going on from those before. \
Check results with assert. Do not ask questions of the reader.
"""

# For a weak teacher, which after the longer request wrote lists of headings: 0 of 8 were accepted.
SHORT_LESSON = (
    "Explain {leaf} in Python to {audience}, in a few sentences, "
    "with two short code examples that run."
)

FORMS = {
    "tutorial": "a tutorial that builds one thing up, a step a block.",
    "worked example": (
        "a worked example: a problem, the thoughts that lead to the solution, the solution, "
        "its check."
    ),
    "questions and answers": (
        "questions that a student would ask, each answered with a few lines of code."
    ),
    "commented walk-through": "a whole small program first, then a walk through it line by line.",
    "debugging story": (
        "a debugging story: code that fails, how the fault is found, the mended code."
    ),
}

OUTLINE = """\
Plan one chapter of a Python textbook for {audience}. The chapter is about {chapter}.
List the titles of its {number} sections, from easy to hard, one a line, numbered, and nothing else.
"""

PLACE = """
The section is number {at} of the chapter "{chapter}" and is called "{title}".{before}"""

REPHRASE = """
Teach what this code does and why it is written so. Rewrite what does not stand alone; \
do not mention the file.
```python
{source}
```"""

SNIPPET = """
Be inspired by this piece of code, without copying it:
```python
{snippet}
```"""

# Characters of an exercise that is shown: a small model reads slowly and copies long texts.
MAX_EXAMPLE_CHARS = 700
FEW_SHOT_FILE = Path(__file__).parent / "few_shot_examples.py"
# Few-shot examples that are shown. Two chats of the embedded model's shortest requests share them,
# and read them once.
FEW_SHOT_COUNT = 4
SENTENCE_STOPS = ('"""', ">>>", "\n\n")
SOLUTION_STOPS = ("\n```", "\nassert", "\nprint", "\ndef ", "\nclass ", "\nif __name__", "\n#")


def build_exercise_prompt(constraint: Constraint, shots: int) -> str:
    """The prompt for an exercise, with `shots` examples from the shelf's training split."""
    text = EXERCISE.format(**_prompt_fields(constraint))
    for example in choose_examples(constraint, shots):
        text += SHOT.format(program=example.prompt + example.solution, tests=example.tests)
    return text


def build_harder_prompt(constraint: Constraint, program: str, tests: str) -> str:
    """The prompt to make an accepted exercise harder."""
    change = HARDER_CHANGES[
        int(hash_fraction("change", constraint.function_name + program) * len(HARDER_CHANGES))
    ]
    return HARDER.format(
        difficulty=constraint.difficulty, change=change, program=program.strip(), tests=tests
    )


def build_scaffolded_prompt(constraint: Constraint, signature: str) -> Prompt:
    """A chat with good earlier answers, and the new answer begun up to its docstring."""
    turns: list[tuple[str, str]] = []
    for name, program in select_few_shot_examples(signature.partition(":")[0]):
        turns += [
            ("user", SCAFFOLDED.format(function_name=name)),
            ("assistant", f"```python\n{program}\n```"),
        ]
    turns.append(("user", SCAFFOLDED.format(function_name=constraint.function_name)))
    return Prompt(
        tuple(turns), begins=f'```python\ndef {constraint.function_name}({signature}:\n    """'
    )


@functools.lru_cache(maxsize=32)
def select_few_shot_examples(parameter: str) -> list[tuple[str, str]]:
    """(name, program) of FEW_SHOT_COUNT examples; those with this parameter first come last."""
    text = FEW_SHOT_FILE.read_text(encoding="utf-8")
    functions = [
        (node.args.args[0].arg == parameter, node.name, ast.get_source_segment(text, node) or "")
        for node in ast.parse(text).body
        if isinstance(node, ast.FunctionDef)
    ]
    others = sorted(
        (example for example in functions if not example[0]),
        key=lambda example: hash_fraction(parameter, example[1]),
    )
    # The most similar examples come last, next to the new request.
    same = [example for example in functions if example[0]][-FEW_SHOT_COUNT:]
    return [(name, program) for _, name, program in [*others[: FEW_SHOT_COUNT - len(same)], *same]]


@dataclass(frozen=True)
class SectionPosition:
    """The place of a section in an outline."""

    chapter: str
    titles: tuple[str, ...]
    index: int

    @property
    def title(self) -> str:
        return self.titles[self.index]


def build_outline_prompt(chapter: str, audience: str, section_count: int) -> str:
    """The prompt for the titles of a chapter's sections."""
    return OUTLINE.format(chapter=chapter, audience=audience, number=section_count)


def build_lesson_prompt(
    constraint: Constraint, position: SectionPosition | None = None, source: str = ""
) -> str:
    """The prompt for a textbook section, with its place in an outline or code to explain."""
    text = LESSON.format(form=FORMS[choose_form(constraint)], **_prompt_fields(constraint))
    if position:
        earlier_titles = "; ".join(position.titles[: position.index])
        earlier = f" Before it came: {earlier_titles}." if earlier_titles else ""
        text += PLACE.format(
            at=position.index + 1, chapter=position.chapter, title=position.title, before=earlier
        )
    return text + (REPHRASE.format(source=source) if source else "")


def build_short_lesson_prompt(
    constraint: Constraint, position: SectionPosition | None = None
) -> Prompt:
    """A short prompt for a weak teacher, whose answer is begun with the title."""
    leaf = position.title if position else constraint.topic.rpartition(" / ")[2]
    text = SHORT_LESSON.format(leaf=leaf, audience=constraint.audience)
    return Prompt((("user", text),), begins=f"# {leaf[:1].upper()}{leaf[1:]}\n\n")


def choose_form(constraint: Constraint) -> str:
    """The form of a section by a hash of its constraint, so that each topic meets all forms."""
    return list(FORMS)[
        int(hash_fraction("form", f"{constraint.topic} {constraint.function_name}") * len(FORMS))
    ]


def choose_examples(constraint: Constraint, shots: int) -> Sequence[HandwrittenExercise]:
    """Short exercises of the shelf's training split to show, chosen by the constraint."""
    identity = f"{constraint.function_name} {constraint.topic}"
    return sorted(_short_examples(), key=lambda example: hash_fraction(identity, example.name))[
        :shots
    ]


@functools.lru_cache(maxsize=1)
def _short_examples() -> list[HandwrittenExercise]:
    from hornbook.generate.from_shelf import choose_split

    # Only the training split: held-out exercises are an exam.
    return [
        example
        for example in seed.read_exercises()
        if choose_split(example.name) == "train"
        and len(example.prompt + example.solution + example.tests) < MAX_EXAMPLE_CHARS
    ]


def _prompt_fields(constraint: Constraint) -> dict[str, str]:
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
