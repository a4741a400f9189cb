"""What finetuning changes beside the exam (the paper's section 3): following instructions, and using libraries.

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

from hornbook.verify.extract import longest_code

Check = Callable[[ast.Module], bool]


@dataclass(frozen=True)
class Counted:
    """How much of what was asked for is there, and what is missing, in words."""

    met: int
    asked: int
    missing: tuple[str, ...]


@dataclass(frozen=True)
class Probe:
    """A prompt with what its answer is inspected for."""

    task_id: str
    prompt: str
    count: Callable[[str], Counted]  # of the whole program, prompt included


def _functions(tree: ast.Module) -> list[ast.FunctionDef]:
    return [node for node in tree.body if isinstance(node, ast.FunctionDef)]


def _has(*kinds: type[ast.AST]) -> Check:
    return lambda tree: any(isinstance(node, kinds) for node in ast.walk(tree))


def _calls(name: str) -> Check:
    return lambda tree: any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name
                            for n in ast.walk(tree))  # fmt: skip


def _named(name: str) -> Check:
    return lambda tree: any(each.name == name for each in _functions(tree))


def _takes(*names: str) -> Check:
    return lambda tree: any(
        [a.arg for a in each.args.args] == list(names) for each in _functions(tree)
    )


def _each(check: Callable[[ast.FunctionDef], bool]) -> Check:
    """All functions, of which there must be one."""
    return lambda tree: bool(_functions(tree)) and all(check(each) for each in _functions(tree))


def _not(check: Check) -> Check:
    """Not doing something counts only where something was done."""
    return lambda tree: bool(_functions(tree)) and not check(tree)


def _recursive(tree: ast.Module) -> bool:
    return any(_calls(each.name)(ast.Module(each.body, [])) for each in _functions(tree))


def _defaults(tree: ast.Module) -> bool:
    return any(each.args.defaults for each in _functions(tree))


def _annotated(each: ast.FunctionDef) -> bool:
    return each.returns is not None and all(a.annotation is not None for a in each.args.args)


# The instruction's words, and the look at the tree that tells whether it was followed.
CONSTRAINTS: dict[str, Check] = {
    "use a for loop": _has(ast.For),
    "use a while loop": _has(ast.While),
    "use no loop": _not(_has(ast.For, ast.While)),
    "use a list comprehension": _has(ast.ListComp),
    "use a dictionary": _has(ast.Dict, ast.DictComp),
    "use a generator with yield": _has(ast.Yield, ast.YieldFrom),
    "use recursion": _recursive,
    "use no recursion": _not(_recursive),
    "use a conditional expression": _has(ast.IfExp),
    "use a lambda": _has(ast.Lambda),
    "use an f-string": _has(ast.JoinedStr),
    "raise a ValueError for bad input": lambda tree: any(
        isinstance(n, ast.Raise) and "ValueError" in ast.dump(n) for n in ast.walk(tree)
    ),
    "catch an exception": _has(ast.Try),
    "write a docstring": _each(lambda each: ast.get_docstring(each) is not None),
    "annotate the parameters and the result": _each(_annotated),
    "write exactly one function": lambda tree: len(_functions(tree)) == 1,
    "write exactly two functions": lambda tree: len(_functions(tree)) == 2,
    "give a parameter a default value": _defaults,
    "do not call sum": _not(_calls("sum")),
    "do not call sorted": _not(_calls("sorted")),
    "call enumerate": _calls("enumerate"),
    "call zip": _calls("zip"),
    "import nothing": _not(_has(ast.Import, ast.ImportFrom)),
}

# name, parameters, task, constraints: written so that each can be met, by a program of a few lines.
INSTRUCTIONS: tuple[tuple[str, tuple[str, ...], str, tuple[str, ...]], ...] = (
    ("total", ("values",), "adds up a list of numbers", ("use a for loop", "do not call sum")),
    ("countdown", ("start",), "lists the numbers from start down to 1", ("use a while loop", "write a docstring")),
    ("squares", ("n",), "lists the squares below n", ("use a list comprehension", "use no loop")),
    ("tally", ("words",), "counts the words", ("use a dictionary", "use a for loop", "import nothing")),
    ("depth", ("nested",), "tells how deeply lists are nested", ("use recursion", "write exactly one function")),
    ("evens", ("limit",), "gives the even numbers below a limit one by one", ("use a generator with yield",)),
    ("sign", ("x",), "gives -1, 0 or 1", ("use a conditional expression", "use no loop", "write a docstring")),
    ("shortest_first", ("words",), "orders words by length", ("use a lambda", "write exactly one function")),
    ("greet", ("name",), "greets a person", ("use an f-string", "annotate the parameters and the result")),
    ("root", ("x",), "gives the square root", ("raise a ValueError for bad input", "write a docstring")),
    ("to_number", ("text",), "turns a text into a whole number, or None", ("catch an exception", "use no loop")),
    ("area", ("width", "height"), "gives the area of a rectangle", ("annotate the parameters and the result",)),
    ("power", ("base", "exponent"), "gives a power", ("give a parameter a default value", "use no recursion")),
    ("largest", ("values",), "finds the largest value", ("use a for loop", "do not call sorted", "import nothing")),
    ("positions", ("values", "wanted"), "lists where a value occurs", ("call enumerate", "use a list comprehension")),
    ("dot", ("a", "b"), "multiplies two vectors", ("call zip", "annotate the parameters and the result")),
    ("factorial", ("n",), "gives the factorial", ("use recursion", "raise a ValueError for bad input")),
    ("is_prime", ("n",), "tells whether a number is prime", ("use a while loop", "use no recursion", "import nothing")),
    ("mean", ("values",), "gives the average of a list", ("write exactly two functions", "write a docstring")),
    ("invert", ("mapping",), "swaps keys and values", ("use a dictionary", "write exactly one function")),
    ("digits", ("n",), "lists the digits of a number", ("use a while loop", "annotate the parameters and the result")),
    ("flatten", ("rows",), "joins a list of lists", ("use a for loop", "use no recursion", "do not call sum")),
    ("vowels", ("text",), "counts the vowels of a text", ("use a generator with yield", "write exactly two functions")),
    ("celsius", ("fahrenheit",), "converts a temperature", ("use no loop", "import nothing", "write a docstring")),
)  # fmt: skip


def instructions() -> list[Probe]:
    """The instruction probe: a docstring asks, a program follows."""
    return [_instruction(*each) for each in INSTRUCTIONS]


def _instruction(
    name: str, parameters: tuple[str, ...], task: str, constraints: tuple[str, ...]
) -> Probe:
    asked = "; ".join(constraints)
    arguments = ", ".join(parameters)
    prompt = f'"""Write a function {name}({arguments}) that {task}. Constraints: {asked}."""\n'
    checks = {f"be named {name}": _named(name), f"take ({arguments})": _takes(*parameters)}
    return Probe(
        name, prompt, counter(checks | {words: CONSTRAINTS[words] for words in constraints})
    )


def counter(checks: dict[str, Check]) -> Callable[[str], Counted]:
    """A count of these checks; a program that does not parse meets none of them."""

    def count(program: str) -> Counted:
        tree = parsed(program)
        missing = tuple(words for words, check in checks.items() if tree is None or not check(tree))
        return Counted(len(checks) - len(missing), len(checks), missing)

    return count


def parsed(program: str) -> ast.Module | None:
    try:
        return ast.parse(longest_code(program))
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return None


# Standard library, and what Hornbook itself depends on: installed wherever it runs.
INSPECTED = ("collections", "csv", "datetime", "functools", "itertools", "json", "math", "numpy", "os", "pathlib",
             "random", "re", "statistics", "string", "torch")  # fmt: skip
LIBRARY_TASKS: tuple[tuple[str, str, str], ...] = (
    ("collections", "import collections", "the three most common words of a text"),
    ("csv", "import csv", "read a table of names and ages from a file and add up the ages"),
    ("datetime", "import datetime", "the number of days between two dates given as texts"),
    ("functools", "import functools", "the n-th Fibonacci number with its earlier values remembered"),
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
    ("torch", "import torch\nimport torch.nn.functional as F", "an image classifier of two convolutional layers"),
    ("torch", "import torch", "a training loop for linear regression with an optimiser"),
)  # fmt: skip


def libraries() -> list[Probe]:
    """The library probe: an import and a comment ask, and what the program names is looked up in the library."""
    return [
        Probe(f"{name}-{at}", f"{imports}\n\n# {task[0].upper()}{task[1:]}.\ndef ", existing)
        for at, (name, imports, task) in enumerate(LIBRARY_TASKS)
    ]


def existing(program: str) -> Counted:
    """The imports and dotted names of INSPECTED libraries in a program, and which of them do not exist.

    A program that does not parse, or that uses nothing of a library, has one thing asked for and
    none met.
    """
    tree = parsed(program)
    if tree is None:
        return Counted(0, 1, ("a program that parses",))
    paths = dict.fromkeys(_used(tree))
    if not paths:
        return Counted(0, 1, ("any use of the library",))
    missing = tuple(path for path in paths if not exists(path))
    return Counted(len(paths) - len(missing), len(paths), missing)


def _used(tree: ast.Module) -> list[str]:
    """Dotted paths below imported names, `np.linalg.norm` as numpy.linalg.norm, and what is imported by name."""
    bound: dict[str, str] = {}
    used: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            bound |= {alias.asname or alias.name.split(".")[0]: alias.name if alias.asname else alias.name.split(".")[0]
                      for alias in node.names}  # fmt: skip
            used += [alias.name for alias in node.names if "." in alias.name]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            bound |= {
                alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names
            }
            used += [f"{node.module}.{alias.name}" for alias in node.names if alias.name != "*"]
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and id(node) not in inner:
            path = _dotted(node)
            if path and path.split(".")[0] in bound:
                used.append(bound[path.split(".")[0]] + path[len(path.split(".")[0]) :])
    return [path for path in used if path.split(".")[0] in INSPECTED]


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (before := _dotted(node.value)):
        return f"{before}.{node.attr}"
    return ""


def exists(path: str) -> bool:
    """Whether a dotted path below an INSPECTED library is there. Only the library itself is imported."""
    first, *rest = path.split(".")
    found = importlib.import_module(first)
    for at, name in enumerate(rest, start=1):
        if not hasattr(found, name):
            package = ".".join([first, *rest[: at - 1]])
            return (
                hasattr(found, "__path__")
                and importlib.util.find_spec(f"{package}.{name}") is not None
            )
        found = getattr(found, name)
    return True
