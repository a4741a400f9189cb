"""Training: exact resume, batches that follow from the step, damaged checkpoints, the paper's price."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest
import torch

from hornbook import model as phi
from hornbook import records, store
from hornbook.records import UserError
from hornbook.run import run
from hornbook.stage import Desk, Stage
from hornbook.train import Pack, Train, TrainTokenizer, checkpoint, price
from hornbook.train.loop import Loop, rows_of
from hornbook.train.optim import rate


@dataclass(frozen=True)
class Texts(Stage):
    def parts(self, desk):
        return ["all"]

    def work(self, desk, part):
        texts = [f"def f{n}(a):\n    return a + {n} * {n % 7}\n" * 3 for n in range(80)]
        return records.table([{"id": records.document_id(text), "text": text} for text in texts])


def training(**more) -> Train:
    texts = Texts("texts")
    pack = Pack("pack", (texts,), TrainTokenizer("words", (texts,), 300), context=32, held_out=0.1)
    settings = {"shape": "tiny", "steps": 12, "batch": 6, "micro_batch": 3, "lr": 3e-3, "warmup": 2, "dropout": 0.1}
    return Train("base", pack, **{**settings, "precision": "fp32", "checkpoint_every": 3, **more})


def made(desk: Desk, name: str = "base") -> dict[str, str]:
    return desk.manifest(name)["files"]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    desk = Desk(tmp_path_factory.mktemp("train"))
    run(Train("final", training().data, start=training(), steps=4, batch=4, lr=1e-3, precision="fp32"), desk)
    return desk


class Killed(BaseException):
    """Stands for kill -9."""


@pytest.mark.parametrize("muon", ["adamw", "muon"])
@pytest.mark.parametrize("step", [1, 4, 7, 11])
def test_killed_at_any_step_and_resumed_equals_never_killed(tmp_path, monkeypatch, step, muon):
    whole, broken = Desk(tmp_path / "whole"), Desk(tmp_path / "broken")
    run(training(optimiser=muon), whole)
    after, left = Loop._after_step, [True]

    def dying(self):
        after(self)
        if self.at.step == step and left[0]:
            left[0] = False
            raise Killed

    monkeypatch.setattr(Loop, "_after_step", dying)
    with pytest.raises(Killed):
        run(training(optimiser=muon), broken)
    run(training(optimiser=muon), broken)
    assert made(broken) == made(whole)


def test_ctrl_c_saves_the_step_that_was_done(tmp_path, monkeypatch):
    desk, step, left = Desk(tmp_path), Loop._step, [True]

    def interrupted(self):
        if self.at.step == 5 and left[0]:
            left[0] = False
            raise KeyboardInterrupt
        return step(self)

    monkeypatch.setattr(Loop, "_step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run(training(), desk)
    assert (desk.root / "base" / "checkpoints" / "step-0000005").is_dir()
    run(training(), desk)
    assert len(store.read_table(desk.root / "base" / "log.parquet")) == 12


@pytest.mark.parametrize("damage", ["cut", "flip", "no facts"])
def test_a_damaged_checkpoint_is_recognised_and_the_one_before_it_used(tmp_path, damage):
    said: list[str] = []
    for step in (1, 2):
        checkpoint.save(tmp_path, step, {"w": torch.full((100,), float(step))}, {})
    weights = tmp_path / "step-0000002" / "state.safetensors"
    data = weights.read_bytes()
    if damage == "cut":
        weights.write_bytes(data[:-9])
    elif damage == "flip":
        weights.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    else:
        (tmp_path / "step-0000002" / "facts.json").unlink()
    tensors, facts = checkpoint.newest(tmp_path, said.append)
    assert facts["step"] == 1 and tensors["w"][0] == 1
    assert len(said) == 1 and "step-0000002" in said[0]


def test_every_sequence_is_seen_once_an_epoch():
    number, batch = 10, 4
    seen = np.concatenate([rows_of(step, batch, number, seed=3) for step in range(5)])
    assert sorted(seen[:10]) == sorted(seen[10:20]) == list(range(10))
    assert seen[:10].tolist() != seen[10:20].tolist()


@pytest.mark.parametrize(
    ("schedule", "step", "expected"),
    [("linear", 0, 0.5), ("linear", 1, 1.0), ("linear", 6, 0.55), ("linear", 10, 0.1), ("cosine", 6, 0.55),
     ("constant", 9, 1.0)],
)  # fmt: skip
def test_the_rate_of_a_step(schedule, step, expected):
    assert rate(step, 1.0, 0.1, 2, 10, schedule) == pytest.approx(expected)


def test_the_loss_falls_and_the_best_checkpoint_goes_on(desk):
    log = store.read_table(desk.root / "base" / "log.parquet").to_pylist()
    facts = json.loads((desk.root / "base" / "training.json").read_text())
    assert log[-1]["loss"] < log[0]["loss"] - 0.5
    assert facts["held_out_loss"] == min(row["held_out_loss"] for row in log if row["held_out_loss"] is not None)


def test_the_micro_batch_changes_no_step_beyond_rounding(desk, tmp_path):
    other = Desk(tmp_path)
    run(training(micro_batch=6, dropout=0.0), other)
    run(training(micro_batch=1, dropout=0.0), Desk(tmp_path / "one"))
    losses = [
        store.read_table(where / "base" / "log.parquet")["loss"].to_pylist() for where in (tmp_path, tmp_path / "one")
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_transformers_loads_the_folder_and_gives_the_same_logits(desk):
    from transformers import AutoModelForCausalLM

    folder = desk.root / "final" / "model"
    theirs = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    ids = torch.randint(0, 290, (3, 32), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        torch.testing.assert_close(phi.load(folder)(ids), theirs(ids).logits, atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"words": 262}, "another tokenizer"),
        ({"context": 64}, "context of 32"),
    ],
)
def test_a_start_that_does_not_fit_is_refused(desk, change, said):
    texts = Texts("texts")
    words = TrainTokenizer("words_b", (texts,), change["words"]) if "words" in change else training().data.tokenizer
    pack = Pack("pack_b" + said[:3], (texts,), words, context=change.get("context", 32))
    with pytest.raises(UserError, match=said):
        run(Train("wrong" + said[:3], pack, start=training(), steps=2, batch=2, precision="fp32"), desk)


def test_a_loss_that_stays_not_finite_stops_with_advice(tmp_path):
    with pytest.raises(UserError, match="lower lr"):
        run(training(lr=1e30, warmup=0, steps=40, clip=0.0), Desk(tmp_path))


def test_the_papers_hours_follow_from_its_tokens():
    shape = phi.Shape()
    assert shape.parameters() == pytest.approx(1.3e9, rel=0.1)
    found = price.cost(shape, 51e9, 2048, 8, price.HARDWARE["a100"])
    assert found.hours == pytest.approx(770, rel=0.05)


def test_a_plan_is_priced_before_anything_ran(tmp_path):
    from hornbook.stage import Size

    found = training(steps=100).price(Desk(tmp_path), [Size(100, 1.0)])
    assert found.tokens == 100 * 6 * 32
    assert found.minutes > 0 and found.peak_mb > 0


def test_documents_apart_do_not_see_each_other(tmp_path):
    run(training(documents_apart=True, steps=2), Desk(tmp_path))
    torch.manual_seed(0)
    model = phi.Phi(phi.Shape(2, 64, 1, 300, 32)).eval()
    ids = torch.randint(1, 290, (1, 20))
    documents = torch.tensor([[0] * 8 + [1] * 12])
    changed = ids.clone()
    changed[0, :8] = 5
    with torch.inference_mode():
        torch.testing.assert_close(model(ids, documents)[0, 8:], model(changed, documents)[0, 8:])
