"""From one file's text to records: pieces, or one dropped record with the reason.

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

DROPPED_TEXT_CHARS = 2000  # characters of a dropped text that are kept to look at
DOCUMENT_COLUMNS = records.DOCUMENT | {
    "masked": "string"
}  # how many of what were masked: "email 2, github-token 1"


@dataclass(frozen=True)
class CollectLimits:
    """What is cut and what is refused: the settings that every way of collecting shares."""

    piece_lines: int = 70  # 0: whole files
    max_bytes: int = 1_000_000  # above this, Python's parser is slow and a file is data
    licences: tuple[str, ...] = ()  # the allowed ones, SPDX identifiers; empty allows all
    mask: bool = False  # secrets and e-mail addresses (masking.py)


@dataclass(frozen=True)
class Provenance:
    """Where a text came from."""

    origin: str
    path: str
    licence: str = ""


def make_rows_from_bytes(
    data: bytes, provenance: Provenance, limits: CollectLimits
) -> Iterator[dict[str, Any]]:
    """The rows of a Python file."""
    return _make_rows(source.decode_source(data, limits.max_bytes), provenance, limits)


def make_rows_from_text(
    text: str, provenance: Provenance, limits: CollectLimits
) -> Iterator[dict[str, Any]]:
    """The rows of a text that some data set holds."""
    return _make_rows(source.check_text(text, limits.max_bytes), provenance, limits)


def make_dropped_row(
    text: str, provenance: Provenance, reason: str, start: int = 0, end: int = 0
) -> dict[str, Any]:
    """The row of something that is not kept."""
    return _make_row(text[:DROPPED_TEXT_CHARS], provenance, start, end) | {
        "kept": False,
        "reason": reason,
    }


def _make_rows(
    checked_text: source.CheckedText, provenance: Provenance, limits: CollectLimits
) -> Iterator[dict[str, Any]]:
    for row in _split_text(checked_text, provenance, limits):
        row["masked"] = masking.describe_masks(row["text"]) if limits.mask else ""
        yield row


def _split_text(
    checked_text: source.CheckedText, provenance: Provenance, limits: CollectLimits
) -> Iterator[dict[str, Any]]:
    reason = checked_text.reason
    if limits.mask:
        visible_text = checked_text.text[:DROPPED_TEXT_CHARS] if reason else checked_text.text
        checked_text = source.CheckedText(masking.mask_text(visible_text)[0], reason)
    if not reason and not licences.is_allowed(provenance.licence, limits.licences):
        reason = f"licence not allowed: {provenance.licence or 'none stated'}"
    if not reason:
        try:
            file_pieces = pieces.split_into_pieces(checked_text.text, limits.piece_lines)
        except pieces.NotPython as error:
            reason = f"does not parse: {error}"
        else:
            yield from (_make_piece_row(piece, provenance) for piece in file_pieces)
            reason = "" if file_pieces else "empty: comments alone"
    if reason:
        yield make_dropped_row(
            checked_text.text, provenance, reason, 1, checked_text.text.count("\n") + 1
        )


def _make_piece_row(piece: pieces.CodePiece, provenance: Provenance) -> dict[str, Any]:
    if piece.reason:
        return make_dropped_row(piece.text, provenance, piece.reason, piece.start, piece.end)
    return _make_row(piece.text, provenance, piece.start, piece.end)


def _make_row(text: str, provenance: Provenance, start: int, end: int) -> dict[str, Any]:
    text = text.encode("utf-8", "replace").decode(
        "utf-8"
    )  # a lone surrogate fits in no Arrow table
    return {
        "id": document_id(text), "text": text, "kind": "code",
        "origin": provenance.origin, "path": provenance.path,
        "start": start, "end": end, "licence": provenance.licence,
    }  # fmt: skip
