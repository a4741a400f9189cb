"""The commands `peek`, `compare` and `doctor`: look into runs, check files and the machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hornbook.cli.shared import open_run, show_json
from hornbook.cli.terminal import show_record, show_table

if TYPE_CHECKING:
    from hornbook.frame.stage import RunContext


@click.command("peek")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("stage", required=False)
@click.option("-n", "max_records", default=5, show_default=True, help="Records to print.")
@click.option("--dropped", is_flag=True, help="Print what the stage dropped, not what it kept.")
@click.option("--reason", help="Only reasons that contain this text (implies --dropped).")
@click.option("--find", "text", help="Only records whose text, path or id contains this.")
@click.option("--step", type=int, help="Print which documents this training step read.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per record.")
def peek_command(
    folder: Path,
    stage: str | None,
    max_records: int,
    dropped: bool,
    reason: str | None,
    text: str | None,
    step: int | None,
    as_json: bool,
) -> None:
    """Print a sample of the records that a stage kept or dropped.

    Without STAGE, print the stages of RUN with their counts and the most frequent reasons for which
    records were dropped.

    \b
    Example: hornbook peek runs/pocket
             hornbook peek runs/pocket filtered_code --dropped -n 3
             hornbook peek runs/pocket base --step 10
    """
    from hornbook.cli.inspect_run import sample_records

    ctx = open_run(folder)
    if stage is None:
        _show_stages(ctx, str(folder), as_json)
        return
    if step is not None:
        _show_training_step(ctx, stage, step, as_json)
        return
    manifest = ctx.run.read_manifest(stage)
    if manifest["form"] == "files":
        files = ", ".join(manifest["files"])
        click.echo(f"{ctx.run.stage_folder(stage)} has files instead of records: {files}")
        return
    is_dropped = dropped or bool(reason)
    for record in sample_records(ctx, stage, max_records, is_dropped, reason, text):
        show_json(record) if as_json else show_record(record)


def _show_stages(ctx: RunContext, title: str, as_json: bool) -> None:
    from hornbook.cli.inspect_run import summarise_stages

    rows = summarise_stages(ctx)
    if as_json:
        for row in rows:
            show_json(row)
    else:
        show_table(title, list(rows[0]), [list(row.values()) for row in rows])


def _show_training_step(ctx: RunContext, stage: str, step: int, as_json: bool) -> None:
    from hornbook.cli.inspect_run import read_training_step

    for row in read_training_step(ctx, stage, step):
        if as_json:
            show_json(row)
        else:
            click.echo("sequence {sequence}: {tokens} tokens of {id} from {stage}".format(**row))


@click.command("compare")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per difference.")
def compare_command(first: Path, second: Path, as_json: bool) -> None:
    """Compare two runs: the settings that differ, and how many records each stage kept.

    \b
    Example: hornbook compare runs/pocket runs/short
    """
    from hornbook.cli.inspect_run import compare_runs

    rows = compare_runs(open_run(first), open_run(second))
    if as_json:
        for row in rows:
            show_json(row)
    elif not rows:
        click.echo("no difference: same stages, settings and counts")
    else:
        columns = ["stage", "what", str(first), str(second)]
        show_table("", columns, [list(row.values()) for row in rows])


@click.command("doctor")
@click.argument("folder", metavar="[RUN]", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per finding.")
def doctor_command(folder: Path | None, as_json: bool) -> None:
    """Check what this machine can do and how to get what is missing; or verify a run's files.

    With RUN, compare each file of the run with the digest in its manifest. Exit code 1 if a file
    was changed or is missing.

    \b
    Example: hornbook doctor
             hornbook doctor runs/pocket
    """
    if folder is not None:
        _verify_run_files(open_run(folder), as_json)
        return
    from hornbook.cli.doctor import check_machine

    findings = check_machine()
    if as_json:
        for finding in findings:
            show_json(vars(finding))
        return
    rows = []
    for finding in findings:
        row = [finding.area, finding.name, "yes", finding.detail, ""]
        if not finding.available:
            row[2:] = ["no", finding.detail, finding.remedy]
        rows.append(row)
    show_table("", ["area", "feature", "available", "detail", "how to get it"], rows)


def _verify_run_files(ctx: RunContext, as_json: bool) -> None:
    from hornbook.cli.inspect_run import find_damaged_files

    damaged = find_damaged_files(ctx)
    for line in damaged:
        show_json({"damaged": line}) if as_json else click.echo(line)
    if not as_json:
        summary = f"{len(damaged)} damaged files" if damaged else "all files match their manifests"
        click.echo(summary)
    sys.exit(1 if damaged else 0)
