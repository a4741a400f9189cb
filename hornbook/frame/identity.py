"""What a stage's output is, as facts that can be compared: the reason why nothing stale is ever served.

In: a stage and a desk. Out: its identity (class, version, settings, facts, identities of its
inputs), the readable difference from what is on disk, and its state. Where and how a stage ran
(folder, workers, device, address) never enters: a changed identity is refused with its difference
and never hidden in a hashed path.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hornbook import store
from hornbook.frame.stage import Desk, Stage
from hornbook.records import UserError


def order(last: Stage) -> list[Stage]:
    """Every stage that `last` needs, inputs first; two different stages with one name are refused."""
    found: dict[str, Stage] = {}

    def visit(stage: Stage) -> None:
        for before in stage.inputs():
            visit(before)
        if found.setdefault(stage.name, stage) != stage:
            raise UserError(
                f"two different stages of this recipe are named {stage.name!r}: give each its own name"
            )

    visit(last)
    return list(found.values())


def canonical(value: Any) -> Any:
    """The one stable form of a setting; what has none (a function, a path, an open file) is refused."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Stage):
        return {"stage": value.name}
    if isinstance(value, tuple | list):
        return [canonical(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): canonical(v) for k, v in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: canonical(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"is": type(value).__name__, **fields}
    raise UserError(
        f"a setting of type {type(value).__name__} has no stable form, so an output could not be traced to it: "
        "use numbers, texts, tuples, or a frozen dataclass of these"
    )


def identity(stage: Stage, desk: Desk) -> dict[str, Any]:
    """What this stage's output is: class, version, settings, facts, and the identities of its inputs."""
    settings = {
        f.name: canonical(getattr(stage, f.name))
        for f in dataclasses.fields(stage)
        if _decisive(f, stage)
    }
    return {
        "stage": type(stage).__name__,
        "version": stage.version,
        "settings": settings,
        "facts": canonical(stage.facts(desk)),
        "inputs": {before.name: fingerprint(identity(before, desk)) for before in stage.inputs()},
    }


def _decisive(field: dataclasses.Field[Any], stage: Stage) -> bool:
    """By metadata `identity`: False; or "when set", for a field younger than outputs that it leaves as they are."""
    said = field.metadata.get("identity", True)
    return (
        field.name != "name"
        and bool(said)
        and (said != "when set" or getattr(stage, field.name) != field.default)
    )


def fingerprint(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Readable changes such as `above: 0.5 -> 0.7`, one a line; a changed input is named, not shown as a hash."""
    before, after = _flat(old), _flat(new)
    lines = []
    for key in sorted(before.keys() | after.keys()):
        a, b = before.get(key, "absent"), after.get(key, "absent")
        if a == b:
            continue
        short = key.removeprefix("settings.").removeprefix("facts.")
        lines.append(
            f"its input {short.removeprefix('inputs.')} changed"
            if key.startswith("inputs.")
            else f"{short}: {_brief(a)} -> {_brief(b)}"
        )
    return lines


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(value, Mapping) and value:
        return {
            k: v
            for name, inner in value.items()
            for k, v in _flat(inner, f"{prefix}{name}.").items()
        }
    return {prefix.rstrip("."): value}


def _brief(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return (
        text
        if len(text) <= 60
        else f"{text[:40]}... ({len(text)} characters, {hashlib.sha256(text.encode()).hexdigest()[:8]})"
    )


@dataclass(frozen=True)
class State:
    """Where a stage stands: to do, partly, done or stale, with the words that explain it."""

    status: Literal["to do", "partly", "done", "stale"]
    detail: str = ""


def state(stage: Stage, desk: Desk) -> State:
    """Read from disk alone; runs nothing."""
    folder, now = desk.folder(stage), identity(stage, desk)
    manifest = store.read_json(folder / "manifest.json")
    intent = store.read_json(folder / "intent.json")
    was = manifest or intent
    if was is None:
        return State("to do")
    if was["identity"] != now:
        return State("stale", "; ".join(difference(was["identity"], now)))
    if manifest is not None:
        aside = f", {len(manifest['set_aside'])} set aside" if manifest["set_aside"] else ""
        return State(
            "done",
            f"{manifest['kept']:,} kept of {manifest['seen']:,}{aside}"
            if manifest["parts"]
            else "",
        )
    finished = sum(desk.part_path(stage, part).exists() for part in intent["parts"])
    return State("partly", f"{finished} of {len(intent['parts'])} parts" if intent["parts"] else "")
