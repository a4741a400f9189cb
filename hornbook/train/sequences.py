"""Packed sequences on disk as batches, in an order that follows from seed and epoch alone.

In: a Pack's folder, the number of a step. Out: inputs, targets, and document numbers where
documents stay apart. Nothing is shuffled ahead and nothing is remembered, so a resume needs no
state of the data.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hornbook import store
from hornbook.models.transformer import NO_TARGET
from hornbook.records import UserError

RowIndices = NDArray[np.int64]


@dataclass(frozen=True)
class TokenBatch:
    """ids, targets (B, T); NO_TARGET marks targets that do not count. documents (B, T) or None."""

    ids: Tensor
    targets: Tensor
    documents: Tensor | None


class Sequences:
    """The sequences of one set, memory-mapped.

    `isolate_documents` numbers the documents of each, for attention that stays inside one.

    Raises UserError where a file does not hold what pack.json says, at once or when a batch is
    read.
    """

    def __init__(
        self, folder: Path, held_out: bool = False, isolate_documents: bool = False
    ) -> None:
        facts = read_pack_facts(folder)
        name, mask = (
            ("held_out.bin", "held_out_mask.bin") if held_out else ("tokens.bin", "mask.bin")
        )
        shape = (int(facts["held_out"] if held_out else facts["sequences"]), int(facts["context"]))
        self.end_of_text, self.isolate_documents, self.context = (
            int(facts["eos"]),
            isolate_documents,
            shape[1],
        )
        self.path, self.vocab = folder / name, int(facts["vocab"])
        self.ids = _map_file(folder / name, facts["dtype"], shape)
        self.mask = _map_file(folder / mask, "uint8", shape) if (folder / mask).exists() else None

    def __len__(self) -> int:
        return int(self.ids.shape[0])

    def count_targets(self, rows: RowIndices) -> int:
        """How many targets of these sequences count in the loss."""
        return (
            len(rows) * (self.context - 1)
            if self.mask is None
            else int(self.mask[rows][:, 1:].sum())
        )

    def read_batch(self, rows: RowIndices, device: str) -> TokenBatch:
        """Full rows, so that kernels see whole blocks: the last position of each has no target."""
        ids = torch.from_numpy(self.ids[rows].astype(np.int64))
        if int(ids.max()) >= self.vocab:
            raise UserError(
                f"{self.path} holds ids beyond its vocabulary of {self.vocab:,}: "
                f"{_rebuild_advice(self.path.parent)}"
            )
        targets = torch.full_like(ids, NO_TARGET)
        targets[:, :-1] = ids[:, 1:]
        if self.mask is not None:
            targets[:, :-1].masked_fill_(torch.from_numpy(self.mask[rows])[:, 1:] == 0, NO_TARGET)
        documents = None
        if self.isolate_documents:
            ends = (ids == self.end_of_text).long()
            documents = (ends.cumsum(1) - ends).to(
                device
            )  # an end belongs to the document that it ends
        return TokenBatch(ids.to(device), targets.to(device), documents)


def read_pack_facts(folder: Path) -> dict[str, Any]:
    """What a Pack's pack.json says. Raises UserError where it is missing."""
    facts = store.read_json(folder / "pack.json")
    if facts is None:
        raise UserError(f"{folder} has no pack.json: {_rebuild_advice(folder)}")
    return dict(facts)


def _rebuild_advice(folder: Path) -> str:
    return f"its files were changed since they were made; --rebuild {folder.name} makes them again"


def _map_file(path: Path, dtype: str, shape: tuple[int, int]) -> NDArray[Any]:
    if not shape[0]:
        return np.zeros(shape, dtype)
    if not path.exists() or path.stat().st_size != np.dtype(dtype).itemsize * shape[0] * shape[1]:
        raise UserError(
            f"{path} does not hold {shape[0]:,} sequences of {shape[1]}: "
            f"{_rebuild_advice(path.parent)}"
        )
    return np.memmap(path, dtype, "r", shape=shape)


def batch_rows(step: int, batch: int, sequence_count: int, seed: int) -> RowIndices:
    """The sequences of a step's batch: each epoch is a permutation by the seed and its number.

    >>> sorted(int(row) for step in range(2) for row in batch_rows(step, 3, 6, seed=1))
    [0, 1, 2, 3, 4, 5]
    """
    positions = np.arange(step * batch, (step + 1) * batch, dtype=np.int64)
    rows = np.empty(batch, np.int64)
    for epoch in np.unique(positions // sequence_count):
        in_epoch = positions // sequence_count == epoch
        rows[in_epoch] = _epoch_order(sequence_count, seed, int(epoch))[
            positions[in_epoch] % sequence_count
        ]
    return rows


_order_cache: dict[tuple[int, int, int], RowIndices] = {}


def _epoch_order(sequence_count: int, seed: int, epoch: int) -> RowIndices:
    """Kept for one epoch at a time: a permutation of 25 million takes a second and 200 MB."""
    key = sequence_count, seed, epoch
    if key not in _order_cache:
        _order_cache.clear()
        _order_cache[key] = np.random.Generator(np.random.Philox(key=[seed, epoch])).permutation(
            sequence_count
        )
    return _order_cache[key]
