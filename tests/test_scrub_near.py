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
from hornbook.frame.run import run
from hornbook.frame.stage import Desk, Stage
from hornbook.models.embedder import Embedder, embed
from hornbook.records import UserError
from hornbook.scrub import NearExam, embedding_match, nearest_records, ngram, syntax

NAMES = ("total", "value", "count", "left", "right", "limit")
LINES = ("{a} = {b} + 1", "{a} -= {b}", "for {a} in {b}:\n        {a} += 1", "if {a} < {b}:\n        {a} = {b}",
         "{a} = [{b}, {a}]", "{a} = len({b})")  # fmt: skip


def function(chance: random.Random) -> str:
    body = [
        chance.choice(LINES).format(a=chance.choice(NAMES), b=chance.choice(NAMES))
        for _ in range(6)
    ]
    return "def f(total, value):\n    " + "\n    ".join(body) + "\n    return total\n"


def problem(at: int, program: str) -> Problem:
    return Problem(f"exam/{at}", "", "f", program, "", "")


CHANCE = random.Random(5)
EXAM = [problem(at, function(CHANCE)) for at in range(5)]
TEXTS = tuple("\n".join(function(CHANCE) for _ in range(CHANCE.randrange(3))) for _ in range(120))
TEXTS += (EXAM[2].reference, "# a copy\n" + EXAM[2].reference, EXAM[2].reference, "prose")


@dataclass(frozen=True)
class Given(Stage):
    texts: tuple[str, ...]
    per_part: int = 1000

    def parts(self, desk: Desk) -> list[str]:
        return [f"{at:05d}" for at in range(0, len(self.texts), self.per_part)]

    def work(self, desk: Desk, part: str) -> pa.Table:
        at = int(part)
        mine = enumerate(self.texts[at : at + self.per_part], start=at)
        return records.table(
            {"id": records.document_id(t), "text": t, "path": str(n)} for n, t in mine
        )


def found(
    folder: Path, per_part: int = 1000, top: int = 3, **settings: Embedder
) -> list[nearest_records.Near]:
    rows = Given("given", TEXTS, per_part).work(Desk(folder), "0")
    return nearest_records.near(EXAM, rows, top, **settings)


def places(rows: list[nearest_records.Near], by: str) -> dict[str, list[tuple[int, float]]]:
    made: dict[str, list[tuple[int, float]]] = {}
    for row in rows:
        if row.by == by:
            made.setdefault(row.task_id, []).append((int(row.path), row.value))
    return made


def best(scores: list[float], top: int, least: float) -> list[tuple[int, float]]:
    ranked = sorted(enumerate(scores), key=lambda item: (-item[1], item[0]))
    return [(at, pytest.approx(score)) for at, score in ranked[:top] if score >= least]


@pytest.mark.parametrize("top", [1, 3, 10])
def test_the_nearest_trees_are_those_of_all_pairs(tmp_path: Path, top: int) -> None:
    from rapidfuzz.distance import Levenshtein

    codes = [syntax.trees(text).codes for text in TEXTS]
    wanted = {}
    for each in EXAM:
        unit = syntax.unit(each.solution, "f")
        scores = [
            max((Levenshtein.normalized_similarity(unit, c) for c in mine), default=0.0)
            for mine in codes
        ]
        wanted[each.task_id] = best(scores, top, 0.8)
    assert places(found(tmp_path, top=top), "syntax") == {
        task: rows for task, rows in wanted.items() if rows
    }


def test_the_nearest_by_words_share_most_runs(tmp_path: Path) -> None:
    wanted = {}
    for each in EXAM:
        runs = {run for run in ngram.runs_of(each.solution) if ngram.LETTERS.search(run)}
        rows = best([len(runs & ngram.runs_of(text)) for text in TEXTS], 3, 1)
        wanted |= {each.task_id: rows} if rows else {}
    assert places(found(tmp_path), "words") == wanted and "exam/2" in wanted


def test_the_nearest_by_vectors_are_those_of_all_distances(tmp_path: Path) -> None:
    how = Embedder("hashed")
    known, vectors = embed([each.solution for each in EXAM], how), embed(TEXTS, how)
    wanted = {each.task_id: [at for at, _ in best([-float(np.linalg.norm(a - b)) for b in vectors], 2, -9)]
              for each, a in zip(EXAM, known, strict=True)}  # fmt: skip
    rows = places(found(tmp_path, top=2, how=how), "embedding")
    assert {task: [at for at, _ in mine] for task, mine in rows.items()} == wanted
    assert rows["exam/2"][0] == (120, pytest.approx(0, abs=1e-3))


@pytest.mark.parametrize("block", [1, 7, 1 << 22])
def test_blocks_change_no_neighbour(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    chance = np.random.default_rng(0)
    exam, vectors = (
        v / np.linalg.norm(v, axis=1, keepdims=True)
        for v in (chance.normal(size=(n, 8)) for n in (9, 50))
    )
    distances = np.linalg.norm(vectors[:, None] - exam[None], axis=2)
    monkeypatch.setattr(embedding_match, "BLOCK", block)
    where, distance = embedding_match.nearest(exam, vectors, 4)
    assert (where == distances.argsort(axis=1)[:, :4]).all()
    assert distance == pytest.approx(np.sort(distances, axis=1)[:, :4], abs=1e-5)


@pytest.mark.parametrize("per_part", [9, 1000])
def test_the_stage_finds_the_same_in_any_split(
    tmp_path: Path, per_part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nearest_records.exam_index, "problems", lambda desk, exams: EXAM)
    stage = NearExam("near", (Given("given", TEXTS, per_part), Given("more", TEXTS[-4:])), exams=())
    run(stage, Desk(tmp_path))
    rows = nearest_records.of(Desk(tmp_path), stage)
    together = nearest_records.near(
        EXAM, Given("all", TEXTS + TEXTS[-4:]).work(Desk(tmp_path), "0")
    )
    drop_path = [(r.task_id, r.by, r.rank, r.value, r.id) for r in rows]
    assert drop_path == [
        (r.task_id, r.by, r.rank, r.value, r.id) for r in nearest_records.merged([together])
    ]


def test_match_rates_are_the_highest_and_nothing_for_problems_without_one(tmp_path: Path) -> None:
    rates = nearest_records.matches([*EXAM, problem(99, "def f(): pass\n")], found(tmp_path))
    assert rates["exam/2"] == 1.0 and rates["exam/99"] == 0.0 and len(rates) == 6


def unit_vectors(number: int, seed: int) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(number, 16)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def test_an_index_finds_what_the_exact_search_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("faiss")
    monkeypatch.setattr(embedding_match, "INDEX_PAST", 100)
    among, wanted = unit_vectors(3000, 1), unit_vectors(50, 2)
    where, distance = embedding_match.nearest(among, wanted, 3, index=True)
    exactly, far = embedding_match.nearest(among, wanted, 3)
    assert (where == exactly).mean() > 0.98
    assert np.allclose(distance[where == exactly], far[where == exactly], atol=1e-3)


def test_few_rows_are_searched_exactly_even_if_an_index_is_asked_for() -> None:
    among, wanted = unit_vectors(50, 1), unit_vectors(5, 2)
    assert (
        embedding_match.nearest(among, wanted, 3, index=True)[0]
        == embedding_match.nearest(among, wanted, 3)[0]
    ).all()


def test_without_the_library_an_index_is_an_error_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(embedding_match, "INDEX_PAST", 10)
    monkeypatch.setitem(sys.modules, "faiss", None)
    with pytest.raises(UserError, match=r"hornbook\[index\]"):
        embedding_match.nearest(unit_vectors(50, 1), unit_vectors(5, 2), index=True)
