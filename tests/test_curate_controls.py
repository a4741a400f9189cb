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
from hornbook.curate.strip_comments import strip
from hornbook.curate.validate import average_precision, threshold_for
from hornbook.frame.run import run
from hornbook.frame.stage import Desk
from hornbook.models.embedder import Embedder
from hornbook.records import UserError
from hornbook.writeup.quality import kept_tokens

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
    found = strip(text)
    if bare is not None or found is None:
        assert found == bare
    if found:
        ast.parse(found)
        assert "#" not in found or "'''a" in found or '"# no"' in found


def test_every_stripped_file_of_the_package_still_parses_to_the_same_code() -> None:
    for path in sorted(Path(features.__file__).parent.glob("*.py")):
        bare = strip(path.read_text())
        assert bare is not None
        assert bodies(ast.parse(bare)) == bodies(ast.parse(path.read_text())), path.name


def bodies(tree: ast.Module) -> list[str]:
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
    numbers = features.describe([text])
    assert numbers.shape == (1, len(features.NAMES)) and np.isfinite(numbers).all()


def test_a_piece_that_is_cut_off_counts_what_is_whole() -> None:
    whole, cut = features.describe(
        ["def f():\n    return 1\n", "def f():\n    return 1\n\ndef g(a,\n"]
    )
    functions = features.NAMES.index("functions")
    assert whole[functions] == cut[functions] > 0
    assert (whole[-1], cut[-1]) == (1, 0)


def test_a_blend_is_the_mean_of_its_members_on_disk_too(tmp_path: Path) -> None:
    chance = np.random.default_rng(0)
    x, y = chance.normal(size=(120, 10)).astype(np.float32), chance.integers(0, 2, 120)
    members = classify.fit("blend", x, y, 10, 0, counted=4)
    forest.write(tmp_path / "blend.npz", classify.arrays(members, 10, 4))
    again = forest.read(tmp_path / "blend.npz")
    assert again.counted == 4 and len(again.members) == 3
    np.testing.assert_allclose(again.score(x), classify.scores(members, x), atol=1e-6)


def test_a_control_is_validated_and_precision_chooses_a_threshold(tmp_path: Path) -> None:
    desk, labelled = Desk(tmp_path), Labelled("labelled")
    known = Embed("known", labelled, Embedder("hashed"))
    bare = Embed("bare", StripComments("stripped", labelled), Embedder("hashed"))
    taste = FitQuality("taste", known, "linear", trees=10, control=bare)
    kept = KeepPrecise("kept", ScoreQuality("scored", known, taste), taste, precision=0.9)
    run(kept, desk)
    facts = json.loads((tmp_path / "taste" / "validation.json").read_text())
    assert facts["control"]["area"][1] > 0.9  # the tastes differ in more than their docstrings
    assert {"blend", "counts", "forest", "linear", "boosting", "regression"} < set(facts["area"])
    assert sum(row["kept"] for row in rows_of(desk, kept)) >= 50
    threshold = threshold_for(facts, 0.9)
    assert threshold is not None
    assert all(row["kept"] == (row["score"] >= threshold) for row in rows_of(desk, kept))


def test_a_precision_that_no_threshold_has_is_said() -> None:
    curve = {"threshold": [0.1, 0.5, 0.9], "precision": [0.2, 0.5, 0.6], "recall": [1, 0.8, 0.5]}
    facts = {"precision_recall": curve, "good": 100}
    assert threshold_for(facts, 0.5) == 0.5 and threshold_for(facts, 0.1) == 0.1
    assert threshold_for(facts, 0.9) is None


def test_a_control_without_a_labelled_piece_is_refused(tmp_path: Path) -> None:
    known = Embed("known", Labelled("labelled"), Embedder("hashed"))
    other = Embed("other", Labelled("others", good=30), Embedder("hashed"))
    with pytest.raises(UserError, match="is no control"):
        run(FitQuality("taste", known, "linear", trees=5, control=other), Desk(tmp_path))


def test_average_precision_stands_in_its_interval() -> None:
    chance = np.random.default_rng(0)
    y = chance.integers(0, 2, 100)
    low, mean, high = average_precision(y, y + chance.normal(size=100))
    assert low < mean < high


def test_kept_tokens_fall_with_the_threshold() -> None:
    above, tokens = kept_tokens([(at / 1000, 3500) for at in range(1000)])
    assert above == sorted(above, reverse=True) and tokens == sorted(tokens)
    assert tokens[-1] == pytest.approx(1.0)
