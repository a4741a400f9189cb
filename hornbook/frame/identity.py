"""What a stage's output is, as facts that can be compared, so that nothing stale is ever served.

In: a stage and a run context. Out: its identity (class, version, settings, identity inputs,
fingerprints of its inputs), the readable difference from what is on disk, and its state. Where and
how a stage ran (folder, workers, device, address) is not part of it. A changed identity is refused
with its difference; it is never hidden in a hashed path.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from hornbook import store
from hornbook.frame.run_folder import check_manifest_version
from hornbook.frame.stage import RunContext, Stage
from hornbook.records import UserError

Identity = dict[str, Any]


def order_stages(last: Stage) -> list[Stage]:
    """Every stage that `last` needs, inputs first.

    Raises:
        UserError: two different stages have the same name.
    """
    by_name: dict[str, Stage] = {}

    def visit(stage: Stage) -> None:
        # Graphs share stages: a stage is visited once, or ten rounds would take 2^10 visits.
        if by_name.get(stage.name) is stage:
            return
        for earlier in stage.inputs():
            visit(earlier)
        if by_name.setdefault(stage.name, stage) != stage:
            raise UserError(
                f"two different stages of this recipe are named {stage.name!r}: give each its own "
                "name"
            )

    visit(last)
    return list(by_name.values())


def canonical_form(value: Any) -> Any:
    """The JSON form of a setting, the same for equal settings.

    Raises:
        UserError: the value has no stable form (a function, a path, an open file).
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Stage):
        return {"stage": value.name}
    if isinstance(value, tuple | list):
        return [canonical_form(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): canonical_form(item) for key, item in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: canonical_form(getattr(value, f.name)) for f in dataclasses.fields(value)}
        return {"is": type(value).__name__, **fields}
    raise UserError(
        f"a setting of type {type(value).__name__} has no stable form, so an output could not be "
        "traced to it: use numbers, texts, tuples, or a frozen dataclass of these"
    )


def compute_identity(
    stage: Stage, ctx: RunContext, computed: dict[str, Identity] | None = None
) -> Identity:
    """What this stage's output is: class, version, settings, identity inputs, and its inputs.

    Args:
        computed: identities by stage name, read and filled. Pass one dictionary for a whole run:
            identity inputs are digests of files, and each is then computed once.
    """
    computed = {} if computed is None else computed
    if stage.name not in computed:
        settings = {
            setting.name: canonical_form(getattr(stage, setting.name))
            for setting in dataclasses.fields(stage)
            if _is_part_of_identity(setting, stage)
        }
        input_fingerprints = {
            earlier.name: fingerprint_identity(compute_identity(earlier, ctx, computed))
            for earlier in stage.inputs()
        }
        computed[stage.name] = {
            "stage": type(stage).__name__,
            "version": stage.version,
            "settings": settings,
            "identity_inputs": canonical_form(stage.identity_inputs(ctx)),
            "inputs": input_fingerprints,
        }
    return computed[stage.name]


def _is_part_of_identity(setting: dataclasses.Field[Any], stage: Stage) -> bool:
    """Whether a setting identifies the output, by the field's metadata `identity`.

    False: never. "when set": only with another value than the default, so that outputs made before
    the setting existed stay valid.
    """
    rule = setting.metadata.get("identity", True)
    if setting.name == "name" or not rule:
        return False
    return bool(rule != "when set" or getattr(stage, setting.name) != setting.default)


def fingerprint_identity(identity: Mapping[str, Any]) -> str:
    """SHA-256 of an identity, in hex."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def describe_difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Readable changes such as `above: 0.5 -> 0.7`, one per line.

    A changed input is named, not shown as a hash.
    """
    old_values, new_values = _flatten_keys(old), _flatten_keys(new)
    lines = []
    for key in sorted(old_values.keys() | new_values.keys()):
        a, b = old_values.get(key, "absent"), new_values.get(key, "absent")
        if a == b:
            continue
        if key.startswith("inputs."):
            lines.append(f"its input {key.removeprefix('inputs.')} changed")
        else:
            short = key.removeprefix("settings.").removeprefix("identity_inputs.")
            lines.append(f"{short}: {_shorten_value(a)} -> {_shorten_value(b)}")
    return lines


def _flatten_keys(value: Any, prefix: str = "") -> dict[str, Any]:
    """{"a": {"b": 1}} as {"a.b": 1}."""
    if not (isinstance(value, Mapping) and value):
        return {prefix.rstrip("."): value}
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        flat |= _flatten_keys(inner, f"{prefix}{name}.")
    return flat


def _shorten_value(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    if len(text) <= 60:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return f"{text[:40]}... ({len(text)} characters, {digest})"


@dataclass(frozen=True)
class StageState:
    """Whether a stage is to do, partly done, done or stale, with words that explain it."""

    status: Literal["to do", "partly", "done", "stale"]
    detail: str = ""


def read_state(
    stage: Stage, ctx: RunContext, computed: dict[str, Identity] | None = None
) -> StageState:
    """Compare a stage with what is on disk; runs nothing. `computed` as in compute_identity."""
    folder, identity = ctx.run.stage_folder(stage), compute_identity(stage, ctx, computed)
    manifest = store.read_json(folder / "manifest.json")
    intent = store.read_json(folder / "intent.json")
    on_disk = manifest or intent
    if on_disk is None:
        return StageState("to do")
    check_manifest_version(on_disk, folder)
    if on_disk["identity"] != identity:
        return StageState("stale", "; ".join(describe_difference(on_disk["identity"], identity)))
    if manifest is not None:
        return StageState("done", _describe_manifest(manifest))
    shards = intent["shards"]
    finished = sum(ctx.run.shard_path(stage, shard).exists() for shard in shards)
    return StageState("partly", f"{finished} of {len(shards)} shards" if shards else "")


def _describe_manifest(manifest: Mapping[str, Any]) -> str:
    if not manifest["shards"]:
        return ""
    text = f"{manifest['kept']:,} kept of {manifest['seen']:,}"
    if manifest["set_aside"]:
        text += f", {len(manifest['set_aside'])} set aside"
    return text
