"""Devices, the precision that is fast on them, and settings of the libraries below torch.

In: a device's name, or nothing. Out: the device, the precision for inference, and contexts for
deterministic sums and for memory. bf16 products are ten times faster than fp32 on a CPU with AMX,
and slower on one without (8 against 53 GFLOP/s on 2 cores with AVX2 only). Not covered: MPS, XPU.
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
    """The named device; without a name the GPU if there is one, else the CPU.

    Raises UserError for a device that this machine does not have.
    """
    import torch

    gpu_count = torch.cuda.device_count()
    names = ["cpu", *(["cuda"] if gpu_count else []), *(f"cuda:{i}" for i in range(gpu_count))]
    if name and name not in names:
        raise UserError(f"there is no device {name!r} here: {', '.join(names)}")
    return name or ("cuda" if gpu_count else "cpu")


def fast_dtype(device: str) -> torch.dtype:
    """bf16 if this device multiplies it in hardware, else fp32."""
    import torch

    if device.startswith("cuda"):
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    has_bf16 = bool(read_cpu_flags() & {"amx_bf16", "avx512_bf16"})
    return torch.bfloat16 if has_bf16 else torch.float32


def read_cpu_flags() -> frozenset[str]:
    """The processor's features by Linux's names; empty without /proc/cpuinfo (macOS)."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return frozenset(next((line for line in file if line.startswith("flags")), "").split())
    except OSError:
        return frozenset()


# Libraries read these once, when they are loaded.
# GOMP_SPINCOUNT: OpenMP's threads wait for work by spinning for 50 microseconds, not for 14 ms. Our
# kernels run on threads of their own between torch's operations (jit/bf16.py), and two cores have
# no third one for a spinning thread: a training step took 2.8 s of CPU time with the default and
# 2.1 s with this.
# CUBLAS_WORKSPACE_CONFIG: buffers of one size; without it cuBLAS's sums differ between runs.
ENVIRONMENT = {"GOMP_SPINCOUNT": "1000", "CUBLAS_WORKSPACE_CONFIG": ":4096:8"}


def set_library_environment() -> None:
    """Set the variables of ENVIRONMENT that are not set; call it before torch is imported."""
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)


@contextlib.contextmanager
def deterministic_sums(device: str) -> Iterator[None]:
    """Make a GPU's sums deterministic inside this context, so that a resume is exact.

    An operation that has no deterministic form raises RuntimeError. A warning is not enough: with
    `warn_only` torch 2.11 leaves attention's derivative nondeterministic (on an H100 no two runs
    were equal).
    """
    if not device.startswith("cuda"):
        yield
        return
    import torch

    set_library_environment()
    settings: Any = torch.utils.deterministic
    previous = torch.are_deterministic_algorithms_enabled(), settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True)
    # The default fills each new tensor, which costs time; nothing here reads memory unwritten.
    settings.fill_uninitialized_memory = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(previous[0])
        settings.fill_uninitialized_memory = previous[1]


MMAP_MAX, TRIM_THRESHOLD = -4, -1  # mallopt's parameters, from malloc.h


@contextlib.contextmanager
def keep_freed_memory(device: str) -> Iterator[None]:
    """Keep the memory of freed CPU tensors for the next ones, inside this context.

    By default glibc returns large blocks to the system at once, and the kernel hands them out again
    page by page; a page costs 2 to 4 microseconds under a hypervisor. At 17M parameters that was
    120,000 pages and 0.27 s per training step, and 0.01 s with this.
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
