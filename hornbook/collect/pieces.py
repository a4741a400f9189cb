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
class CodePiece:
    """Lines `start` to `end` of a file (from 1, both included); `reason` if it is not kept."""

    text: str
    start: int
    end: int
    reason: str = ""


def split_into_pieces(text: str, max_lines: int) -> list[CodePiece]:
    """Cut a text with "\\n" line ends into pieces of at most `max_lines`; 0 leaves it whole.

    A piece takes on the next top-level statement as long as it stays within `most` lines. Blank
    lines and comments between two pieces belong to neither, except comments directly above a
    statement, which are part of it.
    """
    lines = text.split("\n")
    if not max_lines:
        return [CodePiece(text, 1, len(lines) - (lines[-1] == ""))]
    pieces = []
    for start, end in _group_statements(_find_statements(text, lines), max_lines):
        last = min(end, start + max_lines - 1)
        pieces.append(CodePiece("\n".join(lines[start - 1 : last]), start, last))
        if last < end:
            rest = "\n".join(lines[last:end])
            pieces.append(
                CodePiece(
                    rest, last + 1, end, f"rest of a long definition: after {max_lines} lines"
                )
            )
    return pieces


def _find_statements(text: str, lines: list[str]) -> list[tuple[int, int]]:
    """First and last line of each top-level statement, with decorators and comments above it."""
    spans, previous_end = [], 0
    for node in parse_python(text).body:
        start = min(
            [node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))]
        )
        while start - 1 > previous_end and lines[start - 2].lstrip().startswith("#"):
            start -= 1
        previous_end = node.end_lineno or node.lineno
        spans.append((start, previous_end))
    return spans


def parse_python(text: str) -> ast.Module:
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


def _group_statements(statements: list[tuple[int, int]], max_lines: int) -> list[tuple[int, int]]:
    groups: list[tuple[int, int]] = []
    for start, end in statements:
        if groups and end - groups[-1][0] < max_lines:
            groups[-1] = (groups[-1][0], end)
        else:
            groups.append((start, end))
    return groups
