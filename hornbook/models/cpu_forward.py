"""CPU inference engine in fp32.

In: a Phi, and tokens for slots. Out: the logits after the last token of each slot; keys and values
stay in the slots' cache. The weights are packed for cpu_forward_kernel.py, which runs once per
thread. A row's numbers do not depend on how many rows are read with it, on the pieces in which a
prompt is read, or on the number of threads (lm-evaluation-harness issue 1992 shows what happens
otherwise). Not covered: bf16, GPUs, models whose second copy would not fit; torch_forward.py
computes what `supports_model` declines. Imported only inside functions.
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
from hornbook.models.batch_scheduler import SlotInput
from hornbook.models.cpu_forward_kernel import KernelBatch, KernelWeights, compile_forward
from hornbook.models.transformer import Phi

# Their activations stay in a core's cache while the weights of a layer are streamed.
ROWS_PER_CALL = 256
MAX_PARAMETERS = 500_000_000  # the packed copy of the weights takes 4 bytes for each
MAX_CACHE_BYTES = 4 << 30  # of keys and values: fewer slots rather than more memory
# Two kernels at once could each hold half of the threads and wait for the other half.
KERNEL_LOCK = threading.Lock()


def supports_model(model: Phi) -> bool:
    """Whether the kernel supports this model, its device and this processor."""
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
        """Pack the weights and allocate the cache.

        Args:
            model: in fp32 on the CPU.
            slots: how many at most; the attribute `slots` says how many there are.
            slot_length: tokens of a slot, prompt and completion.
        """
        shape = model.shape
        # Scores are computed for LANES keys at a time.
        self.slot_length = -(-slot_length // LANES) * LANES
        bytes_per_slot = 8 * shape.layers * shape.width * self.slot_length
        self.slots = max(1, min(slots, MAX_CACHE_BYTES // bytes_per_slot))
        self.threads = max(1, min(torch.get_num_threads(), shape.width // TILE_COLUMNS))
        self.vocab = shape.vocab
        columns = -(-shape.vocab // TILE_COLUMNS) * TILE_COLUMNS
        self.logits = np.zeros((min(ROWS_PER_CALL, self.slots) + TILE_ROWS, columns), np.float32)
        self.counter = np.zeros(1, np.int64)
        # Kept, because the kernel has only their addresses.
        self.arrays = _pack_weights(model, columns)
        head_width = shape.width // shape.heads
        sizes = shape.layers, shape.width, shape.heads, head_width, shape.rotary // 2, columns
        self.weights = KernelWeights(*sizes, **_array_addresses(self.arrays))
        buffer_rows, width = ROWS_PER_CALL + TILE_ROWS, shape.width
        cache = shape.layers, self.slots, shape.heads, self.slot_length, head_width
        self.buffers = {
            "keys": allocate_huge_pages(cache),
            "values": allocate_huge_pages(cache),
            "x": allocate_huge_pages((buffer_rows, width)),
            "normed": allocate_huge_pages((buffer_rows, width)),
            "qkv": allocate_huge_pages((buffer_rows, 3 * width)),
            "branches": allocate_huge_pages((buffer_rows, 5 * width)),
            "scores": allocate_huge_pages((self.threads, self.slot_length + LANES)),
            "logits": self.logits,
            "counter": self.counter,
        }
        self.kernel = compile_forward(head_width)
        # The first call compiles: with one thread, not in two at once.
        no_rows = np.zeros(0, np.int64)
        self._compute_rows(no_rows, no_rows, no_rows, no_rows > 0, threads=1)

    def compute_logits(self, work: Sequence[SlotInput]) -> torch.Tensor:
        """Logits (work, V) after the last token of each (slot, position, tokens).

        The result is a view of this object's memory, valid until the next call.
        """
        counts = [len(tokens) for _, _, tokens in work]
        slot = np.repeat([slot_index for slot_index, _, _ in work], counts)
        position = np.concatenate(
            [np.arange(first, first + len(tokens)) for _, first, tokens in work]
        )
        token = np.concatenate([np.asarray(tokens) for _, _, tokens in work])
        is_last = np.zeros(len(token), bool)
        is_last[np.cumsum(counts) - 1] = True
        if len(token) <= ROWS_PER_CALL:
            return self._compute_rows(slot, position, token, is_last)
        logits = []
        for start in range(0, len(token), ROWS_PER_CALL):
            rows = slice(start, start + ROWS_PER_CALL)
            computed = self._compute_rows(slot[rows], position[rows], token[rows], is_last[rows])
            logits.append(computed.clone())
        return torch.cat(logits)

    def _compute_rows(
        self, slot: Any, position: Any, token: Any, is_last: Any, threads: int = 0
    ) -> torch.Tensor:
        """Read rows; the logits of those that are the last of their text.

        Args:
            slot, position, token: int arrays, one number per row.
            is_last: bool array.
            threads: 0 for the default.
        """
        # The kernel expects the rows with logits first.
        order = np.argsort(~is_last, kind="stable")
        row_arrays = {
            name: np.ascontiguousarray(array[order], np.int64)
            for name, array in (("slot", slot), ("position", position), ("token", token))
        }
        logit_rows = int(is_last.sum())
        addresses = _array_addresses(row_arrays | self.buffers)
        batch = KernelBatch(len(token), logit_rows, self.slot_length, self.slots, **addresses)
        # Calls from several Python threads share the kernel's threads.
        with KERNEL_LOCK:
            self.counter[0] = 0
            threads = threads or self.threads
            run_in_threads(
                threads,
                lambda thread: self.kernel(thread, threads, tuple(self.weights), tuple(batch)),
            )
        return torch.from_numpy(self.logits)[:logit_rows, : self.vocab]


def _pack_weights(model: Phi, columns: int) -> dict[str, Any]:
    """Arrays under the names of KernelWeights; the head is padded to `columns` columns."""
    blocks: list[Any] = list(model.blocks)
    # The final norm is that of an additional layer.
    norms = [*(block.norm for block in blocks), model.norm]
    padding = columns - model.shape.vocab
    tensors = {
        "embedding": model.embedding.weight,
        "cos": model.cos.flatten(1),
        "sin": model.sin.flatten(1),
        "scale": torch.stack([norm.weight for norm in norms]),
        "shift": torch.stack([norm.bias for norm in norms]),
        "in_bias": torch.stack([block.qkv_fc1.bias for block in blocks]),
        "out_bias": torch.stack([block.dense.bias + block.fc2.bias for block in blocks]),
        "head_bias": F.pad(model.head.bias, (0, padding)),
    }
    return {name: tensor.detach().contiguous().numpy() for name, tensor in tensors.items()} | {
        "in_weights": _pack_panels([block.qkv_fc1.weight for block in blocks]),
        "out_weights": _pack_panels(
            [torch.cat([block.dense.weight, block.fc2.weight], 1) for block in blocks]
        ),
        "head_weights": _pack_panels([F.pad(model.head.weight, (0, 0, 0, padding))]),
    }


def _array_addresses(arrays: Mapping[str, Any]) -> dict[str, int]:
    """The address of each array's data."""
    return {name: array.ctypes.data for name, array in arrays.items()}


def _pack_panels(weights: Sequence[torch.Tensor]) -> Any:
    """Matrices (N, K) as panels (N / TILE_COLUMNS, K, TILE_COLUMNS), one matrix after the other.

    A panel is read from its start to its end while one tile column of the output is computed.
    """
    rows, k = weights[0].shape
    panels = allocate_huge_pages((len(weights), rows // TILE_COLUMNS, k, TILE_COLUMNS))
    for i, weight in enumerate(weights):
        torch.from_numpy(panels[i]).copy_(weight.detach().view(-1, TILE_COLUMNS, k).transpose(1, 2))
    return panels
