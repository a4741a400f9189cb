"""What a stage is, and what it is run with.

In: settings and other stages. Out: nothing yet. Building a stage runs nothing: identity.py computes
what its output is identified by, run.py makes what is missing. A stage defines `make_shard`,
`filter_rows`, `make_shards` or `write_files`, according to its base class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

from hornbook.frame.run_folder import RunFolder

if TYPE_CHECKING:
    import pyarrow as pa

RecordForm = Literal["records", "verdicts", "files"]
Placement = Literal["per_core", "per_machine", "single"]


class Reporter(Protocol):
    """Reports progress to a person. The command line supplies one; everything else stays silent."""

    def begin(self, name: str, total: float, unit: str) -> None: ...
    def advance(self, amount: float = 1) -> None: ...
    def say(self, text: str) -> None: ...
    def end(self, text: str) -> None: ...


class SilentReporter:
    """The reporter of tests and of worker processes."""

    def begin(self, name: str, total: float, unit: str) -> None: ...
    def advance(self, amount: float = 1) -> None: ...
    def say(self, text: str) -> None: ...
    def end(self, text: str) -> None: ...


@dataclass(frozen=True)
class Size:
    """How much text a stage passes on: documents, and megabytes of their UTF-8."""

    documents: float = 0
    megabytes: float = 0


@dataclass(frozen=True)
class Price:
    """Expected cost of a stage, and the size of its output. kwh < 0: derived from minutes."""

    size: Size
    tokens: float = 0  # read or written by a model
    requests: float = 0
    minutes: float = 0
    peak_mb: float = 300
    money: float = 0
    kwh: float = -1


@dataclass(frozen=True)
class Stage:
    """A step of a recipe: a frozen dataclass whose fields are its settings and inputs.

    Fields that are stages (or tuples of stages) are its inputs. A Stage defines `shards` and
    `make_shard`; a RowFilter defines `filter_rows`; a GlobalStage defines `make_shards`; a
    FileStage defines `write_files`.
    """

    name: str  # its folder in the run

    # Raise it when the code makes a different output from the same settings.
    version: ClassVar[int] = 1
    # records: tables of its own; verdicts: columns beside the rows of `data`; files: a folder
    form: ClassVar[RecordForm] = "records"
    # per_core: one shard per core; per_machine: one shard per machine, which uses all its cores or
    # its GPU; single: one process makes everything
    placement: ClassVar[Placement] = "per_core"

    def shards(self, ctx: RunContext) -> Sequence[str]:
        """Names of the shards, each safe as a file name, in the order of the data.

        The default is the shard names of the first input.
        """
        return ctx.run.shard_names(self.inputs()[0])

    def make_shard(self, ctx: RunContext, shard: str) -> pa.Table:
        """Make one shard: a pure function of the settings and the inputs."""
        raise NotImplementedError

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        """What else determines the output: texts of prompts, digests of files that are read.

        It must not need the outputs of the inputs: `plan` calls it before they exist.
        """
        return {}

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        """Expected cost, from the sizes of the inputs (known, or expected themselves)."""
        size = inputs[0] if inputs else Size()
        return Price(size, minutes=size.megabytes / 10 / 60 / max(1, ctx.workers))

    def inputs(self) -> list[Stage]:
        """The stages among the fields, in the order of the fields."""
        stages: list[Stage] = []
        for setting in dataclasses.fields(self):
            value = getattr(self, setting.name)
            values = value if isinstance(value, tuple) else (value,)
            stages += [value for value in values if isinstance(value, Stage)]
        return stages


@dataclass(frozen=True)
class RowFilter(Stage):
    """A stage that keeps or drops rows of `data` and may add columns. Only verdicts are written."""

    data: Stage

    form: ClassVar[RecordForm] = "verdicts"

    def make_shard(self, ctx: RunContext, shard: str) -> pa.Table:
        rows = ctx.run.read_shard(self.data, shard)
        return scatter_to_all_rows(rows, self.filter_rows(ctx, rows.filter(rows["kept"])))

    def filter_rows(self, ctx: RunContext, rows: pa.Table) -> pa.Table:
        """Return `records.verdict_columns(...)` for these rows, in order. All are kept so far."""
        raise NotImplementedError


@dataclass(frozen=True)
class GlobalStage(Stage):
    """A stage that sees all of its input at once and yields shards of records."""

    placement: ClassVar[Placement] = "single"

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        """Yield (shard name, table) in order. After a kill it is called again from the start."""
        raise NotImplementedError


@dataclass(frozen=True)
class FileStage(Stage):
    """A stage that writes files into `ctx.run.stage_folder(self)`, such as a model or a page."""

    form: ClassVar[RecordForm] = "files"
    placement: ClassVar[Placement] = "single"

    def write_files(self, ctx: RunContext) -> None:
        """Write the files. After a kill it is called again and may go on from what is there."""
        raise NotImplementedError


def scatter_to_all_rows(rows: pa.Table, verdicts: pa.Table) -> pa.Table:
    """Spread the verdicts of the kept rows over all rows.

    A row that was dropped before has `kept` false and a null reason: its own reason stands in an
    earlier stage.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    is_kept = rows["kept"].combine_chunks()
    n_kept = pc.sum(is_kept.cast(pa.int64())).as_py()
    if len(verdicts) != n_kept and len(rows):
        raise AssertionError(f"{len(verdicts)} verdicts for {n_kept} kept rows")
    kept_index = pc.subtract(pc.cumulative_sum(is_kept.cast(pa.int64())), 1)
    kept_index = pc.if_else(is_kept, kept_index, pa.scalar(None, pa.int64()))
    scattered = verdicts.combine_chunks().take(kept_index)
    index = scattered.schema.get_field_index("kept")
    return scattered.set_column(index, "kept", pc.fill_null(scattered["kept"], False))


@dataclass(frozen=True)
class RunContext:
    """Where a run is and what it is run with. None of it is part of any stage's identity."""

    root: Path
    workers: int = 1
    shard_mb: float = 64.0
    # From --how: the teacher's address, a budget, the device.
    options: Mapping[str, Any] = field(default_factory=dict)
    reporter: Reporter = field(default_factory=SilentReporter, compare=False)

    @property
    def run(self) -> RunFolder:
        """What is on disk of this run."""
        return RunFolder(self.root)
