"""Keep the best documents up to a token budget ("keep 6B tokens") instead of a threshold.

In: documents with a column `score`. Out: marks; the reason of a dropped one is that its score lies
below the budget's. The threshold follows from the budget and the scores, and is printed. Tokens are
estimated from bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hornbook import records, store
from hornbook.curate.validate import find_threshold
from hornbook.frame.stage import (
    GlobalStage,
    Price,
    RecordForm,
    RowFilter,
    RunContext,
    Size,
    Stage,
    scatter_to_all_rows,
)
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

BELOW_BUDGET = "score below the budget's threshold"
BELOW_PRECISION = "score below the threshold of the precision asked for"


@dataclass(frozen=True)
class KeepBudget(GlobalStage):
    """Keep the best-scored rows of `data` up to `tokens`; equal scores are ordered by id."""

    data: Stage
    tokens: float = 6e9
    bytes_per_token: float = (
        3.5  # Python under code vocabularies: CodeGen's 3.35, SmolLM2's 3.65, our own about 4
    )

    form: ClassVar[RecordForm] = "verdicts"

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = ["score", "id", "text"]
        tables = [
            pa.table(
                {"score": rows["score"], "id": rows["id"], "bytes": pc.binary_length(rows["text"])}
            )
            for rows in ctx.run.read_kept_rows(self.data, columns)
        ]
        last_kept = find_last_kept_row(pa.concat_tables(tables), self.tokens * self.bytes_per_token)
        ctx.reporter.say(f"{self.name}: keeps scores from {last_kept[0]:.4f}")
        for part in ctx.run.shard_names(self.data):
            rows = ctx.run.read_shard(self.data, part, ["score", "id", "kept", "reason"])
            kept_rows = rows.filter(rows["kept"])
            scores_and_ids = zip(
                kept_rows["score"].to_pylist(), kept_rows["id"].to_pylist(), strict=True
            )
            is_kept = [
                (-score, doc_id) <= (-last_kept[0], last_kept[1])
                for score, doc_id in scores_and_ids
            ]
            reasons = ["" if keep else BELOW_BUDGET for keep in is_kept]
            yield part, scatter_to_all_rows(rows, records.verdict_columns(is_kept, reasons))

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        kept_megabytes = min(inputs[0].megabytes, self.tokens * self.bytes_per_token / 1e6)
        kept_share = kept_megabytes / inputs[0].megabytes if inputs[0].megabytes else 0
        return Price(
            Size(inputs[0].documents * kept_share, kept_megabytes),
            minutes=inputs[0].documents / 3e7,
        )


def find_last_kept_row(rows: pa.Table, budget_bytes: float) -> tuple[float, str]:
    """(score, id) of the last row within a budget of bytes; the best row is always kept."""
    import numpy as np

    if not len(rows):
        return (0.0, "")
    ranked = rows.sort_by([("score", "descending"), ("id", "ascending")])
    cumulative_bytes = np.cumsum(ranked["bytes"].to_numpy())
    last_row = max(0, int(np.searchsorted(cumulative_bytes, budget_bytes, side="right")) - 1)
    return float(ranked["score"][last_row].as_py()), str(ranked["id"][last_row].as_py())


@dataclass(frozen=True)
class KeepPrecise(RowFilter):
    """Keep what scores above the threshold with this `precision` in the classifier's validation.

    Precision counts among the labels, where good pieces are as common as the labels' makers found
    them.
    """

    quality_classifier: Stage
    precision: float = 0.8

    def filter_rows(self, ctx: RunContext, rows: pa.Table) -> pa.Table:
        threshold = find_threshold(
            store.read_json(ctx.run.stage_folder(self.quality_classifier) / "validation.json"),
            self.precision,
        )
        if threshold is None:
            raise UserError(
                f"{self.name}: no threshold of {self.quality_classifier.name} is right in "
                f"{self.precision:.0%} of cases: "
                "ask for less, or label more pieces"
            )
        is_kept = [score >= threshold for score in rows["score"].to_pylist()]
        return records.verdict_columns(
            is_kept, ["" if keep else BELOW_PRECISION for keep in is_kept]
        )
