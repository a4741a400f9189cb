"""A whole block's training step on a CPU in bf16: forward and derivative by hand, so that no pass is made twice.

In: a block's fp32 input and weights, unrotated; the table of cosines and sines. Out: its fp32
output, and gradients of all of them. Products are torch's (oneDNN, AMX where there is one); what
lies between them is in kernels.py. The numbers are autocast's within rounding. Not covered: fp32
(attention.py has its blocks), documents apart, GPUs, torch.compile; those take the plain path.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hornbook.models.attention import BLOCK, LONGEST, dropped, stays

EPS = 1e-5  # PhiConfig.layer_norm_eps
HEAD_CHUNK = 1 << 21  # elements of a chunk's logits: 4 MB, what two cores' caches hold


def serves(x: Tensor, documents: Tensor | None) -> bool:
    """Whether this is a training step that the kernels here are for."""
    here = (
        x.device.type == "cpu"
        and torch.is_grad_enabled()
        and documents is None
        and x.shape[1] <= LONGEST
    )
    bf16 = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return here and bf16 and x.dtype == torch.float32 and not torch.compiler.is_compiling()


class FusedBlock(torch.autograd.Function):
    """x + dense(attention(norm(x))) + fc2(gelu(fc1(norm(x)))); weights in the order of `_NAMES`, as in model.Block."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, cos: Tensor, sin: Tensor, heads: int, dropout: float, *weights: Tensor
    ) -> Tensor:
        from hornbook.jit import bf16 as k

        with torch.autocast("cpu", enabled=False):
            batch, time, width = x.shape
            rows = batch * time
            flat = x.contiguous().view(rows, width)
            # Copies: a kernel's sight of a tensor pins its storage for good, and fully_shard must
            # free its own.
            scale, shift, into_bias = (weights[at].clone() for at in (0, 1, 3))
            into, dense, fc2 = (w.to(torch.bfloat16) for w in weights[2::2])
            dense_bias, fc2_bias = weights[
                5::2
            ]  # biases are added by the kernels: torch would copy them to each row
            h, about = flat.new_empty(rows, width, dtype=torch.bfloat16), flat.new_empty(rows, 2)
            k.over_rows(k.norm, rows, flat.numel(), flat, scale, shift, k.f32(EPS), h, about)
            z = F.linear(h, into)
            g = h.new_empty(rows, 4 * width)
            k.over_rows(k.gelu, rows, g.numel(), z, into_bias, 3 * width, g)
            turned = h.new_empty(3, batch * heads, time, width // heads)
            table = cos.flatten(1).contiguous(), sin.flatten(1).contiguous()
            turn, _ = k.turns(table[0].shape[1], width // heads)
            scaled = k.f32((width // heads) ** -0.5)
            by_head = z.view(rows, 7 * heads, -1), into_bias.view(7 * heads, -1)
            k.over_rows(turn, rows, turned.numel(), *by_head, *table, turned, scaled)
            mixed, kept = _attend(turned, dropout)
            mixed = mixed.view(batch, heads, time, -1).transpose(1, 2).reshape(rows, width)
            masks: list[Tensor] = []
            if dropout:
                masks = [stays(h, dropout), stays(h, dropout)]
                added = dropped(
                    F.linear(mixed, dense, dense_bias.to(torch.bfloat16)), masks[0], dropout
                )
                added += dropped(F.linear(g, fc2, fc2_bias.to(torch.bfloat16)), masks[1], dropout)
                bias = torch.zeros_like(fc2_bias)
            else:
                added, bias = F.linear(mixed, dense).addmm_(g, fc2.t()), dense_bias + fc2_bias
            out = torch.empty_like(flat)
            k.over_rows(k.add, rows, out.numel(), flat, added, bias, out)
        ctx.save_for_backward(
            flat,
            about,
            scale,
            h,
            z,
            into_bias,
            g,
            turned,
            mixed,
            into,
            dense,
            fc2,
            *table,
            *kept,
            *masks,
        )
        ctx.given, ctx.dropout = (batch, time, width, heads), dropout
        return out.view(batch, time, width)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from hornbook.jit import bf16 as k

        flat, about, scale, h, z, bias, g, turned, mixed, into, dense, fc2, cos, sin, *kept = (
            ctx.saved_tensors
        )
        batch, time, width, heads = ctx.given
        rows, dropout = batch * time, ctx.dropout
        slope = grads[0].contiguous().view(rows, width)
        half = slope.to(torch.bfloat16)
        to_dense, to_fc2 = half, half
        if dropout:
            to_dense, to_fc2 = (dropped(half, mask, dropout) for mask in kept[-2:])
            kept = kept[:-2]
        dense_bias = _columns(to_dense)
        fc2_bias = _columns(to_fc2) if dropout else dense_bias
        dz = torch.empty_like(z)
        k.over_rows(k.gelu_back, rows, g.numel(), z, bias, 3 * width, to_fc2 @ fc2, dz)
        dmixed = to_dense @ dense
        along = flat.new_empty(batch * heads, time)
        k.over_rows(k.along, rows, mixed.numel(), dmixed, mixed, along)
        slopes = _attend_back(
            turned,
            dmixed.view(batch, time, heads, -1).transpose(1, 2).flatten(0, 1),
            along,
            kept,
            dropout,
        )
        _, turn_back = k.turns(cos.shape[1], width // heads)
        scaled = k.f32((width // heads) ** -0.5)
        k.over_rows(
            turn_back, rows, slopes.numel(), slopes, cos, sin, scaled, dz.view(rows, 7 * heads, -1)
        )
        dx = torch.empty_like(flat)
        sums = k.over_rows(
            k.norm_back, rows, flat.numel(), dz @ into, flat, scale, about, slope, dx
        )
        dscale, dshift = torch.from_numpy(sum(sums[1:], sums[0]))
        weights = (
            dscale, dshift, (dz.t() @ h).float(), _columns(dz), (to_dense.t() @ mixed).float(), dense_bias,
            (to_fc2.t() @ g).float(), fc2_bias,
        )  # fmt: skip
        return dx.view(batch, time, width), None, None, None, None, *weights


def head(
    h: Tensor, weight: Tensor, bias: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Summed nats of bf16 rows h (N, C) against targets (N,), negative where they do not count; gradients of h, weight
    and bias. A chunk's logits stay in the cache, and become its gradients in place."""
    from hornbook.jit import bf16 as k

    total, rows = 0.0, max(16, HEAD_CHUNK // weight.shape[0])
    dh, dw, db = torch.empty_like(h), torch.zeros(weight.shape), torch.zeros(bias.shape)
    for at in range(0, h.shape[0], rows):
        part, target = h[at : at + rows], targets[at : at + rows].contiguous()
        logits = F.linear(part, weight, bias)
        total += sum(k.over_rows(k.cross_entropy, len(part), logits.numel(), logits, target))
        db += _columns(logits)
        torch.mm(logits, weight, out=dh[at : at + rows])
        dw += logits.t() @ part
    return torch.tensor(total, dtype=torch.float32), dh, dw, db


def _attend(turned: Tensor, dropout: float) -> tuple[Tensor, list[Tensor]]:
    """Softmax attention of (3, B * H, T, D), q already scaled: (B * H, T, D), and the probabilities of each block."""
    from hornbook.jit import bf16 as k

    q, keys, values = turned.unbind(0)
    mixed, kept = torch.empty_like(q), []
    for first in range(0, q.shape[1], BLOCK):
        last = min(q.shape[1], first + BLOCK)
        p = torch.bmm(q[:, first:last], keys[:, :last].transpose(1, 2))
        k.over_rows(k.softmax, p.shape[0], p.numel(), p, first)
        mask = stays(p, dropout) if dropout else None
        kept += [p] if mask is None else [p, mask]
        mixed[:, first:last] = torch.bmm(dropped(p, mask, dropout), values[:, :last])
    return mixed, kept


def _attend_back(
    turned: Tensor, dmixed: Tensor, along: Tensor, kept: list[Tensor], dropout: float
) -> Tensor:
    """Gradients of (3, B * H, T, D)."""
    from hornbook.jit import bf16 as k

    q, keys, values = turned.unbind(0)
    slopes = torch.empty_like(turned)
    dq, dk, dv = slopes.unbind(0)
    each = 2 if dropout else 1
    for at, first in reversed(
        list(enumerate(range(0, q.shape[1], BLOCK)))
    ):  # the last block sees all keys
        p, mask = kept[at * each], kept[at * each + 1] if dropout else None
        last, here = p.shape[-1], dmixed[:, first : p.shape[-1]].contiguous()
        fresh = 0 if last == q.shape[1] else 1
        dv[:, :last].baddbmm_(dropped(p, mask, dropout).transpose(1, 2), here, beta=fresh)
        dscore = dropped(torch.bmm(here, values[:, :last].transpose(1, 2)), mask, dropout)
        k.over_rows(k.softmax_back, p.shape[0], p.numel(), p, dscore, along, first)
        dq[:, first:last] = torch.bmm(dscore, keys[:, :last])
        dk[:, :last].baddbmm_(dscore.transpose(1, 2), q[:, first:last], beta=fresh)
    return slopes


def _columns(x: Tensor) -> Tensor:
    from hornbook.jit import bf16 as k

    sums = k.over_rows(k.column_sums, x.shape[0], x.numel(), x)
    return torch.from_numpy(sum(sums[1:], sums[0]))
