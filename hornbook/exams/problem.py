"""One shape for the problems of every exam.

In: what a data set gives. Out: a Problem, whose `prompt + reference` is a program that passes
`tests`. Tests run in a process that never sees the candidate's code, so they bring along whatever
they need that is not the candidate's: `own_what_is_given` finds it. Not covered: problems in other
languages than Python.
"""

from __future__ import annotations

import ast
import builtins
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

# function: the prompt opens a function that is to be completed. mbpp: a description, and a whole
# program is the answer. output: `assert f(...) ==` is to be completed with a literal; the verifier
# asks for it as answer().
ProblemForm = Literal["function", "mbpp", "output"]


@dataclass(frozen=True)
class Problem:
    """A problem of an exam. Frozen and made of texts, so it can be hashed, sent and written."""

    task_id: str
    prompt: str  # what a model is given
    entry_point: str  # what the tests call
    reference: str  # completes the prompt
    tests: str  # a program that calls entry_point and raises AssertionError for a wrong answer
    text: str  # the task in words: what detectors of contamination compare
    form: ProblemForm = "function"
    calls: tuple[str, ...] = ()  # further names of the candidate's that the tests use
    examples: tuple[str, ...] = ()  # assertions that a prompt may show
    # Times the usual time limit: EvalPlus's inputs run for seconds in the references themselves.
    patience: float = 1.0
    shots: str = ""  # solved problems to be shown before this one, in lm-evaluation-harness's form

    @property
    def entry_points(self) -> tuple[str, ...]:
        """Every name that the tests need from the candidate."""
        return (self.entry_point, *self.calls)

    @property
    def classes(self) -> tuple[str, ...]:
        """The entry points that are classes in the reference; a program does not decide that."""
        if self.form == "output":
            return ()
        defined = {
            node.name for node in ast.parse(self.solution).body if isinstance(node, ast.ClassDef)
        }
        return tuple(name for name in self.entry_points if name in defined)

    @property
    def solution(self) -> str:
        """The reference as a whole program."""
        return self.prompt + self.reference


def digest_problems(problems: Iterable[Problem]) -> str:
    """SHA-256 of everything in the problems, in hex: two exams with one digest are one exam."""
    return hashlib.sha256(
        json.dumps([asdict(p) for p in problems], sort_keys=True).encode()
    ).hexdigest()


def add_test_helpers(
    prompt: str, reference: str, tests: str, entry_point: str
) -> tuple[str, tuple[str, ...]]:
    """The tests with what they need in front of them, and what they need from the program.

    A helper that the prompt defines (HumanEval/32: poly) belongs to the tests: a candidate that
    redefines it would mark its own paper. A name that only the reference defines (MBPP/601: Pair)
    is the candidate's to supply.
    """
    needed = find_free_names(tests) - {entry_point}
    if not needed:
        return tests, ()
    prompt_definitions = _complete_definitions(prompt + reference, prompt)
    solved = ast.parse(prompt + reference)
    helpers = [source for name, source in prompt_definitions.items() if name in needed]
    import_nodes = [n for n in solved.body if isinstance(n, ast.Import | ast.ImportFrom)]
    imports = [ast.unparse(node) for node in import_nodes]
    imported: set[str] = set()
    for node in import_nodes:
        imported |= {alias.asname or alias.name for alias in node.names}
    if helpers or imported & needed:
        tests = "\n".join([*imports, *helpers, tests])
    reference_names = {
        n.name for n in solved.body if isinstance(n, ast.FunctionDef | ast.ClassDef)
    } - prompt_definitions.keys()
    return tests, tuple(sorted(needed & reference_names))


def _complete_definitions(program: str, prompt: str) -> dict[str, str]:
    """The complete functions and classes of the prompt by name. The last one may be left open."""
    lines = prompt.count("\n")
    return {
        node.name: ast.get_source_segment(program, node) or ""
        for node in ast.parse(program).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and (node.end_lineno or 0) < lines
    }


def find_free_names(source: str) -> set[str]:
    """Names that a program reads and does not bind anywhere, builtins left out."""
    used, bound = set(), set(dir(builtins))
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Name(id=name, ctx=ast.Load()):
                used.add(name)
            case (
                ast.Name(id=name)
                | ast.arg(arg=name)
                | ast.FunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                bound.add(name)
            case ast.alias(name=name, asname=other):
                bound.add(other or name.split(".")[0])
            case ast.ExceptHandler(name=str(name)):
                bound.add(name)
    return used - bound


def first_field(row: Mapping[str, Any], *names: str) -> str:
    """The first of these fields that is there: data sets name the same thing differently."""
    for name in names:
        if row.get(name) is not None:
            return str(row[name])
    raise KeyError(names[0])
