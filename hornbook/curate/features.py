"""What can be counted in a piece of code without a model: length, explanation, structure. 24 numbers a text.

In: texts. Out: float32 of shape (texts, 24), to be learned from beside the vectors, and the
baselines that show what vectors add. Counted on the syntax tree; a piece cut off at its end is
parsed up to its last whole statement. Not covered: anything about meaning; names count by their
length alone.
"""

from __future__ import annotations

import ast
import io
import math
import re
import tokenize
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NAMES = (
    "characters", "lines", "characters a line", "blank lines", "comment share", "docstring share", "docstrings",
    "doctest", "functions", "classes", "loops", "branches", "returns", "calls a line", "imports", "assignments",
    "literals", "attributes of self", "attributes", "private names", "name length", "distinct names", "depth",
    "whole",
)  # fmt: skip


def describe(texts: Sequence[str]) -> NDArray[np.float32]:
    """The numbers of NAMES for each text: float32 of shape (texts, 24), logarithms of counts, shares as they are."""
    import numpy as np

    return np.array([_describe(text) for text in texts], np.float32).reshape(len(texts), len(NAMES))


def comment_share(text: str) -> float:
    """The share of a piece's characters that stand in comments; 0 for what cannot be tokenised to its end."""
    total = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            total += len(token.string) if token.type == tokenize.COMMENT else 0
    except (tokenize.TokenError, SyntaxError):
        pass  # a piece may be cut off at its end: what was read counts
    return total / max(1, len(text))


def _describe(text: str) -> list[float]:
    lines = text.split("\n")
    tree, whole = _parsed(lines)
    kinds: Counter[str] = Counter()
    names: Counter[str] = Counter()
    own = documented = deepest = 0
    for node in ast.walk(tree):
        kinds[type(node).__name__] += 1
        if isinstance(node, ast.Name):
            names[node.id] += 1
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            own += 1
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            names[getattr(node, "name", "")] += 1
            words = ast.get_docstring(node, clean=False)
            documented += len(words or "")
            kinds["docstrings"] += words is not None
    deepest = max((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    filled = sum(bool(line.strip()) for line in lines)
    several = sum(names.values()) or 1

    def log(*which: str) -> float:
        return math.log1p(sum(kinds[name] for name in which))

    return [
        math.log1p(len(text)), math.log1p(filled), len(text) / max(1, filled), 1 - filled / len(lines),
        comment_share(text), documented / max(1, len(text)), log("docstrings"), float(">>> " in text),
        log("FunctionDef", "AsyncFunctionDef"), log("ClassDef"), log("For", "While", "comprehension"),
        log("If", "IfExp", "Match", "BoolOp"), log("Return", "Yield"), kinds["Call"] / max(1, filled),
        log("Import", "ImportFrom"), log("Assign", "AnnAssign"), log("Constant"), own / max(1, filled),
        log("Attribute"), sum(n for name, n in names.items() if name.startswith("_")) / several,
        sum(len(name) * n for name, n in names.items()) / several, len(names) / several, deepest / 4, float(whole),
    ]  # fmt: skip


def _parsed(lines: list[str]) -> tuple[ast.Module, bool]:
    """The tree of the longest beginning that parses, found by leaving off lines from the end; and whether it is all.

    A piece that was cut inside a definition parses again once its last, incomplete statement is
    gone: few tries.
    """
    end = len(lines)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(12):
            try:
                return ast.parse("\n".join(lines[:end])), end == len(lines)
            except SyntaxError as error:
                end = min(end - 1, (error.lineno or end) - 1) if end > 1 else 0
            except (ValueError, RecursionError, MemoryError):
                break
            if end <= 0:
                break
    return ast.Module([], []), False


DOCSTRING = re.compile(r"^\s*[rRuU]?(?:\"\"\"|''')", re.M)
