"""What the filter learned, how well, and what it kept and dropped: for a person to judge with their own eyes.

In: the stages that fitted, scored and kept by quality. Out: a section with the score histogram, the validation,
the judges' agreement, and pieces of code at five quantiles of the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbook import store
from hornbook.stage import Desk, Stage
from hornbook.writeup import figures
from hornbook.writeup.blocks import Block, Code, Figure, Section, Table, Text

QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)


def section(desk: Desk, stages: Sequence[Stage]) -> Section | None:
    """The quality section, or None in a recipe that does not filter by quality."""
    keepers = [stage for stage in stages if type(stage).__name__ == "KeepBudget"]
    if not keepers and not any(type(stage).__name__ == "FitQuality" for stage in stages):
        return None
    blocks: list[Block] = []
    blocks.append(Text("What a labelled sample calls educational, learned from embeddings and given to everything."))
    for stage in stages:
        if type(stage).__name__ == "FitQuality":
            blocks += validation(store.read_json(desk.folder(stage) / "validation.json"))
        if type(stage).__name__ == "JudgeSample":
            blocks += agreement(stage.name, [store.read_json(desk.folder(stage) / "agreement.json")])
        if type(stage).__name__ == "Panel":
            blocks += agreement(stage.name, store.read_json(desk.folder(stage) / "agreement.json"))
    for stage in keepers:
        blocks += scores(desk, stage)
    return Section("Quality", blocks)


def validation(facts: dict[str, Any]) -> list[Block]:
    """How well the taste is told from vectors, on packages that were never seen, beside what reads no vector."""
    rows = [
        [name, "baseline" if name in facts["baselines"] else "on embeddings", area, f"{low:.3f} to {high:.3f}"]
        for name, (low, area, high) in sorted(facts["area"].items(), key=lambda item: -item[1][1])
    ]
    said = (
        f"{facts['labels']:,} labelled pieces from {facts['packages']} {facts['apart']}, {facts['good']:,} of them "
        f"with {facts['good_from']} or more of 5. None of these "
        f"is on both sides of a split; `{facts['chosen']}` is used."
    )
    roc, calibration = facts["roc"], facts["calibration"]
    diagonal = ("chance", [0, 1], [0, 1], ":")
    curve = figures.curves(
        [(facts["chosen"], roc["false_positive"], roc["true_positive"], "-"), diagonal],
        "share of the rest that is let through",
        "share of the good that is found",
    )
    reliable = figures.curves(
        [("observed", calibration["predicted"], calibration["observed"], "o-"), ("perfect", [0, 1], [0, 1], ":")],
        "score of the classifier",
        "share that was labelled good",
    )
    return [
        Text(said),
        Table(["classifier", "kind", "area under ROC", "95 % interval"], rows, "Area under the ROC curve"),
        Figure("roc", curve, "ROC of the classifier in use, across packages."),
        Figure("calibration", reliable, "Calibration: of the pieces that got a score, how many are labelled good."),
    ]


def agreement(name: str, pairs: Sequence[dict[str, Any]]) -> list[Block]:
    """How each judge agrees with the labels, or with another judge; a kappa near 0 is chance."""
    rows = []
    for facts in pairs:
        within = facts["within_one"]
        close = f"{within[1]:.2f} ({within[0]:.2f} to {within[2]:.2f})" if within else ""
        rows.append([facts["judge"], facts.get("first", "the labels"), facts["asked"], facts["compared"],
                     facts["kappa"], close, facts["good_by_label"], facts["good_by_judge"]])  # fmt: skip
    columns = ["judge", "against", "asked", "compared", "weighted kappa", "within one point", "good by these",
               "good by judge"]  # fmt: skip
    return [Table(columns, rows, f"`{name}`: how judges agree. Kappa is 1 for agreement and 0 for chance")]


def scores(desk: Desk, keeper: Stage) -> list[Block]:
    """The histogram of the scores with the threshold, and a sample at each of five quantiles."""
    columns = ["id", "score", "kept", "reason", "origin", "path", "start", "end"]
    rows = [row for table in desk.tables(keeper, columns) for row in table.to_pylist() if row["score"] is not None]
    rows.sort(key=lambda row: (row["score"], row["id"]))
    kept = [row["score"] for row in rows if row["kept"]]
    threshold = min(kept) if kept else None
    drawn = figures.histogram(
        [row["score"] for row in rows], threshold, "score: the forest's probability that a judge gives 3 or more of 5"
    )
    words = f"{len(kept):,} of {len(rows):,} scored pieces were kept by `{keeper.name}`."
    blocks: list[Block] = [
        Figure("scores", drawn, words),
        Text("Pieces at five quantiles of the score, lowest to highest:"),
    ]
    chosen = [rows[round(q * (len(rows) - 1))] for q in QUANTILES] if rows else []
    texts = _texts(desk, keeper, {row["id"] for row in chosen})
    for quantile, row in zip(QUANTILES, chosen, strict=False):
        state = "kept" if row["kept"] else f"dropped ({row['reason']})"
        where = f"{row['origin']} {row['path']}:{row['start']}-{row['end']}"
        blocks.append(Code(f"{quantile:.0%}: score {row['score']:.3f}, {state}. {where}", texts[row["id"]]))
    return blocks


def _texts(desk: Desk, stage: Stage, wanted: set[str]) -> dict[str, str]:
    found = {}
    for table in desk.tables(stage, ["id", "text"]):
        for name, text in zip(table["id"].to_pylist(), table["text"], strict=True):
            if name in wanted:
                found[name] = text.as_py()
    return found
