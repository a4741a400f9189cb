"""A file of Python to pieces a person could read in one go: runs of whole top-level definitions.

In: a file's text and a number of lines. Out: pieces with their line numbers, in order. The cutting
is the one by which the shipped labels were made (curate/labels/README.md): all 798 of them come out
of it, line for line. Not covered: cutting inside a definition at a meaningful place. One that is
too long gives its first lines; what follows them is handed back too, with the reason why it should
not be learned from.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass


class NotPython(ValueError):
    """The text cannot be parsed by the Python that runs; the message says where and why."""


@dataclass(frozen=True)
class Piece:
    """Lines `start` to `end` of a file, counted from 1, both included. `reason` is why not to keep it, or empty."""

    text: str
    start: int
    end: int
    reason: str = ""


def cut(text: str, most: int) -> list[Piece]:
    """Cut a text with plain "\\n" line ends into pieces of at most `most` lines; 0 leaves it whole and unparsed.

    A piece takes on the next top-level statement as long as it stays within `most` lines. Blank
    lines and comments between two pieces belong to neither, except comments directly above a
    statement, which are part of it.
    """
    lines = text.split("\n")
    if not most:
        return [Piece(text, 1, len(lines) - (lines[-1] == ""))]
    pieces = []
    for start, end in _runs(_statements(text, lines), most):
        last = min(end, start + most - 1)
        pieces.append(Piece("\n".join(lines[start - 1 : last]), start, last))
        if last < end:
            rest = "\n".join(lines[last:end])
            pieces.append(
                Piece(rest, last + 1, end, f"rest of a long definition: after {most} lines")
            )
    return pieces


def _statements(text: str, lines: list[str]) -> list[tuple[int, int]]:
    """First and last line of each top-level statement, with its decorators and the comments directly above it."""
    found, before = [], 0
    for node in parse(text).body:
        start = min([node.lineno, *(each.lineno for each in getattr(node, "decorator_list", []))])
        while start - 1 > before and lines[start - 2].lstrip().startswith("#"):
            start -= 1
        before = node.end_lineno or node.lineno
        found.append((start, before))
    return found


def parse(text: str) -> ast.Module:
    """The syntax tree, or NotPython; parsing never ends the process, however odd the text."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # invalid escapes in strangers' code are not ours to report
            return ast.parse(text)
    except SyntaxError as error:
        raise NotPython(f"line {error.lineno}, {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotPython(f"{type(error).__name__}: {error}") from None


def _runs(statements: list[tuple[int, int]], most: int) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for start, end in statements:
        if runs and end - runs[-1][0] < most:
            runs[-1] = (runs[-1][0], end)
        else:
            runs.append((start, end))
    return runs
