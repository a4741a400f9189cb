"""What the teacher wrote and what survived being run.

In: stages of exercises and textbooks. Out: the section with the yield at each gate, accepted and
rejected pieces side by side, and the diversity of what was kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hornbook import store
from hornbook.frame.stage import Desk, Stage
from hornbook.pages.blocks import Block, Code, Section, Table, Text, shown
from hornbook.records import share

WRITERS = ("Exercises", "Textbooks", "ShelfExercises", "ShelfSections")
SAMPLES = 3


def section(desk: Desk, stages: Sequence[Stage]) -> Section | None:
    """The section on generated text, or None in a recipe without any."""
    writers = [stage for stage in stages if type(stage).__name__ in WRITERS]
    if not writers:
        return None
    blocks: list[Block] = [_yields(desk, writers), *_diversity(desk, stages)]
    for stage in writers:
        blocks += _samples(desk, stage)
    return Section("Written", blocks)


def _yields(desk: Desk, writers: Sequence[Stage]) -> Table:
    """Every gate and how many it stopped, one row a stage and gate."""
    rows = []
    for stage in writers:
        facts = desk.manifest(stage)
        seen = max(1, facts["seen"])
        rows.append([stage.name, "written", facts["seen"], "100%"])
        for reason, number in sorted(facts["reasons"].items(), key=lambda item: -item[1]):
            rows.append([stage.name, f"stopped: {reason}", number, f"{100 * number / seen:.1f}%"])
        rows.append([stage.name, "kept", facts["kept"], f"{100 * facts['kept'] / seen:.1f}%"])
    return Table(
        ["stage", "gate", "records", "share"],
        rows,
        "Every text was parsed and executed; what each gate stopped",
    )


def _diversity(desk: Desk, stages: Sequence[Stage]) -> list[Block]:
    """What MeasureDiversity found, a set a column, and MeasureRounds, a round a line."""
    blocks: list[Block] = []
    for stage in stages:
        if type(stage).__name__ == "MeasureDiversity":
            facts = store.read_json(desk.folder(stage) / "diversity.json") or {}
            blocks.append(
                _compared(
                    f"`{stage.name}`: how different a set's kept texts are from each other", facts
                )
            )
        elif type(stage).__name__ == "MeasureRounds":
            found = store.read_json(desk.folder(stage) / "rounds.json")
            head, *rows = found["table"]
            caption = (
                f"`{stage.name}`: yield, diversity and score, round by round, with 95 % intervals"
            )
            blocks += [Table(head, rows, caption), Text(found["reading"])]
    return blocks


def _compared(caption: str, measured: Mapping[str, Mapping[str, Any]]) -> Table:
    """A column a set; a measure that some set lacks (too few texts) is left empty there."""
    numbers = {
        key
        for facts in measured.values()
        for key, value in facts.items()
        if isinstance(value, int | float)
    }
    names = sorted(numbers - {"round"}, key=lambda name: (name.startswith("near"), name))
    rows = [
        [name.replace("_", " "), *(shown(facts.get(name)) for facts in measured.values())]
        for name in names
    ]
    return Table(["measure", *measured], rows, caption)


def _samples(desk: Desk, stage: Stage) -> list[Block]:
    """A few kept and a few stopped records, chosen by a hash of their ids."""
    rows: list[dict[str, Any]] = []
    for table in desk.tables(stage, ["id", "text", "kept", "reason", "path"]):
        rows += table.to_pylist()
    rows.sort(key=lambda row: share("page", row["id"]))
    kept = [row for row in rows if row["kept"]][:SAMPLES]
    stopped = [row for row in rows if not row["kept"]][:SAMPLES]
    made = type(stage).__name__ in ("Exercises", "Textbooks")
    blocks: list[Block] = [Text(f"From `{stage.name}`:")] if kept or stopped else []
    blocks += [
        Code(f"kept: {row['path'] or row['id']}", row["text"], open=made and at == 0)
        for at, row in enumerate(kept)
    ]
    blocks += [
        Code(f"stopped ({row['reason']}): {row['path'] or row['id']}", row["text"])
        for row in stopped
    ]
    return blocks
