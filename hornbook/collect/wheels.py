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
from hornbook.collect.documents import COLUMNS, Limits, Place, dropped, from_bytes
from hornbook.frame.stage import Desk, Price, Size, Stage
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

# Over the 71 wheels of the shipped labels: a wheel has 4.6 MB of download, a MB of download 0.54 MB
# of kept pieces, a kept MB 555 pieces, and takes 0.55 s to unzip, parse, cut and hash on one core.
MB_A_WHEEL, KEPT_SHARE, PIECES_A_MB, SECONDS_A_MB = 4.6, 0.54, 555, 0.55


@dataclass(frozen=True)
class CollectWheels(Stage):
    """The Python files of pinned wheels. `licences` empty takes all; licence.PERMISSIVE is a list to start from."""

    wheels: tuple[tuple[str, str], ...]
    piece_lines: int = 70  # as the shipped labels were cut; 0 keeps files whole
    most_bytes: int = 1_000_000
    licences: tuple[str, ...] = ()
    mask: bool = False  # secrets and e-mail addresses, by the extra `secrets`

    def parts(self, desk: Desk) -> Sequence[str]:
        if len(set(self.wheels)) < len(self.wheels):
            raise UserError(
                f"{self.name} names a wheel twice: {', '.join('=='.join(w) for w in self.wheels)}"
            )
        wheels.fetch_ahead(self.wheels)
        return ["-".join(wheel) for wheel in self.wheels]

    def work(self, desk: Desk, part: str) -> pa.Table:
        name, version = next(wheel for wheel in self.wheels if "-".join(wheel) == part)
        limits = Limits(self.piece_lines, self.most_bytes, self.licences, self.mask)
        return records.table(
            rows(wheels.fetch(name, version), f"pypi:{name}=={version}", limits), COLUMNS
        )

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        kept = KEPT_SHARE * sum(_megabytes(*wheel) for wheel in self.wheels)
        minutes = SECONDS_A_MB * kept / 60 / max(1, desk.workers)
        return Price(Size(PIECES_A_MB * kept, kept), minutes=minutes, peak_mb=600)


def _megabytes(name: str, version: str) -> float:
    """The size of a wheel's download: the file's where it is in the cache, else the mean."""
    folder = wheels.cache() / "wheels" / f"{name.lower().replace('-', '_')}-{version}"
    return sum(file.stat().st_size for file in folder.glob("*.whl")) / 1e6 or MB_A_WHEEL


def rows(wheel: Path, origin: str, limits: Limits) -> Iterator[dict[str, Any]]:
    """Every Python file of a wheel as rows, in the order of the paths."""
    members = wheels.members(wheel)
    head = [member.path for member in members if member.path.endswith(".dist-info/METADATA")]
    stated = licence.stated(wheels.read(wheel, head[0])) if head else ""
    sources = [member for member in members if member.path.endswith(".py")]
    for member in sources:
        if member.size > limits.most_bytes:
            place = Place(origin, member.path, stated)
            yield dropped("", place, f"oversized: above {limits.most_bytes:,} bytes", 1)
    small = [member.path for member in sources if member.size <= limits.most_bytes]
    for path, data in wheels.read_many(wheel, small):
        yield from from_bytes(data, Place(origin, path, stated), limits)
