"""SIMD building blocks that numba lacks: a tile of a matrix product, scalar products, barriers.

In and out: int64 addresses of fp32 numbers; strides and counts are in numbers, not bytes. Nothing
checks bounds. They are built from LLVM's instructions, because numba does not keep nested loops in
16-wide registers. A row's result never depends on how many rows there are: each number is summed
over k in order. Memory is prefetched: with AVX-512 that, together with pages of 2 MB, raised what
one core reads from 7 to 12 GB/s. A trap: numba's on-disk cache of a kernel does not notice a change
in this file. Imported only inside functions. Not covered: other types than fp32.
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
    """fp32 zeros of this shape, in pages of 2 MB where the system has them.

    Fewer pages mean fewer misses of the address cache while weights are streamed.
    """
    size = int(np.prod(shape))
    memory = mmap.mmap(-1, max(1, size) * 4, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_HUGEPAGE"):
        with contextlib.suppress(OSError):  # a kernel built without them
            memory.madvise(mmap.MADV_HUGEPAGE)
    return np.frombuffer(memory, np.float32, size).reshape(shape)


def _element_pointer(builder: Any, address: Any, index: Any, pointee: Any = F32) -> Any:
    """A pointer to the fp32 number with this index, counted from an address."""
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


def _load_vector(builder: Any, address: Any, index: Any) -> Any:
    """LANES numbers from this index on; their address need not be aligned to the vector."""
    return builder.load(_element_pointer(builder, address, index, VECTOR), align=4)


def _broadcast_element(builder: Any, address: Any, index: Any) -> Any:
    """One number of an array in all lanes."""
    return _broadcast_scalar(
        builder, builder.load(_element_pointer(builder, address, index), align=4)
    )


def _declare_function(builder: Any, name: str, return_type: Any, argument_types: list[Any]) -> Any:
    """An LLVM intrinsic or a function of the C library; declared once per module."""
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
    # Arguments of llvm.prefetch: for reading, into the second-level cache, data.
    read, second_level, data = (ir.Constant(I32, flag) for flag in (0, 2, 1))
    builder.call(function, [builder.inttoptr(address, I8.as_pointer()), read, second_level, data])


def _emit_loop(
    builder: Any, count: Any, carried: list[Any], body: Callable[[Any, list[Any]], list[Any]]
) -> list[Any]:
    """Emit a loop over i = 0 ... count - 1.

    Args:
        builder: where to emit.
        count: int64.
        carried: values at the start.
        body: emits an iteration; from i and the carried values to the next ones.

    Returns:
        The carried values at the end.
    """
    entry_block = builder.block
    head, inside, after = (builder.append_basic_block(name) for name in ("head", "inside", "after"))
    builder.branch(head)
    builder.position_at_end(head)
    # The values at the start of an iteration come from the entry or from the iteration before.
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
    """c += a @ b for one tile, whose sums stay in registers.

    Args:
        a: (TILE_ROWS, k), as a pair of address and row stride.
        b: (k, TILE_COLUMNS), contiguous.
        k: the length of the sums.
        c: (TILE_ROWS, TILE_COLUMNS), as a pair of address and row stride.
        ahead: address from which k cache lines are prefetched meanwhile.
        hop: bytes between those lines.
    """

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        a_pair, weights, k, c_pair, ahead, hop = args
        (a, lda), (c, ldc) = (
            [builder.extract_value(pair, field) for field in (0, 1)] for pair in (a_pair, c_pair)
        )
        vectors_per_row = TILE_COLUMNS // LANES
        rows = [builder.add(a, builder.mul(lda, _const_i64(4 * row))) for row in range(TILE_ROWS)]
        targets = []
        for row in range(TILE_ROWS):
            for vector in range(vectors_per_row):
                offset = builder.add(builder.mul(ldc, _const_i64(row)), _const_i64(LANES * vector))
                targets.append(_element_pointer(builder, c, offset, VECTOR))

        def accumulate_row(i: Any, sums: list[Any]) -> list[Any]:
            offset = builder.mul(i, _const_i64(TILE_COLUMNS))
            b_row = []
            for vector in range(vectors_per_row):
                column = builder.add(offset, _const_i64(LANES * vector))
                b_row.append(_load_vector(builder, weights, column))
            _prefetch_line(builder, builder.add(ahead, builder.mul(i, hop)))
            updated = []
            for row in range(TILE_ROWS):
                broadcast = _broadcast_element(builder, rows[row], i)
                row_sums = sums[row * vectors_per_row : (row + 1) * vectors_per_row]
                for b_vector, total in zip(b_row, row_sums, strict=True):
                    updated.append(_multiply_add(builder, broadcast, b_vector, total))
            return updated

        # c is added last: added first, a large one would make every step round more.
        zeros = [ir.Constant(VECTOR, [0.0] * LANES) for _ in targets]
        sums = _emit_loop(builder, k, zeros, accumulate_row)
        for target, total in zip(targets, sums, strict=True):
            builder.store(builder.fadd(total, builder.load(target, align=4)), target, align=4)
        return context.get_dummy_value()

    pair = types.UniTuple(types.int64, 2)  # type: ignore[no-untyped-call]
    return types.void(pair, types.int64, types.int64, pair, types.int64, types.int64), emit_ir


@intrinsic_with_literals  # type: ignore[untyped-decorator]
def dot_keys(
    typing: Any, width: Any, q: Any, keys: Any, key_blocks: Any, out: Any, ahead: Any
) -> Any:
    """Scalar products of a query with each key.

    Args:
        width: dimensions of a head, a literal and a multiple of LANES.
        q: (width,).
        keys: (LANES * key_blocks, width).
        key_blocks: how many times LANES keys.
        out: (LANES * key_blocks,), is written.
        ahead: address from which as much memory as the keys take is prefetched meanwhile.
    """
    key_width = width.literal_value

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, q, keys, key_blocks, out, ahead = args
        query_parts = [
            _load_vector(builder, q, _const_i64(LANES * part)) for part in range(key_width // LANES)
        ]

        def dot_one_block(i: Any, _: list[Any]) -> list[Any]:
            first = builder.mul(i, _const_i64(LANES * key_width))
            sums = []
            for key in range(LANES):
                total = ir.Constant(VECTOR, [0.0] * LANES)
                for part, query_part in enumerate(query_parts):
                    offset = builder.add(first, _const_i64(key * key_width + LANES * part))
                    _prefetch_line(builder, builder.add(ahead, builder.mul(offset, _const_i64(4))))
                    key_part = _load_vector(builder, keys, offset)
                    total = _multiply_add(builder, query_part, key_part, total)
                sums.append(total)
            target = _element_pointer(builder, out, builder.mul(i, _const_i64(LANES)), VECTOR)
            builder.store(_sum_each_vector(builder, sums), target, align=4)
            return []

        _emit_loop(builder, key_blocks, [], dot_one_block)
        return context.get_dummy_value()

    return types.void(width, *[types.int64] * 5), emit_ir


def _sum_each_vector(builder: Any, vectors: list[Any]) -> Any:
    """The sum of each of 16 vectors of 16, as one vector.

    In 4 rounds: two vectors become one, which holds sums of pairs of both.
    """
    half = LANES // 2
    kind = ir.VectorType(I32, LANES)
    while half:
        lower: list[int] = []
        for group in range(0, LANES, 2 * half):
            lower += range(group, group + half)  # of the first vector
            lower += range(LANES + group, LANES + group + half)  # of the second
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
    """Sum of values, each times its weight, times `scale`.

    Args:
        width: dimensions of a head, a literal and a multiple of LANES.
        weights: (count,).
        values: (count, width).
        count: how many values.
        scale: an fp32 number.
        out: (width,), is written.
        ahead: address from which as much memory as the values take is prefetched meanwhile.
    """
    value_width = width.literal_value

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        _, weights, values, count, scale, out, ahead = args
        parts = range(value_width // LANES)

        def add_one_value(i: Any, sums: list[Any]) -> list[Any]:
            weight = _broadcast_element(builder, weights, i)
            first = builder.mul(i, _const_i64(value_width))
            updated = []
            for part in parts:
                offset = builder.add(first, _const_i64(LANES * part))
                _prefetch_line(builder, builder.add(ahead, builder.mul(offset, _const_i64(4))))
                value_part = _load_vector(builder, values, offset)
                updated.append(_multiply_add(builder, weight, value_part, sums[part]))
            return updated

        zeros = [ir.Constant(VECTOR, [0.0] * LANES) for _ in parts]
        sums = _emit_loop(builder, count, zeros, add_one_value)
        for part, total in zip(parts, sums, strict=True):
            scaled = builder.fmul(total, _broadcast_scalar(builder, scale))
            target = _element_pointer(builder, out, _const_i64(LANES * part), VECTOR)
            builder.store(scaled, target, align=4)
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


# Reads of the counter before a waiting thread yields the processor: about 50 microseconds.
SPINS_BEFORE_YIELD = 2000


@intrinsic  # type: ignore[untyped-decorator]
def wait_for_threads(typing: Any, counter: Any, goal: Any) -> Any:
    """A barrier: add one to the int64 at an address and wait until it reaches `goal`."""

    def emit_ir(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        pointer = builder.inttoptr(args[0], I64.as_pointer())
        # Sequentially consistent: what this thread wrote is visible to those that leave.
        builder.atomic_rmw("add", pointer, _const_i64(1), "seq_cst")
        entry_block = builder.block
        head, inside, yielding, retry, after = (
            builder.append_basic_block(name)
            for name in ("head", "inside", "yielding", "retry", "after")
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
