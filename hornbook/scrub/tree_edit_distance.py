"""The true distance between two syntax trees, for pairs that the quicker distance between strings has flagged.

In: a problem and a text whose functions' strings (canon.py) match. Out: 1 minus the tree edit
distance (Zhang and Shasha's) over the number of nodes of the larger tree, of the same canonical
trees. A string forgets where a node hangs, so two trees may have like strings and other shapes;
such a pair is let go. By x-ted (extra `trees`), 5,000 pairs a second, which is why only flagged
pairs come here.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hornbook.records import UserError
from hornbook.scrub import syntax, tree_string

if TYPE_CHECKING:
    from hornbook.exams import Problem

Tree = tuple[
    list[int], list[str]
]  # of each node in preorder its parent (-1 for the root) and its letter


def confirmed(
    exam: Sequence[Problem],
    texts: Sequence[str],
    names: Sequence[str],
    rates: Sequence[float],
    least: float,
) -> tuple[list[str], list[float]]:
    """Matches by strings that hold by trees; a match that does not is taken back ("" and 0)."""
    by_name = {problem.task_id: problem for problem in exam}
    found_names, found_rates = list(names), list(rates)
    for at, (text, name) in enumerate(zip(texts, names, strict=True)):
        if name and rate(by_name[name], text) < least - 1e-9:
            found_names[at], found_rates[at] = "", 0.0
    return found_names, found_rates


def rate(problem: Problem, text: str) -> float:
    """The best rate that a function of the text has with the problem's by true distance; 0 where nothing is near."""
    from rapidfuzz.distance import Levenshtein

    own = [node for name, node in syntax.functions(problem.solution) if name == problem.entry_point]
    if not own:
        return 0.0
    unit, first, best = tree_string.code(own[-1]), shape(own[-1]), 0.0
    for _, node in syntax.functions(text):
        if Levenshtein.normalized_similarity(unit, tree_string.code(node)) >= syntax.FLOOR - 1e-6:
            second = shape(node)
            best = max(best, 1 - distance(first, second) / max(len(first[1]), len(second[1])))
    return best


def distance(first: Tree, second: Tree) -> int:
    """Nodes to insert, delete or relabel to make one tree of the other."""
    try:
        from xted import x_ted_compute
    except ImportError:
        raise UserError(
            "a true tree distance needs x-ted: pip install 'hornbook[trees]', or leave recheck out"
        ) from None
    return int(x_ted_compute(*first, *second))


def shape(function: ast.AST) -> Tree:
    """The tree of which canon.code writes the string, an end of a block being a node around it.

    >>> shape(ast.parse("def f(a): pass").body[0])[0]
    [-1, 0, 1, 0, 3]
    """
    made: Tree = ([], [])
    for parent, letter in tree_string.nodes(function):
        made[0].append(parent)
        made[1].append(letter)
    return made
