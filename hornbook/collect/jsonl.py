"""jsonl, plain or packed by gzip or zstd, to rows, however long a line or however damaged the file.

In: a file and a range of its bytes. Out: each line as a dictionary, or why it is none. Memory is
bounded by LINE_BYTES; a line above it is skipped without being held; a file that unpacks to absurd
amounts is left there.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hornbook import store
from hornbook.collect.listing import FileSlice
from hornbook.records import UserError

MAX_LINE_BYTES = 16_000_000
# Code packs 3 to 10 times; a bomb packs a thousand times and more.
BOMB_RATIO, BOMB_BYTES = 200, 1_000_000_000
HEAD_LINES = 20


@dataclass(frozen=True)
class JsonLine:
    """One line: its number from 1, what it says, or why it says nothing."""

    line_number: int
    values: dict[str, Any]
    reason: str = ""


def read_lines(path: Path, file_slice: FileSlice) -> Iterator[JsonLine]:
    """The non-blank lines that begin within the range. A packed file is read whole."""
    line_number, is_packed = file_slice.first_row - 1, path.suffix.lower() in (".gz", ".zst")
    end = BOMB_RATIO * path.stat().st_size + BOMB_BYTES if is_packed else file_slice.end
    try:
        with open_unpacked(path) as file:
            if file_slice.begin:
                file.seek(file_slice.begin)
            position = file_slice.begin
            while position < end and (data := file.readline(MAX_LINE_BYTES)):
                line_number += 1
                position += len(data)
                if data.endswith(b"\n") or len(data) < MAX_LINE_BYTES:
                    yield from _parse_line(data, line_number)
                else:
                    position += _skip_line(file, end - position)
                    yield JsonLine(
                        line_number,
                        {},
                        f"line too long: line {line_number}, above {MAX_LINE_BYTES:,} bytes",
                    )
            if is_packed and position >= end:
                yield JsonLine(line_number, {}, f"unpacks to too much: above {end:,} bytes")
    except (OSError, EOFError, ValueError, zlib.error, zstd_error_type()) as error:
        yield JsonLine(line_number + 1, {}, f"damaged: after line {line_number}: {error}")


def open_unpacked(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked by its suffix."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix.lower() == ".zst":
        return store.open_zstd(path)
    return path.open("rb")


def zstd_error_type() -> type[Exception]:
    import zstandard

    return zstandard.ZstdError


def _skip_line(file: IO[bytes], max_bytes: int) -> int:
    """Read to the end of this line, or `most` bytes; returns how many bytes."""
    skipped_bytes = 0
    while skipped_bytes < max_bytes and (data := file.readline(1 << 20)):
        skipped_bytes += len(data)
        if data.endswith(b"\n"):
            break
    return skipped_bytes


def _parse_line(data: bytes, line_number: int) -> Iterator[JsonLine]:
    if not data.strip():
        return
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        yield JsonLine(line_number, {}, f"not JSON: line {line_number}: {str(error)[:80]}")
        return
    if isinstance(values, dict):
        yield JsonLine(line_number, values)
    else:
        yield JsonLine(line_number, {}, f"not a JSON object: line {line_number}")


def slice_jsonl(path: Path, file_index: int, shard_bytes: float) -> Iterator[FileSlice]:
    """Ranges of whole lines of about this many bytes; a packed file is one range."""
    size = path.stat().st_size
    if path.suffix.lower() in (".gz", ".zst") or size <= shard_bytes:
        yield FileSlice(file_index, file_index, 0, size)
        return
    begin, first_line, end = 0, 1, 0
    with path.open("rb") as file:
        while begin < size:
            newlines = 0
            while file.tell() < min(size, begin + shard_bytes):
                newlines += file.read(min(1 << 20, int(shard_bytes) + 1)).count(b"\n")
            while (line_rest := file.readline(1 << 20)) and not line_rest.endswith(b"\n"):
                pass
            newlines += bool(line_rest)
            end = file.tell()
            yield FileSlice(file_index, file_index, begin, end, first_line)
            begin, first_line = end, first_line + newlines


def read_head(path: Path) -> list[dict[str, Any]]:
    """The first lines that are JSON objects. Raises UserError if no line is one."""
    lines: list[JsonLine] = []
    for line in read_lines(path, FileSlice(0, 0, 0, path.stat().st_size)):
        lines.append(line)
        if len(lines) == HEAD_LINES:
            break
    rows = [line.values for line in lines if not line.reason]
    if lines and not rows:
        raise UserError(
            f"{path} does not hold JSON objects, one per line ({lines[0].reason}): is it another "
            "format?"
        )
    return rows
