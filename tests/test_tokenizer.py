"""Byte-level BPE: any text is decoded as it was, end-of-text cannot be forged, merges repeat."""

from __future__ import annotations

import random

import pytest

from hornbook.models import tokenizer
from hornbook.records import UserError

TEXTS = [f"def f{n}(a, b):\n\treturn a + {n} * b  # é ü 漢字\n" for n in range(80)]


@pytest.fixture(scope="module")
def text_tokenizer():
    return tokenizer.train_tokenizer(TEXTS, 400)


HARD = [
    "",
    " ",
    "\n\n\t \t",
    "a<|endoftext|>b",
    "<|endoftext|>",
    "<|endoftext|><|endoftext|>x",
    "\x00\x7f",
    "漢字🎓",
    " " * 50,
]


@pytest.mark.parametrize("text", HARD)
def test_any_text_comes_back(text_tokenizer, text):
    assert text_tokenizer.decode(text_tokenizer.encode(text)) == text


@pytest.mark.parametrize("text", HARD)
def test_no_text_can_write_the_end_token(text_tokenizer, text):
    assert text_tokenizer.end not in text_tokenizer.encode(text)


def test_random_characters_come_back(text_tokenizer):
    rng = random.Random(1)
    texts = []
    for _ in range(200):
        codes = [rng.choice([rng.randrange(32, 127), rng.randrange(0xD7FF)]) for _ in range(200)]
        texts.append("".join(map(chr, codes)))
    assert [text_tokenizer.decode(ids) for ids in text_tokenizer.encode_many(texts)] == texts


def test_same_texts_same_merges(text_tokenizer):
    assert tokenizer.train_tokenizer(TEXTS, 400).backend.to_str() == text_tokenizer.backend.to_str()


def test_saved_and_loaded_it_is_the_same(text_tokenizer, tmp_path):
    text_tokenizer.save(tmp_path, 128)
    assert tokenizer.load_tokenizer(tmp_path).encode_many(TEXTS) == text_tokenizer.encode_many(
        TEXTS
    )


def test_transformers_reads_the_folder(text_tokenizer, tmp_path):
    from transformers import AutoTokenizer

    text_tokenizer.save(tmp_path, 128)
    reference = AutoTokenizer.from_pretrained(tmp_path)
    assert [reference(text)["input_ids"] for text in TEXTS] == text_tokenizer.encode_many(TEXTS)
    assert reference.eos_token_id == text_tokenizer.end


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(UserError, match="tokenizer.json"):
        tokenizer.load_tokenizer(tmp_path)


@pytest.mark.network
def test_the_papers_tokenizer_has_its_ids():
    text_tokenizer = tokenizer.build_codegen_tokenizer()
    assert text_tokenizer.vocab == 50_295
    assert text_tokenizer.end == 50_256
    # GPT-2's ids of these words, and CodeGen's of a run of four spaces: 50257 is 31 spaces, so 4
    # are 50257 + 27.
    assert text_tokenizer.encode("Hello world") == [15496, 995]
    assert text_tokenizer.encode("\n    x") == [198, 50284, 87]
    assert (
        text_tokenizer.decode(text_tokenizer.encode("def f():\n\t\treturn  1\n"))
        == "def f():\n\t\treturn  1\n"
    )
