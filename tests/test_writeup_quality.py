"""The page's quality section: every drawing is there, and pieces stand side by side, escaped."""

from __future__ import annotations

from pathlib import Path

from test_curate_quality import Labelled

from hornbook.curate import Embed, FitQuality, KeepBudget, ScoreQuality
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.models.embedder import Embedder
from hornbook.writeup import Report


def test_the_filter_is_shown_with_its_doubts(tmp_path: Path) -> None:
    known = Embed("known", Labelled("labelled"), Embedder("hashed"))
    kept = KeepBudget(
        "kept", ScoreQuality("scored", known, FitQuality("taste", known, trees=5)), tokens=500
    )
    run_recipe(Report("report", (kept,)), RunContext(tmp_path))
    page = (tmp_path / "report" / "report.html").read_text()
    for word in ("ROC of the classifier", "average precision", "Calibration", "What each threshold keeps",
                 "best: score", "middle: score", "worst: score", "grid-template-columns"):  # fmt: skip
        assert word in page, word
    assert "best: score" in (tmp_path / "report" / "report.md").read_text()
