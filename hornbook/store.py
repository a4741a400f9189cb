"""Atomic files: tables as Parquet, JSON, and their digests.

In: tables and values. Out: files that are complete or absent. A file is written under a temporary
name, synced to disk and renamed, so that a killed process leaves no partial file under the final
name. A full disk is a UserError.

Not covered: object stores without an atomic rename. There the manifest, which is written last, is
the commit.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

# zstd level 1 writes at 432 MB/s per core here; higher levels cost more time than they save for
# files that are read a few times.
ZSTD_LEVEL = 1
ROW_GROUP_ROWS = 4096


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path for a file or folder, which becomes `path` if the block succeeds.

    Raises:
        UserError: the disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # Beside `path`, because a rename is only atomic within one file system. The name has the
    # process id, because two runs may write to one cache.
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        yield temporary
        written = [temporary]
        if temporary.is_dir():
            written += temporary.rglob("*")
        for file in written:
            _fsync_path(file)
        # os.replace cannot replace a folder that has files.
        if path.is_dir() and temporary.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
        # The rename itself is on disk only when the folder is synced.
        _fsync_path(path.parent)
    except Exception as error:
        if _is_disk_full(error):
            raise UserError(
                f"the disk is full: {path} could not be written. Everything finished is kept; "
                f"free some space (df -h {path.parent}) and run the same command again"
            ) from error
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _is_disk_full(error: Exception) -> bool:
    """Whether the system said so, or a library that only quotes it in its text (safetensors)."""
    codes = (errno.ENOSPC, errno.EDQUOT)
    if getattr(error, "errno", None) in codes:
        return True
    return any(os.strerror(code) in str(error) for code in codes)


def _fsync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished_files(folder: Path) -> None:
    """Remove the temporary files that killed processes left in this folder."""
    for path in folder.glob(".writing-*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def write_table(path: Path, table: pa.Table) -> None:
    """Write one Parquet file atomically."""
    import pyarrow.parquet as pq

    with atomic_write(path) as temporary:
        pq.write_table(
            table,
            temporary,
            compression="zstd",
            compression_level=ZSTD_LEVEL,
            row_group_size=ROW_GROUP_ROWS,
        )


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """Read one Parquet file.

    Raises:
        UserError: the file is damaged or missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, columns=columns, memory_map=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path} cannot be read as Parquet ({error}). Remove it and run again: its shard is "
            "made again"
        ) from error


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically, with sorted keys: equal values are equal bytes."""
    text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    with atomic_write(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def read_json(path: Path) -> Any:
    """The value in a JSON file, or None where there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise UserError(f"{path} is not JSON ({error}); remove it and run again") from error


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
