"""Vocabularies that requests are drawn from: plain text files, a value a line, written for this project.

In: the files of this folder. Out: tuples of texts, in the files' order. In topics.txt a line without indentation is a
branch and the indented lines below it are its leaves. Function names are verbs joined to nouns that suit them.
"""

from __future__ import annotations

import functools
from pathlib import Path

FOLDER = Path(__file__).parent


def topics() -> tuple[str, ...]:
    """Leaves of the topic tree as "Branch / Leaf"."""
    found, branch = [], ""
    for line in _lines("topics.txt"):
        if line.startswith("  "):
            found.append(f"{branch} / {line.strip()}")
        else:
            branch = line.strip()
    return tuple(found)


def audiences() -> tuple[str, ...]:
    """Who a text is written for."""
    return _lines("audiences.txt")


def styles() -> tuple[str, ...]:
    """In which form."""
    return _lines("styles.txt")


def difficulties() -> tuple[str, ...]:
    """How hard, from easy to hard."""
    return ("very easy", "easy", "medium", "hard")


def libraries() -> tuple[str, ...]:
    """Modules of the standard library that a small exercise can use."""
    return _lines("libraries.txt")


def words() -> tuple[str, ...]:
    """Plain English words that colour a story."""
    return tuple(word for line in _lines("words.txt") for word in line.split())


@functools.lru_cache(maxsize=1)
def function_names() -> tuple[str, ...]:
    """Names such as count_seats: each line of names.txt has verbs, a colon, and the nouns that they go with."""
    found = []
    for line in _lines("names.txt"):
        verbs, nouns = line.split(":")
        found += [f"{verb}_{noun}" for noun in nouns.split() for verb in verbs.split()]
    return tuple(dict.fromkeys(found))


@functools.lru_cache(maxsize=16)
def _lines(name: str) -> tuple[str, ...]:
    text = (FOLDER / name).read_text(encoding="utf-8")
    return tuple(line.rstrip() for line in text.splitlines() if line.strip() and not line.startswith("#"))
