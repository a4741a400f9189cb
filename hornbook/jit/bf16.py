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
AT_ONCE = 1 << 16  # elements that a thread must have to be worth waking


def over_rows(kernel: Callable[..., Any], rows: int, size: int, *arguments: Any) -> list[Any]:
    """Call kernel(low, high, *arguments) for all rows, by as many threads as torch has; what each returned."""
    arrays = [bits(each) if isinstance(each, torch.Tensor) else each for each in arguments]
    parts = max(1, min(torch.get_num_threads(), rows, size // AT_ONCE))
    edges = [rows * at // parts for at in range(parts + 1)]
    return together(parts, lambda at: kernel(*edges[at : at + 2], *arrays))


def together(parts: int, call: Callable[[int], Any]) -> list[Any]:
    """call(0), call(1), ... by a thread each; what each returned."""
    others = [_threads(parts - 1).submit(call, at) for at in range(1, parts)]
    return [call(0), *(each.result() for each in others)]


@cache
def _threads(number: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(number, "hornbook-kernels")


def bits(tensor: torch.Tensor) -> Any:
    """A contiguous tensor as numpy sees it, bf16 as uint16."""
    assert tensor.is_contiguous()
    return (
        tensor.detach().view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor.detach()
    ).numpy()


# LLVM's own words, because numba would turn 16-bit integers into 64-bit ones and lose the vector
# unit.


@intrinsic  # type: ignore[untyped-decorator]
def wide(typing: Any, x: Any) -> Any:
    """bf16 bits to fp32."""

    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        return b.bitcast(b.shl(b.zext(a[0], I32), ir.Constant(I32, 16)), F32)

    return types.float32(types.uint16), make


@intrinsic  # type: ignore[untyped-decorator]
def narrow(typing: Any, x: Any) -> Any:
    """fp32 to bf16 bits, to the nearest, ties to even. A NaN stays one as long as its upper bits say so."""

    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        u = b.bitcast(a[0], I32)
        odd = b.and_(b.lshr(u, ir.Constant(I32, 16)), ir.Constant(I32, 1))
        return b.trunc(
            b.lshr(b.add(u, b.add(odd, ir.Constant(I32, 0x7FFF))), ir.Constant(I32, 16)), I16
        )

    return types.uint16(types.float32), make


@intrinsic  # type: ignore[untyped-decorator]
def _nearest(typing: Any, x: Any) -> Any:
    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        return b.call(b.module.declare_intrinsic("llvm.rint", [F32]), a)

    return types.float32(types.float32), make


@intrinsic  # type: ignore[untyped-decorator]
def _two_to(typing: Any, x: Any) -> Any:
    """2 to a whole number in [-126, 127], by writing the exponent."""

    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        n = b.add(b.fptosi(a[0], I32), ir.Constant(I32, 127))
        return b.bitcast(b.shl(n, ir.Constant(I32, 23)), F32)

    return types.float32(types.float32), make


@intrinsic  # type: ignore[untyped-decorator]
def larger(typing: Any, x: Any, y: Any) -> Any:
    """The larger of two; either where one is no number: only so do LLVM's loops take many at once."""

    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        kind = ir.FunctionType(F32, [F32, F32])
        return b.call(
            b.module.declare_intrinsic("llvm.maxnum", [F32], kind), a, fastmath=("nnan", "nsz")
        )

    return types.float32(types.float32, types.float32), make


@intrinsic  # type: ignore[untyped-decorator]
def _within(typing: Any, x: Any) -> Any:
    """Between -87 and 87, where e to the power of it is a normal number; a NaN stays one, so that a loss shows it."""

    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        low, high = ir.Constant(F32, -87.0), ir.Constant(F32, 87.0)
        x = b.select(b.fcmp_ordered("<", a[0], low), low, a[0])
        return b.select(b.fcmp_ordered(">", x, high), high, x)

    return types.float32(types.float32), make


@njit(inline="always")
def exp(x: Any) -> Any:
    """To 2e-7 of the value; a polynomial of degree 6 over half a power of two on either side."""
    x = _within(x)
    n = _nearest(x * f32(1.4426950408889634))
    r = x - n * f32(0.6931471805599453)
    p = f32(0.008333334) + r * f32(0.0013888889)
    p = f32(0.5) + r * (f32(0.16666667) + r * (f32(0.041666668) + r * p))
    return (f32(1) + r * (f32(1) + r * p)) * _two_to(n)


# No "fast" flags that let LLVM assume that nothing is NaN: a loss that is none must show.
FLAGS = {"contract", "reassoc", "arcp", "nsz"}


def kernel(function: Any) -> Callable[..., Any]:
    made: Callable[..., Any] = njit(nogil=True, cache=True, error_model="numpy", fastmath=FLAGS)(
        function
    )
    return made


S, CUBE = (
    f32(1.5957691216057308),
    f32(0.044715),
)  # 2 sqrt(2 / pi): gelu(x) = x sigmoid(S (x + CUBE x^3))


@kernel
def gelu(low: int, high: int, z: Any, bias: Any, first: int, out: Any) -> None:
    """tanh-GELU of z + bias in the columns from `first` on."""
    added = bias[first:]
    for row in range(low, high):
        source, into = z[row, first:], out[row]
        for i in range(len(into)):
            x = wide(source[i]) + added[i]
            into[i] = narrow(x / (f32(1) + exp(-S * (x + CUBE * x * x * x))))


@kernel
def gelu_back(low: int, high: int, z: Any, bias: Any, first: int, slope: Any, dz: Any) -> None:
    """Its derivative times `slope`, into the columns of dz from `first` on."""
    added = bias[first:]
    for row in range(low, high):
        source, into, given = z[row, first:], dz[row, first:], slope[row]
        for i in range(len(given)):
            x = wide(source[i]) + added[i]
            s = f32(1) / (f32(1) + exp(-S * (x + CUBE * x * x * x)))
            inner = S * (f32(1) + f32(3) * CUBE * x * x)
            into[i] = narrow(wide(given[i]) * (s + x * s * (f32(1) - s) * inner))


@cache
def turns(half: int, width: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """`turn` and `turn_back` for heads of that width of which 2 * half are rotated.

    Compiled for these numbers, because LLVM makes a vector of 16 only where it knows that there are
    16; and without views of heads, whose reference counts both threads would write: together 4
    times as fast.
    """

    @kernel
    def turn(
        low: int, high: int, z: Any, bias: Any, cos: Any, sin: Any, out: Any, scale: Any
    ) -> None:
        """Rows of q, k, v, ... (B * T, 7H, D), plus bias (7H, D), to rotated (3, B * H, T, D), with q times `scale`."""
        time, per = out.shape[2], z.shape[1] // 7
        for row in range(low, high):
            t, first = row % time, row // time * per
            for head in range(3 * per):
                part, here = head // per, first + head % per
                if part == 2:
                    for i in range(width):
                        out[part, here, t, i] = narrow(wide(z[row, head, i]) + bias[head, i])
                    continue
                by = scale if part == 0 else f32(1)
                for i in range(half):
                    x = wide(z[row, head, i]) + bias[head, i]
                    y = wide(z[row, head, half + i]) + bias[head, half + i]
                    c, s = cos[t, i] * by, sin[t, i] * by
                    out[part, here, t, i] = narrow(x * c - y * s)
                    out[part, here, t, half + i] = narrow(y * c + x * s)
                for i in range(2 * half, width):
                    out[part, here, t, i] = narrow(by * (wide(z[row, head, i]) + bias[head, i]))

    @kernel
    def turn_back(
        low: int, high: int, slopes: Any, cos: Any, sin: Any, scale: Any, dz: Any
    ) -> None:
        """The derivative of `turn`: (3, B * H, T, D) into the first three seventh parts of dz's heads."""
        time, per = slopes.shape[2], dz.shape[1] // 7
        for row in range(low, high):
            t, first = row % time, row // time * per
            for head in range(3 * per):
                part, here = head // per, first + head % per
                if part == 2:
                    for i in range(width):
                        dz[row, head, i] = slopes[part, here, t, i]
                    continue
                by = scale if part == 0 else f32(1)
                for i in range(half):
                    x, y = wide(slopes[part, here, t, i]), wide(slopes[part, here, t, half + i])
                    c, s = cos[t, i] * by, sin[t, i] * by
                    dz[row, head, i] = narrow(x * c + y * s)
                    dz[row, head, half + i] = narrow(y * c - x * s)
                for i in range(2 * half, width):
                    dz[row, head, i] = narrow(by * wide(slopes[part, here, t, i]))

    return turn, turn_back


# Apart, because LLVM takes many elements at once in a small loop and one at a time in the same loop
# inside another.


@kernel
def _most(row: Any) -> Any:
    most = f32(-3e38)
    for i in range(len(row)):
        most = larger(wide(row[i]), most)
    return most


@kernel
def _exps(row: Any, most: Any, exps: Any) -> Any:
    """Sum of e to the power of each less the largest, which `exps` keeps."""
    total = f32(0)
    for i in range(len(row)):
        e = exp(wide(row[i]) - most)
        exps[i] = e
        total += e
    return total


@kernel
def _put(exps: Any, share: Any, row: Any) -> None:
    for i in range(len(row)):
        row[i] = narrow(exps[i] * share)


@kernel
def softmax(low: int, high: int, score: Any, first: int) -> None:
    """In place, for queries first, first + 1, ... of each of (B * H, n, keys); no key later than its query."""
    exps = np.empty(score.shape[2], np.float32)
    for at in range(low, high):
        for i in range(score.shape[1]):
            row = score[at, i, : first + i + 1]
            total = _exps(row, _most(row), exps)
            _put(exps, f32(1) / total, row)
            score[at, i, first + i + 1 :] = 0


@kernel
def softmax_back(low: int, high: int, p: Any, slope: Any, along: Any, first: int) -> None:
    """slope = p * (slope - along), in place; along (B * H, T) is the sum of what both make together."""
    for at in range(low, high):
        for i in range(p.shape[1]):
            a, share, row = along[at, first + i], p[at, i], slope[at, i]
            for j in range(len(row)):
                row[j] = narrow(wide(share[j]) * (wide(row[j]) - a))


@kernel
def along(low: int, high: int, x: Any, y: Any, out: Any) -> None:
    """Scalar products of each head's part: (B * T, C) twice to (B * H, T)."""
    heads, time = out.shape
    batch = x.shape[0] // time
    per = heads // batch
    width = x.shape[1] // per
    for row in range(low, high):
        for head in range(per):
            total = f32(0)
            for i in range(width):
                total += wide(x[row, head * width + i]) * wide(y[row, head * width + i])
            out[row // time * per + head, row % time] = total


@kernel
def norm(
    low: int, high: int, x: Any, weight: Any, bias: Any, eps: Any, out: Any, about: Any
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
        sharp = f32(1) / np.sqrt(square / f32(width) + eps)
        about[row, 0], about[row, 1] = mean, sharp
        for i in range(width):
            out[row, i] = narrow((x[row, i] - mean) * sharp * weight[i] + bias[i])


@kernel
def norm_back(
    low: int, high: int, slope: Any, x: Any, weight: Any, about: Any, beside: Any, dx: Any
) -> Any:
    """dx = beside + the derivative of `norm`; returns this thread's sums for weight and bias (2, C)."""
    width = x.shape[1]
    sums = np.zeros((2, width), np.float32)
    for row in range(low, high):
        mean, sharp = about[row, 0], about[row, 1]
        plain, turned = f32(0), f32(0)
        for i in range(width):
            g, n = wide(slope[row, i]), (x[row, i] - mean) * sharp
            sums[0, i] += g * n
            sums[1, i] += g
            plain += g * weight[i]
            turned += g * weight[i] * n
        plain, turned = plain / f32(width), turned / f32(width)
        for i in range(width):
            n = (x[row, i] - mean) * sharp
            dx[row, i] = beside[row, i] + sharp * (
                wide(slope[row, i]) * weight[i] - plain - n * turned
            )
    return sums


@kernel
def add(low: int, high: int, x: Any, y: Any, bias: Any, out: Any) -> None:
    """fp32 rows, bf16 rows and one fp32 row for all of them to fp32 rows."""
    for row in range(low, high):
        for i in range(x.shape[1]):
            out[row, i] = x[row, i] + wide(y[row, i]) + bias[i]


@kernel
def column_sums(low: int, high: int, x: Any) -> Any:
    """This thread's sums of the columns of bf16 rows (C,)."""
    sums = np.zeros(x.shape[1], np.float32)
    for row in range(low, high):
        for i in range(x.shape[1]):
            sums[i] += wide(x[row, i])
    return sums


@kernel
def cross_entropy(low: int, high: int, logits: Any, targets: Any) -> float:
    """Summed nats of the rows whose target is not negative; logits become the gradients of that sum."""
    exps = np.empty(logits.shape[1], np.float32)
    nats = 0.0
    for at in range(low, high):
        row, target = logits[at], targets[at]
        if target < 0:
            row[:] = 0
            continue
        most = _most(row)
        total = _exps(row, most, exps)
        nats += np.log(total) + most - wide(row[target])
        exps[target] -= total
        _put(exps, f32(1) / total, row)
    return nats
