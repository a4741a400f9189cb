"""bf16 arithmetic for numba kernels, and kernels in threads.

In: numpy arrays of uint16 that hold bf16 bits (numpy has no bf16), fp32 beside them. Out:
conversions, an exponential, `compile_kernel`, and `run_over_rows`, by which threads share the rows
of a tensor. All arithmetic is fp32. bf16_kernels.py has the kernels of a training step. Imported
only inside functions: numba takes a second to load.
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
MIN_ELEMENTS_PER_THREAD = 1 << 16  # with fewer, waking the thread costs more than it saves


def run_over_rows(kernel: Callable[..., Any], rows: int, size: int, *arguments: Any) -> list[Any]:
    """Call kernel(low, high, *arguments) for all rows, in as many threads as torch has.

    Args:
        kernel: works on rows low to high - 1. It releases the GIL.
        rows: how many rows there are.
        size: elements of the tensor; small ones are given to fewer threads.
        arguments: tensors are passed as numpy arrays.

    Returns:
        What each thread's call returned. The results of rows do not depend on the number of
        threads; sums over rows do, because every thread returns a partial sum.
    """
    arrays = [
        as_numpy(argument) if isinstance(argument, torch.Tensor) else argument
        for argument in arguments
    ]
    thread_count = max(1, min(torch.get_num_threads(), rows, size // MIN_ELEMENTS_PER_THREAD))
    edges = [rows * i // thread_count for i in range(thread_count + 1)]
    return run_in_threads(thread_count, lambda i: kernel(*edges[i : i + 2], *arrays))


def run_in_threads(thread_count: int, call: Callable[[int], Any]) -> list[Any]:
    """Run call(0), call(1), ... in one thread each; returns their results in order."""
    futures = [_get_thread_pool(thread_count - 1).submit(call, i) for i in range(1, thread_count)]
    return [call(0), *(future.result() for future in futures)]


@cache
def _get_thread_pool(thread_count: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(thread_count, "hornbook-kernels")


def as_numpy(tensor: torch.Tensor) -> Any:
    """A numpy view of a contiguous tensor; bf16 becomes uint16."""
    assert tensor.is_contiguous()
    detached = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        detached = detached.view(torch.uint16)
    return detached.numpy()


# Written in LLVM's instructions: numba turns 16-bit integers into 64-bit ones, and LLVM then does
# not vectorise.


@intrinsic  # type: ignore[untyped-decorator]
def bf16_to_f32(typing: Any, x: Any) -> Any:
    """Convert bf16 bits to fp32."""

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bitcast(builder.shl(builder.zext(args[0], I32), ir.Constant(I32, 16)), F32)

    return types.float32(types.uint16), emit_ir


@intrinsic  # type: ignore[untyped-decorator]
def f32_to_bf16(typing: Any, x: Any) -> Any:
    """Convert fp32 to bf16 bits, to the nearest, ties to even.

    A NaN remains one if its upper mantissa bits say so, as those of x86 and ARM do.
    """

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
    """2 to the power of a whole number in [-126, 127], by writing the exponent bits."""

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        n = builder.add(builder.fptosi(args[0], I32), ir.Constant(I32, 127))
        return builder.bitcast(builder.shl(n, ir.Constant(I32, 23)), F32)

    return types.float32(types.float32), emit_ir


@intrinsic  # type: ignore[untyped-decorator]
def fast_max(typing: Any, x: Any, y: Any) -> Any:
    """The larger of two numbers. If one is a NaN, either: LLVM vectorises the loop only then."""

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
    """Clamp to -87 ... 87, where exp gives a normal number.

    A NaN remains a NaN, so that it shows in the loss.
    """

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        low, high = ir.Constant(F32, -87.0), ir.Constant(F32, 87.0)
        x = builder.select(builder.fcmp_ordered("<", args[0], low), low, args[0])
        return builder.select(builder.fcmp_ordered(">", x, high), high, x)

    return types.float32(types.float32), emit_ir


@njit(inline="always")
def fast_exp(x: Any) -> Any:
    """exp(x) with a relative error of 2e-7.

    x = n ln 2 + r with |r| <= ln 2 / 2; exp(r) is a polynomial of degree 6.
    """
    x = _clamp_exponent(x)
    n = _round_to_nearest(x * f32(1.4426950408889634))
    r = x - n * f32(0.6931471805599453)
    p = f32(0.008333334) + r * f32(0.0013888889)
    p = f32(0.5) + r * (f32(0.16666667) + r * (f32(0.041666668) + r * p))
    return (f32(1) + r * (f32(1) + r * p)) * _power_of_two(n)


# Without "nnan" and "ninf", by which LLVM assumes that nothing is NaN or infinite: a NaN must show
# in the loss.
FASTMATH_FLAGS = {"contract", "reassoc", "arcp", "nsz"}


def compile_kernel(function: Any) -> Callable[..., Any]:
    """Compile a kernel that releases the GIL; its machine code is cached on disk."""
    compiled: Callable[..., Any] = njit(
        nogil=True, cache=True, error_model="numpy", fastmath=FASTMATH_FLAGS
    )(function)
    return compiled
