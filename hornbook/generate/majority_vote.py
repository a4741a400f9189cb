"""Self-consistency for weak teachers: the majority outcome of the solutions counts as right.

In: an exercise without a solution, and several solutions of it. Out: the exercise with the
majority's solution, and with examples and tests rewritten to its values; or a rejection reason.

The calls come from the exercise's own tests and examples. If the teacher claims values for them, at
least one claim must be true: otherwise text and code are unrelated. A majority is more than half of
the solutions. Of the first seven exercises on which two or more of five solutions of the embedded
teacher agreed, the two with three or more votes were right, and one of the five with two votes was.

Not covered: a misunderstanding that most solutions share.
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

MIN_CALLS = 3
# The sandbox keeps 4 KiB of a program's output. MAX_CALLS values of MAX_VALUE_CHARS fit in it.
MAX_CALLS = 8
MAX_VALUE_CHARS = 300
DOCSTRING_EXAMPLES = 2
TIMEOUT_S = 1.0

Outcome = tuple[str | None, ...]  # the repr of each call's value; None: it raised or is too long


@dataclass(frozen=True)
class VoteResult:
    """The exercise or the reason why there is none; `votes` solutions have equal outcomes."""

    exercise: Exercise | None
    votes: int = 0
    reason: str = ""


def majority_vote(
    box: Sandbox, drafts: Sequence[Exercise], solutions: Sequence[Sequence[str]]
) -> list[VoteResult]:
    """Run each exercise's solutions and build the exercise of the majority.

    Args:
        drafts: exercises without a solution, whose tests and examples have the calls.
        solutions: for each draft, bodies of its function; "" for an answer without one.
    """
    from hornbook.sandbox import ProgramJob

    calls_by_draft = [extract_calls(draft) for draft in drafts]
    jobs: list[ProgramJob] = []
    for draft, calls, texts in zip(drafts, calls_by_draft, solutions, strict=True):
        programs = [
            _add_outcome_printer(draft.prompt + solution, calls) for solution in texts if solution
        ]
        jobs += [ProgramJob(program, timeout_s=TIMEOUT_S, memory_mb=256) for program in programs]
    verdicts = box.run_jobs(jobs)
    results = []
    for draft, calls, texts in zip(drafts, calls_by_draft, solutions, strict=True):
        outcomes = [
            _parse_outcome(next(verdicts).output if text else "", len(calls)) for text in texts
        ]
        results.append(count_votes(draft, texts, calls, outcomes))
    return results


def count_votes(
    draft: Exercise, solutions: Sequence[str], calls: Sequence[str], outcomes: Sequence[Outcome]
) -> VoteResult:
    """The exercise of the largest group of solutions with equal outcomes, by its first solution."""
    if len(calls) < MIN_CALLS:
        return VoteResult(None, 0, "fewer than three calls in its tests and examples")
    # A solution that raises on every call does not vote.
    groups = Counter(outcome for outcome in outcomes if any(value is not None for value in outcome))
    if not groups:
        return VoteResult(None, 0, "no solution runs")
    outcome, votes = groups.most_common(1)[0]
    # More than half of all solutions, also of those that did not run.
    if 2 * votes <= len(solutions):
        return VoteResult(None, votes, "its solutions do not agree")
    values_by_call = {
        call: value
        for call, value in zip(calls, outcome, strict=True)
        if value is not None and _is_plain_literal(value)
    }
    # One value for all calls is often the empty list or False: such tests accept a stub.
    if len(values_by_call) < MIN_CALLS or len(set(values_by_call.values())) < 2:
        return VoteResult(None, votes, "its calls show too little")
    if _returns_an_argument(values_by_call):
        return VoteResult(None, votes, "gives back what it was given")
    claims = extract_claims(draft)
    # A weak teacher's claims are often wrong, so that one true claim is enough.
    if claims and not any(values_by_call.get(call) == value for call, value in claims):
        return VoteResult(None, votes, "nothing that it claims holds")
    prompt = replace_examples(draft, list(values_by_call.items())[:DOCSTRING_EXAMPLES])
    if prompt is None:
        return VoteResult(None, votes, "its docstring cannot be rewritten")
    prompt = correct_return_type(prompt, list(values_by_call.values()))
    tests = "".join(f"assert {call} == {value}\n" for call, value in values_by_call.items())
    solution = solutions[outcomes.index(outcome)]
    return VoteResult(replace(draft, prompt=prompt, solution=solution, tests=tests), votes)


def correct_return_type(prompt: str, values: Sequence[str]) -> str:
    """The prompt with the return annotation corrected, if it differs from all values' type.

    >>> correct_return_type("def f(a: int) -> list[int]:\\n", ["1.5", "2.0"])
    'def f(a: int) -> float:\\n'
    """
    kinds = {type(ast.literal_eval(value)).__name__ for value in values}
    annotation = re.search(r"\) -> (\w+)[^:\n]*:\n", prompt)
    if len(kinds) != 1 or annotation is None or annotation.group(1) in kinds or "NoneType" in kinds:
        return prompt
    return prompt[: annotation.start()] + f") -> {kinds.pop()}:\n" + prompt[annotation.end() :]


def _returns_an_argument(values_by_call: Mapping[str, str]) -> bool:
    for call, value in values_by_call.items():
        if value not in [ast.unparse(argument) for argument in _parse_call(call).args]:
            return False
    return True


def _parse_call(text: str) -> ast.Call:
    node = ast.parse(text, mode="eval").body
    assert isinstance(node, ast.Call)
    return node


def extract_calls(draft: Exercise) -> list[str]:
    """The calls with plain arguments in an exercise's examples and tests, each once."""
    call_sources: list[str] = []
    for text in (_example_sources(draft.prompt), draft.tests):
        call_sources += [
            ast.unparse(node)
            for node in ast.walk(_parse_or_empty(text))
            if isinstance(node, ast.Call) and _is_plain_call(node, draft.entry_point)
        ]
    return list(dict.fromkeys(call_sources))[:MAX_CALLS]


def extract_claims(draft: Exercise) -> list[tuple[str, str]]:
    """(call, repr of the value) from the teacher's tests `f(x) == value` and examples."""
    pairs = []
    for node in ast.walk(_parse_or_empty(draft.tests)):
        if (
            isinstance(node, ast.Compare)
            and isinstance(node.ops[0], ast.Eq)
            and _is_plain_call(node.left, draft.entry_point)
        ):
            pairs.append((ast.unparse(node.left), ast.unparse(node.comparators[0])))
    for example in _parse_examples(draft.prompt):
        tree = _parse_or_empty(example.source)
        if (
            len(tree.body) == 1
            and isinstance(tree.body[0], ast.Expr)
            and _is_plain_call(tree.body[0].value, draft.entry_point)
        ):
            pairs.append((ast.unparse(tree.body[0].value), example.want.strip()))
    return [(call, _normalise_literal(value)) for call, value in pairs]


def replace_examples(draft: Exercise, examples: Sequence[tuple[str, str]]) -> str | None:
    """The prompt with its docstring's examples replaced; None if that cannot be written."""
    node = next(
        n for n in _parse_or_empty(draft.prompt).body if getattr(n, "name", "") == draft.entry_point
    )
    assert isinstance(node, ast.FunctionDef)
    prose = (ast.get_docstring(node) or "").split(">>>")[0].rstrip()
    lines = prose.split("\n")
    # Headings above the old examples go with them.
    while lines and lines[-1].strip().lower().rstrip("s:") in ("", "example", "usage", "doctest"):
        lines.pop()
    text = "\n".join([*lines, "", *(f">>> {call}\n{value}" for call, value in examples), ""])
    if not lines or '"""' in text:
        return None
    head = draft.prompt.splitlines(keepends=True)[: node.body[0].lineno - 1]
    quoted = '"""' + text.replace("\\", "\\\\") + '"""\n'
    return "".join(head) + textwrap.indent(quoted, "    ")


def _add_outcome_printer(program: str, calls: Sequence[str]) -> str:
    """The program, followed by code that prints the repr of each call's value as JSON.

    It stands in a function, so that its names do not replace the program's.
    """
    return f"""{program}

def _watch():
    import json
    for call in {list(calls)!r}:
        try:
            said = repr(eval(call))
        except Exception:
            said = None
        is_short = said is None or len(said) <= {MAX_VALUE_CHARS}
        print(json.dumps(["watched", said if is_short else None]))

_watch()
"""


def _parse_outcome(output: str, call_count: int) -> Outcome:
    # The program may print too: only lines with the tag "watched" are outcomes.
    values: list[str | None] = []
    for line in output.splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, list) and len(record) == 2 and record[0] == "watched":
            values.append(record[1])
    return tuple((values + [None] * call_count)[:call_count])


def _is_plain_literal(value: str) -> bool:
    """Whether a repr is a literal of the same value; a set's order differs between processes."""
    try:
        literal = ast.literal_eval(value)
        has_set = any(isinstance(node, ast.Set | ast.Call) for node in ast.walk(ast.parse(value)))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return False
    return not has_set and repr(literal) == value


def _normalise_literal(value: str) -> str:
    try:
        return repr(ast.literal_eval(value))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return value


def _is_plain_call(node: ast.AST, entry_point: str) -> bool:
    if not (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id == entry_point
    ):
        return False
    try:
        for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
            ast.literal_eval(argument)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return False
    return True


def _parse_examples(prompt: str) -> list[doctest.Example]:
    functions = [node for node in _parse_or_empty(prompt).body if isinstance(node, ast.FunctionDef)]
    try:
        return doctest.DocTestParser().get_examples(
            (functions and ast.get_docstring(functions[-1])) or ""
        )
    except ValueError:
        return []


def _example_sources(prompt: str) -> str:
    return "".join(example.source for example in _parse_examples(prompt))


def _parse_or_empty(text: str) -> ast.Module:
    """The syntax tree of a text, or of a prompt with a body added; empty if neither parses."""
    for body in ("", "    pass\n"):
        try:
            return ast.parse(text + body)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
    return ast.Module(body=[], type_ignores=[])
