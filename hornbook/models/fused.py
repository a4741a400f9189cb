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

from hornbook.models.attention import (
    MAX_BLOCKED_CONTEXT,
    QUERY_BLOCK,
    apply_dropout,
    draw_keep_mask,
)

NORM_EPS = 1e-5  # PhiConfig.layer_norm_eps
HEAD_CHUNK = 1 << 21  # elements of a chunk's logits: 4 MB, what two cores' caches hold


def is_supported(x: Tensor, documents: Tensor | None) -> bool:
    """Whether this is a training step that the kernels here are for."""
    is_eager_cpu = (
        x.device.type == "cpu"
        and torch.is_grad_enabled()
        and documents is None
        and x.shape[1] <= MAX_BLOCKED_CONTEXT
    )
    bf16 = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return is_eager_cpu and bf16 and x.dtype == torch.float32 and not torch.compiler.is_compiling()


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
            scale, shift, qkv_fc1_bias = (weights[i].clone() for i in (0, 1, 3))
            qkv_fc1, dense, fc2 = (w.to(torch.bfloat16) for w in weights[2::2])
            dense_bias, fc2_bias = weights[
                5::2
            ]  # biases are added by the kernels: torch would copy them to each row
            normed, norm_stats = (
                flat.new_empty(rows, width, dtype=torch.bfloat16),
                flat.new_empty(rows, 2),
            )
            k.run_over_rows(
                k.layer_norm,
                rows,
                flat.numel(),
                flat,
                scale,
                shift,
                k.f32(NORM_EPS),
                normed,
                norm_stats,
            )
            projected = F.linear(normed, qkv_fc1)
            activated = normed.new_empty(rows, 4 * width)
            k.run_over_rows(
                k.gelu_forward,
                rows,
                activated.numel(),
                projected,
                qkv_fc1_bias,
                3 * width,
                activated,
            )
            rotated = normed.new_empty(3, batch * heads, time, width // heads)
            rotation = cos.flatten(1).contiguous(), sin.flatten(1).contiguous()
            rotate_heads, _ = k.make_rotation_kernels(rotation[0].shape[1], width // heads)
            query_scale = k.f32((width // heads) ** -0.5)
            projected_heads = projected.view(rows, 7 * heads, -1), qkv_fc1_bias.view(7 * heads, -1)
            k.run_over_rows(
                rotate_heads,
                rows,
                rotated.numel(),
                *projected_heads,
                *rotation,
                rotated,
                query_scale,
            )
            mixed, saved_probs = _attend_forward(rotated, dropout)
            mixed = mixed.view(batch, heads, time, -1).transpose(1, 2).reshape(rows, width)
            masks: list[Tensor] = []
            if dropout:
                masks = [draw_keep_mask(normed, dropout), draw_keep_mask(normed, dropout)]
                branches = apply_dropout(
                    F.linear(mixed, dense, dense_bias.to(torch.bfloat16)), masks[0], dropout
                )
                branches += apply_dropout(
                    F.linear(activated, fc2, fc2_bias.to(torch.bfloat16)), masks[1], dropout
                )
                bias = torch.zeros_like(fc2_bias)
            else:
                branches, bias = (
                    F.linear(mixed, dense).addmm_(activated, fc2.t()),
                    dense_bias + fc2_bias,
                )
            out = torch.empty_like(flat)
            k.run_over_rows(k.add_residual, rows, out.numel(), flat, branches, bias, out)
        ctx.save_for_backward(
            flat,
            norm_stats,
            scale,
            normed,
            projected,
            qkv_fc1_bias,
            activated,
            rotated,
            mixed,
            qkv_fc1,
            dense,
            fc2,
            *rotation,
            *saved_probs,
            *masks,
        )
        ctx.given, ctx.dropout = (batch, time, width, heads), dropout
        return out.view(batch, time, width)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        from hornbook.jit import bf16 as k

        (
            flat,
            norm_stats,
            scale,
            normed,
            projected,
            bias,
            activated,
            rotated,
            mixed,
            qkv_fc1,
            dense,
            fc2,
            cos,
            sin,
            *saved,
        ) = ctx.saved_tensors
        batch, time, width, heads = ctx.given
        rows, dropout = batch * time, ctx.dropout
        grad_out = grads[0].contiguous().view(rows, width)
        grad_out_bf16 = grad_out.to(torch.bfloat16)
        grad_dense_out, grad_fc2_out = grad_out_bf16, grad_out_bf16
        if dropout:
            grad_dense_out, grad_fc2_out = (
                apply_dropout(grad_out_bf16, mask, dropout) for mask in saved[-2:]
            )
            saved = saved[:-2]
        dense_bias = _sum_columns(grad_dense_out)
        fc2_bias = _sum_columns(grad_fc2_out) if dropout else dense_bias
        grad_projected = torch.empty_like(projected)
        k.run_over_rows(
            k.gelu_backward,
            rows,
            activated.numel(),
            projected,
            bias,
            3 * width,
            grad_fc2_out @ fc2,
            grad_projected,
        )
        dmixed = grad_dense_out @ dense
        row_dots = flat.new_empty(batch * heads, time)
        k.run_over_rows(k.dot_heads, rows, mixed.numel(), dmixed, mixed, row_dots)
        grad_rotated = _attend_backward(
            rotated,
            dmixed.view(batch, time, heads, -1).transpose(1, 2).flatten(0, 1),
            row_dots,
            saved,
            dropout,
        )
        _, rotate_heads_backward = k.make_rotation_kernels(cos.shape[1], width // heads)
        query_scale = k.f32((width // heads) ** -0.5)
        k.run_over_rows(
            rotate_heads_backward,
            rows,
            grad_rotated.numel(),
            grad_rotated,
            cos,
            sin,
            query_scale,
            grad_projected.view(rows, 7 * heads, -1),
        )
        dx = torch.empty_like(flat)
        sums = k.run_over_rows(
            k.layer_norm_backward,
            rows,
            flat.numel(),
            grad_projected @ qkv_fc1,
            flat,
            scale,
            norm_stats,
            grad_out,
            dx,
        )
        dscale, dshift = torch.from_numpy(sum(sums[1:], sums[0]))
        weights = (
            dscale, dshift, (grad_projected.t() @ normed).float(), _sum_columns(grad_projected), (grad_dense_out.t() @ mixed).float(), dense_bias,
            (grad_fc2_out.t() @ activated).float(), fc2_bias,
        )  # fmt: skip
        return dx.view(batch, time, width), None, None, None, None, *weights


def head_loss_with_grads(
    h: Tensor, weight: Tensor, bias: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Summed nats of bf16 rows h (N, C) against targets (N,), negative where they do not count; gradients of h, weight
    and bias. A chunk's logits stay in the cache, and become its gradients in place."""
    from hornbook.jit import bf16 as k

    total, chunk_rows = 0.0, max(16, HEAD_CHUNK // weight.shape[0])
    dh, dw, db = torch.empty_like(h), torch.zeros(weight.shape), torch.zeros(bias.shape)
    for start in range(0, h.shape[0], chunk_rows):
        chunk, target = (
            h[start : start + chunk_rows],
            targets[start : start + chunk_rows].contiguous(),
        )
        logits = F.linear(chunk, weight, bias)
        total += sum(k.run_over_rows(k.cross_entropy, len(chunk), logits.numel(), logits, target))
        db += _sum_columns(logits)
        torch.mm(logits, weight, out=dh[start : start + chunk_rows])
        dw += logits.t() @ chunk
    return torch.tensor(total, dtype=torch.float32), dh, dw, db


def _attend_forward(rotated: Tensor, dropout: float) -> tuple[Tensor, list[Tensor]]:
    """Softmax attention of (3, B * H, T, D), q already scaled: (B * H, T, D), and the probabilities of each block."""
    from hornbook.jit import bf16 as k

    q, keys, values = rotated.unbind(0)
    mixed, saved_probs = torch.empty_like(q), []
    for start in range(0, q.shape[1], QUERY_BLOCK):
        stop = min(q.shape[1], start + QUERY_BLOCK)
        p = torch.bmm(q[:, start:stop], keys[:, :stop].transpose(1, 2))
        k.run_over_rows(k.causal_softmax, p.shape[0], p.numel(), p, start)
        mask = draw_keep_mask(p, dropout) if dropout else None
        saved_probs += [p] if mask is None else [p, mask]
        mixed[:, start:stop] = torch.bmm(apply_dropout(p, mask, dropout), values[:, :stop])
    return mixed, saved_probs


def _attend_backward(
    rotated: Tensor, dmixed: Tensor, row_dots: Tensor, saved_probs: list[Tensor], dropout: float
) -> Tensor:
    """Gradients of (3, B * H, T, D)."""
    from hornbook.jit import bf16 as k

    q, keys, values = rotated.unbind(0)
    grad_rotated = torch.empty_like(rotated)
    dq, dk, dv = grad_rotated.unbind(0)
    tensors_per_block = 2 if dropout else 1
    for i, start in reversed(
        list(enumerate(range(0, q.shape[1], QUERY_BLOCK)))
    ):  # the last block sees all keys
        p, mask = (
            saved_probs[i * tensors_per_block],
            saved_probs[i * tensors_per_block + 1] if dropout else None,
        )
        stop, dmixed_block = p.shape[-1], dmixed[:, start : p.shape[-1]].contiguous()
        beta = 0 if stop == q.shape[1] else 1
        dv[:, :stop].baddbmm_(
            apply_dropout(p, mask, dropout).transpose(1, 2), dmixed_block, beta=beta
        )
        dscore = apply_dropout(
            torch.bmm(dmixed_block, values[:, :stop].transpose(1, 2)), mask, dropout
        )
        k.run_over_rows(k.softmax_backward, p.shape[0], p.numel(), p, dscore, row_dots, start)
        dq[:, start:stop] = torch.bmm(dscore, keys[:, :stop])
        dk[:, :stop].baddbmm_(dscore.transpose(1, 2), q[:, start:stop], beta=beta)
    return grad_rotated


def _sum_columns(x: Tensor) -> Tensor:
    from hornbook.jit import bf16 as k

    sums = k.run_over_rows(k.sum_columns, x.shape[0], x.numel(), x)
    return torch.from_numpy(sum(sums[1:], sums[0]))
