"""Counts in a piece of code, without a model: length, explanation, structure; 24 numbers.

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

FEATURE_NAMES = (
    "characters", "lines", "characters a line", "blank lines", "comment share",
    "docstring share", "docstrings",
    "doctest", "functions", "classes", "loops", "branches", "returns", "calls a line",
    "imports", "assignments",
    "literals", "attributes of self", "attributes", "private names", "name length",
    "distinct names", "depth",
    "whole",
)  # fmt: skip


def count_features(texts: Sequence[str]) -> NDArray[np.float32]:
    """The features of each text, float32 (texts, 24): logarithms of counts; shares as they are."""
    import numpy as np

    return np.array([_count_features_of_text(text) for text in texts], np.float32).reshape(
        len(texts), len(FEATURE_NAMES)
    )


def comment_share(text: str) -> float:
    """The share of a piece's characters in comments; 0 for what cannot be tokenised to its end."""
    total = 0
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            total += len(token.string) if token.type == tokenize.COMMENT else 0
    except (tokenize.TokenError, SyntaxError):
        pass  # a piece may be cut off at its end: what was read counts
    return total / max(1, len(text))


def _count_features_of_text(text: str) -> list[float]:
    lines = text.split("\n")
    tree, is_whole = _parse_longest_prefix(lines)
    node_counts: Counter[str] = Counter()
    name_counts: Counter[str] = Counter()
    self_attributes = docstring_characters = deepest_indent = 0
    for node in ast.walk(tree):
        node_counts[type(node).__name__] += 1
        if isinstance(node, ast.Name):
            name_counts[node.id] += 1
        elif (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        ):
            self_attributes += 1
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module):
            name_counts[getattr(node, "name", "")] += 1
            docstring = ast.get_docstring(node, clean=False)
            docstring_characters += len(docstring or "")
            node_counts["docstrings"] += docstring is not None
    deepest_indent = max(
        (len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0
    )
    filled_lines = sum(bool(line.strip()) for line in lines)
    n_names = sum(name_counts.values()) or 1

    def log_count(*node_kinds: str) -> float:
        return math.log1p(sum(node_counts[name] for name in node_kinds))

    return [
        math.log1p(len(text)), math.log1p(filled_lines), len(text) / max(1, filled_lines),
        1 - filled_lines / len(lines),
        comment_share(text), docstring_characters / max(1, len(text)), log_count("docstrings"),
        float(">>> " in text),
        log_count("FunctionDef", "AsyncFunctionDef"), log_count("ClassDef"),
        log_count("For", "While", "comprehension"),
        log_count("If", "IfExp", "Match", "BoolOp"), log_count("Return", "Yield"),
        node_counts["Call"] / max(1, filled_lines),
        log_count("Import", "ImportFrom"), log_count("Assign", "AnnAssign"), log_count("Constant"),
        self_attributes / max(1, filled_lines),
        log_count("Attribute"),
        sum(n for name, n in name_counts.items() if name.startswith("_")) / n_names,
        sum(len(name) * n for name, n in name_counts.items()) / n_names,
        len(name_counts) / n_names, deepest_indent / 4, float(is_whole),
    ]  # fmt: skip


def _parse_longest_prefix(lines: list[str]) -> tuple[ast.Module, bool]:
    """The tree of the longest beginning that parses, and whether that is the whole text.

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


DOCSTRING_START = re.compile(r"^\s*[rRuU]?(?:\"\"\"|''')", re.M)
