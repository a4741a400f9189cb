"""What training refuses, and what it says aloud: settings, memory, damaged data, steps that went wrong."""

from __future__ import annotations

import json
import math

import pytest
import torch
from test_train import make_training, one_thread, train_and_read_losses  # noqa: F401  (one_thread works by being here)

from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, SilentReporter
from hornbook.models import transformer as phi
from hornbook.records import UserError
from hornbook.train.loop import TrainingLoop


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schedule": "linea"}, "schedule='linea': linear, cosine, constant"),
        ({"optimiser": "sgd"}, "adamw, muon"),
        ({"precision": "fp8"}, "auto, fp32, bf16, fp16"),
        ({"batch": 0}, "batch=0: 1 or more"),
        ({"steps": -1}, "0 or more"),
        ({"steps": 0, "epochs": 0.0}, "epochs=0.0: above 0"),
        ({"lr": -1e-3}, "lr=-0.001: above 0"),
        ({"lr": math.nan}, "lr=nan: above 0"),
        ({"min_lr": 1.0}, "at most lr"),
        ({"clip": -1.0}, "or 0 for no clipping"),
        ({"betas": (0.9, 1.5)}, "below 1"),
        ({"dropout": 1.0}, "below 1"),
    ],
)
def test_a_setting_out_of_range_is_refused_as_the_recipe_is_read(change, message):
    with pytest.raises(UserError, match=message):
        make_training(**change)


def test_a_loss_that_stays_not_finite_stops_with_advice(tmp_path):
    with pytest.raises(UserError, match="try an lr below"):
        run_recipe(make_training(lr=1e30, warmup=0, steps=40, clip=0.0), RunContext(tmp_path))


@pytest.mark.parametrize("damage", ["ids", "cut", "no facts"])
def test_damaged_sequences_are_refused_with_what_makes_them_again(tmp_path, damage):
    ctx = RunContext(tmp_path)
    run_recipe(make_training().data, ctx)
    tokens = tmp_path / "pack" / "tokens.bin"
    if damage == "ids":
        tokens.write_bytes(b"\xff" * tokens.stat().st_size)
    elif damage == "cut":
        tokens.write_bytes(tokens.read_bytes()[:-7])
    else:
        (tmp_path / "pack" / "pack.json").unlink()
    with pytest.raises(UserError, match="--rebuild pack"):
        run_recipe(make_training(steps=2), ctx)


def test_memory_exhausted_halves_the_micro_batch_aloud(tmp_path, monkeypatch):
    messages, loss = [], phi.Phi.sum_loss

    class Ears(SilentReporter):
        def say(self, text):
            messages.append(text)

    def large(self, ids, targets, documents=None):
        if len(ids) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return loss(self, ids, targets, documents)

    monkeypatch.setattr(phi.Phi, "sum_loss", large)
    small = train_and_read_losses(
        RunContext(tmp_path / "a", options={"micro_batch": 5}, reporter=Ears()), steps=3
    )
    assert messages[-1:] == ["a micro-batch of 5 sequences does not fit in memory: going on with 2"]
    assert small == train_and_read_losses(
        RunContext(tmp_path / "b", options={"micro_batch": 2}), steps=3
    )


def test_not_even_one_sequence_in_memory_is_a_clear_error(tmp_path, monkeypatch):
    def never(self, ids, targets, documents=None):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(phi.Phi, "sum_loss", never)
    with pytest.raises(UserError, match="smaller shape or context"):
        run_recipe(make_training(), RunContext(tmp_path))


def test_a_single_bad_step_is_skipped_and_counted(tmp_path, monkeypatch):
    norm, messages = TrainingLoop._gradient_norm, []

    class Ears(SilentReporter):
        def say(self, text):
            messages.append(text)

    monkeypatch.setattr(
        TrainingLoop,
        "_gradient_norm",
        lambda self: math.inf if self.progress.step == 3 else norm(self),
    )
    run_recipe(make_training(), RunContext(tmp_path, reporter=Ears()))
    facts = json.loads((tmp_path / "base" / "training.json").read_text())
    assert facts["skipped"] == 1 and facts["held_out_loss"] < 5.7
    assert "step 4 is skipped, its gradient is not finite: 1 so far" in messages


def test_moments_that_do_not_fit_in_memory_are_a_clear_error(tmp_path, monkeypatch):
    def never(self, lr, norm):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(TrainingLoop, "_update_weights", never)
    with pytest.raises(UserError, match="take 0.00 GB, .* parallelism=fsdp"):
        run_recipe(make_training(), RunContext(tmp_path))


@pytest.mark.parametrize(
    ("clip", "what"), [(1.0, "was clipped to a length of 1"), (0.0, "clip=1.0 would bound")]
)
def test_a_spike_is_said_and_with_what_bounds_it(tmp_path, monkeypatch, clip, what):
    gradients, messages = TrainingLoop._accumulate_gradients, []

    class Ears(SilentReporter):
        def say(self, text):
            messages.append(text)

    monkeypatch.setattr(
        TrainingLoop,
        "_accumulate_gradients",
        lambda self, *a: gradients(self, *a) * (20 if self.progress.step == 39 else 1),
    )
    run_recipe(make_training(steps=42, clip=clip), RunContext(tmp_path, reporter=Ears()))
    assert ["spike" in text for text in messages].count(True) == 1
    assert any(text.startswith("step 40 is a spike") and what in text for text in messages)


def test_without_a_compiler_training_is_eager_and_says_so(tmp_path, monkeypatch):
    messages: list[str] = []

    class Ears(SilentReporter):
        def say(self, text):
            messages.append(text)

    monkeypatch.setattr("hornbook.train.train.shutil.which", lambda name: None)
    train_and_read_losses(RunContext(tmp_path, options={"compile": True}, reporter=Ears()), steps=1)
    assert any("no C compiler" in text for text in messages)
