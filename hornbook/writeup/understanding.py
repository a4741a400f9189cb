"""What a pass rate does not show: grades by models, probes, and whether the exam was locked.

In: Grade and Probe stages (their `summary.json`), the run's log of exam openings. Out: two
sections, each None for a recipe without such a stage, and blocks for the exam section.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hornbook import store
from hornbook.frame import exam_log
from hornbook.frame.stage import RunContext, Stage
from hornbook.frame.stage_names import select_stages
from hornbook.pages import figures
from hornbook.pages.blocks import CodeBlock, DataTable, Figure, PageBlock, PageSection, Paragraph
from hornbook.records import hash_fraction

SAMPLES_PER_STAGE = 2
GRADE_COLUMNS = (
    "stage", "exam", "n", "understanding, 0 to 1", "judge 0 (reference first)",
    "judge 1 (answer first)", "kappa of the judges", "within one grade", "agrees with the tests",
    "missing",
)  # fmt: skip
MAX_JUDGES_SHOWN = 2  # as many as GRADE_COLUMNS has
PROBE_COLUMNS = (
    "stage", "probe", "prompts", "met before", "met after", "change per prompt", "in full before",
    "in full after",
)  # fmt: skip


def build_exam_lock_blocks(ctx: RunContext) -> list[PageBlock]:
    """Whether exams were opened only after the last checkpoint was chosen, and each opening."""
    lock = exam_log.read_exam_lock(ctx)
    blocks: list[PageBlock] = [Paragraph(f"*The exam was {lock.label}.*")]
    rows = [
        [opening["utc"], opening["stage"], opening["exam"], ", ".join(sorted(opening["trained"]))]
        for opening in lock.openings
    ]
    if rows:
        columns = ["opened (UTC)", "stage", "exam", "trainings finished by then"]
        blocks.append(DataTable(columns, rows, "The log of openings"))
    return blocks


def build_grade_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """Grades by language models, and how far they agree with each other and with the tests."""
    grade_stages = select_stages(stages, "Grade")
    if not grade_stages:
        return None
    rows = [_make_grade_row(stage.name, _read_summary(ctx, stage)) for stage in grade_stages]
    caption = "Grades by models, divided by 10; a missing grade does not count as 0"
    blocks: list[PageBlock] = [
        DataTable(GRADE_COLUMNS, rows, caption),
        Paragraph(
            "A judge is worth what its agreement with the hidden tests says: a grade of 5 or more "
            "counts as `it works`. The two judges read reference and answer in opposite orders, "
            "because the order alone changes grades."
        ),
    ]
    for stage in grade_stages:
        blocks += _build_grade_samples(ctx, stage)
    return PageSection("Understanding", blocks)


def _build_grade_samples(ctx: RunContext, stage: Stage) -> list[PageBlock]:
    """The evaluations of a few graded answers, sampled by a hash."""
    rows: list[dict[str, Any]] = []
    for table in ctx.run.read_shards(stage):
        rows += [row for row in table.to_pylist() if row["grade"] is not None]
    rows.sort(
        key=lambda row: hash_fraction("grades", f"{row['task_id']} {row['sample']} {row['judge']}")
    )
    blocks: list[PageBlock] = []
    for row in rows[:SAMPLES_PER_STAGE]:
        outcome = "passed" if row["passed"] else "failed"
        heading = f"{row['task_id']}, {row['model']}: {row['grade']}, tests {outcome}"
        blocks.append(CodeBlock(heading, row["evaluation"]))
    return blocks


def _make_grade_row(name: str, summary: Mapping[str, Any]) -> list[Any]:
    graded = summary["graded"]
    judges = [_format_estimate(judge) for judge in graded["judges"]]
    # Empty cells where there is one judge only.
    judges += [""] * (MAX_JUDGES_SHOWN - len(judges))
    return [
        name,
        f"{summary['exam']}, {summary['protocol']}",
        graded["understanding"]["n"],
        _format_estimate(graded["understanding"]),
        *judges[:MAX_JUDGES_SHOWN],
        "" if graded["kappa"] is None else f"{graded['kappa']:.2f}",
        _format_estimate(graded["same_within_one"]),
        _format_estimate(graded["agrees_with_tests"]),
        graded["missing"],
    ]


def build_probe_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The same prompts to the model before and after finetuning."""
    probe_stages = select_stages(stages, "Probe")
    if not probe_stages:
        return None
    rows, bars = [], []
    for stage in probe_stages:
        summary = _read_summary(ctx, stage)
        for probe in summary["probes"]:
            rows.append(_make_probe_row(stage.name, probe))
            for role in ("before", "after"):
                met = probe[role]["met"]
                label = f"{probe['probe']}, {role} ({summary['models'][role]})"
                bars.append((label, 100 * met["low"], 100 * met["value"], 100 * met["high"]))
    caption = (
        "Percent of the requirements that are met (constraints; names of libraries that exist), "
        "with 95 % intervals"
    )
    svg = figures.draw_intervals(bars, "percent met")
    blocks: list[PageBlock] = [
        DataTable(PROBE_COLUMNS, rows, caption),
        Figure("probes", svg, "The same as a figure."),
    ]
    return PageSection("Before and after finetuning", blocks)


def _make_probe_row(name: str, probe: Mapping[str, Any]) -> list[Any]:
    base, finetuned = probe["before"], probe["after"]
    return [
        name,
        probe["probe"],
        base["met"]["n"],
        _format_percent(base["met"]),
        _format_percent(finetuned["met"]),
        _format_percent(probe["difference"], "+"),
        _format_percent(base["in_full"]),
        _format_percent(finetuned["in_full"]),
    ]


def _read_summary(ctx: RunContext, stage: Stage) -> dict[str, Any]:
    return dict(store.read_json(ctx.run.stage_folder(stage) / "summary.json"))


def _format_estimate(estimate: Mapping[str, Any]) -> str:
    """Value and interval; "" where nothing could be estimated."""
    if estimate["value"] is None:
        return ""
    return f"{estimate['value']:.2f} ({estimate['low']:.2f} to {estimate['high']:.2f})"


def _format_percent(estimate: Mapping[str, Any], sign: str = "") -> str:
    """Value and interval in percent, with a sign in front if `sign` is "+"."""
    if estimate["value"] is None:
        return ""
    low, value, high = (
        format(100 * estimate[key], f"{sign}.1f") for key in ("low", "value", "high")
    )
    return f"{value} ({low} to {high})"
