"""Run a recipe: build every missing stage in dependency order; resumable at any point.

In: the last stage, a run context, an executor that makes the shards. Out: one folder per stage with
`intent.json` (what it is going to be), its shards or files, `usage.json` (what it cost) and
`manifest.json`, written last: a stage is finished when its manifest exists. Equal stages give the
same bytes, whichever executor made them and however often the run was killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hornbook import meter, store
from hornbook.frame.identity import (
    Identity,
    canonical_form,
    describe_difference,
    order_stages,
    read_state,
)
from hornbook.frame.run_folder import MANIFEST_VERSION, RUN_MARKER
from hornbook.frame.stage import FileStage, GlobalStage, RunContext, Stage, scatter_to_all_rows
from hornbook.records import UserError, make_table, verdict_columns

if TYPE_CHECKING:
    import pyarrow as pa

# Files of every stage's folder that describe the run rather than its output.
BOOKKEEPING_FILES = ("intent.json", "manifest.json", "usage.json", "speed.json")


@dataclass(frozen=True)
class FailedShard:
    """A shard that no worker could finish, and the reason in words."""

    reason: str


# A shard's name, with what it cost or why it could not be made.
ShardResult = tuple[str, meter.Usage | FailedShard]


class Executor(Protocol):
    """Makes shards somewhere; yields each one when it is on disk, or as a FailedShard."""

    @property
    def spans_machines(self) -> bool:
        """Whether other machines than this one may do the work."""
        ...

    def run_shards(
        self, stage: Stage, ctx: RunContext, shards: Sequence[str]
    ) -> Iterator[ShardResult]: ...


class InlineExecutor:
    """This process, one shard after another. Every other executor must equal it byte for byte."""

    spans_machines = False

    def run_shards(
        self, stage: Stage, ctx: RunContext, shards: Sequence[str]
    ) -> Iterator[ShardResult]:
        for shard in shards:
            yield shard, make_and_write_shard(stage, ctx, shard)


def make_and_write_shard(stage: Stage, ctx: RunContext, shard: str) -> meter.Usage:
    """Make one shard and write it atomically. This is what is sent to a worker."""
    with meter.measure_usage() as usage:
        _write_shard(stage, ctx, shard, stage.make_shard(ctx, shard))
    return usage


def _write_shard(stage: Stage, ctx: RunContext, shard: str, rows: pa.Table) -> None:
    counts = json.dumps(_count_rows(stage, ctx, shard, rows), sort_keys=True)
    rows = rows.replace_schema_metadata({"hornbook": counts})
    store.write_table(ctx.run.shard_path(stage, shard), rows)


def _count_rows(stage: Stage, ctx: RunContext, shard: str, rows: pa.Table) -> dict[str, Any]:
    """Rows seen, kept, kept bytes of text, and the reasons of what this stage dropped."""
    import pyarrow.compute as pc

    seen = rows.filter(pc.is_valid(rows["reason"])) if "reason" in rows.column_names else rows
    counts: dict[str, Any] = {"seen": len(seen), "kept": len(seen), "kept_bytes": 0, "reasons": {}}
    if "kept" not in rows.column_names:
        return counts
    dropped = seen.filter(pc.invert(seen["kept"]))["reason"]
    counts["kept"] = len(seen) - len(dropped)
    if len(dropped):
        # "near duplicate of: 3f2a..." is counted as "near duplicate of": what follows the colon
        # names the single case.
        kinds = pc.list_element(pc.split_pattern(dropped, ": "), 0)
        counts["reasons"] = {
            count["values"]: count["counts"] for count in pc.value_counts(kinds).to_pylist()
        }
    base_stage = ctx.run.base_stage(stage)
    text = rows["text"] if "text" in rows.column_names else None
    if text is None and base_stage:
        text = ctx.run.read_shard(base_stage, shard, ["text"])["text"]
    if text is not None:
        counts["kept_bytes"] = pc.sum(pc.binary_length(text.filter(rows["kept"]))).as_py() or 0
    return counts


def run_recipe(
    last: Stage, ctx: RunContext, executor: Executor | None = None, rebuild: Sequence[str] = ()
) -> None:
    """Build everything that `last` needs and that is not there yet. A killed run goes on from disk.

    Args:
        last: the last stage of the recipe; its inputs are built first.
        executor: makes the shards; this process by default.
        rebuild: names of stages to remove first, with every stage that follows from one of them.

    Raises:
        UserError: a stage is stale (with its difference), another process runs in the same folder,
            the input changed during the run, or a stage finds something wrong with its input.
            Finished shards and stages stay.
    """
    stages = order_stages(last)
    identities: dict[str, Identity] = {}
    with _lock_run_folder(ctx.root):
        _remove_outputs(stages, ctx, rebuild)
        for stage in stages:
            state = read_state(stage, ctx, identities)
            if state.status == "stale":
                raise UserError(
                    f"{stage.name} in {ctx.run.stage_folder(stage)} was made with other settings: "
                    f"{state.detail}. To rebuild it and what follows from it: add --rebuild "
                    f"{stage.name}; to keep it: use another --out"
                )
            if state.status != "done":
                _run_stage(stage, ctx, executor or InlineExecutor(), identities[stage.name])


def _remove_outputs(stages: Sequence[Stage], ctx: RunContext, rebuild: Sequence[str]) -> None:
    """Remove the outputs of the stages to rebuild, and of every stage that follows from one."""
    unknown = set(rebuild) - {stage.name for stage in stages}
    if unknown:
        raise UserError(
            f"no stage named {', '.join(sorted(unknown))}: this recipe has "
            f"{', '.join(stage.name for stage in stages)}"
        )
    removed = set(rebuild)
    for stage in stages:
        if stage.name in removed or removed & {earlier.name for earlier in stage.inputs()}:
            removed.add(stage.name)
            shutil.rmtree(ctx.run.stage_folder(stage), ignore_errors=True)


def _run_stage(stage: Stage, ctx: RunContext, executor: Executor, identity: Identity) -> None:
    folder = ctx.run.stage_folder(stage)
    folder.mkdir(parents=True, exist_ok=True)
    store.remove_unfinished_files(folder)
    set_aside: dict[str, str] = {}
    with _record_usage(folder, executor.spans_machines) as usages:
        if isinstance(stage, GlobalStage | FileStage):
            shards = _run_single_process(stage, ctx, identity, usages)
        else:
            shards = _settle_shard_names(stage, ctx, identity)
            _run_missing_shards(stage, ctx, executor, shards, set_aside, usages)
        _refuse_changed_input(stage, ctx, identity)
        manifest = _build_manifest(stage, ctx, identity, shards, set_aside)
    store.write_json(folder / "manifest.json", manifest)
    summary = f"{manifest['kept']:,} kept of {manifest['seen']:,}" if shards else "done"
    ctx.reporter.end(summary)


def _refuse_changed_input(stage: Stage, ctx: RunContext, identity: Identity) -> None:
    """The manifest certifies what was read: files that changed during the work are refused."""
    inputs_now = {"identity_inputs": canonical_form(stage.identity_inputs(ctx))}
    inputs_read = {"identity_inputs": identity["identity_inputs"]}
    if inputs_now != inputs_read:
        raise UserError(
            f"the input of {stage.name} changed while it was read "
            f"({'; '.join(describe_difference(inputs_read, inputs_now))}): leave it alone and run "
            f"again with --rebuild {stage.name}"
        )


@contextlib.contextmanager
def _record_usage(folder: Path, spans_machines: bool) -> Iterator[list[meter.Usage]]:
    """Collect what is spent and add it to usage.json, even if the stage fails or is interrupted.

    The energy counters of this machine stand for the stage only if no other machine worked on it.
    """
    usages: list[meter.Usage] = []
    started = time.perf_counter()
    energy = meter.EnergyReading()
    try:
        with meter.measure_energy() as energy:
            yield usages
    finally:
        usage = sum(usages, meter.Usage())
        usage.seconds = time.perf_counter() - started  # shards overlap: their seconds do not add up
        if not spans_machines:
            energy.apply_to(usage)
        earlier = meter.Usage(**(store.read_json(folder / "usage.json") or {}))
        store.write_json(folder / "usage.json", dataclasses.asdict(earlier + usage))


def _write_intent(stage: Stage, ctx: RunContext, identity: Identity, shards: list[str]) -> None:
    intent = {"identity": identity, "shards": shards, "version": MANIFEST_VERSION}
    store.write_json(ctx.run.stage_folder(stage) / "intent.json", intent)


def _settle_shard_names(stage: Stage, ctx: RunContext, identity: Identity) -> list[str]:
    """The shard names, decided once: a resume keeps the list on disk whatever --shard-mb says."""
    intent = store.read_json(ctx.run.stage_folder(stage) / "intent.json")
    if intent is not None:
        return list(intent["shards"])
    shards = list(stage.shards(ctx))
    _write_intent(stage, ctx, identity, shards)
    return shards


def _run_missing_shards(
    stage: Stage,
    ctx: RunContext,
    executor: Executor,
    shards: Sequence[str],
    set_aside: dict[str, str],
    usages: list[meter.Usage],
) -> None:
    missing = [shard for shard in shards if not ctx.run.shard_path(stage, shard).exists()]
    ctx.reporter.begin(stage.name, len(shards), "shards")
    ctx.reporter.advance(len(shards) - len(missing))
    for shard, result in executor.run_shards(stage, ctx, missing):
        if isinstance(result, FailedShard):
            set_aside[shard] = result.reason
            ctx.reporter.say(f"{stage.name}: shard {shard} was set aside: {result.reason}")
            _write_shard(stage, ctx, shard, _make_dropped_shard(stage, ctx, shard, result.reason))
        else:
            usages.append(result)
        ctx.reporter.advance()


def _make_dropped_shard(stage: Stage, ctx: RunContext, shard: str, reason: str) -> pa.Table:
    """The table of a shard that was set aside: every row dropped with the reason, or no rows."""
    base_stage = ctx.run.base_stage(stage)
    if not base_stage:
        return make_table([])
    rows = ctx.run.read_shard(base_stage, shard, ["kept"])
    n_kept = sum(rows["kept"].to_pylist())
    verdicts = verdict_columns([False] * n_kept, [f"shard set aside: {reason}"] * n_kept)
    return scatter_to_all_rows(rows, verdicts)


def _run_single_process(
    stage: GlobalStage | FileStage, ctx: RunContext, identity: Identity, usages: list[meter.Usage]
) -> list[str]:
    """Run a stage that sees all of its input; returns the names of its shards, none for files."""
    if not (ctx.run.stage_folder(stage) / "intent.json").exists():
        _write_intent(stage, ctx, identity, [])
    ctx.reporter.begin(stage.name, 0, "")
    shards: list[str] = []
    with meter.measure_usage() as usage:
        usages.append(usage)
        if isinstance(stage, FileStage):
            stage.write_files(ctx)
        else:
            for shard, rows in stage.make_shards(ctx):
                _write_shard(stage, ctx, shard, rows)
                shards.append(shard)
    _write_intent(stage, ctx, identity, shards)
    return shards


def _build_manifest(
    stage: Stage,
    ctx: RunContext,
    identity: Identity,
    shards: Sequence[str],
    set_aside: Mapping[str, str],
) -> dict[str, Any]:
    folder = ctx.run.stage_folder(stage)
    rows = [
        {"name": shard, **_read_shard_counts(ctx.run.shard_path(stage, shard))} for shard in shards
    ]
    reasons: dict[str, int] = {}
    for row in rows:
        for reason, count in row.pop("reasons").items():
            reasons[reason] = reasons.get(reason, 0) + count
    return {
        "version": MANIFEST_VERSION,
        "identity": identity,
        "form": stage.form,
        "base_stage": ctx.run.base_stage(stage),
        "shards": rows,
        "files": _digest_output_files(folder) if stage.form == "files" else {},
        "seen": sum(row["seen"] for row in rows),
        "kept": sum(row["kept"] for row in rows),
        "kept_bytes": sum(row["kept_bytes"] for row in rows),
        "reasons": reasons,
        "set_aside": dict(set_aside),
    }


def _digest_output_files(folder: Path) -> dict[str, str]:
    """SHA-256 by relative path of everything a FileStage wrote, without checkpoints."""
    digests = {}
    for path in sorted(folder.rglob("*")):
        is_output = path.is_file() and "checkpoints" not in path.parts
        if is_output and path.name not in BOOKKEEPING_FILES:
            digests[str(path.relative_to(folder))] = store.file_digest(path)
    return digests


def _read_shard_counts(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    counts: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"hornbook"])
    return {**counts, "sha256": store.file_digest(path)}


@contextlib.contextmanager
def _lock_run_folder(root: Path) -> Iterator[None]:
    """Two processes must not write one run: the second is refused at once and told who is there."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        opened = (root / RUN_MARKER).open("a+")
    except OSError as error:
        raise UserError(
            f"{root} cannot be written to ({error.strerror}): use another --out"
        ) from error
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UserError(
                f"process {lock.read().strip()} is already running in {root}: wait for it, or use "
                "another --out"
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield
