"""Reading and writing numbers at raw addresses, for numba kernels that take no arrays.

In: an array's address and an index. Out: get8, get32, get64 and set8, set32, set64 for unsigned
numbers, aligned or not. Nothing checks bounds. All arguments and results are int64: numba turns
int64 with uint64 into floats. A trap: numba's on-disk cache of a kernel does not notice a change in
this file. Not covered: floats (simd.py has load_f32 and store_f32).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir
from numba import extending, njit, types

intrinsic: Any = extending.intrinsic
I64 = ir.IntType(64)


def compile_helper(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Compile a function that only kernels call.

    It gets no wrapper for calls from Python, which would double the time to compile.
    """
    compiled: Any = njit
    helper: Callable[..., Any] = compiled(
        no_cpython_wrapper=True, no_cfunc_wrapper=True, **options
    )(function)
    return helper


def _make_getter(bits: int) -> Callable[[Any, Any], Any]:
    @intrinsic  # type: ignore[untyped-decorator]
    def get_number(typing: Any, address: Any, index: Any) -> Any:
        def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.gep(
                builder.inttoptr(args[0], ir.IntType(bits).as_pointer()), [args[1]]
            )
            loaded = builder.load(pointer, align=1)
            return loaded if bits == 64 else builder.zext(loaded, I64)

        return types.int64(types.int64, types.int64), emit_ir

    getter: Callable[[Any, Any], Any] = get_number
    return getter


def _make_setter(bits: int) -> Callable[[Any, Any, Any], None]:
    @intrinsic  # type: ignore[untyped-decorator]
    def set_number(typing: Any, address: Any, index: Any, value: Any) -> Any:
        def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = builder.gep(
                builder.inttoptr(args[0], ir.IntType(bits).as_pointer()), [args[1]]
            )
            value = args[2] if bits == 64 else builder.trunc(args[2], ir.IntType(bits))
            builder.store(value, pointer, align=1)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), emit_ir

    setter: Callable[[Any, Any, Any], None] = set_number
    return setter


get8, get32, get64 = map(_make_getter, (8, 32, 64))
set8, set32, set64 = map(_make_setter, (8, 32, 64))


@intrinsic  # type: ignore[untyped-decorator]
def find_lowest_nonzero_byte(typing: Any, bits: Any) -> Any:
    """Index of the lowest byte that is not zero; `bits` must not be zero."""

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.lshr(
            builder.cttz(args[0], context.get_constant(types.boolean, True)), ir.Constant(I64, 3)
        )

    return types.int64(types.int64), emit_ir
