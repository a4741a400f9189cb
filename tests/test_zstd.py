"""A .zst file is read whole, in any number of frames; one that was cut is never taken for complete."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import zstandard
from conftest import rows_of

from hornbook.collect import CollectFiles
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.records import UserError
from hornbook.scrub import documents
from hornbook.store import open_zstd

LINES = b"".join(
    json.dumps({"text": f"def f{i}():\n    return {i * 7919}\n"}).encode() + b"\n"
    for i in range(2000)
)


@pytest.mark.parametrize("n_frames", [1, 2, 7])
def test_frames_are_joined(n_frames: int, tmp_path: Path) -> None:
    size = -(-len(LINES) // n_frames)
    parts = [LINES[i : i + size] for i in range(0, len(LINES), size)]
    path = tmp_path / "data.zst"
    path.write_bytes(b"".join(zstandard.compress(part) for part in parts))
    with open_zstd(path) as file:
        assert file.read() == LINES
    with open_zstd(path) as file:
        assert b"".join(file) == LINES


def test_an_empty_file_and_an_empty_frame_are_empty(tmp_path: Path) -> None:
    for data in (b"", zstandard.compress(b"")):
        (tmp_path / "data.zst").write_bytes(data)
        with open_zstd(tmp_path / "data.zst") as file:
            assert file.read() == b""


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_was_cut_is_an_error(share: float, tmp_path: Path) -> None:
    packed = zstandard.compress(LINES)
    path = tmp_path / "data.jsonl.zst"
    path.write_bytes(packed[: int(share * len(packed))])
    with open_zstd(path) as file, pytest.raises(EOFError, match="was cut"):
        file.read()
    with pytest.raises(UserError, match="cannot be read .*was cut"):
        list(documents.read_batches([path]))


def test_collecting_a_cut_file_says_so_in_a_dropped_row(tmp_path: Path) -> None:
    # Several blocks, so that lines before the cut can be read.
    texts = [f"x = '{hashlib.sha512(str(i).encode()).hexdigest()}'\n" for i in range(4000)]
    packed = zstandard.compress("".join(json.dumps({"text": t}) + "\n" for t in texts).encode())
    (tmp_path / "data.jsonl.zst").write_bytes(packed[: 3 * len(packed) // 4])
    ctx = RunContext(tmp_path / "run")
    stage = CollectFiles("code", str(tmp_path / "data.jsonl.zst"), piece_lines=0)
    run_recipe(stage, ctx)
    rows = rows_of(ctx, stage)
    assert 1000 < sum(row["kept"] for row in rows) < 4000
    dropped = [row["reason"] for row in rows if not row["kept"]]
    assert any("damaged" in reason and "was cut" in reason for reason in dropped)


def test_a_file_that_unpacks_to_a_thousand_times_its_size_is_read_in_bounded_pieces(
    tmp_path: Path,
) -> None:
    path = tmp_path / "data.zst"
    path.write_bytes(zstandard.compress(bytes(200_000_000)))
    total, largest = 0, 0
    with open_zstd(path) as file:
        while data := file.read1(1 << 30):
            total += len(data)
            largest = max(largest, len(data))
    assert total == 200_000_000
    assert largest <= 32_000_000
