"""Pinned wheels from PyPI to records: the source that needs nothing but pip.

In: names and exact versions. Out: a part a wheel, its Python files as pieces with package, version,
path, lines and licence. Nothing of a wheel is built, imported or executed; hornbook.wheels refuses
unsafe archives. Not covered: source distributions, which can only be read by running them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import records, wheels
from hornbook.collect import licence
from hornbook.collect.documents import (
    DOCUMENT_COLUMNS,
    CollectLimits,
    Provenance,
    make_dropped_row,
    make_rows_from_bytes,
)
from hornbook.frame.stage import Price, RunContext, Size, Stage
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

# Over the 71 wheels of the shipped labels: a wheel has 4.6 MB of download, a MB of download 0.54 MB
# of kept pieces, a kept MB 555 pieces, and takes 0.55 s to unzip, parse, cut and hash on one core.
MB_PER_WHEEL, KEPT_SHARE, PIECES_PER_MB, SECONDS_PER_MB = 4.6, 0.54, 555, 0.55


@dataclass(frozen=True)
class CollectWheels(Stage):
    """The Python files of pinned wheels, under one of `licences` (empty: all)."""

    wheels: tuple[tuple[str, str], ...]
    piece_lines: int = 70  # as the shipped labels were cut; 0 keeps files whole
    max_bytes: int = 1_000_000
    licences: tuple[str, ...] = ()
    mask: bool = False  # secrets and e-mail addresses, by the extra `secrets`

    def shards(self, ctx: RunContext) -> Sequence[str]:
        if len(set(self.wheels)) < len(self.wheels):
            raise UserError(
                f"{self.name} names a wheel twice: {', '.join('=='.join(w) for w in self.wheels)}"
            )
        wheels.fetch_missing_wheels(self.wheels)
        return ["-".join(wheel) for wheel in self.wheels]

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        name, version = next(wheel for wheel in self.wheels if "-".join(wheel) == part)
        limits = CollectLimits(self.piece_lines, self.max_bytes, self.licences, self.mask)
        return records.make_table(
            read_wheel_rows(wheels.fetch_wheel(name, version), f"pypi:{name}=={version}", limits),
            DOCUMENT_COLUMNS,
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        kept = KEPT_SHARE * sum(_wheel_megabytes(*wheel) for wheel in self.wheels)
        minutes = SECONDS_PER_MB * kept / 60 / max(1, ctx.workers)
        return Price(Size(PIECES_PER_MB * kept, kept), minutes=minutes, peak_mb=600)


def _wheel_megabytes(name: str, version: str) -> float:
    """The size of a wheel's download: the file's where it is in the cache, else the mean."""
    folder = wheels.cache_folder() / "wheels" / f"{name.lower().replace('-', '_')}-{version}"
    return sum(file.stat().st_size for file in folder.glob("*.whl")) / 1e6 or MB_PER_WHEEL


def read_wheel_rows(wheel: Path, origin: str, limits: CollectLimits) -> Iterator[dict[str, Any]]:
    """Every Python file of a wheel as rows, in the order of the paths."""
    members = wheels.list_members(wheel)
    metadata_paths = [
        member.path for member in members if member.path.endswith(".dist-info/METADATA")
    ]
    licence_name = (
        licence.read_metadata_licence(wheels.read_member(wheel, metadata_paths[0]))
        if metadata_paths
        else ""
    )
    python_members = [member for member in members if member.path.endswith(".py")]
    for member in python_members:
        if member.size > limits.max_bytes:
            provenance = Provenance(origin, member.path, licence_name)
            yield make_dropped_row(
                "", provenance, f"oversized: above {limits.max_bytes:,} bytes", 1
            )
    small_paths = [member.path for member in python_members if member.size <= limits.max_bytes]
    for path, data in wheels.read_members(wheel, small_paths):
        yield from make_rows_from_bytes(data, Provenance(origin, path, licence_name), limits)
