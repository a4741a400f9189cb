"""The accelerator's ids are tokenizers' or it is not used: the real one where it is installed, and stand-ins."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from hornbook import tokenizer
from hornbook.train import encode

TEXTS = ["def f(a):\n    return a\n", "", "x = 2023  # é ∑\n", "print('<|endoftext|>')", "\t\tif x:\n" * 9]


@pytest.fixture(scope="module")
def words():
    return tokenizer.train(TEXTS * 3, 300)


def installed(monkeypatch, encode_batch) -> None:
    """A module named gigatoken whose tokenizer does this."""
    made = ModuleType("gigatoken")
    made.__spec__ = importlib.util.spec_from_loader("gigatoken", None)
    made.Tokenizer = SimpleNamespace(from_json=lambda text: SimpleNamespace(encode_batch=encode_batch))
    monkeypatch.setitem(sys.modules, "gigatoken", made)
    monkeypatch.setattr(encode, "_split", lambda batch: [np.asarray(ids, np.uint32) for ids in batch])


def same(found, words) -> bool:
    return [ids.tolist() for ids in found] == words.encode_many(TEXTS)


def test_without_it_the_ids_are_tokenizers(words, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    encoder = encode.Encoder(words, pytest.fail)
    assert not encoder.fast and same(encoder.many(TEXTS), words)


def test_one_that_agrees_stays_and_an_end_of_text_is_never_its_business(words, monkeypatch):
    asked: list[str] = []

    def batch(texts):
        asked.extend(texts)
        return words.encode_many(texts)

    installed(monkeypatch, batch)
    encoder = encode.Encoder(words, pytest.fail)
    assert same(encoder.many(TEXTS), words) and encoder.fast
    assert not any("<|endoftext|>" in text for text in asked)


def test_any_difference_among_a_thousand_sets_it_aside_aloud(words, monkeypatch):
    def batch(texts):
        return [
            [*ids[:-1], 7] if text.startswith("bad") else ids
            for text, ids in zip(texts, words.encode_many(texts), strict=True)
        ]

    installed(monkeypatch, batch)
    said: list[str] = []
    encoder = encode.Encoder(words, said.append)
    encoder.many(["good"] * 600)
    assert encoder.fast and not said
    found = encoder.many([*["good"] * 300, "bad text"])
    assert not encoder.fast and "other ids" in said[0]
    assert found[-1].tolist() == words.encode("bad text")


@pytest.mark.skipif(importlib.util.find_spec("gigatoken") is None, reason="pip install 'hornbook[fast]'")
@pytest.mark.network
def test_the_real_one_agrees_on_the_papers_vocabulary():
    encoder = encode.Encoder(tokenizer.codegen(), pytest.fail)
    texts = [Path(file).read_text("utf-8") for file in (encode.__file__, tokenizer.__file__)] + TEXTS
    assert [ids.tolist() for ids in encoder.many(texts)] == encoder.tokenizer.encode_many(texts)
    assert encoder.fast
