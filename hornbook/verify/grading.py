"""Graded by a model, as in the paper's section 4: understanding, not only passing.

In: problems, answers, and judges (any language models). Out: for each answer and judge a short
evaluation and a grade from 0 to 10; the judges' agreement with each other and with the hidden
tests. One judge reads the reference first, the other the answer first, for the order alone moves
grades. A reply without a grade is asked for again, then missing: never zero. Not covered: whether a
judge is any good; the agreement with the tests, printed beside the score, tells.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook.intervals import Estimate, mean, weighted_kappa, wilson

if TYPE_CHECKING:
    from hornbook.exams import Problem

TRIES = 3
PASSING = (
    5  # a grade of half or more is read as "the judge thinks it works" when compared with the tests
)

# The paper prints no prompt; it asks for "a short verbal evaluation followed by grades from 0 to
# 10" beside the correct solution. The rest is ours.
QUESTION = """\
You grade a student's answer to a Python exercise. Judge how well the student understood what was asked, whether the \
logic is right, and only then details.

The exercise:
```python
{prompt}
```
{first}
{second}
First write a short evaluation, three sentences at most. Then, on a line of its own, write "Grade: N", where N is a \
whole number from 0 (no understanding) to 10 (correct and complete)."""
REFERENCE = "A correct solution:\n```python\n{}\n```"
ANSWER = "The student's answer:\n```python\n{}\n```"

Ask = Callable[
    [Sequence[str], int], Sequence[str]
]  # prompts and the number of the try, to replies in their order


@dataclass(frozen=True)
class Opinion:
    """One judge's view of one answer. A missing grade is None."""

    judge: int  # its place among the judges
    order: str  # which came first in the prompt: reference or answer
    evaluation: str
    grade: int | None
    tries: int


@dataclass(frozen=True)
class Graded:
    """The paper's score with what it is worth: agreement between judges, and of the grades with the hidden tests."""

    understanding: Estimate  # mean grade over 10, bootstrap over problems
    missing: int  # grades that no try brought
    judges: Sequence[Estimate]  # each judge's own mean
    kappa: float  # between the first two judges, quadratic weights; nan where it is undefined
    same_within_one: (
        Estimate  # share of answers on which the first two judges differ by one or less
    )
    agrees_with_tests: (
        Estimate  # share of grades that are at least PASSING just when the tests pass
    )


def question(problem: Problem, written: str, reference_first: bool) -> str:
    """The prompt for a judge."""
    parts = [
        REFERENCE.format(problem.reference.rstrip()),
        ANSWER.format(written.rstrip() or "(nothing)"),
    ]
    first, second = parts if reference_first else parts[::-1]
    return QUESTION.format(prompt=problem.prompt.rstrip(), first=first, second=second)


def parse(reply: str) -> int | None:
    """The grade at the end of a reply, or None where it has none or one out of range.

    >>> parse("It is right.\\nGrade: 9/10"), parse("Grade: 11"), parse("Grade: 7.5"), parse("good")
    (9, None, None, None)
    """
    found = re.findall(r"(?i)\bgrade\**\s*[:=]\s*\**\s*(-?\d+(?:[.,]\d+)?)", reply)
    return int(found[-1]) if found and found[-1].isdigit() and int(found[-1]) <= 10 else None


def grade(asked: Sequence[tuple[Problem, str]], judge: int, ask: Ask) -> list[Opinion]:
    """One judge's grades of (problem, answer) pairs; even judges read the reference first, odd ones the answer."""
    order = "answer" if judge % 2 else "reference"
    prompts = [question(problem, written, order == "reference") for problem, written in asked]
    found: dict[int, Opinion] = {}
    for attempt in range(1, TRIES + 1):
        open_ = [at for at in range(len(prompts)) if at not in found or found[at].grade is None]
        if not open_:
            break
        for at, reply in zip(open_, ask([prompts[at] for at in open_], attempt), strict=True):
            found[at] = Opinion(judge, order, reply.strip(), parse(reply), attempt)
    return [found[at] for at in range(len(prompts))]


def agreement(rows: Sequence[Any]) -> Graded:
    """What the grades add up to. Rows have task_id, sample, judge, grade and passed."""
    known = [row for row in rows if row["grade"] is not None]
    judges = sorted({row["judge"] for row in rows})
    by_task: dict[str, list[float]] = {}
    for row in known:
        by_task.setdefault(row["task_id"], []).append(row["grade"] / 10)
    pairs = _pairs(known)
    agree = [(row["grade"] >= PASSING) == row["passed"] for row in known]
    return Graded(
        mean([sum(grades) / len(grades) for grades in by_task.values()], "understanding"),
        len(rows) - len(known),
        [
            mean([row["grade"] / 10 for row in known if row["judge"] == judge], f"judge {judge}")
            for judge in judges
        ],
        weighted_kappa([a for a, _ in pairs], [b for _, b in pairs]) if pairs else float("nan"),
        wilson(sum(abs(a - b) <= 1 for a, b in pairs), len(pairs)),
        wilson(sum(agree), len(agree)),
    )


def _pairs(rows: Sequence[Any]) -> list[tuple[int, int]]:
    """The grades that judges 0 and 1 gave to the same answers."""
    by_answer: dict[tuple[str, int], dict[int, int]] = {}
    for row in rows:
        by_answer.setdefault((row["task_id"], row["sample"]), {})[row["judge"]] = row["grade"]
    return [(grades[0], grades[1]) for grades in by_answer.values() if 0 in grades and 1 in grades]
