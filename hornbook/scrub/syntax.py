"""Match rate of syntax trees (the paper's section 5.2), blind to names and comments.

In: exams' functions, and texts. Out: for each text the problem that one of its functions matches
best and the rate, 1 minus the edit distance over the longer length, between the strings that
canon.py writes of two trees. The unit is a function: a text has those that it defines, methods and
inner ones included, each by itself. A text that does not parse is repaired (mend.py states the
rules). Not covered: code outside functions.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook.scrub import repair
from hornbook.scrub.normalise import normalise_text
from hornbook.scrub.tree_string import FUNCTIONS, write_tree_string

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The lowest rate that anybody asks for; lower ones are written as 0, which makes this fast.
MIN_RATE = 0.8
MB_PER_SECOND = (
    3.5  # a core, of library code: the parser's speed, beside which comparing is nothing
)


def _list_block_fields() -> dict[type, list[str]]:
    """The fields of each compound statement (and clause) that hold statements, the last first."""
    fields_by_kind: dict[type, list[str]] = {}
    for kind in vars(ast).values():
        if isinstance(kind, type) and issubclass(
            kind, (ast.stmt, ast.ExceptHandler, ast.match_case)
        ):
            names = ("cases", "handlers", "finalbody", "orelse", "body")
            fields = [name for name in names if name in kind._fields]
            if fields:
                fields_by_kind[kind] = fields
    return fields_by_kind


_BLOCK_FIELDS = _list_block_fields()


@dataclass(frozen=True)
class FunctionTrees:
    """The functions of a text in order, and whether it parsed, was repaired, or has none."""

    names: tuple[str, ...]
    tree_strings: tuple[str, ...]
    state: str  # parsed, repaired, or unreadable


def read_trees(text: str) -> FunctionTrees:
    """The functions that a text defines, also behind prompts or inside strings (repair.py)."""
    functions, state = _parse_functions(text)
    try:
        return FunctionTrees(
            tuple(name for name, _ in functions),
            tuple(write_tree_string(node) for _, node in functions),
            state,
        )
    except RecursionError:  # a sum of a thousand terms is a tree of a thousand levels
        return FunctionTrees((), (), "unreadable")


def find_functions(text: str) -> list[tuple[str, Any]]:
    """(name, node) of the same functions."""
    return _parse_functions(text)[0]


def _parse_functions(text: str) -> tuple[list[tuple[str, Any]], str]:
    """The functions, and whether the text parsed, was repaired, or is unreadable."""
    text = normalise_text(text)
    parsed = repair.parse_module(text)
    if isinstance(parsed, ast.Module):
        modules, state = [parsed], "parsed"
    else:
        modules, state = repair.repair_modules(text), "repaired"
    functions = list(itertools.chain.from_iterable(map(_walk_functions, modules)))
    if repair.count_definitions(text) > len(functions):
        hidden_modules = list(
            repair.find_hidden_modules(text, parsed if isinstance(parsed, ast.Module) else None)
        )
        functions += itertools.chain.from_iterable(map(_walk_functions, hidden_modules))
        modules += hidden_modules
    return functions, state if modules else "unreadable"


def _walk_functions(module: ast.Module) -> Iterator[tuple[str, Any]]:
    """Every function of a module, named lambdas included; expressions cannot hold one."""
    pending: list[Any] = module.body[::-1]
    while pending:
        node = pending.pop()
        kind = type(node)
        if kind in _BLOCK_FIELDS:
            if kind in FUNCTIONS:
                yield node.name, node
            for field in _BLOCK_FIELDS[kind]:
                pending += getattr(node, field)[::-1]
        elif (
            kind is ast.Assign
            and type(node.value) is ast.Lambda
            and type(node.targets[0]) is ast.Name
        ):
            name = node.targets[0].id
            yield name, ast.FunctionDef(name, node.value.args, [ast.Return(node.value.body)], [])


def entry_point_tree(program: str, entry_point: str) -> str:
    """The tree string of the named function, or of a program's last; "" if there is none."""
    trees = read_trees(program)
    tree_by_name = dict(zip(trees.names, trees.tree_strings, strict=True))
    return tree_by_name.get(entry_point, trees.tree_strings[-1] if trees.tree_strings else "")


def match_rates(
    problem_trees: Sequence[str], text_trees: Sequence[str], cutoff: float = MIN_RATE
) -> Iterator[tuple[int, Any, Any]]:
    """For each tree of an exam: its position, positions of texts above the cutoff, their rates.

    Codes that differ in length by more than the cutoff allows are never compared.
    """
    import numpy as np
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    lengths = np.array([len(tree) for tree in text_trees], np.int64)
    order = np.argsort(lengths, kind="stable")
    sorted_trees, sorted_lengths = [text_trees[i] for i in order.tolist()], lengths[order]
    for problem_index, tree in enumerate(problem_trees):
        first = np.searchsorted(sorted_lengths, len(tree) * cutoff - 1e-9, "left")
        last = np.searchsorted(sorted_lengths, len(tree) / cutoff + 1e-9, "right")
        if not tree or first >= last:
            continue
        rates = cdist([tree], sorted_trees[first:last], scorer=Levenshtein.normalized_similarity,
                      score_cutoff=cutoff,
                      dtype=np.float32)[0]  # fmt: skip
        matching = np.flatnonzero(rates > 0)
        if len(matching):
            yield problem_index, order[first + matching], rates[matching]


def nearest_problems(
    problem_trees: Sequence[str], texts: Sequence[FunctionTrees], cutoff: float = MIN_RATE
) -> tuple[Any, Any]:
    """For each text the position of its best matching problem (-1: none), and the rate."""
    import numpy as np

    unique, owners = group_equal_trees(texts)
    best, best_rate = np.full(len(texts), -1, np.int64), np.zeros(len(texts), np.float32)
    for problem_index, tree_indices, rates in match_rates(problem_trees, unique, cutoff):
        for tree_index, rate in zip(tree_indices.tolist(), rates.tolist(), strict=True):
            for text_index in owners[tree_index]:
                if rate > best_rate[text_index]:
                    best[text_index], best_rate[text_index] = problem_index, rate
    return best, best_rate


def group_equal_trees(texts: Iterable[FunctionTrees]) -> tuple[list[str], list[list[int]]]:
    """Distinct trees and the positions of their texts: equal trees are compared once."""
    owners: dict[str, list[int]] = {}
    for text_index, trees in enumerate(texts):
        for tree in set(trees.tree_strings):
            owners.setdefault(tree, []).append(text_index)
    return list(owners), list(owners.values())


def best_rates(
    problem_trees: Sequence[str], texts: Sequence[FunctionTrees], cutoff: float = MIN_RATE
) -> NDArray[np.float32]:
    """For each problem the highest match rate among all texts; it decides the table's side."""
    import numpy as np

    best = np.zeros(len(problem_trees), np.float32)
    for problem_index, _, rates in match_rates(problem_trees, group_equal_trees(texts)[0], cutoff):
        best[problem_index] = rates.max()
    return best
