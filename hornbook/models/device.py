"""Where tensors live, in which precision they are fast there, and what a CPU's libraries are told about this work.

In: a device's name, or nothing. Out: the device and the precision for inference, asked of the
machine. bf16 multiplies ten times faster than fp32 on a CPU with AMX, and ten times slower on one
without (8 against 53 GFLOP/s on 2 cores with AVX2 only).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from hornbook.records import UserError

if TYPE_CHECKING:
    import torch


def pick_device(name: str | None = None) -> str:
    """The named device, or the GPU if there is one, or the CPU. Raises UserError for one that is not here."""
    import torch

    gpu_count = torch.cuda.device_count()
    names = ["cpu", *(["cuda"] if gpu_count else []), *(f"cuda:{i}" for i in range(gpu_count))]
    if name and name not in names:
        raise UserError(f"there is no device {name!r} here: {', '.join(names)}")
    return name or ("cuda" if gpu_count else "cpu")


def fast_dtype(device: str) -> torch.dtype:
    """bf16 where this device multiplies it in hardware, else fp32."""
    import torch

    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return (
        torch.bfloat16
        if "amx_bf16" in read_cpu_flags() or "avx512_bf16" in read_cpu_flags()
        else torch.float32
    )


def read_cpu_flags() -> frozenset[str]:
    """What the processor says that it can do; empty where /proc/cpuinfo is absent (macOS)."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return frozenset(next((line for line in file if line.startswith("flags")), "").split())
    except OSError:
        return frozenset()


# What libraries read once, as they are loaded. OpenMP's threads wait for work by spinning for 50
# microseconds, not for 14 ms: between two of torch's operations ours run on threads of their own
# (kernels.py), and two cores have no third for a thread that spins: a training step took 2.8 s of
# CPU time with the default and 2.1 s with this. cuBLAS works in buffers of one size, without which
# its sums are not the same twice.
ENVIRONMENT = {"GOMP_SPINCOUNT": "1000", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


def set_library_environment() -> None:
    """Before torch is imported: set what `ENVIRONMENT` names, where nobody has."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def deterministic_sums(device: str) -> Iterator[None]:
    """Within: a GPU sums in one order and not in that in which its threads arrive, so that a resume is exact.

    An operation that has no such form raises RuntimeError: a warning would be too little, because
    with `warn_only` torch 2.11 leaves attention's derivative as it is (on an H100 no two were
    equal).
    """
    if not device.startswith("cuda"):
        yield
        return
    import torch

    set_library_environment()
    settings: Any = torch.utils.deterministic
    previous = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    settings.fill_uninitialized_memory = False  # no memory is read here before it is written
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(previous[0])
        settings.fill_uninitialized_memory = previous[1]


MMAP_MAX, TRIM_THRESHOLD = -4, -1  # mallopt's numbers, from malloc.h


@contextlib.contextmanager
def keep_freed_memory(device: str) -> Iterator[None]:
    """Within: what a CPU's tensors leave is kept for the next ones; it goes back to the system at the end.

    glibc gives large blocks back at once, and the kernel hands them out again page by page, each of
    which costs 2 to 4 microseconds under a hypervisor: 120,000 pages and 0.27 s a training step at
    17M parameters, 0.01 s with this.
    """
    libc = ctypes.CDLL(None)
    if not device.startswith("cpu") or not hasattr(libc, "mallopt"):  # macOS, musl
        yield
        return
    libc.mallopt(MMAP_MAX, 0)
    libc.mallopt(TRIM_THRESHOLD, -1)
    try:
        yield
    finally:
        libc.mallopt(MMAP_MAX, 1 << 16)
        libc.mallopt(TRIM_THRESHOLD, 128 << 10)
        libc.malloc_trim(0)
