"""The training loop: batches in a fixed order, one optimiser step after another, checkpoints, and no step twice.

In: a model, packed sequences, settings. Out: the model trained, a log of steps, and the best held-out loss.
Killed at any step and called again it equals never killed, bit for bit on one device: weights, optimiser state,
schedule, data order and the random state of dropout are all in the checkpoint or follow from the step's number.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from hornbook import store
from hornbook.model import NO_TARGET, Phi
from hornbook.records import UserError
from hornbook.stage import Reporter
from hornbook.train import checkpoint, optim

BAD_STEPS = 8  # in a row without a finite loss, after which training stops
HELD_OUT = 256  # sequences at most that each evaluation reads
SAY_EVERY_S = 20.0


@dataclass(frozen=True)
class Settings:
    """What the loop does; the names are those of the Train stage."""

    steps: int
    batch: int
    micro_batch: int
    lr: float
    min_lr: float = 0.0
    warmup: int = 0
    schedule: optim.Schedule = "linear"
    schedule_steps: int = 0
    weight_decay: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    clip: float = 1.0
    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    muon: bool = False
    seed: int = 0
    evaluate_every: int = 0
    checkpoint_every: int = 0
    best: bool = False


class Sequences:
    """Packed sequences on disk: ids, which of them count in the loss, and the end-of-text that parts documents."""

    def __init__(self, folder: Path, held_out: bool = False, documents_apart: bool = False) -> None:
        facts = store.read_json(folder / "pack.json")
        name, mask = ("held_out.bin", "held_out_mask.bin") if held_out else ("tokens.bin", "mask.bin")
        shape = (facts["held_out"] if held_out else facts["sequences"], facts["context"])
        self.end, self.apart = facts["eos"], documents_apart
        self.ids = self._map(folder / name, facts["dtype"], shape)
        self.mask = self._map(folder / mask, "uint8", shape) if (folder / mask).exists() else None

    @staticmethod
    def _map(path: Path, dtype: str, shape: tuple[int, int]) -> Any:
        if not shape[0]:
            return np.zeros(shape, dtype)
        if path.stat().st_size != np.dtype(dtype).itemsize * shape[0] * shape[1]:
            raise UserError(f"{path} does not hold {shape[0]:,} sequences of {shape[1]}: rebuild its stage")
        return np.memmap(path, dtype, "r", shape=shape)

    def __len__(self) -> int:
        return int(self.ids.shape[0])

    def batch(self, rows: np.ndarray[Any, Any], device: str) -> tuple[Tensor, Tensor, Tensor | None]:
        """Inputs and targets (B, T - 1), targets NO_TARGET where they do not count; document numbers where apart."""
        ids = torch.from_numpy(self.ids[rows].astype(np.int64))
        inputs, targets = ids[:, :-1].clone(), ids[:, 1:].clone()
        if self.mask is not None:
            targets[torch.from_numpy(self.mask[rows])[:, 1:] == 0] = NO_TARGET
        documents = None
        if self.apart:
            ends = inputs == self.end
            documents = ends.cumsum(1) - ends.long()  # an end belongs to the document that it ends
        to = [None if each is None else each.to(device) for each in (inputs, targets, documents)]
        assert to[0] is not None and to[1] is not None
        return to[0], to[1], to[2]


def rows_of(step: int, batch: int, number: int, seed: int) -> np.ndarray[Any, Any]:
    """The sequences of a step's batch: each epoch is a permutation that follows from the seed and its number alone."""
    wanted = np.arange(step * batch, (step + 1) * batch)
    out = np.empty(batch, np.int64)
    for epoch in np.unique(wanted // number):
        order = np.random.Generator(np.random.Philox(key=[seed, int(epoch)])).permutation(number)
        mine = wanted // number == epoch
        out[mine] = order[wanted[mine] % number]
    return out


@dataclass
class Progress:
    """Where a training stands; what of it is not a tensor."""

    step: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    best_step: int = -1
    best_loss: float = math.inf
    skipped: int = 0
    seconds: float = 0.0  # of this process; not kept, for it differs from run to run
    seen: int = 0  # tokens, of this process


class Loop:
    """One training. `run()` does what is left of it; `finish()` leaves the model with the weights that go on."""

    def __init__(
        self,
        model: Phi,
        data: Sequences,
        held_out: Sequences,
        how: Settings,
        folder: Path,
        device: str,
        reporter: Reporter,
    ) -> None:
        self.model, self.data, self.held_out, self.how = model.to(device), data, held_out, how
        self.folder, self.device, self.reporter = folder, device, reporter
        self.optimisers = optim.optimisers(model, how.lr, how.betas, how.eps, how.weight_decay, how.muon)
        self.scaler = torch.amp.GradScaler(device.split(":")[0], enabled=how.precision == "fp16")
        self.at = Progress()

    def run(self) -> Progress:
        """Train to the last step. Ctrl-C and SIGTERM save a checkpoint first. Raises UserError for a loss that stays
        not finite, and for memory that does not suffice."""
        torch.manual_seed(self.how.seed)
        self._resume()
        started = time.perf_counter()
        bad = 0
        try:
            while self.at.step < self.how.steps:
                finite = self._step()
                bad = 0 if finite else bad + 1
                if bad >= BAD_STEPS:
                    raise UserError(
                        f"the loss was not finite for {bad} steps up to {self.at.step}: a lower lr (now {self.how.lr}), "
                        "a longer warmup or precision=fp32 may help; the last checkpoint is from before"
                    )
                self._after_step()
        except KeyboardInterrupt:
            self._save()
            raise
        except (torch.OutOfMemoryError, RuntimeError) as error:
            if "memory" not in str(error).lower():
                raise
            raise UserError(
                f"a micro-batch of {self.how.micro_batch} sequences does not fit in memory: try "
                f"micro_batch={max(1, self.how.micro_batch // 2)}; the effective batch stays {self.how.batch}"
            ) from error
        self.at.seconds = time.perf_counter() - started
        return self.at

    def _step(self) -> bool:
        """One optimiser step over the whole batch; false if it was skipped because something was not finite."""
        how = self.how
        lr = optim.rate(self.at.step, how.lr, how.min_lr, how.warmup, how.schedule_steps or how.steps, how.schedule)
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = lr
            optimiser.zero_grad(set_to_none=True)
        rows = rows_of(self.at.step, how.batch, len(self.data), how.seed)
        micro = [self.data.batch(part, self.device) for part in np.array_split(rows, -(-how.batch // how.micro_batch))]
        count = sum(int((targets != NO_TARGET).sum()) for _, targets, _ in micro)
        self.model.train()
        total = torch.zeros((), device=self.device)
        for inputs, targets, documents in micro:
            with self._cast():
                loss = self.model.loss(inputs, targets, documents) / max(1, count)
            torch.autograd.backward(self.scaler.scale(loss))
            total += loss.detach()
        for optimiser in self.optimisers:
            self.scaler.unscale_(optimiser)
        norm = torch.nn.utils.clip_grad_norm_(self.model.parameters(), how.clip or math.inf)
        finite = bool(torch.isfinite(total)) and (bool(torch.isfinite(norm)) or self.scaler.is_enabled())
        for optimiser in self.optimisers if finite else []:
            self.scaler.step(optimiser)
        self.scaler.update()
        self.at.step += 1
        self.at.skipped += not finite
        self.at.seen += count
        said = {"step": self.at.step, "loss": float(total), "lr": lr, "grad_norm": float(norm), "tokens": count}
        self.at.log.append({**said, "held_out_loss": None})
        return finite

    def _after_step(self) -> None:
        """Evaluate and save when it is time; tell the person at the terminal."""
        how, step = self.how, self.at.step
        last = step == how.steps
        if len(self.held_out) and (last or (how.evaluate_every and step % how.evaluate_every == 0)):
            loss = self.held_out_loss()
            self.at.log[-1]["held_out_loss"] = loss
            if loss < self.at.best_loss:
                self.at.best_loss, self.at.best_step = loss, step
                if how.best and not last:
                    self._save()
        if last or (how.checkpoint_every and step % how.checkpoint_every == 0):
            self._save()
        self.reporter.advance()

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """Nats a token over the held-out sequences, at most HELD_OUT of them."""
        self.model.eval()
        total, count = 0.0, 0
        rows = np.arange(min(HELD_OUT, len(self.held_out)))
        for part in np.array_split(rows, -(-len(rows) // self.how.micro_batch)):
            inputs, targets, documents = self.held_out.batch(part, self.device)
            with self._cast():
                total += float(self.model.loss(inputs, targets, documents))
            count += int((targets != NO_TARGET).sum())
        return total / max(1, count)

    def _cast(self) -> contextlib.AbstractContextManager[Any]:
        if self.how.precision == "fp32":
            return contextlib.nullcontext()
        dtype = torch.bfloat16 if self.how.precision == "bf16" else torch.float16
        return torch.autocast(self.device.split(":")[0], dtype)

    def _save(self) -> None:
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= {f"optim.{name}": tensor for name, tensor in optim.state(self.optimisers).items()}
        tensors["random.cpu"] = torch.get_rng_state()
        if self.device.startswith("cuda"):
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        facts = {
            "log": self.at.log,
            "best_step": self.at.best_step,
            "best_loss": None if math.isinf(self.at.best_loss) else self.at.best_loss,
            "skipped": self.at.skipped,
            "scaler": self.scaler.state_dict(),
        }
        checkpoint.save(self.folder, self.at.step, tensors, facts)

    def _resume(self) -> None:
        found = checkpoint.newest(self.folder, self.reporter.say)
        if found is None:
            return
        tensors, facts = found
        self.model.load_state_dict(dict(_under("model.", tensors)))
        optim.restore(self.optimisers, dict(_under("optim.", tensors)))
        torch.set_rng_state(tensors["random.cpu"])
        if "random.cuda" in tensors:
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)
        self.scaler.load_state_dict(facts["scaler"])
        best = math.inf if facts["best_loss"] is None else facts["best_loss"]
        self.at = Progress(facts["step"], facts["log"], facts["best_step"], best, facts["skipped"])
        self.reporter.advance(self.at.step)

    def finish(self) -> Phi:
        """The model with the weights that go on: the best of the held-out loss if asked for, else the last."""
        if self.how.best and 0 < self.at.best_step < self.at.step:
            found = checkpoint.read(self.folder / f"step-{self.at.best_step:07d}")
            if found is None:
                self.reporter.say(f"the best checkpoint, of step {self.at.best_step}, is damaged: the last one is used")
            else:
                self.model.load_state_dict(dict(_under("model.", found[0])))
        return self.model.eval()


def _under(prefix: str, tensors: dict[str, Tensor]) -> Iterator[tuple[str, Tensor]]:
    return ((name.removeprefix(prefix), tensor) for name, tensor in tensors.items() if name.startswith(prefix))
