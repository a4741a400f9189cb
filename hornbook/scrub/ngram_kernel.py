"""Runs of n words that an exam has too, found in Arrow string buffers, eight letters at a time; compiled by numba.

In: bytes, offsets, and an index of the exam's runs (ngram.py builds it). Out: (text, run) for every
place where a text has one. Each text is first written down as it is read (letters that look alike
made one, capitals small, zero for all that separates words), a loop of plain arithmetic for which
the compiler has wide instructions; then words are taken as 64-bit numbers, without a branch a
letter. A rolling hash finds candidates: first a bitmap that stays in the cache, then a hash set;
each is then compared byte by byte, so that a collision costs time and never a wrong hit. Imported
only inside functions.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir
import numpy as np
from numba import extending, njit, types

intrinsic: Any = extending.intrinsic
_M, _R = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0x9E3779B97F4A7C15)
ZERO, ONE, THREE, SEVEN, EIGHT = (np.uint64(number) for number in (0, 1, 3, 7, 8))
LOWEST, HIGHEST = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
SPACE = np.uint8(32)
ROOM = 32  # zeros after a text, so that sixteen bytes can be read at any place of it


# LLVM's own words, because numba would turn bytes into 64-bit numbers, of which an instruction
# takes an eighth as many.


@intrinsic  # type: ignore[untyped-decorator]
def _as_read(typing: Any, c: Any, before: Any) -> Any:
    """What a byte of a word is read as (ASCII capitals as small letters), zero for what separates words: all else, and
    the rest of a line end, tab or return that is spelled out with a backslash `before` it."""

    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        def byte(value: int) -> Any:
            return ir.Constant(ir.IntType(8), value)

        def between(x: Any, first: str, last: str) -> Any:
            return b.icmp_unsigned("<=", b.sub(x, byte(ord(first))), byte(ord(last) - ord(first)))

        def either(*tests: Any) -> Any:
            found = tests[0]
            for test in tests[1:]:
                found = b.or_(found, test)
            return found

        small = b.or_(a[0], byte(32))
        letter = between(small, "a", "z")
        word = either(letter, between(a[0], "0", "9"), b.icmp_unsigned(">=", a[0], byte(128)))
        escaped = either(*(b.icmp_unsigned("==", a[0], byte(ord(each))) for each in "ntr"))
        spelled = b.and_(escaped, b.icmp_unsigned("==", a[1], byte(ord("\\"))))
        return b.select(b.and_(word, b.not_(spelled)), b.select(letter, small, a[0]), byte(0))

    return types.uint8(types.uint8, types.uint8), make


@intrinsic  # type: ignore[untyped-decorator]
def _or(typing: Any, one: Any, other: Any) -> Any:
    return types.uint8(types.uint8, types.uint8), lambda context, b, signature, a: b.or_(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def _trailing_zeros(typing: Any, number: Any) -> Any:
    """Zero bits below the lowest set bit of a 64-bit number; 64 of zero."""

    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        return b.cttz(a[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), make


@njit(nogil=True, cache=True)
def _read(text: Any, read: Any) -> None:
    """Write the bytes of words as they are read, zero for what separates them, and zeros after the end."""
    size = len(text)
    if size:
        read[0] = _as_read(text[0], np.uint8(0))
    for at in range(
        size - 1
    ):  # from nothing, or LLVM would look whether a place counts from the end
        read[at + 1] = _as_read(text[at + 1], text[at])
    read[size : size + ROOM] = 0


@njit(inline="always")
def _eight(read: Any, at: Any) -> Any:
    """The eight bytes from `at` on, the first of them lowest, out of two aligned numbers."""
    whole, bits = at >> THREE, (at & SEVEN) << THREE
    return read[whole] >> bits | (read[whole + ONE] << ONE) << (np.uint64(63) - bits)


@njit(inline="always")
def _begin(read: Any, at: Any, end: Any) -> Any:
    """Where the next word begins, or a place from `end` on. Two numbers at once, for blanks are of all lengths and a
    wrong guess of the processor costs more than a number too many."""
    while at < end:
        first, second = _eight(read, at), _eight(read, at + EIGHT)
        if first | second:
            more = ZERO - np.uint64(first == ZERO)
            return (
                at + (_trailing_zeros(first) >> THREE) + (_trailing_zeros(second) >> THREE & more)
            )
        at += EIGHT + EIGHT
    return at


@njit(inline="always")
def _zeros(letters: Any) -> Any:
    """A number whose lowest set bit is the highest of the first zero byte; zero where there is none."""
    return (letters - LOWEST) & ~letters & HIGHEST


@njit(inline="always")
def _before(zeros: Any) -> Any:
    """All bits below that byte; every bit where there is none."""
    return ((zeros & (ZERO - zeros)) >> SEVEN) - ONE


@njit(inline="always")
def _mixed(word: Any, letters: Any) -> Any:
    word = (word ^ letters) * _M
    return word ^ (word >> np.uint64(29))


@njit(inline="always")
def _word(read: Any, at: Any) -> Any:
    """(end, hash) of the word that begins here: sixteen letters at once, for `_begin`'s reason."""
    hashed = ZERO
    while True:
        first, second = _eight(read, at), _eight(read, at + EIGHT)
        ends, later = _zeros(first), _zeros(second)
        more = ZERO - np.uint64(ends == ZERO)
        hashed = _mixed(_mixed(hashed, first & _before(ends)), second & _before(later) & more)
        at += (_trailing_zeros(ends) >> THREE) + (_trailing_zeros(later) >> THREE & more)
        if ends | later:
            return at, hashed


@njit(nogil=True, cache=True)
def hashes(data: Any, offsets: Any) -> Any:
    """The hash of each run of words joined by single spaces: what `find` computes as it rolls along."""
    found = np.zeros(len(offsets) - 1, np.uint64)
    read = np.zeros(_longest(offsets), np.uint8)
    for i in range(len(offsets) - 1):
        size = offsets[i + 1] - offsets[i]
        _read(data[offsets[i] : offsets[i + 1]], read)
        at, rolled = ZERO, ZERO
        while at < np.uint64(size):
            at, word = _word(read.view(np.uint64), at)
            rolled = rolled * _R + word
            at += ONE
        found[i] = rolled
    return found


@njit(nogil=True, cache=True)
def find(data: Any, offsets: Any, n: int, table: Any, index: Any, out: Any) -> int:
    """Write (text, run) for every occurrence into `out` (capacity, 2); returns how many there are, also beyond it.

    `table` is fold.py's. `index` is (bitmap, keys, runs, words, places): `keys` and `runs` are a hash set of a power of
    two of slots (runs is -1 where it is empty); run r is the bytes words[places[r]:places[r + 1]];
    `bitmap` has a bit for the highest bits of each key.
    """
    bitmap = index[0]
    number, capacity = 0, len(out)
    recent, begins = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    oldest = np.uint64(1)
    for _ in range(n):
        oldest *= _R
    shift = np.uint64(64 - _log2(len(bitmap) * 64))
    read = np.zeros(_longest(offsets), np.uint8)
    plain, eights = np.empty(len(read), np.uint8), read.view(np.uint64)
    for i in range(len(offsets) - 1):
        size = offsets[i + 1] - offsets[i]
        text = data[offsets[i] : offsets[i + 1]]
        if _ascii(text):
            _read(text, read)
        else:
            size, _ = _fold(data, offsets[i], offsets[i + 1], table, plain, 0)
            _read(plain[:size], read)
        at, end = ZERO, np.uint64(size)
        rolled, seen, slot = ZERO, 0, 0
        recent[:] = 0
        while True:
            begin = _begin(eights, at, end)
            if begin >= end:
                break
            at, word = _word(eights, begin)
            rolled = rolled * _R + word - recent[slot] * oldest
            recent[slot], begins[slot] = word, begin
            slot += 1
            if slot == n:
                slot = 0
            seen += 1
            high = rolled >> shift
            if bitmap[high >> np.uint64(6)] >> (high & np.uint64(63)) & ONE and seen >= n:
                # `slot` is now the oldest of the n words, which is where the run begins.
                run = _look_up(read[begins[slot] : at], rolled, index)
                if run >= 0:
                    if number < capacity:
                        out[number, 0], out[number, 1] = i, run
                    number += 1
    return number


@njit(nogil=True, cache=True)
def fold(data: Any, offsets: Any, table: Any, out: Any, places: Any) -> bool:
    """Copy UTF-8 texts to `out` with the characters of `table` (fold.py) replaced; whether anything was."""
    at, changed = 0, False
    places[0] = 0
    for i in range(len(offsets) - 1):
        at, other = _fold(data, offsets[i], offsets[i + 1], table, out, at)
        changed |= other
        places[i + 1] = at
    return changed


@njit(nogil=True, cache=True)
def _fold(data: Any, byte: int, end: int, table: Any, out: Any, at: int) -> Any:
    """One text, written from out[at] on; where it ends, and whether anything was replaced."""
    changed = False
    while byte < end:
        c = data[byte]
        size, code = 1, 0
        if c >= 0xF0:
            size, code = 4, c & 0x07
        elif c >= 0xE0:
            size, code = 3, c & 0x0F
        elif c >= 0xC0:
            size, code = 2, c & 0x1F
        for more in range(1, size):
            code = code << 6 | (data[byte + more] & 0x3F)
        plain = table[code] if size > 1 and code < len(table) else 0
        if plain == 0:
            for more in range(size):
                out[at + more] = data[byte + more]
            at += size
        else:
            changed = True
            if plain > 1:
                out[at] = plain
                at += 1
        byte += size
    return at, changed


@njit(nogil=True, cache=True)
def _ascii(text: Any) -> bool:
    every = np.uint8(0)
    for at in range(len(text)):
        every = _or(every, text[at])
    return bool(every < 128)


@njit(inline="always")
def _longest(offsets: Any) -> int:
    """Bytes for the longest text and the room behind it, a multiple of eight."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    return (longest + ROOM + 7) // 8 * 8


@njit(inline="always")
def _log2(x: Any) -> int:
    number = 0
    while x > 1:
        x >>= 1
        number += 1
    return number


@njit(nogil=True, cache=True)
def _look_up(read: Any, key: Any, index: Any) -> int:
    """The run that these bytes spell, or -1."""
    _, keys, runs, words, places = index
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while runs[slot] >= 0:
        if keys[slot] == key and _same(read, words[places[runs[slot]] : places[runs[slot] + 1]]):
            return int(runs[slot])
        slot = (slot + ONE) & mask
    return -1


@njit(nogil=True, cache=True)
def _same(read: Any, spelled: Any) -> bool:
    """Whether the words of `read`, zeros between them, are those of `spelled`, single spaces between them."""
    begin = 0
    for c in spelled:
        if begin >= len(read):
            return False
        if c == SPACE:
            if read[begin] != 0:
                return False
            while read[begin] == 0:  # the last byte belongs to a word
                begin += 1
        elif read[begin] == c:
            begin += 1
        else:
            return False
    return begin == len(read)
