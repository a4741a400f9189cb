"""Pretraining and finetuning as one stage: packed sequences to a model in Hugging Face's phi format.

In: a Pack, and a Train to start from when finetuning. Out: `model/` (config, safetensors,
tokenizer), `log.parquet` (a row a step), `training.json` (what was trained on what), `speed.json`
(how fast; not part of what was made), and
`checkpoints/` while it runs. Which precision is fast depends on the machine: "auto" is settled once and recorded.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from hornbook import store
from hornbook.frame.stage import Desk, Form, Price, Size, Stage, Whole
from hornbook.models import device, tokenizer
from hornbook.models.shape import Shape
from hornbook.records import UserError
from hornbook.train.pack import Pack
from hornbook.train.price import HARDWARE, cost, micro_batch, this_machine
from hornbook.train.tokenizers import vocab_of

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.train.worker import Job

BYTES_PER_TOKEN = (
    3.5  # of Python in CodeGen's vocabulary; only `plan` uses it, before Pack has counted
)

PROCESS_MB = 400  # of Python and torch before there is a model


@dataclass(frozen=True)
class Train(Whole):
    """Train on the sequences of `data`, from random weights of a `shape`, or from those of `start`.

    Names as in the paper: `batch` sequences a step (effective, whatever the micro-batch), peak
    `lr`, `warmup` steps, a schedule that would end at `schedule_steps` (0: at `steps`). `epochs`
    counts where `steps` is 0. `best` goes on with the checkpoint of the lowest held-out loss
    instead of the last. Raises UserError for a value out of range.

    How-options of the desk: device, micro_batch, compile, processes, hold ("replicas" or "shards"),
    launch, tensorboard (its events go to the run's folder `tensorboard/`), exact (a GPU sums in one
    order: a resume is bit for bit).
    """

    data: Stage
    start: Stage | None = None
    shape: str | Shape = "phi-1-small"
    steps: int = 0
    epochs: float = 1.0
    batch: int = 256
    lr: float = 1e-3
    min_lr: float = 0.0
    warmup: int = 0
    schedule: Literal["linear", "cosine", "constant"] = "linear"
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
    # Not 0: leave the model of each so many steps too, and of the last, in models/, for
    # verify.Choose.
    snapshot_every: int = field(default=0, metadata={"identity": "when set"})
    best: bool = True

    form: ClassVar[Form] = "files"

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self)).items():
            if get_origin(hint) is Literal and getattr(self, name) not in get_args(hint):
                raise UserError(
                    f"{self.name}: {name}={getattr(self, name)!r}: {', '.join(get_args(hint))}"
                )
        allowed = {  # each as a condition that nan fails too
            "steps, schedule_steps, warmup and every ..._every: 0 or more": min(
                self.steps,
                self.schedule_steps,
                self.warmup,
                self.evaluate_every,
                self.checkpoint_every,
                self.snapshot_every,
            )
            >= 0,
            f"batch={self.batch}: 1 or more": self.batch >= 1,
            f"epochs={self.epochs}: above 0, where steps is 0": self.steps > 0 or self.epochs > 0,
            f"lr={self.lr}: above 0": self.lr > 0,
            f"min_lr={self.min_lr}: 0 or more, at most lr={self.lr}": 0 <= self.min_lr <= self.lr,
            f"weight_decay={self.weight_decay}: 0 or more": self.weight_decay >= 0,
            f"clip={self.clip}: above 0, or 0 for no clipping": self.clip >= 0,
            f"betas={self.betas}: two, each 0 or more and below 1": all(
                0 <= each < 1 for each in self.betas
            ),
            f"eps={self.eps}: above 0": self.eps > 0,
            f"dropout={self.dropout}: 0 or more and below 1": 0 <= self.dropout < 1,
        }
        wrong = [said for said, right in allowed.items() if not right]
        if wrong:
            raise UserError(f"{self.name}: {'; '.join(wrong)}")

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        from hornbook.train import worker
        from hornbook.train.parallel import Team

        folder = desk.folder(self)
        if not (folder / "training.json").exists():  # else killed after its last file was written
            job = self._job(desk)
            desk.reporter.begin(self.name, job.how.steps, "steps")
            processes, command = (
                int(desk.options.get("processes") or _devices(job.device)),
                desk.options.get("launch"),
            )
            if processes > 1 or command:
                job.write(folder / "checkpoints" / "job.json")
                worker.launch(
                    folder / "checkpoints" / "job.json",
                    processes,
                    str(command or ""),
                    desk.reporter,
                )
            else:
                worker.work(job, Team(job.device), desk.reporter)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)
        return ()

    def _job(self, desk: Desk) -> Job:
        from hornbook.train.loop import Settings
        from hornbook.train.worker import Job

        shape, sequences = self._check(desk)
        steps = self.steps or max(1, round(self.epochs * sequences / self.batch))
        names = {each.name for each in dataclasses.fields(Settings)}
        facts: dict[str, Any] = {name: getattr(self, name) for name in names if hasattr(self, name)}
        facts |= {
            "steps": steps,
            "muon": self.optimiser == "muon",
            "evaluate_every": self.evaluate_every or max(1, steps // 10),
            "checkpoint_every": self.checkpoint_every or max(1, steps // 5),
        }
        where = device.pick(desk.options.get("device"))
        return Job(
            folder=str(desk.folder(self).resolve()),
            data=str(desk.folder(self.data).resolve()),
            words=str(desk.folder(_pack(self).tokenizer).resolve()),
            start=str((desk.folder(self.start) / "model").resolve()) if self.start else "",
            shape=shape,
            dropout=self.dropout,
            apart=self.documents_apart,
            device=where,
            hold=desk.options.get("hold", "replicas"),
            how=Settings(**{**facts, **self._settled(desk, where, shape)}),
            exact=bool(desk.options.get("exact", True)),
            tensorboard=str((desk.root / "tensorboard" / self.name).resolve())
            if desk.options.get("tensorboard")
            else "",
        )

    def _settled(self, desk: Desk, where: str, shape: Shape) -> dict[str, Any]:
        """What the machine decided when the training began: it stays, for it shows in the last bits."""
        path = desk.folder(self) / "checkpoints" / "settled.json"
        settled, asked = store.read_json(path), int(desk.options.get("micro_batch") or 0)
        if settled is None:
            half = self.precision in ("bf16", "fp16")
            settled = {
                "precision": _precision(where) if self.precision == "auto" else self.precision,
                "micro_batch": min(asked or micro_batch(shape, where, half), self.batch),
                "compile": _compiled(desk, where),
            }
            store.write_json(path, settled)
            return settled
        if bool(desk.options.get("compile", settled["compile"])) != settled["compile"]:
            desk.reporter.say(
                f"compile stays {'yes' if settled['compile'] else 'no'}, with which this training began"
            )
        if asked > settled["micro_batch"]:
            desk.reporter.say(
                f"micro_batch stays {settled['micro_batch']}, with which this training began"
            )
        elif 0 < asked < settled["micro_batch"]:  # the way out where memory did not suffice
            desk.reporter.say(
                f"going on with micro_batch={asked}, not {settled['micro_batch']}: the last bits may differ"
            )
            settled["micro_batch"] = asked
        store.write_json(path, settled)
        return dict(settled)

    def _check(self, desk: Desk) -> tuple[Shape, int]:
        """The shape, and the number of sequences; refuses a start that does not fit the sequences."""
        from hornbook.train.sequences import facts_of

        pack = _pack(self)
        facts = facts_of(desk.folder(pack))
        if self.start is None:
            return shape_of(self.shape, facts["vocab"], facts["context"]), facts["sequences"]
        from hornbook.models import transformer as phi

        folder = desk.folder(self.start) / "model"
        shape = phi.shape_of(folder)
        theirs, ours = tokenizer.load(folder), tokenizer.load(desk.folder(pack.tokenizer))
        if theirs.backend.to_str() != ours.backend.to_str():
            raise UserError(
                f"{self.name}: {self.start.name} was trained with another tokenizer ({theirs.vocab:,} entries) "
                f"than {pack.name} is packed with ({pack.tokenizer.name}, {ours.vocab:,}): pack with that of the start"
            )
        if facts["context"] > shape.context:
            raise UserError(
                f"{self.name}: sequences of {facts['context']} tokens in {pack.name}, but {self.start.name} has a "
                f"context of {shape.context}: pack with that one"
            )
        return shape, facts["sequences"]

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        pack, root = _pack(self), self
        while isinstance(root.start, Train):
            root = root.start
        shape = shape_of(root.shape, vocab_of(pack.tokenizer), _pack(root).context)
        seen = self.epochs * inputs[0].megabytes * 1e6 / BYTES_PER_TOKEN
        tokens = self.steps * self.batch * pack.context if self.steps else seen
        where = desk.options.get("device") or device.pick()
        half = self.precision in ("bf16", "fp16") or (
            self.precision == "auto" and _precision(where) != "fp32"
        )
        micro = int(
            desk.options.get("micro_batch") or min(self.batch, micro_batch(shape, where, half))
        )
        found = cost(shape, tokens, pack.context, micro, this_machine(where), half)
        many = max(1, int(desk.options.get("processes") or 1)) if where != "cpu" else 1
        return Price(
            Size(),
            tokens=tokens,
            minutes=found.hours * 60 / many,
            peak_mb=PROCESS_MB + found.memory_gb * 1e3,
            kwh=found.kwh,
        )


def shape_of(shape: str | Shape, vocab: int, context: int) -> Shape:
    """The shape of this name; the vocabulary is rounded up to whole blocks of the kernels, 51,200 for CodeGen's."""
    if isinstance(shape, Shape):
        if shape.vocab < vocab or shape.context < context:
            raise UserError(
                f"{shape} has no room for {vocab:,} entries and sequences of {context} tokens"
            )
        return shape
    block = 1024 if vocab > 32_768 else 64
    return Shape.of(shape, -(-vocab // block) * block, context)


def _pack(stage: Train) -> Pack:
    if not isinstance(stage.data, Pack):
        raise UserError(f"{stage.name}: data is {stage.data.name}, which is no Pack")
    return stage.data


def _precision(where: str) -> str:
    if where in HARDWARE:
        return "bf16"
    import torch

    return "bf16" if device.fast_dtype(where) == torch.bfloat16 else "fp32"


def _compiled(desk: Desk, where: str) -> bool:
    """Asked for, or a GPU's default; eager, with a notice, where torch.compile would find no compiler."""
    wanted = bool(desk.options.get("compile", where.startswith("cuda")))
    found = any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "gcc", "clang", "cc"))
    if wanted and not found:
        desk.reporter.say(
            "there is no C compiler for torch.compile: the model runs as it is, somewhat slower"
        )
    return wanted and found


def _devices(where: str) -> int:
    import torch

    return torch.cuda.device_count() if where == "cuda" else 1
