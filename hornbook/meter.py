"""What work costs: seconds, processor time, tokens, requests, money, energy and peak memory, per stage.

In: `measure()` around a piece of work, `count(...)` from whoever spends. Out: a Usage, which adds
up. Energy is read from RAPL (Linux powercap) or NVML where they are readable, else estimated from
processor seconds;
`energy_from` says which. Not covered: other machines' energy behind an HTTP teacher.
"""

from __future__ import annotations

import contextlib
import dataclasses
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# A server core under load, with its share of memory and cooling. Estimate: 2 cores of a 250 W,
# 32-core socket are 16 W, and a power usage effectiveness of 1.25 gives 10 W a core. Printed as an
# estimate wherever it is used.
WATTS_PER_CORE = 10.0
RAPL = Path("/sys/class/powercap")


@dataclass
class Usage:
    """What a piece of work cost. Tokens are a language model's; money is in the price table's currency."""

    seconds: float = 0.0
    cpu_s: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    requests: int = 0
    money: float = 0.0
    kwh: float = 0.0
    peak_mb: float = 0.0
    energy_from: str = "estimate"

    def __add__(self, other: Usage) -> Usage:
        added = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in dataclasses.fields(self)
            if f.type != "str"
        }
        added["peak_mb"] = max(self.peak_mb, other.peak_mb)
        measured = {
            self.energy_from if self.kwh else other.energy_from,
            other.energy_from if other.kwh else self.energy_from,
        }
        return Usage(**added, energy_from=measured.pop() if len(measured) == 1 else "mixed")


_active_usages: list[Usage] = []


def add_usage(
    tokens_in: int = 0, tokens_out: int = 0, requests: int = 0, money: float = 0.0
) -> None:
    """Add to the innermost `measure()` of this process; nothing happens outside one."""
    if _active_usages:
        usage = _active_usages[-1]
        usage.tokens_in += tokens_in
        usage.tokens_out += tokens_out
        usage.requests += requests
        usage.money += money


@contextlib.contextmanager
def measure_usage() -> Iterator[Usage]:
    """Measure the block: wall and processor time of this process and its waited-for children, memory, energy."""
    usage = Usage()
    if not _active_usages:
        _reset_peak_memory()
    started, cpu, joules = time.perf_counter(), _cpu_seconds(), _read_rapl_joules()
    _active_usages.append(usage)
    try:
        yield usage
    finally:
        _active_usages.remove(usage)
        usage.seconds = time.perf_counter() - started
        usage.cpu_s = _cpu_seconds() - cpu
        usage.peak_mb = _peak_memory_mb()
        after = _read_rapl_joules()
        if joules is not None and after is not None and after >= joules:
            usage.kwh, usage.energy_from = (after - joules) / 3.6e6, "RAPL"
        else:
            usage.kwh = usage.cpu_s * WATTS_PER_CORE / 3.6e6


def _reset_peak_memory() -> None:
    """Let the kernel's high-water mark fall to what is in use now, so that each stage has a peak of its own."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory_mb() -> float:
    """The high-water mark of resident memory; where there is no /proc, that of the process's whole life."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (
        1024 if sys.platform != "darwin" else 2**20
    )


def _cpu_seconds() -> float:
    mine, children = (
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    )
    return mine.ru_utime + mine.ru_stime + children.ru_utime + children.ru_stime


def _read_rapl_joules() -> float | None:
    """The packages' energy counters, or None where there are none or they are closed to this user."""
    try:
        return (
            sum(int(file.read_text()) for file in RAPL.glob("intel-rapl:?/energy_uj")) / 1e6 or None
        )
    except OSError:
        return None
