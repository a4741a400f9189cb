"""What went in, what stayed, why the rest did not, and what it cost: the sections that every run has.

In: a desk and the finished stages. Out: sections made from manifests and usage files alone; no data
is read.
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


def build_funnel_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection:
    """Documents seen, kept and dropped per stage, with the reasons, the paper's funnel beside them."""
    rows, labels, kept, dropped = [], [], [], []
    for stage in stages:
        facts = ctx.run.read_manifest(stage)
        if stage.form == "files" or not facts["seen"]:
            continue
        reasons = sorted(facts["reasons"].items(), key=lambda item: (-item[1], item[0]))
        words = ", ".join(f"{reason} {number:,}" for reason, number in reasons[:MAX_REASONS_SHOWN])
        more = (
            f", and {len(reasons) - MAX_REASONS_SHOWN} rarer reasons"
            if len(reasons) > MAX_REASONS_SHOWN
            else ""
        )
        rows.append(
            [
                stage.name,
                facts["seen"],
                facts["kept"],
                f"{facts['kept_bytes'] / 1e6:,.2f}",
                words + more,
            ]
        )
        if facts["reasons"]:
            labels.append(stage.name)
            kept.append(100 * facts["kept"] / facts["seen"])
            dropped.append(100 - kept[-1])
    blocks: list[PageBlock] = [
        DataTable(["stage", "seen", "kept", "MB kept", "dropped because"], rows)
    ]
    if labels:
        drawn = figures.draw_stacked_bars(
            labels,
            [("kept", kept), ("dropped", dropped)],
            "percent of the records that the stage saw",
        )
        blocks.append(
            Figure(
                "funnel",
                drawn,
                "What each stage kept of what it saw. See the dropped: `hornbook peek RUN STAGE --dropped`.",
            )
        )
    blocks.append(
        DataTable(
            ["in the paper", "documents", "tokens"],
            paper.DATA_FUNNEL,
            "The paper's funnel, for comparison",
        )
    )
    return PageSection("Funnel", blocks)


def build_set_aside_warnings(ctx: RunContext, stages: Sequence[Stage]) -> list[Paragraph]:
    """One warning a stage that could not do all its parts; empty when all went well."""
    found = {stage.name: ctx.run.read_manifest(stage)["set_aside"] for stage in stages}
    return [
        Paragraph(f"*{name}* set aside {len(parts)} parts: {'; '.join(parts.values())}.")
        for name, parts in found.items()
        if parts
    ]


def build_cost_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection:
    """Time, processor time, tokens, requests, money and energy per stage, and where the energy figure comes from."""
    spent = [(stage.name, read_usage(ctx, stage)) for stage in stages]
    rows = [_make_cost_row(name, usage) for name, usage in spent]
    total = sum((usage for _, usage in spent), meter.Usage())
    rows.append(_make_cost_row("total", total))
    columns = [
        "stage",
        "minutes",
        "CPU minutes",
        "tokens read",
        "tokens written",
        "requests",
        "money",
        "Wh",
        "peak MB",
    ]
    sources = {usage.energy_from for _, usage in spent if usage.kwh}
    estimate = f"an estimate from processor time at {meter.WATTS_PER_CORE:g} W a core"
    energy = (
        ", ".join(estimate if source == "estimate" else source for source in sorted(sources))
        or "nothing"
    )
    note = Paragraph(
        f"Energy comes from {energy}. Tokens are those of language models (teacher, judge, embedder). {paper.TRAINING_COST}."
    )
    drawn = figures.draw_stacked_bars(
        [name for name, _ in spent],
        [("minutes", [usage.seconds / 60 for _, usage in spent])],
        "minutes",
    )
    return PageSection(
        "Cost",
        [DataTable(columns, rows), Figure("cost", drawn, "Minutes of wall clock per stage."), note],
    )


def read_usage(ctx: RunContext, stage: Stage) -> meter.Usage:
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
    """Every setting of every stage as it stood: what the paper leaves open is a named value here."""
    rows = []
    for stage in stages:
        facts = ctx.run.read_manifest(stage)["identity"]
        settings = {k: v for k, v in facts["settings"].items() if not _is_stage_reference(v)}
        words = ", ".join(f"{key} = {_shorten_json(value)}" for key, value in settings.items())
        rows.append([stage.name, facts["stage"], ", ".join(facts["inputs"]), words])
    note = Paragraph(
        "Where the paper is silent (judge scale, threshold, optimiser betas, seeds and more), these are ours."
    )
    return PageSection(
        "Every choice", [note, DataTable(["stage", "is a", "from", "settings"], rows)]
    )


def _is_stage_reference(value: Any) -> bool:
    inner = value if isinstance(value, list) else [value]
    return bool(inner) and all(isinstance(v, dict) and set(v) == {"stage"} for v in inner)


def _shorten_json(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 90 else f"{text[:80]}... ({len(text):,} characters)"
