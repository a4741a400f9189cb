"""List the input files under a path and cut them into independent shards of a size.

In: a file or folder and a number of megabytes. Out: files in the order of their names, and slices
whose names say all that is needed to read them. Symbolic links are named and not followed, so
circles of them end nowhere; what is no regular file (a pipe, a device) is named and not opened.
Folders whose name begins with a dot are not entered, and neither are runs of Hornbook: what a run
writes below its own source is never read. Not covered: object stores and hubs; mount or download
them first.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hornbook.frame.run_folder import RUN_MARKER
from hornbook.records import MissingInput, UserError

KIND_BY_SUFFIX = {".py": "python", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
PACKED_SUFFIXES = (".gz", ".zst")
UNPACKED_RATIO = 6  # of jsonl of code under gzip or zstd, for sizing parts
FULL_DIGEST_BYTES = (
    16_000_000  # larger files are told apart by size and by their first and last million bytes
)


@dataclass(frozen=True)
class InputFile:
    """A file: path, name under the root, kind, size, and why it cannot be read (or "")."""

    path: Path
    name: str
    kind: str
    size: int
    reason: str = ""


@dataclass(frozen=True)
class FileSlice:
    """Consecutive Python files (`first` to `last` in the listing), or a range of one data file.

    The range is bytes of a jsonl file, row groups of a Parquet file; `at` counts lines or rows from
    1.
    """

    first: int
    last: int
    begin: int = 0
    end: int = 0
    first_row: int = 1

    @property
    def shard_name(self) -> str:
        return f"{self.first:07d}-{self.last:07d}-{self.begin}-{self.end}-{self.first_row}"

    @staticmethod
    def from_shard_name(shard: str) -> FileSlice:
        return FileSlice(*map(int, shard.split("-")))


def list_files(root: Path) -> list[InputFile]:
    """Every file of a known kind under `root`, by name. Raises UserError if there is none."""
    if not root.exists():
        raise MissingInput(
            f"there is no file or folder {root}: check the path, which is relative to the current "
            "folder"
        )
    suffixes = ", ".join([*KIND_BY_SUFFIX, ".jsonl.gz", ".jsonl.zst"])
    if not root.is_dir():
        kind = detect_kind(root.name)
        if not kind:
            raise UserError(f"{root} is none of the kinds that can be read: {suffixes}")
        return [InputFile(root, root.name, kind, root.stat().st_size)]
    files = sorted(_walk_folder(root), key=lambda file: file.name)
    if not files:
        raise UserError(f"{root} holds no file that can be read: {suffixes}")
    return files


def detect_kind(name: str) -> str:
    """python, jsonl or parquet, by the name's suffix; empty for anything else."""
    stem, suffix = os.path.splitext(name.lower())
    if suffix in PACKED_SUFFIXES:
        kind = KIND_BY_SUFFIX.get(os.path.splitext(stem)[1], "")
        return kind if kind == "jsonl" else ""
    return KIND_BY_SUFFIX.get(suffix, "")


def _walk_folder(root: Path) -> Iterator[InputFile]:
    errors: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=errors.append):
        folders[:] = [
            name for name in folders if not name.startswith(".") and not _is_run(Path(folder, name))
        ]
        for name in folders:
            if (path := Path(folder, name)).is_symlink():
                yield InputFile(
                    path, _relative_name(path, root), "python", 0, "symbolic link: to a folder"
                )
        for name in files:
            if kind := detect_kind(name):
                yield _inspect_file(Path(folder, name), root, kind)
    for error in errors:
        path = Path(error.filename)
        yield InputFile(
            path, _relative_name(path, root), "python", 0, f"unreadable: {error.strerror}"
        )


def _is_run(folder: Path) -> bool:
    """Whether a folder is a run of Hornbook, by its marker."""
    return (folder / RUN_MARKER).exists()


def _inspect_file(path: Path, root: Path, kind: str) -> InputFile:
    status = path.lstat()
    reason = ""
    if stat.S_ISLNK(status.st_mode):
        reason = "symbolic link"
    elif not stat.S_ISREG(status.st_mode):
        reason = "not a regular file"
    elif kind == "jsonl" and not status.st_size:
        reason = "empty"
    return InputFile(path, _relative_name(path, root), kind, status.st_size, reason)


def _relative_name(path: Path, root: Path) -> str:
    """The name under the root, with slashes; bytes that are no UTF-8 become question marks."""
    return path.relative_to(root).as_posix().encode("utf-8", "replace").decode()


def group_python_files(files: list[InputFile], shard_bytes: float) -> Iterator[FileSlice]:
    """Slices of consecutive Python files, and one slice per data file, in listing order."""
    first, run_bytes = -1, 0.0
    for index, file in enumerate(files):
        is_data_file = file.kind != "python"
        if first >= 0 and (is_data_file or run_bytes + file.size > shard_bytes):
            yield FileSlice(first, index - 1)
            first = -1
        if is_data_file:
            yield FileSlice(index, index)
        elif first < 0:
            first, run_bytes = index, file.size
        else:
            run_bytes += file.size
    if first >= 0:
        yield FileSlice(first, len(files) - 1)


def digest_files(files: list[InputFile]) -> str:
    """One digest of names and contents; of large files only size and ends are read."""
    hasher = hashlib.sha256()
    for file in files:
        changed_ns = file.path.lstat().st_mtime_ns if not file.reason else 0
        hasher.update(
            f"{file.name}\0".encode()
            + (file.reason or _digest_content(file.path, file.size, changed_ns)).encode()
            + b"\0"
        )
    return hasher.hexdigest()


@functools.lru_cache(maxsize=1_000_000)
def _digest_content(path: Path, size: int, changed_ns: int) -> str:
    """A file's digest, cached within a process by its size and time of change."""
    try:
        with path.open("rb") as file:
            if size <= FULL_DIGEST_BYTES:
                return hashlib.file_digest(file, "sha256").hexdigest()
            head = file.read(1_000_000)
            file.seek(-1_000_000, os.SEEK_END)
            return hashlib.sha256(f"{size}".encode() + head + file.read()).hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"
