"""A function as a string of letters, one a node: what syntax.py compares by edit distance.

In: a function's syntax tree. Out: the string. The paper compares so and does not say how it writes
a tree; here it is a character a node, in the order of the text, and one at the end of every block.
What a node is called, comments, docstrings, annotations, decorators and `self` leave no trace; of a
constant its type. Where order means nothing (neighbouring assignments, the sides of an equation) it
is the strings' own; what else can be said in two ways is written in one (forms.py).
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Sequence
from typing import Any

from hornbook.scrub.tree_rewrites import NODE_REWRITES, rewrite_block

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_IGNORED_FIELDS = {
    "ctx",
    "annotation",
    "returns",
    "type_params",
    "type_comment",
    "type_ignores",
    "kind",
    "decorator_list",
}
_BLOCK_FIELD_NAMES = {"body", "orelse", "finalbody", "handlers", "cases"}
_END = "\x01"
Writer = Callable[[Any, Callable[[str], None]], None]


def _build_node_table() -> dict[type, tuple[str, tuple[tuple[str, bool], ...]]]:
    """For each kind of node: its character, and the fields with nodes (and which are blocks)."""
    names = sorted(
        name
        for name, kind in vars(ast).items()
        if isinstance(kind, type) and issubclass(kind, ast.AST)
    )
    node_table: dict[type, tuple[str, tuple[tuple[str, bool], ...]]] = {}
    for kind_index, name in enumerate(names):
        kind = getattr(ast, name)
        # A lambda's or a conditional's body is an expression, not a list: no end is written after
        # it.
        expression_holders = ("IfExp", "Lambda", "Expression")
        fields = tuple(
            (field, field in _BLOCK_FIELD_NAMES and name not in expression_holders)
            for field in kind._fields
            if field not in _IGNORED_FIELDS
        )
        is_leaf = name in (
            "Name",
            "arg",
            "alias",
            "Constant",
            "Global",
            "Nonlocal",
            "Import",
            "ImportFrom",
        )
        node_table[kind] = (chr(0x20 + kind_index), () if is_leaf else fields)
    # sum(x for ...) and sum([x for ...]) are one.
    node_table[ast.GeneratorExp] = node_table[ast.ListComp]
    for name in ("FunctionDef", "For", "With"):
        node_table[getattr(ast, f"Async{name}")] = node_table[getattr(ast, name)]
    return node_table


_NODE_TABLE = _build_node_table()
_LEAVES = {
    kind: letter
    for kind, (letter, fields) in _NODE_TABLE.items()
    if not fields and kind is not ast.Constant
}
_CONSTANTS = {
    kind: chr(2 + kind_index)
    for kind_index, kind in enumerate(
        (str, int, float, bool, bytes, complex, type(None), type(...))
    )
}
_WRITERS: dict[
    type, Writer
] = {}  # of every kind of node what writes it, in its form; filled at the end


def write_tree_string(function: ast.AST) -> str:
    """The string of a function's tree.

    >>> texts = ("def f(a): return a + 1", "def g(b): return b + 2")
    >>> first, second = (ast.parse(text).body[0] for text in texts)
    >>> write_tree_string(first) == write_tree_string(second)
    True
    """
    out: list[str] = []
    _WRITERS[type(function)](function, out.append)
    return "".join(out)


# Two of three nodes are leaves: written by whoever holds them, they cost no call. What is no node
# is a name or so.
_FIELD = """
    each = node.{field}
    kind = type(each)
    if kind in _LEAVES:
        out(_LEAVES[kind])
    elif kind in _WRITERS:
        _WRITERS[kind](each, out)
    elif kind is list:
        for each in each:
            kind = type(each)
            if kind in _LEAVES:
                out(_LEAVES[kind])
            elif kind in _WRITERS:
                _WRITERS[kind](each, out)
"""
_BLOCK = """
    if node.{field}:
        _write_block(node.{field}, out)
        out(_END)
"""


def _compile_writer(kind: type) -> Writer:
    """A function that writes a node of this kind, compiled from source that names its fields.

    It takes 27 us for a tree of 120 letters, a loop over a table of fields with getattr 44 (a
    one-off script).
    """
    letter, fields = _NODE_TABLE[kind]
    source = f"def write(node, out):\n    out({letter!r})\n"
    source += "".join(
        (_BLOCK if is_block else _FIELD).format(field=field) for field, is_block in fields
    )
    namespace: dict[str, Writer] = {}
    exec(source, globals(), namespace)
    return namespace["write"]


def list_nodes(function: ast.AST) -> list[tuple[int, str]]:
    """The tree's shape: (parent position, letter) per node, parents first; blocks are nodes."""
    tree_nodes: list[tuple[int, str]] = []

    def visit(node: Any, parent: int) -> None:
        if type(node) in NODE_REWRITES:
            node = _sort_equation(NODE_REWRITES[type(node)](node))
        kind, node_index = type(node), len(tree_nodes)
        tree_nodes.append(
            (parent, _CONSTANTS[type(node.value)] if kind is ast.Constant else _NODE_TABLE[kind][0])
        )
        for field, is_block in () if kind is ast.Constant else _NODE_TABLE[kind][1]:
            child = getattr(node, field)
            if type(child) is list and is_block and child:
                tree_nodes.append((node_index, _END))
                block_index = len(tree_nodes) - 1
                for statement in _sort_statements(child):
                    visit(statement, block_index)
            else:
                for statement in child if type(child) is list else (child,):
                    if type(statement) in _NODE_TABLE:
                        visit(statement, node_index)

    visit(function, -1)
    return tree_nodes


def _sort_statements(block: Sequence[Any]) -> list[Any]:
    """Statements for comparison: neighbouring assignments or functions are sorted."""
    statements: list[Any] = []
    for kind, group in itertools.groupby(rewrite_block(block), key=type):
        members = list(group)
        statements += (
            sorted(members, key=write_tree_string)
            if kind in (ast.Assign, ast.FunctionDef)
            else members
        )
    return statements


def _write_block(block: Sequence[Any], out: Callable[[str], None]) -> None:
    """Statements in their order, but neighbouring assignments and neighbouring functions sorted."""
    statements = rewrite_block(block)
    start = 0
    while start < len(statements):
        kind = type(statements[start])
        stop = start + 1
        if kind is ast.Assign or kind is ast.FunctionDef:
            while stop < len(statements) and type(statements[stop]) is kind:
                stop += 1
        if stop - start == 1:
            _WRITERS[kind](statements[start], out)
        else:
            for string in sorted(map(write_tree_string, statements[start:stop])):
                out(string)
        start = stop


def _sort_equation(node: Any) -> Any:
    """Of `a == b` and `b == a` one: the sides sorted by their strings. Other nodes as they are."""
    if (
        type(node) is not ast.Compare
        or len(node.ops) > 1
        or type(node.ops[0]) not in (ast.Eq, ast.NotEq)
    ):
        return node
    left, right = node.left, node.comparators[0]
    return (
        node
        if write_tree_string(left) <= write_tree_string(right)
        else ast.Compare(right, node.ops, [left])
    )


def _rewrite_then_write(rewrite: Callable[[Any], Any]) -> Writer:
    def write(node: Any, out: Callable[[str], None]) -> None:
        node = rewrite(node)
        _PLAIN_WRITERS[type(node)](node, out)

    return write


_PLAIN_WRITERS = {kind: _compile_writer(kind) for kind in _NODE_TABLE}
_WRITE_COMPARE = _PLAIN_WRITERS[ast.Compare]
_PLAIN_WRITERS[ast.Compare] = lambda node, out: _WRITE_COMPARE(_sort_equation(node), out)
_PLAIN_WRITERS[ast.Constant] = lambda node, out: out(_CONSTANTS[type(node.value)])
_WRITERS |= _PLAIN_WRITERS | {
    kind: _rewrite_then_write(rewrite) for kind, rewrite in NODE_REWRITES.items()
}
