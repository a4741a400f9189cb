"""What a pass rate does not show: grades by models, what finetuning changed beside the exam, whether it was locked.

In: Grade and Probe stages (their `summary.json`), the run's log of openings. Out: two sections;
None where a recipe has no such stage.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hornbook import store
from hornbook.frame import exam_log
from hornbook.frame.stage import Desk, Stage
from hornbook.pages import figures
from hornbook.pages.blocks import Block, Code, Figure, Section, Table, Text
from hornbook.records import share

SAMPLES = 2


def locked(desk: Desk) -> list[Block]:
    """Whether the exams stayed shut until the last checkpoint was chosen, and each opening."""
    found = exam_log.exam_lock(desk)
    rows = [
        [each["utc"], each["stage"], each["exam"], ", ".join(sorted(each["trained"]))]
        for each in found.openings
    ]
    blocks: list[Block] = [Text(f"*The exam was {found.label}.*")]
    if rows:
        blocks.append(
            Table(
                ["opened (UTC)", "stage", "exam", "trainings finished by then"],
                rows,
                "The log of openings",
            )
        )
    return blocks


def graded(desk: Desk, stages: Sequence[Stage]) -> Section | None:
    """Grades, with all that tells what they are worth."""
    found = _summaries(desk, stages, "Grade")
    if not found:
        return None
    columns = ["stage", "exam", "n", "understanding, 0 to 1", "judge 0 (reference first)", "judge 1 (answer first)",
               "kappa of the judges", "within one grade", "agrees with the tests", "missing"]  # fmt: skip
    blocks: list[Block] = [
        Table(
            columns,
            [_graded(name, facts) for name, facts in found],
            "Grades by models, over 10; a missing grade is no zero",
        ),
        Text(
            "A judge is worth what its agreement with the hidden tests says: a grade from 5 on counts as `it works`. "
            "The two judges read reference and answer in opposite orders, for the order alone moves grades."
        ),
    ]
    for name, _ in found:
        rows = [
            row
            for table in desk.tables(name)
            for row in table.to_pylist()
            if row["grade"] is not None
        ]
        rows.sort(
            key=lambda row: share("grades", f"{row['task_id']} {row['sample']} {row['judge']}")
        )
        blocks += [
            Code(
                f"{row['task_id']}, {row['model']}: {row['grade']}, tests {_said(row['passed'])}",
                row["evaluation"],
            )
            for row in rows[:SAMPLES]
        ]
    return Section("Understanding", blocks)


def probed(desk: Desk, stages: Sequence[Stage]) -> Section | None:
    """The same prompts to the model before and after finetuning."""
    found = _summaries(desk, stages, "Probe")
    if not found:
        return None
    rows, bars = [], []
    for name, facts in found:
        for probe in facts["probes"]:
            before, after, change = probe["before"], probe["after"], probe["difference"]
            rows.append(
                [name, probe["probe"], before["met"]["n"], _percent(before["met"]), _percent(after["met"]),
                 _percent(change, "+"), _percent(before["in_full"]), _percent(after["in_full"])]
            )  # fmt: skip
            for which in ("before", "after"):
                met = probe[which]["met"]
                label = f"{probe['probe']}, {which} ({facts['models'][which]})"
                bars.append((label, *(100 * met[key] for key in ("low", "value", "high"))))
    columns = ["stage", "probe", "prompts", "met before", "met after", "change a prompt", "in full before",
               "in full after"]  # fmt: skip
    caption = "Percent of what was asked for (constraints; names of libraries that exist), with 95 % intervals"
    return Section(
        "Before and after finetuning",
        [
            Table(columns, rows, caption),
            Figure("probes", figures.intervals(bars, "percent met"), "The same, drawn."),
        ],
    )


def _summaries(desk: Desk, stages: Sequence[Stage], kind: str) -> list[tuple[str, dict[str, Any]]]:
    return [
        (stage.name, store.read_json(desk.folder(stage) / "summary.json"))
        for stage in stages
        if type(stage).__name__ == kind
    ]


def _graded(name: str, facts: Mapping[str, Any]) -> list[Any]:
    found = facts["graded"]
    judges = [_share(each) for each in found["judges"]]
    kappa = "" if found["kappa"] is None else f"{found['kappa']:.2f}"
    return [
        name, f"{facts['exam']}, {facts['protocol']}", found["understanding"]["n"], _share(found["understanding"]),
        *(judges + ["", ""])[:2], kappa, _share(found["same_within_one"]), _share(found["agrees_with_tests"]),
        found["missing"],
    ]  # fmt: skip


def _share(estimate: Mapping[str, Any]) -> str:
    if estimate["value"] is None:
        return ""
    return f"{estimate['value']:.2f} ({estimate['low']:.2f} to {estimate['high']:.2f})"


def _percent(estimate: Mapping[str, Any], sign: str = "") -> str:
    if estimate["value"] is None:
        return ""
    low, value, high = (
        format(100 * estimate[key], f"{sign}.1f") for key in ("low", "value", "high")
    )
    return f"{value} ({low} to {high})"


def _said(passed: bool) -> str:
    return "passed" if passed else "failed"
