"""Constraints that make requests differ, sampled from vocabularies, and their coverage.

In: a count and a seed. Out: a list of Constraints; a smaller sample is the start of a larger one.
Coverage:

- Every topic and every function name comes once before any comes twice.
- Audience, style and difficulty: all pairs of values come within the fewest requests that can hold
  them, and all triples come once before any comes twice.
- Words (a noun, a verb, an adjective: TinyStories, arXiv 2305.07759) and libraries are sampled
  independently.

Not covered: pairs with a topic or a function name; those are random.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hornbook.records import hash_fraction
from hornbook.seed import vocabulary

LIBRARY_SHARE = 0.3  # of requests; they name a module of the standard library


@dataclass(frozen=True)
class Constraint:
    """One request's constraints. `module` and `snippet` may be empty."""

    topic: str  # "Strings / splitting and joining"
    audience: str
    style: str
    difficulty: str
    module: str
    function_name: str
    words: tuple[str, str, str]  # noun, verb, adjective
    snippet: str = ""  # real code for inspiration (OSS-Instruct, arXiv 2312.02120)


def sample_constraints(count: int, seed: int = 0) -> list[Constraint]:
    """The first `count` constraints of this seed."""
    return [_make_constraint(index, seed) for index in range(count)]


def count_distinct_prompts() -> int:
    """How many distinct constraints there are, without snippets."""
    axes = (
        vocabulary.read_topics(), vocabulary.read_audiences(), vocabulary.read_styles(),
        vocabulary.list_difficulties(),
        vocabulary.read_function_names(), vocabulary.read_nouns(), vocabulary.read_verbs(),
        vocabulary.read_adjectives(),
    )  # fmt: skip
    total = len(vocabulary.read_libraries()) + 1
    for axis in axes:
        total *= len(axis)
    return total


def raise_difficulty(constraint: Constraint, steps: int = 1) -> Constraint:
    """The constraint with a higher difficulty, at most the highest (arXiv 2304.12244)."""
    levels = vocabulary.list_difficulties()
    return replace(
        constraint,
        difficulty=levels[min(levels.index(constraint.difficulty) + steps, len(levels) - 1)],
    )


def _make_constraint(index: int, seed: int) -> Constraint:
    audience, style, difficulty = _pick_triple(index, seed)
    module = _value_in_round(vocabulary.read_libraries(), index, f"library {seed}")
    kinds = {
        "noun": vocabulary.read_nouns(),
        "verb": vocabulary.read_verbs(),
        "adjective": vocabulary.read_adjectives(),
    }
    noun, verb, adjective = (
        words[int(hash_fraction(f"{kind} {seed}", str(index)) * len(words))]
        for kind, words in kinds.items()
    )
    return Constraint(
        topic=_value_in_round(vocabulary.read_topics(), index, f"topic {seed}"),
        audience=audience,
        style=style,
        difficulty=difficulty,
        module=module if hash_fraction(f"with library {seed}", str(index)) < LIBRARY_SHARE else "",
        function_name=_value_in_round(vocabulary.read_function_names(), index, f"name {seed}"),
        words=(noun, verb, adjective),
    )


def _pick_triple(index: int, seed: int) -> tuple[str, str, str]:
    """(audience, style, difficulty) computed from the index alone, as in a Latin square.

    A round has each audience once. The style of each audience shifts by one from round to round.
    The difficulty follows from both, and shifts by one when all pairs of audience and style have
    come.
    """
    audiences = vocabulary.read_audiences()
    styles = vocabulary.read_styles()
    levels = vocabulary.list_difficulties()
    round_index, position = divmod(index, len(audiences))
    repeat_index, round_index = divmod(round_index, len(styles))
    audience_index = _shuffle_indices(len(audiences), f"audience {seed} {round_index}")[position]
    style_index = (audience_index + round_index) % len(styles)
    # audience_index // 2 mixes the levels within a round. Each style and each audience still gets
    # all levels.
    level = (audience_index + audience_index // 2 + style_index + repeat_index) % len(levels)
    return (
        audiences[_shuffle_indices(len(audiences), f"audiences {seed}")[audience_index]],
        styles[_shuffle_indices(len(styles), f"styles {seed}")[style_index]],
        levels[level],
    )


def _value_in_round(values: Sequence[str], index: int, name: str) -> str:
    """The value at `index` of endless rounds through all values, each round in another order."""
    round_index, position = divmod(index, len(values))
    return values[_shuffle_indices(len(values), f"{name} {round_index}")[position]]


@functools.lru_cache(maxsize=256)
def _shuffle_indices(size: int, name: str) -> list[int]:
    return sorted(range(size), key=lambda value: hash_fraction(name, str(value)))
