"""How alike two functions are as syntax trees: the detector of the paper's section 5.2, blind to names and words.

In: Python texts. Out: match rates, 1 - edit distance / length of the longer, between trees written as strings.
The paper does not say how it writes a tree; here it is a character a node, in the order of the text, and one at the end
of every block. What a node is called, comments, docstrings and annotations leave no trace; of a constant its type.
The unit is a function: a text has those that it defines, methods and inner ones included, each by itself.
A text that does not parse is repaired (`trees` states the rule). Not covered: code outside functions.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FLOOR = 0.8  # the lowest rate that anybody asks for; below it a rate is written as 0, which is what makes this fast
MB_S = 3.5  # a core, of library code: the parser's speed, beside which comparing is nothing
REPAIRS = 20  # of one text: what then still does not parse is left alone
FENCE = re.compile(r"^ *```[^\n]*\n(.*?)(?:^ *```|\Z)", re.M | re.S)
OPENING = re.compile(r"[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+\w|[ \t]*@\w")

_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_BLIND = {"ctx", "annotation", "returns", "type_params", "type_comment", "type_ignores", "kind"}
_BLOCKS = {"body", "orelse", "finalbody", "handlers", "cases"}
_END = "\x01"


def _kinds() -> dict[type, tuple[str, tuple[tuple[str, bool], ...]]]:
    """Of every kind of node: its character, and the fields that hold nodes, each with whether it is a block."""
    names = sorted(name for name, kind in vars(ast).items() if isinstance(kind, type) and issubclass(kind, ast.AST))
    found: dict[type, tuple[str, tuple[tuple[str, bool], ...]]] = {}
    for at, name in enumerate(names):
        kind = getattr(ast, name)
        # A lambda's or a conditional's body is an expression, not a list: no end is written after it.
        whole = ("IfExp", "Lambda", "Expression")
        fields = tuple((f, f in _BLOCKS and name not in whole) for f in kind._fields if f not in _BLIND)
        leaf = name in ("Name", "arg", "alias", "Constant", "Global", "Nonlocal", "Import", "ImportFrom")
        found[kind] = (chr(0x20 + at), () if leaf else fields)
    return found


_KINDS = _kinds()
_CONSTANTS = {
    kind: chr(2 + at) for at, kind in enumerate((str, int, float, bool, bytes, complex, type(None), type(...)))
}


@dataclass(frozen=True)
class Trees:
    """The functions of a text, in its order, and whether it parsed, was repaired, or has nothing that does."""

    names: tuple[str, ...]
    codes: tuple[str, ...]
    state: str  # parsed, repaired, or unreadable


def code(function: ast.AST) -> str:
    """The string of a function's tree.

    >>> first, second = (ast.parse(text).body[0] for text in ("def f(a): return a + 1", "def g(b): return b + 2"))
    >>> code(first) == code(second)
    True
    """
    out: list[str] = []
    _write(function, out.append)
    return "".join(out)


def _write(node: Any, out: Callable[[str], None]) -> None:
    kind = type(node)
    letter, fields = _KINDS[kind]
    out(_CONSTANTS[type(node.value)] if kind is ast.Constant else letter)
    for field, block in fields:
        child = getattr(node, field)
        if type(child) is list:
            if block and child:
                # A text that stands alone as a statement is a docstring, or does nothing.
                for each in child:
                    if type(each) is not ast.Expr or type(each.value) is not ast.Constant:
                        _write(each, out)
                out(_END)
            else:
                for each in child:
                    if isinstance(each, ast.AST):
                        _write(each, out)
        elif isinstance(child, ast.AST):
            _write(child, out)


def trees(text: str) -> Trees:
    """The functions that a text defines.

    The rule for what does not parse as a whole: fenced blocks, if there are any, are taken each by itself. A block that
    does not parse is cut to the prefix that ends before the line of its error; reading goes on, with the indentation
    taken off, at the next line that opens a definition (def, class or a decorator). Prose between code, a piece cut
    out of a class and a text cut off in the middle all keep their functions this way.
    """
    whole = _parsed(text)
    if isinstance(whole, ast.Module):
        return _collected([whole], "parsed")
    fenced = FENCE.findall(text)
    modules = [module for block in fenced or [text] for module in _mended(block)]
    return _collected(modules, "repaired" if modules else "unreadable")


def _collected(modules: Iterable[ast.Module], state: str) -> Trees:
    found = [node for module in modules for node in _functions(module)]
    try:
        return Trees(tuple(node.name for node in found), tuple(map(code, found)), state)
    except RecursionError:  # a sum of a thousand terms is a tree of a thousand levels
        return Trees((), (), "unreadable")


def _functions(module: ast.Module) -> Iterator[Any]:
    """Every function of a module, without looking into expressions, where none can be."""
    waiting: list[ast.stmt] = list(reversed(module.body))
    while waiting:
        node = waiting.pop()
        if isinstance(node, _FUNCTIONS):
            yield node
        inner: list[ast.stmt] = []
        for block in ("body", "orelse", "finalbody"):
            inner += getattr(node, block, ())
        for clause in (*getattr(node, "handlers", ()), *getattr(node, "cases", ())):
            inner += clause.body
        waiting += reversed(inner)


def _parsed(text: str) -> ast.Module | int:
    """The module, or the number of lines before the error (0 where nothing is known)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        return max(0, (error.lineno or 1) - 1)
    except (ValueError, RecursionError, MemoryError):  # null bytes; nesting beyond the parser's stack
        return 0


def _mended(text: str) -> Iterator[ast.Module]:
    """The modules that can be read from a text that does not parse as a whole."""
    lines, at = text.replace("\0", "").splitlines(), 0
    for _ in range(REPAIRS):
        block = _outdented(lines[at:])
        module, number = _longest(block)
        if module is not None and module.body:
            yield module
        at += number + (number < len(block))  # the line of the error is given up
        while at < len(lines) and not OPENING.match(lines[at]):
            at += 1
        if at >= len(lines):
            return


def _outdented(lines: Sequence[str]) -> list[str]:
    """Lines up to the first that is indented less than the first one, without that indentation."""
    first = next((line for line in lines if line.strip()), "")
    margin = first[: len(first) - len(first.lstrip())]
    found = []
    for line in lines:
        if line.strip() and not line.startswith(margin):
            break
        found.append(line.removeprefix(margin))
    return found


def _longest(lines: Sequence[str]) -> tuple[ast.Module | None, int]:
    """A prefix of lines that parses, and its length: what stands before an error's line is tried, again and again."""
    number = len(lines)
    while number > 0:
        found = _parsed("\n".join(lines[:number]) + "\n")
        if isinstance(found, ast.Module):
            return found, number
        number = min(found, number - 1)
    return None, 0


def unit(program: str, entry_point: str) -> str:
    """The string of the function of this name, or of the last one of a program; empty where there is none."""
    found = trees(program)
    named = dict(zip(found.names, found.codes, strict=True))
    return named.get(entry_point, found.codes[-1] if found.codes else "")


def rates(exam: Sequence[str], codes: Sequence[str], cutoff: float = FLOOR) -> Iterator[tuple[int, Any, Any]]:
    """For each tree of an exam: its position, positions of the codes at or above the cutoff, and their match rates.

    Codes that differ in length by more than the cutoff allows are never compared.
    """
    import numpy as np
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cdist

    lengths = np.array([len(each) for each in codes], np.int64)
    order = np.argsort(lengths, kind="stable")
    ordered, at_length = [codes[at] for at in order.tolist()], lengths[order]
    for problem, tree in enumerate(exam):
        first = np.searchsorted(at_length, len(tree) * cutoff - 1e-9, "left")
        last = np.searchsorted(at_length, len(tree) / cutoff + 1e-9, "right")
        if not tree or first >= last:
            continue
        found = cdist([tree], ordered[first:last], scorer=Levenshtein.normalized_similarity, score_cutoff=cutoff,
                      dtype=np.float32)[0]  # fmt: skip
        near = np.flatnonzero(found > 0)
        if len(near):
            yield problem, order[first + near], found[near]


def nearest(exam: Sequence[str], texts: Sequence[Trees], cutoff: float = FLOOR) -> tuple[Any, Any]:
    """For each text the position of the problem that one of its functions matches best (-1: none), and the rate."""
    import numpy as np

    unique, owners = group(texts)
    best, rate = np.full(len(texts), -1, np.int64), np.zeros(len(texts), np.float32)
    for problem, found, values in rates(exam, unique, cutoff):
        for at, value in zip(found.tolist(), values.tolist(), strict=True):
            for text in owners[at]:
                if value > rate[text]:
                    best[text], rate[text] = problem, value
    return best, rate


def group(texts: Iterable[Trees]) -> tuple[list[str], list[list[int]]]:
    """Distinct trees, and the positions of the texts that have each: equal trees are compared once."""
    owners: dict[str, list[int]] = {}
    for at, found in enumerate(texts):
        for tree in set(found.codes):
            owners.setdefault(tree, []).append(at)
    return list(owners), list(owners.values())


def best_of(exam: Sequence[str], texts: Sequence[Trees], cutoff: float = FLOOR) -> NDArray[np.float32]:
    """For each problem the highest match rate among all texts: it decides on which side of the table a problem is."""
    import numpy as np

    best = np.zeros(len(exam), np.float32)
    for problem, _, values in rates(exam, group(texts)[0], cutoff):
        best[problem] = values.max()
    return best
