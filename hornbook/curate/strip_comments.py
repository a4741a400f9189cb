"""The same code without its comments and docstrings: the control that shows whether a filter only looks at those.

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
from hornbook.frame.stage import Desk, Stage

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = records.DOCUMENT | {"label": "int32", "why": "string"}


@dataclass(frozen=True)
class StripComments(Stage):
    """The kept documents of `data` without comments and docstrings, under the same ids, with their labels."""

    data: Stage

    def work(self, desk: Desk, part: str) -> pa.Table:
        rows = desk.table(self.data, part)
        return records.table((_row(row) for row in rows.filter(rows["kept"]).to_pylist()), COLUMNS)


def _row(row: dict[str, Any]) -> dict[str, Any]:
    text = strip(row["text"])
    reason = "does not parse" if text is None else "" if text else "nothing but comments"
    return row | {"text": text or row["text"], "kept": not reason, "reason": reason}


def strip(text: str) -> str | None:
    """The code alone, or None where it does not parse.

    >>> strip('def f():  # why\\n    \"\"\"What.\"\"\"\\n    return 1\\n')
    'def f():\\n    return 1\\n'
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
    except (SyntaxError, ValueError, RecursionError, MemoryError, tokenize.TokenError):
        return None
    gone, alone = {(node.lineno, node.col_offset) for node in _docstrings(tree)}, _alone(tree)
    lines: list[list[str]] = [list(line) for line in text.split("\n")]
    inside: set[int] = set()  # numbers of the lines that a docstring takes
    for token in tokens:
        at = (token.start[0], len(token.line[: token.start[1]].encode()))
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and at in gone):
            _blank(lines, token, "pass" if at in alone and token.type == tokenize.STRING else "")
            inside.update(range(token.start[0], token.end[0] + 1))
    made = ["".join(line).rstrip() for line in lines]
    bare = "\n".join(line for at, line in enumerate(made, 1) if line or at not in inside).strip(
        "\n"
    )
    try:
        ast.parse(bare)
    except SyntaxError:  # a docstring with a statement on its line
        return None
    return f"{bare}\n" if bare else ""


def _docstrings(tree: ast.Module) -> list[ast.Expr]:
    found = []
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
        ):
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                found.append(first)
    return found


def _alone(tree: ast.Module) -> set[tuple[int, int]]:
    """Where docstrings stand that are all that a definition has: something must stay in their place."""
    return {
        (node.body[0].lineno, node.body[0].col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and len(node.body) == 1
    }


def _blank(lines: list[list[str]], token: tokenize.TokenInfo, instead: str) -> None:
    """Replace a token's characters by spaces (which keep every column), and its first ones by `instead`."""
    (first, left), (last, right) = token.start, token.end
    for number in range(first, last + 1):
        line = lines[number - 1]
        begin, end = left if number == first else 0, right if number == last else len(line)
        line[begin:end] = " " * (end - begin)
    if instead:
        lines[first - 1][left : left + len(instead)] = instead
