"""The training loop: batches in a fixed order, one optimiser step after another, checkpoints, and no step twice.

In: a model, packed sequences, settings, a team. Out: the model trained, a log of steps, and the
best held-out loss. Killed at any step and called again it equals never killed, bit for bit on one
device: weights and optimiser state are in the checkpoint; learning rate, data order and dropout's
random state follow from the step's number.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from hornbook import meter
from hornbook.frame.stage import Reporter
from hornbook.models.transformer import NO_TARGET, Phi
from hornbook.records import UserError
from hornbook.train import checkpoint, optim
from hornbook.train.parallel import Team, gathered, spread_like
from hornbook.train.sequences import Rows, Sequences, rows_of

BAD_STEPS = 16  # in a row without a finite gradient, after which training stops; fp16's scale needs a few to settle
HELD_OUT = 256  # sequences at most that each evaluation reads
SAY_EVERY_S = 30.0
# A spike: a loss so many standard deviations above the mean of the steps before it, at most so
# many, and no fewer.
SPIKE, SPIKE_STEPS, FEWEST = 6.0, 128, 32
# fp16 as in Micikevicius et al. 2018: the loss is multiplied so that small gradients survive;
# halved when one overflows, doubled after 2,000 steps without.
SCALE, SCALE_AFTER = 2.0**16, 2000

Precision = Literal["fp32", "bf16", "fp16"]


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
    precision: Precision = "fp32"
    muon: bool = False
    compile: bool = False
    seed: int = 0
    evaluate_every: int = 0
    checkpoint_every: int = 0
    snapshot_every: int = 0
    best: bool = False


@dataclass
class Progress:
    """Where a training stands; what of it is not a tensor."""

    step: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    best_step: int = -1
    best_loss: float | None = None
    skipped: int = 0  # steps without a finite gradient
    bad: int = 0  # of them in a row, up to now
    scale: float = SCALE  # of fp16's loss
    good: int = 0  # steps since the scale was changed


@dataclass
class Speed:
    """How fast this process went; differs from run to run, so it is kept out of checkpoints."""

    seconds: float = 0.0
    tokens: int = 0


class Loop:
    """One training. `run()` does what is left of it; `finish()` leaves the model with the weights that go on."""

    def __init__(
        self, model: Phi, data: Sequences, held_out: Sequences, how: Settings, folder: Path, team: Team,
        reporter: Reporter,
    ) -> None:  # fmt: skip
        self.model, self.data, self.held_out, self.how = model.to(team.device), data, held_out, how
        self.folder, self.team, self.reporter = folder, team, reporter
        self.at, self.speed, self.micro = Progress(), Speed(), how.micro_batch
        self.watch: Callable[[dict[str, Any]], None] = lambda row: None  # told of each step
        self.leave: Callable[[int, dict[str, Tensor]], None] = lambda step, weights: (
            None
        )  # given each snapshot
        if how.compile:
            self.model.quicken()
        self.loss, self.summing = team.losses(self.model)
        self.optimisers = optim.optimisers(
            model, how.lr, how.betas, how.eps, how.weight_decay, how.muon
        )

    def run(self) -> Progress:
        """Train to the last step. Ctrl-C and SIGTERM save a checkpoint first and raise KeyboardInterrupt.

        Raises UserError for gradients that stay not finite, and for memory that does not suffice.
        """
        self._resume()
        started = said = time.perf_counter()
        with _polite_stop() as asked:
            while self.at.step < self.how.steps:
                stop = self._step(asked())
                self.speed.seconds = time.perf_counter() - started
                self._after_step(stop)
                if time.perf_counter() - said > SAY_EVERY_S:
                    said = time.perf_counter()
                    self._say()
        return self.at

    def _step(self, stop: bool) -> bool:
        """One optimiser step over the whole batch; true if any process of the team was asked to stop."""
        how, team = self.how, self.team
        lr = optim.rate(
            self.at.step,
            how.lr,
            how.min_lr,
            how.warmup,
            how.schedule_steps or how.steps,
            how.schedule,
        )
        rows = rows_of(self.at.step, how.batch, len(self.data), how.seed)
        count = self.data.counted(rows)
        mine = np.array_split(rows, team.world)[team.rank]
        nats, stopped = team.sums(self._gradients(mine, max(1, count)), float(stop))
        norm = self._norm()
        finite = math.isfinite(nats) and math.isfinite(norm)
        if finite:
            self._update(lr, norm)
        self._after_gradients(finite)
        self.at.step += 1
        self.speed.tokens += rows.size * self.data.context
        if team.rank == 0:
            meter.count(tokens_in=rows.size * self.data.context)
        seen = (self.at.log[-1]["tokens"] if self.at.log else 0) + count
        facts = {
            "step": self.at.step,
            "loss": nats / max(1, count),
            "lr": lr,
            "grad_norm": norm,
            "tokens": seen,
        }
        self.at.log.append({**facts, "held_out_loss": None})
        self._remark(finite)
        return stopped > 0

    def _gradients(self, rows: Rows, count: int) -> float:
        """Sum the gradients of these sequences' mean loss over the team; returns this process's summed nats."""
        self.model.train()
        while True:
            self._seed()
            total = torch.zeros((), dtype=torch.float64, device=self.team.device)
            try:
                parts = np.array_split(rows, -(-len(rows) // self.micro))
                for at, part in enumerate(parts):
                    batch = self.data.batch(part, self.team.device)
                    with self.team.accumulating(self.summing, at + 1 == len(parts)):
                        with self._cast():
                            loss = self.loss(batch.ids, batch.targets, batch.documents)
                        # both ways of summing over a team give the mean over its processes
                        (loss * (self._scale() * self.team.world / count)).backward()  # type: ignore[no-untyped-call]
                    total += loss.detach()
                return float(total)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                self._smaller(error)

    def _smaller(self, error: BaseException) -> None:
        """After memory was exhausted: half the micro-batch, or a UserError where that is no way out."""
        if not exhausted(error):
            raise error
        half = self.micro // 2
        if not half:
            raise UserError(
                f"one sequence of {self.data.context} tokens does not fit in memory beside {self.model.shape}: use a "
                "smaller shape or context, or several devices with hold=shards"
            ) from error
        if self.team.world > 1:
            raise UserError(
                f"a micro-batch of {self.micro} does not fit in memory: micro_batch={half} may"
            ) from error
        self.reporter.say(
            f"a micro-batch of {self.micro} sequences does not fit in memory: going on with {half}"
        )
        self.micro = half
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        if self.team.device.startswith("cuda"):
            torch.cuda.empty_cache()

    def _seed(self) -> None:
        """Dropout's random state, from the seed, the step and the process alone."""
        name = f"{self.how.seed}/{self.at.step}/{self.team.rank}"
        torch.manual_seed(
            int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big")
        )

    def _scale(self) -> float:
        return self.at.scale if self.how.precision == "fp16" else 1.0

    def _norm(self) -> float:
        """The length of the whole gradient, as it is without fp16's scale."""
        grads = [p.grad for p in self.model.parameters() if p.grad is not None]
        return float(gathered(torch.nn.utils.get_total_norm(grads))) / self._scale()

    def _update(self, lr: float, norm: float) -> None:
        """Clip and step. Scale and clipping are one factor."""
        factor = 1 / self._scale() * min(1.0, (self.how.clip or math.inf) / (norm + 1e-6))
        if factor != 1.0:
            torch._foreach_mul_(
                [p.grad for p in self.model.parameters() if p.grad is not None], factor
            )
        for optimiser in self.optimisers:
            for group in optimiser.param_groups:
                group["lr"] = lr
            optimiser.step()

    def _after_gradients(self, finite: bool) -> None:
        """Count what was skipped, mind the scale, and stop where nothing is finite any more."""
        at = self.at
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        at.bad, at.good, at.skipped = (
            (0, at.good + 1, at.skipped) if finite else (at.bad + 1, 0, at.skipped + 1)
        )
        if not finite:
            at.scale /= 2
        elif at.good == SCALE_AFTER:
            at.scale, at.good = at.scale * 2, 0
        if at.bad >= BAD_STEPS:
            raise UserError(
                f"the gradient was not finite for {at.bad} steps, up to {at.step + 1}: try an lr below {self.how.lr}, "
                "a longer warmup, clip=1.0 or precision=fp32; the last checkpoint is from before"
            )

    def _remark(self, finite: bool) -> None:
        """Say what was odd about the step that was just logged."""
        last, clip = self.at.log[-1], self.how.clip
        if not finite:
            self.reporter.say(
                f"step {self.at.step} is skipped, its gradient is not finite: {self.at.skipped} so far"
            )
        elif spiked([row["loss"] for row in self.at.log[-SPIKE_STEPS - 1 :]]):
            what = (
                f"its gradient was clipped to a length of {clip:g}"
                if clip
                else "clip=1.0 would bound its gradient"
            )
            self.reporter.say(
                f"step {self.at.step} is a spike, with a loss of {last['loss']:.2f}: {what}"
            )

    def _after_step(self, stop: bool) -> None:
        """Evaluate and save when it is time."""
        how, at = self.how, self.at
        last = at.step == how.steps
        save = stop or last or _due(at.step, how.checkpoint_every)
        if len(self.held_out) and (last or _due(at.step, how.evaluate_every)):
            loss = at.log[-1]["held_out_loss"] = self.held_out_loss()
            if at.best_loss is None or loss < at.best_loss:
                at.best_loss, at.best_step = loss, at.step
                save = save or how.best
        self.watch(at.log[-1])
        if how.snapshot_every and (last or _due(at.step, how.snapshot_every)):
            self.leave(at.step, self._whole())
        if save:
            self._save()
        if stop and not last:
            raise KeyboardInterrupt
        self.reporter.advance()

    @torch.no_grad()
    def held_out_loss(self) -> float:
        """Nats a token over the held-out sequences, at most HELD_OUT of them."""
        self.model.eval()
        rows, team = np.arange(min(HELD_OUT, len(self.held_out))), self.team
        total, count = 0.0, 0
        # Every process must take part in every forward pass, so one without a share reads a row
        # that does not count.
        for part in np.array_split(rows, team.world * -(-len(rows) // (team.world * self.micro)))[
            team.rank :: team.world
        ]:
            batch = self.held_out.batch(part if len(part) else rows[:1], team.device)
            targets = batch.targets if len(part) else torch.full_like(batch.targets, NO_TARGET)
            with self._cast():
                total += float(self.model.loss(batch.ids, targets, batch.documents))
            count += self.held_out.counted(part)
        nats, counted = team.sums(total, count)
        return nats / max(1, counted)

    def _cast(self) -> contextlib.AbstractContextManager[Any]:
        if self.how.precision == "fp32":
            return contextlib.nullcontext()
        dtype = torch.bfloat16 if self.how.precision == "bf16" else torch.float16
        return torch.autocast(self.team.device.split(":")[0], dtype)

    def _say(self) -> None:
        last = self.at.log[-1]
        self.reporter.say(
            f"step {self.at.step}: loss {last['loss']:.3f}, {self.speed.tokens / self.speed.seconds:,.0f} tokens/s"
        )

    def _whole(self) -> dict[str, Tensor]:
        return {name: gathered(tensor) for name, tensor in self.model.state_dict().items()}

    def _save(self) -> None:
        tensors = {f"model.{name}": tensor for name, tensor in self._whole().items()}
        tensors |= {
            f"optim.{name}": tensor for name, tensor in optim.state(self.optimisers).items()
        }
        if self.team.rank == 0:
            checkpoint.save(
                self.folder, self.at.step, tensors, {**vars(self.at), "micro": self.micro}
            )
        self.team.wait()

    def _resume(self) -> None:
        found = checkpoint.newest(self.folder, self.reporter.say) if self.team.rank == 0 else None
        self.team.wait()  # the others look after the damaged ones are gone
        found = found if self.team.rank == 0 else checkpoint.newest(self.folder, lambda said: None)
        if found is None:
            return
        self._put(found.under("model."))
        optim.restore(self.optimisers, found.under("optim."))
        self.micro = min(self.micro, int(found.facts["micro"]))
        self.at = Progress(**{name: found.facts[name] for name in vars(self.at)})
        self.reporter.advance(self.at.step)

    def _put(self, whole: dict[str, Tensor]) -> None:
        mine = self.model.state_dict()
        self.model.load_state_dict({name: spread_like(whole[name], mine[name]) for name in mine})

    def finish(self) -> dict[str, Tensor]:
        """The weights that go on: the best of the held-out loss if asked for, else the last."""
        if self.how.best and 0 < self.at.best_step < self.at.step:
            found = checkpoint.read(checkpoint.place_of(self.folder, self.at.best_step))
            if found is None:
                raise UserError(
                    f"the best checkpoint, {checkpoint.place_of(self.folder, self.at.best_step)}, is damaged: give the "
                    "same command again, and training goes on from the one before it"
                )
            return found.under("model.")
        return self._whole()


def exhausted(error: BaseException) -> bool:
    """Whether this is what a GPU, numpy or torch's allocator on a CPU raises where memory does not suffice."""
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "allocate memory" in str(
        error
    )


def spiked(losses: Sequence[float]) -> bool:
    """Whether the last loss stands out of those before it; what is not finite does not count.

    >>> spiked([2.0, 2.1] * 20 + [3.0]), spiked([2.0, 2.1] * 20 + [2.2]), spiked([2.0, 3.0])
    (True, False, False)
    """
    before = np.array([loss for loss in losses[:-1] if math.isfinite(loss)])
    if len(before) < FEWEST:
        return False
    return bool(losses[-1] > before.mean() + SPIKE * max(before.std(), 0.01 * before.mean()))


def _due(step: int, every: int) -> bool:
    return every > 0 and step % every == 0


@contextlib.contextmanager
def _polite_stop() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM are noted and answered after the step; a second one is answered at once."""
    noted: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def note(number: int, frame: object) -> None:
        if noted:
            raise KeyboardInterrupt
        noted.append(number)

    before: Sequence[Any] = [signal.signal(each, note) for each in (signal.SIGINT, signal.SIGTERM)]
    try:
        yield lambda: bool(noted)
    finally:
        for each, handler in zip((signal.SIGINT, signal.SIGTERM), before, strict=True):
            signal.signal(each, handler)
