"""The price: the paper's own hours from the paper's own numbers, measured memory, steps before anything ran."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from test_train import make_training

from hornbook.frame.stage import RunContext, Size
from hornbook.models.shape import Shape
from hornbook.train import price

A100 = price.HARDWARE["a100"]
BENCHMARK = Path(__file__).parents[1] / "benchmarks" / "train.py"


@pytest.mark.parametrize(("tokens", "hours"), [(51e9, 770), (76e9, 1090)])
def test_the_papers_hours_follow_from_its_tokens(tokens, hours):
    """Figure 2.1: phi-1-base, and the baseline on The Stack+. One share of the A100's peak serves both within 10%."""
    assert price.estimate_cost(Shape(), tokens, 2048, 8, A100).hours == pytest.approx(
        hours, rel=0.1
    )


def test_operations_are_six_for_each_weight_and_attentions_own():
    shape = Shape(layers=2, width=64, heads=1, vocab=100, context=32)
    block = 64 * (7 * 64) + 64 * 64 + 4 * 64 * 64  # q, k, v, fc1; dense; fc2
    plain = 6 * (2 * block + 100 * 64)
    attention = (
        3 * 2 * (2 * 2 * 64 * 32 / 2)
    )  # two products, forward and twice backward, half of it masked
    assert price.flops_per_token(shape, 32) == pytest.approx(plain + attention, rel=0.03)


def test_phi_1_fits_an_a100_as_it_did():
    memory = price.estimate_memory_gb(Shape(), 1, 2048, half_precision=True)
    assert 22.7 < memory < 40  # 16 bytes a weight, and a sequence


@pytest.mark.parametrize("where", ["cpu", "a100", "h200"])
def test_a_plan_is_priced_before_anything_ran(tmp_path, where):
    estimate = make_training(steps=100).price(
        RunContext(tmp_path, options={"device": where}), [Size(100, 1.0)]
    )
    assert estimate.tokens == 100 * 6 * 32
    assert estimate.minutes > 0 and estimate.kwh > 0 and estimate.peak_mb > 400
    assert (
        make_training(steps=200)
        .price(RunContext(tmp_path, options={"device": where}), [Size(100, 1.0)])
        .tokens
        == 2 * estimate.tokens
    )


def test_epochs_are_priced_by_the_text(tmp_path):
    one, three = (
        make_training(steps=0, epochs=n).price(RunContext(tmp_path), [Size(100, 7.0)]).tokens
        for n in (1, 3)
    )
    assert one == pytest.approx(2e6) and three == 3 * one


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize(
    ("shape", "context", "micro"), [("3M", 256, 16), ("10M", 512, 8), ("10M", 1024, 4)]
)
def test_the_peak_of_memory_is_as_planned(shape, context, micro, precision):
    command = [
        sys.executable,
        str(BENCHMARK),
        "--serve",
        "hornbook",
        shape,
        "--precision",
        precision,
    ]
    command += ["--context", str(context), "--micro-batch", str(micro)]
    measured = json.loads(
        subprocess.run(command, check=True, capture_output=True, text=True, input="").stdout
    )
    planned = price.estimate_memory_gb(
        Shape.from_name(shape, 4096, context), micro, context, precision == "bf16"
    )
    assert measured["peak_gb"] == pytest.approx(planned, rel=0.1)
