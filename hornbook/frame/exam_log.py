"""The exam is locked: what shows that no checkpoint was chosen by looking at it.

In: a run's folder. Out: a lock that held or did not, in words for the report. Each opening of an
exam adds a line to
`opened.jsonl` at the run's root: when (UTC), which exam, which checkpoint, and every checkpoint finished by then. A
training that is not on the list was finished after the exam was open. The file outlives rebuilding,
so that examining, changing and examining again shows. It is bookkeeping: it says when things
happened, and no output depends on it.

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

from hornbook.frame.stage import Desk, Stage
from hornbook.records import UserError

FILE = "opened.jsonl"
TRAINING, EXAMINING = ("Train", "Choose"), "Examine"  # by name: this file lies below the stages


@dataclass(frozen=True)
class Lock:
    """Whether the exams stayed shut until every checkpoint was chosen; the label says it in the report's words."""

    held: bool
    label: str
    openings: Sequence[Mapping[str, Any]]


def record_opening(desk: Desk, stage: str, exam: str, digest: str, checkpoint: str) -> None:
    """Note on disk, before the first prompt is shown, that an exam is opened for this checkpoint."""
    line = {
        "utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "stage": stage,
        "exam": exam,
        "exam_digest": digest,
        "checkpoint": checkpoint,
        "trained": {name: fingerprint(desk, name) for name in trainings(desk)},
    }
    with (desk.root / FILE).open("ab") as file:
        file.write(json.dumps(line, sort_keys=True).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def fingerprint(desk: Desk, training: Stage | str) -> str:
    """SHA-256 of the names and digests of a finished training's files: it changes with any byte of the checkpoint."""
    files = desk.manifest(training)["files"]
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def trainings(desk: Desk) -> list[str]:
    """The finished stages that train a model, or choose one of a training's."""
    return [name for name in desk.stages() if desk.manifest(name)["identity"]["stage"] in TRAINING]


def exam_lock(desk: Desk) -> Lock:
    """Whether the run's log shows that its exams were opened after the last checkpoint was chosen."""
    openings = read_openings(desk)
    seen = [name for name in trainings(desk) if _follows_from_exam(desk, name)]
    if seen:
        return Lock(
            False,
            f"chosen on the exam: {', '.join(seen)} was trained from an exam's results",
            openings,
        )
    late = sorted({
        name
        for opening in openings
        for name in trainings(desk)
        if opening["trained"].get(name) != fingerprint(desk, name)
    })  # fmt: skip
    if late:
        return Lock(
            False,
            f"not locked: {', '.join(late)} was trained after an exam had been opened",
            openings,
        )
    if not openings:
        return Lock(True, "locked: no exam was opened", openings)
    first, last = openings[0], len(trainings(desk))
    label = (
        f"locked: first opened {first['utc']}, after all {last} trainings were finished"
        if last
        else "no training"
    )
    return Lock(True, label, openings)


def read_openings(desk: Desk) -> list[dict[str, Any]]:
    """The lines of opened.jsonl in order; none where there is no such file."""
    path = desk.root / FILE
    if not path.exists():
        return []
    try:
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except ValueError as error:
        raise UserError(
            f"{path} was damaged ({error}): without it nothing shows when the exams were opened"
        ) from error


def _follows_from_exam(desk: Desk, name: str) -> bool:
    """Whether an exam on a benchmark is among a stage's ancestors. Held-out exercises are no exam: they may choose."""
    identity = desk.manifest(name)["identity"]
    if identity["stage"] == EXAMINING and isinstance(identity["settings"]["exam"], str):
        return True
    return any(_follows_from_exam(desk, before) for before in identity["inputs"])
