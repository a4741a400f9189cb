"""Trees as strings: what leaves no trace, what does, match rates against a plain edit distance, repairs."""

from __future__ import annotations

import ast
import itertools
import random

import numpy as np
import pytest

from hornbook.scrub import syntax

PLAIN = '''
def count_vowels(text: str) -> int:
    """How many vowels a text has."""
    total = 0
    for letter in text:
        if letter in "aeiou":
            total += 1
    return total
'''


def one(text: str) -> str:
    return syntax.trees(text).codes[0]


def distance(a: str, b: str) -> int:
    """Levenshtein's distance, by the book."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def rate(a: str, b: str) -> float:
    return 1 - distance(a, b) / max(len(a), len(b), 1)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("count_vowels", "f"),
        ("letter", "c"),
        (": str) -> int", ")"),
        ("    total = 0", "    # a comment\n    total = 0"),
        ('"""How many vowels a text has."""', ""),
        ('"aeiou"', '"xyz"'),
        ("total = 0", "total = 17"),
        ("    ", "\t"),
    ],
)
def test_names_comments_docstrings_annotations_and_values_leave_no_trace(old: str, new: str) -> None:
    assert old in PLAIN
    assert one(PLAIN.replace(old, new)) == one(PLAIN)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+=", "-="),
        ("in text", "in text[1:]"),
        ("in text", "in text.lower()"),
        ("            total += 1", "            total += 1\n        else:\n            total += 2"),
        ("total = 0", "total = 0.0"),
        ("    return total", "        return total"),
        ("(text: str)", "(text, other)"),
    ],
)
def test_what_is_computed_leaves_a_trace(old: str, new: str) -> None:
    assert old in PLAIN
    assert one(PLAIN.replace(old, new)) != one(PLAIN)


def test_every_kind_of_node_has_a_character_of_its_own_in_one_byte() -> None:
    letters = [letter for letter, _ in syntax._KINDS.values()] + list(syntax._CONSTANTS.values()) + [syntax._END]
    kinds = set(syntax._KINDS)
    assert len(set(letters)) == len(letters) and max(map(ord, letters)) < 256
    assert {type(node) for node in ast.walk(ast.parse(PLAIN))} <= kinds


@pytest.mark.parametrize("cutoff", [0.8, 0.95, 1.0])
def test_rates_are_those_of_the_plain_edit_distance(cutoff: float) -> None:
    chance = random.Random(7)
    first = ["".join(chance.choices("abc", k=chance.randrange(1, 70))) for _ in range(20)]
    codes = ["".join(x if chance.random() > 0.1 else chance.choice("abc") for x in a) for a in first * 3] + ["", "a"]
    wanted = {
        (i, j): rate(a, b)
        for (i, a), (j, b) in itertools.product(enumerate(first), enumerate(codes))
        if rate(a, b) >= cutoff
    }
    found = {
        (i, j): v
        for i, js, vs in syntax.rates(first, codes, cutoff)
        for j, v in zip(js.tolist(), vs.tolist(), strict=True)
    }
    assert found.keys() == wanted.keys()
    assert all(abs(found[pair] - wanted[pair]) < 1e-6 for pair in wanted)


def test_the_nearest_problem_of_a_text_is_that_of_its_best_function() -> None:
    exam = ["aaaaaaaaaa", "bbbbbbbbbb", ""]
    texts = [
        syntax.Trees(("f", "g"), codes, "parsed") for codes in [("aaaaaaaaac", "bbbbbbbbbb"), ("aaaaaaaaca", "zz")]
    ]
    best, rates = syntax.nearest(exam, [*texts, syntax.Trees((), (), "unreadable")])
    assert best.tolist() == [1, 0, -1]
    assert rates == pytest.approx(np.array([1.0, 0.9, 0.0]))
    assert syntax.best_of(exam, texts) == pytest.approx(np.array([0.9, 1.0, 0.0]))


def test_methods_inner_functions_and_those_in_branches_are_each_a_unit() -> None:
    text = (
        "class A:\n    def one(self):\n        def two(): pass\n        return two\n"
        "try:\n    async def three(): pass\nexcept E:\n    def four(): pass\n"
        "match x:\n    case 1:\n        def five(): pass\n"
    )
    assert sorted(syntax.trees(text).names) == ["five", "four", "one", "three", "two"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cut off in a call", PLAIN + "def g(x):\n    return h(x,\n"),
        ("cut off in a docstring", PLAIN + 'def g(x):\n    """Some text'),
        ("cut off after a colon", PLAIN + "def g(x):\n"),
        ("prose before it", "Here is how it's done:\n" + PLAIN),
        ("prose around it", "It's easy.\n" + PLAIN + "\nAs you can see, it's done.\n"),
        ("fenced", "Let's see.\n\n```python" + PLAIN + "```\nand so on\n"),
        ("fenced, never closed", "Let's see.\n\n```python" + PLAIN),
        ("fenced, with the prompt's signs", "```python\n$ run this\n```\n```" + PLAIN + "```\n"),
        ("a piece of a class", "        return 1\n\n" + "\n".join("    " + line for line in PLAIN.splitlines())),
        ("Python 2 in front", "def old(x):\n    print x\n" + PLAIN),
        ("a stray bracket", ")\n" + PLAIN),
        ("null bytes at the end", PLAIN + "\0"),
    ],
)
def test_what_does_not_parse_is_repaired_and_keeps_its_functions(name: str, text: str) -> None:
    found = syntax.trees(text)
    assert found.state == "repaired" and one(PLAIN) in found.codes


def test_a_text_cut_off_at_any_line_keeps_every_whole_function_before_it() -> None:
    program = (
        PLAIN + PLAIN.replace("+= 1", "-= 1").replace("count", "uncount") + "class A:\n" + "    x = [\n" + "  1]\n"
    )
    lines = program.splitlines(keepends=True)
    ends = [node.end_lineno or 0 for node in ast.parse(program).body if isinstance(node, ast.FunctionDef)]
    for number in range(1, len(lines) + 1):
        for junk in ("", "oops oops\n", "x = (\n", '"""\n'):
            found = syntax.trees("".join(lines[:number]) + junk).codes
            whole = [code for end, code in zip(ends, syntax.trees(program).codes, strict=True) if end <= number]
            assert set(whole) <= set(found), (number, junk)


@pytest.mark.parametrize("text", ["", "no code, just words", "x = 1\n", "\0", "(" * 5000, "x" + " + 1" * 20000])
def test_a_text_without_readable_functions_has_none(text: str) -> None:
    assert syntax.trees(text).codes == ()


def test_the_unit_of_a_problem_is_its_entry_point() -> None:
    helper = "def helper(x):\n    return x\n"
    assert syntax.unit(helper + PLAIN + helper, "count_vowels") == one(PLAIN)
