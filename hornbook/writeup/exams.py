"""What the models can do: pass rates with their intervals and protocols, how they fail, and the paper's beside them.

In: Examine stages (their `summary.json` and answers). Out: the section, and one sentence for the
top of the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbook import store
from hornbook.frame.stage import Desk, Stage
from hornbook.pages import figures
from hornbook.pages.blocks import Block, Code, Figure, Section, Table, Text
from hornbook.records import share
from hornbook.writeup import paper, understanding

SAMPLES = 2


def section(desk: Desk, stages: Sequence[Stage]) -> Section | None:
    """The exam section, or None in a recipe that examines nothing."""
    exams = _exams(desk, stages)
    if not exams:
        return None
    scores = [(name, facts, score) for name, facts in exams for score in facts["scores"]]
    rows = [_row(name, facts, score) for name, facts, score in scores]
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
    blocks: list[Block] = [
        Table(
            columns,
            rows,
            "pass@1 with Wilson's or the bootstrap's interval; n is the number of problems",
        ),
        Figure(
            "exams",
            figures.intervals(bars, "percent passed, with its 95 % interval"),
            "The same, drawn.",
        ),
        _failures(scores),
        *understanding.locked(desk),
    ]
    for name, _ in exams:
        blocks += _samples(desk, name)
    theirs = [[name, size, human, mbpp] for name, size, human, mbpp in paper.SCORES]
    blocks.append(
        Table(
            ["in the paper", "parameters", "HumanEval pass@1, %", "MBPP pass@1, %"],
            theirs,
            "The paper's Table 1",
        )
    )
    steps = [list(row) for row in paper.FILTERING]
    blocks.append(
        Table(
            ["data, in the paper", "parameters", "training", "HumanEval pass@1, %"],
            steps,
            "What quality did there",
        )
    )
    if any(not score["passed"] for _, _, score in scores):
        blocks.append(
            Text(
                "Bits per byte of the reference solutions shows learning long before a first problem is solved."
            )
        )
    return Section("Exam", blocks)


def headline(desk: Desk, stages: Sequence[Stage]) -> str:
    """One sentence with each exam's first score; empty where nothing was examined."""
    said = []
    for name, facts in _exams(desk, stages):
        score = facts["scores"][0]
        low, value, high = (100 * score["pass@1"][key] for key in ("low", "value", "high"))
        said.append(
            f"{name}: pass@1 {value:.1f} % ({low:.1f} to {high:.1f}, n = {score['problems']})"
        )
    return "; ".join(said) + "." if said else ""


def _exams(desk: Desk, stages: Sequence[Stage]) -> list[tuple[str, dict[str, Any]]]:
    return [
        (stage.name, store.read_json(desk.folder(stage) / "summary.json"))
        for stage in stages
        if type(stage).__name__ == "Examine"
    ]


def _row(name: str, facts: dict[str, Any], score: dict[str, Any]) -> list[Any]:
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


def _failures(scores: Sequence[tuple[str, dict[str, Any], dict[str, Any]]]) -> Table:
    """Every verdict's category, and with how much isolation the verdicts were reached."""
    rows = []
    for name, _, score in scores:
        kinds = ", ".join(f"{kind} {number}" for kind, number in score["categories"].items())
        trust = ", ".join(f"{kind} {number}" for kind, number in score["trust"].items())
        rows.append([name, score["protocol"], kinds, trust])
    return Table(["stage", "protocol", "verdicts", "run"], rows, "How the answers ended")


def _samples(desk: Desk, name: str) -> list[Block]:
    """Answers that passed and answers that did not, chosen by a hash of their problems' names."""
    columns = ["task_id", "program", "verdict", "reason"]
    rows = [row for table in desk.tables(name, columns) for row in table.to_pylist()]
    rows.sort(key=lambda row: share("page", row["task_id"]))
    passed = [row for row in rows if row["verdict"] == "passed"][:SAMPLES]
    failed = [row for row in rows if row["verdict"] != "passed"][:SAMPLES]
    return [
        Code(
            f"{name}, {row['task_id']}: {row['verdict']} {row['reason']}".rstrip(),
            row["program"],
            lines=40,
        )
        for row in (*passed, *failed)
    ]
