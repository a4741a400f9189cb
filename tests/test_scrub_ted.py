"""True tree distances: the shape that canon.py writes, against a plain implementation, and what a re-check lets go."""

from __future__ import annotations

import ast
import functools
import sys
from pathlib import Path

import pytest
from test_scrub_review import kept, scrub
from test_scrub_syntax import PLAIN

from hornbook.frame.stage import Desk
from hornbook.records import UserError
from hornbook.scrub import tree_edit_distance, tree_string
from hornbook.scrub.tree_edit_distance import Tree


def tree(text: str) -> Tree:
    return tree_edit_distance.shape(ast.parse(text).body[0])


def plain(first: Tree, second: Tree) -> int:
    """The recursion over forests by the book: slow, and plainly right."""

    def nested(tree: Tree) -> tuple:
        kids: list[list[int]] = [[] for _ in tree[0]]
        for at, parent in enumerate(tree[0]):
            if parent >= 0:
                kids[parent].append(at)
        return build(0, kids, tree[1])

    def build(at: int, kids: list[list[int]], letters: list[str]) -> tuple:
        return (letters[at], tuple(build(kid, kids, letters) for kid in kids[at]))

    @functools.lru_cache(None)
    def forests(a: tuple, b: tuple) -> int:
        if not a or not b:
            return sum(map(size, a or b))
        (x, xs), (y, ys) = a[-1], b[-1]
        return min(forests(a[:-1] + xs, b) + 1, forests(a, b[:-1] + ys) + 1,
                   forests(a[:-1], b[:-1]) + forests(xs, ys) + (x != y))  # fmt: skip

    def size(node: tuple) -> int:
        return 1 + sum(map(size, node[1]))

    return forests((nested(first),), (nested(second),))


SMALL = ("def f(a): return a", "def f(a): return a + 1", "def f(a):\n    if a:\n        return 1\n    g(a)",
         "def f(a, b):\n    for x in a:\n        b += x\n    return b")  # fmt: skip


def test_the_shape_has_the_letters_of_the_string_and_parents_before_children() -> None:
    for text in (*SMALL, PLAIN.strip()):
        parents, letters = tree(text)
        # The string has the end of a block after it, the tree a node around it.
        assert sorted(letters) == sorted(tree_string.code(ast.parse(text).body[0]))
        assert parents[0] == -1 and all(
            0 <= parent < at for at, parent in enumerate(parents[1:], start=1)
        )


@pytest.mark.parametrize("first", SMALL)
@pytest.mark.parametrize("second", SMALL)
def test_the_distance_is_that_of_the_plain_recursion(first: str, second: str) -> None:
    pytest.importorskip("xted")
    assert tree_edit_distance.distance(tree(first), tree(second)) == plain(
        tree(first), tree(second)
    )


def test_a_recheck_keeps_copies_and_lets_go_what_is_less_alike_than_asked(tmp_path: Path) -> None:
    pytest.importorskip("xted")
    both = {"ngram": None, "syntax": 0.8}
    assert [not reason for reason in kept(Desk(tmp_path / "a"), scrub(**both))] == [
        False,
        False,
        False,
        True,
    ]
    found = kept(Desk(tmp_path / "b"), scrub(**both, recheck=1.0))
    assert [not reason for reason in found] == [False, False, True, True]


def test_without_the_library_the_error_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "xted", None)
    with pytest.raises(UserError, match=r"hornbook\[trees\]"):
        kept(Desk(tmp_path), scrub(recheck=0.9))
