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

from hornbook.collect.listing import Slice
from hornbook.records import UserError

LINE_BYTES = 16_000_000
# Code packs 3 to 10 times; a bomb packs a thousand times and more.
BOMB_RATIO, BOMB_BYTES = 200, 1_000_000_000
HEAD_LINES = 20


@dataclass(frozen=True)
class Line:
    """One line: its number from 1, what it says, or why it says nothing."""

    number: int
    values: dict[str, Any]
    reason: str = ""


def read(path: Path, where: Slice) -> Iterator[Line]:
    """The lines that begin within the range; blank ones are passed over. A packed file is read whole."""
    number, packed = where.at - 1, path.suffix.lower() in (".gz", ".zst")
    most = BOMB_RATIO * path.stat().st_size + BOMB_BYTES if packed else where.end
    try:
        with unpacked(path) as file:
            if where.begin:
                file.seek(where.begin)
            at = where.begin
            while at < most and (data := file.readline(LINE_BYTES)):
                number += 1
                at += len(data)
                if data.endswith(b"\n") or len(data) < LINE_BYTES:
                    yield from _parse(data, number)
                else:
                    at += _skip(file, most - at)
                    yield Line(
                        number, {}, f"line too long: line {number}, above {LINE_BYTES:,} bytes"
                    )
            if packed and at >= most:
                yield Line(number, {}, f"unpacks to too much: above {most:,} bytes")
    except (OSError, EOFError, ValueError, zlib.error, zstd_error()) as error:
        yield Line(number + 1, {}, f"damaged: after line {number}: {error}")


def unpacked(path: Path) -> IO[bytes]:
    """The file's bytes, unpacked by its suffix."""
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rb")  # type: ignore[return-value]
    if path.suffix.lower() == ".zst":
        import io

        import zstandard

        # A frame may ask for a window of gigabytes; 128 MB is what `zstd` itself grants unless
        # told.
        reader = zstandard.ZstdDecompressor(max_window_size=1 << 27)
        stream = reader.stream_reader(path.open("rb"), read_across_frames=True, closefd=True)
        return io.BufferedReader(stream, 1 << 20)
    return path.open("rb")


def zstd_error() -> type[Exception]:
    import zstandard

    return zstandard.ZstdError


def _skip(file: IO[bytes], most: int) -> int:
    """Read to the end of this line, or `most` bytes; returns how many bytes."""
    done = 0
    while done < most and (data := file.readline(1 << 20)):
        done += len(data)
        if data.endswith(b"\n"):
            break
    return done


def _parse(data: bytes, number: int) -> Iterator[Line]:
    if not data.strip():
        return
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        yield Line(number, {}, f"not JSON: line {number}: {str(error)[:80]}")
        return
    if isinstance(values, dict):
        yield Line(number, values)
    else:
        yield Line(number, {}, f"not a JSON object: line {number}")


def slices(path: Path, index: int, part_bytes: float) -> Iterator[Slice]:
    """Ranges of whole lines of about this many bytes; a packed file is one range."""
    size = path.stat().st_size
    if path.suffix.lower() in (".gz", ".zst") or size <= part_bytes:
        yield Slice(index, index, 0, size)
        return
    begin, line, seen = 0, 1, 0
    with path.open("rb") as file:
        while begin < size:
            newlines = 0
            while file.tell() < min(size, begin + part_bytes):
                newlines += file.read(min(1 << 20, int(part_bytes) + 1)).count(b"\n")
            while (rest := file.readline(1 << 20)) and not rest.endswith(b"\n"):
                pass
            newlines += bool(rest)
            seen = file.tell()
            yield Slice(index, index, begin, seen, line)
            begin, line = seen, line + newlines


def head(path: Path) -> list[dict[str, Any]]:
    """The first lines that are JSON objects. UserError if there are lines and none of the first is one."""
    found: list[Line] = []
    for line in read(path, Slice(0, 0, 0, path.stat().st_size)):
        found.append(line)
        if len(found) == HEAD_LINES:
            break
    good = [line.values for line in found if not line.reason]
    if found and not good:
        raise UserError(
            f"{path} does not hold JSON objects, one a line ({found[0].reason}): is it another format?"
        )
    return good
