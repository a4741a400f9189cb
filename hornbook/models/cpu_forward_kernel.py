"""What a thread does of reading rows through a phi's layers, compiled by numba; reading.py calls it.

In: a model's Weights, and Rows with room to work. Out: logits of the wanted rows, keys and values
in the cache. A thread makes its own columns of a product and its own heads of attention, and meets
the others four times a layer. Arrays are bare addresses here, as in train/bpe_kernel.py and for its
reason; vectors.py has the wide instructions. Imported only inside functions.
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

# Of a sum's products at a time: a panel's part stays in the first cache, and sums of few numbers
# are rounded less.
DEPTH_BLOCK = 128


class KernelWeights(NamedTuple):
    """A model. Addresses of fp32 from `embedding` on; matrices lie in panels (columns / COLUMNS, rows, COLUMNS)."""

    layers: int
    width: int
    heads: int
    head: int  # dimensions of one
    half: int  # of those that are rotated
    vocab: int  # columns of the last product: a multiple of COLUMNS
    embedding: int  # (V, C)
    cos: int  # (T, half)
    sin: int
    scale: int  # (layers + 1, C): the LayerNorms'; the last is the final one
    shift: int
    into: int  # a layer: q, k, v and the MLP's inside, C to 7 C
    into_bias: int
    out: int  # a layer: attention and the MLP's inside, 5 C to C
    out_bias: int
    top: int  # C to V
    top_bias: int


class KernelBatch(NamedTuple):
    """What is read now, where it goes, and room to work. Addresses but for the first four."""

    rows: int
    wanted: int  # the first so many rows want logits
    length: int  # tokens of a slot's cache
    slots: int
    place: int  # int64: a row's slot
    position: int  # int64
    token: int  # int64
    keys: int  # (layers, slots, heads, length, D)
    values: int
    x: int  # (rows, C): between layers
    normed: int  # (rows, C)
    qkv: int  # (rows, 3 C)
    both: int  # (rows, 5 C): what attention mixed, and the MLP's inside
    scores: int  # (threads, length and LANES)
    logits: int  # (wanted, V)
    counter: int  # int64, 0: what threads meet by


def compile_inner(function: Callable[..., Any]) -> Callable[..., Any]:
    return compile_helper(function, nogil=True, error_model="numpy", fastmath=FASTMATH_FLAGS)


@compile_inner
def _embed_rows(thread: int, threads: int, m: Any, w: Any) -> None:
    """Rows of the embedding; zeros behind the last, up to a whole tile."""
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
    """c (rows, COLUMNS) += a (rows, k) @ panel (k, COLUMNS), DEEP of k at a time.

    Meanwhile the next DEEP rows of weights are fetched, a part of them with each tile.
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
    for row in range((rows + TILE_ROWS - 1) // TILE_ROWS * TILE_ROWS):
        for i in range(TILE_COLUMNS):
            store_f32(c + row * stride * 4, i, load_f32(bias, i))


@compile_inner
def _apply_gelu(c: int, stride: int, rows: int) -> None:
    for row in range(rows):
        dst = c + row * stride * 4
        for i in range(TILE_COLUMNS):
            x = load_f32(dst, i)
            store_f32(dst, i, x / (f32(1) + fast_exp(-GELU_SCALE * (x + GELU_CUBIC * x * x * x))))


@compile_inner
def _in_projection(thread: int, threads: int, m: Any, w: Any, layer: int, rows: int) -> None:
    """The first product, this thread's panels of it: q, k and v of all rows, the MLP's inside of the first `rows`."""
    panels, width = 7 * m.width // TILE_COLUMNS, m.width
    for panel in range(panels * thread // threads, panels * (thread + 1) // threads):
        column = panel * TILE_COLUMNS
        is_mlp = column >= 3 * width
        c = w.both + (column - 2 * width) * 4 if is_mlp else w.qkv + column * 4
        stride, row_count = (5 * width, rows) if is_mlp else (3 * width, w.rows)
        _fill_bias(c, stride, row_count, m.into_bias + (layer * 7 * width + column) * 4)
        weights = m.into + (layer * panels + panel) * width * TILE_COLUMNS * 4
        _multiply_panel(w.normed, width, row_count, weights, c, stride)
        if is_mlp:
            _apply_gelu(c, stride, row_count)


@compile_inner
def _out_projection(thread: int, threads: int, m: Any, w: Any, layer: int, rows: int) -> None:
    """x += bias + the last product, of attention and MLP together."""
    panels, width = m.width // TILE_COLUMNS, m.width
    for panel in range(panels * thread // threads, panels * (thread + 1) // threads):
        column = panel * TILE_COLUMNS
        for row in range(rows):
            x = w.x + (row * width + column) * 4
            for i in range(TILE_COLUMNS):
                store_f32(x, i, load_f32(x, i) + load_f32(m.out_bias, layer * width + column + i))
        weights = m.out + (layer * panels + panel) * 5 * width * TILE_COLUMNS * 4
        _multiply_panel(w.both, 5 * width, rows, weights, w.x + column * 4, width)


@compile_inner
def _head_projection(thread: int, threads: int, m: Any, w: Any) -> None:
    """Logits of the wanted rows."""
    panels = m.vocab // TILE_COLUMNS
    for panel in range(panels * thread // threads, panels * (thread + 1) // threads):
        column = panel * TILE_COLUMNS
        _fill_bias(w.logits + column * 4, m.vocab, w.wanted, m.top_bias + column * 4)
        weights = m.top + panel * m.width * TILE_COLUMNS * 4
        _multiply_panel(w.normed, m.width, w.wanted, weights, w.logits + column * 4, m.vocab)


@compile_inner
def _rotate_head(m: Any, source: int, position: int, dst: int, factor: Any) -> None:
    """A head's part, its first dimensions rotated by the position, times `by`."""
    cos, sin = m.cos + position * m.half * 4, m.sin + position * m.half * 4
    for i in range(m.half):
        x, y = load_f32(source, i), load_f32(source, m.half + i)
        store_f32(dst, i, (x * load_f32(cos, i) - y * load_f32(sin, i)) * factor)
        store_f32(dst, m.half + i, (y * load_f32(cos, i) + x * load_f32(sin, i)) * factor)
    for i in range(2 * m.half, m.head):
        store_f32(dst, i, load_f32(source, i) * factor)


@compile_inner
def _cache_offset(m: Any, w: Any, layer: int, lane: int, position: int) -> Any:
    """Where a key lies in the cache, less the address of all keys; lanes are slots' heads."""
    return ((layer * w.slots * m.heads + lane) * w.length + position) * m.head * 4


@compile_inner
def _store_keys_values(thread: int, threads: int, m: Any, w: Any, layer: int) -> None:
    """This thread's heads of all rows' keys and values, into the cache."""
    for row in range(w.rows):
        position = get64(w.position, row)
        for head in range(m.heads):
            lane = get64(w.place, row) * m.heads + head
            if lane % threads == thread:
                row_qkv = w.qkv + (row * 3 * m.width + head * m.head) * 4
                offset = _cache_offset(m, w, layer, lane, position)
                _rotate_head(m, row_qkv + m.width * 4, position, w.keys + offset, f32(1))
                for i in range(m.head):
                    store_f32(w.values + offset, i, load_f32(row_qkv, 2 * m.width + i))


@compile_inner
def _lane_of_item(m: Any, w: Any, rows: int, item: int) -> Any:
    """Of a (head, row)."""
    return get64(w.place, item % rows) * m.heads + item // rows


@compile_inner
def _next_item(thread: int, threads: int, m: Any, w: Any, rows: int, item: int) -> int:
    """The next (head, row) of this thread's from `item` on."""
    while item < rows * m.heads and _lane_of_item(m, w, rows, item) % threads != thread:
        item += 1
    return item


@compile_inner
def _exp_scores(scores: int, length: int) -> Any:
    """e to the power of each score less the largest, in place; their sum."""
    largest, total = f32(-3e38), f32(0)
    for t in range(length):
        largest = fast_max(load_f32(scores, t), largest)
    for t in range(length):
        e = fast_exp(load_f32(scores, t) - largest)
        store_f32(scores, t, e)
        total += e
    return total


@cache
def compile_forward(width: int) -> Callable[..., None]:
    """The kernel for heads of that width. Compiled for it: LLVM keeps in registers what it can count."""

    @compile_inner
    def attend(thread: int, threads: int, m: Any, w: Any, layer: int, rows: int) -> None:
        """This thread's heads of the first `rows` rows' attention: while keys are read, the values are fetched."""
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
            dot_keys(
                width,
                q,
                w.keys + keys_offset,
                (length + LANES - 1) // LANES,
                scores,
                w.values + keys_offset,
            )
            total = _exp_scores(scores, length)
            dst = w.both + (row * 5 * m.width + head * width) * 4
            weighted_sum(
                width,
                scores,
                w.values + keys_offset,
                length,
                f32(1) / total,
                dst,
                w.keys + next_offset,
            )
            keys_offset = next_offset

    @njit(nogil=True, cache=True, error_model="numpy", fastmath=FASTMATH_FLAGS)
    def forward(thread: int, threads: int, weights: Any, rows_now: Any) -> None:
        """Thread `me`'s part of reading all rows. The last layer only does what the wanted rows need.

        Weights and Rows come as plain tuples: numba asks Python for the type of others, which is
        slow and fails where two threads do.
        """
        m, w = KernelWeights(*weights), KernelBatch(*rows_now)
        arrivals = 0
        _embed_rows(thread, threads, m, w)
        for layer in range(m.layers + 1):
            rows = w.rows if layer < m.layers - 1 else w.wanted
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
