"""The filter's taste: a classifier's scores for anybody's texts, and a person's labels for a run's pieces."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hornbook.cli.shared import open_run, show_json
from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.collect.extend import ReadCounts, RowBatch
    from hornbook.curate.sampling import AnswerFile
    from hornbook.curate.scoring import QualityClassifier

MAX_UNREADABLE_SHOWN = 5  # unreadable lines that are named one by one


@click.command("score-quality")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="jsonl, or Parquet for Parquet; standard output if not given.",
)
@click.option(
    "--column", default="", help="Column of the text; content, text or code if not given."
)
@click.option(
    "--as", "name", help="Name of the new column: score if not given, or quality beside a score."
)
@click.option(
    "--label", help="A column of labels from 0 to 5: print the area under ROC of the scores."
)
@click.option("--stage", help="Which classifier of the run; the one fitted last if not given.")
@click.option("--device", help="cpu or cuda; the GPU if there is one, when not given.")
@click.option(
    "--json", "as_json", is_flag=True, help="The summary as one JSON line, on standard error."
)
def score_quality_command(
    folder: Path,
    file: Path,
    out: Path | None,
    stage: str | None,
    device: str | None,
    as_json: bool,
    **columns: Any,
) -> None:
    """Add a score of educational value to each text of FILE, by RUN's trained classifier and its embedder.

    FILE is jsonl (.gz, .zst) or Parquet. Rows that have package, version, path, start and end
    instead of a text, as the shipped labels have, are cut from their wheel. Rows without a text get
    null; lines that are no JSON object are counted and left out. A column that is there already is
    never overwritten.

    \b
    Example: hornbook run taste
             hornbook score-quality runs/taste pieces.jsonl --out scored.jsonl
    """
    from hornbook.collect import extend
    from hornbook.curate import scoring
    from hornbook.models.device import pick_device

    taste = scoring.load_quality_classifier(open_run(folder), stage)
    if not as_json:
        click.echo(taste.summarise_validation(), err=True)
    counts, labelled, name = extend.ReadCounts(), _ScoredLabels(columns["label"]), columns["name"]
    with extend.open_batch_writer(file, out) as write:
        for batch in extend.read_batches(file, columns["column"], counts):
            name = name or ("quality" if "score" in batch.rows[0] else "score")
            if name in batch.rows[0]:
                raise UserError(
                    f"{file} has a column {name} already: name another for the scores by --as"
                )
            values = _score_batch(taste, batch, pick_device(device))
            counts.without_text += values.count(None)
            labelled.add_rows(batch.rows, values)
            write(batch, name, values)
    _print_summary(
        taste,
        counts,
        name or "score",
        labelled.compute_roc_area(taste.validation["good_from"]),
        as_json,
    )


def _score_batch(taste: QualityClassifier, batch: RowBatch, device: str) -> list[float | None]:
    """A score a row, null where there is no text; rows are given the texts that they point at."""
    from hornbook.curate import shipped_labels

    for at, row in enumerate(batch.rows):
        if batch.texts[at] is None and row.keys() >= shipped_labels.LOCATION_FIELDS:
            try:
                batch.texts[at] = shipped_labels.read_text(row) or None
            except (
                UserError,
                TypeError,
                AttributeError,
            ) as error:  # a row that points at nothing: null, and said
                click.echo(f"  not found: {error}", err=True)
    there = [at for at, text in enumerate(batch.texts) if text is not None]
    scores = taste.score_texts([batch.texts[at] or "" for at in there], device)
    found: list[float | None] = [None] * len(batch.texts)
    for at, score in zip(there, scores.tolist(), strict=True):
        found[at] = round(score, 6)
    return found


class _ScoredLabels:
    """Labels and scores of the rows that have both."""

    def __init__(self, column: str | None) -> None:
        self._column = column
        self._pairs: list[tuple[float, float]] = []

    def add_rows(self, rows: Sequence[dict[str, Any]], values: Sequence[float | None]) -> None:
        if self._column is None:
            return
        if self._column not in rows[0]:
            raise UserError(
                f"there is no column {self._column} of labels: the rows have {', '.join(rows[0])}"
            )
        for row, value in zip(rows, values, strict=True):
            if isinstance(row[self._column], int | float) and value is not None:
                self._pairs.append((row[self._column], value))

    def compute_roc_area(self, good: int) -> list[float] | None:
        """[low, area, high] of labels of `good` or more; None without labels of both sides."""
        import numpy as np

        from hornbook.curate.validate import bootstrap_roc_area

        y = np.array([label >= good for label, _ in self._pairs], np.int64)
        return (
            bootstrap_roc_area(y, [score for _, score in self._pairs], "file")
            if 0 < y.sum() < len(y)
            else None
        )


def _print_summary(
    taste: QualityClassifier, counts: ReadCounts, name: str, area: list[float] | None, as_json: bool
) -> None:
    scored = counts.rows - counts.without_text
    if as_json:
        facts = {"column": name, "scored": scored, "without_text": counts.without_text,
                 "unreadable": counts.unreadable, "area": area, "validation": taste.validation["area"]}  # fmt: skip
        show_json(facts, err=True)
        return
    click.echo(f"{scored:,} texts scored (column {name}), {counts.without_text:,} rows without a text, "
               f"{len(counts.unreadable):,} lines unreadable", err=True)  # fmt: skip
    for reason in counts.unreadable[:MAX_UNREADABLE_SHOWN]:
        click.echo(f"  {reason}", err=True)
    if area:
        click.echo(
            f"area under ROC on this file's labels: {area[1]:.3f} ({area[0]:.3f} to {area[2]:.3f})",
            err=True,
        )


@click.command("label")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("stage", required=False)
@click.option("-n", "number", default=100, show_default=True, help="Pieces to judge in all.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The file of labels; RUN/labels.jsonl if not given.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Ask nothing: the agreement so far, one JSON line a judge.",
)
def label_command(
    folder: Path, stage: str | None, number: int, out: Path | None, as_json: bool
) -> None:
    """Judge pieces of RUN yourself, 0 to 5, a key a piece; stop any time and go on with the same command.

    The pieces are a sample by hash, of STAGE or of what a judge has labelled; you do not see its
    labels. At the end you see how far you agree with it. A recipe learns from your file by
    OwnLabels (hornbook run taste labels=FILE).

    \b
    Example: hornbook label runs/taste -n 50
    """
    from hornbook.curate import sampling

    ctx = open_run(folder)
    answers = sampling.AnswerFile(out or folder / "labels.jsonl")
    if not as_json:
        _ask_for_labels(
            sampling.sample_pieces(ctx, sampling.choose_stage_to_label(ctx, stage), number), answers
        )
    found = sampling.compare_with_judges(ctx, answers)
    if as_json:
        for facts in found:
            show_json(facts)
        return
    labelled = sum(each is not None for each in answers.read_answers().values())
    click.echo(
        f"{labelled} labels in {answers.path}; the same command goes on, --json prints the agreement"
    )
    for facts in found:
        kappa = "not defined" if facts["kappa"] is None else f"{facts['kappa']:.2f}"
        click.echo(f"you and {facts['first']}: weighted kappa {kappa} over {facts['compared']} pieces, "
                   f"within one point {facts['within_one'][1]:.0%}")  # fmt: skip


def _ask_for_labels(pieces: Sequence[dict[str, Any]], answers: AnswerFile) -> None:
    """Show what has no answer yet and take keys, until all are answered or q."""
    from hornbook.cli.terminal import show_piece
    from hornbook.curate.judge import RUBRIC_PATH

    given: list[dict[str, Any]] = []
    at = 0
    while at < len(pieces):
        row, known = pieces[at], answers.read_answers()
        if row["id"] in known:
            at += 1
            continue
        show_piece(row, f"{len(known)} of {len(pieces)} judged")
        click.echo("educational value 0 to 5 (s skip, b back, ? rubric, q stop): ", nl=False)
        key = click.getchar()
        click.echo(key if key.isprintable() else "")
        if key in "012345s":
            answers.append_answer(row, int(key) if key != "s" else None)
            given.append(row)
            at += 1
        elif key == "b" and given:
            last = given.pop()
            answers.append_answer(last, None, is_undo=True)
            at = pieces.index(last)
        elif key == "?":
            click.echo_via_pager(RUBRIC_PATH.read_text(encoding="utf-8"))
        elif key in "q\x03\x04":
            break
