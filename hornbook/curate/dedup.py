"""Drop duplicates: exact copies first, then near-duplicates by MinHash; the best copy is kept.

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
from hornbook.frame.stage import (
    GlobalStage,
    Price,
    RecordForm,
    RunContext,
    Size,
    Stage,
    scatter_to_all_rows,
)

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    IntArray = NDArray[np.int64]

# 25 bands of 5: of the pairs whose signatures agree on 0.7, 99% share a band (1 - (1 - 0.7^5)^25).
BANDS, BAND_WIDTH = 25, 5
ALL_PAIRS_LIMIT = 2000  # in a larger group of one band not every pair is compared (minhash.join)
CHUNK_BYTES = 4_000_000


@dataclass(frozen=True)
class DropDuplicates(GlobalStage):
    """Drop exact copies and near-duplicates of `data`. A threshold of 1: exact copies alone."""

    data: Stage
    threshold: float = (
        0.7  # of Jaccard's similarity over word 5-grams, as 128 permutations estimate it (+-0.04)
    )
    view: Stage | None = (
        None  # made of `data`, part by part: what its documents are compared as, by their ids
    )

    form: ClassVar[RecordForm] = "verdicts"

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        parts = ctx.run.shard_names(self.data)
        scratch = ctx.run.stage_folder(self) / ".scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        ctx.reporter.begin(self.name, len(parts), "parts")
        n_texts = sum(part["kept"] for part in ctx.run.read_manifest(self.data)["shards"])
        texts = digest_tables(
            (self._read_texts_to_compare(ctx, part) for part in parts), n_texts, scratch, ctx
        )
        survivors, kinds = find_survivors(texts, self.threshold)
        start = 0
        for part in parts:
            rows = ctx.run.read_shard(self.data, part, ["kept"])
            shard_rows = slice(start, start := start + sum(rows["kept"].to_pylist()))
            reasons = [f"{kind} duplicate: of {texts.ids[survivor].decode()}" if kind else ""
                     for kind, survivor in zip(
                         kinds[shard_rows], survivors[shard_rows], strict=True
                     )]  # fmt: skip
            yield (
                part,
                scatter_to_all_rows(
                    rows, records.verdict_columns([not why for why in reasons], reasons)
                ),
            )
        shutil.rmtree(scratch)

    def _read_texts_to_compare(self, ctx: RunContext, part: str) -> pa.Table:
        """The kept rows of a part: id, text, and `seen`, what they are compared as."""
        import pyarrow as pa

        rows = ctx.run.read_shard(self.data, part, ["id", "text", "kept"])
        rows = rows.filter(rows["kept"])
        if self.view is None:
            return rows.append_column("seen", rows["text"])
        view_rows = ctx.run.read_shard(self.view, part, ["id", "text", "kept"])
        view_rows = view_rows.filter(view_rows["kept"])
        view_texts = dict(
            zip(view_rows["id"].to_pylist(), view_rows["text"].to_pylist(), strict=True)
        )
        pairs = zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True)
        return rows.append_column(
            "seen",
            pa.array([view_texts.get(doc_id, text) for doc_id, text in pairs], pa.large_string()),
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        # 15 s for numba to compile, once a machine; then 60 MB/s a core, reading included.
        minutes = 0.25 + inputs[0].megabytes / 60 / 60 / max(1, ctx.workers)
        return Price(inputs[0], minutes=minutes, peak_mb=500 + 90 * inputs[0].documents / 1e6)


@dataclass(frozen=True)
class TextDigests:
    """What is known of every text: arrays with a row a text, in the order of the data."""

    ids: NDArray[np.bytes_]  # (N,)
    fingerprints: NDArray[np.uint64]  # (N, 2), equal for exact copies
    sizes: IntArray  # (N, 2): bytes of comments and docstrings, bytes in all
    signatures: NDArray[np.uint32]  # (N, 128) signatures, in a file
    band_keys: NDArray[np.uint64]  # (bands, N), in a file


def digest_tables(
    tables: Iterable[pa.Table], n_texts: int, scratch: Path, ctx: RunContext
) -> TextDigests:
    """Digest all tables (`DropDuplicates._kept`), of `number` rows in all, on the desk's cores."""
    import numpy as np

    from hornbook.curate import minhash

    def make_memmap(name: str, dtype: Any, shape: tuple[int, int]) -> Any:
        # An empty file cannot be mapped, so there is a row more than texts.
        return np.asarray(np.memmap(scratch / name, dtype, "w+", shape=(shape[0] + 1, shape[1])))[
            : shape[0]
        ]

    texts = TextDigests(
        np.zeros(n_texts, "S16"),
        np.zeros((n_texts, 2), np.uint64),
        np.zeros((n_texts, 2), np.int64),
        make_memmap("signatures", np.uint32, (n_texts, minhash.PERMUTATIONS)),
        make_memmap("bands", np.uint64, (BANDS, n_texts + 1))[:, :n_texts],
    )
    a, b = minhash.make_permutations()

    def fingerprint_chunk(chunk: tuple[slice, Any, Any]) -> None:
        rows, data, offsets = chunk
        minhash.compute_fingerprints(data, offsets, texts.fingerprints[rows], texts.sizes[rows])

    def sign_chunk(chunk: tuple[slice, Any, Any]) -> None:
        rows, data, offsets = chunk
        minhash.compute_signatures(data, offsets, a, b, texts.signatures[rows])
        minhash.compute_band_keys(
            texts.signatures[rows], BANDS, BAND_WIDTH, texts.band_keys[:, rows]
        )

    start = 0
    with ThreadPoolExecutor(max(1, ctx.workers)) as pool:  # the kernels let go of the interpreter
        for table in tables:
            texts.ids[start : start + len(table)] = table["id"].to_pylist()
            list(pool.map(fingerprint_chunk, _iterate_chunks(table["text"], start)))
            list(pool.map(sign_chunk, _iterate_chunks(table["seen"], start)))
            start += len(table)
            ctx.reporter.advance()
    return texts


def _iterate_chunks(column: pa.ChunkedArray, first_row: int) -> Iterator[tuple[slice, Any, Any]]:
    """Yield (rows, bytes, offsets) of about CHUNK_BYTES each, without copying the text."""
    import numpy as np
    import pyarrow as pa

    for array in column.cast(pa.large_string()).chunks:
        _, offsets, data = array.buffers()
        if not len(array):
            continue
        starts = np.frombuffer(offsets, np.int64)[array.offset : array.offset + len(array) + 1]
        text_bytes = np.frombuffer(data if data is not None and data.size else b"\0", np.uint8)
        cuts = np.searchsorted(starts, np.arange(starts[0], starts[-1], CHUNK_BYTES)).tolist()
        for begin, end in (
            zip(cuts, [*cuts[1:], len(array)], strict=True) if cuts else [(0, len(array))]
        ):
            if begin < end:
                yield slice(first_row + begin, first_row + end), text_bytes, starts[begin : end + 1]
        first_row += len(array)


def find_survivors(texts: TextDigests, threshold: float) -> tuple[IntArray, list[str]]:
    """For every text the index of its survivor (itself if kept), and "exact", "near" or ""."""
    import numpy as np

    n_texts = len(texts.ids)
    rank = np.empty(n_texts, np.int64)  # 0 for the text that is preferred to all others
    by_preference = np.lexsort((texts.ids, -texts.sizes[:, 1], -texts.sizes[:, 0]))
    rank[by_preference] = np.arange(n_texts)
    survivors = _find_exact_survivors(texts, rank)
    is_exact_copy = survivors != np.arange(n_texts)
    if threshold < 1:
        survivors = _find_near_survivors(texts, survivors, rank, by_preference, threshold)[
            survivors
        ]
    is_duplicate = survivors != np.arange(n_texts)
    # An exact copy of a text that itself went as a near-duplicate is counted once, as what it is to
    # the one that stays.
    is_exact = is_exact_copy & (texts.fingerprints[survivors] == texts.fingerprints).all(axis=1)
    return survivors, np.where(is_exact, "exact", np.where(is_duplicate, "near", "")).tolist()


def _find_exact_survivors(texts: TextDigests, rank: IntArray) -> IntArray:
    """The preferred one among the exact copies of each text."""
    import numpy as np

    order = np.lexsort((rank, texts.fingerprints[:, 1], texts.fingerprints[:, 0]))
    sorted_prints = texts.fingerprints[order]
    is_first = np.ones(len(order), bool)
    is_first[1:] = (sorted_prints[1:] != sorted_prints[:-1]).any(axis=1)
    survivors = np.empty(len(order), np.int64)
    survivors[order] = order[is_first][np.cumsum(is_first) - 1]
    return survivors


def _find_near_survivors(
    texts: TextDigests,
    survivors: IntArray,
    rank: IntArray,
    by_preference: IntArray,
    threshold: float,
) -> IntArray:
    """The preferred one of the group of near-duplicates of each text that is no exact copy."""
    import numpy as np

    from hornbook.curate import minhash

    n_texts = len(survivors)
    parent, is_unique = np.arange(n_texts), survivors == np.arange(n_texts)
    min_agreement = math.ceil(threshold * minhash.PERMUTATIONS - 1e-9)
    for band in range(BANDS):
        keys = np.where(is_unique, texts.band_keys[band], 0).astype(np.uint64)
        minhash.join_groups(
            np.argsort(keys), keys, texts.signatures, parent, min_agreement, ALL_PAIRS_LIMIT
        )
    roots = minhash.find_all_roots(parent)
    best_rank = np.full(n_texts, n_texts, np.int64)
    np.minimum.at(best_rank, roots, rank)
    return np.asarray(by_preference[best_rank[roots]], np.int64)
