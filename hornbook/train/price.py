"""What a training will cost, before it is paid: floating-point operations, hours, memory, energy, per machine.

In: a shape, tokens, a batch. Out: a Cost. Checked against the paper: phi-1-base saw 51B tokens in 770 A100-hours
(Figure 2.1), which is what 49 % of an A100's 312 TFLOP/s give; and against measured peak memory here (tests).
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from hornbook.shape import Shape


@dataclass(frozen=True)
class Hardware:
    """A machine: half-precision peak in FLOP/s, the share of it that training reaches, and watts with cooling."""

    name: str
    peak: float
    reached: float
    watts: float


# Peaks: dense bf16 of the vendors' data sheets. Shares: A100 by the paper's own hours; H100 and H200 are lower, as
# published trainings of small models reach; estimates until measured.
HARDWARE = {
    "a100": Hardware("A100", 312e12, 0.49, 500),
    "h100": Hardware("H100", 989e12, 0.40, 850),
    "h200": Hardware("H200", 989e12, 0.40, 850),
}


@dataclass(frozen=True)
class Cost:
    """Operations, hours on one such device, GB of memory, kWh."""

    flops: float
    hours: float
    memory_gb: float
    kwh: float


def flops_per_token(shape: Shape, context: int) -> float:
    """Of one token, forward and backward: 6 for each weight of a matrix product, and attention's own products.

    The embedding is looked up and not multiplied. Attention: 2 products of context x width each way, half of it masked.
    """
    matrices = shape.parameters() - shape.vocab * shape.width
    return 6.0 * matrices + 6.0 * shape.layers * context * shape.width


def memory_gb(shape: Shape, micro_batch: int, context: int, half: bool) -> float:
    """Weights, gradients, both moments (16 bytes a weight), and what the backward pass keeps of a micro-batch."""
    weights = 16.0 * shape.parameters()
    # A block keeps about 26 numbers a token and channel: its input, norm, q, k, v, fc1 and gelu (4 wide each), fc2's
    # input, and both outputs (measured: benchmarks/train.py prints the peak beside this).
    activations = 26.0 * (2 if half else 4) * shape.layers * micro_batch * context * shape.width
    return (weights + activations) / 1e9


def cost(shape: Shape, tokens: float, context: int, micro_batch: int, hardware: Hardware, half: bool = True) -> Cost:
    """What `tokens` seen cost on one device."""
    flops = flops_per_token(shape, context) * tokens
    hours = flops / (hardware.peak * hardware.reached) / 3600
    return Cost(flops, hours, memory_gb(shape, micro_batch, context, half), hours * hardware.watts / 1000)


def this_machine() -> Hardware:
    """The machine that is asked: a GPU by its name, else the processor, by a product that takes a few milliseconds."""
    import torch

    if torch.cuda.is_available():
        name = torch.cuda.get_device_name().lower()
        return next((known for key, known in HARDWARE.items() if key in name), HARDWARE["a100"])
    from hornbook.device import fast_dtype
    from hornbook.meter import WATTS_PER_CORE

    a = torch.randn(1024, 1024).to(fast_dtype("cpu"))
    best = min(_seconds(a) for _ in range(4))
    # Training reaches about 0.6 of a plain product's speed on 2 cores (benchmarks/train.py).
    return Hardware("this processor", 2 * 1024**3 / best, 0.6, WATTS_PER_CORE * torch.get_num_threads())


def _seconds(a: object) -> float:
    started = time.perf_counter()
    _ = a @ a  # type: ignore[operator]
    return time.perf_counter() - started
