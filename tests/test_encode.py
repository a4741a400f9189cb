"""The kernel encodes where its ids are those of `tokenizers`, else `tokenizers` does."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer as Backend

from hornbook.models import encode, fast_bpe, tokenizer

TEXTS = [
    "def f(a):\n    return a\n",
    "",
    "x = 2023  # é ∑\n",
    "print('<|endoftext|>')",
    "\t\tif x:\n" * 9,
]


@pytest.fixture(scope="module")
def text_tokenizer():
    return tokenizer.train_tokenizer(TEXTS * 3, 300)


def is_same(encoder) -> bool:
    expected = encoder.tokenizer.encode_many(TEXTS)
    return [ids.tolist() for ids in encoder.encode_texts(TEXTS)] == [
        [*ids, encoder.tokenizer.end] for ids in expected
    ]


def test_a_vocabulary_learned_here_is_the_kernels(text_tokenizer):
    encoder = encode.Encoder(text_tokenizer, pytest.fail)
    assert is_same(encoder) and is_same(encoder) and encoder.uses_kernel


def test_one_that_the_kernel_does_not_cover_is_encoded_all_the_same_and_said(text_tokenizer):
    config = json.loads(text_tokenizer.backend.to_str())
    config["normalizer"] = {"type": "NFC"}
    messages: list[str] = []
    encoder = encode.Encoder(
        tokenizer.Tokenizer(Backend.from_str(json.dumps(config))), messages.append
    )
    assert is_same(encoder) and not encoder.uses_kernel and "normalizer" in messages[0]


def patch_merges(monkeypatch, change) -> None:
    """Let the kernel have other merges than the vocabulary."""
    merges = fast_bpe.FastBpe._build_merge_table
    monkeypatch.setattr(
        fast_bpe.FastBpe,
        "_build_merge_table",
        lambda self, model: merges(self, {**model, "merges": change(model["merges"])}),
    )


@pytest.mark.parametrize(
    "change", [lambda merges: merges[::-1], lambda merges: merges[1:]], ids=["order", "first"]
)
def test_a_kernel_that_misreads_a_vocabulary_is_set_aside_aloud(
    text_tokenizer, monkeypatch, change
):
    patch_merges(monkeypatch, change)
    messages: list[str] = []
    encoder = encode.Encoder(text_tokenizer, messages.append)
    assert is_same(encoder) and not encoder.uses_kernel and "other ids" in messages[0]


def test_ids_are_as_wide_as_the_vocabulary_needs(text_tokenizer):
    assert encode.Encoder(text_tokenizer, pytest.fail).encode_texts(TEXTS)[0].dtype == np.uint16


@pytest.mark.network
def test_the_papers_vocabulary_is_the_kernels():
    encoder = encode.Encoder(tokenizer.build_codegen_tokenizer(), pytest.fail)
    texts = [Path(file).read_text("utf-8") for file in (encode.__file__, tokenizer.__file__)]
    expected = [[*ids, encoder.tokenizer.end] for ids in encoder.tokenizer.encode_many(texts)]
    assert (
        is_same(encoder)
        and [ids.tolist() for ids in encoder.encode_texts(texts)] == expected
        and encoder.uses_kernel
    )
