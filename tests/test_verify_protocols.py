"""Protocols are pure functions of text; extraction equals EvalPlus's own sanitizer on the shapes that models write."""

from __future__ import annotations

import ast

import pytest

from hornbook.exams import Problem
from hornbook.records import UserError
from hornbook.verify import protocols as p
from hornbook.verify.extract import find_longest_code, sanitise_program

PROMPT = '\n\ndef add(a, b):\n    """Add two numbers.\n    >>> add(1, 2)\n    3\n    """\n'
ADD = Problem(
    "Own/0", PROMPT, "add", "    return a + b\n", "assert add(1, 2) == 3\n", "Add two numbers."
)
MBPP = Problem("MBPP/11", '"""\nAdd.\nassert add(1, 2) == 3\n"""\n', "add", "def add(a, b):\n    return a + b\n",
               "assert add(1, 2) == 3\n", "Add.", "mbpp", examples=("assert add(1, 2) == 3",) * 3,
               shots="Q\n[DONE]\n\n")  # fmt: skip
OUTPUT = Problem("C/0", "def f(x):\n    return x\n\nassert f(1) ==", "answer", " 1\n", "assert answer() == 1\n", "f",
                 "output")  # fmt: skip


def defines(program: str, name: str) -> bool:
    return any(
        isinstance(n, ast.FunctionDef) and n.name == name for n in ast.walk(ast.parse(program))
    )


@pytest.mark.parametrize("name", list(p.PROTOCOLS))
@pytest.mark.parametrize("problem", [ADD, MBPP, OUTPUT], ids=lambda problem: problem.form)
def test_the_reference_makes_a_program_with_the_entry_point_under_every_protocol(
    name: str, problem: Problem
) -> None:
    protocol = p.PROTOCOLS[name]
    shown = protocol.build_prompt(problem)
    text = (
        "\n" if not shown.endswith("\n") and problem.form == "function" else ""
    ) + problem.reference
    assert defines(protocol.build_program(problem, shown, text), problem.entry_point)


@pytest.mark.parametrize(
    ("name", "prompt"),
    [
        ("plain", PROMPT),
        ("bigcode", PROMPT.strip()),
        ("evalplus", PROMPT.strip() + "\n"),
        ("lm-eval", PROMPT),
    ],
)
def test_prompts_differ_by_their_white_space(name: str, prompt: str) -> None:
    assert p.PROTOCOLS[name].build_prompt(ADD) == prompt


def test_the_three_shot_form_of_mbpp_asks_with_three_tests_and_its_own_marks() -> None:
    prompt = p.PROTOCOLS["lm-eval"].build_prompt(MBPP)
    assert prompt.startswith(
        "Q\n[DONE]\n\nYou are an expert Python programmer, and here is your task: Add. Your code"
    )
    assert prompt.endswith("assert add(1, 2) == 3\n[BEGIN]\n") and prompt.count("assert") == 3
    program = p.PROTOCOLS["lm-eval"].build_program(
        MBPP, prompt, "def add(a, b):\n    return a + b\n[DONE]\nand more"
    )
    assert program == "def add(a, b):\n    return a + b\n"


def test_the_three_shot_form_without_its_shots_is_refused() -> None:
    import dataclasses

    with pytest.raises(UserError, match="problems 2, 3 and 4"):
        p.PROTOCOLS["lm-eval"].build_prompt(dataclasses.replace(MBPP, shots=""))


@pytest.mark.parametrize(
    ("text", "plain", "bigcode", "evalplus"),
    [
        ("    return a + b\n", True, True, True),
        ("    return a + b\nprint(add(1, 2", False, True, True),
        ("    return a + b\n```\nThis adds.", False, True, True),
        ("    return plus(a, b)\n\ndef plus(a, b):\n    return a + b\n", True, False, True),
        ("    return a + b\n\nThis is how it works: it adds.", False, False, True),
        ("    return a +", False, False, False),
    ],
)
def test_one_sample_is_judged_by_each_protocol_in_its_own_way(
    text: str, plain: bool, bigcode: bool, evalplus: bool
) -> None:
    def works(name: str) -> bool:
        space: dict[str, object] = {}
        try:
            exec(p.PROTOCOLS[name].build_program(ADD, PROMPT, text) + "\n" + ADD.tests, space)
        except (SyntaxError, NameError, AssertionError, TypeError):
            return False
        return True

    assert [works(name) for name in ("plain", "bigcode", "evalplus")] == [plain, bigcode, evalplus]


def test_sampling_for_several_protocols_stops_only_where_all_of_them_have_stopped() -> None:
    several = p.get_protocols(["plain", "evalplus"])
    shared = p.shared_stop_sequences(several, ADD)
    assert "\ndef " in shared and "\ndef" not in shared and "\n#" not in shared
    for text in (
        "    return 1\ndef main(): 2",
        "    return 1\nprint(3)",
        "    return 1\nclass A: 4",
        "  x\n# note\ndef ",
    ):
        kept = p.cut_at_stop(text, shared)
        for each in several:
            assert p.cut_at_stop(kept, each.stop_sequences(ADD)) == p.cut_at_stop(
                text, each.stop_sequences(ADD)
            )


def test_an_unknown_protocol_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean evalplus"):
        p.get_protocols(["eval-plus"])


@pytest.mark.parametrize(
    ("text", "works"),
    [
        (" 1", True),
        (" [1,\n  2]\nmore", True),
        (" 'a'```", True),
        (" f(1)", False),
        ("", False),
        (" x", False),
    ],
)
def test_a_predicted_output_is_a_literal_or_nothing(text: str, works: bool) -> None:
    try:
        tree = ast.parse(p.build_literal_program(text))
    except SyntaxError:
        assert not works
        return
    assert works and isinstance(tree.body[0], ast.FunctionDef)


# Expected values were produced by evalplus 0.3.1's own sanitize().
@pytest.mark.parametrize(
    ("text", "program"),
    [
        ("Sure!\n```python\ndef f(x):\n    return x\n```\nIt returns x.", "def f(x):\n    return x"),
        ("import os\ndef g():\n    return 1\ndef f(x):\n    return g()\ndef h():\n    return 2",
         "import os\ndef g():\n    return 1\ndef f(x):\n    return g()"),
        ("def f(x):\n    '''Doc.'''\ndef f(x):\n    return x", "def f(x):\n    return x"),
        ("def f(x):\n    return 1\ndef f(x):\n    return 2", "def f(x):\n    return 1"),
        ("N = 3\nM = 4\ndef f(x):\n    return N", "N = 3\ndef f(x):\n    return N"),
        ("import functools\n@functools.cache\ndef g():\n    return 1\ndef f():\n    return g()",
         "import functools\ndef f():\n    return g()"),
        ("def f(x):\n    return x\nprint(f(1))\nif f(2):\n    pass", "def f(x):\n    return x"),
        ("from __future__ import annotations\ndef f(x):\n    return x", "def f(x):\n    return x"),
        ("print(1)\nprint(2)", "print(1)\nprint(2)"),
    ],
)  # fmt: skip
def test_sanitising_equals_evalplus(text: str, program: str) -> None:
    assert sanitise_program(text, "f") == program


@pytest.mark.parametrize(
    "text",
    ["", "\0", "(" * 5000, "'''", "a\n" * 3, "def f(:\n" * 400, "x = 1\nthis is no code\n" * 150],
)
def test_extraction_ends_on_whatever_a_model_writes(text: str) -> None:
    find_longest_code(text)


def test_skipping_hopeless_ends_finds_what_trying_every_run_finds() -> None:
    import random

    def slow(text: str) -> str:
        lines, best, span = text.split("\n"), 0, (0, 0)
        for i in range(len(lines)):
            for j in range(i + 1, len(lines)):
                try:
                    ast.parse("\n".join(lines[i : j + 1]))
                except SyntaxError:
                    continue
                if (count := sum(bool(line.strip()) for line in lines[i : j + 1])) > best:
                    best, span = count, (i, j)
        return "\n".join(lines[span[0] : span[1] + 1])

    draw = random.Random(7)
    pieces = ["def f(x):", "    return x", "    if x:", "        return (", "    )", "prose is here", "x = [1,", "2]",
              "", "```", "'''", "    pass", "else:", "for i in x:", "  y = 1", "class A:"]  # fmt: skip
    for _ in range(150):
        text = "\n".join(draw.choice(pieces) for _ in range(draw.randrange(2, 14)))
        assert find_longest_code(text) == slow(text), text
