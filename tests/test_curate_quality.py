"""The filter: a forest as arrays scores as scikit-learn does, validation never sees a package twice, budgets hold."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest

from hornbook import records
from hornbook.curate import forest
from hornbook.curate.embed import Embed
from hornbook.curate.features import comment_share
from hornbook.curate.judge import parse_score
from hornbook.curate.keep import KeepBudget, find_last_kept_row
from hornbook.curate.quality import FitQuality, ScoreQuality
from hornbook.curate.shipped_labels import COLUMNS
from hornbook.curate.validate import bootstrap_roc_area
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Stage
from hornbook.models.embedder import Embedder
from hornbook.records import UserError


@dataclass(frozen=True)
class Labelled(Stage):
    """Pieces of two tastes from ten packages: explained arithmetic, and tables of constants."""

    good: int = 60

    def shards(self, ctx):
        return ["all"]

    def make_shard(self, ctx, part):
        rows = []
        for n in range(120):
            good = n < self.good
            text = (
                f'def add_{n}(a, b):\n    """Add {n} to a and b."""\n    return a + b + {n}\n'
                if good
                else f"TABLE_{n} = [{n}, {n + 1}, {n + 2}]\nX_{n} = {n}\n"
            )
            rows.append(
                {
                    "id": records.document_id(text),
                    "text": text,
                    "origin": f"p{n % 10}",
                    "label": 4 * good,
                }
            )
        return records.make_table(rows, COLUMNS)


@pytest.fixture(scope="module")
def ctx(tmp_path_factory):
    ctx = RunContext(tmp_path_factory.mktemp("quality"))
    run_recipe(make_scoring_recipe(), ctx)
    return ctx


def make_scoring_recipe():
    known = Embed("known", Labelled("labelled"), Embedder("hashed"))
    return KeepBudget(
        "kept", ScoreQuality("scored", known, FitQuality("taste", known, trees=30)), tokens=500
    )


@pytest.mark.parametrize("kind", ["RandomForestClassifier", "RandomForestRegressor"])
def test_our_kernel_scores_as_the_library_does(kind):
    import sklearn.ensemble

    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(300, 12)).astype(np.float32), chance.integers(0, 2, 300)
    fitted = getattr(sklearn.ensemble, kind)(20, random_state=1).fit(x, y)
    theirs = (
        fitted.predict_proba(x)[:, 1] if hasattr(fitted, "predict_proba") else fitted.predict(x)
    )
    np.testing.assert_allclose(forest.extract_trees(fitted).score_rows(x), theirs, atol=1e-12)


def test_saved_arrays_come_back(tmp_path):
    line = forest.LinearArrays(np.ones(3), np.zeros(1), np.ones(1, np.int32))
    forest.save_classifier(tmp_path / "line.npz", forest.Blend((line, line), 3))
    again = forest.load_classifier(tmp_path / "line.npz")
    assert again.n_count_features == 3
    assert again.score_rows(np.zeros((2, 3), np.float32)).tolist() == [0.5, 0.5]


def test_a_file_with_objects_in_it_is_refused(tmp_path):
    np.savez(tmp_path / "bad.npz", feature=np.array([{"a": 1}], object))
    with pytest.raises(UserError, match="no classifier"):
        forest.load_classifier(tmp_path / "bad.npz")


def test_a_clear_taste_is_learned_across_packages(ctx):
    facts = json.loads((ctx.root / "taste" / "validation.json").read_text())
    assert facts["packages"] == 10
    assert facts["area"]["forest"][1] > 0.99
    low, area, high = facts["area"]["length"]
    assert low <= area <= high


def test_the_budget_keeps_the_best(ctx):
    rows = [row for table in ctx.run.read_shards("kept") for row in table.to_pylist()]
    kept = [row["score"] for row in rows if row["kept"]]
    dropped = [row["score"] for row in rows if not row["kept"]]
    assert min(kept) >= max(dropped)
    assert sum(len(row["text"]) for row in rows if row["kept"]) <= 500 * 3.5
    assert kept and dropped


@pytest.mark.parametrize(
    ("budget", "expected"),
    [(0, (0.9, "a")), (10, (0.9, "a")), (20, (0.5, "b")), (29, (0.5, "b")), (99, (0.5, "c"))],
)
def test_equal_scores_are_ordered_by_id(budget, expected):
    rows = pa.table({"score": [0.5, 0.9, 0.5], "id": ["c", "a", "b"], "bytes": [10, 10, 10]})
    assert find_last_kept_row(rows, budget) == expected


def test_too_few_good_labels_are_said(tmp_path):
    known = Embed("known", Labelled("labelled", good=3), Embedder("hashed"))
    with pytest.raises(UserError, match="at least 20"):
        run_recipe(FitQuality("taste", known), RunContext(tmp_path))


def test_scoring_without_vectors_is_said(tmp_path):
    known = Embed("known", Labelled("labelled"), Embedder("hashed"))
    with pytest.raises(UserError, match="Embed"):
        run_recipe(
            ScoreQuality("scored", Labelled("labelled"), FitQuality("taste", known, trees=5)),
            RunContext(tmp_path),
        )


@pytest.mark.parametrize(
    ("code", "share"), [("", 0), ("x = 1", 0), ("# ab", 1), ("x = '# no'", 0), ("(1, # a\n", 3 / 8)]
)
def test_comments_are_counted_by_the_tokeniser(code, share):
    assert comment_share(code) == pytest.approx(share)


@pytest.mark.parametrize(
    ("reply", "score"),
    [("Score: 3", 3), ("**Score**: 5", 5), ("score = 0.", 0), ("Score: 12", None), ("3", None)],
)
def test_a_score_is_read_or_missing(reply, score):
    assert parse_score(reply) == score


def test_the_area_is_the_librarys_with_ties_too():
    from sklearn.metrics import roc_auc_score

    chance = np.random.default_rng(2)
    y, scores = chance.integers(0, 2, 120), chance.integers(0, 9, 120) / 8
    low, found, high = bootstrap_roc_area(y, scores, "a")
    assert found == pytest.approx(roc_auc_score(y, scores), abs=1e-4)
    drawn = [
        roc_auc_score(y[at], scores[at])
        for at in (chance.integers(0, 120, 120) for _ in range(400))
    ]
    assert [low, high] == pytest.approx(np.quantile(drawn, [0.025, 0.975]).tolist(), abs=0.02)
