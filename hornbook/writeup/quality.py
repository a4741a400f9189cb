"""The quality section: what the quality classifier learned, how well, and what it kept.

In: the stages that fitted the classifier, agreed with judges and kept by score. Out: a section with
validation, agreement of the judges, score histogram, tokens kept for each threshold, and the best,
middle and worst pieces side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbook import store
from hornbook.frame.stage import RunContext, Stage
from hornbook.frame.stage_names import select_stages
from hornbook.pages import figures
from hornbook.pages.blocks import (
    CodeBlock,
    DataTable,
    Figure,
    PageBlock,
    PageSection,
    Paragraph,
    SideBySide,
)

RANK_QUANTILES = (("best", 1.0), ("middle", 0.5), ("worst", 0.0))
ROWS_SHOWN = 3  # pieces of each rank
BYTES_PER_TOKEN = 3.5  # as KeepBudget counts
MAX_CURVE_POINTS = 200
SCORE_COLUMNS = ("id", "score", "kept", "reason", "origin", "path", "start", "end", "text")
AGREEMENT_COLUMNS = (
    "judge", "against", "asked", "compared", "weighted kappa", "within one point",
    "good by these", "good by judge",
)  # fmt: skip


def build_quality_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The section, or None for a recipe that does not filter by quality."""
    keepers = select_stages(stages, "KeepBudget", "KeepPrecise")
    if not keepers and not select_stages(stages, "FitQuality"):
        return None
    introduction = (
        "A judge labels the educational value of a sample. A classifier learns the labels from "
        "embeddings and scores everything."
    )
    blocks: list[PageBlock] = [Paragraph(introduction)]
    for stage in select_stages(stages, "FitQuality", "JudgeSample", "JudgeLogprobs", "Panel"):
        folder = ctx.run.stage_folder(stage)
        if select_stages([stage], "FitQuality"):
            blocks += _build_validation_blocks(store.read_json(folder / "validation.json"))
            continue
        agreements = store.read_json(folder / "agreement.json")
        # A panel has one agreement per pair of judges, the others have one with the labels.
        if not select_stages([stage], "Panel"):
            agreements = [agreements]
        blocks.append(_build_agreement_table(stage.name, agreements))
    for keeper in keepers:
        blocks += _build_score_blocks(ctx, keeper)
    return PageSection("Quality", blocks)


def _build_validation_blocks(validation: dict[str, Any]) -> list[PageBlock]:
    """How well the classifier does on packages that it was not fitted on, beside baselines."""
    description = (
        f"{validation['labels']:,} labelled pieces from {validation['packages']} "
        f"{validation['apart']}, {validation['good']:,} of them with {validation['good_from']} or "
        f"more of 5. None of these is on both sides of a split; `{validation['chosen']}` is used."
    )
    blocks: list[PageBlock] = [Paragraph(description), _build_area_table(validation)]
    if validation.get("vectors", {}).get("candidates"):
        blocks.append(_build_layer_table(validation["vectors"], validation["apart"]))
    blocks += [
        _draw_roc(validation["chosen"], validation["roc"]),
        _draw_precision(validation["precision_recall"], validation["average_precision"]),
        _draw_calibration(validation["calibration"]),
    ]
    if "control" in validation:
        area_with_comments = validation["area"][validation["chosen"]][1]
        blocks.append(Paragraph(_describe_control(validation["control"], area_with_comments)))
    return blocks


def _build_area_table(validation: dict[str, Any]) -> DataTable:
    """The area under the ROC curve of each classifier, best first."""
    rows = []
    for name, (low, area, high) in sorted(validation["area"].items(), key=lambda item: -item[1][1]):
        kind = "baseline" if name in validation["baselines"] else "on embeddings"
        rows.append([name, kind, area, f"{low:.3f} to {high:.3f}"])
    columns = ["classifier", "kind", "area under ROC", "95 % interval"]
    return DataTable(columns, rows, "Area under the ROC curve")


def _draw_roc(name: str, roc: dict[str, Any]) -> Figure:
    curves = [
        (name, roc["false_positive"], roc["true_positive"], "-"),
        # One label for both ends of the interval.
        ("95 % interval", roc["grid"], roc["low"], "--"),
        ("", roc["grid"], roc["high"], "--"),
        ("chance", [0, 1], [0, 1], ":"),
    ]
    svg = figures.draw_curves(curves, "false positive rate", "true positive rate")
    return Figure("roc", svg, "ROC of the classifier in use, across packages.")


def _draw_precision(curve: dict[str, Any], average_precision: Sequence[float]) -> Figure:
    curves = [
        ("precision", curve["threshold"], curve["precision"], "-"),
        ("recall", curve["threshold"], curve["recall"], "-"),
    ]
    svg = figures.draw_curves(curves, "threshold of the score", "precision, recall")
    low, mean, high = average_precision
    caption = (
        "Precision and recall for each threshold, on the labels; average precision "
        f"{mean:.3f} ({low:.3f} to {high:.3f})."
    )
    return Figure("precision", svg, caption)


def _draw_calibration(calibration: dict[str, Any]) -> Figure:
    curves = [
        ("observed", calibration["predicted"], calibration["observed"], "o-"),
        ("perfect", [0, 1], [0, 1], ":"),
    ]
    svg = figures.draw_curves(curves, "score of the classifier", "share that is labelled good")
    caption = "Calibration: the share of pieces that are labelled good, by score."
    return Figure("calibration", svg, caption)


def _build_layer_table(vectors: dict[str, Any], group_kind: str) -> DataTable:
    """The layers and poolings of the embedder that were compared, best first."""
    rows = []
    for candidate in sorted(vectors["candidates"], key=lambda item: -item["area"][1]):
        low, area, high = candidate["area"]
        layer, pooling = candidate["layer"], candidate["pooling"]
        is_used = (layer, pooling) == (vectors["layer"], vectors["pooling"])
        interval, used = f"{low:.3f} to {high:.3f}", "in use" if is_used else ""
        rows.append([layer, pooling, area, interval, candidate["folds"], used])
    columns = ["layer", "pooling", "area under ROC", "95 % interval", "folds that chose it", ""]
    caption = (
        f"Choice of the vectors: a ridge regression on each, cross-validated across {group_kind} "
        f"on {vectors['labels']:,} labels. Each fold of the classifiers' validation chose by its "
        "own training data only, so this choice does not inflate their areas"
    )
    return DataTable(columns, rows, caption)


def _describe_control(control: dict[str, Any], area_with_comments: float) -> str:
    """The change of the scores when comments and docstrings are removed."""
    low, area, high = control["area"]
    return (
        "Control: the same pieces *without comments and docstrings* are classified with an area "
        f"of {area:.3f} ({low:.3f} to {high:.3f}), against {area_with_comments:.3f} with them; "
        f"their mean score is {control['mean_stripped']:.3f}, not {control['mean_whole']:.3f}, and "
        f"the two scores have a correlation of {control['correlation']:.2f}."
    )


def _build_agreement_table(name: str, agreements: Sequence[dict[str, Any]]) -> DataTable:
    """How a judge agrees with the labels, or with another judge."""
    rows = []
    for agreement in agreements:
        within_one = ""
        if agreement["within_one"]:
            low, value, high = agreement["within_one"]
            within_one = f"{value:.2f} ({low:.2f} to {high:.2f})"
        rows.append(
            [
                agreement["judge"],
                agreement.get("first", "the labels"),
                agreement["asked"],
                agreement["compared"],
                agreement["kappa"],
                within_one,
                agreement["good_by_label"],
                agreement["good_by_judge"],
            ]
        )
    caption = f"`{name}`: agreement of judges. Kappa is 1 for agreement and 0 for chance"
    return DataTable(AGREEMENT_COLUMNS, rows, caption)


def _build_score_blocks(ctx: RunContext, keeper: Stage) -> list[PageBlock]:
    """Score histogram with the threshold, tokens kept by threshold, and sample pieces."""
    rows = _read_scores(ctx, keeper)
    kept_scores = [row["score"] for row in rows if row["kept"]]
    histogram = figures.draw_histogram(
        [row["score"] for row in rows],
        min(kept_scores, default=None),
        "score: probability that a judge gives 3 or more",
    )
    caption = f"`{keeper.name}` kept {len(kept_scores):,} of {len(rows):,} scored pieces."
    blocks: list[PageBlock] = [Figure("scores", histogram, caption)]
    if rows:
        thresholds, tokens = count_tokens_by_threshold(
            [(row["score"], row["bytes"]) for row in rows]
        )
        curve = figures.draw_curves(
            [("tokens", thresholds, tokens, "-")],
            "threshold of the score",
            "million tokens kept",
        )
        caption = f"What each threshold keeps, at {BYTES_PER_TOKEN} bytes per token."
        blocks.append(Figure("kept-tokens", curve, caption))
    blocks.append(Paragraph("The best, middle and worst pieces, side by side:"))
    blocks += [SideBySide(pieces) for pieces in _select_pieces(ctx, keeper, rows)]
    return blocks


def _read_scores(ctx: RunContext, keeper: Stage) -> list[dict[str, Any]]:
    """The scored rows in the order of their scores, with the bytes of the text, not the text."""
    import pyarrow.compute as pc

    rows: list[dict[str, Any]] = []
    for table in ctx.run.read_shards(keeper, SCORE_COLUMNS):
        # All texts of a corpus do not fit in memory; their sizes do.
        sizes = pc.binary_length(table["text"])
        scored = table.drop_columns(["text"]).append_column("bytes", sizes).to_pylist()
        rows += [row for row in scored if row["score"] is not None]
    rows.sort(key=lambda row: (row["score"], row["id"]))
    return rows


def count_tokens_by_threshold(
    rows: Sequence[tuple[float, int]], max_points: int = MAX_CURVE_POINTS
) -> tuple[list[float], list[float]]:
    """How many million tokens score at least as much as each threshold.

    Args:
        rows: (score, bytes) of each piece, sorted by score; at least one.
        max_points: thresholds to return, about.

    Returns:
        The thresholds from the highest, and the million tokens of each.
    """
    total, points = 0.0, []
    for score, size in reversed(rows):
        total += size / BYTES_PER_TOKEN / 1e6
        points.append((score, total))
    # Every so many points, and the last, which keeps everything.
    points = [*points[:: max(1, len(points) // max_points)], points[-1]]
    return [score for score, _ in points], [tokens for _, tokens in points]


def _select_pieces(
    ctx: RunContext, keeper: Stage, rows: Sequence[dict[str, Any]]
) -> list[list[CodeBlock]]:
    """ROWS_SHOWN lists of a piece of each rank; `rows` are sorted by score."""
    n_lists = min(ROWS_SHOWN, len(rows) // len(RANK_QUANTILES))
    selected: list[list[tuple[str, dict[str, Any]]]] = []
    for i in range(n_lists):
        # The best go down from the top, the others up, so that no piece comes twice.
        shifts = {"best": -i, "middle": i, "worst": i}
        pieces = []
        for rank, quantile in RANK_QUANTILES:
            position = round(quantile * (len(rows) - 1)) + shifts[rank]
            pieces.append((rank, rows[position]))
        selected.append(pieces)
    ids: set[str] = set()
    for pieces in selected:
        ids |= {row["id"] for _, row in pieces}
    # A second pass reads the texts of the few pieces that are shown.
    text_by_id = _read_texts(ctx, keeper, ids) if ids else {}
    return [
        [_make_piece_block(rank, row, text_by_id[row["id"]]) for rank, row in pieces]
        for pieces in selected
    ]


def _make_piece_block(rank: str, row: dict[str, Any], text: str) -> CodeBlock:
    state = "kept" if row["kept"] else "dropped"
    location = f"{row['origin']} {row['path']}:{row['start']}-{row['end']}"
    return CodeBlock(f"{rank}: score {row['score']:.3f}, {state}. {location}", text)


def _read_texts(ctx: RunContext, stage: Stage, ids: set[str]) -> dict[str, str]:
    text_by_id = {}
    for table in ctx.run.read_shards(stage, ["id", "text"]):
        for row_id, text in zip(table["id"].to_pylist(), table["text"], strict=True):
            if row_id in ids:
                text_by_id[row_id] = text.as_py()
    return text_by_id
