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
from hornbook.curate.choose_layer import Known
from hornbook.frame.run import run
from hornbook.frame.stage import Desk
from hornbook.models.embedder import Embedder
from hornbook.records import UserError
from hornbook.writeup import Report


def known(candidates: dict[str, float], pieces: int = 200, seed: int = 0) -> Known:
    """Pieces of ten packages; each candidate's first number follows the label as far as it is told."""
    chance = np.random.default_rng(seed)
    y = np.arange(pieces) // 10 % 2  # half of each package: the means of the folds are equal
    x = {name: chance.normal(size=(pieces, 8)).astype(np.float32) for name in candidates}
    for name, strength in candidates.items():
        x[name][:, 0] += strength * y
    return Known(x, y, [f"p{at % 10}" for at in range(pieces)], [""] * pieces)


def test_the_most_telling_vectors_are_chosen_in_every_fold() -> None:
    pieces = known({"1_mean_vector": 0.2, "2_mean_vector": 3.0, "3_mean_vector": 0.5})
    assert choose_layer.choose(pieces).vectors == "2_mean_vector"
    assert {split.vectors for split in choose_layer.splits(pieces)} == {"2_mean_vector"}


def test_of_equals_the_first_layer_is_taken() -> None:
    pieces = known({"1_mean_vector": 1.0})
    x = pieces.x["1_mean_vector"]
    same = dataclasses.replace(pieces, x={"1_mean_vector": x, "2_mean_vector": x})
    assert choose_layer.choose(same).vectors == "1_mean_vector"


def test_no_package_is_on_both_sides_and_every_piece_is_tested_once() -> None:
    pieces = known({"1_mean_vector": 1.0, "2_mean_vector": 1.0})
    tested = []
    for split in choose_layer.splits(pieces):
        sides = [{pieces.origin[row] for row in rows} for rows in (split.train, split.test)]
        assert not sides[0] & sides[1]
        tested += split.test.tolist()
    assert sorted(tested) == list(range(200))


def test_a_fold_chooses_without_its_tested_packages() -> None:
    pieces = known({f"{at}_mean_vector": 0.0 for at in range(1, 9)})
    for number, split in enumerate(choose_layer.splits(pieces)):
        blind = {name: x.copy() for name, x in pieces.x.items()}
        for x in blind.values():
            x[split.test] = np.nan  # whoever looks at these fails
        again = dataclasses.replace(pieces, x=blind)
        assert choose_layer.choose(again, rows=split.train).vectors == split.vectors, number


def test_the_validation_is_not_flattered_by_choosing_among_many() -> None:
    """Twenty kinds of pure noise: the best of them looks like something, the nested validation does not."""
    best, nested = [], []
    for seed in range(3):
        pieces = known({f"{at}_mean_vector": 0.0 for at in range(20)}, seed=seed)
        choice = choose_layer.choose(pieces)
        best.append(roc_auc_score(pieces.y, choice.scores[choice.vectors]))
        nested.append(
            roc_auc_score(
                pieces.y, classify.across_packages(pieces, "linear", choose_layer.splits(pieces))
            )
        )
    assert min(best) > 0.55
    assert np.mean(nested) < 0.51


def test_a_side_that_stands_in_two_packages_alone_can_still_be_chosen_by() -> None:
    pieces = known({"1_mean_vector": 0.0, "2_mean_vector": 3.0}, pieces=100)
    y = np.array([origin in ("p0", "p1") for origin in pieces.origin], np.int64)
    few = dataclasses.replace(
        pieces, y=y, origin=[f"p{int(name[1]) % 5}" for name in pieces.origin]
    )
    assert choose_layer.choose(few).vectors in few.x


@pytest.fixture
def how(codegen: Path) -> Embedder:
    return Embedder(str(codegen), tokens=48)


def filtered(
    how: Embedder, depths: tuple[float, ...] = (0.25, 0.5, 1.0)
) -> tuple[EmbedLayers, FitQuality, KeepBudget]:
    pieces = Labelled("labelled")
    known = EmbedLayers("known", pieces, how, depths)
    taste = FitQuality("taste", known, "linear", trees=5)
    return (
        known,
        taste,
        KeepBudget(
            "kept", ScoreQuality("scored", Embed("rest", pieces, how, chosen=taste), taste), 500
        ),
    )


def test_the_rest_is_embedded_by_what_was_chosen_and_the_page_shows_it(
    tmp_path: Path, how: Embedder
) -> None:
    desk = Desk(tmp_path)
    known, taste, kept = filtered(how)
    run(Report("report", (kept,)), desk)
    facts = json.loads((tmp_path / "taste" / "validation.json").read_text())
    found = facts["vectors"]
    assert [(each["layer"], each["pooling"]) for each in found["candidates"]] == [
        (layer, pooling) for layer in (1, 2, 4) for pooling in ("mean", "last")
    ]
    areas = {(each["layer"], each["pooling"]): each["area"][1] for each in found["candidates"]}
    assert areas[found["layer"], found["pooling"]] == max(areas.values())
    assert sum(each["folds"] for each in found["candidates"]) == 5
    sample, rest = rows_of(desk, known), rows_of(desk, kept)
    column = f"{found['layer']}_{found['pooling']}_vector"
    assert [row[column] for row in sample] == [row["vector"] for row in rest]
    mine = scoring.taste(desk)
    assert (mine.how.layer, mine.how.pooling) == (found["layer"], found["pooling"])
    assert mine.score([row["text"] for row in rest]) == pytest.approx(
        [row["score"] for row in rest], abs=1e-6
    )
    page = (tmp_path / "report" / "report.html").read_text()
    assert "folds that chose it" in page and "in use" in page


def test_other_candidates_are_another_identity_for_all_that_follows(
    tmp_path: Path, how: Embedder
) -> None:
    desk = Desk(tmp_path)
    run(filtered(how)[2], desk)
    with pytest.raises(UserError, match="known.*depths"):
        run(filtered(how, (0.5, 1.0))[2], desk)
    run(filtered(how, (0.5, 1.0))[2], desk, rebuild=["known"])
    assert {row["layer"] for row in json.loads((tmp_path / "taste" / "validation.json").read_text())["vectors"][
        "candidates"]} == {2, 4}  # fmt: skip


def test_scoring_by_other_vectors_than_the_chosen_is_refused(tmp_path: Path, how: Embedder) -> None:
    _, taste, _ = filtered(how)
    with pytest.raises(UserError, match="chosen=taste"):
        run(ScoreQuality("scored", Embed("rest", Labelled("labelled"), how), taste), Desk(tmp_path))


def test_a_control_needs_the_same_candidates(tmp_path: Path, how: Embedder) -> None:
    known, taste, _ = filtered(how)
    desk = Desk(tmp_path)
    run(dataclasses.replace(taste, control=known), desk)
    facts = json.loads((tmp_path / "taste" / "validation.json").read_text())
    assert facts["control"]["correlation"] == 1
    other = Embed("other", Labelled("labelled"), how)
    with pytest.raises(UserError, match="is no control"):
        run(dataclasses.replace(taste, name="taste_2", control=other), desk)


def test_an_embedder_without_layers_has_nothing_to_choose(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    _, taste, kept = filtered(Embedder("hashed"))
    run(kept, desk)
    assert scoring.taste(desk).how == Embedder("hashed")
    assert (
        json.loads((desk.folder(taste) / "validation.json").read_text())["vectors"]["candidates"]
        == []
    )
