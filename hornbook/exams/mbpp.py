"""MBPP: a description and three assertions; the answer is a whole program.

In: rows of mbpp.jsonl (Austin et al. 2021, CC BY 4.0, 974 problems), of the sanitised file, or of
the Hub's tables. Out: problems, whose prompt is the zero-shot docstring form, with the three-shot
form's solved examples beside it.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from hornbook.exams.problem import Problem, add_test_helpers
from hornbook.exams.read_file import Row

# The splits by task id, from the data set's README: few-shot prompts, test, validation, training.
SPLITS = {
    "prompt": range(1, 11),
    "test": range(11, 511),
    "validation": range(511, 601),
    "train": range(601, 975),
    "all": range(1, 975),
}
SHOT_IDS = (2, 3, 4)  # those that the paper's own prompt and lm-evaluation-harness show


def make_problems(rows: Sequence[Row], split: str = "test") -> list[Problem]:
    """The problems of one split, in the order of the file."""
    shown = {row["task_id"]: row for row in rows if row["task_id"] in SHOT_IDS}
    shots = ""
    for n in SHOT_IDS:
        if n in shown:
            question = build_three_shot_question(_task_text(shown[n]), shown[n]["test_list"])
            shots += question + shown[n]["code"] + "\n[DONE]\n\n"
    return [make_problem(row, shots) for row in rows if task_number(row) in SPLITS[split]]


def make_problem(row: Row, shots: str = "") -> Problem:
    """One row. Line ends \\r\\n in the file become \\n: the bytes of references are counted."""
    reference = row["code"].replace("\r\n", "\n").strip("\n") + "\n"
    setup = (row.get("test_setup_code") or "").replace("\r\n", "\n")
    examples = tuple(test.replace("\r\n", "\n") for test in row["test_list"])
    test_program = (
        row.get("test")
        or "\n".join([*(row.get("test_imports") or ()), setup, *examples]).strip("\n") + "\n"
    )
    entry_point = find_entry_point(reference, examples)
    tests, calls = add_test_helpers("", reference, test_program, entry_point)
    # bigcode-evaluation-harness's zero-shot prompt, after InCoder: a docstring with the first test.
    prompt = f'"""\n{_task_text(row)}\n{row["test_list"][0]}\n"""\n'
    task_id = f"MBPP/{task_number(row)}"
    return Problem(
        task_id,
        prompt,
        entry_point,
        reference,
        tests,
        _task_text(row),
        "mbpp",
        calls,
        examples,
        shots=shots,
    )


def build_three_shot_question(text: str, tests: Sequence[str]) -> str:
    """The question in three-shot form, as lm-evaluation-harness has it (mbpp.yaml)."""
    task = (
        f"You are an expert Python programmer, and here is your task: {text} "
        "Your code should pass these tests:"
    )
    return task + "\n\n" + "\n".join(tests[:3]) + "\n[BEGIN]\n"


def find_entry_point(reference: str, tests: Sequence[str]) -> str:
    """The first function of the reference that a test calls. KeyError where none is."""
    defined = {
        n.name for n in ast.parse(reference).body if isinstance(n, ast.FunctionDef | ast.ClassDef)
    }
    for node in ast.walk(ast.parse("\n".join(tests))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in defined
        ):
            return node.func.id
    raise KeyError("entry_point")


def task_number(row: Row) -> int:
    """The task's number; other makers write Mbpp/2 for 2."""
    return int(str(row["task_id"]).rpartition("/")[2])


def _task_text(row: Row) -> str:
    return str(row.get("text") or row["prompt"])
