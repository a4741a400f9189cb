"""Embeddings: layer and tokens, the paper's kind of model, the same bits in every batch."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hornbook import meter
from hornbook.models import embedder
from hornbook.models.embedder import Embedder, embed_texts, embed_texts_per_layer
from hornbook.records import UserError

TEXTS = [
    f"def f{n}(a, b={n}):\n    # {n * 37} numbers\n    return a + {n}\n" * (1 + n % 5)
    for n in range(12)
]


@pytest.fixture(autouse=True)
def loaded_anew(load=embedder._load_truncated_model) -> None:
    load.cache_clear()


@pytest.fixture(params=[torch.float32, torch.bfloat16], ids=str)
def precision(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> torch.dtype:
    monkeypatch.setattr(embedder, "fast_dtype", lambda device: request.param)
    return request.param


def reference_vector(
    codegen: Path, text: str, layer: int, tokens: int, pooling: str = "mean"
) -> np.ndarray:
    """The plain way: all layers, the states after `layer` of them, their mean or the last one's."""
    from transformers import AutoTokenizer, CodeGenModel

    model = CodeGenModel.from_pretrained(codegen, dtype=torch.float32).eval()
    ids = AutoTokenizer.from_pretrained(codegen)(text)["input_ids"][:tokens]
    with torch.no_grad():
        states = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[
            layer
        ]
    pooled = (states[0].mean(0) if pooling == "mean" else states[0, -1]).numpy()
    return pooled / np.linalg.norm(pooled)


@pytest.mark.parametrize(("layer", "after"), [(0, 2), (1, 1), (3, 3)])
def test_the_papers_kind_of_model_gives_its_layers_by_name(codegen, monkeypatch, layer, after):
    monkeypatch.setattr(embedder, "fast_dtype", lambda device: torch.float32)
    vectors = embed_texts(TEXTS, Embedder(str(codegen), layer=layer, tokens=24))
    assert vectors.dtype == np.float32 and vectors.shape == (12, 64)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    for text, row in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(row, reference_vector(codegen, text, after, 24), atol=2e-5)


def test_a_texts_bits_do_not_depend_on_its_neighbours(codegen, precision):
    settings = Embedder(str(codegen), tokens=128)
    together = embed_texts(TEXTS, settings, use_cache=False)
    for i in (0, 4, 11):
        np.testing.assert_array_equal(
            embed_texts(TEXTS[i : i + 1], settings, use_cache=False)[0], together[i]
        )
    np.testing.assert_array_equal(
        embed_texts(TEXTS[::-1] * 3, settings, use_cache=False)[:12], together[::-1]
    )


def test_batches_of_one_length_have_one_shape_however_many_texts_there_are(codegen, monkeypatch):
    """The test above needs this: at a real model's width oneDNN's bits depend on the rows."""
    shapes, load = set(), embedder._load_truncated_model

    def load_watched(*arguments):
        model = load(*arguments)

        def hidden_states(ids):
            shapes.add(tuple(ids.shape))
            return model.hidden_states(ids)

        return replace(model, hidden_states=hidden_states)

    monkeypatch.setattr(embedder, "_load_truncated_model", load_watched)
    for count in (1, 5, 12):
        embed_texts(TEXTS[:count], Embedder(str(codegen), tokens=128), use_cache=False)
    assert shapes == {(embedder.BATCH_TOKENS // length, length) for length in (64, 128)}


def test_layers_of_one_pass_are_those_of_a_pass_each(codegen, precision):
    all_settings = [
        Embedder(str(codegen), layer, 64, pooling)
        for layer in (1, 2, 4)
        for pooling in ("mean", "last")
    ]
    for settings, vectors in zip(
        all_settings, embed_texts_per_layer(TEXTS, all_settings, use_cache=False), strict=True
    ):
        np.testing.assert_array_equal(vectors, embed_texts(TEXTS, settings, use_cache=False))


def test_the_last_token_is_the_last_that_is_read(codegen, monkeypatch):
    monkeypatch.setattr(embedder, "fast_dtype", lambda device: torch.float32)
    vectors = embed_texts(TEXTS, Embedder(str(codegen), 2, 24, "last"), use_cache=False)
    for text, row in zip(TEXTS, vectors, strict=True):
        np.testing.assert_allclose(row, reference_vector(codegen, text, 2, 24, "last"), atol=2e-5)


@pytest.mark.parametrize("cached", [[], [3], [0, 5, 7, 11], range(12)])
def test_a_warm_cache_gives_the_bits_of_a_cold_one(codegen, precision, cached):
    all_settings = [Embedder(str(codegen), 1, 64), Embedder(str(codegen), 0, 64, "last")]
    expected = embed_texts_per_layer(TEXTS, all_settings, use_cache=False)
    embed_texts_per_layer([TEXTS[i] for i in cached], all_settings[1:])
    embed_texts_per_layer([TEXTS[i] for i in cached], all_settings[:1])
    with meter.measure_usage() as usage:
        np.testing.assert_array_equal(embed_texts_per_layer(TEXTS, all_settings), expected)
    assert (usage.tokens_in == 0) == (len(cached) == 12)
    with meter.measure_usage() as usage:
        np.testing.assert_array_equal(embed_texts(TEXTS, all_settings[0]), expected[0])
    assert usage.tokens_in == 0


def test_a_model_of_other_weights_is_not_served_from_the_cache(codegen, tmp_path, monkeypatch):
    from transformers import CodeGenForCausalLM

    place = tmp_path / "mine"
    shutil.copytree(codegen, place)
    settings = Embedder(str(place), tokens=64)
    first = embed_texts(TEXTS, settings)
    model = CodeGenForCausalLM.from_pretrained(place)
    with torch.no_grad():
        # After the layer that is read, and still another model.
        model.transformer.h[3].mlp.fc_in.bias += 1
        model.transformer.h[0].mlp.fc_out.bias += 1
    model.save_pretrained(place)
    embedder._load_truncated_model.cache_clear()
    second = embed_texts(TEXTS, settings)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(second, embed_texts(TEXTS, settings, use_cache=False))


@pytest.mark.parametrize(
    "other", [{"layer": 1}, {"tokens": 32}, {"pooling": "last"}], ids=["layer", "tokens", "pooling"]
)
def test_other_settings_are_other_entries(codegen, other):
    settings = Embedder(str(codegen), 2, 64)
    embed_texts(TEXTS, settings)
    with meter.measure_usage() as usage:
        vectors = embed_texts(TEXTS, replace(settings, **other))
    assert usage.tokens_in > 0
    np.testing.assert_array_equal(
        vectors, embed_texts(TEXTS, replace(settings, **other), use_cache=False)
    )


def test_a_layer_that_a_model_lacks_is_refused(codegen):
    with pytest.raises(UserError, match="layers 1 to 4"):
        embed_texts(TEXTS, Embedder(str(codegen), layer=9))


def test_a_model_that_is_nowhere_is_refused_with_what_would_do(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="smollm2 or hashed"):
        embed_texts(TEXTS, Embedder(str(tmp_path / "nothing")))


def test_hashed_rows_depend_on_their_text_alone():
    vectors = embed_texts([*TEXTS, "", "\ud800 lone"], Embedder("hashed"))
    np.testing.assert_array_equal(vectors[3], embed_texts(TEXTS[3:4], Embedder("hashed"))[0])
    np.testing.assert_allclose(np.linalg.norm(vectors[:12], axis=1), 1, rtol=1e-5)
    assert np.isfinite(vectors).all()


def test_no_texts_are_no_rows():
    assert len(embed_texts([], Embedder("hashed"))) == len(embed_texts([])) == 0
