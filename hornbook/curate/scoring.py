"""A run's trained classifier, taken out of its run: scores for any texts, with the embedder that it was fitted on.

In: a run with a finished FitQuality. Out: a Taste that scores texts, and where it stands (its
validation). Read from manifests alone, so the recipe is not needed. Not covered: documents by the
million, which are what the stages Embed and ScoreQuality are for: in parts, resumable, on any
engine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.curate import features, forest
from hornbook.curate.embed import chosen_by
from hornbook.frame.stage import Desk
from hornbook.models.embedder import Embedder, embed
from hornbook.records import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 256  # texts: enough that batches of like lengths are full


@dataclass(frozen=True)
class Taste:
    """A fitted classifier with the embedder of its vectors, and its validation across packages."""

    stage: str
    how: Embedder
    model: forest.Blend
    validation: dict[str, Any]

    def score(
        self,
        texts: Sequence[str],
        device: str = "cpu",
        advance: Callable[[int], object] | None = None,
    ) -> NDArray[np.float64]:
        """A score for each text: float64 of shape (texts,)."""
        import numpy as np

        if not texts:
            return np.zeros(0)
        vectors = (
            embed(texts, self.how, device, advance).astype(np.float16).astype(np.float32)
        )  # as Embed stores them
        x = np.hstack([vectors, features.describe(texts)]) if self.model.counted else vectors
        return self.model.score(x)

    def stands(self) -> str:
        """One line: what it is and how well it does on packages that it never saw."""
        facts = self.validation
        low, area, high = facts["area"][facts["chosen"]]
        layer = f" layer {self.how.layer} ({self.how.pooling})" if self.how.layer else ""
        return (
            f"classifier {self.stage}: {facts['chosen']} on {self.how.model}{layer}, {self.how.tokens} tokens; "
            f"area under ROC {area:.3f} ({low:.3f} to {high:.3f}) for {facts['good_from']} or more of 5, "
            f"{facts['labels']:,} labels, across {facts['packages']} {facts['apart']}"
        )


def taste(desk: Desk, stage: str | None = None) -> Taste:
    """The run's classifier: of this stage, or of the FitQuality that was finished last."""
    kinds = {name: desk.manifest(name)["identity"] for name in desk.stages()}
    fitted = [name for name, facts in kinds.items() if facts["stage"] == "FitQuality"]
    if not fitted:
        raise UserError(
            f"{desk.root} has no trained classifier: `hornbook run taste --out runs/taste` makes one in minutes. "
            f"Its stages are {', '.join(kinds)}"
        )
    if stage is not None and stage not in fitted:
        raise UserError(f"{stage} is no trained classifier of {desk.root}: {', '.join(fitted)}")
    name = stage or fitted[-1]
    embedded_by = kinds[kinds[name]["settings"]["data"]["stage"]]
    how = {key: value for key, value in embedded_by["settings"]["how"].items() if key != "is"}
    facts = store.read_json(desk.folder(name) / "validation.json") or {}
    embedder = chosen_by(desk, name, Embedder(**how))
    return Taste(name, embedder, forest.read(desk.folder(name) / "classifier.npz"), facts)
