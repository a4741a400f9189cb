"""The three detectors as functions of texts, used by the stage, the audit and anybody else.

In: problems, and texts as an Arrow column or a list. Out: for each text the problem that it is
nearest to ("" where there is none) and how near it is. The rules are in ngram.py, syntax.py and
nearest.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hornbook.models.embedder import Embedder, embed_texts
from hornbook.scrub import embedding_match, exam_index, ngram, syntax

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem


def match_ngrams(
    problems: Sequence[Problem],
    texts: pa.ChunkedArray,
    n: int = ngram.NGRAM_SIZE,
    max_problems_per_ngram: int = 0,
    excluded_ngrams: frozenset[bytes] = frozenset(),
) -> list[str]:
    """The problem with which each text has most runs of n words in common."""
    index = exam_index.index_ngrams(tuple(problems), n, max_problems_per_ngram, excluded_ngrams)
    closest = ngram.most_shared_problems(index, ngram.find_ngrams(index, texts), len(texts))
    return [problems[position].task_id if position >= 0 else "" for position in closest]


def match_trees(
    problems: Sequence[Problem],
    texts: Sequence[str],
    min_tree_nodes: int = 0,
    cutoff: float = syntax.MIN_RATE,
) -> tuple[list[str], list[float], list[str]]:
    """The best match of each text's functions by syntax trees.

    Returns:
        For each text the problem ("" below the cutoff), the rate (0 below it), and "parsed",
        "repaired" or "unreadable".
    """
    problem_trees = [
        tree if len(tree) >= min_tree_nodes else ""
        for tree in exam_index.entry_point_trees(tuple(problems))
    ]
    text_trees = [syntax.read_trees(text) for text in texts]
    best, rates = syntax.nearest_problems(problem_trees, text_trees, cutoff)
    tasks = [problems[position].task_id if position >= 0 else "" for position in best.tolist()]
    return tasks, rates.tolist(), [trees.state for trees in text_trees]


def match_embeddings(
    problems: Sequence[Problem], texts: Sequence[str], embedder: Embedder, device: str = "cpu"
) -> tuple[list[str], list[float]]:
    """The problem nearest to each text by one of its variants, and the L2 distance."""
    if not texts or not problems:
        return [""] * len(texts), [math.inf] * len(texts)
    variants, owners = exam_index.embedding_variants(problems)
    neighbours, distances = embedding_match.nearest_vectors(
        embed_texts(variants, embedder, device), embed_texts(texts, embedder, device)
    )
    return [
        problems[owners[position]].task_id for position in neighbours[:, 0].tolist()
    ], distances[:, 0].tolist()
