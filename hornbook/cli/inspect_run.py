"""Look into the folder of a run: its stages and reasons, records, and how two runs differ.

In: the RunContext of a run's folder; no recipe is needed. Out: dictionaries for the command line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.frame.exam_log import finished_trainings
from hornbook.frame.identity import describe_difference
from hornbook.frame.stage import RunContext
from hornbook.frame.stage_names import is_of_class
from hornbook.records import UserError, hash_fraction

if TYPE_CHECKING:
    import pyarrow as pa

MAX_REASONS_SHOWN = 4


def summarise_stages(ctx: RunContext) -> list[dict[str, Any]]:
    """One row per finished stage: class, rows seen and kept, time, most frequent reasons."""
    rows = []
    for name in ctx.run.finished_stages():
        manifest = ctx.run.read_manifest(name)
        # usage.json is bookkeeping and may have been removed.
        usage = store.read_json(ctx.run.stage_folder(name) / "usage.json") or {}
        reasons = sorted(manifest["reasons"].items(), key=lambda item: -item[1])
        counts = [f"{reason} {count:,}" for reason, count in reasons[:MAX_REASONS_SHOWN]]
        rows.append(
            {
                "stage": name,
                "class": manifest["identity"]["stage"],
                "seen": manifest["seen"],
                "kept": manifest["kept"],
                "seconds": round(usage.get("seconds", 0.0), 1),
                "dropped because": ", ".join(counts),
            }
        )
    return rows


def sample_records(
    ctx: RunContext,
    stage: str,
    max_records: int,
    dropped: bool = False,
    reason: str | None = None,
    text: str | None = None,
) -> Iterator[dict[str, Any]]:
    """A sample of a stage's records, chosen and ordered by a hash of their ids.

    Args:
        ctx: the run.
        stage: the name of a finished stage with records.
        max_records: the size of the sample.
        dropped: sample what the stage dropped, instead of what it kept.
        reason: only records whose reason contains this.
        text: only records whose id, path or text contains this.
    """
    sample: list[tuple[float, int, dict[str, Any]]] = []
    for table in _read_seen_rows(ctx, stage):
        # Vectors have hundreds of numbers that nobody reads.
        vectors = [name for name in table.column_names if name.endswith("vector")]
        for row in table.drop_columns(vectors).to_pylist():
            if row.get("kept", True) == dropped:
                continue
            if reason and reason not in (row.get("reason") or ""):
                continue
            if text and text not in f"{row.get('id')}\n{row.get('path')}\n{row.get('text')}":
                continue
            fraction = hash_fraction("peek", str(row.get("id", row.get("task_id", ""))))
            # The count orders rows with equal ids and keeps dictionaries out of the comparison.
            sample.append((fraction, len(sample), row))
        # Cut after each shard, so that memory holds the sample and one shard.
        sample = sorted(sample, key=lambda item: item[:2])[:max_records]
    yield from (row for _, _, row in sample)


def read_training_step(ctx: RunContext, stage: str, step: int) -> Iterator[dict[str, Any]]:
    """The documents that one training step read, sequence by sequence.

    Args:
        ctx: the run.
        stage: the name of a finished Train.
        step: counted from 1, as in the training log.

    Returns:
        Rows with `sequence`, `id`, `stage` (which made the document) and `tokens` (of the document
        in this sequence).

    Raises:
        UserError: the stage is not a Train, or has no such step.
    """
    from hornbook.train.pack import trace_sequences
    from hornbook.train.sequences import batch_rows, read_pack_facts

    manifest = ctx.run.read_manifest(stage)
    identity = manifest["identity"]
    if not is_of_class(manifest, "Train"):
        raise UserError(f"{stage} is a {identity['stage']}, and only a Train has steps")
    n_steps = store.read_json(ctx.run.stage_folder(stage) / "training.json")["steps"]
    if not 1 <= step <= n_steps:
        raise UserError(f"{stage} has no step {step}: 1 to {n_steps:,}")
    settings = identity["settings"]
    folder = ctx.run.stage_folder(settings["data"]["stage"])
    n_sequences = read_pack_facts(folder)["sequences"]
    # batch_rows counts steps from 0.
    sequences = batch_rows(step - 1, settings["batch"], n_sequences, settings["seed"]).tolist()
    for sequence, documents in zip(sequences, trace_sequences(folder, sequences), strict=True):
        for document in documents:
            yield {"sequence": sequence, **document}


def _read_seen_rows(ctx: RunContext, stage: str) -> Iterator[pa.Table]:
    """The stage's shards without the rows that an earlier stage had dropped."""
    base_stage = str(ctx.run.read_manifest(stage)["base_stage"])
    for shard in ctx.run.shard_names(stage):
        rows = ctx.run.read_shard(stage, shard)
        if base_stage:
            # The base stage's `kept` says what this stage was given.
            rows = rows.filter(ctx.run.read_shard(base_stage, shard, ["kept"])["kept"])
        yield rows


def compare_runs(first: RunContext, second: RunContext) -> list[dict[str, Any]]:
    """The differences between two runs: missing stages, settings, numbers of kept rows."""
    rows: list[dict[str, Any]] = []
    first_names, second_names = first.run.finished_stages(), second.run.finished_stages()
    # In the order of the first run; what only the second has comes last.
    for name in dict.fromkeys([*first_names, *second_names]):
        if name not in first_names or name not in second_names:
            present = {"first": name in first_names, "second": name in second_names}
            rows.append({"stage": name, "what": "present", **present})
            continue
        first_manifest = first.run.read_manifest(name)
        second_manifest = second.run.read_manifest(name)
        for line in describe_difference(first_manifest["identity"], second_manifest["identity"]):
            # A line without values says that an input differs: its stage has rows of its own.
            setting, _, values = line.partition(": ")
            old, _, new = values.partition(" -> ")
            if values:
                rows.append({"stage": name, "what": setting, "first": old, "second": new})
        kept = {"first": first_manifest["kept"], "second": second_manifest["kept"]}
        if kept["first"] != kept["second"]:
            rows.append({"stage": name, "what": "kept", **kept})
    return rows


def find_damaged_files(ctx: RunContext) -> list[str]:
    """One line per file whose bytes differ from the digest in its manifest, with the remedy."""
    damaged = []
    for name in ctx.run.finished_stages():
        manifest = ctx.run.read_manifest(name)
        digests = {
            ctx.run.shard_path(name, shard["name"]): shard["sha256"] for shard in manifest["shards"]
        }
        for file_name, digest in manifest["files"].items():
            digests[ctx.run.stage_folder(name) / file_name] = digest
        for path, digest in digests.items():
            if path.exists() and store.file_digest(path) == digest:
                continue
            state = "was changed" if path.exists() else "is missing"
            damaged.append(
                f"{path} {state} since {name} was finished: --rebuild {name} makes it again"
            )
    return damaged


def find_model_folder(ctx: RunContext, stage: str | None) -> Path:
    """The folder of a trained model: of this stage, or of the training that was finished last."""
    trainings = finished_trainings(ctx)
    if not trainings:
        stages = ", ".join(ctx.run.finished_stages())
        raise UserError(f"{ctx.root} has no trained model yet: its stages are {stages}")
    if stage is not None and stage not in trainings:
        raise UserError(
            f"{stage} is not a trained model of {ctx.root}: it has {', '.join(trainings)}"
        )
    return ctx.run.stage_folder(stage or trainings[-1]) / "model"
