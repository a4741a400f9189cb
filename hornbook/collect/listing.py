"""What there is to read under a path, and how to cut it into parts of a size, so that no part needs the others.

In: a file or folder and a number of megabytes. Out: files in the order of their names, and slices
whose names say all that is needed to read them. Symbolic links are named and not followed, so
circles of them end nowhere; what is no regular file (a pipe, a device) is named and not opened.
Folders whose name begins with a dot are not entered. Not covered: object stores and hubs; mount or
download them first.
"""

from __future__ import annotations

import functools
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hornbook.records import NotThere, UserError

KINDS = {".py": "python", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
PACKED = (".gz", ".zst")
UNPACKED_RATIO = 6  # of jsonl of code under gzip or zstd, for sizing parts
DIGEST_WHOLE = (
    16_000_000  # larger files are told apart by size and by their first and last million bytes
)


@dataclass(frozen=True)
class Found:
    """A file: its path, its name under the root, what it holds, its size, and why it cannot be read (or empty)."""

    path: Path
    name: str
    kind: str
    size: int
    reason: str = ""


@dataclass(frozen=True)
class Slice:
    """A run of Python files (`first` to `last` in the listing), or a range of one data file, which `at` begins.

    The range is bytes of a jsonl file, row groups of a Parquet file; `at` counts lines or rows from
    1.
    """

    first: int
    last: int
    begin: int = 0
    end: int = 0
    at: int = 1

    @property
    def part(self) -> str:
        return f"{self.first:07d}-{self.last:07d}-{self.begin}-{self.end}-{self.at}"

    @staticmethod
    def of(part: str) -> Slice:
        return Slice(*map(int, part.split("-")))


def listing(root: Path) -> list[Found]:
    """Everything of a known kind under `root`, sorted by name; UserError where there is nothing of the kind."""
    if not root.exists():
        raise NotThere(
            f"there is no file or folder {root}: check the path, which is taken from the current folder"
        )
    suffixes = ", ".join([*KINDS, ".jsonl.gz", ".jsonl.zst"])
    if not root.is_dir():
        kind = kind_of(root.name)
        if not kind:
            raise UserError(f"{root} is none of the kinds that can be read: {suffixes}")
        return [Found(root, root.name, kind, root.stat().st_size)]
    found = sorted(_walk(root), key=lambda each: each.name)
    if not found:
        raise UserError(f"{root} holds no file that can be read: {suffixes}")
    return found


def kind_of(name: str) -> str:
    """python, jsonl or parquet, by the name's suffix; empty for anything else."""
    stem, suffix = os.path.splitext(name.lower())
    if suffix in PACKED:
        kind = KINDS.get(os.path.splitext(stem)[1], "")
        return kind if kind == "jsonl" else ""
    return KINDS.get(suffix, "")


def _walk(root: Path) -> Iterator[Found]:
    unreadable: list[OSError] = []
    for folder, folders, files in os.walk(root, onerror=unreadable.append):
        folders[:] = [each for each in folders if not each.startswith(".")]
        for name in folders:
            if (path := Path(folder, name)).is_symlink():
                yield Found(path, _name(path, root), "python", 0, "symbolic link: to a folder")
        for name in files:
            if kind := kind_of(name):
                yield _look(Path(folder, name), root, kind)
    for error in unreadable:
        path = Path(error.filename)
        yield Found(path, _name(path, root), "python", 0, f"unreadable: {error.strerror}")


def _look(path: Path, root: Path, kind: str) -> Found:
    facts = path.lstat()
    reason = ""
    if stat.S_ISLNK(facts.st_mode):
        reason = "symbolic link"
    elif not stat.S_ISREG(facts.st_mode):
        reason = "not a regular file"
    elif kind == "jsonl" and not facts.st_size:
        reason = "empty"
    return Found(path, _name(path, root), kind, facts.st_size, reason)


def _name(path: Path, root: Path) -> str:
    """The name under the root, with slashes; bytes that are no UTF-8 are shown as question marks."""
    return path.relative_to(root).as_posix().encode("utf-8", "replace").decode()


def python_runs(found: list[Found], part_bytes: float) -> Iterator[Slice]:
    """Runs of consecutive Python files, and one slice for each data file, in the order of the listing."""
    first, held = -1, 0.0
    for index, each in enumerate(found):
        alone = each.kind != "python"
        if first >= 0 and (alone or held + each.size > part_bytes):
            yield Slice(first, index - 1)
            first = -1
        if alone:
            yield Slice(index, index)
        elif first < 0:
            first, held = index, each.size
        else:
            held += each.size
    if first >= 0:
        yield Slice(first, len(found) - 1)


def digest(found: list[Found]) -> str:
    """One digest of names and contents; see DIGEST_WHOLE for what is not noticed inside a large file."""
    total = hashlib.sha256()
    for each in found:
        when = each.path.lstat().st_mtime_ns if not each.reason else 0
        total.update(
            f"{each.name}\0{each.reason or _content(each.path, each.size, when)}\0".encode()
        )
    return total.hexdigest()


@functools.lru_cache(maxsize=1_000_000)
def _content(path: Path, size: int, when: int) -> str:
    """Digest of a file's content. `when` is its time of change: within a process an unchanged file is read once."""
    try:
        with path.open("rb") as file:
            if size <= DIGEST_WHOLE:
                return hashlib.file_digest(file, "sha256").hexdigest()
            head = file.read(1_000_000)
            file.seek(-1_000_000, os.SEEK_END)
            return hashlib.sha256(f"{size}".encode() + head + file.read()).hexdigest()
    except OSError as error:
        return f"unreadable: {error.strerror}"
