"""Train the quality classifier on judged embeddings and score the corpus (the paper's filter).

In: labelled documents with vectors. Out: a classifier as plain arrays and `validation.json`: how
well it tells pieces that the judge gave `good` or more from the rest, on packages that it never
saw, beside other classifiers and beside baselines that read no vector. Of documents that
EmbedLayers gave several vectors it chooses which to read (choose.py), and that choice is part of
what is validated. Then, for any documents with the vectors chosen, a column `score`. Not covered:
whether the judge is right; the agreement of judges is measured by JudgeSample.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import records, store
from hornbook.curate import choose_layer, classify, features, forest, validate
from hornbook.curate.choose_layer import LabelledPieces
from hornbook.curate.classify import ClassifierKind
from hornbook.curate.embed import Embed, EmbedLayers, apply_layer_choice
from hornbook.frame.stage import FileStage, Price, RowFilter, RunContext, Size, Stage
from hornbook.records import UserError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

MIN_PACKAGES = 5  # packages below which pieces are kept apart by file
COLUMNS_READ = frozenset({"id", "label", "origin", "path", "text", "nll"})  # and the vectors
MIN_LABELS_PER_SIDE = 20  # labels of each side below which nothing is fitted


@dataclass(frozen=True)
class FitQuality(FileStage):
    """Fit the classifier on documents with vectors and `label`; validate across packages."""

    data: Stage  # Embed, or EmbedLayers to have the layer and the pooling chosen
    kind: ClassifierKind = "blend"
    min_good_label: int = 3  # labels from this on are worth learning from
    trees: int = 500
    folds: int = 5
    seed: int = 0
    use_count_features: bool = True  # join what features.py counts to the vectors
    control: Stage | None = (
        None  # the same pieces with vectors of their text without comments (StripComments)
    )

    version: ClassVar[int] = 3

    def write_files(self, ctx: RunContext) -> None:
        if self.kind == "boosting" or (self.kind == "counts" and not self.use_count_features):
            raise UserError(
                f"{self.name}: boosting is only compared in the validation: take blend, forest, "
                "linear "
                "or regression"
            )
        rows = _read_labelled_rows(ctx, self.data)
        pieces = _make_labelled_pieces(
            rows, self.data.name, self.min_good_label, self.use_count_features
        )
        ctx.reporter.begin(self.name, 0, "")
        splits = choose_layer.make_splits(pieces, self.folds, self.seed)
        choice = choose_layer.choose_candidate(pieces, self.folds, self.seed)
        scores_by_kind = classify.cross_validate_all_kinds(pieces, splits, self.trees, self.seed)
        extra_baselines = (
            {"perplexity": -rows["nll"].to_numpy()} if "nll" in rows.column_names else {}
        )
        validation = validate.build_validation(
            pieces, scores_by_kind, self.kind, self.min_good_label, extra_baselines
        )
        if choice.column != "vector":  # the column of Embed, which leaves no choice
            validation["vectors"] = validate.describe_layer_choice(pieces, choice, splits)
            ctx.reporter.say(_format_layer_choice(self.name, validation["vectors"]))
        if self.control is not None:
            control_x = _read_control_inputs(ctx, self.control, rows, pieces)
            stripped_scores = classify.cross_validate(
                pieces, self.kind, splits, self.trees, self.seed, control_x
            )
            validation["control"] = validate.compare_with_control(
                pieces, stripped_scores, scores_by_kind[self.kind]
            )
        store.write_json(ctx.run.stage_folder(self) / "validation.json", validation)
        x = pieces.x_by_candidate[choice.column]
        members = classify.fit_classifier(
            self.kind, x, pieces.y, self.trees, self.seed, pieces.n_count_features
        )
        forest.save_classifier(
            ctx.run.stage_folder(self) / "classifier.npz",
            classify.convert_to_arrays(members, x.shape[1], pieces.n_count_features),
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        n_candidates = (
            len(self.data.depths) * len(self.data.poolings)
            if isinstance(self.data, EmbedLayers)
            else 0
        )
        n_pieces = inputs[0].documents
        minutes = (
            0.1
            + n_pieces * self.trees * self.folds / 5e7
            + min(n_pieces, choose_layer.MAX_PIECES) * n_candidates / 1.5e5
        )
        return Price(Size(), minutes=minutes, peak_mb=300 + n_pieces * max(1, n_candidates) * 0.004)


@dataclass(frozen=True)
class ScoreQuality(RowFilter):
    """Add the classifier's score to every kept document of `data`, which has a vector."""

    quality_classifier: (
        Stage  # a FitQuality; where it chose its vectors, `data` is an Embed with chosen=this
    )

    def filter_rows(self, ctx: RunContext, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        if isinstance(self.data, Embed) and self.data.layer_choice != self.quality_classifier:
            embedder = apply_layer_choice(ctx, self.quality_classifier, self.data.embedder)
            if embedder != self.data.embedder:
                raise UserError(
                    f"{self.quality_classifier.name} chose to read layer {embedder.layer}, "
                    f"{embedder.pooling}: "
                    f"give {self.data.name} its vectors by chosen={self.quality_classifier.name}"
                )
        model = forest.load_classifier(
            ctx.run.stage_folder(self.quality_classifier) / "classifier.npz"
        )
        scores = model.score_rows(_make_inputs(rows, "vector", bool(model.n_count_features)))
        return records.verdict_columns(
            [True] * len(rows), [""] * len(rows), score=pa.array(scores, pa.float32())
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(inputs[0], minutes=inputs[0].documents / 70_000 / 60 / max(1, ctx.workers))


def _format_layer_choice(stage_name: str, choice: Mapping[str, Any]) -> str:
    """The candidates in words, a line each."""
    lines = [f"{stage_name}: reads layer {choice['layer']}, {choice['pooling']}"]
    for candidate in choice["candidates"]:
        low, area, high = candidate["area"]
        lines.append(f"  layer {candidate['layer']:2d}, {candidate['pooling']:4}: "
                     f"area under ROC {area:.3f} "
                     f"({low:.3f} to {high:.3f}), chosen in "
                     f"{candidate['folds']} folds")  # fmt: skip
    return "\n  ".join(lines)


def read_vectors(rows: pa.Table, column_name: str = "vector") -> NDArray[np.float32]:
    """The column `vector`, or `counts_vector`, as float32 of shape (rows, width)."""
    import numpy as np

    if column_name not in rows.column_names:
        raise UserError(
            f"the documents have no column {column_name}: put an Embed stage before this one"
        )
    column = rows[column_name].combine_chunks()
    flat: NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return flat.reshape(len(rows), column.type.list_size)


def _make_inputs(rows: pa.Table, column_name: str, with_counts: bool) -> NDArray[np.float32]:
    """What a classifier reads of each row: its vector of this name, and features.py's counts."""
    import numpy as np

    vectors = read_vectors(rows, column_name)
    return np.hstack([vectors, read_vectors(rows, "counts_vector")]) if with_counts else vectors


def _make_candidate_inputs(rows: pa.Table, with_counts: bool) -> dict[str, NDArray[np.float32]]:
    """_x of each of the rows' vectors, in the order of their columns."""
    names = [
        column_name
        for column_name in rows.column_names
        if column_name.endswith("vector") and column_name != "counts_vector"
    ]
    return {name: _make_inputs(rows, name, with_counts) for name in names or ["vector"]}


def _read_labelled_rows(ctx: RunContext, data: Stage, ids: Sequence[str] | None = None) -> pa.Table:
    """The kept rows of labelled documents with vectors; in the order of `ids`, if given."""
    import pyarrow as pa

    tables = list(ctx.run.read_kept_rows(data))
    columns = [
        name for name in tables[0].column_names if name in COLUMNS_READ or name.endswith("vector")
    ]
    rows = pa.concat_tables([table.select(columns) for table in tables])
    if ids is None:
        return rows
    index_by_id = {name: row for row, name in enumerate(rows["id"].to_pylist())}
    if missing := [name for name in ids if name not in index_by_id]:
        raise UserError(
            f"{data.name} lacks {len(missing)} of the labelled pieces, such as {missing[0]}: it is "
            "no control"
        )
    return rows.take([index_by_id[name] for name in ids])


def _read_control_inputs(
    ctx: RunContext, control: Stage, rows: pa.Table, pieces: LabelledPieces
) -> Mapping[str, NDArray[np.float32]]:
    """The same pieces' numbers by the control's vectors."""
    control_x = _make_candidate_inputs(
        _read_labelled_rows(ctx, control, rows["id"].to_pylist()), bool(pieces.n_count_features)
    )
    if control_x.keys() != pieces.x_by_candidate.keys():
        raise UserError(
            f"{control.name} has the vectors {', '.join(control_x)} and not "
            f"{', '.join(pieces.x_by_candidate)}: it is no control. "
            "Embed both alike"
        )
    return control_x


def _make_labelled_pieces(
    rows: pa.Table, stage_name: str, min_good_label: int, with_counts: bool
) -> LabelledPieces:
    import numpy as np

    y = (rows["label"].to_numpy() >= min_good_label).astype(np.int64)
    if min(y.sum(), len(y) - y.sum()) < MIN_LABELS_PER_SIDE:
        raise UserError(
            f"{stage_name} has {y.sum()} pieces labelled {min_good_label} or more and "
            f"{len(y) - y.sum()} below: at least {MIN_LABELS_PER_SIDE} "
            "of each are needed to fit a classifier. Add wheels that the labels come from, or "
            "judge "
            "a sample of your own"
        )
    group_column = "origin" if len(rows["origin"].unique()) >= MIN_PACKAGES else "path"
    group_kind = "packages" if group_column == "origin" else "files"
    texts = rows["text"].to_pylist()
    return LabelledPieces(
        _make_candidate_inputs(rows, with_counts),
        y,
        rows[group_column].to_pylist(),
        texts,
        len(features.FEATURE_NAMES) * with_counts,
        group_kind,
    )
