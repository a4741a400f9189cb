"""Usages add up and nest; energy is counted once per stage, and says its source."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import Numbers

from hornbook import meter, store
from hornbook.frame import executors
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext


def test_what_is_counted_goes_to_the_innermost_measure() -> None:
    with meter.measure_usage() as outer:
        meter.add_usage(tokens_in=1)
        with meter.measure_usage() as inner:
            meter.add_usage(tokens_in=10, tokens_out=5, requests=1, money=0.5)
        meter.add_usage(tokens_in=2)
    assert outer.tokens_in == 3
    assert (inner.tokens_in, inner.tokens_out, inner.requests, inner.money) == (10, 5, 1, 0.5)


def test_nested_blocks_with_equal_numbers_end_in_order() -> None:
    with meter.measure_usage() as outer:
        with meter.measure_usage() as inner:
            pass
        meter.add_usage(tokens_in=1)
    assert (outer.tokens_in, inner.tokens_in) == (1, 0)


def test_usage_adds_up_but_memory_is_the_larger() -> None:
    first = meter.Usage(seconds=1, cpu_s=2, tokens_in=3, kwh=0.1, peak_mb=100)
    second = meter.Usage(seconds=10, cpu_s=20, tokens_in=30, kwh=0.2, peak_mb=50)
    total = first + second
    assert (total.seconds, total.cpu_s, total.tokens_in, total.peak_mb) == (11, 22, 33, 100)
    assert total.kwh == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("first", "second", "source"),
    [("RAPL", "RAPL", "RAPL"), ("RAPL", "estimate", "mixed"), ("estimate", "estimate", "estimate")],
)
def test_energy_of_two_sources_is_called_mixed(first: str, second: str, source: str) -> None:
    total = meter.Usage(kwh=1, energy_from=first) + meter.Usage(kwh=1, energy_from=second)
    assert total.energy_from == source
    assert (meter.Usage() + meter.Usage(kwh=1, energy_from=first)).energy_from == first


class FakeRapl:
    """Energy counters in a folder, as the kernel has them."""

    def __init__(self, root: Path, **domains: float) -> None:
        self.root = root
        for name, limit_j in domains.items():
            folder = root / self._folder_name(name)
            folder.mkdir(parents=True)
            (folder / "name").write_text(name.replace("_", "-") + "\n")
            (folder / "max_energy_range_uj").write_text(str(int(limit_j * 1e6)))
            self.set_joules(**{name: 0})

    def _folder_name(self, name: str) -> str:
        folders = {"package_0": "0", "package_1": "1", "psys": "2", "dram": "0:0", "core": "0:1"}
        return f"intel-rapl:{folders[name]}"

    def set_joules(self, **values: float) -> None:
        for name, joules in values.items():
            path = self.root / self._folder_name(name) / "energy_uj"
            path.write_text(str(int(joules * 1e6)))


def test_packages_and_memory_are_added_and_nothing_is_counted_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rapl = FakeRapl(tmp_path, package_0=1000, package_1=1000, psys=1000, dram=1000, core=1000)
    monkeypatch.setattr(meter, "RAPL", tmp_path)
    with meter.measure_energy() as energy:
        rapl.set_joules(package_0=100, package_1=50, psys=200, dram=10, core=80)
    assert energy.joules == {"RAPL": pytest.approx(160)}


def test_the_platform_counter_is_read_where_there_is_no_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rapl = FakeRapl(tmp_path, psys=1000)
    monkeypatch.setattr(meter, "RAPL", tmp_path)
    with meter.measure_energy() as energy:
        rapl.set_joules(psys=200)
    assert energy.joules == {"RAPL": pytest.approx(200)}


def test_a_counter_that_wraps_twice_within_a_stage_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rapl = FakeRapl(tmp_path, package_0=100)
    monkeypatch.setattr(meter, "RAPL", tmp_path)
    monkeypatch.setattr(meter, "SAMPLE_INTERVAL_S", 0.02)
    with meter.measure_energy() as energy:
        for joules in (60, 20, 80, 40):
            rapl.set_joules(package_0=joules)
            time.sleep(0.2)
    assert energy.joules == {"RAPL": pytest.approx(240)}
    assert threading.active_count() < 20


def test_gpus_are_read_from_nvml_and_processors_estimated_beside_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    millijoules = {"a": 5_000, "b": 7_000}
    fake = SimpleNamespace(
        nvmlInit=lambda: None,
        nvmlDeviceGetCount=lambda: 2,
        nvmlDeviceGetHandleByIndex=lambda i: "ab"[i],
        nvmlDeviceGetUUID=lambda handle: handle,
        nvmlDeviceGetTotalEnergyConsumption=lambda handle: millijoules[handle],
    )
    monkeypatch.setitem(sys.modules, "pynvml", fake)
    monkeypatch.setattr(meter, "RAPL", tmp_path / "absent")
    with meter.measure_energy() as energy:
        millijoules["a"] += 3_600_000
        millijoules["b"] += 7_200_000
    usage = meter.Usage(kwh=0.5)
    energy.apply_to(usage)
    assert usage.energy_from == "NVML + estimate"
    assert usage.kwh == pytest.approx(0.5 + 0.003)


def test_energy_is_an_estimate_from_processor_time_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "RAPL", tmp_path / "absent")
    with meter.measure_energy() as energy, meter.measure_usage() as usage:
        sum(range(300_000))
    energy.apply_to(usage)
    assert usage.energy_from == "estimate"
    assert usage.kwh == pytest.approx(usage.cpu_s * meter.WATTS_PER_CORE / 3.6e6)


@pytest.mark.parametrize("workers", [1, 4])
def test_a_stage_counts_the_machines_energy_once_however_many_workers(
    workers: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # 100 W, by a thread that raises the counter as time goes by.
    rapl = FakeRapl(tmp_path / "rapl", package_0=262_143)
    monkeypatch.setattr(meter, "RAPL", tmp_path / "rapl")
    start, has_ended = time.perf_counter(), threading.Event()

    def raise_counter() -> None:
        while not has_ended.wait(0.01):
            rapl.set_joules(package_0=5 + 100 * (time.perf_counter() - start))

    thread = threading.Thread(target=raise_counter)
    thread.start()
    try:
        with executors.PoolExecutor(workers) as executor:
            ctx = RunContext(tmp_path / "run", workers=workers, shard_mb=0.1)
            run_recipe(Numbers("numbers"), ctx, executor)
    finally:
        has_ended.set()
        thread.join()
    usage = meter.Usage(**store.read_json(tmp_path / "run" / "numbers" / "usage.json"))
    assert usage.energy_from == "RAPL"
    assert usage.kwh * 3.6e6 == pytest.approx(100 * usage.seconds, rel=0.2, abs=5)
