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


def hits(
    exam: list[str], texts: list[str], n: int = ngram.N, **settings: int
) -> set[tuple[int, bytes]]:
    runs = ngram.index([[text] for text in exam], n, **settings)
    return {
        (text, runs.spelled[run])
        for text, run in ngram.find(runs, pa.array(texts, pa.string())).tolist()
    }


def random_text(chance: random.Random) -> str:
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
    return "".join(
        chance.choice(words) + chance.choice(blanks) for _ in range(chance.randrange(60))
    )


@pytest.mark.parametrize("n", [1, 2, 3, 5, 13])
@pytest.mark.parametrize("seed", range(4))
def test_the_kernel_finds_the_runs_that_sets_of_words_find(n: int, seed: int) -> None:
    chance = random.Random(seed)
    exam = [random_text(chance) for _ in range(6)]
    texts = [random_text(chance) for _ in range(200)] + exam
    wanted = {run for text in exam for run in ngram.runs_of(text, n) if ngram.LETTERS.search(run)}
    assert hits(exam, texts, n) == {
        (at, run) for at, text in enumerate(texts) for run in ngram.runs_of(text, n) & wanted
    }


def test_a_collision_of_hashes_is_no_hit(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = ngram.index([["alpha beta gamma"]], 3)
    other = ngram.index([["delta beta gamma"]], 3)
    # The other run's hash under the first run's words: what a collision would look like.
    fooled = ngram.Runs(3, runs.spelled, runs.owners, (*other.index[:3], *runs.index[3:]))
    assert not len(ngram.find(fooled, pa.array(["delta beta gamma"])))


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
    assert hits([PROSE], [copy])


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
    assert not hits([PROSE], [other])


def test_a_run_does_not_reach_from_one_text_into_the_next() -> None:
    words = PROSE.split()
    assert not hits([PROSE], [" ".join(words[:9]), " ".join(words[9:])])


@pytest.mark.parametrize(
    "counting", [", ".join(map(str, range(30))), "a b c d e f g h i j k l m n o p", "x + 1, " * 13]
)
def test_runs_without_a_word_of_two_letters_are_no_evidence(counting: str) -> None:
    assert not hits([counting], [counting])
    assert hits([counting + " in all"], [counting + " in all"])


def test_runs_that_many_problems_share_are_left_out_by_option() -> None:
    idiom = "for i in range(len(s)): for j in range(i + 1, len(s)): return"
    exam = [f"{idiom} first {PROSE}", f"{idiom} second", f"{idiom} third"]
    assert hits(exam, [idiom]) and not hits(exam, [idiom], shared=2)
    assert hits(exam, [PROSE], shared=2)


def test_slices_of_a_column_and_chunks_are_read_where_they_begin() -> None:
    runs = ngram.index([[PROSE]])
    column = pa.chunked_array(
        [pa.array(["", "x", PROSE]), pa.array([], pa.string()), pa.array([PROSE, "y"])]
    ).slice(1)
    assert {text for text, _ in ngram.find(runs, column).tolist()} == {1, 2}


def test_more_hits_than_there_was_room_for_are_all_found() -> None:
    found = hits([PROSE], [PROSE] * 12_000)
    assert len(found) > 1 << 16 and len({at for at, _ in found}) == 12_000


def test_the_problem_with_most_runs_in_common_is_named_first_of_equals() -> None:
    runs = ngram.index([["an be co"], ["an be co do"], ["an be co do"]], 2)
    found = ngram.find(runs, pa.array(["an be", "an be co do", "z"]))
    assert ngram.closest(runs, found, 3) == [0, 1, -1]


def test_an_exam_without_runs_finds_nothing() -> None:
    assert not hits(["too short"], ["too short " * 20])
