"""Looking into a run's folder: its stages and reasons, single records, and how two runs differ.

In: a desk over a run's folder; no recipe is needed. Out: plain dictionaries that the command line
prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.frame.exam_log import trainings
from hornbook.frame.identity import difference
from hornbook.frame.stage import Desk
from hornbook.records import UserError, share

if TYPE_CHECKING:
    import pyarrow as pa


def overview(desk: Desk) -> list[dict[str, Any]]:
    """A row a finished stage: rows seen and kept, time, and its commonest reasons for dropping."""
    rows = []
    for name in desk.stages():
        facts = desk.manifest(name)
        usage = store.read_json(desk.folder(name) / "usage.json") or {}
        reasons = sorted(facts["reasons"].items(), key=lambda item: -item[1])
        rows.append(
            {
                "stage": name,
                "is": facts["identity"]["stage"],
                "seen": facts["seen"],
                "kept": facts["kept"],
                "seconds": round(usage.get("seconds", 0.0), 1),
                "dropped because": ", ".join(
                    f"{reason} {number:,}" for reason, number in reasons[:4]
                ),
            }
        )
    return rows


def records(
    desk: Desk,
    stage: str,
    number: int,
    dropped: bool = False,
    reason: str | None = None,
    words: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Up to `number` records, chosen by a hash of their ids, so that one sees a sample and not the first file."""
    found: list[tuple[float, int, dict[str, Any]]] = []
    for table in _reached(desk, stage):
        vectors = [name for name in table.column_names if name.endswith("vector")]
        for row in table.drop_columns(vectors).to_pylist():
            why = row.get("reason") or ""
            wanted = row.get("kept", True) != dropped and (not reason or reason in why)
            if wanted and (
                not words or words in f"{row.get('id')}\n{row.get('path')}\n{row.get('text')}"
            ):
                found.append(
                    (share("peek", str(row.get("id", row.get("task_id", "")))), len(found), row)
                )
        found = sorted(found, key=lambda item: item[:2])[:number]
    yield from (row for _, _, row in found)


def batch(desk: Desk, stage: str, step: int) -> Iterator[dict[str, Any]]:
    """What a training read in a step, counted from 1 as in its log: the documents of each sequence, in their order.

    Rows have sequence, id, stage (that made the document) and tokens (of it in this sequence).
    Raises UserError for a stage that is no training, and for a step that it never took.
    """
    from hornbook.train.pack import traces
    from hornbook.train.sequences import facts_of, rows_of

    facts = desk.manifest(stage)["identity"]
    if facts["stage"] != "Train":
        raise UserError(f"{stage} is a {facts['stage']}, and only a Train has steps")
    last = store.read_json(desk.folder(stage) / "training.json")["steps"]
    if not 1 <= step <= last:
        raise UserError(f"{stage} has no step {step}: 1 to {last:,}")
    settings = facts["settings"]
    folder = desk.folder(settings["data"]["stage"])
    read = rows_of(
        step - 1, settings["batch"], facts_of(folder)["sequences"], settings["seed"]
    ).tolist()
    for sequence, documents in zip(read, traces(folder, read), strict=True):
        yield from ({"sequence": sequence, **document} for document in documents)


def _reached(desk: Desk, stage: str) -> Iterator[pa.Table]:
    """The stage's tables without the rows that an earlier stage had dropped: what this one saw."""
    over = str(desk.manifest(stage)["over"])
    for part in desk.parts(stage):
        rows = desk.table(stage, part)
        yield rows.filter(desk.table(over, part, ["kept"])["kept"]) if over else rows


def differences(first: Desk, second: Desk) -> list[dict[str, Any]]:
    """What differs between two runs, stage by stage: settings, kept counts, files."""
    rows = []
    names = [*first.stages(), *(name for name in second.stages() if name not in first.stages())]
    for name in names:
        mine, yours = (
            desk.manifest(name) if name in desk.stages() else None for desk in (first, second)
        )
        if mine is None or yours is None:
            rows.append(
                {
                    "stage": name,
                    "what": "present",
                    "first": mine is not None,
                    "second": yours is not None,
                }
            )
            continue
        for line in difference(mine["identity"], yours["identity"]):
            setting, _, values = line.partition(": ")
            old, _, new = values.partition(" -> ")
            if values:
                rows.append({"stage": name, "what": setting, "first": old, "second": new})
        if mine["kept"] != yours["kept"]:
            rows.append(
                {"stage": name, "what": "kept", "first": mine["kept"], "second": yours["kept"]}
            )
    return rows


def damaged(desk: Desk) -> list[str]:
    """Every file of the finished stages whose bytes are not those that its manifest recorded, each with the way out."""
    found = []
    for name in desk.stages():
        facts = desk.manifest(name)
        recorded = {desk.part_path(name, part["name"]): part["sha256"] for part in facts["parts"]}
        recorded |= {desk.folder(name) / path: digest for path, digest in facts["files"].items()}
        for path, digest in recorded.items():
            if not path.exists() or store.digest(path) != digest:
                state = "was changed" if path.exists() else "is missing"
                found.append(
                    f"{path} {state} since {name} was finished: --rebuild {name} makes it again"
                )
    return found


def model_folder(desk: Desk, stage: str | None) -> Path:
    """The folder of a trained model: of this stage, or of the one that was trained last."""
    trained = trainings(desk)
    if not trained:
        raise UserError(
            f"{desk.root} has no trained model yet: its stages are {', '.join(desk.stages())}"
        )
    if stage is not None and stage not in trained:
        raise UserError(f"{stage} is no trained model of {desk.root}: {', '.join(trained)}")
    return desk.folder(stage or trained[-1]) / "model"
