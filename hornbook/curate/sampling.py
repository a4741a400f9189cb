"""Pieces for a person to judge, in an order that never changes, and the file that remembers what they said.

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
from hornbook.frame.stage import Desk
from hornbook.records import UserError

COLUMNS = ("id", "text", "origin", "path", "start", "end")


def stage_to_label(desk: Desk, asked: str | None) -> str:
    """The stage asked for; else the last one that a judge labelled, else the first with documents."""
    names = desk.stages()
    if asked is not None:
        if asked not in names:
            raise UserError(f"{desk.root} has no finished stage {asked}: {', '.join(names)}")
        return asked
    labelled = [
        name
        for name in names
        if "label" in _columns(desk, name)
        and desk.manifest(name)["identity"]["stage"] != "OwnLabels"
    ]
    documents = [name for name in names if "text" in _columns(desk, name)]
    if not documents:
        raise UserError(f"{desk.root} has no documents to judge: its stages are {', '.join(names)}")
    return labelled[-1] if labelled else documents[0]


def _columns(desk: Desk, name: str) -> list[str]:
    import pyarrow.parquet as pq

    parts = desk.parts(name)
    return list(pq.read_schema(desk.part_path(name, parts[0])).names) if parts else []


def pieces(desk: Desk, stage: str, number: int) -> list[dict[str, Any]]:
    """`number` kept documents of a stage, chosen and ordered by a hash of their ids."""
    rows: dict[str, dict[str, Any]] = {}
    for table in desk.kept(stage, COLUMNS):
        for row in table.to_pylist():
            rows.setdefault(row["id"], row)
        chosen = sorted(rows, key=lambda name: (records.share("label", name), name))[:number]
        rows = {name: rows[name] for name in chosen}
    return list(rows.values())


@dataclass
class Answers:
    """What a person said, one JSON line each; the last line about a piece holds, and null takes a label back."""

    path: Path

    def known(self) -> dict[str, int | None]:
        """{id: label}, null for a piece that was skipped."""
        found: dict[str, int | None] = {}
        for values in self._lines():
            found[str(values.get("id"))] = values.get("label")
            if values.get("undone"):
                found.pop(str(values["id"]))
        return found

    def _lines(self) -> Iterator[dict[str, Any]]:
        if not self.path.exists():
            return
        for line in self.path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                values = json.loads(line)
            except ValueError:
                continue  # a line cut off by a crash
            if isinstance(values, dict) and "id" in values:
                yield values

    def add(self, row: dict[str, Any], label: int | None, undone: bool = False) -> None:
        """Append one answer, on disk before this returns."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        facts = {name: row[name] for name in ("id", "origin", "path", "start", "end")} | {
            "label": label
        }
        broken = (
            self.path.exists()
            and self.path.stat().st_size
            and not self.path.read_bytes().endswith(b"\n")
        )
        with self.path.open("a", encoding="utf-8") as file:
            file.write(
                ("\n" if broken else "")
                + json.dumps(facts | ({"undone": True} if undone else {}))
                + "\n"
            )
            file.flush()
            os.fsync(file.fileno())


def agreements(desk: Desk, answers: Answers) -> list[dict[str, Any]]:
    """How the person agrees with every stage of the run that has labels of the same pieces."""
    mine = {name: label for name, label in answers.known().items() if label is not None}
    found: list[dict[str, Any]] = []
    for name in desk.stages():
        if "label" not in _columns(desk, name):
            continue
        theirs = own_labels.labels_of(desk, name)
        if mine.keys() & theirs.keys():
            found += own_labels.compared({name: theirs, "you": mine})
    return found
