"""Atomic files: tables as Parquet, JSON, and their digests.

In: tables and values. Out: files that are complete or absent. A file is written under a temporary
name, synced to disk and renamed, so that a killed process leaves no partial file under the final
name. A full disk is a UserError. `open_zstd` reads .zst files and notices those that were cut.

Not covered: object stores without an atomic rename. There the manifest, which is written last, is
the commit.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

# zstd level 1 writes at 432 MB/s per core here; higher levels cost more time than they save for
# files that are read a few times.
ZSTD_LEVEL = 1
ROW_GROUP_ROWS = 4096


# A frame may ask for a window of gigabytes; 128 MB is what the `zstd` command grants by default.
MAX_ZSTD_WINDOW = 1 << 27
# Packed bytes that are unpacked at a time. A block of 4 bytes may unpack to 128 KB, so 512 bytes
# are at most 16 MB, whatever the file claims.
ZSTD_CHUNK_BYTES = 512


def open_zstd(path: Path) -> IO[bytes]:
    """Open a .zst file for reading; several frames follow each other as one stream.

    Reading raises EOFError if the file ends within a frame. zstandard's own readers report nothing
    there (version 0.25), so that a file cut in half would be taken for a complete one.
    """
    return io.BufferedReader(_ZstdStream(path), 1 << 20)


class _ZstdStream(io.RawIOBase):
    def __init__(self, path: Path) -> None:
        import zstandard

        self._decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_ZSTD_WINDOW)
        self._file = path.open("rb")
        self._frame: Any = None  # the decompressor of the current frame
        self._packed = b""  # read from the file and not unpacked yet
        self._unpacked = memoryview(b"")  # unpacked and not read yet

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._unpacked:
            packed = self._packed or self._file.read(ZSTD_CHUNK_BYTES)
            self._packed = b""
            if not packed:
                if self._frame is not None:
                    raise EOFError("the file ends within a zstd frame: it was cut")
                return 0
            if self._frame is None:
                self._frame = self._decompressor.decompressobj()
            self._unpacked = memoryview(self._frame.decompress(packed))
            if self._frame.eof:
                self._packed, self._frame = self._frame.unused_data, None
        size = min(len(buffer), len(self._unpacked))
        buffer[:size] = self._unpacked[:size]
        self._unpacked = self._unpacked[size:]
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


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
