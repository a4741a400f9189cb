"""Files on disk that are whole or absent: tables as Parquet, facts as JSON, and their checksums.

In: tables and dictionaries. Out: files written under a temporary name, synced, then renamed, so
that a process killed at any moment leaves no file that reads as complete but is not. A full disk is
a UserError. Not covered: object stores without an atomic rename; there the manifest, written last,
is the commit.
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

# zstd level 1 writes at 432 MB/s a core here; higher levels cost more than they save for files read
# a few times.
ZSTD_LEVEL = 1
ROW_GROUP_ROWS = 4096


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` to write a file or folder to; it becomes `path` only if the block ends well."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        yield temporary
        for inside in [temporary, *temporary.rglob("*")] if temporary.is_dir() else [temporary]:
            _fsync_path(inside)
        if path.is_dir() and temporary.is_dir():
            shutil.rmtree(path)
        os.replace(temporary, path)
        _fsync_path(path.parent)
    except Exception as error:
        if _is_disk_full(error):
            raise UserError(
                f"the disk is full: {path} could not be written. Everything finished is kept; "
                f"free some space (df -h {path.parent}) and give the same command again"
            ) from error
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary, ignore_errors=True)
        else:
            temporary.unlink(missing_ok=True)


def _is_disk_full(error: Exception) -> bool:
    """Of the system's error, or of a library's that only quotes it (safetensors)."""
    numbers = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in numbers or any(
        os.strerror(number) in str(error) for number in numbers
    )


def _fsync_path(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_unfinished_files(folder: Path) -> None:
    """Remove what a killed process left half written in this folder."""
    for left in folder.glob(".writing-*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def write_table(path: Path, table: pa.Table) -> None:
    """Write one Parquet file, whole or not at all."""
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
    """Read one Parquet file; a damaged one is a UserError that names it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, columns=columns, memory_map=True)
    except (pa.ArrowInvalid, OSError) as error:
        raise UserError(
            f"{path} cannot be read as Parquet ({error}). Remove it and run again: its part is redone"
        ) from error


def write_json(path: Path, facts: Any) -> None:
    """Write JSON with sorted keys, so that equal facts are equal bytes."""
    with atomic_write(path) as temporary:
        temporary.write_text(
            json.dumps(facts, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
        )


def read_json(path: Path) -> Any:
    """The facts in a JSON file, or None where there is no such file; a damaged one is a UserError."""
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
