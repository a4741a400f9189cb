"""Diversity of a set of texts: the measure that the paper's authors said they lacked.

In: stages with texts. Out: `diversity.json`, measures of each stage's texts. They do not grow with
the number of texts, so that two sets or two rounds can be compared. A loss of diversity shows here
before the score falls. Clusters are computed over all sets together, so that coverage is the share
of what all sets have. `near NAME` says how much of a set another set also has.

Not covered: whether the differences help a model that is trained on the texts.
"""

from __future__ import annotations

import ast
import itertools
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import records, store
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.models.embedder import Embedder, embed_texts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    IntArray = NDArray[np.int64]

# Texts that are measured, sampled by a hash of their ids: distinct-n falls as a set grows.
SAMPLE_SIZE = 1000
MAX_WORDS = 20_000  # words that distinct-n reads, for the same reason
OPENING_WORDS = 3  # the first words of a text that are compared
CLUSTER_COUNT = 50
KMEANS_STEPS = 10
# Texts whose coverage is counted, so that a large set does not cover more for its size alone.
COVERAGE_DRAWS = 50


@dataclass(frozen=True)
class MeasureDiversity(FileStage):
    """Measure the kept texts of each stage of `data`."""

    data: tuple[Stage, ...]
    embedder: Embedder = Embedder("hashed")

    version: ClassVar[int] = 2

    def write_files(self, ctx: RunContext) -> None:
        texts = {stage.name: sample_texts(ctx, stage) for stage in self.data}
        measures = measure_sets(texts, self.embedder)
        report = {
            stage.name: {"texts": ctx.run.read_manifest(stage)["kept"], **measures[stage.name]}
            for stage in self.data
        }
        store.write_json(ctx.run.stage_folder(self) / "diversity.json", report)

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.02 * len(self.data))


def sample_texts(ctx: RunContext, stage: Stage) -> list[str]:
    """SAMPLE_SIZE of a stage's kept texts, by a hash of their ids."""
    rows = list(ctx.run.iterate_rows(stage, ["id", "text"], kept_only=True))
    rows.sort(key=lambda row: (records.hash_fraction("diversity", row["id"]), row["id"]))
    return [row["text"] for row in rows[:SAMPLE_SIZE]]


def measure_sets(
    sets: Mapping[str, Sequence[str]], embedder: Embedder
) -> dict[str, dict[str, Any]]:
    """The measures of each set: its own, its coverage of all sets' clusters, and `near NAME`.

    Args:
        sets: texts by name; an empty set has no measures.
    """
    import numpy as np

    measures: dict[str, dict[str, Any]] = {
        name: measure_texts(texts) if texts else {} for name, texts in sets.items()
    }
    names = [name for name, texts in sets.items() if texts]
    if not names:
        return measures
    all_texts = list(itertools.chain.from_iterable(sets[name] for name in names))
    all_vectors = embed_texts(all_texts, embedder)
    ends = np.cumsum([len(sets[name]) for name in names])
    vectors = dict(zip(names, np.split(all_vectors, ends[:-1]), strict=True))
    labels = dict(zip(names, np.split(cluster_vectors(all_vectors), ends[:-1]), strict=True))
    for name in names:
        measures[name] |= measure_likeness(vectors[name])
        measures[name] |= {"cluster_coverage": cluster_coverage(labels[name])}
        measures[name] |= {"variants_per_concept": variants_per_concept(sets[name], labels[name])}
        measures[name] |= {
            f"near {other}": mean_nearest_cosine(vectors[name], vectors[other])
            for other in names
            if other != name
        }
    return measures


def measure_texts(texts: Sequence[str]) -> dict[str, float]:
    """The measures that need no embeddings; fast enough to report while texts are generated."""
    words: list[str] = []
    for text in texts:
        words += re.findall(r"\w+|[^\w\s]", text)
    del words[MAX_WORDS:]
    openings = Counter(
        " ".join(_extract_prose(text).split()[:OPENING_WORDS]).lower() for text in texts
    )
    shapes = Counter(_tree_shape(text) for text in texts)
    return {
        **{f"distinct_{n}": distinct_ngram_share(words, n) for n in (1, 2, 3)},
        "repeated_openings": round(1 - len(openings) / len(texts), 4),
        "distinct_syntax_trees": round(len(shapes) / len(texts), 4),
    }


def distinct_ngram_share(words: Sequence[str], n: int) -> float:
    """The share of n-grams of words that are not a repetition (distinct-n, Li et al. 2016).

    >>> distinct_ngram_share("a b a b".split(), 2)
    0.6667
    """
    grams = [tuple(words[i : i + n]) for i in range(len(words) - n + 1)]
    return round(len(set(grams)) / len(grams), 4) if grams else 0.0


def measure_likeness(vectors: Vectors) -> dict[str, float]:
    """`likeness` and `mean_likeness`: mean cosine to the nearest other text, and to all others.

    Args:
        vectors: float32 of shape (texts, dimensions), each of norm 1.

    Returns:
        Both between -1 and 1; a likeness of 1 means that each text has a twin.
    """
    import numpy as np

    n = len(vectors)
    if n < 2:
        return {"likeness": 0.0, "mean_likeness": 0.0}
    cosines = vectors @ vectors.T
    # A text is not compared with itself: 0 leaves the sum alone, -1 the maximum.
    np.fill_diagonal(cosines, 0)
    mean = float(cosines.sum() / (n * (n - 1)))
    np.fill_diagonal(cosines, -1)
    return {"likeness": round(float(cosines.max(1).mean()), 4), "mean_likeness": round(mean, 4)}


def mean_nearest_cosine(vectors: Vectors, others: Vectors) -> float:
    """Mean cosine of each text to the nearest of another set (1: the other set has all of it)."""
    return round(float((vectors @ others.T).max(1).mean()), 4)


def cluster_vectors(vectors: Vectors) -> IntArray:
    """Spherical k-means from farthest-point starts (Gonzalez 1985); deterministic."""
    import numpy as np

    centre_indices = [0]
    best_cosines = vectors @ vectors[0]
    while len(centre_indices) < min(CLUSTER_COUNT, len(vectors)):
        centre_indices.append(int(best_cosines.argmin()))
        best_cosines = np.maximum(best_cosines, vectors @ vectors[centre_indices[-1]])
    centres = vectors[centre_indices]
    labels = (vectors @ centres.T).argmax(1)
    for _ in range(KMEANS_STEPS):
        for label in set(labels.tolist()):
            # The mean direction. Opposite vectors may sum to nearly zero: hence the floor.
            centre = vectors[labels == label].sum(0)
            centres[label] = centre / max(float(np.linalg.norm(centre)), 1e-9)
        labels = (vectors @ centres.T).argmax(1)
    return np.asarray(labels, np.int64)


def cluster_coverage(labels: IntArray) -> float:
    """Expected share of CLUSTER_COUNT clusters that COVERAGE_DRAWS texts of this set fall into."""
    import numpy as np

    shares = np.bincount(labels) / len(labels)
    return round(float((1 - (1 - shares) ** COVERAGE_DRAWS).sum() / CLUSTER_COUNT), 4)


def variants_per_concept(texts: Sequence[str], labels: IntArray) -> float:
    """Distinct syntax trees per text within the clusters, over clusters of two and more texts."""
    shapes_by_cluster: dict[int, list[str]] = {}
    for text, label in zip(texts, labels.tolist(), strict=True):
        shapes_by_cluster.setdefault(label, []).append(_tree_shape(text))
    shared_clusters = [trees for trees in shapes_by_cluster.values() if len(trees) > 1]
    n_texts = sum(len(trees) for trees in shared_clusters)
    if not n_texts:
        return 1.0
    return round(sum(len(set(trees)) for trees in shared_clusters) / n_texts, 4)


def _extract_prose(text: str) -> str:
    """The first docstring of a program, or the text itself."""
    try:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and (
                docstring := ast.get_docstring(node)
            ):
                return docstring
    except (SyntaxError, ValueError, RecursionError):
        pass
    return re.sub(r"^#.*\n", "", text)


def _tree_shape(text: str) -> str:
    """The node types of the syntax tree in order; a text that does not parse is its own shape."""
    try:
        return " ".join(type(node).__name__ for node in ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return text
