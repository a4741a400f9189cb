"""From constraints to exercises that are not checked yet: what is asked of a teacher, and what is made of its answers.

In: constraints (or exercises that are to become harder), a teacher. Out: a Draft each, an exercise
or the reason why there is none. A strong teacher is asked for everything at once; led.py is the way
for a weak one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hornbook import llm
from hornbook.frame.stage import Desk
from hornbook.generate import prompts
from hornbook.generate.constraints import Constraint
from hornbook.generate.exercise import Exercise, parse
from hornbook.llm import LLM

COPIED = 0.9  # of another exercise's tokens, in their order: what is nearer is called a copy
WEAK_SOLUTIONS = 5  # of an exercise, to vote


@dataclass(frozen=True)
class Draft:
    """What came of one request. `parent` is the program that was to become harder."""

    constraint: Constraint
    text: str
    found: Exercise | str
    votes: int = 0
    parent: str = ""


@dataclass(frozen=True)
class Asking:
    """How a teacher is asked: examples shown, solutions an exercise (1: its own is enough), which of several tries."""

    teacher: LLM
    shots: int
    solutions: int
    attempt: int = 0
    title: str = ""  # under which progress is told


def draft(how: Asking, constraints: Sequence[Constraint], desk: Desk) -> list[Draft]:
    """One exercise for each constraint."""
    asked = [prompts.exercise(each, how.shots) for each in constraints]
    return _made(how, [Draft(each, "", "") for each in constraints], asked, desk)


def harder(how: Asking, before: Sequence[tuple[Constraint, Exercise]], desk: Desk) -> list[Draft]:
    """One harder exercise for each of these; the constraints say how hard."""
    asked = [prompts.harder(each, was.program, was.tests) for each, was in before]
    return _made(
        how, [Draft(each, "", "", parent=was.program) for each, was in before], asked, desk
    )


def _made(how: Asking, drafts: Sequence[Draft], asked: Sequence[str], desk: Desk) -> list[Draft]:
    answers = llm.complete(how.teacher, asked, desk, samples=[how.attempt] * len(asked))
    made = []
    for each, answer in zip(drafts, answers, strict=True):
        found = parse(answer.text)
        if isinstance(found, Exercise):
            found = copied(each.constraint, how.shots, found) or found
        if (
            isinstance(found, Exercise)
            and each.parent
            and alike(found.program, each.parent) >= COPIED
        ):
            found = "no different from the easier one"
        made.append(replace(each, text=answer.text, found=found))
    return made


def copied(constraint: Constraint, shots: int, found: Exercise) -> str:
    """The reason to reject a copy of an example that was shown, or ""."""
    for shown in prompts.chosen(constraint, shots):
        if found.entry_point == shown.name or alike(found.solution, shown.solution) >= COPIED:
            return "a copy of the example that was shown"
    return ""


def alike(one: str, other: str) -> float:
    """1 for the same tokens in the same order, 0 for none in common (normalised insertions and deletions)."""
    from rapidfuzz.distance import Indel

    return float(Indel.normalized_similarity(one.split(), other.split()))


def without_doubles(drafts: Sequence[Draft], known: Sequence[str]) -> list[Draft]:
    """The drafts, those marked that are nearly one before them or one of the known programs."""
    programs, result = list(known), []
    for each in drafts:
        if isinstance(each.found, Exercise):
            program = each.found.program
            if any(alike(program, other) >= COPIED for other in programs):
                each = replace(each, found="nearly the same as another one")
            else:
                programs.append(program)
        result.append(each)
    return result
