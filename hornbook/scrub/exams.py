"""The problems of the exams that a recipe names: by name for hornbook.benchmarks, or a stage's kept exercises."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hornbook import benchmarks
from hornbook.records import UserError
from hornbook.stage import Desk, Stage

if TYPE_CHECKING:
    from hornbook.benchmarks import Problem


def problems(desk: Desk, exams: Sequence[str | Stage]) -> list[Problem]:
    """The problems of all exams, in their order. Raises UserError where there is none to keep out."""
    found: list[Problem] = []
    for exam in exams:
        if isinstance(exam, str):
            found += benchmarks.load(exam)
        else:
            found += benchmarks.from_records(row for table in desk.kept(exam) for row in table.to_pylist())
    if not found:
        raise UserError("nothing to keep unseen: name an exam, such as exams=('humaneval',)")
    return found
