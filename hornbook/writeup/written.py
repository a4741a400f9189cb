"""What the teacher wrote and what survived being run.

In: stages of exercises and textbooks. Out: the section with the yield at each gate, accepted and
rejected pieces side by side, and the diversity of what was kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hornbook import store
from hornbook.frame.stage import RunContext, Stage
from hornbook.pages.blocks import (
    CodeBlock,
    DataTable,
    PageBlock,
    PageSection,
    Paragraph,
    format_value,
)
from hornbook.records import hash_fraction

GENERATOR_STAGES = ("Exercises", "Textbooks", "ShelfExercises", "ShelfSections")
SAMPLES_PER_VERDICT = 3


def build_generation_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The section on generated text, or None in a recipe without any."""
    writers = [stage for stage in stages if type(stage).__name__ in GENERATOR_STAGES]
    if not writers:
        return None
    blocks: list[PageBlock] = [
        _build_yield_table(ctx, writers),
        *_build_diversity_blocks(ctx, stages),
    ]
    for stage in writers:
        blocks += _build_sample_blocks(ctx, stage)
    return PageSection("Written", blocks)


def _build_yield_table(ctx: RunContext, writers: Sequence[Stage]) -> DataTable:
    """Every gate and how many it stopped, one row a stage and gate."""
    rows = []
    for stage in writers:
        facts = ctx.run.read_manifest(stage)
        seen = max(1, facts["seen"])
        rows.append([stage.name, "written", facts["seen"], "100%"])
        for reason, number in sorted(facts["reasons"].items(), key=lambda item: -item[1]):
            rows.append([stage.name, f"stopped: {reason}", number, f"{100 * number / seen:.1f}%"])
        rows.append([stage.name, "kept", facts["kept"], f"{100 * facts['kept'] / seen:.1f}%"])
    return DataTable(
        ["stage", "gate", "records", "share"],
        rows,
        "Every text was parsed and executed; what each gate stopped",
    )


def _build_diversity_blocks(ctx: RunContext, stages: Sequence[Stage]) -> list[PageBlock]:
    """What MeasureDiversity found, a set a column, and MeasureRounds, a round a line."""
    blocks: list[PageBlock] = []
    for stage in stages:
        if type(stage).__name__ == "MeasureDiversity":
            facts = store.read_json(ctx.run.stage_folder(stage) / "diversity.json") or {}
            blocks.append(
                _build_measure_table(
                    f"`{stage.name}`: how different a set's kept texts are from each other", facts
                )
            )
        elif type(stage).__name__ == "MeasureRounds":
            found = store.read_json(ctx.run.stage_folder(stage) / "rounds.json")
            head, *rows = found["table"]
            caption = (
                f"`{stage.name}`: yield, diversity and score, round by round, with 95 % intervals"
            )
            blocks += [DataTable(head, rows, caption), Paragraph(found["reading"])]
    return blocks


def _build_measure_table(caption: str, measured: Mapping[str, Mapping[str, Any]]) -> DataTable:
    """A column a set; a measure that some set lacks (too few texts) is left empty there."""
    numbers = {
        key
        for facts in measured.values()
        for key, value in facts.items()
        if isinstance(value, int | float)
    }
    names = sorted(numbers - {"round"}, key=lambda name: (name.startswith("near"), name))
    rows = [
        [name.replace("_", " "), *(format_value(facts.get(name)) for facts in measured.values())]
        for name in names
    ]
    return DataTable(["measure", *measured], rows, caption)


def _build_sample_blocks(ctx: RunContext, stage: Stage) -> list[PageBlock]:
    """A few kept and a few stopped records, chosen by a hash of their ids."""
    rows: list[dict[str, Any]] = []
    for table in ctx.run.read_shards(stage, ["id", "text", "kept", "reason", "path"]):
        rows += table.to_pylist()
    rows.sort(key=lambda row: hash_fraction("page", row["id"]))
    kept = [row for row in rows if row["kept"]][:SAMPLES_PER_VERDICT]
    stopped = [row for row in rows if not row["kept"]][:SAMPLES_PER_VERDICT]
    made = type(stage).__name__ in ("Exercises", "Textbooks")
    blocks: list[PageBlock] = [Paragraph(f"From `{stage.name}`:")] if kept or stopped else []
    blocks += [
        CodeBlock(f"kept: {row['path'] or row['id']}", row["text"], is_open=made and at == 0)
        for at, row in enumerate(kept)
    ]
    blocks += [
        CodeBlock(f"stopped ({row['reason']}): {row['path'] or row['id']}", row["text"])
        for row in stopped
    ]
    return blocks
