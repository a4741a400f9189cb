"""Pretraining and finetuning as one stage: packed sequences to a model in Hugging Face's phi format.

In: a Pack, and a Train to start from when finetuning. Out: `model/` (config, safetensors, tokenizer), `log.parquet` (a
row a step), `training.json` (what was trained on what), `speed.json` (how fast; not part of what was made), and
`checkpoints/`. Which precision is fast depends on the machine, so "auto" is settled once and recorded.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hornbook import device, store, tokenizer
from hornbook.records import UserError
from hornbook.stage import Desk, Form, Price, Size, Stage, Whole
from hornbook.train.optim import Schedule
from hornbook.train.pack import Pack
from hornbook.train.words import vocab_of

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.model import Phi
    from hornbook.shape import Shape
    from hornbook.train.loop import Progress, Settings

MICRO_TOKENS = 4096  # of a micro-batch on a CPU: more is no faster, and takes memory
BYTES_PER_TOKEN = 3.5


@dataclass(frozen=True)
class Train(Whole):
    """Train on the sequences of `data`, from random weights of a `shape`, or from those of `start`.

    Names as in the paper: `batch` sequences a step (effective, whatever the micro-batch), peak `lr`, `warmup` steps,
    a schedule that would end at `schedule_steps` (0: at `steps`). `epochs` counts where `steps` is 0. `best` goes on
    with the checkpoint of the lowest held-out loss instead of the last.
    """

    data: Stage
    start: Stage | None = None
    shape: str = "phi-1-small"
    steps: int = 0
    epochs: float = 1.0
    batch: int = 256
    micro_batch: int = 0  # 0: what suits the machine
    lr: float = 1e-3
    min_lr: float = 0.0
    warmup: int = 0
    schedule: Schedule = "linear"
    schedule_steps: int = 0
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    clip: float = 1.0
    dropout: float = 0.0
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    optimiser: Literal["adamw", "muon"] = "adamw"
    documents_apart: bool = False  # no attention from one document to another
    seed: int = 0
    evaluate_every: int = 0  # 0: ten times in all
    checkpoint_every: int = 0  # 0: five times in all
    best: bool = True

    form: ClassVar[Form] = "files"

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        from hornbook import model as phi
        from hornbook.train.loop import Loop, Sequences

        folder, packed = desk.folder(self), desk.folder(self.data)
        if (folder / "training.json").exists():
            return ()  # killed after its last file was written, before its manifest
        words = tokenizer.load(desk.folder(self._tokenizer()))
        data, held_out = (Sequences(packed, which, self.documents_apart) for which in (False, True))
        model = self._model(desk, words)
        how = self._settings(desk, len(data), model.shape)
        desk.reporter.begin(self.name, how.steps, "steps")
        where = device.pick(desk.options.get("device"))
        loop = Loop(model, data, held_out, how, folder / "checkpoints", where, desk.reporter)
        progress = loop.run()
        phi.save(loop.finish(), words, folder / "model")
        self._write_up(desk, model, how, progress)
        shutil.rmtree(folder / "checkpoints")
        return ()

    def _tokenizer(self) -> Stage:
        if not isinstance(self.data, Pack):
            raise UserError(f"{self.name}: data is {self.data.name}, which is no Pack")
        return self.data.tokenizer

    def _model(self, desk: Desk, words: tokenizer.Tokenizer) -> Phi:
        """Random weights of the shape, or those of the training to start from, checked to fit the sequences."""
        import torch

        from hornbook import model as phi

        torch.manual_seed(self.seed)
        facts = store.read_json(desk.folder(self.data) / "pack.json")
        if self.start is None:
            return phi.Phi(shape_of(self.shape, words.vocab, facts["context"]), self.dropout)
        model = phi.with_dropout(phi.load(desk.folder(self.start) / "model"), self.dropout)
        theirs = tokenizer.load(desk.folder(self.start) / "model")
        if theirs.backend.to_str() != words.backend.to_str():
            raise UserError(
                f"{self.name}: {self.start.name} was trained with another tokenizer than that of {self.data.name}"
            )
        if facts["context"] > model.shape.context:
            raise UserError(
                f"{self.name}: sequences of {facts['context']} tokens, but {self.start.name} has a context of "
                f"{model.shape.context}: pack with that one"
            )
        return model

    def _settings(self, desk: Desk, sequences: int, shape: Shape) -> Settings:
        from hornbook.train.loop import Settings

        steps = self.steps or max(1, round(self.epochs * sequences / self.batch))
        names = [each.name for each in dataclasses.fields(Settings)]
        facts: dict[str, Any] = {name: getattr(self, name) for name in names if hasattr(self, name)}
        facts |= {
            "steps": steps,
            "micro_batch": min(self.batch, self.micro_batch or self._micro_batch(shape)),
            "precision": _precision(desk, self.precision),
            "muon": self.optimiser == "muon",
            "evaluate_every": self.evaluate_every or max(1, steps // 10),
            "checkpoint_every": self.checkpoint_every or max(1, steps // 5),
        }
        return Settings(**facts)

    def _micro_batch(self, shape: Shape) -> int:
        return max(1, MICRO_TOKENS // shape.context)

    def _write_up(self, desk: Desk, model: Phi, how: Settings, progress: Progress) -> None:
        import pyarrow as pa

        folder = desk.folder(self)
        kinds = {"step": pa.int64(), "loss": pa.float64(), "lr": pa.float64(), "grad_norm": pa.float64()}
        kinds |= {"tokens": pa.int64(), "held_out_loss": pa.float64()}
        store.write_table(folder / "log.parquet", pa.Table.from_pylist(progress.log, schema=pa.schema(kinds.items())))
        tokens = sum(row["tokens"] for row in progress.log)
        losses = [row["held_out_loss"] for row in progress.log if row["held_out_loss"] is not None]
        facts = {
            "parameters": model.shape.parameters(),
            "shape": dataclasses.asdict(model.shape),
            "steps": how.steps,
            "batch_tokens": how.batch * model.shape.context,
            "tokens": tokens,
            "lr": how.lr,
            "held_out_loss": (progress.best_loss if how.best else losses[-1]) if losses else None,
            "chosen_step": progress.best_step if how.best and losses else how.steps,
            "skipped": progress.skipped,
            "precision": how.precision,
        }
        speed = {"tokens_per_s": progress.seen / max(progress.seconds, 1e-9), "seconds": progress.seconds}
        store.write_json(folder / "speed.json", speed)
        store.write_json(folder / "training.json", facts)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        from hornbook.train.price import cost, this_machine

        if not isinstance(self.data, Pack):
            return Price(Size())
        context, size = self.data.context, inputs[0]
        root: Train = self
        while isinstance(root.start, Train):
            root = root.start
        shape = shape_of(root.shape, vocab_of(self.data.tokenizer), context)
        tokens = (
            self.steps * self.batch * context if self.steps else self.epochs * size.megabytes * 1e6 / BYTES_PER_TOKEN
        )
        micro = min(self.batch, self.micro_batch or self._micro_batch(shape))
        found = cost(shape, tokens, context, micro, this_machine(), half=self.precision in ("bf16", "fp16"))
        return Price(Size(), tokens=tokens, minutes=found.hours * 60, peak_mb=found.memory_gb * 1e3, kwh=found.kwh)


def shape_of(name: str, vocab: int, context: int) -> Shape:
    """The shape of this name; the vocabulary is rounded up to whole blocks of the kernels, 51,200 for CodeGen's."""
    from hornbook.shape import Shape

    block = 1024 if vocab > 32_768 else 64
    return Shape.of(name, -(-vocab // block) * block, context)


def _precision(desk: Desk, wanted: str) -> str:
    if wanted != "auto":
        return wanted
    import torch

    fast = device.fast_dtype(device.pick(desk.options.get("device")))
    return "bf16" if fast == torch.bfloat16 else "fp32"
