"""What the models may have seen of their exams: hits, neighbours, the detectors' worth, and the paper's last table.

In: Scrub, NearExam, JudgeNear, AuditScrub, SimilarTable and Examine stages, whichever a recipe has.
Out: one section. Data that was packed without being scrubbed, by an explicit option, is named
first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hornbook import store
from hornbook.frame.leak_check import find_possible_leaks
from hornbook.frame.stage import RunContext, Stage
from hornbook.pages.blocks import DataTable, PageBlock, PageSection, Paragraph

MAX_NEAREST_SHOWN = 15  # texts shown of all Scrub stages
DETECTOR_LABELS = {"words": "13-grams", "syntax": "syntax", "embedding": "embedding"}


def build_contamination_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The section on contamination, or None in a recipe that neither scrubs nor searches."""
    parts = (
        _build_unscrubbed_warnings,
        _build_hits_table,
        _build_nearest_table,
        _build_problem_tables,
        _build_judge_tables,
        _build_audit_tables,
        _build_similar_tables,
    )
    blocks = [block for part in parts for block in part(ctx, stages)]
    return PageSection("Contamination", blocks) if blocks else None


def _select_stages(stages: Sequence[Stage], name: str) -> list[Any]:
    return [stage for stage in stages if type(stage).__name__ == name]


def _build_unscrubbed_warnings(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """What was trained on although an exam may be in it."""
    seen = dict.fromkeys(str(each) for stage in stages for each in find_possible_leaks(stage))
    for line in seen:
        yield Paragraph(f"*Allowed by unscrubbed=True*: {line}.")


def _build_hits_table(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    rows = []
    for stage in _select_stages(stages, "Scrub"):
        facts = ctx.run.read_manifest(stage)
        hits = (
            ", ".join(f"{reason} {number:,}" for reason, number in sorted(facts["reasons"].items()))
            or "none"
        )
        exams = ", ".join(exam if isinstance(exam, str) else exam.name for exam in stage.exams)
        decided = len(facts["identity"]["identity_inputs"].get("decisions", {}))
        rows.append([stage.name, exams, facts["seen"], facts["kept"], hits, decided])
    if rows:
        yield DataTable(["stage", "exams", "looked at", "clean", "hits", "decided by people"], rows)


def _build_nearest_table(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """The texts that come nearest to an exam, those that stayed among them."""
    columns = ["id", "path", "kept", "reason", "nearest_exam", "syntax_match"]
    rows = [row for stage in _select_stages(stages, "Scrub") for table in ctx.run.read_shards(stage, columns)
            for row in table.to_pylist() if row["syntax_match"]]  # fmt: skip
    rows.sort(key=lambda row: (-row["syntax_match"], row["id"]))
    cells = [[row["id"][:12], row["path"], row["nearest_exam"], round(row["syntax_match"], 3),
              "kept" if row["kept"] else row["reason"]] for row in rows[:MAX_NEAREST_SHOWN]]  # fmt: skip
    if rows:
        head = ["text", "where", "exam", "syntax match", "state"]
        yield DataTable(
            head, cells, "The texts whose syntax trees come nearest to an exam's reference"
        )


def _build_problem_tables(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """Who is near each test, beside which models solved it."""
    for stage in _select_stages(stages, "NearExam"):
        best: dict[str, dict[str, dict[str, Any]]] = {}
        for table in ctx.run.read_shards(stage):
            for row in table.to_pylist():
                mine, sign = (
                    best.setdefault(row["task_id"], {}),
                    -1 if row["by"] == "embedding" else 1,
                )
                held = mine.get(row["by"])
                if held is None or sign * row["value"] > sign * held["value"]:
                    mine[row["by"]] = row
        names = [each if isinstance(each, str) else each.name for each in stage.exams]
        models = [(each.name, _read_solved_problems(ctx, each)) for each in _select_stages(stages, "Examine")
                  if (each.exam if isinstance(each.exam, str) else each.exam.name) in names]  # fmt: skip
        used = [by for by in DETECTOR_LABELS if any(by in mine for mine in best.values())]
        rows = [[task, *(_format_neighbour(mine.get(by)) for by in used),
                 *({True: "solved", False: "not", None: ""}[verdicts.get(task)] for _, verdicts in models)]
                for task, mine in best.items()]  # fmt: skip
        caption = f"Who is near each problem of {', '.join(names)} in the training data, and who solved it"
        if rows:
            yield DataTable(
                ["problem", *(DETECTOR_LABELS[by] for by in used), *(name for name, _ in models)],
                rows,
                caption,
            )
        else:
            yield Paragraph(
                f"No training text is near any problem of {', '.join(names)}, as {stage.name} searched."
            )


def _format_neighbour(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    value = f"{row['value']:.0f}" if row["by"] == "words" else f"{row['value']:.2f}"
    return f"{value}: {row['origin']}:{row['path']}:{row['start']}"


def _read_solved_problems(ctx: RunContext, stage: Stage) -> dict[str, bool]:
    """Whether the first sample of each problem passed, by the first protocol."""
    found: dict[str, bool] = {}
    for table in ctx.run.read_shards(stage, ["task_id", "verdict"]):
        for row in table.to_pylist():
            found.setdefault(row["task_id"], row["verdict"] == "passed")
    return found


def _build_judge_tables(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    for stage in _select_stages(stages, "JudgeNear"):
        facts = store.read_json(ctx.run.stage_folder(stage) / "judged.json")
        head = [
            "detector",
            "copy",
            "paraphrase",
            "same idea",
            "unrelated",
            "copies and paraphrases",
        ]
        rows = [
            [row["detector"], *(row[name] for name in head[1:-1]), _format_rate(row)]
            for row in facts["precision"]
        ]
        if rows:
            yield DataTable(
                head, rows, f"What the judge {facts['judge']} says of {facts['asked']} candidates"
            )
        else:
            yield Paragraph(
                f"The judge {facts['judge']} gave no verdict on {facts['asked']} candidates."
            )


def _build_audit_tables(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """Recall on what was planted, hits on the data, and precision of the hits that have a verdict."""
    for stage in _select_stages(stages, "AuditScrub"):
        found = store.read_json(ctx.run.stage_folder(stage) / "audit.json")
        detectors = list(dict.fromkeys(row["detector"] for row in found))
        cells = {(row["among"], row["detector"]): _format_rate(row) for row in found}
        groups = list(dict.fromkeys(row["among"] for row in found))
        rows = [[group, *(cells[group, each] for each in detectors)] for group in groups]
        caption = "Planted copies and paraphrases that each detector finds, and records of the data that it hits"
        yield DataTable(["planted", *detectors], rows, caption)
        judged = store.read_json(ctx.run.stage_folder(stage) / "precision.json") or []
        lines = [[row["detector"], _format_rate(row)] for row in judged]
        if lines:
            yield DataTable(
                ["detector", "copies and paraphrases among its hits"],
                lines,
                "Precision of a labelled sample",
            )
        else:
            yield Paragraph(
                f"No hit of {stage.name} has a verdict yet: `hornbook review RUN {stage.name}` shows them."
            )


def _format_rate(row: dict[str, Any]) -> str:
    rate = row["rate"]
    if not rate["n"]:
        return "none"
    ends = f"{100 * rate['low']:.0f} to {100 * rate['high']:.0f}"
    return f"{row['hits']} of {rate['n']}, {100 * rate['value']:.0f} % ({ends})"


def _build_similar_tables(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """The paper's Table 3 for this data, and how much each threshold took away."""
    for stage in _select_stages(stages, "SimilarTable"):
        facts = store.read_json(ctx.run.stage_folder(stage) / "table.json")
        lines: dict[tuple[float, str], list[Any]] = {}
        for row in facts["rows"]:
            line = lines.setdefault(
                (row["threshold"], row["subset"]), [row["threshold"], row["subset"], row["n"]]
            )
            line.append(_format_passed(row))
        caption = (
            f"Is the score on {', '.join(facts['exam'])} owed to problems whose like was trained on? Similar means "
            "similar to the data as it was, for every model; the models that never saw it show what is merely easier"
        )
        yield DataTable(
            ["threshold", "problems", "n", *facts["models"]], list(lines.values()), caption
        )
        cut = [[row["threshold"], row["removed"], row["of"], f"{100 * row['removed'] / max(1, row['of']):.1f} %"]
               for row in facts["pruned"]]  # fmt: skip
        if cut:
            yield DataTable(
                ["threshold", "removed", "of", "share"],
                cut,
                "Exercises that were pruned before retraining",
            )


def _format_passed(row: dict[str, Any]) -> str:
    if not row["n"]:
        return "no problems"
    ends = f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"
    return f"{row['passed']}, {100 * row['rate']:.1f} % ({ends})"
