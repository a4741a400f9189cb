"""What the models may have seen of their exams: hits, neighbours, the detectors' worth, and the paper's last table.

In: Scrub, NearExam, JudgeNear, AuditScrub, SimilarTable and Examine stages, whichever a recipe has.
Out: one section. Data that was packed without being scrubbed, by an explicit option, is named
first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hornbook import store
from hornbook.frame.leak_check import findings
from hornbook.frame.stage import Desk, Stage
from hornbook.pages.blocks import Block, Section, Table, Text

NEAREST = 15  # texts shown of all Scrub stages
BY = {"words": "13-grams", "syntax": "syntax", "embedding": "embedding"}


def section(desk: Desk, stages: Sequence[Stage]) -> Section | None:
    """The section on contamination, or None in a recipe that neither scrubs nor searches."""
    parts = (_unscrubbed, _hits, _nearest, _near_tests, _judged, _audits, _tables)
    blocks = [block for part in parts for block in part(desk, stages)]
    return Section("Contamination", blocks) if blocks else None


def _named(stages: Sequence[Stage], name: str) -> list[Any]:
    return [stage for stage in stages if type(stage).__name__ == name]


def _unscrubbed(desk: Desk, stages: Sequence[Stage]) -> Iterator[Block]:
    """What was trained on although an exam may be in it."""
    seen = dict.fromkeys(str(each) for stage in stages for each in findings(stage))
    for line in seen:
        yield Text(f"*Allowed by unscrubbed=True*: {line}.")


def _hits(desk: Desk, stages: Sequence[Stage]) -> Iterator[Block]:
    rows = []
    for stage in _named(stages, "Scrub"):
        facts = desk.manifest(stage)
        hits = (
            ", ".join(f"{reason} {number:,}" for reason, number in sorted(facts["reasons"].items()))
            or "none"
        )
        exams = ", ".join(exam if isinstance(exam, str) else exam.name for exam in stage.exams)
        decided = len(facts["identity"]["facts"].get("decisions", {}))
        rows.append([stage.name, exams, facts["seen"], facts["kept"], hits, decided])
    if rows:
        yield Table(["stage", "exams", "looked at", "clean", "hits", "decided by people"], rows)


def _nearest(desk: Desk, stages: Sequence[Stage]) -> Iterator[Block]:
    """The texts that come nearest to an exam, those that stayed among them."""
    columns = ["id", "path", "kept", "reason", "nearest_exam", "syntax_match"]
    rows = [row for stage in _named(stages, "Scrub") for table in desk.tables(stage, columns)
            for row in table.to_pylist() if row["syntax_match"]]  # fmt: skip
    rows.sort(key=lambda row: (-row["syntax_match"], row["id"]))
    cells = [[row["id"][:12], row["path"], row["nearest_exam"], round(row["syntax_match"], 3),
              "kept" if row["kept"] else row["reason"]] for row in rows[:NEAREST]]  # fmt: skip
    if rows:
        head = ["text", "where", "exam", "syntax match", "state"]
        yield Table(head, cells, "The texts whose syntax trees come nearest to an exam's reference")


def _near_tests(desk: Desk, stages: Sequence[Stage]) -> Iterator[Block]:
    """Who is near each test, beside which models solved it."""
    for stage in _named(stages, "NearExam"):
        best: dict[str, dict[str, dict[str, Any]]] = {}
        for table in desk.tables(stage):
            for row in table.to_pylist():
                mine, sign = (
                    best.setdefault(row["task_id"], {}),
                    -1 if row["by"] == "embedding" else 1,
                )
                held = mine.get(row["by"])
                if held is None or sign * row["value"] > sign * held["value"]:
                    mine[row["by"]] = row
        names = [each if isinstance(each, str) else each.name for each in stage.exams]
        models = [(each.name, _solved(desk, each)) for each in _named(stages, "Examine")
                  if (each.exam if isinstance(each.exam, str) else each.exam.name) in names]  # fmt: skip
        used = [by for by in BY if any(by in mine for mine in best.values())]
        rows = [[task, *(_neighbour(mine.get(by)) for by in used),
                 *({True: "solved", False: "not", None: ""}[verdicts.get(task)] for _, verdicts in models)]
                for task, mine in best.items()]  # fmt: skip
        caption = f"Who is near each problem of {', '.join(names)} in the training data, and who solved it"
        if rows:
            yield Table(
                ["problem", *(BY[by] for by in used), *(name for name, _ in models)], rows, caption
            )
        else:
            yield Text(
                f"No training text is near any problem of {', '.join(names)}, as {stage.name} searched."
            )


def _neighbour(row: dict[str, Any] | None) -> str:
    if row is None:
        return ""
    value = f"{row['value']:.0f}" if row["by"] == "words" else f"{row['value']:.2f}"
    return f"{value}: {row['origin']}:{row['path']}:{row['start']}"


def _solved(desk: Desk, stage: Stage) -> dict[str, bool]:
    """Whether the first sample of each problem passed, by the first protocol."""
    found: dict[str, bool] = {}
    for table in desk.tables(stage, ["task_id", "verdict"]):
        for row in table.to_pylist():
            found.setdefault(row["task_id"], row["verdict"] == "passed")
    return found


def _judged(desk: Desk, stages: Sequence[Stage]) -> Iterator[Block]:
    for stage in _named(stages, "JudgeNear"):
        facts = store.read_json(desk.folder(stage) / "judged.json")
        head = [
            "detector",
            "copy",
            "paraphrase",
            "same idea",
            "unrelated",
            "copies and paraphrases",
        ]
        rows = [
            [row["detector"], *(row[name] for name in head[1:-1]), _rate(row)]
            for row in facts["precision"]
        ]
        if rows:
            yield Table(
                head, rows, f"What the judge {facts['judge']} says of {facts['asked']} candidates"
            )
        else:
            yield Text(
                f"The judge {facts['judge']} gave no verdict on {facts['asked']} candidates."
            )


def _audits(desk: Desk, stages: Sequence[Stage]) -> Iterator[Block]:
    """Recall on what was planted, hits on the data, and precision of the hits that have a verdict."""
    for stage in _named(stages, "AuditScrub"):
        found = store.read_json(desk.folder(stage) / "audit.json")
        detectors = list(dict.fromkeys(row["detector"] for row in found))
        cells = {(row["among"], row["detector"]): _rate(row) for row in found}
        groups = list(dict.fromkeys(row["among"] for row in found))
        rows = [[group, *(cells[group, each] for each in detectors)] for group in groups]
        caption = "Planted copies and paraphrases that each detector finds, and records of the data that it hits"
        yield Table(["planted", *detectors], rows, caption)
        judged = store.read_json(desk.folder(stage) / "precision.json") or []
        lines = [[row["detector"], _rate(row)] for row in judged]
        if lines:
            yield Table(
                ["detector", "copies and paraphrases among its hits"],
                lines,
                "Precision of a labelled sample",
            )
        else:
            yield Text(
                f"No hit of {stage.name} has a verdict yet: `hornbook review RUN {stage.name}` shows them."
            )


def _rate(row: dict[str, Any]) -> str:
    rate = row["rate"]
    if not rate["n"]:
        return "none"
    ends = f"{100 * rate['low']:.0f} to {100 * rate['high']:.0f}"
    return f"{row['hits']} of {rate['n']}, {100 * rate['value']:.0f} % ({ends})"


def _tables(desk: Desk, stages: Sequence[Stage]) -> Iterator[Block]:
    """The paper's Table 3 for this data, and how much each threshold took away."""
    for stage in _named(stages, "SimilarTable"):
        facts = store.read_json(desk.folder(stage) / "table.json")
        lines: dict[tuple[float, str], list[Any]] = {}
        for row in facts["rows"]:
            line = lines.setdefault(
                (row["threshold"], row["subset"]), [row["threshold"], row["subset"], row["n"]]
            )
            line.append(_passed(row))
        caption = (
            f"Is the score on {', '.join(facts['exam'])} owed to problems whose like was trained on? Similar means "
            "similar to the data as it was, for every model; the models that never saw it show what is merely easier"
        )
        yield Table(["threshold", "problems", "n", *facts["models"]], list(lines.values()), caption)
        cut = [[row["threshold"], row["removed"], row["of"], f"{100 * row['removed'] / max(1, row['of']):.1f} %"]
               for row in facts["pruned"]]  # fmt: skip
        if cut:
            yield Table(
                ["threshold", "removed", "of", "share"],
                cut,
                "Exercises that were pruned before retraining",
            )


def _passed(row: dict[str, Any]) -> str:
    if not row["n"]:
        return "no problems"
    ends = f"{100 * row['low']:.1f} to {100 * row['high']:.1f}"
    return f"{row['passed']}, {100 * row['rate']:.1f} % ({ends})"
