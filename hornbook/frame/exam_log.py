"""The exam is locked: what shows that no checkpoint was chosen by looking at it.

In: a run's folder. Out: whether the lock held, in words for the report. Each opening adds a line to
`opened.jsonl` at the run's root: when (UTC), which exam, which checkpoint, and every checkpoint
finished by then. A training that is not on the list was finished after the exam was opened. The
file survives a rebuild, so that "examine, change, examine again" is visible. It is bookkeeping: no
output depends on it.

Not covered: a person who reads one run's exam and changes another run's recipe, and a file that was
edited by hand.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hornbook.frame.stage import RunContext, Stage
from hornbook.frame.stage_names import is_of_class
from hornbook.records import UserError

OPENINGS_FILE = "opened.jsonl"


@dataclass(frozen=True)
class ExamLock:
    """Whether the exams stayed closed until every checkpoint was chosen; `label` is for people."""

    was_held: bool
    label: str
    openings: Sequence[Mapping[str, Any]]


def record_opening(ctx: RunContext, stage: str, exam: str, digest: str, checkpoint: str) -> None:
    """Record on disk, before the model sees a prompt, that its exam is opened."""
    line = {
        "utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "stage": stage,
        "exam": exam,
        "exam_digest": digest,
        "checkpoint": checkpoint,
        "trained": {name: checkpoint_digest(ctx, name) for name in finished_trainings(ctx)},
    }
    with (ctx.root / OPENINGS_FILE).open("ab") as file:
        file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def checkpoint_digest(ctx: RunContext, training: Stage | str) -> str:
    """SHA-256 over the names and digests of all files of a finished training."""
    files = ctx.run.read_manifest(training)["files"]
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def finished_trainings(ctx: RunContext) -> list[str]:
    """The finished stages that train a model, or choose one of a training's."""
    return [
        name
        for name in ctx.run.finished_stages()
        if is_of_class(ctx.run.read_manifest(name), "Train", "Choose")
    ]


def read_exam_lock(ctx: RunContext) -> ExamLock:
    """Whether the run's log shows that its exams were opened after the last checkpoint was chosen.

    A training counts as late if its checkpoint at an opening differs from the one it has now.
    """
    openings = read_openings(ctx)
    seen = [name for name in finished_trainings(ctx) if _follows_from_exam(ctx, name)]
    if seen:
        return ExamLock(
            False,
            f"chosen on the exam: {', '.join(seen)} was trained from an exam's results",
            openings,
        )
    digests = {name: checkpoint_digest(ctx, name) for name in finished_trainings(ctx)}
    late = [
        name
        for name, digest in sorted(digests.items())
        if any(opening["trained"].get(name) != digest for opening in openings)
    ]
    if late:
        return ExamLock(
            False,
            f"not locked: {', '.join(late)} was trained after an exam had been opened",
            openings,
        )
    if not openings:
        return ExamLock(True, "locked: no exam was opened", openings)
    first, last = openings[0], len(finished_trainings(ctx))
    label = (
        f"locked: first opened {first['utc']}, after all {last} trainings were finished"
        if last
        else "no training"
    )
    return ExamLock(True, label, openings)


def read_openings(ctx: RunContext) -> list[dict[str, Any]]:
    """The lines of opened.jsonl in order; none where there is no such file."""
    path = ctx.root / OPENINGS_FILE
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise UserError(
            f"{path} was damaged ({error}): without it nothing shows when the exams were opened"
        ) from error


def _follows_from_exam(ctx: RunContext, name: str) -> bool:
    """Whether an exam on a benchmark is among a stage's ancestors.

    Held-out exercises are no exam in this sense: a checkpoint may be chosen on them.
    """
    manifest = ctx.run.read_manifest(name)
    identity = manifest["identity"]
    if is_of_class(manifest, "Examine") and isinstance(identity["settings"]["exam"], str):
        return True
    return any(_follows_from_exam(ctx, earlier) for earlier in identity["inputs"])
