"""Documents to vectors, once: every classifier after this costs seconds.

In: kept documents. Out: a column `vector` beside them, float16, rows of length 1, and `counts_vector`, what features.py
counts in them (2 ms a text). A second classifier reads both from here: the stage's folder is the cache.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import records
from hornbook.curate import features
from hornbook.embedder import Embedder, embed
from hornbook.stage import Desk, Marking, Price, Runs, Size

if TYPE_CHECKING:
    import pyarrow as pa

TOKENS_PER_S = 7000  # 15 of 30 layers of SmolLM2 on 2 cores with AMX; measured by benchmarks/embed.py
BYTES_PER_TOKEN = 3.6


@dataclass(frozen=True)
class Embed(Marking):
    """Add a vector to every kept row. `share` below 1 embeds a fixed part of the rows, chosen by their ids."""

    how: Embedder = Embedder()
    share: float = 1.0  # the rest is dropped with a reason: for machines that cannot embed everything

    runs: ClassVar[Runs] = "machine"
    version: ClassVar[int] = 2

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        chosen = np.array([records.share("embed", name) < self.share for name in rows["id"].to_pylist()], bool)
        texts = rows["text"].filter(pa.array(chosen)).to_pylist()
        desk.reporter.begin(self.name, len(texts), "texts")
        vectors = embed(texts, self.how, str(desk.options.get("device", "cpu")), desk.reporter.advance)
        counts = features.describe(texts)

        def column(values: Any) -> Any:
            spread = np.zeros((len(rows), values.shape[1]), values.dtype)
            spread[chosen] = values
            flat = pa.array(spread.reshape(-1))
            return pa.FixedSizeListArray.from_arrays(flat, values.shape[1], mask=pa.array(~chosen))

        reasons = np.where(chosen, "", "not in the embedded share").tolist()
        return records.marks(chosen, reasons, vector=column(vectors.astype(np.float16)), counts_vector=column(counts))

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        size = Size(inputs[0].documents * self.share, inputs[0].megabytes * self.share)
        tokens = min(size.megabytes * 1e6 / BYTES_PER_TOKEN, size.documents * self.how.tokens)
        minutes = 0.1 if self.how.model == "hashed" else tokens / TOKENS_PER_S / 60 + 0.5
        return Price(size, tokens=tokens, minutes=minutes, peak_mb=1600)
