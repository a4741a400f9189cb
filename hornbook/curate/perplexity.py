"""Perplexity under the embedded model: the baseline that many data pipelines filter by.

In: kept documents. Out: marks with a column `nll`, nats a token over the first `tokens`. FitQuality
compares itself with it where its data has the column. Not a filter: common boilerplate is the least
surprising text of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hornbook import meter, records
from hornbook.frame.stage import Placement, Price, RowFilter, RunContext, Size
from hornbook.models import embedded_weights

if TYPE_CHECKING:
    import pyarrow as pa

TOKENS_PER_S = 2000  # all 30 layers and the head of SmolLM2 on 2 cores with AMX


@dataclass(frozen=True)
class Perplexity(RowFilter):
    """Add `nll` to every kept row: the mean negative log-likelihood per token under SmolLM2."""

    tokens: int = 256

    placement: ClassVar[Placement] = "per_machine"

    def filter_rows(self, ctx: RunContext, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        ctx.reporter.begin(self.name, len(rows), "texts")
        nlls = []
        for text in rows["text"].to_pylist():
            nlls.append(compute_token_nll(text, self.tokens, str(ctx.options.get("device", "cpu"))))
            ctx.reporter.advance()
        return records.verdict_columns(
            [True] * len(rows), [""] * len(rows), nll=pa.array(nlls, pa.float32())
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        tokens = min(inputs[0].megabytes * 1e6 / 3.6, inputs[0].documents * self.tokens)
        return Price(inputs[0], tokens=tokens, minutes=tokens / TOKENS_PER_S / 60, peak_mb=1600)


def compute_token_nll(text: str, tokens: int, device: str = "cpu") -> float:
    """Nats a token; 0 for a text of fewer than two tokens."""
    import torch

    model, tokenizer = embedded_weights.load_model(device)
    prefix = text[: tokens * 12].encode("utf-8", "replace").decode()
    ids = tokenizer(prefix, truncation=True, max_length=tokens, return_tensors="pt")[
        "input_ids"
    ].to(device)
    meter.add_usage(tokens_in=ids.shape[1])
    if ids.shape[1] < 2:
        return 0.0
    with torch.inference_mode():
        logits = model(input_ids=ids, use_cache=False).logits[0, :-1].float()
    return float(torch.nn.functional.cross_entropy(logits, ids[0, 1:]))
