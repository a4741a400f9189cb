"""Labels from several sources: a person's file, or several judges; and their agreement.

In: documents with a file of labels beside them (OwnLabels), or stages with the column `label`
(Panel). Out: records with `label` and `why`, fit to be learned from; a panel's label is the median,
and `agreement.json` has the weighted kappa of every pair. Not covered: weighing judges by how good
they are; leave a bad one out.
"""

from __future__ import annotations

import itertools
import json
import statistics as middle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import records, store
from hornbook.curate.judge import COLUMNS, summarise_agreement
from hornbook.frame.stage import GlobalStage, Price, RunContext, Size, Stage
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

MAX_LABEL = 5
DOCUMENT_FIELDS = [
    name for name in records.DOCUMENT if name not in records.VERDICT_COLUMNS
]  # of kept rows


@dataclass(frozen=True)
class OwnLabels(GlobalStage):
    """The kept documents of `data` that a jsonl file (`id`, `label`) labels: `hornbook label`."""

    data: Stage
    path: str

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        file = Path(self.path).expanduser()
        if not file.is_file():
            raise UserError(
                f"there is no file of labels {file}: `hornbook label RUN --out {file}` writes one"
            )
        return {"labels": store.file_digest(file)}

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        labels, n_bad_lines = read_label_file(Path(self.path).expanduser())
        rows_by_id: dict[str, dict[str, Any]] = {}
        for table in ctx.run.read_kept_rows(self.data, DOCUMENT_FIELDS):
            for row in table.to_pylist():
                if row["id"] in labels:
                    rows_by_id.setdefault(
                        row["id"], row | {"label": labels[row["id"]], "why": "a person's"}
                    )
        if not rows_by_id:
            raise UserError(
                f"{self.path} labels no document that {self.data.name} keeps: is it another run's "
                "file?"
            )
        n_absent, bad_lines_note = (
            len(labels) - len(rows_by_id),
            f", {n_bad_lines} lines are no labels" if n_bad_lines else "",
        )
        ctx.reporter.say(
            f"{self.name}: {len(rows_by_id)} labels joined, {n_absent} have no document here"
            f"{bad_lines_note}"
        )
        yield (
            "labels",
            records.make_table((rows_by_id[doc_id] for doc_id in sorted(rows_by_id)), COLUMNS),
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(Size(inputs[0].documents, inputs[0].megabytes), minutes=0.02)


def read_label_file(file: Path) -> tuple[dict[str, int], int]:
    """({id: label}, lines that are no labels). The last line of an id counts; null removes it."""
    labels: dict[str, int] = {}
    n_bad_lines = 0
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values = json.loads(line) if line.strip() else {"id": "", "label": None}
            doc_id, label = str(values["id"]), values["label"]
        except (ValueError, TypeError, KeyError):
            n_bad_lines += 1
            continue
        if label is None:
            labels.pop(doc_id, None)
        elif type(label) is int and 0 <= label <= MAX_LABEL:
            labels[doc_id] = label
        else:
            n_bad_lines += 1
    return labels, n_bad_lines


@dataclass(frozen=True)
class Panel(GlobalStage):
    """One label per piece: the median of the judges that gave one (the lower of two)."""

    judges: tuple[Stage, ...]

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        labels_by_judge = {stage.name: read_labels(ctx, stage) for stage in self.judges}
        rows_by_id: dict[str, dict[str, Any]] = {}
        for stage in self.judges:
            for table in ctx.run.read_kept_rows(stage, DOCUMENT_FIELDS):
                for row in table.to_pylist():
                    rows_by_id.setdefault(row["id"], row)
        panel_rows = []
        for doc_id in sorted(rows_by_id):
            votes = {
                judge: labels[doc_id]
                for judge, labels in labels_by_judge.items()
                if doc_id in labels
            }
            why = ", ".join(f"{judge} {label}" for judge, label in votes.items())
            panel_rows.append(
                rows_by_id[doc_id] | {"label": middle.median_low(votes.values()), "why": why}
            )
        store.write_json(
            ctx.run.stage_folder(self) / "agreement.json", list(compare_judges(labels_by_judge))
        )
        yield "panel", records.make_table(panel_rows, COLUMNS)

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(max(inputs, key=lambda size: size.documents), minutes=0.02)


def read_labels(ctx: RunContext, stage: Stage | str) -> dict[str, int]:
    """{id: label} of the kept documents of a stage with labels."""
    labels: dict[str, int] = {}
    for table in ctx.run.read_kept_rows(stage, ["id", "label"]):
        labels |= dict(zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True))
    return labels


def compare_judges(labels_by_judge: Mapping[str, Mapping[str, int]]) -> Iterator[dict[str, Any]]:
    """The agreement of every pair of judges, over the pieces that both labelled."""
    for first, second in itertools.combinations(labels_by_judge, 2):
        shared_ids = sorted(labels_by_judge[first].keys() & labels_by_judge[second].keys())
        label_pairs = [
            (labels_by_judge[first][doc_id], labels_by_judge[second][doc_id])
            for doc_id in shared_ids
        ]
        yield {
            "first": first,
            **summarise_agreement(label_pairs, len(labels_by_judge[second]), second),
        }
