"""Intervals and tests against brute force, published values and second implementations."""

from __future__ import annotations

import itertools
import math
import random

import pytest

from hornbook import intervals
from hornbook.records import UserError


@pytest.mark.parametrize(
    ("n", "correct", "k"), [(5, 0, 1), (5, 2, 1), (6, 2, 3), (7, 7, 7), (7, 3, 5), (10, 9, 2)]
)
def test_pass_at_k_is_the_share_of_all_choices_of_k_that_hold_a_pass(
    n: int, correct: int, k: int
) -> None:
    samples = [True] * correct + [False] * (n - correct)
    choices = list(itertools.combinations(samples, k))
    exact = sum(any(choice) for choice in choices) / len(choices)
    assert intervals.pass_at_k(n, correct, k) == pytest.approx(exact, abs=1e-12)


def test_pass_at_k_stays_finite_where_binomials_overflow_floats() -> None:
    exact = 1 - math.comb(4000 - 3, 100) / math.comb(4000, 100)
    assert intervals.pass_at_k(4000, 3, 100) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize("k", [0, 6])
def test_pass_at_k_with_too_few_samples_is_refused(k: int) -> None:
    with pytest.raises(UserError, match=f"pass@{k}"):
        intervals.pass_at_k(5, 1, k)


# Newcombe 1998, table I, method 3 (Wilson without continuity correction).
@pytest.mark.parametrize(
    ("passed", "n", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_gives_newcombes_published_intervals(
    passed: int, n: int, low: float, high: float
) -> None:
    rate = intervals.wilson_interval(passed, n)
    assert (round(rate.low, 4), round(rate.high, 4)) == (low, high)


def test_wilson_without_problems_is_from_0_to_1() -> None:
    rate = intervals.wilson_interval(0, 0)
    assert math.isnan(rate.value) and (rate.low, rate.high) == (0.0, 1.0)


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 1), (9, 9), (0, 12), (3, 11)])
def test_mcnemar_is_the_share_of_coin_flips_at_least_as_uneven(first: int, second: int) -> None:
    n = first + second
    outcomes = [sum(flips) for flips in itertools.product((0, 1), repeat=n)]
    uneven = sum(abs(heads - n / 2) >= abs(first - n / 2) for heads in outcomes) / len(outcomes)
    assert intervals.mcnemar_p(first, second) == pytest.approx(uneven, abs=1e-12)


def test_a_bootstrap_interval_is_near_the_normal_one_for_a_large_exam() -> None:
    values = [float(random.Random(f"item {i}").random() < 0.3) for i in range(800)]
    mean = intervals.bootstrap_mean(values, "test")
    half_width = 1.96 * math.sqrt(mean.value * (1 - mean.value) / len(values))
    assert mean.low == pytest.approx(mean.value - half_width, abs=0.004)
    assert mean.high == pytest.approx(mean.value + half_width, abs=0.004)


def test_the_same_values_and_name_give_the_same_interval() -> None:
    values = [0.0, 1.0, 0.5]
    assert intervals.bootstrap_mean(values, "a") == intervals.bootstrap_mean(values, "a")


def test_a_ratio_weighs_problems_by_their_denominators() -> None:
    ratio = intervals.bootstrap_ratio([10.0, 300.0], [10.0, 100.0], "bits")
    assert ratio.value == pytest.approx(310 / 110)


def test_a_paired_interval_is_narrower_than_the_two_scores_suggest() -> None:
    first = [float(i % 2) for i in range(200)]
    second = [1.0 if i % 20 == 0 else value for i, value in enumerate(first)]
    difference = intervals.bootstrap_difference(first, second)
    assert difference.value == pytest.approx(0.05)
    assert difference.low > 0.015 and difference.high < 0.09


def test_pairs_count_who_solved_what() -> None:
    results = intervals.compare_pairs(
        [True, True, False, False, True], [True, False, True, False, True]
    )
    assert (results.both, results.only_first, results.only_second, results.neither) == (2, 1, 1, 1)
    assert results.p == 1.0 and results.difference.value == 0.0


def test_weighted_kappa_equals_scikit_learns() -> None:
    from sklearn.metrics import cohen_kappa_score

    for seed in range(5):
        draw = random.Random(seed)
        first = [draw.randrange(11) for _ in range(60)]
        second = [min(10, max(0, grade + draw.randrange(-3, 4))) for grade in first]
        expected = cohen_kappa_score(first, second, weights="quadratic", labels=list(range(11)))
        assert intervals.weighted_kappa(first, second) == pytest.approx(expected)


def test_kappa_is_nan_where_no_grade_varies() -> None:
    assert math.isnan(intervals.weighted_kappa([5, 5], [5, 5]))
