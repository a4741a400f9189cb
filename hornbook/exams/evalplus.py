"""MBPP+ and HumanEval+ by EvalPlus (Apache-2.0): many inputs; the reference gives the outputs.

In: rows with base_input, plus_input, canonical_solution, atol. Out: problems whose tests run the
reference beside the candidate, on a copy of each input, and compare as EvalPlus does: equal, or all
floats within the tolerance. JSON has no tuples, sets or complex numbers; KINDS restores them for
the tasks for which EvalPlus does. (The rows' own assertions would be the better pattern, but give
other types for Mbpp/98, 104, 140, 145: scores must be comparable.)

Not covered: EvalPlus's time limits per input (ours is per program), and inputs that break a
contract, which it ships without. Where a problem has more than one right answer, ORACLES says what
EvalPlus accepts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hornbook.exams.humaneval import describe_task
from hornbook.exams.problem import Problem, first_field
from hornbook.exams.read_file import Row

# From evalplus/eval: a constant answer passes where the reference is itself disputed, a root is a
# root, and a match found is a match however it is told.
_MATCH_ORACLE = (
    "wrong = [i for i, (got, expected) in enumerate(pairs) if (got is None) != (expected is None)]"
)
ORACLES = {
    "check_str": _MATCH_ORACLE,
    "text_match_three": _MATCH_ORACLE,
    "text_starta_endb": _MATCH_ORACLE,
    "are_equivalent": (
        "wrong = [] if all(out is True or out == True for out, _ in pairs) else wrong"
    ),
    "sum_div": "wrong = [] if all(out == 0 for out, _ in pairs) else wrong",
    "find_zero": (
        "wrong = [i for i, (out, _) in enumerate(pairs) if not abs(sum(c * out**n for n, c in "
        "enumerate(inputs[i][0]))) <= {atol}]"
    ),
}
# On MBPP+ v0.1.0 twelve references took 1.5 to 13 s with their inputs, and Mbpp/599 53 s (measured,
# 2 cores, loaded).
PATIENCE = 4.0
# The tests' program. Arguments are copied for each side, because a program may change its own. The
# backslashes join lines: the text of the tests is what it was before they were split.
PROGRAM = """\
import copy
from math import inf, nan
_space = {{"__name__": "reference"}}
exec({reference!r}, _space)
_reference = _space[{entry_point!r}]
inputs = {inputs}

def _close(got, expected, atol):
    if isinstance(expected, (list, tuple)) and isinstance(got, (list, tuple)) \
and len(got) == len(expected):
        return all(_close(g, e, atol) for g, e in zip(got, expected))
    try:
        return got == expected or abs(got - expected) <= atol + 1e-07 * abs(expected)
    except TypeError:
        return False

def _floats(x):
    return isinstance(x, float) or isinstance(x, (list, tuple)) \
and all(isinstance(y, float) for y in x)

def _same(got, expected):
    atol = {atol} or (1e-06 if _floats(expected) else 0)
    return got == expected or bool(atol) and (got != got and expected != expected \
or _close(got, expected, atol))

pairs = [({entry_point}(*copy.deepcopy(x)), _reference(*copy.deepcopy(x))) for x in inputs]
wrong = [i for i, (got, expected) in enumerate(pairs) if not _same(got, expected)]
{oracle}
assert not wrong, f"input {{wrong[0]}}: {{str(inputs[wrong[0]])[:200]}}"
"""


def make_problem(row: Row) -> Problem:
    """One row. MBPP+'s prompts are docstrings, HumanEval+'s open a function."""
    prompt, entry_point, reference = (
        first_field(row, k) for k in ("prompt", "entry_point", "canonical_solution")
    )
    text = describe_task(prompt, reference, entry_point)
    form, description = (
        ("mbpp", prompt.strip().strip('"').strip())
        if prompt.startswith('"""')
        else ("function", text)
    )
    inputs = [*(row.get("base_input") or ()), *(row.get("plus_input") or ())]
    tests = PROGRAM.format(
        reference=prompt + reference,
        entry_point=entry_point,
        inputs=repr([restore_arguments(first_field(row, "task_id"), values) for values in inputs]),
        atol=row.get("atol") or 0,
        oracle=ORACLES.get(entry_point, "").format(atol=row.get("atol") or 0),
    )
    examples = tuple(
        line for line in str(row.get("assertion") or "").splitlines() if line.startswith("assert ")
    )
    return Problem(
        first_field(row, "task_id"),
        prompt,
        entry_point,
        reference,
        tests,
        description,
        "mbpp" if form == "mbpp" else "function",
        examples=examples,
        patience=PATIENCE,
    )


def restore_arguments(task_id: str, values: Sequence[Any]) -> list[Any]:
    """One call's arguments from JSON, with the types that EvalPlus gives them.

    >>> restore_arguments("Mbpp/75", [[[1, 2], [3]], 4])
    [[(1, 2), (3,)], 4]
    """
    kinds = KINDS.get(task_id, (_keep_value,))
    return [kinds[min(i, len(kinds) - 1)](value) for i, value in enumerate(values)]


def _keep_value(value: Any) -> Any:
    return value


def _to_tuples(value: Any) -> list[Any]:
    return [tuple(item) for item in value]


def _to_tuple_of_tuples(value: Any) -> tuple[Any, ...]:
    return tuple(tuple(item) if isinstance(item, list) else item for item in value)


def _to_nested_tuples(value: Any) -> Any:
    return tuple(_to_nested_tuples(item) for item in value) if isinstance(value, list) else value


def _to_sets(value: Any) -> list[Any]:
    return [set(item) if isinstance(item, list) and item else {} for item in value]


def _to_tuple_values(value: Any) -> dict[str, Any]:
    return {key: tuple(item) for key, item in value.items()}


# What each argument becomes, the last kind standing for all further arguments
# (evalplus/data/mbpp.py).
_TASKS_BY_KINDS: dict[tuple[Callable[[Any], Any], ...], tuple[int, ...]] = {
    (tuple,): (2, 116, 132, 143, 222, 261, 273, 394, 399, 421, 424, 429, 470, 560, 579, 596, 616,
               630, 726, 740, 744, 809),
    (_to_tuples,): (63, 64, 70, 94, 120, 237, 272, 299, 400, 409, 417, 438, 473, 614, 780),
    (_to_tuples, _keep_value): (75, 413, 444, 753),
    (_keep_value, tuple): (106, 750),
    (tuple, _keep_value): (250, 307, 405, 446, 617, 720, 763, 808),
    (_to_tuple_of_tuples,): (259, 278, 401, 445),
    (_to_nested_tuples,): (580, 615, 791),
    (_to_sets,): (115,),
    (_to_tuple_values, _keep_value): (722,),
    (float, complex): (124,),
    (complex,): (252,),
}  # fmt: skip
KINDS: dict[str, tuple[Callable[[Any], Any], ...]] = {}
for _kinds, _task_numbers in _TASKS_BY_KINDS.items():
    KINDS.update(dict.fromkeys((f"Mbpp/{n}" for n in _task_numbers), _kinds))
