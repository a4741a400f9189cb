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

from hornbook.scrub.normalise import code_points, folded

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Hits = NDArray[np.int64]

N = 13
WORD = re.compile(rb"[0-9A-Za-z\x80-\xff]+")
ESCAPE = re.compile(rb"\\[ntr]")
LETTERS = re.compile(rb"[A-Za-z\x80-\xff]{2}")
BITS_A_RUN = 64  # of the bitmap: a run of words that is not the exam's passes it once in 64 times


@dataclass(frozen=True, eq=False)
class Runs:
    """The runs of an exam, ready to be looked for. `owners[r]` are the positions of the problems that have run r."""

    n: int
    spelled: list[bytes]  # words joined by single spaces
    owners: list[tuple[int, ...]]
    index: tuple[
        NDArray[Any], ...
    ]  # bitmap, keys, runs, words, places: what the kernel looks them up in


def words_of(text: str) -> list[bytes]:
    """The words of a text in UTF-8, by the rule above."""
    plain = ESCAPE.sub(b" ", folded(text).encode("utf-8", "surrogatepass"))
    return [word.lower() for word in WORD.findall(plain)]


def runs_of(text: str, n: int = N) -> set[bytes]:
    """The runs of n words of a text, words joined by single spaces: the plain form of what the kernel looks for."""
    words = words_of(text)
    return {b" ".join(words[at : at + n]) for at in range(len(words) - n + 1)}


def index(
    problems: Sequence[Sequence[str]],
    n: int = N,
    shared: int = 0,
    left_out: Collection[bytes] = frozenset(),
) -> Runs:
    """Index the runs of each problem's texts but some; and, unless `shared` is 0, those that more problems have.

    >>> index([["one two three"], ["two three four"]], n=2).owners
    [(0,), (1,), (0, 1)]
    """
    owners: dict[bytes, list[int]] = {}
    for at, texts in enumerate(problems):
        for run in sorted(set().union(*(runs_of(text, n) for text in texts))):
            if LETTERS.search(run) and run not in left_out:
                owners.setdefault(run, []).append(at)
    return _indexed(
        n, {run: who for run, who in owners.items() if not shared or len(who) <= shared}
    )


def _indexed(n: int, owners: dict[bytes, list[int]]) -> Runs:
    import numpy as np

    from hornbook.scrub import ngram_kernel as kernel

    spelled = sorted(owners)
    words = np.frombuffer(b"".join(spelled) or b"\0", np.uint8)
    places = np.cumsum([0, *map(len, spelled)], dtype=np.int64)
    hashed = kernel.hashes(words, places)
    size = 1 << max(6, (len(spelled) * 4).bit_length())
    keys, slots = np.zeros(size, np.uint64), np.full(size, -1, np.int64)
    for at, key in enumerate(hashed.tolist()):
        slot = key & (size - 1)
        while slots[slot] >= 0:
            slot = (slot + 1) & (size - 1)
        keys[slot], slots[slot] = key, at
    bits = 1 << max(12, (len(spelled) * BITS_A_RUN).bit_length())
    bitmap = np.zeros(bits // 64, np.uint64)
    high = hashed >> np.uint64(64 - bits.bit_length() + 1)
    np.bitwise_or.at(bitmap, high >> np.uint64(6), np.uint64(1) << (high & np.uint64(63)))
    return Runs(
        n, spelled, [tuple(owners[run]) for run in spelled], (bitmap, keys, slots, words, places)
    )


def find(runs: Runs, texts: pa.Array | pa.ChunkedArray) -> Hits:
    """(text, run) of every run that a text has, each once, in order: int64 of shape (hits, 2)."""
    import numpy as np

    found, at = [], 0
    for data, offsets in _buffers(texts):
        hits = _found(runs, data, offsets)
        found.append(np.unique(hits, axis=0) + np.array([at, 0]))
        at += len(offsets) - 1
    return np.concatenate(found) if found else np.zeros((0, 2), np.int64)


def _found(runs: Runs, data: Any, offsets: Any) -> Hits:
    import numpy as np

    from hornbook.scrub import ngram_kernel as kernel

    room = 1 << 16  # 1 MB; whoever has more is read twice
    while True:
        out = np.zeros((room, 2), np.int64)
        number = kernel.find(data, offsets, runs.n, code_points(), runs.index, out)
        if number <= room:
            return out[:number]
        room = number


def _buffers(texts: pa.Array | pa.ChunkedArray) -> Iterator[tuple[Any, Any]]:
    """(bytes, offsets) of each chunk of a column of strings, without copying the text."""
    import numpy as np
    import pyarrow as pa

    chunked = pa.chunked_array([texts]) if isinstance(texts, pa.Array) else texts
    for array in chunked.cast(pa.large_string()).chunks:
        if len(array):
            _, offsets, data = array.buffers()
            starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
            yield np.frombuffer(data if data is not None and data.size else b"\0", np.uint8), starts


def closest(runs: Runs, hits: Hits, number: int) -> list[int]:
    """For each of `number` texts the problem (a position) with which it shares most runs, -1 for none."""
    counts: list[dict[int, int]] = [{} for _ in range(number)]
    for text, run in hits.tolist():
        for problem in runs.owners[run]:
            counts[text][problem] = counts[text].get(problem, 0) + 1
    return [max(count, key=lambda p: (count[p], -p)) if count else -1 for count in counts]
