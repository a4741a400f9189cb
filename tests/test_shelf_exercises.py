"""The seed shelf's exercises: form, examples, hidden tests, and mutants that the tests catch."""

from __future__ import annotations

import ast
import doctest
import signal
from collections import Counter

import pyarrow as pa
import pytest

from hornbook import exams
from hornbook.exams.handwritten import HandwrittenExercise
from hornbook.generate.exercise import Exercise
from hornbook.generate.mutants import generate_mutants
from hornbook.generate.run_drafts import check_exercises
from hornbook.sandbox import Sandbox
from hornbook.scrub.nearest_records import find_nearest
from hornbook.seed import read_exercises, vocabulary
from hornbook.seed.sections import read_sections

SHELF = list(read_exercises())
by_file = pytest.mark.parametrize("path", sorted({exercise.path for exercise in SHELF}))


def exercises_of_file(path: str) -> list[HandwrittenExercise]:
    return [exercise for exercise in SHELF if exercise.path == path]


def parse_definition(exercise: HandwrittenExercise) -> ast.FunctionDef | ast.ClassDef:
    node = ast.parse(exercise.prompt + exercise.solution).body[-1]
    assert isinstance(node, (ast.FunctionDef, ast.ClassDef))
    return node


def test_the_shelf_holds_four_hundred_exercises_on_fifty_topics_with_unique_names() -> None:
    assert len(SHELF) >= 400
    assert len({exercise.topic for exercise in SHELF}) >= 50
    names = Counter(exercise.name for exercise in SHELF)
    assert [name for name, count in names.items() if count > 1] == []


def test_every_topic_of_the_shelf_is_a_leaf_or_a_branch_of_the_topic_tree() -> None:
    leaves = set(vocabulary.read_topics())
    tree = leaves | {leaf.partition(" / ")[0] for leaf in leaves}
    shelf = {item.path: item.topic for item in (*SHELF, *read_sections())}
    assert {path: topic for path, topic in shelf.items() if topic not in tree} == {}


@by_file
def test_every_exercise_explains_itself_and_shows_two_examples(path: str) -> None:
    for exercise in exercises_of_file(path):
        docstring = ast.get_docstring(parse_definition(exercise)) or ""
        prose = docstring.split(">>>")[0].split()
        shown = [
            example for example in doctest.DocTestParser().get_examples(docstring) if example.want
        ]
        assert len(prose) >= 8, exercise.name
        assert len(shown) >= 2, exercise.name


@by_file
def test_every_parameter_and_result_has_a_type(path: str) -> None:
    for exercise in exercises_of_file(path):
        for function in ast.walk(parse_definition(exercise)):
            if isinstance(function, ast.FunctionDef):
                hints = [
                    a.annotation
                    for a in function.args.args + function.args.kwonlyargs
                    if a.arg not in ("self", "cls")
                ]
                assert function.returns is not None and None not in hints, exercise.name


@by_file
def test_every_exercise_has_at_least_four_asserts(path: str) -> None:
    for exercise in exercises_of_file(path):
        nodes = list(ast.walk(ast.parse(exercise.tests)))
        checks = sum(isinstance(node, ast.Assert) for node in nodes) + sum(
            isinstance(node, ast.Try) for node in nodes
        )
        assert 4 <= checks <= 10, f"{exercise.name}: {checks}"


@by_file
def test_every_example_and_every_hidden_test_holds(path: str) -> None:
    for exercise in exercises_of_file(path):
        namespace: dict[str, object] = {"__name__": "shelf"}
        run_source(exercise.prompt + exercise.solution, namespace)
        docstring = namespace[exercise.name].__doc__ or ""
        examples = doctest.DocTestParser().get_doctest(
            docstring, dict(namespace), exercise.name, path, 0
        )
        report: list[str] = []
        assert doctest.DocTestRunner(verbose=False).run(examples, out=report.append).failed == 0, (
            "".join(report)
        )
        run_source(exercise.tests, namespace, f"{exercise.name}.tests")


def test_openings_vary() -> None:
    docstrings = (ast.get_docstring(parse_definition(exercise)) or "" for exercise in SHELF)
    openings = Counter(" ".join(docstring.split()[:3]).lower() for docstring in docstrings)
    assert [opening for opening, count in openings.items() if count > 8] == []


@pytest.mark.slow
def test_hidden_tests_catch_most_mutants() -> None:
    verdicts = [
        (exercise, is_caught(exercise, mutant))
        for exercise in SHELF
        for mutant in generate_mutants(exercise.prompt + exercise.solution, exercise.name)
    ]
    share = sum(verdict for _, verdict in verdicts) / len(verdicts)
    alive = Counter(exercise.name for exercise, verdict in verdicts if not verdict)
    print(f"{share:.3f} of {len(verdicts)} mutants caught; most alive: {alive.most_common(12)}")
    names = {exercise.name for exercise, _ in verdicts}
    names_with_caught_mutants = {exercise.name for exercise, verdict in verdicts if verdict}
    assert share >= 0.6
    assert names == names_with_caught_mutants


@pytest.mark.slow
def test_the_sandbox_lets_every_exercise_pass() -> None:
    """There the program and its tests are two processes: tests can only use values that cross."""
    exercises = [Exercise(item.name, item.prompt, item.solution, item.tests) for item in SHELF]
    with Sandbox() as box:
        verdicts = check_exercises(box, exercises, lambda n_checked: None)
    reasons = {item.name: verdict.reason for item, verdict in zip(SHELF, verdicts, strict=True)}
    assert {name: reason for name, reason in reasons.items() if reason} == {}


@pytest.mark.network
def test_a_scrubber_finds_nothing_like_humaneval_on_the_shelf() -> None:
    texts = {f"{item.path} {item.name}": item.prompt + item.solution for item in SHELF}
    for section in read_sections():
        texts[section.path] = "".join(block.code for block in section.blocks)
    rows = [
        {"id": path, "text": text, "origin": "", "path": path, "start": 1}
        for path, text in texts.items()
    ]
    matches = find_nearest(exams.load_exam("humaneval"), pa.Table.from_pylist(rows), top=2)
    assert [
        (match.task_id, match.path)
        for match in matches
        if match.by == "words" or match.value >= 0.9
    ] == []


def is_caught(exercise: HandwrittenExercise, mutant: str) -> bool:
    namespace: dict[str, object] = {"__name__": "shelf"}
    previous = signal.signal(signal.SIGALRM, raise_took_too_long)
    signal.setitimer(signal.ITIMER_REAL, 0.3)
    try:
        run_source(mutant, namespace)
        run_source(exercise.tests, namespace)
    except (Exception, TookTooLong):
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    return False


def run_source(source: str, namespace: dict[str, object], name: str = "shelf") -> None:
    """Run a source without this file's `from __future__ import annotations`.

    Data classes could not resolve such annotations in a bare namespace.
    """
    exec(compile(source, name, "exec", dont_inherit=True), namespace)  # noqa: S102


class TookTooLong(BaseException):
    """Not an Exception, so that a solution's own handler does not catch it."""


def raise_took_too_long(_signal: int, _frame: object) -> None:
    raise TookTooLong
