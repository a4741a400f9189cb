"""Documents that say the same: exact copies first, then near-duplicates by MinHash, the best copy kept.

In: kept documents. Out: marks; a reason names the copy that stays: "exact duplicate: of ID", "near
duplicate: of ID". Two documents are near-duplicates where their signatures share a band and agree
on `threshold` of the permutations; groups are what such pairs connect. Of a group stays the
document with the most bytes of comments and docstrings, then the longest, then the one with the
smallest id, then the first. How the work is split changes nothing. With a view, such as BlindCode
(blind.py), near-duplicates are sought among the view's texts. Memory: signatures and band keys lie
in files; in memory stay about 90 bytes a document, and one band at a time.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import records
from hornbook.frame.stage import Desk, Form, Price, Size, Stage, Whole, spread

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

# 25 bands of 5: of the pairs whose signatures agree on 0.7, 99% share a band (1 - (1 - 0.7^5)^25).
BANDS, BAND_WIDTH = 25, 5
CROWD = 2000  # in a larger group of one band not every pair is compared (minhash.join)
CHUNK_BYTES = 4_000_000


@dataclass(frozen=True)
class DropDuplicates(Whole):
    """Mark exact copies and near-duplicates of `data` as dropped. A threshold of 1 drops exact copies alone."""

    data: Stage
    threshold: float = (
        0.7  # of Jaccard's similarity over word 5-grams, as 128 permutations estimate it (+-0.04)
    )
    view: Stage | None = (
        None  # made of `data`, part by part: what its documents are compared as, by their ids
    )

    form: ClassVar[Form] = "marks"

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        parts = desk.parts(self.data)
        scratch = desk.folder(self) / ".scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        desk.reporter.begin(self.name, len(parts), "parts")
        number = sum(part["kept"] for part in desk.manifest(self.data)["parts"])
        texts = read((self._kept(desk, part) for part in parts), number, scratch, desk)
        stays, reason = verdicts(texts, self.threshold)
        at = 0
        for part in parts:
            rows = desk.table(self.data, part, ["kept"])
            mine = slice(at, at := at + sum(rows["kept"].to_pylist()))
            words = [f"{why} duplicate: of {texts.ids[of].decode()}" if why else ""
                     for why, of in zip(reason[mine], stays[mine], strict=True)]  # fmt: skip
            yield part, spread(rows, records.marks([not why for why in words], words))
        shutil.rmtree(scratch)

    def _kept(self, desk: Desk, part: str) -> pa.Table:
        """The kept rows of a part: id, text, and `seen`, what they are compared as."""
        import pyarrow as pa

        rows = desk.table(self.data, part, ["id", "text", "kept"])
        rows = rows.filter(rows["kept"])
        if self.view is None:
            return rows.append_column("seen", rows["text"])
        shown = desk.table(self.view, part, ["id", "text", "kept"])
        shown = shown.filter(shown["kept"])
        as_seen = dict(zip(shown["id"].to_pylist(), shown["text"].to_pylist(), strict=True))
        pairs = zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True)
        return rows.append_column(
            "seen", pa.array([as_seen.get(name, text) for name, text in pairs], pa.large_string())
        )

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        # 15 s for numba to compile, once a machine; then 60 MB/s a core, reading included.
        minutes = 0.25 + inputs[0].megabytes / 60 / 60 / max(1, desk.workers)
        return Price(inputs[0], minutes=minutes, peak_mb=500 + 90 * inputs[0].documents / 1e6)


@dataclass(frozen=True)
class Texts:
    """What is known of every text: arrays with a row a text, in the order of the data."""

    ids: NDArray[np.bytes_]  # (N,)
    prints: NDArray[np.uint64]  # (N, 2), equal for exact copies
    facts: Ints  # (N, 2): bytes of comments and docstrings, bytes in all
    rows: NDArray[np.uint32]  # (N, 128) signatures, in a file
    keys: NDArray[np.uint64]  # (bands, N), in a file


def read(tables: Iterable[pa.Table], number: int, scratch: Path, desk: Desk) -> Texts:
    """Digest all tables (`DropDuplicates._kept`), of `number` rows in all, on the desk's cores."""
    import numpy as np

    from hornbook.curate import minhash

    def file(name: str, kind: Any, shape: tuple[int, int]) -> Any:
        # An empty file cannot be mapped, so there is a row more than texts.
        return np.asarray(np.memmap(scratch / name, kind, "w+", shape=(shape[0] + 1, shape[1])))[
            : shape[0]
        ]

    texts = Texts(
        np.zeros(number, "S16"),
        np.zeros((number, 2), np.uint64),
        np.zeros((number, 2), np.int64),
        file("signatures", np.uint32, (number, minhash.PERMUTATIONS)),
        file("bands", np.uint64, (BANDS, number + 1))[:, :number],
    )
    a, b = minhash.permutations()

    def describe(chunk: tuple[slice, Any, Any]) -> None:
        where, data, offsets = chunk
        minhash.fingerprints(data, offsets, texts.prints[where], texts.facts[where])

    def sign(chunk: tuple[slice, Any, Any]) -> None:
        where, data, offsets = chunk
        minhash.signatures(data, offsets, a, b, texts.rows[where])
        minhash.band_keys(texts.rows[where], BANDS, BAND_WIDTH, texts.keys[:, where])

    at = 0
    with ThreadPoolExecutor(max(1, desk.workers)) as pool:  # the kernels let go of the interpreter
        for table in tables:
            texts.ids[at : at + len(table)] = table["id"].to_pylist()
            list(pool.map(describe, _chunks(table["text"], at)))
            list(pool.map(sign, _chunks(table["seen"], at)))
            at += len(table)
            desk.reporter.advance()
    return texts


def _chunks(column: pa.ChunkedArray, at: int) -> Iterator[tuple[slice, Any, Any]]:
    """(rows among all texts, bytes, offsets) of about CHUNK_BYTES each, without copying the text."""
    import numpy as np
    import pyarrow as pa

    for array in column.cast(pa.large_string()).chunks:
        _, offsets, data = array.buffers()
        if not len(array):
            continue
        starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        letters = np.frombuffer(data if data is not None and data.size else b"\0", np.uint8)
        cuts = np.searchsorted(starts, np.arange(starts[0], starts[-1], CHUNK_BYTES)).tolist()
        for begin, end in (
            zip(cuts, [*cuts[1:], len(array)], strict=True) if cuts else [(0, len(array))]
        ):
            if begin < end:
                yield slice(at + begin, at + end), letters, starts[begin : end + 1]
        at += len(array)


def verdicts(texts: Texts, threshold: float) -> tuple[Ints, list[str]]:
    """For every text the one that stays for it (itself, where it stays), and "exact", "near" or nothing."""
    import numpy as np

    number = len(texts.ids)
    rank = np.empty(number, np.int64)  # 0 for the text that is preferred to all others
    preferred = np.lexsort((texts.ids, -texts.facts[:, 1], -texts.facts[:, 0]))
    rank[preferred] = np.arange(number)
    stays = _exact(texts, rank)
    copied = stays != np.arange(number)
    if threshold < 1:
        stays = _near(texts, stays, rank, preferred, threshold)[stays]
    merged = stays != np.arange(number)
    # An exact copy of a text that itself went as a near-duplicate is counted once, as what it is to
    # the one that stays.
    exact = copied & (texts.prints[stays] == texts.prints).all(axis=1)
    return stays, np.where(exact, "exact", np.where(merged, "near", "")).tolist()


def _exact(texts: Texts, rank: Ints) -> Ints:
    """The preferred one among the exact copies of each text."""
    import numpy as np

    order = np.lexsort((rank, texts.prints[:, 1], texts.prints[:, 0]))
    ordered = texts.prints[order]
    first = np.ones(len(order), bool)
    first[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    stays = np.empty(len(order), np.int64)
    stays[order] = order[first][np.cumsum(first) - 1]
    return stays


def _near(texts: Texts, stays: Ints, rank: Ints, preferred: Ints, threshold: float) -> Ints:
    """The preferred one of the group of near-duplicates of each text that is no exact copy."""
    import numpy as np

    from hornbook.curate import minhash

    number = len(stays)
    parent, alone = np.arange(number), stays == np.arange(number)
    least = math.ceil(threshold * minhash.PERMUTATIONS - 1e-9)
    for band in range(BANDS):
        keys = np.where(alone, texts.keys[band], 0).astype(np.uint64)
        minhash.join(np.argsort(keys), keys, texts.rows, parent, least, CROWD)
    roots = minhash.roots(parent)
    best = np.full(number, number, np.int64)
    np.minimum.at(best, roots, rank)
    return np.asarray(preferred[best[roots]], np.int64)
