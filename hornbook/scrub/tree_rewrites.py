"""Trees in one form: what can be said in two ways is said in one, so that a translation is a match (canon.py).

In: a node, or the statements of a block. Out: what stands for them: see FORMS (one node) and `told`
(a block). Nothing that is given is changed. Not covered: whatever needs to know what the code does,
such as a while loop for a for loop, or a helper taken apart.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

_LEAVING = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_LOGS = {"logging", "logger", "log", "warnings"}
_LESS: list[ast.cmpop] = [ast.Lt()]
_LEAST: list[ast.cmpop] = [ast.LtE()]


def _augmented(node: Any) -> Any:
    """`x += e` as `x = x + e`."""
    return ast.Assign([node.target], ast.BinOp(node.target, node.op, node.value))


def _compared(node: Any) -> Any:
    """`a > b` as `b < a`."""
    kind = type(node.ops[0])
    if len(node.ops) > 1 or kind is not ast.Gt and kind is not ast.GtE:
        return node
    return ast.Compare(node.comparators[0], _LESS if kind is ast.Gt else _LEAST, [node.left])


_OPPOSITE: dict[type, type] = {ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
                               ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot,
                               ast.IsNot: ast.Is}  # fmt: skip


def _negated(node: Any) -> Any:
    """`not a < b` as `a >= b`; `not not a` as a."""
    inner = node.operand
    if type(node.op) is ast.Not:
        if type(inner) is ast.Compare and len(inner.ops) == 1:
            return _compared(
                ast.Compare(inner.left, [_OPPOSITE[type(inner.ops[0])]()], inner.comparators)
            )
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
        case ast.Call(ast.Name("list"), [ast.Call() as given], []) if (
            made := _mapped(given)
        ) is not None:
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


# A block
# ----------------------------------------------------------------------------------------------------


def told(block: Sequence[Any]) -> list[Any]:
    """The statements of a block in the form in which they are compared, without prints and checks."""
    made: list[Any] = []
    for statement in block:
        kind = type(statement)
        if kind is ast.Assert or kind is ast.Expr and _idle(statement.value):
            continue
        if kind is ast.If:
            if statement.orelse:
                statement = _chosen(statement)
                if type(statement) is ast.If and type(statement.body[-1]) in _LEAVING:
                    statement = _branched(statement)
                    # What stands under else after a return may as well stand below.
                    for each in [
                        ast.If(statement.test, statement.body, []),
                        *told(statement.orelse),
                    ]:
                        made.append(_returned(made, each) if type(each) is ast.Return else each)
                    continue
            elif len(statement.body) == 1 and type(statement.body[0]) is ast.Raise:
                continue
        elif kind is ast.For:
            if made and type(made[-1]) is ast.Assign and not statement.orelse:
                _gathered(statement, made)
                continue
        elif kind is ast.AnnAssign:
            if statement.value is None:
                continue
            statement = ast.Assign([statement.target], statement.value)
        elif kind is ast.AugAssign:
            statement = _augmented(statement)
        elif kind is ast.AsyncFunctionDef:
            statement = ast.FunctionDef(statement.name, statement.args, statement.body, [])
        if type(statement) is ast.Return and made:
            statement = _returned(made, statement)
        made.append(statement)
    return made


def _idle(value: Any) -> bool:
    """Whether an expression that stands as a statement says nothing of the algorithm: docstrings, prints, logs."""
    if type(value) is not ast.Call:
        return type(value) is ast.Constant
    match value.func:
        case ast.Name("print"):
            return True
        case ast.Attribute(ast.Name(name)):
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
        case ast.Assign([ast.Name(name)], ast.BinOp(ast.Name(other), ast.Add(), item)) if (
            name == other
        ):
            return name, "sum", lambda start: _summed(start, ast.ListComp(item, loops))
    return "", "", lambda start: start


def _summed(start: Any, items: Any) -> Any:
    """sum(...), with a start that is not whole, or "".join(...) of what began as a text."""
    if isinstance(start.value, str):
        return ast.Call(ast.Attribute(start, "join"), [items], [])
    return ast.Call(
        ast.Name("sum"), [items] if isinstance(start.value, int) else [items, start], []
    )
