"""One file's text to the records that a stage writes: pieces, or one dropped record that says why there are none.

In: bytes or text, where they came from, and the limits. Out: rows for records.table. A reason that
ends a whole file (generated, oversized, a licence that is not allowed) gives one row with the head
of the text, so that nothing vanishes and nothing that was refused takes much room.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hornbook import records
from hornbook.collect import licence as licences
from hornbook.collect import masking, pieces, source
from hornbook.records import document_id

HEAD = 2000  # characters of a dropped text that are kept to look at
COLUMNS = records.DOCUMENT | {
    "masked": "string"
}  # how many of what were masked: "email 2, github-token 1"


@dataclass(frozen=True)
class Limits:
    """What is cut and what is refused: the settings that every way of collecting shares."""

    piece_lines: int = 70  # 0: whole files
    most_bytes: int = 1_000_000  # above this, Python's parser is slow and a file is data
    licences: tuple[str, ...] = ()  # the allowed ones, SPDX identifiers; empty allows all
    mask: bool = False  # secrets and e-mail addresses (masking.py)


@dataclass(frozen=True)
class Place:
    """Where a text came from."""

    origin: str
    path: str
    licence: str = ""


def from_bytes(data: bytes, place: Place, limits: Limits) -> Iterator[dict[str, Any]]:
    """The rows of a Python file."""
    return _rows(source.decode(data, limits.most_bytes), place, limits)


def from_text(text: str, place: Place, limits: Limits) -> Iterator[dict[str, Any]]:
    """The rows of a text that some data set holds."""
    return _rows(source.check(text, limits.most_bytes), place, limits)


def dropped(text: str, place: Place, reason: str, start: int = 0, end: int = 0) -> dict[str, Any]:
    """The row of something that is not kept."""
    return _row(text[:HEAD], place, start, end) | {"kept": False, "reason": reason}


def _rows(found: source.Source, place: Place, limits: Limits) -> Iterator[dict[str, Any]]:
    for row in _cut(found, place, limits):
        row["masked"] = masking.said(row["text"]) if limits.mask else ""
        yield row


def _cut(found: source.Source, place: Place, limits: Limits) -> Iterator[dict[str, Any]]:
    reason = found.reason
    if limits.mask:
        shown = found.text[:HEAD] if reason else found.text
        found = source.Source(masking.mask(shown)[0], reason)
    if not reason and not licences.allowed(place.licence, limits.licences):
        reason = f"licence not allowed: {place.licence or 'none stated'}"
    if not reason:
        try:
            cut = pieces.cut(found.text, limits.piece_lines)
        except pieces.NotPython as error:
            reason = f"does not parse: {error}"
        else:
            yield from (_piece(piece, place) for piece in cut)
            reason = "" if cut else "empty: comments alone"
    if reason:
        yield dropped(found.text, place, reason, 1, found.text.count("\n") + 1)


def _piece(piece: pieces.Piece, place: Place) -> dict[str, Any]:
    if piece.reason:
        return dropped(piece.text, place, piece.reason, piece.start, piece.end)
    return _row(piece.text, place, piece.start, piece.end)


def _row(text: str, place: Place, start: int, end: int) -> dict[str, Any]:
    text = text.encode("utf-8", "replace").decode(
        "utf-8"
    )  # a lone surrogate fits in no Arrow table
    return {
        "id": document_id(text), "text": text, "kind": "code", "origin": place.origin, "path": place.path,
        "start": start, "end": end, "licence": place.licence,
    }  # fmt: skip
