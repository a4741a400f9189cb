"""The seed shelf: hand-written exercises that ship with Hornbook, split into records.

In: the topic files in `exercises/`, ordinary Python, one topic each. Out: `Handwritten` records, in
the order of file name and line. Why: few-shot examples for weak teachers, and an offline drill set
that needs no model at all.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hornbook.exams.handwritten import HandwrittenExercise, split_exercises

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "exercises"


def read_exercises() -> Iterator[HandwrittenExercise]:
    """Every exercise of the shelf, easy to hard within a topic file."""
    for path in sorted(FOLDER.glob("*.py")):
        yield from split_exercises(path.read_text(encoding="utf-8"), path.name)
