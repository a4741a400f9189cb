"""AST rewrites to a canonical form, so that a translated copy matches (tree_string.py).

In: a node, or the statements of a block. Out: what stands for them: see FORMS (one node) and `told`
(a block). Nothing that is given is changed. Not covered: whatever needs to know what the code does,
such as a while loop for a for loop, or a helper taken apart.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

_EXIT_STATEMENTS = (ast.Return, ast.Raise, ast.Continue, ast.Break)
_LOGGER_NAMES = {"logging", "logger", "log", "warnings"}
_LESS_THAN: list[ast.cmpop] = [ast.Lt()]
_LESS_OR_EQUAL: list[ast.cmpop] = [ast.LtE()]


def _expand_augmented_assignment(node: Any) -> Any:
    """`x += e` as `x = x + e`."""
    return ast.Assign([node.target], ast.BinOp(node.target, node.op, node.value))


def _flip_greater_than(node: Any) -> Any:
    """`a > b` as `b < a`."""
    kind = type(node.ops[0])
    if len(node.ops) > 1 or kind is not ast.Gt and kind is not ast.GtE:
        return node
    return ast.Compare(
        node.comparators[0], _LESS_THAN if kind is ast.Gt else _LESS_OR_EQUAL, [node.left]
    )


_OPPOSITE_OPERATOR: dict[type, type] = {
    ast.Lt: ast.GtE,
    ast.GtE: ast.Lt,
    ast.Gt: ast.LtE,
    ast.LtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}


def _push_negation_inward(node: Any) -> Any:
    """`not a < b` as `a >= b`; `not not a` as a."""
    inner = node.operand
    if type(node.op) is ast.Not:
        if type(inner) is ast.Compare and len(inner.ops) == 1:
            return _flip_greater_than(
                ast.Compare(
                    inner.left, [_OPPOSITE_OPERATOR[type(inner.ops[0])]()], inner.comparators
                )
            )
        if type(inner) is ast.UnaryOp and type(inner.op) is ast.Not:
            return _rewrite_node(inner.operand)
    return node


def _swap_negated_branches(node: Any) -> Any:
    """`if not c: A else: B` as `if c: B else: A`, for statements and for expressions."""
    if node.orelse and type(node.test) is ast.UnaryOp and type(node.test.op) is ast.Not:
        return type(node)(node.test.operand, node.orelse, node.body)
    return node


def _drop_self_argument(node: Any) -> Any:
    """A method's arguments without its self."""
    if node.args and node.args[0].arg in ("self", "cls"):
        return ast.arguments(
            node.posonlyargs, node.args[1:], node.vararg, node.kwonlyargs, node.kw_defaults,
            node.kwarg, node.defaults,
        )  # fmt: skip
    return node


def _call_to_comprehension(node: Any) -> Any:
    """`list(x for ...)`, `list(map(lambda x: e, it))` and filter as comprehensions."""
    if type(node.func) is not ast.Name or node.func.id not in ("list", "map", "filter"):
        return node  # the usual case, and matching is slow
    match node:
        case ast.Call(ast.Name("list"), [ast.GeneratorExp() as inner_node], []):
            return inner_node
        case ast.Call(ast.Name("list"), [ast.Call() as inner_node], []) if (
            comprehension := _map_to_comprehension(inner_node)
        ) is not None:
            return comprehension
    return _map_to_comprehension(node) or node


def _map_to_comprehension(node: Any) -> Any:
    match node:
        case ast.Call(
            ast.Name("map"), [ast.Lambda(ast.arguments(args=[argument]), body), iterable], []
        ):
            return ast.ListComp(body, [ast.comprehension(ast.Name(argument.arg), iterable, [], 0)])
        case ast.Call(
            ast.Name("filter"), [ast.Lambda(ast.arguments(args=[argument]), body), iterable], []
        ):
            name = ast.Name(argument.arg)
            return ast.ListComp(name, [ast.comprehension(name, iterable, [body], 0)])
    return None


def _rewrite_node(node: Any) -> Any:
    rewrite = NODE_REWRITES.get(type(node))
    return node if rewrite is None else rewrite(node)


NODE_REWRITES: dict[type, Callable[[Any], Any]] = {
    ast.AugAssign: _expand_augmented_assignment,
    ast.Await: lambda node: _rewrite_node(node.value),
    ast.Compare: _flip_greater_than,
    ast.UnaryOp: _push_negation_inward,
    ast.If: _swap_negated_branches,
    ast.IfExp: _swap_negated_branches,
    ast.arguments: _drop_self_argument,
    ast.Call: _call_to_comprehension,
}


# A block


def rewrite_block(block: Sequence[Any]) -> list[Any]:
    """The statements of a block in canonical form, without prints and checks."""
    rewritten: list[Any] = []
    for statement in block:
        kind = type(statement)
        if kind is ast.Assert or kind is ast.Expr and _is_irrelevant(statement.value):
            continue
        if kind is ast.If:
            if statement.orelse:
                statement = _merge_branches(statement)
                if type(statement) is ast.If and type(statement.body[-1]) in _EXIT_STATEMENTS:
                    statement = _swap_negated_branches(statement)
                    # What stands under else after a return may as well stand below.
                    for following in [
                        ast.If(statement.test, statement.body, []),
                        *rewrite_block(statement.orelse),
                    ]:
                        rewritten.append(
                            _merge_into_return(rewritten, following)
                            if type(following) is ast.Return
                            else following
                        )
                    continue
            elif len(statement.body) == 1 and type(statement.body[0]) is ast.Raise:
                continue
        elif kind is ast.For:
            if rewritten and type(rewritten[-1]) is ast.Assign and not statement.orelse:
                _append_loop(statement, rewritten)
                continue
        elif kind is ast.AnnAssign:
            if statement.value is None:
                continue
            statement = ast.Assign([statement.target], statement.value)
        elif kind is ast.AugAssign:
            statement = _expand_augmented_assignment(statement)
        elif kind is ast.AsyncFunctionDef:
            statement = ast.FunctionDef(statement.name, statement.args, statement.body, [])
        if type(statement) is ast.Return and rewritten:
            statement = _merge_into_return(rewritten, statement)
        rewritten.append(statement)
    return rewritten


def _is_irrelevant(value: Any) -> bool:
    """Whether an expression statement is no part of the algorithm: docstrings, prints, logs."""
    if type(value) is not ast.Call:
        return type(value) is ast.Constant
    match value.func:
        case ast.Name("print"):
            return True
        case ast.Attribute(ast.Name(name)):
            return name in _LOGGER_NAMES
    return False


def _merge_branches(node: Any) -> Any:
    """`if c: return a else: return b` (or assignments) as conditional expressions."""
    match node:
        case ast.If(test, [ast.Return(ast.expr() as a)], [inner]):
            inner = _merge_branches(inner) if type(inner) is ast.If else inner
            if type(inner) is ast.Return and inner.value is not None:
                return ast.Return(ast.IfExp(test, a, inner.value))
        case ast.If(test, [ast.Assign([ast.Name(x)], a)], [ast.Assign([ast.Name(y)], b)]) if x == y:
            return ast.Assign([ast.Name(x)], ast.IfExp(test, a, b))
    return node


def _merge_into_return(preceding: list[Any], last: Any) -> Any:
    """Merge a return with the statement before: `x = e; return x`, `if c: return a; return b`."""
    while preceding and last.value is not None:
        match preceding[-1], last.value:
            case ast.Assign([ast.Name(x)], value), ast.Name(y) if x == y:
                last = ast.Return(value)
            case ast.If(test, [ast.Return(ast.expr() as a)], []), b:
                last = ast.Return(ast.IfExp(test, a, b))
            case ast.For(), ast.Constant(bool() as default) if preceding[-1].orelse == []:
                search_call = _search_to_any_or_all(preceding[-1], default)
                if search_call is None:
                    return last
                last = search_call
            case _:
                return last
        preceding.pop()
    return last


def _search_to_any_or_all(loop: Any, default: bool) -> Any:
    """`for t in it: if c: return True` and `return False` as any(...); the opposite as all(...)."""
    tests, inner = _unwrap_tests(loop)
    match inner:
        case ast.Return(ast.Constant(bool() as early)) if early is not default and tests:
            item = tests.pop()
            name = "any"
            if default:
                name, item = "all", _push_negation_inward(ast.UnaryOp(ast.Not(), item))
            generator = ast.GeneratorExp(
                item, [ast.comprehension(loop.target, loop.iter, tests, 0)]
            )
            return ast.Return(ast.Call(ast.Name(name), [generator], []))
    return None


def _unwrap_tests(loop: Any) -> tuple[list[Any], Any]:
    """The conditions around a loop's only statement, and that statement (None if more)."""
    tests: list[Any] = []
    body = loop.body
    while len(body) == 1 and type(body[0]) is ast.If and not body[0].orelse:
        tests.append(body[0].test)
        body = body[0].body
    return tests, body[0] if len(body) == 1 else None


def _append_loop(loop: Any, rewritten: list[Any]) -> None:
    """Append a loop; one that only fills a list, set, dict, sum or text as a comprehension.

    The assignment that it fills must stand before it, with nothing but assignments between.
    """
    tests, inner = _unwrap_tests(loop)
    generator = ast.comprehension(loop.target, loop.iter, tests, 0)
    name, start_kind, build_value = _match_accumulation(inner, [generator])
    i = len(rewritten) - 1
    while name and i >= 0 and type(rewritten[i]) is ast.Assign:
        match rewritten[i]:
            case ast.Assign([ast.Name(first)], start) if first == name:
                if _is_empty_start(start, start_kind):
                    del rewritten[i]
                    rewritten.append(ast.Assign([ast.Name(name)], build_value(start)))
                    return
                break
        i -= 1
    rewritten.append(loop)


def _is_empty_start(start: Any, kind: str) -> bool:
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


def _match_accumulation(statement: Any, loops: list[Any]) -> tuple[str, str, Callable[[Any], Any]]:
    """(name, required initial value, expression) of a statement that adds to something."""
    match statement:
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "append"), [item], [])):
            return name, "list", lambda start: ast.ListComp(item, loops)
        case ast.Expr(ast.Call(ast.Attribute(ast.Name(name), "add"), [item], [])):
            return name, "set", lambda start: ast.SetComp(item, loops)
        case ast.Assign([ast.Subscript(ast.Name(name), key)], item):
            return name, "dict", lambda start: ast.DictComp(key, item, loops)
        case ast.AugAssign(ast.Name(name), ast.Add(), item):
            return name, "sum", lambda start: _sum_or_join(start, ast.ListComp(item, loops))
        case ast.Assign([ast.Name(name)], ast.BinOp(ast.Name(other), ast.Add(), item)) if (
            name == other
        ):
            return name, "sum", lambda start: _sum_or_join(start, ast.ListComp(item, loops))
    return "", "", lambda start: start


def _sum_or_join(start: Any, items: Any) -> Any:
    """sum(...), with a start that is not whole, or "".join(...) of what began as a text."""
    if isinstance(start.value, str):
        return ast.Call(ast.Attribute(start, "join"), [items], [])
    return ast.Call(
        ast.Name("sum"), [items] if isinstance(start.value, int) else [items, start], []
    )
