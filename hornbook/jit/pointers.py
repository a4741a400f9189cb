"""Numbers at bare addresses, for a kernel of numba's that takes no arrays.

Out: get8, get32, get64 and set8, set32, set64 (an array's address, an index, a value), unsigned,
aligned or not, and unchecked; all that they take and give is int64, so that no arithmetic turns
into floats, as numba's does where signs differ. A trap: numba's cache of a kernel does not notice a
change here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import llvmlite.ir as ir
from numba import extending, njit, types

intrinsic: Any = extending.intrinsic
I64 = ir.IntType(64)


def within(function: Callable[..., Any], **how: Any) -> Callable[..., Any]:
    """Compile what only kernels call: without the wrappers for Python, which take as long again."""
    compiled: Any = njit
    made: Callable[..., Any] = compiled(no_cpython_wrapper=True, no_cfunc_wrapper=True, **how)(
        function
    )
    return made


def _getter(bits: int) -> Callable[[Any, Any], Any]:
    @intrinsic  # type: ignore[untyped-decorator]
    def get(typing: Any, base: Any, at: Any) -> Any:
        def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
            place = b.gep(b.inttoptr(a[0], ir.IntType(bits).as_pointer()), [a[1]])
            number = b.load(place, align=1)
            return number if bits == 64 else b.zext(number, I64)

        return types.int64(types.int64, types.int64), make

    made: Callable[[Any, Any], Any] = get
    return made


def _setter(bits: int) -> Callable[[Any, Any, Any], None]:
    @intrinsic  # type: ignore[untyped-decorator]
    def put(typing: Any, base: Any, at: Any, value: Any) -> Any:
        def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
            place = b.gep(b.inttoptr(a[0], ir.IntType(bits).as_pointer()), [a[1]])
            b.store(a[2] if bits == 64 else b.trunc(a[2], ir.IntType(bits)), place, align=1)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64, types.int64), make

    made: Callable[[Any, Any, Any], None] = put
    return made


get8, get32, get64 = map(_getter, (8, 32, 64))
set8, set32, set64 = map(_setter, (8, 32, 64))


@intrinsic  # type: ignore[untyped-decorator]
def first_byte(typing: Any, number: Any) -> Any:
    """Which byte of a 64-bit number that is not zero is the lowest that is not."""

    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        return b.lshr(b.cttz(a[0], context.get_constant(types.boolean, True)), ir.Constant(I64, 3))

    return types.int64(types.int64), make
