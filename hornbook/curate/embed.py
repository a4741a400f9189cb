"""Documents to vectors, once: every classifier after this costs seconds.

In: kept documents. Out: a column `vector` beside them, float16, rows of length 1. What is embedded twice under
another classifier is read from here: the stage's folder is the cache, per text and model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hornbook import records
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

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        import numpy as np
        import pyarrow as pa

        chosen = np.array([records.share("embed", name) < self.share for name in rows["id"].to_pylist()], bool)
        texts = rows["text"].filter(pa.array(chosen)).to_pylist()
        desk.reporter.begin(self.name, len(texts), "texts")
        vectors = embed(texts, self.how, str(desk.options.get("device", "cpu")), desk.reporter.advance)
        width = vectors.shape[1]
        spread = np.zeros((len(rows), width), np.float16)
        spread[chosen] = vectors
        values = pa.array(spread.reshape(-1))
        column = pa.FixedSizeListArray.from_arrays(values, width, mask=pa.array(~chosen))
        reasons = np.where(chosen, "", "not in the embedded share")
        return records.marks(chosen, reasons.tolist(), vector=column)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        size = Size(inputs[0].documents * self.share, inputs[0].megabytes * self.share)
        tokens = min(size.megabytes * 1e6 / BYTES_PER_TOKEN, size.documents * self.how.tokens)
        minutes = 0.1 if self.how.model == "hashed" else tokens / TOKENS_PER_S / 60 + 0.5
        return Price(size, tokens=tokens, minutes=minutes, peak_mb=1600)
