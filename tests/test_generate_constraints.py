"""Constraints: no repeats before all values came; a smaller sample starts a larger one."""

from __future__ import annotations

import itertools
import keyword
import sys

import pytest

from hornbook.generate.constraints import (
    count_distinct_prompts,
    raise_difficulty,
    sample_constraints,
)
from hornbook.seed import vocabulary


def sample_triples(count, seed=0):
    return [
        (constraint.audience, constraint.style, constraint.difficulty)
        for constraint in sample_constraints(count, seed)
    ]


def pairs_of_triple(triple):
    return {(a, triple[a], b, triple[b]) for a, b in itertools.combinations(range(3), 2)}


AXES = (vocabulary.read_audiences(), vocabulary.read_styles(), vocabulary.list_difficulties())
PAIRS = sum(len(a) * len(b) for a, b in itertools.combinations(AXES, 2))
TRIPLES = len(AXES[0]) * len(AXES[1]) * len(AXES[2])


def test_a_smaller_sample_is_the_beginning_of_a_larger_one():
    assert sample_constraints(40, seed=3) == sample_constraints(90, seed=3)[:40]
    assert sample_constraints(40, seed=3) != sample_constraints(40, seed=4)


@pytest.mark.parametrize("axis", ["topic", "function_name"])
def test_every_value_comes_once_before_any_comes_twice(axis):
    vocabularies = {
        "topic": vocabulary.read_topics(),
        "function_name": vocabulary.read_function_names(),
    }
    values = vocabularies[axis]
    sampled = [
        getattr(constraint, axis) for constraint in sample_constraints(2 * len(values), seed=1)
    ]
    assert sorted(sampled[: len(values)]) == sorted(sampled[len(values) :]) == sorted(values)
    assert sampled[: len(values)] != sampled[len(values) :]


def test_every_pair_comes_as_early_as_it_can_and_every_triple_before_any_repeats():
    triples = sample_triples(TRIPLES)
    assert len(set(triples)) == TRIPLES
    # No fewer requests can hold all pairs of audience and style.
    fewest = len(AXES[0]) * len(AXES[1])
    assert len(set().union(*map(pairs_of_triple, triples[:fewest]))) == PAIRS


def test_few_requests_are_mixed_already():
    first = sample_triples(24, seed=5)
    assert len({a for a, _, _ in first}) == 24
    assert len({s for _, s, _ in first}) >= 12
    assert {d for _, _, d in first} == set(vocabulary.list_difficulties())


def test_thousands_of_requests_are_all_different():
    assert len(set(sample_constraints(5000))) == 5000


@pytest.mark.parametrize(
    ("values", "least"),
    [
        (vocabulary.read_topics(), 500),
        (vocabulary.read_function_names(), 2000),
        (vocabulary.read_nouns() + vocabulary.read_verbs() + vocabulary.read_adjectives(), 1500),
        (vocabulary.read_audiences(), 30),
        (vocabulary.read_styles(), 25),
        (vocabulary.read_libraries(), 50),
    ],
)
def test_vocabularies_are_large(values, least):
    assert len(set(values)) >= least


@pytest.mark.parametrize(
    "values",
    [
        vocabulary.read_topics(), vocabulary.read_audiences(), vocabulary.read_styles(),
        vocabulary.read_libraries(), vocabulary.read_nouns(), vocabulary.read_verbs(),
        vocabulary.read_adjectives(), vocabulary.read_function_names(),
    ],
)  # fmt: skip
def test_vocabularies_have_no_duplicates(values):
    assert len(set(values)) == len(values)


def test_values_have_the_form_that_they_are_used_in():
    for name in vocabulary.read_function_names():
        assert name.isidentifier() and name == name.lower() and not keyword.iskeyword(name)
    for word in vocabulary.read_nouns() + vocabulary.read_verbs() + vocabulary.read_adjectives():
        assert word.isalpha() and word.islower()
    for module in vocabulary.read_libraries():
        assert module.partition(".")[0] in sys.stdlib_module_names
    for topic in vocabulary.read_topics():
        branch, _, leaf = topic.partition(" / ")
        assert branch and leaf and leaf == leaf.strip()
    assert count_distinct_prompts() > 10**15


def test_function_names_are_not_a_cross_of_verbs_and_nouns():
    """In a cross product every first word goes with as many last words as the list allows."""
    firsts = [name.partition("_")[0] for name in vocabulary.read_function_names()]
    assert len(set(firsts)) > 600
    assert max(map(firsts.count, set(firsts))) < 80


def test_harder_goes_up_and_stays_at_the_top():
    constraints = sample_constraints(50)
    easy = next(item for item in constraints if item.difficulty == "very easy")
    assert [raise_difficulty(easy, n).difficulty for n in (0, 1, 2, 3, 9)] == [
        *vocabulary.list_difficulties(),
        "hard",
    ]
