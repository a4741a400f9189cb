"""A program from text, in EvalPlus's way: the longest run of lines that parses, then only what the answer needs.

In: whatever a model wrote, prose and fences included. Out: Python source. This is a second
implementation, by `ast`, of evalplus/sanitize.py (0.3.1, by tree-sitter), oddities included, for a
score under its name must be its score: top-level statements other than imports, definitions and
plain assignments vanish, as do decorated definitions, functions without a return, and imports from
__future__. Not covered: code that only an older or newer Python parses.
"""

from __future__ import annotations

import ast
import warnings


def sanitised(text: str, entry_point: str) -> str:
    """The imports, and the definitions that the entry point reaches, in their order; all code where that is nothing."""
    code = longest_code(text)
    tree = _parsed(code)
    if not isinstance(tree, ast.Module):
        return code
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    defined: dict[str, ast.stmt] = {}
    for node in tree.body:
        if name := _defines(node):
            defined.setdefault(name, node)
    needed = _reached(entry_point, {name: _names(node) for name, node in defined.items()})
    imports = [node for node in imports if getattr(node, "module", "") != "__future__"]
    kept = [*imports, *(node for name, node in defined.items() if name in needed)]
    return "\n".join(ast.get_source_segment(code, node) or "" for node in kept).strip() or code


def longest_code(text: str) -> str:
    """The run of two or more lines that parses and has the most lines with something in them; the first of equals.

    Where a run fails at its line e, every shorter run from the same start that still holds line e
    fails too, so the search goes on below e: a few parses a start instead of one for every end.
    """
    lines = text.split("\n")
    filled = [0]
    for line in lines:
        filled.append(filled[-1] + bool(line.strip()))
    best, span = 0, (0, 0)
    for start in range(len(lines)):
        end = len(lines) - 1
        while end > start and filled[end + 1] - filled[start] > best:
            tree = _parsed("\n".join(lines[start : end + 1]))
            if isinstance(tree, ast.Module):
                while end > start + 1 and not lines[end].strip():
                    end -= 1
                best, span = filled[end + 1] - filled[start], (start, end)
            else:
                end = min(end - 1, start + max(tree, 1) - 2)
    return "\n".join(lines[span[0] : span[1] + 1])


def _parsed(code: str) -> ast.Module | int:
    """The tree, or the number of the line where parsing failed; a line beyond the end means: only the end is wrong."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # "\d" in a model's string is no business of the reader's terminal
        try:
            return ast.parse(code)
        except SyntaxError as error:
            return error.lineno or code.count("\n") + 1
        except (ValueError, MemoryError, RecursionError):
            return code.count("\n") + 1


def _defines(node: ast.stmt) -> str:
    """The name that a top-level statement defines, or "" for what is not kept."""
    match node:
        case ast.ClassDef(name=name, decorator_list=[]):
            return name
        case (
            ast.FunctionDef(name=name, decorator_list=[])
            | ast.AsyncFunctionDef(name=name, decorator_list=[])
        ):
            return name if any(isinstance(inner, ast.Return) for inner in ast.walk(node)) else ""
        case ast.Assign(targets=[ast.Name(id=name), *_]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
    return ""


def _names(node: ast.AST) -> set[str]:
    """Every identifier in a piece of code, whatever its role: reaching too much is harmless."""
    found: set[str] = set()
    for each in ast.walk(node):
        for field in ("id", "attr", "arg", "name"):
            if isinstance(name := getattr(each, field, None), str):
                found.add(name)
    return found


def _reached(start: str, uses: dict[str, set[str]]) -> set[str]:
    reached, queue = {start}, [start]
    while queue:
        for name in uses.get(queue.pop(), set()) - reached:
            reached.add(name)
            queue.append(name)
    return reached
