"""A program from text, as EvalPlus does: the longest run of lines that parses, then what is needed.

In: whatever a model wrote, prose and fences included. Out: Python source. This is a second
implementation, by `ast`, of evalplus/sanitize.py (0.3.1, by tree-sitter), oddities included, for a
score under its name must be its score: top-level statements other than imports, definitions and
plain assignments vanish, as do decorated definitions, functions without a return, and imports from
__future__. Not covered: code that only an older or newer Python parses.
"""

from __future__ import annotations

import ast
import warnings


def sanitise_program(text: str, entry_point: str) -> str:
    """The imports and the definitions that the entry point reaches; all code if there are none."""
    code = find_longest_code(text)
    tree = _parse_or_error_line(code)
    if not isinstance(tree, ast.Module):
        return code
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    definitions: dict[str, ast.stmt] = {}
    for node in tree.body:
        if name := _find_defined_name(node):
            definitions.setdefault(name, node)
    needed_names = _find_reachable(
        entry_point, {name: _collect_names(node) for name, node in definitions.items()}
    )
    imports = [node for node in imports if getattr(node, "module", "") != "__future__"]
    statements = [*imports, *(node for name, node in definitions.items() if name in needed_names)]
    return (
        "\n".join(ast.get_source_segment(code, node) or "" for node in statements).strip() or code
    )


def find_longest_code(text: str) -> str:
    """The run of two or more lines that parses with the most non-empty lines; the first of equals.

    Where a run fails at its line e, every shorter run from the same start that still holds line e
    fails too, so the search goes on below e: a few parses a start instead of one for every end.
    """
    lines = text.split("\n")
    nonblank_counts = [0]
    for line in lines:
        nonblank_counts.append(nonblank_counts[-1] + bool(line.strip()))
    best, span = 0, (0, 0)
    for start in range(len(lines)):
        end = len(lines) - 1
        while end > start and nonblank_counts[end + 1] - nonblank_counts[start] > best:
            tree = _parse_or_error_line("\n".join(lines[start : end + 1]))
            if isinstance(tree, ast.Module):
                while end > start + 1 and not lines[end].strip():
                    end -= 1
                best, span = nonblank_counts[end + 1] - nonblank_counts[start], (start, end)
            else:
                end = min(end - 1, start + max(tree, 1) - 2)
    return "\n".join(lines[span[0] : span[1] + 1])


def _parse_or_error_line(code: str) -> ast.Module | int:
    """The tree, or the line where parsing failed; beyond the last line: only the end is wrong."""
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


def _find_defined_name(node: ast.stmt) -> str:
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


def _collect_names(node: ast.AST) -> set[str]:
    """Every identifier in a piece of code, whatever its role: reaching too much is harmless."""
    names: set[str] = set()
    for child in ast.walk(node):
        for attribute in ("id", "attr", "arg", "name"):
            if isinstance(name := getattr(child, attribute, None), str):
                names.add(name)
    return names


def _find_reachable(entry_point: str, uses: dict[str, set[str]]) -> set[str]:
    reachable, queue = {entry_point}, [entry_point]
    while queue:
        for name in uses.get(queue.pop(), set()) - reachable:
            reachable.add(name)
            queue.append(name)
    return reachable
