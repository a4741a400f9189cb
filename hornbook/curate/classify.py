"""The quality classifiers: forest, linear, boosting, regression, blend; validated by package.

In: labelled pieces (rows of numbers: a vector, and what features.py counts) and how they are split
(choose.py). Out: fitted models as plain arrays (forest.py), and for every piece a score by a model
that saw nothing of its package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from hornbook.curate import forest
from hornbook.curate.choose_layer import LabelledPieces, PackageSplit

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ClassifierKind = Literal["blend", "forest", "linear", "counts", "boosting", "regression"]
# What a blend is the mean of. "counts" is a forest over features.py's numbers alone: what vectors
# must add to.
BLEND_MEMBERS: tuple[ClassifierKind, ...] = ("forest", "linear", "counts")


def fit_classifier(
    kind: ClassifierKind,
    x: NDArray[Any],
    y: NDArray[Any],
    trees: int,
    seed: int,
    n_count_features: int = 0,
) -> list[Any]:
    """The fitted members (one; three of a blend). The last columns of x are features.py's."""
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    constructors: dict[str, Callable[[], Any]] = {
        # The paper names a random forest and no settings: these are ours. Leaves of 2 calm 500
        # trees on few labels.
        "forest": lambda: RandomForestClassifier(
            trees, min_samples_leaf=2, n_jobs=-1, random_state=seed
        ),
        "linear": lambda: make_pipeline(
            StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)
        ),
        "boosting": lambda: HistGradientBoostingClassifier(
            max_iter=40, max_features=0.2, random_state=seed
        ),
        "regression": lambda: RandomForestRegressor(
            max(20, trees // 2),
            min_samples_leaf=2,
            max_features="sqrt",
            n_jobs=-1,
            random_state=seed,
        ),
    }
    if kind == "blend":
        return [
            fit_classifier(member_kind, x, y, trees, seed, n_count_features)[0]
            for member_kind in BLEND_MEMBERS
            if n_count_features or member_kind != "counts"
        ]
    if kind == "counts":
        return [constructors["forest"]().fit(x[:, -n_count_features:], y)]
    return [constructors[kind]().fit(x, y)]


def score_rows(members: Sequence[Any], x: NDArray[Any]) -> NDArray[np.float64]:
    """The mean of the members' probabilities or values: float64 of shape (rows,)."""
    import numpy as np

    predictions = []
    for model in members:
        if hasattr(model, "n_jobs"):
            # Threads add up trees in the order in which they end: the last bits would differ.
            model.n_jobs = 1
        inputs = x[:, -model.n_features_in_ :]
        predictions.append(
            model.predict_proba(inputs)[:, 1]
            if hasattr(model, "predict_proba")
            else model.predict(inputs)
        )
    return np.asarray(np.mean(predictions, axis=0), np.float64)


def cross_validate(
    pieces: LabelledPieces,
    kind: ClassifierKind,
    splits: Sequence[PackageSplit],
    trees: int = 500,
    seed: int = 0,
    control: Mapping[str, NDArray[Any]] | None = None,
) -> NDArray[np.float64]:
    """A score per labelled piece, float64 (pieces,), by a model that saw no piece of its package.

    With `control`, other rows of numbers for the same pieces, the models are fitted as ever and
    asked about these.
    """
    import numpy as np

    x_by_candidate = pieces.x_by_candidate if control is None else control
    scores = np.zeros(len(pieces.y))
    for split in splits:
        x = pieces.x_by_candidate[split.column]
        members = fit_classifier(
            kind, x[split.train], pieces.y[split.train], trees, seed, pieces.n_count_features
        )
        scores[split.test] = score_rows(members, x_by_candidate[split.column][split.test])
    return scores


def cross_validate_all_kinds(
    pieces: LabelledPieces, splits: Sequence[PackageSplit], trees: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Scores across packages of every kind; the blend's is the mean of its members'."""
    import numpy as np

    kinds: list[ClassifierKind] = ["forest", "linear", "boosting", "regression"]
    kinds += ["counts"] if pieces.n_count_features else []
    scores_by_kind: dict[str, NDArray[np.float64]] = {
        kind: cross_validate(pieces, kind, splits, trees, seed) for kind in kinds
    }
    member_scores = [scores_by_kind[kind] for kind in BLEND_MEMBERS if kind in scores_by_kind]
    return {"blend": np.asarray(np.mean(member_scores, axis=0), np.float64), **scores_by_kind}


def convert_to_arrays(members: Sequence[Any], width: int, n_count_features: int) -> forest.Blend:
    """The members as plain arrays over rows of `width` numbers, the last of which are counts."""
    import numpy as np

    member_arrays: list[forest.ForestArrays | forest.LinearArrays] = []
    for model in members:
        if hasattr(model, "estimators_"):
            member_arrays.append(forest.extract_trees(model, width - model.n_features_in_))
            continue
        scaler, linear = model[0], model[-1]
        weight = linear.coef_[0] / scaler.scale_
        bias = np.array([linear.intercept_[0] - weight @ scaler.mean_])
        member_arrays.append(forest.LinearArrays(weight, bias, np.array([1], np.int32)))
    return forest.Blend(tuple(member_arrays), n_count_features)
