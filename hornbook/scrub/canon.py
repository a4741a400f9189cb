"""A function as a string of letters, one a node: what syntax.py compares by edit distance.

In: a function's syntax tree. Out: the string. The paper compares so and does not say how it writes a tree; here it is a
character a node, in the order of the text, and one at the end of every block. What a node is called, comments,
docstrings, annotations, decorators and `self` leave no trace; of a constant its type. Some things can be said in two
ways and are written in one, so that a translation is a match: see FORMS (one node) and `_told` (a block).
Not covered: whatever needs to know what the code does, such as a while loop for a for loop, or a helper taken apart.
"""

from __future__ import annotations

import ast
import itertools
from collections.abc import Callable, Sequence
from typing import Any

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLIND = {"ctx", "annotation", "returns", "type_params", "type_comment", "type_ignores", "kind", "decorator_list"}
_BLOCKS = {"body", "orelse", "finalbody", "handlers", "cases"}
_END = "\x01"
_LEAVING = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_LOGS = {"logging", "logger", "log", "warnings"}


def _kinds() -> dict[type, tuple[str, tuple[tuple[str, bool], ...]]]:
    """Of every kind of node: its character, and the fields that hold nodes, each with whether it is a block."""
    names = sorted(name for name, kind in vars(ast).items() if isinstance(kind, type) and issubclass(kind, ast.AST))
    found: dict[type, tuple[str, tuple[tuple[str, bool], ...]]] = {}
    for at, name in enumerate(names):
        kind = getattr(ast, name)
        # A lambda's or a conditional's body is an expression, not a list: no end is written after it.
        whole = ("IfExp", "Lambda", "Expression")
        fields = tuple((f, f in _BLOCKS and name not in whole) for f in kind._fields if f not in _BLIND)
        leaf = name in ("Name", "arg", "alias", "Constant", "Global", "Nonlocal", "Import", "ImportFrom")
        found[kind] = (chr(0x20 + at), () if leaf else fields)
    # sum(x for ...) and sum([x for ...]) are one.
    found[ast.GeneratorExp] = found[ast.ListComp]
    for name in ("FunctionDef", "For", "With"):
        found[getattr(ast, f"Async{name}")] = found[getattr(ast, name)]
    return found


_KINDS = _kinds()
_LEAVES = {kind: letter for kind, (letter, fields) in _KINDS.items() if not fields and kind is not ast.Constant}
_CONSTANTS = {
    kind: chr(2 + at) for at, kind in enumerate((str, int, float, bool, bytes, complex, type(None), type(...)))
}


def code(function: ast.AST) -> str:
    """The string of a function's tree.

    >>> first, second = (ast.parse(text).body[0] for text in ("def f(a): return a + 1", "def g(b): return b + 2"))
    >>> code(first) == code(second)
    True
    """
    out: list[str] = []
    _write(function, out.append)
    return "".join(out)


def _write(node: Any, out: Callable[[str], None]) -> None:
    kind = type(node)
    if kind in FORMS:
        node = FORMS[kind](node)
        kind = type(node)
    if kind is ast.Constant:
        out(_CONSTANTS[type(node.value)])
        return
    letter, fields = _KINDS[kind]
    out(letter)
    for field, block in fields:
        child = getattr(node, field)
        if type(child) is not list:
            child = (child,)
        elif block and child:
            _write_block(child, out)
            out(_END)
            continue
        for each in child:
            # Two of three nodes are leaves: written here, they cost no call.
            kind = type(each)
            if kind in _LEAVES:
                out(_LEAVES[kind])
            elif kind in _KINDS:  # not a name or a number
                _write(each, out)


def nodes(function: ast.AST) -> list[tuple[int, str]]:
    """The same tree with its shape: (position of the parent, letter) of each node, parents first; a block is a node."""
    made: list[tuple[int, str]] = []

    def visit(node: Any, parent: int) -> None:
        if type(node) in FORMS:
            node = FORMS[type(node)](node)
        kind, mine = type(node), len(made)
        made.append((parent, _CONSTANTS[type(node.value)] if kind is ast.Constant else _KINDS[kind][0]))
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
    for kind, same in itertools.groupby(_told(block), key=type):
        run = list(same)
        made += sorted(run, key=code) if kind in (ast.Assign, ast.FunctionDef) else run
    return made


def _write_block(block: Sequence[Any], out: Callable[[str], None]) -> None:
    """Statements in their order, but neighbouring assignments and neighbouring functions sorted."""
    told = _told(block)
    at = 0
    while at < len(told):
        kind = type(told[at])
        stop = at + 1
        if kind is ast.Assign or kind is ast.FunctionDef:
            while stop < len(told) and type(told[stop]) is kind:
                stop += 1
        if stop - at == 1:
            _write(told[at], out)
        else:
            for each in sorted(map(code, told[at:stop])):
                out(each)
        at = stop


# One node ----------------------------------------------------------------------------------------------------


def _augmented(node: Any) -> Any:
    """`x += e` as `x = x + e`."""
    return ast.Assign([node.target], ast.BinOp(node.target, node.op, node.value))


def _compared(node: Any) -> Any:
    """`a > b` as `b < a`; of `a == b` and `b == a` one."""
    if len(node.ops) != 1:
        return node
    kind, turned = type(node.ops[0]), node.ops
    if kind is ast.Gt or kind is ast.GtE:
        turned = [ast.Lt() if kind is ast.Gt else ast.LtE()]
    elif kind is not ast.Eq and kind is not ast.NotEq or code(node.left) <= code(node.comparators[0]):
        return node
    return ast.Compare(node.comparators[0], turned, [node.left])


_OPPOSITE: dict[type, type] = {ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
                               ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot,
                               ast.IsNot: ast.Is}  # fmt: skip


def _negated(node: Any) -> Any:
    """`not a < b` as `a >= b`; `not not a` as a."""
    inner = node.operand
    if type(node.op) is ast.Not:
        if type(inner) is ast.Compare and len(inner.ops) == 1:
            return _compared(ast.Compare(inner.left, [_OPPOSITE[type(inner.ops[0])]()], inner.comparators))
        if type(inner) is ast.UnaryOp and type(inner.op) is ast.Not:
            return _again(inner.operand)
    return node


def _branched(node: Any) -> Any:
    """`if not c: A else: B` as `if c: B else: A`, for statements and for expressions."""
    if node.orelse and type(node.test) is ast.UnaryOp and type(node.test.op) is ast.Not:
        return type(node)(node.test.operand, node.orelse, node.body)
    return node


def _arguments(node: Any) -> Any:
    """A method's arguments without its self."""
    if node.args and node.args[0].arg in ("self", "cls"):
        return ast.arguments(node.posonlyargs, node.args[1:], node.vararg, node.kwonlyargs, node.kw_defaults,
                             node.kwarg, node.defaults)  # fmt: skip
    return node


def _called(node: Any) -> Any:
    """`list(x for ...)`, `list(map(lambda x: e, it))` and filter as comprehensions."""
    if type(node.func) is not ast.Name or node.func.id not in ("list", "map", "filter"):
        return node  # the usual case, and matching is slow
    match node:
        case ast.Call(ast.Name("list"), [ast.GeneratorExp() as given], []):
            return given
        case ast.Call(ast.Name("list"), [ast.Call() as given], []) if (made := _mapped(given)) is not None:
            return made
    return _mapped(node) or node


def _mapped(node: Any) -> Any:
    match node:
        case ast.Call(ast.Name("map"), [ast.Lambda(ast.arguments(args=[one]), body), given], []):
            return ast.ListComp(body, [ast.comprehension(ast.Name(one.arg), given, [], 0)])
        case ast.Call(ast.Name("filter"), [ast.Lambda(ast.arguments(args=[one]), body), given], []):
            name = ast.Name(one.arg)
            return ast.ListComp(name, [ast.comprehension(name, given, [body], 0)])
    return None


def _again(node: Any) -> Any:
    form = FORMS.get(type(node))
    return node if form is None else form(node)


FORMS: dict[type, Callable[[Any], Any]] = {
    ast.AugAssign: _augmented,
    ast.Await: lambda node: _again(node.value),
    ast.Compare: _compared,
    ast.UnaryOp: _negated,
    ast.If: _branched,
    ast.IfExp: _branched,
    ast.arguments: _arguments,
    ast.Call: _called,
}


# A block ----------------------------------------------------------------------------------------------------


def _told(block: Sequence[Any]) -> list[Any]:
    """The statements of a block in the form in which they are compared, without prints and checks."""
    made: list[Any] = []
    for statement in block:
        kind = type(statement)
        if kind is ast.Assert or kind is ast.Expr and _idle(statement.value):
            continue
        if kind is ast.If and not statement.orelse and [type(each) for each in statement.body] == [ast.Raise]:
            continue
        if kind is ast.AnnAssign:
            if statement.value is None:
                continue
            statement = ast.Assign([statement.target], statement.value)
        elif kind is ast.AugAssign:
            statement = _augmented(statement)
        elif kind is ast.AsyncFunctionDef:
            statement = ast.FunctionDef(statement.name, statement.args, statement.body, [])
        elif kind is ast.For and not statement.orelse:
            _gathered(statement, made)
            continue
        elif kind is ast.If:
            statement = _chosen(statement)
            if type(statement) is ast.If and statement.orelse and type(statement.body[-1]) in _LEAVING:
                statement = _branched(statement)
                # What stands under else after a return may as well stand below.
                for each in [ast.If(statement.test, statement.body, []), *_told(statement.orelse)]:
                    made.append(_returned(made, each) if type(each) is ast.Return else each)
                continue
        if type(statement) is ast.Return and made:
            statement = _returned(made, statement)
        made.append(statement)
    return made


def _idle(value: Any) -> bool:
    """Whether an expression that stands as a statement says nothing of the algorithm: docstrings, prints, logs."""
    match value:
        case ast.Constant() | ast.Call(ast.Name("print")):
            return True
        case ast.Call(ast.Attribute(ast.Name(name))):
            return name in _LOGS
    return False


def _chosen(node: Any) -> Any:
    """`if c: return a else: return b`, and the same with an assignment, as conditional expressions."""
    match node:
        case ast.If(test, [ast.Return(ast.expr() as a)], [inner]):
            inner = _chosen(inner) if type(inner) is ast.If else inner
            if type(inner) is ast.Return and inner.value is not None:
                return ast.Return(ast.IfExp(test, a, inner.value))
        case ast.If(test, [ast.Assign([ast.Name(x)], a)], [ast.Assign([ast.Name(y)], b)]) if x == y:
            return ast.Assign([ast.Name(x)], ast.IfExp(test, a, b))
    return node


def _returned(made: list[Any], last: Any) -> Any:
    """A return with what stands before it and is nothing without it: `x = e; return x`, `if c: return a; return b`."""
    while made and last.value is not None:
        match made[-1], last.value:
            case ast.Assign([ast.Name(x)], value), ast.Name(y) if x == y:
                last = ast.Return(value)
            case ast.If(test, [ast.Return(ast.expr() as a)], []), b:
                last = ast.Return(ast.IfExp(test, a, b))
            case ast.For(), ast.Constant(bool() as found) if made[-1].orelse == []:
                sought = _sought(made[-1], found)
                if sought is None:
                    return last
                last = sought
            case _:
                return last
        made.pop()
    return last


def _sought(loop: Any, otherwise: bool) -> Any:
    """`for t in it: if c: return True` with `return False` after it as `return any(...)`, the opposite as all(...)."""
    tests, inner = _guarded(loop)
    match inner:
        case ast.Return(ast.Constant(bool() as early)) if early is not otherwise and tests:
            item = tests.pop()
            name = "any"
            if otherwise:
                name, item = "all", _negated(ast.UnaryOp(ast.Not(), item))
            each = ast.GeneratorExp(item, [ast.comprehension(loop.target, loop.iter, tests, 0)])
            return ast.Return(ast.Call(ast.Name(name), [each], []))
    return None


def _guarded(loop: Any) -> tuple[list[Any], Any]:
    """The tests around the only statement of a loop, and that statement (None where there are more)."""
    tests: list[Any] = []
    body = loop.body
    while len(body) == 1 and type(body[0]) is ast.If and not body[0].orelse:
        tests.append(body[0].test)
        body = body[0].body
    return tests, body[0] if len(body) == 1 else None


def _gathered(loop: Any, made: list[Any]) -> None:
    """Append a loop to `made`; one that only fills a list, set, dict, sum or text as a comprehension.

    The assignment that it fills must stand before it, with nothing but assignments between.
    """
    tests, inner = _guarded(loop)
    each = ast.comprehension(loop.target, loop.iter, tests, 0)
    name, empty, value = _filled(inner, [each])
    at = len(made) - 1
    while name and at >= 0 and type(made[at]) is ast.Assign:
        match made[at]:
            case ast.Assign([ast.Name(first)], start) if first == name:
                if _is_empty(start, empty):
                    del made[at]
                    made.append(ast.Assign([ast.Name(name)], value(start)))
                    return
                break
        at -= 1
    made.append(loop)


def _is_empty(start: Any, kind: str) -> bool:
    match start:
        case ast.List([]) | ast.Call(ast.Name("list"), [], []):
            return kind == "list"
        case ast.Dict([]) | ast.Call(ast.Name("dict"), [], []):
            return kind == "dict"
        case ast.Call(ast.Name("set"), [], []):
            return kind == "set"
        case ast.Constant(int() | float() | str()):
            return kind == "sum" and not isinstance(start.value, bool)
    return False


def _filled(statement: Any, loops: list[Any]) -> tuple[str, str, Callable[[Any], Any]]:
    """(name, what it must have been, the expression from what it was) of a statement that adds to something."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "append"), [item], [])):
            return name, "list", lambda start: ast.ListComp(item, loops)
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "add"), [item], [])):
            return name, "set", lambda start: ast.SetComp(item, loops)
        case ast.Assign([ast.Subscript(ast.Name(name), key)], item):
            return name, "dict", lambda start: ast.DictComp(key, item, loops)
        case ast.AugAssign(ast.Name(name), ast.Add(), item):
            return name, "sum", lambda start: _summed(start, ast.ListComp(item, loops))
        case ast.Assign([ast.Name(name)], ast.BinOp(ast.Name(other), ast.Add(), item)) if name == other:
            return name, "sum", lambda start: _summed(start, ast.ListComp(item, loops))
    return "", "", lambda start: start


def _summed(start: Any, items: Any) -> Any:
    """sum(...), with a start that is not whole, or "".join(...) of what began as a text."""
    if isinstance(start.value, str):
        return ast.Call(ast.Attribute(start, "join"), [items], [])
    return ast.Call(ast.Name("sum"), [items] if isinstance(start.value, int) else [items, start], [])
