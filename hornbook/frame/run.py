"""Make what a recipe's last stage needs and what is not there yet; killed anywhere and called again, it goes on.

In: the last stage, a desk, a crew that does the parts. Out: one folder a stage with `intent.json`
(what it is going to be), its parts or files, `usage.json` (what it cost) and `manifest.json`,
written last: its existence means that the stage is whole. Same stages, same bytes, whoever did the
parts and however often the run was killed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from hornbook import meter, store
from hornbook.frame.identity import identity, order, state
from hornbook.frame.stage import Desk, Stage, Whole, spread
from hornbook.records import UserError, marks, table

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Failed:
    """A part that no worker could finish: what happened, in words."""

    why: str


# A part's name, with what it cost or why it could not be made.
Result = tuple[str, meter.Usage | Failed]


class Crew(Protocol):
    """Who does the parts. `do` yields each part as it gets on disk, or as Failed."""

    def do(self, stage: Stage, desk: Desk, parts: Sequence[str]) -> Iterator[Result]: ...


class Inline:
    """A crew of one: this process. The reference that every other crew must equal, byte for byte."""

    def do(self, stage: Stage, desk: Desk, parts: Sequence[str]) -> Iterator[Result]:
        for part in parts:
            yield part, do_part(stage, desk, part)


def do_part(stage: Stage, desk: Desk, part: str) -> meter.Usage:
    """Make one part and put it on disk, whole. This is what travels to a worker."""
    with meter.measure() as usage:
        _write_part(stage, desk, part, stage.work(desk, part))
    return usage


def _write_part(stage: Stage, desk: Desk, part: str, made: pa.Table) -> None:
    facts = json.dumps(_count(stage, desk, part, made), sort_keys=True)
    store.write_table(
        desk.part_path(stage, part), made.replace_schema_metadata({"hornbook": facts})
    )


def _count(stage: Stage, desk: Desk, part: str, made: pa.Table) -> dict[str, Any]:
    """Rows seen, kept, kept bytes of text, and the reasons of what this stage dropped."""
    import pyarrow.compute as pc

    seen = made.filter(pc.is_valid(made["reason"])) if "reason" in made.column_names else made
    counts: dict[str, Any] = {"seen": len(seen), "kept": len(seen), "kept_bytes": 0, "reasons": {}}
    if "kept" not in made.column_names:
        return counts
    dropped = seen.filter(pc.invert(seen["kept"]))["reason"]
    counts["kept"] = len(seen) - len(dropped)
    # "near duplicate of 3f2a..." is counted as "near duplicate of": what follows the colon or the
    # id is the case.
    counts["reasons"] = (
        {
            r["values"]: r["counts"]
            for r in pc.value_counts(
                pc.list_element(pc.split_pattern(dropped, ": "), 0)
            ).to_pylist()
        }
        if len(dropped)
        else {}
    )
    over = _over(stage)
    text = made["text"] if "text" in made.column_names else None
    if text is None and over:
        text = desk.table(over, part, ["text"])["text"]
    if text is not None:
        counts["kept_bytes"] = pc.sum(pc.binary_length(text.filter(made["kept"]))).as_py() or 0
    return counts


def run(last: Stage, desk: Desk, crew: Crew | None = None, rebuild: Sequence[str] = ()) -> None:
    """Make everything that `last` needs and that is not there yet. Killed anywhere and called again, it goes on.

    Raises UserError for a stale stage (with its difference), for a second process on the same
    folder, and for whatever a stage finds wrong with its input; what was finished stays.
    """
    stages = order(last)
    with _alone_in(desk.root):
        _clear(stages, desk, rebuild)
        for stage in stages:
            now = state(stage, desk)
            if now.status == "stale":
                raise UserError(
                    f"{stage.name} in {desk.folder(stage)} was made with other settings: {now.detail}. "
                    f"To rebuild it and what follows from it: add --rebuild {stage.name}; to keep it: use another --out"
                )
            if now.status != "done":
                _run_stage(stage, desk, crew or Inline())


def _clear(stages: Sequence[Stage], desk: Desk, rebuild: Sequence[str]) -> None:
    """Remove the outputs of the stages to rebuild, and of every stage that follows from one of them."""
    unknown = set(rebuild) - {stage.name for stage in stages}
    if unknown:
        raise UserError(
            f"no stage named {', '.join(sorted(unknown))}: this recipe has {', '.join(s.name for s in stages)}"
        )
    gone = set(rebuild)
    for stage in stages:
        if stage.name in gone or gone & {before.name for before in stage.inputs()}:
            gone.add(stage.name)
            shutil.rmtree(desk.folder(stage), ignore_errors=True)


def _run_stage(stage: Stage, desk: Desk, crew: Crew) -> None:
    folder = desk.folder(stage)
    folder.mkdir(parents=True, exist_ok=True)
    store.sweep(folder)
    set_aside: dict[str, str] = {}
    with _usage_kept(folder) as spend:
        if isinstance(stage, Whole):
            parts = _do_whole(stage, desk, spend)
        else:
            parts = _intent(stage, desk, lambda: list(stage.parts(desk)))
            _do_parts(stage, desk, crew, parts, set_aside, spend)
        manifest = _manifest(stage, desk, parts, set_aside)
    store.write_json(folder / "manifest.json", manifest)
    desk.reporter.end(f"{manifest['kept']:,} kept of {manifest['seen']:,}" if parts else "done")


@contextlib.contextmanager
def _usage_kept(folder: Path) -> Iterator[list[meter.Usage]]:
    """Collect what is spent and add it to usage.json, also when the stage fails or is interrupted."""
    spent: list[meter.Usage] = []
    started = time.perf_counter()
    try:
        yield spent
    finally:
        usage = sum(spent, meter.Usage())
        usage.seconds = (
            time.perf_counter() - started
        )  # parts overlap: their seconds do not add up to time
        earlier = meter.Usage(**(store.read_json(folder / "usage.json") or {}))
        store.write_json(folder / "usage.json", dataclasses.asdict(earlier + usage))


def _intent(stage: Stage, desk: Desk, parts: Callable[[], list[str]]) -> list[str]:
    """The list of parts, decided once: a resume goes on with the list on disk, whatever --part-mb says now."""
    path = desk.folder(stage) / "intent.json"
    intent = store.read_json(path)
    if intent is None:
        intent = {"identity": identity(stage, desk), "parts": parts()}
        store.write_json(path, intent)
    return list(intent["parts"])


def _do_parts(
    stage: Stage,
    desk: Desk,
    crew: Crew,
    parts: Sequence[str],
    set_aside: dict[str, str],
    spend: list[meter.Usage],
) -> None:
    todo = [part for part in parts if not desk.part_path(stage, part).exists()]
    desk.reporter.begin(stage.name, len(parts), "parts")
    desk.reporter.advance(len(parts) - len(todo))
    for part, result in crew.do(stage, desk, todo):
        if isinstance(result, Failed):
            set_aside[part] = result.why
            desk.reporter.say(f"{stage.name}: part {part} was set aside: {result.why}")
            _write_part(stage, desk, part, _nothing(stage, desk, part, result.why))
        else:
            spend.append(result)
        desk.reporter.advance()


def _nothing(stage: Stage, desk: Desk, part: str, why: str) -> pa.Table:
    """What stands for a part that was set aside: every row dropped with the reason, or no rows at all."""
    over = _over(stage)
    if not over:
        return table([])
    rows = desk.table(over, part, ["kept"])
    number = sum(rows["kept"].to_pylist())
    return spread(rows, marks([False] * number, [f"part set aside: {why}"] * number))


def _do_whole(stage: Whole, desk: Desk, spend: list[meter.Usage]) -> list[str]:
    names: list[str] = []
    _intent(stage, desk, list)
    desk.reporter.begin(stage.name, 0, "")
    with meter.measure() as usage:
        spend.append(usage)
        for part, made in stage.make(desk):
            _write_part(stage, desk, part, made)
            names.append(part)
    store.write_json(
        desk.folder(stage) / "intent.json", {"identity": identity(stage, desk), "parts": names}
    )
    return names


def _over(stage: Stage) -> Stage | None:
    """The stage whose rows these marks stand beside, or None for a stage with rows of its own."""
    return stage.inputs()[0] if stage.form == "marks" else None


def _manifest(
    stage: Stage, desk: Desk, parts: Sequence[str], set_aside: Mapping[str, str]
) -> dict[str, Any]:
    folder = desk.folder(stage)
    rows = [{"name": part, **_part_facts(desk.part_path(stage, part))} for part in parts]
    reasons: dict[str, int] = {}
    for row in rows:
        for reason, number in row.pop("reasons").items():
            reasons[reason] = reasons.get(reason, 0) + number
    files = {}
    if stage.form == "files":
        mine = (
            f for f in sorted(folder.rglob("*")) if f.is_file() and "checkpoints" not in f.parts
        )
        files = {
            str(f.relative_to(folder)): store.digest(f) for f in mine if f.name not in BOOKKEEPING
        }
    return {
        "identity": identity(stage, desk),
        "form": stage.form,
        "over": over.name if (over := _over(stage)) else "",
        "parts": rows,
        "files": files,
        "seen": sum(row["seen"] for row in rows),
        "kept": sum(row["kept"] for row in rows),
        "kept_bytes": sum(row["kept_bytes"] for row in rows),
        "reasons": reasons,
        "set_aside": dict(set_aside),
    }


# Files of every stage's folder that describe the run rather than what was made.
BOOKKEEPING = ("intent.json", "manifest.json", "usage.json", "speed.json")


def _part_facts(path: Path) -> dict[str, Any]:
    import pyarrow.parquet as pq

    facts: dict[str, Any] = json.loads(pq.read_schema(path).metadata[b"hornbook"])
    return {**facts, "sha256": store.digest(path)}


@contextlib.contextmanager
def _alone_in(root: Path) -> Iterator[None]:
    """Two processes must not write one run: the second is refused at once and told who is there."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        opened = (root / ".lock").open("a+")
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
                f"process {lock.read().strip()} is already running in {root}: wait for it, or use another --out"
            ) from None
        lock.seek(0)
        lock.truncate()
        lock.write(str(os.getpid()))
        lock.flush()
        yield
