"""Byte-level BPE over UTF-8, compiled by numba: the bytes of documents to ids.

In: documents end to end and a vocabulary's tables, both made by bpe.py. Out: ids, and how many there are at the end of
each document. Every byte gets a class, then a mark where a pre-token starts: two loops of plain arithmetic, for which
the compiler has wide instructions (6 to 8 GB a second on one core). Then each pre-token is looked up among those that
came before, 64 bytes an entry, and only a new one is merged.
Arrays are bare addresses here: numba counts references to each array that a function is given, and without them this
is 2.4 times as fast. So nothing checks bounds; `Text` and `Tables` say what must lie where.
Not covered: other pre-tokenizers than bpe.py lets pass. Imported only inside functions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from hornbook.train.memory import first_byte, get8, get32, get64, set8, set32, set64, within

# Classes of bytes, in an order that `_cut` uses: up to OTHER they form words, SPACE and BLANK are white, from DIGIT on
# they bound what lies beside them. A character's class is that of each of its bytes.
LETTER, NUMBER, OTHER, SPACE, BLANK, DIGIT, ADDED, EDGE, INSIDE, WIDE = range(1, 11)
END, CUT = 0xFF, 0xFE  # after a document, and where no pre-token may reach across; UTF-8 has neither
LONGEST = 31  # bytes of a pre-token that is remembered: 99.9% of those in Python
MOST = 7  # ids of one; 99.9%
ENTRY = 64  # bytes: LONGEST of the pre-token, its length; number of ids, MOST ids
PROBES = 4  # entries from its place on in which a pre-token may lie; the last makes room for what is new
NODE = 257  # uint32 of a node of the added tokens: where the next is, by byte; 1 + id of the token that ends here, or 0
ROOM = 40  # bytes behind a text that are read or written with its last
NONE = np.int64(0x7FFFFFFFFFFFFFFF)
HIGH = np.int64(-0x7F7F7F7F7F7F7F80)  # the highest bit of each byte
MIX = tuple(np.int64(each) for each in (0x1E3779B97F4A7C15, 0x7F51AFD7ED558CCD, 0x44CEB9FE1A85EC53, 0x56E8FEB86659FD93))


class Text(NamedTuple):
    """Documents, and where to write about them. All addresses but `size`."""

    data: int  # END behind each document, ROOM bytes behind the last
    size: int
    kinds: int  # uint8, a class each; one more before and one behind
    starts: int  # uint8, 1 where a pre-token starts, 2 where it needs a look; ROOM behind
    ids: int  # uint32, out: as many as bytes, and ROOM
    ends: int  # int64, out: number of ids at the end of each document


class Tables(NamedTuple):
    """A vocabulary. All addresses but the masks, `num_openings`, `room` and `end`."""

    points: int  # uint8, the class of each code point
    firsts: int  # uint32, the id of each byte
    merges: int  # int64, a hash table of (left << 32 | right, or -1; rank << 32 | merged)
    merges_mask: int
    added: int  # uint32, a tree of NODEs, the root first
    openings: int  # uint8, the first two bytes of all added tokens
    num_openings: int
    known: int  # ENTRYs
    known_mask: int
    ones: int  # 32 bytes of ones, 32 of zeros
    symbols: int  # uint32, 4 for each byte of a pre-token
    tree: int  # int64, 2 for each
    room: int  # a power of two: the longest pre-token for which the two have room
    end: int  # the id of end-of-text


@njit(nogil=True, cache=True)
def encode(text: Any, tables: Any) -> int:
    """Write ids, end-of-text behind each document's, and ends.

    Returns 0; or what the tables lack: room for a pre-token so long, or the class of a code point, as -1 less it.
    """
    _classify(text, tables)
    unknown = _widen(text, tables)
    if unknown:
        return int(unknown)
    if tables.num_openings:
        _mark(text, tables)
    _cut(text)
    return int(_spell(text, tables))


@within
def _classify(text: Any, tables: Any) -> None:
    """The class of each ASCII character; WIDE for the bytes of all others."""
    digit = get8(tables.points, 48)
    for i in range(text.size):
        c = get8(text.data, i)
        small, kind = c | 32, OTHER
        if (small >= 97) & (small <= 122):
            kind = LETTER
        if (c >= 48) & (c <= 57):
            kind = digit
        if (c >= 9) & (c <= 13):
            kind = BLANK
        if c == 32:
            kind = SPACE
        if c >= 0x80:
            kind = WIDE
        if c >= CUT:
            kind = EDGE
        set8(text.kinds, i, kind)
    set8(text.kinds, -1, EDGE)
    set8(text.kinds, text.size, EDGE)


@within
def _widen(text: Any, tables: Any) -> int:
    """The classes of characters of several bytes; returns 0, or -1 less the first code point that has none."""
    at = 0
    while at < text.size:
        high = get64(text.data + at, 0) & HIGH
        if high == 0:
            at += 8
            continue
        at += first_byte(high)
        c = get8(text.data, at)
        if c >= CUT:
            at += 1
            continue
        code, size = c & 0x1F, 2
        if c >= 0xF0:
            code, size = c & 0x07, 4
        elif c >= 0xE0:
            code, size = c & 0x0F, 3
        for i in range(1, size):
            code = code << 6 | (get8(text.data, at + i) & 0x3F)
        kind = get8(tables.points, code)
        if kind == 0:
            return int(-1 - code)
        for i in range(size):
            set8(text.kinds, at + i, kind)
        at += size
    return 0


@within
def _mark(text: Any, tables: Any) -> None:
    """Make added tokens ADDED, INSIDE, INSIDE ...: the longest of the leftmost, as `tokenizers` takes them."""
    for i in range(text.size + ROOM):
        set8(text.starts, i, 0)
    for opening in range(tables.num_openings):
        first, second = get8(tables.openings, 2 * opening), get8(tables.openings, 2 * opening + 1)
        for i in range(text.size):
            here = (get8(text.data, i) == first) & (get8(text.data, i + 1) == second)
            set8(text.starts, i, get8(text.starts, i) | here)
    at = 0
    while at < text.size:
        some = get64(text.starts + at, 0)
        if some == 0:
            at += 8
            continue
        at += first_byte(some)
        size, _ = _added(text.data + at, tables)
        if size:
            set8(text.kinds, at, ADDED)
        for i in range(1, size):
            set8(text.kinds, at + i, INSIDE)
        at += max(size, 1)


@within
def _added(place: Any, tables: Any) -> Any:
    """(length, id) of the longest added token that begins here; length 0 where none does."""
    node, size, length, found = 0, 0, 0, 0
    while True:
        node = get32(tables.added, node + get8(place, size))
        if node == 0:
            return length, found - 1
        size += 1
        spelled = get32(tables.added, node + NODE - 1)
        if spelled:
            length, found = size, spelled


@within
def _cut(text: Any) -> None:
    r"""Mark where pre-tokens start, by GPT-2's expression as far as three classes beside each other tell:

    ` ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+` is: where a class begins, unless a space before it has begun the pre-token;
    `\s+(?!\S)|\s+` is: where white begins, and its last character if a word follows. `_spell` does what is left.
    """
    for i in range(text.size):
        before, kind, after = get8(text.kinds, i - 1), get8(text.kinds, i), get8(text.kinds, i + 1)
        start = kind != INSIDE
        if kind <= OTHER:
            start = (before != kind) & (before != SPACE)
        elif kind <= BLANK:
            start = ((before | 1) != BLANK) | (after <= OTHER)
        look = (kind == EDGE) | (get8(text.data, i) == 39)
        set8(text.starts, i, start + (start & look))
    for i in range(ROOM):
        set8(text.starts, text.size + i, 1)


@within
def _spell(text: Any, tables: Any) -> int:
    at, out, ends = 0, text.ids, text.ends
    while at < text.size:
        stop = _next(text, at + 1)
        if get8(text.data, stop) & 0xC0 == 0x80:
            stop = _whole(text, at, stop)
        if get8(text.starts, at) == 2:
            if get8(text.kinds, at) == EDGE:
                if get8(text.data, at) == END:
                    set32(out, 0, tables.end)
                    out += 4
                    set64(ends, 0, (out - text.ids) >> 2)
                    ends += 8
                at += 1
                continue
            stop = _contraction(text, at, stop)
        if stop - at > tables.room:
            return int(stop - at)
        out += 4 * _look_up(text.data + at, stop - at, text.kinds + at, tables, out)
        at = stop
    return 0


@within
def _next(text: Any, at: Any) -> Any:
    """The first start from `at` on."""
    while True:
        some = get64(text.starts + at, 0)
        if some:
            return at + first_byte(some)
        at += 8


@within
def _whole(text: Any, at: Any, stop: Any) -> Any:
    """A start within a character (`_cut` makes them in a white one or a digit of several bytes) is its first byte's."""
    while get8(text.data, stop) & 0xC0 == 0x80:
        lead = stop
        while get8(text.data, lead) & 0xC0 == 0x80:
            lead -= 1
        if lead > at:
            return lead
        stop = _next(text, stop + 1)
    return stop


@within
def _contraction(text: Any, at: Any, stop: Any) -> Any:
    """Where a pre-token that begins with an apostrophe stops: after 's, 't, 'm, 'd, 're, 've or 'll, or as it did."""
    if get8(text.kinds, at + 1) != LETTER:
        return stop
    c, d = get8(text.data, at + 1), get8(text.data, at + 2)
    if (c == 115) | (c == 116) | (c == 109) | (c == 100):
        return at + 2
    two = ((c == 114) | (c == 118)) & (d == 101) | (c == 108) & (d == 108)
    return at + 3 if two and get8(text.kinds, at + 2) == LETTER else stop


@njit(forceinline=True)  # for every pre-token; as a call it hands over all of `tables`
def _look_up(place: Any, size: Any, kind: Any, tables: Any, out: Any) -> Any:
    """Write the ids of a pre-token; how many they are."""
    if size > LONGEST:
        return _new(place, size, kind, tables, out)
    mask = tables.ones + 32 - size
    a, b = get64(place, 0) & get64(mask, 0), get64(place, 1) & get64(mask, 1)
    c, d = get64(place, 2) & get64(mask, 2), get64(place, 3) & get64(mask, 3) | size << 56
    mixed = a * MIX[0] + b * MIX[1] + c * MIX[2] + d * MIX[3]
    mixed = (mixed ^ mixed >> 32) * MIX[0]
    entry = tables.known + (mixed >> 32 & tables.known_mask) * ENTRY
    for probe in range(PROBES):
        if (get64(entry, 0) ^ a) | (get64(entry, 1) ^ b) | (get64(entry, 2) ^ c) | (get64(entry, 3) ^ d) == 0:
            number = get32(entry, 8)
            set64(out, 0, get64(entry + 36, 0))  # four at once, and no loop but for one in 250
            set64(out, 1, get64(entry + 36, 1))
            for i in range(4, number):
                set32(out, i, get32(entry, 9 + i))
            return number
        if get64(entry, 3) == 0 or probe == PROBES - 1:
            break
        entry += ENTRY
    number = _new(place, size, kind, tables, out)
    if number <= MOST:
        set64(entry, 0, a)
        set64(entry, 1, b)
        set64(entry, 2, c)
        set64(entry, 3, d)
        set32(entry, 8, number)
        for i in range(number):
            set32(entry, 9 + i, get32(out, i))
    return number


@within
def _new(place: Any, size: Any, kind: Any, tables: Any, out: Any) -> Any:
    if get8(kind, 0) == ADDED:
        set32(out, 0, _added(place, tables)[1])
        return 1
    return _merge(place, size, tables, out)


@within
def _merge(place: Any, size: Any, tables: Any, out: Any) -> Any:
    """Byte-level BPE: of all pairs of neighbours merge the one of lowest rank, the leftmost first, until none has one.

    Symbol i is (id, next symbol, symbol before) from symbols[4 * i] on, and begins at byte i. `tree` is a tournament:
    leaf width + i is what symbol i and its next merge to, rank first, and each node above the smaller of its two; so
    the pair to merge is found and replaced in steps that grow with the logarithm, for a word of a megabyte too.
    """
    symbols, tree = tables.symbols, tables.tree
    width = 1
    while width < size:
        width *= 2
    for i in range(size):
        set32(symbols, 4 * i, get32(tables.firsts, get8(place, i)))
        set32(symbols, 4 * i + 1, i + 1)
        set32(symbols, 4 * i + 2, i - 1)
    for i in range(size - 1):
        set64(tree, width + i, _merged(get32(symbols, 4 * i), get32(symbols, 4 * i + 4), tables))
    for i in range(size - 1, width):
        set64(tree, width + i, NONE)
    for i in range(width - 1, 0, -1):
        set64(tree, i, min(get64(tree, 2 * i), get64(tree, 2 * i + 1)))
    while get64(tree, 1) != NONE:
        best, i = get64(tree, 1), 1
        while i < width:
            i = 2 * i + (get64(tree, 2 * i) != best)
        i -= width
        set32(symbols, 4 * i, best)
        gone = get32(symbols, 4 * i + 1)
        then = get32(symbols, 4 * gone + 1)
        set32(symbols, 4 * i + 1, then)
        _play(tree, width + gone, NONE)
        right = NONE
        if then < size:
            set32(symbols, 4 * then + 2, i)
            right = _merged(get32(symbols, 4 * i), get32(symbols, 4 * then), tables)
        _play(tree, width + i, right)
        if i:
            left = get32(symbols, 4 * i + 2)
            _play(tree, width + left, _merged(get32(symbols, 4 * left), get32(symbols, 4 * i), tables))
    number, i = 0, 0
    while i < size:
        set32(out, number, get32(symbols, 4 * i))
        number += 1
        i = get32(symbols, 4 * i + 1)
    return number


@within
def _play(tree: Any, at: Any, value: Any) -> None:
    """Change a leaf, and the nodes above it."""
    set64(tree, at, value)
    while at > 1:
        at >>= 1
        set64(tree, at, min(get64(tree, 2 * at), get64(tree, 2 * at + 1)))


@within
def _merged(left: Any, right: Any, tables: Any) -> Any:
    """rank << 32 | id of what two ids merge to; NONE where they do not."""
    pair = left << 32 | right
    slot = _place(pair) & tables.merges_mask
    while True:
        found = get64(tables.merges, 2 * slot)
        if found == pair:
            return get64(tables.merges, 2 * slot + 1)
        if found < 0:
            return NONE
        slot = (slot + 1) & tables.merges_mask


@within
def _place(pair: Any) -> Any:
    return (pair * MIX[0]) >> 32


@njit(nogil=True, cache=True)
def fill(pairs: int, number: int, table: int, mask: int) -> None:
    """Put (left << 32 | right, rank << 32 | merged) into a hash table of a power of two of slots, empty ones -1."""
    for i in range(number):
        pair = get64(pairs, 2 * i)
        slot = _place(pair) & mask
        while get64(table, 2 * slot) >= 0 and get64(table, 2 * slot) != pair:
            slot = (slot + 1) & mask
        set64(table, 2 * slot, pair)
        set64(table, 2 * slot + 1, get64(pairs, 2 * i + 1))
