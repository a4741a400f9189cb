"""Who is near: against brute force over all pairs, in any split, and the match rates that the table divides by."""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from hornbook import records
from hornbook.exams import Problem
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Stage
from hornbook.models.embedder import Embedder, embed_texts
from hornbook.records import UserError
from hornbook.scrub import NearExam, embedding_match, nearest_records, ngram, syntax

NAMES = ("total", "value", "count", "left", "right", "limit")
LINES = ("{a} = {b} + 1", "{a} -= {b}", "for {a} in {b}:\n        {a} += 1", "if {a} < {b}:\n        {a} = {b}",
         "{a} = [{b}, {a}]", "{a} = len({b})")  # fmt: skip


def random_function(rng: random.Random) -> str:
    body = [rng.choice(LINES).format(a=rng.choice(NAMES), b=rng.choice(NAMES)) for _ in range(6)]
    return "def f(total, value):\n    " + "\n    ".join(body) + "\n    return total\n"


def make_problem(task_number: int, program: str) -> Problem:
    return Problem(f"exam/{task_number}", "", "f", program, "", "")


CHANCE = random.Random(5)
EXAM = [make_problem(task_number, random_function(CHANCE)) for task_number in range(5)]
TEXTS = tuple(
    "\n".join(random_function(CHANCE) for _ in range(CHANCE.randrange(3))) for _ in range(120)
)
TEXTS += (EXAM[2].reference, "# a copy\n" + EXAM[2].reference, EXAM[2].reference, "prose")


@dataclass(frozen=True)
class GivenTexts(Stage):
    texts: tuple[str, ...]
    rows_per_shard: int = 1000

    def shards(self, ctx: RunContext) -> list[str]:
        return [f"{start:05d}" for start in range(0, len(self.texts), self.rows_per_shard)]

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        start = int(part)
        numbered_texts = enumerate(self.texts[start : start + self.rows_per_shard], start=start)
        return records.make_table(
            {"id": records.document_id(text), "text": text, "path": str(position)}
            for position, text in numbered_texts
        )


def search_texts(
    folder: Path, rows_per_shard: int = 1000, top: int = 3, **settings: Embedder
) -> list[nearest_records.NearRecord]:
    rows = GivenTexts("given", TEXTS, rows_per_shard).make_shard(RunContext(folder), "0")
    return nearest_records.find_nearest(EXAM, rows, top, **settings)


def group_positions(
    rows: list[nearest_records.NearRecord], detector: str
) -> dict[str, list[tuple[int, float]]]:
    positions: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row.by == detector:
            positions.setdefault(row.task_id, []).append((int(row.path), row.value))
    return positions


def rank_scores(scores: list[float], top: int, min_score: float) -> list[tuple[int, float]]:
    ranked = sorted(enumerate(scores), key=lambda item: (-item[1], item[0]))
    return [
        (position, pytest.approx(score)) for position, score in ranked[:top] if score >= min_score
    ]


@pytest.mark.parametrize("top", [1, 3, 10])
def test_the_nearest_trees_are_those_of_all_pairs(tmp_path: Path, top: int) -> None:
    from rapidfuzz.distance import Levenshtein

    codes = [syntax.read_trees(text).tree_strings for text in TEXTS]
    expected = {}
    for problem in EXAM:
        problem_tree = syntax.entry_point_tree(problem.solution, "f")
        scores = [
            max(
                (
                    Levenshtein.normalized_similarity(problem_tree, text_tree)
                    for text_tree in text_trees
                ),
                default=0.0,
            )
            for text_trees in codes
        ]
        expected[problem.task_id] = rank_scores(scores, top, 0.8)
    assert group_positions(search_texts(tmp_path, top=top), "syntax") == {
        task: rows for task, rows in expected.items() if rows
    }


def test_the_nearest_by_words_share_most_runs(tmp_path: Path) -> None:
    expected = {}
    for problem in EXAM:
        ngrams = {
            run for run in ngram.extract_ngrams(problem.solution) if ngram.TWO_LETTERS.search(run)
        }
        rows = rank_scores([len(ngrams & ngram.extract_ngrams(text)) for text in TEXTS], 3, 1)
        expected |= {problem.task_id: rows} if rows else {}
    assert group_positions(search_texts(tmp_path), "words") == expected and "exam/2" in expected


def test_the_nearest_by_vectors_are_those_of_all_distances(tmp_path: Path) -> None:
    embedder = Embedder("hashed")
    problem_vectors, vectors = (
        embed_texts([problem.solution for problem in EXAM], embedder),
        embed_texts(TEXTS, embedder),
    )
    expected = {problem.task_id: [position for position, _ in rank_scores([-float(np.linalg.norm(a - b)) for b in vectors], 2, -9)]
              for problem, a in zip(EXAM, problem_vectors, strict=True)}  # fmt: skip
    rows = group_positions(search_texts(tmp_path, top=2, embedder=embedder), "embedding")
    assert {
        task: [position for position, _ in positions] for task, positions in rows.items()
    } == expected
    assert rows["exam/2"][0] == (120, pytest.approx(0, abs=1e-3))


@pytest.mark.parametrize("block", [1, 7, 1 << 22])
def test_blocks_change_no_neighbour(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    exam, vectors = (
        v / np.linalg.norm(v, axis=1, keepdims=True)
        for v in (rng.normal(size=(n, 8)) for n in (9, 50))
    )
    distances = np.linalg.norm(vectors[:, None] - exam[None], axis=2)
    monkeypatch.setattr(embedding_match, "BLOCK_VALUES", block)
    neighbours, distances_found = embedding_match.nearest_vectors(exam, vectors, 4)
    assert (neighbours == distances.argsort(axis=1)[:, :4]).all()
    assert distances_found == pytest.approx(np.sort(distances, axis=1)[:, :4], abs=1e-5)


@pytest.mark.parametrize("per_part", [9, 1000])
def test_the_stage_finds_the_same_in_any_split(
    tmp_path: Path, per_part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest_records.exam_index, "load_problems", lambda ctx, exams: EXAM)
    stage = NearExam(
        "near", (GivenTexts("given", TEXTS, per_part), GivenTexts("more", TEXTS[-4:])), exams=()
    )
    run_recipe(stage, RunContext(tmp_path))
    rows = nearest_records.read_nearest(RunContext(tmp_path), stage)
    together = nearest_records.find_nearest(
        EXAM, GivenTexts("all", TEXTS + TEXTS[-4:]).make_shard(RunContext(tmp_path), "0")
    )
    drop_path = [(r.task_id, r.by, r.rank, r.value, r.id) for r in rows]
    assert drop_path == [
        (r.task_id, r.by, r.rank, r.value, r.id) for r in nearest_records.merge_nearest([together])
    ]


def test_match_rates_are_the_highest_and_nothing_for_problems_without_one(tmp_path: Path) -> None:
    rates = nearest_records.best_match_rates(
        [*EXAM, make_problem(99, "def f(): pass\n")], search_texts(tmp_path)
    )
    assert rates["exam/2"] == 1.0 and rates["exam/99"] == 0.0 and len(rates) == 6


def unit_vectors(count: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, 16)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_an_index_finds_what_the_exact_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(embedding_match, "MIN_INDEX_ROWS", 100)
    candidates, queries = unit_vectors(3000, 1), unit_vectors(50, 2)
    neighbours, distances = embedding_match.nearest_vectors(candidates, queries, 3, use_index=True)
    exact_neighbours, exact_distances = embedding_match.nearest_vectors(candidates, queries, 3)
    assert (neighbours == exact_neighbours).mean() > 0.98
    assert np.allclose(
        distances[neighbours == exact_neighbours],
        exact_distances[neighbours == exact_neighbours],
        atol=1e-3,
    )


def test_few_rows_are_searched_exactly_even_if_an_index_is_asked_for() -> None:
    candidates, queries = unit_vectors(50, 1), unit_vectors(5, 2)
    assert (
        embedding_match.nearest_vectors(candidates, queries, 3, use_index=True)[0]
        == embedding_match.nearest_vectors(candidates, queries, 3)[0]
    ).all()


def test_without_the_library_an_index_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedding_match, "MIN_INDEX_ROWS", 10)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UserError, match=r"hornbook\[index\]"):
        embedding_match.nearest_vectors(unit_vectors(50, 1), unit_vectors(5, 2), use_index=True)
