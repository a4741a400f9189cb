"""Inference engine in torch, for GPUs and for what cpu_forward.py does not support.

In: tokens for slots. Out: logits; the keys and values stay in the cache. In fp32 a completion does
not depend on the requests beside it: prompts are read one by one, and a decoding step computes all
slots, also the empty ones. Not covered: several GPUs for one model, paged caches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

if TYPE_CHECKING:
    from torch import Tensor

    from hornbook.models.batch_scheduler import SlotInput
    from hornbook.models.transformer import Phi

MAX_CACHE_BYTES = 12 << 30  # of keys and values: fewer slots rather than more memory
# The cache is read in multiples of this many positions, so that sums over it have the same shape
# whatever the other slots hold.
CACHE_STRIDE = 64
# Lengths of prompts are padded to multiples of this: kernels are planned once per shape.
PREFILL_STRIDE = 16


class TorchForward:
    """A Phi with a cache; implements ForwardEngine."""

    min_free_slots = 1

    def __init__(self, model: Phi, slots: int) -> None:
        """At most `slots` slots; fewer where the cache would be too large."""
        self.model, shape, weight = model, model.shape, model.embedding.weight
        self.blocks: list[Any] = list(model.blocks)
        self.device = weight.device
        bytes_per_slot = 2 * shape.layers * shape.width * shape.context * weight.element_size()
        self.slots = max(1, min(slots, MAX_CACHE_BYTES // bytes_per_slot))
        size = (shape.layers, 2, self.slots, shape.heads, shape.context, shape.width // shape.heads)
        self.cache = torch.zeros(size, dtype=weight.dtype, device=self.device)

    def compute_logits(self, work: Sequence[SlotInput]) -> Tensor:
        """Logits (work, V) after the last token of each (slot, position, tokens).

        The decoding step comes first: it writes a meaningless key into every slot without a token,
        also into those whose prompt is read afterwards.
        """
        logits_rows: list[Any] = [None] * len(work)
        decode_items = [item for item, (_, _, tokens) in enumerate(work) if len(tokens) == 1]
        if decode_items:
            logits = self._decode_step([work[item] for item in decode_items])
            for item in decode_items:
                logits_rows[item] = logits[work[item][0]]
        for item, (slot, first, tokens) in enumerate(work):
            if len(tokens) > 1:
                assert first == 0, "a prompt is read in one piece"
                logits_rows[item] = self._prefill_slot(slot, tokens)
        return torch.stack(logits_rows)

    def _prefill_slot(self, slot: int, ids: Sequence[int]) -> Tensor:
        """Read a prompt into a slot's cache; the logits (V,) of what follows it."""
        padded = -(-len(ids) // PREFILL_STRIDE) * PREFILL_STRIDE
        padded = min(self.model.shape.context, padded)
        batch = torch.zeros((1, padded), dtype=torch.long, device=self.device)
        batch[0, : len(ids)] = torch.tensor(ids, device=self.device)
        x = self.model.embedding(batch)
        cos, sin = self.model.cos[:padded], self.model.sin[:padded]
        for layer, block in enumerate(self.blocks):
            qkv, mlp_hidden = block.project_inputs(x, cos, sin)
            q, k, v = qkv[0].permute(1, 2, 0, 3).unsqueeze(1).unbind(0)  # each (1, H, T, D)
            self.cache[layer, 0, slot, :, :padded] = k[0]
            self.cache[layer, 1, slot, :, :padded] = v[0]
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = block.add_branches(x, attended.transpose(1, 2).flatten(-2), mlp_hidden)
        logits: Tensor = self.model.head(self.model.norm(x[:, len(ids) - 1]))[0]
        return logits

    def _decode_step(self, work: Sequence[SlotInput]) -> Tensor:
        """Read one token in each of these slots.

        Returns:
            Logits (slots, V); those of the other slots have no meaning.
        """
        positions, tokens = [0] * self.slots, [0] * self.slots
        for slot, first, ids in work:
            positions[slot], tokens[slot] = first, ids[0]
        position, token = torch.tensor([positions, tokens], device=self.device)
        cached = -(-(max(positions) + 1) // CACHE_STRIDE) * CACHE_STRIDE
        cached = min(self.model.shape.context, cached)
        allowed = (torch.arange(cached, device=self.device) <= position[:, None])[:, None, None]
        cos, sin = self.model.cos[position][:, None], self.model.sin[position][:, None]
        rows = torch.arange(self.slots, device=self.device)
        x = self.model.embedding(token[:, None])
        for layer, block in enumerate(self.blocks):
            qkv, mlp_hidden = block.project_inputs(x, cos, sin)
            q, k, v = qkv[:, 0].unbind(1)  # each (slots, H, D)
            keys, values = self.cache[layer, 0], self.cache[layer, 1]
            keys[rows, :, position], values[rows, :, position] = k, v
            attended = F.scaled_dot_product_attention(
                q[:, :, None], keys[:, :, :cached], values[:, :, :cached], allowed
            )
            x = block.add_branches(x, attended.transpose(1, 2).flatten(-2), mlp_hidden)
        logits: Tensor = self.model.head(self.model.norm(x[:, 0]))
        return logits
