"""Packing: every document is where the table says, nothing held out is trained on, order does not depend on parts."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pytest

from hornbook import records, store
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Stage
from hornbook.records import UserError
from hornbook.train.pack import Pack, _place_best_fit, trace_sequence
from hornbook.train.tokenizers import TrainTokenizer, read_tokenizer


@dataclass(frozen=True)
class Texts(Stage):
    text_count: int = 60
    in_parts: int = 1

    def shards(self, ctx):
        return [f"p{i}" for i in range(self.in_parts)]

    def make_shard(self, ctx, part):
        own = [
            n
            for n in range(self.text_count)
            if n * self.in_parts // self.text_count == int(part[1:])
        ]
        texts = [f"def f{n}(a):\n    return a + {n}\n" * (1 + n % 5) for n in own]
        return records.make_table(
            [{"id": records.document_id(text), "text": text} for text in texts]
        )


@dataclass(frozen=True)
class Drills(Stage):
    def shards(self, ctx):
        return ["drills"]

    def make_shard(self, ctx, part):
        rows = []
        for n in range(40):
            prompt, solution = f'def g{n}(a):\n    """Add {n}."""\n', f"    return a + {n}\n"
            text = prompt + solution
            rows.append(
                {
                    "id": records.document_id(text),
                    "text": text,
                    "prompt": prompt,
                    "solution": solution,
                }
            )
        return records.make_table(rows, records.EXERCISE)


def run_pack(tmp_path, data, **settings):
    words = TrainTokenizer("words", (data,), 300)
    pack = Pack("pack", (data,), words, context=16, **{"held_out": 0.2, **settings})
    ctx = RunContext(tmp_path)
    run_recipe(pack, ctx)
    folder = ctx.run.stage_folder(pack)
    facts = json.loads((folder / "pack.json").read_text())
    ids = np.fromfile(folder / "tokens.bin", facts["dtype"]).reshape(-1, 16)
    return ctx, words, folder, facts, ids


@pytest.mark.parametrize("packing", ["stream", "whole"])
def test_each_document_lies_where_the_table_says(tmp_path, packing):
    ctx, words, folder, facts, ids = run_pack(tmp_path, Texts("texts"), packing=packing)
    tokenizer = read_tokenizer(ctx, words)
    texts = {
        row["id"]: row["text"]
        for table in ctx.run.read_kept_rows("texts")
        for row in table.to_pylist()
    }
    written = {}
    for row in store.read_table(folder / "documents.parquet").to_pylist():
        stream = np.fromfile(
            folder / ("tokens.bin" if row["set"] == "train" else "held_out.bin"), facts["dtype"]
        )
        written.setdefault(row["id"], []).extend(
            stream[row["start"] : row["start"] + row["tokens"]].tolist()
        )
    cut = [
        name
        for name, ids_of_document in written.items()
        if ids_of_document != [*tokenizer.encode(texts[name]), tokenizer.end]
    ]
    assert len(cut) <= (
        2 if packing == "stream" else 0
    )  # the last document of each set may be cut by the slicing
    assert len(ids) == facts["sequences"]


def test_what_is_held_out_is_not_trained_on(tmp_path):
    _, _, folder, _, _ = run_pack(tmp_path, Texts("texts"))
    rows = store.read_table(folder / "documents.parquet").to_pylist()
    train, held_out = (
        {row["id"] for row in rows if row["set"] == name} for name in ("train", "held-out")
    )
    assert train and held_out and not train & held_out


def test_the_order_does_not_depend_on_the_parts(tmp_path):
    one = run_pack(tmp_path / "one", Texts("texts"))[4]
    four = run_pack(tmp_path / "four", Texts("texts", in_parts=4))[4]
    assert one.tolist() == four.tolist()


def test_prompts_are_not_learned_when_only_solutions_are(tmp_path):
    ctx, words, folder, facts, ids = run_pack(
        tmp_path, Drills("drills"), loss="solution", packing="whole", held_out=0
    )
    tokenizer = read_tokenizer(ctx, words)
    mask = np.fromfile(folder / "mask.bin", np.uint8).reshape(ids.shape)
    learned = tokenizer.decode(ids[mask == 1].tolist())
    assert '"""' not in learned
    assert learned.count("return") == 40


def test_a_sequence_can_be_traced_to_its_documents(tmp_path):
    _, _, folder, _, ids = run_pack(tmp_path, Texts("texts"))
    rows = [
        row
        for row in store.read_table(folder / "documents.parquet").to_pylist()
        if row["set"] == "train"
    ]
    owner = [
        row["id"] for row in rows for _ in range(row["tokens"])
    ]  # of each token, in the stream's order
    for sequence in range(len(ids)):
        traced = [
            entry["id"]
            for entry in trace_sequence(folder, sequence)
            for _ in range(entry["tokens"])
        ]
        assert traced == owner[sequence * 16 : (sequence + 1) * 16]


def test_too_little_for_one_sequence_is_said(tmp_path):
    data = Texts("texts", text_count=1)
    words = TrainTokenizer("words", (data,), 300)
    with pytest.raises(UserError, match="fill no sequence of 512"):
        run_recipe(Pack("pack", (data,), words, context=512), RunContext(tmp_path))


@pytest.mark.parametrize(
    "wrong", [{"context": 0}, {"context": 1}, {"held_out": 1.0}, {"packing": "foo"}, {"loss": "x"}]
)
def test_a_setting_out_of_range_is_refused_with_what_is_allowed(tmp_path, wrong):
    data = Texts("texts")
    with pytest.raises(UserError, match=f"pack: {next(iter(wrong))}="):
        Pack("pack", (data,), TrainTokenizer("words", (data,), 300), **wrong)


def test_the_fullest_sequence_with_room_is_the_one_that_a_search_finds():
    draw = np.random.default_rng(0)
    lengths = draw.integers(1, 150, 400)
    places, sequence_count = _place_best_fit(lengths, 64)
    left = np.full(sequence_count, 64)
    opened = 0
    for _, first, stop, start in places.tolist():
        piece, sequence = stop - first, start // 64
        fits = [room for room in left[:opened] if room >= piece]
        assert left[sequence] == (min(fits) if fits else 64) and start % 64 == 64 - left[sequence]
        left[sequence] -= piece
        opened = max(opened, sequence + 1)
    assert (
        sequence_count == opened and int(places[:, 2].sum() - places[:, 1].sum()) == lengths.sum()
    )


def test_equal_runs_are_equal_bytes(tmp_path):
    folders = [run_pack(tmp_path / name, Texts("texts"))[2] for name in ("a", "b")]
    assert (folders[0] / "manifest.json").read_bytes() == (
        folders[1] / "manifest.json"
    ).read_bytes()
