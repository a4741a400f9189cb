"""Overlap of n words with an exam: the detector of the paper's section 5.1, exact.

In: the exam's texts, and texts to look at. Out: which of them share a run of n words with which
problem. The rule of words: a word is a run of ASCII letters and digits and of non-ASCII bytes,
ASCII capitals read as small letters; everything else, underscores, signs and line ends included,
only separates. So a reformatted or re-indented copy is found, `has_close_elements` is three words,
and 1.0 is two. A backslash with n, t or r separates too: code in a JSON string or a notebook has
the words of its source. Letters that look alike are one (fold.py). Runs without a word of two
letters are no evidence (1, 2, 3 ... and a, b, c ... are in many a text) and are left out, and so
are, by option, runs that problems share. Not covered: paraphrase and renaming (syntax.py,
nearest.py); a problem of fewer than n words has no runs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook.scrub.normalise import build_code_point_table, normalise_text

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    HitArray = NDArray[np.int64]

NGRAM_SIZE = 13
WORD = re.compile(rb"[0-9A-Za-z\x80-\xff]+")
ESCAPE = re.compile(rb"\\[ntr]")
TWO_LETTERS = re.compile(rb"[A-Za-z\x80-\xff]{2}")
BITMAP_BITS_PER_NGRAM = (
    64  # of the bitmap: a run of words that is not the exam's passes it once in 64 times
)


@dataclass(frozen=True, eq=False)
class NgramIndex:
    """The n-grams of an exam as an index; `owners[r]`: positions of the problems with n-gram r."""

    n: int
    ngrams: list[bytes]  # words joined by single spaces
    owners: list[tuple[int, ...]]
    hash_tables: tuple[
        NDArray[Any], ...
    ]  # bitmap, keys, runs, words, places: what the kernel looks them up in


def split_words(text: str) -> list[bytes]:
    """The words of a text in UTF-8, by the rule above."""
    normalised = ESCAPE.sub(b" ", normalise_text(text).encode("utf-8", "surrogatepass"))
    return [word.lower() for word in WORD.findall(normalised)]


def extract_ngrams(text: str, n: int = NGRAM_SIZE) -> set[bytes]:
    """The n-grams of a text, words joined by single spaces: what the kernel looks for, plainly."""
    words = split_words(text)
    return {b" ".join(words[start : start + n]) for start in range(len(words) - n + 1)}


def build_index(
    problem_texts: Sequence[Sequence[str]],
    n: int = NGRAM_SIZE,
    max_problems: int = 0,
    excluded: Collection[bytes] = frozenset(),
) -> NgramIndex:
    """Index the n-grams of each problem's texts, except `excluded` and, with a limit, common ones.

    >>> build_index([["one two three"], ["two three four"]], n=2).owners
    [(0,), (1,), (0, 1)]
    """
    owners: dict[bytes, list[int]] = {}
    for problem_index, texts in enumerate(problem_texts):
        for ngram in sorted(set().union(*(extract_ngrams(text, n) for text in texts))):
            if TWO_LETTERS.search(ngram) and ngram not in excluded:
                owners.setdefault(ngram, []).append(problem_index)
    return _build_hash_tables(
        n,
        {
            ngram: problem_ids
            for ngram, problem_ids in owners.items()
            if not max_problems or len(problem_ids) <= max_problems
        },
    )


def _build_hash_tables(n: int, owners: dict[bytes, list[int]]) -> NgramIndex:
    import numpy as np

    from hornbook.scrub import ngram_kernel as kernel

    ngrams = sorted(owners)
    words = np.frombuffer(b"".join(ngrams) or b"\0", np.uint8)
    starts = np.cumsum([0, *map(len, ngrams)], dtype=np.int64)
    hashes = kernel.hash_ngrams(words, starts)
    capacity = 1 << max(6, (len(ngrams) * 4).bit_length())
    keys, slots = np.zeros(capacity, np.uint64), np.full(capacity, -1, np.int64)
    for ngram_id, key in enumerate(hashes.tolist()):
        slot = key & (capacity - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (capacity - 1)
        keys[slot], slots[slot] = key, ngram_id
    bits = 1 << max(12, (len(ngrams) * BITMAP_BITS_PER_NGRAM).bit_length())
    bitmap = np.zeros(bits // 64, np.uint64)
    high_bits = hashes >> np.uint64(64 - bits.bit_length() + 1)
    np.bitwise_or.at(bitmap, high_bits >> np.uint64(6), np.uint64(1) << (high_bits & np.uint64(63)))
    return NgramIndex(
        n, ngrams, [tuple(owners[ngram]) for ngram in ngrams], (bitmap, keys, slots, words, starts)
    )


def find_ngrams(index: NgramIndex, texts: pa.Array | pa.ChunkedArray) -> HitArray:
    """(text, run) of every run that a text has, each once, in order: int64 of shape (hits, 2)."""
    import numpy as np

    hits_per_chunk, first_text = [], 0
    for data, offsets in _string_buffers(texts):
        hits = _find_in_buffer(index, data, offsets)
        hits_per_chunk.append(np.unique(hits, axis=0) + np.array([first_text, 0]))
        first_text += len(offsets) - 1
    return np.concatenate(hits_per_chunk) if hits_per_chunk else np.zeros((0, 2), np.int64)


def _find_in_buffer(index: NgramIndex, data: Any, offsets: Any) -> HitArray:
    import numpy as np

    from hornbook.scrub import ngram_kernel as kernel

    capacity = 1 << 16  # 1 MB; whoever has more is read twice
    while True:
        out = np.zeros((capacity, 2), np.int64)
        hit_count = kernel.find_ngrams(
            data, offsets, index.n, build_code_point_table(), index.hash_tables, out
        )
        if hit_count <= capacity:
            return out[:hit_count]
        capacity = hit_count


def _string_buffers(texts: pa.Array | pa.ChunkedArray) -> Iterator[tuple[Any, Any]]:
    """(bytes, offsets) of each chunk of a column of strings, without copying the text."""
    import numpy as np
    import pyarrow as pa

    chunked = pa.chunked_array([texts]) if isinstance(texts, pa.Array) else texts
    for array in chunked.cast(pa.large_string()).chunks:
        if len(array):
            _, offsets, data = array.buffers()
            starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
            yield np.frombuffer(data if data is not None and data.size else b"\0", np.uint8), starts


def most_shared_problems(index: NgramIndex, hits: HitArray, text_count: int) -> list[int]:
    """For each text the position of the problem with most shared n-grams, -1 for none."""
    counts: list[dict[int, int]] = [{} for _ in range(text_count)]
    for text, ngram_id in hits.tolist():
        for problem_index in index.owners[ngram_id]:
            counts[text][problem_index] = counts[text].get(problem_index, 0) + 1
    return [max(count, key=lambda p: (count[p], -p)) if count else -1 for count in counts]
