"""Fitted forests and lines as plain arrays: written and read without pickle, faster than the library that fitted them.

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
class Trees:
    """All nodes of all trees laid end to end; a node without children has feature -1 and its value is the answer."""

    feature: NDArray[np.int32]  # (nodes,)
    threshold: NDArray[np.float64]
    left: NDArray[np.int32]  # index of the node for x[feature] <= threshold
    right: NDArray[np.int32]
    value: NDArray[np.float64]
    root: NDArray[np.int32]  # (trees,)

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """The mean of the trees' answers: float64 of shape (rows,)."""
        import numpy as np

        from hornbook.curate.forest_kernel import mean_of_trees

        x = np.ascontiguousarray(vectors, np.float32)
        nodes = (self.feature, self.threshold, self.left, self.right, self.value, self.root)
        answer: NDArray[np.float64] = mean_of_trees(x, *nodes)
        return answer


@dataclass(frozen=True)
class Line:
    """A linear head: a probability by the logistic function, or a number if `logistic` is 0."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]
    logistic: NDArray[np.int32]

    def score(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Float64 of shape (rows,)."""
        import numpy as np

        raw: NDArray[np.float64] = vectors.astype(np.float64) @ self.weight + self.bias[0]
        return 1 / (1 + np.exp(-raw)) if self.logistic[0] else raw


@dataclass(frozen=True)
class Blend:
    """The mean of several models over the same rows; the last `counted` columns of a row are features.py's."""

    members: tuple[Trees | Line, ...]
    counted: int = 0

    def score(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Float64 of shape (rows,)."""
        import numpy as np

        return np.asarray(np.mean([member.score(x) for member in self.members], axis=0), np.float64)


def trees_of(forest: Any, shift: int = 0) -> Trees:
    """The arrays of a fitted RandomForestClassifier (probability of its last class) or RandomForestRegressor.

    `shift` is added to the numbers of features: of a forest that was fitted on the last columns of a row alone.
    """
    import numpy as np

    parts: dict[str, list[Any]] = {
        name: [] for name in ("feature", "threshold", "left", "right", "value")
    }
    roots, at = [], 0
    for tree in (each.tree_ for each in forest.estimators_):
        roots.append(at)
        leaf = tree.children_left < 0
        parts["feature"].append(np.where(leaf, -1, tree.feature + shift))
        parts["threshold"].append(tree.threshold)
        parts["left"].append(tree.children_left + at)
        parts["right"].append(tree.children_right + at)
        answers = tree.value[:, 0, :]
        parts["value"].append(
            answers[:, -1] / answers.sum(1) if answers.shape[1] > 1 else answers[:, 0]
        )
        at += tree.node_count
    kinds: dict[str, Any] = {"threshold": np.float64, "value": np.float64}
    arrays: dict[str, Any] = {
        k: np.concatenate(each).astype(kinds.get(k, np.int32)) for k, each in parts.items()
    }
    return Trees(**arrays, root=np.array(roots, np.int32))


def write(path: Path, model: Blend) -> None:
    """Save as .npz, whole or not at all: each member's arrays under its number, and `counted`."""
    import numpy as np

    arrays = {
        f"{at}.{name}": values
        for at, member in enumerate(model.members)
        for name, values in vars(member).items()
    }
    with store.whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, counted=np.array(model.counted), **arrays)


def read(path: Path) -> Blend:
    """Load what `write` saved; a file with objects in it is refused, never unpickled."""
    import numpy as np

    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (OSError, ValueError) as error:
        raise UserError(f"{path} holds no classifier ({error}): rebuild its stage") from error
    counted = int(arrays.pop("counted", 0))
    members: list[Trees | Line] = []
    for at in range(len(arrays)):
        mine = {
            name.partition(".")[2]: values
            for name, values in arrays.items()
            if name.startswith(f"{at}.")
        }
        members += [
            kind(**mine)
            for kind in (Trees, Line)
            if mine.keys() == kind.__dataclass_fields__.keys()
        ]
    if not members or sum(len(vars(member)) for member in members) != len(arrays):
        raise UserError(f"{path} holds no classifier: its arrays are {', '.join(sorted(arrays))}")
    return Blend(tuple(members), counted)
