"""How well a classifier tells pieces worth reading: area under ROC with its interval, curves, calibration, baselines.

In: labels, scores from models that saw nothing of a piece's package, texts. Out: the dictionary
that `validation.json` holds and the page draws, with what no vector was needed for beside it, so
that the gain is seen.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hornbook import records
from hornbook.curate.choose_layer import Choice, Known, Split
from hornbook.curate.embed import place
from hornbook.curate.features import DOCSTRING, comment_share

if TYPE_CHECKING:
    from numpy.typing import NDArray

DRAWS = 1000  # bootstrap resamples behind each interval


def validation(
    known: Known, tested: Mapping[str, NDArray[Any]], kind: str, good: int, more: Mapping[str, Any]
) -> dict[str, Any]:
    """Everything that the report draws: areas with intervals, curves and calibration of the chosen classifier.

    `tested` are classifiers' scores, `more` are further baselines (name to a number a piece, more is better).
    """
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import precision_recall_curve, roc_curve

    baselines = {
        name: [measure(text) for text in known.texts] for name, measure in BASELINES.items()
    } | dict(more)
    chosen = tested[kind]
    false, true, _ = roc_curve(known.y, chosen)
    precision, recall, cuts = precision_recall_curve(known.y, chosen)
    share, mean = calibration_curve(known.y, chosen.clip(0, 1), n_bins=8, strategy="quantile")
    grid, low, high = band(known.y, chosen)
    return {
        "labels": len(known.y),
        "good": int(known.y.sum()),
        "good_from": good,
        "packages": len(set(known.origin)),
        "apart": known.apart,
        "chosen": kind,
        "area": {
            name: area(known.y, scores, name)
            for name, scores in [*tested.items(), *baselines.items()]
        },
        "baselines": sorted(baselines),
        "average_precision": average_precision(known.y, chosen),
        "roc": {
            "false_positive": thin(false),
            "true_positive": thin(true),
            "grid": grid,
            "low": low,
            "high": high,
        },
        # A threshold's precision and recall: what it keeps is everything from it on.
        "precision_recall": {
            "recall": thin(recall[:-1]),
            "precision": thin(precision[:-1]),
            "threshold": thin(cuts),
        },
        "calibration": {"predicted": mean.tolist(), "observed": share.tolist()},
    }


def vectors(known: Known, choice: Choice, splits: Sequence[Split]) -> dict[str, Any]:
    """The layer and pooling in use and, for each candidate, its area under ROC and in how many folds it was chosen.

    The best area of several is flattered by being the best; the classifier's own, over the folds,
    is not.
    """
    y = known.y[choice.rows]
    folds = Counter(split.vectors for split in splits)
    candidates = []
    for name, scores in choice.scores.items():
        layer, pooling = place(name)
        candidates.append(
            {
                "layer": layer,
                "pooling": pooling,
                "area": area(y, scores, name),
                "folds": folds[name],
            }
        )
    layer, pooling = place(choice.vectors)
    return {"layer": layer, "pooling": pooling, "labels": len(y), "candidates": candidates}


def control(known: Known, stripped: NDArray[Any], whole: NDArray[Any]) -> dict[str, Any]:
    """What becomes of the scores when comments and docstrings are taken away: does it only look at those?"""
    import numpy as np

    return {
        "area": area(known.y, stripped, "control"),
        "mean_whole": round(float(np.mean(whole)), 4),
        "mean_stripped": round(float(np.mean(stripped)), 4),
        "correlation": round(float(np.corrcoef(stripped, whole)[0, 1]), 4),
    }


def average_precision(y: NDArray[Any], scores: NDArray[Any], draws: int = 200) -> list[float]:
    """Area under the precision-recall curve with its 95 % interval, by resampling pieces: [low, area, high]."""
    import numpy as np
    from sklearn.metrics import average_precision_score

    chance = np.random.default_rng(1)
    picks = (chance.integers(0, len(y), len(y)) for _ in range(draws))
    drawn = [average_precision_score(y[at], scores[at]) for at in picks if y[at].any()]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return [round(float(v), 4) for v in (low, average_precision_score(y, scores), high)]


def band(
    y: NDArray[Any], scores: NDArray[Any], draws: int = 200
) -> tuple[list[float], list[float], list[float]]:
    """(false-positive rates, the 95 % interval of the true-positive rate at each), by resampling pieces."""
    import numpy as np
    from sklearn.metrics import roc_curve

    grid, chance = np.linspace(0, 1, 41), np.random.default_rng(2)
    drawn = []
    for _ in range(draws):
        at = chance.integers(0, len(y), len(y))
        if 0 < y[at].sum() < len(y):
            false, true, _cuts = roc_curve(y[at], scores[at])
            drawn.append(np.interp(grid, false, true))
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return tuple([round(float(v), 4) for v in values] for values in (grid, low, high))  # type: ignore[return-value]


def threshold_for(facts: Mapping[str, Any], precision: float) -> float | None:
    """The lowest score from which the validated precision is at least this, for all higher ones too where 20 remain."""
    curve = facts["precision_recall"]
    fine = None
    for cut, held, recall in sorted(
        zip(curve["threshold"], curve["precision"], curve["recall"], strict=True)
    )[::-1]:
        if held >= precision:
            fine = cut
        elif recall * facts["good"] >= 20:  # the first few pieces say nothing about a rate
            break
    return fine


def area(y: NDArray[Any], scores: Any, name: str) -> list[float]:
    """Area under ROC with the ends of its 95 % interval, by resampling pieces: [low, area, high].

    All resamples are weighed at once over the sorted scores: 1,000 of 798 pieces take 0.1 s, one by
    one 7 s.
    """
    import numpy as np

    levels, place = np.unique(np.asarray(scores, float), return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(levels)))
    chance = np.random.default_rng(int(records.share("bootstrap", name) * 2**32))
    weights = np.vstack(
        [np.ones(len(y)), chance.multinomial(len(y), np.full(len(y), 1 / len(y)), DRAWS)]
    )[:, order]
    good = np.add.reduceat(weights * y[order], starts, axis=1)
    rest = np.add.reduceat(weights * (1 - y[order]), starts, axis=1)
    below = np.cumsum(rest, axis=1) - rest
    possible = good.sum(1) * rest.sum(1)
    areas = (good * (below + rest / 2)).sum(1)[possible > 0] / possible[possible > 0]
    low, high = np.quantile(areas[1:], [0.025, 0.975])
    return [round(float(v), 4) for v in (low, areas[0], high)]


def thin(values: NDArray[Any], most: int = 120) -> list[float]:
    """At most so many of the values, evenly chosen, rounded."""
    import numpy as np

    at = np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).astype(int))
    return [round(float(v), 4) for v in values[at]]


# What reads no vector; the gain of the forest is what it adds to these.
BASELINES: Mapping[str, Callable[[str], float]] = {
    "length": len,
    "comment share": comment_share,
    "docstring present": lambda text: float(bool(DOCSTRING.search(text))),
}
