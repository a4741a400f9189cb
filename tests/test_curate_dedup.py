"""Duplicates: compiled kernels against plain Python, groups against brute force, and the copy that stays."""

from __future__ import annotations

import itertools
import random
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from conftest import rows_of

from hornbook import records
from hornbook.curate import BlindCode, DropDuplicates, StripComments, minhash
from hornbook.curate.anonymise import anonymise_identifiers
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Stage

WORD = re.compile(rb"[A-Za-z0-9_\x80-\xff]+")
BITS = (1 << 64) - 1


@dataclass(frozen=True)
class GivenTexts(Stage):
    """The texts of a test, `per_part` to a part."""

    texts: tuple[str, ...]
    per_part: int = 1000

    def shards(self, ctx: RunContext) -> list[str]:
        return [str(at) for at in range(0, len(self.texts), self.per_part)]

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        mine = self.texts[int(part) : int(part) + self.per_part]
        return records.make_table({"id": records.document_id(text), "text": text} for text in mine)


def run_dedup(texts: list[str], folder: Path, per_part: int = 1000, **settings: Any) -> list[str]:
    """The reason of each text, with the index of the text that stays for it in place of its id."""
    stage = DropDuplicates("unique", GivenTexts("given", tuple(texts), per_part), **settings)
    ctx = RunContext(folder, workers=2)
    run_recipe(stage, ctx)
    index = {records.document_id(text): at for at, text in reversed(list(enumerate(texts)))}
    return [
        re.sub(r"of (\w+)", lambda m: f"of {index[m[1]]}", row["reason"])
        for row in rows_of(ctx, stage)
    ]


def make_texts(number: int, seed: int) -> list[str]:
    """Texts of 60 words of a few families: copies with more and more words replaced, so that all similarities occur."""
    chance, words = random.Random(seed), [f"word{i}" for i in range(500)]
    texts = []
    for _ in range(number // 10):
        first = chance.choices(words, k=60)
        for change in range(10):
            copy = [w if chance.random() > change / 60 else chance.choice(words) for w in first]
            texts.append(" ".join(copy))
    return texts


def plain_shingles(data: bytes) -> set[int]:
    """The word 5-grams' hashes, written as one reads the definition."""

    def mixed(x: int) -> int:
        x = (x ^ x >> 33) * 0xFF51AFD7ED558CCD & BITS
        x = (x ^ x >> 33) * 0xC4CEB9FE1A85EC53 & BITS
        return x ^ x >> 33

    hashes = []
    for word in WORD.findall(data):
        h = 0
        for c in word:
            h = (h ^ c) * 0xFF51AFD7ED558CCD & BITS
            h ^= h >> 32
        hashes.append(h)
    base = 0x9E3779B97F4A7C15
    if 0 < len(hashes) < 5:
        whole = sum(
            h * pow(base, len(hashes) - 1 - k, 1 << 64) for k, h in enumerate(hashes)
        ) + len(hashes)
        return {mixed(whole & BITS) >> 32}
    grams = [hashes[at : at + 5] for at in range(len(hashes) - 4)]
    return {
        mixed(sum(h * pow(base, 4 - k, 1 << 64) for k, h in enumerate(gram)) & BITS) >> 32
        for gram in grams
    }


TEXTS = [
    b"",
    b"...",
    b"one",
    b"one two",
    b"one two three four",
    b"one two three four five",
    b"a b c d e f g a b c d e f g",
    "h\u00e9llo w\u00f6rld \u65e5\u672c x_1 y z".encode(),
    b"def f(x):\n    return x + 1\n" * 9,
]


@pytest.mark.parametrize("data", TEXTS)
def test_signatures_equal_plain_python(data: bytes) -> None:
    a, b = minhash.make_permutations()
    out = np.zeros((1, minhash.PERMUTATIONS), np.uint32)
    offsets = np.array([3, 3 + len(data)], np.int64)
    minhash.compute_signatures(np.frombuffer(b"zz " + data + b" zz", np.uint8), offsets, a, b, out)
    found = plain_shingles(data)
    expected = [
        min([((x ^ int(q)) * int(p)) & 0xFFFFFFFF for x in found], default=0xFFFFFFFF)
        for p, q in zip(a, b, strict=True)
    ]
    assert out[0].tolist() == expected


def test_the_estimate_of_similarity_is_unbiased() -> None:
    texts = [text.encode() for text in make_texts(300, seed=4)]
    a, b = minhash.make_permutations()
    offsets = np.cumsum([0] + [len(text) for text in texts]).astype(np.int64)
    out = np.zeros((len(texts), minhash.PERMUTATIONS), np.uint32)
    minhash.compute_signatures(np.frombuffer(b"".join(texts), np.uint8), offsets, a, b, out)
    sets = [plain_shingles(text) for text in texts]
    pairs = [(i, j) for i, j in itertools.combinations(range(len(texts)), 2) if i // 10 == j // 10]
    errors = np.array([
        minhash.count_agreements(out[i], out[j]) / 128 - len(sets[i] & sets[j]) / len(sets[i] | sets[j]) for i, j in pairs
    ])  # fmt: skip
    assert abs(errors.mean()) < 0.006
    assert errors.std() < 0.05


def brute_force_groups(texts: list[str], threshold: float) -> list[int]:
    """Groups by comparing every pair of signatures, and connecting step by step."""
    a, b = minhash.make_permutations()
    data = [text.encode() for text in texts]
    offsets = np.cumsum([0] + [len(text) for text in data]).astype(np.int64)
    out = np.zeros((len(texts), minhash.PERMUTATIONS), np.uint32)
    minhash.compute_signatures(np.frombuffer(b"".join(data), np.uint8), offsets, a, b, out)
    group = list(range(len(texts)))
    for i, j in itertools.combinations(range(len(texts)), 2):
        if (out[i] == out[j]).mean() >= threshold and group[i] != group[j]:
            old, new = max(group[i], group[j]), min(group[i], group[j])
            group = [new if each == old else each for each in group]
    return group


@pytest.mark.parametrize("seed", range(4))
def test_groups_equal_brute_force(seed: int, tmp_path: Path) -> None:
    texts = make_texts(200, seed)
    group = brute_force_groups(texts, 0.7)
    reasons = run_dedup(texts, tmp_path)
    stays = [int(reason.split(" of ")[1]) if reason else at for at, reason in enumerate(reasons)]
    assert len(set(group)) < 180
    assert [group[each] for each in stays] == group
    assert len(set(stays)) == len(set(group))


@pytest.mark.parametrize("per_part", [1, 7, 50])
def test_how_the_work_is_split_changes_nothing(per_part: int, tmp_path: Path) -> None:
    texts = make_texts(120, 9)
    assert run_dedup(texts, tmp_path / "split", per_part) == run_dedup(texts, tmp_path / "whole")


def test_exact_copies_differ_in_line_ends_and_trailing_blanks_alone(tmp_path: Path) -> None:
    first = "def f():\n    return 1"
    texts = [first, first + "\n\n", first.replace("\n", "  \n"), first.replace("\n", "\r\n"), "\n" + first,
             first.replace("    ", "  "), "", " \n"]  # fmt: skip
    reasons = run_dedup(texts, tmp_path, threshold=1.0)
    # The longest of the copies stays, then the one with the smallest id.
    stays = next(at for at, reason in enumerate(reasons) if not reason)
    assert stays in (1, 2)
    assert [reason.split(":")[0] for reason in reasons[:4]].count("exact duplicate") == 3
    assert reasons[4:6] == ["", ""]
    assert [bool(reason) for reason in reasons[6:]].count(True) == 1


CALM = "import os\n\n\ndef walk(path):\n" + "".join(
    f"    step_{i}(path, os, name_{i})\n" for i in range(30)
)


@pytest.mark.parametrize(
    ("texts", "stays"),
    [
        ([CALM, CALM.replace("):\n", "):\n    # say it\n", 1)], 1),
        ([CALM.replace("):\n", '):\n    """Say it."""\n', 1), CALM], 0),
        ([CALM + "x = 1\n", CALM + "x = '# this is no comment'\n", CALM + "y = 1 # c\n"], 2),
    ],
)
def test_the_copy_that_explains_most_stays(texts: list[str], stays: int, tmp_path: Path) -> None:
    reasons = run_dedup(texts, tmp_path, threshold=0.5)
    assert [at for at, reason in enumerate(reasons) if not reason] == [stays]
    assert all(reason == f"near duplicate: of {stays}" for reason in reasons if reason)


def test_texts_without_words_are_no_duplicates_of_each_other(tmp_path: Path) -> None:
    assert run_dedup(["{}", "[]", "()", "+ - *"], tmp_path) == ["", "", "", ""]


def test_a_crowd_of_near_copies_keeps_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hornbook.curate.dedup.ALL_PAIRS_LIMIT", 20)
    base = " ".join(f"word{i}" for i in range(300))
    reasons = run_dedup([f"{base} end{i}" for i in range(300)], tmp_path)
    assert reasons.count("") == 1


@pytest.mark.parametrize(
    ("text", "explained"),
    [
        ("x = 1", 0),
        ("# abc\nx", 5),
        ("x = '# no'", 0),
        ('"""abc"""', 3),
        ("'''a\n# b'''\n#c", 7),
        ('x = "\\"# no"', 0),
        ("x = 'unclosed\n# c", 3),
    ],
)
def test_comments_and_docstrings_are_measured(text: str, explained: int) -> None:
    facts, prints = np.zeros((1, 2), np.int64), np.zeros((1, 2), np.uint64)
    data = text.encode()
    minhash.compute_fingerprints(
        np.frombuffer(data, np.uint8), np.array([0, len(data)]), prints, facts
    )
    assert facts[0].tolist() == [explained, len(data)]


def test_no_documents_is_no_error(tmp_path: Path) -> None:
    assert run_dedup([], tmp_path) == []


MEAN = """def mean_of(values):
    '''The mean of some numbers.'''
    total = 0.0  # so far
    for value in values:
        if value is None:
            continue
        total += float(value)
    return total / max(1, len(values))


def spread_of(values):
    centre = mean_of(values)
    return max(abs(value - centre) for value in values)
"""
RENAMED = """def average(xs: list[float]) -> float:
    s: float = 0.0
    for x in xs:
        if x is None:
            continue
        s += float(x)
    return s / max(1, len(xs))

def widest(xs):
    m = average(xs)  # the middle
    return max(abs(x - m) for x in xs)
"""
OTHER = """def first_of(rows):
    while rows and not rows[0]:
        rows = rows[1:]
    return sorted(rows, key=len)[-1] if rows else None


def joined(rows, mark):
    return mark.join(str(row).strip() for row in reversed(rows))
"""


def test_code_is_compared_by_its_tree_where_that_is_asked_for(tmp_path):
    given = GivenTexts("given", (MEAN, RENAMED, OTHER, "def broken(:\n" + OTHER), 2)
    plain, seeing = (
        DropDuplicates("plain", given),
        DropDuplicates("unique", given, view=BlindCode("blind", given)),
    )
    ctx = RunContext(tmp_path)
    run_recipe(seeing, ctx)
    run_recipe(plain, ctx)
    alike = {
        stage.name: [row["reason"].split(":")[0] for row in rows_of(ctx, stage)]
        for stage in (plain, seeing)
    }
    # What does not parse is compared as it is: with the text that it breaks, but not with that
    # text's tree.
    assert alike == {
        "plain": ["", "", "near duplicate", ""],
        "unique": ["", "near duplicate", "", ""],
    }


def test_a_view_that_drops_a_document_leaves_it_as_it_is(tmp_path):
    given = GivenTexts(
        "given",
        (MEAN, "# nothing but a comment, and so long that it has many words of its own to compare"),
    )
    unique = DropDuplicates("unique", given, view=StripComments("bare", given))
    ctx = RunContext(tmp_path)
    run_recipe(unique, ctx)
    assert [row["reason"] for row in rows_of(ctx, unique)] == ["", ""]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("def f(a): return a - 1", "def g(b):\n    'Less.'\n    return b - 1", True),
        ("def f(a, b): return a - b", "def f(a, b): return b - a", False),
        ("x: int = 1\nprint(x)", "y = 1\nprint(y)", True),
        ("def f(a): return a.real", "def f(a): return a.imag", False),
        (
            "import numpy as np\nnp.sum(1)",
            "import numpy as xp\nxp.sum(1)",
            False,
        ),  # names of others stay
        (
            "class A:\n    def area(self): return 1\nA().area()",
            "class B:\n    def size(me): return 1\nB().size()",
            True,
        ),
        ("def f(n=1): return n\nf(n=2)", "def g(k=1): return k\ng(k=2)", True),
        (
            "try:\n    f()\nexcept OSError as e:\n    print(e)",
            "try:\n    f()\nexcept OSError as x:\n    print(x)",
            True,
        ),
        ("def f():\n    global n\n    n = 1", "def f():\n    global m\n    m = 1", True),
        ("def f():\n    x: int", "def f():\n    pass", True),
    ],
)
def test_blind_to_names_and_explanations_alone(one, other, same):
    assert (anonymise_identifiers(one) == anonymise_identifiers(other)) is same


@pytest.mark.parametrize(
    "text", ["def f(:", "x = " + "(" * 5000, "a\0b", "", "'a text'", "-" * 100_000 + "1"]
)
def test_what_has_no_tree_stays_as_it_is(text):
    assert anonymise_identifiers(text) == text
