"""Documents to vectors, once: every classifier after this costs seconds.

In: kept documents. Out: a column `vector` beside them, float16, rows of length 1, and
`counts_vector`, what features.py counts in them (2 ms a text). EmbedLayers makes a column of each
layer and pooling that may be the best, of one pass of the model; FitQuality chooses among them, and
Embed then gives all other documents the vectors that it chose.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import records, store
from hornbook.curate import features
from hornbook.frame.stage import Desk, Marking, Price, Runs, Size, Stage
from hornbook.models.embedder import Embedder, Pooling, depth, embed, embed_each

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
class Embed(Marking):
    """Add a vector to every kept row. `share` below 1 embeds a fixed part of the rows, chosen by their ids."""

    how: Embedder = Embedder()
    share: float = (
        1.0  # the rest is dropped with a reason: for machines that cannot embed everything
    )
    chosen: Stage | None = (
        None  # a FitQuality on EmbedLayers: its layer and pooling, instead of those of `how`
    )

    runs: ClassVar[Runs] = "machine"
    version: ClassVar[int] = 3

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        how = chosen_by(desk, self.chosen, self.how) if self.chosen else self.how
        among = np.array(
            [records.share("embed", name) < self.share for name in rows["id"].to_pylist()], bool
        )
        texts = rows["text"].filter(pa.array(among)).to_pylist()
        desk.reporter.begin(self.name, len(texts), "texts")
        vectors = embed(texts, how, str(desk.options.get("device", "cpu")), desk.reporter.advance)

        def column(values: Any) -> Any:
            spread = np.zeros((len(rows), values.shape[1]), values.dtype)
            spread[among] = values
            return _column(spread, ~among)

        reasons = np.where(among, "", "not in the embedded share").tolist()
        counts = column(features.describe(texts))
        return records.marks(
            among, reasons, vector=column(vectors.astype(np.float16)), counts_vector=counts
        )

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        size = Size(inputs[0].documents * self.share, inputs[0].megabytes * self.share)
        return _price(size, self.how)


@dataclass(frozen=True)
class EmbedLayers(Marking):
    """Add a vector of each candidate, by layer and pooling, to every kept row: for a sample that was judged."""

    how: Embedder = Embedder()  # its layer and pooling are what is to be chosen
    depths: tuple[float, ...] = DEPTHS
    poolings: tuple[Pooling, ...] = ("mean", "last")

    runs: ClassVar[Runs] = "machine"

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        import numpy as np

        texts = rows["text"].to_pylist()
        desk.reporter.begin(self.name, len(texts), "texts")
        hows = candidates(self.how, self.depths, self.poolings)
        found = embed_each(
            texts, hows, str(desk.options.get("device", "cpu")), desk.reporter.advance
        )
        made = {
            named(how): _column(vectors.astype(np.float16))
            for how, vectors in zip(hows, found, strict=True)
        }
        counts = _column(features.describe(texts))
        return records.marks([True] * len(rows), [""] * len(rows), **made, counts_vector=counts)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return _price(inputs[0], self.how, max(self.depths))


def candidates(
    how: Embedder, depths: Sequence[float], poolings: Sequence[Pooling]
) -> list[Embedder]:
    """An Embedder for each layer and pooling, the first layers first; "hashed" has no layers and is the only one."""
    if how.model == "hashed":
        return [how]
    layers = sorted({max(1, round(share * depth(how.model))) for share in depths})
    return [replace(how, layer=layer, pooling=pooling) for layer in layers for pooling in poolings]


def named(how: Embedder) -> str:
    """The column of a candidate's vectors.

    >>> named(Embedder(layer=15))
    '15_mean_vector'
    """
    return f"{how.layer}_{how.pooling}_vector"


def place(column: str) -> tuple[int, str]:
    """The layer and the pooling of a candidate's column."""
    layer, pooling, _ = column.split("_")
    return int(layer), pooling


def chosen_by(desk: Desk, taste: Stage | str, how: Embedder) -> Embedder:
    """`how` with the layer and the pooling that a finished FitQuality chose; as it is where there was no choice."""
    facts: Mapping[str, Any] = store.read_json(desk.folder(taste) / "validation.json") or {}
    chosen = facts.get("vectors")
    return replace(how, layer=chosen["layer"], pooling=chosen["pooling"]) if chosen else how


def _column(values: Any, mask: Any = None) -> Any:
    import pyarrow as pa

    missing = None if mask is None else pa.array(mask)
    return pa.FixedSizeListArray.from_arrays(
        pa.array(values.reshape(-1)), values.shape[1], mask=missing
    )


def _price(size: Size, how: Embedder, share: float = 0.5) -> Price:
    """For a model's layers down to this share of its depth."""
    tokens = min(size.megabytes * 1e6 / BYTES_PER_TOKEN, size.documents * how.tokens)
    minutes = 0.1 if how.model == "hashed" else tokens / TOKENS_PER_S * share / 0.5 / 60 + 0.5
    return Price(size, tokens=tokens, minutes=minutes, peak_mb=1600)
