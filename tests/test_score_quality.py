"""hornbook score-quality: every row comes back with a score, whatever stands beside it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from test_curate_quality import Labelled, make_scoring_recipe

from hornbook import records
from hornbook.cli import main
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext

TEXTS = ["def f(a, b):\n    return a + b\n", "X = [1, 2]\n", "", "ключ = 'ü'\n"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ctx = RunContext(tmp_path_factory.mktemp("taste"))
    run_recipe(make_scoring_recipe(), ctx)
    return ctx.root


def run_score_quality(trained: Path, *words: object) -> Result:
    return CliRunner().invoke(main, ["score-quality", str(trained), *map(str, words)])


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_each_text_gets_a_score_and_keeps_its_fields(
    trained: Path, tmp_path: Path, pack: Any
) -> None:
    source = tmp_path / ("x.jsonl" if pack is bytes else "x.jsonl.gz")
    source.write_bytes(
        pack("\n".join(json.dumps({"content": t, "n": n}) for n, t in enumerate(TEXTS)).encode())
    )
    result = run_score_quality(trained, source, "--out", tmp_path / "y.jsonl")
    assert result.exit_code == 0, result.output
    rows = read_lines(tmp_path / "y.jsonl")
    assert [(row["content"], row["n"]) for row in rows] == list(zip(TEXTS, range(4), strict=True))
    assert rows[0]["score"] > 0.5 > rows[1]["score"]
    assert "area under ROC" in result.stderr and "4 texts scored (column score)" in result.stderr


def test_the_scores_are_those_of_the_stage(trained: Path, tmp_path: Path) -> None:
    ctx = RunContext(trained)
    known = [
        row
        for table in ctx.run.read_shards("scored", ["text", "score"])
        for row in table.to_pylist()
    ]
    (tmp_path / "x.jsonl").write_text("\n".join(json.dumps({"text": row["text"]}) for row in known))
    run_score_quality(trained, tmp_path / "x.jsonl", "--out", tmp_path / "y.jsonl")
    assert [row["score"] for row in read_lines(tmp_path / "y.jsonl")] == pytest.approx(
        [r["score"] for r in known], abs=1e-3
    )


def test_what_cannot_be_scored_is_counted_and_nothing_else_is_lost(
    trained: Path, tmp_path: Path
) -> None:
    rows = [b'{"text": "x = 1"}', b"{broken", b"[1]", b'{"other": 1}', b'{"text": null}', b'{"text": "\xff"}',
            b'{"text": "\\ud800 = 1"}', b"", b'{"text": "y = 1"}']  # fmt: skip
    (tmp_path / "x.jsonl").write_bytes(b"\n".join(rows))
    result = run_score_quality(
        trained, tmp_path / "x.jsonl", "--out", tmp_path / "y.jsonl", "--json"
    )
    assert result.exit_code == 0, result.output
    assert [row["score"] is None for row in read_lines(tmp_path / "y.jsonl")] == [
        False,
        True,
        True,
        False,
        False,
    ]
    summary = json.loads(result.stderr.splitlines()[-1])
    assert summary["scored"] == 3 and summary["without_text"] == 2 and summary["column"] == "score"
    assert [reason.split(":")[1] for reason in summary["unreadable"]] == [
        " line 2",
        " line 3",
        " line 6",
    ]


def test_parquet_keeps_its_types_and_row_order(trained: Path, tmp_path: Path) -> None:
    when = pa.array([1, 2, 3], pa.timestamp("us"))
    table = pa.table(
        {"text": ["a = 1", None, "b = 2"], "when": when, "raw": pa.array([b"\xff", b"", None])}
    )
    pq.write_table(table, tmp_path / "x.parquet")
    assert (
        run_score_quality(
            trained, tmp_path / "x.parquet", "--out", tmp_path / "y.parquet"
        ).exit_code
        == 0
    )
    made = pq.read_table(tmp_path / "y.parquet")
    assert made.drop_columns(["score"]).equals(table)
    assert made["score"].is_null().to_pylist() == [False, True, False]
    again = run_score_quality(trained, tmp_path / "y.parquet", "--out", tmp_path / "z.jsonl")
    assert "column quality" in again.stderr  # a score that is there is never overwritten
    assert read_lines(tmp_path / "z.jsonl")[0]["quality"] == made["score"][0].as_py()


def test_labels_give_the_area(trained: Path, tmp_path: Path) -> None:
    rows = [{"text": f"def g{n}(a):\n    return a + {n}\n", "mark": 5} for n in range(5)]
    rows += [{"text": f"Y{n} = [{n}]\n", "mark": 0} for n in range(5)]
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = run_score_quality(
        trained, tmp_path / "x.jsonl", "--label", "mark", "--out", tmp_path / "y.jsonl"
    )
    assert "area under the ROC curve on this file's labels: 1.000" in result.stderr


def test_rows_that_point_at_a_text_are_cut_from_it(trained: Path, tmp_path: Path) -> None:
    import sysconfig

    text = "\n".join(
        (Path(sysconfig.get_paths()["stdlib"]) / "bisect.py").read_text().split("\n")[:20]
    )
    there = {"package": "cpython", "version": "3", "path": "bisect.py", "start": 1, "end": 20}
    rows = [there, there | {"id": records.document_id(text)}, there | {"id": "other"}, there | {"path": "../../x"},
            there | {"package": "--index-url=x"}, there | {"start": "1"}]  # fmt: skip
    (tmp_path / "x.jsonl").write_text("\n".join(map(json.dumps, rows)))
    result = run_score_quality(trained, tmp_path / "x.jsonl", "--out", tmp_path / "y.jsonl")
    assert result.exit_code == 0, result.output
    scores = [row["score"] for row in read_lines(tmp_path / "y.jsonl")]
    assert scores[0] == scores[1] is not None and scores[2:] == [None] * 4


@pytest.mark.parametrize(
    ("name", "words", "says"),
    [
        ("x.jsonl", ("--column", "body"), "no column body"),
        ("x.jsonl", ("--out", "y.parquet"), "name a .jsonl file"),
        ("x.jsonl", ("--as", "text"), "has a column text already"),
        ("x.jsonl", ("--stage", "other"), "no trained classifier"),
        ("x.jsonl", ("--label", "mark"), "no column mark"),
        ("absent.jsonl", (), "is not there"),
        ("x.csv", (), "none of the kinds"),
    ],
)
def test_mistakes_are_said_with_the_way_out(
    trained: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    words: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("x.jsonl").write_text('{"text": "x = 1"}\n')
    Path("x.csv").write_text("a")
    result = run_score_quality(trained, name, *words)
    assert result.exit_code == 2 and says in result.output


def test_a_run_without_a_classifier_says_how_to_get_one(tmp_path: Path) -> None:
    run_recipe(Labelled("labelled"), RunContext(tmp_path))
    (tmp_path / "x.jsonl").write_text('{"text": "x = 1"}\n')
    assert "hornbook run taste" in run_score_quality(tmp_path, tmp_path / "x.jsonl").output
