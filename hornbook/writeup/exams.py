"""The exam section: pass rates with intervals, protocols, kinds of failure, the paper's scores.

In: Examine stages (their `summary.json` and answers). Out: the section, and one sentence for the
top of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbook import store
from hornbook.frame.stage import RunContext, Stage
from hornbook.frame.stage_names import select_stages
from hornbook.pages import figures
from hornbook.pages.blocks import CodeBlock, DataTable, Figure, PageBlock, PageSection, Paragraph
from hornbook.records import hash_fraction
from hornbook.writeup import paper, understanding

SAMPLES_PER_VERDICT = 2
MAX_PROGRAM_LINES = 40
SCORE_COLUMNS = (
    "stage", "exam", "protocol", "n", "passed", "pass@1", "95 % interval",
    "bits per byte of references",
)  # fmt: skip

# The name of a stage, its summary, one of the summary's scores.
ExamScore = tuple[str, dict[str, Any], dict[str, Any]]


def build_exam_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The section, or None for a recipe without an exam."""
    summaries = _read_exam_summaries(ctx, stages)
    if not summaries:
        return None
    scores: list[ExamScore] = []
    for name, summary in summaries:
        scores += [(name, summary, score) for score in summary["scores"]]
    caption = "pass@1 with Wilson's or the bootstrap's interval; n is the number of problems"
    blocks: list[PageBlock] = [
        DataTable(SCORE_COLUMNS, [_make_score_row(*score) for score in scores], caption),
        _draw_scores(scores),
        _build_verdict_table(scores),
        *understanding.build_exam_lock_blocks(ctx),
    ]
    for name, summary in summaries:
        prompts = summary["prompts"]
        if prompts["cut"]:
            blocks.append(
                Paragraph(
                    f"{name}: {prompts['cut']} of {prompts['asked']} prompts were longer than the "
                    "model's context leaves room for. They were cut at their beginning, by up to "
                    f"{prompts['most_cut_tokens']} tokens, so these problems were not fully shown."
                )
            )
        blocks += _build_sample_blocks(ctx, name)
    blocks += _build_paper_tables()
    # A model of a few million parameters usually solves nothing.
    if any(not score["passed"] for _, _, score in scores):
        blocks.append(
            Paragraph(
                "The bits per byte of the reference solutions fall long before a model solves its "
                "first problem."
            )
        )
    return PageSection("Exam", blocks)


def summarise_scores(ctx: RunContext, stages: Sequence[Stage]) -> str:
    """One sentence with the first score of each exam; "" for a recipe without an exam."""
    sentences = []
    for name, summary in _read_exam_summaries(ctx, stages):
        # The first protocol is the recipe's main one.
        score = summary["scores"][0]
        low, value, high = _in_percent(score["pass@1"])
        n = score["problems"]
        sentences.append(f"{name}: pass@1 {value:.1f} % ({low:.1f} to {high:.1f}, n = {n})")
    return "; ".join(sentences) + "." if sentences else ""


def _read_exam_summaries(
    ctx: RunContext, stages: Sequence[Stage]
) -> list[tuple[str, dict[str, Any]]]:
    return [
        (stage.name, store.read_json(ctx.run.stage_folder(stage) / "summary.json"))
        for stage in select_stages(stages, "Examine")
    ]


def _in_percent(estimate: dict[str, Any]) -> tuple[float, float, float]:
    """(low, value, high) of an estimate, times 100."""
    return 100 * estimate["low"], 100 * estimate["value"], 100 * estimate["high"]


def _make_score_row(name: str, summary: dict[str, Any], score: dict[str, Any]) -> list[Any]:
    low, value, high = _in_percent(score["pass@1"])
    # None where the model is remote: it gives no probabilities of the references.
    bits = summary["bits_per_byte"]
    bits_text = ""
    if bits:
        bits_text = f"{bits['value']:.3f} ({bits['low']:.3f} to {bits['high']:.3f})"
    return [
        name,
        summary["exam"],
        score["protocol"],
        score["problems"],
        score["passed"],
        f"{value:.1f} %",
        f"{low:.1f} to {high:.1f} %",
        bits_text,
    ]


def _draw_scores(scores: Sequence[ExamScore]) -> Figure:
    rows = [
        (f"{name}, {score['protocol']}", *_in_percent(score["pass@1"])) for name, _, score in scores
    ]
    svg = figures.draw_intervals(rows, "percent passed, with its 95 % interval")
    return Figure("exams", svg, "The same as a figure.")


def _build_verdict_table(scores: Sequence[ExamScore]) -> DataTable:
    """The verdicts by category, and the isolation with which they were reached."""
    rows = []
    for name, _, score in scores:
        verdicts = ", ".join(f"{kind} {count}" for kind, count in score["categories"].items())
        isolation = ", ".join(f"{level} {count}" for level, count in score["trust"].items())
        rows.append([name, score["protocol"], verdicts, isolation])
    columns = ["stage", "protocol", "verdicts", "isolation"]
    return DataTable(columns, rows, "How the programs ended")


def _build_sample_blocks(ctx: RunContext, name: str) -> list[PageBlock]:
    """Programs that passed and programs that failed, sampled by a hash of their task ids."""
    rows: list[dict[str, Any]] = []
    for table in ctx.run.read_shards(name, ["task_id", "program", "verdict", "reason"]):
        rows += table.to_pylist()
    rows.sort(key=lambda row: hash_fraction("page", row["task_id"]))
    passed = [row for row in rows if row["verdict"] == "passed"][:SAMPLES_PER_VERDICT]
    failed = [row for row in rows if row["verdict"] != "passed"][:SAMPLES_PER_VERDICT]
    blocks: list[PageBlock] = []
    for row in (*passed, *failed):
        heading = f"{name}, {row['task_id']}: {row['verdict']} {row['reason']}".rstrip()
        blocks.append(CodeBlock(heading, row["program"], MAX_PROGRAM_LINES))
    return blocks


def _build_paper_tables() -> list[PageBlock]:
    scores = ["in the paper", "parameters", "HumanEval pass@1, %", "MBPP pass@1, %"]
    filtering = ["data, in the paper", "parameters", "training", "HumanEval pass@1, %"]
    return [
        DataTable(scores, paper.EXAM_SCORES, "The paper's Table 1"),
        DataTable(filtering, paper.FILTERING_RESULTS, "The effect of filtering in the paper"),
    ]
