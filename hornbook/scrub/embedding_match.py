"""The nearest problem of an exam by vectors: L2 distance of normalised embeddings, as in the paper's section 5.2.

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

BLOCK = 1 << 22  # numbers of one block of the product: 16 MB, whatever the sizes
INDEX_PAST = 100_000  # rows to search among
LINKS, BUILD, SEARCH = (
    32,
    80,
    256,
)  # of HNSW: neighbours of a row, candidates while building and while searching


def nearest(
    among: NDArray[np.float32], vectors: NDArray[np.float32], k: int = 1, index: bool = False
) -> tuple[Any, Any]:
    """Positions in `among` (rows, d) and L2 distances, each (n, min(k, rows)), nearest first, of (n, d) vectors.

    Of unit vectors |a - b|^2 = 2 - 2ab. Equal distances are given in the order of the rows.
    """
    import numpy as np

    k = min(k, len(among))
    if index and len(among) > INDEX_PAST:
        return _indexed(among, vectors, k)
    where, distance = np.zeros((len(vectors), k), np.int64), np.zeros((len(vectors), k), np.float32)
    rows = max(1, BLOCK // max(1, len(among)))
    for at in range(0, len(vectors), rows):
        product = vectors[at : at + rows] @ among.T
        found = np.argsort(-product, axis=1, kind="stable")[:, :k]
        near = np.take_along_axis(product, found, axis=1)
        where[at : at + rows] = found
        distance[at : at + rows] = np.sqrt(np.maximum(2 - 2 * near, 0))
    return where, distance


def _indexed(among: NDArray[np.float32], vectors: NDArray[np.float32], k: int) -> tuple[Any, Any]:
    import numpy as np

    try:
        import faiss
    except ImportError:
        raise UserError(
            "an index needs faiss: pip install 'hornbook[index]', or leave index out (exact)"
        ) from None
    faiss.omp_set_num_threads(1)  # built by several threads, an index differs from run to run
    graph = faiss.IndexHNSWFlat(among.shape[1], LINKS)
    graph.hnsw.efConstruction, graph.hnsw.efSearch = BUILD, max(SEARCH, k)
    graph.add(np.ascontiguousarray(among, np.float32))
    squared, where = graph.search(np.ascontiguousarray(vectors, np.float32), k)
    return where, np.sqrt(np.maximum(squared, 0))
