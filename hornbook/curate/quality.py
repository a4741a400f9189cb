"""A judge's taste, learned from its embeddings' forest, and given to everything: the paper's first lever.

In: labelled documents with vectors. Out: a classifier as plain arrays and `validation.json`: how well it tells pieces
that the judge gave `good` or more from the rest, on packages that it never saw, beside other classifiers and beside
baselines that read no vector. Then, for any documents with vectors, a column `score`.
Not covered: whether the judge is right; the agreement of judges is measured by JudgeSample.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hornbook import records, store
from hornbook.curate import classify, features, forest, validate
from hornbook.curate.classify import Kind, Known
from hornbook.records import UserError
from hornbook.stage import Desk, Form, Marking, Price, Size, Stage, Whole

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FEWEST_GROUPS = 5  # packages below which pieces are kept apart by file
FEWEST = 20  # labels of each side below which nothing is fitted


@dataclass(frozen=True)
class FitQuality(Whole):
    """Fit the classifier on documents with the columns `vector` and `label`; validate across origins (packages)."""

    data: Stage
    kind: Kind = "blend"
    good: int = 3  # labels from this on are worth learning from
    trees: int = 500
    folds: int = 5
    seed: int = 0
    features: bool = True  # join what features.py counts to the vectors
    control: Stage | None = None  # the same pieces with vectors of their text without comments (StripComments)

    form: ClassVar[Form] = "files"
    version: ClassVar[int] = 2

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        if self.kind == "boosting" or (self.kind == "counts" and not self.features):
            raise UserError(
                f"{self.name}: boosting is only compared in the validation: take blend, forest, linear or regression"
            )
        rows = _labelled(desk, self.data)
        known = _known(rows, self.data.name, self.good, self.features)
        desk.reporter.begin(self.name, 0, "")
        how = (self.trees, self.folds, self.seed)
        tested = classify.compared(known, *how)
        more = {"perplexity": -rows["nll"].to_numpy()} if "nll" in rows.column_names else {}
        facts = validate.validation(known, tested, self.kind, self.good, more)
        if self.control is not None:
            stripped = _x(_labelled(desk, self.control, rows["id"].to_pylist()), self.features)
            facts["control"] = validate.control(known, classify.across_packages(known, self.kind, *how, stripped),
                                                tested[self.kind])  # fmt: skip
        store.write_json(desk.folder(self) / "validation.json", facts)
        members = classify.fit(self.kind, known.x, known.y, self.trees, self.seed, known.counted)
        made = classify.arrays(members, known.x.shape[1], known.counted)
        forest.write(desk.folder(self) / "classifier.npz", made)
        return ()

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.1 + inputs[0].documents * self.trees * self.folds / 5e7)


@dataclass(frozen=True)
class ScoreQuality(Marking):
    """Add the classifier's score to every kept document of `data`, which has the column `vector`."""

    taste: Stage

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        model = forest.read(desk.folder(self.taste) / "classifier.npz")
        scores = model.score(_x(rows, bool(model.counted)))
        return records.marks([True] * len(rows), [""] * len(rows), score=pa.array(scores, pa.float32()))

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(inputs[0], minutes=inputs[0].documents / 70_000 / 60 / max(1, desk.workers))


def vectors(rows: pa.Table, name: str = "vector") -> NDArray[np.float32]:
    """The column `vector`, or `counts_vector`, as float32 of shape (rows, width)."""
    import numpy as np

    if name not in rows.column_names:
        raise UserError(f"the documents have no column {name}: put an Embed stage before this one")
    column = rows[name].combine_chunks()
    flat: NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return flat.reshape(len(rows), column.type.list_size)


def _x(rows: pa.Table, counted: bool) -> NDArray[np.float32]:
    """What a classifier reads of each row: its vector, and what features.py counted in its text."""
    import numpy as np

    found = vectors(rows)
    return np.hstack([found, vectors(rows, "counts_vector")]) if counted else found


def _labelled(desk: Desk, data: Stage, ids: Sequence[str] | None = None) -> pa.Table:
    """The kept rows of labelled documents with vectors; in the order of `ids`, if given."""
    import pyarrow as pa

    tables = list(desk.kept(data))
    wanted = ["id", "vector", "counts_vector", "label", "origin", "path", "text", "nll"]
    rows = pa.concat_tables([table.select([name for name in wanted if name in table.column_names]) for table in tables])
    if ids is None:
        return rows
    at = {name: row for row, name in enumerate(rows["id"].to_pylist())}
    if missing := [name for name in ids if name not in at]:
        raise UserError(
            f"{data.name} lacks {len(missing)} of the labelled pieces, such as {missing[0]}: it is no control"
        )
    return rows.take([at[name] for name in ids])


def _known(rows: pa.Table, name: str, good: int, counted: bool) -> Known:
    import numpy as np

    y = (rows["label"].to_numpy() >= good).astype(np.int64)
    if min(y.sum(), len(y) - y.sum()) < FEWEST:
        raise UserError(
            f"{name} has {y.sum()} pieces labelled {good} or more and {len(y) - y.sum()} below: at least {FEWEST} "
            "of each are needed to learn a taste. Add wheels that the labels come from, or judge a sample of your own"
        )
    apart = "origin" if len(rows["origin"].unique()) >= FEWEST_GROUPS else "path"
    words = "packages" if apart == "origin" else "files"
    texts = rows["text"].to_pylist()
    return Known(_x(rows, counted), y, rows[apart].to_pylist(), texts, len(features.NAMES) * counted, words)
