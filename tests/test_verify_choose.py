"""Choose: real snapshots of a real training, examined on exercises; the one that solves most goes on."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from hornbook import records, store
from hornbook.cli import inspect_run
from hornbook.frame import exam_log
from hornbook.frame.identity import compute_identity
from hornbook.frame.leak_check import find_possible_leaks
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Stage
from hornbook.models import generate, tokenizer, transformer
from hornbook.records import UserError
from hornbook.train import Pack, Train, TrainTokenizer
from hornbook.verify import Choose, Examine
from hornbook.writeup import Report

EXERCISE = {
    "prompt": "def double(a):",
    "solution": "\n    return a + a\n",
    "tests": "assert double(4) == 8\n",
}


@dataclass(frozen=True)
class Lesson(Stage):
    """One function, over and over: what a model of 100,000 parameters knows by heart after a hundred steps."""

    def shards(self, ctx):
        return ["all"]

    def make_shard(self, ctx, part):
        text = EXERCISE["prompt"] + EXERCISE["solution"] + "\n\n"
        return records.make_table([{"id": f"lesson {n}", "text": text * 4} for n in range(40)])


@dataclass(frozen=True)
class Held(Stage):
    def shards(self, ctx):
        return ["all"]

    def make_shard(self, ctx, part):
        row = {**EXERCISE, "id": "double", "text": EXERCISE["prompt"], "entry_point": "double"}
        return records.make_table([row], records.EXERCISE)


def make_training(**more) -> Train:
    lesson = Lesson("lesson")
    pack = Pack(
        "pack", (lesson,), TrainTokenizer("words", (lesson,), 280), context=32, unscrubbed=True
    )
    settings = {
        "shape": "tiny",
        "steps": 90,
        "batch": 4,
        "lr": 5e-3,
        "precision": "fp32",
        "best": False,
    }
    return Train("base", pack, **{**settings, "snapshot_every": 40, **more})


@pytest.fixture(scope="module")
def ctx(tmp_path_factory):
    torch.set_num_threads(1)
    found = RunContext(tmp_path_factory.mktemp("run"))
    chosen = Choose("chosen", make_training(), Held("held"), max_new_tokens=24)
    run_recipe(Report("report", (chosen,)), found)
    return found


def test_snapshots_are_of_each_so_many_steps_and_the_last(ctx):
    folders = sorted((ctx.root / "base" / "models").iterdir())
    assert [each.name for each in folders] == ["step-0000040", "step-0000080", "step-0000090"]
    last, kept = (
        transformer.load_model(where).state_dict()
        for where in (folders[-1], ctx.root / "base" / "model")
    )
    assert all(torch.equal(last[name], kept[name]) for name in kept)


def test_the_one_that_solves_most_goes_on_and_of_equals_the_surest(ctx):
    facts = store.read_json(ctx.root / "chosen" / "choice.json")
    rows = facts["checkpoints"]
    for row in rows:  # as somebody else would count it
        where = ctx.root / "base" / "models" / f"step-{row['step']:07d}"
        phi, words = transformer.load_model(where), tokenizer.load_tokenizer(where)
        text = generate.generate_completions(
            phi, words, [EXERCISE["prompt"]], generate.SamplingParams(24, stop=["\ndef"])
        )[0].text
        assert row["solved"] == (text.strip() == "return a + a")
        bits = generate.measure_continuation_bits(
            phi, words, [(EXERCISE["prompt"], EXERCISE["solution"])]
        )[0]
        assert row["bits_per_byte"] == pytest.approx(bits / len(EXERCISE["solution"]))
    assert max(row["solved"] for row in rows) == 1
    best = max(rows, key=lambda row: (row["solved"], -row["bits_per_byte"]))
    assert facts["chosen_step"] == best["step"]
    chosen = transformer.load_model(ctx.root / "chosen" / "model").state_dict()
    wanted = transformer.load_model(
        ctx.root / "base" / "models" / f"step-{best['step']:07d}"
    ).state_dict()
    assert all(torch.equal(chosen[name], wanted[name]) for name in wanted)
    answers = store.read_table(ctx.root / "chosen" / "answers.parquet").to_pylist()
    assert [row["step"] for row in answers] == [row["step"] for row in rows]


def test_a_choice_is_a_trained_model_for_whoever_asks(ctx):
    assert inspect_run.find_model_folder(ctx, None) == ctx.root / "chosen" / "model"
    assert exam_log.finished_trainings(ctx) == ["base", "chosen"]
    page = (ctx.root / "report" / "report.html").read_text()
    assert "chose by 1 held-out exercises" in page and "chosen" in page


def test_killed_it_goes_on_with_the_texts_that_are_on_disk(ctx, tmp_path, monkeypatch):
    from hornbook.verify import choose, sample

    write = sample.complete_batch
    again = RunContext(tmp_path)
    stage = Choose(
        "chosen", make_training(steps=4, snapshot_every=2), Held("held"), max_new_tokens=4
    )
    real, seen = choose.run_answer_tests, []

    def judge(*given):
        seen.append(given)
        if len(seen) == 2:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(choose, "run_answer_tests", judge)
    with pytest.raises(KeyboardInterrupt):
        run_recipe(stage, again)
    asked = []
    monkeypatch.setattr(choose, "run_answer_tests", real)
    monkeypatch.setattr(
        sample, "complete_batch", lambda *given: asked.append(given) or write(*given)
    )
    run_recipe(stage, again)
    assert not asked
    assert len(store.read_json(again.root / "chosen" / "choice.json")["checkpoints"]) == 2


def test_what_has_no_snapshots_and_what_was_seen_is_refused(ctx):
    with pytest.raises(UserError, match="base leaves one model: give it snapshot_every"):
        Choose("chosen", make_training(snapshot_every=0), Held("held"))
    seen = find_possible_leaks(
        Examine("exam", Choose("chosen", make_training(), Held("held")), "unconventional")
    )
    assert {each.data for each in seen} == {"lesson"}


def test_a_training_without_snapshots_is_what_it_was_before_there_were_any(ctx):
    assert (
        "snapshot_every" not in compute_identity(make_training(snapshot_every=0), ctx)["settings"]
    )
    assert compute_identity(make_training(), ctx)["settings"]["snapshot_every"] == 40
