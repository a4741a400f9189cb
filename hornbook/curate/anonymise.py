"""Programs without names, layout and comments: a view in which disguised copies are equal.

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
from hornbook.frame.stage import Price, RunContext, Size, Stage

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

MEGABYTES_PER_S = 1.4  # a core; `python benchmarks/dedup.py --view --mb 20`
DEFINITION_NODES = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class BlindCode(Stage):
    """The kept documents of `data` under the same ids, normalised by `anonymise_identifiers`."""

    data: Stage

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        rows = ctx.run.read_shard(self.data, part, ["id", "text", "kept"])
        rows = rows.filter(rows["kept"])
        texts = zip(rows["id"].to_pylist(), rows["text"].to_pylist(), strict=True)
        return records.make_table(
            {"id": doc_id, "text": anonymise_identifiers(text)} for doc_id, text in texts
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(
            inputs[0], minutes=inputs[0].megabytes / MEGABYTES_PER_S / 60 / max(1, ctx.workers)
        )


def anonymise_identifiers(text: str) -> str:
    """The text without names, comments and layout; itself where it does not parse.

    >>> anonymise_identifiers("def add(a, b):  # of two" + chr(10) + "    return a + b.real")
    'def v0(v1, v2):\\n    return v1 + v2.real'
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
        own_names = _collect_own_names(tree)
        lines = [
            ast.unparse(_IdentifierAnonymiser(own_names).visit(statement))
            for statement in tree.body
            if not _is_bare_string(statement)
        ]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    return "\n".join(lines) or text


def _collect_own_names(tree: ast.Module) -> frozenset[str]:
    """Names that the file gives to something, imports apart: those are other people's names."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, DEFINITION_NODES | ast.ExceptHandler) and node.name:
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return frozenset(name for name in names if not name.startswith("__"))


def _is_bare_string(node: ast.stmt) -> bool:
    """Whether a statement is nothing but a text."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


class _IdentifierAnonymiser(ast.NodeTransformer):
    """Renames what is given and takes away what explains, in one outermost statement."""

    def __init__(self, own_names: frozenset[str]) -> None:
        self.own_names = own_names
        self.new_names: dict[str, str] = {}

    def _replace_name(self, name: str) -> str:
        return (
            self.new_names.setdefault(name, f"v{len(self.new_names)}")
            if name in self.own_names
            else name
        )

    def visit(self, node: ast.AST) -> Any:
        if isinstance(node, DEFINITION_NODES):
            node.name = self._replace_name(node.name)
            node.body = [
                statement for statement in node.body if not _is_bare_string(statement)
            ] or [ast.Pass()]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            node.returns = None
        elif isinstance(node, ast.arg):
            node.arg, node.annotation = self._replace_name(node.arg), None
        elif isinstance(node, ast.Name):
            node.id = self._replace_name(node.id)
        elif isinstance(node, ast.Attribute):
            self.visit(node.value)
            node.attr = self._replace_name(node.attr)
            return node
        elif isinstance(node, ast.keyword) and node.arg:
            node.arg = self._replace_name(node.arg)
        elif isinstance(node, ast.ExceptHandler) and node.name:
            node.name = self._replace_name(node.name)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            node.names = [self._replace_name(name) for name in node.names]
        elif isinstance(node, ast.AnnAssign):
            return self._drop_annotation(node)
        return self.generic_visit(node)

    def _drop_annotation(self, node: ast.AnnAssign) -> ast.stmt | None:
        """An assignment without its annotation; a declaration without a value says nothing."""
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        assignment = ast.Assign([node.target], node.value)
        return ast.copy_location(self.visit(assignment), node)  # type: ignore[no-any-return]
