"""Grades from models: two orders, replies asked for again, missing never zero, agreement printed beside the score."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from hornbook.exams import Problem
from hornbook.verify import grading as g

PROBLEM = Problem(
    "U/0",
    "def f(x):\n    '''Twice x.'''\n",
    "f",
    "    return 2 * x\n",
    "assert f(2) == 4\n",
    "Twice x.",
)


@pytest.mark.parametrize(
    ("reply", "found"),
    [
        ("It is right.\nGrade: 9", 9),
        ("Grade: 0", 0),
        ("**Grade:** 10/10", 10),
        ("grade = 3 out of 10", 3),
        ("A first guess is Grade: 2, but no.\nGrade: 8", 8),
        ("Grade: 11", None),
        ("Grade: -1", None),
        ("Grade: 7.5", None),
        ("Grade: N", None),
        ("I give it a 7.", None),
        ("", None),
        ("The upgrade: 5 is nice", None),
    ],
)
def test_a_grade_is_a_whole_number_from_0_to_10_or_missing(reply: str, found: int | None) -> None:
    assert g.parse_grade(reply) == found


def test_the_second_judge_reads_the_answer_before_the_reference() -> None:
    prompts: list[str] = []

    def ask(asked: Sequence[str], attempt: int) -> list[str]:
        prompts.extend(asked)
        return ["Fine.\nGrade: 5"] * len(asked)

    grades = [g.grade_answers([(PROBLEM, "    return x + x\n")], judge, ask)[0] for judge in (0, 1)]
    assert [each.order for each in grades] == ["reference", "answer"]
    first, second = ([p.index("2 * x"), p.index("x + x")] for p in prompts)
    assert first[0] < first[1] and second[0] > second[1]


def test_a_malformed_grade_is_asked_for_again_and_then_missing() -> None:
    asked: list[int] = []

    def ask(prompts: Sequence[str], attempt: int) -> list[str]:
        asked.append(len(prompts))
        return ["no grade"] if len(prompts) == 1 else ["Grade: 4", "no grade"]

    good, bad = g.grade_answers([(PROBLEM, "a"), (PROBLEM, "b")], 0, ask)
    assert asked == [2, 1, 1]
    assert (good.grade, good.tries, bad.grade, bad.tries) == (4, 1, None, 3)


def make_rows(*grades: tuple[str, int | None, int | None, bool]) -> list[dict[str, object]]:
    return [
        {"task_id": task, "sample": 0, "judge": judge, "grade": grade, "passed": passed}
        for task, *both, passed in grades
        for judge, grade in enumerate(both)
    ]


def test_a_missing_grade_is_counted_and_does_not_pull_the_score_down() -> None:
    found = g.summarise_grades(make_rows(("a", 10, None, True), ("b", 10, 10, True)))
    assert found.missing == 1 and found.understanding.value == 1.0 and found.understanding.n == 2


def test_judges_and_tests_that_agree_are_told_from_those_that_do_not() -> None:
    good = g.summarise_grades(
        make_rows(("a", 9, 9, True), ("b", 1, 2, False), ("c", 8, 8, True), ("d", 0, 0, False))
    )
    poor = g.summarise_grades(
        make_rows(("a", 9, 0, False), ("b", 0, 9, True), ("c", 9, 1, False), ("d", 2, 9, False))
    )
    assert (
        good.kappa > 0.9
        and good.agrees_with_tests.value == 1.0
        and good.same_within_one.value == 1.0
    )
    assert (
        poor.kappa < 0 and poor.agrees_with_tests.value == 0.5 and poor.same_within_one.value == 0.0
    )


def test_no_grade_at_all_is_no_score() -> None:
    found = g.summarise_grades(make_rows(("a", None, None, True)))
    assert math.isnan(found.understanding.value) and found.missing == 2 and math.isnan(found.kappa)
