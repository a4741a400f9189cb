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

from hornbook.jit.bf16 import together
from hornbook.jit.simd import COLUMNS, FUSES, LANES, ROWS, huge
from hornbook.models.cpu_forward_kernel import Rows, Weights, reading
from hornbook.models.transformer import Phi

AT_ONCE = 256  # rows: their numbers stay in the cache of a core while a layer's weights pass by
LARGEST = 500_000_000  # parameters: the weights' second copy takes 4 bytes of each
CACHE = 4 << 30  # bytes of keys and values at most: fewer slots rather than more


def serves(model: Phi) -> bool:
    """Whether this is a model, a device and a processor that the kernel here is for."""
    weight, shape = model.embedding.weight, model.shape
    here = weight.device.type == "cpu" and weight.dtype == torch.float32 and FUSES
    return (
        here
        and shape.width % COLUMNS == 0
        and (shape.width // shape.heads) % LANES == 0
        and shape.parameters() <= LARGEST
    )


class Reader:
    """A model's weights in panels, the slots' cache, and room for AT_ONCE rows."""

    def __init__(self, model: Phi, slots: int, length: int) -> None:
        """At most so many slots, `length` tokens each: prompt and answer. `slots` is how many they became."""
        shape = model.shape
        self.length = -(-length // LANES) * LANES
        self.slots = max(1, min(slots, CACHE // (8 * shape.layers * shape.width * self.length)))
        self.threads = max(1, min(torch.get_num_threads(), shape.width // COLUMNS))
        self.vocab, columns = shape.vocab, -(-shape.vocab // COLUMNS) * COLUMNS
        self.logits = np.zeros((min(AT_ONCE, self.slots) + ROWS, columns), np.float32)
        self.counter = np.zeros(1, np.int64)
        self.arrays = _laid_out(
            model, columns
        )  # kept, because the kernel knows their addresses only
        head = shape.width // shape.heads
        numbers = shape.layers, shape.width, shape.heads, head, shape.rotary // 2, columns
        self.weights = Weights(*numbers, **_addresses(self.arrays))
        room, width = AT_ONCE + ROWS, shape.width
        cache = shape.layers, self.slots, shape.heads, self.length, head
        self.room = {
            "keys": huge(cache),
            "values": huge(cache),
            "x": huge((room, width)),
            "normed": huge((room, width)),
            "qkv": huge((room, 3 * width)),
            "both": huge((room, 5 * width)),
            "scores": huge((self.threads, self.length + LANES)),
            "logits": self.logits,
            "counter": self.counter,
        }
        self.kernel = reading(head)
        nothing = np.zeros(0, np.int64)
        self._rows(
            nothing, nothing, nothing, nothing > 0, threads=1
        )  # compiled by one thread, not by two at once

    def read(self, work: Sequence[tuple[int, int, Sequence[int]]]) -> torch.Tensor:
        """Logits (work, V) after the last token of each (slot, position of its first token, tokens); until the next."""
        counts = [len(tokens) for _, _, tokens in work]
        place = np.repeat([slot for slot, _, _ in work], counts)
        position = np.concatenate(
            [np.arange(first, first + len(tokens)) for _, first, tokens in work]
        )
        token = np.concatenate([np.asarray(tokens) for _, _, tokens in work])
        last = np.zeros(len(token), bool)
        last[np.cumsum(counts) - 1] = True
        if len(token) <= AT_ONCE:
            return self._rows(place, position, token, last)
        pieces = [slice(at, at + AT_ONCE) for at in range(0, len(token), AT_ONCE)]
        return torch.cat(
            [self._rows(place[at], position[at], token[at], last[at]).clone() for at in pieces]
        )

    def _rows(
        self, place: Any, position: Any, token: Any, last: Any, threads: int = 0
    ) -> torch.Tensor:
        """Logits of the rows that are the last of their text, (of them, V), in this object's memory."""
        order = np.argsort(~last, kind="stable")
        given = {"place": place, "position": position, "token": token}
        given = {name: np.ascontiguousarray(each[order], np.int64) for name, each in given.items()}
        wanted = int(last.sum())
        rows = Rows(len(token), wanted, self.length, self.slots, **_addresses(given | self.room))
        with MEETING:
            self.counter[0] = 0
            threads = threads or self.threads
            together(threads, lambda me: self.kernel(me, threads, tuple(self.weights), tuple(rows)))
        return torch.from_numpy(self.logits)[:wanted, : self.vocab]


MEETING = (
    threading.Lock()
)  # two of these at once could each hold half of the threads and wait for the other half


def _laid_out(model: Phi, columns: int) -> dict[str, Any]:
    """The weights under the names of `Weights`, the last product's filled up to so many columns."""
    blocks: list[Any] = list(model.blocks)
    norms = [*(block.norm for block in blocks), model.norm]
    more = columns - model.shape.vocab
    plain = {
        "embedding": model.embedding.weight,
        "cos": model.cos.flatten(1),
        "sin": model.sin.flatten(1),
        "scale": torch.stack([norm.weight for norm in norms]),
        "shift": torch.stack([norm.bias for norm in norms]),
        "into_bias": torch.stack([block.into.bias for block in blocks]),
        "out_bias": torch.stack([block.dense.bias + block.fc2.bias for block in blocks]),
        "top_bias": F.pad(model.head.bias, (0, more)),
    }
    return {name: tensor.detach().contiguous().numpy() for name, tensor in plain.items()} | {
        "into": _panels([block.into.weight for block in blocks]),
        "out": _panels([torch.cat([block.dense.weight, block.fc2.weight], 1) for block in blocks]),
        "top": _panels([F.pad(model.head.weight, (0, 0, 0, more))]),
    }


def _addresses(arrays: Mapping[str, Any]) -> dict[str, int]:
    return {name: array.ctypes.data for name, array in arrays.items()}


def _panels(weights: Sequence[torch.Tensor]) -> Any:
    """Each (N, K) as (N / COLUMNS, K, COLUMNS), one after the other."""
    rows, k = weights[0].shape
    made = huge((len(weights), rows // COLUMNS, k, COLUMNS))
    for at, weight in enumerate(weights):
        torch.from_numpy(made[at]).copy_(weight.detach().view(-1, COLUMNS, k).transpose(1, 2))
    return made
