"""Stage folder 2: code worth reading: dedup, judge a sample, embed, fit a forest, score, keep by budget."""

from hornbook.curate.dedup import DropDuplicates
from hornbook.curate.embed import Embed
from hornbook.curate.judge import JudgeSample
from hornbook.curate.keep import KeepBudget
from hornbook.curate.known import Labels
from hornbook.curate.panel import OwnLabels, Panel
from hornbook.curate.quality import FitQuality, ScoreQuality

__all__ = [
    "DropDuplicates", "Embed", "FitQuality", "JudgeSample", "KeepBudget", "Labels", "OwnLabels", "Panel",
    "ScoreQuality",
]  # fmt: skip
