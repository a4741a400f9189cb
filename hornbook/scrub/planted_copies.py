"""Copies and paraphrases of an exam's problems, made mechanically: what a detector must find to be called one.

In: a problem. Out: by kind, a text such as training data could have, or nothing where the kind
changes nothing. All but `verbatim`, `reworded` and `rewritten` come without the docstring, so that
a kind shows what finds the code. Kinds that a detector was made for (a reordering, a translation)
show that it does what it says; others are there to fail (an argument more, for as while). Not
covered: paraphrase by a person or a model, which is freer than any of these.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hornbook.scrub.exam_index import docstrings, parsing, without_docstrings

if TYPE_CHECKING:
    from hornbook.exams import Problem

# Words that mean the same in a docstring; about every third word of HumanEval's docstrings is among
# them.
SYNONYMS = {
    "return": "give back", "returns": "gives back", "given": "supplied", "list": "sequence", "string": "text",
    "number": "value", "numbers": "values", "integer": "whole number", "integers": "whole numbers", "you": "we",
    "function": "routine", "a": "one", "an": "one", "the": "this", "that": "which", "if": "when", "is": "equals",
    "are": "happen to be", "of": "from", "in": "inside", "and": "plus", "or": "otherwise", "element": "entry",
    "elements": "entries", "two": "a pair of", "all": "every", "check": "test", "write": "develop", "to": "so as to",
    "input": "argument", "should": "must", "array": "row", "word": "term", "positive": "above zero", "for": "with",
    "true": "yes", "false": "no", "it": "this one", "with": "having", "not": "never", "will": "shall", "be": "become",
}  # fmt: skip


def verbatim(problem: Problem) -> str:
    """The prompt and its solution, as the exam has them."""
    return problem.solution


def bare(problem: Problem) -> str | None:
    """The program without its docstrings, otherwise letter for letter."""
    return without_docstrings(problem.solution)


def reformatted(problem: Problem) -> str:
    """Other quotes, brackets, blank lines and indentation."""
    text = ast.unparse(_undocumented(problem)).replace("    ", "\t")
    return text.replace("\n", "\n\n") + "\n"


def commented(problem: Problem) -> str:
    """A comment of a word after every second line."""
    lines = ast.unparse(_undocumented(problem)).splitlines()
    return "\n".join(line + "  # step" * (number % 2) for number, line in enumerate(lines)) + "\n"


def renamed(problem: Problem) -> str:
    """Every name that the program binds, replaced by another."""
    return ast.unparse(_renamed(_undocumented(problem)))


def reordered(problem: Problem) -> str | None:
    """Neighbours that do not depend on each other swapped, and the branches of an if with an else exchanged."""
    tree = _undocumented(problem)
    before = ast.unparse(tree)
    after = ast.unparse(ast.fix_missing_locations(_Reorder().visit(tree)))
    return after if after != before else None


def translated(problem: Problem) -> str | None:
    """Loops that fill a list as comprehensions and the reverse, all() and any() as loops."""
    tree = _undocumented(problem)
    before = ast.unparse(tree)
    for node in ast.walk(tree):
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, _translated(block))
    after = ast.unparse(ast.fix_missing_locations(tree))
    return after if after != before else None


def other_constants(problem: Problem) -> str | None:
    """Numbers one greater, texts reversed with a letter more, names as they were."""
    tree = _undocumented(problem)
    before = ast.unparse(tree)
    after = ast.unparse(_Constants().visit(tree))
    return after if after != before else None


def reworded(problem: Problem) -> str | None:
    """The docstring in other words and without its examples; the code letter for letter."""
    return _reword(problem.solution)


def rewritten(problem: Problem) -> str | None:
    """The docstring in other words, names replaced, constants changed: a paraphrase of everything but the idea."""
    text = _reword(problem.solution)
    return ast.unparse(_Constants().visit(_renamed(ast.parse(text)))) if text else None


def in_class(problem: Problem) -> str:
    """Renamed, as the method of a class that stands among other code."""
    text = re.sub(
        r"^def (\w+)[(]",
        r"def \1(self, ",
        ast.unparse(_renamed(_undocumented(problem))),
        flags=re.M,
    )
    inside = "\n".join(f"    {line}" for line in text.splitlines())
    return f"import sys\n\n\nclass Tools:\n    size = 3\n\n{inside}\n\n    def show(self):\n        print(self.size)\n"


def in_notebook(problem: Problem) -> str:
    """Renamed, in a cell of a notebook as it lies on disk."""
    lines = ast.unparse(_renamed(_undocumented(problem))).splitlines(keepends=True)
    cells = [
        {"cell_type": "markdown", "source": ["# Try it\n"]},
        {"cell_type": "code", "source": lines},
    ]
    return json.dumps({"cells": cells, "nbformat": 4}, indent=1)


def in_session(problem: Problem) -> str:
    """Renamed, as it was typed at a prompt."""
    lines = ast.unparse(_renamed(_undocumented(problem))).splitlines()
    return "".join(f"{'... ' if line.startswith(' ') else '>>> '}{line}\n" for line in lines)


def with_argument(problem: Problem) -> str:
    """Renamed, with an argument more that nothing comes of."""
    tree = _renamed(_undocumented(problem))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.args.args.append(ast.arg("verbose"))
            node.args.defaults.append(ast.Constant(False))
    return ast.unparse(ast.fix_missing_locations(tree))


def as_while(problem: Problem) -> str | None:
    """Renamed, with loops over range(n) as while loops."""
    tree = _renamed(_undocumented(problem))
    before = ast.unparse(tree)
    after = ast.unparse(ast.fix_missing_locations(_While().visit(tree)))
    return after if after != before else None


KINDS: dict[str, Callable[[Any], str | None]] = {
    "verbatim": verbatim,
    "without its docstring": bare,
    "reformatted": reformatted,
    "commented": commented,
    "renamed": renamed,
    "statements reordered": reordered,
    "loop or comprehension translated": translated,
    "constants changed": other_constants,
    "docstring reworded": reworded,
    "rewritten: words, names and constants": rewritten,
    "in a class, renamed": in_class,
    "in a notebook, renamed": in_notebook,
    "in a session, renamed": in_session,
    "an argument more, renamed": with_argument,
    "for as while, renamed": as_while,
}


def planted(exam: Sequence[Problem]) -> Iterator[tuple[str, str, str]]:
    """(kind, task_id, text) of everything that can be made of these problems."""
    for kind, make in KINDS.items():
        for problem in exam:
            text = make(problem)
            if text is not None:
                yield kind, problem.task_id, text


def _undocumented(problem: Problem) -> ast.Module:
    tree = ast.parse(problem.solution)
    for owner, _ in list(docstrings(tree)):
        del owner.body[0]
    return tree


def _reword(program: str) -> str | None:
    """Every docstring of a program by the table of synonyms, cut before its first example."""
    lines = program.splitlines()
    found = sorted(docstrings(ast.parse(program)), key=lambda pair: -pair[1].lineno)
    for _, node in found:
        given = ast.literal_eval(node.value)
        prose = re.split(r">>>|\n\s*(?:for )?examples?\b", given, maxsplit=1, flags=re.I)[0]
        told = re.sub(r"[A-Za-z]+", lambda m: SYNONYMS.get(m[0].lower(), m[0]), prose)
        told = told.replace("\\", " ").replace('"', "'").strip()
        lines[node.lineno - 1 : node.end_lineno] = [f'{" " * node.col_offset}"""{told}"""']
    return parsing("\n".join(lines) + "\n") if found else None


def _renamed(tree: ast.Module) -> ast.Module:
    bound: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=name) | ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store())
            ):
                bound.setdefault(name, f"thing_{len(bound)}")
    for node in ast.walk(tree):
        match node:
            case ast.Name():
                node.id = bound.get(node.id, node.id)
            case ast.arg() | ast.keyword() if node.arg:
                node.arg = bound.get(node.arg, node.arg) if isinstance(node, ast.arg) else node.arg
            case ast.FunctionDef():
                node.name = bound[node.name]
            case ast.Global() | ast.Nonlocal():
                node.names = [bound.get(name, name) for name in node.names]
    return tree


class _Constants(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, str):
            return ast.copy_location(ast.Constant(node.value[::-1] + "q"), node)
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        # A docstring is no constant of the program.
        return node if isinstance(node.value, ast.Constant) else self.generic_visit(node)


class _While(ast.NodeTransformer):
    def visit_For(self, node: ast.For) -> Any:
        self.generic_visit(node)
        match node:
            case ast.For(ast.Name(name), ast.Call(ast.Name("range"), [stop], []), body, []):
                step = ast.parse(f"{name} += 1").body
                return [*ast.parse(f"{name} = 0").body,
                        ast.While(ast.Compare(ast.Name(name), [ast.Lt()], [stop]), body + step, [])]  # fmt: skip
        return node


class _Reorder(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        if node.orelse and not (len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)):
            return ast.If(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            at = 0
            while isinstance(block, list) and at + 1 < len(block):
                if _independent(block[at], block[at + 1]):
                    block[at], block[at + 1] = block[at + 1], block[at]
                    at += 1
                at += 1
        return node


def _independent(first: ast.stmt, second: ast.stmt) -> bool:
    """Whether two statements are assignments of which neither binds what the other has, or both define functions."""
    if isinstance(first, ast.FunctionDef) and isinstance(second, ast.FunctionDef):
        return True
    kinds = (ast.Assign, ast.AnnAssign, ast.AugAssign)
    if not isinstance(first, kinds) or not isinstance(second, kinds):
        return False
    names = [{n.id for n in ast.walk(s) if isinstance(n, ast.Name)} for s in (first, second)]
    bound = [
        {n.id for n in ast.walk(s) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        for s in (first, second)
    ]
    return not bound[0] & names[1] and not bound[1] & names[0]


def _translated(block: list[ast.stmt]) -> list[ast.stmt]:
    """A block with what can be said the other way said so."""
    made: list[ast.stmt] = []
    for statement in block:
        made += _looped(statement)
        while len(made) > 1 and (comprehension := _comprehended(made[-2], made[-1])):
            made[-2:] = [comprehension]
    return made


def _comprehended(first: ast.stmt, second: ast.stmt) -> ast.stmt | None:
    """`x = []; for t in it: [if c:] x.append(e)` as `x = [e for t in it if c]`."""
    match first, second:
        case (
            ast.Assign(targets=[ast.Name(id=name)], value=ast.List(elts=[])),
            ast.For(target=target, iter=iterated, body=[inner], orelse=[]),
        ):
            tests = []
            while isinstance(inner, ast.If) and not inner.orelse and len(inner.body) == 1:
                tests.append(inner.test)
                inner = inner.body[0]
            match inner:
                case ast.Expr(
                    ast.Call(ast.Attribute(ast.Name(id=filled), "append"), [item], [])
                ) if filled == name:
                    each = ast.comprehension(target, iterated, tests, 0)
                    return ast.Assign(first.targets, ast.ListComp(item, [each]))
    return None


def _looped(statement: ast.stmt) -> list[ast.stmt]:
    """`x = [e for t in it if c]` (or return) as a loop that appends, `return all(...)` as one that returns early."""
    match statement:
        case ast.Assign(
            targets=[ast.Name(id=name)], value=ast.ListComp(elt=item, generators=[each])
        ):
            return [_empty(name), _loop(each, _append(name, item))]
        case ast.Return(ast.ListComp(elt=item, generators=[each])):
            return [
                _empty("found"),
                _loop(each, _append("found", item)),
                ast.Return(ast.Name("found", ast.Load())),
            ]
        case ast.Return(
            ast.Call(
                ast.Name(id="all" | "any" as which), [ast.GeneratorExp(elt=item, generators=[each])]
            )
        ):
            test = ast.UnaryOp(ast.Not(), item) if which == "all" else item
            early = ast.If(test, [ast.Return(ast.Constant(which == "any"))], [])
            return [_loop(each, early), ast.Return(ast.Constant(which == "all"))]
    return [statement]


def _empty(name: str) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], ast.List([], ast.Load()))


def _append(name: str, item: ast.expr) -> ast.stmt:
    return ast.Expr(
        ast.Call(ast.Attribute(ast.Name(name, ast.Load()), "append", ast.Load()), [item], [])
    )


def _loop(each: ast.comprehension, inner: ast.stmt) -> ast.stmt:
    for test in reversed(each.ifs):
        inner = ast.If(test, [inner], [])
    return ast.For(each.target, each.iter, [inner], [])
