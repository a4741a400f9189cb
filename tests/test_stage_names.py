"""Stages are looked up by class name in several places: each of those names is a class that exists."""

from __future__ import annotations

import importlib
import json
import pkgutil

import pytest

import hornbook
from hornbook.frame.stage import Stage
from hornbook.frame.stage_names import STAGE_CLASSES, is_of_class, select_stages

STAGE_PACKAGES = ("collect", "curate", "generate", "scrub", "train", "verify", "writeup")


def list_stage_classes() -> dict[str, type[Stage]]:
    """Every subclass of Stage in the seven stage packages, by name."""
    for package_name in STAGE_PACKAGES:
        package = importlib.import_module(f"hornbook.{package_name}")
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"hornbook.{package_name}.{module.name}")
    classes: dict[str, type[Stage]] = {}
    waiting = [Stage]
    while waiting:
        subclasses = waiting.pop().__subclasses__()
        waiting += subclasses
        for stage_class in subclasses:
            if stage_class.__module__.startswith(f"{hornbook.__name__}."):
                classes[stage_class.__name__] = stage_class
    return classes


def test_each_name_by_which_stages_are_looked_up_is_a_stage_class() -> None:
    classes = list_stage_classes()
    assert len(classes) > 40
    assert [name for name in STAGE_CLASSES if name not in classes] == []


def test_a_name_that_is_no_stage_class_is_refused_where_it_is_used() -> None:
    with pytest.raises(AssertionError, match="Chose"):
        select_stages([], "Chose")  # type: ignore[arg-type]
    manifest = json.loads('{"identity": {"stage": "Choose"}}')
    assert is_of_class(manifest, "Choose")
    with pytest.raises(AssertionError, match="Chose"):
        is_of_class(manifest, "Chose")  # type: ignore[arg-type]
