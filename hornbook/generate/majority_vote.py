"""Solutions by majority, for a teacher that is weak: what more than half of its solutions agree on is taken for right.

In: an exercise as it was begun, several solutions of it. Out: the exercise with the solution that
the most agree with, its examples and tests rewritten to what that solution gives; or the reason why
there is none. The calls come from the exercise's own tests and examples. Of what its teacher claims
that they give, if it claims anything, something must be true: else the text and the code have
nothing to do with each other. Of the first seven exercises on which two or more of five solutions
of the embedded teacher agreed, the two with three votes and more were right, of the five with two
one was. Not covered: a misunderstanding that most of them share.
"""

from __future__ import annotations

import ast
import doctest
import json
import re
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hornbook.generate.exercise import Exercise

if TYPE_CHECKING:
    from hornbook.sandbox import Sandbox

FEWEST_CALLS = 3
MOST_CALLS = 8  # the sandbox keeps 4 KiB of what a program prints
LONGEST = 300  # characters of a value
SHOWN = 2  # examples in the docstring
TIMEOUT_S = 1.0

Outcome = tuple[str | None, ...]  # the repr of what each call gave; None where it raised


@dataclass(frozen=True)
class Agreed:
    """`exercise` is None where `reason` says why; `votes` solutions gave the same."""

    exercise: Exercise | None
    votes: int = 0
    reason: str = ""


def agree(
    box: Sandbox, drafts: Sequence[Exercise], solutions: Sequence[Sequence[str]]
) -> list[Agreed]:
    """For each draft and the solutions of its prompt ("" where there is none), the exercise that most of them make."""
    from hornbook.sandbox import Job

    asked = [calls(draft) for draft in drafts]
    jobs = [
        Job(_watched(draft.prompt + solution, some), timeout_s=TIMEOUT_S, memory_mb=256)
        for draft, some, texts in zip(drafts, asked, solutions, strict=True)
        for solution in texts
        if solution
    ]
    verdicts = box.run(jobs)
    found = []
    for draft, some, texts in zip(drafts, asked, solutions, strict=True):
        outcomes = [_outcome(next(verdicts).output if each else "", len(some)) for each in texts]
        found.append(elected(draft, texts, some, outcomes))
    return found


def elected(
    draft: Exercise, solutions: Sequence[str], some: Sequence[str], outcomes: Sequence[Outcome]
) -> Agreed:
    """The exercise of the largest group of solutions with one outcome; the first written of them stands for it."""
    if len(some) < FEWEST_CALLS:
        return Agreed(None, 0, "fewer than three calls in its tests and examples")
    groups = Counter(outcome for outcome in outcomes if any(value is not None for value in outcome))
    if not groups:
        return Agreed(None, 0, "no solution runs")
    outcome, votes = groups.most_common(1)[0]
    if 2 * votes <= len(solutions):
        return Agreed(None, votes, "its solutions do not agree")
    known = {
        call: value
        for call, value in zip(some, outcome, strict=True)
        if value is not None and _plain(value)
    }
    if len(known) < FEWEST_CALLS or len(set(known.values())) < 2:
        return Agreed(None, votes, "its calls show too little")
    if _gives_back(known):
        return Agreed(None, votes, "gives back what it was given")
    claimed = claims(draft)
    if claimed and not any(known.get(call) == value for call, value in claimed):
        return Agreed(None, votes, "nothing that it claims holds")
    prompt = with_examples(draft, list(known.items())[:SHOWN])
    if prompt is None:
        return Agreed(None, votes, "its docstring cannot be rewritten")
    prompt = retyped(prompt, list(known.values()))
    tests = "".join(f"assert {call} == {value}\n" for call, value in known.items())
    solution = solutions[outcomes.index(outcome)]
    return Agreed(replace(draft, prompt=prompt, solution=solution, tests=tests), votes)


def retyped(prompt: str, values: Sequence[str]) -> str:
    """The prompt with the result's annotation set right, where it says another type than all the values have.

    >>> retyped("def f(a: int) -> list[int]:\\n", ["1.5", "2.0"])
    'def f(a: int) -> float:\\n'
    """
    kinds = {type(ast.literal_eval(value)).__name__ for value in values}
    said = re.search(r"\) -> (\w+)[^:\n]*:\n", prompt)
    if len(kinds) != 1 or said is None or said.group(1) in kinds or "NoneType" in kinds:
        return prompt
    return prompt[: said.start()] + f") -> {kinds.pop()}:\n" + prompt[said.end() :]


def _gives_back(known: Mapping[str, str]) -> bool:
    return all(
        any(ast.unparse(a) == value for a in _call(call).args) for call, value in known.items()
    )


def _call(text: str) -> ast.Call:
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.Call)
    return node


def calls(draft: Exercise) -> list[str]:
    """The calls with plain arguments in an exercise's examples and tests, each once."""
    found = [
        ast.unparse(node)
        for text in (_sources(draft.prompt), draft.tests)
        for node in ast.walk(_parsed(text))
        if isinstance(node, ast.Call) and _is_call(node, draft.entry_point)
    ]
    return list(dict.fromkeys(found))[:MOST_CALLS]


def claims(draft: Exercise) -> list[tuple[str, str]]:
    """(call, repr of the value) as the teacher says it, in tests `f(x) == value` and in examples."""
    pairs = []
    for node in ast.walk(_parsed(draft.tests)):
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.ops[0], ast.Eq)
            and _is_call(node.left, draft.entry_point)
        ):
            pairs.append((ast.unparse(node.left), ast.unparse(node.comparators[0])))
    for example in _examples(draft.prompt):
        tree = _parsed(example.source)
        if (
            len(tree.body) == 1
            and isinstance(tree.body[0], ast.Expr)
            and _is_call(tree.body[0].value, draft.entry_point)
        ):
            pairs.append((ast.unparse(tree.body[0].value), example.want.strip()))
    return [(call, _same_form(value)) for call, value in pairs]


def with_examples(draft: Exercise, shown: Sequence[tuple[str, str]]) -> str | None:
    """The prompt with these examples in the place of the docstring's own; None where that cannot be written."""
    node = next(
        n for n in _parsed(draft.prompt).body if getattr(n, "name", "") == draft.entry_point
    )
    assert isinstance(node, ast.FunctionDef)
    prose = (ast.get_docstring(node) or "").split(">>>")[0].rstrip()
    lines = prose.split("\n")
    while lines and lines[-1].strip().lower().rstrip("s:") in ("", "example", "usage", "doctest"):
        lines.pop()
    text = "\n".join([*lines, "", *(f">>> {call}\n{value}" for call, value in shown), ""])
    if not lines or '"""' in text:
        return None
    head = draft.prompt.splitlines(keepends=True)[: node.body[0].lineno - 1]
    quoted = '"""' + text.replace("\\", "\\\\") + '"""\n'
    return "".join(head) + textwrap.indent(quoted, "    ")


def _watched(program: str, some: Sequence[str]) -> str:
    """The program, and each call's repr printed as a line of JSON."""
    return f"""{program}

def _watch():
    import json
    for call in {list(some)!r}:
        try:
            said = repr(eval(call))
        except Exception:
            said = None
        print(json.dumps(["watched", said if said is None or len(said) <= {LONGEST} else None]))

_watch()
"""


def _outcome(output: str, number: int) -> Outcome:
    said: list[str | None] = []
    for line in output.splitlines():
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, list) and len(told) == 2 and told[0] == "watched":
            said.append(told[1])
    return tuple((said + [None] * number)[:number])


def _plain(value: str) -> bool:
    """Whether a repr is a literal that gives itself back; a set's order is not the same in two processes."""
    try:
        read = ast.literal_eval(value)
        has_set = any(isinstance(node, ast.Set | ast.Call) for node in ast.walk(ast.parse(value)))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    return not has_set and repr(read) == value


def _same_form(value: str) -> str:
    try:
        return repr(ast.literal_eval(value))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value


def _is_call(node: ast.AST, entry_point: str) -> bool:
    if not (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == entry_point
    ):
        return False
    try:
        for each in (*node.args, *(keyword.value for keyword in node.keywords)):
            ast.literal_eval(each)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _examples(prompt: str) -> list[doctest.Example]:
    functions = [node for node in _parsed(prompt).body if isinstance(node, ast.FunctionDef)]
    try:
        return doctest.DocTestParser().get_examples(
            (functions and ast.get_docstring(functions[-1])) or ""
        )
    except ValueError:
        return []


def _sources(prompt: str) -> str:
    return "".join(example.source for example in _examples(prompt))


def _parsed(text: str) -> ast.Module:
    """The syntax tree; of a prompt with a body put under it; empty where it is none."""
    for body in ("", "    pass\n"):
        try:
            return ast.parse(text + body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return ast.Module(body=[], type_ignores=[])
