"""A training text beside the problem that it is near to, with what they share marked: what a person or a judge reads.

In: a problem and a text. Out: the part of the text that matters (`excerpt`), and spans of both
(`shared`): "same" where words are the same, "form" where code is the same but for names, numbers
and texts. A pair is of one record and one problem, whichever detectors named it.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hornbook.scrub import ngram, repair, syntax
from hornbook.scrub.normalise import folded
from hornbook.scrub.tree_string import FUNCTIONS, code

if TYPE_CHECKING:
    from hornbook.exams import Problem

LIMIT = 2000  # characters of an excerpt
TOKENS = 800  # of each side that are compared: difflib takes their product in time
SAME, FORM = 4, 6  # tokens in a row that are marked
WORD = re.compile(r"[^\W_]+")
TOKEN = re.compile(
    r'"""(?:.|\n)*?"""|\'\'\'(?:.|\n)*?\'\'\'|"[^"\n]*"|\'[^\'\n]*\'|#[^\n]*|[^\W\d]\w*|\d[\w.]*|[^\s\w]'
)

Mark = tuple[int, int, Literal["same", "form"]]  # first character, the one after the last, kind


@dataclass(frozen=True)
class Pair:
    """What is looked at: a problem, a record's part, how near a detector said they are, and what was decided."""

    task_id: str
    problem: str
    id: str
    where: str
    text: str
    said: str
    verdict: str = ""
    by: str = ""  # who decided: a person's name, a model's, or nobody


def excerpt(problem: Problem, text: str, limit: int = LIMIT) -> str:
    """The text, or of a long one the lines that are nearest to the problem: a function, shared words, or its head."""
    if len(text) <= limit:
        return text
    lines = text.splitlines(keepends=True)
    first, last = _function(problem, text) or _words(problem, text) or (0, len(lines))
    return "".join(lines[max(0, first - 2) : last + 1])[:limit]


def _function(problem: Problem, text: str) -> tuple[int, int] | None:
    """Lines of the function whose tree matches the problem's best."""
    from rapidfuzz.distance import Levenshtein

    module = repair.parsed(folded(text))
    unit = syntax.unit(problem.solution, problem.entry_point)
    if not isinstance(module, ast.Module) or not unit:
        return None
    best, found = 0.0, None
    for node in ast.walk(module):
        if isinstance(node, FUNCTIONS):
            rate = Levenshtein.normalized_similarity(unit, code(node), score_cutoff=syntax.FLOOR)
            if rate > best:
                best, found = rate, (node.lineno - 1, node.end_lineno or node.lineno)
    return found


def _words(problem: Problem, text: str) -> tuple[int, int] | None:
    """Lines of the first run of words that the text has from the problem, and some after it."""
    runs = ngram.runs_of(problem.text) | ngram.runs_of(problem.solution)
    # By the kernel's rule of words, but on characters, so that the place is known.
    words = list(re.finditer(r"[0-9A-Za-z\x80-\U0010ffff]+", text))
    spelled = [word[0].lower().encode("utf-8", "surrogatepass") for word in words]
    for at in range(len(words) - ngram.N + 1):
        if b" ".join(spelled[at : at + ngram.N]) in runs:
            line = text.count("\n", 0, words[at].start())
            return line, line + 30
    return None


def shared(first: str, second: str) -> tuple[list[Mark], list[Mark]]:
    """Spans of both texts that are shared, in order and apart from each other.

    >>> shared("x = 1  # add all the numbers up", "# ADD all the numbers up, please")[0]
    [(9, 31, 'same')]
    """
    marks: tuple[list[Mark], list[Mark]] = ([], [])
    for a, b in _blocks(_words_of(first), _words_of(second), SAME, lambda run: True):
        marks[0].append((*a, "same"))
        marks[1].append((*b, "same"))
    for a, b in _blocks(_forms(first), _forms(second), FORM, _is_code):
        for mine, (start, stop) in zip(marks, (a, b), strict=True):
            mine += [(s, e, "form") for s, e in _apart(start, stop, mine)]
    return sorted(marks[0]), sorted(marks[1])


_Token = tuple[str, int, int]  # what it is compared by, and its place


def _words_of(text: str) -> list[_Token]:
    return [(word[0].lower(), word.start(), word.end()) for word in WORD.finditer(text)]


def _forms(text: str) -> list[_Token]:
    """Tokens of code: names, numbers and texts without their value, comments left out."""
    found = []
    for token in TOKEN.finditer(text):
        word = token[0]
        if word[0] == "#" or word.startswith(('"""', "'''")):
            continue
        form = word if keyword.iskeyword(word) or not (word[0].isalnum() or word[0] in "_\"'") else (
            "0" if word[0].isdigit() else "s" if word[0] in "\"'" else "n")  # fmt: skip
        found.append((form, token.start(), token.end()))
    return found


def _is_code(run: Sequence[str]) -> bool:
    """Whether a run of forms is more than names with commas: prose has that too."""
    return sum(form not in ("n", "0", "s", ",", ".", "-") for form in run) >= 2


def _blocks(
    first: Sequence[_Token],
    second: Sequence[_Token],
    least: int,
    wanted: Callable[[Sequence[str]], bool],
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Places of the runs of at least so many tokens that both have in one order."""
    a, b = first[:TOKENS], second[:TOKENS]
    matcher = difflib.SequenceMatcher(None, [t[0] for t in a], [t[0] for t in b], autojunk=False)
    for at, to, size in matcher.get_matching_blocks():
        if size >= least and wanted([t[0] for t in a[at : at + size]]):
            yield (a[at][1], a[at + size - 1][2]), (b[to][1], b[to + size - 1][2])


def _apart(start: int, stop: int, taken: Sequence[Mark]) -> Iterator[tuple[int, int]]:
    """What of a span no other span has."""
    for first, last, _ in sorted(taken):
        if first >= stop:
            break
        if last > start:
            if first > start:
                yield start, first
            start = last
    if start < stop:
        yield start, stop
