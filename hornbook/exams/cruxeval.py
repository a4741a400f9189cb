"""CRUXEval's output prediction: given a short function and an input, name the literal it returns.

In: rows with code, input, output (Gu et al. 2024, MIT licence, 800 problems). Out: problems whose
prompt ends in
`assert f(input) ==`, without a space, so that the answer begins where a tokenizer would begin it.
The answer is judged as a literal: calling f again is no prediction. Not covered: predicting inputs.
"""

from __future__ import annotations

from hornbook.exams.problem import Problem
from hornbook.exams.read_file import Row

ENTRY_POINT = "answer"  # the verifier wraps the literal as `def answer(): return LITERAL`


def make_problem(row: Row) -> Problem:
    prompt = f"{row['code']}\n\nassert f({row['input']}) =="
    tests = f"assert {ENTRY_POINT}() == {row['output']}\n"
    return Problem(
        f"CRUXEval/{row['id']}",
        prompt,
        ENTRY_POINT,
        f" {row['output']}\n",
        tests,
        row["code"],
        "output",
    )
