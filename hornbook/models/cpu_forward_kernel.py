"""The kernel of the CPU inference engine, compiled by numba; cpu_forward.py calls it.

In: a model's KernelWeights, and a KernelBatch with rows and buffers. Out: logits, and keys and
values in the cache. Every thread runs the same code: it computes its own columns of each matrix
product and its own heads of attention, and waits for the others four times per layer. Arrays are
raw addresses for the reason that pretokenize.py gives; jit/simd.py has the vector code. Not
covered: bounds checks. Imported only inside functions.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from hornbook.jit.bf16 import FASTMATH_FLAGS, f32, fast_exp, fast_max
from hornbook.jit.bf16_kernels import GELU_CUBIC, GELU_SCALE
from hornbook.jit.pointers import compile_helper, get64
from hornbook.jit.simd import (
    LANES,
    TILE_COLUMNS,
    TILE_ROWS,
    dot_keys,
    load_f32,
    multiply_tile,
    store_f32,
    wait_for_threads,
    weighted_sum,
)
from hornbook.models.fused import NORM_EPS

# Products of a sum at a time: this part of a panel stays in the first-level cache, and short sums
# have smaller rounding errors.
DEPTH_BLOCK = 128


class KernelWeights(NamedTuple):
    """A model. From `embedding` on, addresses of fp32 arrays; D is `head`, C is `width`.

    Matrices are in panels (columns / TILE_COLUMNS, rows, TILE_COLUMNS).
    """

    layers: int
    width: int
    heads: int
    head: int  # dimensions of a head
    half: int  # half of its rotated dimensions
    vocab: int  # columns of the head's product: a multiple of TILE_COLUMNS
    embedding: int  # (V, C)
    cos: int  # (T, half)
    sin: int
    scale: int  # (layers + 1, C): weights of the LayerNorms, the last is the final one
    shift: int  # their biases
    in_weights: int  # per layer, C to 7 C: q, k, v and fc1
    in_bias: int
    out_weights: int  # per layer, 5 C to C: dense and fc2
    out_bias: int
    head_weights: int  # C to V
    head_bias: int


class KernelBatch(NamedTuple):
    """The rows of a call, the cache and the buffers. Addresses, except the first four."""

    rows: int
    logit_rows: int  # the first rows, for which logits are computed
    length: int  # tokens of a slot in the cache
    slots: int
    slot: int  # int64 per row
    position: int  # int64 per row
    token: int  # int64 per row
    keys: int  # (layers, slots, heads, length, D)
    values: int
    x: int  # (rows, C): the residual stream
    normed: int  # (rows, C)
    qkv: int  # (rows, 3 C)
    branches: int  # (rows, 5 C): outputs of attention, then activations of the MLP
    scores: int  # (threads, length + LANES)
    logits: int  # (logit_rows, V)
    counter: int  # int64, 0 at the start: the threads' barrier


def compile_inner(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that only the kernel calls."""
    return compile_helper(function, nogil=True, error_model="numpy", fastmath=FASTMATH_FLAGS)


@compile_inner
def _embed_rows(thread: int, threads: int, m: Any, w: Any) -> None:
    """Look up this thread's rows of the embedding; rows that fill up the last tile get zeros."""
    for row in range(thread, (w.rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS, threads):
        dst = w.x + row * m.width * 4
        if row < w.rows:
            source = m.embedding + get64(w.token, row) * m.width * 4
            for i in range(m.width):
                store_f32(dst, i, load_f32(source, i))
        else:
            for i in range(m.width):
                store_f32(dst, i, f32(0))


@compile_inner
def _normalise_rows(thread: int, threads: int, m: Any, w: Any, rows: int, layer: int) -> None:
    """LayerNorm of this thread's rows."""
    scale, shift = m.scale + layer * m.width * 4, m.shift + layer * m.width * 4
    for row in range(thread, rows, threads):
        x, dst = w.x + row * m.width * 4, w.normed + row * m.width * 4
        total, square = f32(0), f32(0)
        for i in range(m.width):
            total += load_f32(x, i)
        mean = total / f32(m.width)
        for i in range(m.width):
            square += (load_f32(x, i) - mean) * (load_f32(x, i) - mean)
        inv_std = f32(1) / np.sqrt(square / f32(m.width) + f32(NORM_EPS))
        for i in range(m.width):
            store_f32(
                dst, i, (load_f32(x, i) - mean) * inv_std * load_f32(scale, i) + load_f32(shift, i)
            )


@compile_inner
def _multiply_panel(a: int, k: int, rows: int, panel: int, c: int, stride: int) -> None:
    """c (rows, TILE_COLUMNS) += a (rows, k) @ panel (k, TILE_COLUMNS).

    k is computed in pieces of DEPTH_BLOCK; meanwhile the next piece of the panel is prefetched, a
    part of it with each tile.
    """
    tiles = (rows + TILE_ROWS - 1) // TILE_ROWS
    hop = TILE_COLUMNS * 4 // max(tiles, 1)
    for first in range(0, k, DEPTH_BLOCK):
        depth = min(DEPTH_BLOCK, k - first)
        weights = panel + first * TILE_COLUMNS * 4
        ahead = weights + depth * TILE_COLUMNS * 4
        for tile_index in range(tiles):
            left = a + (tile_index * TILE_ROWS * k + first) * 4
            multiply_tile(
                (left, k),
                weights,
                depth,
                (c + tile_index * TILE_ROWS * stride * 4, stride),
                ahead + tile_index * depth * hop,
                hop,
            )


@compile_inner
def _fill_bias(c: int, stride: int, rows: int, bias: int) -> None:
    """Write the bias to each row of c (rows, TILE_COLUMNS), up to a whole tile."""
    for row in range((rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS):
        for i in range(TILE_COLUMNS):
            store_f32(c + row * stride * 4, i, load_f32(bias, i))


@compile_inner
def _apply_gelu(c: int, stride: int, rows: int) -> None:
    """tanh-GELU of c (rows, TILE_COLUMNS) in place."""
    for row in range(rows):
        dst = c + row * stride * 4
        for i in range(TILE_COLUMNS):
            x = load_f32(dst, i)
            store_f32(dst, i, x / (f32(1) + fast_exp(-GELU_SCALE * (x + GELU_CUBIC * x * x * x))))


@compile_inner
def _in_projection(thread: int, threads: int, m: Any, w: Any, layer: int, rows: int) -> None:
    """This thread's panels of q, k and v of all rows, and of gelu(fc1) of the first `rows` rows."""
    panels, width = 7 * m.width // TILE_COLUMNS, m.width
    for panel in range(panels * thread // threads, panels * (thread + 1) // threads):
        column = panel * TILE_COLUMNS
        is_mlp = column >= 3 * width
        c = w.branches + (column - 2 * width) * 4 if is_mlp else w.qkv + column * 4
        stride, row_count = (5 * width, rows) if is_mlp else (3 * width, w.rows)
        _fill_bias(c, stride, row_count, m.in_bias + (layer * 7 * width + column) * 4)
        weights = m.in_weights + (layer * panels + panel) * width * TILE_COLUMNS * 4
        _multiply_panel(w.normed, width, row_count, weights, c, stride)
        if is_mlp:
            _apply_gelu(c, stride, row_count)


@compile_inner
def _out_projection(thread: int, threads: int, m: Any, w: Any, layer: int, rows: int) -> None:
    """x += biases + dense(attention) + fc2(mlp), which is one product; this thread's panels."""
    panels, width = m.width // TILE_COLUMNS, m.width
    for panel in range(panels * thread // threads, panels * (thread + 1) // threads):
        column = panel * TILE_COLUMNS
        for row in range(rows):
            x = w.x + (row * width + column) * 4
            for i in range(TILE_COLUMNS):
                store_f32(x, i, load_f32(x, i) + load_f32(m.out_bias, layer * width + column + i))
        weights = m.out_weights + (layer * panels + panel) * 5 * width * TILE_COLUMNS * 4
        _multiply_panel(w.branches, 5 * width, rows, weights, w.x + column * 4, width)


@compile_inner
def _head_projection(thread: int, threads: int, m: Any, w: Any) -> None:
    """This thread's panels of the logits."""
    panels = m.vocab // TILE_COLUMNS
    for panel in range(panels * thread // threads, panels * (thread + 1) // threads):
        column = panel * TILE_COLUMNS
        _fill_bias(w.logits + column * 4, m.vocab, w.logit_rows, m.head_bias + column * 4)
        weights = m.head_weights + panel * m.width * TILE_COLUMNS * 4
        _multiply_panel(w.normed, m.width, w.logit_rows, weights, w.logits + column * 4, m.vocab)


@compile_inner
def _rotate_head(m: Any, source: int, position: int, dst: int, factor: Any) -> None:
    """Write a head's q or k to `dst`, rotated by its position and multiplied by `factor`."""
    cos, sin = m.cos + position * m.half * 4, m.sin + position * m.half * 4
    for i in range(m.half):
        x, y = load_f32(source, i), load_f32(source, m.half + i)
        store_f32(dst, i, (x * load_f32(cos, i) - y * load_f32(sin, i)) * factor)
        store_f32(dst, m.half + i, (y * load_f32(cos, i) + x * load_f32(sin, i)) * factor)
    for i in range(2 * m.half, m.head):
        store_f32(dst, i, load_f32(source, i) * factor)


@compile_inner
def _cache_offset(m: Any, w: Any, layer: int, lane: int, position: int) -> Any:
    """Offset in bytes of a key in the cache; a lane is a head of a slot."""
    return ((layer * w.slots * m.heads + lane) * w.length + position) * m.head * 4


@compile_inner
def _store_keys_values(thread: int, threads: int, m: Any, w: Any, layer: int) -> None:
    """Write the keys and values of this thread's heads, for all rows, to the cache."""
    for row in range(w.rows):
        position = get64(w.position, row)
        for head in range(m.heads):
            lane = get64(w.slot, row) * m.heads + head
            if lane % threads == thread:
                row_qkv = w.qkv + (row * 3 * m.width + head * m.head) * 4
                offset = _cache_offset(m, w, layer, lane, position)
                _rotate_head(m, row_qkv + m.width * 4, position, w.keys + offset, f32(1))
                for i in range(m.head):
                    store_f32(w.values + offset, i, load_f32(row_qkv, 2 * m.width + i))


@compile_inner
def _lane_of_item(m: Any, w: Any, rows: int, item: int) -> Any:
    """The lane of item head * rows + row."""
    return get64(w.slot, item % rows) * m.heads + item // rows


@compile_inner
def _next_item(thread: int, threads: int, m: Any, w: Any, rows: int, item: int) -> int:
    """The first item from this one on whose lane belongs to this thread."""
    while item < rows * m.heads and _lane_of_item(m, w, rows, item) % threads != thread:
        item += 1
    return item


@compile_inner
def _exp_scores(scores: int, length: int) -> Any:
    """exp(score - largest score) in place; returns their sum."""
    largest, total = f32(-3e38), f32(0)
    for t in range(length):
        largest = fast_max(load_f32(scores, t), largest)
    for t in range(length):
        e = fast_exp(load_f32(scores, t) - largest)
        store_f32(scores, t, e)
        total += e
    return total


@cache
def _compile_attention(width: int) -> Callable[..., None]:
    """Attention for heads of this width."""

    @compile_inner
    def attend(thread: int, threads: int, m: Any, w: Any, layer: int, rows: int) -> None:
        """Attention of this thread's heads for the first `rows` rows."""
        scores = w.scores + thread * (w.length + LANES) * 4
        item = _next_item(thread, threads, m, w, rows, 0)
        keys_offset = _cache_offset(m, w, layer, _lane_of_item(m, w, rows, item), 0)
        while item < rows * m.heads:
            row, head = item % rows, item // rows
            length = get64(w.position, row) + 1
            item = _next_item(thread, threads, m, w, rows, item + 1)
            next_offset = _cache_offset(m, w, layer, _lane_of_item(m, w, rows, item), 0)
            q = w.qkv + (row * 3 * m.width + head * width) * 4
            _rotate_head(m, q, length - 1, q, f32(width**-0.5))
            blocks = (length + LANES - 1) // LANES
            # While keys are read, the values are prefetched; while these are read, the next keys.
            dot_keys(width, q, w.keys + keys_offset, blocks, scores, w.values + keys_offset)
            total = _exp_scores(scores, length)
            dst = w.branches + (row * 5 * m.width + head * width) * 4
            values, inverse = w.values + keys_offset, f32(1) / total
            weighted_sum(width, scores, values, length, inverse, dst, w.keys + next_offset)
            keys_offset = next_offset

    compiled: Callable[..., None] = attend
    return compiled


@cache
def compile_forward(width: int) -> Callable[..., None]:
    """The kernel for heads of this width.

    It is compiled for the width: LLVM keeps arrays in registers only if it knows their size.

    Returns:
        A function of the thread, the number of threads, a KernelWeights and a KernelBatch, both as
        plain tuples: numba asks Python for the type of others, which is slow, and fails where two
        threads do it.
    """
    attend = _compile_attention(width)

    @njit(nogil=True, cache=True, error_model="numpy", fastmath=FASTMATH_FLAGS)
    def forward(thread: int, threads: int, weights: Any, batch: Any) -> None:
        """This thread's part of a forward pass."""
        m, w = KernelWeights(*weights), KernelBatch(*batch)
        arrivals = 0  # how often all threads together have reached a barrier
        _embed_rows(thread, threads, m, w)
        for layer in range(m.layers + 1):
            # The last layer computes keys and values for all rows, the rest for rows with logits.
            rows = w.rows if layer < m.layers - 1 else w.logit_rows
            arrivals += threads
            wait_for_threads(w.counter, arrivals)
            _normalise_rows(thread, threads, m, w, w.rows if layer < m.layers else rows, layer)
            arrivals += threads
            wait_for_threads(w.counter, arrivals)
            if layer == m.layers:
                _head_projection(thread, threads, m, w)
                return
            _in_projection(thread, threads, m, w, layer, rows)
            arrivals += threads
            wait_for_threads(w.counter, arrivals)
            _store_keys_values(thread, threads, m, w, layer)
            attend(thread, threads, m, w, layer, rows)
            arrivals += threads
            wait_for_threads(w.counter, arrivals)
            _out_projection(thread, threads, m, w, layer, rows)

    kernel: Callable[..., None] = forward
    return kernel
