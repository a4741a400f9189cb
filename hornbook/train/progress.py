"""Settings, progress and speed of one training.

In: nothing but values. Out: dataclasses that loop.py reads and writes. TrainingProgress is part of
each checkpoint: renaming one of its fields makes older checkpoints unreadable.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from hornbook.train import optim

# Loss scaling for fp16, after Micikevicius et al. 2018 (arXiv 1710.03740): the loss is multiplied
# so that small gradients do not underflow; the scale is halved after an overflow and doubled after
# 2,000 steps without one.
INITIAL_LOSS_SCALE, STEPS_BEFORE_SCALE_UP = 2.0**16, 2000

Precision = Literal["fp32", "bf16", "fp16"]


@dataclass(frozen=True)
class LoopSettings:
    """Settings of the training loop. The names are those of the Train stage."""

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
class TrainingProgress:
    """Everything that a resume needs and that is not a tensor."""

    step: int = 0
    log: list[dict[str, Any]] = field(default_factory=list)
    best_step: int = -1
    best_loss: float | None = None
    # Steps without a finite gradient: in all, and in a row up to now.
    skipped: int = 0
    bad: int = 0
    # Loss scale of fp16, and the steps since it changed.
    scale: float = INITIAL_LOSS_SCALE
    good: int = 0


@dataclass
class TrainingSpeed:
    """Speed of this process. It differs between runs, so it is not part of a checkpoint."""

    seconds: float = 0.0
    tokens: int = 0
