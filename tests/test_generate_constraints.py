"""Constraints: nothing repeats before it must, a smaller sample is the beginning of a larger one."""

from __future__ import annotations

import keyword

import pytest

from hornbook.generate import vocabulary
from hornbook.generate.constraints import count, covering, pairs, sample


def test_a_smaller_sample_is_the_beginning_of_a_larger_one():
    assert sample(40, seed=3) == sample(90, seed=3)[:40]
    assert sample(40, seed=3) != sample(40, seed=4)


@pytest.mark.parametrize("axis", ["topic", "function_name"])
def test_every_value_comes_once_before_any_comes_twice(axis):
    values = {"topic": vocabulary.topics(), "function_name": vocabulary.function_names()}[axis]
    drawn = [getattr(each, axis) for each in sample(2 * len(values), seed=1)]
    assert sorted(drawn[: len(values)]) == sorted(drawn[len(values) :]) == sorted(values)
    assert drawn[: len(values)] != drawn[len(values) :]


def test_every_pair_is_seen_before_any_triple_repeats():
    triples = covering(0)
    assert len(set(triples)) == len(triples)
    every = set().union(*(pairs(triple) for triple in triples))
    axes = (vocabulary.audiences(), vocabulary.styles(), vocabulary.difficulties())
    assert len(every) == sum(len(axes[a]) * len(axes[b]) for a, b in ((0, 1), (0, 2), (1, 2)))


def test_pairs_come_early():
    triples, seen, needed = covering(0), set(), 0
    every = set().union(*(pairs(triple) for triple in triples))
    while seen != every:
        seen |= pairs(triples[needed])
        needed += 1
    least = max(len(vocabulary.audiences()) * len(vocabulary.styles()), 1)
    assert needed <= 1.25 * least


def test_vocabularies_have_no_doubles_and_names_are_names():
    for values in (vocabulary.topics(), vocabulary.audiences(), vocabulary.styles(), vocabulary.libraries(),
                   vocabulary.function_names()):  # fmt: skip
        assert len(set(values)) == len(values)
    assert all(name.isidentifier() and not keyword.iskeyword(name) for name in vocabulary.function_names())
    assert all(word.isalpha() and word.islower() for word in vocabulary.words())
    assert count() > 10**9
