"""TensorBoard is told each step by option, and the fused bf16 step resumes as exactly as any."""

from __future__ import annotations

import builtins
import sys
from types import ModuleType

import pytest
from test_train import list_files, make_training

from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.records import UserError
from hornbook.train import checkpoint
from hornbook.train.loop import TrainingLoop


def test_tensorboard_hears_every_step(tmp_path, monkeypatch):
    heard: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder):
            assert folder == str(tmp_path / "tensorboard" / "base")

        def __enter__(self):
            return self

        def __exit__(self, *error):
            pass

        def add_scalar(self, name, value, step):
            heard.append((name, value, step))

    module = ModuleType("torch.utils.tensorboard")
    module.SummaryWriter = Writer
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    run_recipe(
        make_training(steps=4, evaluate_every=2),
        RunContext(tmp_path, options={"tensorboard": True}),
    )
    assert [step for name, _, step in heard if name == "train/loss"] == [1, 2, 3, 4]
    assert [step for name, _, step in heard if name == "train/held_out_loss"] == [2, 4]


def test_without_the_package_the_way_out_is_named(tmp_path, monkeypatch):
    real = builtins.__import__

    def absent(name, *rest):
        if name == "torch.utils.tensorboard":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", absent)
    with pytest.raises(UserError, match="pip install tensorboard"):
        run_recipe(make_training(steps=2), RunContext(tmp_path, options={"tensorboard": True}))


class Killed(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize("step", [5])
def test_in_bf16_too_killed_and_resumed_equals_never_killed(tmp_path, monkeypatch, step):
    whole, broken = RunContext(tmp_path / "whole"), RunContext(tmp_path / "broken")
    settings = {"precision": "bf16", "steps": 7, "checkpoint_every": 2}
    run_recipe(make_training(**settings), whole)
    real = TrainingLoop._evaluate_and_save

    def dying(self, stop):
        if self.progress.step == step:
            raise Killed
        real(self, stop)

    with monkeypatch.context() as patched:
        patched.setattr(TrainingLoop, "_evaluate_and_save", dying)
        with pytest.raises(Killed):
            run_recipe(make_training(**settings), broken)
    assert (
        checkpoint.load_newest(broken.root / "base" / "checkpoints", print) is not None or step == 1
    )
    run_recipe(make_training(**settings), broken)
    assert list_files(whole) == list_files(broken)
