"""Correct programs and their tests give the same result in two processes as in one."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest
from sandbox_kinds import CARRIED, NOT_CARRIED

from hornbook.sandbox import ProgramJob, Sandbox, SandboxUnavailable, Verdict

if sys.platform != "linux":
    pytest.skip("the sandbox refuses elsewhere", allow_module_level=True)


@pytest.fixture(scope="module")
def box() -> Iterator[Sandbox]:
    try:
        with Sandbox() as sandbox:
            yield sandbox
    except SandboxUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def verdicts(box: Sandbox) -> dict[str, Verdict]:
    kinds = CARRIED | NOT_CARRIED
    jobs = [
        ProgramJob(code, tests, names, classes=classes)
        for names, classes, code, tests in kinds.values()
    ]
    return dict(zip(kinds, box.run_jobs(jobs), strict=True))


@pytest.mark.parametrize("name", CARRIED)
def test_an_honest_program_passes(verdicts: dict[str, Verdict], name: str) -> None:
    assert verdicts[name].status == "passed", verdicts[name]


@pytest.mark.parametrize("name", NOT_CARRIED)
def test_what_the_header_calls_not_covered_still_fails(
    verdicts: dict[str, Verdict], name: str
) -> None:
    """One that passes now belongs in CARRIED, and no longer in the header."""
    assert verdicts[name].status in ("failed", "error"), verdicts[name]


@pytest.mark.slow
def test_every_exercise_of_the_shelf_passes_its_tests_and_its_examples(box: Sandbox) -> None:
    from hornbook.generate.exercise import examples_as_tests
    from hornbook.seed import read_exercises

    jobs = []
    for exercise in read_exercises():
        classes = (exercise.name,) if f"class {exercise.name}" in exercise.prompt else ()
        for label, tests in (
            ("tests", exercise.tests),
            ("examples", examples_as_tests(exercise.prompt, exercise.name)),
        ):
            if tests:
                job = ProgramJob(
                    exercise.prompt + exercise.solution, tests, (exercise.name,), classes=classes
                )
                jobs.append((f"{exercise.name}: {label}", job))
    failures = []
    verdicts = box.run_jobs(job for _, job in jobs)
    for (label, _), verdict in zip(jobs, verdicts, strict=True):
        if verdict.status != "passed":
            failures.append((label, verdict.reason))
    assert failures == []
