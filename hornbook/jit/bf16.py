"""Passes over bf16 tensors on a CPU that torch has no fast or no fused kernel for, compiled by numba.

In: numpy arrays of uint16 that hold bf16 bits (numpy has no bf16), fp32 beside them. Out: written
in place, or into the last arguments. All arithmetic is fp32; each kernel does the rows [low, high),
so that threads share the work, and a row's result does not depend on who did it. Only what is
summed over rows does, by one partial sum a thread. Measured on one core with AVX-512: GELU 3.7
times as fast as torch's, the rest saves whole passes over memory. Imported only inside functions.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import llvmlite.ir as ir
import numpy as np
import torch
from numba import extending, njit, types

f32 = np.float32
intrinsic: Any = extending.intrinsic
I16, I32, F32 = ir.IntType(16), ir.IntType(32), ir.FloatType()
MIN_ELEMENTS_PER_THREAD = 1 << 16  # elements that a thread must have to be worth waking


def run_over_rows(kernel: Callable[..., Any], rows: int, size: int, *arguments: Any) -> list[Any]:
    """Call kernel(low, high, *arguments) for all rows, by as many threads as torch has; what each returned."""
    arrays = [
        as_numpy(argument) if isinstance(argument, torch.Tensor) else argument
        for argument in arguments
    ]
    thread_count = max(1, min(torch.get_num_threads(), rows, size // MIN_ELEMENTS_PER_THREAD))
    edges = [rows * i // thread_count for i in range(thread_count + 1)]
    return run_in_threads(thread_count, lambda i: kernel(*edges[i : i + 2], *arrays))


def run_in_threads(thread_count: int, call: Callable[[int], Any]) -> list[Any]:
    """call(0), call(1), ... by a thread each; what each returned."""
    futures = [_get_thread_pool(thread_count - 1).submit(call, i) for i in range(1, thread_count)]
    return [call(0), *(future.result() for future in futures)]


@cache
def _get_thread_pool(thread_count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count, "hornbook-kernels")


def as_numpy(tensor: torch.Tensor) -> Any:
    """A contiguous tensor as numpy sees it, bf16 as uint16."""
    assert tensor.is_contiguous()
    return (
        tensor.detach().view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor.detach()
    ).numpy()


# LLVM's own words, because numba would turn 16-bit integers into 64-bit ones and lose the vector
# unit.


@intrinsic  # type: ignore[untyped-decorator]
def bf16_to_f32(typing: Any, x: Any) -> Any:
    """bf16 bits to fp32."""

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.shl(builder.zext(args[0], I32), ir.Constant(I32, 16)), F32)

    return types.float32(types.uint16), emit_ir


@intrinsic  # type: ignore[untyped-decorator]
def f32_to_bf16(typing: Any, x: Any) -> Any:
    """fp32 to bf16 bits, to the nearest, ties to even. A NaN stays one as long as its upper bits say so."""

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        bits = builder.bitcast(args[0], I32)
        is_odd = builder.and_(builder.lshr(bits, ir.Constant(I32, 16)), ir.Constant(I32, 1))
        return builder.trunc(
            builder.lshr(
                builder.add(bits, builder.add(is_odd, ir.Constant(I32, 0x7FFF))),
                ir.Constant(I32, 16),
            ),
            I16,
        )

    return types.uint16(types.float32), emit_ir


@intrinsic  # type: ignore[untyped-decorator]
def _round_to_nearest(typing: Any, x: Any) -> Any:
    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.call(builder.module.declare_intrinsic("llvm.rint", [F32]), args)

    return types.float32(types.float32), emit_ir


@intrinsic  # type: ignore[untyped-decorator]
def _power_of_two(typing: Any, x: Any) -> Any:
    """2 to a whole number in [-126, 127], by writing the exponent."""

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        n = builder.add(builder.fptosi(args[0], I32), ir.Constant(I32, 127))
        return builder.bitcast(builder.shl(n, ir.Constant(I32, 23)), F32)

    return types.float32(types.float32), emit_ir


@intrinsic  # type: ignore[untyped-decorator]
def fast_max(typing: Any, x: Any, y: Any) -> Any:
    """The larger of two; either where one is no number: only so do LLVM's loops take many at once."""

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(F32, [F32, F32])
        return builder.call(
            builder.module.declare_intrinsic("llvm.maxnum", [F32], kind),
            args,
            fastmath=("nnan", "nsz"),
        )

    return types.float32(types.float32, types.float32), emit_ir


@intrinsic  # type: ignore[untyped-decorator]
def _clamp_exponent(typing: Any, x: Any) -> Any:
    """Between -87 and 87, where e to the power of it is a normal number; a NaN stays one, so that a loss shows it."""

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        low, high = ir.Constant(F32, -87.0), ir.Constant(F32, 87.0)
        x = builder.select(builder.fcmp_ordered("<", args[0], low), low, args[0])
        return builder.select(builder.fcmp_ordered(">", x, high), high, x)

    return types.float32(types.float32), emit_ir


@njit(inline="always")
def fast_exp(x: Any) -> Any:
    """To 2e-7 of the value; a polynomial of degree 6 over half a power of two on either side."""
    x = _clamp_exponent(x)
    n = _round_to_nearest(x * f32(1.4426950408889634))
    r = x - n * f32(0.6931471805599453)
    p = f32(0.008333334) + r * f32(0.0013888889)
    p = f32(0.5) + r * (f32(0.16666667) + r * (f32(0.041666668) + r * p))
    return (f32(1) + r * (f32(1) + r * p)) * _power_of_two(n)


# No "fast" flags that let LLVM assume that nothing is NaN: a loss that is none must show.
FASTMATH_FLAGS = {"contract", "reassoc", "arcp", "nsz"}


def compile_kernel(function: Any) -> Callable[..., Any]:
    compiled: Callable[..., Any] = njit(
        nogil=True, cache=True, error_model="numpy", fastmath=FASTMATH_FLAGS
    )(function)
    return compiled


GELU_SCALE, GELU_CUBIC = (
    f32(1.5957691216057308),
    f32(0.044715),
)  # 2 sqrt(2 / pi): gelu(x) = x sigmoid(S (x + CUBE x^3))


@compile_kernel
def gelu_forward(low: int, high: int, z: Any, bias: Any, first_column: int, out: Any) -> None:
    """tanh-GELU of z + bias in the columns from `first` on."""
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
    """Its derivative times `slope`, into the columns of dz from `first` on."""
    column_bias = bias[first_column:]
    for row in range(low, high):
        source, dst, grad_row = z[row, first_column:], dz[row, first_column:], grad[row]
        for i in range(len(grad_row)):
            x = bf16_to_f32(source[i]) + column_bias[i]
            s = f32(1) / (f32(1) + fast_exp(-GELU_SCALE * (x + GELU_CUBIC * x * x * x)))
            inner = GELU_SCALE * (f32(1) + f32(3) * GELU_CUBIC * x * x)
            dst[i] = f32_to_bf16(bf16_to_f32(grad_row[i]) * (s + x * s * (f32(1) - s) * inner))


@cache
def make_rotation_kernels(half: int, width: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`turn` and `turn_back` for heads of that width of which 2 * half are rotated.

    Compiled for these numbers, because LLVM makes a vector of 16 only where it knows that there are
    16; and without views of heads, whose reference counts both threads would write: together 4
    times as fast.
    """

    @compile_kernel
    def rotate_heads(
        low: int, high: int, z: Any, bias: Any, cos: Any, sin: Any, out: Any, scale: Any
    ) -> None:
        """Rows of q, k, v, ... (B * T, 7H, D), plus bias (7H, D), to rotated (3, B * H, T, D), with q times `scale`."""
        time, heads = out.shape[2], z.shape[1] // 7
        for row in range(low, high):
            t, first_head = row % time, row // time * heads
            for column in range(3 * heads):
                part, out_head = column // heads, first_head + column % heads
                if part == 2:
                    for i in range(width):
                        out[part, out_head, t, i] = f32_to_bf16(
                            bf16_to_f32(z[row, column, i]) + bias[column, i]
                        )
                    continue
                factor = scale if part == 0 else f32(1)
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

    @compile_kernel
    def rotate_heads_backward(
        low: int, high: int, grads: Any, cos: Any, sin: Any, scale: Any, dz: Any
    ) -> None:
        """The derivative of `turn`: (3, B * H, T, D) into the first three seventh parts of dz's heads."""
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
                    x, y = (
                        bf16_to_f32(grads[part, out_head, t, i]),
                        bf16_to_f32(grads[part, out_head, t, half + i]),
                    )
                    c, s = cos[t, i] * factor, sin[t, i] * factor
                    dz[row, column, i] = f32_to_bf16(x * c + y * s)
                    dz[row, column, half + i] = f32_to_bf16(y * c - x * s)
                for i in range(2 * half, width):
                    dz[row, column, i] = f32_to_bf16(
                        factor * bf16_to_f32(grads[part, out_head, t, i])
                    )

    return rotate_heads, rotate_heads_backward


# Apart, because LLVM takes many elements at once in a small loop and one at a time in the same loop
# inside another.


@compile_kernel
def _row_max(row: Any) -> Any:
    largest = f32(-3e38)
    for i in range(len(row)):
        largest = fast_max(bf16_to_f32(row[i]), largest)
    return largest


@compile_kernel
def _store_exponentials(row: Any, largest: Any, exps: Any) -> Any:
    """Sum of e to the power of each less the largest, which `exps` keeps."""
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
    """In place, for queries first, first + 1, ... of each of (B * H, n, keys); no key later than its query."""
    exps = np.empty(score.shape[2], np.float32)
    for head in range(low, high):
        for i in range(score.shape[1]):
            row = score[head, i, : first_query + i + 1]
            total = _store_exponentials(row, _row_max(row), exps)
            _store_scaled(exps, f32(1) / total, row)
            score[head, i, first_query + i + 1 :] = 0


@compile_kernel
def softmax_backward(
    low: int, high: int, p: Any, grad: Any, row_dots: Any, first_query: int
) -> None:
    """slope = p * (slope - along), in place; along (B * H, T) is the sum of what both make together."""
    for head in range(low, high):
        for i in range(p.shape[1]):
            dot, probs, row = row_dots[head, first_query + i], p[head, i], grad[head, i]
            for j in range(len(row)):
                row[j] = f32_to_bf16(bf16_to_f32(probs[j]) * (bf16_to_f32(row[j]) - dot))


@compile_kernel
def dot_heads(low: int, high: int, x: Any, y: Any, out: Any) -> None:
    """Scalar products of each head's part: (B * T, C) twice to (B * H, T)."""
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
    """LayerNorm of fp32 rows to bf16; about (rows, 2) keeps mean and 1 / deviation."""
    width = x.shape[1]
    for row in range(low, high):
        total, square = f32(0), f32(0)
        for i in range(width):
            total += x[row, i]
        mean = total / f32(width)
        for i in range(width):
            square += (x[row, i] - mean) * (x[row, i] - mean)
        inv_std = f32(1) / np.sqrt(square / f32(width) + eps)
        stats[row, 0], stats[row, 1] = mean, inv_std
        for i in range(width):
            out[row, i] = f32_to_bf16((x[row, i] - mean) * inv_std * weight[i] + bias[i])


@compile_kernel
def layer_norm_backward(
    low: int, high: int, grad: Any, x: Any, weight: Any, stats: Any, residual_grad: Any, dx: Any
) -> Any:
    """dx = beside + the derivative of `norm`; returns this thread's sums for weight and bias (2, C)."""
    width = x.shape[1]
    sums = np.zeros((2, width), np.float32)
    for row in range(low, high):
        mean, inv_std = stats[row, 0], stats[row, 1]
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
    """fp32 rows, bf16 rows and one fp32 row for all of them to fp32 rows."""
    for row in range(low, high):
        for i in range(x.shape[1]):
            out[row, i] = x[row, i] + bf16_to_f32(y[row, i]) + bias[i]


@compile_kernel
def sum_columns(low: int, high: int, x: Any) -> Any:
    """This thread's sums of the columns of bf16 rows (C,)."""
    sums = np.zeros(x.shape[1], np.float32)
    for row in range(low, high):
        for i in range(x.shape[1]):
            sums[i] += bf16_to_f32(x[row, i])
    return sums


@compile_kernel
def cross_entropy(low: int, high: int, logits: Any, targets: Any) -> float:
    """Summed nats of the rows whose target is not negative; logits become the gradients of that sum."""
    exps = np.empty(logits.shape[1], np.float32)
    nats = 0.0
    for i in range(low, high):
        row, target = logits[i], targets[i]
        if target < 0:
            row[:] = 0
            continue
        largest = _row_max(row)
        total = _store_exponentials(row, largest, exps)
        nats += np.log(total) + largest - bf16_to_f32(row[target])
        exps[target] -= total
        _store_scaled(exps, f32(1) / total, row)
    return nats
