"""Byte-level BPE, compiled by numba: pre-tokens to ids.

In: documents cut by bpe_cut.py, and a vocabulary's tables, made by bpe.py. Out: ids, and how many
there are at the end of each document. Each pre-token is looked up among those that came before, and
only a new one is merged. Not covered: other models than bpe.py lets pass. Imported only inside
functions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from hornbook.jit.pointers import compile_helper, get8, get32, get64, set32, set64
from hornbook.models.pretokenize import ADDED, EDGE, END, ID

LONG_BYTES = 31  # bytes of a pre-token that is remembered: 99.9% of those in Python
LONG_IDS = 7  # ids of one; 99.9%
LONG_ENTRY = 64  # bytes: LONGEST of the pre-token, its length; number of ids, MOST ids
PROBES = (
    4  # entries from its place on in which a pre-token may lie; the last makes room for what is new
)
SHORT_BYTES, SHORT_IDS, SHORT_ENTRY = (
    15,
    3,
    32,
)  # the same of those at hand, 97% of all: so many bytes and ids, in so many bytes
NO_RANK = np.int64(1 << 62)  # more than any number in `ranks`
BLOCK_BITS = 4  # of the ranks of a block, whose least is found at once
HASH_MULTIPLIERS = tuple(
    np.int64(multiplier)
    for multiplier in (
        0x1E3779B97F4A7C15,
        0x7F51AFD7ED558CCD,
        0x44CEB9FE1A85EC53,
        0x56E8FEB86659FD93,
    )
)


class VocabTables(NamedTuple):
    """A vocabulary. All addresses but the masks, `never`, `nothing`, `room` and `end`."""

    added: int  # as in bpe_cut.Classes
    firsts: int  # uint32, the id of each byte
    merges: int  # int64, left << 44 | right << 24 | rank, or -1: a hash table, each bucket of 4 filled from its start
    merges_mask: int
    made: int  # uint32, by rank what a merge makes, and one more
    never: int  # the rank of what does not merge: the number of merges
    nothing: int  # an id that is in no merge
    near: int  # NEARs
    near_mask: int
    known: int  # ENTRYs
    known_mask: int
    ones: int  # 32 bytes of ones, 32 of zeros
    symbols: int  # uint32, 4 for each byte of a pre-token
    ranks: int  # int64, one for each
    tree: int  # int64, 2 for each block of these
    room: int  # a power of two: more than the bytes of a pre-token for which the three have room
    end: int  # the id of end-of-text


@njit(nogil=True, cache=True)
def encode_pretokens(text: Any, tables: Any) -> int:
    """Write ids, end-of-text behind each document's, and ends.

    Returns 0; or the bytes of a pre-token for which the tables lack room.
    """
    place, out = text.places, text.ids
    position = get32(place, 0)
    for document in range(text.documents):
        last = get64(text.stops, document)
        while position < last:
            place += 4
            stop = get32(place, 0)
            size = stop - position
            mask = tables.ones + 32 - size
            if size <= SHORT_BYTES:
                a = get64(text.data + position, 0) & get64(mask, 0)
                b = get64(text.data + position, 1) & get64(mask, 1) | size << 56
                mixed = (a ^ b * HASH_MULTIPLIERS[1]) * HASH_MULTIPLIERS[0]
                entry = (
                    tables.near
                    + ((mixed ^ mixed >> 32) * HASH_MULTIPLIERS[2] >> 40 & tables.near_mask)
                    * SHORT_ENTRY
                )
                if (get64(entry, 0) ^ a) | (get64(entry, 1) ^ b) == 0:
                    set64(out, 0, get64(entry, 2))
                    set32(out, 2, get32(entry, 6))
                    out += 4 * get32(entry, 7)
                    position = stop
                    continue
                id_count = _look_up_pretoken(
                    text.data + position, size, text.kinds + position, tables, out
                )
                if id_count <= SHORT_IDS:
                    set64(entry, 0, a)
                    set64(entry, 1, b)
                    for i in range(SHORT_IDS):
                        set32(entry, 4 + i, get32(out, i))
                    set32(entry, 7, id_count)
            else:
                if size >= tables.room:
                    return int(size)
                id_count = _look_up_pretoken(
                    text.data + position, size, text.kinds + position, tables, out
                )
            out += 4 * id_count
            position = stop
        set64(text.ends, document, (out - text.ids) >> 2)
    return 0


@compile_helper
def _look_up_pretoken(address: Any, size: Any, kind: Any, tables: Any, out: Any) -> Any:
    """Write the ids of a pre-token; how many they are."""
    if size > LONG_BYTES:
        return _encode_new_pretoken(address, size, kind, tables, out)
    mask = tables.ones + 32 - size
    a, b = get64(address, 0) & get64(mask, 0), get64(address, 1) & get64(mask, 1)
    c, d = get64(address, 2) & get64(mask, 2), get64(address, 3) & get64(mask, 3) | size << 56
    mixed = (
        a * HASH_MULTIPLIERS[0]
        + b * HASH_MULTIPLIERS[1]
        + c * HASH_MULTIPLIERS[2]
        + d * HASH_MULTIPLIERS[3]
    )
    mixed = (mixed ^ mixed >> 32) * HASH_MULTIPLIERS[0]
    entry = tables.known + (mixed >> 32 & tables.known_mask) * LONG_ENTRY
    for probe in range(PROBES):
        if (get64(entry, 0) ^ a) | (get64(entry, 1) ^ b) | (get64(entry, 2) ^ c) | (
            get64(entry, 3) ^ d
        ) == 0:
            id_count = get32(entry, 8)
            set64(out, 0, get64(entry + 36, 0))  # four at once, and no loop but for one in 250
            set64(out, 1, get64(entry + 36, 1))
            for i in range(4, id_count):
                set32(out, i, get32(entry, 9 + i))
            return id_count
        if get64(entry, 3) == 0 or probe == PROBES - 1:
            break
        entry += LONG_ENTRY
    id_count = _encode_new_pretoken(address, size, kind, tables, out)
    if id_count <= LONG_IDS:
        set64(entry, 0, a)
        set64(entry, 1, b)
        set64(entry, 2, c)
        set64(entry, 3, d)
        set32(entry, 8, id_count)
        for i in range(id_count):
            set32(entry, 9 + i, get32(out, i))
    return id_count


@compile_helper
def _encode_new_pretoken(address: Any, size: Any, kind: Any, tables: Any, out: Any) -> Any:
    if get8(kind, 0) == ADDED:
        node = 0
        for i in range(size):
            node = get32(tables.added, node + get8(address, i))
        set32(out, 0, get32(tables.added, node + ID))
        return 1
    if get8(kind, 0) == EDGE:
        set32(out, 0, tables.end)
        return 1 if get8(address, 0) == END else 0
    return _merge_bytes(address, size, tables, out)


@compile_helper
def _merge_bytes(address: Any, size: Any, tables: Any, out: Any) -> Any:
    """Byte-level BPE: of all pairs of neighbours merge the one of lowest rank, the leftmost first, until none has one.

    Symbol i is (id, next symbol, symbol before, id of its merge with the next) from symbols[4 * i]
    on, and begins at byte i; the one behind the last is also the one before the first, and merges
    with none. `ranks` has for each symbol the rank of its merge with the next, above the symbol
    itself; `tree` is a tournament, each leaf the least of a block of these. So the pair to merge is
    found in steps that grow with the logarithm, for a word of a megabyte too, and without a branch
    for one of 15 bytes: with leaves of one symbol wrong guesses took a third longer.
    """
    symbols, ranks = tables.symbols, tables.ranks
    for i in range(size):
        set32(symbols, 4 * i, get32(tables.firsts, get8(address, i)))
        set32(symbols, 4 * i + 1, i + 1)
        set32(symbols, 4 * i + 2, i - 1)
    set32(symbols, 2, size)
    set32(symbols, 4 * size, tables.nothing)
    blocks = (size >> BLOCK_BITS) + 1
    for i in range(size, blocks << BLOCK_BITS):
        set64(ranks, i, NO_RANK)
    for i in range(size):
        _update_rank(i, i + 1, tables)
    width = 1
    while width < blocks:
        width *= 2
    for block in range(width):
        set64(tables.tree, width + block, _least_rank(ranks, block) if block < blocks else NO_RANK)
    for i in range(width - 1, 0, -1):
        set64(tables.tree, i, min(get64(tables.tree, 2 * i), get64(tables.tree, 2 * i + 1)))
    while True:
        best = get64(tables.tree, 1)
        if best >> 32 == tables.never:
            break
        i = best & 0xFFFFFFFF
        set32(symbols, 4 * i, get32(symbols, 4 * i + 3))
        removed, left = get32(symbols, 4 * i + 1), get32(symbols, 4 * i + 2)
        following = get32(symbols, 4 * removed + 1)
        set32(symbols, 4 * i + 1, following)
        set32(symbols, 4 * following + 2, i)
        set64(ranks, removed, NO_RANK)
        _update_rank(i, following, tables)
        _update_rank(left, i, tables)
        _update_tournament(removed >> BLOCK_BITS, width, tables)
        if i >> BLOCK_BITS != removed >> BLOCK_BITS:
            _update_tournament(i >> BLOCK_BITS, width, tables)
        if left >> BLOCK_BITS != i >> BLOCK_BITS:
            _update_tournament(left >> BLOCK_BITS, width, tables)
    id_count, i = 0, 0
    while i < size:
        set32(out, id_count, get32(symbols, 4 * i))
        id_count += 1
        i = get32(symbols, 4 * i + 1)
    return id_count


@compile_helper
def _update_rank(i: Any, following: Any, tables: Any) -> None:
    """The rank of a symbol's merge with the next, and what it makes, which would else be waited for later."""
    rank = _find_merge_rank(
        get32(tables.symbols, 4 * i), get32(tables.symbols, 4 * following), tables
    )
    set64(tables.ranks, i, rank << 32 | i)
    set32(tables.symbols, 4 * i + 3, get32(tables.made, rank))


@compile_helper
def _update_tournament(block: Any, width: Any, tables: Any) -> None:
    """A leaf of the tournament, and the nodes above it."""
    node = width + block
    set64(tables.tree, node, _least_rank(tables.ranks, block))
    while node > 1:
        node >>= 1
        set64(
            tables.tree, node, min(get64(tables.tree, 2 * node), get64(tables.tree, 2 * node + 1))
        )


@compile_helper
def _least_rank(ranks: Any, block: Any) -> Any:
    least = NO_RANK
    for i in range(1 << BLOCK_BITS):
        least = min(least, get64(ranks, (block << BLOCK_BITS) + i))
    return least


@compile_helper
def _find_merge_rank(left: Any, right: Any, tables: Any) -> Any:
    """The rank of the merge of two ids; `never` where they have none."""
    pair = left << 20 | right
    bucket = _hash_pair(pair) & tables.merges_mask
    while True:
        entry, rank = tables.merges + bucket * 32, tables.never
        for slot in range(4):
            merge = get64(entry, slot)
            if merge >> 24 == pair:
                rank = merge & 0xFFFFFF
        if (rank != tables.never) | (get64(entry, 3) < 0):
            return rank
        bucket = (bucket + 1) & tables.merges_mask


@compile_helper
def _hash_pair(pair: Any) -> Any:
    return (pair * HASH_MULTIPLIERS[0]) >> 32


@njit(nogil=True, cache=True)
def fill_merge_table(pairs: int, count: int, table: int, mask: int) -> None:
    """Put the ranks of pairs (left << 20 | right) into a hash table, four slots a bucket; of equal pairs the last's."""
    for rank in range(count):
        pair = get64(pairs, rank)
        slot = 4 * (_hash_pair(pair) & mask)
        while get64(table, slot) >= 0 and get64(table, slot) >> 24 != pair:
            slot = (slot + 1) & (4 * mask + 3)
        set64(table, slot, pair << 24 | rank)
