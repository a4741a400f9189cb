"""The seed shelf: hand-written exercises that ship with Hornbook, split into records.

In: the files in `exercises/`, ordinary Python with one topic per file. Out: `HandwrittenExercise`
records in the order of file name and line. They are few-shot examples for teachers, and training
data that needs no model.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hornbook.exams.handwritten import HandwrittenExercise, split_exercises

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "exercises"


def read_exercises() -> Iterator[HandwrittenExercise]:
    """All exercises of the shelf, easy to hard within a topic file."""
    for path in sorted(FOLDER.glob("*.py")):
        yield from split_exercises(path.read_text(encoding="utf-8"), path.name)
