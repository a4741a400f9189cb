"""What several packages ask of a Python syntax tree.

In: a tree of `ast`. Out: its docstrings, with the definitions that they explain. Not covered:
source that does not parse (scrub/repair.py).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass

DocstringOwner = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Docstring:
    """A docstring statement and its owner: a module, class or function."""

    owner: DocstringOwner
    statement: ast.Expr

    @property
    def is_whole_body(self) -> bool:
        """Whether nothing would be left of the owner's body without it."""
        return len(self.owner.body) == 1


def find_docstrings(tree: ast.AST) -> Iterator[Docstring]:
    """Yield every docstring of a tree, those of nested definitions too.

    >>> tree = ast.parse("'''A module.'''\\ndef f():\\n    '''What f does.'''")
    >>> [(type(doc.owner).__name__, doc.is_whole_body) for doc in find_docstrings(tree)]
    [('Module', False), ('FunctionDef', True)]
    """
    for node in ast.walk(tree):
        if isinstance(node, DocstringOwner) and node.body:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                yield Docstring(node, first)
