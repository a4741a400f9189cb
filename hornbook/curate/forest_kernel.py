"""Walk down every tree for every row, compiled. In: arrays of forest.Trees. Out: mean answers.

Trees outside, rows inside: a tree's nodes stay in the cache while all rows of a block pass through
it.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

BLOCK_ROWS = 256


@numba.njit(cache=True)
def mean_of_trees(
    x: Any, feature: Any, threshold: Any, left: Any, right: Any, value: Any, root: Any
) -> Any:
    """Float64 of shape (rows,) for float32 x of shape (rows, features)."""
    n_rows = x.shape[0]
    out = np.zeros(n_rows, np.float64)
    for start in range(0, n_rows, BLOCK_ROWS):
        end = min(n_rows, start + BLOCK_ROWS)
        for tree in range(root.shape[0]):
            for row in range(start, end):
                node = root[tree]
                while feature[node] >= 0:
                    node = left[node] if x[row, feature[node]] <= threshold[node] else right[node]
                out[row] += value[node]
    return out / root.shape[0]
