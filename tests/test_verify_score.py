"""`hornbook score`: a line a sample, then the totals; what cannot be used is dropped with its line and the reason."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hornbook import cli

EXAM = [
    {
        "task_id": f"Own/{at}",
        "prompt": f'def f{at}(x):\n    """Add {at}."""\n',
        "entry_point": f"f{at}",
    }
    | {"canonical_solution": f"    return x + {at}\n", "test": f"assert f{at}(1) == {1 + at}\n"}
    for at in range(4)
]
GOOD, WRONG, BROKEN = "    return x + {}\n", "    return x - 1\n", "    return (\n"


def sample_lines(*samples: tuple[int, str]) -> list[bytes]:
    return [
        json.dumps({"task_id": f"Own/{at}", "completion": text.format(at)}).encode()
        for at, text in samples
    ]


def score_file(
    tmp_path: Path, samples: list[bytes], *options: str, name: str = "samples.jsonl"
) -> tuple[int, list[Any], str]:
    (tmp_path / "exam.jsonl").write_text("".join(json.dumps(row) + "\n" for row in EXAM))
    data = b"\n".join(samples) + b"\n"
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    command = [
        "score",
        str(tmp_path / name),
        "--exam",
        f"jsonl:{tmp_path / 'exam.jsonl'}",
        *options,
    ]
    result = CliRunner().invoke(cli.main, command)
    rows = [json.loads(line) for line in result.stdout.splitlines()] if "--json" in options else []
    return result.exit_code, rows, result.output


def test_there_is_a_line_a_sample_in_the_files_order_and_then_one_with_the_totals(
    tmp_path: Path,
) -> None:
    samples = [
        *sample_lines((2, GOOD), (1, WRONG)),
        b"not json",
        *sample_lines((1, BROKEN), (1, GOOD)),
    ]
    code, rows, _ = score_file(tmp_path, samples, "--json")
    assert code == 0
    assert [(row["task_id"], row["line"], row["verdict"]) for row in rows[:-1]] == [
        ("Own/2", 1, "passed"),
        ("Own/1", 2, "failed"),
        (None, 3, "dropped"),
        ("Own/1", 4, "syntax"),
        ("Own/1", 5, "passed"),
    ]
    assert rows[1]["reason"] == "assert f1(1) == 2"
    total = rows[-1]["totals"][0]
    assert (total["problems"], total["samples"], total["passed"], total["unanswered"]) == (
        4,
        4,
        2,
        2,
    )
    assert (
        total["pass@1"]["value"] == pytest.approx((1 + 1 / 3) / 4)
        and total["pass@1"]["method"] == "bootstrap"
    )
    assert rows[-1]["dropped"] == 1


def test_a_rate_has_wilsons_interval_and_several_samples_have_pass_at_their_number(
    tmp_path: Path,
) -> None:
    once = score_file(tmp_path, sample_lines(*((at, GOOD) for at in range(4))), "--json")[1][-1][
        "totals"
    ][0]
    assert (
        once["pass@1"]["method"] == "Wilson"
        and once["pass@1"]["value"] == 1
        and "pass@2" not in once
    )
    twice = sample_lines(*((at, text) for at in range(4) for text in (GOOD, WRONG)))
    found = score_file(tmp_path, twice, "--json", name="samples.jsonl.gz")[1][-1]["totals"][0]
    assert (found["pass@1"]["value"], found["pass@2"]["value"]) == (0.5, 1.0)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"[1]", "no JSON object: list"),
        (b'{"completion": "x"}', "no task_id"),
        (b'{"task_id": "Own/9", "completion": "x"}', "task_id not in the exam: Own/9"),
        (b'{"task_id": "Own/1"}', "no completion"),
        (b'{"task_id": "Own/1", "completion": null}', "no completion"),
        (b"\xff\xfe", "not UTF-8"),
        (b"[" * 100_000, "not JSON: nested too deeply"),
    ],
)
def test_a_line_that_cannot_be_used_is_dropped_and_the_others_are_scored(
    tmp_path: Path, line: bytes, reason: str
) -> None:
    code, rows, _ = score_file(tmp_path, [line, *sample_lines((1, GOOD))], "--json")
    assert code == 0 and rows[0]["line"] == 1 and rows[0]["reason"].startswith(reason)
    assert rows[1]["verdict"] == "passed"


def test_two_files_are_compared_problem_by_problem(tmp_path: Path) -> None:
    score_file(tmp_path, sample_lines(*((at, GOOD) for at in range(4))), name="better.jsonl")
    samples = sample_lines((0, GOOD), (1, WRONG), (2, WRONG))
    last = score_file(tmp_path, samples, "--json", "--against", str(tmp_path / "better.jsonl"))[1][
        -1
    ]
    pair = last["pairs"]["plain"]
    assert (pair["both"], pair["only_first"], pair["only_second"], pair["neither"], pair["p"]) == (
        1,
        0,
        2,
        0,
        0.5,
    )
    assert pair["difference"]["value"] == pytest.approx(2 / 3)


def test_a_file_without_a_usable_line_and_an_unknown_protocol_are_refused(tmp_path: Path) -> None:
    assert score_file(tmp_path, [b"{}"])[0] == 2
    code, _, output = score_file(tmp_path, sample_lines((1, GOOD)), "--protocol", "plan")
    assert code == 2 and "did you mean plain" in output


def test_one_set_of_samples_is_scored_under_several_protocols_side_by_side(tmp_path: Path) -> None:
    samples = sample_lines((1, GOOD + "print(f1(1"), (2, GOOD))
    _, rows, _ = score_file(
        tmp_path, samples, "--json", "--protocol", "plain", "--protocol", "evalplus"
    )
    assert [(row["protocol"], row["verdict"]) for row in rows[:2]] == [
        ("plain", "syntax"),
        ("evalplus", "passed"),
    ]
    assert {each["protocol"]: each["passed"] for each in rows[-1]["totals"]} == {
        "plain": 1,
        "evalplus": 2,
    }
