"""Measure what work costs: seconds, CPU time, tokens, requests, money, energy and peak memory.

In: `measure_usage()` around a piece of work in any process, `add_usage(...)` by whoever spends
tokens or money, `measure_energy()` around a whole stage in the parent process. Out: a Usage, which
adds up over shards and interruptions.

Energy counters belong to the machine, not to a process: with four workers that each read them, the
same joules would be counted four times (mlco2/codecarbon, issues 950 and 1274). So workers estimate
from CPU time, and the parent reads the counters once per stage: RAPL for processors and memory,
NVML for GPUs. `energy_from` says which.

Not covered: what else runs on the machine meanwhile (it is in the counters too), and the machines
behind a hosted teacher.
"""

from __future__ import annotations

import contextlib
import dataclasses
import resource
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

# A server core under load, with its share of memory and cooling. Estimate: 2 cores of a 250 W,
# 32-core socket are 16 W, and a power usage effectiveness of 1.25 gives 10 W a core. Printed as an
# estimate wherever it is used.
WATTS_PER_CORE = 10.0
JOULES_PER_KWH = 3.6e6
RAPL = Path("/sys/class/powercap")
# RAPL counters wrap at `max_energy_range_uj`, 262 kJ on current processors: 14 minutes at 300 W.
SAMPLE_INTERVAL_S = 60.0
ESTIMATE = "estimate"


@dataclass
class Usage:
    """What a piece of work cost.

    Attributes:
        seconds: wall-clock time.
        cpu_s: CPU time of this process and its ended children.
        tokens_in: tokens that language models read.
        tokens_out: tokens that language models wrote.
        requests: requests to language models.
        money: in the currency of the prices.
        kwh: energy.
        peak_mb: largest resident memory.
        energy_from: the source of `kwh`: "RAPL", "NVML", "estimate", a sum such as
            "NVML + estimate", or "mixed" where two usages with different sources were added.
    """

    seconds: float = 0.0
    cpu_s: float = 0.0
    tokens_in: int = 0
    tokens_out: int = 0
    requests: int = 0
    money: float = 0.0
    kwh: float = 0.0
    peak_mb: float = 0.0
    energy_from: str = ESTIMATE

    def __add__(self, other: Usage) -> Usage:
        """Add costs; peak memory is the larger one. Energy of two sources is called "mixed"."""
        total = {
            f.name: getattr(self, f.name) + getattr(other, f.name)
            for f in dataclasses.fields(self)
            if f.type != "str"
        }
        total["peak_mb"] = max(self.peak_mb, other.peak_mb)
        sources = {usage.energy_from for usage in (self, other) if usage.kwh}
        sources = sources or {self.energy_from}
        return Usage(**total, energy_from=sources.pop() if len(sources) == 1 else "mixed")


_active_usages: list[Usage] = []


def add_usage(
    tokens_in: int = 0, tokens_out: int = 0, requests: int = 0, money: float = 0.0
) -> None:
    """Add to the innermost `measure_usage()` of this process; nothing happens outside one."""
    if _active_usages:
        usage = _active_usages[-1]
        usage.tokens_in += tokens_in
        usage.tokens_out += tokens_out
        usage.requests += requests
        usage.money += money


@contextlib.contextmanager
def measure_usage() -> Iterator[Usage]:
    """Measure a block: wall time, CPU time of this process and its ended children, peak memory.

    Energy is an estimate from CPU time; see `measure_energy` for the counters.
    """
    usage = Usage()
    # Only the outermost block resets the peak: an inner one would hide its part from the outer one.
    if not _active_usages:
        _reset_peak_memory()
    wall_start, cpu_start = time.perf_counter(), _cpu_seconds()
    _active_usages.append(usage)
    try:
        yield usage
    finally:
        # By identity: list.remove would take the first usage with equal numbers, the outer one.
        _active_usages[:] = [active for active in _active_usages if active is not usage]
        usage.seconds = time.perf_counter() - wall_start
        usage.cpu_s = _cpu_seconds() - cpu_start
        usage.peak_mb = _peak_memory_mb()
        usage.kwh = usage.cpu_s * WATTS_PER_CORE / JOULES_PER_KWH


@dataclass
class EnergyReading:
    """Joules by source ("RAPL", "NVML") since the block began; empty if no counter is readable."""

    joules: dict[str, float] = field(default_factory=dict)

    def apply_to(self, usage: Usage) -> None:
        """Replace a stage's estimate by what the counters say.

        Where only GPUs have counters, the processors' estimate stays and is added.
        """
        if not self.joules:
            return
        kwh = sum(self.joules.values()) / JOULES_PER_KWH
        sources = sorted(self.joules, reverse=True)
        if "RAPL" not in self.joules:
            kwh += usage.kwh
            sources.append(ESTIMATE)
        usage.kwh, usage.energy_from = kwh, " + ".join(sources)


@contextlib.contextmanager
def measure_energy() -> Iterator[EnergyReading]:
    """Read the machine's energy counters around a block, and once a minute within it.

    Call it in one process only. The reading is complete when the block has ended.
    """
    reading = EnergyReading()
    counters = _EnergyCounters()
    has_ended = threading.Event()

    def sample() -> None:
        while not has_ended.wait(SAMPLE_INTERVAL_S):
            counters.read_counters()

    sampler = threading.Thread(target=sample, daemon=True)
    if counters.are_readable:
        sampler.start()
    try:
        yield reading
    finally:
        has_ended.set()
        if counters.are_readable:
            sampler.join()
            counters.read_counters()
        reading.joules.update(counters.joules)


class _EnergyCounters:
    """Adds up how far the counters of RAPL and NVML have risen, across wraps."""

    def __init__(self) -> None:
        self.joules: dict[str, float] = {}
        self._rapl_ranges = _find_rapl_ranges()
        self._last_rapl = _read_rapl(self._rapl_ranges)
        self._last_nvml = _read_nvml()
        self.are_readable = bool(self._last_rapl or self._last_nvml)

    def read_counters(self) -> None:
        # A counter that cannot be read this time keeps its last value until the next.
        for file, joules in _read_rapl(self._rapl_ranges).items():
            rise = joules - self._last_rapl.get(file, joules)
            self._add("RAPL", rise if rise >= 0 else rise + self._rapl_ranges[file])
            self._last_rapl[file] = joules
        for gpu, joules in _read_nvml().items():
            self._add("NVML", max(0.0, joules - self._last_nvml.get(gpu, joules)))
            self._last_nvml[gpu] = joules

    def _add(self, source: str, joules: float) -> None:
        self.joules[source] = self.joules.get(source, 0.0) + joules


def _find_rapl_ranges() -> dict[Path, float]:
    """Each RAPL counter to add up, with the joules at which it wraps.

    Packages and memory (`dram`) are added. `psys` counts the packages again, so it is read only
    where there is no package; `core` and `uncore` are parts of a package.
    """
    ranges: dict[Path, float] = {}
    names: dict[Path, str] = {}
    for file in sorted(RAPL.glob("intel-rapl:*/energy_uj")):
        with contextlib.suppress(OSError, ValueError):
            name_file = file.parent / "name"
            name = name_file.read_text().strip() if name_file.exists() else "package"
            range_file = file.parent / "max_energy_range_uj"
            limit = int(range_file.read_text()) if range_file.exists() else 2**32
            names[file], ranges[file] = name, limit / 1e6
    has_package = any(name.startswith("package") for name in names.values())
    wanted_names = ("package", "dram") if has_package else ("psys",)
    return {file: ranges[file] for file, name in names.items() if name.startswith(wanted_names)}


def _read_rapl(ranges: Mapping[Path, float]) -> dict[Path, float]:
    """Joules by counter; empty where they are closed to this user (root only since Linux 5.10)."""
    try:
        return {file: int(file.read_text()) / 1e6 for file in ranges}
    except (OSError, ValueError):
        return {}


def _read_nvml() -> dict[str, float]:
    """Joules by GPU since its driver was loaded; empty without NVIDIA's library or a GPU."""
    try:
        import pynvml

        pynvml.nvmlInit()
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return {
            str(pynvml.nvmlDeviceGetUUID(handle)): (
                pynvml.nvmlDeviceGetTotalEnergyConsumption(handle) / 1000
            )
            for handle in handles
        }
    except Exception:  # no library, no driver, or a GPU before Volta, which has no such counter
        return {}


def _reset_peak_memory() -> None:
    """Reset the kernel's high-water mark, so that each stage has a peak of its own."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory_mb() -> float:
    """The high-water mark of resident memory; without /proc, that of the process's whole life."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    # ru_maxrss is in kilobytes on Linux, in bytes on macOS.
    unit = 2**20 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def _cpu_seconds() -> float:
    """User and system time of this process and of its children that have ended."""
    usages = [
        resource.getrusage(resource.RUSAGE_SELF),
        resource.getrusage(resource.RUSAGE_CHILDREN),
    ]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
