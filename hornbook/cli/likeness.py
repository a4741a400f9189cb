"""Contamination: what of an exam is in anybody's training data."""

from __future__ import annotations

from pathlib import Path

import click

from hornbook.cli.shared import cores, show_json


@click.command()
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
    found = search.search(problems, batches, top, how, workers or cores(), bar.advance)
    bar.end("")
    made = table.similar(nearby.matches(problems, found), passed)
    if as_json:
        for row in [*table.as_json(made), *map(vars, found)]:
            show_json(row)
        return
    for line in (*search.listed(found, passed), "", *table.lines(made)):
        click.echo(line)
    for reason, number in skipped.items():
        click.echo(f"{number:,} records were passed over: {reason}", err=True)
