"""The kernel's ids are those of `tokenizers`, on every code point and on adversarial texts."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

import numpy as np
import pytest
from tokenizers import AddedToken
from tokenizers import Tokenizer as Backend

from hornbook.models import fast_bpe, tokenizer
from hornbook.models.encode import HARD_TEXT

SOURCES = [
    Path(module.__file__).read_text("utf-8") for module in (json, random, tokenizer, fast_bpe)
]
WIDE = (
    "é e\u0301 漢字 \u3000\u00a0\u2028\x85 \u0663\u0664½² ㉐ "
    "\U00016ff6 👩‍👩‍👧 🎓\ufe0f "
    "\U0010ffff\ud7ff \u200b\ufeff"
)
RUNS = [" " * n for n in range(31, 1, -1)] + ["\t" * n for n in range(9, 1, -1)]
OVERLAPPING = [
    "<|a|>",
    "<|ab",
    "<|a",
    "  ",
    "\n\n\n",
    "'s it",
    "é漢",
    "ll",
    "\u3000 x",
    "12",
    "23",
    "<|endo",
    "=" * 40,
]
WORDS = [
    " ",
    "  ",
    "\n",
    "\r\n",
    "\t",
    "'s",
    "'t",
    "'re",
    "'LL",
    "'",
    "a",
    "foo",
    "Bar",
    "1",
    "23",
    "\x1c",
    "\0",
    "_",
    "(",
]
WORDS += [
    *WIDE.split(" "),
    "<|endoftext|>",
    "<|endo",
    "ftext|>",
    "<|a|>",
    "<|ab",
    "<|",
    "==",
    "---",
    "\x7f",
    "\x0b",
    "…",
]


def make_codegen_like(added: list[str], normalized: bool = False) -> tokenizer.Tokenizer:
    """A tokenizer with GPT-2's pre-tokenizer and added tokens, as CodeGen's."""
    config = json.loads(tokenizer.train_tokenizer([*SOURCES, WIDE * 9], 1500).backend.to_str())
    config["pre_tokenizer"] = config["pre_tokenizer"]["pretokenizers"][1]
    backend = Backend.from_str(json.dumps(config))
    backend.add_tokens([AddedToken(item, normalized=normalized) for item in added])
    return tokenizer.Tokenizer(backend)


@pytest.fixture(scope="module")
def vocabularies():
    learned = tokenizer.train_tokenizer([*SOURCES, WIDE * 9], 1500)
    odd = tokenizer.Tokenizer(Backend.from_str(learned.backend.to_str()))
    odd.backend.add_tokens([AddedToken(item, normalized=False) for item in OVERLAPPING])
    tokenizers = {
        "learned": learned,
        "codegen-like": make_codegen_like(RUNS),
        "odd": odd,
        "normalized": make_codegen_like(RUNS, True),
    }
    return {
        name: (text_tokenizer, fast_bpe.FastBpe(text_tokenizer, np.dtype(np.uint32)))
        for name, text_tokenizer in tokenizers.items()
    }


def find_differing(pair, texts) -> list[str]:
    """The texts that the two encode differently."""
    text_tokenizer, kernel = pair
    expected = text_tokenizer.encode_many(texts)
    actual = kernel.encode_texts(texts)
    return [
        text
        for text, a, b in zip(texts, actual, expected, strict=True)
        if a.tolist() != [*b, text_tokenizer.end]
    ]


NAMES = ["learned", "codegen-like", "odd", "normalized"]
TEXTS = [
    *SOURCES, HARD_TEXT, WIDE, "", "", "a", " ", "\n", "'", "x'", "\n" * 99, "\r\n" * 9,
    " \n \n\t\t x", "a<|endoftext|>b",
    "<|endoftext|><|endoftext|>", "<|e", "ndoftext|>", "<|endo<|endoftext|>ftext|>", "",
    *(" " * n + "x" for n in range(70)), *("\n" + "\t" * n + " 1" for n in range(20)),
    *(item * n for item in "a=-\0é漢\u3000\u0663" for n in (30, 31, 32, 33, 300)),
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_hard_texts(vocabularies, name):
    assert find_differing(vocabularies[name], TEXTS) == []


@pytest.mark.parametrize("name", NAMES)
def test_words_in_any_order(vocabularies, name):
    dice = random.Random(7)
    often = [1, 1, 1, 2, 3, 31, 33]
    texts = [
        "".join(dice.choice(WORDS) * dice.choice(often) for _ in range(dice.randrange(10)))
        for _ in range(3000)
    ]
    assert find_differing(vocabularies[name], texts) == []


@pytest.mark.parametrize("name", NAMES[:2])
# Every 16th code point takes 1 s, all take 15.
@pytest.mark.parametrize("step", [16, pytest.param(1, marks=pytest.mark.slow)])
def test_every_code_point(vocabularies, name, step):
    codes = [*range(0x3400), *range(0x3400, 0xD800, step), *range(0xE000, sys.maxunicode + 1, step)]
    lines = [f"{chr(code)}a {chr(code)}" for code in codes]
    assert (
        find_differing(
            vocabularies[name],
            ["\n".join(lines[start : start + 2000]) for start in range(0, len(lines), 2000)],
        )
        == []
    )


@pytest.mark.parametrize("name", NAMES[:3])
def test_words_of_a_hundred_kilobytes(vocabularies, name):
    letters = "".join(random.Random(3).choices("abcdefgh", k=100_000))
    assert (
        find_differing(
            vocabularies[name],
            [letters, "a" * 100_000, " " * 100_001 + "x", "漢" * 40_000, letters + "1"],
        )
        == []
    )


def test_words_that_are_forgotten_are_spelled_again(vocabularies, monkeypatch):
    text_tokenizer, _ = vocabularies["learned"]
    monkeypatch.setattr(fast_bpe, "LONG_CACHE_ENTRIES", 4)
    assert (
        find_differing(
            (text_tokenizer, fast_bpe.FastBpe(text_tokenizer, np.dtype(np.uint16))), SOURCES * 2
        )
        == []
    )


def test_of_one_batch_or_of_many(vocabularies, monkeypatch):
    text_tokenizer, kernel = vocabularies["codegen-like"]
    monkeypatch.setattr(fast_bpe, "BATCH_CHARACTERS", 100)
    assert find_differing((text_tokenizer, kernel), [*TEXTS, *SOURCES]) == []


SPLIT = {"type": "Split", "pattern": {"Regex": "\\d"}, "behavior": "Isolated", "invert": False}
TOKEN = {
    "id": 1500,
    "single_word": False,
    "lstrip": False,
    "rstrip": False,
    "normalized": False,
    "special": False,
}
LEVEL = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
CHANGES = {
    "normalizer": lambda config: config.update(normalizer={"type": "NFC"}),
    "pre-tokenizer": lambda config: config["pre_tokenizer"]["pretokenizers"].insert(0, SPLIT),
    "pre-tokenizer, a space before": lambda config: config.update(pre_tokenizer=LEVEL),
    "pre-tokenizer, none": lambda config: config.update(pre_tokenizer=None),
    "model": lambda config: config["model"].update(ignore_merges=True),
    "model, at random": lambda config: config["model"].update(dropout=0.1),
    "model, ids of 20 bits": lambda config: config["model"]["vocab"].update(all=(1 << 19) - 1),
    "post-processor": lambda config: config.update(
        post_processor={"type": "BertProcessing", "sep": ["a", 1], "cls": ["b", 2]}
    ),
    "truncation": lambda config: config.update(
        truncation={"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 0}
    ),
    "added tokens": lambda config: config["added_tokens"].append(
        {**TOKEN, "content": "<x>", "lstrip": True}
    ),
    "added tokens, one byte": lambda config: config["added_tokens"].append(
        {**TOKEN, "content": "\n"}
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_is_not_covered_is_named(name):
    config = json.loads(tokenizer.train_tokenizer(SOURCES, 1500).backend.to_str())
    CHANGES[name](config)
    text_tokenizer = tokenizer.Tokenizer(Backend.from_str(json.dumps(config)))
    with pytest.raises(fast_bpe.UnsupportedTokenizer, match=name.split(",")[0]):
        fast_bpe.FastBpe(text_tokenizer, np.dtype(np.uint16))
