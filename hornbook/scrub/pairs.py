"""A training text beside a problem, with the shared spans marked, for a person or a judge.

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
from hornbook.scrub.normalise import normalise_text
from hornbook.scrub.tree_string import FUNCTIONS, write_tree_string

if TYPE_CHECKING:
    from hornbook.exams import Problem

MAX_EXCERPT = 2000  # characters of an excerpt
MAX_TOKENS = 800  # of each side that are compared: difflib takes their product in time
MIN_SAME_WORDS, MIN_FORM_TOKENS = 4, 6  # tokens in a row that are marked
WORD = re.compile(r"[^\W_]+")
TOKEN = re.compile(
    r'"""(?:.|\n)*?"""|\'\'\'(?:.|\n)*?\'\'\'|"[^"\n]*"|\'[^\'\n]*\''
    r"|#[^\n]*|[^\W\d]\w*|\d[\w.]*|[^\s\w]"
)

SharedSpan = tuple[
    int, int, Literal["same", "form"]
]  # first character, the one after the last, kind


@dataclass(frozen=True)
class ReviewPair:
    """A problem, a part of a record, how near a detector calls them, and what was decided."""

    task_id: str
    problem: str
    id: str
    location: str
    text: str
    evidence: str
    verdict: str = ""
    by: str = ""  # who decided: a person's name, a model's, or nobody


def cut_excerpt(problem: Problem, text: str, limit: int = MAX_EXCERPT) -> str:
    """The text, or the part of a long one nearest to the problem: a function, words, its head."""
    if len(text) <= limit:
        return text
    lines = text.splitlines(keepends=True)
    first, last = (
        _best_function_lines(problem, text) or _shared_words_lines(problem, text) or (0, len(lines))
    )
    return "".join(lines[max(0, first - 2) : last + 1])[:limit]


def _best_function_lines(problem: Problem, text: str) -> tuple[int, int] | None:
    """Lines of the function whose tree matches the problem's best."""
    from rapidfuzz.distance import Levenshtein

    module = repair.parse_module(normalise_text(text))
    problem_tree = syntax.entry_point_tree(problem.solution, problem.entry_point)
    if not isinstance(module, ast.Module) or not problem_tree:
        return None
    best, best_lines = 0.0, None
    for node in ast.walk(module):
        if isinstance(node, FUNCTIONS):
            rate = Levenshtein.normalized_similarity(
                problem_tree, write_tree_string(node), score_cutoff=syntax.MIN_RATE
            )
            if rate > best:
                best, best_lines = rate, (node.lineno - 1, node.end_lineno or node.lineno)
    return best_lines


def _shared_words_lines(problem: Problem, text: str) -> tuple[int, int] | None:
    """Lines of the first run of words that the text has from the problem, and some after it."""
    ngrams = ngram.extract_ngrams(problem.text) | ngram.extract_ngrams(problem.solution)
    # By the kernel's rule of words, but on characters, so that the place is known.
    words = list(re.finditer(r"[0-9A-Za-z\x80-\U0010ffff]+", text))
    word_bytes = [word[0].lower().encode("utf-8", "surrogatepass") for word in words]
    for i in range(len(words) - ngram.NGRAM_SIZE + 1):
        if b" ".join(word_bytes[i : i + ngram.NGRAM_SIZE]) in ngrams:
            line = text.count("\n", 0, words[i].start())
            return line, line + 30
    return None


def find_shared_spans(first: str, second: str) -> tuple[list[SharedSpan], list[SharedSpan]]:
    """Spans of both texts that are shared, in order and apart from each other.

    >>> find_shared_spans("x = 1  # add all the numbers up", "# ADD all the numbers up, please")[0]
    [(9, 31, 'same')]
    """
    spans: tuple[list[SharedSpan], list[SharedSpan]] = ([], [])
    for a, b in _matching_blocks(
        _word_tokens(first), _word_tokens(second), MIN_SAME_WORDS, lambda tokens: True
    ):
        spans[0].append((*a, "same"))
        spans[1].append((*b, "same"))
    for a, b in _matching_blocks(
        _form_tokens(first), _form_tokens(second), MIN_FORM_TOKENS, _is_code
    ):
        for text_spans, (start, stop) in zip(spans, (a, b), strict=True):
            text_spans += [
                (span_start, span_stop, "form")
                for span_start, span_stop in _uncovered_spans(start, stop, text_spans)
            ]
    return sorted(spans[0]), sorted(spans[1])


_ComparedToken = tuple[str, int, int]  # what it is compared by, and its place


def _word_tokens(text: str) -> list[_ComparedToken]:
    return [(word[0].lower(), word.start(), word.end()) for word in WORD.finditer(text)]


def _form_tokens(text: str) -> list[_ComparedToken]:
    """Tokens of code: names, numbers and texts without their value, comments left out."""
    tokens = []
    for token in TOKEN.finditer(text):
        word = token[0]
        if word[0] == "#" or word.startswith(('"""', "'''")):
            continue
        tokens.append((_token_form(word), token.start(), token.end()))
    return tokens


def _token_form(word: str) -> str:
    """0 for a number, s for a string, n for a name; keywords and operators as they are."""
    if word[0].isdigit():
        return "0"
    if word[0] in "\"'":
        return "s"
    is_name = word[0].isalnum() or word[0] == "_"
    return "n" if is_name and not keyword.iskeyword(word) else word


def _is_code(forms: Sequence[str]) -> bool:
    """Whether a run of forms is more than names with commas: prose has that too."""
    return sum(form not in ("n", "0", "s", ",", ".", "-") for form in forms) >= 2


def _matching_blocks(
    first: Sequence[_ComparedToken],
    second: Sequence[_ComparedToken],
    min_size: int,
    accepts: Callable[[Sequence[str]], bool],
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Places of the runs of at least so many tokens that both have in one order."""
    a, b = first[:MAX_TOKENS], second[:MAX_TOKENS]
    matcher = difflib.SequenceMatcher(None, [t[0] for t in a], [t[0] for t in b], autojunk=False)
    for start_a, start_b, size in matcher.get_matching_blocks():
        if size >= min_size and accepts([t[0] for t in a[start_a : start_a + size]]):
            yield (
                (a[start_a][1], a[start_a + size - 1][2]),
                (b[start_b][1], b[start_b + size - 1][2]),
            )


def _uncovered_spans(
    start: int, stop: int, spans: Sequence[SharedSpan]
) -> Iterator[tuple[int, int]]:
    """What of a span no other span has."""
    for first, last, _ in sorted(spans):
        if first >= stop:
            break
        if last > start:
            if first > start:
                yield start, first
            start = last
    if start < stop:
        yield start, stop
