"""What stands beside the filter so that it can be doubted: plain counts, stripped code, precise thresholds."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import rows_of
from test_curate_quality import Labelled

from hornbook.curate import (
    Embed,
    FitQuality,
    KeepPrecise,
    ScoreQuality,
    StripComments,
    classify,
    features,
    forest,
)
from hornbook.curate.strip_comments import strip_comments
from hornbook.curate.validate import bootstrap_average_precision, find_threshold
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.models.embedder import Embedder
from hornbook.records import UserError
from hornbook.writeup.quality import count_tokens_by_threshold

CODE = 'class A:\n    """Only this."""\n\n\ndef f(a):  # é why\n    """What.\n\n    >>> f(1)\n    """\n'
CODE += '    s = "# no"  # ü\n    return s\n'


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        (CODE, 'class A:\n    pass\n\n\ndef f(a):\n    s = "# no"\n    return s\n'),
        ('"""Module."""\nx = 1\n', "x = 1\n"),
        ("é = 1; 'not a docstring'\n", "é = 1; 'not a docstring'\n"),
        ("# alone\n", ""),
        ("def f():\n    '''a'''; return 1\n", None),
        ("def f(:\n", None),
        ("x = '''a\n# b\n'''\n", "x = '''a\n# b\n'''\n"),
    ],
)
def test_comments_and_docstrings_go_and_nothing_else(text: str, bare: str | None) -> None:
    found = strip_comments(text)
    if bare is not None or found is None:
        assert found == bare
    if found:
        ast.parse(found)
        assert "#" not in found or "'''a" in found or '"# no"' in found


def test_every_stripped_file_of_the_package_still_parses_to_the_same_code() -> None:
    for path in sorted(Path(features.__file__).parent.glob("*.py")):
        bare = strip_comments(path.read_text())
        assert bare is not None
        assert list_statement_kinds(ast.parse(bare)) == list_statement_kinds(
            ast.parse(path.read_text())
        ), path.name


def list_statement_kinds(tree: ast.Module) -> list[str]:
    """The statements without docstrings and the `pass` that may stand for one."""
    kinds = [type(node).__name__ for node in ast.walk(tree) if isinstance(node, ast.stmt)]
    return sorted(kind for kind in kinds if kind not in ("Pass", "Expr"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\x00",
        "def f(:",
        "x = " + "(" * 5000,
        "é = 'ü'\n",
        "def f():\n    return 1\n\nclass A:\n    def g(",
    ],
)
def test_anything_can_be_counted(text: str) -> None:
    numbers = features.count_features([text])
    assert numbers.shape == (1, len(features.FEATURE_NAMES)) and np.isfinite(numbers).all()


def test_a_piece_that_is_cut_off_counts_what_is_whole() -> None:
    whole, cut = features.count_features(
        ["def f():\n    return 1\n", "def f():\n    return 1\n\ndef g(a,\n"]
    )
    functions = features.FEATURE_NAMES.index("functions")
    assert whole[functions] == cut[functions] > 0
    assert (whole[-1], cut[-1]) == (1, 0)


def test_a_blend_is_the_mean_of_its_members_on_disk_too(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(120, 10)).astype(np.float32), chance.integers(0, 2, 120)
    members = classify.fit_classifier("blend", x, y, 10, 0, n_count_features=4)
    forest.save_classifier(tmp_path / "blend.npz", classify.convert_to_arrays(members, 10, 4))
    again = forest.load_classifier(tmp_path / "blend.npz")
    assert again.n_count_features == 4 and len(again.members) == 3
    np.testing.assert_allclose(again.score_rows(x), classify.score_rows(members, x), atol=1e-6)


def test_a_control_is_validated_and_precision_chooses_a_threshold(tmp_path: Path) -> None:
    ctx, labelled = RunContext(tmp_path), Labelled("labelled")
    known = Embed("known", labelled, Embedder("hashed"))
    bare = Embed("bare", StripComments("stripped", labelled), Embedder("hashed"))
    taste = FitQuality("taste", known, "linear", trees=10, control=bare)
    kept = KeepPrecise("kept", ScoreQuality("scored", known, taste), taste, precision=0.9)
    run_recipe(kept, ctx)
    facts = json.loads((tmp_path / "taste" / "validation.json").read_text())
    assert facts["control"]["area"][1] > 0.9  # the tastes differ in more than their docstrings
    assert {"blend", "counts", "forest", "linear", "boosting", "regression"} < set(facts["area"])
    assert sum(row["kept"] for row in rows_of(ctx, kept)) >= 50
    threshold = find_threshold(facts, 0.9)
    assert threshold is not None
    assert all(row["kept"] == (row["score"] >= threshold) for row in rows_of(ctx, kept))


def test_a_precision_that_no_threshold_has_is_said() -> None:
    curve = {"threshold": [0.1, 0.5, 0.9], "precision": [0.2, 0.5, 0.6], "recall": [1, 0.8, 0.5]}
    facts = {"precision_recall": curve, "good": 100}
    assert find_threshold(facts, 0.5) == 0.5 and find_threshold(facts, 0.1) == 0.1
    assert find_threshold(facts, 0.9) is None


def test_a_control_without_a_labelled_piece_is_refused(tmp_path: Path) -> None:
    known = Embed("known", Labelled("labelled"), Embedder("hashed"))
    other = Embed("other", Labelled("others", good=30), Embedder("hashed"))
    with pytest.raises(UserError, match="is no control"):
        run_recipe(
            FitQuality("taste", known, "linear", trees=5, control=other), RunContext(tmp_path)
        )


def test_average_precision_stands_in_its_interval() -> None:
    chance = np.random.default_rng(0)
    y = chance.integers(0, 2, 100)
    low, mean, high = bootstrap_average_precision(y, y + chance.normal(size=100))
    assert low < mean < high


def test_kept_tokens_fall_with_the_threshold() -> None:
    above, tokens = count_tokens_by_threshold([(at / 1000, 3500) for at in range(1000)])
    assert above == sorted(above, reverse=True) and tokens == sorted(tokens)
    assert tokens[-1] == pytest.approx(1.0)
