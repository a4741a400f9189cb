"""Exercises from a teacher that is led by the hand, because it is weak: it writes a sentence, then several solutions.

In: constraints. Out: a Draft each. Nothing that the teacher could get wrong is asked of it: the
signature is prefilled (types by a hash of the name), examples are shown as a chat in which it has
answered well, the docstring is one begun sentence, calls for the tests are made here from the
types, and what they give is what most solutions agree on. Measured with the embedded teacher: asked
for whole exercises after the same examples, 5 of 32 answers could be read as exercises at all and
none held; docs/log.md has what each step brought.
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
# Tokens end before the last space of an indentation. Begun with a whole line, 95 of 95 answers
# closed the fence at once; begun so, none can.
SOLUTION_START = "\n   "
SENTENCE_PATTERN = re.compile(r'"""\s*(.*?)(?:"""|>>>|\n\s*\n|\Z)', re.DOTALL)
MAX_CALLS = 8

SIGNATURES = (
    "text: str) -> str", "text: str) -> int", "text: str) -> bool", "text: str) -> list[str]",
    "text: str) -> dict[str, int]", "text: str, letter: str) -> int", "text: str, letter: str) -> str",
    "words: list[str]) -> list[str]", "words: list[str]) -> str", "words: list[str]) -> int",
    "words: list[str]) -> dict[str, int]", "words: list[str]) -> bool", "words: list[str], length: int) -> list[str]",
    "numbers: list[int]) -> int", "numbers: list[int]) -> list[int]", "numbers: list[int]) -> bool",
    "numbers: list[int], limit: int) -> list[int]", "numbers: list[int], limit: int) -> int",
    "number: int) -> int", "number: int) -> bool", "number: int) -> str", "number: int) -> list[int]",
    "first: int, second: int) -> int", "first: int, second: int) -> bool",
    "first: list[int], second: list[int]) -> list[int]", "counts: dict[str, int]) -> list[str]",
    "counts: dict[str, int]) -> int", "counts: dict[str, int], limit: int) -> dict[str, int]",
)  # fmt: skip
QUESTION_WORDS = (
    "is",
    "has",
    "are",
    "can",
    "all",
    "any",
    "same",
    "valid",
    "contains",
    "accepts",
    "passes",
)
NUMBER_WORDS = (
    "count",
    "sum",
    "total",
    "number",
    "max",
    "min",
    "longest",
    "shortest",
    "largest",
    "smallest",
    "product",
)

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
    """One exercise for each constraint, of what most of `how.solutions` solutions agree on."""
    requests = [
        prompts.build_scaffolded_prompt(each, choose_signature(each.function_name))
        for each in constraints
    ]
    teacher = replace(settings.teacher, max_tokens=SENTENCE_TOKENS, stop=prompts.SENTENCE_STOPS)
    answers = llm.complete_prompts(
        teacher, requests, ctx, samples=[settings.attempt] * len(requests)
    )
    drafts = [
        Draft(
            each,
            answer.text,
            build_unsolved_exercise(
                each.function_name,
                choose_signature(each.function_name),
                answer.text,
                answer.finish == "stop",
            ),
        )
        for each, answer in zip(constraints, answers, strict=True)
    ]
    pending = [at for at, each in enumerate(drafts) if isinstance(each.found, Exercise)]
    solutions = _ask_for_solutions(settings, [(drafts[at], requests[at]) for at in pending], ctx)
    exercises = [each for at in pending if isinstance(each := drafts[at].found, Exercise)]
    for at, verdict in zip(pending, majority_vote(box, exercises, solutions), strict=True):
        found = verdict.exercise or verdict.reason
        if isinstance(found, Exercise):
            found = _check_copied_example(found) or found
        text = (
            drafts[at].text
            if isinstance(found, Exercise)
            else _rejected_text(drafts[at], solutions[pending.index(at)])
        )
        drafts[at] = replace(drafts[at], found=found, votes=verdict.votes, text=text)
    return drafts


def _ask_for_solutions(
    settings: TeacherSettings, drafts: Sequence[tuple[Draft, Prompt]], ctx: RunContext
) -> list[list[str]]:
    """The bodies that the teacher gave each draft's function, several of each."""
    teacher: LLM = replace(
        settings.teacher, max_tokens=SOLUTION_TOKENS, stop=prompts.SOLUTION_STOPS
    )
    requests = [
        (replace(prompt, begins=f"```python\n{each.found.prompt.rstrip()}{SOLUTION_START}"), number)
        for each, prompt in drafts
        for number in range(settings.solutions)
        if isinstance(each.found, Exercise)
    ]
    ctx.reporter.begin(settings.title, len(requests), "solutions")
    numbers = [settings.attempt * settings.solutions + number for _, number in requests]
    answers = iter(
        llm.complete_prompts(teacher, [prompt for prompt, _ in requests], ctx, samples=numbers)
    )
    solutions = []
    for each, _ in drafts:
        assert isinstance(each.found, Exercise)
        solutions.append(
            [extract_solution(next(answers).text, each.found) for _ in range(settings.solutions)]
        )
    return solutions


def _check_copied_example(exercise: Exercise) -> str:
    """The reason to reject a copy of what was shown, or "": the same function under another name is one."""
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
    """What a rejected draft is kept as: its beginning and the first solution."""
    assert isinstance(draft.found, Exercise)
    return draft.found.prompt + next((each for each in solutions if each), "")


def build_unsolved_exercise(
    name: str, signature: str, text: str, is_complete: bool = False
) -> Exercise | str:
    """A function with the sentence that the teacher wrote, no solution yet, and calls in the place of tests.

    What follows the last full stop was cut off, unless the answer `ended` of itself.
    """
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
    """Parameters and result, by a hash of the name; what sounds like a question is answered by a bool."""
    first = name.partition("_")[0]
    result_type = "bool" if first in QUESTION_WORDS else "int" if first in NUMBER_WORDS else ""
    signatures = [
        each for each in SIGNATURES if each.endswith(f"-> {result_type}" if result_type else "")
    ]
    return signatures[int(hash_fraction("signature", name) * len(signatures))]


def make_calls(name: str, signature: str) -> list[str]:
    """Calls with values that suit the parameters."""
    pools = []
    for parameter, kind in re.findall(r"(\w+): (\w+)", signature.partition(")")[0]):
        pools.append(
            LIST_VALUES[parameter]
            if parameter in LIST_VALUES and kind == "list"
            else ARGUMENT_VALUES[parameter]
        )
    call_count = min(MAX_CALLS, max(len(pool) for pool in pools) + len(pools) - 1)
    argument_lists = [
        ", ".join(repr(pool[(i + i // len(pool)) % len(pool)]) for pool in pools)
        for i in range(call_count)
    ]
    return [f"{name}({each})" for each in dict.fromkeys(argument_lists)]
