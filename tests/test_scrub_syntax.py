"""Trees as strings: what leaves no trace, what does, match rates against a plain edit distance, repairs."""

from __future__ import annotations

import argparse
import ast
import dataclasses
import inspect
import itertools
import json
import random
import statistics
import time
import typing
from types import ModuleType

import numpy as np
import pytest

from hornbook.scrub import syntax, tree_string

PLAIN = '''
def count_vowels(text: str) -> int:
    """How many vowels a text has."""
    total = 0
    for letter in text:
        if letter in "aeiou":
            total += 1
    return total
'''


def first_tree(text: str) -> str:
    return syntax.read_trees(text).tree_strings[0]


def levenshtein_distance(a: str, b: str) -> int:
    """Levenshtein's distance, by the book."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, start=1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def levenshtein_rate(a: str, b: str) -> float:
    return 1 - levenshtein_distance(a, b) / max(len(a), len(b), 1)


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
        ("\n", "\r\n"),
        ("def", "async def"),
        ("def", "@cached\ndef"),
        ("(text", "(self, text"),
        ("    total = 0", "    total: int = 0"),
        ("    total = 0", "    print('begins', text)\n    log.info('begins')\n    total = 0"),
        (
            "    total = 0",
            "    assert text\n    if text is None:\n        raise ValueError(text)\n    total = 0",
        ),
        ("letter", "l\u0435tter"),
        (" ", "\u00a0"),
        ("letter in", "l\u200better in"),
    ],
)
def test_names_comments_docstrings_annotations_and_values_leave_no_trace(
    old: str, new: str
) -> None:
    assert old in PLAIN
    assert first_tree(PLAIN.replace(old, new)) == first_tree(PLAIN)


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
    assert first_tree(PLAIN.replace(old, new)) != first_tree(PLAIN)


def test_every_kind_of_node_has_a_character_of_its_own_in_one_byte() -> None:
    merged = (ast.GeneratorExp, ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith)
    letters = [
        letter for kind, (letter, _) in tree_string._NODE_TABLE.items() if kind not in merged
    ]
    letters += [*tree_string._CONSTANTS.values(), tree_string._END]
    kinds = set(tree_string._NODE_TABLE)
    assert len(set(letters)) == len(letters) and max(map(ord, letters)) < 256
    assert {type(node) for node in ast.walk(ast.parse(PLAIN))} <= kinds


@pytest.mark.parametrize("module", [argparse, ast, dataclasses, inspect, statistics, typing])
def test_the_written_string_has_the_letters_of_the_walked_tree_and_leaves_it_as_it_was(
    module: ModuleType,
) -> None:
    for _, function in syntax.find_functions(inspect.getsource(module)):
        original_dump = ast.dump(function)
        assert sorted(tree_string.write_tree_string(function)) == sorted(
            letter for _, letter in tree_string.list_nodes(function)
        )
        assert ast.dump(function) == original_dump


@pytest.mark.parametrize("cutoff", [0.8, 0.95, 1.0])
def test_rates_are_those_of_the_plain_edit_distance(cutoff: float) -> None:
    rng = random.Random(7)
    first = ["".join(rng.choices("abc", k=rng.randrange(1, 70))) for _ in range(20)]
    codes = [
        "".join(x if rng.random() > 0.1 else rng.choice("abc") for x in a) for a in first * 3
    ] + ["", "a"]
    expected = {
        (i, j): levenshtein_rate(a, b)
        for (i, a), (j, b) in itertools.product(enumerate(first), enumerate(codes))
        if levenshtein_rate(a, b) >= cutoff
    }
    rates = {
        (i, j): v
        for i, js, vs in syntax.match_rates(first, codes, cutoff)
        for j, v in zip(js.tolist(), vs.tolist(), strict=True)
    }
    assert rates.keys() == expected.keys()
    assert all(abs(rates[pair] - expected[pair]) < 1e-6 for pair in expected)


def test_the_nearest_problem_of_a_text_is_that_of_its_best_function() -> None:
    exam = ["aaaaaaaaaa", "bbbbbbbbbb", ""]
    texts = [
        syntax.FunctionTrees(("f", "g"), codes, "parsed")
        for codes in [("aaaaaaaaac", "bbbbbbbbbb"), ("aaaaaaaaca", "zz")]
    ]
    best, rates = syntax.nearest_problems(
        exam, [*texts, syntax.FunctionTrees((), (), "unreadable")]
    )
    assert best.tolist() == [1, 0, -1]
    assert rates == pytest.approx(np.array([1.0, 0.9, 0.0]))
    assert syntax.best_rates(exam, texts) == pytest.approx(np.array([0.9, 1.0, 0.0]))


def test_methods_inner_functions_and_those_in_branches_are_each_a_unit() -> None:
    text = (
        "class A:\n    def one(self):\n        def two(): pass\n        return two\n"
        "try:\n    async def three(): pass\nexcept E:\n    def four(): pass\n"
        "match x:\n    case 1:\n        def five(): pass\n"
    )
    assert sorted(syntax.read_trees(text).names) == ["five", "four", "one", "three", "two"]


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
        (
            "a piece of a class",
            "        return 1\n\n" + "\n".join("    " + line for line in PLAIN.splitlines()),
        ),
        ("Python 2 in front", "def old(x):\n    print x\n" + PLAIN),
        ("a stray bracket", ")\n" + PLAIN),
        ("null bytes at the end", PLAIN + "\0"),
    ],
)
def test_what_does_not_parse_is_repaired_and_keeps_its_functions(name: str, text: str) -> None:
    trees = syntax.read_trees(text)
    assert trees.state == "repaired" and first_tree(PLAIN) in trees.tree_strings


def test_a_text_cut_off_at_any_line_keeps_every_whole_function_before_it() -> None:
    program = (
        PLAIN
        + PLAIN.replace("+= 1", "-= 1").replace("count", "uncount")
        + "class A:\n"
        + "    x = [\n"
        + "  1]\n"
    )
    lines = program.splitlines(keepends=True)
    ends = [
        node.end_lineno or 0
        for node in ast.parse(program).body
        if isinstance(node, ast.FunctionDef)
    ]
    for line_count in range(1, len(lines) + 1):
        for junk in ("", "oops oops\n", "x = (\n", '"""\n'):
            found_trees = syntax.read_trees("".join(lines[:line_count]) + junk).tree_strings
            complete_trees = [
                code
                for end, code in zip(ends, syntax.read_trees(program).tree_strings, strict=True)
                if end <= line_count
            ]
            assert set(complete_trees) <= set(found_trees), (line_count, junk)


@pytest.mark.parametrize(
    "text", ["", "no code, just words", "x = 1\n", "\0", "(" * 5000, "x" + " + 1" * 20000]
)
def test_a_text_without_readable_functions_has_none(text: str) -> None:
    assert syntax.read_trees(text).tree_strings == ()


def test_the_unit_of_a_problem_is_its_entry_point() -> None:
    helper = "def helper(x):\n    return x\n"
    assert syntax.entry_point_tree(helper + PLAIN + helper, "count_vowels") == first_tree(PLAIN)


SAID_TWICE = {
    "a step": ("x += a * b", "x = x + a * b"),
    "a comparison turned": ("return a > b", "return b < a"),
    "an equation turned": ("return a == 'x'", "return 'x' == a"),
    "a comparison denied": ("return not a < b", "return a >= b"),
    "branches exchanged": ("if not a:\n    f(1)\nelse:\n    g()", "if a:\n    g()\nelse:\n    f(1)"),
    "else after return": ("if a:\n    f()\n    return 1\nelse:\n    g()\n    return 2",
                          "if a:\n    f()\n    return 1\ng()\nreturn 2"),
    "a conditional return": ("if a:\n    return 1\nreturn 'b'", "return 1 if a else 'b'"),
    "a chain of returns": ("if a:\n    return 1\nelif b:\n    return 2.0\nelse:\n    return 'c'",
                           "return 1 if a else (2.0 if b else 'c')"),
    "a conditional value": ("if a:\n    x = 1\nelse:\n    x = 'b'", "x = 1 if a else 'b'"),
    "a name for what is returned": ("x = a + b\nreturn x", "return a + b"),
    "assignments in another order": ("x = 1\ny = []", "y = []\nx = 1"),
    "a list filled": ("x = []\nfor y in a:\n    if y > 1:\n        x.append(y * 2)\nreturn x",
                      "return [y * 2 for y in a if y > 1]"),
    "a list filled, with something between": ("x = []\nb = 'c'\nfor y in a:\n    x.append(y)",
                                              "b = 'c'\nx = [y for y in a]"),
    "a set filled": ("x = set()\nfor y in a:\n    x.add(y)", "x = {y for y in a}"),
    "a dict filled": ("x = {}\nfor y in a:\n    x[y] = len(y)", "x = {y: len(y) for y in a}"),
    "a sum": ("x = 0\nfor y in a:\n    x += y * y\nreturn x", "return sum(y * y for y in a)"),
    "a sum of a list": ("return sum([y * y for y in a])", "return sum(y * y for y in a)"),
    "a text joined": ("x = ''\nfor y in a:\n    x += str(y)\nreturn x", "return ''.join(str(y) for y in a)"),
    "any": ("for y in a:\n    if y > 1:\n        return True\nreturn False", "return any(y > 1 for y in a)"),
    "all": ("for y in a:\n    if y > 1:\n        return False\nreturn True", "return all(y <= 1 for y in a)"),
    "map": ("return list(map(lambda y: y + 1, a))", "return [y + 1 for y in a]"),
    "filter": ("return list(filter(lambda y: y > 1, a))", "return [y for y in a if y > 1]"),
}  # fmt: skip


def tree_of_body(text: str) -> str:
    return first_tree("def f(a, b):\n" + "".join(f"    {line}\n" for line in text.splitlines()))


@pytest.mark.parametrize("said", SAID_TWICE)
def test_what_can_be_said_in_two_ways_is_one(said: str) -> None:
    first, second = SAID_TWICE[said]
    assert tree_of_body(first) == tree_of_body(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("x = []\nfor y in a:\n    x.append(y)", "x = [1]\nfor y in a:\n    x.append(y)"),
        ("x = []\ng(x)\nfor y in a:\n    x.append(y)", "g(x)\nx = [y for y in a]"),
        ("for y in a:\n    if y:\n        return True\nreturn True", "return any(y for y in a)"),
        ("for y in a:\n    if y:\n        return False\nreturn True", "return any(y for y in a)"),
        ("return a < b", "return a <= b"),
        ("if a:\n    f()\nelse:\n    g()", "if a:\n    f()\ng()"),
        ("x = 0\nfor y in a:\n    x += y\nelse:\n    x = 1\nreturn x", "return sum(y for y in a)"),
    ],
)
def test_what_is_said_differently_stays_different(first: str, second: str) -> None:
    assert tree_of_body(first) != tree_of_body(second)


def prefix_lines(first: str, others: str) -> str:
    return "".join(
        (first if line_index == 0 else others) + line + "\n"
        for line_index, line in enumerate(PLAIN.strip().splitlines())
    )


@pytest.mark.parametrize(
    ("wrapped", "text"),
    [
        ("a session", prefix_lines(">>> ", "... ")),
        (
            "a session in prose",
            "Try it:\n\n" + prefix_lines("    >>> ", "    ... ") + "\nDone, isn't it?\n",
        ),
        (
            "a session in a docstring",
            'def g():\n    """\n'
            + prefix_lines("    >>> ", "    ... ")
            + '    """\n    return 1\n',
        ),
        ("IPython", prefix_lines("In [12]: ", "    ...: ")),
        ("a diff", "--- a/x.py\n+++ b/x.py\n@@ -0,0 +1,9 @@\n" + prefix_lines("+", "+")),
        ("a mail", prefix_lines("> ", "> ")),
        (
            "line numbers",
            "".join(f"{n:3}  {line}\n" for n, line in enumerate(PLAIN.splitlines(), 8)),
        ),
        ("commented out", "x = 1\n" + prefix_lines("# ", "# ")),
        ("a string", f"CODE = {PLAIN!r}\n"),
        ("a long string", "CODE = '''" + PLAIN + "'''\nx = 1\n"),
        ("a JSON record", json.dumps({"id": 3, "done": True, "code": PLAIN})),
        ("JSON lines", (json.dumps({"none": None, "code": PLAIN}) + "\n") * 2),
        (
            "a notebook",
            json.dumps({"cells": [{"source": PLAIN.strip("\n").splitlines(True)}]}, indent=1),
        ),
        ("a notebook's magic", "%matplotlib inline\n!ls\n" + PLAIN),
        (
            "Python 2",
            PLAIN.replace("    return", "    print 'x', total\n    print >>err, 3\n    return")
            + "except E, e:\n",
        ),
        (
            "Python 2, which parses then",
            PLAIN.replace("return total", "print total,\n    return total"),
        ),
        ("fenced, closed on its line", "```python" + PLAIN.rstrip() + "```\n"),
        ("fenced with tildes", "It's:\n~~~\n" + PLAIN + "~~~\n"),
        ("a lambda", "add = lambda a, b: a + b\n" + PLAIN),
    ],
)
def test_a_function_is_found_in_what_wraps_it(wrapped: str, text: str) -> None:
    assert first_tree(PLAIN) in syntax.read_trees(text).tree_strings


def test_a_named_lambda_is_a_function() -> None:
    assert first_tree("add = lambda a, b: a + b\n") == first_tree(
        "def add(a, b):\n    return a + b\n"
    )


@pytest.mark.parametrize(
    "text", ["def " * 3000, '"' * 999 + "def x\n", "> def\n" * 500, "{" * 300 + '"def \\n' * 300]
)
def test_a_text_full_of_beginnings_costs_little(text: str) -> None:
    started = time.process_time()
    syntax.read_trees(text)
    assert time.process_time() - started < 2
