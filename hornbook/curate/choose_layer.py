"""Which vectors a classifier reads: the layer and the pooling that a linear head does best on, across packages.

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

    Rows = NDArray[np.int64]

MOST = 4000  # pieces that a choice is made from: areas are then known to 0.01, which is as far as layers differ
# On all 798 labels layer 15 has 0.884, 0.902 and 0.906 with 300, 1,000 and 3,000, and the layers
# the same order. A line to 0 and 1 and no logistic one, because it also fits the rows of a fold
# that has one side alone.
RIDGE = 1000.0


@dataclass(frozen=True)
class Known:
    """The labelled documents: numbers by the vectors' name, whether good, where from, texts for the baselines."""

    x: Mapping[str, NDArray[np.float32]]  # one entry a candidate, those of the first layers first
    y: NDArray[np.int64]
    origin: Sequence[
        str
    ]  # the package; the file, where all come from too few packages to be split by them
    texts: Sequence[str]
    counted: int = 0  # how many of x's last columns are features.py's
    apart: str = "packages"  # or files


@dataclass(frozen=True)
class Choice:
    """The vectors that are taken, and for each candidate the scores of the rows that were looked at."""

    vectors: str
    rows: Rows
    scores: Mapping[str, NDArray[np.float64]]  # none where there was nothing to choose


@dataclass(frozen=True)
class Split:
    """Rows to fit on and rows to test on, no package on both sides, and the vectors that the first choose."""

    train: Rows
    test: Rows
    vectors: str


def splits(known: Known, folds: int = 5, seed: int = 0) -> list[Split]:
    """The folds of a validation, each with its own choice."""
    import numpy as np

    every = np.arange(len(known.y))
    return [
        Split(train, test, choose(known, folds, seed, train).vectors)
        for train, test in _folds(known, every, folds, seed)
    ]


def choose(known: Known, folds: int = 5, seed: int = 0, rows: Rows | None = None) -> Choice:
    """The candidate whose line has the largest area under ROC on these rows, or all; of equals the first."""
    import numpy as np
    from sklearn.metrics import roc_auc_score

    rows = np.arange(len(known.y)) if rows is None else rows
    if len(known.x) == 1:
        return Choice(next(iter(known.x)), rows, {})
    if len(rows) > MOST:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST, replace=False))
    scores = heads(known, rows, folds, seed)
    areas = {name: float(roc_auc_score(known.y[rows], values)) for name, values in scores.items()}
    return Choice(max(areas, key=lambda name: areas[name]), rows, scores)


def heads(known: Known, rows: Rows, folds: int, seed: int) -> dict[str, NDArray[np.float64]]:
    """A score of each of these rows by each candidate's ridge line, which saw nothing of its package."""
    import numpy as np
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits  # scikit-learn's own

    scores = {name: np.zeros(len(known.y)) for name in known.x}
    with threadpool_limits(
        1
    ):  # two threads take twice the time and four times the processor on 600 by 600 numbers
        for train, test in _folds(known, rows, folds, seed):
            for name, x in known.x.items():
                line: Any = make_pipeline(StandardScaler(), Ridge(RIDGE)).fit(
                    x[train], known.y[train]
                )
                scores[name][test] = line.predict(x[test])
    return {name: values[rows] for name, values in scores.items()}


def _folds(known: Known, rows: Rows, folds: int, seed: int) -> Iterator[tuple[Rows, Rows]]:
    """(train, test) among these rows; fewer folds where there are fewer packages."""
    from sklearn.model_selection import StratifiedGroupKFold

    origin = [known.origin[row] for row in rows]
    splitter = StratifiedGroupKFold(min(folds, len(set(origin))), shuffle=True, random_state=seed)
    for train, test in splitter.split(rows, known.y[rows], origin):
        yield rows[train], rows[test]
