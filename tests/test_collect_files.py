"""Collecting what lies on disk: every format, split anywhere, and folders and files that mean harm."""

from __future__ import annotations

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from conftest import rows_of

from hornbook.collect import CollectFiles, jsonl
from hornbook.curate import DropDuplicates
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.records import UserError

CODE = [f"def f{i}():\n    return {i}" for i in range(40)]


def collect_rows(
    path: Path, out: Path, part_mb: float = 64.0, **settings: Any
) -> list[dict[str, Any]]:
    stage, ctx = CollectFiles("mine", str(path), **settings), RunContext(out, shard_mb=part_mb)
    run_recipe(stage, ctx)
    return rows_of(ctx, stage)


def write_input(path: Path, kind: str) -> Path:
    lines = "".join(
        json.dumps({"text": text, "path": f"{i}.py"}) + "\n" for i, text in enumerate(CODE)
    ).encode()
    if kind == "parquet":
        rows = pa.table({"text": CODE, "path": [f"{i}.py" for i in range(len(CODE))]})
        pq.write_table(rows, path / "x.parquet", row_group_size=7)
        return path / "x.parquet"
    if kind == "tree":
        for i, text in enumerate(CODE):
            (path / "x" / f"{i % 3}").mkdir(parents=True, exist_ok=True)
            (path / "x" / f"{i % 3}" / f"{i}.py").write_text(text)
        return path / "x"
    file = path / f"x.jsonl{kind}"
    file.write_bytes(
        {"": bytes, ".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}[kind](lines)
    )
    return file


KINDS = ["", ".gz", ".zst", "parquet", "tree"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part_mb", [64, 0.001, 0.0001])
def test_every_format_gives_the_same_documents_however_it_is_split(
    kind: str, part_mb: float, tmp_path: Path
) -> None:
    path = write_input(tmp_path, kind)
    rows = collect_rows(path, tmp_path / "run", part_mb)
    assert sorted(row["text"] for row in rows) == sorted(CODE)
    assert rows == collect_rows(path, tmp_path / "whole")


def test_a_line_that_is_not_json_is_dropped_with_its_number_however_the_file_is_split(
    tmp_path: Path,
) -> None:
    lines = [json.dumps({"text": text}) for text in CODE]
    lines[7], lines[23], lines[31] = "{broken", '["a list"]', '{"other": 1}'
    (tmp_path / "x.jsonl").write_text("\n".join(lines))
    for part_mb in (64, 0.0002):
        rows = collect_rows(tmp_path / "x.jsonl", tmp_path / f"run{part_mb}", part_mb)
        reasons = [row["reason"] for row in rows if not row["kept"]]
        assert reasons[0].startswith("not JSON: line 8: ")
        assert reasons[1:] == ["not a JSON object: line 24", "no text: line 32 has other"]
        assert sum(row["kept"] for row in rows) == 37


def test_a_line_above_the_limit_is_skipped_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 1000)
    long = json.dumps({"text": "x = 1\n" * 500_000})
    for name, pack in (("x.jsonl", bytes), ("x.jsonl.gz", gzip.compress)):
        text = "\n".join(['{"text": "a = 1"}', long, '{"text": "b = 1"}'])
        (tmp_path / name).write_bytes(pack(text.encode()))
        rows = collect_rows(tmp_path / name, tmp_path / f"run-{name}")
        assert [row["text"] or row["reason"] for row in rows] == [
            "a = 1",
            "line too long: line 2, above 1,000 bytes",
            "b = 1",
        ]


def test_a_packed_file_that_unpacks_to_absurd_amounts_is_left_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jsonl, "BOMB_BYTES", 100_000)
    monkeypatch.setattr(jsonl, "BOMB_RATIO", 10)
    monkeypatch.setattr(jsonl, "MAX_LINE_BYTES", 10_000)
    data = b'{"text": "a = 1"}\n' + b" " * 50_000_000
    (tmp_path / "x.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(data))
    rows = collect_rows(tmp_path / "x.jsonl.zst", tmp_path / "run")
    assert rows[0]["text"] == "a = 1"
    assert rows[-1]["reason"].startswith("unpacks to too much")


@pytest.mark.parametrize("kind", [".gz", ".zst"])
def test_a_packed_file_cut_in_half_gives_what_it_holds_and_says_where_it_ends(
    kind: str, tmp_path: Path
) -> None:
    noise = [json.dumps({"text": f"x = '{os.urandom(30).hex()}'"}) for _ in range(9000)]
    pack = gzip.compress if kind == ".gz" else zstandard.ZstdCompressor().compress
    data = pack("\n".join(noise).encode())
    (tmp_path / f"x.jsonl{kind}").write_bytes(data[: len(data) // 2])
    rows = collect_rows(tmp_path / f"x.jsonl{kind}", tmp_path / "run")
    assert 2000 < sum(row["kept"] for row in rows) < 7000
    assert [row["reason"].split(":")[0] for row in rows if not row["kept"]][-1] in (
        "damaged",
        "not JSON",
    )


def test_a_parquet_file_cut_in_half_is_refused_with_its_name(tmp_path: Path) -> None:
    path = write_input(tmp_path, "parquet")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(UserError, match="x.parquet is no whole Parquet file"):
        collect_rows(path, tmp_path / "run")


@pytest.mark.parametrize(
    ("values", "column", "words"),
    [
        ({"body": ["x"], "n": [1]}, "", "none of the columns content, text, code; it has body, n"),
        ({"text": ["x"]}, "txt", "no column txt; it has text: name the one to read by column="),
    ],
)
def test_a_data_set_without_the_text_column_is_refused_with_its_columns(
    values: dict[str, list[Any]], column: str, words: str, tmp_path: Path
) -> None:
    pq.write_table(pa.table(values), tmp_path / "x.parquet")
    (tmp_path / "x.jsonl").write_text(json.dumps({key: each[0] for key, each in values.items()}))
    for name in ("x.parquet", "x.jsonl"):
        with pytest.raises(UserError, match=words):
            collect_rows(tmp_path / name, tmp_path / f"run-{name}", column=column)


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("x.jsonl", b"<html>\n<body>\n", "does not hold JSON objects"),
        ("x.jsonl", b"\x00\x01\x02", "does not hold JSON objects"),
        ("x.jsonl.gz", b"not gzip at all", "does not hold JSON objects"),
        ("x.csv", b"a,b\n", "none of the kinds"),
        ("absent", None, "there is no file or folder"),
        ("empty/", None, "holds no file that can be read"),
    ],
)
def test_an_input_that_makes_no_sense_is_refused_with_the_way_out(
    name: str, data: bytes | None, words: str, tmp_path: Path
) -> None:
    if name.endswith("/"):
        (tmp_path / name).mkdir()
    elif data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(UserError, match=words):
        collect_rows(tmp_path / name, tmp_path / "run")


def test_the_stacks_columns_are_understood(tmp_path: Path) -> None:
    rows = pa.table({
        "content": ["x = 1", "y = 2", None],
        "max_stars_repo_name": ["a/b", None, "c/d"],
        "max_stars_repo_path": ["s/x.py", "y.py", "z.py"],
        "max_stars_repo_licenses": [["MIT", "Apache-2.0"], ["GPL-3.0"], []],
    })  # fmt: skip
    pq.write_table(rows, tmp_path / "x.parquet")
    found = collect_rows(tmp_path / "x.parquet", tmp_path / "run", licences=("MIT", "Apache-2.0"))
    assert [(r["origin"], r["path"], r["licence"], r["reason"]) for r in found] == [
        ("files:a/b", "s/x.py", "Apache-2.0 AND MIT", ""),
        ("files:x.parquet", "y.py", "GPL-3.0", "licence not allowed: GPL-3.0"),
        ("files:c/d", "z.py", "", "no text: row 3"),
    ]


def test_text_in_a_parquet_file_that_is_not_utf8_is_dropped_alone(tmp_path: Path) -> None:
    raw = pa.array([b"x = 1", b"x = '\xff'", b"y = 1"], pa.binary())
    pq.write_table(pa.table({"text": raw.view(pa.string())}), tmp_path / "x.parquet")
    rows = collect_rows(tmp_path / "x.parquet", tmp_path / "run")
    assert [row["reason"].split(":")[0] for row in rows] == ["", "badly encoded", ""]


def test_links_in_circles_pipes_and_closed_files_are_named_and_nothing_else_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = tmp_path / "tree"
    (tree / "a").mkdir(parents=True)
    (tree / "a" / "x.py").write_text("x = 1")
    (tree / "a" / "circle").symlink_to(tree)
    (tree / "self.py").symlink_to(tree / "self.py")
    (tree / "link.py").symlink_to(tree / "a" / "x.py")
    (tree / "big.py").write_bytes(b"x" * 2_000_000)
    (tree / "folder.py").mkdir()
    (tree / ".git").mkdir()
    (tree / ".git" / "hidden.py").write_text("x = 1")
    os.mkfifo(tree / "pipe.py")
    closed = tree / "closed.py"
    closed.write_text("x = 1")
    opened = Path.open

    def refusing(self: Path, *rest: Any, **more: Any) -> Any:
        if self == closed:
            raise PermissionError(13, "Permission denied")
        return opened(self, *rest, **more)

    monkeypatch.setattr(Path, "open", refusing)
    rows = collect_rows(tree, tmp_path / "run")
    assert {row["path"]: row["reason"].split(":")[0] for row in rows} == {
        "a/x.py": "", "a/circle": "symbolic link", "self.py": "symbolic link", "link.py": "symbolic link",
        "big.py": "oversized", "pipe.py": "not a regular file", "closed.py": "unreadable",
    }  # fmt: skip


def test_ten_thousand_files_in_one_folder_are_one_record_each(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for i in range(10_000):
        (folder / f"{i}.py").write_text(f"x = {i}")
    assert len({row["path"] for row in collect_rows(folder, tmp_path / "run")}) == 10_000


def test_a_changed_file_makes_the_stage_stale(tmp_path: Path) -> None:
    path = write_input(tmp_path, "tree")
    collect_rows(path, tmp_path / "run")
    (path / "0" / "0.py").write_text("changed = 1")
    with pytest.raises(UserError, match="mine in .* was made with other settings: content: "):
        collect_rows(path, tmp_path / "run")


@pytest.mark.slow
def test_a_line_of_200_mb_is_skipped_without_being_held(tmp_path: Path) -> None:
    import resource

    with (tmp_path / "x.jsonl").open("wb") as file:
        file.write(b'{"text": "a = 1"}\n{"text": "')
        for _ in range(200):
            file.write(b"x" * 1_000_000)
        file.write(b'"}\n{"text": "b = 1"}\n')
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    rows = collect_rows(tmp_path / "x.jsonl", tmp_path / "run")
    assert [row["text"] or row["reason"].split(":")[0] for row in rows] == [
        "a = 1",
        "line too long",
        "b = 1",
    ]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 120_000  # KB


@pytest.mark.parametrize("shard_mb", [64.0, 0.0001])
def test_a_run_inside_its_own_source_reads_none_of_its_own_files(
    shard_mb: float, tmp_path: Path
) -> None:
    for i in range(5):
        lines = [json.dumps({"text": f"def f{i}_{j}():\n    return {j}\n"}) for j in range(4)]
        (tmp_path / f"{i}.jsonl").write_text("\n".join(lines) + "\n")
    stage = DropDuplicates("unique", CollectFiles("code", str(tmp_path), piece_lines=0))
    ctx = RunContext(tmp_path / "runs" / "own", shard_mb=shard_mb)
    run_recipe(stage, ctx)
    rows = [row for table in ctx.run.read_kept_rows("unique") for row in table.to_pylist()]
    assert len(rows) == 20
    assert len({row["text"] for row in rows}) == 20
    # A second run over the same folder reads the same files, and not the first run's.
    again = RunContext(tmp_path / "runs" / "again", shard_mb=shard_mb)
    run_recipe(stage, again)
    assert again.run.read_manifest("code")["kept"] == 20
