"""The embedded model's blocks over a cache of keys and values that many texts share, a slot each.

In: tokens of any slots at any positions. Out: hidden states; the cache holds their keys and values.
Equal to Hugging Face's Llama up to rounding, and faster: three products a block instead of seven,
their weights laid out once for the processor's bf16 unit. A row's result does not depend on the
other rows: every call of one kind has one shape, and what lies behind a query's own position is
masked to exact zeros. Not covered: biases, attention in windows; other families than Llama.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

LinearLayer = Callable[["Tensor"], "Tensor"]


class SlotCacheModel:
    """A Llama with a cache of `slots` rows of `room` positions, and no more positions than that."""

    def __init__(self, model: Any, slots: int, slot_length: int) -> None:
        import torch

        config = model.config
        self.device, self.epsilon = model.device, config.rms_norm_eps
        self.heads, self.kv_heads, self.width = (
            config.num_attention_heads,
            config.num_key_value_heads,
            config.head_dim,
        )
        size = (config.num_hidden_layers, 2, slots, self.kv_heads, slot_length, self.width)
        self.cache = torch.zeros(size, dtype=model.dtype, device=self.device)
        rate = config.rope_parameters["rope_theta"] ** -(
            torch.arange(0, self.width, 2) / self.width
        )
        angle = torch.outer(torch.arange(slot_length), rate)  # (room, D / 2)
        cos, sin = angle.cos(), angle.sin()
        self.cos = torch.cat((cos, cos), -1).to(self.device, model.dtype)
        self.sin = torch.cat((-sin, sin), -1).to(self.device, model.dtype)
        self.embed, self.norm = model.model.embed_tokens, model.model.norm
        self.layers, self.head = _pack_weights(model)

    def compute_logits(self, hidden: Tensor) -> Tensor:
        """(N, C) to (N, V)."""
        return self.head(hidden)

    def copy_slot(self, source: int, target: int, length: int) -> None:
        """The first `known` positions of a slot to another one."""
        self.cache[:, :, target, :, :length] = self.cache[:, :, source, :, :length]

    def compute_hidden(
        self, tokens: Tensor, positions: Tensor, slots: Tensor | None, cached: int
    ) -> Tensor:
        """Hidden states (B, T, C) of tokens (B, T) at positions (B, T), row b in slot slots[b]; None: b itself.

        A query sees its slot's cache up to its own position, which must be below `seen`. Rows may
        lie in the same slot, one after the other: all keys are written before any is read. The
        query heads that share keys lie along time, so that the keys are never repeated: a third of
        the memory traffic.
        """
        import torch
        import torch.nn.functional as F

        (B, T), group, rotated_heads = (
            tokens.shape,
            self.heads // self.kv_heads,
            self.heads + self.kv_heads,
        )
        tokens, positions = tokens.to(self.device), positions.to(self.device)
        cos, sin = self.cos[positions][:, :, None], self.sin[positions][:, :, None]  # (B, T, 1, D)
        slot_rows = (torch.arange(B) if slots is None else slots).to(self.device)
        hidden_keys = (
            torch.arange(cached, device=self.device) > positions[:, :, None]
        )  # (B, T, seen)
        mask = torch.zeros(
            hidden_keys.shape, dtype=self.cache.dtype, device=self.device
        ).masked_fill_(hidden_keys, -torch.inf)
        mask = mask[:, None].repeat(1, 1, group, 1)  # (B, 1, group * T, seen)
        x = self.embed(tokens)
        for layer, (input_norm, qkv, out, mlp_norm, gate_up, down) in enumerate(self.layers):
            y = qkv(input_norm(x)).view(B, T, -1, self.width)
            rotated, v = y[:, :, :rotated_heads], y[:, :, rotated_heads:]
            qk = torch.addcmul(rotated * cos, rotated.roll(self.width // 2, -1), sin)
            q, k = qk[:, :, : self.heads], qk[:, :, self.heads :]
            keys, values = self.cache[layer]
            keys[slot_rows[:, None], :, positions], values[slot_rows[:, None], :, positions] = k, v
            selection = (slice(B) if slots is None else slot_rows, slice(None), slice(cached))
            q = (
                q.view(B, T, self.kv_heads, group, -1)
                .permute(0, 2, 3, 1, 4)
                .reshape(B, self.kv_heads, group * T, -1)
            )
            attended = F.scaled_dot_product_attention(q, keys[selection], values[selection], mask)
            attended = (
                attended.view(B, self.kv_heads, group, T, -1)
                .permute(0, 3, 1, 2, 4)
                .reshape(B, T, -1)
            )
            x = x + out(attended)
            gate, up_states = gate_up(mlp_norm(x)).chunk(2, -1)
            x = x + down(F.silu(gate).mul_(up_states))
        hidden: Tensor = self.norm(x)
        return hidden


def _pack_weights(model: Any) -> tuple[list[tuple[LinearLayer, ...]], LinearLayer]:
    """Per block: norm, queries with keys and values, output, norm, gate with up, down; and the head. Made once."""
    if not hasattr(model, "hornbook_weights"):
        import torch

        layers = []
        for block in model.model.layers:
            attention, mlp = block.self_attn, block.mlp
            qkv_weight = torch.cat(
                [
                    projection.weight
                    for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
                ]
            )
            gate_up_weight = torch.cat(
                [projection.weight for projection in (mlp.gate_proj, mlp.up_proj)]
            )
            layers.append(
                (
                    block.input_layernorm, _make_linear(qkv_weight), _make_linear(attention.o_proj.weight),
                    block.post_attention_layernorm, _make_linear(gate_up_weight), _make_linear(mlp.down_proj.weight),
                )
            )  # fmt: skip
        model.hornbook_weights = (layers, _make_linear(model.lm_head.weight))
    return model.hornbook_weights  # type: ignore[no-any-return]


def _make_linear(weight: torch.Tensor) -> LinearLayer:
    """Multiplication by a weight (out, in), laid out beforehand where oneDNN would do it anew at each call.

    In bf16 on a CPU: 30 against 61 CPU ms for all blocks' products of 32 rows, the same bits (Xeon
    with AMX).
    """
    import torch
    import torch.nn.functional as F

    ops = (
        torch.ops.mkldnn
    )  # what torch.compile uses for frozen weights; absent from builds without oneDNN
    if (
        weight.device.type == "cpu"
        and weight.dtype == torch.bfloat16
        and hasattr(ops, "_linear_pointwise")
    ):
        packed = ops._reorder_linear_weight(weight.detach(), None)
        return lambda x: ops._linear_pointwise(x, packed, None, "none", [], "")
    return functools.partial(F.linear, weight=weight)
