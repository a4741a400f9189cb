"""The training loop: optimiser steps, evaluation on held-out data, checkpoints, exact resume.

In: a model, packed sequences, settings, a process group. Out: trained weights, a log with one row
per step, and the best held-out loss.

A training that was killed and resumed gives the same bits as one that was not (on one device).
Weights and optimiser state are in the checkpoint; the learning rate, the order of the data and the
random state of dropout are functions of the step.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hornbook import meter
from hornbook.frame.stage import Reporter
from hornbook.models.transformer import NO_TARGET, Phi, rename_old_keys
from hornbook.records import UserError
from hornbook.train import checkpoint, optim
from hornbook.train.faults import (
    SPIKE_WINDOW,
    defer_stop_signals,
    is_loss_spike,
    is_out_of_memory,
)
from hornbook.train.parallel import ProcessGroup, gather_tensor, shard_like
from hornbook.train.progress import (
    STEPS_BEFORE_SCALE_UP,
    LoopSettings,
    TrainingProgress,
    TrainingSpeed,
)
from hornbook.train.sequences import RowIndices, Sequences, batch_rows

# Steps in a row without a finite gradient after which training stops; fp16's loss scale needs a few
# to settle.
BAD_STEPS = 16
MAX_HELD_OUT_SEQUENCES = 256  # sequences at most that each evaluation reads
REPORT_EVERY_S = 30.0


class TrainingLoop:
    """One training. `train_to_end` does the remaining steps; `final_weights` gives the result.

    Args:
        model: the initial weights; trained in place.
        data: sequences to train on.
        held_out: sequences for the held-out loss; may be empty.
        settings: steps, batch size, optimiser.
        folder: where checkpoints are written and looked for.
        process_group: this process among those of a distributed training.
        reporter: told of each step and of anything unusual.
    """

    def __init__(
        self, model: Phi, data: Sequences, held_out: Sequences, settings: LoopSettings,
        folder: Path, process_group: ProcessGroup,
        reporter: Reporter,
    ) -> None:  # fmt: skip
        self.model, self.data, self.held_out, self.settings = (
            model.to(process_group.device),
            data,
            held_out,
            settings,
        )
        self.folder, self.process_group, self.reporter = folder, process_group, reporter
        self.progress, self.speed, self.micro_batch = (
            TrainingProgress(),
            TrainingSpeed(),
            settings.micro_batch,
        )
        self.log_step: Callable[[dict[str, Any]], None] = lambda row: None  # told of each step
        self.export_snapshot: Callable[[int, dict[str, Tensor]], None] = lambda step, weights: (
            None
        )  # given each snapshot
        if settings.compile:
            self.model.compile_blocks()
        self.loss_fn, self.sync_module = process_group.wrap_loss(self.model)
        self.optimisers = optim.make_optimisers(
            model, settings.lr, settings.betas, settings.eps, settings.weight_decay, settings.muon
        )

    def train_to_end(self) -> TrainingProgress:
        """Train to the last step. On Ctrl-C or SIGTERM save a checkpoint, then KeyboardInterrupt.

        Raises UserError for gradients that stay not finite, and for memory that does not suffice.
        """
        self._resume_from_checkpoint()
        started = last_report = time.perf_counter()
        with defer_stop_signals() as stop_requested:
            while self.progress.step < self.settings.steps:
                stop = self._train_step(stop_requested())
                self.speed.seconds = time.perf_counter() - started
                self._evaluate_and_save(stop)
                if time.perf_counter() - last_report > REPORT_EVERY_S:
                    last_report = time.perf_counter()
                    self._report_speed()
        return self.progress

    def _train_step(self, stop_requested: bool) -> bool:
        """One optimiser step over the batch; true if any process was asked to stop."""
        settings, group = self.settings, self.process_group
        lr = optim.learning_rate(
            self.progress.step,
            settings.lr,
            settings.min_lr,
            settings.warmup,
            settings.schedule_steps or settings.steps,
            settings.schedule,
        )
        rows = batch_rows(self.progress.step, settings.batch, len(self.data), settings.seed)
        count = self.data.count_targets(rows)
        own_rows = np.array_split(rows, group.world_size)[group.rank]
        nats, stop_requests = group.sum_over_processes(
            self._accumulate_gradients(own_rows, max(1, count)), float(stop_requested)
        )
        norm = self._gradient_norm()
        finite = math.isfinite(nats) and math.isfinite(norm)
        if finite:
            self._update_weights(lr, norm)
        self._adjust_loss_scale(finite)
        self.progress.step += 1
        self.speed.tokens += rows.size * self.data.context
        if group.rank == 0:
            meter.add_usage(tokens_in=rows.size * self.data.context)
        tokens_seen = (self.progress.log[-1]["tokens"] if self.progress.log else 0) + count
        entry = {
            "step": self.progress.step,
            "loss": nats / max(1, count),
            "lr": lr,
            "grad_norm": norm,
            "tokens": tokens_seen,
        }
        self.progress.log.append({**entry, "held_out_loss": None})
        self._report_anomalies(finite)
        return stop_requests > 0

    def _accumulate_gradients(self, rows: RowIndices, count: int) -> float:
        """Sum gradients of the mean loss over all processes; returns this process's summed nats."""
        self.model.train()
        while True:
            self._seed_dropout()
            total = torch.zeros((), dtype=torch.float64, device=self.process_group.device)
            try:
                micro_batches = np.array_split(rows, -(-len(rows) // self.micro_batch))
                for i, micro_rows in enumerate(micro_batches):
                    batch = self.data.read_batch(micro_rows, self.process_group.device)
                    with self.process_group.sync_gradients(
                        self.sync_module, i + 1 == len(micro_batches)
                    ):
                        with self._autocast_context():
                            loss = self.loss_fn(batch.ids, batch.targets, batch.documents)
                        # DDP and FSDP average gradients over processes. The sum is wanted, so
                        # the loss is multiplied by the number of processes.
                        scale = self._loss_scale() * self.process_group.world_size / count
                        (loss * scale).backward()  # type: ignore[no-untyped-call]
                    total += loss.detach()
                return float(total)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                self._halve_micro_batch(error)

    def _halve_micro_batch(self, error: BaseException) -> None:
        """After memory ran out: halve the micro-batch, or raise UserError if that cannot help."""
        if not is_out_of_memory(error):
            raise error
        half = self.micro_batch // 2
        if not half:
            raise UserError(
                f"one sequence of {self.data.context} tokens does not fit in memory beside "
                f"{self.model.shape}: use a "
                "smaller shape or context, or several devices with parallelism=fsdp"
            ) from error
        if self.process_group.world_size > 1:
            raise UserError(
                f"a micro-batch of {self.micro_batch} does not fit in memory: "
                f"micro_batch={half} may"
            ) from error
        self.reporter.say(
            f"a micro-batch of {self.micro_batch} sequences does not fit in memory: going on with "
            f"{half}"
        )
        self.micro_batch = half
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        if self.process_group.device.startswith("cuda"):
            torch.cuda.empty_cache()

    def _seed_dropout(self) -> None:
        """Seed dropout from the seed, the step and the rank, so that a resume needs no state."""
        name = f"{self.settings.seed}/{self.progress.step}/{self.process_group.rank}"
        torch.manual_seed(
            int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big")
        )

    def _loss_scale(self) -> float:
        return self.progress.scale if self.settings.precision == "fp16" else 1.0

    def _gradient_norm(self) -> float:
        """The L2 norm of the whole gradient, without the loss scale of fp16."""
        grads = [p.grad for p in self.model.parameters() if p.grad is not None]
        return float(gather_tensor(torch.nn.utils.get_total_norm(grads))) / self._loss_scale()

    def _update_weights(self, lr: float, norm: float) -> None:
        """Unscale and clip the gradient in one multiplication, then step."""
        factor = 1 / self._loss_scale() * min(1.0, (self.settings.clip or math.inf) / (norm + 1e-6))
        if factor != 1.0:
            torch._foreach_mul_(
                [p.grad for p in self.model.parameters() if p.grad is not None], factor
            )
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = lr
            optimiser.step()

    def _adjust_loss_scale(self, finite: bool) -> None:
        """Count skipped steps and adapt the loss scale.

        Raises:
            UserError: the gradient was not finite for BAD_STEPS steps in a row.
        """
        progress = self.progress
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        progress.bad, progress.good, progress.skipped = (
            (0, progress.good + 1, progress.skipped)
            if finite
            else (progress.bad + 1, 0, progress.skipped + 1)
        )
        if not finite:
            progress.scale /= 2
        elif progress.good == STEPS_BEFORE_SCALE_UP:
            progress.scale, progress.good = progress.scale * 2, 0
        if progress.bad >= BAD_STEPS:
            raise UserError(
                f"the gradient was not finite for {progress.bad} steps, up to {progress.step + 1}: "
                f"try an lr below {self.settings.lr}, "
                "a longer warmup, clip=1.0 or precision=fp32; the last checkpoint is from before"
            )

    def _report_anomalies(self, finite: bool) -> None:
        """Report a skipped step or a loss spike."""
        entry, clip = self.progress.log[-1], self.settings.clip
        if not finite:
            self.reporter.say(
                f"step {self.progress.step} is skipped, its gradient is not finite: "
                f"{self.progress.skipped} so far"
            )
        elif is_loss_spike([row["loss"] for row in self.progress.log[-SPIKE_WINDOW - 1 :]]):
            advice = (
                f"its gradient was clipped to a length of {clip:g}"
                if clip
                else "clip=1.0 would bound its gradient"
            )
            self.reporter.say(
                f"step {self.progress.step} is a spike, with a loss of {entry['loss']:.2f}: "
                f"{advice}"
            )

    def _evaluate_and_save(self, stop_requested: bool) -> None:
        """Evaluate, export a snapshot and save a checkpoint, each when it is due."""
        settings, progress = self.settings, self.progress
        is_last = progress.step == settings.steps
        save = stop_requested or is_last or _is_due(progress.step, settings.checkpoint_every)
        if len(self.held_out) and (is_last or _is_due(progress.step, settings.evaluate_every)):
            loss = progress.log[-1]["held_out_loss"] = self.compute_held_out_loss()
            if progress.best_loss is None or loss < progress.best_loss:
                progress.best_loss, progress.best_step = loss, progress.step
                save = save or settings.best
        self.log_step(progress.log[-1])
        if settings.snapshot_every and (is_last or _is_due(progress.step, settings.snapshot_every)):
            self.export_snapshot(progress.step, self._gather_weights())
        if save:
            self._save_checkpoint()
        if stop_requested and not is_last:
            raise KeyboardInterrupt
        self.reporter.advance()

    @torch.no_grad()
    def compute_held_out_loss(self) -> float:
        """The mean held-out loss in nats per token, over at most MAX_HELD_OUT_SEQUENCES."""
        self.model.eval()
        rows, group = np.arange(min(MAX_HELD_OUT_SEQUENCES, len(self.held_out))), self.process_group
        total, count = 0.0, 0
        # Every process must take part in every forward pass, so one without a share reads a row
        # that does not count.
        for micro_rows in np.array_split(
            rows, group.world_size * -(-len(rows) // (group.world_size * self.micro_batch))
        )[group.rank :: group.world_size]:
            batch = self.held_out.read_batch(
                micro_rows if len(micro_rows) else rows[:1], group.device
            )
            targets = (
                batch.targets if len(micro_rows) else torch.full_like(batch.targets, NO_TARGET)
            )
            with self._autocast_context():
                total += float(self.model.sum_loss(batch.ids, targets, batch.documents))
            count += self.held_out.count_targets(micro_rows)
        nats, counted = group.sum_over_processes(total, count)
        return nats / max(1, counted)

    def _autocast_context(self) -> contextlib.AbstractContextManager[Any]:
        if self.settings.precision == "fp32":
            return contextlib.nullcontext()
        dtype = torch.bfloat16 if self.settings.precision == "bf16" else torch.float16
        return torch.autocast(self.process_group.device.split(":")[0], dtype)

    def _report_speed(self) -> None:
        last = self.progress.log[-1]
        self.reporter.say(
            f"step {self.progress.step}: loss {last['loss']:.3f}, "
            f"{self.speed.tokens / self.speed.seconds:,.0f} tokens/s"
        )

    def _gather_weights(self) -> dict[str, Tensor]:
        return {name: gather_tensor(tensor) for name, tensor in self.model.state_dict().items()}

    def _save_checkpoint(self) -> None:
        tensors = {f"model.{name}": tensor for name, tensor in self._gather_weights().items()}
        tensors |= {
            f"optim.{name}": tensor for name, tensor in optim.state_tensors(self.optimisers).items()
        }
        if self.process_group.rank == 0:
            checkpoint.save_checkpoint(
                self.folder,
                self.progress.step,
                tensors,
                {**vars(self.progress), "micro": self.micro_batch},
            )
        self.process_group.wait_for_all()

    def _resume_from_checkpoint(self) -> None:
        saved = (
            checkpoint.load_newest(self.folder, self.reporter.say)
            if self.process_group.rank == 0
            else None
        )
        self.process_group.wait_for_all()  # the others look once the damaged ones are gone
        saved = (
            saved
            if self.process_group.rank == 0
            else checkpoint.load_newest(self.folder, lambda message: None)
        )
        if saved is None:
            return
        self._load_weights(rename_old_keys(saved.select_tensors("model.")))
        optim.restore_state(self.optimisers, saved.select_tensors("optim."))
        self.micro_batch = min(self.micro_batch, int(saved.facts["micro"]))
        self.progress = TrainingProgress(
            **{name: saved.facts[name] for name in vars(self.progress)}
        )
        self.reporter.advance(self.progress.step)

    def _load_weights(self, weights: dict[str, Tensor]) -> None:
        own_state = self.model.state_dict()
        self.model.load_state_dict(
            {name: shard_like(weights[name], own_state[name]) for name in own_state}
        )

    def final_weights(self) -> dict[str, Tensor]:
        """The weights with the best held-out loss if `best` is set, else the last ones."""
        if self.settings.best and 0 < self.progress.best_step < self.progress.step:
            saved = checkpoint.load_checkpoint(
                checkpoint.step_folder(self.folder, self.progress.best_step)
            )
            if saved is None:
                raise UserError(
                    "the best checkpoint, "
                    f"{checkpoint.step_folder(self.folder, self.progress.best_step)}, is damaged: "
                    "give the "
                    "same command again, and training goes on from the one before it"
                )
            return rename_old_keys(saved.select_tensors("model."))
        return self._gather_weights()


def _is_due(step: int, every: int) -> bool:
    """Whether something happens after this step; `every` 0: never."""
    return every > 0 and step % every == 0
