"""The price of a training beforehand: operations, hours, memory and energy, per machine.

In: a shape, tokens, a batch. Out: a Cost. Checked against the paper: phi-1-base saw 51B tokens in
770 A100-hours (Figure 2.1), which is what 49 % of an A100's 312 TFLOP/s give; and against measured
peak memory here (tests).
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hornbook.meter import WATTS_PER_CORE
from hornbook.models.device import fast_dtype
from hornbook.models.shape import Shape
from hornbook.records import UserError

if TYPE_CHECKING:
    from torch import Tensor

CPU_MICRO_BATCH_TOKENS = 4096  # of a micro-batch on a CPU: more is no faster, and takes memory
GPU_MICRO_BATCH_TOKENS = 65_536  # of a micro-batch on a GPU: its kernels are full long before
CPU_UTILISATION = 0.6  # of a plain product's speed on 2 cores: benchmarks/train.py


@dataclass(frozen=True)
class Hardware:
    """A machine: half-precision peak in FLOP/s, the share that training reaches, watts."""

    name: str
    peak_flops: float
    utilisation: float
    watts: float
    is_gpu: bool = True


# Peaks: dense bf16 of the vendors' data sheets. Shares: A100 by the paper's own hours; H100
# measured at phi-1's shape (benchmarks/gpu.py; phi-1-small reaches 0.38), H200 has the same
# processor; the others are estimates.
HARDWARE = {
    "a100": Hardware("A100", 312e12, 0.49, 500),
    "h100": Hardware("H100", 989e12, 0.46, 850),
    "h200": Hardware("H200", 989e12, 0.46, 850),
    "b200": Hardware("B200", 2250e12, 0.35, 1200),
    "l40s": Hardware("L40S", 362e12, 0.40, 420),
    "l4": Hardware("L4", 121e12, 0.40, 90),
    "rtx4090": Hardware("RTX 4090", 165e12, 0.45, 540),
}


@dataclass(frozen=True)
class Cost:
    """Operations, hours on one such device, GB of memory, kWh."""

    flops: float
    hours: float
    memory_gb: float
    kwh: float


def flops_per_token(shape: Shape, context: int) -> float:
    """FLOPs of one token, forward and backward: 6 per weight of a product, and attention.

    The embedding is looked up and not multiplied. Attention: 2 products of context x width each
    way, half of it masked.
    """
    matrices = shape.count_parameters() - shape.vocab * shape.width
    return 6.0 * matrices + 6.0 * shape.layers * context * shape.width


def estimate_memory_gb(
    shape: Shape, micro_batch: int, context: int, half_precision: bool, is_gpu: bool = False
) -> float:
    """Peak memory of a step: 16 bytes per weight (gradients and moments included), activations."""
    # Measured: buffers of the kernels; on a CPU what the allocator cannot use again, and oneDNN's
    # copies in its order.
    kernel_bytes = 1.6e8 if half_precision else 9e7
    if is_gpu:
        kernel_bytes = 3e7
    # In half precision there is a copy of the weights as well.
    weight_bytes = (18.0 if half_precision else 16.0) * shape.count_parameters()
    return (
        weight_bytes
        + micro_batch * estimate_sequence_bytes(shape, context, half_precision, is_gpu)
        + kernel_bytes
    ) / 1e9


def estimate_sequence_bytes(
    shape: Shape, context: int, half_precision: bool, is_gpu: bool = False
) -> float:
    """What the backward pass keeps of one sequence.

    A block keeps, in widths a token: its input and norm (2), q, k, v and fc1 (7), the rotated q, k,
    v (3), gelu (4), attention (1), both branches (2); and once more for the block whose gradients
    are being taken. The head adds 4. Within 10% of the measured peak (benchmarks/train.py prints
    both).
    """
    from hornbook.models.attention import MAX_BLOCKED_CONTEXT, QUERY_BLOCK

    bytes_per_number = 2 if half_precision else 4
    total = context * shape.width * (19.0 * (shape.layers + 1) * bytes_per_number + 4.0 * 4)
    if not is_gpu and context <= MAX_BLOCKED_CONTEXT:  # attention in blocks keeps its probabilities
        total += (
            bytes_per_number * shape.layers * shape.heads * context * (context + QUERY_BLOCK) / 2
        )
    return total


def choose_micro_batch(shape: Shape, device_name: str, half_precision: bool) -> int:
    """Sequences at once: on a GPU a power of two in 0.8 of its memory; on a CPU by its caches."""
    if not device_name.startswith("cuda"):
        return max(1, CPU_MICRO_BATCH_TOKENS // shape.context)
    import torch

    total = (
        torch.cuda.get_device_properties(device_name).total_memory
        if torch.cuda.is_available()
        else 80e9
    )
    room = 0.8 * total - 18.0 * shape.count_parameters()
    fitting = min(
        GPU_MICRO_BATCH_TOKENS // shape.context,
        int(room // estimate_sequence_bytes(shape, shape.context, half_precision, is_gpu=True)),
    )
    return 1 << max(0, fitting.bit_length() - 1)


def estimate_cost(
    shape: Shape,
    tokens: float,
    context: int,
    micro_batch: int,
    hardware: Hardware,
    half_precision: bool = True,
) -> Cost:
    """What `tokens` seen cost on one device."""
    flops = flops_per_token(shape, context) * tokens
    hours = flops / (hardware.peak_flops * hardware.utilisation) / 3600
    memory = estimate_memory_gb(shape, micro_batch, context, half_precision, hardware.is_gpu)
    return Cost(flops, hours, memory, hours * hardware.watts / 1000)


def find_hardware(device_name: str) -> Hardware:
    """The hardware of this name, the GPU here, or this processor, timed by a product."""
    if device_name in HARDWARE:
        return HARDWARE[device_name]
    if device_name.partition(":")[0] not in ("cpu", "cuda"):
        raise UserError(
            f"no hardware is named {device_name!r}: use cpu, cuda, or plan for "
            f"{', '.join(HARDWARE)}"
        )
    import torch

    if device_name.startswith("cuda"):
        name = torch.cuda.get_device_name(device_name).lower() if torch.cuda.is_available() else ""
        return next(
            (hardware for key, hardware in HARDWARE.items() if key in name), HARDWARE["a100"]
        )
    matrix = torch.randn(1024, 1024).to(fast_dtype(device_name))
    seconds = min(_time_product(matrix) for _ in range(4))
    return Hardware(
        "this processor",
        2 * 1024**3 / seconds,
        CPU_UTILISATION,
        WATTS_PER_CORE * torch.get_num_threads(),
        is_gpu=False,
    )


def _time_product(matrix: Tensor) -> float:
    started = time.perf_counter()
    _ = matrix @ matrix
    return time.perf_counter() - started
