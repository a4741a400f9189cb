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
from hornbook.frame.stage import Desk
from hornbook.generate import prompts
from hornbook.generate.constraints import Constraint
from hornbook.generate.drafts import COPIED, Asking, Draft, alike
from hornbook.generate.exercise import FEWEST_WORDS, Exercise, solution_of
from hornbook.generate.majority_vote import agree
from hornbook.llm import LLM, Prompt
from hornbook.records import share

if TYPE_CHECKING:
    from hornbook.sandbox import Sandbox

SENTENCE_TOKENS, SOLUTION_TOKENS = 48, 80
# Tokens end before the last space of an indentation. Begun with a whole line, 95 of 95 answers
# closed the fence at once; begun so, none can.
INDENTED = "\n   "
SENTENCE = re.compile(r'"""\s*(.*?)(?:"""|>>>|\n\s*\n|\Z)', re.DOTALL)
MOST_CALLS = 8

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
QUESTIONS = (
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
NUMBERS = (
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

VALUES: dict[str, Sequence[Any]] = {
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
LISTS: dict[str, Sequence[Any]] = {
    "first": [[1, 2, 3], [4, 5], [], [2, 2, 9]],
    "second": [[3, 4], [5], [1, 2], []],
}


def led(how: Asking, constraints: Sequence[Constraint], desk: Desk, box: Sandbox) -> list[Draft]:
    """One exercise for each constraint, of what most of `how.solutions` solutions agree on."""
    asked = [prompts.led(each, signature(each.function_name)) for each in constraints]
    teacher = replace(how.teacher, max_tokens=SENTENCE_TOKENS, stop=prompts.SENTENCE_STOPS)
    answers = llm.complete(teacher, asked, desk, samples=[how.attempt] * len(asked))
    drafts = [
        Draft(
            each,
            answer.text,
            begun(
                each.function_name,
                signature(each.function_name),
                answer.text,
                answer.finish == "stop",
            ),
        )
        for each, answer in zip(constraints, answers, strict=True)
    ]
    open_ = [at for at, each in enumerate(drafts) if isinstance(each.found, Exercise)]
    solutions = _solutions(how, [(drafts[at], asked[at]) for at in open_], desk)
    exercises = [each for at in open_ if isinstance(each := drafts[at].found, Exercise)]
    for at, verdict in zip(open_, agree(box, exercises, solutions), strict=True):
        found = verdict.exercise or verdict.reason
        if isinstance(found, Exercise):
            found = _copied(found) or found
        text = (
            drafts[at].text
            if isinstance(found, Exercise)
            else _looked_at(drafts[at], solutions[open_.index(at)])
        )
        drafts[at] = replace(drafts[at], found=found, votes=verdict.votes, text=text)
    return drafts


def _solutions(how: Asking, drafts: Sequence[tuple[Draft, Prompt]], desk: Desk) -> list[list[str]]:
    """The bodies that the teacher gave each draft's function, several of each."""
    teacher: LLM = replace(how.teacher, max_tokens=SOLUTION_TOKENS, stop=prompts.SOLUTION_STOPS)
    asked = [
        (replace(prompt, begins=f"```python\n{each.found.prompt.rstrip()}{INDENTED}"), number)
        for each, prompt in drafts
        for number in range(how.solutions)
        if isinstance(each.found, Exercise)
    ]
    desk.reporter.begin(how.title, len(asked), "solutions")
    numbers = [how.attempt * how.solutions + number for _, number in asked]
    answers = iter(llm.complete(teacher, [prompt for prompt, _ in asked], desk, samples=numbers))
    found = []
    for each, _ in drafts:
        assert isinstance(each.found, Exercise)
        found.append([solution_of(next(answers).text, each.found) for _ in range(how.solutions)])
    return found


def _copied(found: Exercise) -> str:
    """The reason to reject a copy of what was shown, or "": the same function under another name is one."""
    parameter = found.prompt.partition("(")[2].partition(":")[0]
    for name, program in prompts.primer(parameter):
        body = program.partition('"""')[2].partition('"""')[2]
        if found.entry_point == name or alike(found.solution, body) >= COPIED:
            return "a copy of an example that was shown"
    return ""


def _looked_at(draft: Draft, solutions: Sequence[str]) -> str:
    """What a rejected draft is kept as: its beginning and the first solution."""
    assert isinstance(draft.found, Exercise)
    return draft.found.prompt + next((each for each in solutions if each), "")


def begun(name: str, types: str, text: str, ended: bool = False) -> Exercise | str:
    """A function with the sentence that the teacher wrote, no solution yet, and calls in the place of tests.

    What follows the last full stop was cut off, unless the answer `ended` of itself.
    """
    found = SENTENCE.search(text)
    prose = " ".join(found.group(1).split()) if found else ""
    ended = ended or bool(found and found.group(0).endswith('"""'))
    if not prose.endswith("."):
        prose = prose[: prose.rfind(".") + 1] or (f"{prose}." if ended and prose else "")
    if len(prose.split()) < FEWEST_WORDS:
        return "the docstring explains nothing"
    if "\\" in prose or '"' in prose[-2:]:
        return "its docstring cannot be rewritten"
    quoted = textwrap.fill(f'"""{prose}"""', 110, initial_indent="    ", subsequent_indent="    ")
    return Exercise(
        name,
        f"def {name}({types}:\n{quoted}\n",
        "",
        "".join(f"{call}\n" for call in calls(name, types)),
    )


def signature(name: str) -> str:
    """Parameters and result, by a hash of the name; what sounds like a question is answered by a bool."""
    first = name.partition("_")[0]
    wanted = "bool" if first in QUESTIONS else "int" if first in NUMBERS else ""
    fitting = [each for each in SIGNATURES if each.endswith(f"-> {wanted}" if wanted else "")]
    return fitting[int(share("signature", name) * len(fitting))]


def calls(name: str, types: str) -> list[str]:
    """Calls with values that suit the parameters."""
    pools = []
    for parameter, kind in re.findall(r"(\w+): (\w+)", types.partition(")")[0]):
        pools.append(
            LISTS[parameter] if parameter in LISTS and kind == "list" else VALUES[parameter]
        )
    number = min(MOST_CALLS, max(len(pool) for pool in pools) + len(pools) - 1)
    made = [
        ", ".join(repr(pool[(at + at // len(pool)) % len(pool)]) for pool in pools)
        for at in range(number)
    ]
    return [f"{name}({each})" for each in dict.fromkeys(made)]
