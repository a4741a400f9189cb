"""A weak teacher is led: what is prefilled suits, what it writes is cut to a sentence, the primer is right."""

from __future__ import annotations

import ast

import pytest

from hornbook.generate import prompts, scaffolded
from hornbook.generate.exercise import Exercise
from hornbook.generate.majority_vote import extract_calls
from hornbook.seed import vocabulary


@pytest.mark.parametrize("types", scaffolded.SIGNATURES)
def test_every_signature_has_calls_and_a_primer_that_ends_with_its_kind(types):
    made = scaffolded.make_calls("f", types)
    assert len(made) == len(set(made)) >= 4
    draft = scaffolded.build_unsolved_exercise("f", types, '"""Do something useful with this."""')
    assert isinstance(draft, Exercise) and extract_calls(draft) == made
    parameter = types.partition(":")[0]
    shown = prompts.select_few_shot_examples(parameter)
    assert len(shown) == prompts.FEW_SHOT_COUNT
    last = ast.parse(shown[-1][1]).body[0]
    assert isinstance(last, ast.FunctionDef) and last.args.args[0].arg == parameter


def test_questions_are_answered_by_a_bool():
    names = [
        name
        for name in vocabulary.read_function_names()
        if name.startswith(("is_", "has_", "can_"))
    ]
    assert names and all(scaffolded.choose_signature(name).endswith("-> bool") for name in names)
    assert len(
        {scaffolded.choose_signature(name) for name in vocabulary.read_function_names()}
    ) == len(scaffolded.SIGNATURES)


@pytest.mark.parametrize(
    ("text", "prose"),
    [
        (
            'def f(n: int) -> int:\n    """Add one to every number given.',
            "Add one to every number given.",
        ),
        ('"""Add one to\n    every number given. Then the', "Add one to every number given."),
        ('"""Add one to every number given"""', "Add one to every number given."),
        (
            '"""Add one to every number given.\n\n    Args:\n        n: a number',
            "Add one to every number given.",
        ),
        ('"""Add one to every number given.\n    >>> f(1)\n', "Add one to every number given."),
        ('"""Add one.', ""),
        ("no docstring", ""),
        ('"""Add one to every number and then some mo', ""),
    ],
)
def test_a_sentence_is_cut_out(text, prose):
    found = scaffolded.build_unsolved_exercise("f", "number: int) -> int", text)
    assert (
        ast.get_docstring(ast.parse(found.prompt).body[0]) if isinstance(found, Exercise) else ""
    ) == prose


def test_an_answer_that_ended_of_itself_needs_no_full_stop():
    found = scaffolded.build_unsolved_exercise(
        "f", "number: int) -> int", '"""Add one to every number given\n', is_complete=True
    )
    assert isinstance(found, Exercise) and "number given." in found.prompt


def test_the_primer_runs():
    space: dict[str, object] = {}
    exec(compile(prompts.FEW_SHOT_FILE.read_text(encoding="utf-8"), "primer", "exec"), space)  # noqa: S102
    for name in [each for each in space if not each.startswith("_") and callable(space[each])]:
        node = ast.parse(prompts.FEW_SHOT_FILE.read_text(encoding="utf-8"))
        arguments = next(ast.unparse(n.args) for n in node.body if getattr(n, "name", "") == name)
        for call in scaffolded.make_calls(name, arguments + ")"):
            if name != "joined_initials" or "''" not in call:
                eval(call, space)  # noqa: S307
