"""Where tensors live and in which precision they are fast there: asked of the machine, never assumed.

In: a device's name, or nothing. Out: the device and the precision for inference. bf16 multiplies ten times faster
than fp32 on a CPU with AMX, and ten times slower on one without (8 against 53 GFLOP/s on 2 cores with AVX2 only).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def pick(name: str | None = None) -> str:
    """The named device, or the GPU if there is one, or the CPU."""
    import torch

    return name or ("cuda" if torch.cuda.is_available() else "cpu")


def fast_dtype(device: str) -> torch.dtype:
    """bf16 where this device multiplies it in hardware, else fp32."""
    import torch

    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return torch.bfloat16 if "amx_bf16" in cpu_flags() or "avx512_bf16" in cpu_flags() else torch.float32


def cpu_flags() -> frozenset[str]:
    """What the processor says that it can do; empty where /proc/cpuinfo is absent (macOS)."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return frozenset(next((line for line in file if line.startswith("flags")), "").split())
    except OSError:
        return frozenset()
