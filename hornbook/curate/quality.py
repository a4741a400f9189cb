"""A judge's taste, learned from its embeddings' forest, and given to everything: the paper's first lever.

In: labelled documents with vectors. Out: a classifier as plain arrays and `validation.json`: how well it tells pieces
that the judge gave `good` or more from the rest, on packages that it never saw, beside other classifiers and beside
baselines that read no vector. Then, for any documents with vectors, a column `score`.
Not covered: whether the judge is right; the agreement of judges is measured by JudgeSample.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hornbook import records, store
from hornbook.curate import forest
from hornbook.records import UserError
from hornbook.stage import Desk, Form, Marking, Price, Size, Stage, Whole

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

Kind = Literal["forest", "linear", "boosting", "regression"]
KINDS: tuple[Kind, ...] = ("forest", "linear", "boosting", "regression")
DRAWS = 1000  # bootstrap resamples behind each interval
FEWEST_GROUPS = 5  # packages below which pieces are kept apart by file
FEWEST = 20  # labels of each side below which nothing is fitted


@dataclass(frozen=True)
class FitQuality(Whole):
    """Fit the classifier on documents with the columns `vector` and `label`; validate across origins (packages)."""

    data: Stage
    kind: Kind = "forest"
    good: int = 3  # labels from this on are worth learning from
    trees: int = 500
    folds: int = 5
    seed: int = 0

    form: ClassVar[Form] = "files"

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        if self.kind == "boosting":
            raise UserError(
                f"{self.name}: boosting is only compared in the validation: score by forest, linear or regression"
            )
        known = _known(desk, self.data, self.good)
        desk.reporter.begin(self.name, len(KINDS), "classifiers")
        tested: dict[str, NDArray[np.float64]] = {}
        for kind in KINDS:
            tested[kind] = across_packages(known, kind, self.trees, self.folds, self.seed)
            desk.reporter.advance()
        store.write_json(desk.folder(self) / "validation.json", _validation(known, tested, self.kind, self.good))
        final = _fit(self.kind, known.x, known.y, self.trees, self.seed)
        forest.write(desk.folder(self) / "classifier.npz", _arrays(self.kind, final))
        return ()

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.1 + inputs[0].documents * self.trees * self.folds / 5e7)


@dataclass(frozen=True)
class ScoreQuality(Marking):
    """Add the classifier's score to every kept document of `data`, which has the column `vector`."""

    taste: Stage

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        scores = forest.read(desk.folder(self.taste) / "classifier.npz").score(vectors(rows))
        return records.marks([True] * len(rows), [""] * len(rows), score=pa.array(scores, pa.float32()))

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(inputs[0], minutes=inputs[0].documents / 70_000 / 60 / max(1, desk.workers))


def vectors(rows: pa.Table) -> NDArray[np.float32]:
    """The column `vector` as float32 of shape (rows, width)."""
    import numpy as np

    if "vector" not in rows.column_names:
        raise UserError("the documents have no column vector: put an Embed stage before this one")
    column = rows["vector"].combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(rows), -1).astype(np.float32) if len(rows) else np.zeros((0, 1), np.float32)


@dataclass(frozen=True)
class Known:
    """The labelled documents: vectors, whether good, where from, and their texts for the baselines."""

    x: NDArray[np.float32]
    y: NDArray[np.int64]
    origin: Sequence[str]  # the package; the file, where all come from too few packages to be split by them
    texts: Sequence[str]
    apart: str = "packages"  # or files


def _known(desk: Desk, data: Stage, good: int) -> Known:
    import numpy as np
    import pyarrow as pa

    rows = pa.concat_tables(desk.kept(data, ["vector", "label", "origin", "path", "text"]))
    y = (rows["label"].to_numpy() >= good).astype(np.int64)
    if min(y.sum(), len(y) - y.sum()) < FEWEST:
        raise UserError(
            f"{data.name} has {y.sum()} pieces labelled {good} or more and {len(y) - y.sum()} below: at least {FEWEST} "
            "of each are needed to learn a taste. Add wheels that the labels come from, or judge a sample of your own"
        )
    apart = "origin" if len(rows["origin"].unique()) >= FEWEST_GROUPS else "path"
    words = "packages" if apart == "origin" else "files"
    return Known(vectors(rows), y, rows[apart].to_pylist(), rows["text"].to_pylist(), words)


def _fit(kind: Kind, x: NDArray[Any], y: NDArray[Any], trees: int, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier, RandomForestRegressor
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    models: dict[str, Callable[[], Any]] = {
        # The paper names a random forest and no settings: these are ours. Leaves of 2 calm 500 trees on few labels.
        "forest": lambda: RandomForestClassifier(trees, min_samples_leaf=2, n_jobs=-1, random_state=seed),
        "linear": lambda: make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000)),
        "boosting": lambda: HistGradientBoostingClassifier(max_iter=40, max_features=0.2, random_state=seed),
        "regression": lambda: RandomForestRegressor(
            max(20, trees // 2), min_samples_leaf=2, max_features="sqrt", n_jobs=-1, random_state=seed
        ),
    }
    return models[kind]().fit(x, y)


def _scores(model: Any, x: NDArray[Any]) -> NDArray[np.float64]:
    if hasattr(model, "n_jobs"):
        model.n_jobs = 1  # threads add up their trees in the order in which they end, which shows in the last bits
    answer: NDArray[np.float64] = model.predict_proba(x)[:, 1] if hasattr(model, "predict_proba") else model.predict(x)
    return answer


def across_packages(known: Known, kind: Kind, trees: int = 500, folds: int = 5, seed: int = 0) -> NDArray[np.float64]:
    """A score for every labelled piece, float64 of shape (pieces,), from a model that saw no piece of its package."""
    import numpy as np
    from sklearn.model_selection import StratifiedGroupKFold

    out = np.zeros(len(known.y))
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for train, test in splitter.split(known.x, known.y, known.origin):
        out[test] = _scores(_fit(kind, known.x[train], known.y[train], trees, seed), known.x[test])
    return out


def _validation(known: Known, tested: Mapping[str, NDArray[Any]], kind: str, good: int) -> dict[str, Any]:
    """Everything that the report draws: areas with intervals, curves and calibration of the chosen classifier."""
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import precision_recall_curve, roc_curve

    baselines = {name: [measure(text) for text in known.texts] for name, measure in BASELINES.items()}
    false, true, _ = roc_curve(known.y, tested[kind])
    precision, recall, _ = precision_recall_curve(known.y, tested[kind])
    share, mean = calibration_curve(known.y, tested[kind].clip(0, 1), n_bins=8, strategy="quantile")
    return {
        "labels": len(known.y),
        "good": int(known.y.sum()),
        "good_from": good,
        "packages": len(set(known.origin)),
        "apart": known.apart,
        "chosen": kind,
        "area": {name: area(known.y, scores, name) for name, scores in [*tested.items(), *baselines.items()]},
        "baselines": sorted(baselines),
        "roc": {"false_positive": _thin(false), "true_positive": _thin(true)},
        "precision_recall": {"recall": _thin(recall), "precision": _thin(precision)},
        "calibration": {"predicted": mean.tolist(), "observed": share.tolist()},
    }


def area(y: NDArray[Any], scores: Any, name: str) -> list[float]:
    """Area under ROC with the ends of its 95 % interval, by resampling pieces: [low, area, high].

    All resamples are weighed at once over the sorted scores: 1,000 of 798 pieces take 0.1 s, one by one 7 s.
    """
    import numpy as np

    levels, place = np.unique(np.asarray(scores, float), return_inverse=True)
    order = np.argsort(place, kind="stable")
    starts = np.searchsorted(place[order], np.arange(len(levels)))
    chance = np.random.default_rng(int(records.share("bootstrap", name) * 2**32))
    weights = np.vstack([np.ones(len(y)), chance.multinomial(len(y), np.full(len(y), 1 / len(y)), DRAWS)])[:, order]
    good = np.add.reduceat(weights * y[order], starts, axis=1)
    rest = np.add.reduceat(weights * (1 - y[order]), starts, axis=1)
    below = np.cumsum(rest, axis=1) - rest
    possible = good.sum(1) * rest.sum(1)
    areas = (good * (below + rest / 2)).sum(1)[possible > 0] / possible[possible > 0]
    low, high = np.quantile(areas[1:], [0.025, 0.975])
    return [round(float(v), 4) for v in (low, areas[0], high)]


def _thin(values: NDArray[Any], most: int = 120) -> list[float]:
    import numpy as np

    at = np.unique(np.linspace(0, len(values) - 1, min(most, len(values))).astype(int))
    return [round(float(v), 4) for v in values[at]]


def comment_share(text: str) -> float:
    """The share of a piece's characters that stand in comments; 0 for what cannot be tokenised to its end."""
    total = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            total += len(token.string) if token.type == tokenize.COMMENT else 0
    except (tokenize.TokenError, SyntaxError):
        pass  # a piece may be cut off at its end: what was read counts
    return total / max(1, len(text))


# What reads no vector; the gain of the forest is what it adds to these.
BASELINES: Mapping[str, Callable[[str], float]] = {
    "length": len,
    "comment share": comment_share,
    "docstring present": lambda text: float(bool(re.search(r"^\s*[rRuU]?(?:\"\"\"|''')", text, re.M))),
}


def _arrays(kind: Kind, model: Any) -> forest.Trees | forest.Line:
    import numpy as np

    if kind in ("forest", "regression"):
        return forest.trees_of(model)
    scale, line = model[0], model[-1]
    weight = line.coef_[0] / scale.scale_
    return forest.Line(weight, np.array([line.intercept_[0] - weight @ scale.mean_]), np.array([1], np.int32))
