"""The section on generated data: what the teacher wrote, and how much of it passed each check.

In: stages of exercises and textbooks, MeasureDiversity and MeasureRounds stages. Out: the section
with the yield, the diversity of the kept texts, and samples of kept and dropped texts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hornbook import store
from hornbook.frame.stage import RunContext, Stage
from hornbook.frame.stage_names import select_stages
from hornbook.pages.blocks import (
    CodeBlock,
    DataTable,
    PageBlock,
    PageSection,
    Paragraph,
    format_value,
)
from hornbook.records import hash_fraction

SAMPLES_PER_VERDICT = 3


def build_generation_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The section, or None for a recipe without exercises and textbooks."""
    generators = select_stages(stages, "Exercises", "Textbooks", "ShelfExercises", "ShelfSections")
    if not generators:
        return None
    blocks: list[PageBlock] = [_build_yield_table(ctx, generators)]
    blocks += _build_diversity_tables(ctx, stages)
    for stage in generators:
        blocks += _build_sample_blocks(ctx, stage)
    return PageSection("Generated data", blocks)


def _build_yield_table(ctx: RunContext, generators: Sequence[Stage]) -> DataTable:
    """For each stage the records written, dropped by each check, and kept."""
    rows = []
    for stage in generators:
        manifest = ctx.run.read_manifest(stage)
        counts = [("written", manifest["seen"])]
        for reason, count in sorted(manifest["reasons"].items(), key=lambda item: -item[1]):
            counts.append((f"dropped: {reason}", count))
        counts.append(("kept", manifest["kept"]))
        # A teacher may have written nothing.
        n_written = max(1, manifest["seen"])
        for label, count in counts:
            rows.append([stage.name, label, count, f"{100 * count / n_written:.1f}%"])
    caption = "Every text was parsed and executed. Records that each check dropped"
    return DataTable(["stage", "check", "records", "share"], rows, caption)


def _build_diversity_tables(ctx: RunContext, stages: Sequence[Stage]) -> list[PageBlock]:
    """The tables of MeasureDiversity (one column per data set) and MeasureRounds."""
    blocks: list[PageBlock] = []
    for stage in select_stages(stages, "MeasureDiversity", "MeasureRounds"):
        folder = ctx.run.stage_folder(stage)
        if select_stages([stage], "MeasureDiversity"):
            measures = store.read_json(folder / "diversity.json") or {}
            caption = f"`{stage.name}`: diversity of the kept texts of each data set"
            blocks.append(_build_measure_table(caption, measures))
        else:
            rounds = store.read_json(folder / "rounds.json")
            columns, *rows = rounds["table"]
            caption = (
                f"`{stage.name}`: yield, diversity and score of each round, with 95 % intervals"
            )
            blocks += [DataTable(columns, rows, caption), Paragraph(rounds["reading"])]
    return blocks


def _build_measure_table(caption: str, measures: Mapping[str, Mapping[str, Any]]) -> DataTable:
    """One row per measure; a data set that is too small for a measure has an empty cell."""
    names = set()
    for values in measures.values():
        names |= {name for name, value in values.items() if isinstance(value, int | float)}
    # Nearness to other data sets ("near NAME") comes last.
    ordered = sorted(names - {"round"}, key=lambda name: (name.startswith("near"), name))
    rows = []
    for name in ordered:
        cells = [format_value(values.get(name)) for values in measures.values()]
        rows.append([name.replace("_", " "), *cells])
    return DataTable(["measure", *measures], rows, caption)


def _build_sample_blocks(ctx: RunContext, stage: Stage) -> list[PageBlock]:
    """A few kept and a few dropped records, sampled by a hash of their ids."""
    rows: list[dict[str, Any]] = []
    for table in ctx.run.read_shards(stage, ["id", "text", "kept", "reason", "path"]):
        rows += table.to_pylist()
    rows.sort(key=lambda row: hash_fraction("page", row["id"]))
    kept = [row for row in rows if row["kept"]][:SAMPLES_PER_VERDICT]
    dropped = [row for row in rows if not row["kept"]][:SAMPLES_PER_VERDICT]
    blocks: list[PageBlock] = []
    if kept or dropped:
        blocks.append(Paragraph(f"From `{stage.name}`:"))
    # The first text of a teacher is shown open; the shelf's can be read in the package.
    is_from_teacher = bool(select_stages([stage], "Exercises", "Textbooks"))
    for i, row in enumerate(kept):
        is_open = is_from_teacher and i == 0
        blocks.append(CodeBlock(f"kept: {row['path'] or row['id']}", row["text"], is_open=is_open))
    for row in dropped:
        heading = f"dropped ({row['reason']}): {row['path'] or row['id']}"
        blocks.append(CodeBlock(heading, row["text"]))
    return blocks
