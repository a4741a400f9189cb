"""The contamination section: what of the exams may be in the training data.

In: Scrub, NearExam, JudgeNear, AuditScrub, SimilarTable and Examine stages, those that a recipe
has. Out: one section with hits, nearest texts, judged pairs, the detectors' recall, and the table
of pass rates on similar and other problems. Data that was packed without a Scrub, by
unscrubbed=True, is named first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hornbook import store
from hornbook.frame.leak_check import find_possible_leaks
from hornbook.frame.stage import RunContext, Stage
from hornbook.frame.stage_names import select_stages
from hornbook.pages.blocks import DataTable, PageBlock, PageSection, Paragraph

MAX_NEAREST_SHOWN = 15  # texts, of all Scrub stages together
DETECTOR_LABELS = {"words": "13-grams", "syntax": "syntax", "embedding": "embedding"}
SOLVED_LABELS = {True: "solved", False: "not", None: ""}
JUDGE_VERDICTS = ("copy", "paraphrase", "same idea", "unrelated")


def build_contamination_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The section, or None for a recipe that neither scrubs nor searches."""
    blocks: list[PageBlock] = []
    for build_blocks in (
        _build_unscrubbed_warnings,
        _build_hits_table,
        _build_nearest_table,
        _build_problem_tables,
        _build_judge_tables,
        _build_audit_tables,
        _build_similar_tables,
    ):
        blocks += build_blocks(ctx, stages)
    return PageSection("Contamination", blocks) if blocks else None


def _exam_name(exam: str | Stage) -> str:
    """The name of an exam, or of the stage with held-out exercises that serves as one."""
    return exam if isinstance(exam, str) else exam.name


def _build_unscrubbed_warnings(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """One warning per data set that was trained on although an exam may be in it."""
    # Graphs overlap, so the same leak is found from several stages; a dict keeps the order.
    leaks: dict[str, None] = {}
    for stage in stages:
        leaks |= dict.fromkeys(str(leak) for leak in find_possible_leaks(stage))
    for leak in leaks:
        yield Paragraph(f"*Allowed by unscrubbed=True*: {leak}.")


def _build_hits_table(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """What each Scrub dropped, and how many of its decisions a person made."""
    rows = []
    for stage in select_stages(stages, "Scrub"):
        manifest = ctx.run.read_manifest(stage)
        reasons = sorted(manifest["reasons"].items())
        hits = ", ".join(f"{reason} {count:,}" for reason, count in reasons) or "none"
        exams = ", ".join(map(_exam_name, stage.exams))
        # Decisions change what is dropped, so they are part of the stage's identity.
        n_decisions = len(manifest["identity"]["identity_inputs"].get("decisions", {}))
        rows.append([stage.name, exams, manifest["seen"], manifest["kept"], hits, n_decisions])
    if rows:
        yield DataTable(["stage", "exams", "searched", "clean", "hits", "decided by people"], rows)


def _build_nearest_table(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """The texts whose syntax is nearest to an exam, kept ones included."""
    columns = ["id", "path", "kept", "reason", "nearest_exam", "syntax_match"]
    texts: list[dict[str, Any]] = []
    for stage in select_stages(stages, "Scrub"):
        for table in ctx.run.read_shards(stage, columns):
            texts += [row for row in table.to_pylist() if row["syntax_match"]]
    texts.sort(key=lambda row: (-row["syntax_match"], row["id"]))
    rows = []
    for text in texts[:MAX_NEAREST_SHOWN]:
        match = round(text["syntax_match"], 3)
        state = "kept" if text["kept"] else text["reason"]
        rows.append([text["id"][:12], text["path"], text["nearest_exam"], match, state])
    if rows:
        caption = "The texts whose syntax trees are nearest to a reference solution of an exam"
        yield DataTable(["text", "path", "exam", "syntax match", "state"], rows, caption)


def _build_problem_tables(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """For each problem its nearest training record by each detector, and which models solved it."""
    for stage in select_stages(stages, "NearExam"):
        exams = [_exam_name(exam) for exam in stage.exams]
        nearest = _read_nearest_records(ctx, stage)
        if not nearest:
            yield Paragraph(
                f"{stage.name} found no training text near any problem of {', '.join(exams)}."
            )
            continue
        solved = {
            examine.name: _read_solved_problems(ctx, examine)
            for examine in select_stages(stages, "Examine")
            # Other exams have other problems.
            if _exam_name(examine.exam) in exams
        }
        detectors = [
            detector
            for detector in DETECTOR_LABELS
            # No empty column for a detector that found nothing or did not run.
            if any(detector in record_by_detector for record_by_detector in nearest.values())
        ]
        rows = []
        for task_id, record_by_detector in nearest.items():
            records = [_format_neighbour(record_by_detector.get(name)) for name in detectors]
            outcomes = [SOLVED_LABELS[passed.get(task_id)] for passed in solved.values()]
            rows.append([task_id, *records, *outcomes])
        labels = [DETECTOR_LABELS[detector] for detector in detectors]
        caption = (
            f"The training record nearest to each problem of {', '.join(exams)}, and which models "
            "solved the problem"
        )
        yield DataTable(["problem", *labels, *solved], rows, caption)


def _read_nearest_records(ctx: RunContext, stage: Stage) -> dict[str, dict[str, dict[str, Any]]]:
    """The nearest record of a NearExam stage by task id and detector."""
    nearest: dict[str, dict[str, dict[str, Any]]] = {}
    for table in ctx.run.read_shards(stage):
        for row in table.to_pylist():
            record_by_detector = nearest.setdefault(row["task_id"], {})
            best = record_by_detector.get(row["by"])
            # An embedding's value is a distance; the others' are similarities.
            sign = -1 if row["by"] == "embedding" else 1
            if best is None or sign * row["value"] > sign * best["value"]:
                record_by_detector[row["by"]] = row
    return nearest


def _format_neighbour(row: dict[str, Any] | None) -> str:
    """Value and location of a record; a 13-gram value is the number of shared 13-grams."""
    if row is None:
        return ""
    value = f"{row['value']:.0f}" if row["by"] == "words" else f"{row['value']:.2f}"
    return f"{value}: {row['origin']}:{row['path']}:{row['start']}"


def _read_solved_problems(ctx: RunContext, stage: Stage) -> dict[str, bool]:
    """Whether the first sample of each problem passed, by the first protocol."""
    solved: dict[str, bool] = {}
    for table in ctx.run.read_shards(stage, ["task_id", "verdict"]):
        for row in table.to_pylist():
            # Rows are sorted by protocol and sample, so the first one counts.
            solved.setdefault(row["task_id"], row["verdict"] == "passed")
    return solved


def _build_judge_tables(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """What a language model judged the candidate pairs to be."""
    for stage in select_stages(stages, "JudgeNear"):
        summary = store.read_json(ctx.run.stage_folder(stage) / "judged.json")
        judge, n_candidates = summary["judge"], summary["asked"]
        rows = [
            [row["detector"], *(row[verdict] for verdict in JUDGE_VERDICTS), _format_rate(row)]
            for row in summary["precision"]
        ]
        if rows:
            columns = ["detector", *JUDGE_VERDICTS, "copies and paraphrases"]
            caption = f"Verdicts of the judge {judge} on {n_candidates} candidates"
            yield DataTable(columns, rows, caption)
        else:
            yield Paragraph(f"The judge {judge} gave no verdict on {n_candidates} candidates.")


def _build_audit_tables(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """Recall on planted copies, hits on the data, and the precision of labelled hits."""
    for stage in select_stages(stages, "AuditScrub"):
        folder = ctx.run.stage_folder(stage)
        results = store.read_json(folder / "audit.json")
        detectors = list(dict.fromkeys(row["detector"] for row in results))
        cells = {(row["among"], row["detector"]): _format_rate(row) for row in results}
        rows = []
        for group in dict.fromkeys(row["among"] for row in results):
            rows.append([group, *(cells[group, detector] for detector in detectors)])
        caption = "Planted copies that each detector finds, and records of the data that it hits"
        yield DataTable(["planted", *detectors], rows, caption)
        labelled = store.read_json(folder / "precision.json") or []
        rows = [[row["detector"], _format_rate(row)] for row in labelled]
        if rows:
            columns = ["detector", "copies and paraphrases among its hits"]
            yield DataTable(columns, rows, "Precision on a labelled sample of hits")
        else:
            yield Paragraph(
                f"No hit of {stage.name} has a verdict yet: `hornbook review RUN {stage.name}` "
                "shows them."
            )


def _format_rate(row: dict[str, Any]) -> str:
    """Hits, number, rate and interval of a detector's result."""
    rate = row["rate"]
    if not rate["n"]:
        return "none"
    interval = f"{100 * rate['low']:.0f} to {100 * rate['high']:.0f}"
    return f"{row['hits']} of {rate['n']}, {100 * rate['value']:.0f} % ({interval})"


def _build_similar_tables(ctx: RunContext, stages: Sequence[Stage]) -> Iterator[PageBlock]:
    """The paper's Table 3 for this data, and how much each threshold removed."""
    for stage in select_stages(stages, "SimilarTable"):
        summary = store.read_json(ctx.run.stage_folder(stage) / "table.json")
        rows: dict[tuple[float, str], list[Any]] = {}
        for cell in summary["rows"]:
            key = (cell["threshold"], cell["subset"])
            rows.setdefault(key, [*key, cell["n"]]).append(_format_passed(cell))
        caption = (
            f"Does the score on {', '.join(summary['exam'])} come from problems that resemble "
            "training records? Similar means similar to the unpruned data, for every model; models "
            "that never saw the data show which problems are merely easier"
        )
        columns = ["threshold", "problems", "n", *summary["models"]]
        yield DataTable(columns, list(rows.values()), caption)
        pruned = []
        for row in summary["pruned"]:
            share = f"{100 * row['removed'] / max(1, row['of']):.1f} %"
            pruned.append([row["threshold"], row["removed"], row["of"], share])
        if pruned:
            caption = "Exercises that were removed before retraining"
            yield DataTable(["threshold", "removed", "of", "share"], pruned, caption)


def _format_passed(cell: dict[str, Any]) -> str:
    if not cell["n"]:
        return "no problems"
    interval = f"{100 * cell['low']:.1f} to {100 * cell['high']:.1f}"
    return f"{cell['passed']}, {100 * cell['rate']:.1f} % ({interval})"
