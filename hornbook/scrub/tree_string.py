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

from hornbook.scrub.tree_rewrites import FORMS, told

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLIND = {
    "ctx",
    "annotation",
    "returns",
    "type_params",
    "type_comment",
    "type_ignores",
    "kind",
    "decorator_list",
}
_BLOCKS = {"body", "orelse", "finalbody", "handlers", "cases"}
_END = "\x01"
Writer = Callable[[Any, Callable[[str], None]], None]


def _kinds() -> dict[type, tuple[str, tuple[tuple[str, bool], ...]]]:
    """Of every kind of node: its character, and the fields that hold nodes, each with whether it is a block."""
    names = sorted(
        name
        for name, kind in vars(ast).items()
        if isinstance(kind, type) and issubclass(kind, ast.AST)
    )
    found: dict[type, tuple[str, tuple[tuple[str, bool], ...]]] = {}
    for at, name in enumerate(names):
        kind = getattr(ast, name)
        # A lambda's or a conditional's body is an expression, not a list: no end is written after
        # it.
        whole = ("IfExp", "Lambda", "Expression")
        fields = tuple(
            (f, f in _BLOCKS and name not in whole) for f in kind._fields if f not in _BLIND
        )
        leaf = name in (
            "Name",
            "arg",
            "alias",
            "Constant",
            "Global",
            "Nonlocal",
            "Import",
            "ImportFrom",
        )
        found[kind] = (chr(0x20 + at), () if leaf else fields)
    # sum(x for ...) and sum([x for ...]) are one.
    found[ast.GeneratorExp] = found[ast.ListComp]
    for name in ("FunctionDef", "For", "With"):
        found[getattr(ast, f"Async{name}")] = found[getattr(ast, name)]
    return found


_KINDS = _kinds()
_LEAVES = {
    kind: letter
    for kind, (letter, fields) in _KINDS.items()
    if not fields and kind is not ast.Constant
}
_CONSTANTS = {
    kind: chr(2 + at)
    for at, kind in enumerate((str, int, float, bool, bytes, complex, type(None), type(...)))
}
_WRITERS: dict[
    type, Writer
] = {}  # of every kind of node what writes it, in its form; filled at the end


def code(function: ast.AST) -> str:
    """The string of a function's tree.

    >>> first, second = (ast.parse(text).body[0] for text in ("def f(a): return a + 1", "def g(b): return b + 2"))
    >>> code(first) == code(second)
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


def _written(kind: type) -> Writer:
    """What writes a node of this kind as it stands, a function made from source that names every field.

    It takes 27 us for a tree of 120 letters, a loop over a table of fields with getattr 44 (a
    one-off script).
    """
    letter, fields = _KINDS[kind]
    source = f"def write(node, out):\n    out({letter!r})\n"
    source += "".join((_BLOCK if block else _FIELD).format(field=field) for field, block in fields)
    made: dict[str, Writer] = {}
    exec(source, globals(), made)
    return made["write"]


def nodes(function: ast.AST) -> list[tuple[int, str]]:
    """The same tree with its shape: (position of the parent, letter) of each node, parents first; a block is a node."""
    made: list[tuple[int, str]] = []

    def visit(node: Any, parent: int) -> None:
        if type(node) in FORMS:
            node = _equation(FORMS[type(node)](node))
        kind, mine = type(node), len(made)
        made.append(
            (parent, _CONSTANTS[type(node.value)] if kind is ast.Constant else _KINDS[kind][0])
        )
        for field, block in () if kind is ast.Constant else _KINDS[kind][1]:
            child = getattr(node, field)
            if type(child) is list and block and child:
                made.append((mine, _END))
                around = len(made) - 1
                for each in _in_order(child):
                    visit(each, around)
            else:
                for each in child if type(child) is list else (child,):
                    if type(each) in _KINDS:
                        visit(each, mine)

    visit(function, -1)
    return made


def _in_order(block: Sequence[Any]) -> list[Any]:
    """Statements as they are compared: neighbouring assignments and neighbouring functions sorted by their strings."""
    made: list[Any] = []
    for kind, same in itertools.groupby(told(block), key=type):
        run = list(same)
        made += sorted(run, key=code) if kind in (ast.Assign, ast.FunctionDef) else run
    return made


def _write_block(block: Sequence[Any], out: Callable[[str], None]) -> None:
    """Statements in their order, but neighbouring assignments and neighbouring functions sorted."""
    statements = told(block)
    at = 0
    while at < len(statements):
        kind = type(statements[at])
        stop = at + 1
        if kind is ast.Assign or kind is ast.FunctionDef:
            while stop < len(statements) and type(statements[stop]) is kind:
                stop += 1
        if stop - at == 1:
            _WRITERS[kind](statements[at], out)
        else:
            for each in sorted(map(code, statements[at:stop])):
                out(each)
        at = stop


def _equation(node: Any) -> Any:
    """Of `a == b` and `b == a` one: the sides sorted by their strings. Other nodes as they are."""
    if (
        type(node) is not ast.Compare
        or len(node.ops) > 1
        or type(node.ops[0]) not in (ast.Eq, ast.NotEq)
    ):
        return node
    left, right = node.left, node.comparators[0]
    return node if code(left) <= code(right) else ast.Compare(right, node.ops, [left])


def _formed(form: Callable[[Any], Any]) -> Writer:
    def write(node: Any, out: Callable[[str], None]) -> None:
        node = form(node)
        _PLAIN[type(node)](node, out)

    return write


_PLAIN = {kind: _written(kind) for kind in _KINDS}
_COMPARED = _PLAIN[ast.Compare]
_PLAIN[ast.Compare] = lambda node, out: _COMPARED(_equation(node), out)
_PLAIN[ast.Constant] = lambda node, out: out(_CONSTANTS[type(node.value)])
_WRITERS |= _PLAIN | {kind: _formed(form) for kind, form in FORMS.items()}
