"""The classifiers that learn a taste: forest, line, boosting, regression and their blend; validated across packages.

In: labelled pieces (rows of numbers: a vector, and what features.py counts) and how they are split
(choose.py). Out: fitted models as plain arrays (forest.py), and for every piece a score by a model
that saw nothing of its package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from hornbook.curate import forest
from hornbook.curate.choose_layer import Known, Split

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Kind = Literal["blend", "forest", "linear", "counts", "boosting", "regression"]
# What a blend is the mean of. "counts" is a forest over features.py's numbers alone: what vectors
# must add to.
BLENDED: tuple[Kind, ...] = ("forest", "linear", "counts")


def fit(
    kind: Kind, x: NDArray[Any], y: NDArray[Any], trees: int, seed: int, counted: int = 0
) -> list[Any]:
    """The fitted members (one, but for the blend); the last `counted` columns of x are features.py's."""
    from sklearn.ensemble import (
        HistGradientBoostingClassifier,
        RandomForestClassifier,
        RandomForestRegressor,
    )
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models: dict[str, Callable[[], Any]] = {
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
            fit(each, x, y, trees, seed, counted)[0]
            for each in BLENDED
            if counted or each != "counts"
        ]
    if kind == "counts":
        return [models["forest"]().fit(x[:, -counted:], y)]
    return [models[kind]().fit(x, y)]


def scores(members: Sequence[Any], x: NDArray[Any]) -> NDArray[np.float64]:
    """The mean of the members' probabilities (a regression's is its number): float64 of shape (rows,)."""
    import numpy as np

    answers = []
    for model in members:
        if hasattr(model, "n_jobs"):
            model.n_jobs = 1  # threads add up their trees in the order in which they end: the last bits would differ
        seen = x[:, -model.n_features_in_ :]
        answers.append(
            model.predict_proba(seen)[:, 1]
            if hasattr(model, "predict_proba")
            else model.predict(seen)
        )
    return np.asarray(np.mean(answers, axis=0), np.float64)


def across_packages(
    known: Known,
    kind: Kind,
    splits: Sequence[Split],
    trees: int = 500,
    seed: int = 0,
    control: Mapping[str, NDArray[Any]] | None = None,
) -> NDArray[np.float64]:
    """A score for every labelled piece, float64 of shape (pieces,), from a model that saw no piece of its package.

    With `control`, other rows of numbers for the same pieces, the models are fitted as ever and
    asked about these.
    """
    import numpy as np

    asked = known.x if control is None else control
    out = np.zeros(len(known.y))
    for split in splits:
        x = known.x[split.vectors]
        members = fit(kind, x[split.train], known.y[split.train], trees, seed, known.counted)
        out[split.test] = scores(members, asked[split.vectors][split.test])
    return out


def compared(
    known: Known, splits: Sequence[Split], trees: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """across_packages of every kind; the blend's is the mean of its members', which are fitted once."""
    import numpy as np

    kinds: list[Kind] = ["forest", "linear", "boosting", "regression"]
    kinds += ["counts"] if known.counted else []
    tested: dict[str, NDArray[np.float64]] = {
        kind: across_packages(known, kind, splits, trees, seed) for kind in kinds
    }
    blended = [tested[kind] for kind in BLENDED if kind in tested]
    return {"blend": np.asarray(np.mean(blended, axis=0), np.float64), **tested}


def arrays(members: Sequence[Any], width: int, counted: int) -> forest.Blend:
    """The members as plain arrays over rows of `width` numbers, of which the last `counted` are features.py's."""
    import numpy as np

    made: list[forest.Trees | forest.Line] = []
    for model in members:
        if hasattr(model, "estimators_"):
            made.append(forest.trees_of(model, width - model.n_features_in_))
            continue
        scale, line = model[0], model[-1]
        weight = line.coef_[0] / scale.scale_
        bias = np.array([line.intercept_[0] - weight @ scale.mean_])
        made.append(forest.Line(weight, bias, np.array([1], np.int32)))
    return forest.Blend(tuple(made), counted)
