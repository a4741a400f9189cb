"""Byte-level BPE of pre-tokens, compiled by numba.

In: documents split by pretokenize.py, and a vocabulary's tables, made by fast_bpe.py. Out: ids, and
how many there are at the end of each document. A pre-token is looked up among those that came
before; only a new one is merged. Not covered: models that fast_bpe.py refuses. Imported only inside
functions.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from hornbook.jit.pointers import compile_helper, get8, get32, get64, set32, set64
from hornbook.models.pretokenize import ADDED, EDGE, END, ID

# The long cache holds pre-tokens of up to LONG_BYTES bytes with up to LONG_IDS ids, 99.9% each of
# those in Python. An entry: 31 bytes, the length, then the number of ids and 7 ids.
LONG_BYTES, LONG_IDS, LONG_ENTRY = 31, 7, 64
# The short cache in front of it serves 97% of all pre-tokens. An entry: 15 bytes, the length, 3 ids
# and their number.
SHORT_BYTES, SHORT_IDS, SHORT_ENTRY = 15, 3, 32
# Entries of the long cache that are tried for a pre-token; a new one replaces the last of them.
PROBES = 4
NO_RANK = np.int64(1 << 62)  # more than any number in `ranks`
BLOCK_BITS = 4  # 16 ranks form a block, whose minimum is found in one loop
# Odd 64-bit constants with well mixed bits, for multiplicative hashing.
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
    """A vocabulary's tables, the caches and buffers. Addresses, except where noted."""

    added: int  # as in pretokenize.CharacterClasses
    firsts: int  # uint32, the id of each byte
    # int64, left << 44 | right << 24 | rank, or -1: a hash table with buckets of 4, each filled
    # from its start.
    merges: int
    merges_mask: int  # number: buckets - 1
    merged_ids: int  # uint32, by rank the id that a merge makes, and one more
    no_merge: int  # number: the rank of a pair that does not merge, which is the number of merges
    unused_id: int  # number: an id that is in no merge
    short_cache: int  # entries of SHORT_ENTRY bytes
    short_mask: int  # number: entries - 1
    long_cache: int  # entries of LONG_ENTRY bytes
    long_mask: int  # number: entries - 1
    ones: int  # 32 bytes of ones, 32 of zeros
    symbols: int  # uint32, 4 for each byte of a pre-token
    ranks: int  # int64, one for each byte
    tree: int  # int64, 2 for each block of ranks
    capacity: int  # number: longer pre-tokens do not fit into symbols, ranks and tree
    end: int  # number: the id of end-of-text


@njit(nogil=True, cache=True)
def encode_pretokens(text: Any, tables: Any) -> int:
    """Write the ids of all documents, each followed by end-of-text, and `ends`.

    Returns:
        0, or the size in bytes of a pre-token for which the buffers are too small.
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
                    tables.short_cache
                    + ((mixed ^ mixed >> 32) * HASH_MULTIPLIERS[2] >> 40 & tables.short_mask)
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
                if size >= tables.capacity:
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
    """Write the ids of a pre-token, from the long cache if it is there; returns how many."""
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
    entry = tables.long_cache + (mixed >> 32 & tables.long_mask) * LONG_ENTRY
    for probe in range(PROBES):
        if (get64(entry, 0) ^ a) | (get64(entry, 1) ^ b) | (get64(entry, 2) ^ c) | (
            get64(entry, 3) ^ d
        ) == 0:
            id_count = get32(entry, 8)
            # Four ids without a loop: one pre-token in 250 has more.
            set64(out, 0, get64(entry + 36, 0))
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
    """Write the ids of a pre-token without the caches; returns how many."""
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
    """Byte-level BPE: merge the pair of lowest rank, the leftmost first, until none is left.

    Symbol i begins at byte i. symbols[4 * i] and the next three are its id, the next symbol, the
    previous symbol, and the id of its merge with the next. The symbol after the last is also the
    one before the first, and merges with none. `ranks` has for each symbol the rank of its merge
    with the next in the upper half, and the symbol in the lower. `tree` is a tournament tree whose
    leaves are the minima of blocks of ranks. So the next merge is found in logarithmic time, also
    in a word of a megabyte, and without a branch in one of 15 bytes: with leaves of one symbol
    mispredicted branches took a third longer.
    """
    symbols, ranks = tables.symbols, tables.ranks
    for i in range(size):
        set32(symbols, 4 * i, get32(tables.firsts, get8(address, i)))
        set32(symbols, 4 * i + 1, i + 1)
        set32(symbols, 4 * i + 2, i - 1)
    set32(symbols, 2, size)
    set32(symbols, 4 * size, tables.unused_id)
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
        if best >> 32 == tables.no_merge:
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
    """Write the rank of a symbol's merge with the next, and the id of that merge.

    The id is needed only if the pair is merged, but loading it then would have to be waited for.
    """
    rank = _find_merge_rank(
        get32(tables.symbols, 4 * i), get32(tables.symbols, 4 * following), tables
    )
    set64(tables.ranks, i, rank << 32 | i)
    set32(tables.symbols, 4 * i + 3, get32(tables.merged_ids, rank))


@compile_helper
def _update_tournament(block: Any, width: Any, tables: Any) -> None:
    """Recompute a leaf of the tournament tree and the nodes above it."""
    node = width + block
    set64(tables.tree, node, _least_rank(tables.ranks, block))
    while node > 1:
        node >>= 1
        set64(
            tables.tree, node, min(get64(tables.tree, 2 * node), get64(tables.tree, 2 * node + 1))
        )


@compile_helper
def _least_rank(ranks: Any, block: Any) -> Any:
    """The minimum of a block of ranks."""
    least = NO_RANK
    for i in range(1 << BLOCK_BITS):
        least = min(least, get64(ranks, (block << BLOCK_BITS) + i))
    return least


@compile_helper
def _find_merge_rank(left: Any, right: Any, tables: Any) -> Any:
    """The rank of the merge of two ids; `no_merge` if they do not merge."""
    pair = left << 20 | right
    bucket = _hash_pair(pair) & tables.merges_mask
    while True:
        entry, rank = tables.merges + bucket * 32, tables.no_merge
        for slot in range(4):
            merge = get64(entry, slot)
            if merge >> 24 == pair:
                rank = merge & 0xFFFFFF
        if (rank != tables.no_merge) | (get64(entry, 3) < 0):
            return rank
        bucket = (bucket + 1) & tables.merges_mask


@compile_helper
def _hash_pair(pair: Any) -> Any:
    return (pair * HASH_MULTIPLIERS[0]) >> 32


@njit(nogil=True, cache=True)
def fill_merge_table(pairs: int, count: int, table: int, mask: int) -> None:
    """Fill the hash table of merges, which has four slots per bucket.

    Args:
        pairs: address of int64, left << 20 | right, in the order of their rank.
        count: how many pairs; of equal ones the last counts.
        table: address of int64, all -1.
        mask: number of buckets - 1.
    """
    for rank in range(count):
        pair = get64(pairs, rank)
        slot = 4 * (_hash_pair(pair) & mask)
        while get64(table, slot) >= 0 and get64(table, slot) >> 24 != pair:
            slot = (slot + 1) & (4 * mask + 3)
        set64(table, slot, pair << 24 | rank)
