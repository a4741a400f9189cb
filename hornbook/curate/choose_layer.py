"""Choose the layer and pooling whose vectors a linear model reads best, across packages.

In: labelled pieces with vectors of several candidates. Out: each candidate's scores, and splits of
the pieces whose choice was made among the packages that are fitted on. What is validated on the
others (classify.py) then pays for the choosing too: nested cross-validation. With one candidate
there is nothing to choose, and these are plain splits. Not covered: choosing the model, or how many
tokens it reads; each would be another pass of a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    RowIndices = NDArray[np.int64]

# Pieces that a choice is made from: areas are then known to 0.01, as far apart as layers are.
MAX_PIECES = 4000
# On all 798 labels layer 15 has 0.884, 0.902 and 0.906 with 300, 1,000 and 3,000, and the layers
# the same order. A line to 0 and 1 and no logistic one, because it also fits the rows of a fold
# that has one side alone.
RIDGE_ALPHA = 1000.0


@dataclass(frozen=True)
class LabelledPieces:
    """The labelled documents: inputs by candidate, label, package, and texts for baselines."""

    x_by_candidate: Mapping[
        str, NDArray[np.float32]
    ]  # one entry a candidate, those of the first layers first
    y: NDArray[np.int64]
    groups: Sequence[
        str
    ]  # the package; the file, where all come from too few packages to be split by them
    texts: Sequence[str]
    n_count_features: int = 0  # how many of x's last columns are features.py's
    group_kind: str = "packages"  # or files


@dataclass(frozen=True)
class LayerChoice:
    """The chosen vectors and, for each candidate, the scores of the rows that were used."""

    column: str
    rows: RowIndices
    scores_by_candidate: Mapping[str, NDArray[np.float64]]  # none where there was nothing to choose


@dataclass(frozen=True)
class PackageSplit:
    """Rows to fit on and to test on, with no package on both sides, and the choice on the first."""

    train: RowIndices
    test: RowIndices
    column: str


def make_splits(pieces: LabelledPieces, folds: int = 5, seed: int = 0) -> list[PackageSplit]:
    """The folds of a validation, each with its own choice."""
    import numpy as np

    all_rows = np.arange(len(pieces.y))
    return [
        PackageSplit(train, test, choose_candidate(pieces, folds, seed, train).column)
        for train, test in _split_by_group(pieces, all_rows, folds, seed)
    ]


def choose_candidate(
    pieces: LabelledPieces, folds: int = 5, seed: int = 0, rows: RowIndices | None = None
) -> LayerChoice:
    """The candidate whose linear model has the largest area under ROC; of equals the first."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    rows = np.arange(len(pieces.y)) if rows is None else rows
    if len(pieces.x_by_candidate) == 1:
        return LayerChoice(next(iter(pieces.x_by_candidate)), rows, {})
    if len(rows) > MAX_PIECES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MAX_PIECES, replace=False))
    scores = cross_validate_ridge(pieces, rows, folds, seed)
    areas = {name: float(roc_auc_score(pieces.y[rows], values)) for name, values in scores.items()}
    return LayerChoice(max(areas, key=lambda name: areas[name]), rows, scores)


def cross_validate_ridge(
    pieces: LabelledPieces, rows: RowIndices, folds: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """A score of each row by each candidate's ridge model, fitted without the row's package."""
    import numpy as np
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits  # scikit-learn's own

    scores = {name: np.zeros(len(pieces.y)) for name in pieces.x_by_candidate}
    with threadpool_limits(
        1
    ):  # two threads take twice the time and four times the processor on 600 by 600 numbers
        for train, test in _split_by_group(pieces, rows, folds, seed):
            for name, x in pieces.x_by_candidate.items():
                ridge: Any = make_pipeline(StandardScaler(), Ridge(RIDGE_ALPHA)).fit(
                    x[train], pieces.y[train]
                )
                scores[name][test] = ridge.predict(x[test])
    return {name: values[rows] for name, values in scores.items()}


def _split_by_group(
    pieces: LabelledPieces, rows: RowIndices, folds: int, seed: int
) -> Iterator[tuple[RowIndices, RowIndices]]:
    """(train, test) among these rows; fewer folds where there are fewer packages."""
    from sklearn.model_selection import StratifiedGroupKFold

    groups = [pieces.groups[row] for row in rows]
    splitter = StratifiedGroupKFold(min(folds, len(set(groups))), shuffle=True, random_state=seed)
    for train, test in splitter.split(rows, pieces.y[rows], groups):
        yield rows[train], rows[test]
