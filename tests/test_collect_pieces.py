"""Cutting files into pieces: the labels' own rule, on cases small enough to read."""

from __future__ import annotations

import pytest

from hornbook.collect.pieces import NotPython, split_into_pieces


def list_spans(text: str, most: int) -> list[tuple[int, int, str]]:
    return [
        (piece.start, piece.end, piece.reason.split(":")[0])
        for piece in split_into_pieces(text, most)
    ]


FOUR = "import a\n\n\ndef f():\n    return 1\n\n\n@mark\ndef g():\n    return 2\n"


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        ("a = 1\n", 70, [(1, 1, "")]),
        (FOUR, 70, [(1, 10, "")]),
        (FOUR, 9, [(1, 5, ""), (8, 10, "")]),
        (FOUR, 3, [(1, 1, ""), (4, 5, ""), (8, 10, "")]),
        ("# why\nx = 1\n", 70, [(1, 2, "")]),
        ("# licence\n\nx = 1\n", 70, [(3, 3, "")]),
        (
            "x = 1\n# about f\n# more\ndef f(): pass\n",
            2,
            [(1, 1, ""), (2, 3, ""), (4, 4, "rest of a long definition")],
        ),
        ("def f():\n" + "    x = 1\n" * 9, 4, [(1, 4, ""), (5, 10, "rest of a long definition")]),
        ("# only a comment\n", 70, []),
        (
            "s = '''\n# in a string\n'''\nt = 1\n",
            2,
            [(1, 2, ""), (3, 3, "rest of a long definition"), (4, 4, "")],
        ),
    ],
)
def test_pieces_are_runs_of_whole_statements_with_their_decorators_and_comments(
    text: str, most: int, expected: list[tuple[int, int, str]]
) -> None:
    assert list_spans(text, most) == expected


def test_a_piece_is_the_lines_it_names() -> None:
    lines = FOUR.split("\n")
    assert all(
        piece.text == "\n".join(lines[piece.start - 1 : piece.end])
        for piece in split_into_pieces(FOUR, 3)
    )


def test_without_a_size_a_file_stays_whole_and_is_not_parsed() -> None:
    assert [(p.text, p.start, p.end) for p in split_into_pieces("def broken(:\n", 0)] == [
        ("def broken(:\n", 1, 1)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "def f(:\n",
        "print 'python 2'\n",
        "(" * 100_000,
        "x = " + "-" * 100_000 + "1",
        "x = " + "+".join(["1"] * 100_000),
        "\x00",
        "if x:\n" + "".join("  " * i + "if x:\n" for i in range(1, 300)),
        "x = " + "9" * 5000,
        "\udcff = 1",
    ],
    ids=lambda text: f"{text[:8]!r}",
)
def test_what_cannot_be_parsed_ends_in_one_error_of_ours_or_in_pieces(text: str) -> None:
    try:
        outcome = [piece.text for piece in split_into_pieces(text, 70)]
    except NotPython as error:
        outcome = [str(error)]
    assert all(outcome)
