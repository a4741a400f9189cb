"""Overlap of words: the compiled kernel against plain Python sets, and the rule of words, case by case."""

from __future__ import annotations

import json
import random

import pyarrow as pa
import pytest

from hornbook.scrub import ngram

PROSE = (
    "Return the list of all prime factors of a given number in ascending order, one entry a factor."
)


def find_matches(
    exam: list[str], texts: list[str], n: int = ngram.NGRAM_SIZE, **settings: int
) -> set[tuple[int, bytes]]:
    index = ngram.build_index([[text] for text in exam], n, **settings)
    return {
        (text, index.ngrams[ngram_id])
        for text, ngram_id in ngram.find_ngrams(index, pa.array(texts, pa.string())).tolist()
    }


def random_text(rng: random.Random) -> str:
    """Few words and many kinds of separators, so that runs repeat, overlap and meet the ends of texts."""
    words = ["a", "B", "é", "日本", "x1", "_y", "__", "3.5", "Ab_c", ""]
    blanks = [
        " ",
        "  ",
        "\n",
        ", ",
        "(",
        "-",
        "\t",
        ".",
        "\0",
        "\\n",
        "\\",
        "\\\\t",
        "\u200b",
        "\u00a0",
    ]
    return "".join(rng.choice(words) + rng.choice(blanks) for _ in range(rng.randrange(60)))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 13])
@pytest.mark.parametrize("seed", range(4))
def test_the_kernel_finds_the_runs_that_sets_of_words_find(n: int, seed: int) -> None:
    rng = random.Random(seed)
    exam = [random_text(rng) for _ in range(6)]
    texts = [random_text(rng) for _ in range(200)] + exam
    exam_ngrams = {
        ngram_bytes
        for text in exam
        for ngram_bytes in ngram.extract_ngrams(text, n)
        if ngram.TWO_LETTERS.search(ngram_bytes)
    }
    assert find_matches(exam, texts, n) == {
        (position, ngram_bytes)
        for position, text in enumerate(texts)
        for ngram_bytes in ngram.extract_ngrams(text, n) & exam_ngrams
    }


def test_a_collision_of_hashes_is_no_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    index = ngram.build_index([["alpha beta gamma"]], 3)
    other = ngram.build_index([["delta beta gamma"]], 3)
    # The other run's hash under the first run's words: what a collision would look like.
    forged = ngram.NgramIndex(
        3, index.ngrams, index.owners, (*other.hash_tables[:3], *index.hash_tables[3:])
    )
    assert not len(ngram.find_ngrams(forged, pa.array(["delta beta gamma"])))


@pytest.mark.parametrize(
    "copy",
    [
        PROSE,
        PROSE.upper(),
        PROSE.replace(" ", "\n    # "),
        PROSE.replace(" ", "_"),
        f"x = 1\n{PROSE}",
        PROSE[:-13],
        f"zażółć {PROSE} 日本語",
        json.dumps({"text": PROSE.replace(" ", "\n    ")}),
        json.dumps([json.dumps(word + "\n") for word in PROSE.split()]),
        PROSE.replace("e", "\u0435").replace("o", "\u03bf"),
        PROSE.replace("i", "i\u200b").replace(" ", "\u00a0"),
        "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in PROSE),
    ],
)
def test_a_copy_is_found_however_it_is_set(copy: str) -> None:
    assert find_matches([PROSE], [copy])


@pytest.mark.parametrize(
    "other",
    [
        "",
        "Return",
        " ".join(PROSE.split()[:12]),
        PROSE.replace("prime", "odd").replace("ascending", "falling"),
        PROSE.replace(" ", ""),
    ],
)
def test_what_shares_fewer_words_in_a_row_is_not_found(other: str) -> None:
    assert not find_matches([PROSE], [other])


def test_a_run_does_not_reach_from_one_text_into_the_next() -> None:
    words = PROSE.split()
    assert not find_matches([PROSE], [" ".join(words[:9]), " ".join(words[9:])])


@pytest.mark.parametrize(
    "counting", [", ".join(map(str, range(30))), "a b c d e f g h i j k l m n o p", "x + 1, " * 13]
)
def test_runs_without_a_word_of_two_letters_are_no_evidence(counting: str) -> None:
    assert not find_matches([counting], [counting])
    assert find_matches([counting + " in all"], [counting + " in all"])


def test_runs_that_many_problems_share_are_left_out_by_option() -> None:
    idiom = "for i in range(len(s)): for j in range(i + 1, len(s)): return"
    exam = [f"{idiom} first {PROSE}", f"{idiom} second", f"{idiom} third"]
    assert find_matches(exam, [idiom]) and not find_matches(exam, [idiom], max_problems=2)
    assert find_matches(exam, [PROSE], max_problems=2)


def test_slices_of_a_column_and_chunks_are_read_where_they_begin() -> None:
    runs = ngram.build_index([[PROSE]])
    column = pa.chunked_array(
        [pa.array(["", "x", PROSE]), pa.array([], pa.string()), pa.array([PROSE, "y"])]
    ).slice(1)
    assert {text for text, _ in ngram.find_ngrams(runs, column).tolist()} == {1, 2}


def test_more_hits_than_there_was_room_for_are_all_found() -> None:
    matches = find_matches([PROSE], [PROSE] * 12_000)
    assert len(matches) > 1 << 16 and len({position for position, _ in matches}) == 12_000


def test_the_problem_with_most_runs_in_common_is_named_first_of_equals() -> None:
    runs = ngram.build_index([["an be co"], ["an be co do"], ["an be co do"]], 2)
    matches = ngram.find_ngrams(runs, pa.array(["an be", "an be co do", "z"]))
    assert ngram.most_shared_problems(runs, matches, 3) == [0, 1, -1]


def test_an_exam_without_runs_finds_nothing() -> None:
    assert not find_matches(["too short"], ["too short " * 20])
