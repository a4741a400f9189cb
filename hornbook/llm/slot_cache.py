"""The embedded model's forward pass, with a cache of keys and values that is divided into slots.

In: tokens of any slots at any positions. Out: hidden states; the cache holds their keys and values.
Equal to Hugging Face's Llama up to rounding, and faster: four products per block instead of seven,
with weights packed once for the processor's bf16 unit. A row's result does not depend on the other
rows: all calls of one kind have one shape, and positions after a query's own are masked to exact
zeros. Not covered: biases, windowed attention, other families than Llama.
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
    """A Llama with a cache.

    Args:
        model: Hugging Face's LlamaForCausalLM.
        slots: how many sequences the cache holds.
        slot_length: positions of a slot.
    """

    def __init__(self, model: Any, slots: int, slot_length: int) -> None:
        import torch

        config = model.config
        self.device, self.epsilon = model.device, config.rms_norm_eps
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.width = config.head_dim
        size = (config.num_hidden_layers, 2, slots, self.kv_heads, slot_length, self.width)
        self.cache = torch.zeros(size, dtype=model.dtype, device=self.device)
        exponents = torch.arange(0, self.width, 2) / self.width
        rate = config.rope_parameters["rope_theta"] ** -exponents
        angle = torch.outer(torch.arange(slot_length), rate)  # (slot_length, D / 2)
        cos, sin = angle.cos(), angle.sin()
        self.cos = torch.cat((cos, cos), -1).to(self.device, model.dtype)
        # Negative in the first half, so that a roll of the halves completes the rotation.
        self.sin = torch.cat((-sin, sin), -1).to(self.device, model.dtype)
        self.embed, self.norm = model.model.embed_tokens, model.model.norm
        self.layers, self.head = _pack_weights(model)

    def compute_logits(self, hidden: Tensor) -> Tensor:
        """Logits (N, V) of hidden states (N, C)."""
        return self.head(hidden)

    def copy_slot(self, source: int, target: int, length: int) -> None:
        """Copy the first `length` positions of a slot to another one."""
        self.cache[:, :, target, :, :length] = self.cache[:, :, source, :, :length]

    def compute_hidden(
        self, tokens: Tensor, positions: Tensor, slots: Tensor | None, cached: int
    ) -> Tensor:
        """Read tokens into slots.

        A query sees its slot's cache up to its own position. Several rows may be consecutive pieces
        of one slot: all keys are written before any is read. Query heads that share keys are laid
        out along time, so that keys are not repeated: that is a third of the memory traffic.

        Args:
            tokens: (B, T).
            positions: (B, T), each lower than `cached`.
            slots: (B,), the slot of each row; None if row b is slot b.
            cached: how many positions of the cache are read.

        Returns:
            Hidden states (B, T, C) after the final norm.
        """
        import torch
        import torch.nn.functional as F

        (B, T), group = tokens.shape, self.heads // self.kv_heads
        rotated_heads = self.heads + self.kv_heads
        tokens, positions = tokens.to(self.device), positions.to(self.device)
        cos, sin = self.cos[positions][:, :, None], self.sin[positions][:, :, None]  # (B, T, 1, D)
        slot_rows = (torch.arange(B) if slots is None else slots).to(self.device)
        # (B, T, cached)
        is_hidden = torch.arange(cached, device=self.device) > positions[:, :, None]
        mask = torch.zeros(is_hidden.shape, dtype=self.cache.dtype, device=self.device)
        mask = mask.masked_fill_(is_hidden, -torch.inf)
        mask = mask[:, None].repeat(1, 1, group, 1)  # (B, 1, group * T, cached)
        x = self.embed(tokens)
        for layer, (input_norm, qkv, out, mlp_norm, gate_up, down) in enumerate(self.layers):
            y = qkv(input_norm(x)).view(B, T, -1, self.width)
            rotated, v = y[:, :, :rotated_heads], y[:, :, rotated_heads:]
            qk = torch.addcmul(rotated * cos, rotated.roll(self.width // 2, -1), sin)
            q, k = qk[:, :, : self.heads], qk[:, :, self.heads :]
            keys, values = self.cache[layer]
            keys[slot_rows[:, None], :, positions], values[slot_rows[:, None], :, positions] = k, v
            selection = (slice(B) if slots is None else slot_rows, slice(None), slice(cached))
            q = q.view(B, T, self.kv_heads, group, -1).permute(0, 2, 3, 1, 4)
            q = q.reshape(B, self.kv_heads, group * T, -1)
            attended = F.scaled_dot_product_attention(q, keys[selection], values[selection], mask)
            attended = attended.view(B, self.kv_heads, group, T, -1).permute(0, 3, 1, 2, 4)
            x = x + out(attended.reshape(B, T, -1))
            gate, up_states = gate_up(mlp_norm(x)).chunk(2, -1)
            x = x + down(F.silu(gate).mul_(up_states))
        hidden: Tensor = self.norm(x)
        return hidden


def _pack_weights(model: Any) -> tuple[list[tuple[LinearLayer, ...]], LinearLayer]:
    """The packed weights of a model, which keeps them.

    Returns:
        For each block the norm, q with k and v, output, norm, gate with up, and down; and the head.
    """
    if not hasattr(model, "hornbook_weights"):
        import torch

        layers = []
        for block in model.model.layers:
            attention, mlp = block.self_attn, block.mlp
            projections = (attention.q_proj, attention.k_proj, attention.v_proj)
            qkv_weight = torch.cat([projection.weight for projection in projections])
            gate_up_weight = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
            packed_block = (
                block.input_layernorm,
                _make_linear(qkv_weight),
                _make_linear(attention.o_proj.weight),
                block.post_attention_layernorm,
                _make_linear(gate_up_weight),
                _make_linear(mlp.down_proj.weight),
            )
            layers.append(packed_block)
        model.hornbook_weights = (layers, _make_linear(model.lm_head.weight))
    return model.hornbook_weights  # type: ignore[no-any-return]


def _make_linear(weight: torch.Tensor) -> LinearLayer:
    """A function that multiplies by a weight (out, in).

    In bf16 on a CPU the weight is packed once, which oneDNN would otherwise do in each call.
    Measured on a Xeon with AMX: 30 instead of 61 ms of CPU time for all blocks' products of 32
    rows, with the same bits.
    """
    import torch
    import torch.nn.functional as F

    # What torch.compile uses for frozen weights; builds without oneDNN lack it.
    ops = torch.ops.mkldnn
    is_cpu_bf16 = weight.device.type == "cpu" and weight.dtype == torch.bfloat16
    if is_cpu_bf16 and hasattr(ops, "_linear_pointwise"):
        packed = ops._reorder_linear_weight(weight.detach(), None)
        return lambda x: ops._linear_pointwise(x, packed, None, "none", [], "")
    return functools.partial(F.linear, weight=weight)
