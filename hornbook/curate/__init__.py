"""Stage 2: keep educational code: deduplicate, judge a sample, embed, fit, score, keep."""

from hornbook.curate.anonymise import BlindCode
from hornbook.curate.dedup import DropDuplicates
from hornbook.curate.embed import Embed, EmbedLayers
from hornbook.curate.judge import JudgeSample
from hornbook.curate.keep import KeepBudget, KeepPrecise
from hornbook.curate.logprobs import JudgeLogprobs
from hornbook.curate.own_labels import OwnLabels, Panel
from hornbook.curate.perplexity import Perplexity
from hornbook.curate.quality import FitQuality, ScoreQuality
from hornbook.curate.rewrite import Rewrite
from hornbook.curate.shipped_labels import Labels
from hornbook.curate.strip_comments import StripComments

__all__ = [
    "BlindCode", "DropDuplicates", "Embed", "EmbedLayers", "FitQuality", "JudgeLogprobs",
    "JudgeSample", "KeepBudget",
    "KeepPrecise", "Labels", "OwnLabels", "Panel", "Perplexity", "Rewrite", "ScoreQuality",
    "StripComments",
]  # fmt: skip
