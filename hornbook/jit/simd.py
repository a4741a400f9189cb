"""Words that numba lacks, for kernels on bare addresses of fp32: a tile of a matrix product, scalar products, barriers.

In and out: int64 addresses of fp32 numbers; strides and counts are in numbers, not bytes. Nothing
checks bounds. They are LLVM's instructions, built here, because numba makes no registers of 16
numbers out of nested loops. A row's result never depends on how many rows there are: each number is
summed over k in order, by itself. Whatever streams from memory is asked for ahead: on a machine
with AVX-512 that doubled what one core reads (7 to 12 GB/s), together with pages of 2 MB. A trap:
numba's cache of a kernel does not notice a change here. Imported only inside functions.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
import llvmlite.ir as ir
import numpy as np
from numba import extending, types

intrinsic: Any = extending.intrinsic
literal: Any = extending.intrinsic(prefer_literal=True)
I8, I32, I64, F32 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()
LANES = 16
VECTOR = ir.VectorType(F32, LANES)
_FEATURES = {name for name, there in llvm.get_host_cpu_features().items() if there}
_ARM = llvm.get_process_triple().startswith(("aarch64", "arm64"))
FUSES = bool(_FEATURES & {"fma", "neon"}) or _ARM  # without, each multiply-add would be a call
# A tile's sums stay in registers: 32 of 16 numbers with AVX-512, 16 of 8 with AVX2, 32 of 4 on ARM.
ROWS, COLUMNS = (8, 32) if "avx512f" in _FEATURES else (6, 16)


def huge(shape: Sequence[int]) -> Any:
    """Zeros in fp32, in pages of 2 MB where the system has them."""
    size = int(np.prod(shape))
    memory = mmap.mmap(-1, max(1, size) * 4, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel built without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.float32, size).reshape(shape)


def _at(b: Any, base: Any, index: Any, kind: Any = F32) -> Any:
    """A pointer to number `index` from an address."""
    return b.bitcast(b.gep(b.inttoptr(base, F32.as_pointer()), [index]), kind.as_pointer())


def _i64(number: int) -> Any:
    return ir.Constant(I64, number)


def _splat(b: Any, number: Any) -> Any:
    one = b.insert_element(ir.Constant(VECTOR, ir.Undefined), number, ir.Constant(I32, 0))
    return b.shuffle_vector(one, one, ir.Constant(ir.VectorType(I32, LANES), [0] * LANES))


def _named(b: Any, name: str, returned: Any, taken: list[Any]) -> Any:
    """A function of LLVM's or of the C library's."""
    return b.module.globals.get(name) or ir.Function(
        b.module, ir.FunctionType(returned, taken), name
    )


def _fma(b: Any, x: Any, y: Any, z: Any) -> Any:
    return b.call(_named(b, f"llvm.fma.v{LANES}f32", VECTOR, [VECTOR] * 3), [x, y, z])


def _prefetch(b: Any, address: Any) -> None:
    function = _named(b, "llvm.prefetch.p0i8", ir.VoidType(), [I8.as_pointer(), I32, I32, I32])
    read, second_level, data = (ir.Constant(I32, each) for each in (0, 2, 1))
    b.call(function, [b.inttoptr(address, I8.as_pointer()), read, second_level, data])


def _loop(
    b: Any, count: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]
) -> list[Any]:
    """`carried` after body(i, carried) for i in 0 .. count - 1."""
    before = b.block
    head, inside, after = (b.append_basic_block(name) for name in ("head", "inside", "after"))
    b.branch(head)
    b.position_at_end(head)
    i = b.phi(I64)
    phis = [b.phi(each.type) for each in carried]
    b.cbranch(b.icmp_signed("<", i, count), inside, after)
    b.position_at_end(inside)
    found = body(i, phis)
    step = b.add(i, _i64(1))
    for phi, first, later in zip([i, *phis], [_i64(0), *carried], [step, *found], strict=True):
        phi.add_incoming(first, before)
        phi.add_incoming(later, b.block)
    b.branch(head)
    b.position_at_end(after)
    return phis


@intrinsic  # type: ignore[untyped-decorator]
def tile(typing: Any, a: Any, b: Any, k: Any, c: Any, ahead: Any, hop: Any) -> Any:
    """c += a @ b for a (ROWS, k) and c (ROWS, COLUMNS), each a pair of address and row stride, and b (k, COLUMNS).

    Meanwhile k lines of memory, `hop` bytes apart, are fetched from `ahead` on.
    """

    def make(context: Any, b: Any, signature: Any, args: Any) -> Any:
        left, weights, k, into, ahead, hop = args
        (a, lda), (c, ldc) = ([b.extract_value(pair, at) for at in (0, 1)] for pair in (left, into))
        parts = COLUMNS // LANES
        rows = [b.add(a, b.mul(lda, _i64(4 * row))) for row in range(ROWS)]
        places = [
            _at(b, c, b.add(b.mul(ldc, _i64(r)), _i64(LANES * p)), VECTOR)
            for r in range(ROWS)
            for p in range(parts)
        ]

        def body(i: Any, sums: list[Any]) -> list[Any]:
            at = b.mul(i, _i64(COLUMNS))
            right = [
                b.load(_at(b, weights, b.add(at, _i64(LANES * p)), VECTOR), align=4)
                for p in range(parts)
            ]
            _prefetch(b, b.add(ahead, b.mul(i, hop)))
            found = []
            for row in range(ROWS):
                one = _splat(b, b.load(_at(b, rows[row], i), align=4))
                found += [_fma(b, one, right[p], sums[row * parts + p]) for p in range(parts)]
            return found

        zeros = [
            ir.Constant(VECTOR, [0.0] * LANES) for _ in places
        ]  # c comes last: a large one would round each step
        for place, total in zip(places, _loop(b, k, zeros, body), strict=True):
            b.store(b.fadd(total, b.load(place, align=4)), place, align=4)
        return context.get_dummy_value()

    pair = types.UniTuple(types.int64, 2)  # type: ignore[no-untyped-call]
    return types.void(pair, types.int64, types.int64, pair, types.int64, types.int64), make


@literal  # type: ignore[untyped-decorator]
def products(typing: Any, width: Any, q: Any, keys: Any, blocks: Any, out: Any, ahead: Any) -> Any:
    """Scalar products of q (width,) with each of keys (LANES * blocks, width), to `out`; width is a literal.

    Meanwhile as much memory as the keys take is fetched from `ahead` on.
    """
    number = width.literal_value

    def make(context: Any, b: Any, signature: Any, args: Any) -> Any:
        _, q, keys, blocks, out, ahead = args
        parts = [
            b.load(_at(b, q, _i64(LANES * part), VECTOR), align=4)
            for part in range(number // LANES)
        ]

        def body(i: Any, _: list[Any]) -> list[Any]:
            first = b.mul(i, _i64(LANES * number))
            sums = []
            for key in range(LANES):
                total = ir.Constant(VECTOR, [0.0] * LANES)
                for part, left in enumerate(parts):
                    at = b.add(first, _i64(key * number + LANES * part))
                    _prefetch(b, b.add(ahead, b.mul(at, _i64(4))))
                    total = _fma(b, left, b.load(_at(b, keys, at, VECTOR), align=4), total)
                sums.append(total)
            b.store(_sums(b, sums), _at(b, out, b.mul(i, _i64(LANES)), VECTOR), align=4)
            return []

        _loop(b, blocks, [], body)
        return context.get_dummy_value()

    return types.void(width, *[types.int64] * 5), make


def _sums(b: Any, vectors: list[Any]) -> Any:
    """The sum of each of 16 vectors of 16, as one vector: 4 times, a half is added to the other in half as many."""
    half = LANES // 2
    kind = ir.VectorType(I32, LANES)
    while half:
        groups = range(0, LANES, 2 * half)
        lower = [side + group + i for group in groups for side in (0, LANES) for i in range(half)]
        masks = [ir.Constant(kind, lower), ir.Constant(kind, [at + half for at in lower])]
        pairs = zip(vectors[: len(vectors) // 2], vectors[len(vectors) // 2 :], strict=True)
        vectors = [b.fadd(*(b.shuffle_vector(x, y, mask) for mask in masks)) for x, y in pairs]
        half //= 2
    return vectors[0]


@literal  # type: ignore[untyped-decorator]
def mixture(
    typing: Any, width: Any, shares: Any, values: Any, count: Any, by: Any, out: Any, ahead: Any
) -> Any:
    """Sum of values (count, width), each times its share and fp32 `by`, to `out`; width is a literal.

    Meanwhile as much memory as the values take is fetched from `ahead` on.
    """
    number = width.literal_value

    def make(context: Any, b: Any, signature: Any, args: Any) -> Any:
        _, shares, values, count, by, out, ahead = args
        parts = range(number // LANES)

        def body(i: Any, sums: list[Any]) -> list[Any]:
            share, first = _splat(b, b.load(_at(b, shares, i), align=4)), b.mul(i, _i64(number))
            found = []
            for part in parts:
                at = b.add(first, _i64(LANES * part))
                _prefetch(b, b.add(ahead, b.mul(at, _i64(4))))
                found.append(
                    _fma(b, share, b.load(_at(b, values, at, VECTOR), align=4), sums[part])
                )
            return found

        zero = ir.Constant(VECTOR, [0.0] * LANES)
        for part, total in zip(parts, _loop(b, count, [zero for _ in parts], body), strict=True):
            b.store(b.fmul(total, _splat(b, by)), _at(b, out, _i64(LANES * part), VECTOR), align=4)
        return context.get_dummy_value()

    return types.void(width, *[types.int64] * 3, types.float32, *[types.int64] * 2), make


@intrinsic  # type: ignore[untyped-decorator]
def get(typing: Any, base: Any, at: Any) -> Any:
    def make(context: Any, b: Any, signature: Any, args: Any) -> Any:
        return b.load(_at(b, *args), align=4)

    return types.float32(types.int64, types.int64), make


@intrinsic  # type: ignore[untyped-decorator]
def put(typing: Any, base: Any, at: Any, value: Any) -> Any:
    def make(context: Any, b: Any, signature: Any, args: Any) -> Any:
        b.store(args[2], _at(b, *args[:2]), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float32), make


SPINS = 2000  # looks at the others before the processor is offered to somebody else: some 50 microseconds


@intrinsic  # type: ignore[untyped-decorator]
def meet(typing: Any, counter: Any, goal: Any) -> Any:
    """Add one to the int64 at an address and wait until it is `goal`: until all threads are here."""

    def make(context: Any, b: Any, signature: Any, args: Any) -> Any:
        place = b.inttoptr(args[0], I64.as_pointer())
        b.atomic_rmw("add", place, _i64(1), "seq_cst")
        before = b.block
        head, inside, tired, again, after = (
            b.append_basic_block(n) for n in ("head", "inside", "tired", "again", "after")
        )
        b.branch(head)
        b.position_at_end(head)
        looks = b.phi(I64)
        b.cbranch(b.icmp_signed("<", b.load_atomic(place, "acquire", 8), args[1]), inside, after)
        b.position_at_end(inside)
        if _ARM:
            b.call(
                _named(b, "llvm.aarch64.hint", ir.VoidType(), [I32]), [ir.Constant(I32, 1)]
            )  # yield
        else:
            b.call(_named(b, "llvm.x86.sse2.pause", ir.VoidType(), []), [])
        b.cbranch(b.icmp_signed(">", looks, _i64(SPINS)), tired, again)
        b.position_at_end(tired)
        b.call(_named(b, "sched_yield", I32, []), [])
        b.branch(again)
        b.position_at_end(again)
        looks.add_incoming(_i64(0), before)
        looks.add_incoming(b.add(looks, _i64(1)), again)
        b.branch(head)
        b.position_at_end(after)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), make
