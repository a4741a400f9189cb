"""MinHash signatures of texts, and pairs from signatures: 128 permutations, word 5-grams.

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
WORDS_PER_SHINGLE = 5
NO_WORDS = np.uint32(0xFFFFFFFF)
_M1, _M2, _M3 = (
    np.uint64(0xFF51AFD7ED558CCD),
    np.uint64(0xC4CEB9FE1A85EC53),
    np.uint64(0x9E3779B97F4A7C15),
)
_M3_4 = np.uint64(pow(0x9E3779B97F4A7C15, WORDS_PER_SHINGLE - 1, 1 << 64))


def make_permutations(seed: int = 1) -> tuple[U32, U32]:
    """(a, b) of the permutations x -> a * (x ^ b) of 32-bit numbers, a odd. The seed is fixed."""
    rng = np.random.default_rng(seed)
    a = rng.integers(0, 1 << 32, PERMUTATIONS, dtype=np.uint32) | np.uint32(1)
    return a, rng.integers(0, 1 << 32, PERMUTATIONS, dtype=np.uint32)


@njit(inline="always")
def _mix_bits(x: Any) -> Any:
    """MurmurHash3's 64-bit finaliser."""
    x ^= x >> np.uint64(33)
    x *= _M1
    x ^= x >> np.uint64(33)
    x *= _M2
    return x ^ (x >> np.uint64(33))


@njit(inline="always")
def _is_word_byte(byte: Any) -> Any:
    return (
        (97 <= byte <= 122) or (48 <= byte <= 57) or (65 <= byte <= 90) or byte == 95 or byte >= 128
    )


@njit(nogil=True, cache=True)
def hash_shingles(data: Any, begin: Any, end: Any, out: Any) -> int:
    """Write 32-bit hashes of the word 5-grams of data[begin:end] to `out`; returns how many.

    The hash of five words is a polynomial in _M3, rolled on from word to word: add the new one,
    take off the oldest.
    """
    recent_words = np.zeros(WORDS_PER_SHINGLE, np.uint64)
    n_words, n_shingles, word_hash, rolling_hash, in_word = 0, 0, np.uint64(0), np.uint64(0), False
    for i in range(begin, end + 1):
        byte = data[i] if i < end else np.uint8(32)
        if _is_word_byte(byte):
            word_hash = (word_hash ^ np.uint64(byte)) * _M1
            word_hash ^= word_hash >> np.uint64(32)
            in_word = True
        elif in_word:
            slot = n_words % WORDS_PER_SHINGLE
            rolling_hash = (rolling_hash - recent_words[slot] * _M3_4) * _M3 + word_hash
            recent_words[slot] = word_hash
            n_words += 1
            word_hash, in_word = np.uint64(0), False
            if n_words >= WORDS_PER_SHINGLE:
                out[n_shingles] = np.uint32(_mix_bits(rolling_hash) >> np.uint64(32))
                n_shingles += 1
    if 0 < n_words < WORDS_PER_SHINGLE:
        out[0] = np.uint32(_mix_bits(rolling_hash + np.uint64(n_words)) >> np.uint64(32))
        n_shingles = 1
    return n_shingles


@njit(nogil=True, cache=True)
def compute_signatures(data: Any, offsets: Any, a: Any, b: Any, out: Any) -> None:
    """MinHash signatures of texts data[offsets[i]:offsets[i + 1]] to `out` (texts, 128)."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    hashes = np.empty(longest // 2 + 4, np.uint32)
    for i in range(len(offsets) - 1):
        n_hashes = hash_shingles(data, offsets[i], offsets[i + 1], hashes)
        minima = out[i]
        minima[:] = NO_WORDS
        # Four at a time, so that `least` is loaded and stored once for four; a repeated shingle
        # changes no minimum.
        while n_hashes % 4:
            hashes[n_hashes] = hashes[n_hashes - 1]
            n_hashes += 1
        for k in range(0, n_hashes, 4):
            w, x, y, z = hashes[k], hashes[k + 1], hashes[k + 2], hashes[k + 3]
            for p in range(PERMUTATIONS):  # numba multiplies 32-bit numbers to 64 bits unless told
                first = min(np.uint32((w ^ b[p]) * a[p]), np.uint32((x ^ b[p]) * a[p]))
                second = min(np.uint32((y ^ b[p]) * a[p]), np.uint32((z ^ b[p]) * a[p]))
                minima[p] = min(minima[p], min(first, second))


@njit(nogil=True, cache=True)
def compute_fingerprints(data: Any, offsets: Any, out: Any, sizes: Any) -> None:
    """Hash each text to 128 bits, without trailing blanks of its lines and of the whole.

    Args:
        out: the hashes, uint64 of shape (texts, 2).
        sizes: bytes of comments and triple-quoted strings, and of the text, of shape (texts, 2).
    """
    for i in range(len(offsets) - 1):
        begin, end = offsets[i], offsets[i + 1]
        h1, h2 = np.uint64(0x243F6A8885A308D3), np.uint64(0x13198A2E03707344)
        blanks, lines = 0, 0
        for position in range(begin, end):
            byte = data[position]
            if byte == 10:
                blanks, lines = 0, lines + 1
            elif byte == 32 or byte == 9 or byte == 13:
                blanks += 1
            else:
                # What waited turned out not to be trailing: line ends first, then the blanks of
                # this line.
                if lines:
                    h1, h2 = _feed_hashes(h1, h2, np.uint64(256 + lines))
                for k in range(blanks):
                    h1, h2 = _feed_hashes(h1, h2, np.uint64(data[position - blanks + k]))
                blanks, lines = 0, 0
                h1, h2 = _feed_hashes(h1, h2, np.uint64(byte))
        out[i, 0], out[i, 1] = _mix_bits(h1), _mix_bits(h2)
        sizes[i, 0], sizes[i, 1] = _count_explanation_bytes(data, begin, end), end - begin


@njit(inline="always")
def _feed_hashes(h1: Any, h2: Any, value: Any) -> Any:
    h1 = (h1 ^ value) * _M1
    h2 = (h2 ^ value) * _M3
    return h1 ^ (h1 >> np.uint64(32)), h2 ^ (h2 >> np.uint64(29))


@njit(nogil=True, cache=True)
def _count_explanation_bytes(data: Any, begin: Any, end: Any) -> int:
    """Count bytes in comments and triple-quoted strings; other strings are skipped."""
    n_bytes, position, quote, is_triple = 0, begin, 0, False
    while position < end:
        byte = data[position]
        if quote:
            n_bytes += is_triple
            if byte == 92:
                position += 1
            elif byte == quote:
                if not is_triple:
                    quote = 0
                elif (
                    position + 2 < end and data[position + 1] == byte and data[position + 2] == byte
                ):
                    n_bytes, quote, is_triple, position = n_bytes - 1, 0, False, position + 2
            elif byte == 10 and not is_triple:
                quote = 0
        elif byte == 35:
            while position < end and data[position] != 10:
                n_bytes, position = n_bytes + 1, position + 1
        elif byte == 34 or byte == 39:
            quote = byte
            is_triple = (
                position + 2 < end and data[position + 1] == byte and data[position + 2] == byte
            )
            position += 2 * is_triple
        position += 1
    return n_bytes


@njit(nogil=True, cache=True)
def compute_band_keys(signatures: Any, bands: Any, width: Any, out: Any) -> None:
    """Keys of each band of `width` values to `out` (bands, texts); 0 for silent rows."""
    for i in range(len(signatures)):
        for band in range(bands):
            key = np.uint64(band + 1)
            for k in range(band * width, (band + 1) * width):
                key = _mix_bits(key ^ np.uint64(signatures[i, k])) + _M3
            out[band, i] = (
                np.uint64(0)
                if signatures[i, 0] == NO_WORDS and signatures[i, 1] == NO_WORDS
                else key | np.uint64(1)
            )


@njit(nogil=True, cache=True)
def find_root(parent: Any, i: Any) -> Any:
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@njit(nogil=True, cache=True)
def find_all_roots(parent: Any) -> Any:
    """The root of every text: equal for the texts of one group."""
    roots = np.empty_like(parent)
    for i in range(len(parent)):
        roots[i] = find_root(parent, i)
    return roots


@njit(nogil=True, cache=True)
def count_agreements(first: Any, second: Any) -> int:
    """The number of equal values: 128 times the estimate of Jaccard's similarity."""
    n_agreements = 0
    for p in range(PERMUTATIONS):
        n_agreements += first[p] == second[p]
    return n_agreements


@njit(nogil=True, cache=True)
def join_groups(
    order: Any, keys: Any, signatures: Any, parent: Any, min_agreement: Any, all_pairs_limit: Any
) -> int:
    """Join texts that share a band's key and enough values; returns the pairs compared.

    `order` sorts `keys`. In a group above `crowd` texts, each is compared with the first ones of
    the group that agreed with none before them, not with all: quadratic work on a group of a
    million would not end.
    """
    n_compared, start, n_texts = 0, 0, len(order)
    leaders = np.empty(all_pairs_limit, np.int64)
    while start < n_texts:
        end = start + 1
        while end < n_texts and keys[order[end]] == keys[order[start]]:
            end += 1
        if keys[order[start]] != 0 and end - start > 1:
            members = np.sort(order[start:end])
            n_leaders = 0
            for k in range(len(members)):
                current = members[k]
                is_crowded, is_alone = len(members) > all_pairs_limit, True
                for other in leaders[:n_leaders] if is_crowded else members[:k]:
                    if find_root(parent, current) == find_root(parent, other):
                        is_alone = False
                    else:
                        n_compared += 1
                        if (
                            count_agreements(signatures[current], signatures[other])
                            >= min_agreement
                        ):
                            current_root, other_root = (
                                find_root(parent, current),
                                find_root(parent, other),
                            )
                            parent[max(current_root, other_root)] = min(current_root, other_root)
                            is_alone = False
                    if is_crowded and not is_alone:
                        break
                if is_crowded and is_alone and n_leaders < all_pairs_limit:
                    leaders[n_leaders] = current
                    n_leaders += 1
        start = end
    return n_compared
