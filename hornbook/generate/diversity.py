"""How different the texts of a set are from each other: what the paper's authors said that they lacked a measure of.

In: stages with texts. Out: `diversity.json`: for each stage, numbers that do not grow with its
size, so that two sets or two rounds can be compared: a set that narrows shows it here before its
score does. Clusters are made of all sets together, so that a set's coverage is of what the sets
have between them; `near NAME` says how much of a set the other one has too. Not covered: whether
the differences are worth anything to a student.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import records, store
from hornbook.frame.stage import Desk, Form, Price, Size, Stage, Whole
from hornbook.models.embedder import Embedder, embed

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Whole_numbers = NDArray[np.int64]

SAMPLE = (
    1000  # texts that are measured, drawn by a hash of their ids: distinct-n falls as a set grows
)
WINDOW = 20_000  # words that distinct-n looks at, for the same reason
OPENING = 3  # words
CLUSTERS = 50
STEPS = 10  # of k-means
DRAWS = 50  # texts of which the coverage is told, so that a large set does not cover more for its size alone


@dataclass(frozen=True)
class MeasureDiversity(Whole):
    """Measure the kept texts of each stage of `data`."""

    data: tuple[Stage, ...]
    how: Embedder = Embedder("hashed")

    version: ClassVar[int] = 2
    form: ClassVar[Form] = "files"

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        texts = {stage.name: sampled(desk, stage) for stage in self.data}
        numbers = measured(texts, self.how)
        found = {
            stage.name: {"texts": desk.manifest(stage)["kept"], **numbers[stage.name]} for stage in self.data
        }  # fmt: skip
        store.write_json(desk.folder(self) / "diversity.json", found)
        return ()

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.02 * len(self.data))


def sampled(desk: Desk, stage: Stage) -> list[str]:
    """SAMPLE of a stage's kept texts, by a hash of their ids."""
    rows = [row for table in desk.kept(stage, ["id", "text"]) for row in table.to_pylist()]
    rows.sort(key=lambda row: (records.share("diversity", row["id"]), row["id"]))
    return [row["text"] for row in rows[:SAMPLE]]


def measured(sets: Mapping[str, Sequence[str]], how: Embedder) -> dict[str, dict[str, Any]]:
    """The numbers of each set: its own, its clusters among all sets', and how near it is to each other set."""
    import numpy as np

    found: dict[str, dict[str, Any]] = {
        name: measure(texts) if texts else {} for name, texts in sets.items()
    }
    names = [name for name, texts in sets.items() if texts]
    if not names:
        return found
    together = embed([text for name in names for text in sets[name]], how)
    ends = np.cumsum([len(sets[name]) for name in names])
    vectors = dict(zip(names, np.split(together, ends[:-1]), strict=True))
    labels = dict(zip(names, np.split(clustered(together), ends[:-1]), strict=True))
    for name in names:
        found[name] |= alikeness(vectors[name])
        found[name] |= {"cluster_coverage": coverage(labels[name])}
        found[name] |= {"variants_per_concept": variants(sets[name], labels[name])}
        found[name] |= {
            f"near {other}": nearest(vectors[name], vectors[other])
            for other in names
            if other != name
        }
    return found


def measure(texts: Sequence[str]) -> dict[str, float]:
    """What needs no vectors, cheap enough to be told while texts are being written."""
    words = [word for text in texts for word in re.findall(r"\w+|[^\w\s]", text)][:WINDOW]
    openings = Counter(" ".join(_prose(text).split()[:OPENING]).lower() for text in texts)
    shapes = Counter(_shape(text) for text in texts)
    return {
        **{f"distinct_{n}": distinct(words, n) for n in (1, 2, 3)},
        "repeated_openings": round(1 - len(openings) / len(texts), 4),
        "distinct_syntax_trees": round(len(shapes) / len(texts), 4),
    }


def distinct(words: Sequence[str], n: int) -> float:
    """The share of n-grams of words that are not a repetition (distinct-n, Li et al. 2016).

    >>> distinct("a b a b".split(), 2)
    0.6667
    """
    grams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
    return round(len(set(grams)) / len(grams), 4) if grams else 0.0


def alikeness(vectors: Vectors) -> dict[str, float]:
    """`likeness`: mean cosine of each text to the nearest other one, 1 where all have twins; and to all others."""
    import numpy as np

    n = len(vectors)
    if n < 2:
        return {"likeness": 0.0, "mean_likeness": 0.0}
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, 0)
    mean = float(cosines.sum() / (n * (n - 1)))
    np.fill_diagonal(cosines, -1)
    return {"likeness": round(float(cosines.max(1).mean()), 4), "mean_likeness": round(mean, 4)}


def nearest(vectors: Vectors, others: Vectors) -> float:
    """Mean cosine of each text to the nearest one of another set: 1 where the other set has all of it."""
    return round(float((vectors @ others.T).max(1).mean()), 4)


def clustered(vectors: Vectors) -> Whole_numbers:
    """k-means on the sphere, begun at points far from each other (Gonzalez 1985); the same every time."""
    import numpy as np

    chosen = [0]
    closest = vectors @ vectors[0]
    while len(chosen) < min(CLUSTERS, len(vectors)):
        chosen.append(int(closest.argmin()))
        closest = np.maximum(closest, vectors @ vectors[chosen[-1]])
    centres = vectors[chosen]
    labels = (vectors @ centres.T).argmax(1)
    for _ in range(STEPS):
        for at in set(labels.tolist()):
            centre = vectors[labels == at].sum(0)
            centres[at] = centre / max(float(np.linalg.norm(centre)), 1e-9)
        labels = (vectors @ centres.T).argmax(1)
    return np.asarray(labels, np.int64)


def coverage(labels: Whole_numbers) -> float:
    """The share of CLUSTERS that DRAWS texts of this set are expected to fall into."""
    import numpy as np

    shares = np.bincount(labels) / len(labels)
    return round(float((1 - (1 - shares) ** DRAWS).sum() / CLUSTERS), 4)


def variants(texts: Sequence[str], labels: Whole_numbers) -> float:
    """Of the texts of one cluster, the share with a syntax tree of their own, over clusters of two and more."""
    shapes: dict[int, list[str]] = {}
    for text, label in zip(texts, labels.tolist(), strict=True):
        shapes.setdefault(label, []).append(_shape(text))
    several = [each for each in shapes.values() if len(each) > 1]
    total = sum(len(each) for each in several)
    return round(sum(len(set(each)) for each in several) / total, 4) if total else 1.0


def _prose(text: str) -> str:
    """The first docstring of a program, or the text itself."""
    try:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and (
                found := ast.get_docstring(node)
            ):
                return found
    except (SyntaxError, ValueError, RecursionError):
        pass
    return re.sub(r"^#.*\n", "", text)


def _shape(text: str) -> str:
    """The kinds of the syntax tree's nodes in order; a text that is no program is its own shape."""
    try:
        return " ".join(type(node).__name__ for node in ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return text
