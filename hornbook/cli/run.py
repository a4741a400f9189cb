"""Recipes: write one, price it, run it."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from hornbook.cli.shared import cores, show_json
from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.frame.recipe import Recipe
    from hornbook.frame.stage import Desk


def _recipe_arguments(function: Any) -> Any:
    """What `plan` and `run` share: the recipe, its dials, and where and how."""
    for add in reversed(
        [
            click.argument("recipe"),
            click.argument("dials", nargs=-1, metavar="[DIAL=VALUE]..."),
            click.option(
                "--out",
                type=click.Path(path_type=Path),
                help="The run's folder; runs/RECIPE if not given.",
            ),
            click.option(
                "--smoke", is_flag=True, help="The recipe's own smoke dials: offline, in seconds."
            ),
            click.option(
                "--workers", type=int, help="Processes at work; the number of cores if not given."
            ),
            click.option(
                "--part-mb", type=float, default=64.0, show_default=True, help="Text a part, in MB."
            ),
            click.option(
                "--device",
                help="cpu or cuda; plan also knows a100, h100, h200, b200, l40s, l4, rtx4090.",
            ),
            click.option(
                "--budget",
                type=float,
                help="Money a teacher may cost, in the price table's currency.",
            ),
            click.option(
                "--how",
                multiple=True,
                metavar="NAME=VALUE",
                help=f"How, never what: {', '.join(HOW)}.",
            ),
        ]
    ):
        function = add(function)
    return function


def _set_up(
    recipe: str, dials: tuple[str, ...], out: Path | None, smoke: bool, **how: Any
) -> tuple[Recipe, Desk]:
    from hornbook.cli.terminal import reporter
    from hornbook.frame.recipe import load
    from hornbook.frame.stage import Desk

    loaded = load(recipe, dials, smoke)
    root = out or Path("runs") / (loaded.name + ("-smoke" if smoke else ""))
    options = {
        name: how[name] for name in ("device", "budget") if how.get(name) is not None
    } | _hows(how["how"])
    workers = how["workers"] or cores()
    return loaded, Desk(root, workers, how["part_mb"], options, reporter())


MOST_DETAIL = 40  # characters of a state that stand in the plan's table; longer ones stand below it


def _yes(word: str) -> bool:
    if word not in ("yes", "no"):
        raise ValueError(f"{word!r} is neither yes nor no")
    return word == "yes"


def _count(text: str) -> int:
    if int(text) < 1:
        raise ValueError(f"{text} is not 1 or more")
    return int(text)


def _hold(word: str) -> str:
    if word not in ("replicas", "shards"):
        raise ValueError(f"{word!r} is neither replicas nor shards")
    return word


# Options of a run that have no flag of their own; a stage's docstring says what it does with them.
HOW: dict[str, Callable[[str], Any]] = {
    "micro_batch": _count,
    "processes": _count,
    "compile": _yes,
    "exact": _yes,
    "hold": _hold,
    "launch": str,
    "price": lambda text: _price(text),
    "requests_per_minute": float,
    "timeout_s": float,
    "batch": _yes,
    "tensorboard": _yes,
}


def _hows(words: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in HOW or not value:
            raise UserError(f"--how {word}: write NAME=VALUE, with one of {', '.join(HOW)}")
        try:
            known = HOW[name](value)
        except ValueError as error:
            raise UserError(f"--how {word}: {error}") from None
        found.setdefault("prices", {}).update(known) if name == "price" else found.update(
            {name: known}
        )
    return found


def _price(text: str) -> dict[str, tuple[float, float]]:
    """MODEL:IN:OUT, money for a million tokens read and written."""
    parts = text.rsplit(":", 2)
    if len(parts) != 3:
        raise ValueError("write price=MODEL:IN:OUT, in money for a million tokens read and written")
    return {parts[0]: (float(parts[1]), float(parts[2]))}


@click.command()
@click.argument("name")
@click.option(
    "--like", default="pocket", show_default=True, help="The shipped recipe to start from."
)
def new(name: str, like: str) -> None:
    """Write a recipe of your own, a copy of a shipped one.

    \b
    Example: hornbook new mine.py --like laptop
    """
    from hornbook.frame.recipe import find

    target = Path(name if name.endswith(".py") else f"{name}.py")
    if target.exists():
        raise UserError(f"{target} exists already: choose another name")
    target.write_text(find(like).read_text(encoding="utf-8"), encoding="utf-8")
    click.echo(f"wrote {target}, a copy of {like}. Next: hornbook plan {target}")


@click.command()
@_recipe_arguments
@click.option("--json", "as_json", is_flag=True, help="One JSON line a stage.")
def plan(as_json: bool, **words: Any) -> None:
    """Show every stage's state and its price before it is paid.

    \b
    Example: hornbook plan phi1 scale=0.01
    """
    from hornbook.cli.terminal import clock, show_table
    from hornbook.frame.recipe import plan as steps_of

    recipe, desk = _set_up(**words)
    steps = steps_of(recipe, desk)
    if as_json:
        for step in steps:
            facts = dataclasses.asdict(step.price)
            show_json(
                {
                    "stage": step.stage.name,
                    "state": step.state.status,
                    "detail": step.state.detail,
                    "price": facts,
                }
            )
        return
    rows = []
    for step in steps:
        price, size = step.price, step.price.size
        state = f"{step.state.status} {step.state.detail if len(step.state.detail) < MOST_DETAIL else ''}".strip()
        rows.append([step.stage.name, state, _short(size.documents), _short(size.megabytes),
                     _short(price.tokens), _short(price.requests), clock(price.minutes * 60), _short(price.peak_mb),
                     _energy(price.kwh), _short(price.money)])  # fmt: skip
    show_table(
        f"{recipe.name}: {recipe.about}",
        [
            "stage",
            "state",
            "documents",
            "MB out",
            "tokens",
            "requests",
            "time",
            "peak MB",
            "energy",
            "money",
        ],
        rows,
    )
    for step in steps:
        if len(step.state.detail) >= MOST_DETAIL:
            click.echo(f"{step.stage.name}: {step.state.detail}")
    todo = [step.price for step in steps if step.state.status != "done"]
    minutes, kwh, money = (
        sum(getattr(price, name) for price in todo) for name in ("minutes", "kwh", "money")
    )
    where = (
        f"this machine, training on {desk.options['device']}"
        if "device" in desk.options
        else "this machine"
    )
    click.echo(f"\nto do: {len(todo)} of {len(steps)} stages, {clock(60 * minutes)}, {_energy(kwh) or 'no energy'}, "
               f"{money:,.2f} money, on {where}")  # fmt: skip
    dials = " ".join(
        f"{name}={value}" for name, value in recipe.dials.items() if len(str(value)) < 40
    )
    click.echo(f"dials: {dials or 'none'}")


def _short(number: float) -> str:
    """Three digits and a unit: 1.2k, 50.3B; nothing for nothing."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= limit:
            return f"{number / (1e3 if unit == 'k' else limit):,.1f}{unit}"
    return "" if not number else f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2g}"


def _energy(kwh: float) -> str:
    """1.2 Wh, 26 kWh, 9.8 MWh; nothing below a hundredth of a watt-hour."""
    for limit, unit in ((1000, "MWh"), (1, "kWh"), (1e-5, "Wh")):
        if kwh >= limit:
            return f"{kwh / {'MWh': 1000, 'kWh': 1, 'Wh': 0.001}[unit]:,.3g} {unit}"
    return ""


@click.command()
@_recipe_arguments
@click.option(
    "--engine",
    type=click.Choice(["pool", "ray"]),
    default="pool",
    show_default=True,
    help="Who does the parts.",
)
@click.option(
    "--address", help="Ray cluster to join, such as ray://head:10001; a local one if not given."
)
@click.option(
    "--rebuild",
    multiple=True,
    metavar="STAGE",
    help="Make this stage and all that follows from it again.",
)
def run(engine: str, address: str | None, rebuild: tuple[str, ...], **words: Any) -> None:
    """Run a recipe, or go on with it: what is finished is never done again.

    \b
    Example: hornbook run pocket steps=200 --out runs/short
    """
    import functools
    import time

    from hornbook.cli.terminal import clock
    from hornbook.frame import executors as engines
    from hornbook.frame.recipe import execute
    from hornbook.frame.run import run as make

    recipe, desk = _set_up(**words)
    started = time.perf_counter()
    click.echo(f"{recipe.name}: {recipe.about}\nfolder: {desk.root}")
    prepare = functools.partial(execute, recipe.path.resolve())
    with _stop_on_sigterm(), engines.crew(engine, desk.workers, address, prepare) as crew:
        make(recipe.last, desk, crew, rebuild)
    click.echo(f"done in {clock(time.perf_counter() - started)}")
    for page in sorted(desk.folder(recipe.last).glob("*.html")):
        click.echo(f"open {page}")


@contextmanager
def _stop_on_sigterm() -> Iterator[None]:
    """A polite kill ends like Ctrl-C: finished parts stay, workers go, exit code 130."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
