"""The seed shelf as stages: exercises and textbook sections written by hand, run like everything that a model writes.

In: the shelf's files. Out: records. A fixed part of the exercises is the project's own exam: the
split goes by a hash of the exercise's name, so that an exercise never changes sides when others are
added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hornbook import records, seed, store
from hornbook.frame.stage import Desk, Price, Runs, Size, Stage
from hornbook.generate.exercise import Exercise
from hornbook.generate.run_drafts import check, check_lessons
from hornbook.records import UserError, share
from hornbook.seed.sections import sections

if TYPE_CHECKING:
    import pyarrow as pa

HELD_OUT = 0.2
LICENCE = "Apache-2.0"
COLUMNS = records.EXERCISE | {"topic": "string", "caught": "int32", "mutants": "int32"}
Split = Literal["train", "held-out", "all"]


@dataclass(frozen=True)
class ShelfExercises(Stage):
    """The shelf's exercises of one split; those of "held-out" are an exam and must never be trained on."""

    split: Split = "train"
    share: float = 1.0  # of the split, by a hash of the names

    runs: ClassVar[Runs] = "machine"

    def parts(self, desk: Desk) -> Sequence[str]:
        if self.split not in ("train", "held-out", "all"):
            raise UserError(
                f"{self.name}: the shelf has no split {self.split!r}: train, held-out or all"
            )
        return ["shelf"]

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"files": _digests(seed.FOLDER, "*.py")}

    def work(self, desk: Desk, part: str) -> pa.Table:
        chosen = [
            each
            for each in seed.exercises()
            if self.split in ("all", split_of(each.name))
            and share("shelf share", each.name) < self.share
        ]
        written = [Exercise(each.name, each.prompt, each.solution, each.tests) for each in chosen]
        desk.reporter.begin(self.name, len(written), "exercises")
        with sandbox(desk) as box:
            checked = check(box, written, desk.reporter.advance)
        rows = [
            exercise_row(exercise, verdict.reason, "shelf")
            | {"path": each.path, "start": each.lines[0], "end": each.lines[1], "licence": LICENCE}
            | {"topic": each.topic, "caught": verdict.caught, "mutants": verdict.mutants}
            for each, exercise, verdict in zip(chosen, written, checked, strict=True)
        ]
        return records.table(rows, COLUMNS)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        part = {"train": 1 - HELD_OUT, "held-out": HELD_OUT, "all": 1.0}[self.split]
        number = self.share * part * sum(1 for _ in seed.exercises())
        return Price(Size(number, number * 0.0007), minutes=0.05 + number * 8 / 150 / 60)


@dataclass(frozen=True)
class ShelfSections(Stage):
    """The shelf's textbook sections."""

    runs: ClassVar[Runs] = "machine"

    def parts(self, desk: Desk) -> Sequence[str]:
        return ["shelf"]

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        from hornbook.seed.sections import FOLDER

        return {"files": _digests(FOLDER, "*.md")}

    def work(self, desk: Desk, part: str) -> pa.Table:
        chosen = list(sections())
        with sandbox(desk) as box:
            reasons = check_lessons(box, [[block.code for block in each.blocks] for each in chosen])
        rows = [
            {
                "id": records.document_id(each.text),
                "text": each.text,
                "kind": "textbook",
                "origin": "shelf",
            }
            | {"path": each.path, "licence": LICENCE, "kept": not reason, "reason": reason}
            for each, reason in zip(chosen, reasons, strict=True)
        ]
        return records.table(rows)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        number = sum(1 for _ in sections())
        return Price(Size(number, number * 0.005), minutes=0.05)


def split_of(name: str) -> Split:
    """Which split an exercise of the shelf belongs to."""
    return "held-out" if share("shelf", name) < HELD_OUT else "train"


def exercise_row(exercise: Exercise, reason: str, origin: str) -> dict[str, Any]:
    """An exercise as a record."""
    return {
        "id": records.document_id(exercise.program), "text": exercise.program, "kind": "exercise", "origin": origin,
        "kept": not reason, "reason": reason, "prompt": exercise.prompt, "solution": exercise.solution,
        "tests": exercise.tests, "entry_point": exercise.entry_point,
    }  # fmt: skip


def sandbox(desk: Desk) -> Any:
    """The sandbox that this desk's options allow."""
    from hornbook.sandbox import Sandbox

    return Sandbox(allow_unsafe=bool(desk.options.get("allow_unsafe")))


@cache  # the package's own files: every identity of a run asks for them
def _digests(folder: Path, pattern: str) -> dict[str, str]:
    return {file.name: store.digest(file) for file in sorted(folder.glob(pattern))}
