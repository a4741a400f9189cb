"""The page's quality section has every figure, and pieces stand side by side, escaped."""

from __future__ import annotations

from pathlib import Path

from test_curate_quality import Labelled

from hornbook.curate import Embed, FitQuality, KeepBudget, ScoreQuality
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.models.embedder import Embedder
from hornbook.writeup import Report

EXPECTED_TEXTS = (
    "ROC of the classifier",
    "average precision",
    "Calibration",
    "What each threshold keeps",
    "best: score",
    "middle: score",
    "worst: score",
    "grid-template-columns",
)


def test_the_quality_section_shows_validation_scores_and_pieces(tmp_path: Path) -> None:
    labelled = Embed("vectors", Labelled("labelled"), Embedder("hashed"))
    scored = ScoreQuality("scored", labelled, FitQuality("classifier", labelled, trees=5))
    kept = KeepBudget("kept", scored, tokens=500)
    run_recipe(Report("report", (kept,)), RunContext(tmp_path))
    page = (tmp_path / "report" / "report.html").read_text()
    assert [text for text in EXPECTED_TEXTS if text not in page] == []
    assert "best: score" in (tmp_path / "report" / "report.md").read_text()
