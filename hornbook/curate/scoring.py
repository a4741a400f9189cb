"""A run's trained classifier for other texts, with the embedder that it was fitted on.

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
from hornbook.curate.embed import apply_layer_choice
from hornbook.frame.stage import RunContext
from hornbook.models.embedder import Embedder, embed_texts
from hornbook.records import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH_TEXTS = 256  # texts: enough that batches of like lengths are full


@dataclass(frozen=True)
class QualityClassifier:
    """A fitted classifier with the embedder of its vectors, and its validation across packages."""

    stage: str
    embedder: Embedder
    model: forest.Blend
    validation: dict[str, Any]

    def score_texts(
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
            embed_texts(texts, self.embedder, device, advance).astype(np.float16).astype(np.float32)
        )  # as Embed stores them
        x = (
            np.hstack([vectors, features.count_features(texts)])
            if self.model.n_count_features
            else vectors
        )
        return self.model.score_rows(x)

    def summarise_validation(self) -> str:
        """One line: what it is and how well it does on packages that it never saw."""
        validation = self.validation
        low, area, high = validation["area"][validation["chosen"]]
        layer = (
            f" layer {self.embedder.layer} ({self.embedder.pooling})" if self.embedder.layer else ""
        )
        return (
            f"classifier {self.stage}: {validation['chosen']} on {self.embedder.model}{layer}, "
            f"{self.embedder.tokens} tokens; "
            f"area under ROC {area:.3f} ({low:.3f} to {high:.3f}) for "
            f"{validation['good_from']} or more of 5, "
            f"{validation['labels']:,} labels, across {validation['packages']} "
            f"{validation['apart']}"
        )


def load_quality_classifier(ctx: RunContext, stage: str | None = None) -> QualityClassifier:
    """The run's classifier: of this stage, or of the FitQuality that was finished last."""
    identities = {
        name: ctx.run.read_manifest(name)["identity"] for name in ctx.run.finished_stages()
    }
    fitted_stages = [
        name for name, identity in identities.items() if identity["stage"] == "FitQuality"
    ]
    if not fitted_stages:
        raise UserError(
            f"{ctx.root} has no trained classifier: `hornbook run taste --out runs/taste` makes "
            "one in minutes. "
            f"Its stages are {', '.join(identities)}"
        )
    if stage is not None and stage not in fitted_stages:
        raise UserError(
            f"{stage} is no trained classifier of {ctx.root}: {', '.join(fitted_stages)}"
        )
    name = stage or fitted_stages[-1]
    embed_identity = identities[identities[name]["settings"]["data"]["stage"]]
    embedder_settings = {
        key: value for key, value in embed_identity["settings"]["embedder"].items() if key != "is"
    }
    validation = store.read_json(ctx.run.stage_folder(name) / "validation.json") or {}
    embedder = apply_layer_choice(ctx, name, Embedder(**embedder_settings))
    return QualityClassifier(
        name,
        embedder,
        forest.load_classifier(ctx.run.stage_folder(name) / "classifier.npz"),
        validation,
    )
