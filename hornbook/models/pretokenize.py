"""Where pre-tokens start, in UTF-8, compiled by numba: GPT-2's regular expression without its engine.

In: documents end to end, and a vocabulary's classes of characters and added tokens, both made by
bpe.py. Out: a class for each byte, and the places where pre-tokens start. Both are loops of plain
arithmetic over bytes, for which the compiler has wide instructions (6 to 8 GB a second on one
core); what they cannot see, characters of several bytes and added tokens, is looked for eight bytes
at a time, and is rare in code. Arrays are bare addresses here: numba counts references to each
array that a function is given, and without them this is 2.4 times as fast. So nothing checks
bounds; `Text` and `Tables` say what must lie where. Not covered: other pre-tokenizers than bpe.py
lets pass. Imported only inside functions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from hornbook.jit.pointers import first_byte, get8, get32, get64, set8, set32, set64, within

# Classes of bytes, in an order that `_start` uses: up to OTHER they form words, SPACE and BLANK are
# white, from DIGIT on they bound what lies beside them. A character's class is that of each of its
# bytes.
LETTER, NUMBER, OTHER, SPACE, BLANK, DIGIT, ADDED, EDGE, INSIDE, WIDE = range(1, 11)
END, CUT = (
    0xFF,
    0xFE,
)  # after a document, and where no pre-token may reach across; UTF-8 has neither
# A node of the added tokens, uint32: where the next is, by byte, 0 for nowhere; of the longest
# token so far its bytes, 0 for none, and id; and at a token's first byte, how often it comes again
# in one that is nothing else: the nodes of that one lie in order.
NODE, LENGTH, ID, RUN = 259, 256, 257, 258
ROOM = 40  # bytes behind a text that are read or written with its last
HIGH = np.int64(-0x7F7F7F7F7F7F7F80)  # the highest bit of each byte
ONES = np.int64(0x0101010101010101)
LOOK, LOOKS = (
    3,
    np.int64(0x0202020202020202),
)  # a start that needs a look, and what such have in eight bytes


class Text(NamedTuple):
    """Documents, and where to write about them. All addresses but `size` and `documents`."""

    data: int  # END behind each document, ROOM bytes behind the last
    size: int
    documents: int
    kinds: int  # uint8, a class each; one more before and 8 behind
    starts: int  # uint8, 1 where a pre-token starts; ROOM behind
    places: int  # uint32, where each pre-token starts, and `size` behind the last: as many as bytes, and one
    stops: int  # int64, where each document ends, behind its END
    ids: int  # uint32, out: as many as bytes, and ROOM
    ends: int  # int64, out: number of ids at the end of each document


class Classes(NamedTuple):
    """What of a vocabulary says where texts are cut. Addresses but `num_openings`."""

    points: int  # uint8, the class of each code point
    added: int  # uint32, a tree of NODEs, the root first
    openings: int  # uint8, the first two bytes of all added tokens
    num_openings: int


@njit(nogil=True, cache=True)
def cut(text: Any, classes: Any) -> int:
    """Write kinds, starts and places. Returns 0; or -1 less the first code point that has no class."""
    _classify(text, classes)
    unknown = _widen(text, classes)
    if unknown:
        return int(unknown)
    if classes.num_openings:
        _mark(text, classes)
    _start(text)
    _mend(text)
    _list(text)
    return 0


@njit(nogil=True, cache=True)
def suspicious(data: int, size: int) -> Any:
    """Whether `<|` is in a text, as in end-of-text. bytes.find takes 8 times as long to look for all of that."""
    found = np.int64(0)
    for at in range(data, data + size, 8):
        other = (get64(at, 0) ^ 60 * ONES) | (get64(at + 1, 0) ^ 124 * ONES)
        found |= (other - ONES) & ~other & HIGH  # whether any byte is zero
    return found != 0


@within
def _classify(text: Any, classes: Any) -> None:
    """The class of each ASCII character; WIDE for the bytes of all others."""
    digit = get8(classes.points, 48)
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
def _widen(text: Any, classes: Any) -> int:
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
        kind = get8(classes.points, code)
        if kind == 0:
            return int(-1 - code)
        for i in range(size):
            set8(text.kinds, at + i, kind)
        at += size
    return 0


@within
def _mark(text: Any, classes: Any) -> None:
    """Make added tokens ADDED, INSIDE, INSIDE ...: the longest of the leftmost, as `tokenizers` takes them."""
    for i in range(text.size + ROOM):
        set8(text.starts, i, 0)
    for opening in range(classes.num_openings):
        first, second = get8(classes.openings, 2 * opening), get8(classes.openings, 2 * opening + 1)
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
        size = _added(text.data + at, classes)
        if size:
            behind = get64(text.kinds + at + size, 0)
            for i in range(0, size, 8):
                set64(text.kinds + at + i, 0, INSIDE * ONES)
            set64(text.kinds + at + size, 0, behind)
            set8(text.kinds, at, ADDED)
        at += max(size, 1)


@within
def _added(place: Any, classes: Any) -> Any:
    """How long the longest added token is that begins here; 0 where none does."""
    node = get32(classes.added, get8(place, 0))
    size = _run(place, get32(classes.added, node + RUN))
    node += size * NODE
    while True:
        size += 1
        further = get32(classes.added, node + get8(place, size))
        if further == 0:
            return get32(classes.added, node + LENGTH)
        node = further


@within
def _run(place: Any, most: Any) -> Any:
    """How often the first byte comes again, up to `most` times. A line's indentation is a run: eight bytes a step."""
    same = get8(place, 0) * ONES
    at = 0
    while at < most:
        other = get64(place + 1 + at, 0) ^ same
        if other:
            return min(at + first_byte(other), most)
        at += 8
    return most


@within
def _start(text: Any) -> None:
    r"""Mark where pre-tokens start, by GPT-2's expression as far as three classes beside each other tell:

    ` ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+` is: where a class begins, unless a space before it has begun the pre-token;
    `\s+(?!\S)|\s+` is: where white begins, and its last character if a word follows. `_mend` does what is left.
    """
    for i in range(text.size):
        before, kind, after = get8(text.kinds, i - 1), get8(text.kinds, i), get8(text.kinds, i + 1)
        start = kind != INSIDE
        if kind <= OTHER:
            start = (before != kind) & (before != SPACE)
        elif kind <= BLANK:
            start = ((before | 1) != BLANK) | (after <= OTHER)
        c = get8(text.data, i)
        look = ((c == 39) & (after == LETTER)) | (c & 0xC0 == 0x80)
        set8(text.starts, i, start + 2 * (start & look))
    for i in range(ROOM):
        set8(text.starts, text.size + i, LOOK)


@within
def _mend(text: Any) -> None:
    """Starts within a character (`_start` makes them in a white one or a digit of several bytes), and contractions."""
    at = 0
    while True:
        some = get64(text.starts + at, 0) & LOOKS
        if some == 0:
            at += 8
            continue
        at += first_byte(some)
        if at >= text.size:
            return
        if get8(text.data, at) == 39:
            stop = _contraction(text, at)
            if stop:
                set8(text.starts, at + 1, 0)
                set8(text.starts, stop, get8(text.starts, stop) | 1)
        else:
            set8(text.starts, at, 0)
            lead = at
            while get8(text.data, lead) & 0xC0 == 0x80:
                lead -= 1
            set8(text.starts, lead, 1)
        at += 1


@within
def _contraction(text: Any, at: Any) -> Any:
    """Where 's, 't, 'm, 'd, 're, 've or 'll stops; 0 where there is none."""
    c, d = get8(text.data, at + 1), get8(text.data, at + 2)
    if (c == 115) | (c == 116) | (c == 109) | (c == 100):
        return at + 2
    two = ((c == 114) | (c == 118)) & (d == 101) | (c == 108) & (d == 108)
    return at + 3 if two and get8(text.kinds, at + 2) == LETTER else 0


@within
def _list(text: Any) -> None:
    """The places of all starts. Without a branch, which would be guessed wrong for every other word."""
    number = 0
    for i in range(text.size):
        set32(text.places, number, i)
        number += get8(text.starts, i) & 1
    set32(text.places, number, text.size)
