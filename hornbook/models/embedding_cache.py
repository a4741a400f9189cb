"""Vectors that this machine has computed before, in any run: a second classifier then costs seconds.

In: vectors under keys that name all they depend on (embedder.py makes them). Out: the same bytes,
later. A cache, so nothing about it stops a run: an entry whose checksum differs is as good as
absent, a file that is no database is removed, and where the disk is full or the folder closed,
vectors are computed as if there were none. SQLite in WAL mode, so that processes may share it; past
MOST_BYTES the oldest go. Not covered: network filesystems, where SQLite's WAL does not work; there
set HORNBOOK_CACHE to a local folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from hornbook import wheels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_BYTES = 1 << 30  # 400,000 vectors of 576 numbers
PAGE_BYTES = (
    16384  # bytes: of the default 4,096 each vector of 576 numbers leaves nearly half empty
)
BUSY_TIMEOUT_S = 10  # how long one process waits while another one commits
KEYS_PER_QUERY = 500  # keys a query; SQLite takes 999 parameters in old builds
CREATE_TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, numbers BLOB NOT NULL, checksum BLOB NOT NULL)"
SELECT_OLDEST = (
    "SELECT rowid FROM vectors ORDER BY rowid LIMIT (SELECT COUNT(*) / 10 + 1 FROM vectors)"
)


def cache_file() -> Path:
    """The cache of this user; it may be removed at any time."""
    return wheels.cache_folder() / "vectors.sqlite"


class EmbeddingCache:
    """An open cache; a context manager. Without a path it is empty and stays so."""

    def __init__(self, path: Path | None, max_bytes: int = MAX_BYTES) -> None:
        self.path = path
        self._max_bytes = max_bytes
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> EmbeddingCache:
        if self.path is None:
            return self
        with self._ignore_errors():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=BUSY_TIMEOUT_S, isolation_level=None)
            self._db.execute(f"PRAGMA page_size={PAGE_BYTES}")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(
                "PRAGMA synchronous=NORMAL"
            )  # a power cut may lose the last entries, and no more
            self._db.execute(CREATE_TABLE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def get_vectors(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The vectors that are there and whole."""
        import numpy as np

        vectors: dict[bytes, NDArray[np.float32]] = {}
        with self._ignore_errors():
            for start in range(0, len(keys) if self._db else 0, KEYS_PER_QUERY):
                chunk = keys[start : start + KEYS_PER_QUERY]
                query = f"SELECT key, numbers, checksum FROM vectors WHERE key IN ({','.join('?' * len(chunk))})"
                for key, numbers, checksum in self._db.execute(query, chunk) if self._db else ():
                    if checksum == _entry_checksum(key, numbers):
                        vectors[key] = np.frombuffer(numbers, "<f4")
        return vectors

    def put_vectors(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep these, all of them or none."""
        rows = [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]
        with self._ignore_errors():
            if self._db is None:
                return
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                [(key, numbers, _entry_checksum(key, numbers)) for key, numbers in rows],
            )
            while (
                self._used_bytes() > self._max_bytes
                and self._db.execute(
                    f"DELETE FROM vectors WHERE rowid IN ({SELECT_OLDEST})"
                ).rowcount
            ):
                pass
            self._db.execute("COMMIT")

    def _used_bytes(self) -> int:
        """Bytes of the file's pages that hold something."""
        assert self._db is not None
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    @contextlib.contextmanager
    def _ignore_errors(self) -> Iterator[None]:
        """Go on without the cache where it cannot be used; what is no database is removed, to make room for one."""
        try:
            yield
        except (sqlite3.OperationalError, OSError):
            self._close()
        except sqlite3.DatabaseError:
            self._close()
            assert self.path is not None
            for file in self.path.parent.glob(f"{self.path.name}*"):  # its journal too
                file.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _entry_checksum(key: bytes, numbers: bytes) -> bytes:
    return hashlib.blake2b(key + numbers, digest_size=8).digest()
