"""Causal attention with rotary positions, by the fastest exact kernel for each device.

In: queries, keys and values (B, T, 3, H, D), not rotated, and the rotation table. Out:
(B, T, H * D).

| where | kernel |
| --- | --- |
| GPU | FlashAttention through SDPA; FlexAttention if documents must not see each other |
| CPU, training in fp32 | blocks of queries as plain matrix products, below |
| all else | SDPA |

The blocks are 1.5 times as fast as SDPA there, and more with dropout, for which SDPA has no fast
kernel on a CPU. Not covered: sliding windows, grouped heads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

AttentionFn = Callable[[Tensor, Tensor, Tensor], Tensor]

# Queries at once. Measured on 2 cores with AVX2: 64 and 128 are equal, 256 is 1.3 times slower.
QUERY_BLOCK = 128
# Blocks keep their probabilities for the backward pass: at this context they take half as much
# memory as everything else.
MAX_BLOCKED_CONTEXT = 1024


def rotation_table(context: int, rotary: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines of the rotary embedding, each (context, 1, 1, rotary / 2) in fp32.

    Source: Su et al. 2021, arXiv 2104.09864, section 3.
    """
    frequency = 1.0 / (theta ** (torch.arange(0, rotary, 2, dtype=torch.float32) / rotary))
    angle = torch.arange(context, dtype=torch.float32)[:, None] * frequency
    return angle.cos()[:, None, None], angle.sin()[:, None, None]


def apply_rotary(qkv: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the first dimensions of queries and keys (B, T, 3, H, D) by their position.

    Dimension i is paired with i + rotary / 2, as in GPT-NeoX.
    """
    half = cos.shape[-1]
    cos, sin = cos.to(qkv.dtype), sin.to(qkv.dtype)
    # Values are not rotated, nor are the last dimensions of queries and keys.
    qk, v = torch.split(qkv, [2, 1], dim=-3)
    a, b, rest = torch.split(qk, [half, half, qk.shape[-1] - 2 * half], dim=-1)
    rotated = torch.cat((a * cos - b * sin, b * cos + a * sin, rest), dim=-1)
    return torch.cat((rotated, v), dim=-3)


def make_attention(documents: Tensor | None, dropout: float) -> AttentionFn:
    """The attention function for a batch.

    Args:
        documents: (B, T), the number of each token's document, if tokens shall not see other
            documents; None for plain causal attention.
        dropout: of the attention probabilities.

    Returns:
        A function of qkv (B, T, 3, H, D), cos and sin that gives (B, T, H * D).
    """
    if documents is not None and documents.is_cuda and not dropout:
        return _make_flex_attention(documents)
    mask = None if documents is None else _make_document_mask(documents)

    def compute_attention(qkv: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        is_eager_cpu = (
            qkv.device.type == "cpu"
            and qkv.dtype == torch.float32
            and not torch.compiler.is_compiling()
        )
        is_blocked = qkv.requires_grad and mask is None and qkv.shape[1] <= MAX_BLOCKED_CONTEXT
        if is_eager_cpu and is_blocked:
            blocked: Tensor = _BlockedAttention.apply(  # type: ignore[no-untyped-call]
                qkv, cos, sin, dropout
            )
            return blocked
        q, k, v = apply_rotary(qkv, cos, sin).permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, T, D)
        mixed = F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal=mask is None)
        return mixed.transpose(1, 2).flatten(-2)

    return compute_attention


class _BlockedAttention(torch.autograd.Function):
    """Softmax attention by blocks of queries; keys after a block are skipped.

    The derivative is that of softmax: dscore = p * (dp - sum(p * dp)), where the sum equals
    sum(out * dout) (Dao et al. 2022, arXiv 2205.14135, appendix B.2).
    """

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, cos: Tensor, sin: Tensor, dropout: float) -> Tensor:
        batch, time, _, heads, width = qkv.shape
        rotated = qkv.new_empty(3, batch * heads, time, width)
        _rotate_into(qkv, cos, sin, _as_qkv_layout(rotated, batch))
        q, k, v = rotated.unbind(0)
        # Scaling the queries is cheaper than scaling the scores.
        q.mul_(width**-0.5)
        mixed = torch.empty_like(q)
        future = torch.full((QUERY_BLOCK, QUERY_BLOCK), -torch.inf).triu(1)
        saved_probs: list[Tensor] = []
        for start in range(0, time, QUERY_BLOCK):
            stop = min(time, start + QUERY_BLOCK)
            score = torch.bmm(q[:, start:stop], k[:, :stop].transpose(1, 2))
            # Only the block on the diagonal has keys after their query.
            score[:, :, start:] += future[: stop - start, : stop - start]
            p = torch.softmax(score, -1)
            mask = draw_keep_mask(p, dropout) if dropout else None
            saved_probs += [p] if mask is None else [p, mask]
            mixed[:, start:stop] = torch.bmm(apply_dropout(p, mask, dropout), v[:, :stop])
        ctx.save_for_backward(rotated, mixed, cos, sin, *saved_probs)
        ctx.batch, ctx.dropout = batch, dropout
        return mixed.view(batch, heads, time, width).transpose(1, 2).flatten(-2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        rotated, mixed, cos, sin, *saved_probs = ctx.saved_tensors
        q, k, v = rotated.unbind(0)
        grad_rotated = torch.zeros_like(rotated)
        dq, dk, dv = grad_rotated.unbind(0)
        dmixed = grads[0].reshape(ctx.batch, q.shape[1], -1, q.shape[2])
        dmixed = dmixed.transpose(1, 2).flatten(0, 1)
        # Equals sum(p * dp) over the keys.
        row_dots = (dmixed * mixed).sum(-1, keepdim=True)
        tensors_per_block = 2 if ctx.dropout else 1
        for i, start in enumerate(range(0, q.shape[1], QUERY_BLOCK)):
            p, *masks = saved_probs[i * tensors_per_block : (i + 1) * tensors_per_block]
            mask = masks[0] if masks else None
            stop = p.shape[-1]
            dmixed_block = dmixed[:, start:stop]
            dropped = apply_dropout(p, mask, ctx.dropout)
            dv[:, :stop].baddbmm_(dropped.transpose(1, 2), dmixed_block)
            dscore = torch.bmm(dmixed_block, v[:, :stop].transpose(1, 2))
            dscore = apply_dropout(dscore, mask, ctx.dropout)
            dscore.sub_(row_dots[:, start:stop]).mul_(p)
            dq[:, start:stop] = torch.bmm(dscore, k[:, :stop])
            dk[:, :stop].baddbmm_(dscore.transpose(1, 2), q[:, start:stop])
        # dk used the scaled queries, so only dq lacks the scale.
        dq.mul_(q.shape[-1] ** -0.5)
        heads = q.shape[0] // ctx.batch
        grad_qkv = grad_rotated.new_empty(ctx.batch, q.shape[1], 3, heads, q.shape[-1])
        # The inverse rotation is the derivative.
        _rotate_into(_as_qkv_layout(grad_rotated, ctx.batch), cos, -sin, grad_qkv)
        return grad_qkv, None, None, None


def _as_qkv_layout(rotated: Tensor, batch: int) -> Tensor:
    """A view of (3, B * H, T, D) as (B, T, 3, H, D)."""
    _, _, time, width = rotated.shape
    return rotated.view(3, batch, -1, time, width).permute(1, 3, 0, 2, 4)


def _rotate_into(source: Tensor, cos: Tensor, sin: Tensor, dst: Tensor) -> None:
    """apply_rotary with the result written to `dst`, which saves a copy."""
    half = cos.shape[-1]
    a, b = source[:, :, :2, :, :half], source[:, :, :2, :, half : 2 * half]
    dst[:, :, :2, :, :half] = (a * cos).addcmul_(b, sin, value=-1)
    dst[:, :, :2, :, half : 2 * half] = (b * cos).addcmul_(a, sin)
    dst[:, :, :2, :, 2 * half :] = source[:, :, :2, :, 2 * half :]
    dst[:, :, 2] = source[:, :, 2]


def draw_keep_mask(p: Tensor, dropout: float) -> Tensor:
    """Sample a dropout mask, true where a probability is kept.

    16 random bits for each: 4 times as fast as bernoulli_, and `dropout` is exact to 1 / 65,536.
    """
    bits = torch.empty(-(-p.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    return bits.view(torch.int16)[: p.numel()].view(p.shape) >= round(dropout * 2**16) - 2**15


def apply_dropout(values: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    """Set values outside the mask to 0 and scale the others by 1 / (1 - dropout)."""
    return values if mask is None else (values * mask).mul_(1 / (1 - dropout))


def _make_document_mask(documents: Tensor) -> Tensor:
    """(B, 1, T, T): true where the key is in the query's document and not after the query."""
    same_document = documents[:, None, :, None] == documents[:, None, None, :]
    return same_document.tril()


@functools.cache
def _compile_flex() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """FlexAttention and create_block_mask, compiled: uncompiled they compute all scores."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    return torch.compile(flex_attention), torch.compile(create_block_mask)


def _make_flex_attention(documents: Tensor) -> AttentionFn:
    """FlexAttention, which skips empty blocks of the mask; its backward needs a GPU."""
    flex_attention, make_block_mask = _compile_flex()

    def is_visible(batch_index: Tensor, head_index: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (documents[batch_index, query] == documents[batch_index, key])

    batch, time = documents.shape
    block_mask = make_block_mask(is_visible, batch, None, time, time, device=documents.device)

    def compute_attention(qkv: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, k, v = apply_rotary(qkv, cos, sin).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = flex_attention(q, k, v, block_mask=block_mask)
        assert isinstance(mixed, Tensor)
        return mixed.transpose(1, 2).flatten(-2)

    return compute_attention
