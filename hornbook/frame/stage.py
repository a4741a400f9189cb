"""The nouns of the framework: a Stage says what to make, a Desk says where and with what.

In: settings and other stages. Out: nothing yet; building a stage runs nothing (identity.py names
what it is, run.py makes what is missing). A stage is written by defining one method: `work`, `mark`
or `make`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from hornbook import store
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

Form = Literal["records", "marks", "files"]
Runs = Literal["core", "machine", "alone"]


class Reporter(Protocol):
    """Who tells the person at the terminal; the command line supplies one, everything else stays silent."""

    def begin(self, name: str, total: float, unit: str) -> None: ...
    def advance(self, amount: float = 1) -> None: ...
    def say(self, text: str) -> None: ...
    def end(self, text: str) -> None: ...


class Silent:
    """The reporter of tests and of worker processes."""

    def begin(self, name: str, total: float, unit: str) -> None: ...
    def advance(self, amount: float = 1) -> None: ...
    def say(self, text: str) -> None: ...
    def end(self, text: str) -> None: ...


@dataclass(frozen=True)
class Size:
    """How much text a stage hands on: documents, and megabytes of their UTF-8."""

    documents: float = 0
    megabytes: float = 0


@dataclass(frozen=True)
class Price:
    """What a stage is expected to cost on this desk, and the size of what comes out. kwh < 0: from minutes."""

    size: Size
    tokens: float = 0  # read or written by a model
    requests: float = 0
    minutes: float = 0
    peak_mb: float = 300
    money: float = 0
    kwh: float = -1


@dataclass(frozen=True)
class Stage:
    """A step of a recipe: a frozen dataclass whose fields are its settings and whose Stage fields are its inputs.

    A stage defines `parts` and `work`; a Marking defines `mark`; a Whole defines `make`. Building
    one runs nothing.
    """

    name: str  # its folder in the run

    version: ClassVar[int] = 1  # raise it when the code makes something else of the same settings
    form: ClassVar[Form] = (
        "records"  # records: tables of its own; marks: columns beside `data`'s rows; files: a folder
    )
    runs: ClassVar[Runs] = (
        "core"  # core: a part a core; machine: a part a machine, all cores or its GPU; alone: whole
    )

    def parts(self, desk: Desk) -> Sequence[str]:
        """Names of the parts, each safe as a file name, in the order of the data. Default: those of `data`."""
        return desk.parts(self.inputs()[0])

    def work(self, desk: Desk, part: str) -> pa.Table:
        """Make one part: a pure function of the settings and the inputs."""
        raise NotImplementedError

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        """What else decides the output: texts of prompts, digests of files read. Must not need the inputs' outputs."""
        return {}

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        """The cost before it is paid; `inputs` are the sizes that the inputs have, or are expected to have."""
        size = inputs[0] if inputs else Size()
        return Price(size, minutes=size.megabytes / 10 / 60 / max(1, desk.workers))

    def inputs(self) -> list[Stage]:
        """The stages among the fields, tuples of stages included, in the order of the fields."""
        found: list[Stage] = []
        for each in dataclasses.fields(self):
            value = getattr(self, each.name)
            found += [
                v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, Stage)
            ]
        return found


@dataclass(frozen=True)
class Marking(Stage):
    """A stage that keeps or drops the rows of `data`, and may add columns: only the marks are written."""

    data: Stage

    form: ClassVar[Form] = "marks"

    def work(self, desk: Desk, part: str) -> pa.Table:
        rows = desk.table(self.data, part)
        return spread(rows, self.mark(desk, rows.filter(rows["kept"])))

    def mark(self, desk: Desk, rows: pa.Table) -> pa.Table:
        """`records.marks(...)` for these rows, all of them kept so far, in their order."""
        raise NotImplementedError


@dataclass(frozen=True)
class Whole(Stage):
    """A stage that sees everything at once; it yields its parts, or writes files into `desk.folder(self)`."""

    runs: ClassVar[Runs] = "alone"

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        """Yield (part, table) in the parts' order; yield nothing if the form is files. Killed, it is called again."""
        raise NotImplementedError


def spread(rows: pa.Table, marks: pa.Table) -> pa.Table:
    """Marks of the kept rows, laid beside all rows. A row that was dropped before has kept false and a null reason."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kept = rows["kept"].combine_chunks()
    if len(marks) != pc.sum(kept.cast(pa.int64())).as_py() and len(rows):
        raise AssertionError(f"{len(marks)} marks for {pc.sum(kept).as_py()} kept rows")
    position = pc.subtract(pc.cumulative_sum(kept.cast(pa.int64())), 1)
    index = pc.if_else(kept, position, pa.scalar(None, pa.int64()))
    spreaded = marks.combine_chunks().take(index)
    return spreaded.set_column(
        spreaded.schema.get_field_index("kept"), "kept", pc.fill_null(spreaded["kept"], False)
    )


@dataclass(frozen=True)
class Desk:
    """Where and with what a run works. None of it is part of any identity.

    What is on disk can be read by a stage or by its name alone, so that a run's folder is open to
    anybody's tools.
    """

    root: Path
    workers: int = 1
    part_mb: float = 64.0
    options: Mapping[str, Any] = field(
        default_factory=dict
    )  # how: teacher's address, budget, device
    reporter: Reporter = field(default_factory=Silent, compare=False)

    def folder(self, stage: Stage | str) -> Path:
        return self.root / (stage if isinstance(stage, str) else stage.name)

    def part_path(self, stage: Stage | str, part: str) -> Path:
        return self.folder(stage) / f"{part}.parquet"

    def stages(self) -> list[str]:
        """The names of the finished stages, in the order in which they were finished."""
        found = sorted(self.root.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime_ns)
        return [path.parent.name for path in found]

    def manifest(self, stage: Stage | str) -> dict[str, Any]:
        facts = store.read_json(self.folder(stage) / "manifest.json")
        if facts is None:
            raise UserError(
                f"there is no finished stage in {self.folder(stage)}: finished are {', '.join(self.stages()) or 'none'}"
            )
        return dict(facts)

    def parts(self, stage: Stage | str) -> list[str]:
        """The parts that a finished stage has."""
        return [part["name"] for part in self.manifest(stage)["parts"]]

    def table(
        self, stage: Stage | str, part: str, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """One part of a finished stage with all its rows; marks are laid over the rows that they mark."""
        over = self._over(stage)
        if not over:
            return store.read_table(self.part_path(stage, part), list(columns) if columns else None)
        marks = store.read_table(self.part_path(stage, part))
        wanted = (
            None
            if columns is None
            else [c for c in columns if c not in marks.column_names] + ["reason"]
        )
        return _lay(self.table(over, part, wanted), marks, columns)

    def _over(self, stage: Stage | str) -> str:
        """The stage whose rows these marks stand beside; empty for a stage with rows of its own."""
        if isinstance(stage, str):
            return str(self.manifest(stage)["over"])
        return stage.inputs()[0].name if stage.form == "marks" else ""

    def tables(
        self, stage: Stage | str, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """All parts of a finished stage, in order."""
        for part in self.parts(stage):
            yield self.table(stage, part, columns)

    def kept(self, stage: Stage | str, columns: Sequence[str] | None = None) -> Iterator[pa.Table]:
        """All parts, only the rows that are still kept."""
        wanted = None if columns is None else [*columns, "kept"]
        for rows in self.tables(stage, wanted):
            yield rows.filter(rows["kept"])


def _lay(rows: pa.Table, marks: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    import pyarrow.compute as pc

    if len(rows) != len(marks):
        raise UserError(
            f"{len(marks)} marks for {len(rows)} rows: the run's folder was changed by hand; rebuild the stage"
        )
    for name in marks.column_names:
        if columns is not None and name not in columns:
            continue
        values = pc.coalesce(marks[name], rows["reason"]) if name == "reason" else marks[name]
        at = rows.schema.get_field_index(name)
        rows = rows.append_column(name, values) if at < 0 else rows.set_column(at, name, values)
    return rows if columns is None else rows.select(list(columns))
