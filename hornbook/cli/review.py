"""The command `review`: show pairs of a training record and an exam problem, and decide on them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hornbook.cli.shared import open_run, show_json

if TYPE_CHECKING:
    from rich.text import Text

    from hornbook.frame.stage import RunContext
    from hornbook.scrub.pairs import ReviewPair, SharedSpan

PIPE_WIDTH = 160  # two columns of code; Rich assumes 80 for a pipe


@click.command("review")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("stage", required=False)
@click.option("-n", "max_pairs", default=5, show_default=True, help="Pairs to print.")
@click.option(
    "--kept",
    "show_kept",
    is_flag=True,
    help="Of a Scrub: show what came near an exam and was kept, not what was dropped.",
)
@click.option("--undecided", "only_undecided", is_flag=True, help="Only pairs without a verdict.")
@click.option(
    "--html",
    "page_path",
    type=click.Path(path_type=Path),
    help="Write all pairs as an HTML page.",
)
@click.option(
    "--mark",
    "decisions",
    multiple=True,
    metavar="ID[:TASK]=VERDICT",
    help="Record a verdict: copy, paraphrase, same idea, unrelated; open removes it. "
    "May be repeated.",
)
@click.option("--by", default="", help="Who decides; recorded with the verdict.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON line per pair.")
def review_command(
    folder: Path,
    stage: str | None,
    max_pairs: int,
    show_kept: bool,
    only_undecided: bool,
    page_path: Path | None,
    decisions: tuple[str, ...],
    by: str,
    as_json: bool,
) -> None:
    """Show pairs of a training record and the exam problem that it resembles, and record verdicts.

    Without STAGE, print the stages of RUN that have pairs. Verdicts recorded with --mark are
    applied when the stage is rebuilt.

    \b
    Example: hornbook review runs/pocket
             hornbook review runs/pocket clean_code --html pairs.html
    """
    from hornbook.scrub import review as reviewing

    ctx = open_run(folder)
    if stage is None:
        _show_stages(ctx, as_json)
        return
    if decisions:
        _record_decisions(ctx, stage, decisions, by)
        return
    pairs = reviewing.read_pairs(ctx, stage, show_kept)
    if only_undecided:
        # An open pair has "" as its verdict.
        pairs = [pair for pair in pairs if not pair.verdict]
    if page_path is not None:
        instructions = f"Decide with: hornbook review {folder} {stage} --mark ID=VERDICT"
        title = f"{ctx.root.name}: {stage}"
        page_path.write_text(reviewing.render_pairs(title, pairs, instructions), encoding="utf-8")
        click.echo(f"wrote {page_path}: {len(pairs)} pairs")
    elif as_json:
        for pair in pairs:
            show_json(vars(pair))
    else:
        for pair in pairs[:max_pairs]:
            show_pair(pair)
        click.echo(
            f"{min(max_pairs, len(pairs))} of {len(pairs)} pairs; -n shows more, --html FILE "
            "writes all as a page"
        )


def _show_stages(ctx: RunContext, as_json: bool) -> None:
    """Print each stage that has pairs, with how many of them have a verdict."""
    from hornbook.scrub import review as reviewing

    for name in reviewing.reviewable_stages(ctx):
        pairs = reviewing.read_pairs(ctx, name)
        n_decided = sum(bool(pair.verdict) for pair in pairs)
        if as_json:
            show_json({"stage": name, "pairs": len(pairs), "decided": n_decided})
        else:
            click.echo(f"{name}: {len(pairs)} pairs, {n_decided} decided")


def _record_decisions(ctx: RunContext, stage: str, options: Sequence[str], by: str) -> None:
    from hornbook.scrub import review as reviewing

    for decision in reviewing.record_decisions(ctx, stage, options, by):
        verdict = decision.verdict or "open again"
        click.echo(f"{decision.id[:12]} {decision.task_id}: {verdict}")
    click.echo(
        f"recorded in {ctx.root / 'decisions.jsonl'}; applied by: hornbook run RECIPE "
        f"--out {ctx.root} --rebuild {stage}"
    )


def show_pair(pair: ReviewPair) -> None:
    """Print problem and text side by side: shared words in yellow, shared code in cyan."""
    from rich.console import Console
    from rich.table import Table

    from hornbook.scrub.pairs import find_shared_spans

    problem_spans, text_spans = find_shared_spans(pair.problem, pair.text)
    table = Table(show_header=False, box=None, padding=(0, 1), expand=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    table.add_row(
        _highlight_spans(pair.problem, problem_spans), _highlight_spans(pair.text, text_spans)
    )
    verdict = f"  {pair.verdict} ({pair.by})" if pair.verdict else ""
    click.echo(f"-- {pair.id[:12]}  {pair.task_id}  {pair.location}  {pair.evidence}{verdict}")
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(width=width, markup=False, highlight=False).print(table)
    click.echo()


def _highlight_spans(text: str, spans: list[SharedSpan]) -> Text:
    from rich.text import Text

    highlighted = Text(text)
    for start, stop, kind in spans:
        style = "black on yellow" if kind == "same" else "black on cyan"
        highlighted.stylize(style, start, stop)
    return highlighted
