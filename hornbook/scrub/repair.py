"""Repair Python that does not parse, so that a copy is found in whatever wraps it.

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

MAX_REPAIRS = 20  # of one text: what then still does not parse is left alone
MAX_STRINGS = 200  # of one text that are read as code
FENCED_BLOCK = re.compile(r"^[ \t>]*(?:```|~~~)[^\n`]*\n(.*?)(?:```|~~~|\Z)", re.M | re.S)
DEFINITION_LINE = re.compile(r"[ \t]*(?:(?:async[ \t]+)?def|class)[ \t]+\w|[ \t]*@\w")
# Marks that stand before every line of a listing; each may be followed by the line's own
# indentation.
LINE_PREFIXES = tuple(re.compile(pattern, re.M) for pattern in (
    r"^[ \t]*(?:>>>|\.\.\.)(?: |$)", r"^[ \t]*(?:In ?\[\d*\]|\.{3,}): ?",
    r"^[+-](?![+-])", r"^ *>(?: |(?=\S)|$)",
    r"^ *#+ ?", r"^ *\d+[:.|)]?(?=\s)", r"^ *\|(?: |$)",
))  # fmt: skip
DEFINITION = r"(?:async[ \t]+)?def[ \t]+\w+[ \t]*\("
PREFIXED_DEFINITIONS = tuple(
    re.compile(prefix.pattern + r"\s*" + DEFINITION, re.M) for prefix in LINE_PREFIXES
)
JSON_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
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


def parse_module(text: str) -> ast.Module | int:
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


def count_definitions(text: str) -> int:
    """About how many functions a text defines, in whatever wraps them; cheap, a little high."""
    return text.count("def ")


def repair_modules(text: str) -> list[ast.Module]:
    """The modules of a text that does not parse as a whole."""
    modern = convert_python2(text)
    whole = parse_module(modern) if modern != text else 0
    if isinstance(whole, ast.Module):
        return [whole]
    modules: list[ast.Module] = []
    for block in FENCED_BLOCK.findall(text) or [modern]:
        modules += _parse_pieces(block)
    return modules


def find_hidden_modules(text: str, module: ast.Module | None) -> Iterator[ast.Module]:
    """Modules of code behind prompts or inside strings; `module` is the text's own if it parsed."""
    for prefix, prefixed_definition in zip(LINE_PREFIXES, PREFIXED_DEFINITIONS, strict=True):
        if prefixed_definition.search(text):
            lines = [prefix.sub("", line, count=1) for line in text.splitlines()]
            yield from _parse_pieces(convert_python2("\n".join(lines)))
            break
    for string in list(_code_strings(module) if module is not None else _json_code_strings(text))[
        :MAX_STRINGS
    ]:
        parsed = parse_module(string)
        yield from [parsed] if isinstance(parsed, ast.Module) else repair_modules(string)


def convert_python2(text: str) -> str:
    """Python 2 as Python 3, by line: good enough to see the trees, not to run.

    >>> convert_python2("try:\\n    print 'a', x\\nexcept E, e: pass\\n")
    "try:\\n    print('a', x)\\nexcept E as e: pass\\n"
    """
    for old, new in PYTHON_2:
        text = old.sub(new, text)
    return text


def _code_strings(module: ast.Module) -> Iterator[str]:
    """Strings of more than a line that hold code; a list of lines is one string."""
    for node in ast.walk(module):
        if isinstance(node, ast.List) and len(node.elts) > 1:
            lines = [
                e.value
                for e in node.elts
                if isinstance(e, ast.Constant) and isinstance(e.value, str)
            ]
            if len(lines) == len(node.elts) and (text := _join_code_lines(lines)):
                yield text
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and _holds_code(node.value)
        ):
            yield node.value


def _json_code_strings(text: str) -> Iterator[str]:
    """The same for a text that is no Python: strings of JSON, joined across commas."""
    joined: list[str] = []
    end = -1
    for match in JSON_STRING.finditer(text):
        try:
            value = json.loads(match[0], strict=False)
        except ValueError:
            continue
        if end >= 0 and text[end : match.start()].strip() != ",":
            yield from filter(None, [_join_code_lines(joined)])
            joined = []
        joined.append(value)
        end = match.end()
    yield from filter(None, [_join_code_lines(joined)])


def _join_code_lines(lines: Sequence[str]) -> str:
    """Lines as a text, with line ends where they have none; empty if it holds no code."""
    text = "".join(line if line.endswith("\n") else line + "\n" for line in lines)
    return text if _holds_code(text) else ""


def _holds_code(text: str) -> bool:
    return "def " in text and "\n" in text.strip()


def _parse_pieces(text: str) -> Iterator[ast.Module]:
    """The modules that can be read from a text that does not parse as a whole."""
    lines, start = text.replace("\0", "").splitlines(), 0
    for _ in range(MAX_REPAIRS):
        block = _outdent_block(lines[start:])
        module, line_count = _longest_valid_prefix(block)
        if module is not None and module.body:
            yield module
        start += line_count + (line_count < len(block))  # the line of the error is given up
        while start < len(lines) and not DEFINITION_LINE.match(lines[start]):
            start += 1
        if start >= len(lines):
            return


def _outdent_block(lines: Sequence[str]) -> list[str]:
    """Lines up to the first that is indented less than the first one, without that indentation."""
    first = next((line for line in lines if line.strip()), "")
    margin = first[: len(first) - len(first.lstrip())]
    block = []
    for line in lines:
        if line.strip() and not line.startswith(margin):
            break
        block.append(line.removeprefix(margin))
    return block


def _longest_valid_prefix(lines: Sequence[str]) -> tuple[ast.Module | None, int]:
    """The longest prefix of lines that parses (cut before each error), and its length."""
    line_count = len(lines)
    while line_count > 0:
        parsed = parse_module("\n".join(lines[:line_count]) + "\n")
        if isinstance(parsed, ast.Module):
            return parsed, line_count
        line_count = min(parsed, line_count - 1)
    return None, 0
