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

MOST_BYTES = 1 << 30  # 400,000 vectors of 576 numbers
PAGE = 16384  # bytes: of the default 4,096 each vector of 576 numbers leaves nearly half empty
BUSY_S = 10  # how long one process waits while another one commits
LOOKED_UP = 500  # keys a query; SQLite takes 999 parameters in old builds
TABLE = "CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, numbers BLOB NOT NULL, checksum BLOB NOT NULL)"
OLDEST = "SELECT rowid FROM vectors ORDER BY rowid LIMIT (SELECT COUNT(*) / 10 + 1 FROM vectors)"


def file() -> Path:
    """The cache of this user; it may be removed at any time."""
    return wheels.cache() / "vectors.sqlite"


class VectorCache:
    """An open cache; a context manager. Without a path it is empty and stays so."""

    def __init__(self, path: Path | None, most_bytes: int = MOST_BYTES) -> None:
        self.path = path
        self._most = most_bytes
        self._db: sqlite3.Connection | None = None

    def __enter__(self) -> VectorCache:
        if self.path is None:
            return self
        with self._forgiven():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)
            self._db.execute(f"PRAGMA page_size={PAGE}")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(
                "PRAGMA synchronous=NORMAL"
            )  # a power cut may lose the last entries, and no more
            self._db.execute(TABLE)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, NDArray[np.float32]]:
        """The vectors that are there and whole."""
        import numpy as np

        found: dict[bytes, NDArray[np.float32]] = {}
        with self._forgiven():
            for at in range(0, len(keys) if self._db else 0, LOOKED_UP):
                some = keys[at : at + LOOKED_UP]
                query = f"SELECT key, numbers, checksum FROM vectors WHERE key IN ({','.join('?' * len(some))})"
                for key, numbers, checksum in self._db.execute(query, some) if self._db else ():
                    if checksum == _checksum(key, numbers):
                        found[key] = np.frombuffer(numbers, "<f4")
        return found

    def put(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Keep these, all of them or none."""
        rows = [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]
        with self._forgiven():
            if self._db is None:
                return
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                [(key, numbers, _checksum(key, numbers)) for key, numbers in rows],
            )
            while (
                self._used() > self._most
                and self._db.execute(f"DELETE FROM vectors WHERE rowid IN ({OLDEST})").rowcount
            ):
                pass
            self._db.execute("COMMIT")

    def _used(self) -> int:
        """Bytes of the file's pages that hold something."""
        assert self._db is not None
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    @contextlib.contextmanager
    def _forgiven(self) -> Iterator[None]:
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


def _checksum(key: bytes, numbers: bytes) -> bytes:
    return hashlib.blake2b(key + numbers, digest_size=8).digest()
