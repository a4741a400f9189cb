"""What a teacher is asked: sampled constraints in words, with examples from the shelf where it is weak.

In: a Constraint. Out: the text of a request. The texts are part of a stage's identity: another wording is other data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hornbook.generate import shelf
from hornbook.records import share

if TYPE_CHECKING:
    from hornbook.benchmarks.handwritten import Handwritten
    from hornbook.generate.constraints import Constraint

EXERCISE = """\
Write one small Python exercise for {audience}.
Topic: {topic}. Difficulty: {difficulty}. Style: {style}.
The function is called `{function_name}`. The story uses the words {words}.{library}
Answer with one Python code block and nothing else: the function with type hints, a docstring that explains the task \
and shows two examples as >>> lines, its solution, and after it four assert statements that call it.
"""

SHOT = """
An example of the form:
```python
{program}

{tests}```
"""

LESSON = """\
Write one section of a Python textbook for {audience}.
Topic: {topic}. Difficulty: {difficulty}. Style: {style}. Use the words {words} in the examples.{library}
Begin with a title line "# ...". Explain the idea in short paragraphs, and between them show Python code blocks that \
run one after the other, each going on from those before. Check results with assert. Do not ask questions of the reader.
"""

MOST_SHOT = 700  # characters of an exercise that is shown: a small model reads slowly and copies what is long


def exercise(constraint: Constraint, shots: int) -> str:
    """The request for an exercise, with that many examples from the shelf's training split."""
    text = EXERCISE.format(**_words(constraint))
    for each in chosen(constraint, shots):
        text += SHOT.format(program=each.prompt + each.solution, tests=each.tests)
    return text


def lesson(constraint: Constraint) -> str:
    """The request for a textbook section."""
    return LESSON.format(**_words(constraint))


def chosen(constraint: Constraint, shots: int) -> Sequence[Handwritten]:
    """The shelf's exercises that a request shows: short ones of the training split, drawn by the constraint."""
    from hornbook.generate.from_shelf import split_of

    short = [
        each
        for each in shelf.exercises()
        if split_of(each.name) == "train" and len(each.prompt + each.solution + each.tests) < MOST_SHOT
    ]
    return sorted(short, key=lambda each: share(f"{constraint.function_name} {constraint.topic}", each.name))[:shots]


def _words(constraint: Constraint) -> dict[str, str]:
    library = f" Use the module {constraint.library}." if constraint.library else ""
    return {
        "audience": constraint.audience,
        "topic": constraint.topic,
        "difficulty": constraint.difficulty,
        "style": constraint.style,
        "function_name": constraint.function_name,
        "words": ", ".join(constraint.words),
        "library": library,
    }
