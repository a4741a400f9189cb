"""Run exercises and textbook sections in the sandbox before a model may learn from them.

In: exercises, or the code blocks of sections. Out: a verdict for each, with a rejection reason or
"", and the number of mutants that an exercise's tests catch. The gates, in order:

1. the exercise's own tests pass;
2. the examples of its docstring hold;
3. its tests catch at least MIN_CAUGHT_SHARE of its mutants.

Not covered: whether the docstring describes the function; only its examples are checked.
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

# Sampled from all mutants of a solution; enough to see tests that catch nothing.
MUTANTS_PER_EXERCISE = 4
MIN_CAUGHT_SHARE = 0.5
TIMEOUT_S = 2.0
MUTANT_TIMEOUT_S = 0.3  # a mutant that never ends is caught, and should be caught soon
MEMORY_MB = 256

Candidates = Sequence[Exercise | str]  # an exercise, or the reason why there is none


@dataclass(frozen=True)
class GateResult:
    """The result of the gates: why it is rejected ("": accepted), and the mutants caught."""

    reason: str = ""
    caught: int = 0
    mutants: int = 0


def check_exercises(
    box: Sandbox, candidates: Candidates, advance: Callable[[int], object]
) -> list[GateResult]:
    """A verdict per candidate; a candidate that is a rejection reason keeps it."""
    results = [
        GateResult(candidate if isinstance(candidate, str) else "") for candidate in candidates
    ]
    _run_gate(box, candidates, results, lambda candidate: candidate.tests, "its own tests")
    _run_gate(
        box,
        candidates,
        results,
        lambda candidate: examples_as_tests(candidate.prompt, candidate.entry_point),
        "its examples",
    )
    _count_caught_mutants(box, candidates, results)
    advance(len(results))
    return results


def _list_open(candidates: Candidates, results: Sequence[GateResult]) -> list[tuple[int, Exercise]]:
    """(index, exercise) of those that no gate has rejected yet."""
    return [
        (i, candidate)
        for i, candidate in enumerate(candidates)
        if isinstance(candidate, Exercise) and not results[i].reason
    ]


def _run_gate(
    box: Sandbox,
    candidates: Candidates,
    results: list[GateResult],
    get_tests: Callable[[Exercise], str],
    subject: str,
) -> None:
    """Run each open exercise against these tests; an exercise without tests passes."""
    indexes: list[int] = []
    jobs: list[ProgramJob] = []
    for i, exercise in _list_open(candidates, results):
        tests = get_tests(exercise)
        if tests:
            indexes.append(i)
            jobs.append(_make_job(exercise.program, tests, exercise.entry_point))
    for i, verdict in zip(indexes, box.run_jobs(jobs), strict=True):
        if verdict.status != "passed":
            results[i] = GateResult(f"{subject} end with {_describe_verdict(verdict)}")


def _count_caught_mutants(box: Sandbox, candidates: Candidates, results: list[GateResult]) -> None:
    """Count the mutants that each open exercise's tests catch."""
    mutant_counts: list[tuple[int, int]] = []
    jobs: list[ProgramJob] = []
    for i, exercise in _list_open(candidates, results):
        mutants = list(
            generate_mutants(exercise.program, exercise.entry_point, MUTANTS_PER_EXERCISE)
        )
        mutant_counts.append((i, len(mutants)))
        jobs += [
            _make_job(mutant, exercise.tests, exercise.entry_point, MUTANT_TIMEOUT_S)
            for mutant in mutants
        ]
    verdicts = box.run_jobs(jobs)
    for i, n_mutants in mutant_counts:
        caught = sum(next(verdicts).status != "passed" for _ in range(n_mutants))
        reason = ""
        # A solution without any mutant, such as `return text`, passes.
        if n_mutants and caught < MIN_CAUGHT_SHARE * n_mutants:
            reason = f"its tests do not bite: {caught} of {n_mutants} mutants caught"
        results[i] = GateResult(reason, caught, n_mutants)


def _make_job(
    program: str, tests: str, entry_point: str, timeout_s: float = TIMEOUT_S
) -> ProgramJob:
    from hornbook.sandbox import ProgramJob

    # Instances of a class are asked how they add and compare; functions need not be.
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
    """Why a section's code blocks do not run in order, or ""; an earlier reason stays."""
    from hornbook.sandbox import ProgramJob

    # One program per section: later blocks use the names of earlier ones.
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
