"""The three detectors as functions of texts: what the stage marks by, the audit measures, and anybody may call.

In: problems, and texts as an Arrow column or a list. Out: for each text the problem that it is
nearest to ("" where there is none) and how near it is. The rules are in ngram.py, syntax.py and
nearest.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hornbook.models.embedder import Embedder, embed
from hornbook.scrub import embedding_match, exam_index, ngram, syntax

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem


def by_words(
    exam: Sequence[Problem],
    texts: pa.ChunkedArray,
    n: int = ngram.N,
    shared: int = 0,
    idioms: frozenset[bytes] = frozenset(),
) -> list[str]:
    """The problem with which each text has most runs of n words in common."""
    runs = exam_index.runs(tuple(exam), n, shared, idioms)
    found = ngram.closest(runs, ngram.find(runs, texts), len(texts))
    return [exam[at].task_id if at >= 0 else "" for at in found]


def by_trees(
    exam: Sequence[Problem], texts: Sequence[str], smallest: int = 0, cutoff: float = syntax.FLOOR
) -> tuple[list[str], list[float], list[str]]:
    """The problem that one of each text's functions matches best, the rate ("" and 0 below the cutoff), and whether
    the text parsed, was repaired, or is unreadable.
    """
    units = [unit if len(unit) >= smallest else "" for unit in exam_index.units(tuple(exam))]
    trees = [syntax.trees(text) for text in texts]
    best, rate = syntax.nearest(units, trees, cutoff)
    tasks = [exam[at].task_id if at >= 0 else "" for at in best.tolist()]
    return tasks, rate.tolist(), [tree.state for tree in trees]


def by_vectors(
    exam: Sequence[Problem], texts: Sequence[str], how: Embedder, device: str = "cpu"
) -> tuple[list[str], list[float]]:
    """The problem of which one of the forms (exam_index.views) is nearest to each text, and their vectors' L2 distance."""
    if not texts or not exam:
        return [""] * len(texts), [math.inf] * len(texts)
    forms, owners = exam_index.views(exam)
    where, distance = embedding_match.nearest(embed(forms, how, device), embed(texts, how, device))
    return [exam[owners[at]].task_id for at in where[:, 0].tolist()], distance[:, 0].tolist()
