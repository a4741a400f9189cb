"""Training step of a transformer block on a CPU in bf16, forward and backward written by hand.

In: a block's fp32 input and weights, the table of cosines and sines. Out: its fp32 output, and the
gradients of all of them. Matrix products are torch's (oneDNN, with AMX where there is one); the
kernels between them are in jit/bf16_kernels.py, so that no pass over memory is made twice. The
numbers are autocast's, up to rounding. Not covered: fp32 (attention.py), documents that must not
see each other, GPUs, torch.compile; those take the plain path of transformer.py.
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
HEAD_CHUNK = 1 << 21  # elements of a chunk's logits: 4 MB, which the caches of two cores hold


def is_supported(x: Tensor, documents: Tensor | None) -> bool:
    """Whether this is a training step that FusedBlock computes."""
    is_eager_cpu = (
        x.device.type == "cpu"
        and torch.is_grad_enabled()
        and documents is None
        and x.shape[1] <= MAX_BLOCKED_CONTEXT
    )
    is_bf16 = torch.is_autocast_enabled("cpu") and torch.get_autocast_dtype("cpu") == torch.bfloat16
    return (
        is_eager_cpu and is_bf16 and x.dtype == torch.float32 and not torch.compiler.is_compiling()
    )


class FusedBlock(torch.autograd.Function):
    """x + dense(attention(norm(x))) + fc2(gelu(fc1(norm(x)))), as TransformerBlock.

    Arguments of `apply`: x (B, T, C); cos and sin (T, 1, 1, rotary / 2); the number of heads;
    dropout; then weight and bias of norm, qkv_fc1, dense and fc2. C = H * D.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, cos: Tensor, sin: Tensor, heads: int, dropout: float, *weights: Tensor
    ) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            batch, time, width = x.shape
            flat = x.contiguous().view(batch * time, width)
            # Copies: a numpy view of a tensor pins its storage for good, and fully_shard must free
            # its own.
            scale, shift, qkv_fc1_bias = (weights[i].clone() for i in (0, 1, 3))
            qkv_fc1, dense, fc2 = (w.to(torch.bfloat16) for w in weights[2::2])
            normed, norm_stats = _normalise(flat, scale, shift)
            # (N, 7 C) without its bias: the kernels that read it add the bias in fp32.
            projected = F.linear(normed, qkv_fc1)
            activated = _activate(projected, qkv_fc1_bias, width)
            rotation = cos.flatten(1).contiguous(), sin.flatten(1).contiguous()
            rotated = _rotate(projected, qkv_fc1_bias, rotation, (batch, time, heads))
            mixed, saved_probs = _attend_forward(rotated, dropout)
            # (B * H, T, D) to (N, C)
            mixed = mixed.view(batch, heads, time, -1).transpose(1, 2).reshape(-1, width)
            masks = [draw_keep_mask(normed, dropout) for _ in range(2)] if dropout else []
            out = _add_branches(
                flat, (mixed, dense, weights[5]), (activated, fc2, weights[7]), masks, dropout
            )
        ctx.save_for_backward(
            flat, norm_stats, scale, normed, projected, qkv_fc1_bias, activated, rotated, mixed,
            qkv_fc1, dense, fc2, *rotation, *saved_probs, *masks,
        )  # fmt: skip
        ctx.sizes, ctx.dropout = (batch, time, width, heads), dropout
        return out.view(batch, time, width)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (
            flat, norm_stats, scale, normed, projected, bias, activated, rotated, mixed,
            qkv_fc1, dense, fc2, cos, sin, *saved,
        ) = ctx.saved_tensors  # fmt: skip
        batch, time, width, heads = ctx.sizes
        dropout = ctx.dropout
        grad_out = grads[0].contiguous().view(batch * time, width)
        grad_dense_out = grad_fc2_out = grad_out.to(torch.bfloat16)
        if dropout:
            dense_mask, fc2_mask = saved[-2:]
            grad_fc2_out = apply_dropout(grad_dense_out, fc2_mask, dropout)
            grad_dense_out = apply_dropout(grad_dense_out, dense_mask, dropout)
            saved = saved[:-2]
        # Without dropout both branches have the same gradient, and so their biases.
        dense_bias = _sum_columns(grad_dense_out)
        fc2_bias = _sum_columns(grad_fc2_out) if dropout else dense_bias
        # The MLP writes the last 4 C columns of grad_projected, attention the first 3 C.
        grad_projected = torch.empty_like(projected)
        _activate_backward(projected, bias, grad_fc2_out @ fc2, grad_projected)
        dmixed = grad_dense_out @ dense
        grad_rotated = _attend_backward(
            rotated, dmixed, mixed, saved, dropout, (batch, time, heads)
        )
        _rotate_backward(grad_rotated, cos, sin, grad_projected, heads)
        # The kernel adds the gradient of the residual connection.
        dx, dscale, dshift = _normalise_backward(
            grad_projected @ qkv_fc1, flat, scale, norm_stats, grad_out
        )
        weight_grads = (
            dscale,
            dshift,
            (grad_projected.t() @ normed).float(),
            _sum_columns(grad_projected),
            (grad_dense_out.t() @ mixed).float(),
            dense_bias,
            (grad_fc2_out.t() @ activated).float(),
            fc2_bias,
        )
        return dx.view(batch, time, width), None, None, None, None, *weight_grads


def head_loss_with_grads(
    h: Tensor, weight: Tensor, bias: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Summed cross-entropy of the head's logits, with its gradients.

    A chunk's logits stay in the cache, and its gradients overwrite them.

    Args:
        h: (N, C) in bf16.
        weight: (V, C) in bf16.
        bias: (V,) in bf16.
        targets: (N,); negative ones do not count.

    Returns:
        The sum in nats; the gradients of h (bf16), weight and bias (fp32).
    """
    from hornbook.jit import bf16, bf16_kernels

    total, chunk_rows = 0.0, max(16, HEAD_CHUNK // weight.shape[0])
    dh, dw, db = torch.empty_like(h), torch.zeros(weight.shape), torch.zeros(bias.shape)
    for start in range(0, h.shape[0], chunk_rows):
        chunk = h[start : start + chunk_rows]
        target = targets[start : start + chunk_rows].contiguous()
        logits = F.linear(chunk, weight, bias)
        # From here on `logits` holds their gradients.
        total += sum(
            bf16.run_over_rows(
                bf16_kernels.cross_entropy, len(chunk), logits.numel(), logits, target
            )
        )
        db += _sum_columns(logits)
        torch.mm(logits, weight, out=dh[start : start + chunk_rows])
        dw += logits.t() @ chunk
    return torch.tensor(total, dtype=torch.float32), dh, dw, db


def _normalise(flat: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """LayerNorm of fp32 rows (N, C): bf16 rows, and mean and 1 / standard deviation (N, 2)."""
    from hornbook.jit import bf16, bf16_kernels

    rows = flat.shape[0]
    normed = flat.new_empty(flat.shape, dtype=torch.bfloat16)
    norm_stats = flat.new_empty(rows, 2)
    arguments = (flat, scale, shift, bf16.f32(NORM_EPS), normed, norm_stats)
    bf16.run_over_rows(bf16_kernels.layer_norm, rows, flat.numel(), *arguments)
    return normed, norm_stats


def _normalise_backward(
    grad: Tensor, flat: Tensor, scale: Tensor, norm_stats: Tensor, residual_grad: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of x (with the residual's), of the norm's weight and of its bias."""
    from hornbook.jit import bf16, bf16_kernels

    dx = torch.empty_like(flat)
    arguments = (grad, flat, scale, norm_stats, residual_grad, dx)
    sums = bf16.run_over_rows(
        bf16_kernels.layer_norm_backward, flat.shape[0], flat.numel(), *arguments
    )
    # Partial sums of threads: their number changes the last bits of these two gradients.
    dscale, dshift = torch.from_numpy(sum(sums[1:], sums[0]))
    return dx, dscale, dshift


def _activate(projected: Tensor, bias: Tensor, width: int) -> Tensor:
    """GELU of the MLP's part of the projection: (N, 7 C) to (N, 4 C)."""
    from hornbook.jit import bf16, bf16_kernels

    rows = projected.shape[0]
    activated = projected.new_empty(rows, 4 * width)
    arguments = (projected, bias, 3 * width, activated)
    bf16.run_over_rows(bf16_kernels.gelu_forward, rows, activated.numel(), *arguments)
    return activated


def _activate_backward(
    projected: Tensor, bias: Tensor, grad: Tensor, grad_projected: Tensor
) -> None:
    """Write the derivative of _activate into the last columns of grad_projected."""
    from hornbook.jit import bf16, bf16_kernels

    first_column = projected.shape[1] - grad.shape[1]
    arguments = (projected, bias, first_column, grad, grad_projected)
    bf16.run_over_rows(bf16_kernels.gelu_backward, grad.shape[0], grad.numel(), *arguments)


def _rotate(
    projected: Tensor, bias: Tensor, rotation: tuple[Tensor, Tensor], sizes: tuple[int, int, int]
) -> Tensor:
    """Rotated q, k and v, (3, B * H, T, D); q is scaled. `sizes` is (B, T, H)."""
    from hornbook.jit import bf16, bf16_kernels

    batch, time, heads = sizes
    rows, head_width = batch * time, projected.shape[1] // (7 * heads)
    rotated = projected.new_empty(3, batch * heads, time, head_width)
    rotate_heads, _ = bf16_kernels.make_rotation_kernels(rotation[0].shape[1], head_width)
    heads_and_bias = projected.view(rows, 7 * heads, -1), bias.view(7 * heads, -1)
    query_scale = bf16.f32(head_width**-0.5)
    arguments = (*heads_and_bias, *rotation, rotated, query_scale)
    bf16.run_over_rows(rotate_heads, rows, rotated.numel(), *arguments)
    return rotated


def _rotate_backward(
    grad_rotated: Tensor, cos: Tensor, sin: Tensor, grad_projected: Tensor, heads: int
) -> None:
    """Write the derivative of _rotate into the first columns of grad_projected."""
    from hornbook.jit import bf16, bf16_kernels

    rows, head_width = grad_projected.shape[0], grad_rotated.shape[-1]
    _, rotate_heads_backward = bf16_kernels.make_rotation_kernels(cos.shape[1], head_width)
    query_scale = bf16.f32(head_width**-0.5)
    arguments = (grad_rotated, cos, sin, query_scale, grad_projected.view(rows, 7 * heads, -1))
    bf16.run_over_rows(rotate_heads_backward, rows, grad_rotated.numel(), *arguments)


def _add_branches(
    flat: Tensor,
    attention: tuple[Tensor, Tensor, Tensor],
    mlp: tuple[Tensor, Tensor, Tensor],
    masks: list[Tensor],
    dropout: float,
) -> Tensor:
    """flat + both branches; a branch is (input, weight, bias), its mask says what dropout keeps."""
    from hornbook.jit import bf16, bf16_kernels

    (mixed, dense, dense_bias), (activated, fc2, fc2_bias) = attention, mlp
    if masks:
        dense_out = F.linear(mixed, dense, dense_bias.to(torch.bfloat16))
        fc2_out = F.linear(activated, fc2, fc2_bias.to(torch.bfloat16))
        branches = apply_dropout(dense_out, masks[0], dropout)
        branches += apply_dropout(fc2_out, masks[1], dropout)
        bias = torch.zeros_like(fc2_bias)
    else:
        # The kernel adds the biases: torch would first copy them to each row.
        branches = F.linear(mixed, dense).addmm_(activated, fc2.t())
        bias = dense_bias + fc2_bias
    out = torch.empty_like(flat)
    arguments = (flat, branches, bias, out)
    bf16.run_over_rows(bf16_kernels.add_residual, flat.shape[0], out.numel(), *arguments)
    return out


def _attend_forward(rotated: Tensor, dropout: float) -> tuple[Tensor, list[Tensor]]:
    """Causal softmax attention of (3, B * H, T, D); q is scaled already.

    Returns:
        The output (B * H, T, D), and for each block of queries the probabilities, with dropout
        followed by its mask.
    """
    from hornbook.jit import bf16, bf16_kernels

    q, keys, values = rotated.unbind(0)
    # Keys after a block of queries are never multiplied: half of the products of a long context.
    mixed, saved_probs = torch.empty_like(q), []
    for start in range(0, q.shape[1], QUERY_BLOCK):
        stop = min(q.shape[1], start + QUERY_BLOCK)
        p = torch.bmm(q[:, start:stop], keys[:, :stop].transpose(1, 2))
        bf16.run_over_rows(bf16_kernels.causal_softmax, p.shape[0], p.numel(), p, start)
        mask = draw_keep_mask(p, dropout) if dropout else None
        # Kept rather than computed again: at MAX_BLOCKED_CONTEXT they are affordable.
        saved_probs += [p] if mask is None else [p, mask]
        mixed[:, start:stop] = torch.bmm(apply_dropout(p, mask, dropout), values[:, :stop])
    return mixed, saved_probs


def _attend_backward(
    rotated: Tensor,
    dmixed: Tensor,
    mixed: Tensor,
    saved_probs: list[Tensor],
    dropout: float,
    sizes: tuple[int, int, int],
) -> Tensor:
    """Gradients of `rotated` (3, B * H, T, D); `sizes` is (B, T, H)."""
    from hornbook.jit import bf16, bf16_kernels

    batch, time, heads = sizes
    # sum(p * dp) per query, which equals sum(mixed * dmixed): no need for all of dp.
    row_dots = torch.empty(batch * heads, time)
    bf16.run_over_rows(
        bf16_kernels.dot_heads, mixed.shape[0], mixed.numel(), dmixed, mixed, row_dots
    )
    dmixed = dmixed.view(batch, time, heads, -1).transpose(1, 2).flatten(0, 1)
    q, keys, values = rotated.unbind(0)
    grad_rotated = torch.empty_like(rotated)
    dq, dk, dv = grad_rotated.unbind(0)
    tensors_per_block = 2 if dropout else 1
    # From the last block, which sees all keys and so initialises all of dk and dv.
    for i, start in reversed(list(enumerate(range(0, time, QUERY_BLOCK)))):
        p, *masks = saved_probs[i * tensors_per_block : (i + 1) * tensors_per_block]
        mask = masks[0] if masks else None
        stop = p.shape[-1]
        dmixed_block = dmixed[:, start:stop].contiguous()
        beta = 0 if stop == time else 1
        dropped = apply_dropout(p, mask, dropout)
        dv[:, :stop].baddbmm_(dropped.transpose(1, 2), dmixed_block, beta=beta)
        dscore = torch.bmm(dmixed_block, values[:, :stop].transpose(1, 2))
        dscore = apply_dropout(dscore, mask, dropout)
        arguments = (p, dscore, row_dots, start)
        bf16.run_over_rows(bf16_kernels.softmax_backward, p.shape[0], p.numel(), *arguments)
        dq[:, start:stop] = torch.bmm(dscore, keys[:, :stop])
        dk[:, :stop].baddbmm_(dscore.transpose(1, 2), q[:, start:stop], beta=beta)
    return grad_rotated


def _sum_columns(x: Tensor) -> Tensor:
    """Sums of the columns of bf16 rows (N, C), in fp32."""
    from hornbook.jit import bf16, bf16_kernels

    sums = bf16.run_over_rows(bf16_kernels.sum_columns, x.shape[0], x.numel(), x)
    return torch.from_numpy(sum(sums[1:], sums[0]))
