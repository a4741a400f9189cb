"""Causal attention with rotary positions: the fastest kernel that does exactly what is asked where it is asked.

In: queries, keys and values (B, T, 3, H, D), unrotated, and the table of cosines and sines. Out:
(B, T, H * D). GPU: FlashAttention through SDPA, FlexAttention where documents are apart. CPU,
training in fp32: blocks of queries against the keys before them as plain matrix products, 1.5 times
as fast as SDPA there, and more with dropout, for which SDPA has no fast kernel on a CPU. Everything
else: SDPA.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]

BLOCK = 128  # queries at once; measured on 2 cores with AVX2: 64 and 128 are equal, 256 is 1.3 times slower
# The blocks keep their probabilities for the backward pass: at this context they take half as much
# as all else.
LONGEST = 1024


def rotation_table(context: int, rotary: int, theta: float) -> tuple[Tensor, Tensor]:
    """Cosines and sines, each (context, 1, 1, rotary / 2), in fp32."""
    frequency = 1.0 / (theta ** (torch.arange(0, rotary, 2, dtype=torch.float32) / rotary))
    angle = torch.arange(context, dtype=torch.float32)[:, None] * frequency
    return angle.cos()[:, None, None], angle.sin()[:, None, None]


def rotate(qkv: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate the first dimensions of queries and keys by their position; the halves are the pairs, as in GPT-NeoX."""
    half = cos.shape[-1]
    cos, sin = cos.to(qkv.dtype), sin.to(qkv.dtype)
    qk, v = torch.split(qkv, [2, 1], dim=-3)
    a, b, rest = torch.split(qk, [half, half, qk.shape[-1] - 2 * half], dim=-1)
    rotated = torch.cat((a * cos - b * sin, b * cos + a * sin, rest), dim=-1)
    return torch.cat((rotated, v), dim=-3)


def attention(documents: Tensor | None, dropout: float) -> Attend:
    """Attention for a batch whose documents (B, T) do not see each other, or see all that came before (None)."""
    if documents is not None and documents.is_cuda and not dropout:
        return _flex(documents)
    mask = None if documents is None else _document_mask(documents)

    def attend(qkv: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        plain = (
            qkv.device.type == "cpu"
            and qkv.dtype == torch.float32
            and not torch.compiler.is_compiling()
        )
        if plain and qkv.requires_grad and mask is None and qkv.shape[1] <= LONGEST:
            mixed: Tensor = _Blocks.apply(qkv, cos, sin, dropout)  # type: ignore[no-untyped-call]
            return mixed
        q, k, v = rotate(qkv, cos, sin).permute(2, 0, 3, 1, 4).unbind(0)  # (B, H, T, D)
        mixed = F.scaled_dot_product_attention(q, k, v, mask, dropout, is_causal=mask is None)
        return mixed.transpose(1, 2).flatten(-2)

    return attend


class _Blocks(torch.autograd.Function):
    """Softmax attention by matrix products, skipping what causality empties; the usual derivative by hand."""

    @staticmethod
    def forward(ctx: Any, qkv: Tensor, cos: Tensor, sin: Tensor, dropout: float) -> Tensor:
        batch, time, _, heads, width = qkv.shape
        turned = qkv.new_empty(3, batch * heads, time, width)
        _turn(qkv, cos, sin, _as_given(turned, batch))
        q, k, v = turned.unbind(0)
        q.mul_(width**-0.5)
        mixed = torch.empty_like(q)
        future = torch.full((BLOCK, BLOCK), -torch.inf).triu(1)
        kept: list[Tensor] = []
        for first in range(0, time, BLOCK):
            last = min(time, first + BLOCK)
            score = torch.bmm(q[:, first:last], k[:, :last].transpose(1, 2))
            score[:, :, first:] += future[: last - first, : last - first]
            p = torch.softmax(score, -1)
            mask = stays(p, dropout) if dropout else None
            kept += [p] if mask is None else [p, mask]
            mixed[:, first:last] = torch.bmm(dropped(p, mask, dropout), v[:, :last])
        ctx.save_for_backward(turned, mixed, cos, sin, *kept)
        ctx.batch, ctx.dropout = batch, dropout
        return mixed.view(batch, heads, time, width).transpose(1, 2).flatten(-2)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        turned, mixed, cos, sin, *kept = ctx.saved_tensors
        q, k, v = turned.unbind(0)
        slopes = torch.zeros_like(turned)
        dq, dk, dv = slopes.unbind(0)
        dmixed = (
            grads[0].reshape(ctx.batch, q.shape[1], -1, q.shape[2]).transpose(1, 2).flatten(0, 1)
        )
        along = (dmixed * mixed).sum(-1, keepdim=True)
        each = 2 if ctx.dropout else 1
        for at, first in enumerate(range(0, q.shape[1], BLOCK)):
            p, mask = kept[at * each], kept[at * each + 1] if ctx.dropout else None
            last, here = p.shape[-1], dmixed[:, first : p.shape[-1]]
            dv[:, :last].baddbmm_(dropped(p, mask, ctx.dropout).transpose(1, 2), here)
            dscore = dropped(torch.bmm(here, v[:, :last].transpose(1, 2)), mask, ctx.dropout)
            dscore.sub_(along[:, first:last]).mul_(p)
            dq[:, first:last] = torch.bmm(dscore, k[:, :last])
            dk[:, :last].baddbmm_(dscore.transpose(1, 2), q[:, first:last])
        dq.mul_(q.shape[-1] ** -0.5)
        back = slopes.new_empty(ctx.batch, q.shape[1], 3, q.shape[0] // ctx.batch, q.shape[-1])
        _turn(_as_given(slopes, ctx.batch), cos, -sin, back)
        return back, None, None, None


def _as_given(turned: Tensor, batch: int) -> Tensor:
    """(3, B * H, T, D) seen as (B, T, 3, H, D)."""
    _, _, time, width = turned.shape
    return turned.view(3, batch, -1, time, width).permute(1, 3, 0, 2, 4)


def _turn(source: Tensor, cos: Tensor, sin: Tensor, into: Tensor) -> None:
    """`rotate`, written straight to where it is wanted."""
    half = cos.shape[-1]
    a, b = source[:, :, :2, :, :half], source[:, :, :2, :, half : 2 * half]
    into[:, :, :2, :, :half] = (a * cos).addcmul_(b, sin, value=-1)
    into[:, :, :2, :, half : 2 * half] = (b * cos).addcmul_(a, sin)
    into[:, :, :2, :, 2 * half :] = source[:, :, :2, :, 2 * half :]
    into[:, :, 2] = source[:, :, 2]


def stays(p: Tensor, dropout: float) -> Tensor:
    """Which probabilities stay, by 16 random bits each: 4 times as fast as bernoulli_, and dropout to 1 / 65,536."""
    bits = torch.empty(-(-p.numel() // 4), dtype=torch.int64).random_(-(2**63), None)
    return bits.view(torch.int16)[: p.numel()].view(p.shape) >= round(dropout * 2**16) - 2**15


def dropped(values: Tensor, mask: Tensor | None, dropout: float) -> Tensor:
    return values if mask is None else (values * mask).mul_(1 / (1 - dropout))


def _document_mask(documents: Tensor) -> Tensor:
    """(B, 1, T, T): true where the key is not later than the query and in the same document."""
    same = documents[:, None, :, None] == documents[:, None, None, :]
    return same.tril()


@functools.cache
def _flex_compiled() -> tuple[Callable[..., Any], Callable[..., Any]]:
    """FlexAttention, and what finds the blocks that its mask empties: neither is meant to run uncompiled."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    return torch.compile(flex_attention), torch.compile(create_block_mask)


def _flex(documents: Tensor) -> Attend:
    """FlexAttention skips the blocks that the mask empties; its backward pass exists on GPUs only (torch 2.13)."""
    kernel, blocks_of = _flex_compiled()

    def allowed(b: Tensor, h: Tensor, query: Tensor, key: Tensor) -> Tensor:
        return (query >= key) & (documents[b, query] == documents[b, key])

    batch, time = documents.shape
    blocks = blocks_of(allowed, batch, None, time, time, device=documents.device)

    def attend(qkv: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        q, k, v = rotate(qkv, cos, sin).permute(2, 0, 3, 1, 4).unbind(0)
        mixed = kernel(q, k, v, block_mask=blocks)
        assert isinstance(mixed, Tensor)
        return mixed.transpose(1, 2).flatten(-2)

    return attend
