"""Code without comments and docstrings: shows whether a filter looks at anything else.

In: documents. Out: records with the same ids, texts without comments and docstrings; what does not
parse, or is nothing but explanation, is dropped with that reason. Lines keep their order, blank
ones left behind are removed.
"""

from __future__ import annotations

import ast
import io
import tokenize
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook import records
from hornbook.frame.stage import RunContext, Stage
from hornbook.python_source import find_docstrings

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = records.DOCUMENT | {"label": "int32", "why": "string"}


@dataclass(frozen=True)
class StripComments(Stage):
    """The kept documents of `data` without comments and docstrings; ids and labels stay."""

    data: Stage

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        rows = ctx.run.read_shard(self.data, part)
        return records.make_table(
            (_strip_row(row) for row in rows.filter(rows["kept"]).to_pylist()), COLUMNS
        )


def _strip_row(row: dict[str, Any]) -> dict[str, Any]:
    text = strip_comments(row["text"])
    reason = "" if text else "nothing but comments"
    if text is None:
        reason = "does not parse"
    return row | {"text": text or row["text"], "kept": not reason, "reason": reason}


def strip_comments(text: str) -> str | None:
    """The code alone, or None where it does not parse.

    >>> strip_comments('def f():  # why\\n    \"\"\"What.\"\"\"\\n    return 1\\n')
    'def f():\\n    return 1\\n'
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    docstring_positions, sole_positions = (
        {(doc.statement.lineno, doc.statement.col_offset) for doc in find_docstrings(tree)},
        _find_sole_docstrings(tree),
    )
    lines: list[list[str]] = [list(line) for line in text.split("\n")]
    stripped_lines: set[int] = set()  # numbers of the lines that a docstring takes
    for token in tokens:
        position = (token.start[0], len(token.line[: token.start[1]].encode()))
        if token.type == tokenize.COMMENT or (
            token.type == tokenize.STRING and position in docstring_positions
        ):
            _blank_out(
                lines,
                token,
                "pass" if position in sole_positions and token.type == tokenize.STRING else "",
            )
            stripped_lines.update(range(token.start[0], token.end[0] + 1))
    new_lines = ["".join(line).rstrip() for line in lines]
    code = "\n".join(
        line
        for line_number, line in enumerate(new_lines, 1)
        if line or line_number not in stripped_lines
    ).strip("\n")
    try:
        ast.parse(code)
    except SyntaxError:  # a docstring with a statement on its line
        return None
    return f"{code}\n" if code else ""


def _find_sole_docstrings(tree: ast.Module) -> set[tuple[int, int]]:
    """Places of docstrings that are a definition's whole body: something must replace them."""
    return {
        (node.body[0].lineno, node.body[0].col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and len(node.body) == 1
    }


def _blank_out(lines: list[list[str]], token: tokenize.TokenInfo, replacement: str) -> None:
    """Replace a token by spaces, which keep every column, and its first characters by `instead`."""
    (first, left), (last, right) = token.start, token.end
    for line_number in range(first, last + 1):
        line = lines[line_number - 1]
        begin, end = (
            left if line_number == first else 0,
            right if line_number == last else len(line),
        )
        line[begin:end] = " " * (end - begin)
    if replacement:
        lines[first - 1][left : left + len(replacement)] = replacement
