"""Diversity: each measure shows a narrow set, and none grows with the size of the set."""

from __future__ import annotations

import numpy as np
import pytest

from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.generate import Exercises, MeasureDiversity, ShelfExercises
from hornbook.generate.diversity import (
    cluster_coverage,
    cluster_vectors,
    mean_nearest_cosine,
    measure_likeness,
    measure_sets,
    variants_per_concept,
)
from hornbook.generate.rounds import (
    DIVERSITY_MEASURES,
    MIN_TEXTS,
    MeasureRounds,
    format_lines,
    format_table,
    measure_equal_sizes,
)
from hornbook.llm import named
from hornbook.models.embedder import Embedder
from hornbook.records import UserError
from hornbook.seed import read_exercises
from hornbook.store import read_json

PROGRAMS = [exercise.prompt + exercise.solution for exercise in read_exercises()][:80]
NARROW = [PROGRAMS[n % 4].replace("each", f"each{n}") for n in range(80)]
HASHED = Embedder("hashed")
BETTER_HIGH = (
    "distinct_2",
    "distinct_3",
    "distinct_syntax_trees",
    "cluster_coverage",
    "variants_per_concept",
)
BETTER_LOW = ("likeness", "mean_likeness", "repeated_openings")


@pytest.fixture(scope="module")
def numbers():
    return measure_sets({"wide": PROGRAMS, "narrow": NARROW, "none": []}, HASHED)


@pytest.mark.parametrize("name", BETTER_HIGH)
def test_a_narrow_set_has_less_of_it(numbers, name):
    assert numbers["narrow"][name] < 0.8 * numbers["wide"][name]


@pytest.mark.parametrize("name", BETTER_LOW)
def test_a_narrow_set_has_more_of_it(numbers, name):
    assert numbers["narrow"][name] > numbers["wide"][name]


def test_what_a_narrow_set_has_the_wide_one_has_too_and_not_the_other_way(numbers):
    assert numbers["narrow"]["near wide"] > numbers["wide"]["near narrow"] + 0.1
    assert numbers["none"] == {}


def test_the_size_alone_changes_little():
    half = measure_sets({"half": PROGRAMS[:40]}, HASHED)["half"]
    whole = measure_sets({"all": PROGRAMS}, HASHED)["all"]
    for name in (
        "distinct_syntax_trees",
        "repeated_openings",
        "mean_likeness",
        "variants_per_concept",
    ):
        assert half[name] == pytest.approx(whole[name], abs=0.15)


def test_the_numbers_of_small_sets_by_hand():
    same, apart = np.array([[1, 0], [1, 0]], np.float32), np.eye(2, dtype=np.float32)
    assert measure_likeness(same) == {"likeness": 1.0, "mean_likeness": 1.0}
    zero = {"likeness": 0.0, "mean_likeness": 0.0}
    assert measure_likeness(apart) == zero == measure_likeness(apart[:1])
    assert mean_nearest_cosine(apart[:1], same) == 1.0
    assert mean_nearest_cosine(apart[1:], same) == 0.0
    assert sorted(cluster_vectors(np.repeat(apart, 3, axis=0)).tolist()) == [0, 0, 0, 1, 1, 1]
    assert cluster_coverage(np.zeros(9, np.int64)) == pytest.approx(1 / 50)
    assert variants_per_concept(["x = 1", "y = 2", "f(x)"], np.array([0, 0, 0])) == pytest.approx(
        2 / 3, abs=1e-4
    )
    assert variants_per_concept(["x = 1", "f(x)"], np.array([0, 1])) == 1.0


def test_the_stages_write_their_tables(tmp_path):
    ctx = RunContext(tmp_path)
    first = Exercises("first", named("scripted"), 6)
    second = ShelfExercises("second", "held-out", share=0.05)
    rounds = MeasureRounds("rounds", (first, second))
    run_recipe(MeasureDiversity("diversity", (first, second)), ctx)
    run_recipe(rounds, ctx)
    diversity = read_json(tmp_path / "diversity" / "diversity.json")
    assert set(diversity) == {"first", "second"} and 0 < diversity["first"]["near second"] < 1
    numbers = read_json(tmp_path / "rounds" / "rounds.json")["numbers"]
    assert [row["round"] for row in numbers] == [1, 2] and 0 < numbers[0]["yield"]["value"] < 1
    assert "pass@1" not in numbers[0] and "measured" not in numbers[0]
    with pytest.raises(UserError, match="2 exams for 1 rounds"):
        MeasureRounds("r", (first,), (first, second)).write_files(ctx)


def test_rounds_are_measured_on_equally_many_texts_and_small_ones_not_at_all():
    measures = measure_equal_sizes(
        {"shelf": PROGRAMS, "first": NARROW[:30], "second": PROGRAMS[: MIN_TEXTS - 1]}, HASHED
    )
    assert measures["shelf"]["measured"] == measures["first"]["measured"] == 30
    assert measures["second"] == {}
    assert measures["first"]["distinct_2"] < measures["shelf"]["distinct_2"]


def test_the_table_of_rounds_has_intervals_and_leaves_open_what_was_not_measured():
    estimate = {"value": 0.05, "low": 0.021, "high": 0.112}
    diversity = {"measured": 20, "near shelf": 0.9} | dict.fromkeys(DIVERSITY_MEASURES, 0.5)
    row = {"asked": 100, "yield": estimate, "stopped most": "no solution runs 90"}
    first, second = (
        {"set": "a", "round": 1, "kept": 5, **row},
        {"set": "b", "round": 2, "kept": 5, **row},
    )
    table = format_table(
        [
            {"set": "shelf", "kept": 100, **row} | diversity,
            first | {"pass@1": estimate} | diversity,
            second,
        ]
    )
    by_name = dict(zip(table[0], zip(*table[1:], strict=True), strict=True))
    assert by_name["round"] == ("", "1", "2")
    assert by_name["kept"] == ("100 of 100", "5 of 100", "5 of 100")
    assert by_name["pass@1, %"] == ("", "5.0 (2.1 to 11.2)", "")
    assert by_name["near shelf"] == ("0.900", "0.900", "")
    lines = format_lines(table)
    assert [line.split()[0] for line in lines[:2]] == ["round", "set"]
    assert "a  " in lines[1]
