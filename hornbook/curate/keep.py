"""The best documents up to a budget of tokens: "keep 6B tokens" instead of a threshold that nobody can choose.

In: documents with a column `score`. Out: marks; the reason of a dropped one is that its score lies
below the budget's. The threshold follows from the budget and the scores, and is printed. Tokens are
estimated from bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hornbook import records, store
from hornbook.curate.validate import threshold_for
from hornbook.frame.stage import Desk, Form, Marking, Price, Size, Stage, Whole, spread
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

BELOW = "score below the budget's threshold"
BELOW_PRECISE = "score below the threshold of the precision asked for"


@dataclass(frozen=True)
class KeepBudget(Whole):
    """Keep the best-scored rows of `data` until `tokens` are reached; equal scores are ordered by id."""

    data: Stage
    tokens: float = 6e9
    bytes_per_token: float = (
        3.5  # Python under code vocabularies: CodeGen's 3.35, SmolLM2's 3.65, our own about 4
    )

    form: ClassVar[Form] = "marks"

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        import pyarrow as pa
        import pyarrow.compute as pc

        columns = ["score", "id", "text"]
        sized = [
            pa.table(
                {"score": rows["score"], "id": rows["id"], "bytes": pc.binary_length(rows["text"])}
            )
            for rows in desk.kept(self.data, columns)
        ]
        last = lowest_kept(pa.concat_tables(sized), self.tokens * self.bytes_per_token)
        desk.reporter.say(f"{self.name}: keeps scores from {last[0]:.4f}")
        for part in desk.parts(self.data):
            rows = desk.table(self.data, part, ["score", "id", "kept", "reason"])
            asked = rows.filter(rows["kept"])
            order = zip(asked["score"].to_pylist(), asked["id"].to_pylist(), strict=True)
            kept = [(-score, name) <= (-last[0], last[1]) for score, name in order]
            reasons = ["" if each else BELOW for each in kept]
            yield part, spread(rows, records.marks(kept, reasons))

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        kept = min(inputs[0].megabytes, self.tokens * self.bytes_per_token / 1e6)
        part = kept / inputs[0].megabytes if inputs[0].megabytes else 0
        return Price(Size(inputs[0].documents * part, kept), minutes=inputs[0].documents / 3e7)


def lowest_kept(rows: pa.Table, budget: float) -> tuple[float, str]:
    """(score, id) of the last row within a budget of bytes, the best score first; the best row is always kept."""
    import numpy as np

    if not len(rows):
        return (0.0, "")
    ranked = rows.sort_by([("score", "descending"), ("id", "ascending")])
    total = np.cumsum(ranked["bytes"].to_numpy())
    last = max(0, int(np.searchsorted(total, budget, side="right")) - 1)
    return float(ranked["score"][last].as_py()), str(ranked["id"][last].as_py())


@dataclass(frozen=True)
class KeepPrecise(Marking):
    """Keep what scores from the threshold at which `taste` was right in `precision` of its validation's cases.

    Precision counts among the labels, where good pieces are as common as the labels' makers found
    them.
    """

    taste: Stage
    precision: float = 0.8

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        threshold = threshold_for(
            store.read_json(desk.folder(self.taste) / "validation.json"), self.precision
        )
        if threshold is None:
            raise UserError(
                f"{self.name}: no threshold of {self.taste.name} is right in {self.precision:.0%} of cases: "
                "ask for less, or label more pieces"
            )
        kept = [score >= threshold for score in rows["score"].to_pylist()]
        return records.marks(kept, ["" if each else BELOW_PRECISE for each in kept])
