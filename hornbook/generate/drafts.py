"""Ask a teacher for exercises and parse its answers; nothing is run yet.

In: constraints (or exercises that are to become harder), a teacher. Out: one Draft for each, with
an exercise or a rejection reason. This is the way for a strong teacher, which writes the whole
exercise in one answer; scaffolded.py is the way for a weak one.
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
WEAK_TEACHER_SOLUTIONS = 5  # solutions per exercise that vote


@dataclass(frozen=True)
class Draft:
    """The result of one request: an exercise that is not run yet, or the reason why there is none.

    Exactly one of `exercise` and `rejection` is set, except before the answer is there.
    """

    constraint: Constraint
    text: str  # the teacher's answer
    exercise: Exercise | None = None
    rejection: str = ""  # why there is no exercise
    votes: int = 0  # solutions that agree with the one kept
    parent: str = ""  # the program that was to become harder

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
    """How a teacher is asked."""

    teacher: LLM
    shots: int  # examples in each prompt
    solutions: int  # per exercise; 1: the one in the answer
    attempt: int = 0  # 0 for the first try
    title: str = ""  # heading of the progress line


def draft_exercises(
    settings: TeacherSettings, constraints: Sequence[Constraint], ctx: RunContext
) -> list[Draft]:
    """Ask for one exercise per constraint."""
    requests = [
        prompts.build_exercise_prompt(constraint, settings.shots) for constraint in constraints
    ]
    return _ask_and_parse(
        settings, [Draft(constraint, "") for constraint in constraints], requests, ctx
    )


def draft_harder(
    settings: TeacherSettings, easier: Sequence[tuple[Constraint, Exercise]], ctx: RunContext
) -> list[Draft]:
    """Ask for a harder version of each exercise; its constraint has the new difficulty."""
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


def token_similarity(text: str, other_text: str) -> float:
    """1 for the same tokens in order, 0 for none in common (normalised indel similarity).

    >>> token_similarity("return a + b", "return a - b")
    0.75
    """
    from rapidfuzz.distance import Indel

    return float(Indel.normalized_similarity(text.split(), other_text.split()))


def mark_near_duplicates(drafts: Sequence[Draft], earlier_programs: Sequence[str]) -> list[Draft]:
    """Reject drafts whose program nearly equals an earlier draft's or one of `earlier_programs`."""
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
