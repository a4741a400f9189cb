"""Read a run from disk: its stages, their shards, and rows joined with the filters' verdicts.

In: the folder of a run, and a stage or only its name. Out: manifests, tables, paths. A run can be
read without its recipe: each manifest says which stage's rows its verdict columns belong to.

Not covered: writing (run.py), and runs made before manifests had a version (refused).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.frame.stage import Stage

# Raised when the keys of manifest.json change. 2: `shards`, `base_stage` and `identity_inputs`
# replaced `parts`, `over` and `facts`.
MANIFEST_VERSION = 2

# A file in the root of every run: the lock of the process that writes it, and the sign by which
# sources leave runs out (a run's folder may lie inside the folder that it reads).
RUN_MARKER = ".hornbook-run"


@dataclass(frozen=True)
class RunFolder:
    """The folder of one run, with one folder per stage in it."""

    root: Path

    def stage_folder(self, stage: Stage | str) -> Path:
        return self.root / (stage if isinstance(stage, str) else stage.name)

    def shard_path(self, stage: Stage | str, shard: str) -> Path:
        return self.stage_folder(stage) / f"{shard}.parquet"

    def finished_stages(self) -> list[str]:
        """Names of the finished stages, in the order in which they were finished."""
        manifests = sorted(
            self.root.glob("*/manifest.json"), key=lambda path: path.stat().st_mtime_ns
        )
        return [path.parent.name for path in manifests]

    def read_manifest(self, stage: Stage | str) -> dict[str, Any]:
        """The manifest of a finished stage.

        Raises:
            UserError: the stage is not finished, or an older Hornbook made it.
        """
        manifest = store.read_json(self.stage_folder(stage) / "manifest.json")
        if manifest is None:
            finished = ", ".join(self.finished_stages()) or "none"
            raise UserError(
                f"there is no finished stage in {self.stage_folder(stage)}: finished are {finished}"
            )
        check_manifest_version(manifest, self.stage_folder(stage))
        return dict(manifest)

    def shard_names(self, stage: Stage | str) -> list[str]:
        """Names of a finished stage's shards, in order."""
        return [shard["name"] for shard in self.read_manifest(stage)["shards"]]

    def read_shard(
        self, stage: Stage | str, shard: str, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Read one shard with all its rows; verdict columns are joined to the rows they judge."""
        base = self.base_stage(stage)
        path = self.shard_path(stage, shard)
        if not base:
            return store.read_table(path, list(columns) if columns else None)
        verdicts = store.read_table(path)
        base_columns = None
        if columns is not None:
            base_columns = [name for name in columns if name not in verdicts.column_names]
            base_columns.append("reason")
        return join_verdicts(self.read_shard(base, shard, base_columns), verdicts, columns)

    def base_stage(self, stage: Stage | str) -> str:
        """The stage whose rows this filter judges; "" for a stage with rows of its own."""
        if isinstance(stage, str):
            return str(self.read_manifest(stage)["base_stage"])
        return stage.inputs()[0].name if stage.form == "verdicts" else ""

    def read_shards(
        self, stage: Stage | str, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """Read all shards of a finished stage, in order."""
        for shard in self.shard_names(stage):
            yield self.read_shard(stage, shard, columns)

    def read_kept_rows(
        self, stage: Stage | str, columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """Read all shards, only the rows that are still kept."""
        read_columns = None if columns is None else [*columns, "kept"]
        for rows in self.read_shards(stage, read_columns):
            yield rows.filter(rows["kept"])

    def iterate_rows(
        self, stage: Stage | str, columns: Sequence[str] | None = None, kept_only: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Yield the rows of all shards as dictionaries, in order. For small stages: it is slow."""
        tables = self.read_kept_rows if kept_only else self.read_shards
        for table in tables(stage, columns):
            yield from table.to_pylist()


def check_manifest_version(manifest: dict[str, Any], folder: Path) -> None:
    """Raise UserError for a manifest (or intent) that another version of Hornbook wrote."""
    version = manifest.get("version", 1)
    if version != MANIFEST_VERSION:
        raise UserError(
            f"{folder} was made by another version of Hornbook (manifest version {version}, this "
            f"one reads {MANIFEST_VERSION}): read it with the version that made it, or run again "
            "with another --out"
        )


def join_verdicts(rows: pa.Table, verdicts: pa.Table, columns: Sequence[str] | None) -> pa.Table:
    """Replace or append the verdict columns; a row dropped earlier keeps its first reason."""
    import pyarrow.compute as pc

    if len(rows) != len(verdicts):
        raise UserError(
            f"{len(verdicts)} verdicts for {len(rows)} rows: the run's folder was changed by hand; "
            "rebuild the stage"
        )
    for name in verdicts.column_names:
        if columns is not None and name not in columns:
            continue
        values = verdicts[name]
        if name == "reason":
            values = pc.coalesce(values, rows["reason"])
        index = rows.schema.get_field_index(name)
        if index < 0:
            rows = rows.append_column(name, values)
        else:
            rows = rows.set_column(index, name, values)
    return rows if columns is None else rows.select(list(columns))
