"""Vocabularies from which constraints are sampled: plain text files, one value per line.

In: the files of this folder. Out: tuples of strings in the files' order. In topics.txt a line
without indentation is a branch, and the indented lines below it are its leaves. The other files
have one value or several words per line. Lines that start with # are comments.
"""

from __future__ import annotations

import functools
from pathlib import Path

FOLDER = Path(__file__).parent


@functools.lru_cache(maxsize=1)
def read_topics() -> tuple[str, ...]:
    """The leaves of the topic tree as "Branch / leaf"."""
    leaves, branch = [], ""
    for line in _read_lines("topics.txt"):
        if line.startswith("  "):
            leaves.append(f"{branch} / {line.strip()}")
        else:
            branch = line.strip()
    return tuple(leaves)


def read_audiences() -> tuple[str, ...]:
    """Readers for whom a text is written."""
    return _read_lines("audiences.txt")


def read_styles() -> tuple[str, ...]:
    """Styles of a text."""
    return _read_lines("styles.txt")


def list_difficulties() -> tuple[str, ...]:
    """Levels of difficulty, from easy to hard."""
    return ("very easy", "easy", "medium", "hard")


def read_libraries() -> tuple[str, ...]:
    """Modules of the standard library that a small exercise can use."""
    return _read_lines("libraries.txt")


def read_nouns() -> tuple[str, ...]:
    """Plain English nouns for a story, after TinyStories (arXiv 2305.07759)."""
    return _read_words("nouns.txt")


def read_verbs() -> tuple[str, ...]:
    """Plain English verbs."""
    return _read_words("verbs.txt")


def read_adjectives() -> tuple[str, ...]:
    """Plain English adjectives."""
    return _read_words("adjectives.txt")


def read_function_names() -> tuple[str, ...]:
    """Names for an exercise's function, such as days_until_warmer."""
    return _read_words("names.txt")


@functools.lru_cache(maxsize=16)
def _read_words(name: str) -> tuple[str, ...]:
    return tuple(" ".join(_read_lines(name)).split())


@functools.lru_cache(maxsize=16)
def _read_lines(name: str) -> tuple[str, ...]:
    text = (FOLDER / name).read_text(encoding="utf-8")
    return tuple(
        line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("#")
    )
