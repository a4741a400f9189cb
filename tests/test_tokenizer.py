"""Byte-level BPE: what goes in comes out, the end token cannot be forged, and the same texts give the same merges."""

from __future__ import annotations

import random

import pytest

from hornbook.models import tokenizer
from hornbook.records import UserError

TEXTS = [f"def f{n}(a, b):\n\treturn a + {n} * b  # é ü 漢字\n" for n in range(80)]


@pytest.fixture(scope="module")
def words():
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
def test_any_text_comes_back(words, text):
    assert words.decode(words.encode(text)) == text


@pytest.mark.parametrize("text", HARD)
def test_no_text_can_write_the_end_token(words, text):
    assert words.end not in words.encode(text)


def test_random_characters_come_back(words):
    dice = random.Random(1)
    texts = ["".join(chr(dice.choice([dice.randrange(32, 127), dice.randrange(0xD7FF)])) for _ in range(200))
             for _ in range(200)]  # fmt: skip
    assert [words.decode(ids) for ids in words.encode_many(texts)] == texts


def test_same_texts_same_merges(words):
    assert tokenizer.train_tokenizer(TEXTS, 400).backend.to_str() == words.backend.to_str()


def test_saved_and_loaded_it_is_the_same(words, tmp_path):
    words.save(tmp_path, 128)
    assert tokenizer.load_tokenizer(tmp_path).encode_many(TEXTS) == words.encode_many(TEXTS)


def test_transformers_reads_the_folder(words, tmp_path):
    from transformers import AutoTokenizer

    words.save(tmp_path, 128)
    reference = AutoTokenizer.from_pretrained(tmp_path)
    assert [reference(text)["input_ids"] for text in TEXTS] == words.encode_many(TEXTS)
    assert reference.eos_token_id == words.end


def test_a_folder_without_a_tokenizer_is_named(tmp_path):
    with pytest.raises(UserError, match="tokenizer.json"):
        tokenizer.load_tokenizer(tmp_path)


@pytest.mark.network
def test_the_papers_tokenizer_has_its_ids():
    words = tokenizer.build_codegen_tokenizer()
    assert words.vocab == 50_295
    assert words.end == 50_256
    # GPT-2's ids of these words, and CodeGen's of a run of four spaces: 50257 is 31 spaces, so 4
    # are 50257 + 27.
    assert words.encode("Hello world") == [15496, 995]
    assert words.encode("\n    x") == [198, 50284, 87]
    assert words.decode(words.encode("def f():\n\t\treturn  1\n")) == "def f():\n\t\treturn  1\n"
