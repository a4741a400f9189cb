"""Our own exam: problems explain themselves, hidden tests bite, and nothing like them is known."""

from __future__ import annotations

import ast
import doctest

import pyarrow as pa
import pytest

from hornbook import exams
from hornbook.generate.exercise import Exercise
from hornbook.generate.run_drafts import check_exercises
from hornbook.sandbox import Sandbox
from hornbook.scrub.nearest_records import find_nearest

PROBLEMS = exams.load_exam("unconventional")


def test_there_are_fifty_problems_and_their_source_is_a_digest() -> None:
    assert (
        len({problem.task_id for problem in PROBLEMS})
        == 50
        == exams.PROBLEM_COUNTS["unconventional"]
    )
    assert exams.describe_source("unconventional").startswith("unconventional sha256:")


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda each: each.entry_point)
def test_a_problem_shows_two_examples_and_its_prompt_does_not_show_the_answer(
    problem: exams.Problem,
) -> None:
    shown = [
        example for example in doctest.DocTestParser().get_examples(problem.text) if example.want
    ]
    assert len(shown) == 2
    assert len(problem.text.split(">>>")[0].split()) >= 30
    assert problem.reference.strip() not in problem.prompt
    tested = sum(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(problem.tests)))
    assert tested >= 4, "two of them may be the examples: the others are hidden"


def test_references_pass_their_tests_and_examples_and_the_tests_catch_mutants() -> None:
    written = [
        Exercise(each.entry_point, each.prompt, each.reference, each.tests) for each in PROBLEMS
    ]
    with Sandbox() as box:
        verdicts = check_exercises(box, written, lambda number: None)
    assert {
        each.entry_point: v.reason for each, v in zip(written, verdicts, strict=True) if v.reason
    } == {}
    caught, made = sum(v.caught for v in verdicts), sum(v.mutants for v in verdicts)
    assert caught / made > 0.85


def find_similar(exam: list[exams.Problem]) -> dict[tuple[str, str], float]:
    """What the detectors of words and trees find between our problems and an exam's, itself left out."""
    rows = [
        {"id": each.task_id, "text": each.solution, "origin": "", "path": each.task_id, "start": 1}
        for each in PROBLEMS
    ]
    found = find_nearest(exam, pa.Table.from_pylist(rows), top=2)
    return {
        (each.by, f"{each.task_id} {each.path}"): each.value
        for each in found
        if each.task_id != each.path
    }


def test_no_two_problems_are_variants_of_each_other() -> None:
    assert find_similar(PROBLEMS) == {}


@pytest.mark.network
def test_a_scrubber_finds_nothing_like_them_in_humaneval() -> None:
    assert find_similar(exams.load_exam("humaneval")) == {}
