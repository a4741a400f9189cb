"""The commands `score-quality` and `label`: score texts by a run's classifier, label pieces."""

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
CTRL_C, CTRL_D = "\x03", "\x04"  # as the keys arrive while the terminal is in raw mode


@click.command("score-quality")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The output: jsonl, or Parquet if FILE is Parquet; default: standard output.",
)
@click.option(
    "--column",
    "text_column",
    default="",
    help="Column with the text; default: content, text or code.",
)
@click.option(
    "--as",
    "score_column",
    help="Name of the new column; default: score, or quality if there is a score.",
)
@click.option(
    "--label",
    "label_column",
    help="Column with labels from 0 to 5: also print the area under the ROC curve.",
)
@click.option("--stage", help="The classifier of the run; default: the one fitted last.")
@click.option("--device", help="cpu or cuda; default: the GPU if there is one.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print the summary as one JSON line on standard error."
)
def score_quality_command(
    folder: Path,
    file: Path,
    out: Path | None,
    text_column: str,
    score_column: str | None,
    label_column: str | None,
    stage: str | None,
    device: str | None,
    as_json: bool,
) -> None:
    """Score the educational value of each text in FILE with RUN's quality classifier.

    FILE is jsonl (.gz, .zst) or Parquet. Rows that have package, version, path, start and end
    instead of a text, as the shipped labels have, are read from their wheel. Rows without a text
    get null; lines that are not a JSON object are counted and left out. An existing column is never
    overwritten.

    \b
    Example: hornbook run taste
             hornbook score-quality runs/taste pieces.jsonl --out scored.jsonl
    """
    from hornbook.collect import extend
    from hornbook.curate import scoring
    from hornbook.models.device import pick_device

    classifier = scoring.load_quality_classifier(open_run(folder), stage)
    if not as_json:
        # The scores go to standard output if there is no --out.
        click.echo(classifier.summarise_validation(), err=True)
    counts, labelled = extend.ReadCounts(), _ScoredLabels(label_column)
    with extend.open_batch_writer(file, out) as write_batch:
        for batch in extend.read_batches(file, text_column, counts):
            # Chosen at the first batch, for the whole file.
            score_column = score_column or ("quality" if "score" in batch.rows[0] else "score")
            if score_column in batch.rows[0]:
                raise UserError(
                    f"{file} has a column {score_column} already: choose another name with --as"
                )
            scores = _score_batch(classifier, batch, pick_device(device))
            counts.without_text += scores.count(None)
            labelled.add_rows(batch.rows, scores)
            write_batch(batch, score_column, scores)
    roc_area = labelled.compute_roc_area(classifier.validation["good_from"])
    _show_summary(classifier, counts, score_column or "score", roc_area, as_json)


def _score_batch(classifier: QualityClassifier, batch: RowBatch, device: str) -> list[float | None]:
    """One score per row, None where there is no text. Rows that name a location get its text."""
    from hornbook.curate import shipped_labels

    for i, row in enumerate(batch.rows):
        if batch.texts[i] is None and row.keys() >= shipped_labels.LOCATION_FIELDS:
            try:
                batch.texts[i] = shipped_labels.read_text(row) or None
            except (UserError, TypeError, AttributeError) as error:
                # A wrong location, or fields of a wrong type: null, with a line for the person.
                click.echo(f"  not found: {error}", err=True)
    with_text = [i for i, text in enumerate(batch.texts) if text is not None]
    values = classifier.score_texts([batch.texts[i] or "" for i in with_text], device)
    scores: list[float | None] = [None] * len(batch.texts)
    for i, value in zip(with_text, values.tolist(), strict=True):
        scores[i] = round(value, 6)
    return scores


class _ScoredLabels:
    """The label and the score of each row that has both."""

    def __init__(self, column: str | None) -> None:
        self._column = column
        self._pairs: list[tuple[float, float]] = []

    def add_rows(self, rows: Sequence[dict[str, Any]], scores: Sequence[float | None]) -> None:
        if self._column is None:
            return
        if self._column not in rows[0]:
            raise UserError(
                f"there is no column {self._column} of labels: the rows have {', '.join(rows[0])}"
            )
        for row, score in zip(rows, scores, strict=True):
            if isinstance(row[self._column], int | float) and score is not None:
                self._pairs.append((row[self._column], score))

    def compute_roc_area(self, good_from: int) -> list[float] | None:
        """Area under the ROC curve for labels of `good_from` or more, as [low, area, high].

        None where all labels are on one side of `good_from`.
        """
        import numpy as np

        from hornbook.curate.validate import bootstrap_roc_area

        is_good = np.array([label >= good_from for label, _ in self._pairs], np.int64)
        if not 0 < is_good.sum() < len(is_good):
            return None
        return bootstrap_roc_area(is_good, [score for _, score in self._pairs], "file")


def _show_summary(
    classifier: QualityClassifier,
    counts: ReadCounts,
    column: str,
    roc_area: list[float] | None,
    as_json: bool,
) -> None:
    # `rows` counts readable rows only.
    n_scored = counts.rows - counts.without_text
    if as_json:
        summary = {
            "column": column,
            "scored": n_scored,
            "without_text": counts.without_text,
            "unreadable": counts.unreadable,
            "area": roc_area,
            "validation": classifier.validation["area"],
        }
        show_json(summary, err=True)
        return
    click.echo(
        f"{n_scored:,} texts scored (column {column}), {counts.without_text:,} rows without a "
        f"text, {len(counts.unreadable):,} unreadable lines",
        err=True,
    )
    for reason in counts.unreadable[:MAX_UNREADABLE_SHOWN]:
        click.echo(f"  {reason}", err=True)
    if roc_area:
        low, area, high = roc_area
        click.echo(
            f"area under the ROC curve on this file's labels: {area:.3f} ({low:.3f} to {high:.3f})",
            err=True,
        )


@click.command("label")
@click.argument("folder", metavar="RUN", type=click.Path(path_type=Path))
@click.argument("stage", required=False)
@click.option("-n", "n_pieces", default=100, show_default=True, help="Pieces to label in all.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="The file of labels; default: RUN/labels.jsonl.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Only print the agreement so far, one JSON line per judge.",
)
def label_command(
    folder: Path, stage: str | None, n_pieces: int, out: Path | None, as_json: bool
) -> None:
    """Label pieces of RUN yourself, from 0 to 5, one key per piece; resumable.

    The pieces are a sample of STAGE, chosen by a hash of their ids; without STAGE, of what a judge
    has labelled. The judge's labels are not shown. At the end you see how far you agree with the
    judge. The recipe taste trains on your file: hornbook run taste labels=FILE.

    \b
    Example: hornbook label runs/taste -n 50
    """
    from hornbook.curate import sampling

    ctx = open_run(folder)
    answers = sampling.AnswerFile(out or folder / "labels.jsonl")
    if not as_json:
        stage = sampling.choose_stage_to_label(ctx, stage)
        _ask_for_labels(sampling.sample_pieces(ctx, stage, n_pieces), answers)
    agreements = sampling.compare_with_judges(ctx, answers)
    if as_json:
        for agreement in agreements:
            show_json(agreement)
        return
    n_labels = sum(label is not None for label in answers.read_answers().values())
    click.echo(
        f"{n_labels} labels in {answers.path}; run the same command to go on, or with --json to "
        "print the agreement"
    )
    for agreement in agreements:
        kappa = "not defined" if agreement["kappa"] is None else f"{agreement['kappa']:.2f}"
        click.echo(
            f"you and {agreement['first']}: weighted kappa {kappa} over {agreement['compared']} "
            f"pieces, within one point {agreement['within_one'][1]:.0%}"
        )


def _ask_for_labels(pieces: Sequence[dict[str, Any]], answers: AnswerFile) -> None:
    """Show each piece without an answer and read a key, until all have one or the person stops."""
    from hornbook.cli.terminal import show_piece
    from hornbook.curate.judge import RUBRIC_PATH

    answered_now: list[dict[str, Any]] = []
    i = 0
    while i < len(pieces):
        # Read again each time: the file is the only state, so a crash costs nothing.
        piece, answer_by_id = pieces[i], answers.read_answers()
        if piece["id"] in answer_by_id:
            i += 1
            continue
        show_piece(piece, f"{len(answer_by_id)} of {len(pieces)} labelled")
        click.echo("educational value 0 to 5 (s skip, b back, ? rubric, q stop): ", nl=False)
        key = click.getchar()
        click.echo(key if key.isprintable() else "")
        if key in "012345s":
            answers.append_answer(piece, int(key) if key != "s" else None)
            answered_now.append(piece)
            i += 1
        elif key == "b" and answered_now:
            previous = answered_now.pop()
            answers.append_answer(previous, None, is_undo=True)
            i = pieces.index(previous)
        elif key == "?":
            click.echo_via_pager(RUBRIC_PATH.read_text(encoding="utf-8"))
        elif key in ("q", CTRL_C, CTRL_D):
            break
