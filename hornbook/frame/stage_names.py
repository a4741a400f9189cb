"""Look stages up by class without importing their packages, which lie above the frame and the page.

In: stages, or a finished stage's manifest. Out: those of a class. The names are a Literal, so mypy
refuses a name that is not listed, and tests/test_stage_names.py checks that each listed name is a
class that exists: a renamed class fails there instead of emptying a section of the page.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from hornbook.frame.stage import Stage

StageClass = Literal[
    "AuditScrub",
    "Choose",
    "Examine",
    "Exercises",
    "FitQuality",
    "Grade",
    "JudgeLogprobs",
    "JudgeNear",
    "JudgeSample",
    "KeepBudget",
    "KeepPrecise",
    "MeasureDiversity",
    "MeasureRounds",
    "NearExam",
    "OwnLabels",
    "Pack",
    "Panel",
    "Probe",
    "Scrub",
    "ShelfExercises",
    "ShelfSections",
    "SimilarTable",
    "Textbooks",
    "Train",
]
STAGE_CLASSES: tuple[StageClass, ...] = get_args(StageClass)


def select_stages(stages: Iterable[Stage], *names: StageClass) -> list[Any]:
    """The stages whose class has one of these names, in their order."""
    unknown = set(names) - set(STAGE_CLASSES)
    if unknown:
        raise AssertionError(f"not in STAGE_CLASSES: {', '.join(sorted(unknown))}")
    return [stage for stage in stages if type(stage).__name__ in names]


def is_of_class(manifest: Mapping[str, Any], *names: StageClass) -> bool:
    """Whether a finished stage, given by its manifest, is of one of these classes."""
    unknown = set(names) - set(STAGE_CLASSES)
    if unknown:
        raise AssertionError(f"not in STAGE_CLASSES: {', '.join(sorted(unknown))}")
    return manifest["identity"]["stage"] in names
