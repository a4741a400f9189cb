"""The paper's Table 3 for any data: is a score owed to problems that resemble training data?

In: of every problem the highest match rate in the training data, and of every model who solved
what. Out: counts and pass rates, with Wilson intervals, on the similar and on the non-similar
problems, at several thresholds. Whatever is similar is similar to the *original* data, for all
models, as in the paper. A model that never saw the data belongs in the table: similar problems are
also easier (the paper's StarCoder: 57.7% against 29.0%).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hornbook.intervals import Estimate, wilson_interval
from hornbook.records import UserError

THRESHOLDS = (0.95, 0.9, 0.85, 0.8)


@dataclass(frozen=True)
class PassRateRow:
    """A line of the table: the problems on one side of a threshold, and how many each solved."""

    threshold: float
    subset: str  # similar, non-similar or total
    n: int
    passed: tuple[int, ...]  # of each model, in the order of `models`

    @property
    def rates(self) -> tuple[Estimate, ...]:
        """Pass rates with 95 % Wilson intervals."""
        return tuple(wilson_interval(count, self.n) for count in self.passed)


@dataclass(frozen=True)
class PassRateTable:
    """The whole table: three rows a threshold."""

    models: tuple[str, ...]
    rows: tuple[PassRateRow, ...]


def build_table(
    matches: Mapping[str, float],
    passed: Mapping[str, Mapping[str, bool]],
    thresholds: Sequence[float] = THRESHOLDS,
    models_by_threshold: Mapping[str, Mapping[float, Mapping[str, bool]]] | None = None,
) -> PassRateTable:
    """The table from match rates by task id, and verdicts by model and task id.

    `models_by_threshold` has columns with another model per threshold, such as one retrained on
    what is left.

    Raises UserError for a model without a verdict on one of the problems.
    """
    columns = {name: dict.fromkeys(thresholds, verdicts) for name, verdicts in passed.items()}
    columns |= {name: dict(models) for name, models in (models_by_threshold or {}).items()}
    all_verdicts: list[tuple[str, Mapping[str, bool]]] = []
    for name, models in columns.items():
        all_verdicts += [(name, verdicts) for verdicts in models.values()]
    for model, verdicts in all_verdicts:
        missing = [task for task in matches if task not in verdicts]
        if missing:
            raise UserError(
                f"{model} has no result for {len(missing)} of {len(matches)} problems, such as "
                f"{missing[0]}"
            )
    rows = []
    for threshold in thresholds:
        # A rate is kept as a 32-bit number, in which 0.95 is a little less than 0.95.
        similar_tasks = {task for task in matches if matches[task] >= threshold - 1e-6}
        for subset, members in (
            ("similar", similar_tasks),
            ("non-similar", matches.keys() - similar_tasks),
            ("total", matches.keys()),
        ):
            counts = tuple(
                sum(models[threshold][task] for task in members) for models in columns.values()
            )
            rows.append(PassRateRow(threshold, subset, len(members), counts))
    return PassRateTable(tuple(columns), tuple(rows))


def count_from_percent(percent: float, n: int, digits: int = 1) -> int:
    """The number of n that, rounded, gives this percentage: published tables back to counts.

    >>> count_from_percent(81.7, 71)
    58

    Raises UserError where none or more than one does.
    """
    # Half a unit of the last digit, and a little for what is printed from floating point numbers.
    candidates = [k for k in range(n + 1) if abs(100 * k / n - percent) <= 0.5 * 10**-digits + 1e-9]
    if len(candidates) != 1:
        raise UserError(
            f"{percent}% of {n} is {' or '.join(map(str, candidates)) or 'no whole number'}: no "
            "single count fits"
        )
    return candidates[0]


def format_markdown(table: PassRateTable) -> list[str]:
    """The table as Markdown, a rate as "58/71 81.7% [71.2, 89.0]"."""
    head = ["threshold", "subset", "n", *table.models]
    table_rows = [head, ["---"] * len(head)]
    for row in table.rows:
        cells = [
            _format_cell(count, rate) for count, rate in zip(row.passed, row.rates, strict=True)
        ]
        table_rows.append(
            [
                f"{row.threshold:g}" if row.subset == "similar" else "",
                row.subset,
                str(row.n),
                *cells,
            ]
        )
    return [f"| {' | '.join(cells)} |" for cells in table_rows]


def _format_cell(passed: int, rate: Estimate) -> str:
    if not rate.n:
        return "no problems"
    return (
        f"{passed}/{rate.n} {100 * rate.value:.1f}% [{100 * rate.low:.1f}, {100 * rate.high:.1f}]"
    )


def table_records(table: PassRateTable) -> list[dict[str, object]]:
    """One dictionary per row and model: threshold, subset, n, model, passed, rate, low, high."""
    records: list[dict[str, object]] = []
    for row in table.rows:
        for model, count, rate in zip(table.models, row.passed, row.rates, strict=True):
            records.append(
                {
                    "threshold": row.threshold,
                    "subset": row.subset,
                    "n": row.n,
                    "model": model,
                    "passed": count,
                    "rate": rate.value if row.n else None,
                    "low": rate.low,
                    "high": rate.high,
                }
            )
    return records
