"""What the models can do: pass rates with their intervals and protocols, how they fail, and the paper's beside them.

In: Examine stages (their `summary.json` and answers). Out: the section, and one sentence for the
top of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbook import store
from hornbook.frame.stage import RunContext, Stage
from hornbook.pages import figures
from hornbook.pages.blocks import CodeBlock, DataTable, Figure, PageBlock, PageSection, Paragraph
from hornbook.records import hash_fraction
from hornbook.writeup import paper, understanding

SAMPLES_PER_VERDICT = 2


def build_exam_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The exam section, or None in a recipe that examines nothing."""
    exams = _read_exam_summaries(ctx, stages)
    if not exams:
        return None
    scores = [(name, facts, score) for name, facts in exams for score in facts["scores"]]
    rows = [_make_score_row(name, facts, score) for name, facts, score in scores]
    columns = [
        "stage",
        "exam",
        "protocol",
        "n",
        "passed",
        "pass@1",
        "95 % interval",
        "bits per byte of references",
    ]
    bars = [
        (
            f"{name}, {score['protocol']}",
            *(100 * score["pass@1"][k] for k in ("low", "value", "high")),
        )
        for name, _, score in scores
    ]
    blocks: list[PageBlock] = [
        DataTable(
            columns,
            rows,
            "pass@1 with Wilson's or the bootstrap's interval; n is the number of problems",
        ),
        Figure(
            "exams",
            figures.draw_intervals(bars, "percent passed, with its 95 % interval"),
            "The same, drawn.",
        ),
        _build_verdict_table(scores),
        *understanding.build_exam_lock_blocks(ctx),
    ]
    for name, _ in exams:
        blocks += _build_sample_blocks(ctx, name)
    theirs = [[name, size, human, mbpp] for name, size, human, mbpp in paper.EXAM_SCORES]
    blocks.append(
        DataTable(
            ["in the paper", "parameters", "HumanEval pass@1, %", "MBPP pass@1, %"],
            theirs,
            "The paper's Table 1",
        )
    )
    steps = [list(row) for row in paper.FILTERING_RESULTS]
    blocks.append(
        DataTable(
            ["data, in the paper", "parameters", "training", "HumanEval pass@1, %"],
            steps,
            "What quality did there",
        )
    )
    if any(not score["passed"] for _, _, score in scores):
        blocks.append(
            Paragraph(
                "Bits per byte of the reference solutions shows learning long before a first problem is solved."
            )
        )
    return PageSection("Exam", blocks)


def summarise_scores(ctx: RunContext, stages: Sequence[Stage]) -> str:
    """One sentence with each exam's first score; empty where nothing was examined."""
    said = []
    for name, facts in _read_exam_summaries(ctx, stages):
        score = facts["scores"][0]
        low, value, high = (100 * score["pass@1"][key] for key in ("low", "value", "high"))
        said.append(
            f"{name}: pass@1 {value:.1f} % ({low:.1f} to {high:.1f}, n = {score['problems']})"
        )
    return "; ".join(said) + "." if said else ""


def _read_exam_summaries(
    ctx: RunContext, stages: Sequence[Stage]
) -> list[tuple[str, dict[str, Any]]]:
    return [
        (stage.name, store.read_json(ctx.run.stage_folder(stage) / "summary.json"))
        for stage in stages
        if type(stage).__name__ == "Examine"
    ]


def _make_score_row(name: str, facts: dict[str, Any], score: dict[str, Any]) -> list[Any]:
    estimate, bits = score["pass@1"], facts["bits_per_byte"]
    interval = f"{100 * estimate['low']:.1f} to {100 * estimate['high']:.1f} %"
    said = f"{bits['value']:.3f} ({bits['low']:.3f} to {bits['high']:.3f})" if bits else ""
    passed = f"{100 * estimate['value']:.1f} %"
    return [
        name,
        facts["exam"],
        score["protocol"],
        score["problems"],
        score["passed"],
        passed,
        interval,
        said,
    ]


def _build_verdict_table(scores: Sequence[tuple[str, dict[str, Any], dict[str, Any]]]) -> DataTable:
    """Every verdict's category, and with how much isolation the verdicts were reached."""
    rows = []
    for name, _, score in scores:
        kinds = ", ".join(f"{kind} {number}" for kind, number in score["categories"].items())
        trust = ", ".join(f"{kind} {number}" for kind, number in score["trust"].items())
        rows.append([name, score["protocol"], kinds, trust])
    return DataTable(["stage", "protocol", "verdicts", "run"], rows, "How the answers ended")


def _build_sample_blocks(ctx: RunContext, name: str) -> list[PageBlock]:
    """Answers that passed and answers that did not, chosen by a hash of their problems' names."""
    columns = ["task_id", "program", "verdict", "reason"]
    rows = [row for table in ctx.run.read_shards(name, columns) for row in table.to_pylist()]
    rows.sort(key=lambda row: hash_fraction("page", row["task_id"]))
    passed = [row for row in rows if row["verdict"] == "passed"][:SAMPLES_PER_VERDICT]
    failed = [row for row in rows if row["verdict"] != "passed"][:SAMPLES_PER_VERDICT]
    return [
        CodeBlock(
            f"{name}, {row['task_id']}: {row['verdict']} {row['reason']}".rstrip(),
            row["program"],
            max_lines=40,
        )
        for row in (*passed, *failed)
    ]
