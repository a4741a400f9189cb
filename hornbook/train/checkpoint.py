"""A training's state on disk, written atomically, so that a killed run resumes bit for bit.

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

KEEP_NEWEST = 2
FOLDER_PATTERN = "step-" + 7 * "[0-9]"


@dataclass(frozen=True)
class Checkpoint:
    """A sound checkpoint."""

    tensors: dict[str, Tensor]
    facts: dict[str, Any]

    def select_tensors(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose name begins so, by the rest of their name."""
        return {
            name.removeprefix(prefix): tensor
            for name, tensor in self.tensors.items()
            if name.startswith(prefix)
        }


def step_folder(folder: Path, step: int) -> Path:
    return folder / f"step-{step:07d}"


def save_checkpoint(
    folder: Path, step: int, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]
) -> Path:
    """Write a checkpoint and remove old ones; facts["best_step"] names one to keep."""
    from safetensors.torch import save_file

    target = step_folder(folder, step)
    with store.atomic_write(target) as temporary:
        temporary.mkdir()
        weights = temporary / "state.safetensors"
        save_file({name: tensor.detach().contiguous() for name, tensor in tensors.items()}, weights)
        stamped = {**facts, "step": step, "sha256": store.file_digest(weights)}
        store.write_json(
            temporary / "facts.json", {**stamped, "own_sha256": _digest_facts(stamped)}
        )
    kept_names = {target.name, step_folder(folder, facts.get("best_step", -1)).name}
    for old_folder in sorted(folder.glob(FOLDER_PATTERN))[:-KEEP_NEWEST]:
        if old_folder.name not in kept_names:
            shutil.rmtree(old_folder)
    return target


def load_newest(folder: Path, say: Callable[[str], None]) -> Checkpoint | None:
    """The newest intact checkpoint, or None. Damaged ones are removed, with a message.

    One whose best checkpoint is gone is not sound: a run that went on from it could not end as it
    would have.
    """
    store.remove_unfinished_files(folder)
    folders = sorted(folder.glob(FOLDER_PATTERN), reverse=True)
    for checkpoint_folder in folders:
        checkpoint = load_checkpoint(checkpoint_folder)
        best_folder = (
            step_folder(folder, checkpoint.facts.get("best_step", -1))
            if checkpoint
            else checkpoint_folder
        )
        if checkpoint and (
            best_folder == checkpoint_folder
            or checkpoint.facts.get("best_step", -1) < 0
            or read_verified_facts(best_folder)
        ):
            return checkpoint
        problem = f"needs {best_folder.name}, which is" if checkpoint else "is"
        fallback = "the one before it" if checkpoint_folder != folders[-1] else "the beginning"
        say(f"the checkpoint {checkpoint_folder} {problem} damaged: going on from {fallback}")
        shutil.rmtree(checkpoint_folder)
    return None


def load_checkpoint(checkpoint_folder: Path) -> Checkpoint | None:
    """One checkpoint, or None where it is not what was written."""
    from safetensors.torch import load_file

    facts = read_verified_facts(checkpoint_folder)
    return Checkpoint(load_file(checkpoint_folder / "state.safetensors"), facts) if facts else None


def read_verified_facts(checkpoint_folder: Path) -> dict[str, Any] | None:
    """The facts of a checkpoint that is, byte for byte, what was written; else None."""
    try:
        facts = store.read_json(checkpoint_folder / "facts.json")
        own_digest = facts.pop("own_sha256")
        intact = (
            own_digest == _digest_facts(facts)
            and store.file_digest(checkpoint_folder / "state.safetensors") == facts["sha256"]
        )
    except (OSError, UserError, KeyError, TypeError, AttributeError):
        return None
    return dict(facts) if intact else None


def _digest_facts(facts: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
