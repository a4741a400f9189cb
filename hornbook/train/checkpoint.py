"""A training's state on disk, whole or not there, so that a run killed at any moment goes on bit for bit.

In: tensors by name and facts (step, log). Out: folders step-NNNNNNN with state.safetensors and facts.json, which holds
the tensors' checksum and is written with them under a temporary name. The newest two stay, and the best.
A damaged one is recognised and the one before it used. Nothing here is pickled.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.records import UserError

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 2


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
    """Write a checkpoint, then remove those that are no longer needed; the step in facts["best_step"] stays."""
    from safetensors.torch import save_file

    place = folder / f"step-{step:07d}"
    with store.whole(place) as temporary:
        temporary.mkdir()
        weights = temporary / "state.safetensors"
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, weights)
        store.write_json(temporary / "facts.json", {**facts, "step": step, "sha256": store.digest(weights)})
    keep = {place.name, f"step-{facts.get('best_step', -1):07d}"}
    for old in sorted(folder.glob("step-*"))[:-KEPT]:
        if old.name not in keep:
            shutil.rmtree(old)
    return place


def newest(folder: Path, say: Callable[[str], None]) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """The tensors and facts of the newest sound checkpoint, or None where there is none."""
    store.sweep(folder)
    for place in sorted(folder.glob("step-*"), reverse=True):
        found = read(place)
        if found is not None:
            return found
        say(f"the checkpoint {place} is damaged (its checksum differs): going on from the one before it")
        shutil.rmtree(place)
    return None


def read(place: Path) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
    """One checkpoint, or None where it is not what was written."""
    from safetensors.torch import load_file

    weights = place / "state.safetensors"
    try:
        facts = store.read_json(place / "facts.json")
        if not facts or store.digest(weights) != facts["sha256"]:
            return None
        return load_file(weights), facts
    except (OSError, UserError, KeyError, TypeError):
        return None
