"""Match rate of syntax trees: the detector of the paper's section 5.2, blind to names, comments and docstrings.

In: exams' functions, and texts. Out: for each text the problem that one of its functions matches
best and the rate, 1 minus the edit distance over the longer length, between the strings that
canon.py writes of two trees. The unit is a function: a text has those that it defines, methods and
inner ones included, each by itself. A text that does not parse is repaired (mend.py states the
rules). Not covered: code outside functions.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook.scrub import repair
from hornbook.scrub.normalise import folded
from hornbook.scrub.tree_string import FUNCTIONS, code

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FLOOR = 0.8  # the lowest rate that anybody asks for; below it a rate is written as 0, which is what makes this fast
MB_S = 3.5  # a core, of library code: the parser's speed, beside which comparing is nothing

# Of every statement that holds others, and of a clause of one, the fields that hold them, the last
# first.
_INNER = {
    kind: fields
    for kind in vars(ast).values()
    if isinstance(kind, type) and issubclass(kind, (ast.stmt, ast.ExceptHandler, ast.match_case))
    if (
        fields := [
            f for f in ("cases", "handlers", "finalbody", "orelse", "body") if f in kind._fields
        ]
    )
}


@dataclass(frozen=True)
class Trees:
    """The functions of a text, in its order, and whether it parsed, was repaired, or has nothing that does."""

    names: tuple[str, ...]
    codes: tuple[str, ...]
    state: str  # parsed, repaired, or unreadable


def trees(text: str) -> Trees:
    """The functions that a text defines, those that stand behind marks or in strings among them (mend.py)."""
    found, state = _read(text)
    try:
        return Trees(
            tuple(name for name, _ in found), tuple(code(node) for _, node in found), state
        )
    except RecursionError:  # a sum of a thousand terms is a tree of a thousand levels
        return Trees((), (), "unreadable")


def functions(text: str) -> list[tuple[str, Any]]:
    """(name, node) of the same functions."""
    return _read(text)[0]


def _read(text: str) -> tuple[list[tuple[str, Any]], str]:
    """The functions, and whether the text parsed, was repaired, or is unreadable."""
    text = folded(text)
    whole = repair.parsed(text)
    if isinstance(whole, ast.Module):
        modules, state = [whole], "parsed"
    else:
        modules, state = repair.mended(text), "repaired"
    found = [each for module in modules for each in _functions(module)]
    if repair.definitions(text) > len(found):
        more = list(repair.hidden(text, whole if isinstance(whole, ast.Module) else None))
        found += [each for module in more for each in _functions(module)]
        modules += more
    return found, state if modules else "unreadable"


def _functions(module: ast.Module) -> Iterator[tuple[str, Any]]:
    """Every function of a module, named lambdas included, without looking into expressions, where none can be."""
    waiting: list[Any] = module.body[::-1]
    while waiting:
        node = waiting.pop()
        kind = type(node)
        if kind in _INNER:
            if kind in FUNCTIONS:
                yield node.name, node
            for field in _INNER[kind]:
                waiting += getattr(node, field)[::-1]
        elif (
            kind is ast.Assign
            and type(node.value) is ast.Lambda
            and type(node.targets[0]) is ast.Name
        ):
            name = node.targets[0].id
            yield name, ast.FunctionDef(name, node.value.args, [ast.Return(node.value.body)], [])


def unit(program: str, entry_point: str) -> str:
    """The string of the function of this name, or of the last one of a program; empty where there is none."""
    found = trees(program)
    named = dict(zip(found.names, found.codes, strict=True))
    return named.get(entry_point, found.codes[-1] if found.codes else "")


def rates(
    exam: Sequence[str], codes: Sequence[str], cutoff: float = FLOOR
) -> Iterator[tuple[int, Any, Any]]:
    """For each tree of an exam: its position, positions of the codes at or above the cutoff, and their match rates.

    Codes that differ in length by more than the cutoff allows are never compared.
    """
    import numpy as np
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    lengths = np.array([len(each) for each in codes], np.int64)
    order = np.argsort(lengths, kind="stable")
    ordered, at_length = [codes[at] for at in order.tolist()], lengths[order]
    for problem, tree in enumerate(exam):
        first = np.searchsorted(at_length, len(tree) * cutoff - 1e-9, "left")
        last = np.searchsorted(at_length, len(tree) / cutoff + 1e-9, "right")
        if not tree or first >= last:
            continue
        found = cdist([tree], ordered[first:last], scorer=Levenshtein.normalized_similarity, score_cutoff=cutoff,
                      dtype=np.float32)[0]  # fmt: skip
        near = np.flatnonzero(found > 0)
        if len(near):
            yield problem, order[first + near], found[near]


def nearest(exam: Sequence[str], texts: Sequence[Trees], cutoff: float = FLOOR) -> tuple[Any, Any]:
    """For each text the position of the problem that one of its functions matches best (-1: none), and the rate."""
    import numpy as np

    unique, owners = group(texts)
    best, rate = np.full(len(texts), -1, np.int64), np.zeros(len(texts), np.float32)
    for problem, found, values in rates(exam, unique, cutoff):
        for at, value in zip(found.tolist(), values.tolist(), strict=True):
            for text in owners[at]:
                if value > rate[text]:
                    best[text], rate[text] = problem, value
    return best, rate


def group(texts: Iterable[Trees]) -> tuple[list[str], list[list[int]]]:
    """Distinct trees, and the positions of the texts that have each: equal trees are compared once."""
    owners: dict[str, list[int]] = {}
    for at, found in enumerate(texts):
        for tree in set(found.codes):
            owners.setdefault(tree, []).append(at)
    return list(owners), list(owners.values())


def best_of(
    exam: Sequence[str], texts: Sequence[Trees], cutoff: float = FLOOR
) -> NDArray[np.float32]:
    """For each problem the highest match rate among all texts: it decides on which side of the table a problem is."""
    import numpy as np

    best = np.zeros(len(exam), np.float32)
    for problem, _, values in rates(exam, group(texts)[0], cutoff):
        best[problem] = values.max()
    return best
