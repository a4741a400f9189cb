"""Anybody's data and results, in the forms in which they lie around; and the command over both."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from click.testing import CliRunner

from hornbook import records
from hornbook.cli import main
from hornbook.exams import load_exam
from hornbook.records import UserError
from hornbook.scrub import documents, similar

PEAK = '''def running_peak(levels):
    """For each position of a list give the greatest of the values up to it, in a new list of the same length."""
'''
PEAK_BODY = """    peaks = []
    for level in levels:
        peaks.append(max(peaks[-1], level) if peaks else level)
    return peaks
"""
ODD = 'def odd_ones(numbers):\n    """The odd ones of some numbers, and nothing that is not an integer."""\n'
ODD_BODY = "    return [n for n in numbers if isinstance(n, int) and n % 2]\n"
COPY = "def f(xs):\n" + PEAK_BODY.replace("peaks", "out").replace("levels", "xs").replace(
    "level", "x"
)


def read_texts(
    *paths: Path, columns: tuple[str, ...] = (), skipped: dict[str, int] | None = None
) -> list[str]:
    return [
        text
        for table in documents.read_batches(paths, columns, skipped)
        for text in table["text"].to_pylist()
    ]


def jsonl_bytes(rows: list[Any]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".json", ".parquet"])
def test_rows_of_every_kind_of_file_are_read(tmp_path: Path, suffix: str) -> None:
    rows = [{"prompt": "a(\n", "solution": "é"}, {"prompt": "c", "solution": "d"}]
    path = tmp_path / f"data{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        packed = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}.get(
            path.suffix, bytes
        )
        path.write_bytes(
            packed(json.dumps(rows).encode() if suffix == ".json" else jsonl_bytes(rows))
        )
    assert read_texts(path) == ["a(\n\né", "c\nd"]


@pytest.mark.parametrize(
    ("row", "columns", "text"),
    [
        ({"problem": "p", "solution": "s", "id": 3}, (), "p\ns"),
        ({"solution": "s", "instruction": "i", "n": None}, (), "i\ns"),
        ({"text": "t", "mine": "m"}, ("mine",), "m"),
        ({"a": "1", "b": "2"}, ("b", "a"), "2\n1"),
        ({"content": "\ud800"}, (), "?"),
    ],
)
def test_the_text_of_a_row_is_its_known_columns_or_those_asked_for(
    tmp_path: Path, row: dict[str, Any], columns: tuple[str, ...], text: str
) -> None:
    (tmp_path / "data.jsonl").write_bytes(jsonl_bytes([row]))
    assert read_texts(tmp_path / "data.jsonl", columns=columns) == [text]


def test_a_folder_gives_its_readable_files_in_order_with_their_paths(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name, text in {"b/x.py": "x = (", "a.md": "prose", "c.bin": "no", "d.txt": "\xff"}.items():
        (tmp_path / name).write_text(text, encoding="latin-1")
    (table,) = documents.read_batches([tmp_path])
    assert table["path"].to_pylist() == ["a.md", "b/x.py", "d.txt"]
    assert table["text"].to_pylist() == ["prose", "x = (", "\ufffd"]


@pytest.mark.parametrize(
    "cells",
    [
        {"cells": [{"source": ["a = 1\n", "b"]}, {"source": "c"}]},
        {"worksheets": [{"cells": [{"input": ["a = 1\n", "b"]}, {"source": ["c"]}]}]},
    ],
)
def test_a_notebook_is_its_cells(tmp_path: Path, cells: dict[str, Any]) -> None:
    (tmp_path / "n.ipynb").write_text(json.dumps(cells))
    assert read_texts(tmp_path) == ["a = 1\nb\n\nc"]


def test_what_cannot_be_read_is_counted_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / "data.jsonl").write_text(
        '{"text": "a"}\n\n[1]\n{"text": \n{"other": 1}\n{"text": ""}\n{"text": "b"}'
    )
    skipped: dict[str, int] = {}
    assert read_texts(tmp_path / "data.jsonl", skipped=skipped) == ["a", "b"]
    assert skipped == {"no JSON object": 2, "no text": 2}


@pytest.mark.parametrize(
    ("name", "content", "columns", "says"),
    [
        ("missing.jsonl", None, (), "nothing there"),
        ("data.bin", b"x", (), "no file that can be read"),
        ("data.jsonl", b'{"text": "a"}', ("code",), "no column code; it has text"),
        ("data.parquet", b"PAR1 not", (), "cannot be read"),
        ("data.jsonl.gz", b"not gzip", (), "cannot be read"),
        ("data.json", b'{"a": 1}', (), "JSON list"),
        ("data.ipynb", b"[]", (), "no notebook"),
    ],
)
def test_what_makes_a_whole_input_senseless_is_one_error(
    tmp_path: Path, name: str, content: bytes | None, columns: tuple[str, ...], says: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=says):
        read_texts(tmp_path / name, columns=columns)


def test_batches_hold_all_rows_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "BATCH_ROWS", 7)
    (tmp_path / "data.jsonl").write_bytes(jsonl_bytes([{"text": str(n)} for n in range(30)]))
    assert read_texts(tmp_path / "data.jsonl") == [str(n) for n in range(30)]


EXAM = [{"task_id": "own/0", "prompt": PEAK, "canonical_solution": PEAK_BODY, "entry_point": "running_peak",
         "test": "assert running_peak([1]) == [1]"},
        {"task_id": "own/1", "prompt": ODD, "canonical_solution": ODD_BODY, "entry_point": "odd_ones",
         "test": "assert odd_ones([1]) == [1]"}]  # fmt: skip


@pytest.fixture
def exam(tmp_path: Path) -> str:
    (tmp_path / "exam.jsonl").write_bytes(jsonl_bytes(EXAM))
    return f"jsonl:{tmp_path / 'exam.jsonl'}"


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_the_search_is_the_same_in_one_process_and_in_two(exam: str, workers: int) -> None:
    rows = [
        {"id": str(n), "text": text, "origin": "t"}
        for n, text in enumerate([COPY, "x = 1", ODD, COPY] * 2)
    ]
    advances: list[int] = []
    parts = [
        records.make_table(rows[start : start + 3], documents.BATCH_COLUMNS)
        for start in range(0, len(rows), 3)
    ]
    near_records = similar.search_batches(
        load_exam(exam), parts, 2, workers=workers, advance=advances.append
    )
    assert [(r.task_id, r.by, r.id) for r in near_records] == [
        ("own/0", "syntax", "0"), ("own/0", "syntax", "3"), ("own/1", "words", "2"), ("own/1", "words", "6"),
    ]  # fmt: skip
    assert advances == [3, 3, 2]


VERDICTS = {"own/0": True, "own/1": False}


def write_results(form: str, folder: Path) -> Path:
    answers = [{"task_id": task, "sample": 0, "protocol": "plain", "verdict": "passed" if ok else "failed"}
               for task, ok in VERDICTS.items()]  # fmt: skip
    if form == "examine":
        pq.write_table(pa.Table.from_pylist(answers), folder / "answers.parquet")
        return folder
    name, content = {
        "human-eval": ("m.jsonl", jsonl_bytes([{"task_id": t, "passed": ok} for t, ok in VERDICTS.items()])),
        "second sample": ("m.jsonl", jsonl_bytes([*answers, *({**a, "sample": 1, "verdict": "passed"} for a in answers)])),
        "score --out": ("m.jsonl", jsonl_bytes([*answers, {"task_id": None, "line": 3, "verdict": "dropped", "reason": "no"},
                                          {"totals": [{"passed": 1}], "dropped": 1}])),
        "old evalplus": ("m.json", json.dumps({"eval": {t: {"nfiles": 1, "base": [["success" if ok else "failed", []]]}
                                                        for t, ok in VERDICTS.items()}}).encode()),
        "evalplus": ("m.json", json.dumps({"eval": {t: [{"base_status": "pass" if ok else "fail", "plus_status": None}]
                                                    for t, ok in VERDICTS.items()}}).encode()),
    }[form]  # fmt: skip
    (folder / name).write_bytes(content)
    return folder / name


@pytest.mark.parametrize(
    "form", ["examine", "human-eval", "second sample", "score --out", "evalplus", "old evalplus"]
)
def test_results_are_read_in_every_form(tmp_path: Path, form: str) -> None:
    assert similar.read_results(f"mine={write_results(form, tmp_path)}") == {"mine": VERDICTS}


def test_a_file_of_several_protocols_gives_a_model_each(tmp_path: Path) -> None:
    rows = [
        {"task_id": "a", "protocol": name, "passed": name == "plain"} for name in ("plain", "stop")
    ]
    (tmp_path / "m.jsonl").write_bytes(jsonl_bytes(rows))
    assert similar.read_results(str(tmp_path / "m.jsonl")) == {
        "m plain": {"a": True},
        "m stop": {"a": False},
    }


@pytest.mark.parametrize("content", ["", '{"task_id": 1}', "not json", '{"passed": true}'])
def test_a_file_that_is_none_of_the_forms_is_one_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "m.jsonl").write_text(content)
    with pytest.raises(UserError, match=r"m\.jsonl"):
        similar.read_results(str(tmp_path / "m.jsonl"))


def test_the_command_prints_neighbours_and_the_table(tmp_path: Path, exam: str) -> None:
    (tmp_path / "data.jsonl").write_bytes(jsonl_bytes([{"code": COPY}, {"code": "x = 1"}]))
    words = [
        "similar",
        str(tmp_path / "data.jsonl"),
        "--exam",
        exam,
        "--scores",
        f"m={write_results('evalplus', tmp_path)}",
    ]
    shown = CliRunner().invoke(main, words).output
    assert "own/0: syntax 1.00, data.jsonl:1, solved by m" in shown
    assert "| 0.95 | similar | 1 | 1/1 100.0% [20.7, 100.0] |" in shown
    lines = [
        json.loads(line)
        for line in CliRunner().invoke(main, [*words, "--json"]).stdout.splitlines()
    ]
    assert sum("threshold" in line for line in lines) == 12 and [
        x["task_id"] for x in lines if "by" in x
    ] == ["own/0"]


def test_the_command_without_results_still_counts_the_similar_problems(
    tmp_path: Path, exam: str
) -> None:
    (tmp_path / "data.py").write_text(COPY)
    words = [
        "similar",
        str(tmp_path / "data.py"),
        "--exam",
        exam,
        "--html",
        str(tmp_path / "page.html"),
    ]
    shown = CliRunner().invoke(main, words).output
    assert "<mark" in (tmp_path / "page.html").read_text()
    assert "| 0.8 | similar | 1 |" in shown and "solved" not in shown


CHAT_PROMPT = 'def weave(left, right):\n    """Take values by turns from left and right."""\n'
CHAT_SOLUTION = (
    "    woven = []\n    for pair in zip(left, right):\n        woven += pair\n    return woven\n"
)
CHAT_FORMS = {
    "messages": {
        "messages": [
            {"role": "user", "content": CHAT_PROMPT},
            {"role": "assistant", "content": CHAT_PROMPT + CHAT_SOLUTION},
        ]
    },
    "conversations": {
        "conversations": [
            {"from": "human", "value": CHAT_PROMPT},
            {"from": "gpt", "value": CHAT_PROMPT + CHAT_SOLUTION},
        ]
    },
    "chosen": {
        "prompt": [{"role": "user", "content": CHAT_PROMPT}],
        "chosen": [{"role": "assistant", "content": CHAT_PROMPT + CHAT_SOLUTION}],
    },
    "query and answer": {"query": CHAT_PROMPT, "answer": CHAT_PROMPT + CHAT_SOLUTION},
    "inputs and targets": {"inputs": CHAT_PROMPT, "targets": CHAT_PROMPT + CHAT_SOLUTION},
    "prompt and answer": {"prompt": "Write weave.", "answer": CHAT_PROMPT + CHAT_SOLUTION},
}


@pytest.mark.parametrize("form", CHAT_FORMS)
def test_all_text_columns_and_the_turns_of_chats_are_read(form: str, tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"id": "a-1", "licence": "mit", **CHAT_FORMS[form]}) + "\n")
    (table,) = documents.read_batches([path])
    (text,) = table["text"].to_pylist()
    assert CHAT_PROMPT + CHAT_SOLUTION in text
    # Metadata stays out: it would keep the code from parsing.
    assert "a-1" not in text and "mit" not in text


def test_a_file_without_text_is_refused_with_its_columns(tmp_path: Path) -> None:
    path = tmp_path / "data.jsonl"
    path.write_text(json.dumps({"id": "a-1", "tokens": [1, 2, 3]}) + "\n")
    with pytest.raises(UserError, match="none of its 1 records has text.*id, tokens.*--column"):
        list(documents.read_batches([path]))
