"""Graded by a model, as in the paper's section 4: understanding, not only passing.

In: problems, answers, and judges (any language models). Out: for each answer and judge a short
evaluation and a grade from 0 to 10; the judges' agreement with each other and with the hidden
tests. One judge reads the reference first, the other the answer first, for the order alone moves
grades. A reply without a grade is asked for again, then missing: never zero. Not covered: whether a
judge is any good; the agreement with the tests, printed beside the score, tells.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook.intervals import Estimate, bootstrap_mean, measure_agreement, wilson_interval
from hornbook.llm.ask_until_parsed import AskPrompts, repeat_until_parsed

if TYPE_CHECKING:
    from hornbook.exams import Problem

MAX_TRIES = 3
# A grade of half or more is read as "the judge thinks it works" when compared with the tests.
PASSING_GRADE = 5

# The paper prints no prompt; it asks for "a short verbal evaluation followed by grades from 0 to
# 10" beside the correct solution. The rest is ours.
QUESTION_TEMPLATE = """\
You grade a student's answer to a Python exercise. Judge how well the student understood what was \
asked, whether the logic is right, and only then details.

The exercise:
```python
{prompt}
```
{first}
{second}
First write a short evaluation, three sentences at most. Then, on a line of its own, write \
"Grade: N", where N is a whole number from 0 (no understanding) to 10 (correct and complete)."""
REFERENCE_TEMPLATE = "A correct solution:\n```python\n{}\n```"
ANSWER_TEMPLATE = "The student's answer:\n```python\n{}\n```"


@dataclass(frozen=True)
class JudgeGrade:
    """One judge's view of one answer. A missing grade is None."""

    judge: int  # its place among the judges
    order: str  # which came first in the prompt: reference or answer
    evaluation: str
    grade: int | None
    tries: int


@dataclass(frozen=True)
class GradeSummary:
    """The paper's score and its reliability: agreement of the judges, and with the hidden tests."""

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


def make_judge_prompt(problem: Problem, answer: str, reference_first: bool) -> str:
    """The prompt for a judge."""
    sections = [
        REFERENCE_TEMPLATE.format(problem.reference.rstrip()),
        ANSWER_TEMPLATE.format(answer.rstrip() or "(nothing)"),
    ]
    first, second = sections if reference_first else sections[::-1]
    return QUESTION_TEMPLATE.format(prompt=problem.prompt.rstrip(), first=first, second=second)


def parse_grade(reply: str) -> int | None:
    """The grade at the end of a reply, or None where it has none or one out of range.

    >>> parse_grade("It is right.\\nGrade: 9/10"), parse_grade("Grade: 11")
    (9, None)
    >>> parse_grade("Grade: 7.5"), parse_grade("good")
    (None, None)
    """
    matches = re.findall(r"(?i)\bgrade\**\s*[:=]\s*\**\s*(-?\d+(?:[.,]\d+)?)", reply)
    return (
        int(matches[-1]) if matches and matches[-1].isdigit() and int(matches[-1]) <= 10 else None
    )


def grade_answers(
    problem_answers: Sequence[tuple[Problem, str]], judge_index: int, ask: AskPrompts
) -> list[JudgeGrade]:
    """One judge's grades of (problem, answer) pairs. Even judges read the reference first."""
    order = "answer" if judge_index % 2 else "reference"
    prompts = [
        make_judge_prompt(problem, answer, order == "reference")
        for problem, answer in problem_answers
    ]
    replies = repeat_until_parsed(prompts, parse_grade, range(1, MAX_TRIES + 1), ask)
    return [
        JudgeGrade(judge_index, order, reply.reply, reply.value, reply.attempt) for reply in replies
    ]


def summarise_grades(rows: Sequence[Any]) -> GradeSummary:
    """What the grades add up to. Rows have task_id, sample, judge, grade and passed."""
    graded_rows = [row for row in rows if row["grade"] is not None]
    judge_indexes = sorted({row["judge"] for row in rows})
    by_task: dict[str, list[float]] = {}
    for row in graded_rows:
        by_task.setdefault(row["task_id"], []).append(row["grade"] / 10)
    agreement = measure_agreement(_pair_grades(graded_rows))
    agreements = [(row["grade"] >= PASSING_GRADE) == row["passed"] for row in graded_rows]
    return GradeSummary(
        bootstrap_mean([sum(grades) / len(grades) for grades in by_task.values()], "understanding"),
        len(rows) - len(graded_rows),
        [
            bootstrap_mean(
                [row["grade"] / 10 for row in graded_rows if row["judge"] == judge_index],
                f"judge {judge_index}",
            )
            for judge_index in judge_indexes
        ],
        agreement.kappa,
        agreement.within_one,
        wilson_interval(sum(agreements), len(agreements)),
    )


def _pair_grades(rows: Sequence[Any]) -> list[tuple[int, int]]:
    """The grades that judges 0 and 1 gave to the same answers."""
    by_answer: dict[tuple[str, int], dict[int, int]] = {}
    for row in rows:
        by_answer.setdefault((row["task_id"], row["sample"]), {})[row["judge"]] = row["grade"]
    return [(grades[0], grades[1]) for grades in by_answer.values() if 0 in grades and 1 in grades]
