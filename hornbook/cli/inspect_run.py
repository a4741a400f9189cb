"""Looking into a run's folder: its stages and reasons, single records, and how two runs differ.

In: a desk over a run's folder; no recipe is needed. Out: plain dictionaries that the command line
prints.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.frame.exam_log import finished_trainings
from hornbook.frame.identity import describe_difference
from hornbook.frame.stage import RunContext
from hornbook.records import UserError, hash_fraction

if TYPE_CHECKING:
    import pyarrow as pa


def summarise_stages(ctx: RunContext) -> list[dict[str, Any]]:
    """A row a finished stage: rows seen and kept, time, and its commonest reasons for dropping."""
    rows = []
    for name in ctx.run.finished_stages():
        facts = ctx.run.read_manifest(name)
        usage = store.read_json(ctx.run.stage_folder(name) / "usage.json") or {}
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


def sample_records(
    ctx: RunContext,
    stage: str,
    number: int,
    dropped: bool = False,
    reason: str | None = None,
    words: str | None = None,
) -> Iterator[dict[str, Any]]:
    """Up to `number` records, chosen by a hash of their ids, so that one sees a sample and not the first file."""
    found: list[tuple[float, int, dict[str, Any]]] = []
    for table in _read_seen_rows(ctx, stage):
        vectors = [name for name in table.column_names if name.endswith("vector")]
        for row in table.drop_columns(vectors).to_pylist():
            why = row.get("reason") or ""
            wanted = row.get("kept", True) != dropped and (not reason or reason in why)
            if wanted and (
                not words or words in f"{row.get('id')}\n{row.get('path')}\n{row.get('text')}"
            ):
                found.append(
                    (
                        hash_fraction("peek", str(row.get("id", row.get("task_id", "")))),
                        len(found),
                        row,
                    )
                )
        found = sorted(found, key=lambda item: item[:2])[:number]
    yield from (row for _, _, row in found)


def read_training_step(ctx: RunContext, stage: str, step: int) -> Iterator[dict[str, Any]]:
    """What a training read in a step, counted from 1 as in its log: the documents of each sequence, in their order.

    Rows have sequence, id, stage (that made the document) and tokens (of it in this sequence).
    Raises UserError for a stage that is no training, and for a step that it never took.
    """
    from hornbook.train.pack import trace_sequences
    from hornbook.train.sequences import batch_rows, read_pack_facts

    facts = ctx.run.read_manifest(stage)["identity"]
    if facts["stage"] != "Train":
        raise UserError(f"{stage} is a {facts['stage']}, and only a Train has steps")
    last = store.read_json(ctx.run.stage_folder(stage) / "training.json")["steps"]
    if not 1 <= step <= last:
        raise UserError(f"{stage} has no step {step}: 1 to {last:,}")
    settings = facts["settings"]
    folder = ctx.run.stage_folder(settings["data"]["stage"])
    read = batch_rows(
        step - 1, settings["batch"], read_pack_facts(folder)["sequences"], settings["seed"]
    ).tolist()
    for sequence, documents in zip(read, trace_sequences(folder, read), strict=True):
        yield from ({"sequence": sequence, **document} for document in documents)


def _read_seen_rows(ctx: RunContext, stage: str) -> Iterator[pa.Table]:
    """The stage's tables without the rows that an earlier stage had dropped: what this one saw."""
    over = str(ctx.run.read_manifest(stage)["base_stage"])
    for part in ctx.run.shard_names(stage):
        rows = ctx.run.read_shard(stage, part)
        yield rows.filter(ctx.run.read_shard(over, part, ["kept"])["kept"]) if over else rows


def compare_runs(first: RunContext, second: RunContext) -> list[dict[str, Any]]:
    """What differs between two runs, stage by stage: settings, kept counts, files."""
    rows = []
    names = [
        *first.run.finished_stages(),
        *(name for name in second.run.finished_stages() if name not in first.run.finished_stages()),
    ]
    for name in names:
        mine, yours = (
            ctx.run.read_manifest(name) if name in ctx.run.finished_stages() else None
            for ctx in (first, second)
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
        for line in describe_difference(mine["identity"], yours["identity"]):
            setting, _, values = line.partition(": ")
            old, _, new = values.partition(" -> ")
            if values:
                rows.append({"stage": name, "what": setting, "first": old, "second": new})
        if mine["kept"] != yours["kept"]:
            rows.append(
                {"stage": name, "what": "kept", "first": mine["kept"], "second": yours["kept"]}
            )
    return rows


def find_damaged_files(ctx: RunContext) -> list[str]:
    """Every file of the finished stages whose bytes are not those that its manifest recorded, each with the way out."""
    found = []
    for name in ctx.run.finished_stages():
        facts = ctx.run.read_manifest(name)
        recorded = {
            ctx.run.shard_path(name, shard["name"]): shard["sha256"] for shard in facts["shards"]
        }
        recorded |= {
            ctx.run.stage_folder(name) / path: digest for path, digest in facts["files"].items()
        }
        for path, digest in recorded.items():
            if not path.exists() or store.file_digest(path) != digest:
                state = "was changed" if path.exists() else "is missing"
                found.append(
                    f"{path} {state} since {name} was finished: --rebuild {name} makes it again"
                )
    return found


def find_model_folder(ctx: RunContext, stage: str | None) -> Path:
    """The folder of a trained model: of this stage, or of the one that was trained last."""
    trained = finished_trainings(ctx)
    if not trained:
        raise UserError(
            f"{ctx.root} has no trained model yet: its stages are {', '.join(ctx.run.finished_stages())}"
        )
    if stage is not None and stage not in trained:
        raise UserError(f"{stage} is no trained model of {ctx.root}: {', '.join(trained)}")
    return ctx.run.stage_folder(stage or trained[-1]) / "model"
