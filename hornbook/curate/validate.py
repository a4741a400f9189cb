"""Validation of a classifier: area under ROC with its interval, curves, calibration, baselines.

In: labels, scores from models that saw nothing of a piece's package, texts. Out: the dictionary
that `validation.json` holds and the page draws, with what no vector was needed for beside it, so
that the gain is seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hornbook import records
from hornbook.curate.choose_layer import LabelledPieces, LayerChoice, PackageSplit
from hornbook.curate.embed import parse_vector_column
from hornbook.curate.features import DOCSTRING_START, comment_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_RESAMPLES = 1000  # bootstrap resamples behind each interval


def build_validation(
    pieces: LabelledPieces,
    scores_by_kind: Mapping[str, NDArray[Any]],
    kind: str,
    min_good_label: int,
    extra_baselines: Mapping[str, Any],
) -> dict[str, Any]:
    """All that the report draws: areas with intervals, curves, calibration of the chosen one.

    `tested` has the classifiers' scores, `more` further baselines (more is better).
    """
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import precision_recall_curve, roc_curve

    baselines = {
        name: [measure(text) for text in pieces.texts] for name, measure in BASELINES.items()
    } | dict(extra_baselines)
    kind_scores = scores_by_kind[kind]
    false_rate, true_rate, _ = roc_curve(pieces.y, kind_scores)
    precision, recall, thresholds = precision_recall_curve(pieces.y, kind_scores)
    observed, predicted = calibration_curve(
        pieces.y, kind_scores.clip(0, 1), n_bins=8, strategy="quantile"
    )
    grid, low, high = bootstrap_roc_band(pieces.y, kind_scores)
    return {
        "labels": len(pieces.y),
        "good": int(pieces.y.sum()),
        "good_from": min_good_label,
        "packages": len(set(pieces.groups)),
        "apart": pieces.group_kind,
        "chosen": kind,
        "area": {
            name: bootstrap_roc_area(pieces.y, scores, name)
            for name, scores in [*scores_by_kind.items(), *baselines.items()]
        },
        "baselines": sorted(baselines),
        "average_precision": bootstrap_average_precision(pieces.y, kind_scores),
        "roc": {
            "false_positive": thin_out(false_rate),
            "true_positive": thin_out(true_rate),
            "grid": grid,
            "low": low,
            "high": high,
        },
        # A threshold's precision and recall: what it keeps is everything from it on.
        "precision_recall": {
            "recall": thin_out(recall[:-1]),
            "precision": thin_out(precision[:-1]),
            "threshold": thin_out(thresholds),
        },
        "calibration": {"predicted": predicted.tolist(), "observed": observed.tolist()},
    }


def describe_layer_choice(
    pieces: LabelledPieces, choice: LayerChoice, splits: Sequence[PackageSplit]
) -> dict[str, Any]:
    """The layer and pooling in use; per candidate its area under ROC and the folds it won.

    The best area of several is flattered by being the best; the classifier's own, over the folds,
    is not.
    """
    y = pieces.y[choice.rows]
    folds = Counter(split.column for split in splits)
    candidates = []
    for name, scores in choice.scores_by_candidate.items():
        layer, pooling = parse_vector_column(name)
        candidates.append(
            {
                "layer": layer,
                "pooling": pooling,
                "area": bootstrap_roc_area(y, scores, name),
                "folds": folds[name],
            }
        )
    layer, pooling = parse_vector_column(choice.column)
    return {"layer": layer, "pooling": pooling, "labels": len(y), "candidates": candidates}


def compare_with_control(
    pieces: LabelledPieces, stripped_scores: NDArray[Any], whole_scores: NDArray[Any]
) -> dict[str, Any]:
    """The scores without comments and docstrings: does the classifier only look at those?"""
    import numpy as np

    return {
        "area": bootstrap_roc_area(pieces.y, stripped_scores, "control"),
        "mean_whole": round(float(np.mean(whole_scores)), 4),
        "mean_stripped": round(float(np.mean(stripped_scores)), 4),
        "correlation": round(float(np.corrcoef(stripped_scores, whole_scores)[0, 1]), 4),
    }


def bootstrap_average_precision(
    y: NDArray[Any], scores: NDArray[Any], n_resamples: int = 200
) -> list[float]:
    """Area under the precision-recall curve, 95 % interval by resampling: [low, area, high]."""
    import numpy as np
    from sklearn.metrics import average_precision_score

    rng = np.random.default_rng(1)
    samples = (rng.integers(0, len(y), len(y)) for _ in range(n_resamples))
    values = [average_precision_score(y[rows], scores[rows]) for rows in samples if y[rows].any()]
    low, high = np.quantile(values, [0.025, 0.975])
    return [round(float(v), 4) for v in (low, average_precision_score(y, scores), high)]


def bootstrap_roc_band(
    y: NDArray[Any], scores: NDArray[Any], n_resamples: int = 200
) -> tuple[list[float], list[float], list[float]]:
    """(false-positive rates, 95 % interval of the true-positive rate at each), by resampling."""
    import numpy as np
    from sklearn.metrics import roc_curve

    grid, rng = np.linspace(0, 1, 41), np.random.default_rng(2)
    curves = []
    for _ in range(n_resamples):
        rows = rng.integers(0, len(y), len(y))
        if 0 < y[rows].sum() < len(y):
            false_rate, true_rate, _cuts = roc_curve(y[rows], scores[rows])
            curves.append(np.interp(grid, false_rate, true_rate))
    low, high = np.quantile(curves, [0.025, 0.975], axis=0)
    rounded = [[round(float(v), 4) for v in values] for values in (grid, low, high)]
    return tuple(rounded)  # type: ignore[return-value]


def find_threshold(validation: Mapping[str, Any], precision: float) -> float | None:
    """The lowest score from which the validated precision is at least this (20 pieces or more)."""
    curve = validation["precision_recall"]
    threshold = None
    for candidate, precision_from_here, recall in sorted(
        zip(curve["threshold"], curve["precision"], curve["recall"], strict=True)
    )[::-1]:
        if precision_from_here >= precision:
            threshold = candidate
        elif recall * validation["good"] >= 20:  # the first few pieces say nothing about a rate
            break
    return threshold


def bootstrap_roc_area(y: NDArray[Any], scores: Any, name: str) -> list[float]:
    """Area under ROC with the ends of its 95 % interval, by resampling pieces: [low, area, high].

    All resamples are weighed at once over the sorted scores: 1,000 of 798 pieces take 0.1 s, one by
    one 7 s.
    """
    import numpy as np

    levels, level_index = np.unique(np.asarray(scores, float), return_inverse=True)
    order = np.argsort(level_index, kind="stable")
    starts = np.searchsorted(level_index[order], np.arange(len(levels)))
    rng = np.random.default_rng(int(records.hash_fraction("bootstrap", name) * 2**32))
    weights = np.vstack(
        [np.ones(len(y)), rng.multinomial(len(y), np.full(len(y), 1 / len(y)), N_RESAMPLES)]
    )[:, order]
    good = np.add.reduceat(weights * y[order], starts, axis=1)
    rest = np.add.reduceat(weights * (1 - y[order]), starts, axis=1)
    rest_below = np.cumsum(rest, axis=1) - rest
    n_pairs = good.sum(1) * rest.sum(1)
    areas = (good * (rest_below + rest / 2)).sum(1)[n_pairs > 0] / n_pairs[n_pairs > 0]
    low, high = np.quantile(areas[1:], [0.025, 0.975])
    return [round(float(v), 4) for v in (low, areas[0], high)]


def thin_out(values: NDArray[Any], max_values: int = 120) -> list[float]:
    """At most so many of the values, evenly chosen, rounded."""
    import numpy as np

    indices = np.unique(np.linspace(0, len(values) - 1, min(max_values, len(values))).astype(int))
    return [round(float(v), 4) for v in values[indices]]


# What reads no vector; the gain of the forest is what it adds to these.
BASELINES: Mapping[str, Callable[[str], float]] = {
    "length": len,
    "comment share": comment_share,
    "docstring present": lambda text: float(bool(DOCSTRING_START.search(text))),
}
