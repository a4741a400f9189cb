"""A phi reads tokens on a CPU in fp32: all layers in one call a thread, weights laid out for the processor.

In: a Phi, and rows of (slot, position, token). Out: the logits after the last token of each slot, and the keys and
values of all tokens in the slots' cache. A row's numbers do not depend on how many rows are read with it, on the pieces
in which a prompt is read, or on the number of threads (lm-evaluation-harness issue 1992 is what happens otherwise).
A thread makes its own columns of a product and its own heads of attention, and meets the others four times a layer.
Arrays are bare addresses here, as in train/bpe_kernel.py and for its reason; vectors.py has the wide instructions.
Not covered: bf16, GPUs, models whose copy here would not fit: decode.py reads with torch what `serves` declines.
Imported only inside functions.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numba import njit

from hornbook.fused import EPS
from hornbook.kernels import CUBE, FLAGS, S, exp, f32, larger, together
from hornbook.memory import get64, within
from hornbook.model import Phi
from hornbook.vectors import COLUMNS, FUSES, LANES, ROWS, get, huge, meet, mixture, products, put, tile

AT_ONCE = 256  # rows: their numbers stay in the cache of a core while a layer's weights pass by
# Of a sum's products at a time: a panel's part stays in the first cache, and sums of few numbers are rounded less.
DEEP = 128
LARGEST = 500_000_000  # parameters: the weights' second copy takes 4 bytes of each
CACHE = 4 << 30  # bytes of keys and values at most: fewer slots rather than more


class Weights(NamedTuple):
    """A model. Addresses of fp32 from `embedding` on; matrices lie in panels (columns / COLUMNS, rows, COLUMNS)."""

    layers: int
    width: int
    heads: int
    half: int  # of the rotated dimensions of a head
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
            tile(left, k, weights, deep, c + at * ROWS * stride * 4, stride, ahead + at * deep * hop, hop)


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


@cache
def reading(width: int) -> Callable[..., None]:
    """The kernel for heads of that width. Compiled for it: LLVM keeps in registers what it can count."""

    @inner
    def rotate(m: Any, source: int, position: int, into: int, by: Any) -> None:
        """A head's part, its first dimensions rotated by the position, times `by`."""
        cos, sin = m.cos + position * m.half * 4, m.sin + position * m.half * 4
        for i in range(m.half):
            x, y = get(source, i), get(source, m.half + i)
            put(into, i, (x * get(cos, i) - y * get(sin, i)) * by)
            put(into, m.half + i, (y * get(cos, i) + x * get(sin, i)) * by)
        for i in range(2 * m.half, width):
            put(into, i, get(source, i) * by)

    @inner
    def cell(m: Any, w: Any, layer: int, lane: int, position: int) -> Any:
        """Where a key lies in the cache, less the address of all keys; lanes are slots' heads."""
        return ((layer * w.slots * m.heads + lane) * w.length + position) * width * 4

    @inner
    def keep(me: int, threads: int, m: Any, w: Any, layer: int) -> None:
        """This thread's heads of all rows' keys and values, into the cache."""
        for row in range(w.rows):
            position = get64(w.position, row)
            for head in range(m.heads):
                lane = get64(w.place, row) * m.heads + head
                if lane % threads == me:
                    z = w.qkv + (row * 3 * m.width + head * width) * 4
                    at = cell(m, w, layer, lane, position)
                    rotate(m, z + m.width * 4, position, w.keys + at, f32(1))
                    for i in range(width):
                        put(w.values + at, i, get(z, 2 * m.width + i))

    @inner
    def lane(m: Any, w: Any, rows: int, item: int) -> Any:
        """Of a (head, row)."""
        return get64(w.place, item % rows) * m.heads + item // rows

    @inner
    def following(me: int, threads: int, m: Any, w: Any, rows: int, item: int) -> int:
        """The next (head, row) of this thread's from `item` on."""
        while item < rows * m.heads and lane(m, w, rows, item) % threads != me:
            item += 1
        return item

    @inner
    def attend(me: int, threads: int, m: Any, w: Any, layer: int, rows: int) -> None:
        """This thread's heads of the first `rows` rows' attention: while keys are read, the values are fetched."""
        scores = w.scores + me * (w.length + LANES) * 4
        item = following(me, threads, m, w, rows, 0)
        here = cell(m, w, layer, lane(m, w, rows, item), 0)
        while item < rows * m.heads:
            row, head = item % rows, item // rows
            seen = get64(w.position, row) + 1
            item = following(me, threads, m, w, rows, item + 1)
            then = cell(m, w, layer, lane(m, w, rows, item), 0)
            q = w.qkv + (row * 3 * m.width + head * width) * 4
            rotate(m, q, seen - 1, q, f32(width**-0.5))
            products(width, q, w.keys + here, (seen + LANES - 1) // LANES, scores, w.values + here)
            most, total = f32(-3e38), f32(0)
            for t in range(seen):
                most = larger(get(scores, t), most)
            for t in range(seen):
                e = exp(get(scores, t) - most)
                put(scores, t, e)
                total += e
            into = w.both + (row * 5 * m.width + head * width) * 4
            mixture(width, scores, w.values + here, seen, f32(1) / total, into, w.keys + then)
            here = then

    @njit(nogil=True, cache=True, error_model="numpy", fastmath=FLAGS)
    def read(me: int, threads: int, weights: Any, rows_now: Any) -> None:
        """Thread `me`'s part of reading all rows. The last layer only does what the wanted rows need.

        Weights and Rows come as plain tuples: numba asks Python for the type of others, which is slow and fails where
        two threads do.
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
            keep(me, threads, m, w, layer)
            attend(me, threads, m, w, layer, rows)
            met += threads
            meet(w.counter, met)
            _out(me, threads, m, w, layer, rows)

    made: Callable[..., None] = read
    return made


def serves(model: Phi) -> bool:
    """Whether this is a model, a device and a processor that the kernel here is for."""
    weight, shape = model.embedding.weight, model.shape
    here = weight.device.type == "cpu" and weight.dtype == torch.float32 and FUSES
    return (
        here
        and shape.width % COLUMNS == 0
        and (shape.width // shape.heads) % LANES == 0
        and shape.parameters() <= LARGEST
    )


class Reader:
    """A model's weights in panels, the slots' cache, and room for AT_ONCE rows."""

    def __init__(self, model: Phi, slots: int, length: int) -> None:
        """At most so many slots, `length` tokens each: prompt and answer. `slots` is how many they became."""
        shape = model.shape
        self.length = -(-length // LANES) * LANES
        self.slots = max(1, min(slots, CACHE // (8 * shape.layers * shape.width * self.length)))
        self.threads = max(1, min(torch.get_num_threads(), shape.width // COLUMNS))
        self.vocab, columns = shape.vocab, -(-shape.vocab // COLUMNS) * COLUMNS
        self.logits = np.zeros((min(AT_ONCE, self.slots) + ROWS, columns), np.float32)
        self.counter = np.zeros(1, np.int64)
        self.arrays = _laid_out(model, columns)  # kept, because the kernel knows their addresses only
        numbers = shape.layers, shape.width, shape.heads, shape.rotary // 2, columns
        self.weights = Weights(*numbers, **_addresses(self.arrays))
        room, width = AT_ONCE + ROWS, shape.width
        cache = shape.layers, self.slots, shape.heads, self.length, width // shape.heads
        self.room = {
            "keys": huge(cache),
            "values": huge(cache),
            "x": huge((room, width)),
            "normed": huge((room, width)),
            "qkv": huge((room, 3 * width)),
            "both": huge((room, 5 * width)),
            "scores": huge((self.threads, self.length + LANES)),
            "logits": self.logits,
            "counter": self.counter,
        }
        self.kernel = reading(width // shape.heads)
        nothing = np.zeros(0, np.int64)
        self._rows(nothing, nothing, nothing, nothing > 0, threads=1)  # compiled by one thread, not by two at once

    def read(self, work: Sequence[tuple[int, int, Sequence[int]]]) -> torch.Tensor:
        """Logits (work, V) after the last token of each (slot, position of its first token, tokens); until the next."""
        counts = [len(tokens) for _, _, tokens in work]
        place = np.repeat([slot for slot, _, _ in work], counts)
        position = np.concatenate([np.arange(first, first + len(tokens)) for _, first, tokens in work])
        token = np.concatenate([np.asarray(tokens) for _, _, tokens in work])
        last = np.zeros(len(token), bool)
        last[np.cumsum(counts) - 1] = True
        if len(token) <= AT_ONCE:
            return self._rows(place, position, token, last)
        pieces = [slice(at, at + AT_ONCE) for at in range(0, len(token), AT_ONCE)]
        return torch.cat([self._rows(place[at], position[at], token[at], last[at]).clone() for at in pieces])

    def _rows(self, place: Any, position: Any, token: Any, last: Any, threads: int = 0) -> torch.Tensor:
        """Logits of the rows that are the last of their text, (of them, V), in this object's memory."""
        order = np.argsort(~last, kind="stable")
        given = {"place": place, "position": position, "token": token}
        given = {name: np.ascontiguousarray(each[order], np.int64) for name, each in given.items()}
        wanted = int(last.sum())
        rows = Rows(len(token), wanted, self.length, self.slots, **_addresses(given | self.room))
        with MEETING:
            self.counter[0] = 0
            threads = threads or self.threads
            together(threads, lambda me: self.kernel(me, threads, tuple(self.weights), tuple(rows)))
        return torch.from_numpy(self.logits)[:wanted, : self.vocab]


MEETING = threading.Lock()  # two of these at once could each hold half of the threads and wait for the other half


def _laid_out(model: Phi, columns: int) -> dict[str, Any]:
    """The weights under the names of `Weights`, the last product's filled up to so many columns."""
    blocks: list[Any] = list(model.blocks)
    norms = [*(block.norm for block in blocks), model.norm]
    more = columns - model.shape.vocab
    plain = {
        "embedding": model.embedding.weight,
        "cos": model.cos.flatten(1),
        "sin": model.sin.flatten(1),
        "scale": torch.stack([norm.weight for norm in norms]),
        "shift": torch.stack([norm.bias for norm in norms]),
        "into_bias": torch.stack([block.into.bias for block in blocks]),
        "out_bias": torch.stack([block.dense.bias + block.fc2.bias for block in blocks]),
        "top_bias": F.pad(model.head.bias, (0, more)),
    }
    return {name: tensor.detach().contiguous().numpy() for name, tensor in plain.items()} | {
        "into": _panels([block.into.weight for block in blocks]),
        "out": _panels([torch.cat([block.dense.weight, block.fc2.weight], 1) for block in blocks]),
        "top": _panels([F.pad(model.head.weight, (0, 0, 0, more))]),
    }


def _addresses(arrays: Mapping[str, Any]) -> dict[str, int]:
    return {name: array.ctypes.data for name, array in arrays.items()}


def _panels(weights: Sequence[torch.Tensor]) -> Any:
    """Each (N, K) as (N / COLUMNS, K, COLUMNS), one after the other."""
    rows, k = weights[0].shape
    made = huge((len(weights), rows // COLUMNS, k, COLUMNS))
    for at, weight in enumerate(weights):
        torch.from_numpy(made[at]).copy_(weight.detach().view(-1, COLUMNS, k).transpose(1, 2))
    return made
