"""Measure what a stage costs: time, tokens, requests, money, energy and peak memory.

In: `measure_usage()` around a piece of work, `add_usage(...)` where tokens or money are spent. Out:
a Usage; usages can be added. Energy is read from RAPL (Linux powercap) where it is readable, else
estimated from CPU seconds; `energy_from` says which.

Not covered: the energy of a GPU, and of other machines behind an HTTP teacher.
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
JOULES_PER_KWH = 3.6e6
RAPL = Path("/sys/class/powercap")


@dataclass
class Usage:
    """What a piece of work cost.

    Attributes:
        seconds: wall-clock time.
        cpu_s: CPU time of this process and the children that it has waited for.
        tokens_in: tokens that language models read.
        tokens_out: tokens that language models wrote.
        requests: requests to language models.
        money: in the currency of the price table.
        kwh: energy.
        peak_mb: largest resident memory of this process.
        energy_from: "RAPL", "estimate", or "mixed" for a sum of both.
    """

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
        """The sum; the peak of memory is the larger one."""
        # `f.type` is a string under postponed annotations.
        sums = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in dataclasses.fields(self)
            if f.type != "str"
        }
        sums["peak_mb"] = max(self.peak_mb, other.peak_mb)
        # A usage without energy does not count as a second source.
        sources = {usage.energy_from for usage in (self, other) if usage.kwh}
        energy_from = "mixed" if len(sources) > 1 else (sources or {self.energy_from}).pop()
        return Usage(**sums, energy_from=energy_from)


_active_usages: list[Usage] = []


def add_usage(
    tokens_in: int = 0, tokens_out: int = 0, requests: int = 0, money: float = 0.0
) -> None:
    """Add to the innermost `measure_usage()` of this process. Outside of one, do nothing."""
    if _active_usages:
        usage = _active_usages[-1]
        usage.tokens_in += tokens_in
        usage.tokens_out += tokens_out
        usage.requests += requests
        usage.money += money


@contextlib.contextmanager
def measure_usage() -> Iterator[Usage]:
    """Measure the block. The Usage is complete when the block has ended.

    >>> with measure_usage() as usage:
    ...     add_usage(tokens_in=3)
    >>> usage.tokens_in, usage.seconds > 0
    (3, True)
    """
    usage = Usage()
    # Only the outermost block resets the peak: an inner one would hide its part from the outer one.
    if not _active_usages:
        _reset_peak_memory()
    started, cpu, joules = time.perf_counter(), _cpu_seconds(), _read_rapl_joules()
    _active_usages.append(usage)
    try:
        yield usage
    finally:
        # By identity: list.remove would take the first usage with equal numbers.
        _active_usages[:] = [active for active in _active_usages if active is not usage]
        usage.seconds = time.perf_counter() - started
        usage.cpu_s = _cpu_seconds() - cpu
        usage.peak_mb = _peak_memory_mb()
        joules_after = _read_rapl_joules()
        # The counter wraps around; the energy of such a block is estimated.
        if joules is not None and joules_after is not None and joules_after >= joules:
            usage.kwh, usage.energy_from = (joules_after - joules) / JOULES_PER_KWH, "RAPL"
        else:
            usage.kwh = usage.cpu_s * WATTS_PER_CORE / JOULES_PER_KWH


def _reset_peak_memory() -> None:
    """Reset the kernel's peak of resident memory, so that each stage has its own."""
    # proc(5): writing 5 to clear_refs resets VmHWM. Containers may refuse it.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory_mb() -> float:
    """The peak of resident memory; without /proc, that since the process started."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    # ru_maxrss is in KiB on Linux and in bytes on macOS.
    units_per_mb = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / units_per_mb


def _cpu_seconds() -> float:
    """CPU time of this process and of the children that it has waited for."""
    own = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def _read_rapl_joules() -> float | None:
    """The sum of the packages' energy counters; None where there are none or they are unreadable.

    Since Linux 5.10 only root may read them (CVE-2020-8694).
    """
    try:
        counters = [int(file.read_text()) for file in RAPL.glob("intel-rapl:?/energy_uj")]
    except OSError:
        return None
    return sum(counters) / 1e6 or None
