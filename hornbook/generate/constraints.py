"""What makes a thousand requests a thousand different ones: constraints drawn from vocabularies, with their coverage.

In: a number and a seed. Out: so many Constraints; those of a smaller number are the first of a larger one's. Every
topic and every function name comes once before any comes twice; every triple of audience, style and difficulty comes
once before any comes twice, and pairs that were not seen yet come first.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from hornbook.generate import vocabulary
from hornbook.records import share

WORDS = 3
WITH_LIBRARY = 0.3  # the share of requests that name a module of the standard library


@dataclass(frozen=True)
class Constraint:
    """One request's constraints. `library` may be empty."""

    topic: str  # "Strings / Splitting and joining"
    audience: str
    style: str
    difficulty: str
    library: str
    function_name: str
    words: tuple[str, ...]


def sample(number: int, seed: int = 0) -> list[Constraint]:
    """The first `number` constraints of this seed."""
    return [_at(index, seed) for index in range(number)]


def count() -> int:
    """How many distinct constraints there are, words apart."""
    axes = (vocabulary.topics(), vocabulary.audiences(), vocabulary.styles(), vocabulary.difficulties())
    total = len(vocabulary.function_names()) * (len(vocabulary.libraries()) + 1)
    for axis in axes:
        total *= len(axis)
    return total


def _at(index: int, seed: int) -> Constraint:
    triples = covering(seed)
    audience, style, difficulty = triples[index % len(triples)]
    library = _turn(vocabulary.libraries(), index, f"library {seed}")
    words = sorted(vocabulary.words(), key=lambda word: share(f"{seed} {index}", word))[:WORDS]
    return Constraint(
        topic=_turn(vocabulary.topics(), index, f"topic {seed}"),
        audience=audience,
        style=style,
        difficulty=difficulty,
        library=library if share(f"with library {seed}", str(index)) < WITH_LIBRARY else "",
        function_name=_turn(vocabulary.function_names(), index, f"name {seed}"),
        words=tuple(words),
    )


def _turn(values: Sequence[str], index: int, name: str) -> str:
    """The index-th of endless rounds through the values, each round in another order."""
    turn, at = divmod(index, len(values))
    return _shuffled(tuple(values), f"{name} {turn}")[at]


@functools.lru_cache(maxsize=64)
def _shuffled(values: tuple[str, ...], name: str) -> list[str]:
    return sorted(values, key=lambda value: share(name, value))


@functools.lru_cache(maxsize=8)
def covering(seed: int) -> list[tuple[str, str, str]]:
    """All triples of audience, style and difficulty, ordered so that unseen pairs come early."""
    axes = (vocabulary.audiences(), vocabulary.styles(), vocabulary.difficulties())
    left = sorted(itertools.product(*axes), key=lambda triple: share(f"triple {seed}", "\0".join(triple)))
    seen: set[tuple[int, str, int, str]] = set()
    order = []
    while left:
        best = max(range(len(left)), key=lambda at: (len(pairs(left[at]) - seen), -at))
        seen |= pairs(left[best])
        order.append(left.pop(best))
    return order


def pairs(triple: Sequence[str]) -> set[tuple[int, str, int, str]]:
    """The pairs of values in a triple, each value with its axis."""
    return {(a, triple[a], b, triple[b]) for a, b in itertools.combinations(range(len(triple)), 2)}
