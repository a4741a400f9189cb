"""Probes of what finetuning changes beside the exam: following instructions, using libraries.

In: programs that base and finetuned model wrote for the same prompts. Out: what was asked for and
what was met, counted by inspection: nothing that a model wrote is run. One probe counts the
constraints of an instruction, the other the imports, names and calls of a library that exist in the
installed one.

Not covered: whether the program is right (the exams ask that), and libraries beyond INSPECTED: a
name is looked up in the real module, and a module that a model names is never imported for it.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

from hornbook.verify.extract import find_longest_code

TreeCheck = Callable[[ast.Module], bool]


@dataclass(frozen=True)
class CheckCounts:
    """How much of what was asked for is there, and what is missing, in words."""

    met: int
    total: int
    missing: tuple[str, ...]


@dataclass(frozen=True)
class ProbePrompt:
    """A prompt with what its answer is inspected for."""

    task_id: str
    prompt: str
    count_met: Callable[[str], CheckCounts]  # of the whole program, prompt included


def _top_level_functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def _contains_node(*kinds: type[ast.AST]) -> TreeCheck:
    return lambda tree: any(isinstance(node, kinds) for node in ast.walk(tree))


def _calls_function(name: str) -> TreeCheck:
    def check(tree: ast.Module) -> bool:
        calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
        return any(isinstance(func, ast.Name) and func.id == name for func in calls)

    return check


def _defines_function(name: str) -> TreeCheck:
    return lambda tree: any(function.name == name for function in _top_level_functions(tree))


def _takes_parameters(*names: str) -> TreeCheck:
    return lambda tree: any(
        [a.arg for a in function.args.args] == list(names)
        for function in _top_level_functions(tree)
    )


def _all_functions(check: Callable[[ast.FunctionDef], bool]) -> TreeCheck:
    """All functions, of which there must be one."""
    return lambda tree: (
        bool(_top_level_functions(tree))
        and all(check(function) for function in _top_level_functions(tree))
    )


def _negate(check: TreeCheck) -> TreeCheck:
    """Not doing something counts only where something was done."""
    return lambda tree: bool(_top_level_functions(tree)) and not check(tree)


def _is_recursive(tree: ast.Module) -> bool:
    return any(
        _calls_function(function.name)(ast.Module(function.body, []))
        for function in _top_level_functions(tree)
    )


def _has_default(tree: ast.Module) -> bool:
    return any(function.args.defaults for function in _top_level_functions(tree))


def _is_annotated(function: ast.FunctionDef) -> bool:
    return function.returns is not None and all(
        a.annotation is not None for a in function.args.args
    )


# The instruction's words, and the look at the tree that tells whether it was followed.
CONSTRAINTS: dict[str, TreeCheck] = {
    "use a for loop": _contains_node(ast.For),
    "use a while loop": _contains_node(ast.While),
    "use no loop": _negate(_contains_node(ast.For, ast.While)),
    "use a list comprehension": _contains_node(ast.ListComp),
    "use a dictionary": _contains_node(ast.Dict, ast.DictComp),
    "use a generator with yield": _contains_node(ast.Yield, ast.YieldFrom),
    "use recursion": _is_recursive,
    "use no recursion": _negate(_is_recursive),
    "use a conditional expression": _contains_node(ast.IfExp),
    "use a lambda": _contains_node(ast.Lambda),
    "use an f-string": _contains_node(ast.JoinedStr),
    "raise a ValueError for bad input": lambda tree: any(
        isinstance(n, ast.Raise) and "ValueError" in ast.dump(n) for n in ast.walk(tree)
    ),
    "catch an exception": _contains_node(ast.Try),
    "write a docstring": _all_functions(lambda function: ast.get_docstring(function) is not None),
    "annotate the parameters and the result": _all_functions(_is_annotated),
    "write exactly one function": lambda tree: len(_top_level_functions(tree)) == 1,
    "write exactly two functions": lambda tree: len(_top_level_functions(tree)) == 2,
    "give a parameter a default value": _has_default,
    "do not call sum": _negate(_calls_function("sum")),
    "do not call sorted": _negate(_calls_function("sorted")),
    "call enumerate": _calls_function("enumerate"),
    "call zip": _calls_function("zip"),
    "import nothing": _negate(_contains_node(ast.Import, ast.ImportFrom)),
}

# name, parameters, task, constraints: written so that each can be met, by a program of a few lines.
INSTRUCTIONS: tuple[tuple[str, tuple[str, ...], str, tuple[str, ...]], ...] = (
    ("total", ("values",), "adds up a list of numbers", ("use a for loop", "do not call sum")),
    ("countdown", ("start",), "lists the numbers from start down to 1", ("use a while loop",
     "write a docstring")),
    ("squares", ("n",), "lists the squares below n", ("use a list comprehension", "use no loop")),
    ("tally", ("words",), "counts the words", ("use a dictionary", "use a for loop",
     "import nothing")),
    ("depth", ("nested",), "tells how deeply lists are nested", ("use recursion",
     "write exactly one function")),
    ("evens", ("limit",), "gives the even numbers below a limit one by one",
     ("use a generator with yield",)),
    ("sign", ("x",), "gives -1, 0 or 1", ("use a conditional expression", "use no loop",
     "write a docstring")),
    ("shortest_first", ("words",), "orders words by length", ("use a lambda",
     "write exactly one function")),
    ("greet", ("name",), "greets a person", ("use an f-string",
     "annotate the parameters and the result")),
    ("root", ("x",), "gives the square root", ("raise a ValueError for bad input",
     "write a docstring")),
    ("to_number", ("text",), "turns a text into a whole number, or None", ("catch an exception",
     "use no loop")),
    ("area", ("width", "height"), "gives the area of a rectangle",
     ("annotate the parameters and the result",)),
    ("power", ("base", "exponent"), "gives a power", ("give a parameter a default value",
     "use no recursion")),
    ("largest", ("values",), "finds the largest value", ("use a for loop", "do not call sorted",
     "import nothing")),
    ("positions", ("values", "wanted"), "lists where a value occurs", ("call enumerate",
     "use a list comprehension")),
    ("dot", ("a", "b"), "multiplies two vectors", ("call zip",
     "annotate the parameters and the result")),
    ("factorial", ("n",), "gives the factorial", ("use recursion",
     "raise a ValueError for bad input")),
    ("is_prime", ("n",), "tells whether a number is prime", ("use a while loop",
     "use no recursion", "import nothing")),
    ("mean", ("values",), "gives the average of a list", ("write exactly two functions",
     "write a docstring")),
    ("invert", ("mapping",), "swaps keys and values", ("use a dictionary",
     "write exactly one function")),
    ("digits", ("n",), "lists the digits of a number", ("use a while loop",
     "annotate the parameters and the result")),
    ("flatten", ("rows",), "joins a list of lists", ("use a for loop", "use no recursion",
     "do not call sum")),
    ("vowels", ("text",), "counts the vowels of a text", ("use a generator with yield",
     "write exactly two functions")),
    ("celsius", ("fahrenheit",), "converts a temperature", ("use no loop", "import nothing",
     "write a docstring")),
)  # fmt: skip


def make_instruction_probes() -> list[ProbePrompt]:
    """The instruction probe: a docstring asks, a program follows."""
    return [_make_instruction_probe(*instruction) for instruction in INSTRUCTIONS]


def _make_instruction_probe(
    name: str, parameters: tuple[str, ...], task: str, constraints: tuple[str, ...]
) -> ProbePrompt:
    constraint_text = "; ".join(constraints)
    arguments = ", ".join(parameters)
    prompt = (
        f'"""Write a function {name}({arguments}) that {task}. Constraints: {constraint_text}."""\n'
    )
    checks = {
        f"be named {name}": _defines_function(name),
        f"take ({arguments})": _takes_parameters(*parameters),
    }
    return ProbePrompt(
        name, prompt, combine_checks(checks | {words: CONSTRAINTS[words] for words in constraints})
    )


def combine_checks(checks: dict[str, TreeCheck]) -> Callable[[str], CheckCounts]:
    """A count of these checks; a program that does not parse meets none of them."""

    def count_met(program: str) -> CheckCounts:
        tree = parse_program(program)
        missing = tuple(
            description for description, check in checks.items() if tree is None or not check(tree)
        )
        return CheckCounts(len(checks) - len(missing), len(checks), missing)

    return count_met


def parse_program(program: str) -> ast.Module | None:
    try:
        return ast.parse(find_longest_code(program))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


# Standard library, and what Hornbook itself depends on: installed wherever it runs.
INSPECTED_LIBRARIES = (
    "collections", "csv", "datetime", "functools", "itertools", "json", "math", "numpy", "os",
    "pathlib", "random", "re", "statistics", "string", "torch",
)  # fmt: skip
LIBRARY_TASKS: tuple[tuple[str, str, str], ...] = (
    ("collections", "import collections", "the three most common words of a text"),
    ("csv", "import csv", "read a table of names and ages from a file and add up the ages"),
    ("datetime", "import datetime", "the number of days between two dates given as texts"),
    ("functools", "import functools",
     "the n-th Fibonacci number with its earlier values remembered"),
    ("itertools", "import itertools", "all pairs of two lists, and all orders of one"),
    ("json", "import json", "read a settings file, change one value, write it back"),
    ("math", "import math", "the distance between two points, and the angle between them"),
    ("numpy", "import numpy as np", "normalise each row of a matrix to length one"),
    ("numpy", "import numpy as np", "solve a system of linear equations and check the solution"),
    ("os", "import os", "list the files of a folder that are larger than a limit"),
    ("pathlib", "from pathlib import Path", "count the lines of every Python file below a folder"),
    ("random", "import random", "draw three different winners from a list of names"),
    ("re", "import re", "find all e-mail addresses in a text and hide them"),
    ("statistics", "import statistics", "the mean, the median and the spread of some measurements"),
    ("string", "import string", "a text without its punctuation, in lower case"),
    ("torch", "import torch\nimport torch.nn.functional as F",
     "an image classifier of two convolutional layers"),
    ("torch", "import torch", "a training loop for linear regression with an optimiser"),
)  # fmt: skip


def make_library_probes() -> list[ProbePrompt]:
    """The library probe: an import and a comment; what the program names is looked up."""
    return [
        ProbePrompt(
            f"{name}-{i}",
            f"{imports}\n\n# {task[0].upper()}{task[1:]}.\ndef ",
            count_existing_names,
        )
        for i, (name, imports, task) in enumerate(LIBRARY_TASKS)
    ]


def count_existing_names(program: str) -> CheckCounts:
    """Imports and dotted names of INSPECTED_LIBRARIES in a program, and which do not exist.

    A program that does not parse, or that uses nothing of a library, has one thing asked for and
    none met.
    """
    tree = parse_program(program)
    if tree is None:
        return CheckCounts(0, 1, ("a program that parses",))
    paths = dict.fromkeys(_find_used_paths(tree))
    if not paths:
        return CheckCounts(0, 1, ("any use of the library",))
    missing = tuple(path for path in paths if not path_exists(path))
    return CheckCounts(len(paths) - len(missing), len(paths), missing)


def _find_used_paths(tree: ast.Module) -> list[str]:
    """Imported names and dotted paths below them (np.linalg.norm as numpy.linalg.norm)."""
    path_by_name: dict[str, str] = {}
    paths: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top_name = alias.name.split(".")[0]
                path_by_name[alias.asname or top_name] = alias.name if alias.asname else top_name
            paths += [alias.name for alias in node.names if "." in alias.name]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            path_by_name |= {
                alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names
            }
            paths += [f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*"]
    inner_ids = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner_ids:
            path = _join_attributes(node)
            if path and path.split(".")[0] in path_by_name:
                paths.append(path_by_name[path.split(".")[0]] + path[len(path.split(".")[0]) :])
    return [path for path in paths if path.split(".")[0] in INSPECTED_LIBRARIES]


def _join_attributes(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (prefix := _join_attributes(node.value)):
        return f"{prefix}.{node.attr}"
    return ""


def path_exists(path: str) -> bool:
    """Whether a dotted path below an inspected library exists. Only the library is imported."""
    first, *rest = path.split(".")
    value = importlib.import_module(first)
    for depth, name in enumerate(rest, start=1):
        if not hasattr(value, name):
            package = ".".join([first, *rest[: depth - 1]])
            return (
                hasattr(value, "__path__")
                and importlib.util.find_spec(f"{package}.{name}") is not None
            )
        value = getattr(value, name)
    return True
