"""What a pass rate does not show: grades by models, what finetuning changed beside the exam, whether it was locked.

In: Grade and Probe stages (their `summary.json`), the run's log of openings. Out: two sections;
None where a recipe has no such stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hornbook import store
from hornbook.frame import exam_log
from hornbook.frame.stage import RunContext, Stage
from hornbook.pages import figures
from hornbook.pages.blocks import CodeBlock, DataTable, Figure, PageBlock, PageSection, Paragraph
from hornbook.records import hash_fraction

SAMPLES_PER_STAGE = 2


def build_exam_lock_blocks(ctx: RunContext) -> list[PageBlock]:
    """Whether the exams stayed shut until the last checkpoint was chosen, and each opening."""
    found = exam_log.read_exam_lock(ctx)
    rows = [
        [each["utc"], each["stage"], each["exam"], ", ".join(sorted(each["trained"]))]
        for each in found.openings
    ]
    blocks: list[PageBlock] = [Paragraph(f"*The exam was {found.label}.*")]
    if rows:
        blocks.append(
            DataTable(
                ["opened (UTC)", "stage", "exam", "trainings finished by then"],
                rows,
                "The log of openings",
            )
        )
    return blocks


def build_grade_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """Grades, with all that tells what they are worth."""
    found = _read_summaries(ctx, stages, "Grade")
    if not found:
        return None
    columns = ["stage", "exam", "n", "understanding, 0 to 1", "judge 0 (reference first)", "judge 1 (answer first)",
               "kappa of the judges", "within one grade", "agrees with the tests", "missing"]  # fmt: skip
    blocks: list[PageBlock] = [
        DataTable(
            columns,
            [_make_grade_row(name, facts) for name, facts in found],
            "Grades by models, over 10; a missing grade is no zero",
        ),
        Paragraph(
            "A judge is worth what its agreement with the hidden tests says: a grade from 5 on counts as `it works`. "
            "The two judges read reference and answer in opposite orders, for the order alone moves grades."
        ),
    ]
    for name, _ in found:
        rows = [
            row
            for table in ctx.run.read_shards(name)
            for row in table.to_pylist()
            if row["grade"] is not None
        ]
        rows.sort(
            key=lambda row: hash_fraction(
                "grades", f"{row['task_id']} {row['sample']} {row['judge']}"
            )
        )
        blocks += [
            CodeBlock(
                f"{row['task_id']}, {row['model']}: {row['grade']}, tests {_verdict_word(row['passed'])}",
                row["evaluation"],
            )
            for row in rows[:SAMPLES_PER_STAGE]
        ]
    return PageSection("Understanding", blocks)


def build_probe_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The same prompts to the model before and after finetuning."""
    found = _read_summaries(ctx, stages, "Probe")
    if not found:
        return None
    rows, bars = [], []
    for name, facts in found:
        for probe in facts["probes"]:
            before, after, change = probe["before"], probe["after"], probe["difference"]
            rows.append(
                [name, probe["probe"], before["met"]["n"], _format_percent(before["met"]), _format_percent(after["met"]),
                 _format_percent(change, "+"), _format_percent(before["in_full"]), _format_percent(after["in_full"])]
            )  # fmt: skip
            for which in ("before", "after"):
                met = probe[which]["met"]
                label = f"{probe['probe']}, {which} ({facts['models'][which]})"
                bars.append((label, *(100 * met[key] for key in ("low", "value", "high"))))
    columns = ["stage", "probe", "prompts", "met before", "met after", "change a prompt", "in full before",
               "in full after"]  # fmt: skip
    caption = "Percent of what was asked for (constraints; names of libraries that exist), with 95 % intervals"
    return PageSection(
        "Before and after finetuning",
        [
            DataTable(columns, rows, caption),
            Figure("probes", figures.draw_intervals(bars, "percent met"), "The same, drawn."),
        ],
    )


def _read_summaries(
    ctx: RunContext, stages: Sequence[Stage], kind: str
) -> list[tuple[str, dict[str, Any]]]:
    return [
        (stage.name, store.read_json(ctx.run.stage_folder(stage) / "summary.json"))
        for stage in stages
        if type(stage).__name__ == kind
    ]


def _make_grade_row(name: str, facts: Mapping[str, Any]) -> list[Any]:
    found = facts["graded"]
    judges = [_format_estimate(each) for each in found["judges"]]
    kappa = "" if found["kappa"] is None else f"{found['kappa']:.2f}"
    return [
        name, f"{facts['exam']}, {facts['protocol']}", found["understanding"]["n"], _format_estimate(found["understanding"]),
        *(judges + ["", ""])[:2], kappa, _format_estimate(found["same_within_one"]), _format_estimate(found["agrees_with_tests"]),
        found["missing"],
    ]  # fmt: skip


def _format_estimate(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return ""
    return f"{estimate['value']:.2f} ({estimate['low']:.2f} to {estimate['high']:.2f})"


def _format_percent(estimate: Mapping[str, Any], sign: str = "") -> str:
    if estimate["value"] is None:
        return ""
    low, value, high = (
        format(100 * estimate[key], f"{sign}.1f") for key in ("low", "value", "high")
    )
    return f"{value} ({low} to {high})"


def _verdict_word(passed: bool) -> str:
    return "passed" if passed else "failed"
