"""The commands `similar` and `audit`: which problems of an exam are in training data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hornbook.cli.shared import count_cores, show_json

if TYPE_CHECKING:
    from hornbook.scrub.audit import DetectorResult


def _add_search_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that `similar` and `audit` share: the exam, the text columns, JSON."""
    options = [
        click.option(
            "--exam",
            default="humaneval",
            show_default=True,
            help="The exam, such as mbpp:FILE or jsonl:FILE.",
        ),
        click.option(
            "--column",
            "columns",
            multiple=True,
            help="Column with the text; may be repeated: several columns are joined.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print one JSON line per row."),
    ]
    # The help lists first what is added last.
    for add_option in reversed(options):
        function = add_option(function)
    return function


@click.command("similar")
@click.argument("data", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--scores",
    "result_files",
    multiple=True,
    metavar="[NAME=]FILE",
    help="A model's results on that exam; may be repeated.",
)
@click.option("--embedder", help="Compare embeddings too: smollm2, hashed, or a Hugging Face name.")
@click.option(
    "-n",
    "top",
    default=1,
    show_default=True,
    help="Nearest records to print per problem and detector.",
)
@click.option(
    "--html",
    "page_path",
    type=click.Path(path_type=Path),
    help="Write all pairs side by side as an HTML page.",
)
@_add_search_options
def similar_command(
    data: tuple[Path, ...],
    exam: str,
    result_files: tuple[str, ...],
    columns: tuple[str, ...],
    embedder: str | None,
    top: int,
    page_path: Path | None,
    as_json: bool,
) -> None:
    """Find the training records nearest to each exam problem, and compare pass rates.

    DATA is a folder or file of code, text, notebooks, jsonl or Parquet. The table is Table 3 of the
    phi-1 paper: pass rates on problems with and without a similar training record.

    \b
    Example: hornbook similar exercises.jsonl --exam humaneval --scores phi=results.jsonl
    """
    from hornbook import exams
    from hornbook.cli.terminal import make_reporter
    from hornbook.frame.stage import SilentReporter
    from hornbook.models.embedder import Embedder
    from hornbook.scrub import documents, nearest_records, table
    from hornbook.scrub import similar as search

    problems = exams.load_exam(exam)
    passed: dict[str, dict[str, bool]] = {}
    for result_file in result_files:
        passed |= search.read_results(result_file)
    # Filled while the batches are read: the number of unreadable records by reason.
    skipped: dict[str, int] = {}
    # A progress bar would mix with the JSON lines on standard output.
    reporter = SilentReporter() if as_json else make_reporter()
    reporter.begin("similar", 0, "records")
    nearest = search.search_batches(
        problems,
        documents.read_batches(data, columns, skipped),
        top,
        Embedder(embedder) if embedder else None,
        count_cores(),
        reporter.advance,
    )
    reporter.end("")
    if page_path is not None:
        _write_review_page(page_path, f"{', '.join(map(str, data))} and {exam}", problems, nearest)
    pass_rates = table.build_table(nearest_records.best_match_rates(problems, nearest), passed)
    if as_json:
        for row in [*table.table_records(pass_rates), *map(vars, nearest)]:
            show_json(row)
        return
    for line in (
        *search.format_neighbours(nearest, passed),
        "",
        *table.format_markdown(pass_rates),
    ):
        click.echo(line)
    for reason, n_records in skipped.items():
        # On standard error, so that the table can be piped.
        click.echo(f"{n_records:,} records were skipped: {reason}", err=True)


def _write_review_page(path: Path, title: str, problems: Any, nearest: Any) -> None:
    from hornbook.scrub import review

    pairs = review.pair_nearest(problems, nearest)
    path.write_text(review.render_pairs(title, pairs), encoding="utf-8")


@click.command("audit")
@click.argument("data", nargs=-1, type=click.Path(path_type=Path))
@click.option("--embedder", help="Audit embeddings too: smollm2, hashed, or a Hugging Face name.")
@click.option(
    "--smallest",
    "min_tree_nodes",
    default=15,
    show_default=True,
    help="Do not compare syntax trees with fewer nodes than this.",
)
@_add_search_options
def audit_command(
    data: tuple[Path, ...],
    exam: str,
    columns: tuple[str, ...],
    embedder: str | None,
    min_tree_nodes: int,
    as_json: bool,
) -> None:
    """Measure the contamination detectors: recall on planted copies of an exam, with intervals.

    The copies are verbatim, renamed, reformatted, translated and so on. DATA, if given, is searched
    too: where it is known to be free of the exam, each hit in it is a false positive.

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
        min_tree_nodes=min_tree_nodes, embedder=Embedder(embedder) if embedder else None
    )
    groups, texts = [], []
    for kind, _, text in planted_copies.plant_copies(problems):
        groups.append(kind)
        texts.append(text)
    for batch in documents.read_batches(data, columns):
        texts += batch["text"].to_pylist()
    # What was read after the planted copies is the person's own data.
    groups += ["data"] * (len(texts) - len(groups))
    hits = auditing.find_hits(problems, texts, settings)
    results = list(auditing.recall_by_group(groups, hits))
    if as_json:
        for result in results:
            show_json(dataclasses.asdict(result))
        return
    detectors = list(dict.fromkeys(result.detector for result in results))
    # One row per kind of planted copy, one column per detector.
    cells = {(result.among, result.detector): _format_rate(result) for result in results}
    rows = []
    for group in dict.fromkeys(groups):
        rates = [cells[group, detector] for detector in detectors]
        rows.append([group, groups.count(group), *rates])
    title = f"{exam}: percent found, with 95 % intervals"
    show_table(title, ["planted", "n", *detectors], rows)


def _format_rate(result: DetectorResult) -> str:
    rate = result.rate
    return f"{100 * rate.value:.0f} ({100 * rate.low:.0f} to {100 * rate.high:.0f})"
