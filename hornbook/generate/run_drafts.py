"""Exercises and lessons, earned by execution: each is run in the sandbox before anybody learns from it.

In: exercises (or lessons' code blocks). Out: a verdict each: "" for what may be learned from, else
the reason; and the share of mutants that an exercise's tests catch. The gates, in order: its own
tests pass, its examples hold, its tests bite. Not covered: whether the docstring says what the
function does; examples that were run are all the evidence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hornbook.generate.exercise import Exercise, examples_as_tests
from hornbook.generate.mutants import generate_mutants

if TYPE_CHECKING:
    from hornbook.sandbox import ProgramJob, Sandbox, Verdict

MUTANTS_PER_EXERCISE = (
    4  # a solution, drawn from all of its own: enough to see tests that catch nothing
)
MIN_CAUGHT_SHARE = 0.5
TIMEOUT_S = 2.0
MUTANT_TIMEOUT_S = 0.3  # a mutant that never ends is caught, and should be caught soon
MEMORY_MB = 256

Candidates = Sequence[Exercise | str]  # an exercise, or the reason why a text is none


@dataclass(frozen=True)
class GateResult:
    """`reason` is "" for what may be learned from; `caught` of `mutants` were not let through."""

    reason: str = ""
    caught: int = 0
    mutants: int = 0


def check_exercises(
    box: Sandbox, candidates: Candidates, advance: Callable[[int], object]
) -> list[GateResult]:
    """A verdict for each exercise; what is a reason already stays one."""
    results = [GateResult(each if isinstance(each, str) else "") for each in candidates]
    _run_gate(box, candidates, results, lambda each: each.tests, "its own tests")
    _run_gate(
        box,
        candidates,
        results,
        lambda each: examples_as_tests(each.prompt, each.entry_point),
        "its examples",
    )
    _count_caught_mutants(box, candidates, results)
    advance(len(results))
    return results


def _list_open(candidates: Candidates, results: Sequence[GateResult]) -> list[tuple[int, Exercise]]:
    """Those that no gate has stopped yet."""
    return [
        (at, each)
        for at, each in enumerate(candidates)
        if isinstance(each, Exercise) and not results[at].reason
    ]


def _run_gate(
    box: Sandbox,
    candidates: Candidates,
    results: list[GateResult],
    get_tests: Callable[[Exercise], str],
    subject: str,
) -> None:
    """Run each open exercise against these tests; what has none passes."""
    tested = [
        (at, each, tests)
        for at, each in _list_open(candidates, results)
        if (tests := get_tests(each))
    ]
    verdicts = box.run_jobs(
        [_make_job(each.program, tests, each.entry_point) for _, each, tests in tested]
    )
    for (at, _, _), verdict in zip(tested, verdicts, strict=True):
        if verdict.status != "passed":
            results[at] = GateResult(f"{subject} end with {_describe_verdict(verdict)}")


def _count_caught_mutants(box: Sandbox, candidates: Candidates, results: list[GateResult]) -> None:
    """Count the mutants that each open exercise's tests catch."""
    asked = [
        (at, each, list(generate_mutants(each.program, each.entry_point, MUTANTS_PER_EXERCISE)))
        for at, each in _list_open(candidates, results)
    ]
    jobs = [
        _make_job(mutant, each.tests, each.entry_point, MUTANT_TIMEOUT_S)
        for _, each, some in asked
        for mutant in some
    ]
    verdicts = box.run_jobs(jobs)
    for at, _, some in asked:
        caught = sum(next(verdicts).status != "passed" for _ in some)
        weak = bool(some) and caught < MIN_CAUGHT_SHARE * len(some)
        reason = f"its tests do not bite: {caught} of {len(some)} mutants caught" if weak else ""
        results[at] = GateResult(reason, caught, len(some))


def _make_job(
    program: str, tests: str, entry_point: str, timeout_s: float = TIMEOUT_S
) -> ProgramJob:
    from hornbook.sandbox import ProgramJob

    classes = (entry_point,) if re.search(rf"^class {entry_point}\b", program, re.MULTILINE) else ()
    return ProgramJob(
        program, tests, (entry_point,), timeout_s=timeout_s, memory_mb=MEMORY_MB, classes=classes
    )


def _describe_verdict(verdict: Verdict) -> str:
    """The verdict in words that do not differ from run to run: no addresses, no measured times."""
    if verdict.status not in ("failed", "error", "syntax"):
        return verdict.status
    reason = re.sub(r"0x[0-9a-fA-F]{6,}", "0x...", " ".join(verdict.reason.split()))[:200]
    return f"{verdict.status}: {reason}" if reason else verdict.status


def check_lessons(box: Sandbox, lessons: Sequence[Sequence[str] | str]) -> list[str]:
    """The reason why a lesson's code blocks do not run in order, or "". What is a reason already stays one."""
    from hornbook.sandbox import ProgramJob

    jobs = [
        ProgramJob("\n".join(blocks), timeout_s=TIMEOUT_S)
        for blocks in lessons
        if not isinstance(blocks, str)
    ]
    verdicts = box.run_jobs(jobs)
    reasons = []
    for blocks in lessons:
        if isinstance(blocks, str):
            reasons.append(blocks)
            continue
        verdict = next(verdicts)
        reasons.append(
            "" if verdict.status == "passed" else f"its code ends with {_describe_verdict(verdict)}"
        )
    return reasons
