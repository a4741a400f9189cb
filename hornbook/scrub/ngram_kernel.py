"""Find an exam's n-grams in Arrow string buffers, eight bytes at a time; compiled by numba.

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
_MIX_MULTIPLIER, _ROLL_MULTIPLIER = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0x9E3779B97F4A7C15)
ZERO, ONE, THREE, SEVEN, EIGHT = (np.uint64(value) for value in (0, 1, 3, 7, 8))
LOW_BITS, HIGH_BITS = np.uint64(0x0101010101010101), np.uint64(0x8080808080808080)
SPACE = np.uint8(32)
PADDING = 32  # zeros after a text, so that sixteen bytes can be read at any place of it


# LLVM's own words, because numba would turn bytes into 64-bit numbers, of which an instruction
# takes an eighth as many.


@intrinsic  # type: ignore[untyped-decorator]
def _normalise_byte(typing: Any, c: Any, previous: Any) -> Any:
    """The byte as it is compared: ASCII letters in lower case, zero for separators.

    A separator is everything else, and the letter of an escape (a backslash is `previous`, then n,
    t or r), so that a JSON string reads like its text.
    """

    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        def byte_constant(value: int) -> Any:
            return ir.Constant(ir.IntType(8), value)

        def is_between(x: Any, first: str, last: str) -> Any:
            return b.icmp_unsigned(
                "<=", b.sub(x, byte_constant(ord(first))), byte_constant(ord(last) - ord(first))
            )

        def any_of(*tests: Any) -> Any:
            result = tests[0]
            for test in tests[1:]:
                result = b.or_(result, test)
            return result

        lower = b.or_(a[0], byte_constant(32))
        is_letter = is_between(lower, "a", "z")
        is_word = any_of(
            is_letter, is_between(a[0], "0", "9"), b.icmp_unsigned(">=", a[0], byte_constant(128))
        )
        is_escape_letter = any_of(
            *(b.icmp_unsigned("==", a[0], byte_constant(ord(letter))) for letter in "ntr")
        )
        is_escaped = b.and_(is_escape_letter, b.icmp_unsigned("==", a[1], byte_constant(ord("\\"))))
        return b.select(
            b.and_(is_word, b.not_(is_escaped)), b.select(is_letter, lower, a[0]), byte_constant(0)
        )

    return types.uint8(types.uint8, types.uint8), make


@intrinsic  # type: ignore[untyped-decorator]
def _or_bytes(typing: Any, one: Any, other: Any) -> Any:
    return types.uint8(types.uint8, types.uint8), lambda context, b, signature, a: b.or_(a[0], a[1])


@intrinsic  # type: ignore[untyped-decorator]
def _count_trailing_zeros(typing: Any, value: Any) -> Any:
    """Zero bits below the lowest set bit of a 64-bit number; 64 of zero."""

    def make(context: Any, b: Any, signature: Any, a: Any) -> Any:
        return b.cttz(a[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), make


@njit(nogil=True, cache=True)
def _normalise_text(text: Any, normalised: Any) -> None:
    """Write the bytes of words as read, zero for separators, and zeros after the end."""
    size = len(text)
    if size:
        normalised[0] = _normalise_byte(text[0], np.uint8(0))
    for i in range(
        size - 1
    ):  # from nothing, or LLVM would look whether a place counts from the end
        normalised[i + 1] = _normalise_byte(text[i + 1], text[i])
    normalised[size : size + PADDING] = 0


@njit(inline="always")
def _load_8_bytes(words64: Any, position: Any) -> Any:
    """The eight bytes from `at` on, the first of them lowest, out of two aligned numbers."""
    whole, bits = position >> THREE, (position & SEVEN) << THREE
    return words64[whole] >> bits | (words64[whole + ONE] << ONE) << (np.uint64(63) - bits)


@njit(inline="always")
def _find_word_start(words64: Any, position: Any, end: Any) -> Any:
    """The start of the next word, or a position from `end` on.

    Two 8-byte words are looked at together: gaps vary in length, and a mispredicted branch costs
    more than one word too many.
    """
    while position < end:
        first, second = _load_8_bytes(words64, position), _load_8_bytes(words64, position + EIGHT)
        if first | second:
            more = ZERO - np.uint64(first == ZERO)
            return (
                position
                + (_count_trailing_zeros(first) >> THREE)
                + (_count_trailing_zeros(second) >> THREE & more)
            )
        position += EIGHT + EIGHT
    return position


@njit(inline="always")
def _mask_zero_bytes(chunk: Any) -> Any:
    """A number whose lowest set bit is the highest of the first zero byte; zero without one."""
    return (chunk - LOW_BITS) & ~chunk & HIGH_BITS


@njit(inline="always")
def _bits_below(zero_mask: Any) -> Any:
    """All bits below that byte; every bit where there is none."""
    return ((zero_mask & (ZERO - zero_mask)) >> SEVEN) - ONE


@njit(inline="always")
def _mix_hash(hashed: Any, chunk: Any) -> Any:
    hashed = (hashed ^ chunk) * _MIX_MULTIPLIER
    return hashed ^ (hashed >> np.uint64(29))


@njit(inline="always")
def _hash_word(words64: Any, position: Any) -> Any:
    """(end, hash) of the word that begins here: sixteen letters at once, for `_begin`'s reason."""
    hashed = ZERO
    while True:
        first, second = _load_8_bytes(words64, position), _load_8_bytes(words64, position + EIGHT)
        zeros_in_first, zeros_in_second = _mask_zero_bytes(first), _mask_zero_bytes(second)
        more = ZERO - np.uint64(zeros_in_first == ZERO)
        hashed = _mix_hash(
            _mix_hash(hashed, first & _bits_below(zeros_in_first)),
            second & _bits_below(zeros_in_second) & more,
        )
        position += (_count_trailing_zeros(zeros_in_first) >> THREE) + (
            _count_trailing_zeros(zeros_in_second) >> THREE & more
        )
        if zeros_in_first | zeros_in_second:
            return position, hashed


@njit(nogil=True, cache=True)
def hash_ngrams(data: Any, offsets: Any) -> Any:
    """The hash of each n-gram with single spaces, as `find` computes it while it rolls along."""
    hashes = np.zeros(len(offsets) - 1, np.uint64)
    normalised = np.zeros(_buffer_size(offsets), np.uint8)
    for i in range(len(offsets) - 1):
        size = offsets[i + 1] - offsets[i]
        _normalise_text(data[offsets[i] : offsets[i + 1]], normalised)
        position, rolled = ZERO, ZERO
        while position < np.uint64(size):
            position, word = _hash_word(normalised.view(np.uint64), position)
            rolled = rolled * _ROLL_MULTIPLIER + word
            position += ONE
        hashes[i] = rolled
    return hashes


@njit(nogil=True, cache=True)
def find_ngrams(data: Any, offsets: Any, n: int, table: Any, index: Any, out: Any) -> int:
    """Write (text, n-gram) of every match to `out` (capacity, 2); returns the number of matches.

    Args:
        table: the character table of normalise.py.
        index: (bitmap, keys, runs, words, places). `keys` and `runs` are a hash set with 2^k slots
            (runs is -1 in an empty one); n-gram r is words[places[r]:places[r + 1]]; `bitmap` has a
            bit for the highest bits of each key.
    """
    bitmap = index[0]
    hit_count, capacity = 0, len(out)
    recent, starts = np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    oldest = np.uint64(1)
    for _ in range(n):
        oldest *= _ROLL_MULTIPLIER
    shift = np.uint64(64 - _log2(len(bitmap) * 64))
    normalised = np.zeros(_buffer_size(offsets), np.uint8)
    replaced, words64 = np.empty(len(normalised), np.uint8), normalised.view(np.uint64)
    for i in range(len(offsets) - 1):
        size = offsets[i + 1] - offsets[i]
        text = data[offsets[i] : offsets[i + 1]]
        if _is_ascii(text):
            _normalise_text(text, normalised)
        else:
            size, _ = _normalise_utf8(data, offsets[i], offsets[i + 1], table, replaced, 0)
            _normalise_text(replaced[:size], normalised)
        position, end = ZERO, np.uint64(size)
        rolled, word_count, slot = ZERO, 0, 0
        recent[:] = 0
        while True:
            start = _find_word_start(words64, position, end)
            if start >= end:
                break
            position, word = _hash_word(words64, start)
            rolled = rolled * _ROLL_MULTIPLIER + word - recent[slot] * oldest
            recent[slot], starts[slot] = word, start
            slot += 1
            if slot == n:
                slot = 0
            word_count += 1
            high = rolled >> shift
            if bitmap[high >> np.uint64(6)] >> (high & np.uint64(63)) & ONE and word_count >= n:
                # `slot` is now the oldest of the n words, which is where the run begins.
                ngram_id = _look_up_ngram(normalised[starts[slot] : position], rolled, index)
                if ngram_id >= 0:
                    if hit_count < capacity:
                        out[hit_count, 0], out[hit_count, 1] = i, ngram_id
                    hit_count += 1
    return hit_count


@njit(nogil=True, cache=True)
def normalise_texts(data: Any, offsets: Any, table: Any, out: Any, out_offsets: Any) -> bool:
    """Copy UTF-8 texts to `out` with characters replaced by `table`; whether any was."""
    position, changed = 0, False
    out_offsets[0] = 0
    for i in range(len(offsets) - 1):
        position, text_changed = _normalise_utf8(
            data, offsets[i], offsets[i + 1], table, out, position
        )
        changed |= text_changed
        out_offsets[i + 1] = position
    return changed


@njit(nogil=True, cache=True)
def _normalise_utf8(
    data: Any, position: int, end: int, table: Any, out: Any, out_position: int
) -> Any:
    """One text, written from out[at] on; where it ends, and whether anything was replaced."""
    changed = False
    while position < end:
        lead_byte = data[position]
        size, code = 1, 0
        if lead_byte >= 0xF0:
            size, code = 4, lead_byte & 0x07
        elif lead_byte >= 0xE0:
            size, code = 3, lead_byte & 0x0F
        elif lead_byte >= 0xC0:
            size, code = 2, lead_byte & 0x1F
        for more in range(1, size):
            code = code << 6 | (data[position + more] & 0x3F)
        replacement = table[code] if size > 1 and code < len(table) else 0
        if replacement == 0:
            for more in range(size):
                out[out_position + more] = data[position + more]
            out_position += size
        else:
            changed = True
            if replacement > 1:
                out[out_position] = replacement
                out_position += 1
        position += size
    return out_position, changed


@njit(nogil=True, cache=True)
def _is_ascii(text: Any) -> bool:
    all_bits = np.uint8(0)
    for i in range(len(text)):
        all_bits = _or_bytes(all_bits, text[i])
    return bool(all_bits < 128)


@njit(inline="always")
def _buffer_size(offsets: Any) -> int:
    """Bytes for the longest text and the room behind it, a multiple of eight."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    return (longest + PADDING + 7) // 8 * 8


@njit(inline="always")
def _log2(x: Any) -> int:
    exponent = 0
    while x > 1:
        x >>= 1
        exponent += 1
    return exponent


@njit(nogil=True, cache=True)
def _look_up_ngram(normalised: Any, key: Any, index: Any) -> int:
    """The run that these bytes spell, or -1."""
    _, keys, runs, words, places = index
    mask = np.uint64(len(keys) - 1)
    slot = key & mask
    while runs[slot] >= 0:
        if keys[slot] == key and _has_same_words(
            normalised, words[places[runs[slot]] : places[runs[slot] + 1]]
        ):
            return int(runs[slot])
        slot = (slot + ONE) & mask
    return -1


@njit(nogil=True, cache=True)
def _has_same_words(normalised: Any, ngram: Any) -> bool:
    """Whether the words of `read` (zeros between) equal those of `spelled` (spaces between)."""
    position = 0
    for letter in ngram:
        if position >= len(normalised):
            return False
        if letter == SPACE:
            if normalised[position] != 0:
                return False
            while normalised[position] == 0:  # the last byte belongs to a word
                position += 1
        elif normalised[position] == letter:
            position += 1
        else:
            return False
    return position == len(normalised)
