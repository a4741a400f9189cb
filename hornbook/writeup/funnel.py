"""The sections that every run has: records per stage, cost, settings.

In: the run and its finished stages. Out: sections. Only manifests and usage files are read, no
records.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hornbook import meter, store
from hornbook.frame.stage import RunContext, Stage
from hornbook.pages import figures
from hornbook.pages.blocks import DataTable, Figure, PageBlock, PageSection, Paragraph
from hornbook.writeup import paper

MAX_REASONS_SHOWN = 6
MAX_SETTING_CHARS = 90
COST_COLUMNS = (
    "stage", "minutes", "CPU minutes", "tokens read", "tokens written", "requests", "money", "Wh",
    "peak MB",
)  # fmt: skip


def build_funnel_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection:
    """Records seen and kept by each stage, reasons for dropping, and the paper's funnel."""
    rows, labels, kept, dropped = [], [], [], []
    for stage in stages:
        manifest = ctx.run.read_manifest(stage)
        # Models and pages have no records.
        if stage.form == "files" or not manifest["seen"]:
            continue
        megabytes = f"{manifest['kept_bytes'] / 1e6:,.2f}"
        reasons = _format_reasons(manifest["reasons"])
        rows.append([stage.name, manifest["seen"], manifest["kept"], megabytes, reasons])
        # A bar of 100 % for each stage that drops nothing would hide the others.
        if manifest["reasons"]:
            labels.append(stage.name)
            kept.append(100 * manifest["kept"] / manifest["seen"])
            dropped.append(100 - kept[-1])
    blocks: list[PageBlock] = [
        *_build_set_aside_warnings(ctx, stages),
        DataTable(["stage", "seen", "kept", "MB kept", "dropped because"], rows),
    ]
    if labels:
        svg = figures.draw_stacked_bars(
            labels, [("kept", kept), ("dropped", dropped)], "percent of the records that it saw"
        )
        caption = (
            "The share of records that each stage kept. To read dropped records: "
            "`hornbook peek RUN STAGE --dropped`."
        )
        blocks.append(Figure("funnel", svg, caption))
    columns = ["in the paper", "documents", "tokens"]
    blocks.append(DataTable(columns, paper.DATA_FUNNEL, "The paper's funnel, for comparison"))
    return PageSection("Funnel", blocks)


def _format_reasons(reasons: dict[str, int]) -> str:
    """The most frequent reasons with their counts."""
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    text = ", ".join(f"{reason} {count:,}" for reason, count in ordered[:MAX_REASONS_SHOWN])
    n_more = len(ordered) - MAX_REASONS_SHOWN
    return f"{text}, and {n_more} rarer reasons" if n_more > 0 else text


def _build_set_aside_warnings(ctx: RunContext, stages: Sequence[Stage]) -> list[Paragraph]:
    """One warning per stage with shards that killed their worker twice."""
    warnings = []
    for stage in stages:
        set_aside = ctx.run.read_manifest(stage)["set_aside"]
        if set_aside:
            reasons = "; ".join(set_aside.values())
            warnings.append(
                Paragraph(f"*{stage.name}* set aside {len(set_aside)} shards: {reasons}.")
            )
    return warnings


def build_cost_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection:
    """Time, CPU time, tokens, requests, money, energy and memory per stage."""
    usages = [(stage.name, _read_usage(ctx, stage)) for stage in stages]
    rows = [_make_cost_row(name, usage) for name, usage in usages]
    rows.append(_make_cost_row("total", sum((usage for _, usage in usages), meter.Usage())))
    sources = sorted({usage.energy_from for _, usage in usages if usage.kwh})
    note = (
        f"Energy comes from {', '.join(sources) or 'nothing'}. An estimate is CPU time at "
        f"{meter.WATTS_PER_CORE:g} W per core. Tokens are those of language models (teacher, "
        f"judge, embedder). {paper.TRAINING_COST}."
    )
    minutes = [usage.seconds / 60 for _, usage in usages]
    svg = figures.draw_stacked_bars([name for name, _ in usages], [("minutes", minutes)], "minutes")
    blocks: list[PageBlock] = [
        DataTable(COST_COLUMNS, rows),
        Figure("cost", svg, "Wall-clock minutes per stage."),
        Paragraph(note),
    ]
    return PageSection("Cost", blocks)


def _read_usage(ctx: RunContext, stage: Stage) -> meter.Usage:
    return meter.Usage(**(store.read_json(ctx.run.stage_folder(stage) / "usage.json") or {}))


def _make_cost_row(name: str, usage: meter.Usage) -> list[Any]:
    return [
        name,
        round(usage.seconds / 60, 2),
        round(usage.cpu_s / 60, 2),
        usage.tokens_in,
        usage.tokens_out,
        usage.requests,
        round(usage.money, 4),
        round(usage.kwh * 1000, 3),
        round(usage.peak_mb),
    ]


def build_settings_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection:
    """Every setting of every stage, with its value in this run."""
    rows = []
    for stage in stages:
        identity = ctx.run.read_manifest(stage)["identity"]
        settings = [
            f"{name} = {_shorten_json(value)}"
            for name, value in identity["settings"].items()
            # Inputs have a column of their own.
            if not _is_stage_reference(value)
        ]
        inputs = ", ".join(identity["inputs"])
        rows.append([stage.name, identity["stage"], inputs, ", ".join(settings)])
    note = Paragraph(
        "The paper does not state the judge's scale, the threshold, the optimiser's betas, the "
        "seeds and more: those values are Hornbook's."
    )
    table = DataTable(["stage", "class", "inputs", "settings"], rows)
    return PageSection("Settings", [note, table])


def _is_stage_reference(value: Any) -> bool:
    """Whether a setting is an input stage, or a list of them; these have a column of their own."""
    items = value if isinstance(value, list) else [value]
    return bool(items) and all(isinstance(item, dict) and set(item) == {"stage"} for item in items)


def _shorten_json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if len(text) <= MAX_SETTING_CHARS:
        return text
    return f"{text[:80]}... ({len(text):,} characters)"
