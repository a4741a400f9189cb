"""The cache of embeddings returns what was stored or nothing, and never stops a run."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hornbook.models.embedding_cache import EmbeddingCache


def make_keys(count: int) -> list[bytes]:
    return [f"{i:016d}".encode() for i in range(count)]


def make_vector(key: bytes, width: int = 576) -> np.ndarray:
    return np.random.default_rng(int(key)).normal(size=width).astype(np.float32)


def fill_cache(path: Path, count: int = 40) -> Path:
    with EmbeddingCache(path) as cache:
        cache.put_vectors({key: make_vector(key) for key in make_keys(count)})
    return path


def count_sound(path: Path, count: int = 40) -> int:
    """How many come back; each must be the one that was put."""
    with EmbeddingCache(path) as cache:
        vectors = cache.get_vectors(make_keys(count))
    for key, stored in vectors.items():
        np.testing.assert_array_equal(stored, make_vector(key))
    return len(vectors)


def test_what_was_put_comes_back_to_another_process_bit_by_bit(tmp_path: Path) -> None:
    assert count_sound(fill_cache(tmp_path / "sub" / "v.sqlite", 1200), 1300) == 1200


def test_without_a_path_there_is_nothing(tmp_path: Path) -> None:
    with EmbeddingCache(None) as cache:
        cache.put_vectors({b"1": make_vector(b"1")})
        assert cache.get_vectors([b"1"]) == {}


def test_a_damaged_entry_is_absent_and_can_be_put_again(tmp_path: Path) -> None:
    path = fill_cache(tmp_path / "v.sqlite")
    with sqlite3.connect(path) as db:
        db.execute("UPDATE vectors SET numbers = zeroblob(2304) WHERE key = ?", [make_keys(40)[7]])
    assert count_sound(path) == 39
    assert count_sound(fill_cache(path)) == 40


def test_whatever_byte_is_damaged_no_wrong_vector_comes_out_and_nothing_stops(
    tmp_path: Path,
) -> None:
    whole, chance, lost = fill_cache(tmp_path / "v.sqlite").read_bytes(), random.Random(5), 0
    for _ in range(60):
        broken = bytearray(whole)
        # The header more often than the rest.
        position = chance.choice([chance.randrange(len(whole)), chance.randrange(200)])
        broken[position : position + 8] = chance.randbytes(8)
        path = tmp_path / "broken.sqlite"
        path.write_bytes(broken)
        lost += 40 - count_sound(path)
        assert count_sound(fill_cache(path)) in range(41)
        path.unlink(missing_ok=True)
    assert lost > 0


@pytest.mark.parametrize(
    "content", [b"no database at all " * 99, b"SQLite format 3\0" + bytes(5000)]
)
def test_what_is_no_database_makes_room_for_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "v.sqlite"
    path.write_bytes(content)
    assert count_sound(path) == 0
    assert count_sound(fill_cache(path)) == 40


def test_a_place_that_cannot_be_used_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert count_sound(fill_cache(tmp_path / "file" / "v.sqlite")) == 0


def test_past_its_size_the_oldest_go(tmp_path: Path) -> None:
    path, max_bytes = tmp_path / "v.sqlite", 300_000
    for key in make_keys(400):
        with EmbeddingCache(path, max_bytes) as cache:
            cache.put_vectors({key: make_vector(key)})
    with EmbeddingCache(path) as cache:
        left = sorted(cache.get_vectors(make_keys(400)))
    assert left == make_keys(400)[-len(left) :] and 50 < len(left) < 130
    assert path.stat().st_size < max_bytes + 50_000


def test_two_processes_may_write_at_once(tmp_path: Path) -> None:
    path = tmp_path / "v.sqlite"
    program = (
        "import sys, pathlib; sys.path.insert(0, sys.argv[2]); import test_embedding_cache as t\n"
        "for key in t.make_keys(200)[int(sys.argv[3])::2]:\n"
        "    with t.EmbeddingCache(pathlib.Path(sys.argv[1])) as cache:\n"
        "        cache.put_vectors({key: t.make_vector(key)})"
    )
    command = [sys.executable, "-c", program, str(path), str(Path(__file__).parent)]
    writers = [subprocess.Popen([*command, str(which)]) for which in (0, 1)]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert count_sound(path, 200) == 200
