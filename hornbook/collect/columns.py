"""Which field of a data set's row is the text, and where it says the text came from.

In: rows as dictionaries, or a Parquet file's columns. Out: text and Place. Known by name: The
Stack's and StarCoder data's columns, and the usual words. Not covered: joining text to data sets
that ship ids alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook.collect import licence
from hornbook.collect.documents import Place
from hornbook.collect.listing import Slice
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

TEXT = ("content", "text", "code")
REPOSITORY = ("max_stars_repo_name", "repo_name", "repository_name", "repo")
PATH = ("max_stars_repo_path", "path", "file_path", "filename")
LICENCE = ("max_stars_repo_licenses", "licenses", "detected_licenses", "license", "licence")


def text_column(names: Iterable[str], asked: str, where: Path) -> str:
    """The column that holds the text: the one asked for, else the first of the usual names."""
    names = list(names)
    for name in [asked] if asked else TEXT:
        if name in names:
            return name
    wanted = f"no column {asked}" if asked else f"none of the columns {', '.join(TEXT)}"
    raise UserError(
        f"{where} has {wanted}; it has {', '.join(names) or 'none'}: name the one to read by column="
    )


def place(values: Mapping[str, Any], source: str, fallback: str) -> Place:
    """Where a row says that it came from; `source` and `fallback` where it does not say."""
    stated = _first(values, LICENCE)
    names = stated if isinstance(stated, list) else [stated]
    licences = licence.combined([str(name) for name in names if name])
    origin = str(_first(values, REPOSITORY) or source)
    return Place(f"files:{origin}", str(_first(values, PATH) or fallback), licences)


def _first(values: Mapping[str, Any], names: Iterable[str]) -> Any:
    return next((values[name] for name in names if values.get(name)), None)


def open_parquet(path: Path) -> pq.ParquetFile:
    """A Parquet file, or a UserError that names it: cut short, damaged, or something else."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.ParquetFile(path, memory_map=True)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"{path} is no whole Parquet file ({reason}): fetch it again, or leave it out"
        ) from None


def parquet_slices(path: Path, index: int, part_bytes: float) -> Iterator[Slice]:
    """Ranges of row groups of about this many bytes of data, each with the number of its first row."""
    facts = open_parquet(path).metadata
    begin, held, row, at = 0, 0, 1, 1
    for group in range(facts.num_row_groups):
        size = facts.row_group(group).total_byte_size
        if group > begin and held + size > part_bytes:
            yield Slice(index, index, begin, group, at)
            begin, held, at = group, 0, row
        held += size
        row += facts.row_group(group).num_rows
    yield Slice(index, index, begin, facts.num_row_groups, at)


def parquet_rows(
    path: Path, where: Slice, column: str
) -> Iterator[tuple[int, Any, dict[str, Any]]]:
    """Row number, text (as stored) and the other known columns, of the row groups in the range."""
    file = open_parquet(path)
    known = [name for name in (*REPOSITORY, *PATH, *LICENCE) if name in file.schema_arrow.names]
    number = where.at
    for batch in file.iter_batches(
        256, row_groups=list(range(where.begin, where.end)), columns=[column, *known]
    ):
        texts = cells(batch.column(batch.schema.get_field_index(column)))
        others = batch.select([name for name in known if name != column]).to_pylist()
        for text, values in zip(texts, others, strict=True):
            yield number, text, values
            number += 1


def cells(column: pa.Array) -> list[Any]:
    """Texts of a column; one that is not UTF-8 stays bytes."""
    import pyarrow as pa

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return list(column.to_pylist())
    cells = column.cast(pa.large_string()).view(pa.large_binary()).to_pylist()
    return [cell if cell is None else _text(cell) for cell in cells]


def _text(cell: bytes) -> str | bytes:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell
