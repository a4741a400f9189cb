"""Two processes against one: the same losses on the same batches, whole checkpoints, and what is refused."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from test_train import make_training

from hornbook import store
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, SilentReporter
from hornbook.records import UserError
from hornbook.train import worker
from hornbook.train.loop import TrainingLoop
from hornbook.train.parallel import ProcessGroup

PARALLELISMS = ["ddp", "fsdp"]
STEPS = {"steps": 6, "dropout": 0.0, "checkpoint_every": 2, "evaluate_every": 3}


def read_losses(ctx: RunContext) -> list[float]:
    return store.read_table(ctx.root / "base" / "log.parquet")["loss"].to_pylist()


def two_processes(root: Path, parallelism: str) -> RunContext:
    return RunContext(
        root,
        options={"device": "cpu", "processes": 2, "parallelism": parallelism, "micro_batch": 2},
    )


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> RunContext:
    """One process, and the data that all of these tests read."""
    torch.set_num_threads(1)
    ctx = RunContext(tmp_path_factory.mktemp("alone"), options={"device": "cpu"})
    run_recipe(make_training(**STEPS), ctx)
    return ctx


def copy_data(alone: RunContext, root: Path) -> Path:
    """The same data at another desk."""
    for name in ("texts", "words", "pack"):
        shutil.copytree(alone.root / name, root / name)
    return root


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
@pytest.mark.parametrize("parallelism", PARALLELISMS)
def test_two_processes_have_the_losses_of_one(alone, tmp_path, monkeypatch, parallelism, optimiser):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    ctx = two_processes(copy_data(alone, tmp_path / "two"), parallelism)
    run_recipe(make_training(**STEPS, optimiser=optimiser), ctx)
    if optimiser == "muon":
        alone = RunContext(copy_data(alone, tmp_path / "one"))
        run_recipe(make_training(**STEPS, optimiser=optimiser), alone)
    assert read_losses(ctx) == pytest.approx(read_losses(alone), abs=1e-5)
    both = [
        store.read_json(ctx_of_run.root / "base" / "training.json")["held_out_loss"]
        for ctx_of_run in (ctx, alone)
    ]
    assert both[0] == pytest.approx(both[1], abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("parallelism", PARALLELISMS)
def test_in_bf16_too_two_learn_as_one_does(alone, tmp_path, monkeypatch, parallelism):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    one, both = (
        RunContext(copy_data(alone, tmp_path / "one")),
        two_processes(copy_data(alone, tmp_path / "two"), parallelism),
    )
    for ctx in (one, both):
        run_recipe(make_training(**STEPS, precision="bf16"), ctx)
    assert read_losses(both) == pytest.approx(read_losses(one), rel=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("parallelism", PARALLELISMS)
def test_two_go_on_with_the_checkpoint_of_one(alone, tmp_path, monkeypatch, parallelism):
    folder = copy_data(alone, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(
            TrainingLoop, "_evaluate_and_save", stop_at(TrainingLoop._evaluate_and_save, 2)
        )
        with pytest.raises(KeyboardInterrupt):
            run_recipe(make_training(**STEPS), RunContext(folder))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    run_recipe(make_training(**STEPS), two_processes(folder, parallelism))
    assert read_losses(RunContext(folder)) == pytest.approx(read_losses(alone), abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("parallelism", PARALLELISMS)
def test_one_goes_on_with_the_checkpoint_of_two(alone, tmp_path, monkeypatch, parallelism):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder = copy_data(alone, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(
            "hornbook.train.train.shutil.rmtree", lambda *a, **k: None
        )  # checkpoints stay
        run_recipe(make_training(**STEPS), two_processes(folder, parallelism))
    base = folder / "base"
    assert store.read_json(base / "speed.json")["processes"] == 2
    for gone in ("manifest.json", "training.json"):
        (base / gone).unlink()
    shutil.rmtree(base / "checkpoints" / "step-0000006")
    run_recipe(make_training(**STEPS), RunContext(folder))
    assert read_losses(RunContext(folder)) == pytest.approx(read_losses(alone), abs=1e-5)
    assert store.read_json(base / "speed.json")["tokens_per_s"] > 0


@pytest.mark.slow
def test_asked_to_stop_two_save_and_leave(alone, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    folder, many = (
        copy_data(alone, tmp_path),
        {**STEPS, "steps": 2000, "checkpoint_every": 2000, "evaluate_every": 2000},
    )

    class Impatient(SilentReporter):
        steps = 0.0

        def advance(self, amount: float = 1) -> None:
            self.steps += amount
            if self.steps == 5:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_recipe(
            make_training(**many),
            RunContext(folder, options=two_processes(folder, "ddp").options, reporter=Impatient()),
        )
    saved = [int(place.name[5:]) for place in (folder / "base" / "checkpoints").glob("step-*")]
    assert len(saved) == 1 and 5 <= saved[0] < 2000


@pytest.mark.slow
def test_an_error_in_torchruns_processes_is_said_in_its_own_words(alone, tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with pytest.raises(UserError, match="a batch of 5 does not divide among 2 processes"):
        run_recipe(
            make_training(**STEPS, batch=5), two_processes(copy_data(alone, tmp_path), "ddp")
        )


def test_an_error_of_any_process_is_said(tmp_path, monkeypatch, capsys):
    """Memory may not suffice in one process alone, and the first may never hear of it."""

    def failing(job, group, reporter):
        raise UserError("micro_batch=4 may")

    monkeypatch.setattr(worker, "run_job", failing)
    monkeypatch.setattr(
        worker,
        "join_process_group",
        lambda device, parallelism: contextlib.nullcontext(
            ProcessGroup("cpu", rank=1, world_size=2)
        ),
    )
    monkeypatch.setattr(
        worker.TrainingJob,
        "read_json",
        lambda path: SimpleNamespace(device="cpu", parallelism="ddp"),
    )
    assert worker.main("job.json") == 2
    assert json.loads(capsys.readouterr().out) == {
        "hornbook": "error",
        "value": "micro_batch=4 may",
    }
    written: list[str] = []
    monkeypatch.setattr("sys.stdout", SimpleNamespace(write=written.append, flush=lambda: None))
    assert worker.main("job.json") == 2
    assert len(written) == 1 and written[0].endswith(
        "\n"
    )  # in one piece, for the others write to the same pipe


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("no-such-program -x", "no-such-program cannot be started"),
        ("sh -c 'exit 3' --", "ended with code 3"),
    ],
)
def test_a_command_that_starts_nothing_is_said(tmp_path, command, message):
    with pytest.raises(UserError, match=message):
        worker.launch_processes(tmp_path / "job.json", 1, command, SilentReporter())


def test_torchrun_is_told_to_wait_while_a_large_checkpoint_is_saved(tmp_path, monkeypatch):
    messages: list[str] = []

    class Ears(SilentReporter):
        def say(self, text):
            messages.append(text)

    monkeypatch.delenv("TORCH_ELASTIC_SHUTDOWN_TIMEOUT", raising=False)
    worker.launch_processes(
        tmp_path / "job.json", 1, "sh -c 'echo $TORCH_ELASTIC_SHUTDOWN_TIMEOUT' --", Ears()
    )
    assert messages == [worker.SHUTDOWN_TIMEOUT_S]


def stop_at(after, step: int):
    def stopped(self, stop):
        after(self, stop or self.progress.step == step)

    return stopped


def test_a_batch_that_does_not_divide_is_refused():
    with pytest.raises(UserError, match="does not divide among 4 processes"):
        ProcessGroup(world_size=4).split_batch(6)
