"""Scaffolded exercises: prefilled signatures, one-sentence docstrings, few-shot examples."""

from __future__ import annotations

import ast

import pytest

from hornbook.generate import prompts, scaffolded
from hornbook.generate.exercise import Exercise
from hornbook.generate.majority_vote import extract_calls
from hornbook.seed import vocabulary


@pytest.mark.parametrize("signature", scaffolded.SIGNATURES)
def test_every_signature_has_calls_and_a_last_example_with_its_parameter(signature):
    calls = scaffolded.make_calls("f", signature)
    assert len(calls) == len(set(calls)) >= 4
    draft = scaffolded.build_unsolved_exercise(
        "f", signature, '"""Do something useful with this."""'
    )
    assert isinstance(draft, Exercise) and extract_calls(draft) == calls
    parameter = signature.partition(":")[0]
    shown = prompts.select_few_shot_examples(parameter)
    assert len(shown) == prompts.FEW_SHOT_COUNT
    last = ast.parse(shown[-1][1]).body[0]
    assert isinstance(last, ast.FunctionDef) and last.args.args[0].arg == parameter


def test_a_name_like_a_question_has_a_bool_result():
    names = [
        name
        for name in vocabulary.read_function_names()
        if name.startswith(("is_", "has_", "can_"))
    ]
    assert names and all(scaffolded.choose_signature(name).endswith("-> bool") for name in names)
    signatures = {scaffolded.choose_signature(name) for name in vocabulary.read_function_names()}
    assert signatures == set(scaffolded.SIGNATURES)


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
    draft = scaffolded.build_unsolved_exercise("f", "number: int) -> int", text)
    docstring = ""
    if isinstance(draft, Exercise):
        docstring = ast.get_docstring(ast.parse(draft.prompt).body[0])
    assert docstring == prose


def test_a_complete_answer_needs_no_full_stop():
    draft = scaffolded.build_unsolved_exercise(
        "f", "number: int) -> int", '"""Add one to every number given\n', is_complete=True
    )
    assert isinstance(draft, Exercise) and "number given." in draft.prompt


def test_the_few_shot_examples_run():
    source = prompts.FEW_SHOT_FILE.read_text(encoding="utf-8")
    namespace: dict[str, object] = {}
    exec(compile(source, "few_shot_examples", "exec"), namespace)  # noqa: S102
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    assert len(functions) == 21
    for function in functions:
        for call in scaffolded.make_calls(function.name, ast.unparse(function.args) + ")"):
            # An empty word has no initial.
            if function.name != "joined_initials" or "''" not in call:
                eval(call, namespace)  # noqa: S307
