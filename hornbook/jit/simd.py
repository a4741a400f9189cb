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
intrinsic_with_literals: Any = extending.intrinsic(prefer_literal=True)
I8, I32, I64, F32 = ir.IntType(8), ir.IntType(32), ir.IntType(64), ir.FloatType()
LANES = 16
VECTOR = ir.VectorType(F32, LANES)
_FEATURES = {name for name, there in llvm.get_host_cpu_features().items() if there}
_ARM = llvm.get_process_triple().startswith(("aarch64", "arm64"))
HAS_FMA = bool(_FEATURES & {"fma", "neon"}) or _ARM  # without, each multiply-add would be a call
# A tile's sums stay in registers: 32 of 16 numbers with AVX-512, 16 of 8 with AVX2, 32 of 4 on ARM.
TILE_ROWS, TILE_COLUMNS = (8, 32) if "avx512f" in _FEATURES else (6, 16)


def allocate_huge_pages(shape: Sequence[int]) -> Any:
    """Zeros in fp32, in pages of 2 MB where the system has them."""
    size = int(np.prod(shape))
    memory = mmap.mmap(-1, max(1, size) * 4, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel built without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.float32, size).reshape(shape)


def _element_pointer(builder: Any, address: Any, index: Any, pointee: Any = F32) -> Any:
    """A pointer to number `index` from an address."""
    return builder.bitcast(
        builder.gep(builder.inttoptr(address, F32.as_pointer()), [index]), pointee.as_pointer()
    )


def _const_i64(value: int) -> Any:
    return ir.Constant(I64, value)


def _broadcast_scalar(builder: Any, scalar: Any) -> Any:
    vector = builder.insert_element(ir.Constant(VECTOR, ir.Undefined), scalar, ir.Constant(I32, 0))
    return builder.shuffle_vector(
        vector, vector, ir.Constant(ir.VectorType(I32, LANES), [0] * LANES)
    )


def _declare_function(builder: Any, name: str, return_type: Any, argument_types: list[Any]) -> Any:
    """A function of LLVM's or of the C library's."""
    return builder.module.globals.get(name) or ir.Function(
        builder.module, ir.FunctionType(return_type, argument_types), name
    )


def _multiply_add(builder: Any, x: Any, y: Any, z: Any) -> Any:
    return builder.call(
        _declare_function(builder, f"llvm.fma.v{LANES}f32", VECTOR, [VECTOR] * 3), [x, y, z]
    )


def _prefetch_line(builder: Any, address: Any) -> None:
    function = _declare_function(
        builder, "llvm.prefetch.p0i8", ir.VoidType(), [I8.as_pointer(), I32, I32, I32]
    )
    read, second_level, data = (ir.Constant(I32, number) for number in (0, 2, 1))
    builder.call(function, [builder.inttoptr(address, I8.as_pointer()), read, second_level, data])


def _emit_loop(
    builder: Any, count: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]
) -> list[Any]:
    """`carried` after body(i, carried) for i in 0 .. count - 1."""
    entry_block = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("head", "inside", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    i = builder.phi(I64)
    phis = [builder.phi(value.type) for value in carried]
    builder.cbranch(builder.icmp_signed("<", i, count), inside, after)
    builder.position_at_end(inside)
    results = body(i, phis)
    step = builder.add(i, _const_i64(1))
    for phi, first, later in zip(
        [i, *phis], [_const_i64(0), *carried], [step, *results], strict=True
    ):
        phi.add_incoming(first, entry_block)
        phi.add_incoming(later, builder.block)
    builder.branch(head)
    builder.position_at_end(after)
    return phis


@intrinsic  # type: ignore[untyped-decorator]
def multiply_tile(typing: Any, a: Any, b: Any, k: Any, c: Any, ahead: Any, hop: Any) -> Any:
    """c += a @ b for a (ROWS, k) and c (ROWS, COLUMNS), each a pair of address and row stride, and b (k, COLUMNS).

    Meanwhile k lines of memory, `hop` bytes apart, are fetched from `ahead` on.
    """

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a_pair, weights, k, c_pair, ahead, hop = args
        (a, lda), (c, ldc) = (
            [builder.extract_value(pair, field) for field in (0, 1)] for pair in (a_pair, c_pair)
        )
        vectors_per_row = TILE_COLUMNS // LANES
        rows = [builder.add(a, builder.mul(lda, _const_i64(4 * row))) for row in range(TILE_ROWS)]
        targets = [
            _element_pointer(
                builder,
                c,
                builder.add(builder.mul(ldc, _const_i64(row)), _const_i64(LANES * vector)),
                VECTOR,
            )
            for row in range(TILE_ROWS)
            for vector in range(vectors_per_row)
        ]

        def accumulate_row(i: Any, sums: list[Any]) -> list[Any]:
            offset = builder.mul(i, _const_i64(TILE_COLUMNS))
            b_row = [
                builder.load(
                    _element_pointer(
                        builder, weights, builder.add(offset, _const_i64(LANES * vector)), VECTOR
                    ),
                    align=4,
                )
                for vector in range(vectors_per_row)
            ]
            _prefetch_line(builder, builder.add(ahead, builder.mul(i, hop)))
            updated = []
            for row in range(TILE_ROWS):
                broadcast = _broadcast_scalar(
                    builder, builder.load(_element_pointer(builder, rows[row], i), align=4)
                )
                updated += [
                    _multiply_add(
                        builder, broadcast, b_row[vector], sums[row * vectors_per_row + vector]
                    )
                    for vector in range(vectors_per_row)
                ]
            return updated

        zeros = [
            ir.Constant(VECTOR, [0.0] * LANES) for _ in targets
        ]  # c comes last: a large one would round each step
        for target, total in zip(
            targets, _emit_loop(builder, k, zeros, accumulate_row), strict=True
        ):
            builder.store(builder.fadd(total, builder.load(target, align=4)), target, align=4)
        return context.get_dummy_value()

    pair = types.UniTuple(types.int64, 2)  # type: ignore[no-untyped-call]
    return types.void(pair, types.int64, types.int64, pair, types.int64, types.int64), emit_ir


@intrinsic_with_literals  # type: ignore[untyped-decorator]
def dot_keys(
    typing: Any, width: Any, q: Any, keys: Any, key_blocks: Any, out: Any, ahead: Any
) -> Any:
    """Scalar products of q (width,) with each of keys (LANES * blocks, width), to `out`; width is a literal.

    Meanwhile as much memory as the keys take is fetched from `ahead` on.
    """
    key_width = width.literal_value

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, q, keys, key_blocks, out, ahead = args
        parts = [
            builder.load(_element_pointer(builder, q, _const_i64(LANES * part), VECTOR), align=4)
            for part in range(key_width // LANES)
        ]

        def dot_one_block(i: Any, _: list[Any]) -> list[Any]:
            first = builder.mul(i, _const_i64(LANES * key_width))
            sums = []
            for key in range(LANES):
                total = ir.Constant(VECTOR, [0.0] * LANES)
                for part, left in enumerate(parts):
                    offset = builder.add(first, _const_i64(key * key_width + LANES * part))
                    _prefetch_line(builder, builder.add(ahead, builder.mul(offset, _const_i64(4))))
                    total = _multiply_add(
                        builder,
                        left,
                        builder.load(_element_pointer(builder, keys, offset, VECTOR), align=4),
                        total,
                    )
                sums.append(total)
            builder.store(
                _sum_each_vector(builder, sums),
                _element_pointer(builder, out, builder.mul(i, _const_i64(LANES)), VECTOR),
                align=4,
            )
            return []

        _emit_loop(builder, key_blocks, [], dot_one_block)
        return context.get_dummy_value()

    return types.void(width, *[types.int64] * 5), emit_ir


def _sum_each_vector(builder: Any, vectors: list[Any]) -> Any:
    """The sum of each of 16 vectors of 16, as one vector: 4 times, a half is added to the other in half as many."""
    half = LANES // 2
    kind = ir.VectorType(I32, LANES)
    while half:
        groups = range(0, LANES, 2 * half)
        lower = [side + group + i for group in groups for side in (0, LANES) for i in range(half)]
        masks = [ir.Constant(kind, lower), ir.Constant(kind, [index + half for index in lower])]
        pairs = zip(vectors[: len(vectors) // 2], vectors[len(vectors) // 2 :], strict=True)
        vectors = [
            builder.fadd(*(builder.shuffle_vector(x, y, mask) for mask in masks)) for x, y in pairs
        ]
        half //= 2
    return vectors[0]


@intrinsic_with_literals  # type: ignore[untyped-decorator]
def weighted_sum(
    typing: Any, width: Any, weights: Any, values: Any, count: Any, scale: Any, out: Any, ahead: Any
) -> Any:
    """Sum of values (count, width), each times its share and fp32 `by`, to `out`; width is a literal.

    Meanwhile as much memory as the values take is fetched from `ahead` on.
    """
    value_width = width.literal_value

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, weights, values, count, scale, out, ahead = args
        parts = range(value_width // LANES)

        def add_one_value(i: Any, sums: list[Any]) -> list[Any]:
            weight, first = (
                _broadcast_scalar(
                    builder, builder.load(_element_pointer(builder, weights, i), align=4)
                ),
                builder.mul(i, _const_i64(value_width)),
            )
            updated = []
            for part in parts:
                offset = builder.add(first, _const_i64(LANES * part))
                _prefetch_line(builder, builder.add(ahead, builder.mul(offset, _const_i64(4))))
                updated.append(
                    _multiply_add(
                        builder,
                        weight,
                        builder.load(_element_pointer(builder, values, offset, VECTOR), align=4),
                        sums[part],
                    )
                )
            return updated

        zero = ir.Constant(VECTOR, [0.0] * LANES)
        for part, total in zip(
            parts, _emit_loop(builder, count, [zero for _ in parts], add_one_value), strict=True
        ):
            builder.store(
                builder.fmul(total, _broadcast_scalar(builder, scale)),
                _element_pointer(builder, out, _const_i64(LANES * part), VECTOR),
                align=4,
            )
        return context.get_dummy_value()

    return types.void(width, *[types.int64] * 3, types.float32, *[types.int64] * 2), emit_ir


@intrinsic  # type: ignore[untyped-decorator]
def load_f32(typing: Any, address: Any, index: Any) -> Any:
    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(_element_pointer(builder, *args), align=4)

    return types.float32(types.int64, types.int64), emit_ir


@intrinsic  # type: ignore[untyped-decorator]
def store_f32(typing: Any, address: Any, index: Any, value: Any) -> Any:
    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[2], _element_pointer(builder, *args[:2]), align=4)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.float32), emit_ir


SPINS_BEFORE_YIELD = 2000  # looks at the others before the processor is offered to somebody else: some 50 microseconds


@intrinsic  # type: ignore[untyped-decorator]
def wait_for_threads(typing: Any, counter: Any, goal: Any) -> Any:
    """Add one to the int64 at an address and wait until it is `goal`: until all threads are here."""

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], I64.as_pointer())
        builder.atomic_rmw("add", pointer, _const_i64(1), "seq_cst")
        entry_block = builder.block
        head, inside, yielding, retry, after = (
            builder.append_basic_block(name)
            for name in ("head", "inside", "tired", "again", "after")
        )
        builder.branch(head)
        builder.position_at_end(head)
        spins = builder.phi(I64)
        builder.cbranch(
            builder.icmp_signed("<", builder.load_atomic(pointer, "acquire", 8), args[1]),
            inside,
            after,
        )
        builder.position_at_end(inside)
        if _ARM:
            builder.call(
                _declare_function(builder, "llvm.aarch64.hint", ir.VoidType(), [I32]),
                [ir.Constant(I32, 1)],
            )  # yield
        else:
            builder.call(_declare_function(builder, "llvm.x86.sse2.pause", ir.VoidType(), []), [])
        builder.cbranch(
            builder.icmp_signed(">", spins, _const_i64(SPINS_BEFORE_YIELD)), yielding, retry
        )
        builder.position_at_end(yielding)
        builder.call(_declare_function(builder, "sched_yield", I32, []), [])
        builder.branch(retry)
        builder.position_at_end(retry)
        spins.add_incoming(_const_i64(0), entry_block)
        spins.add_incoming(builder.add(spins, _const_i64(1)), retry)
        builder.branch(head)
        builder.position_at_end(after)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), emit_ir
