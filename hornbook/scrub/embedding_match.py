"""The nearest problem by embeddings: L2 distance of unit vectors (the paper's section 5.2).

In: vectors of length 1 to search among, and vectors to search for. Out: for each its nearest ones
and their distances: exact, by blocked products, or, asked for and past INDEX_PAST rows, by an index
(HNSW of faiss, extra `index`), which finds nearly all of them. The index pays only where both sides
are large: to build it costs more than comparing 880,000 exercises with an exam's few hundred
vectors. The paper embeds with CodeGen-Mono 350M and states no threshold; which model is said by
embedder.Embedder, by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hornbook.records import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK_VALUES = 1 << 22  # numbers of one block of the product: 16 MB, whatever the sizes
MIN_INDEX_ROWS = 100_000  # rows to search among
HNSW_LINKS, HNSW_BUILD_CANDIDATES, HNSW_SEARCH_CANDIDATES = (
    32,
    80,
    256,
)  # of HNSW: neighbours of a row, candidates while building and while searching


def nearest_vectors(
    candidates: NDArray[np.float32],
    queries: NDArray[np.float32],
    k: int = 1,
    use_index: bool = False,
) -> tuple[Any, Any]:
    """Positions in `among` (rows, d) and L2 distances, (n, min(k, rows)), nearest first.

    Of unit vectors |a - b|^2 = 2 - 2ab. Equal distances are given in the order of the rows.
    """
    import numpy as np

    k = min(k, len(candidates))
    if use_index and len(candidates) > MIN_INDEX_ROWS:
        return _search_hnsw_index(candidates, queries, k)
    neighbours, distances = (
        np.zeros((len(queries), k), np.int64),
        np.zeros((len(queries), k), np.float32),
    )
    block_rows = max(1, BLOCK_VALUES // max(1, len(candidates)))
    for start in range(0, len(queries), block_rows):
        product = queries[start : start + block_rows] @ candidates.T
        order = np.argsort(-product, axis=1, kind="stable")[:, :k]
        similarities = np.take_along_axis(product, order, axis=1)
        neighbours[start : start + block_rows] = order
        distances[start : start + block_rows] = np.sqrt(np.maximum(2 - 2 * similarities, 0))
    return neighbours, distances


def _search_hnsw_index(
    candidates: NDArray[np.float32], queries: NDArray[np.float32], k: int
) -> tuple[Any, Any]:
    import numpy as np

    try:
        import faiss
    except ImportError:
        raise UserError(
            "an index needs faiss: pip install 'hornbook[index]', or leave index out (exact)"
        ) from None
    faiss.omp_set_num_threads(1)  # built by several threads, an index differs from run to run
    graph = faiss.IndexHNSWFlat(candidates.shape[1], HNSW_LINKS)
    graph.hnsw.efConstruction, graph.hnsw.efSearch = (
        HNSW_BUILD_CANDIDATES,
        max(HNSW_SEARCH_CANDIDATES, k),
    )
    graph.add(np.ascontiguousarray(candidates, np.float32))
    squared, neighbours = graph.search(np.ascontiguousarray(queries, np.float32), k)
    return neighbours, np.sqrt(np.maximum(squared, 0))
