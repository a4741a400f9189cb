"""Usages add up and nest, and say where the energy figure comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from hornbook import meter


def test_usage_goes_to_the_innermost_block() -> None:
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


def test_usages_are_summed_except_the_peak_of_memory() -> None:
    first = meter.Usage(seconds=1, cpu_s=2, tokens_in=3, kwh=0.1, peak_mb=100)
    second = meter.Usage(seconds=10, cpu_s=20, tokens_in=30, kwh=0.2, peak_mb=50)
    total = first + second
    assert (total.seconds, total.cpu_s, total.tokens_in, total.peak_mb) == (11, 22, 33, 100)
    assert total.kwh == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [("RAPL", "RAPL", "RAPL"), ("RAPL", "estimate", "mixed"), ("estimate", "estimate", "estimate")],
)
def test_energy_of_two_sources_is_called_mixed(first: str, second: str, expected: str) -> None:
    total = meter.Usage(kwh=1, energy_from=first) + meter.Usage(kwh=1, energy_from=second)
    assert total.energy_from == expected
    assert (meter.Usage() + meter.Usage(kwh=1, energy_from=first)).energy_from == first


def test_energy_is_read_from_rapl_where_it_is_readable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counter = tmp_path / "intel-rapl:0" / "energy_uj"
    counter.parent.mkdir()
    counter.write_text("1000000")
    monkeypatch.setattr(meter, "RAPL", tmp_path)
    with meter.measure_usage() as usage:
        counter.write_text(str(1_000_000 + 3_600_000_000))
    assert (usage.energy_from, usage.kwh) == ("RAPL", pytest.approx(0.001))


def test_energy_is_estimated_from_cpu_time_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meter, "RAPL", tmp_path / "absent")
    with meter.measure_usage() as usage:
        sum(range(300_000))
    assert usage.energy_from == "estimate"
    assert usage.kwh == pytest.approx(usage.cpu_s * meter.WATTS_PER_CORE / 3.6e6)
