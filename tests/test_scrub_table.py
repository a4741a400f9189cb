"""The paper's last table: each of its percentages is a whole count, and the code that prints ours prints it again."""

from __future__ import annotations

import pytest

from hornbook.records import UserError
from hornbook.scrub import table

MODELS = ("phi-1", "phi-1 retrained on pruned", "StarCoder-Prompted")
# Gunasekar et al. 2023, Table 3: threshold, n and percentages of the similar problems, of the
# others, and of all 164.
PUBLISHED = [
    (0.95, (71, 81.7, 74.6, 57.7), (93, 26.9, 32.3, 29.0), (164, 50.6, 50.6, 41.5)),
    (0.9, (93, 63.4, 51.6, 48.4), (71, 33.8, 36.6, 32.4), (164, 50.6, 45.1, 41.5)),
    (0.85, (106, 62.3, 52.8, 47.2), (58, 29.3, 34.5, 31.0), (164, 50.6, 46.3, 41.5)),
    (0.8, (116, 59.5, 52.6, 45.7), (48, 29.2, 27.1, 31.2), (164, 50.6, 45.1, 41.5)),
]  # fmt: skip


@pytest.mark.parametrize(("threshold", "near", "far", "total"), PUBLISHED)
def test_every_row_of_the_papers_table_is_whole_counts_that_add_up(threshold: float, near: tuple[float, ...],
    far: tuple[float, ...], total: tuple[float, ...]) -> None:  # fmt: skip
    counts = [
        [table.count_from_percent(percent, int(row[0])) for percent in row[1:]]
        for row in (near, far, total)
    ]
    assert near[0] + far[0] == total[0] == 164
    assert [a + b for a, b in zip(counts[0], counts[1], strict=True)] == counts[2]


@pytest.mark.parametrize(("threshold", "near", "far", "total"), PUBLISHED)
def test_the_code_that_prints_ours_prints_the_papers(threshold: float, near: tuple[float, ...],
    far: tuple[float, ...], total: tuple[float, ...]) -> None:  # fmt: skip
    tasks = [f"HumanEval/{number_of_task}" for number_of_task in range(164)]
    sides = tasks[: int(near[0])], tasks[int(near[0]) :]
    rates = {task: threshold if task in sides[0] else threshold - 0.001 for task in tasks}
    passed: dict[str, dict[str, bool]] = {model: {} for model in MODELS}
    for row, side in zip((near, far), sides, strict=True):
        for model, percent in zip(MODELS, row[1:], strict=True):
            passed[model] |= {
                task: place < table.count_from_percent(percent, int(row[0]))
                for place, task in enumerate(side)
            }
    pass_rates = table.build_table(rates, passed, [threshold])
    for row, published in zip(pass_rates.rows, (near, far, total), strict=True):
        assert row.n == published[0]
        # 68.75 and the like are printed both ways: half to even, or up.
        assert [100 * rate.value for rate in row.rates] == pytest.approx(published[1:], abs=0.0501)


def test_a_rate_at_the_threshold_is_similar() -> None:
    pass_rates = table.build_table(
        {"a": 0.95, "b": 0.9499, "c": 0.0}, {"m": {"a": True, "b": False, "c": True}}, [0.95]
    )
    assert [(row.subset, row.n, row.passed) for row in pass_rates.rows] == [
        ("similar", 1, (1,)),
        ("non-similar", 2, (1,)),
        ("total", 3, (2,)),
    ]


def test_a_model_without_a_result_is_named_with_the_problem() -> None:
    with pytest.raises(UserError, match=r"m has no result for 1 of 2 problems, such as b"):
        table.build_table({"a": 1, "b": 0}, {"m": {"a": True}})


@pytest.mark.parametrize(("percent", "n"), [(50.3, 71), (99.9, 5), (50.0, 2000)])
def test_a_percentage_that_no_single_count_gives_is_refused(percent: float, n: int) -> None:
    with pytest.raises(UserError, match="no single count fits"):
        table.count_from_percent(percent, n)


def test_a_side_without_problems_says_so() -> None:
    shown = table.format_markdown(table.build_table({"a": 1.0}, {"m": {"a": True}}, [0.9]))
    assert shown[2:] == ["| 0.9 | similar | 1 | 1/1 100.0% [20.7, 100.0] |", "|  | non-similar | 0 | no problems |",
                         "|  | total | 1 | 1/1 100.0% [20.7, 100.0] |"]  # fmt: skip


def test_every_number_of_the_table_is_in_its_json() -> None:
    rows = table.table_records(
        table.build_table(
            {"a": 1.0, "b": 0}, {"m": {"a": True, "b": False}, "o": {"a": False, "b": False}}
        )
    )
    assert len(rows) == 4 * 3 * 2
    assert rows[0] == {"threshold": 0.95, "subset": "similar", "n": 1, "model": "m", "passed": 1, "rate": 1.0,
                       "low": pytest.approx(0.2065, abs=1e-4), "high": 1.0}  # fmt: skip
