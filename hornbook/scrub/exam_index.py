"""The problems of the exams that a recipe names: by name for hornbook.exams, or a stage's kept exercises.

In: names and stages. Out: problems; their runs of words and their trees, made once a process
(HumanEval's take 0.1 s, a batch of 5,000 exercises 1 s); and the forms in which a text may resemble
one: as the exam has it, and without its docstring. Embeddings need both: with the documented form
alone they found 41% of the plants without a docstring at 2% false alarms, with both 100% (SmolLM2,
layer 6, 30 problems of HumanEval).
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hornbook.exams import from_records, load
from hornbook.frame.stage import Desk, Stage
from hornbook.records import UserError
from hornbook.scrub import ngram, syntax

if TYPE_CHECKING:
    from hornbook.exams import Problem


def problems(desk: Desk, exams: Sequence[str | Stage]) -> list[Problem]:
    """The problems of all exams, in their order. Raises UserError where there is none to keep out."""
    found: list[Problem] = []
    for exam in exams:
        if isinstance(exam, str):
            found += load(exam)
        else:
            found += from_records(row for table in desk.kept(exam) for row in table.to_pylist())
    if not found:
        raise UserError("nothing to keep unseen: name an exam, such as exams=('humaneval',)")
    return found


@functools.lru_cache(maxsize=4)
def runs(
    exam: tuple[Problem, ...],
    n: int = ngram.N,
    shared: int = 0,
    idioms: frozenset[bytes] = frozenset(),
) -> ngram.Runs:
    """The runs of words of each problem's text and solution."""
    return ngram.index([(problem.text, problem.solution) for problem in exam], n, shared, idioms)


@functools.lru_cache(maxsize=4)
def units(exam: tuple[Problem, ...]) -> tuple[str, ...]:
    """The tree of each problem's entry point, as a string."""
    return tuple(syntax.unit(problem.solution, problem.entry_point) for problem in exam)


def views(exam: Sequence[Problem]) -> tuple[list[str], list[int]]:
    """The forms of all problems, and of each form the position of its problem."""
    found = [(text, at) for at, problem in enumerate(exam)
             for text in (problem.solution, without_docstrings(problem.solution)) if text]  # fmt: skip
    return [text for text, _ in found], [at for _, at in found]


def without_docstrings(program: str) -> str | None:
    """The program without its docstrings, otherwise letter for letter; None where it has none that can go."""
    gone = [node for _, node in docstrings(ast.parse(program))]
    lines = program.splitlines()
    for node in sorted(gone, key=lambda n: -n.lineno):
        lines[node.lineno - 1 : node.end_lineno] = []
    return parsing("\n".join(lines) + "\n") if gone else None


def parsing(text: str) -> str | None:
    """The text, if it is a program."""
    try:
        ast.parse(text)
    except SyntaxError:
        return None
    return text


def docstrings(tree: ast.AST) -> Iterator[tuple[Any, ast.Expr]]:
    """(owner, statement) of every docstring that is not all of its owner's body."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and len(node.body) > 1:
            first = node.body[0]
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                yield node, first
