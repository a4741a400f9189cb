"""Ask a teacher for exercises and parse its answers; nothing is run yet.

In: constraints (or exercises that are to become harder), a teacher. Out: a Draft each, an exercise
or the reason why there is none. A strong teacher is asked for everything at once; led.py is the way
for a weak one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hornbook import llm
from hornbook.frame.stage import RunContext
from hornbook.generate import prompts
from hornbook.generate.constraints import Constraint
from hornbook.generate.exercise import Exercise, parse_exercise
from hornbook.llm import LLM

# Share of another exercise's tokens, in order, from which an exercise counts as a copy.
COPY_SIMILARITY = 0.9
WEAK_TEACHER_SOLUTIONS = 5  # of an exercise, to vote


@dataclass(frozen=True)
class Draft:
    """The result of one request: an exercise that is not run yet, or the reason why there is none.

    `parent` is the program that was to become harder.
    """

    constraint: Constraint
    text: str
    exercise: Exercise | None = None
    rejection: str = ""
    votes: int = 0
    parent: str = ""

    @property
    def candidate(self) -> Exercise | str:
        """The exercise, or the reason why there is none: what the gates take."""
        return self.exercise if self.exercise is not None else self.rejection

    def with_candidate(self, candidate: Exercise | str, **changes: Any) -> Draft:
        """The draft with this exercise, or rejected for this reason."""
        if isinstance(candidate, Exercise):
            return replace(self, exercise=candidate, rejection="", **changes)
        return replace(self, exercise=None, rejection=candidate, **changes)


@dataclass(frozen=True)
class TeacherSettings:
    """How a teacher is asked: examples shown, solutions per exercise (1: its own), and the try."""

    teacher: LLM
    shots: int
    solutions: int
    attempt: int = 0
    title: str = ""  # under which progress is told


def draft_exercises(
    settings: TeacherSettings, constraints: Sequence[Constraint], ctx: RunContext
) -> list[Draft]:
    """One exercise for each constraint."""
    requests = [
        prompts.build_exercise_prompt(constraint, settings.shots) for constraint in constraints
    ]
    return _ask_and_parse(
        settings, [Draft(constraint, "") for constraint in constraints], requests, ctx
    )


def draft_harder(
    settings: TeacherSettings, easier: Sequence[tuple[Constraint, Exercise]], ctx: RunContext
) -> list[Draft]:
    """One harder exercise for each of these; the constraints say how hard."""
    requests = [
        prompts.build_harder_prompt(constraint, exercise.program, exercise.tests)
        for constraint, exercise in easier
    ]
    new_drafts = [Draft(constraint, "", parent=exercise.program) for constraint, exercise in easier]
    return _ask_and_parse(settings, new_drafts, requests, ctx)


def _ask_and_parse(
    settings: TeacherSettings, drafts: Sequence[Draft], requests: Sequence[str], ctx: RunContext
) -> list[Draft]:
    answers = llm.complete_prompts(
        settings.teacher, requests, ctx, samples=[settings.attempt] * len(requests)
    )
    parsed_drafts = []
    for draft, answer in zip(drafts, answers, strict=True):
        candidate = parse_exercise(answer.text)
        if isinstance(candidate, Exercise):
            rejection = check_copied_example(draft.constraint, settings.shots, candidate)
            candidate = rejection or candidate
        if (
            isinstance(candidate, Exercise)
            and draft.parent
            and token_similarity(candidate.program, draft.parent) >= COPY_SIMILARITY
        ):
            candidate = "no different from the easier one"
        parsed_drafts.append(draft.with_candidate(candidate, text=answer.text))
    return parsed_drafts


def check_copied_example(constraint: Constraint, shots: int, exercise: Exercise) -> str:
    """The reason to reject a copy of an example that was shown, or ""."""
    for example in prompts.choose_examples(constraint, shots):
        if (
            exercise.entry_point == example.name
            or token_similarity(exercise.solution, example.solution) >= COPY_SIMILARITY
        ):
            return "a copy of the example that was shown"
    return ""


def token_similarity(one: str, other: str) -> float:
    """1 for the same tokens in order, 0 for none in common (normalised indel similarity)."""
    from rapidfuzz.distance import Indel

    return float(Indel.normalized_similarity(one.split(), other.split()))


def mark_near_duplicates(drafts: Sequence[Draft], earlier_programs: Sequence[str]) -> list[Draft]:
    """The drafts; those that nearly equal an earlier draft or program are rejected."""
    programs, result = list(earlier_programs), []
    for draft in drafts:
        if draft.exercise is not None:
            program = draft.exercise.program
            if any(token_similarity(program, other) >= COPY_SIMILARITY for other in programs):
                draft = draft.with_candidate("nearly the same as another one")
            else:
                programs.append(program)
        result.append(draft)
    return result
