"""The recipe's tokenizer as a stage: learned from the recipe's own texts, or the paper's.

In: stages with texts. Out: a folder with tokenizer.json. The held-out share of every training set
is read too: a tokenizer's merges carry next to nothing of a text.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hornbook import store
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.models import tokenizer
from hornbook.records import UserError, hash_fraction

if TYPE_CHECKING:
    pass

CONTEXT = 2048  # what tokenizer_config.json says before a model states its own


@dataclass(frozen=True)
class TrainTokenizer(FileStage):
    """Learn a byte-level BPE of `vocab` ids from the kept texts, or a `share` of them by id."""

    data: tuple[Stage, ...]
    vocab: int = 32_768
    share: float = 1.0

    def write_files(self, ctx: RunContext) -> None:
        learned = tokenizer.train_tokenizer(self._select_texts(ctx), self.vocab)
        if learned.vocab < self.vocab:
            ctx.reporter.say(
                f"{self.name}: the texts have only {learned.vocab:,} entries to learn, not "
                f"{self.vocab:,}"
            )
        learned.save(ctx.run.stage_folder(self), CONTEXT)

    def _select_texts(self, ctx: RunContext) -> Iterable[str]:
        for stage in self.data:
            for rows in ctx.run.read_kept_rows(stage, ["id", "text"]):
                for document_id, text in zip(
                    rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True
                ):
                    if self.share >= 1 or hash_fraction("tokenizer", document_id) < self.share:
                        yield text

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        # 101 MB gave 32,768 entries in 15 s on 2 cores; the word counts take about 4 times the text
        # in memory.
        megabytes = sum(size.megabytes for size in inputs) * self.share
        return Price(Size(), minutes=0.02 + megabytes / 6.7 / 60, peak_mb=300 + 4 * megabytes)


@dataclass(frozen=True)
class PaperTokenizer(FileStage):
    """CodeGen's tokenizer, which phi-1 used: 50,295 ids."""

    def write_files(self, ctx: RunContext) -> None:
        tokenizer.build_codegen_tokenizer().save(ctx.run.stage_folder(self), CONTEXT)

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.05)


def planned_vocab(stage: Stage) -> int:
    """The ids that a tokenizer stage will have at most, before it ran."""
    if isinstance(stage, TrainTokenizer):
        return stage.vocab
    if isinstance(stage, PaperTokenizer):
        return 50_295
    raise UserError(f"{stage.name} is no tokenizer: give a TrainTokenizer or a PaperTokenizer")


def read_tokenizer(ctx: RunContext, stage: Stage) -> tokenizer.Tokenizer:
    """The tokenizer that a finished stage made."""
    store.read_json(ctx.run.stage_folder(stage) / "tokenizer_config.json")
    return tokenizer.load_tokenizer(ctx.run.stage_folder(stage))
