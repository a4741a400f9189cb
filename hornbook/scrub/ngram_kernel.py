"""Runs of n words that an exam has too, found in Arrow string buffers at the speed of memory; compiled by numba.

In: bytes, offsets, and an index of the exam's runs (ngram.py builds it). Out: (text, run) for every place where a
text has one. A rolling hash finds candidates: first a bitmap that stays in the cache, then a hash set; each is then
compared byte by byte, so that a collision costs time and never a wrong hit. Imported only inside functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

_M, _R = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0x9E3779B97F4A7C15)
ONE = np.uint64(1)
BACKSLASH, LETTER_N, LETTER_T, LETTER_R = np.uint8(92), np.uint8(110), np.uint8(116), np.uint8(114)
SPACE = np.uint8(32)


def letters() -> Any:
    """256 bytes: what a byte of a word is read as (ASCII capitals as small letters); 0 for what separates words."""
    table = np.zeros(256, np.uint8)
    for c in range(256):
        if c >= 128 or chr(c).isalnum():
            table[c] = ord(chr(c).lower()) if c < 128 else c
    return table


@njit(inline="always")
def _fed(word: Any, c: Any) -> Any:
    """A byte more, by rotation, in half the cycles of a product: the hash need only find candidates."""
    return (word << np.uint64(7)) ^ (word >> np.uint64(57)) ^ np.uint64(c)


@njit(inline="always")
def _escaped(data: Any, at: Any) -> Any:
    """Whether this letter is the rest of a line end, tab or return that is spelled out with a backslash."""
    c = data[at]
    return data[at - ONE] == BACKSLASH and (c == LETTER_N or c == LETTER_T or c == LETTER_R)  # noqa: SIM109


@njit(inline="always")
def _spread(word: Any) -> Any:
    word *= _M
    return word ^ (word >> np.uint64(29))


@njit(nogil=True, cache=True)
def hashes(data: Any, offsets: Any, n: int) -> Any:
    """The hash of each text of exactly n words joined by single spaces: what `find` computes as it rolls along."""
    found = np.zeros(len(offsets) - 1, np.uint64)
    for i in range(len(offsets) - 1):
        rolled, word = np.uint64(0), np.uint64(0)
        for at in range(offsets[i], offsets[i + 1]):
            if data[at] == SPACE:
                rolled = rolled * _R + _spread(word)
                word = np.uint64(0)
            else:
                word = _fed(word, data[at])
        found[i] = rolled * _R + _spread(word)
    return found


@njit(nogil=True, cache=True)
def find(
    data: Any, offsets: Any, letter: Any, n: int, bitmap: Any, keys: Any, runs: Any, words: Any, places: Any, out: Any
) -> int:
    """Write (text, run) for every occurrence into `out` (capacity, 2); returns how many there are, also beyond it.

    `keys` and `runs` are a hash set of a power of two of slots (runs is -1 where it is empty); run r is the bytes
    words[places[r]:places[r + 1]]; `bitmap` has a bit for the highest bits of each key.
    """
    number, capacity = 0, len(out)
    recent, begins = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    oldest = np.uint64(1)
    for _ in range(n):
        oldest *= _R
    shift, mask = np.uint64(64 - _log2(len(bitmap) * 64)), np.uint64(len(keys) - 1)
    for i in range(len(offsets) - 1):
        # Unsigned, for numba looks at every signed index whether it counts from the end.
        first, end = np.uint64(offsets[i]), np.uint64(offsets[i + 1])
        at = first
        rolled, seen, slot = np.uint64(0), 0, 0
        recent[:] = 0
        while True:
            while at < end and letter[data[at]] == 0:
                at += ONE
            if at >= end:
                break
            if at > first and _escaped(data, at):
                at += ONE
                continue
            begin, word = at, np.uint64(0)
            while at < end:
                c = letter[data[at]]
                if c == 0:
                    break
                word = _fed(word, c)
                at += ONE
            word = _spread(word)
            rolled = rolled * _R + word - recent[slot] * oldest
            recent[slot], begins[slot] = word, begin
            slot += 1
            if slot == n:
                slot = 0
            seen += 1
            high = rolled >> shift
            if bitmap[high >> np.uint64(6)] >> (high & np.uint64(63)) & np.uint64(1) and seen >= n:
                # `slot` is now the oldest of the n words, which is where the run begins.
                run = _look_up(data, begins[slot], at, letter, rolled, keys, mask, runs, words, places)
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
        byte, end = offsets[i], offsets[i + 1]
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
        places[i + 1] = at
    return changed


@njit(inline="always")
def _log2(x: Any) -> int:
    number = 0
    while x > 1:
        x >>= 1
        number += 1
    return number


@njit(nogil=True, cache=True)
def _look_up(
    data: Any, begin: Any, end: Any, letter: Any, key: Any, keys: Any, mask: Any, runs: Any, words: Any, places: Any
) -> int:
    """The run that data[begin:end] spells, or -1."""
    slot = key & mask
    while runs[slot] >= 0:
        if keys[slot] == key and _same(data, begin, end, letter, words, places[runs[slot]], places[runs[slot] + 1]):
            return int(runs[slot])
        slot = (slot + np.uint64(1)) & mask
    return -1


@njit(nogil=True, cache=True)
def _same(data: Any, begin: Any, end: Any, letter: Any, words: Any, first: int, last: int) -> bool:
    """Whether the words of data[begin:end] are those of words[first:last], which have single spaces between them."""
    at = first
    while begin < end:
        c = letter[data[begin]]
        if c == 0:
            while letter[data[begin]] == 0 or _escaped(data, begin):  # the last byte belongs to a word
                begin += ONE
            c = SPACE
        else:
            begin += ONE
        if at == last or words[at] != c:
            return False
        at += 1
    return at == last
