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

from hornbook.cli.shared import count_cores, show_json
from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.frame.recipe import Recipe
    from hornbook.frame.stage import RunContext


def _add_recipe_arguments(function: Any) -> Any:
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
                help=f"How, never what: {', '.join(RUN_OPTIONS)}.",
            ),
        ]
    ):
        function = add(function)
    return function


def _load_recipe_and_context(
    recipe: str, dials: tuple[str, ...], out: Path | None, smoke: bool, **how: Any
) -> tuple[Recipe, RunContext]:
    from hornbook.cli.terminal import make_reporter
    from hornbook.frame.recipe import load_recipe
    from hornbook.frame.stage import RunContext

    loaded = load_recipe(recipe, dials, smoke)
    root = out or Path("runs") / (loaded.name + ("-smoke" if smoke else ""))
    options = {
        name: how[name] for name in ("device", "budget") if how.get(name) is not None
    } | _parse_run_options(how["how"])
    workers = how["workers"] or count_cores()
    return loaded, RunContext(root, workers, how["part_mb"], options, make_reporter())


MAX_DETAIL_CHARS = (
    40  # characters of a state that stand in the plan's table; longer ones stand below it
)


def _parse_yes_no(word: str) -> bool:
    if word not in ("yes", "no"):
        raise ValueError(f"{word!r} is neither yes nor no")
    return word == "yes"


def _parse_positive_int(text: str) -> int:
    if int(text) < 1:
        raise ValueError(f"{text} is not 1 or more")
    return int(text)


def _parse_parallelism(word: str) -> str:
    if word not in ("replicas", "shards"):
        raise ValueError(f"{word!r} is neither replicas nor shards")
    return word


# Options of a run that have no flag of their own; a stage's docstring says what it does with them.
RUN_OPTIONS: dict[str, Callable[[str], Any]] = {
    "micro_batch": _parse_positive_int,
    "processes": _parse_positive_int,
    "compile": _parse_yes_no,
    "exact": _parse_yes_no,
    "hold": _parse_parallelism,
    "launch": str,
    "price": lambda text: _parse_price(text),
    "requests_per_minute": float,
    "timeout_s": float,
    "batch": _parse_yes_no,
    "tensorboard": _parse_yes_no,
}


def _parse_run_options(words: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in RUN_OPTIONS or not value:
            raise UserError(f"--how {word}: write NAME=VALUE, with one of {', '.join(RUN_OPTIONS)}")
        try:
            known = RUN_OPTIONS[name](value)
        except ValueError as error:
            raise UserError(f"--how {word}: {error}") from None
        found.setdefault("prices", {}).update(known) if name == "price" else found.update(
            {name: known}
        )
    return found


def _parse_price(text: str) -> dict[str, tuple[float, float]]:
    """MODEL:IN:OUT, money for a million tokens read and written."""
    parts = text.rsplit(":", 2)
    if len(parts) != 3:
        raise ValueError("write price=MODEL:IN:OUT, in money for a million tokens read and written")
    return {parts[0]: (float(parts[1]), float(parts[2]))}


@click.command("new")
@click.argument("name")
@click.option(
    "--like", default="pocket", show_default=True, help="The shipped recipe to start from."
)
def new_command(name: str, like: str) -> None:
    """Write a recipe of your own, a copy of a shipped one.

    \b
    Example: hornbook new mine.py --like laptop
    """
    from hornbook.frame.recipe import find_recipe

    target = Path(name if name.endswith(".py") else f"{name}.py")
    if target.exists():
        raise UserError(f"{target} exists already: choose another name")
    target.write_text(find_recipe(like).read_text(encoding="utf-8"), encoding="utf-8")
    click.echo(f"wrote {target}, a copy of {like}. Next: hornbook plan {target}")


@click.command("plan")
@_add_recipe_arguments
@click.option("--json", "as_json", is_flag=True, help="One JSON line a stage.")
def plan_command(as_json: bool, **words: Any) -> None:
    """Show every stage's state and its price before it is paid.

    \b
    Example: hornbook plan phi1 scale=0.01
    """
    from hornbook.cli.terminal import format_duration, show_table
    from hornbook.frame.recipe import plan_recipe as steps_of

    recipe, ctx = _load_recipe_and_context(**words)
    steps = steps_of(recipe, ctx)
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
        state = f"{step.state.status} {step.state.detail if len(step.state.detail) < MAX_DETAIL_CHARS else ''}".strip()
        rows.append([step.stage.name, state, _format_count(size.documents), _format_count(size.megabytes),
                     _format_count(price.tokens), _format_count(price.requests), format_duration(price.minutes * 60), _format_count(price.peak_mb),
                     _format_energy(price.kwh), _format_count(price.money)])  # fmt: skip
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
        if len(step.state.detail) >= MAX_DETAIL_CHARS:
            click.echo(f"{step.stage.name}: {step.state.detail}")
    todo = [step.price for step in steps if step.state.status != "done"]
    minutes, kwh, money = (
        sum(getattr(price, name) for price in todo) for name in ("minutes", "kwh", "money")
    )
    where = (
        f"this machine, training on {ctx.options['device']}"
        if "device" in ctx.options
        else "this machine"
    )
    click.echo(f"\nto do: {len(todo)} of {len(steps)} stages, {format_duration(60 * minutes)}, {_format_energy(kwh) or 'no energy'}, "
               f"{money:,.2f} money, on {where}")  # fmt: skip
    dials = " ".join(
        f"{name}={value}" for name, value in recipe.dials.items() if len(str(value)) < 40
    )
    click.echo(f"dials: {dials or 'none'}")


def _format_count(number: float) -> str:
    """Three digits and a unit: 1.2k, 50.3B; nothing for nothing."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= limit:
            return f"{number / (1e3 if unit == 'k' else limit):,.1f}{unit}"
    return "" if not number else f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2g}"


def _format_energy(kwh: float) -> str:
    """1.2 Wh, 26 kWh, 9.8 MWh; nothing below a hundredth of a watt-hour."""
    for limit, unit in ((1000, "MWh"), (1, "kWh"), (1e-5, "Wh")):
        if kwh >= limit:
            return f"{kwh / {'MWh': 1000, 'kWh': 1, 'Wh': 0.001}[unit]:,.3g} {unit}"
    return ""


@click.command("run")
@_add_recipe_arguments
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
def run_command(engine: str, address: str | None, rebuild: tuple[str, ...], **words: Any) -> None:
    """Run a recipe, or go on with it: what is finished is never done again.

    \b
    Example: hornbook run pocket steps=200 --out runs/short
    """
    import functools
    import time

    from hornbook.cli.terminal import format_duration
    from hornbook.frame import executors as engines
    from hornbook.frame.recipe import import_recipe_file
    from hornbook.frame.run import run_recipe as make

    recipe, ctx = _load_recipe_and_context(**words)
    started = time.perf_counter()
    click.echo(f"{recipe.name}: {recipe.about}\nfolder: {ctx.root}")
    prepare = functools.partial(import_recipe_file, recipe.path.resolve())
    with _stop_on_sigterm(), engines.make_executor(engine, ctx.workers, address, prepare) as crew:
        make(recipe.last, ctx, crew, rebuild)
    click.echo(f"done in {format_duration(time.perf_counter() - started)}")
    for page in sorted(ctx.run.stage_folder(recipe.last).glob("*.html")):
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
