"""Documents to vectors, once: every classifier after this costs seconds.

In: kept documents. Out: a column `vector` beside them, float16, rows of length 1, and
`counts_vector`, what features.py counts in them (2 ms a text). EmbedLayers makes a column of each
layer and pooling that may be the best, of one pass of the model; FitQuality chooses among them, and
Embed then gives all other documents the vectors that it chose.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import records, store
from hornbook.curate import features
from hornbook.frame.stage import Placement, Price, RowFilter, RunContext, Size, Stage
from hornbook.models.embedder import (
    Embedder,
    Pooling,
    count_layers,
    embed_texts,
    embed_texts_per_layer,
)

if TYPE_CHECKING:
    import pyarrow as pa

TOKENS_PER_S = (
    7000  # 15 of 30 layers of SmolLM2 on 2 cores with AMX; measured by benchmarks/embed.py
)
BYTES_PER_TOKEN = 3.6
# Shares of a model's depth. The first layers and the last tell code worth reading worse
# (docs/log.md, Curate).
DEPTHS = (0.2, 0.4, 0.5, 0.6, 0.8)


@dataclass(frozen=True)
class Embed(RowFilter):
    """Add a vector to every kept row; `share` below 1 embeds a fixed part of the rows by id."""

    embedder: Embedder = Embedder()
    share: float = (
        1.0  # the rest is dropped with a reason: for machines that cannot embed everything
    )
    layer_choice: Stage | None = (
        None  # a FitQuality on EmbedLayers: its layer and pooling, instead of those of `how`
    )

    placement: ClassVar[Placement] = "per_machine"
    version: ClassVar[int] = 3

    def filter_rows(self, ctx: RunContext, rows: pa.Table) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        embedder = (
            apply_layer_choice(ctx, self.layer_choice, self.embedder)
            if self.layer_choice
            else self.embedder
        )
        is_in_share = np.array(
            [records.hash_fraction("embed", name) < self.share for name in rows["id"].to_pylist()],
            bool,
        )
        texts = rows["text"].filter(pa.array(is_in_share)).to_pylist()
        ctx.reporter.begin(self.name, len(texts), "texts")
        vectors = embed_texts(
            texts, embedder, str(ctx.options.get("device", "cpu")), ctx.reporter.advance
        )

        def make_column(values: Any) -> Any:
            all_values = np.zeros((len(rows), values.shape[1]), values.dtype)
            all_values[is_in_share] = values
            return _make_vector_column(all_values, ~is_in_share)

        reasons = np.where(is_in_share, "", "not in the embedded share").tolist()
        counts = make_column(features.count_features(texts))
        return records.verdict_columns(
            is_in_share,
            reasons,
            vector=make_column(vectors.astype(np.float16)),
            counts_vector=counts,
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        size = Size(inputs[0].documents * self.share, inputs[0].megabytes * self.share)
        return _price_embedding(size, self.embedder)


@dataclass(frozen=True)
class EmbedLayers(RowFilter):
    """Add a vector per layer and pooling to every kept row: for a judged sample."""

    embedder: Embedder = Embedder()  # its layer and pooling are what is to be chosen
    depths: tuple[float, ...] = DEPTHS
    poolings: tuple[Pooling, ...] = ("mean", "last")

    placement: ClassVar[Placement] = "per_machine"

    def filter_rows(self, ctx: RunContext, rows: pa.Table) -> pa.Table:
        import numpy as np

        texts = rows["text"].to_pylist()
        ctx.reporter.begin(self.name, len(texts), "texts")
        embedders = list_candidates(self.embedder, self.depths, self.poolings)
        all_vectors = embed_texts_per_layer(
            texts, embedders, str(ctx.options.get("device", "cpu")), ctx.reporter.advance
        )
        columns = {
            format_vector_column(embedder): _make_vector_column(vectors.astype(np.float16))
            for embedder, vectors in zip(embedders, all_vectors, strict=True)
        }
        counts = _make_vector_column(features.count_features(texts))
        return records.verdict_columns(
            [True] * len(rows), [""] * len(rows), **columns, counts_vector=counts
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return _price_embedding(inputs[0], self.embedder, max(self.depths))


def list_candidates(
    embedder: Embedder, depths: Sequence[float], poolings: Sequence[Pooling]
) -> list[Embedder]:
    """An Embedder per layer and pooling, the first layers first; "hashed" has one only."""
    if embedder.model == "hashed":
        return [embedder]
    layers = sorted({max(1, round(fraction * count_layers(embedder.model))) for fraction in depths})
    candidates = itertools.product(layers, poolings)
    return [replace(embedder, layer=layer, pooling=pooling) for layer, pooling in candidates]


def format_vector_column(embedder: Embedder) -> str:
    """The column of a candidate's vectors.

    >>> format_vector_column(Embedder(layer=15))
    '15_mean_vector'
    """
    return f"{embedder.layer}_{embedder.pooling}_vector"


def parse_vector_column(column: str) -> tuple[int, str]:
    """The layer and the pooling of a candidate's column."""
    layer, pooling, _ = column.split("_")
    return int(layer), pooling


def apply_layer_choice(
    ctx: RunContext, quality_classifier: Stage | str, embedder: Embedder
) -> Embedder:
    """The embedder with the layer and pooling that a finished FitQuality chose, if it did."""
    validation: Mapping[str, Any] = (
        store.read_json(ctx.run.stage_folder(quality_classifier) / "validation.json") or {}
    )
    choice = validation.get("vectors")
    return (
        replace(embedder, layer=choice["layer"], pooling=choice["pooling"]) if choice else embedder
    )


def _make_vector_column(values: Any, is_missing: Any = None) -> Any:
    import pyarrow as pa

    arrow_mask = None if is_missing is None else pa.array(is_missing)
    return pa.FixedSizeListArray.from_arrays(
        pa.array(values.reshape(-1)), values.shape[1], mask=arrow_mask
    )


def _price_embedding(size: Size, embedder: Embedder, depth_share: float = 0.5) -> Price:
    """For a model's layers down to this share of its depth."""
    tokens = min(size.megabytes * 1e6 / BYTES_PER_TOKEN, size.documents * embedder.tokens)
    minutes = (
        0.1 if embedder.model == "hashed" else tokens / TOKENS_PER_S * depth_share / 0.5 / 60 + 0.5
    )
    return Price(size, tokens=tokens, minutes=minutes, peak_mb=1600)
