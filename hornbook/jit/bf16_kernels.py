"""Kernels of a bf16 training step on a CPU, for which torch has no fast or no fused version.

In: numpy arrays of uint16 that hold bf16 bits, fp32 beside them. Out: results in place or in the
last arguments. Every kernel works on rows low to high - 1, so that threads share the work
(bf16.run_over_rows); a row's result does not depend on its thread. Measured on one core with
AVX-512: GELU is 3.7 times as fast as torch's, the others save whole passes over memory. Imported
only inside functions. Not covered: fp16, GPUs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from hornbook.jit.bf16 import (
    bf16_to_f32,
    compile_kernel,
    f32,
    f32_to_bf16,
    fast_exp,
    fast_max,
)

# gelu(x) = x sigmoid(GELU_SCALE (x + GELU_CUBIC x^3)), with GELU_SCALE = 2 sqrt(2 / pi): the tanh
# form (Hendrycks and Gimpel 2016, arXiv 1606.08415).
GELU_SCALE, GELU_CUBIC = f32(1.5957691216057308), f32(0.044715)


@compile_kernel
def gelu_forward(low: int, high: int, z: Any, bias: Any, first_column: int, out: Any) -> None:
    """tanh-GELU of z + bias, in the columns from `first_column` on."""
    # Views are made per row, not per element: numba counts their references.
    column_bias = bias[first_column:]
    for row in range(low, high):
        source, dst = z[row, first_column:], out[row]
        for i in range(len(dst)):
            x = bf16_to_f32(source[i]) + column_bias[i]
            dst[i] = f32_to_bf16(
                x / (f32(1) + fast_exp(-GELU_SCALE * (x + GELU_CUBIC * x * x * x)))
            )


@compile_kernel
def gelu_backward(
    low: int, high: int, z: Any, bias: Any, first_column: int, grad: Any, dz: Any
) -> None:
    """The derivative of gelu_forward times `grad`, into dz from column `first_column` on."""
    column_bias = bias[first_column:]
    for row in range(low, high):
        source, dst, grad_row = z[row, first_column:], dz[row, first_column:], grad[row]
        for i in range(len(grad_row)):
            x = bf16_to_f32(source[i]) + column_bias[i]
            s = f32(1) / (f32(1) + fast_exp(-GELU_SCALE * (x + GELU_CUBIC * x * x * x)))
            # The derivative of the sigmoid's argument.
            inner = GELU_SCALE * (f32(1) + f32(3) * GELU_CUBIC * x * x)
            dst[i] = f32_to_bf16(bf16_to_f32(grad_row[i]) * (s + x * s * (f32(1) - s) * inner))


@cache
def make_rotation_kernels(half: int, width: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Kernels that apply rotary embeddings, and their derivative.

    Compiled for these numbers, because LLVM makes a vector of 16 only where it knows that there are
    16; and without views of heads, whose reference counts both threads would write. Together 4
    times as fast.

    Args:
        half: half of the rotated dimensions of a head.
        width: dimensions of a head.

    Returns:
        rotate_heads and rotate_heads_backward.
    """
    return _make_rotation_forward(half, width), _make_rotation_backward(half, width)


def _make_rotation_forward(half: int, width: int) -> Callable[..., Any]:

    @compile_kernel
    def rotate_heads(
        low: int, high: int, z: Any, bias: Any, cos: Any, sin: Any, out: Any, scale: Any
    ) -> None:
        """Rotate q and k, and copy v.

        z (B * T, 7H, D) with bias (7H, D) to out (3, B * H, T, D); q is multiplied by `scale`. The
        last 4H of z belong to the MLP.
        """
        # Of the 7 H heads of a row, H each are q, k and v.
        time, heads = out.shape[2], z.shape[1] // 7
        for row in range(low, high):
            t, first_head = row % time, row // time * heads
            for column in range(3 * heads):
                part, out_head = column // heads, first_head + column % heads
                if part == 2:  # values are not rotated
                    for i in range(width):
                        out[part, out_head, t, i] = f32_to_bf16(
                            bf16_to_f32(z[row, column, i]) + bias[column, i]
                        )
                    continue
                factor = scale if part == 0 else f32(1)
                # Dimension i is paired with half + i, as in GPT-NeoX.
                for i in range(half):
                    x = bf16_to_f32(z[row, column, i]) + bias[column, i]
                    y = bf16_to_f32(z[row, column, half + i]) + bias[column, half + i]
                    c, s = cos[t, i] * factor, sin[t, i] * factor
                    out[part, out_head, t, i] = f32_to_bf16(x * c - y * s)
                    out[part, out_head, t, half + i] = f32_to_bf16(y * c + x * s)
                for i in range(2 * half, width):
                    out[part, out_head, t, i] = f32_to_bf16(
                        factor * (bf16_to_f32(z[row, column, i]) + bias[column, i])
                    )

    kernel: Callable[..., Any] = rotate_heads
    return kernel


def _make_rotation_backward(half: int, width: int) -> Callable[..., Any]:
    @compile_kernel
    def rotate_heads_backward(
        low: int, high: int, grads: Any, cos: Any, sin: Any, scale: Any, dz: Any
    ) -> None:
        """The derivative of rotate_heads: grads (3, B * H, T, D) into the first 3H heads of dz."""
        time, heads = grads.shape[2], dz.shape[1] // 7
        for row in range(low, high):
            t, first_head = row % time, row // time * heads
            for column in range(3 * heads):
                part, out_head = column // heads, first_head + column % heads
                if part == 2:
                    for i in range(width):
                        dz[row, column, i] = grads[part, out_head, t, i]
                    continue
                factor = scale if part == 0 else f32(1)
                for i in range(half):
                    x = bf16_to_f32(grads[part, out_head, t, i])
                    y = bf16_to_f32(grads[part, out_head, t, half + i])
                    # The transposed rotation.
                    c, s = cos[t, i] * factor, sin[t, i] * factor
                    dz[row, column, i] = f32_to_bf16(x * c + y * s)
                    dz[row, column, half + i] = f32_to_bf16(y * c - x * s)
                for i in range(2 * half, width):
                    dz[row, column, i] = f32_to_bf16(
                        factor * bf16_to_f32(grads[part, out_head, t, i])
                    )

    kernel: Callable[..., Any] = rotate_heads_backward
    return kernel


# Separate functions: LLVM vectorises a small loop, and not the same loop inside another one.


@compile_kernel
def _row_max(row: Any) -> Any:
    # Not -inf: a row of -inf would give NaN in exp(x - largest).
    largest = f32(-3e38)
    for i in range(len(row)):
        largest = fast_max(bf16_to_f32(row[i]), largest)
    return largest


@compile_kernel
def _store_exponentials(row: Any, largest: Any, exps: Any) -> Any:
    """Store exp(x - largest) of a row in `exps`; returns their sum."""
    total = f32(0)
    for i in range(len(row)):
        e = fast_exp(bf16_to_f32(row[i]) - largest)
        exps[i] = e
        total += e
    return total


@compile_kernel
def _store_scaled(exps: Any, factor: Any, row: Any) -> None:
    for i in range(len(row)):
        row[i] = f32_to_bf16(exps[i] * factor)


@compile_kernel
def causal_softmax(low: int, high: int, score: Any, first_query: int) -> None:
    """Softmax of scores (B * H, n, keys) in place; keys after their query get 0.

    The n queries are at positions first_query, first_query + 1, ...
    """
    # One row in fp32 stays in the first-level cache between the three loops over it.
    exps = np.empty(score.shape[2], np.float32)
    for head in range(low, high):
        for i in range(score.shape[1]):
            # Visible keys: those up to the query.
            row = score[head, i, : first_query + i + 1]
            total = _store_exponentials(row, _row_max(row), exps)
            _store_scaled(exps, f32(1) / total, row)
            score[head, i, first_query + i + 1 :] = 0


@compile_kernel
def softmax_backward(
    low: int, high: int, p: Any, grad: Any, row_dots: Any, first_query: int
) -> None:
    """grad = p * (grad - row_dots), in place.

    row_dots (B * H, T) is the sum of p * grad over the keys, which dot_heads computes.
    """
    for head in range(low, high):
        for i in range(p.shape[1]):
            dot, probs, row = row_dots[head, first_query + i], p[head, i], grad[head, i]
            for j in range(len(row)):
                row[j] = f32_to_bf16(bf16_to_f32(probs[j]) * (bf16_to_f32(row[j]) - dot))


@compile_kernel
def dot_heads(low: int, high: int, x: Any, y: Any, out: Any) -> None:
    """Scalar products of x and y (B * T, C) per head, to out (B * H, T)."""
    heads, time = out.shape
    batch = x.shape[0] // time
    heads_per_text = heads // batch
    width = x.shape[1] // heads_per_text
    for row in range(low, high):
        for head in range(heads_per_text):
            total = f32(0)
            for i in range(width):
                total += bf16_to_f32(x[row, head * width + i]) * bf16_to_f32(
                    y[row, head * width + i]
                )
            out[row // time * heads_per_text + head, row % time] = total


@compile_kernel
def layer_norm(
    low: int, high: int, x: Any, weight: Any, bias: Any, eps: Any, out: Any, stats: Any
) -> None:
    """LayerNorm of fp32 rows to bf16; stats (rows, 2) keeps mean and 1 / standard deviation."""
    width = x.shape[1]
    for row in range(low, high):
        total, square = f32(0), f32(0)
        for i in range(width):
            total += x[row, i]
        mean = total / f32(width)
        for i in range(width):
            square += (x[row, i] - mean) * (x[row, i] - mean)
        # Two passes: the mean of squares less the squared mean cancels in fp32.
        inv_std = f32(1) / np.sqrt(square / f32(width) + eps)
        stats[row, 0], stats[row, 1] = mean, inv_std
        for i in range(width):
            out[row, i] = f32_to_bf16((x[row, i] - mean) * inv_std * weight[i] + bias[i])


@compile_kernel
def layer_norm_backward(
    low: int, high: int, grad: Any, x: Any, weight: Any, stats: Any, residual_grad: Any, dx: Any
) -> Any:
    """dx = residual_grad + the derivative of layer_norm.

    Returns:
        This thread's sums of the gradients of weight and bias (2, C).
    """
    width = x.shape[1]
    sums = np.zeros((2, width), np.float32)
    for row in range(low, high):
        mean, inv_std = stats[row, 0], stats[row, 1]
        # Means over the row of g * weight and of g * weight * normed.
        mean_grad, mean_grad_normed = f32(0), f32(0)
        for i in range(width):
            g, n = bf16_to_f32(grad[row, i]), (x[row, i] - mean) * inv_std
            sums[0, i] += g * n
            sums[1, i] += g
            mean_grad += g * weight[i]
            mean_grad_normed += g * weight[i] * n
        mean_grad, mean_grad_normed = mean_grad / f32(width), mean_grad_normed / f32(width)
        for i in range(width):
            n = (x[row, i] - mean) * inv_std
            dx[row, i] = residual_grad[row, i] + inv_std * (
                bf16_to_f32(grad[row, i]) * weight[i] - mean_grad - n * mean_grad_normed
            )
    return sums


@compile_kernel
def add_residual(low: int, high: int, x: Any, y: Any, bias: Any, out: Any) -> None:
    """out = x + y + bias, with fp32 x, bf16 y and one fp32 bias row."""
    for row in range(low, high):
        for i in range(x.shape[1]):
            out[row, i] = x[row, i] + bf16_to_f32(y[row, i]) + bias[i]


@compile_kernel
def sum_columns(low: int, high: int, x: Any) -> Any:
    """This thread's sums of the columns of bf16 rows, (C,) in fp32."""
    sums = np.zeros(x.shape[1], np.float32)
    for row in range(low, high):
        for i in range(x.shape[1]):
            sums[i] += bf16_to_f32(x[row, i])
    return sums


@compile_kernel
def cross_entropy(low: int, high: int, logits: Any, targets: Any) -> float:
    """Summed cross-entropy in nats over the rows whose target is not negative.

    The logits are overwritten by the gradients of that sum.
    """
    exps = np.empty(logits.shape[1], np.float32)
    nats = 0.0
    for i in range(low, high):
        row, target = logits[i], targets[i]
        if target < 0:  # does not count: no loss, no gradient
            row[:] = 0
            continue
        largest = _row_max(row)
        total = _store_exponentials(row, largest, exps)
        nats += np.log(total) + largest - bf16_to_f32(row[target])
        # softmax - one_hot(target), before the division by the total.
        exps[target] -= total
        _store_scaled(exps, f32(1) / total, row)
    return nats
