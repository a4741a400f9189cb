"""The paper's recursive training, seen round by round: yield, diversity and score in one table.

In: for each round the stage that wrote, and the exam of the model that was trained on it; a set to
compare with. Out: `rounds.json`, the table with one line per round and its numbers, so that a loss
of diversity is seen when it happens and not when the score falls.

Diversity is measured on equally many texts of each set, because most measures depend on their
number; a set of fewer than MIN_TEXTS texts is not measured. Not covered: the cause of a change;
data, teacher and model all differ between rounds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hornbook import intervals, store
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.generate.diversity import measure_sets, sample_texts
from hornbook.models.embedder import Embedder
from hornbook.records import UserError

MIN_TEXTS = 10  # texts: of fewer, the measures say more about their number than about the teacher
DIVERSITY_MEASURES = ("distinct_2", "distinct_syntax_trees", "cluster_coverage", "likeness")
NARROWING = (
    "If diversity is lost, distinct 2, distinct syntax trees and cluster coverage fall from round "
    "to round; likeness and near rise (1: the other set has all of it). The score follows later. "
    "Intervals that overlap show no change."
)


@dataclass(frozen=True)
class MeasureRounds(FileStage):
    """The table of rounds: `rounds[n]` wrote round n, and `exams[n]` examined its model.

    There may be fewer exams than rounds. `reference`, such as the shelf, has a line of its own: how
    diverse another set is, and how near to it each round is (a model that only repeats its training
    data is near).
    """

    rounds: tuple[Stage, ...]
    exams: tuple[Stage, ...] = ()
    reference: Stage | None = None
    embedder: Embedder = Embedder("hashed")

    version: ClassVar[int] = 2

    def write_files(self, ctx: RunContext) -> None:
        if len(self.exams) > len(self.rounds):
            raise UserError(f"{self.name}: {len(self.exams)} exams for {len(self.rounds)} rounds")
        sets = [*([self.reference] if self.reference else []), *self.rounds]
        diversity = measure_equal_sizes(
            {stage.name: sample_texts(ctx, stage) for stage in sets}, self.embedder
        )
        rows = [
            {"set": stage.name}
            | _yield_columns(ctx.run.read_manifest(stage))
            | diversity[stage.name]
            for stage in sets
        ]
        for round_number, row in enumerate(rows[len(sets) - len(self.rounds) :], 1):
            row["round"] = round_number
            if round_number <= len(self.exams):
                row |= _score_columns(ctx, self.exams[round_number - 1])
        table = format_table(rows)
        store.write_json(
            ctx.run.stage_folder(self) / "rounds.json",
            {"table": table, "reading": NARROWING, "numbers": rows},
        )
        for line in format_lines(table):
            ctx.reporter.say(line)
        ctx.reporter.say(NARROWING)

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.05 * len(self.rounds))


def measure_equal_sizes(
    sets: Mapping[str, Sequence[str]], embedder: Embedder
) -> dict[str, dict[str, Any]]:
    """The diversity of each set by equally many texts; sets under MIN_TEXTS are left out."""
    enough = {name: texts for name, texts in sets.items() if len(texts) >= MIN_TEXTS}
    size = min(map(len, enough.values()), default=0)
    measures = measure_sets({name: texts[:size] for name, texts in enough.items()}, embedder)
    return {name: {"measured": size} | measures[name] if name in measures else {} for name in sets}


def _yield_columns(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """A stage's yield with its Wilson interval, and the gate that rejected most."""
    estimate = intervals.wilson_interval(manifest["kept"], manifest["seen"])
    reason, count = max(manifest["reasons"].items(), key=lambda item: item[1], default=("", 0))
    return {
        "kept": manifest["kept"],
        "asked": manifest["seen"],
        "stopped most": f"{reason} {count}" if count else "",
        "yield": {"value": estimate.value, "low": estimate.low, "high": estimate.high},
    }


def _score_columns(ctx: RunContext, exam: Stage) -> dict[str, Any]:
    """pass@1 by the exam's first protocol, and bits per byte of the references."""
    summary = store.read_json(ctx.run.stage_folder(exam) / "summary.json") or {}
    columns = {}
    if summary.get("scores"):
        columns["pass@1"] = summary["scores"][0]["pass@1"]
    if summary.get("bits_per_byte"):
        columns["bits per byte"] = summary["bits_per_byte"]
    return columns


def format_table(rows: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """The table as text, head first. Each share and score has its 95 % interval."""
    names = [row["set"] for row in rows if any("measured" in row for row in rows)]
    near = [f"near {name}" for name in names if any(f"near {name}" in row for row in rows)]
    head = [
        "round",
        "set",
        "kept",
        "yield, %",
        *DIVERSITY_MEASURES,
        *near,
        "pass@1, %",
        "bits per byte",
        "stopped most",
    ]
    body = [
        [
            str(row.get("round", "")), row["set"], f"{row['kept']} of {row['asked']}",
            _format_interval(row["yield"], 100, 1),
            *(f"{row[name]:.3f}" if name in row else "" for name in (*DIVERSITY_MEASURES, *near)),
            _format_interval(row.get("pass@1"), 100, 1),
            _format_interval(row.get("bits per byte"), 1, 3), row["stopped most"],
        ]
        for row in rows
    ]  # fmt: skip
    return [[name.replace("_", " ") for name in head], *body]


def _format_interval(estimate: Mapping[str, float] | None, factor: float, digits: int) -> str:
    """A value with its interval; "" if there is none.

    >>> _format_interval({"value": 0.047, "low": 0.023, "high": 0.093}, 100, 1)
    '4.7 (2.3 to 9.3)'
    """
    if not estimate:
        return ""
    value, low, high = (f"{factor * estimate[end]:.{digits}f}" for end in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def format_lines(table: Sequence[Sequence[str]]) -> list[str]:
    """The table transposed for a terminal: one line per measure, one column per round."""
    transposed_rows = list(zip(*table, strict=True))
    widths = [max(map(len, column)) for column in table]
    return [
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in transposed_rows
    ]
