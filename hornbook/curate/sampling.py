"""Pieces for a person to judge, in a fixed order, and the file that keeps the labels.

In: a run's stage with documents, a jsonl file. Out: pieces that are not in the file yet; each
answer is on disk before the next piece is shown, so that stopping costs nothing. The person sees no
judge's label: agreement is only worth something when it is blind. `OwnLabels` joins the file to
documents; `agreements` compares it with what is known.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hornbook import records
from hornbook.curate import own_labels
from hornbook.frame.stage import RunContext
from hornbook.records import UserError

COLUMNS = ("id", "text", "origin", "path", "start", "end")


def choose_stage_to_label(ctx: RunContext, requested: str | None) -> str:
    """The named stage; else the last that a judge labelled, else the first with documents."""
    stage_names = ctx.run.finished_stages()
    if requested is not None:
        if requested not in stage_names:
            raise UserError(
                f"{ctx.root} has no finished stage {requested}: {', '.join(stage_names)}"
            )
        return requested
    labelled_stages = [
        stage
        for stage in stage_names
        if "label" in _read_column_names(ctx, stage)
        and ctx.run.read_manifest(stage)["identity"]["stage"] != "OwnLabels"
    ]
    document_stages = [stage for stage in stage_names if "text" in _read_column_names(ctx, stage)]
    if not document_stages:
        raise UserError(
            f"{ctx.root} has no documents to judge: its stages are {', '.join(stage_names)}"
        )
    return labelled_stages[-1] if labelled_stages else document_stages[0]


def _read_column_names(ctx: RunContext, stage: str) -> list[str]:
    import pyarrow.parquet as pq

    parts = ctx.run.shard_names(stage)
    return list(pq.read_schema(ctx.run.shard_path(stage, parts[0])).names) if parts else []


def sample_pieces(ctx: RunContext, stage: str, n_pieces: int) -> list[dict[str, Any]]:
    """`number` kept documents of a stage, chosen and ordered by a hash of their ids."""
    rows_by_id: dict[str, dict[str, Any]] = {}
    for table in ctx.run.read_kept_rows(stage, COLUMNS):
        for row in table.to_pylist():
            rows_by_id.setdefault(row["id"], row)
        sample_ids = sorted(
            rows_by_id, key=lambda doc_id: (records.hash_fraction("label", doc_id), doc_id)
        )[:n_pieces]
        rows_by_id = {name: rows_by_id[name] for name in sample_ids}
    return list(rows_by_id.values())


@dataclass
class AnswerFile:
    """A person's labels, one JSON line each. The last line of an id counts; null removes it."""

    path: Path

    def read_answers(self) -> dict[str, int | None]:
        """{id: label}, null for a piece that was skipped."""
        answers: dict[str, int | None] = {}
        for values in self._read_lines():
            answers[str(values.get("id"))] = values.get("label")
            if values.get("undone"):
                answers.pop(str(values["id"]))
        return answers

    def _read_lines(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                values = json.loads(line)
            except ValueError:
                continue  # a line cut off by a crash
            if isinstance(values, dict) and "id" in values:
                yield values

    def append_answer(self, row: dict[str, Any], label: int | None, is_undo: bool = False) -> None:
        """Append one answer, on disk before this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        answer = {name: row[name] for name in ("id", "origin", "path", "start", "end")} | {
            "label": label
        }
        ends_mid_line = (
            self.path.exists()
            and self.path.stat().st_size
            and not self.path.read_bytes().endswith(b"\n")
        )
        with self.path.open("a", encoding="utf-8") as file:
            file.write(
                ("\n" if ends_mid_line else "")
                + json.dumps(answer | ({"undone": True} if is_undo else {}))
                + "\n"
            )
            file.flush()
            os.fsync(file.fileno())


def compare_with_judges(ctx: RunContext, answers: AnswerFile) -> list[dict[str, Any]]:
    """How the person agrees with every stage of the run that has labels of the same pieces."""
    person_labels = {
        doc_id: label for doc_id, label in answers.read_answers().items() if label is not None
    }
    comparisons: list[dict[str, Any]] = []
    for stage in ctx.run.finished_stages():
        if "label" not in _read_column_names(ctx, stage):
            continue
        judge_labels = own_labels.read_labels(ctx, stage)
        if person_labels.keys() & judge_labels.keys():
            comparisons += own_labels.compare_judges({stage: judge_labels, "you": person_labels})
    return comparisons
