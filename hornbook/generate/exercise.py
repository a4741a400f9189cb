"""Parse a teacher's text into an exercise (prompt, solution, tests), or a rejection reason.

In: text with Python in it, fenced or not. Out: an Exercise whose prompt + solution is a program, or
a rejection reason. Only text and syntax trees are used: run_drafts.py runs the exercises.
"""

from __future__ import annotations

import ast
import doctest
import re
import textwrap
from dataclasses import dataclass

FENCE = re.compile(r"^```(?:python|py)?[ \t]*\n(.*?)(?:^```|\Z)", re.DOTALL | re.MULTILINE)
MIN_DOCSTRING_WORDS = 5  # a shorter docstring does not explain a task
MAX_LINES = 200  # lines read of an answer; bounds the search for a prefix that parses


@dataclass(frozen=True)
class Exercise:
    """A function to complete: `prompt + solution` defines `entry_point`, and `tests` call it."""

    entry_point: str
    prompt: str
    solution: str
    tests: str

    @property
    def program(self) -> str:
        return self.prompt + self.solution


def parse_exercise(text: str) -> Exercise | str:
    """The first function with a docstring and the assertions after it, or a rejection reason.

    Args:
        text: a teacher's answer; only its fenced Python blocks are read if there are any.

    >>> parse_exercise("Sure! I hope that it helps.")
    'does not parse'
    """
    code = "\n".join(FENCE.findall(text)) or text
    code, module = _parse_longest_prefix(code)
    if module is None:
        return "does not parse"
    explained = [
        node
        for node in module.body
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node)
    ]
    if not explained:
        return "no function with a docstring"
    node = explained[0]
    if len(node.body) < 2:
        return "no solution"
    prose = (ast.get_docstring(node) or "").split(">>>")[0]
    if len(prose.split()) < MIN_DOCSTRING_WORDS:
        return "the docstring explains nothing"
    tests = _extract_tests(module, code, node)
    if not tests:
        return "no tests"
    return _split_function(module, code, node, tests)


def _parse_longest_prefix(code: str) -> tuple[str, ast.Module | None]:
    """The longest prefix of lines that parses: an answer cut in its tests still has a function."""
    rows = code.splitlines(keepends=True)[:MAX_LINES]
    while rows:
        # ValueError: null bytes; RecursionError and MemoryError: very deep nesting.
        try:
            return "".join(rows), ast.parse("".join(rows))
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            rows.pop()
    return "", None


def extract_solution(text: str, exercise: Exercise) -> str:
    """The body of the exercise's function in a teacher's text, or "" if it is not there."""
    code = "\n".join(FENCE.findall(text)) or text
    code, module = _parse_longest_prefix(code)
    rows = code.splitlines(keepends=True)
    for node in module.body if module else ():
        if (
            isinstance(node, ast.FunctionDef)
            and node.name == exercise.entry_point
            # The first statement is the docstring, which the prompt already has.
            and len(node.body) > 1
        ):
            return "".join(rows[node.body[0].end_lineno or 0 : node.end_lineno]).rstrip("\n") + "\n"
    return ""


def _split_function(module: ast.Module, code: str, node: ast.FunctionDef, tests: str) -> Exercise:
    rows = code.splitlines(keepends=True)
    imports = [
        ast.unparse(n) + "\n" for n in module.body if isinstance(n, ast.Import | ast.ImportFrom)
    ]
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    docstring_end, last = node.body[0].end_lineno or 0, node.end_lineno or 0
    head = "".join(imports) + ("\n\n" if imports else "")
    solution = "".join(rows[docstring_end:last]).rstrip("\n") + "\n"
    return Exercise(node.name, head + "".join(rows[first - 1 : docstring_end]), solution, tests)


def _extract_tests(module: ast.Module, code: str, function: ast.FunctionDef) -> str:
    """Assertions after the function, at the left margin or in a test function, with context."""
    after = module.body[module.body.index(function) + 1 :]
    test_sources: list[str] = []
    for node in after:
        source = ast.get_source_segment(code, node) or ""
        if (
            isinstance(node, ast.FunctionDef)
            and node.name.startswith(("test", "check"))
            and not node.args.args
        ):
            body_lines = code.splitlines()[node.body[0].lineno - 1 : node.end_lineno]
            test_sources.append(textwrap.dedent("\n".join(body_lines)))
        # Assignments before the first assertion are the data that the assertions use.
        elif _has_assertion(node) or (not test_sources and isinstance(node, ast.Assign)):
            test_sources.append(source)
    names: set[str] = set()
    for text in test_sources:
        names |= {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    if function.name not in names or not any("assert" in text for text in test_sources):
        return ""
    return "\n".join(test_sources) + "\n"


def _has_assertion(node: ast.AST) -> bool:
    return isinstance(node, ast.Assert | ast.For) and any(
        isinstance(n, ast.Assert) for n in ast.walk(node)
    )


def examples_as_tests(prompt: str, entry_point: str) -> str:
    """The docstring's >>> examples as a test program, or "" if no example has a value.

    An example that must raise becomes a `try`. An example that prints runs unchecked, because tests
    compare values and not output.
    """
    has_body = prompt.rstrip().endswith("pass")
    module = ast.parse(prompt if has_body else prompt + "    pass\n")
    node = next(n for n in module.body if getattr(n, "name", "") == entry_point)
    assert isinstance(node, ast.FunctionDef | ast.ClassDef)
    try:
        shown = doctest.DocTestParser().get_examples(ast.get_docstring(node) or "")
    except ValueError:
        return ""
    lines = [_example_as_test(example) for example in shown]
    return "".join(lines) if any(line.startswith(("assert", "try")) for line in lines) else ""


def _example_as_test(example: doctest.Example) -> str:
    try:
        tree = ast.parse(example.source)
    except SyntaxError:
        return ""
    if not example.want:
        return example.source
    if example.exc_msg is not None:
        # Compared by the bare name, because doctest examples may have a module's name before it.
        name = example.exc_msg.split(":")[0].strip().rpartition(".")[2]
        body = textwrap.indent(example.source, "    ")
        caught = f"except Exception as _error:\n    assert type(_error).__name__ == {name!r}\n"
        return f"try:\n{body}{caught}else:\n    assert False, 'no {name}'\n"
    # Setup lines and printed output cannot be compared as values: the source runs unchecked.
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr) or _calls_print(tree):
        return example.source
    return f"assert repr({ast.unparse(tree.body[0])}) == {example.want.strip()!r}\n"


def _calls_print(tree: ast.AST) -> bool:
    return any(
        isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == "print"
        for n in ast.walk(tree)
    )
