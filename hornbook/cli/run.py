"""The commands `new`, `plan` and `run`: write a recipe, price it, run it."""

from __future__ import annotations

import dataclasses
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from hornbook.cli.shared import count_cores, show_json
from hornbook.cli.terminal import format_duration, make_reporter, show_table
from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.frame.recipe import PlannedStage, Recipe
    from hornbook.frame.stage import RunContext

PLAN_COLUMNS = (
    "stage", "state", "documents", "MB out", "tokens", "requests", "time", "peak MB", "energy",
    "money",
)  # fmt: skip
# A longer explanation of a state, or a longer dial, stands below the plan's table or is left out.
MAX_CELL_CHARS = 40
# The run option `parallelism` and its values had these names in version 0.1.
OLD_OPTIONS = {"hold": "parallelism"}
OLD_PARALLELISMS = {"replicas": "ddp", "shards": "fsdp"}


def _parse_yes_no(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError(f"{text!r} is neither yes nor no")
    return text == "yes"


def _parse_positive_int(text: str) -> int:
    if int(text) < 1:
        raise ValueError(f"{text} is not 1 or more")
    return int(text)


def _parse_parallelism(text: str) -> str:
    text = OLD_PARALLELISMS.get(text, text)
    if text not in ("ddp", "fsdp"):
        raise ValueError(f"{text!r} is neither ddp nor fsdp")
    return text


def _parse_price(text: str) -> dict[str, tuple[float, float]]:
    """MODEL:IN:OUT, the money for a million tokens read and written.

    >>> _parse_price("qwen:0.5:1.5")
    {'qwen': (0.5, 1.5)}
    """
    # From the right, because the names of models may contain colons.
    fields = text.rsplit(":", 2)
    if len(fields) != 3:
        raise ValueError("write price=MODEL:IN:OUT, in money for a million tokens read and written")
    return {fields[0]: (float(fields[1]), float(fields[2]))}


# The run options without a flag of their own. The docstring of a stage says how it uses them.
RUN_OPTIONS: dict[str, Callable[[str], Any]] = {
    "micro_batch": _parse_positive_int,
    "processes": _parse_positive_int,
    "compile": _parse_yes_no,
    "exact": _parse_yes_no,
    "parallelism": _parse_parallelism,
    "launch": str,
    "price": _parse_price,
    "requests_per_minute": float,
    "timeout_s": float,
    "batch": _parse_yes_no,
    "tensorboard": _parse_yes_no,
}


def _parse_run_options(settings: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE settings of --how as the options of a RunContext."""
    options: dict[str, Any] = {}
    for setting in settings:
        name, _, text = setting.partition("=")
        name = OLD_OPTIONS.get(name, name)
        if name not in RUN_OPTIONS or not text:
            raise UserError(
                f"--how {setting}: write NAME=VALUE, with one of {', '.join(RUN_OPTIONS)}"
            )
        try:
            value = RUN_OPTIONS[name](text)
        except ValueError as error:
            raise UserError(f"--how {setting}: {error}") from None
        if name == "price":
            # It may be repeated, once per model.
            options.setdefault("prices", {}).update(value)
        else:
            options[name] = value
    return options


def _add_recipe_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The arguments and options that `plan` and `run` share."""
    options = [
        click.argument("recipe"),
        click.argument("dials", nargs=-1, metavar="[DIAL=VALUE]..."),
        click.option(
            "--out",
            type=click.Path(path_type=Path),
            help="The folder of the run; default: runs/RECIPE.",
        ),
        click.option(
            "--smoke",
            is_flag=True,
            help="Start from the recipe's smoke dials: offline, in seconds.",
        ),
        click.option("--workers", type=int, help="Worker processes; default: the number of cores."),
        click.option(
            "--shard-mb",
            type=float,
            default=64.0,
            show_default=True,
            help="Size of a shard: MB of text.",
        ),
        # The name in version 0.1.
        click.option("--part-mb", type=float, hidden=True),
        click.option(
            "--device",
            help="cpu or cuda; plan also knows a100, h100, h200, b200, l40s, l4, rtx4090.",
        ),
        click.option(
            "--budget",
            type=float,
            help="Money that teachers may cost at most, in the currency of price.",
        ),
        click.option(
            "--how",
            "run_options",
            multiple=True,
            metavar="NAME=VALUE",
            help="How the recipe is run, not what it makes; may be repeated. Names: "
            f"{', '.join(RUN_OPTIONS)}.",
        ),
    ]
    for add_option in reversed(options):
        function = add_option(function)
    return function


def _load_recipe_and_context(
    recipe: str,
    dials: tuple[str, ...],
    out: Path | None,
    smoke: bool,
    workers: int | None,
    shard_mb: float,
    part_mb: float | None,
    device: str | None,
    budget: float | None,
    run_options: tuple[str, ...],
) -> tuple[Recipe, RunContext]:
    from hornbook.frame.recipe import load_recipe
    from hornbook.frame.stage import RunContext

    loaded = load_recipe(recipe, dials, smoke)
    # A smoke run has a folder of its own: its dials differ, so the real one would be refused.
    root = out or Path("runs") / (loaded.name + ("-smoke" if smoke else ""))
    options: dict[str, Any] = {}
    if device is not None:
        options["device"] = device
    if budget is not None:
        options["budget"] = budget
    options |= _parse_run_options(run_options)
    ctx = RunContext(root, workers or count_cores(), part_mb or shard_mb, options, make_reporter())
    return loaded, ctx


@click.command("new")
@click.argument("name")
@click.option("--like", default="pocket", show_default=True, help="The shipped recipe to copy.")
def new_command(name: str, like: str) -> None:
    """Write a recipe of your own: a copy of a shipped one.

    \b
    Example: hornbook new mine.py --like pocket
    """
    from hornbook.frame.recipe import find_recipe

    target = Path(name if name.endswith(".py") else f"{name}.py")
    if target.exists():
        raise UserError(f"{target} exists already: choose another name")
    target.write_text(find_recipe(like).read_text(encoding="utf-8"), encoding="utf-8")
    click.echo(f"wrote {target}, a copy of {like}. Next: hornbook plan {target}")


@click.command("plan")
@_add_recipe_options
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per stage.")
def plan_command(as_json: bool, **settings: Any) -> None:
    """Show the state of every stage of a recipe and what it will cost. Nothing is run.

    \b
    Example: hornbook plan pocket
             hornbook plan phi1 scale=0.01
    """
    from hornbook.frame.recipe import plan_recipe

    recipe, ctx = _load_recipe_and_context(**settings)
    steps = plan_recipe(recipe, ctx)
    if not as_json:
        _show_plan(recipe, ctx, steps)
        return
    for step in steps:
        show_json(
            {
                "stage": step.stage.name,
                "state": step.state.status,
                "detail": step.state.detail,
                "price": dataclasses.asdict(step.price),
            }
        )


def _show_plan(recipe: Recipe, ctx: RunContext, steps: Sequence[PlannedStage]) -> None:
    """Print the table of the stages, long explanations below it, the totals and the dials."""
    rows = [_make_plan_row(step) for step in steps]
    show_table(f"{recipe.name}: {recipe.about}", PLAN_COLUMNS, rows)
    for step in steps:
        if len(step.state.detail) >= MAX_CELL_CHARS:
            click.echo(f"{step.stage.name}: {step.state.detail}")
    # Finished stages cost nothing more.
    to_do = [step.price for step in steps if step.state.status != "done"]
    duration = format_duration(60 * sum(price.minutes for price in to_do))
    energy = _format_energy(sum(price.kwh for price in to_do)) or "no energy"
    money = sum(price.money for price in to_do)
    machine = "this machine"
    if "device" in ctx.options:
        machine += f", training on {ctx.options['device']}"
    click.echo(
        f"\nto do: {len(to_do)} of {len(steps)} stages, {duration}, {energy}, {money:,.2f} money, "
        f"on {machine}"
    )
    dials = [
        f"{name}={value}"
        for name, value in recipe.dials.items()
        if len(str(value)) < MAX_CELL_CHARS
    ]
    click.echo(f"dials: {' '.join(dials) or 'none'}")


def _make_plan_row(step: PlannedStage) -> list[str]:
    price, size = step.price, step.price.size
    detail = step.state.detail if len(step.state.detail) < MAX_CELL_CHARS else ""
    return [
        step.stage.name,
        f"{step.state.status} {detail}".strip(),
        _format_count(size.documents),
        _format_count(size.megabytes),
        _format_count(price.tokens),
        _format_count(price.requests),
        format_duration(price.minutes * 60),
        _format_count(price.peak_mb),
        _format_energy(price.kwh),
        _format_count(price.money),
    ]


def _format_count(count: float) -> str:
    """A number in a few digits with a unit; "" for 0.

    >>> [_format_count(count) for count in (0, 0.0157, 820, 9999, 23_600, 50.3e9)]
    ['', '0.016', '820', '9,999', '23.6k', '50.3B']
    """
    if not count:
        return ""
    # Thousands start at 10,000: below that the digits are as short as the unit.
    for smallest, unit_size, unit in (
        (1e12, 1e12, "T"),
        (1e9, 1e9, "B"),
        (1e6, 1e6, "M"),
        (1e4, 1e3, "k"),
    ):
        if abs(count) >= smallest:
            return f"{count / unit_size:,.1f}{unit}"
    return f"{count:,.0f}" if abs(count) >= 100 else f"{count:.2g}"


def _format_energy(kwh: float) -> str:
    """Energy with a unit; "" below a hundredth of a watt-hour.

    >>> [_format_energy(kwh) for kwh in (0, 0.000436, 26, 43_100)]
    ['', '0.436 Wh', '26 kWh', '43.1 MWh']
    """
    for smallest, unit_kwh, unit in ((1000, 1000, "MWh"), (1, 1, "kWh"), (1e-5, 0.001, "Wh")):
        if kwh >= smallest:
            return f"{kwh / unit_kwh:,.3g} {unit}"
    return ""


@click.command("run")
@_add_recipe_options
@click.option(
    "--engine",
    type=click.Choice(["pool", "ray"]),
    default="pool",
    show_default=True,
    help="What runs the shards: processes on this machine, or a Ray cluster.",
)
@click.option("--address", help="The Ray cluster, such as ray://head:10001; default: a local one.")
@click.option(
    "--rebuild",
    multiple=True,
    metavar="STAGE",
    help="Run this stage and all that depend on it again; may be repeated.",
)
def run_command(
    engine: str, address: str | None, rebuild: tuple[str, ...], **settings: Any
) -> None:
    """Run a recipe: build every missing stage in dependency order; resumable.

    \b
    Example: hornbook run pocket
             hornbook run pocket steps=200 --out runs/short
    """
    import functools
    import time

    from hornbook.frame.executors import make_executor
    from hornbook.frame.recipe import import_recipe_file
    from hornbook.frame.run import run_recipe

    recipe, ctx = _load_recipe_and_context(**settings)
    started = time.perf_counter()
    click.echo(f"{recipe.name}: {recipe.about}\nfolder: {ctx.root}")
    # Workers import the recipe too: it may define stages of its own.
    worker_setup = functools.partial(import_recipe_file, recipe.path.resolve())
    with (
        _interrupt_on_sigterm(),
        make_executor(engine, ctx.workers, address, worker_setup) as executor,
    ):
        run_recipe(recipe.last, ctx, executor, rebuild)
    click.echo(f"done in {format_duration(time.perf_counter() - started)}")
    # The last stage is usually a Report.
    for page in sorted(ctx.run.stage_folder(recipe.last).glob("*.html")):
        click.echo(f"open {page}")


@contextmanager
def _interrupt_on_sigterm() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C: finished shards stay, workers end, exit code 130."""

    def raise_interrupt(signal_number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    # Click handles SIGINT only; batch systems send SIGTERM before they kill.
    previous = signal.signal(signal.SIGTERM, raise_interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
