"""Mutants of a solution, for mutation testing: good tests fail on most of them.

In: a program and the name of a function or class in it. Out: programs with one comparison or
operator swapped, one integer incremented, one condition negated, or one result replaced by None.
Not covered: equivalent mutants; a good test set leaves some alive.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator

from hornbook.records import hash_fraction

# Each operator becomes one that is easily confused with it, such as an off-by-one comparison.
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def generate_mutants(program: str, entry_point: str, limit: int = 0) -> Iterator[str]:
    """Yield mutants of the function or class `entry_point` as whole programs.

    Args:
        limit: how many to yield, sampled by a hash of the program; 0 for all.
    """
    module = ast.parse(program)
    definition_index = next(
        i for i, node in enumerate(module.body) if getattr(node, "name", "") == entry_point
    )
    mutations: list[tuple[int, str]] = []
    for node_index, node in enumerate(ast.walk(module.body[definition_index])):
        applicable = [name for name, change in CHANGES.items() if change(copy.copy(node))]
        mutations += [(node_index, name) for name in applicable]
    if limit:
        mutations.sort(key=lambda mutation: hash_fraction(program, f"{mutation[0]} {mutation[1]}"))
        del mutations[limit:]
    for node_index, name in mutations:
        mutant = copy.deepcopy(module)
        CHANGES[name](list(ast.walk(mutant.body[definition_index]))[node_index])
        yield ast.unparse(ast.fix_missing_locations(mutant))


def swap_operator(node: ast.AST) -> bool:
    """Replace a comparison or an operator; False if the node has none."""
    if isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
        node.ops = [SWAPS[type(node.ops[0])](), *node.ops[1:]]  # type: ignore[list-item]
    elif isinstance(node, (ast.BinOp, ast.AugAssign, ast.BoolOp)) and type(node.op) in SWAPS:
        node.op = SWAPS[type(node.op)]()  # type: ignore[assignment]
    else:
        return False
    return True


def increment_integer(node: ast.AST) -> bool:
    """Add 1 to an integer constant; False if the node is none."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        node.value += 1
        return True
    return False


def negate_condition(node: ast.AST) -> bool:
    """Negate the condition of a branch, loop or comprehension; False if the node has none."""
    if isinstance(node, (ast.If, ast.While, ast.IfExp)):
        node.test = ast.UnaryOp(ast.Not(), node.test)
    elif isinstance(node, ast.comprehension) and node.ifs:
        node.ifs = [ast.UnaryOp(ast.Not(), node.ifs[0]), *node.ifs[1:]]
    else:
        return False
    return True


def drop_result(node: ast.AST) -> bool:
    """Return None instead of a value; False if the node returns none."""
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        node.value = ast.Constant(None)
        return True
    return False


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


# A change sets attributes of the node and changes no node below it, so that a shallow copy is
# enough to find out whether it applies. The names go into the hash by which mutants are sampled:
# another name gives other mutants.
CHANGES: dict[str, Callable[[ast.AST], bool]] = {
    "swapped": swap_operator,
    "moved": increment_integer,
    "negated": negate_condition,
    "silenced": drop_result,
}
