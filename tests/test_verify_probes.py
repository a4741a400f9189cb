"""Probes count what is there: each constraint has a program that meets it and one that does not."""

from __future__ import annotations

import ast

import pytest

from hornbook.verify import probes

# For each constraint, a program that meets it and one that does not.
CASES: dict[str, tuple[str, str]] = {
    "use a for loop": ("def f(x):\n    for y in x: pass", "def f(x):\n    return [y for y in x]"),
    "use a while loop": ("def f():\n    while 1: pass", "def f():\n    for y in (): pass"),
    "use no loop": ("def f(x):\n    return [y for y in x]", "def f():\n    while 1: pass"),
    "use a list comprehension": (
        "def f(x):\n    return [y for y in x]",
        "def f(x):\n    return (y for y in x)",
    ),
    "use a dictionary": ("def f():\n    return {1: 2}", "def f():\n    return {1, 2}"),
    "use a generator with yield": ("def f():\n    yield 1", "def f():\n    return 1"),
    "use recursion": ("def f():\n    return f()", "def f():\n    return g()"),
    "use no recursion": ("def f():\n    return g()", "def f():\n    return f()"),
    "use a conditional expression": (
        "def f(x):\n    return 1 if x else 2",
        "def f(x):\n    if x: return 1",
    ),
    "use a lambda": ("def f():\n    return lambda: 1", "def f():\n    return 1"),
    "use an f-string": ("def f(x):\n    return f'{x}'", "def f(x):\n    return '{x}'"),
    "raise a ValueError for bad input": (
        "def f():\n    raise ValueError('x')",
        "def f():\n    raise TypeError",
    ),
    "catch an exception": (
        "def f():\n    try: pass\n    except OSError: pass",
        "def f():\n    pass",
    ),
    "write a docstring": ("def f():\n    'Doc.'", "def f():\n    pass"),
    "annotate the parameters and the result": (
        "def f(x: int) -> int: ...",
        "def f(x: int, y) -> int: ...",
    ),
    "write exactly one function": ("def f(): ...", "def f(): ...\ndef g(): ..."),
    "write exactly two functions": ("def f(): ...\ndef g(): ...", "def f(): ..."),
    "give a parameter a default value": ("def f(x=1): ...", "def f(x): ..."),
    "do not call sum": ("def f(x):\n    return max(x)", "def f(x):\n    return sum(x)"),
    "do not call sorted": ("def f(x):\n    return max(x)", "def f(x):\n    return sorted(x)"),
    "call enumerate": ("def f(x):\n    return enumerate(x)", "def f(x):\n    return list(x)"),
    "call zip": ("def f(x):\n    return zip(x, x)", "def f(x):\n    return list(x)"),
    "import nothing": ("def f(): ...", "import os\ndef f(): ..."),
}


@pytest.mark.parametrize("words", list(probes.CONSTRAINTS))
def test_a_constraint_knows_what_meets_it_from_what_does_not(words: str) -> None:
    good, bad = CASES[words]
    check = probes.CONSTRAINTS[words]
    assert check(ast.parse(good)) and not check(ast.parse(bad))


def test_an_instruction_counts_name_parameters_and_each_constraint() -> None:
    probe = next(p for p in probes.make_instruction_probes() if p.task_id == "total")
    good = (
        probe.prompt
        + "def total(values):\n    n = 0\n    for v in values:\n        n += v\n    return n\n"
    )
    assert probe.count_met(good) == probes.CheckCounts(4, 4, ())
    lazy = probe.count_met(probe.prompt + "def total(xs):\n    return sum(xs)\n")
    assert lazy.missing == ("take (values)", "use a for loop", "do not call sum")
    assert probe.count_met(probe.prompt + "I would rather not.").met == 0


def test_instructions_are_distinct_and_use_every_constraint() -> None:
    names = [each[0] for each in probes.INSTRUCTIONS]
    assert len(set(names)) == len(names) == 24
    assert {words for each in probes.INSTRUCTIONS for words in each[3]} == set(probes.CONSTRAINTS)


@pytest.mark.parametrize(
    ("program", "met", "asked", "missing"),
    [
        ("import json\njson.loads('1')\n", 1, 1, ()),
        ("import json\njson.parse('1')\njson.dumps(1)\n", 1, 2, ("json.parse",)),
        (
            "import numpy as np\nx = np.linalg.norm([1])\nnp.normalise(x)\n",
            1,
            2,
            ("numpy.normalise",),
        ),
        (
            "from collections import Counter, WordCounter\nCounter('a')\n",
            1,
            2,
            ("collections.WordCounter",),
        ),
        (
            "from pathlib import Path\nPath.cwd().glob('*')\nPath.walkies\n",
            2,
            3,
            ("pathlib.Path.walkies",),
        ),
        ("import os.path\nos.path.join('a')\n", 2, 2, ()),
        ("import math\n\n\n", 0, 1, ("any use of the library",)),
        ("this is no program\nat all", 0, 1, ("a program that parses",)),
        ("import json, leftpad\njson.load(leftpad.pad())\n", 1, 1, ()),
    ],
)
def test_names_are_looked_up_in_the_installed_library(
    program: str, met: int, asked: int, missing: tuple[str]
) -> None:
    assert probes.count_existing_names(program) == probes.CheckCounts(met, asked, missing)


def test_a_module_that_a_model_names_is_not_imported() -> None:
    import sys

    probes.count_existing_names("import antigravity\nantigravity.fly()\nimport os.antigravity\n")
    assert "antigravity" not in sys.modules


def test_every_library_prompt_is_about_a_library_that_is_inspected_and_installed() -> None:
    for name, imports, _ in probes.LIBRARY_TASKS:
        assert (
            name in probes.INSPECTED_LIBRARIES and probes.path_exists(name) and f"{name}" in imports
        )
