"""Layer and pooling chosen by validation: the choice is the best one, honest, and what everything after it reads."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import rows_of
from sklearn.metrics import roc_auc_score
from test_curate_quality import Labelled

from hornbook.curate import (
    Embed,
    EmbedLayers,
    FitQuality,
    KeepBudget,
    ScoreQuality,
    choose_layer,
    classify,
    scoring,
)
from hornbook.curate.choose_layer import LabelledPieces
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.models.embedder import Embedder
from hornbook.records import UserError
from hornbook.writeup import Report


def make_pieces(candidates: dict[str, float], pieces: int = 200, seed: int = 0) -> LabelledPieces:
    """Pieces of ten packages; each candidate's first number follows the label as far as it is told."""
    chance = np.random.default_rng(seed)
    y = np.arange(pieces) // 10 % 2  # half of each package: the means of the folds are equal
    x = {name: chance.normal(size=(pieces, 8)).astype(np.float32) for name in candidates}
    for name, strength in candidates.items():
        x[name][:, 0] += strength * y
    return LabelledPieces(x, y, [f"p{at % 10}" for at in range(pieces)], [""] * pieces)


def test_the_most_telling_vectors_are_chosen_in_every_fold() -> None:
    pieces = make_pieces({"1_mean_vector": 0.2, "2_mean_vector": 3.0, "3_mean_vector": 0.5})
    assert choose_layer.choose_candidate(pieces).column == "2_mean_vector"
    assert {split.column for split in choose_layer.make_splits(pieces)} == {"2_mean_vector"}


def test_of_equals_the_first_layer_is_taken() -> None:
    pieces = make_pieces({"1_mean_vector": 1.0})
    x = pieces.x_by_candidate["1_mean_vector"]
    same = dataclasses.replace(pieces, x_by_candidate={"1_mean_vector": x, "2_mean_vector": x})
    assert choose_layer.choose_candidate(same).column == "1_mean_vector"


def test_no_package_is_on_both_sides_and_every_piece_is_tested_once() -> None:
    pieces = make_pieces({"1_mean_vector": 1.0, "2_mean_vector": 1.0})
    tested = []
    for split in choose_layer.make_splits(pieces):
        sides = [{pieces.groups[row] for row in rows} for rows in (split.train, split.test)]
        assert not sides[0] & sides[1]
        tested += split.test.tolist()
    assert sorted(tested) == list(range(200))


def test_a_fold_chooses_without_its_tested_packages() -> None:
    pieces = make_pieces({f"{at}_mean_vector": 0.0 for at in range(1, 9)})
    for number, split in enumerate(choose_layer.make_splits(pieces)):
        blind = {name: x.copy() for name, x in pieces.x_by_candidate.items()}
        for x in blind.values():
            x[split.test] = np.nan  # whoever looks at these fails
        again = dataclasses.replace(pieces, x_by_candidate=blind)
        assert choose_layer.choose_candidate(again, rows=split.train).column == split.column, number


def test_the_validation_is_not_flattered_by_choosing_among_many() -> None:
    """Twenty kinds of pure noise: the best of them looks like something, the nested validation does not."""
    best, nested = [], []
    for seed in range(3):
        pieces = make_pieces({f"{at}_mean_vector": 0.0 for at in range(20)}, seed=seed)
        choice = choose_layer.choose_candidate(pieces)
        best.append(roc_auc_score(pieces.y, choice.scores_by_candidate[choice.column]))
        nested.append(
            roc_auc_score(
                pieces.y,
                classify.cross_validate(pieces, "linear", choose_layer.make_splits(pieces)),
            )
        )
    assert min(best) > 0.55
    assert np.mean(nested) < 0.51


def test_a_side_that_stands_in_two_packages_alone_can_still_be_chosen_by() -> None:
    pieces = make_pieces({"1_mean_vector": 0.0, "2_mean_vector": 3.0}, pieces=100)
    y = np.array([origin in ("p0", "p1") for origin in pieces.groups], np.int64)
    few = dataclasses.replace(
        pieces, y=y, groups=[f"p{int(name[1]) % 5}" for name in pieces.groups]
    )
    assert choose_layer.choose_candidate(few).column in few.x_by_candidate


@pytest.fixture
def how(codegen: Path) -> Embedder:
    return Embedder(str(codegen), tokens=48)


def make_filter(
    how: Embedder, depths: tuple[float, ...] = (0.25, 0.5, 1.0)
) -> tuple[EmbedLayers, FitQuality, KeepBudget]:
    pieces = Labelled("labelled")
    known = EmbedLayers("known", pieces, how, depths)
    taste = FitQuality("taste", known, "linear", trees=5)
    return (
        known,
        taste,
        KeepBudget(
            "kept",
            ScoreQuality("scored", Embed("rest", pieces, how, layer_choice=taste), taste),
            500,
        ),
    )


def test_the_rest_is_embedded_by_what_was_chosen_and_the_page_shows_it(
    tmp_path: Path, how: Embedder
) -> None:
    ctx = RunContext(tmp_path)
    known, taste, kept = make_filter(how)
    run_recipe(Report("report", (kept,)), ctx)
    facts = json.loads((tmp_path / "taste" / "validation.json").read_text())
    found = facts["vectors"]
    assert [(each["layer"], each["pooling"]) for each in found["candidates"]] == [
        (layer, pooling) for layer in (1, 2, 4) for pooling in ("mean", "last")
    ]
    areas = {(each["layer"], each["pooling"]): each["area"][1] for each in found["candidates"]}
    assert areas[found["layer"], found["pooling"]] == max(areas.values())
    assert sum(each["folds"] for each in found["candidates"]) == 5
    sample, rest = rows_of(ctx, known), rows_of(ctx, kept)
    column = f"{found['layer']}_{found['pooling']}_vector"
    assert [row[column] for row in sample] == [row["vector"] for row in rest]
    mine = scoring.load_quality_classifier(ctx)
    assert (mine.embedder.layer, mine.embedder.pooling) == (found["layer"], found["pooling"])
    assert mine.score_texts([row["text"] for row in rest]) == pytest.approx(
        [row["score"] for row in rest], abs=1e-6
    )
    page = (tmp_path / "report" / "report.html").read_text()
    assert "folds that chose it" in page and "in use" in page


def test_other_candidates_are_another_identity_for_all_that_follows(
    tmp_path: Path, how: Embedder
) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(make_filter(how)[2], ctx)
    with pytest.raises(UserError, match="known.*depths"):
        run_recipe(make_filter(how, (0.5, 1.0))[2], ctx)
    run_recipe(make_filter(how, (0.5, 1.0))[2], ctx, rebuild=["known"])
    assert {row["layer"] for row in json.loads((tmp_path / "taste" / "validation.json").read_text())["vectors"][
        "candidates"]} == {2, 4}  # fmt: skip


def test_scoring_by_other_vectors_than_the_chosen_is_refused(tmp_path: Path, how: Embedder) -> None:
    _, taste, _ = make_filter(how)
    with pytest.raises(UserError, match="chosen=taste"):
        run_recipe(
            ScoreQuality("scored", Embed("rest", Labelled("labelled"), how), taste),
            RunContext(tmp_path),
        )


def test_a_control_needs_the_same_candidates(tmp_path: Path, how: Embedder) -> None:
    known, taste, _ = make_filter(how)
    ctx = RunContext(tmp_path)
    run_recipe(dataclasses.replace(taste, control=known), ctx)
    facts = json.loads((tmp_path / "taste" / "validation.json").read_text())
    assert facts["control"]["correlation"] == 1
    other = Embed("other", Labelled("labelled"), how)
    with pytest.raises(UserError, match="is no control"):
        run_recipe(dataclasses.replace(taste, name="taste_2", control=other), ctx)


def test_an_embedder_without_layers_has_nothing_to_choose(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    _, taste, kept = make_filter(Embedder("hashed"))
    run_recipe(kept, ctx)
    assert scoring.load_quality_classifier(ctx).embedder == Embedder("hashed")
    assert (
        json.loads((ctx.run.stage_folder(taste) / "validation.json").read_text())["vectors"][
            "candidates"
        ]
        == []
    )
