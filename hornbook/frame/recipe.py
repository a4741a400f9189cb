"""Load a recipe file with its dials set, and plan what it is going to cost.

In: the path of a Python file (or the name of a shipped recipe) and `name=value` dials. Out: the
last stage of the graph that its function `recipe` returns, and the plan: every stage's state and
price. Loading runs nothing. A dial has the type of its default; for an unknown dial the error
suggests the nearest.
"""

from __future__ import annotations

import difflib
import importlib.util
import inspect
import re
import sys
import traceback
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from hornbook import meter
from hornbook.frame import leak_check
from hornbook.frame.identity import Identity, StageState, order_stages, read_state
from hornbook.frame.stage import Price, RunContext, Size, Stage
from hornbook.records import MissingInput, UserError

MAX_DIALS = 8
# Beside the package in a checkout, inside it when it was installed from a wheel.
RECIPE_FOLDERS = (Path(__file__).parents[1] / "recipes", Path(__file__).parents[2] / "recipes")
BOOLEAN_WORDS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
# Modules that recipes import and that have moved since version 0.1.
MOVED_MODULES = {
    "hornbook.benchmarks": "hornbook.exams",
    "hornbook.embedder": "hornbook.models.embedder",
    "hornbook.model": "hornbook.models.transformer",
    "hornbook.recipe": "hornbook.frame.recipe",
    "hornbook.run": "hornbook.frame.run",
    "hornbook.shape": "hornbook.models.shape",
    "hornbook.stage": "hornbook.frame.stage",
    "hornbook.statistics": "hornbook.intervals",
    "hornbook.tokenizer": "hornbook.models.tokenizer",
}


@dataclass(frozen=True)
class Recipe:
    """A loaded recipe: its name, the dials as they stand, and the last stage."""

    name: str
    path: Path
    about: str
    dials: Mapping[str, Any]
    last: Stage


@dataclass(frozen=True)
class PlannedStage:
    """A line of the plan."""

    stage: Stage
    state: StageState
    price: Price


def load_recipe(name: str, dials: Iterable[str] = (), smoke: bool = False) -> Recipe:
    """Load a recipe and build its graph.

    Args:
        smoke: start from the file's SMOKE dials, which run offline in seconds.
    """
    path = find_recipe(name)
    module = import_recipe_file(path)
    function = getattr(module, "recipe", None)
    if not callable(function):
        raise UserError(
            f"{path} has no function named recipe: it must define recipe(...) and return its last "
            "stage"
        )
    standing = {p.name: p.default for p in inspect.signature(function).parameters.values()}
    if len(standing) > MAX_DIALS:
        raise UserError(
            f"{path} has {len(standing)} dials, above the limit of {MAX_DIALS}: make some of them "
            "literals"
        )
    standing |= getattr(module, "SMOKE", {}) if smoke else {}
    standing |= dict(_parse_dial(dial, standing, path) for dial in dials)
    try:
        last = function(**standing)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the recipe {_locate_error(path, error)} raised {type(error).__name__}: {error}"
        ) from error
    if not isinstance(last, Stage):
        raise UserError(
            f"recipe() in {path} returned a {type(last).__name__}: it must return its last stage"
        )
    leak_check.refuse_leaks(last)
    about = (module.__doc__ or "").strip().split("\n")[0]
    return Recipe(path.stem, path, about, standing, last)


def list_shipped_recipes() -> dict[str, Path]:
    """The recipes that come with Hornbook, by name."""
    recipes = {}
    for folder in RECIPE_FOLDERS:
        for file in sorted(folder.glob("*.py")):
            recipes[file.stem] = file
    return recipes


def find_recipe(name: str) -> Path:
    """The file of a recipe given by path or by the name of a shipped one."""
    path = Path(name)
    if path.suffix == ".py" and path.is_file():
        return path
    shipped = list_shipped_recipes()
    if path.stem in shipped and path.parent in (Path(), Path("recipes")):
        return shipped[path.stem]
    raise UserError(
        f"there is no recipe {name}{suggest_nearest(path.stem, shipped)} "
        f"Shipped: {', '.join(shipped)}; `hornbook new` writes one"
    )


def suggest_nearest(word: str, choices: Iterable[str]) -> str:
    """`; did you mean ...?` with the nearest choice, or a full stop where none is near.

    >>> suggest_nearest("pokcet", ["pocket", "phi1"])
    '; did you mean pocket?'
    >>> suggest_nearest("xyz", ["pocket", "phi1"])
    '.'
    """
    close = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return f"; did you mean {close[0]}?" if close else "."


def plan_recipe(recipe: Recipe, ctx: RunContext) -> list[PlannedStage]:
    """Every stage with its state and price, inputs first. Finished stages give their real sizes."""
    sizes: dict[str, Size] = {}
    steps = []
    identities: dict[str, Identity] = {}
    for stage in order_stages(recipe.last):
        state = _read_state_or_missing(stage, ctx, identities)
        price = stage.price(ctx, [sizes[earlier.name] for earlier in stage.inputs()])
        if price.kwh < 0:
            price = replace(
                price, kwh=price.minutes / 60 * ctx.workers * meter.WATTS_PER_CORE / 1000
            )
        sizes[stage.name] = price.size
        if state.status == "done":
            manifest = ctx.run.read_manifest(stage)
            sizes[stage.name] = Size(manifest["kept"], manifest["kept_bytes"] / 1e6)
        steps.append(PlannedStage(stage, state, price))
    return steps


def _read_state_or_missing(
    stage: Stage, ctx: RunContext, identities: dict[str, Identity]
) -> StageState:
    """A plan can be made before the data is there: the stage that misses it says so."""
    try:
        return read_state(stage, ctx, identities)
    except MissingInput as missing:
        return StageState("to do", "" if stage.inputs() else str(missing))


def import_recipe_file(path: Path) -> ModuleType:
    """Import a recipe's file as a module. Workers do it too, to have the stages that it defines."""
    spec = importlib.util.spec_from_file_location(
        f"hornbook_recipe_{re.sub(r'[^0-9a-zA-Z_]', '_', path.stem)}", path
    )
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except UserError:
        raise
    except Exception as error:
        moved_to = MOVED_MODULES.get(getattr(error, "name", None) or "")
        hint = f" (it is now {moved_to})" if moved_to else ""
        raise UserError(
            f"{_locate_error(path, error)} raised {type(error).__name__} while it was read: "
            f"{error}{hint}"
        ) from error
    return module


def _locate_error(path: Path, error: Exception) -> str:
    """file, line N: the deepest line of the recipe's own file in the traceback."""
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename) == path
    ]
    if isinstance(error, SyntaxError):
        lines = [error.lineno or 0]
    return f"{path}, line {lines[-1]}," if lines else f"{path}"


def _parse_dial(dial: str, standing: Mapping[str, Any], path: Path) -> tuple[str, Any]:
    name, equals, text = dial.partition("=")
    if not equals:
        raise UserError(
            f"{dial!r} is no dial: write name=value; {path.name} has "
            f"{', '.join(standing) or 'no dials'}"
        )
    if name not in standing:
        raise UserError(
            f"{path.name} has no dial {name}{suggest_nearest(name, standing)} "
            f"Its dials: {_format_dials(standing)}"
        )
    return name, _parse_as_default(standing[name], text, name)


def _format_dials(standing: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in standing.items())


def _parse_as_default(default: Any, text: str, name: str) -> Any:
    """The text read as the default's type: 6e9 for a whole number too, a,b for a tuple."""
    try:
        if isinstance(default, bool):
            return BOOLEAN_WORDS[text.lower()]
        if isinstance(default, int):
            value = float(text)
            if value != int(value):
                raise ValueError
            return int(value)
        if isinstance(default, float):
            return float(text)
    except (ValueError, KeyError):
        raise UserError(
            f"{name}={text}: this dial takes a {type(default).__name__}, such as {default}"
        ) from None
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    return text
