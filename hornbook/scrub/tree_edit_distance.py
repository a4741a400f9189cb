"""The true distance of two syntax trees, for pairs that the string distance has flagged.

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

TreeShape = tuple[
    list[int], list[str]
]  # of each node in preorder its parent (-1 for the root) and its letter


def confirm_matches(
    problems: Sequence[Problem],
    texts: Sequence[str],
    names: Sequence[str],
    rates: Sequence[float],
    min_rate: float,
) -> tuple[list[str], list[float]]:
    """Matches by strings that hold by trees; a match that does not is taken back ("" and 0)."""
    problem_by_id = {problem.task_id: problem for problem in problems}
    confirmed_names, confirmed_rates = list(names), list(rates)
    for row, (text, name) in enumerate(zip(texts, names, strict=True)):
        if name and best_tree_rate(problem_by_id[name], text) < min_rate - 1e-9:
            confirmed_names[row], confirmed_rates[row] = "", 0.0
    return confirmed_names, confirmed_rates


def best_tree_rate(problem: Problem, text: str) -> float:
    """The best rate of a function of the text by true distance; 0 where nothing is near."""
    from rapidfuzz.distance import Levenshtein

    reference = [
        node
        for name, node in syntax.find_functions(problem.solution)
        if name == problem.entry_point
    ]
    if not reference:
        return 0.0
    reference_string, reference_shape, best = (
        tree_string.write_tree_string(reference[-1]),
        tree_shape(reference[-1]),
        0.0,
    )
    for _, node in syntax.find_functions(text):
        if (
            Levenshtein.normalized_similarity(reference_string, tree_string.write_tree_string(node))
            >= syntax.MIN_RATE - 1e-6
        ):
            shape = tree_shape(node)
            best = max(
                best,
                1
                - tree_distance(reference_shape, shape)
                / max(len(reference_shape[1]), len(shape[1])),
            )
    return best


def tree_distance(first: TreeShape, second: TreeShape) -> int:
    """Nodes to insert, delete or relabel to make one tree of the other."""
    try:
        from xted import x_ted_compute
    except ImportError:
        raise UserError(
            "a true tree distance needs x-ted: pip install 'hornbook[trees]', or leave recheck out"
        ) from None
    return int(x_ted_compute(*first, *second))


def tree_shape(function: ast.AST) -> TreeShape:
    """The tree of which canon.code writes the string, an end of a block being a node around it.

    >>> tree_shape(ast.parse("def f(a): pass").body[0])[0]
    [-1, 0, 1, 0, 3]
    """
    parents_and_letters: TreeShape = ([], [])
    for parent, letter in tree_string.list_nodes(function):
        parents_and_letters[0].append(parent)
        parents_and_letters[1].append(letter)
    return parents_and_letters
