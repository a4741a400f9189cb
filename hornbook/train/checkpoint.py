"""A training's state on disk, whole or not there, so that a run killed at any moment goes on bit for bit.

In: tensors by name and facts (step, log). Out: folders step-NNNNNNN with state.safetensors and
facts.json, which holds the checksums of both and is written with the tensors under a temporary
name. The newest two stay, and the best. A damaged one is recognised and the one before it used.
Nothing here is pickled.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.records import UserError

if TYPE_CHECKING:
    from torch import Tensor

KEPT = 2
PLACES = "step-" + 7 * "[0-9]"


@dataclass(frozen=True)
class Saved:
    """A sound checkpoint."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def under(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose name begins so, by the rest of their name."""
        return {
            name.removeprefix(prefix): t
            for name, t in self.tensors.items()
            if name.startswith(prefix)
        }


def place_of(folder: Path, step: int) -> Path:
    return folder / f"step-{step:07d}"


def save(folder: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> Path:
    """Write a checkpoint, then remove those that are no longer needed; the step in facts["best_step"] stays."""
    from safetensors.torch import save_file

    place = place_of(folder, step)
    with store.whole(place) as temporary:
        temporary.mkdir()
        weights = temporary / "state.safetensors"
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, weights)
        known = {**facts, "step": step, "sha256": store.digest(weights)}
        store.write_json(temporary / "facts.json", {**known, "own_sha256": _own(known)})
    keep = {place.name, place_of(folder, facts.get("best_step", -1)).name}
    for old in sorted(folder.glob(PLACES))[:-KEPT]:
        if old.name not in keep:
            shutil.rmtree(old)
    return place


def newest(folder: Path, say: Callable[[str], None]) -> Saved | None:
    """The newest sound checkpoint, or None where there is none; a damaged one is removed, and this is said.

    One whose best checkpoint is gone is not sound: a run that went on from it could not end as it
    would have.
    """
    store.sweep(folder)
    places = sorted(folder.glob(PLACES), reverse=True)
    for place in places:
        found = read(place)
        best = place_of(folder, found.facts.get("best_step", -1)) if found else place
        if found and (best == place or found.facts.get("best_step", -1) < 0 or sound(best)):
            return found
        what = f"needs {best.name}, which is" if found else "is"
        before = "the one before it" if place != places[-1] else "the beginning"
        say(f"the checkpoint {place} {what} damaged: going on from {before}")
        shutil.rmtree(place)
    return None


def read(place: Path) -> Saved | None:
    """One checkpoint, or None where it is not what was written."""
    from safetensors.torch import load_file

    facts = sound(place)
    return Saved(load_file(place / "state.safetensors"), facts) if facts else None


def sound(place: Path) -> dict[str, Any] | None:
    """The facts of a checkpoint that is, byte for byte, what was written; else None."""
    try:
        facts = store.read_json(place / "facts.json")
        own = facts.pop("own_sha256")
        whole = own == _own(facts) and store.digest(place / "state.safetensors") == facts["sha256"]
    except (OSError, UserError, KeyError, TypeError, AttributeError):
        return None
    return dict(facts) if whole else None


def _own(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
