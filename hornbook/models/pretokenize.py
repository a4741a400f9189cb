"""GPT-2's pre-tokenizer without a regular-expression engine, compiled by numba.

In: UTF-8 documents end to end, and a vocabulary's character classes and added tokens, both made by
fast_bpe.py. Out: a class for each byte, and the positions where pre-tokens start. Both are loops of
plain arithmetic over bytes, which LLVM vectorises (6 to 8 GB/s on one core). Characters of several
bytes and added tokens need branches; they are searched eight bytes at a time, and are rare in code.
Arrays are raw addresses: numba counts references to each array argument, and without them this is
2.4 times as fast. So nothing checks bounds; TextBuffers and CharacterClasses state the layouts. Not
covered: pre-tokenizers that fast_bpe.py refuses. Imported only inside functions.
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

# Classes of bytes, in an order that _mark_starts uses: those up to OTHER form words, SPACE and
# BLANK are white space, those from DIGIT on separate their neighbours. All bytes of a character
# have its class; WIDE is a placeholder for bytes of multi-byte characters.
LETTER, NUMBER, OTHER, SPACE, BLANK, DIGIT, ADDED, EDGE, INSIDE, WIDE = range(1, 11)
# Bytes that UTF-8 does not have: after a document, and where a pre-token must end.
END, CUT = 0xFF, 0xFE
# A node of the trie of added tokens, in uint32: the index of the child for each byte, 0 for none;
# then length and id of the longest token on the path, 0 for none; at the node of a first byte also
# how often that byte repeats in the longest token of this byte only, whose nodes lie in order.
NODE, LENGTH, ID, RUN = 259, 256, 257, 258
PADDING = 40  # bytes after the text that are read or written with its last bytes
HIGH_BITS = np.int64(-0x7F7F7F7F7F7F7F80)  # the highest bit of each byte
ONES = np.int64(0x0101010101010101)
# The flag of a start that _fix_starts must check, and its bit in each of eight bytes.
RECHECK, RECHECK_BITS = 3, np.int64(0x0202020202020202)


class TextBuffers(NamedTuple):
    """Documents and the kernels' outputs. Addresses, except `size` and `documents`."""

    data: int  # END after each document, PADDING bytes at the end
    size: int  # bytes
    documents: int  # how many
    kinds: int  # uint8, the class of each byte; one more before and 8 after
    starts: int  # uint8, 1 where a pre-token starts; PADDING after
    places: int  # uint32, start of each pre-token, then `size`: size + 1 numbers
    stops: int  # int64, end of each document, after its END
    ids: int  # uint32, output: size + PADDING numbers
    ends: int  # int64, output: number of ids up to the end of each document


class CharacterClasses(NamedTuple):
    """Where a vocabulary splits texts. Addresses, except `num_openings`."""

    points: int  # uint8, the class of each code point; 0: not known yet
    added: int  # uint32, a trie of NODEs, the root first
    openings: int  # uint8, the first two bytes of all added tokens
    num_openings: int


@njit(nogil=True, cache=True)
def find_pretokens(text: Any, classes: Any) -> int:
    """Write kinds, starts and places.

    Returns:
        0, or -1 - c for the first code point c without a class.
    """
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
    """Whether `<|`, as in end-of-text, is in a text.

    bytes.find of the whole marker takes 8 times as long. The test for a zero byte is Mycroft's
    (1987): subtracting one sets its high bit, which was not set before.
    """
    matches = np.int64(0)
    for address in range(data, data + size, 8):
        difference = (get64(address, 0) ^ 60 * ONES) | (get64(address + 1, 0) ^ 124 * ONES)
        matches |= (difference - ONES) & ~difference & HIGH_BITS
    return matches != 0


@compile_helper
def _classify_ascii(text: Any, classes: Any) -> None:
    """Write the class of each ASCII character, and WIDE for the bytes of all others."""
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
    """Write the classes of multi-byte characters.

    Returns:
        0, or -1 - c for the first code point c without a class.
    """
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
    """Write ADDED, INSIDE, INSIDE, ... over added tokens: the leftmost, of these the longest."""
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
    """Length of the longest added token that begins here; 0 for none."""
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
    """How often the first byte repeats, up to `limit` times.

    Eight bytes per step, because indentation is a run of spaces.
    """
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
    r"""Mark where pre-tokens start, as far as the classes of three neighbouring bytes decide it.

    | GPT-2's expression | a pre-token starts |
    | --- | --- |
    | ` ?\p{L}+`, ` ?\p{N}+`, ` ?[^\s\p{L}\p{N}]+` | where a class begins, unless after a space |
    | `\s+(?!\S)`, `\s+` | where white space begins, and at its last character before a word |

    Contractions and multi-byte characters are flagged with RECHECK for _fix_starts.
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
    """Correct contractions, and starts inside multi-byte white space and digits."""
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
    """The end of 's, 't, 'm, 'd, 're, 've or 'll at this apostrophe; 0 for none of them."""
    c, d = get8(text.data, position + 1), get8(text.data, position + 2)
    # The codes of s, t, m and d; then of r, v and e, l and l.
    if (c == 115) | (c == 116) | (c == 109) | (c == 100):
        return position + 2
    two = ((c == 114) | (c == 118)) & (d == 101) | (c == 108) & (d == 108)
    return position + 3 if two and get8(text.kinds, position + 2) == LETTER else 0


@compile_helper
def _list_starts(text: Any) -> None:
    """Write the positions of all starts, without a branch: it would often be mispredicted."""
    count = 0
    for i in range(text.size):
        set32(text.places, count, i)
        count += get8(text.starts, i) & 1
    set32(text.places, count, text.size)
