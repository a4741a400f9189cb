"""Fifty problems that nobody asks: an exam that measures understanding, not memory (the paper's section 4).

In: the modules of this folder, read as text and never imported. Out: rows in HumanEval's form. Each
problem joins things that do not belong together (hedgehogs and queues, whispers and capitals), so
that a model cannot have met it; tests hold that no detector of contamination finds anything like it
in HumanEval. Not covered: once published, any exam can be learned by heart. Write your own with the
same form and give it as jsonl:PATH.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from hornbook.exams.handwritten import split_exercises
from hornbook.exams.read_file import Row

FOLDER = Path(__file__).parent


def read_rows() -> list[Row]:
    """The problems in the order of file name and line."""
    return [
        {"task_id": f"unconventional/{each.name}", "prompt": each.prompt, "entry_point": each.name}
        | {"canonical_solution": each.solution, "test": each.tests}
        for path in _problem_files()
        for each in split_exercises(path.read_text(encoding="utf-8"), path.name)
    ]


def digest_files() -> str:
    """SHA-256 of the problems' files, in hex."""
    return hashlib.sha256(b"".join(path.read_bytes() for path in _problem_files())).hexdigest()


def _problem_files() -> list[Path]:
    return sorted(path for path in FOLDER.glob("*.py") if path.name != "__init__.py")
