"""True tree distances: the shape that canon.py writes, against a plain implementation, and what a re-check lets go."""

from __future__ import annotations

import ast
import functools
import sys
from pathlib import Path

import pytest
from test_scrub_review import make_scrub, run_reasons
from test_scrub_syntax import PLAIN

from hornbook.frame.stage import RunContext
from hornbook.records import UserError
from hornbook.scrub import tree_edit_distance, tree_string
from hornbook.scrub.tree_edit_distance import TreeShape


def shape_of(text: str) -> TreeShape:
    return tree_edit_distance.tree_shape(ast.parse(text).body[0])


def plain_distance(first: TreeShape, second: TreeShape) -> int:
    """The recursion over forests by the book: slow, and plainly right."""

    def nest_tree(tree: TreeShape) -> tuple:
        kids: list[list[int]] = [[] for _ in tree[0]]
        for node_index, parent in enumerate(tree[0]):
            if parent >= 0:
                kids[parent].append(node_index)
        return build_node(0, kids, tree[1])

    def build_node(node_index: int, kids: list[list[int]], letters: list[str]) -> tuple:
        return (
            letters[node_index],
            tuple(build_node(kid, kids, letters) for kid in kids[node_index]),
        )

    @functools.lru_cache(None)
    def forest_distance(a: tuple, b: tuple) -> int:
        if not a or not b:
            return sum(map(count_nodes, a or b))
        (x, xs), (y, ys) = a[-1], b[-1]
        return min(forest_distance(a[:-1] + xs, b) + 1, forest_distance(a, b[:-1] + ys) + 1,
                   forest_distance(a[:-1], b[:-1]) + forest_distance(xs, ys) + (x != y))  # fmt: skip

    def count_nodes(node: tuple) -> int:
        return 1 + sum(map(count_nodes, node[1]))

    return forest_distance((nest_tree(first),), (nest_tree(second),))


SMALL = ("def f(a): return a", "def f(a): return a + 1", "def f(a):\n    if a:\n        return 1\n    g(a)",
         "def f(a, b):\n    for x in a:\n        b += x\n    return b")  # fmt: skip


def test_the_shape_has_the_letters_of_the_string_and_parents_before_children() -> None:
    for text in (*SMALL, PLAIN.strip()):
        parents, letters = shape_of(text)
        # The string has the end of a block after it, the tree a node around it.
        assert sorted(letters) == sorted(tree_string.write_tree_string(ast.parse(text).body[0]))
        assert parents[0] == -1 and all(
            0 <= parent < node_index for node_index, parent in enumerate(parents[1:], start=1)
        )


@pytest.mark.parametrize("first", SMALL)
@pytest.mark.parametrize("second", SMALL)
def test_the_distance_is_that_of_the_plain_recursion(first: str, second: str) -> None:
    pytest.importorskip("xted")
    assert tree_edit_distance.tree_distance(shape_of(first), shape_of(second)) == plain_distance(
        shape_of(first), shape_of(second)
    )


def test_a_recheck_keeps_copies_and_lets_go_what_is_less_alike_than_asked(tmp_path: Path) -> None:
    pytest.importorskip("xted")
    both = {"ngram": None, "syntax": 0.8}
    assert [
        not reason for reason in run_reasons(RunContext(tmp_path / "a"), make_scrub(**both))
    ] == [
        False,
        False,
        False,
        True,
    ]
    reasons = run_reasons(RunContext(tmp_path / "b"), make_scrub(**both, recheck=1.0))
    assert [not reason for reason in reasons] == [False, False, True, True]


def test_without_the_library_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xted", None)
    with pytest.raises(UserError, match=r"hornbook\[trees\]"):
        run_reasons(RunContext(tmp_path), make_scrub(recheck=0.9))
