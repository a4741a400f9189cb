"""Training: exact resume, batches that follow from the step, damaged checkpoints, the paper's price."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch

from hornbook import records, store
from hornbook.cli import inspect_run
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, SilentReporter, Stage
from hornbook.models import transformer as phi
from hornbook.records import UserError
from hornbook.train import Pack, Train, TrainTokenizer, checkpoint
from hornbook.train.loop import TrainingLoop
from hornbook.train.optim import learning_rate
from hornbook.train.progress import INITIAL_LOSS_SCALE, TrainingProgress
from hornbook.train.sequences import Sequences, batch_rows


@dataclass(frozen=True)
class Texts(Stage):
    def shards(self, ctx):
        return ["all"]

    def make_shard(self, ctx, part):
        texts = [f"def f{n}(a):\n    return a + {n} * {n % 7}\n" * 3 for n in range(80)]
        return records.make_table(
            [{"id": records.document_id(text), "text": text} for text in texts]
        )


def make_training(**more) -> Train:
    texts = Texts("texts")
    pack = Pack("pack", (texts,), TrainTokenizer("words", (texts,), 300), context=32, held_out=0.1)
    settings = {"shape": "tiny", "steps": 12, "batch": 6, "lr": 3e-3, "warmup": 2, "dropout": 0.1}
    return Train("base", pack, **{**settings, "precision": "fp32", "checkpoint_every": 3, **more})


def train_and_read_losses(ctx: RunContext, **more) -> list[float]:
    run_recipe(make_training(**more), ctx)
    return store.read_table(ctx.root / "base" / "log.parquet")["loss"].to_pylist()


def list_files(ctx: RunContext, name: str = "base") -> dict[str, str]:
    return ctx.run.read_manifest(name)["files"]


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two threads on a machine that others use wait for each other, ten times slower for models this small."""
    thread_count = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(thread_count)


@pytest.fixture(scope="module")
def ctx(tmp_path_factory):
    ctx = RunContext(tmp_path_factory.mktemp("train"))
    run_recipe(
        Train(
            "final",
            make_training().data,
            start=make_training(),
            steps=4,
            batch=4,
            lr=1e-3,
            precision="fp32",
        ),
        ctx,
    )
    return ctx


class Killed(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize("muon", ["adamw", "muon"])
@pytest.mark.parametrize("step", [1, 4, 7, 11])
def test_killed_at_any_step_and_resumed_equals_never_killed(tmp_path, monkeypatch, step, muon):
    whole, broken = RunContext(tmp_path / "whole"), RunContext(tmp_path / "broken")
    run_recipe(make_training(optimiser=muon), whole)
    after, may_die = TrainingLoop._evaluate_and_save, [True]

    def dying(self, stop):
        after(self, stop)
        if self.progress.step == step and may_die[0]:
            may_die[0] = False
            raise Killed

    monkeypatch.setattr(TrainingLoop, "_evaluate_and_save", dying)
    with pytest.raises(Killed):
        run_recipe(make_training(optimiser=muon), broken)
    run_recipe(make_training(optimiser=muon), broken)
    assert list_files(broken) == list_files(whole)


def test_a_checkpoint_with_the_old_name_of_a_weight_is_resumed(tmp_path, ctx, monkeypatch):
    """`qkv_fc1` was `into` until December 2026."""
    broken, save = RunContext(tmp_path), checkpoint.save_checkpoint

    def save_with_old_names(folder, step, tensors, facts):
        old_names = {name.replace(".qkv_fc1.", ".into."): t for name, t in tensors.items()}
        assert old_names.keys() != tensors.keys()
        path = save(folder, step, old_names, facts)
        if step == 6:
            raise Killed
        return path

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "save_checkpoint", save_with_old_names)
        with pytest.raises(Killed):
            run_recipe(make_training(), broken)
    run_recipe(make_training(), broken)
    assert list_files(broken) == list_files(ctx)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_in_the_middle_of_a_step_saves_that_step_and_leaves(
    tmp_path, ctx, monkeypatch, name
):
    broken, update = RunContext(tmp_path), TrainingLoop._update_weights

    def interrupted(self, lr, norm):
        if self.progress.step == 4:
            os.kill(os.getpid(), getattr(signal, name))
        update(self, lr, norm)

    monkeypatch.setattr(TrainingLoop, "_update_weights", interrupted)
    old_handler = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(make_training(), broken)
    assert signal.getsignal(signal.SIGTERM) is old_handler
    assert [p.name for p in (tmp_path / "base" / "checkpoints").glob("step-*5")] == ["step-0000005"]
    monkeypatch.undo()
    run_recipe(make_training(), broken)
    assert list_files(broken) == list_files(ctx)


@pytest.mark.parametrize("damage", ["cut", "flip", "no facts", "other facts"])
def test_a_damaged_checkpoint_is_recognised_and_the_one_before_it_used(tmp_path, damage):
    messages: list[str] = []
    for step in (1, 2):
        checkpoint.save_checkpoint(tmp_path, step, {"w": torch.full((100,), float(step))}, {})
    weights = tmp_path / "step-0000002" / "state.safetensors"
    data = weights.read_bytes()
    if damage == "cut":
        weights.write_bytes(data[:-9])
    elif damage == "flip":
        weights.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    elif damage == "other facts":
        facts = tmp_path / "step-0000002" / "facts.json"
        facts.write_text(facts.read_text().replace('"step": 2', '"step": 3'))
    else:
        (tmp_path / "step-0000002" / "facts.json").unlink()
    saved = checkpoint.load_newest(tmp_path, messages.append)
    assert saved.facts["step"] == 1 and saved.tensors["w"][0] == 1
    assert (
        len(messages) == 1
        and "step-0000002 is damaged: going on from the one before it" in messages[0]
    )


def test_where_every_checkpoint_is_damaged_the_beginning_is_named(tmp_path):
    messages: list[str] = []
    for step in (1, 2):
        (
            checkpoint.save_checkpoint(tmp_path, step, {"w": torch.zeros(9)}, {}) / "facts.json"
        ).unlink()
    assert checkpoint.load_newest(tmp_path, messages.append) is None
    assert [text.rpartition(" from ")[2] for text in messages] == [
        "the one before it",
        "the beginning",
    ]


def test_a_step_is_traced_to_the_documents_that_it_read(ctx, monkeypatch):
    read: list[list[int]] = []
    whole = Sequences.read_batch
    monkeypatch.setattr(
        Sequences,
        "read_batch",
        lambda self, rows, on: (read.append(rows.tolist()), whole(self, rows, on))[1],
    )
    monkeypatch.setattr(TrainingLoop, "compute_held_out_loss", lambda self: 1.0)
    again = RunContext(ctx.root.with_name("traced"))
    run_recipe(make_training(steps=3), again)
    traced = list(inspect_run.read_training_step(again, "base", 3))
    assert list(dict.fromkeys(row["sequence"] for row in traced)) == read[-1]
    assert sum(row["tokens"] for row in traced) == 6 * 32
    texts = {row["id"] for table in again.run.read_kept_rows("texts") for row in table.to_pylist()}
    assert {row["stage"] for row in traced} == {"texts"} and {row["id"] for row in traced} <= texts
    for stage, step, pattern in (
        ("base", 4, "1 to 3"),
        ("base", 0, "1 to 3"),
        ("pack", 1, "only a Train"),
    ):
        with pytest.raises(UserError, match=pattern):
            list(inspect_run.read_training_step(again, stage, step))


def test_every_sequence_is_seen_once_an_epoch():
    sequence_count, batch = 10, 4
    seen = np.concatenate([batch_rows(step, batch, sequence_count, seed=3) for step in range(5)])
    assert sorted(seen[:10]) == sorted(seen[10:20]) == list(range(10))
    assert seen[:10].tolist() != seen[10:20].tolist()


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [("linear", 0, 0.5), ("linear", 1, 1.0), ("linear", 6, 0.55), ("linear", 10, 0.1), ("cosine", 6, 0.55),
     ("constant", 9, 1.0)],
)  # fmt: skip
def test_the_rate_of_a_step(schedule, step, expected):
    assert learning_rate(step, 1.0, 0.1, 2, 10, schedule) == pytest.approx(expected)


def test_the_loss_falls_and_the_best_checkpoint_goes_on(ctx):
    log = store.read_table(ctx.root / "base" / "log.parquet").to_pylist()
    facts = json.loads((ctx.root / "base" / "training.json").read_text())
    assert log[-1]["loss"] < log[0]["loss"] - 0.5
    assert facts["held_out_loss"] == min(
        row["held_out_loss"] for row in log if row["held_out_loss"] is not None
    )


def test_the_micro_batch_changes_no_step_beyond_rounding(ctx, tmp_path):
    losses = [
        train_and_read_losses(
            RunContext(tmp_path / str(n), options={"micro_batch": n}), dropout=0.0
        )
        for n in (6, 4, 1)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert losses[0] == pytest.approx(losses[2], rel=1e-5)


def test_transformers_loads_the_folder_and_gives_the_same_logits(ctx):
    from transformers import AutoModelForCausalLM

    folder = ctx.root / "final" / "model"
    reference = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.randint(0, 290, (3, 32), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(
            phi.load_model(folder)(ids), reference(ids).logits, atol=1e-4, rtol=0
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"words": 262}, "another tokenizer"),
        ({"context": 64}, "context of 32"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(ctx, change, message):
    texts = Texts("texts")
    words = (
        TrainTokenizer("words_b", (texts,), change["words"])
        if "words" in change
        else make_training().data.tokenizer
    )
    pack = Pack("pack_b" + message[:3], (texts,), words, context=change.get("context", 32))
    with pytest.raises(UserError, match=message):
        run_recipe(
            Train(
                "wrong" + message[:3],
                pack,
                start=make_training(),
                steps=2,
                batch=2,
                precision="fp32",
            ),
            ctx,
        )


def test_documents_are_numbered_by_their_ends(tmp_path):
    isolated = train_and_read_losses(
        RunContext(tmp_path / "apart"), isolate_documents=True, steps=1, dropout=0.0
    )
    assert isolated != train_and_read_losses(
        RunContext(tmp_path / "together"), steps=1, dropout=0.0
    )
    data = Sequences(tmp_path / "apart" / "pack", isolate_documents=True)
    batch = data.read_batch(np.arange(4), "cpu")
    ends = batch.ids == data.end_of_text
    assert ends.any()
    assert torch.equal(batch.documents[:, 1:] - batch.documents[:, :-1], ends[:, :-1].long())


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_half_precision_learns_as_fp32_does(tmp_path, ctx, precision):
    half = train_and_read_losses(RunContext(tmp_path), precision=precision)
    full = store.read_table(ctx.root / "base" / "log.parquet")["loss"].to_pylist()
    assert half == pytest.approx(full, rel=0.02)
    assert json.loads((tmp_path / "base" / "training.json").read_text())["precision"] == precision


def test_a_scale_that_overflows_is_halved_until_gradients_are_finite(tmp_path, monkeypatch):
    defaults = tuple(
        2.0**30 if value == INITIAL_LOSS_SCALE else value
        for value in TrainingProgress.__init__.__defaults__
    )
    monkeypatch.setattr(TrainingProgress.__init__, "__defaults__", defaults)
    losses = train_and_read_losses(
        RunContext(tmp_path), precision="fp16", steps=20, checkpoint_every=0
    )
    facts = json.loads((tmp_path / "base" / "training.json").read_text())
    assert 0 < facts["skipped"] < 16 and losses[-1] < losses[0] - 0.1


@pytest.mark.parametrize("best", [True, False])
def test_the_best_or_the_last_checkpoint_goes_on(tmp_path, monkeypatch, best):
    """Held-out losses are scripted, so that the best is in the middle; the weights of every evaluation are kept."""
    scripted, weights = iter([5.0, 3.0, 4.0, 4.5]), []

    def held_out_loss(self):
        weights.append(self.model.head.weight.detach().clone())
        return next(scripted)

    monkeypatch.setattr(TrainingLoop, "compute_held_out_loss", held_out_loss)
    ctx = RunContext(tmp_path)
    run_recipe(make_training(best=best, evaluate_every=3), ctx)
    facts = json.loads((tmp_path / "base" / "training.json").read_text())
    assert (facts["chosen_step"], facts["held_out_loss"]) == ((6, 3.0) if best else (12, 4.5))
    assert torch.equal(
        phi.load_model(tmp_path / "base" / "model").head.weight, weights[1 if best else 3]
    )


def test_what_the_machine_decided_at_the_start_stays(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "_evaluate_and_save", stop_after(4))
        patch.setattr("hornbook.train.train._fast_precision", lambda device_name: "fp32")
        with pytest.raises(KeyboardInterrupt):
            run_recipe(
                make_training(precision="auto"), RunContext(tmp_path, options={"micro_batch": 2})
            )
    monkeypatch.setattr("hornbook.train.train._fast_precision", lambda device_name: "bf16")
    run_recipe(make_training(precision="auto"), RunContext(tmp_path, options={"micro_batch": 6}))
    never = RunContext(tmp_path / "never", options={"micro_batch": 2})
    monkeypatch.setattr("hornbook.train.train._fast_precision", lambda device_name: "fp32")
    run_recipe(make_training(precision="auto"), never)
    assert list_files(RunContext(tmp_path)) == list_files(never)


def test_a_smaller_micro_batch_is_taken_by_a_resume_aloud(tmp_path, monkeypatch):
    messages: list[str] = []

    class Ears(SilentReporter):
        def say(self, text):
            messages.append(text)

    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "_evaluate_and_save", stop_after(4))
        with pytest.raises(KeyboardInterrupt):
            run_recipe(make_training(), RunContext(tmp_path, options={"micro_batch": 6}))
    sizes, loss = set(), phi.Phi.sum_loss
    monkeypatch.setattr(
        phi.Phi,
        "sum_loss",
        lambda self, ids, *rest: (sizes.add(len(ids)), loss(self, ids, *rest))[1],
    )
    monkeypatch.setattr(TrainingLoop, "compute_held_out_loss", lambda self: 1.0)
    run_recipe(make_training(), RunContext(tmp_path, options={"micro_batch": 2}, reporter=Ears()))
    assert sizes == {2}
    assert messages == ["going on with micro_batch=2, not 6: the last bits may differ"]


def stop_after(step: int):
    after = TrainingLoop._evaluate_and_save
    return lambda self, stop: after(self, stop or self.progress.step == step)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a compiler on a CPU")
def test_a_compiled_model_learns_as_an_eager_one_does(tmp_path):
    compiled = train_and_read_losses(
        RunContext(tmp_path / "a", options={"compile": True, "micro_batch": 3}), dropout=0.0
    )
    assert compiled == pytest.approx(
        train_and_read_losses(RunContext(tmp_path / "b"), dropout=0.0), rel=1e-4
    )


def test_killed_while_a_checkpoint_is_written_it_goes_on_from_the_one_before(
    tmp_path, ctx, monkeypatch
):
    broken, replace, left = RunContext(tmp_path), os.replace, [True]

    def dying(old, new):
        if left[0] and "step-0000006" in str(new) and "facts" not in str(new):
            left[0] = False
            raise Killed
        replace(old, new)

    monkeypatch.setattr(store.os, "replace", dying)
    with pytest.raises(Killed):
        run_recipe(make_training(), broken)
    assert not left[0]
    run_recipe(make_training(), broken)
    assert list_files(broken) == list_files(ctx)


KILLED = """
import sys
from pathlib import Path
import torch
torch.set_num_threads(1)
sys.path.insert(0, sys.argv[2])
from test_train import training
from hornbook.run import run
from hornbook.frame.stage import Desk
run(training(steps=40), Desk(Path(sys.argv[1])))
"""


@pytest.mark.slow
def test_killed_for_good_at_ten_moments_it_still_equals(tmp_path):
    """SIGKILL, drawn so that most fall into the training; what was undisturbed ran in this process."""
    undisturbed, chance = RunContext(tmp_path / "undisturbed"), random.Random(5)
    run_recipe(make_training(steps=40), undisturbed)
    broken = tmp_path / "broken"
    shutil.copytree(undisturbed.root, broken, ignore=shutil.ignore_patterns("base"))
    command = [sys.executable, "-c", KILLED, str(broken), str(Path(__file__).parent)]
    for _ in range(10):
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
            began = time.monotonic()
            while process.poll() is None and not (broken / "base" / "checkpoints").exists():
                time.sleep(0.05)
                assert time.monotonic() - began < 60
            time.sleep(chance.uniform(0, 2 + 0.5 * (time.monotonic() - began)))
            process.kill()
    assert subprocess.run(command, check=False).returncode == 0
    assert list_files(RunContext(broken)) == list_files(undisturbed)
