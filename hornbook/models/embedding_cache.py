"""A cache of embeddings across runs on this machine: a second classifier then takes seconds.

In: vectors under keys that name all they depend on (embedder.py makes them). Out: the same bytes
later. Nothing about the cache stops a run: an entry whose checksum differs counts as absent, a file
that is no database is removed, and if the disk is full or the folder is read-only, vectors are
computed as without a cache. SQLite in WAL mode, so that processes can share it; beyond MAX_BYTES
the oldest entries are deleted. Not covered: network file systems, where SQLite's WAL does not work;
set HORNBOOK_CACHE to a local folder there.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from hornbook import wheels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAX_BYTES = 1 << 30  # 400,000 vectors of 576 numbers
# With the default of 4,096 a vector of 576 numbers leaves nearly half of its pages empty.
PAGE_BYTES = 16384
BUSY_TIMEOUT_S = 10  # how long a process waits while another one commits
KEYS_PER_QUERY = 500  # old builds of SQLite take 999 parameters
CREATE_TABLE = (
    "CREATE TABLE IF NOT EXISTS vectors "
    "(key BLOB PRIMARY KEY, numbers BLOB NOT NULL, checksum BLOB NOT NULL)"
)
SELECT_OLDEST = (
    "SELECT rowid FROM vectors ORDER BY rowid LIMIT (SELECT COUNT(*) / 10 + 1 FROM vectors)"
)


def cache_file() -> Path:
    """This user's cache; it can be deleted at any time."""
    return wheels.cache_folder() / "vectors.sqlite"


class EmbeddingCache:
    """An open cache, as a context manager.

    Args:
        path: the database; None for a cache that stores nothing.
        max_bytes: the size beyond which the oldest entries are deleted.
    """

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
            _switch_to_wal(self._db)
            # A power failure can lose the last entries, and nothing else.
            self._db.execute("PRAGMA synchronous=NORMAL")
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
        """The vectors under these keys that are present and undamaged."""
        import numpy as np

        vectors: dict[bytes, NDArray[np.float32]] = {}
        with self._ignore_errors():
            if self._db is None:
                return vectors
            for start in range(0, len(keys), KEYS_PER_QUERY):
                chunk = keys[start : start + KEYS_PER_QUERY]
                marks = ",".join("?" * len(chunk))
                query = f"SELECT key, numbers, checksum FROM vectors WHERE key IN ({marks})"
                for key, numbers, checksum in self._db.execute(query, chunk):
                    if checksum == _entry_checksum(key, numbers):
                        vectors[key] = np.frombuffer(numbers, "<f4")
        return vectors

    def put_vectors(self, vectors: Mapping[bytes, NDArray[np.float32]]) -> None:
        """Store these vectors in one transaction."""
        rows = [(key, vector.astype("<f4").tobytes()) for key, vector in vectors.items()]
        with self._ignore_errors():
            if self._db is None:
                return
            # Takes the write lock at once; upgrading a read lock later can fail.
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)",
                [(key, numbers, _entry_checksum(key, numbers)) for key, numbers in rows],
            )
            while self._used_bytes() > self._max_bytes:
                deletion = f"DELETE FROM vectors WHERE rowid IN ({SELECT_OLDEST})"
                if not self._db.execute(deletion).rowcount:
                    break
            self._db.execute("COMMIT")

    def _used_bytes(self) -> int:
        """Bytes of the file's pages that are in use."""
        assert self._db is not None
        pages, free, size = (
            self._db.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)

    @contextlib.contextmanager
    def _ignore_errors(self) -> Iterator[None]:
        """Continue without the cache on errors; remove a file that is no database."""
        try:
            yield
        except (sqlite3.OperationalError, OSError):
            self._close()
        except sqlite3.DatabaseError:
            self._close()
            assert self.path is not None
            for file in self.path.parent.glob(f"{self.path.name}*"):  # with its journal
                file.unlink(missing_ok=True)

    def _close(self) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None


def _switch_to_wal(db: sqlite3.Connection) -> None:
    """Set WAL mode; retries, because SQLite's own timeout does not apply to this statement."""
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _entry_checksum(key: bytes, numbers: bytes) -> bytes:
    """A digest by which damaged entries are recognised."""
    return hashlib.blake2b(key + numbers, digest_size=8).digest()
