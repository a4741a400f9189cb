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

from hornbook.generate.exercise import Exercise, examples
from hornbook.generate.mutants import mutants

if TYPE_CHECKING:
    from hornbook.sandbox import Job, Sandbox, Verdict

MUTANTS = 4  # a solution, drawn from all of its own: enough to see tests that catch nothing
LEAST_CAUGHT = 0.5
TIMEOUT_S = 2.0
MUTANT_S = 0.3  # a mutant that never ends is caught, and should be caught soon
MEMORY_MB = 256

Written = Sequence[Exercise | str]  # an exercise, or the reason why a text is none


@dataclass(frozen=True)
class Checked:
    """`reason` is "" for what may be learned from; `caught` of `mutants` were not let through."""

    reason: str = ""
    caught: int = 0
    mutants: int = 0


def check(box: Sandbox, written: Written, advance: Callable[[int], object]) -> list[Checked]:
    """A verdict for each exercise; what is a reason already stays one."""
    found = [Checked(each if isinstance(each, str) else "") for each in written]
    _gate(box, written, found, lambda each: each.tests, "its own tests")
    _gate(box, written, found, lambda each: examples(each.prompt, each.entry_point), "its examples")
    _bite(box, written, found)
    advance(len(found))
    return found


def _open(written: Written, found: Sequence[Checked]) -> list[tuple[int, Exercise]]:
    """Those that no gate has stopped yet."""
    return [
        (at, each)
        for at, each in enumerate(written)
        if isinstance(each, Exercise) and not found[at].reason
    ]


def _gate(
    box: Sandbox,
    written: Written,
    found: list[Checked],
    tests_of: Callable[[Exercise], str],
    what: str,
) -> None:
    """Run each open exercise against these tests; what has none passes."""
    asked = [(at, each, tests) for at, each in _open(written, found) if (tests := tests_of(each))]
    verdicts = box.run([_job(each.program, tests, each.entry_point) for _, each, tests in asked])
    for (at, _, _), verdict in zip(asked, verdicts, strict=True):
        if verdict.status != "passed":
            found[at] = Checked(f"{what} end with {_ended(verdict)}")


def _bite(box: Sandbox, written: Written, found: list[Checked]) -> None:
    """Count the mutants that each open exercise's tests catch."""
    asked = [
        (at, each, list(mutants(each.program, each.entry_point, MUTANTS)))
        for at, each in _open(written, found)
    ]
    jobs = [
        _job(mutant, each.tests, each.entry_point, MUTANT_S)
        for _, each, some in asked
        for mutant in some
    ]
    verdicts = box.run(jobs)
    for at, _, some in asked:
        caught = sum(next(verdicts).status != "passed" for _ in some)
        weak = bool(some) and caught < LEAST_CAUGHT * len(some)
        reason = f"its tests do not bite: {caught} of {len(some)} mutants caught" if weak else ""
        found[at] = Checked(reason, caught, len(some))


def _job(program: str, tests: str, entry_point: str, timeout_s: float = TIMEOUT_S) -> Job:
    from hornbook.sandbox import Job

    classes = (entry_point,) if re.search(rf"^class {entry_point}\b", program, re.MULTILINE) else ()
    return Job(
        program, tests, (entry_point,), timeout_s=timeout_s, memory_mb=MEMORY_MB, classes=classes
    )


def _ended(verdict: Verdict) -> str:
    """The verdict in words that do not differ from run to run: no addresses, no measured times."""
    if verdict.status not in ("failed", "error", "syntax"):
        return verdict.status
    reason = re.sub(r"0x[0-9a-fA-F]{6,}", "0x...", " ".join(verdict.reason.split()))[:200]
    return f"{verdict.status}: {reason}" if reason else verdict.status


def check_lessons(box: Sandbox, lessons: Sequence[Sequence[str] | str]) -> list[str]:
    """The reason why a lesson's code blocks do not run in order, or "". What is a reason already stays one."""
    from hornbook.sandbox import Job

    jobs = [
        Job("\n".join(blocks), timeout_s=TIMEOUT_S)
        for blocks in lessons
        if not isinstance(blocks, str)
    ]
    verdicts = box.run(jobs)
    found = []
    for blocks in lessons:
        if isinstance(blocks, str):
            found.append(blocks)
            continue
        verdict = next(verdicts)
        found.append("" if verdict.status == "passed" else f"its code ends with {_ended(verdict)}")
    return found
