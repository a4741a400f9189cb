"""What the filter learned, how well, and what it kept and dropped: for a person to judge with their own eyes.

In: the stages that fitted, scored and kept by quality. Out: a section with the score histogram, the
validation, the judges' agreement, tokens kept against the threshold, and the best, middle and worst
pieces side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hornbook import store
from hornbook.frame.stage import RunContext, Stage
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
ROWS_SHOWN = 3  # pieces at each place
BYTES_PER_TOKEN = 3.5  # as KeepBudget counts
KEEP_STAGES = ("KeepBudget", "KeepPrecise")


def build_quality_section(ctx: RunContext, stages: Sequence[Stage]) -> PageSection | None:
    """The quality section, or None in a recipe that does not filter by quality."""
    keepers = [stage for stage in stages if type(stage).__name__ in KEEP_STAGES]
    if not keepers and not any(type(stage).__name__ == "FitQuality" for stage in stages):
        return None
    blocks: list[PageBlock] = []
    blocks.append(
        Paragraph(
            "What a labelled sample calls educational, learned from embeddings and given to everything."
        )
    )
    for stage in stages:
        if type(stage).__name__ == "FitQuality":
            blocks += build_validation_blocks(
                store.read_json(ctx.run.stage_folder(stage) / "validation.json")
            )
        if type(stage).__name__ in ("JudgeSample", "JudgeLogprobs"):
            blocks += build_agreement_blocks(
                stage.name, [store.read_json(ctx.run.stage_folder(stage) / "agreement.json")]
            )
        if type(stage).__name__ == "Panel":
            blocks += build_agreement_blocks(
                stage.name, store.read_json(ctx.run.stage_folder(stage) / "agreement.json")
            )
    for stage in keepers:
        blocks += build_score_blocks(ctx, stage)
    return PageSection("Quality", blocks)


def build_validation_blocks(facts: dict[str, Any]) -> list[PageBlock]:
    """How well the taste is told from vectors, on packages that were never seen, beside what reads no vector."""
    rows = [
        [
            name,
            "baseline" if name in facts["baselines"] else "on embeddings",
            area,
            f"{low:.3f} to {high:.3f}",
        ]
        for name, (low, area, high) in sorted(facts["area"].items(), key=lambda item: -item[1][1])
    ]
    said = (
        f"{facts['labels']:,} labelled pieces from {facts['packages']} {facts['apart']}, {facts['good']:,} of them "
        f"with {facts['good_from']} or more of 5. None of these "
        f"is on both sides of a split; `{facts['chosen']}` is used."
    )
    roc, calibration = facts["roc"], facts["calibration"]
    diagonal = ("chance", [0, 1], [0, 1], ":")
    ends = [("95 % interval", roc["grid"], roc["low"], "--"), ("", roc["grid"], roc["high"], "--")]
    curve = figures.draw_curves(
        [(facts["chosen"], roc["false_positive"], roc["true_positive"], "-"), *ends, diagonal],
        "share of the rest that is let through",
        "share of the good that is found",
    )
    reliable = figures.draw_curves(
        [
            ("observed", calibration["predicted"], calibration["observed"], "o-"),
            ("perfect", [0, 1], [0, 1], ":"),
        ],
        "score of the classifier",
        "share that was labelled good",
    )
    held = facts["precision_recall"]
    precise = figures.draw_curves(
        [
            ("precision", held["threshold"], held["precision"], "-"),
            ("recall", held["threshold"], held["recall"], "-"),
        ],
        "keep from this score on",
        "share",
    )
    low, mean, high = facts["average_precision"]
    blocks: list[PageBlock] = [
        Paragraph(said),
        DataTable(
            ["classifier", "kind", "area under ROC", "95 % interval"],
            rows,
            "Area under the ROC curve",
        ),
        Figure("roc", curve, "ROC of the classifier in use, across packages."),
        Figure(
            "precision",
            precise,
            "Precision and recall of what is kept from each score on, among the labels; "
            f"average precision {mean:.3f} ({low:.3f} to {high:.3f}).",
        ),
        Figure(
            "calibration",
            reliable,
            "Calibration: of the pieces that got a score, how many are labelled good.",
        ),
    ]
    if facts.get("vectors", {}).get("candidates"):
        blocks.insert(2, build_layer_table(facts["vectors"], facts["apart"]))
    if "control" in facts:
        blocks.append(Paragraph(describe_control(facts["control"], facts["area"][facts["chosen"]])))
    return blocks


def build_layer_table(facts: dict[str, Any], apart: str) -> DataTable:
    """The vectors that were compared before one kind was taken, the best first."""
    rows = []
    for each in sorted(facts["candidates"], key=lambda each: -each["area"][1]):
        low, area, high = each["area"]
        used = (each["layer"], each["pooling"]) == (facts["layer"], facts["pooling"])
        rows.append([each["layer"], each["pooling"], area, f"{low:.3f} to {high:.3f}", each["folds"],
                     "in use" if used else ""])  # fmt: skip
    return DataTable(
        ["layer", "pooling", "area under ROC", "95 % interval", "folds that chose it", ""],
        rows,
        f"Which vectors: a ridge line on each, validated across {apart} on {facts['labels']:,} labels. Each fold of "
        "the classifiers' validation chose among its own alone, so their areas are not flattered by this choice",
    )


def describe_control(facts: dict[str, Any], whole: list[float]) -> str:
    """In words: what becomes of the scores without comments and docstrings."""
    low, area, high = facts["area"]
    return (
        f"Control: the same pieces *without comments and docstrings* are told apart with an area of {area:.3f} "
        f"({low:.3f} to {high:.3f}), against {whole[1]:.3f} with them; their mean score is "
        f"{facts['mean_stripped']:.3f}, not {facts['mean_whole']:.3f}, and the two scores "
        f"correlate by {facts['correlation']:.2f}."
    )


def build_agreement_blocks(name: str, pairs: Sequence[dict[str, Any]]) -> list[PageBlock]:
    """How each judge agrees with the labels, or with another judge; a kappa near 0 is chance."""
    rows = []
    for facts in pairs:
        within = facts["within_one"]
        close = f"{within[1]:.2f} ({within[0]:.2f} to {within[2]:.2f})" if within else ""
        rows.append([facts["judge"], facts.get("first", "the labels"), facts["asked"], facts["compared"],
                     facts["kappa"], close, facts["good_by_label"], facts["good_by_judge"]])  # fmt: skip
    columns = ["judge", "against", "asked", "compared", "weighted kappa", "within one point", "good by these",
               "good by judge"]  # fmt: skip
    return [
        DataTable(
            columns, rows, f"`{name}`: how judges agree. Kappa is 1 for agreement and 0 for chance"
        )
    ]


def build_score_blocks(ctx: RunContext, keeper: Stage) -> list[PageBlock]:
    """The histogram of the scores with the threshold, tokens kept against threshold, and pieces side by side."""
    import pyarrow.compute as pc

    columns = ["id", "score", "kept", "reason", "origin", "path", "start", "end", "text"]
    rows = []
    for table in ctx.run.read_shards(keeper, columns):
        sizes = pc.binary_length(table["text"])
        scored = table.drop_columns(["text"]).append_column("bytes", sizes).to_pylist()
        rows += [row for row in scored if row["score"] is not None]
    rows.sort(key=lambda row: (row["score"], row["id"]))
    kept = [row["score"] for row in rows if row["kept"]]
    threshold = min(kept) if kept else None
    drawn = figures.draw_histogram(
        [row["score"] for row in rows], threshold, "score: how sure that a judge gives 3 or more"
    )
    words = f"{len(kept):,} of {len(rows):,} scored pieces were kept by `{keeper.name}`."
    blocks: list[PageBlock] = [Figure("scores", drawn, words)]
    if rows:
        above, tokens = count_tokens_by_threshold([(row["score"], row["bytes"]) for row in rows])
        curve = figures.draw_curves(
            [("tokens", above, tokens, "-")], "keep from this score on", "million tokens kept"
        )
        blocks.append(
            Figure(
                "kept-tokens",
                curve,
                f"What each threshold keeps, at {BYTES_PER_TOKEN} bytes a token.",
            )
        )
    blocks.append(Paragraph("The best, the middle and the worst pieces, side by side:"))
    return blocks + [SideBySide(row) for row in _select_pieces(ctx, keeper, rows)]


def count_tokens_by_threshold(
    rows: Sequence[tuple[float, int]], most: int = 200
) -> tuple[list[float], list[float]]:
    """(thresholds, million tokens of what scores from each on), of (score, bytes) sorted by score."""
    total, kept = 0.0, []
    for score, size in reversed(rows):
        total += size / BYTES_PER_TOKEN / 1e6
        kept.append((score, total))
    step = max(1, len(kept) // most)
    thin = [*kept[::step], kept[-1]]
    return [score for score, _ in thin], [tokens for _, tokens in thin]


def _select_pieces(
    ctx: RunContext, keeper: Stage, rows: Sequence[dict[str, Any]]
) -> list[list[CodeBlock]]:
    """SHOWN rows of three pieces: one of the best, one around the middle, one of the worst."""
    number = min(ROWS_SHOWN, len(rows) // len(RANK_QUANTILES))
    if not number:
        return []
    found = []
    for at in range(number):
        shift = {"best": -at, "middle": at, "worst": at}
        found.append(
            [(word, rows[round(q * (len(rows) - 1)) + shift[word]]) for word, q in RANK_QUANTILES]
        )
    texts = _read_texts(ctx, keeper, {row["id"] for each in found for _, row in each})
    return [
        [_make_piece_block(word, row, texts[row["id"]]) for word, row in each] for each in found
    ]


def _make_piece_block(word: str, row: dict[str, Any], text: str) -> CodeBlock:
    state = "kept" if row["kept"] else "dropped"
    where = f"{row['origin']} {row['path']}:{row['start']}-{row['end']}"
    return CodeBlock(f"{word}: score {row['score']:.3f}, {state}. {where}", text)


def _read_texts(ctx: RunContext, stage: Stage, wanted: set[str]) -> dict[str, str]:
    found = {}
    for table in ctx.run.read_shards(stage, ["id", "text"]):
        for name, text in zip(table["id"].to_pylist(), table["text"], strict=True):
            if name in wanted:
                found[name] = text.as_py()
    return found
