"""Scaffolded exercises for a weak teacher: it writes one sentence, then several solutions.

In: constraints. Out: one Draft for each. The teacher is asked only for what it can do:

- The signature is prefilled, with types by a hash of the name.
- Few-shot examples are earlier turns of the chat with good answers.
- The docstring is one sentence, which the prompt begins.
- The calls of the tests are made here from the types.
- Their expected values are those that most solutions agree on.

Measured with the embedded teacher: asked for whole exercises after the same examples, 5 of 32
answers could be parsed as exercises, and none passed the gates. docs/log.md has the gain of each
step.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hornbook import llm
from hornbook.frame.stage import RunContext
from hornbook.generate import prompts
from hornbook.generate.constraints import Constraint
from hornbook.generate.drafts import COPY_SIMILARITY, Draft, TeacherSettings, token_similarity
from hornbook.generate.exercise import MIN_DOCSTRING_WORDS, Exercise, extract_solution
from hornbook.generate.majority_vote import majority_vote
from hornbook.llm import LLM, Prompt
from hornbook.records import hash_fraction

if TYPE_CHECKING:
    from hornbook.sandbox import Sandbox

SENTENCE_TOKENS, SOLUTION_TOKENS = 48, 80
# Tokens end before the last space of an indentation. After a whole line, 95 of 95 answers closed
# the fence at once; after this start, none can.
SOLUTION_START = "\n   "
SENTENCE_PATTERN = re.compile(r'"""\s*(.*?)(?:"""|>>>|\n\s*\n|\Z)', re.DOTALL)
MAX_CALLS = 8  # as in majority_vote.py

SIGNATURES = (
    "text: str) -> str", "text: str) -> int", "text: str) -> bool", "text: str) -> list[str]",
    "text: str) -> dict[str, int]", "text: str, letter: str) -> int",
    "text: str, letter: str) -> str",
    "words: list[str]) -> list[str]", "words: list[str]) -> str", "words: list[str]) -> int",
    "words: list[str]) -> dict[str, int]", "words: list[str]) -> bool",
    "words: list[str], length: int) -> list[str]",
    "numbers: list[int]) -> int", "numbers: list[int]) -> list[int]", "numbers: list[int]) -> bool",
    "numbers: list[int], limit: int) -> list[int]", "numbers: list[int], limit: int) -> int",
    "number: int) -> int", "number: int) -> bool", "number: int) -> str",
    "number: int) -> list[int]",
    "first: int, second: int) -> int", "first: int, second: int) -> bool",
    "first: list[int], second: list[int]) -> list[int]", "counts: dict[str, int]) -> list[str]",
    "counts: dict[str, int]) -> int", "counts: dict[str, int], limit: int) -> dict[str, int]",
)  # fmt: skip
# First words of function names that have a bool result, and of those that have an int result.
QUESTION_WORDS = (
    "is", "has", "are", "can", "all", "any", "same", "valid", "contains", "accepts", "passes",
)  # fmt: skip
NUMBER_WORDS = (
    "count", "sum", "total", "number", "max", "min", "longest", "shortest", "largest", "smallest",
    "product",
)  # fmt: skip

# Argument values by parameter name, empty and edge cases among them.
ARGUMENT_VALUES: dict[str, Sequence[Any]] = {
    "text": ["banana", "Hello World", "", "a", "two blue kites", "level", "x1y22", "Mississippi"],
    "letter": ["a", "l", "z", "i"],
    "words": [
        ["apple", "fig", "apple"],
        ["kite"],
        [],
        ["Owl", "hen", "ox", "owl"],
        ["level", "noon", "tree"],
    ],
    "numbers": [[3, 1, 2], [5], [], [4, -2, 4, 0, 7], [10, 20, 30, 40], [-1, -5, -3]],
    "number": [7, 0, 1, 12, 100, 25, 6],
    "first": [6, 1, 10, 0, 9, 15],
    "second": [4, 3, 5, 7, 9],
    "limit": [3, 10, 0, 5],
    "length": [3, 4, 1],
    "counts": [{"pen": 3, "ink": 1}, {"cup": 2}, {}, {"ant": 5, "bee": 2, "cow": 5}],
}
LIST_VALUES: dict[str, Sequence[Any]] = {
    "first": [[1, 2, 3], [4, 5], [], [2, 2, 9]],
    "second": [[3, 4], [5], [1, 2], []],
}


def draft_scaffolded(
    settings: TeacherSettings, constraints: Sequence[Constraint], ctx: RunContext, box: Sandbox
) -> list[Draft]:
    """One exercise per constraint, by the majority of `settings.solutions` solutions."""
    requests = [
        prompts.build_scaffolded_prompt(constraint, choose_signature(constraint.function_name))
        for constraint in constraints
    ]
    teacher = replace(settings.teacher, max_tokens=SENTENCE_TOKENS, stop=prompts.SENTENCE_STOPS)
    answers = llm.complete_prompts(
        teacher, requests, ctx, samples=[settings.attempt] * len(requests)
    )
    drafts = []
    for constraint, answer in zip(constraints, answers, strict=True):
        unsolved = build_unsolved_exercise(
            constraint.function_name,
            choose_signature(constraint.function_name),
            answer.text,
            answer.finish == "stop",
        )
        drafts.append(Draft(constraint, answer.text).with_candidate(unsolved))
    pending: list[int] = []
    unsolved_exercises: list[Exercise] = []
    for i, draft in enumerate(drafts):
        # A draft without a sentence is rejected already.
        if draft.exercise is not None:
            pending.append(i)
            unsolved_exercises.append(draft.exercise)
    pending_requests = [requests[i] for i in pending]
    solutions = _ask_for_solutions(settings, unsolved_exercises, pending_requests, ctx)
    votes = majority_vote(box, unsolved_exercises, solutions)
    for i, draft_solutions, vote in zip(pending, solutions, votes, strict=True):
        candidate: Exercise | str = vote.exercise or vote.reason
        if isinstance(candidate, Exercise):
            candidate = _check_copied_example(candidate) or candidate
        text = drafts[i].text
        if not isinstance(candidate, Exercise):
            text = _rejected_text(drafts[i], draft_solutions)
        drafts[i] = drafts[i].with_candidate(candidate, votes=vote.votes, text=text)
    return drafts


def _ask_for_solutions(
    settings: TeacherSettings,
    exercises: Sequence[Exercise],
    prompts_shown: Sequence[Prompt],
    ctx: RunContext,
) -> list[list[str]]:
    """`settings.solutions` function bodies from the teacher for each exercise."""
    teacher: LLM = replace(
        settings.teacher, max_tokens=SOLUTION_TOKENS, stop=prompts.SOLUTION_STOPS
    )
    requests: list[Prompt] = []
    samples: list[int] = []
    first_sample = settings.attempt * settings.solutions
    for exercise, prompt in zip(exercises, prompts_shown, strict=True):
        begins = f"```python\n{exercise.prompt.rstrip()}{SOLUTION_START}"
        requests += [replace(prompt, begins=begins)] * settings.solutions
        samples += range(first_sample, first_sample + settings.solutions)
    ctx.reporter.begin(settings.title, len(requests), "solutions")
    answers = iter(llm.complete_prompts(teacher, requests, ctx, samples=samples))
    return [
        [extract_solution(next(answers).text, exercise) for _ in range(settings.solutions)]
        for exercise in exercises
    ]


def _check_copied_example(exercise: Exercise) -> str:
    """The reason to reject a copy of an example, also under another name; or ""."""
    parameter = exercise.prompt.partition("(")[2].partition(":")[0]
    for name, program in prompts.select_few_shot_examples(parameter):
        body = program.partition('"""')[2].partition('"""')[2]
        if (
            exercise.entry_point == name
            or token_similarity(exercise.solution, body) >= COPY_SIMILARITY
        ):
            return "a copy of an example that was shown"
    return ""


def _rejected_text(draft: Draft, solutions: Sequence[str]) -> str:
    """The text kept for a rejected draft: its prompt and the first solution."""
    assert draft.exercise is not None
    return draft.exercise.prompt + next(filter(None, solutions), "")


def build_unsolved_exercise(
    name: str, signature: str, text: str, is_complete: bool = False
) -> Exercise | str:
    """A function with the teacher's sentence as docstring, no solution, and calls instead of tests.

    Text after the last full stop is cut off, unless the answer `is_complete`.
    """
    # The text of an answer includes its prefilled start, so that the opening quotes are there.
    match_ = SENTENCE_PATTERN.search(text)
    prose = " ".join(match_.group(1).split()) if match_ else ""
    is_complete = is_complete or bool(match_ and match_.group(0).endswith('"""'))
    if not prose.endswith("."):
        prose = prose[: prose.rfind(".") + 1] or (f"{prose}." if is_complete and prose else "")
    if len(prose.split()) < MIN_DOCSTRING_WORDS:
        return "the docstring explains nothing"
    if "\\" in prose or '"' in prose[-2:]:
        return "its docstring cannot be rewritten"
    quoted = textwrap.fill(f'"""{prose}"""', 110, initial_indent="    ", subsequent_indent="    ")
    return Exercise(
        name,
        f"def {name}({signature}:\n{quoted}\n",
        "",
        "".join(f"{call}\n" for call in make_calls(name, signature)),
    )


def choose_signature(name: str) -> str:
    """Parameters and result by a hash of the name; a name like a question has a bool result."""
    first = name.partition("_")[0]
    result_type = ""
    if first in QUESTION_WORDS:
        result_type = "bool"
    elif first in NUMBER_WORDS:
        result_type = "int"
    signatures = [
        signature
        for signature in SIGNATURES
        if not result_type or signature.endswith(f"-> {result_type}")
    ]
    return signatures[int(hash_fraction("signature", name) * len(signatures))]


def make_calls(name: str, signature: str) -> list[str]:
    """Calls of the function with argument values that suit the parameters.

    >>> make_calls("triple", "number: int) -> int")[:2]
    ['triple(7)', 'triple(0)']
    """
    pools = []
    for parameter, type_name in re.findall(r"(\w+): (\w+)", signature.partition(")")[0]):
        if parameter in LIST_VALUES and type_name == "list":
            pools.append(LIST_VALUES[parameter])
        else:
            pools.append(ARGUMENT_VALUES[parameter])
    call_count = min(MAX_CALLS, max(len(pool) for pool in pools) + len(pools) - 1)
    argument_lists = [
        # The shift by i // len(pool) pairs other values when a pool starts again.
        ", ".join(repr(pool[(i + i // len(pool)) % len(pool)]) for pool in pools)
        for i in range(call_count)
    ]
    return [f"{name}({arguments})" for arguments in dict.fromkeys(argument_lists)]
