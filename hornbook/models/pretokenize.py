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

from hornbook.jit.pointers import (
    compile_helper,
    find_lowest_nonzero_byte,
    get8,
    get32,
    get64,
    set8,
    set32,
    set64,
)

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
PADDING = 40  # bytes behind a text that are read or written with its last
HIGH_BITS = np.int64(-0x7F7F7F7F7F7F7F80)  # the highest bit of each byte
ONES = np.int64(0x0101010101010101)
RECHECK, RECHECK_BITS = (
    3,
    np.int64(0x0202020202020202),
)  # a start that needs a look, and what such have in eight bytes


class TextBuffers(NamedTuple):
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


class CharacterClasses(NamedTuple):
    """What of a vocabulary says where texts are cut. Addresses but `num_openings`."""

    points: int  # uint8, the class of each code point
    added: int  # uint32, a tree of NODEs, the root first
    openings: int  # uint8, the first two bytes of all added tokens
    num_openings: int


@njit(nogil=True, cache=True)
def find_pretokens(text: Any, classes: Any) -> int:
    """Write kinds, starts and places. Returns 0; or -1 less the first code point that has no class."""
    _classify_ascii(text, classes)
    missing = _classify_multibyte(text, classes)
    if missing:
        return int(missing)
    if classes.num_openings:
        _mark_added_tokens(text, classes)
    _mark_starts(text)
    _fix_starts(text)
    _list_starts(text)
    return 0


@njit(nogil=True, cache=True)
def may_contain_end(data: int, size: int) -> Any:
    """Whether `<|` is in a text, as in end-of-text. bytes.find takes 8 times as long to look for all of that."""
    matches = np.int64(0)
    for address in range(data, data + size, 8):
        difference = (get64(address, 0) ^ 60 * ONES) | (get64(address + 1, 0) ^ 124 * ONES)
        matches |= (difference - ONES) & ~difference & HIGH_BITS  # whether any byte is zero
    return matches != 0


@compile_helper
def _classify_ascii(text: Any, classes: Any) -> None:
    """The class of each ASCII character; WIDE for the bytes of all others."""
    digit = get8(classes.points, 48)
    for i in range(text.size):
        c = get8(text.data, i)
        lower, kind = c | 32, OTHER
        if (lower >= 97) & (lower <= 122):
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


@compile_helper
def _classify_multibyte(text: Any, classes: Any) -> int:
    """The classes of characters of several bytes; returns 0, or -1 less the first code point that has none."""
    position = 0
    while position < text.size:
        high = get64(text.data + position, 0) & HIGH_BITS
        if high == 0:
            position += 8
            continue
        position += find_lowest_nonzero_byte(high)
        c = get8(text.data, position)
        if c >= CUT:
            position += 1
            continue
        code, size = c & 0x1F, 2
        if c >= 0xF0:
            code, size = c & 0x07, 4
        elif c >= 0xE0:
            code, size = c & 0x0F, 3
        for i in range(1, size):
            code = code << 6 | (get8(text.data, position + i) & 0x3F)
        kind = get8(classes.points, code)
        if kind == 0:
            return int(-1 - code)
        for i in range(size):
            set8(text.kinds, position + i, kind)
        position += size
    return 0


@compile_helper
def _mark_added_tokens(text: Any, classes: Any) -> None:
    """Make added tokens ADDED, INSIDE, INSIDE ...: the longest of the leftmost, as `tokenizers` takes them."""
    for i in range(text.size + PADDING):
        set8(text.starts, i, 0)
    for opening in range(classes.num_openings):
        first, second = get8(classes.openings, 2 * opening), get8(classes.openings, 2 * opening + 1)
        for i in range(text.size):
            matches = (get8(text.data, i) == first) & (get8(text.data, i + 1) == second)
            set8(text.starts, i, get8(text.starts, i) | matches)
    position = 0
    while position < text.size:
        flags = get64(text.starts + position, 0)
        if flags == 0:
            position += 8
            continue
        position += find_lowest_nonzero_byte(flags)
        size = _match_added_token(text.data + position, classes)
        if size:
            behind = get64(text.kinds + position + size, 0)
            for i in range(0, size, 8):
                set64(text.kinds + position + i, 0, INSIDE * ONES)
            set64(text.kinds + position + size, 0, behind)
            set8(text.kinds, position, ADDED)
        position += max(size, 1)


@compile_helper
def _match_added_token(address: Any, classes: Any) -> Any:
    """How long the longest added token is that begins here; 0 where none does."""
    node = get32(classes.added, get8(address, 0))
    size = _count_repeats(address, get32(classes.added, node + RUN))
    node += size * NODE
    while True:
        size += 1
        child = get32(classes.added, node + get8(address, size))
        if child == 0:
            return get32(classes.added, node + LENGTH)
        node = child


@compile_helper
def _count_repeats(address: Any, limit: Any) -> Any:
    """How often the first byte comes again, up to `most` times. A line's indentation is a run: eight bytes a step."""
    repeated = get8(address, 0) * ONES
    position = 0
    while position < limit:
        difference = get64(address + 1 + position, 0) ^ repeated
        if difference:
            return min(position + find_lowest_nonzero_byte(difference), limit)
        position += 8
    return limit


@compile_helper
def _mark_starts(text: Any) -> None:
    r"""Mark where pre-tokens start, by GPT-2's expression as far as three classes beside each other tell:

    ` ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+` is: where a class begins, unless a space before it has begun the pre-token;
    `\s+(?!\S)|\s+` is: where white begins, and its last character if a word follows. `_mend` does what is left.
    """
    for i in range(text.size):
        previous, kind, following = (
            get8(text.kinds, i - 1),
            get8(text.kinds, i),
            get8(text.kinds, i + 1),
        )
        start = kind != INSIDE
        if kind <= OTHER:
            start = (previous != kind) & (previous != SPACE)
        elif kind <= BLANK:
            start = ((previous | 1) != BLANK) | (following <= OTHER)
        c = get8(text.data, i)
        needs_check = ((c == 39) & (following == LETTER)) | (c & 0xC0 == 0x80)
        set8(text.starts, i, start + 2 * (start & needs_check))
    for i in range(PADDING):
        set8(text.starts, text.size + i, RECHECK)


@compile_helper
def _fix_starts(text: Any) -> None:
    """Starts within a character (`_start` makes them in a white one or a digit of several bytes), and contractions."""
    position = 0
    while True:
        flags = get64(text.starts + position, 0) & RECHECK_BITS
        if flags == 0:
            position += 8
            continue
        position += find_lowest_nonzero_byte(flags)
        if position >= text.size:
            return
        if get8(text.data, position) == 39:
            stop = _contraction_end(text, position)
            if stop:
                set8(text.starts, position + 1, 0)
                set8(text.starts, stop, get8(text.starts, stop) | 1)
        else:
            set8(text.starts, position, 0)
            lead = position
            while get8(text.data, lead) & 0xC0 == 0x80:
                lead -= 1
            set8(text.starts, lead, 1)
        position += 1


@compile_helper
def _contraction_end(text: Any, position: Any) -> Any:
    """Where 's, 't, 'm, 'd, 're, 've or 'll stops; 0 where there is none."""
    c, d = get8(text.data, position + 1), get8(text.data, position + 2)
    if (c == 115) | (c == 116) | (c == 109) | (c == 100):
        return position + 2
    two = ((c == 114) | (c == 118)) & (d == 101) | (c == 108) & (d == 108)
    return position + 3 if two and get8(text.kinds, position + 2) == LETTER else 0


@compile_helper
def _list_starts(text: Any) -> None:
    """The places of all starts. Without a branch, which would be guessed wrong for every other word."""
    count = 0
    for i in range(text.size):
        set32(text.places, count, i)
        count += get8(text.starts, i) & 1
    set32(text.places, count, text.size)
