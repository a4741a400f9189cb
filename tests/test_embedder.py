"""Vectors: rows of length 1, the layer and the tokens that were asked for, and the paper's model by its name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from hornbook import embedder, tokenizer
from hornbook.embedder import Embedder, embed
from hornbook.records import UserError

TEXTS = [f"def f{n}(a, b={n}):\n    # {n * 37} numbers\n    return a + {n}\n" * (1 + n % 5) for n in range(12)]


@pytest.fixture(scope="module")
def codegen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the Hub has Salesforce/codegen-350M-mono, with a random model of 4 small layers."""
    from transformers import CodeGenConfig, CodeGenForCausalLM, PreTrainedTokenizerFast

    place = tmp_path_factory.mktemp("hub") / "codegen"
    torch.manual_seed(0)
    shape = CodeGenConfig(vocab_size=300, n_positions=128, n_embd=64, n_layer=4, n_head=4, rotary_dim=8)
    CodeGenForCausalLM(shape).save_pretrained(place)
    words = tokenizer.train(TEXTS, 300)
    PreTrainedTokenizerFast(tokenizer_object=words.backend).save_pretrained(place)
    return place


def hidden_of(codegen: Path, text: str, layer: int, tokens: int) -> np.ndarray:
    """The plain way: all layers, the states after `layer` of them, their mean."""
    from transformers import AutoTokenizer, CodeGenModel

    model = CodeGenModel.from_pretrained(codegen, dtype=torch.float32).eval()
    ids = AutoTokenizer.from_pretrained(codegen)(text)["input_ids"][:tokens]
    with torch.no_grad():
        states = model(input_ids=torch.tensor([ids]), output_hidden_states=True).hidden_states[layer]
    mean = states[0].mean(0).numpy()
    return mean / np.linalg.norm(mean)


@pytest.mark.parametrize(("layer", "after"), [(0, 2), (1, 1), (3, 3)])
def test_the_papers_kind_of_model_gives_its_layers_by_name(codegen, monkeypatch, layer, after):
    monkeypatch.setattr(embedder, "fast_dtype", lambda device: torch.float32)
    embedder._body.cache_clear()
    found = embed(TEXTS, Embedder(str(codegen), layer=layer, tokens=24))
    assert found.dtype == np.float32 and found.shape == (12, 64)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    for text, row in zip(TEXTS, found, strict=True):
        np.testing.assert_allclose(row, hidden_of(codegen, text, after, 24), atol=2e-5)
    embedder._body.cache_clear()


def test_a_layer_that_a_model_lacks_is_refused(codegen):
    with pytest.raises(UserError, match="layers 1 to 4"):
        embed(TEXTS, Embedder(str(codegen), layer=9))


def test_a_model_that_is_nowhere_is_refused_with_what_would_do(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="smollm2 or hashed"):
        embed(TEXTS, Embedder(str(tmp_path / "nothing")))


def test_hashed_rows_depend_on_their_text_alone():
    found = embed([*TEXTS, "", "\ud800 lone"], Embedder("hashed"))
    np.testing.assert_array_equal(found[3], embed(TEXTS[3:4], Embedder("hashed"))[0])
    np.testing.assert_allclose(np.linalg.norm(found[:12], axis=1), 1, rtol=1e-5)
    assert np.isfinite(found).all()


def test_no_texts_are_no_rows():
    assert len(embed([], Embedder("hashed"))) == len(embed([])) == 0
