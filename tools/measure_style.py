"""Measure how readable the code is: names, comprehensions, comments, sizes.

In: the package's source files (data modules are left out). Out: a table, or one JSON object.
The measures are those of docs/design.md, "Names"; tests/test_style.py holds the ones that have a
limit. Run `python tools/measure_style.py`, or with `--list` to see each place that breaks a rule.
"""

from __future__ import annotations

import argparse
import ast
import io
import json
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
# Exercises and exam problems are data: their text is a student's.
DATA_FOLDERS = ("hornbook/seed/exercises/", "hornbook/exams/unconventional/")
DATA_FILES = ("hornbook/generate/few_shot_examples.py",)

LINE_LIMIT = 100
# Words that say nothing about what a variable holds.
PRO_WORDS = frozenset({
    "at", "each", "found", "made", "asked", "mine", "said", "told", "known", "wanted", "before",
    "given", "held", "ours", "theirs", "how", "where", "number",
})  # fmt: skip
# Participles that do not end in -ed.
IRREGULAR_PARTICIPLES = frozenset({
    "begun", "born", "bought", "built", "chosen", "cut", "done", "drawn", "driven", "fallen",
    "felt", "found", "given", "gone", "grown", "heard", "held", "hidden", "kept", "known",
    "laid", "led", "left", "lost", "made", "meant", "met", "paid", "run", "said", "sent", "set",
    "shown", "split", "spoken", "taken", "taught", "thrown", "told", "thought", "understood",
    "worn", "written",
})  # fmt: skip
# Irregular participles that are also verbs, and so name a function well.
ALSO_VERBS = frozenset({"cut", "run", "set", "split"})
# Words in -ed that are no participles.
NO_PARTICIPLES = frozenset({"embed", "feed", "need", "seed", "shed", "speed"})


@dataclass(frozen=True)
class Place:
    """One place that a rule speaks of."""

    rule: str
    path: str
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.name}"


def list_modules(root: Path = ROOT) -> list[Path]:
    """The package's modules in order, without those that hold data."""
    return [
        path
        for path in sorted((root / "hornbook").rglob("*.py"))
        if not str(path.relative_to(root)).startswith(DATA_FOLDERS)
        and str(path.relative_to(root)) not in DATA_FILES
    ]


def split_words(name: str) -> list[str]:
    """The words of a name in snake case, without underscores at its ends.

    >>> split_words("_read_shard")
    ['read', 'shard']
    """
    return [word for word in name.strip("_").split("_") if word]


def is_participle(name: str) -> bool:
    """Whether a name is one bare participle.

    >>> is_participle("asked"), is_participle("chosen"), is_participle("embed")
    (True, True, False)
    """
    words = split_words(name)
    if len(words) != 1:
        return False
    word = words[0]
    if word in NO_PARTICIPLES or word in ALSO_VERBS:
        return False
    return word in IRREGULAR_PARTICIPLES or (word.endswith("ed") and len(word) > 4)


def is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def is_attribute(function: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether a method is read like an attribute (a property), whose name is a noun."""
    decorators = {ast.unparse(decorator) for decorator in function.decorator_list}
    return bool(decorators & {"property", "functools.cached_property", "cached_property"})


def list_functions(tree: ast.AST) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """All functions and methods but the ones that Python names (`__init__`)."""
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not is_dunder(node.name)
    ]


def iterate_bound_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Each name that is bound (assigned, argument, loop variable, alias), with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, NAMED_NODES):
            if node.name:
                yield node.name, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno


def count_lines(source: str) -> tuple[int, int]:
    """(code lines, comment lines) of a module. A docstring counts as neither."""
    comment_lines, code_lines = set(), set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            comment_lines.add(token.start[0])
        elif token.type not in (
            tokenize.NL,
            tokenize.NEWLINE,
            tokenize.INDENT,
            tokenize.DEDENT,
            tokenize.ENDMARKER,
        ):
            code_lines.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            code_lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(code_lines), len(comment_lines)


NAMED_NODES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.ExceptHandler)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def find_places(path: Path, root: Path = ROOT) -> list[Place]:
    """All places of a module that break a rule."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    relative = str(path.relative_to(root))
    places = []

    def add(rule: str, line: int, name: str) -> None:
        places.append(Place(rule, relative, line, name))

    for function in list_functions(tree):
        length = (function.end_lineno or 0) - function.lineno + 1
        n_parameters = len(function.args.args) + len(function.args.kwonlyargs)
        if is_participle(function.name):
            add("participle", function.lineno, function.name)
        if length >= 60:
            add("long function", function.lineno, f"{function.name} ({length} lines)")
        if n_parameters > 14:
            add("many parameters", function.lineno, f"{function.name} ({n_parameters})")
    for node in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]:
        for child in node.body:
            if (
                isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
                and not child.name.startswith("_")
                and len(split_words(child.name)) == 1
                and not is_attribute(child)
            ):
                add("one word", child.lineno, child.name)
    for name, line in iterate_bound_names(tree):
        if name.strip("_") in PRO_WORDS:
            add("pro-word", line, name)
    for node in ast.walk(tree):
        if isinstance(node, COMPREHENSIONS):
            if len(node.generators) > 1:
                add("two fors", node.lineno, ast.unparse(node)[:60])
            if any(isinstance(child, ast.NamedExpr) for child in ast.walk(node)):
                add("walrus in comprehension", node.lineno, ast.unparse(node)[:60])
        children = list(ast.walk(node))[1:] if isinstance(node, ast.IfExp | ast.JoinedStr) else []
        if any(isinstance(child, ast.IfExp) for child in children):
            rule = "nested ternary" if isinstance(node, ast.IfExp) else "ternary in f-string"
            add(rule, node.lineno, ast.unparse(node)[:60])
    lines = source.splitlines()
    for i, line_text in enumerate(lines):
        if len(line_text) > LINE_LIMIT:
            add("long line", i + 1, f"{len(line_text)} characters")
    if len(lines) >= 400:
        add("long file", 1, f"{len(lines)} lines")
    if path.stem in sys.stdlib_module_names and path.stem != "__init__":
        add("shadows the standard library", 1, path.stem)
    return places


def find_repeated_classes(modules: list[Path], root: Path = ROOT) -> list[Place]:
    """Classes whose name stands in more than one place of the package."""
    places: dict[str, list[Place]] = {}
    for path in modules:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef):
                place = Place(
                    "class name twice", str(path.relative_to(root)), node.lineno, node.name
                )
                places.setdefault(node.name, []).append(place)
    return [place for same in places.values() if len(same) > 1 for place in same]


def find_all_places(root: Path = ROOT) -> list[Place]:
    modules = list_modules(root)
    places = find_repeated_classes(modules, root)
    for path in modules:
        places += find_places(path, root)
    return places


def measure(root: Path = ROOT) -> dict[str, float]:
    """The table of docs/design.md as numbers. Percentages are of all functions or bound names."""
    modules = list_modules(root)
    functions: list[ast.FunctionDef | ast.AsyncFunctionDef] = []
    code_lines = comment_lines = ternaries = comprehensions = n_bound = longest_file = 0
    for path in modules:
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        n_code, n_comments = count_lines(source)
        code_lines += n_code
        comment_lines += n_comments
        longest_file = max(longest_file, len(source.splitlines()))
        functions += list_functions(tree)
        ternaries += sum(isinstance(node, ast.IfExp) for node in ast.walk(tree))
        comprehensions += sum(isinstance(node, COMPREHENSIONS) for node in ast.walk(tree))
        n_bound += sum(1 for _ in iterate_bound_names(tree))
    rules = Counter(place.rule for place in find_all_places(root))
    n_words = [len(split_words(function.name)) for function in functions]
    test_lines = sum(
        count_lines(path.read_text(encoding="utf-8"))[0] for path in (root / "tests").rglob("*.py")
    )
    top = [
        path
        for path in (root / "hornbook").glob("*.py")
        if path.stem not in ("__init__", "__main__")
    ]
    return {
        "functions": len(functions),
        "one-word functions, %": 100 * sum(n == 1 for n in n_words) / len(functions),
        "bare participles, %": 100 * rules["participle"] / len(functions),
        "pro-words among bound names, %": 100 * rules["pro-word"] / n_bound,
        "words in a function's name": sum(n_words) / len(functions),
        "ternaries per 100 code lines": 100 * ternaries / code_lines,
        "comprehensions per 100 code lines": 100 * comprehensions / code_lines,
        "comprehensions with two fors": rules["two fors"],
        "comment lines per 100 code lines": 100 * comment_lines / code_lines,
        "test lines per code line": test_lines / code_lines,
        "loose modules": len(top),
        "longest file, lines": longest_file,
        "longest function, lines": max((f.end_lineno or 0) - f.lineno + 1 for f in functions),
        "lines over 100 characters": rules["long line"],
        "class names in two places": rules["class name twice"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how readable the code is.")
    parser.add_argument("--json", action="store_true", help="One JSON object instead of a table.")
    parser.add_argument("--list", action="store_true", help="List each place that breaks a rule.")
    parser.add_argument("paths", nargs="*", help="With --list: only places below these paths.")
    arguments = parser.parse_args()
    if arguments.list:
        for place in find_all_places():
            if not arguments.paths or place.path.startswith(tuple(arguments.paths)):
                print(place)
        return
    values = measure()
    if arguments.json:
        print(json.dumps(values))
        return
    for name, value in values.items():
        print(f"{name:36}{re.sub(r'[.]0+$', '', f'{value:,.2f}'):>10}")


if __name__ == "__main__":
    main()
