"""Contamination: what of an exam is in anybody's training data."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from hornbook.cli.shared import count_cores, show_json

if TYPE_CHECKING:
    from hornbook.scrub.audit import DetectorResult


@click.command("similar")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--exam",
    default="humaneval",
    show_default=True,
    help="The exam, such as mbpp:FILE or jsonl:FILE.",
)
@click.option(
    "--scores",
    "results",
    multiple=True,
    metavar="[NAME=]FILE",
    help="A model's results on that exam.",
)
@click.option("--column", "columns", multiple=True, help="Column of the text; several are joined.")
@click.option("--embedder", help="Compare vectors too: smollm2, hashed, or a Hugging Face name.")
@click.option(
    "-n",
    "top",
    default=1,
    show_default=True,
    help="Nearest records to show a problem and detector.",
)
@click.option(
    "--html",
    "page",
    type=click.Path(path_type=Path),
    help="Write all pairs side by side as a page.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line a row.")
def similar_command(
    data: tuple[Path, ...], exam: str, results: tuple[str, ...], columns: tuple[str, ...], embedder: str | None,
    top: int, page: Path | None, as_json: bool,
) -> None:  # fmt: skip
    """What of an exam is in training data, and whether scores depend on it: the paper's Table 3 for any data and model.

    \b
    Example: hornbook similar exercises.jsonl --exam humaneval --scores phi=results.jsonl
    """
    from hornbook import exams
    from hornbook.cli.terminal import make_reporter
    from hornbook.frame.stage import SilentReporter
    from hornbook.models.embedder import Embedder
    from hornbook.scrub import documents, review, table
    from hornbook.scrub import nearest_records as nearby
    from hornbook.scrub import similar as search

    problems = exams.load_exam(exam)
    passed = {
        model: verdicts for word in results for model, verdicts in search.read_results(word).items()
    }
    skipped: dict[str, int] = {}
    bar = SilentReporter() if as_json else make_reporter()
    bar.begin("similar", 0, "records")
    batches = documents.read_batches(data, columns, skipped)
    how = Embedder(embedder) if embedder else None
    found = search.search_batches(problems, batches, top, how, count_cores(), bar.advance)
    bar.end("")
    if page is not None:
        pairs = review.pair_nearest(problems, found)
        page.write_text(
            review.render_review_page(f"{', '.join(map(str, data))} and {exam}", pairs),
            encoding="utf-8",
        )
    made = table.build_table(nearby.best_match_rates(problems, found), passed)
    if as_json:
        for row in [*table.table_records(made), *map(vars, found)]:
            show_json(row)
        return
    for line in (*search.format_neighbours(found, passed), "", *table.format_markdown(made)):
        click.echo(line)
    for reason, number in skipped.items():
        click.echo(f"{number:,} records were passed over: {reason}", err=True)


@click.command("audit")
@click.argument("data", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--exam",
    default="humaneval",
    show_default=True,
    help="The exam, such as mbpp:FILE or jsonl:FILE.",
)
@click.option("--column", "columns", multiple=True, help="Column of the text; several are joined.")
@click.option("--embedder", help="Audit vectors too: smollm2, hashed, or a Hugging Face name.")
@click.option(
    "--smallest", default=15, show_default=True, help="Trees of fewer nodes are not compared."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON line a row.")
def audit_command(
    data: tuple[Path, ...],
    exam: str,
    columns: tuple[str, ...],
    embedder: str | None,
    smallest: int,
    as_json: bool,
) -> None:
    """What the detectors are worth: plant copies and paraphrases of an exam and count who finds them, with intervals.

    DATA, if given, is searched too: where it is known to be free of the exam, each of its hits is a
    false alarm.

    \b
    Example: hornbook audit --exam humaneval
             hornbook audit src/ --exam mbpp:mbpp.jsonl --embedder smollm2
    """
    import dataclasses

    from hornbook import exams
    from hornbook.cli.terminal import show_table
    from hornbook.models.embedder import Embedder
    from hornbook.scrub import audit as auditing
    from hornbook.scrub import documents, planted_copies

    problems = exams.load_exam(exam)
    settings = auditing.AuditSettings(
        min_tree_nodes=smallest, embedder=Embedder(embedder) if embedder else None
    )
    made = list(planted_copies.plant_copies(problems))
    texts = [
        text
        for table in documents.read_batches(data, columns)
        for text in table["text"].to_pylist()
    ]
    groups = [kind for kind, *_ in made] + ["data"] * len(texts)
    found = auditing.recall_by_group(
        groups, auditing.find_hits(problems, [text for *_, text in made] + texts, settings)
    )
    rows = list(found)
    if as_json:
        for row in rows:
            show_json(dataclasses.asdict(row))
        return
    detectors = list(dict.fromkeys(row.detector for row in rows))
    cells = {(row.among, row.detector): row for row in rows}
    table = [[group, groups.count(group), *(_format_share(cells[group, name]) for name in detectors)]
             for group in dict.fromkeys(groups)]  # fmt: skip
    show_table(f"{exam}: percent found, with 95 % intervals", ["planted", "n", *detectors], table)


def _format_share(row: DetectorResult) -> str:
    rate = row.rate
    return f"{100 * rate.value:.0f} ({100 * rate.low:.0f} to {100 * rate.high:.0f})"
