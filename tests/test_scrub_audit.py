"""Plants differ from their problem in what their kind says and in nothing else; the audit counts who finds them."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from hornbook import records
from hornbook.exams import Problem
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Stage
from hornbook.models.embedder import Embedder
from hornbook.scrub import AuditScrub, audit, planted_copies, syntax
from hornbook.scrub.audit import AuditSettings

LOOP = Problem(
    "exam/0",
    'def long_words(words, least=3):\n    """Return the words of a given list that have at least so many letters.\n'
    "    >>> long_words(['of', 'given'])\n    ['given']\n" + '    """\n',
    "long_words",
    "    limit = least - 1\n    found = []\n    for word in words:\n        if len(word) > limit:\n"
    "            found.append(word)\n    return found\n",
    "",
    "",
)
COMPREHENSION = Problem(
    "exam/1",
    'def doubled(numbers, extra=0):\n    """Write a function that doubles all numbers, and adds if asked."""\n',
    "doubled",
    "    if extra:\n        shift = extra\n    else:\n        shift = 0\n    total, number = [0], 'x'\n"
    "    return [2 * number + shift for number in numbers if number != 7]\n",
    "",
    "",
)
ALL = Problem(
    "exam/2",
    "def even(numbers):\n",
    "even",
    "    return all(n % 2 == 0 for n in numbers)\n",
    "",
    "",
)
TRANSLATED = "loop or comprehension translated"
CHANGED = ("statements reordered", TRANSLATED, "an argument more, renamed", "for as while, renamed")
WRAPPED = ("in a notebook, renamed", "in a session, renamed")
EXAM = [LOOP, COMPREHENSION, ALL]


def run_program(text: str, entry_point: str, *values: Any) -> Any:
    space: dict[str, Any] = {}
    exec(text, space)  # these are the problems above
    return space[entry_point](*values)


def write_last_tree(text: str) -> str:
    return syntax.read_trees(text).tree_strings[-1]


@pytest.mark.parametrize(
    "kind", [kind for kind in planted_copies.COPY_KINDS if kind not in WRAPPED]
)
def test_every_plant_is_a_program(kind: str) -> None:
    texts = [text for which, _, text in planted_copies.plant_copies(EXAM) if which == kind]
    assert (texts or kind == "for as while, renamed") and all(ast.parse(text) for text in texts)


@pytest.mark.parametrize(
    "kind",
    [
        "statements reordered",
        "loop or comprehension translated",
        "reformatted",
        "commented",
        "without its docstring",
        "verbatim",
        "docstring reworded",
    ],
)
@pytest.mark.parametrize("problem", EXAM, ids=lambda p: p.task_id)
def test_plants_that_keep_names_and_constants_compute_the_same(kind: str, problem: Problem) -> None:
    text = planted_copies.COPY_KINDS[kind](problem)
    values: list[Any] = [["given", "of", "abc"]] if problem is LOOP else [[1, 7, 4]]
    if text is not None:
        assert run_program(text, problem.entry_point, *values) == run_program(
            problem.solution, problem.entry_point, *values
        )


@pytest.mark.parametrize(
    "kind", [name for name in planted_copies.COPY_KINDS if name not in CHANGED]
)
@pytest.mark.parametrize("problem", EXAM, ids=lambda p: p.task_id)
def test_plants_that_only_dress_differently_have_the_same_tree(kind: str, problem: Problem) -> None:
    text = planted_copies.COPY_KINDS[kind](problem)
    assert text is None or write_last_tree(problem.solution) in syntax.read_trees(text).tree_strings


@pytest.mark.parametrize("kind", ["statements reordered", TRANSLATED])
@pytest.mark.parametrize("problem", [LOOP, ALL], ids=lambda p: p.task_id)
def test_plants_that_say_it_in_another_way_match_the_tree_too(kind: str, problem: Problem) -> None:
    text = planted_copies.COPY_KINDS[kind](problem)
    assert text is None or write_last_tree(text) == write_last_tree(problem.solution)


@pytest.mark.parametrize("kind", CHANGED[2:])
def test_plants_that_are_made_to_be_missed_have_another_tree(kind: str) -> None:
    problem = Problem(
        "p", "def f(n):\n", "f", "    for at in range(n):\n        g(at)\n    return 1\n", "", ""
    )
    text = planted_copies.COPY_KINDS[kind](problem)
    assert text is not None and write_last_tree(text) != write_last_tree(problem.solution)


@pytest.mark.parametrize(
    ("kind", "problem", "present", "missing"),
    [
        ("without its docstring", LOOP, "limit = least", "Return"),
        ("renamed", LOOP, "append", "limit"),
        ("constants changed", COMPREHENSION, "!= 8", "'x'"),
        (
            "docstring reworded",
            LOOP,
            "give back this words from one supplied sequence which",
            ">>>",
        ),
        (
            "rewritten: words, names and constants",
            COMPREHENSION,
            "develop one routine which",
            "numbers if",
        ),
        (
            "loop or comprehension translated",
            LOOP,
            "[word for word in words if len(word) > limit]",
            "append",
        ),
        (
            "loop or comprehension translated",
            COMPREHENSION,
            "found.append(2 * number + shift)",
            "return [",
        ),
        ("loop or comprehension translated", ALL, "return False", "all("),
        ("statements reordered", COMPREHENSION, "if not extra", "if extra"),
    ],
)
def test_a_kind_changes_what_it_says(
    kind: str, problem: Problem, present: str, missing: str
) -> None:
    text = planted_copies.COPY_KINDS[kind](problem)
    assert present in text and missing not in text


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("without its docstring", ALL),
        ("statements reordered", ALL),
        ("docstring reworded", ALL),
        ("rewritten: words, names and constants", ALL),
    ],
)
def test_a_kind_with_nothing_to_change_makes_no_plant(kind: str, problem: Problem) -> None:
    assert planted_copies.COPY_KINDS[kind](problem) is None


def test_independent_neighbours_are_swapped_and_dependent_ones_are_not() -> None:
    swapped = Problem(
        "t", "", "f", "def f():\n    a = 1\n    b = 2\n    c = b\n    return a, b, c\n", "", ""
    )
    assert (
        planted_copies.reorder_statements(swapped)
        == "def f():\n    b = 2\n    a = 1\n    c = b\n    return (a, b, c)"
    )


def test_recall_counts_each_kind_by_itself() -> None:
    results = list(audit.recall_by_group(["a", "b", "a"], {"d": ["x", "", ""], "e": ["", "", ""]}))
    assert [(f.detector, f.among, f.hits, f.rate.n) for f in results] == [
        ("d", "a", 1, 2), ("d", "b", 0, 1), ("e", "a", 0, 2), ("e", "b", 0, 1)]  # fmt: skip


@dataclass(frozen=True)
class CleanData(Stage):
    def shards(self, ctx: RunContext) -> list[str]:
        return ["0"]

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        texts = [
            "import os\n",
            "def f(x):\n    return os.path.join(x, 'y')\n",
            "# a copy\n" + LOOP.solution,
        ]
        return records.make_table(
            {"id": records.document_id(t), "text": t, "path": f"{text_index}.py"}
            for text_index, t in enumerate(texts)
        )


def test_the_stage_writes_recall_and_hits_to_be_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "load_problems", lambda ctx, exams: EXAM)
    settings = AuditSettings(
        min_tree_nodes=0, rates=(0.95,), embedder=Embedder("hashed"), distances=(0.2,)
    )
    run_recipe(AuditScrub("audit", CleanData("clean"), (), settings), RunContext(tmp_path))
    rows = {
        (row["detector"], row["among"]): row
        for row in json.loads((tmp_path / "audit/audit.json").read_text())
    }
    assert {detector for detector, _ in rows} == {
        "13-gram",
        "syntax tree at 0.95",
        "embedding within 0.2",
    }
    assert (
        rows["syntax tree at 0.95", "renamed"]["hits"] == 3
        and rows["13-gram", "renamed"]["hits"] == 0
    )
    assert rows["13-gram", "data"]["hits"] == 1 and rows["13-gram", "data"]["rate"]["n"] == 3
    pairs = json.loads((tmp_path / "audit/hits.json").read_text())
    assert {(p["detector"], p["task_id"], p["where"]) for p in pairs} >= {
        ("13-gram", "exam/0", ":2.py:0")
    }
    assert all(p["verdict"] == "" and "long_words" in p["problem"] for p in pairs)


def test_a_sample_does_not_depend_on_order(tmp_path: Path) -> None:
    run_recipe(CleanData("clean"), RunContext(tmp_path))
    rows = AuditScrub("audit", CleanData("clean"), sample_size=2)._sample_records(
        RunContext(tmp_path)
    )
    ids = sorted(
        (records.hash_fraction("audit", row["id"]), row["id"])
        for table in RunContext(tmp_path).run.read_shards("clean")
        for row in table.to_pylist()
    )
    assert {row["id"] for row in rows} == {record_id for _, record_id in ids[:2]}
