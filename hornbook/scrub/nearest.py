"""The nearest problem of an exam by vectors: L2 distance of normalised embeddings, as in the paper's section 5.2.

In: vectors of rows of length 1. Out: for each its nearest problems and their distances, exact, by blocked products.
The paper embeds with CodeGen-Mono 350M and states no threshold; which model is said by embedder.Embedder.
Not covered: an approximate index. An exam has hundreds of problems, and a product with them costs less than reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BLOCK = 1 << 22  # numbers of one block of the product: 16 MB, whatever the sizes


def nearest(exam: NDArray[np.float32], vectors: NDArray[np.float32], k: int = 1) -> tuple[Any, Any]:
    """Positions in `exam` (problems, d) and L2 distances, each (n, min(k, problems)), nearest first, of (n, d) vectors.

    Of unit vectors |a - b|^2 = 2 - 2ab. Equal distances are given in the exam's order.
    """
    import numpy as np

    k = min(k, len(exam))
    where, distance = np.zeros((len(vectors), k), np.int64), np.zeros((len(vectors), k), np.float32)
    rows = max(1, BLOCK // max(1, len(exam)))
    for at in range(0, len(vectors), rows):
        product = vectors[at : at + rows] @ exam.T
        found = np.argsort(-product, axis=1, kind="stable")[:, :k]
        near = np.take_along_axis(product, found, axis=1)
        where[at : at + rows] = found
        distance[at : at + rows] = np.sqrt(np.maximum(2 - 2 * near, 0))
    return where, distance
