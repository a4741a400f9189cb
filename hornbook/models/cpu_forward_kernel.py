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

from hornbook.jit.bf16 import CUBE, FLAGS, S, exp, f32, larger
from hornbook.jit.pointers import get64, within
from hornbook.jit.simd import COLUMNS, LANES, ROWS, get, meet, mixture, products, put, tile
from hornbook.models.fused import EPS

# Of a sum's products at a time: a panel's part stays in the first cache, and sums of few numbers
# are rounded less.
DEEP = 128


class Weights(NamedTuple):
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


class Rows(NamedTuple):
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


def inner(function: Callable[..., Any]) -> Callable[..., Any]:
    return within(function, nogil=True, error_model="numpy", fastmath=FLAGS)


@inner
def _embed(me: int, threads: int, m: Any, w: Any) -> None:
    """Rows of the embedding; zeros behind the last, up to a whole tile."""
    for row in range(me, (w.rows + ROWS - 1) // ROWS * ROWS, threads):
        into = w.x + row * m.width * 4
        if row < w.rows:
            source = m.embedding + get64(w.token, row) * m.width * 4
            for i in range(m.width):
                put(into, i, get(source, i))
        else:
            for i in range(m.width):
                put(into, i, f32(0))


@inner
def _norm(me: int, threads: int, m: Any, w: Any, rows: int, layer: int) -> None:
    """LayerNorm of this thread's rows."""
    scale, shift = m.scale + layer * m.width * 4, m.shift + layer * m.width * 4
    for row in range(me, rows, threads):
        x, into = w.x + row * m.width * 4, w.normed + row * m.width * 4
        total, square = f32(0), f32(0)
        for i in range(m.width):
            total += get(x, i)
        mean = total / f32(m.width)
        for i in range(m.width):
            square += (get(x, i) - mean) * (get(x, i) - mean)
        sharp = f32(1) / np.sqrt(square / f32(m.width) + f32(EPS))
        for i in range(m.width):
            put(into, i, (get(x, i) - mean) * sharp * get(scale, i) + get(shift, i))


@inner
def _multiply(a: int, k: int, rows: int, panel: int, c: int, stride: int) -> None:
    """c (rows, COLUMNS) += a (rows, k) @ panel (k, COLUMNS), DEEP of k at a time.

    Meanwhile the next DEEP rows of weights are fetched, a part of them with each tile.
    """
    tiles = (rows + ROWS - 1) // ROWS
    hop = COLUMNS * 4 // max(tiles, 1)
    for first in range(0, k, DEEP):
        deep = min(DEEP, k - first)
        weights = panel + first * COLUMNS * 4
        ahead = weights + deep * COLUMNS * 4
        for at in range(tiles):
            left = a + (at * ROWS * k + first) * 4
            tile(
                (left, k),
                weights,
                deep,
                (c + at * ROWS * stride * 4, stride),
                ahead + at * deep * hop,
                hop,
            )


@inner
def _fill(c: int, stride: int, rows: int, bias: int) -> None:
    for row in range((rows + ROWS - 1) // ROWS * ROWS):
        for i in range(COLUMNS):
            put(c + row * stride * 4, i, get(bias, i))


@inner
def _gelu(c: int, stride: int, rows: int) -> None:
    for row in range(rows):
        at = c + row * stride * 4
        for i in range(COLUMNS):
            x = get(at, i)
            put(at, i, x / (f32(1) + exp(-S * (x + CUBE * x * x * x))))


@inner
def _into(me: int, threads: int, m: Any, w: Any, layer: int, rows: int) -> None:
    """The first product, this thread's panels of it: q, k and v of all rows, the MLP's inside of the first `rows`."""
    panels, width = 7 * m.width // COLUMNS, m.width
    for panel in range(panels * me // threads, panels * (me + 1) // threads):
        column = panel * COLUMNS
        thinks = column >= 3 * width
        c = w.both + (column - 2 * width) * 4 if thinks else w.qkv + column * 4
        stride, many = (5 * width, rows) if thinks else (3 * width, w.rows)
        _fill(c, stride, many, m.into_bias + (layer * 7 * width + column) * 4)
        weights = m.into + (layer * panels + panel) * width * COLUMNS * 4
        _multiply(w.normed, width, many, weights, c, stride)
        if thinks:
            _gelu(c, stride, many)


@inner
def _out(me: int, threads: int, m: Any, w: Any, layer: int, rows: int) -> None:
    """x += bias + the last product, of attention and MLP together."""
    panels, width = m.width // COLUMNS, m.width
    for panel in range(panels * me // threads, panels * (me + 1) // threads):
        column = panel * COLUMNS
        for row in range(rows):
            x = w.x + (row * width + column) * 4
            for i in range(COLUMNS):
                put(x, i, get(x, i) + get(m.out_bias, layer * width + column + i))
        weights = m.out + (layer * panels + panel) * 5 * width * COLUMNS * 4
        _multiply(w.both, 5 * width, rows, weights, w.x + column * 4, width)


@inner
def _top(me: int, threads: int, m: Any, w: Any) -> None:
    """Logits of the wanted rows."""
    panels = m.vocab // COLUMNS
    for panel in range(panels * me // threads, panels * (me + 1) // threads):
        column = panel * COLUMNS
        _fill(w.logits + column * 4, m.vocab, w.wanted, m.top_bias + column * 4)
        weights = m.top + panel * m.width * COLUMNS * 4
        _multiply(w.normed, m.width, w.wanted, weights, w.logits + column * 4, m.vocab)


@inner
def _rotate(m: Any, source: int, position: int, into: int, by: Any) -> None:
    """A head's part, its first dimensions rotated by the position, times `by`."""
    cos, sin = m.cos + position * m.half * 4, m.sin + position * m.half * 4
    for i in range(m.half):
        x, y = get(source, i), get(source, m.half + i)
        put(into, i, (x * get(cos, i) - y * get(sin, i)) * by)
        put(into, m.half + i, (y * get(cos, i) + x * get(sin, i)) * by)
    for i in range(2 * m.half, m.head):
        put(into, i, get(source, i) * by)


@inner
def _cell(m: Any, w: Any, layer: int, lane: int, position: int) -> Any:
    """Where a key lies in the cache, less the address of all keys; lanes are slots' heads."""
    return ((layer * w.slots * m.heads + lane) * w.length + position) * m.head * 4


@inner
def _keep(me: int, threads: int, m: Any, w: Any, layer: int) -> None:
    """This thread's heads of all rows' keys and values, into the cache."""
    for row in range(w.rows):
        position = get64(w.position, row)
        for head in range(m.heads):
            lane = get64(w.place, row) * m.heads + head
            if lane % threads == me:
                z = w.qkv + (row * 3 * m.width + head * m.head) * 4
                at = _cell(m, w, layer, lane, position)
                _rotate(m, z + m.width * 4, position, w.keys + at, f32(1))
                for i in range(m.head):
                    put(w.values + at, i, get(z, 2 * m.width + i))


@inner
def _lane(m: Any, w: Any, rows: int, item: int) -> Any:
    """Of a (head, row)."""
    return get64(w.place, item % rows) * m.heads + item // rows


@inner
def _following(me: int, threads: int, m: Any, w: Any, rows: int, item: int) -> int:
    """The next (head, row) of this thread's from `item` on."""
    while item < rows * m.heads and _lane(m, w, rows, item) % threads != me:
        item += 1
    return item


@inner
def _shares(scores: int, seen: int) -> Any:
    """e to the power of each score less the largest, in place; their sum."""
    most, total = f32(-3e38), f32(0)
    for t in range(seen):
        most = larger(get(scores, t), most)
    for t in range(seen):
        e = exp(get(scores, t) - most)
        put(scores, t, e)
        total += e
    return total


@cache
def reading(width: int) -> Callable[..., None]:
    """The kernel for heads of that width. Compiled for it: LLVM keeps in registers what it can count."""

    @inner
    def attend(me: int, threads: int, m: Any, w: Any, layer: int, rows: int) -> None:
        """This thread's heads of the first `rows` rows' attention: while keys are read, the values are fetched."""
        scores = w.scores + me * (w.length + LANES) * 4
        item = _following(me, threads, m, w, rows, 0)
        here = _cell(m, w, layer, _lane(m, w, rows, item), 0)
        while item < rows * m.heads:
            row, head = item % rows, item // rows
            seen = get64(w.position, row) + 1
            item = _following(me, threads, m, w, rows, item + 1)
            then = _cell(m, w, layer, _lane(m, w, rows, item), 0)
            q = w.qkv + (row * 3 * m.width + head * width) * 4
            _rotate(m, q, seen - 1, q, f32(width**-0.5))
            products(width, q, w.keys + here, (seen + LANES - 1) // LANES, scores, w.values + here)
            total = _shares(scores, seen)
            into = w.both + (row * 5 * m.width + head * width) * 4
            mixture(width, scores, w.values + here, seen, f32(1) / total, into, w.keys + then)
            here = then

    @njit(nogil=True, cache=True, error_model="numpy", fastmath=FLAGS)
    def read(me: int, threads: int, weights: Any, rows_now: Any) -> None:
        """Thread `me`'s part of reading all rows. The last layer only does what the wanted rows need.

        Weights and Rows come as plain tuples: numba asks Python for the type of others, which is
        slow and fails where two threads do.
        """
        m, w = Weights(*weights), Rows(*rows_now)
        met = 0
        _embed(me, threads, m, w)
        for layer in range(m.layers + 1):
            rows = w.rows if layer < m.layers - 1 else w.wanted
            met += threads
            meet(w.counter, met)
            _norm(me, threads, m, w, w.rows if layer < m.layers else rows, layer)
            met += threads
            meet(w.counter, met)
            if layer == m.layers:
                _top(me, threads, m, w)
                return
            _into(me, threads, m, w, layer, rows)
            met += threads
            meet(w.counter, met)
            _keep(me, threads, m, w, layer)
            attend(me, threads, m, w, layer, rows)
            met += threads
            meet(w.counter, met)
            _out(me, threads, m, w, layer, rows)

    made: Callable[..., None] = read
    return made
