"""Python that does not parse as it stands, brought to what does: so that a copy is found in whatever wraps it.

In: a text. Out: modules. The rules, each tried only where the text has more words `def` than
functions were found: Python 2's print, except and raise are rewritten; marks in front of lines are
taken off (>>> and ..., In [3]:, + of a diff, > of a mail, line numbers, #); strings that hold code
are read (a notebook's cells, a JSON record, a program in a text); fenced blocks are taken each by
itself. What still does not parse is cut to the prefix that ends before the line of its error;
reading goes on, with the indentation taken off, at the next line that opens a definition.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Iterator, Sequence

REPAIRS = 20  # of one text: what then still does not parse is left alone
STRINGS = 200  # of one text that are read as code
FENCE = re.compile(r"^[ \t>]*(?:```|~~~)[^\n`]*\n(.*?)(?:```|~~~|\Z)", re.M | re.S)
OPENING = re.compile(r"[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+\w|[ \t]*@\w")
# Marks that stand before every line of a listing; each may be followed by the line's own
# indentation.
MARKS = tuple(re.compile(mark, re.M) for mark in (
    r"^[ \t]*(?:>>>|\.\.\.)(?: |$)", r"^[ \t]*(?:In ?\[\d*\]|\.{3,}): ?", r"^[+-](?![+-])", r"^ *>(?: |(?=\S)|$)",
    r"^ *#+ ?", r"^ *\d+[:.|)]?(?=\s)", r"^ *\|(?: |$)",
))  # fmt: skip
DEFINITION = r"(?:async[ \t]+)?def[ \t]+\w+[ \t]*\("
MARKED = tuple(re.compile(mark.pattern + r"\s*" + DEFINITION, re.M) for mark in MARKS)
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
PYTHON_2 = (
    (re.compile(r"^([ \t]*)print[ \t]+>>[ \t]*[^,\n]+,?[ \t]*(.*)$", re.M), r"\1print(\2)"),
    (
        re.compile(
            r"^((?:.*:)?[ \t]*)print(?:[ \t]+(?!=)|(?=[\"'\\]))([^\n(][^\n]*?)?,?[ \t]*$", re.M
        ),
        r"\1print(\2)",
    ),
    (re.compile(r"^([ \t]*)print[ \t]*$", re.M), r"\1print()"),
    (re.compile(r"\bexcept[ \t]+([^\n:]+?),[ \t]*(\w+)[ \t]*:"), r"except \1 as \2:"),
    (re.compile(r"^([ \t]*raise[ \t]+[\w.]+),[ \t]*(.+)$", re.M), r"\1(\2)"),
    (re.compile(r"<>"), "!="),
    (re.compile(r"\b(0x[0-9a-fA-F]+|\d+)[lL]\b"), r"\1"),
    (re.compile(r"\b0([0-7]+)\b"), r"0o\1"),
    (re.compile(r"\b[uU][rR](?=[\"'])"), "r"),
)


def parsed(text: str) -> ast.Module | int:
    """The module, or the number of lines before the error (0 where nothing is known)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError as error:
        return max(0, (error.lineno or 1) - 1)
    except (
        ValueError,
        RecursionError,
        MemoryError,
    ):  # null bytes; nesting beyond the parser's stack
        return 0


def definitions(text: str) -> int:
    """How many functions a text seems to define, in whatever wraps them; cheap, and a little too many."""
    return text.count("def ")


def mended(text: str) -> list[ast.Module]:
    """The modules of a text that does not parse as a whole."""
    newer = python_3(text)
    whole = parsed(newer) if newer != text else 0
    if isinstance(whole, ast.Module):
        return [whole]
    return [module for block in FENCE.findall(text) or [newer] for module in _cut(block)]


def hidden(text: str, module: ast.Module | None) -> Iterator[ast.Module]:
    """The modules of code that stands behind marks or in strings; `module` is the text's own, if it parsed."""
    for mark, marked in zip(MARKS, MARKED, strict=True):
        if marked.search(text):
            lines = [mark.sub("", line, count=1) for line in text.splitlines()]
            yield from _cut(python_3("\n".join(lines)))
            break
    for string in list(_strings(module) if module is not None else _quoted(text))[:STRINGS]:
        found = parsed(string)
        yield from [found] if isinstance(found, ast.Module) else mended(string)


def python_3(text: str) -> str:
    """Python 2 as Python 3, by line: good enough to see the trees, not to run.

    >>> python_3("try:\\n    print 'a', x\\nexcept E, e: pass\\n")
    "try:\\n    print('a', x)\\nexcept E as e: pass\\n"
    """
    for old, new in PYTHON_2:
        text = old.sub(new, text)
    return text


def _strings(module: ast.Module) -> Iterator[str]:
    """Strings of more than a line that hold code; a list of lines is one string."""
    for node in ast.walk(module):
        if isinstance(node, ast.List) and len(node.elts) > 1:
            lines = [
                e.value
                for e in node.elts
                if isinstance(e, ast.Constant) and isinstance(e.value, str)
            ]
            if len(lines) == len(node.elts) and (text := _lines(lines)):
                yield text
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _holds_code(node.value)
        ):
            yield node.value


def _quoted(text: str) -> Iterator[str]:
    """The same of a text that is no Python: JSON's strings, those that only a comma parts joined."""
    joined: list[str] = []
    end = -1
    for match in QUOTED.finditer(text):
        try:
            value = json.loads(match[0], strict=False)
        except ValueError:
            continue
        if end >= 0 and text[end : match.start()].strip() != ",":
            yield from filter(None, [_lines(joined)])
            joined = []
        joined.append(value)
        end = match.end()
    yield from filter(None, [_lines(joined)])


def _lines(lines: Sequence[str]) -> str:
    """Lines as a text, with line ends where they have none; empty if it holds no code."""
    text = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    return text if _holds_code(text) else ""


def _holds_code(text: str) -> bool:
    return "def " in text and "\n" in text.strip()


def _cut(text: str) -> Iterator[ast.Module]:
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
        found = parsed("\n".join(lines[:number]) + "\n")
        if isinstance(found, ast.Module):
            return found, number
        number = min(found, number - 1)
    return None, 0
