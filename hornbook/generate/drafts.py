"""From constraints to exercises that are not checked yet: what is asked of a teacher, and what is made of its answers.

In: constraints (or exercises that are to become harder), a teacher, a sandbox. Out: a Draft each, an exercise or the
reason why there is none. A strong teacher is asked for everything at once. A weak one is shown examples as a chat, its
answer is begun for it, and what it says that its function gives is not believed: several solutions are sampled, and
the majority decides (agree.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hornbook import llm
from hornbook.generate import prompts
from hornbook.generate.agree import agree
from hornbook.generate.constraints import Constraint
from hornbook.generate.exercise import Exercise, parse, solution_of
from hornbook.llm import LLM, Prompt
from hornbook.stage import Desk

if TYPE_CHECKING:
    from hornbook.sandbox import Sandbox

COPIED = 0.9  # of another exercise's tokens, in their order: what is nearer is called a copy
WEAK_SOLUTIONS = 4  # of an exercise, its own among them
CALM = 0.5  # temperature of further solutions: they are to agree


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


def draft(how: Asking, constraints: Sequence[Constraint], desk: Desk, box: Sandbox) -> list[Draft]:
    """One exercise for each constraint."""
    asked: list[str | Prompt] = [
        prompts.led(each, how.shots) if how.solutions > 1 else prompts.exercise(each, how.shots) for each in constraints
    ]
    return _made(how, [Draft(each, "", "") for each in constraints], asked, desk, box)


def harder(how: Asking, before: Sequence[tuple[Constraint, Exercise]], desk: Desk, box: Sandbox) -> list[Draft]:
    """One harder exercise for each of these; the constraints say how hard."""
    asked: list[str | Prompt] = [prompts.harder(each, was.program, was.tests) for each, was in before]
    return _made(how, [Draft(each, "", "", parent=was.program) for each, was in before], asked, desk, box)


def _made(how: Asking, drafts: Sequence[Draft], asked: Sequence[str | Prompt], desk: Desk, box: Sandbox) -> list[Draft]:
    teacher = _led(how.teacher) if how.solutions > 1 else how.teacher
    answers = llm.complete(teacher, asked, desk, samples=[how.attempt] * len(asked))
    made = [
        replace(each, text=answer.text, found=_own(how, each, parse(answer.text)))
        for each, answer in zip(drafts, answers, strict=True)
    ]
    return _voted(how, made, desk, box) if how.solutions > 1 else made


def _led(teacher: LLM) -> LLM:
    return replace(teacher, stop=teacher.stop or prompts.LED_STOPS)


def _own(how: Asking, each: Draft, found: Exercise | str) -> Exercise | str:
    """The exercise, unless it is a copy of an example that was shown or of the one that was to become harder."""
    if isinstance(found, str):
        return found
    for shown in prompts.chosen(each.constraint, how.shots):
        if found.entry_point == shown.name or alike(found.solution, shown.solution) >= COPIED:
            return "a copy of the example that was shown"
    if each.parent and alike(found.program, each.parent) >= COPIED:
        return "no different from the easier one"
    return found


def alike(one: str, other: str) -> float:
    """1 for the same tokens in the same order, 0 for none in common (normalised insertions and deletions)."""
    from rapidfuzz.distance import Indel

    return float(Indel.normalized_similarity(one.split(), other.split()))


def _voted(how: Asking, made: Sequence[Draft], desk: Desk, box: Sandbox) -> list[Draft]:
    """The drafts with what most of several solutions agree on."""
    open_ = [(at, each, each.found) for at, each in enumerate(made) if isinstance(each.found, Exercise)]
    teacher = replace(_led(how.teacher), temperature=min(CALM, how.teacher.temperature))
    asked = [(prompts.again(each.constraint, how.shots, found.prompt), n) for _, each, found in open_
             for n in range(1, how.solutions)]  # fmt: skip
    desk.reporter.begin("more solutions", len(asked), "answers")
    samples = [how.attempt * how.solutions + number for _, number in asked]
    answers = iter(llm.complete(teacher, [prompt for prompt, _ in asked], desk, samples=samples))
    others = [
        [body for _ in range(1, how.solutions) if (body := solution_of(next(answers).text, found))]
        for _, _, found in open_
    ]
    result = list(made)
    for (at, each, _), verdict in zip(open_, agree(box, [found for _, _, found in open_], others), strict=True):
        result[at] = replace(each, found=verdict.exercise or verdict.reason, votes=verdict.votes)
    return result


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
