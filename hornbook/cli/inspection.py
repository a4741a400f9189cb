"""Runs: look into one, compare two, see whether files and machine are sound."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from hornbook.cli.shared import open_run, show_json


@click.command("peek")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("stage", required=False)
@click.option("-n", "number", default=5, show_default=True, help="Records to show.")
@click.option("--dropped", is_flag=True, help="Those that this stage dropped.")
@click.option("--reason", help="Only reasons that contain this text (implies --dropped).")
@click.option("--find", "words", help="Only texts, paths or ids that contain this.")
@click.option("--step", type=int, help="Which documents this step of a training read.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a record.")
def peek_command(
    folder: Path, stage: str | None, number: int, dropped: bool, reason: str | None, words: str | None,
    step: int | None, as_json: bool,
) -> None:  # fmt: skip
    """Look at what a stage kept or dropped; without a stage, at the run's stages and reasons.

    \b
    Example: hornbook peek runs/pocket filtered --dropped -n 3
             hornbook peek runs/pocket base --step 100
    """
    from hornbook.cli.inspect_run import read_training_step, sample_records, summarise_stages
    from hornbook.cli.terminal import show_record, show_table

    ctx = open_run(folder)
    if stage is None:
        rows = summarise_stages(ctx)
        if as_json:
            for row in rows:
                show_json(row)
            return
        show_table(str(folder), list(rows[0]), [list(row.values()) for row in rows])
        return
    if step is not None:
        for row in read_training_step(ctx, stage, step):
            line = "sequence {sequence}: {tokens} tokens of {id} from {stage}".format_map(row)
            show_json(row) if as_json else click.echo(line)
        return
    if ctx.run.read_manifest(stage)["form"] == "files":
        click.echo(
            f"{ctx.run.stage_folder(stage)} has no records, but files: {', '.join(ctx.run.read_manifest(stage)['files'])}"
        )
        return
    for record in sample_records(ctx, stage, number, dropped or bool(reason), reason, words):
        show_json(record) if as_json else show_record(record)


@click.command("compare")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="One JSON line a difference.")
def compare_command(first: Path, second: Path, as_json: bool) -> None:
    """Compare two runs: settings that differ, what each stage kept, and their exams pair by pair.

    \b
    Example: hornbook compare runs/filtered runs/unfiltered
    """
    from hornbook.cli.inspect_run import compare_runs
    from hornbook.cli.terminal import show_table

    rows = compare_runs(open_run(first), open_run(second))
    if as_json:
        for row in rows:
            show_json(row)
    elif not rows:
        click.echo("no difference: same stages, settings and counts")
    else:
        show_table(
            "", ["stage", "what", str(first), str(second)], [list(row.values()) for row in rows]
        )


@click.command("doctor")
@click.argument("folder", metavar="[RUN]", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="One JSON line a finding.")
def doctor_command(folder: Path | None, as_json: bool) -> None:
    """Say what this machine can and cannot do, and how to get what is missing; or whether a run's files are sound.

    \b
    Example: hornbook doctor
             hornbook doctor runs/pocket
    """
    from hornbook.cli.doctor import check_machine
    from hornbook.cli.inspect_run import find_damaged_files
    from hornbook.cli.terminal import show_table

    if folder is not None:
        found = find_damaged_files(open_run(folder))
        for line in found:
            show_json({"damaged": line}) if as_json else click.echo(line)
        if not as_json:
            click.echo(
                f"{len(found)} damaged files"
                if found
                else "every file is as its manifest recorded it"
            )
        sys.exit(1 if found else 0)
    findings = check_machine()
    if as_json:
        for finding in findings:
            show_json(vars(finding))
        return
    rows = [
        [f.area, f.name, "yes" if f.available else "no", f.detail, "" if f.available else f.remedy]
        for f in findings
    ]
    show_table("", ["area", "what", "there", "detail", "how to get it"], rows)
