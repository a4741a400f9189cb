"""Labels from several hands: a person's file, or judges that read the same pieces; and how far they agree.

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
from hornbook.curate.judge import COLUMNS, agreement
from hornbook.frame.stage import Desk, Price, Size, Stage, Whole
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

HIGHEST = 5
FIELDS = [name for name in records.DOCUMENT if name not in records.MARK_COLUMNS]  # of kept rows


@dataclass(frozen=True)
class OwnLabels(Whole):
    """The kept documents of `data` that a jsonl file labels (`id` and `label`), as `hornbook label` writes it."""

    data: Stage
    path: str

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        file = Path(self.path).expanduser()
        if not file.is_file():
            raise UserError(
                f"there is no file of labels {file}: `hornbook label RUN --out {file}` writes one"
            )
        return {"labels": store.digest(file)}

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        given, odd = read(Path(self.path).expanduser())
        found: dict[str, dict[str, Any]] = {}
        for table in desk.kept(self.data, FIELDS):
            for row in table.to_pylist():
                if row["id"] in given:
                    found.setdefault(
                        row["id"], row | {"label": given[row["id"]], "why": "a person's"}
                    )
        if not found:
            raise UserError(
                f"{self.path} labels no document that {self.data.name} keeps: is it another run's file?"
            )
        absent, bad = len(given) - len(found), f", {odd} lines are no labels" if odd else ""
        desk.reporter.say(
            f"{self.name}: {len(found)} labels joined, {absent} have no document here{bad}"
        )
        yield "labels", records.table((found[name] for name in sorted(found)), COLUMNS)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(Size(inputs[0].documents, inputs[0].megabytes), minutes=0.02)


def read(file: Path) -> tuple[dict[str, int], int]:
    """({id: label}, how many lines are no labels); the last line about a piece holds, and null takes a label back."""
    given: dict[str, int] = {}
    odd = 0
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            values = json.loads(line) if line.strip() else {"id": "", "label": None}
            name, label = str(values["id"]), values["label"]
        except (ValueError, TypeError, KeyError):
            odd += 1
            continue
        if label is None:
            given.pop(name, None)
        elif type(label) is int and 0 <= label <= HIGHEST:
            given[name] = label
        else:
            odd += 1
    return given, odd


@dataclass(frozen=True)
class Panel(Whole):
    """One label a piece from several judges: the median (the lower of two middle ones) of those that gave one."""

    judges: tuple[Stage, ...]

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        given = {stage.name: labels_of(desk, stage) for stage in self.judges}
        rows: dict[str, dict[str, Any]] = {}
        for stage in self.judges:
            for table in desk.kept(stage, FIELDS):
                for row in table.to_pylist():
                    rows.setdefault(row["id"], row)
        made = []
        for name in sorted(rows):
            votes = {judge: labels[name] for judge, labels in given.items() if name in labels}
            why = ", ".join(f"{judge} {label}" for judge, label in votes.items())
            made.append(rows[name] | {"label": middle.median_low(votes.values()), "why": why})
        store.write_json(desk.folder(self) / "agreement.json", list(compared(given)))
        yield "panel", records.table(made, COLUMNS)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(max(inputs, key=lambda size: size.documents), minutes=0.02)


def labels_of(desk: Desk, stage: Stage | str) -> dict[str, int]:
    """{id: label} of the kept documents of a stage with labels."""
    found: dict[str, int] = {}
    for table in desk.kept(stage, ["id", "label"]):
        found |= dict(zip(table["id"].to_pylist(), table["label"].to_pylist(), strict=True))
    return found


def compared(given: Mapping[str, Mapping[str, int]]) -> Iterator[dict[str, Any]]:
    """The agreement of every pair of judges, over the pieces that both labelled."""
    for first, second in itertools.combinations(given, 2):
        both = sorted(given[first].keys() & given[second].keys())
        pairs = [(given[first][name], given[second][name]) for name in both]
        yield {"first": first, **agreement(pairs, len(given[second]), second)}
