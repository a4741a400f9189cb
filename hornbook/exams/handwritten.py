"""Hand-written exercises: a module of functions, each with docstring and its `test_` function.

In: a module's text; its own docstring names the topic. Out: `Handwritten` records. The seed shelf
and our unconventional exam are written so, because such a file can be read, linted and run like any
other code.

Not covered: nothing is run here. The files are parsed by `ast` and sliced by line, so comments
survive; whoever executes an exercise does so in the sandbox, except our own tests, which trust what
we wrote.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from textwrap import dedent


@dataclass(frozen=True)
class HandwrittenExercise:
    """One exercise. `prompt + solution` is a complete module; with `tests` it runs hidden tests."""

    name: str
    topic: str  # a path such as "Strings / replacing and translating"
    prompt: str  # the imports that the exercise uses, signature, docstring with examples
    solution: str  # the rest of the body, indented as it stands under the prompt
    tests: str  # the body of test_NAME at the left margin, with the imports that only it uses
    path: str  # the topic file's name
    lines: tuple[int, int]  # first and last line in that file, from 1


@cache  # several stages of a run ask for the same files
def split_exercises(source: str, path: str) -> tuple[HandwrittenExercise, ...]:
    """The exercises of one topic file: public functions and classes with their `test_` function.

    Raises KeyError where an exercise has no test, AssertionError where the module or an exercise
    has no docstring.
    """
    module = ast.parse(source)
    topic = ast.get_docstring(module)
    assert topic, f"{path} does not open with its topic"
    imports = [node for node in module.body if isinstance(node, (ast.Import, ast.ImportFrom))]
    defined = {
        node.name: node for node in module.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    rows = source.splitlines(keepends=True)
    exercises = []
    for name, node in defined.items():
        if name.startswith("test_"):
            continue
        test = defined[f"test_{name}"]
        assert ast.get_docstring(node), f"{path}: {name} has no docstring"
        first = min([node.lineno] + [decorator.lineno for decorator in node.decorator_list])
        split_at, last = node.body[0].end_lineno or 0, node.end_lineno or 0
        header = _imports_for(node, imports)
        test_rows = "".join(rows[test.lineno : test.end_lineno])
        exercise = HandwrittenExercise(
            name=name,
            topic=topic.splitlines()[0],
            prompt=(header and header + "\n\n") + "".join(rows[first - 1 : split_at]),
            solution="".join(rows[split_at:last]),
            tests=_imports_for(test, imports, excluded=node) + dedent(test_rows),
            path=path,
            lines=(first, last),
        )
        exercises.append(exercise)
    return tuple(exercises)


def _imports_for(
    node: ast.AST, imports: list[ast.Import | ast.ImportFrom], excluded: ast.AST | None = None
) -> str:
    """The file's imports whose names `node` mentions and `but_not` does not, a line per module."""
    used = _used_names(node) - (_used_names(excluded) if excluded else set())
    lines = []
    for statement in imports:
        kept = [
            alias for alias in statement.names if (alias.asname or alias.name).split(".")[0] in used
        ]
        if kept:
            shorter = (
                ast.Import(kept)
                if isinstance(statement, ast.Import)
                else ast.ImportFrom(statement.module, kept, statement.level)
            )
            lines.append(ast.unparse(shorter) + "\n")
    return "".join(lines)


def _used_names(node: ast.AST) -> set[str]:
    return {child.id for child in ast.walk(node) if isinstance(child, ast.Name)}
