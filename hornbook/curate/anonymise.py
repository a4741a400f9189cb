"""Programs without what a copier changes: a view in which renamed, reformatted and re-commented copies are one.

In: documents. Out: records with the same ids, their code written anew from its syntax tree: no
comments, docstrings, annotations or layout, and each name that the file itself gives (variables,
parameters, functions, classes; not attributes that it only uses, and not imports) replaced by v0,
v1, ... in the order in which its outermost definition mentions them, so that a variable more in one
function changes no other. What does not parse keeps its text. Compared by
`DropDuplicates(view=...)`. Not covered: reordered statements and definitions moved (near-duplicates
forgive a few), other spellings of the same computation (scrub/forms.py).
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook import records
from hornbook.frame.stage import Desk, Price, Size, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

MB_S = 1.4  # a core; `python benchmarks/dedup.py --view --mb 20`
DEFINED = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class BlindCode(Stage):
    """The kept documents of `data`, under the same ids, with all that a copier changes made the same."""

    data: Stage

    def work(self, desk: Desk, part: str) -> pa.Table:
        rows = desk.table(self.data, part, ["id", "text", "kept"])
        rows = rows.filter(rows["kept"])
        texts = zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True)
        return records.table({"id": name, "text": blind(text)} for name, text in texts)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(inputs[0], minutes=inputs[0].megabytes / MB_S / 60 / max(1, desk.workers))


def blind(text: str) -> str:
    """The text as a reader sees it who is blind to names, comments and layout; itself where it does not parse.

    >>> blind("def add(a, b):  # of two" + chr(10) + "    return a + b.real")
    'def v0(v1, v2):\\n    return v1 + v2.real'
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        given = _given(tree)
        lines = [ast.unparse(_Blind(given).visit(each)) for each in tree.body if not _said(each)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    return "\n".join(lines) or text


def _given(tree: ast.Module) -> frozenset[str]:
    """Names that the file gives to something, imports apart: those are other people's names."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, DEFINED | ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
    return frozenset(name for name in found if not name.startswith("__"))


def _said(node: ast.stmt) -> bool:
    """Whether a statement is nothing but a text."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


class _Blind(ast.NodeTransformer):
    """Renames what is given and takes away what explains, in one outermost statement."""

    def __init__(self, given: frozenset[str]) -> None:
        self.given = given
        self.names: dict[str, str] = {}

    def _named(self, name: str) -> str:
        return self.names.setdefault(name, f"v{len(self.names)}") if name in self.given else name

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, DEFINED):
            node.name = self._named(node.name)
            node.body = [each for each in node.body if not _said(each)] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.arg, node.annotation = self._named(node.arg), None
        elif isinstance(node, ast.Name):
            node.id = self._named(node.id)
        elif isinstance(node, ast.Attribute):
            self.visit(node.value)
            node.attr = self._named(node.attr)
            return node
        elif isinstance(node, ast.keyword) and node.arg:
            node.arg = self._named(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            node.name = self._named(node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self._named(name) for name in node.names]
        elif isinstance(node, ast.AnnAssign):
            return self._bare(node)
        return self.generic_visit(node)

    def _bare(self, node: ast.AnnAssign) -> ast.stmt | None:
        """An assignment without its annotation; a declaration without a value says nothing."""
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        plain = ast.Assign([node.target], node.value)
        return ast.copy_location(self.visit(plain), node)  # type: ignore[no-any-return]
