"""The seed shelf as stages: hand-written exercises and sections, run like any other.

In: the shelf's files. Out: records. HELD_OUT_SHARE of the exercises is the project's own exam. The
split is by a hash of the exercise's name, so that an exercise keeps its side when others are added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hornbook import records, seed, store
from hornbook.frame.stage import Placement, Price, RunContext, Size, Stage
from hornbook.generate.exercise import Exercise
from hornbook.generate.run_drafts import check_exercises, check_lessons
from hornbook.records import UserError, hash_fraction
from hornbook.seed.sections import read_sections

if TYPE_CHECKING:
    import pyarrow as pa

HELD_OUT_SHARE = 0.2
LICENCE = "Apache-2.0"
COLUMNS = records.EXERCISE | {"topic": "string", "caught": "int32", "mutants": "int32"}
Split = Literal["train", "held-out", "all"]


@dataclass(frozen=True)
class ShelfExercises(Stage):
    """The shelf's exercises of one split. "held-out" is an exam: never train on it."""

    split: Split = "train"
    share: float = 1.0  # of the split, by a hash of the names

    placement: ClassVar[Placement] = "per_machine"

    def shards(self, ctx: RunContext) -> Sequence[str]:
        if self.split not in ("train", "held-out", "all"):
            raise UserError(
                f"{self.name}: the shelf has no split {self.split!r}: train, held-out or all"
            )
        return ["shelf"]

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {"files": _digest_files(seed.FOLDER, "*.py")}

    def make_shard(self, ctx: RunContext, shard: str) -> pa.Table:
        seed_exercises = [
            item
            for item in seed.read_exercises()
            if self.split in ("all", choose_split(item.name))
            and hash_fraction("shelf share", item.name) < self.share
        ]
        exercises = [
            Exercise(item.name, item.prompt, item.solution, item.tests) for item in seed_exercises
        ]
        ctx.reporter.begin(self.name, len(exercises), "exercises")
        with open_sandbox(ctx) as box:
            results = check_exercises(box, exercises, ctx.reporter.advance)
        rows = [
            make_exercise_row(exercise, verdict.reason, "shelf")
            | {"path": item.path, "start": item.lines[0], "end": item.lines[1], "licence": LICENCE}
            | {"topic": item.topic, "caught": verdict.caught, "mutants": verdict.mutants}
            for item, exercise, verdict in zip(seed_exercises, exercises, results, strict=True)
        ]
        return records.make_table(rows, COLUMNS)

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        split_shares = {"train": 1 - HELD_OUT_SHARE, "held-out": HELD_OUT_SHARE, "all": 1.0}
        count = self.share * split_shares[self.split] * sum(1 for _ in seed.read_exercises())
        # Estimates: 0.7 kB per exercise, 8 sandbox jobs each, 150 jobs per second.
        return Price(Size(count, count * 0.0007), minutes=0.05 + count * 8 / 150 / 60)


@dataclass(frozen=True)
class ShelfSections(Stage):
    """The shelf's textbook sections."""

    placement: ClassVar[Placement] = "per_machine"

    def shards(self, ctx: RunContext) -> Sequence[str]:
        return ["shelf"]

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        from hornbook.seed.sections import FOLDER

        return {"files": _digest_files(FOLDER, "*.md")}

    def make_shard(self, ctx: RunContext, shard: str) -> pa.Table:
        seed_sections = list(read_sections())
        with open_sandbox(ctx) as box:
            reasons = check_lessons(
                box, [[block.code for block in item.blocks] for item in seed_sections]
            )
        rows = [
            {
                "id": records.document_id(item.text),
                "text": item.text,
                "kind": "textbook",
                "origin": "shelf",
            }
            | {"path": item.path, "licence": LICENCE, "kept": not reason, "reason": reason}
            for item, reason in zip(seed_sections, reasons, strict=True)
        ]
        return records.make_table(rows)

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        count = sum(1 for _ in read_sections())
        return Price(Size(count, count * 0.005), minutes=0.05)


def choose_split(name: str) -> Split:
    """Which split an exercise of the shelf belongs to."""
    return "held-out" if hash_fraction("shelf", name) < HELD_OUT_SHARE else "train"


def make_exercise_row(exercise: Exercise, reason: str, origin: str) -> dict[str, Any]:
    """An exercise as a record."""
    return {
        "id": records.document_id(exercise.program), "text": exercise.program,
        "kind": "exercise", "origin": origin,
        "kept": not reason, "reason": reason, "prompt": exercise.prompt,
        "solution": exercise.solution,
        "tests": exercise.tests, "entry_point": exercise.entry_point,
    }  # fmt: skip


def open_sandbox(ctx: RunContext) -> Any:
    """A sandbox; `allow_unsafe` in the options allows one without isolation."""
    from hornbook.sandbox import Sandbox

    return Sandbox(allow_unsafe=bool(ctx.options.get("allow_unsafe")))


# Cached, because each identity of a run needs the digests. The files belong to the package.
@cache
def _digest_files(folder: Path, pattern: str) -> dict[str, str]:
    return {file.name: store.file_digest(file) for file in sorted(folder.glob(pattern))}
