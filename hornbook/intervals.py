"""Numbers with their uncertainty: how far a score could be from what the model can do.

In: counts and values per problem. Out: estimates with a 95 % interval, and exact tests for two
models on one exam. The problems are the sample: a bootstrap draws problems, never single answers.
Seeds come from names, so that the same results give the same intervals. Not covered: corrections
for comparing many models at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

from hornbook.records import UserError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

LEVEL = 0.95
DRAWS = 10_000  # the interval's ends then vary by about 0.1 points between seeds at n = 164


@dataclass(frozen=True)
class Estimate:
    """A value, the ends of its interval, the number of problems behind it, and how the interval was made."""

    value: float
    low: float
    high: float
    n: int
    method: str


@dataclass(frozen=True)
class PairedResults:
    """Two models on the same problems: who solved what, McNemar's exact p, and the difference second minus first."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float
    difference: Estimate


def wilson_interval(passed: int, n: int) -> Estimate:
    """Wilson's interval for a pass rate: right also near 0 and 1, where most small models are. n = 0 gives 0 to 1."""
    if n == 0:
        return Estimate(math.nan, 0.0, 1.0, 0, "Wilson")
    z, rate = NormalDist().inv_cdf((1 + LEVEL) / 2), passed / n
    centre = (rate + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(rate * (1 - rate) / n + z * z / (4 * n * n))
    # At 0 and n the formula's ends are 0 and 1 exactly, but for rounding.
    low, high = (0.0 if passed == 0 else centre - half), (1.0 if passed == n else centre + half)
    return Estimate(rate, low, high, n, "Wilson")


def pass_at_k(n: int, correct: int, k: int) -> float:
    """The unbiased chance that one of k samples passes, 1 - C(n - c, k) / C(n, k) (Chen et al. 2021), as a product.

    >>> pass_at_k(10, 3, 1)
    0.3
    """
    if not 0 < k <= n:
        raise UserError(f"pass@{k} needs at least {k} samples of each problem, and there are {n}")
    if n - correct < k:
        return 1.0
    return round(1.0 - math.prod(1.0 - k / i for i in range(n - correct + 1, n + 1)), 15)


def mean_pass_at_k(counts: Sequence[tuple[int, int]], k: int, name: str = "pass@k") -> Estimate:
    """pass@k over problems, from (samples, correct) of each, with a bootstrap interval over the problems."""
    return bootstrap_mean([pass_at_k(n, correct, k) for n, correct in counts], name)


def bootstrap_mean(values: Sequence[float], name: str) -> Estimate:
    """The mean over problems with a bootstrap interval over them."""
    return bootstrap_ratio(values, [1.0] * len(values), name)


def bootstrap_ratio(above: Sequence[float], below: Sequence[float], name: str) -> Estimate:
    """sum(above) / sum(below), such as bits over bytes, with a bootstrap interval over the problems."""
    import numpy as np

    if not above:
        return Estimate(math.nan, math.nan, math.nan, 0, "bootstrap")
    up, down = np.asarray(above, float), np.asarray(below, float)
    drawn = _draw_resamples(len(up), name)
    low, high = _interval_ends((drawn @ up) / (drawn @ down))
    return Estimate(float(up.sum() / down.sum()), low, high, len(up), "bootstrap")


def bootstrap_difference(
    first: Sequence[float], second: Sequence[float], name: str = "difference"
) -> Estimate:
    """The mean of second minus first over the same problems, in the same order, with a paired bootstrap interval."""
    if len(first) != len(second):
        raise AssertionError(
            f"{len(first)} values against {len(second)}: pairs need the same problems"
        )
    return bootstrap_mean([b - a for a, b in zip(first, second, strict=True)], name)


def mcnemar_p(only_first: int, only_second: int) -> float:
    """McNemar's exact two-sided p: how likely so uneven a split of the disagreements is if both are equally good."""
    n = only_first + only_second
    tail: float = sum(math.comb(n, i) for i in range(min(only_first, only_second) + 1)) / (1 << n)
    return min(1.0, 2 * tail)


def compare_pairs(first: Sequence[bool], second: Sequence[bool]) -> PairedResults:
    """Two models' verdicts on the same problems, in the same order."""
    table = [(a, b) for a, b in zip(first, second, strict=True)]
    one, two = table.count((True, False)), table.count((False, True))
    gained = bootstrap_difference(
        [float(a) for a, _ in table], [float(b) for _, b in table], "pairs"
    )
    return PairedResults(
        table.count((True, True)),
        one,
        two,
        table.count((False, False)),
        mcnemar_p(one, two),
        gained,
    )


def weighted_kappa(first: Sequence[int], second: Sequence[int], levels: int = 11) -> float:
    """Cohen's kappa with quadratic weights for two raters' grades 0 to levels - 1; nan where neither ever varies.

    1 is agreement, 0 is what chance gives; a grade off by two counts four times one off by one.
    """
    import numpy as np

    seen = np.zeros((levels, levels))
    for a, b in zip(first, second, strict=True):
        seen[a, b] += 1
    weight = np.subtract.outer(np.arange(levels), np.arange(levels)) ** 2
    chance = np.outer(seen.sum(1), seen.sum(0)) / max(seen.sum(), 1)
    expected = float((weight * chance).sum())
    return 1 - float((weight * seen).sum()) / expected if expected else math.nan


def _draw_resamples(n: int, name: str) -> npt.NDArray[np.float64]:
    """How often each problem is drawn in each resample: (DRAWS, n) counts whose rows sum to n."""
    import hashlib

    import numpy as np

    seed = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big")
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=DRAWS).astype(float)


def _interval_ends(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    import numpy as np

    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
