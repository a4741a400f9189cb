"""Texts to MinHash signatures, and signatures to pairs, compiled by numba: 128 permutations over word 5-grams.

In: Arrow string buffers (bytes and offsets). Out: arrays. Imports numba at the top, so it is itself
imported only inside the functions that use it. Words are runs of ASCII letters, digits, underscores
and non-ASCII bytes; a text of fewer than five words is one shingle; a text without words has no
signature (SILENT) and equals nothing.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba import njit
from numpy.typing import NDArray

U32: TypeAlias = NDArray[np.uint32]

PERMUTATIONS = 128
WORDS = 5
SILENT = np.uint32(0xFFFFFFFF)
_M1, _M2, _M3 = (
    np.uint64(0xFF51AFD7ED558CCD),
    np.uint64(0xC4CEB9FE1A85EC53),
    np.uint64(0x9E3779B97F4A7C15),
)
_M3_4 = np.uint64(pow(0x9E3779B97F4A7C15, WORDS - 1, 1 << 64))


def permutations(seed: int = 1) -> tuple[U32, U32]:
    """(a, b) of the permutations x -> a * (x ^ b) of 32-bit numbers; a is odd. The seed never changes."""
    chance = np.random.default_rng(seed)
    a = chance.integers(0, 1 << 32, PERMUTATIONS, dtype=np.uint32) | np.uint32(1)
    return a, chance.integers(0, 1 << 32, PERMUTATIONS, dtype=np.uint32)


@njit(inline="always")
def _mixed(x: Any) -> Any:
    """MurmurHash3's 64-bit finaliser."""
    x ^= x >> np.uint64(33)
    x *= _M1
    x ^= x >> np.uint64(33)
    x *= _M2
    return x ^ (x >> np.uint64(33))


@njit(inline="always")
def _wordy(c: Any) -> Any:
    return (97 <= c <= 122) or (48 <= c <= 57) or (65 <= c <= 90) or c == 95 or c >= 128


@njit(nogil=True, cache=True)
def shingles(data: Any, begin: Any, end: Any, out: Any) -> int:
    """32-bit hashes of the word 5-grams of data[begin:end], repeats included, into `out`; returns how many.

    The hash of five words is a polynomial in _M3, rolled on from word to word: add the new one,
    take off the oldest.
    """
    recent = np.zeros(WORDS, np.uint64)
    words, number, word, rolled, inside = 0, 0, np.uint64(0), np.uint64(0), False
    for at in range(begin, end + 1):
        c = data[at] if at < end else np.uint8(32)
        if _wordy(c):
            word = (word ^ np.uint64(c)) * _M1
            word ^= word >> np.uint64(32)
            inside = True
        elif inside:
            slot = words % WORDS
            rolled = (rolled - recent[slot] * _M3_4) * _M3 + word
            recent[slot] = word
            words += 1
            word, inside = np.uint64(0), False
            if words >= WORDS:
                out[number] = np.uint32(_mixed(rolled) >> np.uint64(32))
                number += 1
    if 0 < words < WORDS:
        out[0] = np.uint32(_mixed(rolled + np.uint64(words)) >> np.uint64(32))
        number = 1
    return number


@njit(nogil=True, cache=True)
def signatures(data: Any, offsets: Any, a: Any, b: Any, out: Any) -> None:
    """MinHash signatures of the texts data[offsets[i]:offsets[i + 1]] into `out` (texts, PERMUTATIONS)."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    found = np.empty(longest // 2 + 4, np.uint32)
    for i in range(len(offsets) - 1):
        number = shingles(data, offsets[i], offsets[i + 1], found)
        least = out[i]
        least[:] = SILENT
        # Four at a time, so that `least` is loaded and stored once for four; a repeated shingle
        # changes no minimum.
        while number % 4:
            found[number] = found[number - 1]
            number += 1
        for k in range(0, number, 4):
            w, x, y, z = found[k], found[k + 1], found[k + 2], found[k + 3]
            for p in range(PERMUTATIONS):  # numba multiplies 32-bit numbers to 64 bits unless told
                first = min(np.uint32((w ^ b[p]) * a[p]), np.uint32((x ^ b[p]) * a[p]))
                second = min(np.uint32((y ^ b[p]) * a[p]), np.uint32((z ^ b[p]) * a[p]))
                least[p] = min(least[p], min(first, second))


@njit(nogil=True, cache=True)
def fingerprints(data: Any, offsets: Any, out: Any, facts: Any) -> None:
    """128-bit hashes of the texts without trailing blanks of lines and of the whole, into `out` (texts, 2); and into
    `facts` (texts, 2) the bytes of comments and triple-quoted strings, and of the text."""
    for i in range(len(offsets) - 1):
        begin, end = offsets[i], offsets[i + 1]
        h1, h2 = np.uint64(0x243F6A8885A308D3), np.uint64(0x13198A2E03707344)
        blanks, lines = 0, 0
        for at in range(begin, end):
            c = data[at]
            if c == 10:
                blanks, lines = 0, lines + 1
            elif c == 32 or c == 9 or c == 13:
                blanks += 1
            else:
                # What waited turned out not to be trailing: line ends first, then the blanks of
                # this line.
                if lines:
                    h1, h2 = _fed(h1, h2, np.uint64(256 + lines))
                for back in range(blanks):
                    h1, h2 = _fed(h1, h2, np.uint64(data[at - blanks + back]))
                blanks, lines = 0, 0
                h1, h2 = _fed(h1, h2, np.uint64(c))
        out[i, 0], out[i, 1] = _mixed(h1), _mixed(h2)
        facts[i, 0], facts[i, 1] = _explained(data, begin, end), end - begin


@njit(inline="always")
def _fed(h1: Any, h2: Any, value: Any) -> Any:
    h1 = (h1 ^ value) * _M1
    h2 = (h2 ^ value) * _M3
    return h1 ^ (h1 >> np.uint64(32)), h2 ^ (h2 >> np.uint64(29))


@njit(nogil=True, cache=True)
def _explained(data: Any, begin: Any, end: Any) -> int:
    """Bytes inside comments and triple-quoted strings; strings are told apart well enough to skip their '#'."""
    number, at, quote, triple = 0, begin, 0, False
    while at < end:
        c = data[at]
        if quote:
            number += triple
            if c == 92:
                at += 1
            elif c == quote:
                if not triple:
                    quote = 0
                elif at + 2 < end and data[at + 1] == c and data[at + 2] == c:
                    number, quote, triple, at = number - 1, 0, False, at + 2
            elif c == 10 and not triple:
                quote = 0
        elif c == 35:
            while at < end and data[at] != 10:
                number, at = number + 1, at + 1
        elif c == 34 or c == 39:
            quote = c
            triple = at + 2 < end and data[at + 1] == c and data[at + 2] == c
            at += 2 * triple
        at += 1
    return number


@njit(nogil=True, cache=True)
def band_keys(rows: Any, bands: Any, width: Any, out: Any) -> None:
    """Keys of each band of `width` values of the signatures, into `out` (bands, texts); 0 stands for SILENT rows."""
    for i in range(len(rows)):
        for band in range(bands):
            key = np.uint64(band + 1)
            for at in range(band * width, (band + 1) * width):
                key = _mixed(key ^ np.uint64(rows[i, at])) + _M3
            out[band, i] = (
                np.uint64(0)
                if rows[i, 0] == SILENT and rows[i, 1] == SILENT
                else key | np.uint64(1)
            )


@njit(nogil=True, cache=True)
def root(parent: Any, i: Any) -> Any:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(nogil=True, cache=True)
def roots(parent: Any) -> Any:
    """The root of every text: equal for the texts of one group."""
    found = np.empty_like(parent)
    for i in range(len(parent)):
        found[i] = root(parent, i)
    return found


@njit(nogil=True, cache=True)
def agreeing(first: Any, second: Any) -> int:
    """How many of the permutations have the same least value: 128 times the estimate of Jaccard's similarity."""
    number = 0
    for p in range(PERMUTATIONS):
        number += first[p] == second[p]
    return number


@njit(nogil=True, cache=True)
def join(order: Any, keys: Any, rows: Any, parent: Any, least: Any, crowd: Any) -> int:
    """Join the texts that share a band's key and agree on at least `least` permutations; returns pairs compared.

    `order` sorts `keys`. In a group above `crowd` texts, each is compared with the first ones of the group that
    agreed with none before them, not with all: quadratic work on a group of a million would not
    end.
    """
    compared, at, number = 0, 0, len(order)
    leaders = np.empty(crowd, np.int64)
    while at < number:
        after = at + 1
        while after < number and keys[order[after]] == keys[order[at]]:
            after += 1
        if keys[order[at]] != 0 and after - at > 1:
            members = np.sort(order[at:after])
            led = 0
            for k in range(len(members)):
                mine = members[k]
                crowded, alone = len(members) > crowd, True
                for other in leaders[:led] if crowded else members[:k]:
                    if root(parent, mine) == root(parent, other):
                        alone = False
                    else:
                        compared += 1
                        if agreeing(rows[mine], rows[other]) >= least:
                            high, low = root(parent, mine), root(parent, other)
                            parent[max(high, low)] = min(high, low)
                            alone = False
                    if crowded and not alone:
                        break
                if crowded and alone and led < crowd:
                    leaders[led] = mine
                    led += 1
        at = after
    return compared
