"""Pretraining and finetuning as one stage: packed sequences to a model in the phi format.

In: a Pack, and a Train to start from when finetuning. Out: `model/` (config, safetensors,
tokenizer), `log.parquet` (one row per step), `training.json` (what was trained on what),
`speed.json` (no part of the output's identity), and `checkpoints/` while it runs. Which
precision is fast depends on the machine: "auto" is settled once and recorded.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin, get_type_hints

from hornbook import store
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.models import device, tokenizer
from hornbook.models.shape import Shape
from hornbook.records import UserError
from hornbook.train.pack import Pack
from hornbook.train.price import HARDWARE, choose_micro_batch, estimate_cost, find_hardware
from hornbook.train.tokenizers import planned_vocab

if TYPE_CHECKING:
    from hornbook.train.worker import TrainingJob

BYTES_PER_TOKEN = (
    3.5  # of Python in CodeGen's vocabulary; only `plan` uses it, before Pack has counted
)

PROCESS_MB = 400  # of Python and torch before there is a model


@dataclass(frozen=True)
class Train(FileStage):
    """Train on the sequences of `data`, from random weights of a `shape`, or from those of `start`.

    Names as in the paper: `batch` sequences a step (effective, whatever the micro-batch), peak
    `lr`, `warmup` steps, a schedule that would end at `schedule_steps` (0: at `steps`). `epochs`
    counts where `steps` is 0. `best` goes on with the checkpoint of the lowest held-out loss
    instead of the last. Raises UserError for a value out of range.

    Options of the run (--how): device, micro_batch, compile, processes, parallelism ("ddp" or
    "fsdp"), launch, tensorboard (its events go to the run's folder `tensorboard/`), exact (a GPU
    sums in one
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
    isolate_documents: bool = False  # no attention from one document to another
    seed: int = 0
    evaluate_every: int = 0  # 0: ten times in all
    checkpoint_every: int = 0  # 0: five times in all
    # Not 0: leave the model of each so many steps too, and of the last, in models/, for
    # verify.Choose.
    snapshot_every: int = field(default=0, metadata={"identity": "when set"})
    best: bool = True

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
                0 <= beta < 1 for beta in self.betas
            ),
            f"eps={self.eps}: above 0": self.eps > 0,
            f"dropout={self.dropout}: 0 or more and below 1": 0 <= self.dropout < 1,
        }
        broken_rules = [rule for rule, is_met in allowed.items() if not is_met]
        if broken_rules:
            raise UserError(f"{self.name}: {'; '.join(broken_rules)}")

    def write_files(self, ctx: RunContext) -> None:
        from hornbook.train import worker
        from hornbook.train.parallel import ProcessGroup

        folder = ctx.run.stage_folder(self)
        if not (folder / "training.json").exists():  # else killed after its last file was written
            job = self._make_job(ctx)
            ctx.reporter.begin(self.name, job.settings.steps, "steps")
            processes, command = (
                int(ctx.options.get("processes") or _count_devices(job.device)),
                ctx.options.get("launch"),
            )
            if processes > 1 or command:
                job.write_json(folder / "checkpoints" / "job.json")
                worker.launch_processes(
                    folder / "checkpoints" / "job.json",
                    processes,
                    str(command or ""),
                    ctx.reporter,
                )
            else:
                worker.run_job(job, ProcessGroup(job.device), ctx.reporter)
        shutil.rmtree(folder / "checkpoints", ignore_errors=True)

    def _make_job(self, ctx: RunContext) -> TrainingJob:
        from hornbook.train.progress import LoopSettings
        from hornbook.train.worker import TrainingJob

        shape, sequences = self._check_inputs(ctx)
        steps = self.steps or max(1, round(self.epochs * sequences / self.batch))
        names = {setting.name for setting in dataclasses.fields(LoopSettings)}
        loop_settings: dict[str, Any] = {
            name: getattr(self, name) for name in names if hasattr(self, name)
        }
        loop_settings |= {
            "steps": steps,
            "muon": self.optimiser == "muon",
            "evaluate_every": self.evaluate_every or max(1, steps // 10),
            "checkpoint_every": self.checkpoint_every or max(1, steps // 5),
        }
        device_name = device.pick_device(ctx.options.get("device"))
        return TrainingJob(
            folder=str(ctx.run.stage_folder(self).resolve()),
            data=str(ctx.run.stage_folder(self.data).resolve()),
            tokenizer_folder=str(ctx.run.stage_folder(_require_pack(self).tokenizer).resolve()),
            start=str((ctx.run.stage_folder(self.start) / "model").resolve()) if self.start else "",
            shape=shape,
            dropout=self.dropout,
            isolate_documents=self.isolate_documents,
            device=device_name,
            parallelism=ctx.options.get("parallelism", "ddp"),
            settings=LoopSettings(
                **{**loop_settings, **self._settle_machine_choices(ctx, device_name, shape)}
            ),
            exact=bool(ctx.options.get("exact", True)),
            tensorboard=str((ctx.root / "tensorboard" / self.name).resolve())
            if ctx.options.get("tensorboard")
            else "",
        )

    def _settle_machine_choices(
        self, ctx: RunContext, device_name: str, shape: Shape
    ) -> dict[str, Any]:
        """What the machine decided at the start is kept, because it shows in the last bits."""
        path = ctx.run.stage_folder(self) / "checkpoints" / "settled.json"
        choices, micro_batch_option = (
            store.read_json(path),
            int(ctx.options.get("micro_batch") or 0),
        )
        if choices is None:
            half_precision = self.precision in ("bf16", "fp16")
            choices = {
                "precision": _fast_precision(device_name)
                if self.precision == "auto"
                else self.precision,
                "micro_batch": min(
                    micro_batch_option or choose_micro_batch(shape, device_name, half_precision),
                    self.batch,
                ),
                "compile": _should_compile(ctx, device_name),
            }
            store.write_json(path, choices)
            return choices
        if bool(ctx.options.get("compile", choices["compile"])) != choices["compile"]:
            state = "on" if choices["compile"] else "off"
            ctx.reporter.say(f"compile stays {state}, as when this training began")
        if micro_batch_option > choices["micro_batch"]:
            ctx.reporter.say(
                f"micro_batch stays {choices['micro_batch']}, with which this training began"
            )
        # A smaller micro-batch is the way out where memory did not suffice.
        elif 0 < micro_batch_option < choices["micro_batch"]:
            ctx.reporter.say(
                f"going on with micro_batch={micro_batch_option}, not {choices['micro_batch']}: "
                "the "
                "last bits may differ"
            )
            choices["micro_batch"] = micro_batch_option
        store.write_json(path, choices)
        return dict(choices)

    def _check_inputs(self, ctx: RunContext) -> tuple[Shape, int]:
        """The shape and the number of sequences. Refuses a start that does not fit them."""
        from hornbook.train.sequences import read_pack_facts

        pack = _require_pack(self)
        facts = read_pack_facts(ctx.run.stage_folder(pack))
        if self.start is None:
            return resolve_shape(self.shape, facts["vocab"], facts["context"]), facts["sequences"]
        from hornbook.models import transformer as phi

        folder = ctx.run.stage_folder(self.start) / "model"
        shape = phi.read_shape(folder)
        start_tokenizer, pack_tokenizer = (
            tokenizer.load_tokenizer(folder),
            tokenizer.load_tokenizer(ctx.run.stage_folder(pack.tokenizer)),
        )
        if start_tokenizer.backend.to_str() != pack_tokenizer.backend.to_str():
            raise UserError(
                f"{self.name}: {self.start.name} was trained with another tokenizer "
                f"({start_tokenizer.vocab:,} entries) "
                f"than {pack.name} is packed with "
                f"({pack.tokenizer.name}, {pack_tokenizer.vocab:,}): "
                "pack with that of the start"
            )
        if facts["context"] > shape.context:
            raise UserError(
                f"{self.name}: sequences of {facts['context']} tokens in {pack.name}, but "
                f"{self.start.name} has a "
                f"context of {shape.context}: pack with that one"
            )
        return shape, facts["sequences"]

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        pack, first_training = _require_pack(self), self
        while isinstance(first_training.start, Train):
            first_training = first_training.start
        shape = resolve_shape(
            first_training.shape,
            planned_vocab(pack.tokenizer),
            _require_pack(first_training).context,
        )
        tokens_of_epochs = self.epochs * inputs[0].megabytes * 1e6 / BYTES_PER_TOKEN
        tokens = self.steps * self.batch * pack.context if self.steps else tokens_of_epochs
        device_name = ctx.options.get("device") or device.pick_device()
        half_precision = self.precision in ("bf16", "fp16") or (
            self.precision == "auto" and _fast_precision(device_name) != "fp32"
        )
        micro = int(
            ctx.options.get("micro_batch")
            or min(self.batch, choose_micro_batch(shape, device_name, half_precision))
        )
        estimate = estimate_cost(
            shape, tokens, pack.context, micro, find_hardware(device_name), half_precision
        )
        process_count = (
            max(1, int(ctx.options.get("processes") or 1)) if device_name != "cpu" else 1
        )
        return Price(
            Size(),
            tokens=tokens,
            minutes=estimate.hours * 60 / process_count,
            peak_mb=PROCESS_MB + estimate.memory_gb * 1e3,
            kwh=estimate.kwh,
        )


def resolve_shape(shape: str | Shape, vocab: int, context: int) -> Shape:
    """The shape of this name, its vocabulary rounded up to whole blocks (51,200 for CodeGen's)."""
    if isinstance(shape, Shape):
        if shape.vocab < vocab or shape.context < context:
            raise UserError(
                f"{shape} has no room for {vocab:,} entries and sequences of {context} tokens"
            )
        return shape
    block = 1024 if vocab > 32_768 else 64
    return Shape.from_name(shape, -(-vocab // block) * block, context)


def _require_pack(stage: Train) -> Pack:
    if not isinstance(stage.data, Pack):
        raise UserError(f"{stage.name}: data is {stage.data.name}, which is no Pack")
    return stage.data


def _fast_precision(device_name: str) -> str:
    if device_name in HARDWARE:
        return "bf16"
    import torch

    return "bf16" if device.fast_dtype(device_name) == torch.bfloat16 else "fp32"


def _should_compile(ctx: RunContext, device_name: str) -> bool:
    """Whether to compile: if asked for, or on a GPU; not (with a notice) without a compiler."""
    requested = bool(ctx.options.get("compile", device_name.startswith("cuda")))
    has_compiler = any(
        shutil.which(name) for name in (os.environ.get("CXX", "g++"), "gcc", "clang", "cc")
    )
    if requested and not has_compiler:
        ctx.reporter.say(
            "there is no C compiler for torch.compile: the model runs as it is, somewhat slower"
        )
    return requested and has_compiler


def _count_devices(device_name: str) -> int:
    import torch

    return torch.cuda.device_count() if device_name == "cuda" else 1
