"""A phi reads tokens on a CPU in fp32: its weights laid out for reading_kernel.py, which is called once a thread.

In: a Phi, and rows of (slot, position, token). Out: the logits after the last token of each slot,
and the keys and values of all tokens in the slots' cache. A row's numbers do not depend on how many
rows are read with it, on the pieces in which a prompt is read, or on the number of threads
(lm-evaluation-harness issue 1992 is what happens otherwise). Not covered: bf16, GPUs, models whose
copy here would not fit: decode.py reads with torch what `serves` declines. Imported only inside
functions.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from hornbook.jit.bf16 import run_in_threads
from hornbook.jit.simd import HAS_FMA, LANES, TILE_COLUMNS, TILE_ROWS, allocate_huge_pages
from hornbook.models.cpu_forward_kernel import KernelBatch, KernelWeights, compile_forward
from hornbook.models.transformer import Phi

ROWS_PER_CALL = (
    256  # rows: their numbers stay in the cache of a core while a layer's weights pass by
)
MAX_PARAMETERS = 500_000_000  # parameters: the weights' second copy takes 4 bytes of each
MAX_CACHE_BYTES = 4 << 30  # bytes of keys and values at most: fewer slots rather than more


def supports_model(model: Phi) -> bool:
    """Whether this is a model, a device and a processor that the kernel here is for."""
    weight, shape = model.embedding.weight, model.shape
    device_fits = weight.device.type == "cpu" and weight.dtype == torch.float32 and HAS_FMA
    return (
        device_fits
        and shape.width % TILE_COLUMNS == 0
        and (shape.width // shape.heads) % LANES == 0
        and shape.count_parameters() <= MAX_PARAMETERS
    )


class CpuForward:
    """A Phi with packed weights and a cache; implements ForwardEngine."""

    min_free_slots = 1

    def __init__(self, model: Phi, slots: int, slot_length: int) -> None:
        """At most so many slots, `length` tokens each: prompt and answer. `slots` is how many they became."""
        shape = model.shape
        self.slot_length = -(-slot_length // LANES) * LANES
        self.slots = max(
            1, min(slots, MAX_CACHE_BYTES // (8 * shape.layers * shape.width * self.slot_length))
        )
        self.threads = max(1, min(torch.get_num_threads(), shape.width // TILE_COLUMNS))
        self.vocab, columns = shape.vocab, -(-shape.vocab // TILE_COLUMNS) * TILE_COLUMNS
        self.logits = np.zeros((min(ROWS_PER_CALL, self.slots) + TILE_ROWS, columns), np.float32)
        self.counter = np.zeros(1, np.int64)
        self.arrays = _pack_weights(
            model, columns
        )  # kept, because the kernel knows their addresses only
        head = shape.width // shape.heads
        numbers = shape.layers, shape.width, shape.heads, head, shape.rotary // 2, columns
        self.weights = KernelWeights(*numbers, **_array_addresses(self.arrays))
        buffer_rows, width = ROWS_PER_CALL + TILE_ROWS, shape.width
        cache = shape.layers, self.slots, shape.heads, self.slot_length, head
        self.buffers = {
            "keys": allocate_huge_pages(cache),
            "values": allocate_huge_pages(cache),
            "x": allocate_huge_pages((buffer_rows, width)),
            "normed": allocate_huge_pages((buffer_rows, width)),
            "qkv": allocate_huge_pages((buffer_rows, 3 * width)),
            "both": allocate_huge_pages((buffer_rows, 5 * width)),
            "scores": allocate_huge_pages((self.threads, self.slot_length + LANES)),
            "logits": self.logits,
            "counter": self.counter,
        }
        self.kernel = compile_forward(head)
        nothing = np.zeros(0, np.int64)
        self._compute_rows(
            nothing, nothing, nothing, nothing > 0, threads=1
        )  # compiled by one thread, not by two at once

    def compute_logits(self, work: Sequence[tuple[int, int, Sequence[int]]]) -> torch.Tensor:
        """Logits (work, V) after the last token of each (slot, position of its first token, tokens); until the next."""
        counts = [len(tokens) for _, _, tokens in work]
        slot_index = np.repeat([slot for slot, _, _ in work], counts)
        position = np.concatenate(
            [np.arange(first, first + len(tokens)) for _, first, tokens in work]
        )
        token = np.concatenate([np.asarray(tokens) for _, _, tokens in work])
        last = np.zeros(len(token), bool)
        last[np.cumsum(counts) - 1] = True
        if len(token) <= ROWS_PER_CALL:
            return self._compute_rows(slot_index, position, token, last)
        pieces = [
            slice(piece, piece + ROWS_PER_CALL) for piece in range(0, len(token), ROWS_PER_CALL)
        ]
        return torch.cat(
            [
                self._compute_rows(
                    slot_index[piece], position[piece], token[piece], last[piece]
                ).clone()
                for piece in pieces
            ]
        )

    def _compute_rows(
        self, slot_index: Any, position: Any, token: Any, last: Any, threads: int = 0
    ) -> torch.Tensor:
        """Logits of the rows that are the last of their text, (of them, V), in this object's memory."""
        order = np.argsort(~last, kind="stable")
        row_arrays = {"place": slot_index, "position": position, "token": token}
        row_arrays = {
            name: np.ascontiguousarray(array[order], np.int64) for name, array in row_arrays.items()
        }
        logit_rows = int(last.sum())
        rows = KernelBatch(
            len(token),
            logit_rows,
            self.slot_length,
            self.slots,
            **_array_addresses(row_arrays | self.buffers),
        )
        with KERNEL_LOCK:
            self.counter[0] = 0
            threads = threads or self.threads
            run_in_threads(
                threads,
                lambda thread: self.kernel(thread, threads, tuple(self.weights), tuple(rows)),
            )
        return torch.from_numpy(self.logits)[:logit_rows, : self.vocab]


KERNEL_LOCK = (
    threading.Lock()
)  # two of these at once could each hold half of the threads and wait for the other half


def _pack_weights(model: Phi, columns: int) -> dict[str, Any]:
    """The weights under the names of `Weights`, the last product's filled up to so many columns."""
    blocks: list[Any] = list(model.blocks)
    norms = [*(block.norm for block in blocks), model.norm]
    padding = columns - model.shape.vocab
    tensors = {
        "embedding": model.embedding.weight,
        "cos": model.cos.flatten(1),
        "sin": model.sin.flatten(1),
        "scale": torch.stack([norm.weight for norm in norms]),
        "shift": torch.stack([norm.bias for norm in norms]),
        "into_bias": torch.stack([block.qkv_fc1.bias for block in blocks]),
        "out_bias": torch.stack([block.dense.bias + block.fc2.bias for block in blocks]),
        "top_bias": F.pad(model.head.bias, (0, padding)),
    }
    return {name: tensor.detach().contiguous().numpy() for name, tensor in tensors.items()} | {
        "into": _pack_panels([block.qkv_fc1.weight for block in blocks]),
        "out": _pack_panels(
            [torch.cat([block.dense.weight, block.fc2.weight], 1) for block in blocks]
        ),
        "top": _pack_panels([F.pad(model.head.weight, (0, 0, 0, padding))]),
    }


def _array_addresses(arrays: Mapping[str, Any]) -> dict[str, int]:
    return {name: array.ctypes.data for name, array in arrays.items()}


def _pack_panels(weights: Sequence[torch.Tensor]) -> Any:
    """Each (N, K) as (N / COLUMNS, K, COLUMNS), one after the other."""
    rows, k = weights[0].shape
    panels = allocate_huge_pages((len(weights), rows // TILE_COLUMNS, k, TILE_COLUMNS))
    for i, weight in enumerate(weights):
        torch.from_numpy(panels[i]).copy_(weight.detach().view(-1, TILE_COLUMNS, k).transpose(1, 2))
    return panels
