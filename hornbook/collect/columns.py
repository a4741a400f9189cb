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
from hornbook.collect.documents import Provenance
from hornbook.collect.listing import FileSlice
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

TEXT_COLUMNS = ("content", "text", "code")
REPOSITORY_COLUMNS = ("max_stars_repo_name", "repo_name", "repository_name", "repo")
PATH_COLUMNS = ("max_stars_repo_path", "path", "file_path", "filename")
LICENCE_COLUMNS = ("max_stars_repo_licenses", "licenses", "detected_licenses", "license", "licence")


def find_text_column(names: Iterable[str], column: str, path: Path) -> str:
    """The column that holds the text: the one asked for, else the first of the usual names."""
    names = list(names)
    for name in [column] if column else TEXT_COLUMNS:
        if name in names:
            return name
    problem = f"no column {column}" if column else f"none of the columns {', '.join(TEXT_COLUMNS)}"
    raise UserError(
        f"{path} has {problem}; it has {', '.join(names) or 'none'}: name the one to read by "
        "column="
    )


def read_provenance(row: Mapping[str, Any], default_origin: str, default_path: str) -> Provenance:
    """Where a row says that it came from; `source` and `fallback` where it does not say."""
    stated_licence = _first_value(row, LICENCE_COLUMNS)
    licence_names = stated_licence if isinstance(stated_licence, list) else [stated_licence]
    licences = licence.combine_licences([str(name) for name in licence_names if name])
    origin = str(_first_value(row, REPOSITORY_COLUMNS) or default_origin)
    return Provenance(
        f"files:{origin}", str(_first_value(row, PATH_COLUMNS) or default_path), licences
    )


def _first_value(values: Mapping[str, Any], names: Iterable[str]) -> Any:
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


def slice_parquet(path: Path, file_index: int, shard_bytes: float) -> Iterator[FileSlice]:
    """Ranges of row groups of about this many bytes, each with the number of its first row."""
    metadata = open_parquet(path).metadata
    first_group, slice_bytes, next_row, first_row = 0, 0, 1, 1
    for group in range(metadata.num_row_groups):
        size = metadata.row_group(group).total_byte_size
        if group > first_group and slice_bytes + size > shard_bytes:
            yield FileSlice(file_index, file_index, first_group, group, first_row)
            first_group, slice_bytes, first_row = group, 0, next_row
        slice_bytes += size
        next_row += metadata.row_group(group).num_rows
    yield FileSlice(file_index, file_index, first_group, metadata.num_row_groups, first_row)


def read_parquet_rows(
    path: Path, file_slice: FileSlice, column: str
) -> Iterator[tuple[int, Any, dict[str, Any]]]:
    """Row number, text (as stored) and the other known columns, of the row groups in the range."""
    file = open_parquet(path)
    known_columns = [
        name
        for name in (*REPOSITORY_COLUMNS, *PATH_COLUMNS, *LICENCE_COLUMNS)
        if name in file.schema_arrow.names
    ]
    row_number = file_slice.first_row
    for batch in file.iter_batches(
        256,
        row_groups=list(range(file_slice.begin, file_slice.end)),
        columns=[column, *known_columns],
    ):
        texts = decode_cells(batch.column(batch.schema.get_field_index(column)))
        others = batch.select([name for name in known_columns if name != column]).to_pylist()
        for text, values in zip(texts, others, strict=True):
            yield row_number, text, values
            row_number += 1


def decode_cells(column: pa.Array) -> list[Any]:
    """Texts of a column; one that is not UTF-8 stays bytes."""
    import pyarrow as pa

    if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
        return list(column.to_pylist())
    raw_cells = column.cast(pa.large_string()).view(pa.large_binary()).to_pylist()
    return [cell if cell is None else _decode_cell(cell) for cell in raw_cells]


def _decode_cell(cell: bytes) -> str | bytes:
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell
