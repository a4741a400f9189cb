"""Pairs of training records and exam problems: look at them side by side, decide, keep the decisions."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hornbook.cli.shared import open_run, show_json

if TYPE_CHECKING:
    from rich.text import Text

    from hornbook.scrub.pairs import ReviewPair, SharedSpan


@click.command("review")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("stage", required=False)
@click.option("-n", "number", default=5, show_default=True, help="Pairs to show in the terminal.")
@click.option(
    "--kept", is_flag=True, help="Of a Scrub not the hits, but what came near and was kept."
)
@click.option("--undecided", is_flag=True, help="Only pairs without a verdict.")
@click.option(
    "--html", "page", type=click.Path(path_type=Path), help="Write all pairs as one page."
)
@click.option("--mark", "words", multiple=True, metavar="ID[:TASK]=VERDICT",
              help="Decide: copy, paraphrase, same idea, unrelated; open takes it back. May be repeated.")  # fmt: skip
@click.option("--by", default="", help="Who decides; kept with the decision.")
@click.option("--json", "as_json", is_flag=True, help="One JSON line a pair.")
def review_command(
    folder: Path, stage: str | None, number: int, page: Path | None, words: tuple[str, ...], by: str, as_json: bool,
    **only: bool,
) -> None:  # fmt: skip
    """Look at what was found of an exam, pair by pair, and decide; decisions are applied when the stage is rebuilt.

    \b
    Example: hornbook review runs/pocket clean_filtered --html pairs.html
             hornbook review runs/pocket clean_filtered --mark 3f2a91=unrelated
    """
    from hornbook.scrub import review as reviewing

    ctx = open_run(folder)
    if stage is None:
        for name in reviewing.reviewable_stages(ctx):
            found = reviewing.read_pairs(ctx, name)
            row = {
                "stage": name,
                "pairs": len(found),
                "decided": sum(bool(pair.verdict) for pair in found),
            }
            show_json(row) if as_json else click.echo(
                "{stage}: {pairs} pairs, {decided} decided".format(**row)
            )
        return
    if words:
        for each in reviewing.record_decisions(ctx, stage, words, by):
            click.echo(f"{each.id[:12]} {each.task_id}: {each.verdict or 'open again'}")
        click.echo(f"kept in {ctx.root / 'decisions.jsonl'}; applied by: hornbook run RECIPE --out {folder} "
                   f"--rebuild {stage}")  # fmt: skip
        return
    found = [
        pair
        for pair in reviewing.read_pairs(ctx, stage, only["kept"])
        if not (only["undecided"] and pair.verdict)
    ]
    if page is not None:
        how = f"Decide with: hornbook review {folder} {stage} --mark ID=VERDICT"
        page.write_text(
            reviewing.render_review_page(f"{ctx.root.name}: {stage}", found, how), encoding="utf-8"
        )
        click.echo(f"wrote {page}: {len(found)} pairs")
    elif as_json:
        for pair in found:
            show_json(vars(pair))
    else:
        for pair in found[:number]:
            show_pair(pair)
        click.echo(
            f"{min(number, len(found))} of {len(found)} pairs; -n shows more, --html FILE writes all as a page"
        )


def show_pair(pair: ReviewPair) -> None:
    """Problem and text side by side, shared words in yellow, shared code in blue."""
    from rich.console import Console
    from rich.table import Table

    from hornbook.scrub.pairs import find_shared_spans

    first, second = find_shared_spans(pair.problem, pair.text)
    table = Table(show_header=False, box=None, padding=(0, 1), expand=True)
    table.add_column(ratio=1, overflow="fold")
    table.add_column(ratio=1, overflow="fold")
    table.add_row(_highlight_spans(pair.problem, first), _highlight_spans(pair.text, second))
    verdict = f"  {pair.verdict} ({pair.by})" if pair.verdict else ""
    click.echo(f"-- {pair.id[:12]}  {pair.task_id}  {pair.location}  {pair.evidence}{verdict}")
    Console(width=None if sys.stdout.isatty() else 160, markup=False, highlight=False).print(table)
    click.echo()


def _highlight_spans(text: str, marks: list[SharedSpan]) -> Text:
    from rich.text import Text

    made = Text(text)
    for start, stop, kind in marks:
        made.stylize("black on yellow" if kind == "same" else "black on cyan", start, stop)
    return made
