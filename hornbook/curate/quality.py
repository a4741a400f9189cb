"""A judge's taste, learned from its embeddings' forest, and given to everything: the paper's first lever.

In: labelled documents with vectors. Out: a classifier as plain arrays and `validation.json`: how
well it tells pieces that the judge gave `good` or more from the rest, on packages that it never
saw, beside other classifiers and beside baselines that read no vector. Of documents that
EmbedLayers gave several vectors it chooses which to read (choose.py), and that choice is part of
what is validated. Then, for any documents with the vectors chosen, a column `score`. Not covered:
whether the judge is right; the agreement of judges is measured by JudgeSample.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import records, store
from hornbook.curate import choose_layer, classify, features, forest, validate
from hornbook.curate.choose_layer import Known
from hornbook.curate.classify import Kind
from hornbook.curate.embed import Embed, EmbedLayers, chosen_by
from hornbook.frame.stage import Desk, Form, Marking, Price, Size, Stage, Whole
from hornbook.records import UserError

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

FEWEST_GROUPS = 5  # packages below which pieces are kept apart by file
READ = frozenset({"id", "label", "origin", "path", "text", "nll"})  # and the vectors
FEWEST = 20  # labels of each side below which nothing is fitted


@dataclass(frozen=True)
class FitQuality(Whole):
    """Fit the classifier on documents with vectors and the column `label`; validate across origins (packages)."""

    data: Stage  # Embed, or EmbedLayers to have the layer and the pooling chosen
    kind: Kind = "blend"
    good: int = 3  # labels from this on are worth learning from
    trees: int = 500
    folds: int = 5
    seed: int = 0
    features: bool = True  # join what features.py counts to the vectors
    control: Stage | None = (
        None  # the same pieces with vectors of their text without comments (StripComments)
    )

    form: ClassVar[Form] = "files"
    version: ClassVar[int] = 3

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        if self.kind == "boosting" or (self.kind == "counts" and not self.features):
            raise UserError(
                f"{self.name}: boosting is only compared in the validation: take blend, forest, linear or regression"
            )
        rows = _labelled(desk, self.data)
        known = _known(rows, self.data.name, self.good, self.features)
        desk.reporter.begin(self.name, 0, "")
        splits = choose_layer.splits(known, self.folds, self.seed)
        choice = choose_layer.choose(known, self.folds, self.seed)
        tested = classify.compared(known, splits, self.trees, self.seed)
        more = {"perplexity": -rows["nll"].to_numpy()} if "nll" in rows.column_names else {}
        facts = validate.validation(known, tested, self.kind, self.good, more)
        if choice.vectors != "vector":  # the column of Embed, which leaves no choice
            facts["vectors"] = validate.vectors(known, choice, splits)
            desk.reporter.say(_said(self.name, facts["vectors"]))
        if self.control is not None:
            asked = _control(desk, self.control, rows, known)
            stripped = classify.across_packages(
                known, self.kind, splits, self.trees, self.seed, asked
            )
            facts["control"] = validate.control(known, stripped, tested[self.kind])
        store.write_json(desk.folder(self) / "validation.json", facts)
        x = known.x[choice.vectors]
        members = classify.fit(self.kind, x, known.y, self.trees, self.seed, known.counted)
        forest.write(
            desk.folder(self) / "classifier.npz",
            classify.arrays(members, x.shape[1], known.counted),
        )
        return ()

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        candidates = (
            len(self.data.depths) * len(self.data.poolings)
            if isinstance(self.data, EmbedLayers)
            else 0
        )
        pieces = inputs[0].documents
        minutes = (
            0.1
            + pieces * self.trees * self.folds / 5e7
            + min(pieces, choose_layer.MOST) * candidates / 1.5e5
        )
        return Price(Size(), minutes=minutes, peak_mb=300 + pieces * max(1, candidates) * 0.004)


@dataclass(frozen=True)
class ScoreQuality(Marking):
    """Add the classifier's score to every kept document of `data`, which has the column `vector`."""

    taste: Stage  # a FitQuality; where it chose its vectors, `data` is an Embed with chosen=this

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        import pyarrow as pa

        if isinstance(self.data, Embed) and self.data.chosen != self.taste:
            read = chosen_by(desk, self.taste, self.data.how)
            if read != self.data.how:
                raise UserError(
                    f"{self.taste.name} chose to read layer {read.layer}, {read.pooling}: "
                    f"give {self.data.name} its vectors by chosen={self.taste.name}"
                )
        model = forest.read(desk.folder(self.taste) / "classifier.npz")
        scores = model.score(_x(rows, "vector", bool(model.counted)))
        return records.marks(
            [True] * len(rows), [""] * len(rows), score=pa.array(scores, pa.float32())
        )

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(inputs[0], minutes=inputs[0].documents / 70_000 / 60 / max(1, desk.workers))


def _said(name: str, facts: Mapping[str, Any]) -> str:
    """The candidates in words, a line each."""
    lines = [f"{name}: reads layer {facts['layer']}, {facts['pooling']}"]
    for each in facts["candidates"]:
        low, area, high = each["area"]
        lines.append(f"  layer {each['layer']:2d}, {each['pooling']:4}: area under ROC {area:.3f} "
                     f"({low:.3f} to {high:.3f}), chosen in {each['folds']} folds")  # fmt: skip
    return "\n  ".join(lines)


def vectors(rows: pa.Table, name: str = "vector") -> NDArray[np.float32]:
    """The column `vector`, or `counts_vector`, as float32 of shape (rows, width)."""
    import numpy as np

    if name not in rows.column_names:
        raise UserError(f"the documents have no column {name}: put an Embed stage before this one")
    column = rows[name].combine_chunks()
    flat: NDArray[np.float32] = column.flatten().to_numpy(zero_copy_only=False).astype(np.float32)
    return flat.reshape(len(rows), column.type.list_size)


def _x(rows: pa.Table, name: str, counted: bool) -> NDArray[np.float32]:
    """What a classifier reads of each row: its vector of this name, and what features.py counted in its text."""
    import numpy as np

    found = vectors(rows, name)
    return np.hstack([found, vectors(rows, "counts_vector")]) if counted else found


def _candidates(rows: pa.Table, counted: bool) -> dict[str, NDArray[np.float32]]:
    """_x of each of the rows' vectors, in the order of their columns."""
    names = [
        name for name in rows.column_names if name.endswith("vector") and name != "counts_vector"
    ]
    return {name: _x(rows, name, counted) for name in names or ["vector"]}


def _labelled(desk: Desk, data: Stage, ids: Sequence[str] | None = None) -> pa.Table:
    """The kept rows of labelled documents with vectors; in the order of `ids`, if given."""
    import pyarrow as pa

    tables = list(desk.kept(data))
    wanted = [name for name in tables[0].column_names if name in READ or name.endswith("vector")]
    rows = pa.concat_tables([table.select(wanted) for table in tables])
    if ids is None:
        return rows
    at = {name: row for row, name in enumerate(rows["id"].to_pylist())}
    if missing := [name for name in ids if name not in at]:
        raise UserError(
            f"{data.name} lacks {len(missing)} of the labelled pieces, such as {missing[0]}: it is no control"
        )
    return rows.take([at[name] for name in ids])


def _control(
    desk: Desk, control: Stage, rows: pa.Table, known: Known
) -> Mapping[str, NDArray[np.float32]]:
    """The same pieces' numbers by the control's vectors."""
    asked = _candidates(_labelled(desk, control, rows["id"].to_pylist()), bool(known.counted))
    if asked.keys() != known.x.keys():
        raise UserError(
            f"{control.name} has the vectors {', '.join(asked)} and not {', '.join(known.x)}: it is no control. "
            "Embed both alike"
        )
    return asked


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
    return Known(
        _candidates(rows, counted),
        y,
        rows[apart].to_pylist(),
        texts,
        len(features.NAMES) * counted,
        words,
    )
