"""Fitted forests and linear models as plain arrays: no pickle, and faster than scikit-learn.

In: scikit-learn forests and linear models. Out: arrays for a .npz file; from these, scores of
vectors by a numba kernel (the second implementation that checks it is scikit-learn itself, in the
tests).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.records import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class ForestArrays:
    """All nodes of all trees in one array; a leaf has feature -1, and its value is the answer."""

    feature: NDArray[np.int32]  # (nodes,)
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]  # index of the node for x[feature] <= threshold
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    root: NDArray[np.int32]  # (trees,)

    def score_rows(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """The mean of the trees' answers: float64 of shape (rows,)."""
        import numpy as np

        from hornbook.curate.forest_kernel import mean_of_trees

        x = np.ascontiguousarray(vectors, np.float32)
        nodes = (self.feature, self.threshold, self.left, self.right, self.value, self.root)
        scores: NDArray[np.float64] = mean_of_trees(x, *nodes)
        return scores


@dataclass(frozen=True)
class LinearArrays:
    """A linear head: a probability by the logistic function, or a number if `logistic` is 0."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    logistic: NDArray[np.int32]

    def score_rows(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Float64 of shape (rows,)."""
        import numpy as np

        logits: NDArray[np.float64] = vectors.astype(np.float64) @ self.weight + self.bias[0]
        return 1 / (1 + np.exp(-logits)) if self.logistic[0] else logits


@dataclass(frozen=True)
class Blend:
    """The mean of several models over the same rows; the last columns of a row are counts."""

    members: tuple[ForestArrays | LinearArrays, ...]
    n_count_features: int = 0

    def score_rows(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Float64 of shape (rows,)."""
        import numpy as np

        return np.asarray(
            np.mean([member.score_rows(x) for member in self.members], axis=0), np.float64
        )


def extract_trees(forest: Any, shift: int = 0) -> ForestArrays:
    """The arrays of a RandomForestClassifier (its last class) or RandomForestRegressor.

    `shift` is added to feature indexes, for a forest fitted on the last columns of a row alone.
    """
    import numpy as np

    chunks_by_name: dict[str, list[Any]] = {
        name: [] for name in ("feature", "threshold", "left", "right", "value")
    }
    roots, first_node = [], 0
    for tree in (estimator.tree_ for estimator in forest.estimators_):
        roots.append(first_node)
        leaf = tree.children_left < 0
        chunks_by_name["feature"].append(np.where(leaf, -1, tree.feature + shift))
        chunks_by_name["threshold"].append(tree.threshold)
        chunks_by_name["left"].append(tree.children_left + first_node)
        chunks_by_name["right"].append(tree.children_right + first_node)
        node_values = tree.value[:, 0, :]
        chunks_by_name["value"].append(
            node_values[:, -1] / node_values.sum(1)
            if node_values.shape[1] > 1
            else node_values[:, 0]
        )
        first_node += tree.node_count
    dtypes: dict[str, Any] = {"threshold": np.float64, "value": np.float64}
    arrays: dict[str, Any] = {
        k: np.concatenate(chunks).astype(dtypes.get(k, np.int32))
        for k, chunks in chunks_by_name.items()
    }
    return ForestArrays(**arrays, root=np.array(roots, np.int32))


def save_classifier(path: Path, model: Blend) -> None:
    """Write atomically as .npz: each member's arrays under its number, and `counted`."""
    import numpy as np

    arrays: dict[str, Any] = {}
    for i, member in enumerate(model.members):
        arrays |= {f"{i}.{name}": values for name, values in vars(member).items()}
    with store.atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, counted=np.array(model.n_count_features), **arrays)


def load_classifier(path: Path) -> Blend:
    """Load what `write` saved; a file with objects in it is refused, never unpickled."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise UserError(f"{path} holds no classifier ({error}): rebuild its stage") from error
    n_count_features = int(arrays.pop("counted", 0))
    members: list[ForestArrays | LinearArrays] = []
    for i in range(len(arrays)):
        member_arrays = {
            name.partition(".")[2]: values
            for name, values in arrays.items()
            if name.startswith(f"{i}.")
        }
        members += [
            array_class(**member_arrays)
            for array_class in (ForestArrays, LinearArrays)
            if member_arrays.keys() == array_class.__dataclass_fields__.keys()
        ]
    if not members or sum(len(vars(member)) for member in members) != len(arrays):
        raise UserError(f"{path} holds no classifier: its arrays are {', '.join(sorted(arrays))}")
    return Blend(tuple(members), n_count_features)
