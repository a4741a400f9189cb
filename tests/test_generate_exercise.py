"""Parse a teacher's text into an exercise, or into a rejection reason."""

from __future__ import annotations

import ast

import pytest

from hornbook.generate.exercise import Exercise, examples_as_tests, parse_exercise
from hornbook.generate.mutants import (
    drop_result,
    generate_mutants,
    increment_integer,
    negate_condition,
    swap_operator,
)
from hornbook.generate.textbooks import extract_code_blocks, trim_answer

GOOD = '''\
Here it is:
```python
import math
from collections import Counter


def area(r: float) -> float:
    """The area of a circle with radius r.

    >>> area(1.0)
    3.141592653589793
    >>> area(-1.0)
    Traceback (most recent call last):
    ValueError: negative
    """
    if r < 0:
        raise ValueError("negative")
    return math.pi * r * r


assert area(0) == 0
assert area(2) == 4 * math.pi
```
I hope that helps.
'''


def test_a_good_answer_is_split_into_prompt_solution_and_tests():
    exercise = parse_exercise(GOOD)
    assert isinstance(exercise, Exercise)
    assert exercise.entry_point == "area"
    assert exercise.prompt.endswith('"""\n')
    assert exercise.solution.startswith("    if r < 0:")
    assert exercise.tests == "assert area(0) == 0\nassert area(2) == 4 * math.pi\n"
    examples = examples_as_tests(exercise.prompt, "area")
    namespace: dict[str, object] = {}
    exec(exercise.program + exercise.tests + examples, namespace)  # noqa: S102


BODY = 'def f(a):\n    """Add one to the number a."""\n    return a + 1\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("no code here, sorry", "does not parse"),
        ("x = 1", "no function with a docstring"),
        ("def f(a):\n    return a\nassert f(1) == 1", "no function with a docstring"),
        ('def f(a):\n    """Add one to the number a."""\nassert f(1) == 2', "no solution"),
        (
            'def f(a):\n    """Adds."""\n    return a\nassert f(1) == 1',
            "the docstring explains nothing",
        ),
        (BODY, "no tests"),
        (BODY + "assert 1 == 1", "no tests"),
        (BODY + "print(f(1))", "no tests"),
        ("(" * 500, "does not parse"),
    ],
)
def test_a_text_without_an_exercise_has_a_reason(text, reason):
    assert parse_exercise(text) == reason


@pytest.mark.parametrize(
    "tests",
    [
        "assert f(1) == 2\n",
        "def test_f():\n    assert f(1) == 2\n    assert f(2) == 3\n",
        "for a in range(3):\n    assert f(a) == a + 1\n",
        "cases = [(1, 2)]\nfor a, b in cases:\n    assert f(a) == b\n",
    ],
)
def test_tests_are_found_in_many_forms(tests):
    exercise = parse_exercise(BODY + tests)
    assert isinstance(exercise, Exercise)
    namespace: dict[str, object] = {}
    exec(exercise.program, namespace)  # noqa: S102
    exec(exercise.tests, namespace)  # noqa: S102
    with pytest.raises(AssertionError):
        exec(exercise.tests, {"f": lambda a: -1})  # noqa: S102


def test_examples_that_print_run_unchecked():
    prompt = (
        'def f(a):\n    """Add one.\n\n    >>> print(f(1))\n    2\n    >>> f(2)\n    3\n    """\n'
    )
    assert examples_as_tests(prompt, "f") == "print(f(1))\nassert repr(f(2)) == '3'\n"


def test_examples_with_setup_keep_it():
    prompt = 'def f(a):\n    """Add one.\n\n    >>> x = [1]\n    >>> f(x)\n    [1, 1]\n    """\n'
    assert examples_as_tests(prompt, "f") == "x = [1]\nassert repr(f(x)) == '[1, 1]'\n"


@pytest.mark.parametrize(
    ("change", "statement"),
    [
        (swap_operator, "a < b"),
        (swap_operator, "a + b"),
        (increment_integer, "f(1)"),
        (negate_condition, "a if b else c"),
        (drop_result, "return a"),
    ],
)
def test_the_mutators_change_the_tree(change, statement):
    source = f"def g():\n    {statement}\n"
    tree = ast.parse(source)
    assert any(map(change, list(ast.walk(tree))))
    assert ast.dump(tree) != ast.dump(ast.parse(source))


def test_mutants_change_one_thing_in_the_function_and_nothing_else():
    program = "LIMIT = 5\n\n\ndef f(a):\n    if a > 3:\n        return a + 1\n    return 0\n"
    mutants = list(generate_mutants(program, "f"))
    assert len(mutants) == len(set(mutants)) == 8
    assert all(mutant.startswith("LIMIT = 5\n") for mutant in mutants)


def test_an_answer_is_trimmed_to_its_section():
    text = "Sure!\n# Lists\n\nText.\n\n```python\nx = 1\n```\n\nMore.\n\n```python\ny ="
    assert trim_answer(text) == "# Lists\n\nText.\n\n```python\nx = 1\n```\n\nMore.\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# T\n" + "word " * 50, "no code"),
        ("# T\n```python\nx = 1\n```", "hardly any prose"),
        ("same line here for ever and ever\n" * 30 + "```python\nx = 1\n```", "turns in circles"),
        (
            "word " * 50 + "\n```python\nx = 1\n```\n\n```python\ny = 2\n```\n",
            ["x = 1\n", "y = 2\n"],
        ),
    ],
)
def test_a_section_has_code_blocks_or_a_reason(text, expected):
    assert extract_code_blocks(text) == expected
