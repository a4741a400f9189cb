"""From constraints to exercises that are not checked yet: what is asked of a teacher, and what is made of its answers.

In: constraints (or exercises that are to become harder), a teacher. Out: a Draft each, an exercise
or the reason why there is none. A strong teacher is asked for everything at once; led.py is the way
for a weak one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hornbook import llm
from hornbook.frame.stage import RunContext
from hornbook.generate import prompts
from hornbook.generate.constraints import Constraint
from hornbook.generate.exercise import Exercise, parse_exercise
from hornbook.llm import LLM

COPY_SIMILARITY = (
    0.9  # of another exercise's tokens, in their order: what is nearer is called a copy
)
WEAK_TEACHER_SOLUTIONS = 5  # of an exercise, to vote


@dataclass(frozen=True)
class Draft:
    """What came of one request. `parent` is the program that was to become harder."""

    constraint: Constraint
    text: str
    found: Exercise | str
    votes: int = 0
    parent: str = ""


@dataclass(frozen=True)
class TeacherSettings:
    """How a teacher is asked: examples shown, solutions an exercise (1: its own is enough), which of several tries."""

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
        settings, [Draft(constraint, "", "") for constraint in constraints], requests, ctx
    )


def draft_harder(
    settings: TeacherSettings, easier: Sequence[tuple[Constraint, Exercise]], ctx: RunContext
) -> list[Draft]:
    """One harder exercise for each of these; the constraints say how hard."""
    requests = [prompts.build_harder_prompt(each, was.program, was.tests) for each, was in easier]
    return _ask_and_parse(
        settings, [Draft(each, "", "", parent=was.program) for each, was in easier], requests, ctx
    )


def _ask_and_parse(
    settings: TeacherSettings, drafts: Sequence[Draft], requests: Sequence[str], ctx: RunContext
) -> list[Draft]:
    answers = llm.complete_prompts(
        settings.teacher, requests, ctx, samples=[settings.attempt] * len(requests)
    )
    parsed_drafts = []
    for draft, answer in zip(drafts, answers, strict=True):
        found = parse_exercise(answer.text)
        if isinstance(found, Exercise):
            found = check_copied_example(draft.constraint, settings.shots, found) or found
        if (
            isinstance(found, Exercise)
            and draft.parent
            and token_similarity(found.program, draft.parent) >= COPY_SIMILARITY
        ):
            found = "no different from the easier one"
        parsed_drafts.append(replace(draft, text=answer.text, found=found))
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
    """1 for the same tokens in the same order, 0 for none in common (normalised insertions and deletions)."""
    from rapidfuzz.distance import Indel

    return float(Indel.normalized_similarity(one.split(), other.split()))


def mark_near_duplicates(drafts: Sequence[Draft], earlier_programs: Sequence[str]) -> list[Draft]:
    """The drafts, those marked that are nearly one before them or one of the known programs."""
    programs, result = list(earlier_programs), []
    for draft in drafts:
        if isinstance(draft.found, Exercise):
            program = draft.found.program
            if any(token_similarity(program, other) >= COPY_SIMILARITY for other in programs):
                draft = replace(draft, found="nearly the same as another one")
            else:
                programs.append(program)
        result.append(draft)
    return result
