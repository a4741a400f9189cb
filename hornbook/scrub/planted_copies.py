"""Copies and paraphrases of an exam's problems, made mechanically, that detectors must find.

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

from hornbook.scrub.exam_index import removable_docstrings, strip_docstrings, text_if_valid

if TYPE_CHECKING:
    from hornbook.exams import Problem

# Words that mean the same in a docstring; about every third word of HumanEval's docstrings is among
# them.
SYNONYMS = {
    "return": "give back", "returns": "gives back", "given": "supplied", "list": "sequence",
     "string": "text",
    "number": "value", "numbers": "values", "integer": "whole number", "integers": "whole numbers",
     "you": "we",
    "function": "routine", "a": "one", "an": "one", "the": "this", "that": "which", "if": "when",
     "is": "equals",
    "are": "happen to be", "of": "from", "in": "inside", "and": "plus", "or": "otherwise",
     "element": "entry",
    "elements": "entries", "two": "a pair of", "all": "every", "check": "test", "write": "develop",
     "to": "so as to",
    "input": "argument", "should": "must", "array": "row", "word": "term",
     "positive": "above zero", "for": "with",
    "true": "yes", "false": "no", "it": "this one", "with": "having", "not": "never",
     "will": "shall", "be": "become",
}  # fmt: skip


def copy_verbatim(problem: Problem) -> str:
    """The prompt and its solution, as the exam has them."""
    return problem.solution


def remove_docstrings(problem: Problem) -> str | None:
    """The program without its docstrings, otherwise letter for letter."""
    return strip_docstrings(problem.solution)


def reformat_code(problem: Problem) -> str:
    """Other quotes, brackets, blank lines and indentation."""
    text = ast.unparse(_parse_without_docstrings(problem)).replace("    ", "\t")
    return text.replace("\n", "\n\n") + "\n"


def insert_comments(problem: Problem) -> str:
    """A comment of a word after every second line."""
    lines = ast.unparse(_parse_without_docstrings(problem)).splitlines()
    return (
        "\n".join(line + "  # step" * (line_index % 2) for line_index, line in enumerate(lines))
        + "\n"
    )


def rename_variables(problem: Problem) -> str:
    """Every name that the program binds, replaced by another."""
    return ast.unparse(_rename_bound_names(_parse_without_docstrings(problem)))


def reorder_statements(problem: Problem) -> str | None:
    """Swap independent neighbouring statements; exchange the branches of if-else."""
    tree = _parse_without_docstrings(problem)
    original = ast.unparse(tree)
    changed = ast.unparse(ast.fix_missing_locations(_ReorderStatements().visit(tree)))
    return changed if changed != original else None


def translate_loops(problem: Problem) -> str | None:
    """Loops that fill a list as comprehensions and the reverse, all() and any() as loops."""
    tree = _parse_without_docstrings(problem)
    original = ast.unparse(tree)
    for node in ast.walk(tree):
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                setattr(node, field, _translate_block(block))
    changed = ast.unparse(ast.fix_missing_locations(tree))
    return changed if changed != original else None


def change_constants(problem: Problem) -> str | None:
    """Numbers one greater, texts reversed with a letter more, names as they were."""
    tree = _parse_without_docstrings(problem)
    original = ast.unparse(tree)
    changed = ast.unparse(_ChangeConstants().visit(tree))
    return changed if changed != original else None


def reword_docstring(problem: Problem) -> str | None:
    """The docstring in other words and without its examples; the code letter for letter."""
    return _reword_docstrings(problem.solution)


def rewrite_everything(problem: Problem) -> str | None:
    """Reworded docstring, other names and constants: a paraphrase of all but the idea."""
    text = _reword_docstrings(problem.solution)
    return (
        ast.unparse(_ChangeConstants().visit(_rename_bound_names(ast.parse(text))))
        if text
        else None
    )


def wrap_in_class(problem: Problem) -> str:
    """Renamed, as the method of a class that stands among other code."""
    text = re.sub(
        r"^def (\w+)[(]",
        r"def \1(self, ",
        ast.unparse(_rename_bound_names(_parse_without_docstrings(problem))),
        flags=re.M,
    )
    method = "\n".join(f"    {line}" for line in text.splitlines())
    methods = f"{method}\n\n    def show(self):\n        print(self.size)\n"
    return f"import sys\n\n\nclass Tools:\n    size = 3\n\n{methods}"


def wrap_in_notebook(problem: Problem) -> str:
    """Renamed, in a cell of a notebook as it lies on disk."""
    lines = ast.unparse(_rename_bound_names(_parse_without_docstrings(problem))).splitlines(
        keepends=True
    )
    cells = [
        {"cell_type": "markdown", "source": ["# Try it\n"]},
        {"cell_type": "code", "source": lines},
    ]
    return json.dumps({"cells": cells, "nbformat": 4}, indent=1)


def wrap_in_session(problem: Problem) -> str:
    """Renamed, as it was typed at a prompt."""
    lines = ast.unparse(_rename_bound_names(_parse_without_docstrings(problem))).splitlines()
    prompts = ["... " if line.startswith(" ") else ">>> " for line in lines]
    return "".join(f"{prompt}{line}\n" for prompt, line in zip(prompts, lines, strict=True))


def add_argument(problem: Problem) -> str:
    """Renamed, with an argument more that nothing comes of."""
    tree = _rename_bound_names(_parse_without_docstrings(problem))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef):
            node.args.args.append(ast.arg("verbose"))
            node.args.defaults.append(ast.Constant(False))
    return ast.unparse(ast.fix_missing_locations(tree))


def convert_for_to_while(problem: Problem) -> str | None:
    """Renamed, with loops over range(n) as while loops."""
    tree = _rename_bound_names(_parse_without_docstrings(problem))
    original = ast.unparse(tree)
    changed = ast.unparse(ast.fix_missing_locations(_ForToWhile().visit(tree)))
    return changed if changed != original else None


COPY_KINDS: dict[str, Callable[[Any], str | None]] = {
    "verbatim": copy_verbatim,
    "without its docstring": remove_docstrings,
    "reformatted": reformat_code,
    "commented": insert_comments,
    "renamed": rename_variables,
    "statements reordered": reorder_statements,
    "loop or comprehension translated": translate_loops,
    "constants changed": change_constants,
    "docstring reworded": reword_docstring,
    "rewritten: words, names and constants": rewrite_everything,
    "in a class, renamed": wrap_in_class,
    "in a notebook, renamed": wrap_in_notebook,
    "in a session, renamed": wrap_in_session,
    "an argument more, renamed": add_argument,
    "for as while, renamed": convert_for_to_while,
}


def plant_copies(problems: Sequence[Problem]) -> Iterator[tuple[str, str, str]]:
    """(kind, task_id, text) of everything that can be made of these problems."""
    for kind, make_copy in COPY_KINDS.items():
        for problem in problems:
            text = make_copy(problem)
            if text is not None:
                yield kind, problem.task_id, text


def _parse_without_docstrings(problem: Problem) -> ast.Module:
    tree = ast.parse(problem.solution)
    for docstring in removable_docstrings(tree):
        del docstring.owner.body[0]
    return tree


def _reword_docstrings(program: str) -> str | None:
    """Every docstring of a program by the table of synonyms, cut before its first example."""
    lines = program.splitlines()
    docstring_nodes = [doc.statement for doc in removable_docstrings(ast.parse(program))]
    docstring_nodes.sort(key=lambda statement: -statement.lineno)
    for node in docstring_nodes:
        docstring = ast.literal_eval(node.value)
        prose = re.split(r">>>|\n\s*(?:for )?examples?\b", docstring, maxsplit=1, flags=re.I)[0]
        reworded = re.sub(
            r"[A-Za-z]+", lambda match: SYNONYMS.get(match[0].lower(), match[0]), prose
        )
        reworded = reworded.replace("\\", " ").replace('"', "'").strip()
        lines[node.lineno - 1 : node.end_lineno] = [f'{" " * node.col_offset}"""{reworded}"""']
    return text_if_valid("\n".join(lines) + "\n") if docstring_nodes else None


def _rename_bound_names(tree: ast.Module) -> ast.Module:
    new_names: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=name) | ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store())
            ):
                new_names.setdefault(name, f"thing_{len(new_names)}")
    for node in ast.walk(tree):
        match node:
            case ast.Name():
                node.id = new_names.get(node.id, node.id)
            case ast.arg() | ast.keyword() if node.arg:
                node.arg = (
                    new_names.get(node.arg, node.arg) if isinstance(node, ast.arg) else node.arg
                )
            case ast.FunctionDef():
                node.name = new_names[node.name]
            case ast.Global() | ast.Nonlocal():
                node.names = [new_names.get(name, name) for name in node.names]
    return tree


class _ChangeConstants(ast.NodeTransformer):
    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        if isinstance(node.value, str):
            return ast.copy_location(ast.Constant(node.value[::-1] + "q"), node)
        if isinstance(node.value, int | float) and not isinstance(node.value, bool):
            return ast.copy_location(ast.Constant(node.value + 1), node)
        return node

    def visit_Expr(self, node: ast.Expr) -> Any:
        # A docstring is no constant of the program.
        return node if isinstance(node.value, ast.Constant) else self.generic_visit(node)


class _ForToWhile(ast.NodeTransformer):
    def visit_For(self, node: ast.For) -> Any:
        self.generic_visit(node)
        match node:
            case ast.For(ast.Name(name), ast.Call(ast.Name("range"), [stop], []), body, []):
                start = ast.parse(f"{name} = 0").body
                step = ast.parse(f"{name} += 1").body
                condition = ast.Compare(ast.Name(name), [ast.Lt()], [stop])
                return [*start, ast.While(condition, body + step, [])]
        return node


class _ReorderStatements(ast.NodeTransformer):
    def visit_If(self, node: ast.If) -> Any:
        self.generic_visit(node)
        if node.orelse and not (len(node.orelse) == 1 and isinstance(node.orelse[0], ast.If)):
            return ast.If(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body)
        return node

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            i = 0
            while isinstance(block, list) and i + 1 < len(block):
                if _are_independent(block[i], block[i + 1]):
                    block[i], block[i + 1] = block[i + 1], block[i]
                    i += 1
                i += 1
        return node


def _are_independent(first: ast.stmt, second: ast.stmt) -> bool:
    """Whether two statements are independent assignments, or both define functions."""
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


def _translate_block(block: list[ast.stmt]) -> list[ast.stmt]:
    """A block with what can be said the other way said so."""
    statements: list[ast.stmt] = []
    for statement in block:
        statements += _comprehension_to_loop(statement)
        while len(statements) > 1 and (
            comprehension := _loop_to_comprehension(statements[-2], statements[-1])
        ):
            statements[-2:] = [comprehension]
    return statements


def _loop_to_comprehension(first: ast.stmt, second: ast.stmt) -> ast.stmt | None:
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
                    generator = ast.comprehension(target, iterated, tests, 0)
                    return ast.Assign(first.targets, ast.ListComp(item, [generator]))
    return None


def _comprehension_to_loop(statement: ast.stmt) -> list[ast.stmt]:
    """`x = [e for t in it if c]` (or return) as a loop; `return all(...)` as an early return."""
    match statement:
        case ast.Assign(
            targets=[ast.Name(id=name)], value=ast.ListComp(elt=item, generators=[generator])
        ):
            return [_assign_empty_list(name), _build_loop(generator, _append_item(name, item))]
        case ast.Return(ast.ListComp(elt=item, generators=[generator])):
            return [
                _assign_empty_list("found"),
                _build_loop(generator, _append_item("found", item)),
                ast.Return(ast.Name("found", ast.Load())),
            ]
        case ast.Return(
            ast.Call(
                ast.Name(id="all" | "any" as function_name),
                [ast.GeneratorExp(elt=item, generators=[generator])],
            )
        ):
            test = ast.UnaryOp(ast.Not(), item) if function_name == "all" else item
            early = ast.If(test, [ast.Return(ast.Constant(function_name == "any"))], [])
            return [_build_loop(generator, early), ast.Return(ast.Constant(function_name == "all"))]
    return [statement]


def _assign_empty_list(name: str) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], ast.List([], ast.Load()))


def _append_item(name: str, item: ast.expr) -> ast.stmt:
    return ast.Expr(
        ast.Call(ast.Attribute(ast.Name(name, ast.Load()), "append", ast.Load()), [item], [])
    )


def _build_loop(generator: ast.comprehension, inner: ast.stmt) -> ast.stmt:
    for test in reversed(generator.ifs):
        inner = ast.If(test, [inner], [])
    return ast.For(generator.target, generator.iter, [inner], [])
