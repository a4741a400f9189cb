"""What makes a thousand requests a thousand different ones: constraints drawn from vocabularies, with their coverage.

In: a number and a seed. Out: so many Constraints; those of a smaller number are the first of a
larger one's. Every topic and every function name comes once before any comes twice. Audience, style
and difficulty: every pair of values comes before any triple repeats, all pairs within the fewest
requests that can hold them, all triples once before any comes twice. Words (a noun, a verb, an
adjective: TinyStories' idea) and libraries are drawn independently. Not covered: pairs with a topic
or a name; a round of topics meets each audience about equally often, by chance.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hornbook.records import share
from hornbook.seed import vocabulary

WITH_LIBRARY = 0.3  # the share of requests that name a module of the standard library


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
    snippet: str = (
        ""  # a piece of somebody's code that is to inspire (OSS-Instruct, arXiv 2312.02120)
    )


def sample(number: int, seed: int = 0) -> list[Constraint]:
    """The first `number` constraints of this seed."""
    return [_at(index, seed) for index in range(number)]


def count() -> int:
    """How many distinct constraints there are, seed snippets apart."""
    axes = (
        vocabulary.topics(), vocabulary.audiences(), vocabulary.styles(), vocabulary.difficulties(),
        vocabulary.function_names(), vocabulary.nouns(), vocabulary.verbs(), vocabulary.adjectives(),
    )  # fmt: skip
    total = len(vocabulary.libraries()) + 1
    for axis in axes:
        total *= len(axis)
    return total


def harder(constraint: Constraint, steps: int = 1) -> Constraint:
    """The same with a higher difficulty, at most the highest (Evol-Instruct's depth, arXiv 2304.12244)."""
    levels = vocabulary.difficulties()
    return replace(
        constraint,
        difficulty=levels[min(levels.index(constraint.difficulty) + steps, len(levels) - 1)],
    )


def _at(index: int, seed: int) -> Constraint:
    audience, style, difficulty = _triple(index, seed)
    module = _turn(vocabulary.libraries(), index, f"library {seed}")
    kinds = {
        "noun": vocabulary.nouns(),
        "verb": vocabulary.verbs(),
        "adjective": vocabulary.adjectives(),
    }
    noun, verb, adjective = (
        words[int(share(f"{kind} {seed}", str(index)) * len(words))]
        for kind, words in kinds.items()
    )
    return Constraint(
        topic=_turn(vocabulary.topics(), index, f"topic {seed}"),
        audience=audience,
        style=style,
        difficulty=difficulty,
        module=module if share(f"with library {seed}", str(index)) < WITH_LIBRARY else "",
        function_name=_turn(vocabulary.function_names(), index, f"name {seed}"),
        words=(noun, verb, adjective),
    )


def _triple(index: int, seed: int) -> tuple[str, str, str]:
    """(audience, style, difficulty): a Latin arrangement, so that nothing has to be remembered or searched.

    A round asks each audience once, with the style moved on by one from round to round; the
    difficulty follows from both and moves on by one when all pairs of audience and style were
    asked.
    """
    audiences, styles, levels = (
        vocabulary.audiences(),
        vocabulary.styles(),
        vocabulary.difficulties(),
    )
    turn, at = divmod(index, len(audiences))
    again, turn = divmod(turn, len(styles))
    a = _shuffled(len(audiences), f"audience {seed} {turn}")[at]
    b = (a + turn) % len(styles)
    # a // 2 mixes the levels within a round; for one style or one audience all levels still come.
    level = (a + a // 2 + b + again) % len(levels)
    return (
        audiences[_shuffled(len(audiences), f"audiences {seed}")[a]],
        styles[_shuffled(len(styles), f"styles {seed}")[b]],
        levels[level],
    )


def _turn(values: Sequence[str], index: int, name: str) -> str:
    """The index-th of endless rounds through the values, each round in another order."""
    turn, at = divmod(index, len(values))
    return values[_shuffled(len(values), f"{name} {turn}")[at]]


@functools.lru_cache(maxsize=256)
def _shuffled(number: int, name: str) -> list[int]:
    return sorted(range(number), key=lambda value: share(name, str(value)))
