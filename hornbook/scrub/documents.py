"""Texts of any data set in batches, for `hornbook similar`: no recipe, no filter.

In: files and folders (.py, .md, .txt, .ipynb, .jsonl and .json with .gz or .zst, .parquet), or a
stage's folder in a run. Out: tables with id, text, origin, path, start. A row's text is all text in
it, joined by line ends: known columns first (`prompt` and `solution`, `instruction` and `output`,
...), then all others, with the turns of chats (`messages`, `conversations`, `chosen`); or only the
columns asked for. What cannot be read is counted with a reason and passed over; a file without any
text is refused. Unlike collect/, nothing is cut into pieces: code that does not parse is data too.
"""

from __future__ import annotations

import gzip
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from hornbook import records
from hornbook.frame.stage import RunContext
from hornbook.records import UserError
from hornbook.store import open_zstd

if TYPE_CHECKING:
    import pyarrow as pa

# In the order in which they are joined.
TEXT_COLUMNS = ("prompt", "problem", "instruction", "question", "text", "content", "code",
                "solution", "canonical_solution",
        "output", "response", "completion")  # fmt: skip
BATCH_COLUMNS = {name: records.DOCUMENT[name] for name in ("id", "text", "origin", "path", "start")}
TEXT_SUFFIXES = (".py", ".md", ".txt")
SUFFIXES = (*TEXT_SUFFIXES, ".ipynb", ".jsonl", ".json", ".jsonl.gz", ".jsonl.zst", ".parquet")
BATCH_ROWS, BATCH_BYTES = 5000, 8_000_000
# A value of another column with fewer words is taken for metadata (an id, a path, a licence):
# joined to code it would keep the code from parsing.
MIN_TEXT_WORDS = 4

Row = dict[str, Any]


def read_batches(
    paths: Sequence[Path], columns: Sequence[str] = (), skipped: dict[str, int] | None = None
) -> Iterator[pa.Table]:
    """Yield tables of BATCH_COLUMNS, a few MB each, in order. `skipped` gets reasons and counts.

    Raises UserError for a path that does not exist, holds nothing readable, or lacks the columns
    asked for.
    """
    skipped = {} if skipped is None else skipped
    for path in paths:
        if (path / "manifest.json").is_file():
            yield from _read_stage_batches(path)
        else:
            yield from _batch_rows(_read_rows(path, columns, skipped))


def _read_stage_batches(path: Path) -> Iterator[pa.Table]:
    """The rows that a finished stage keeps."""
    for table in RunContext(path.parent).run.read_kept_rows(path.name, list(BATCH_COLUMNS)):
        for start in range(0, len(table), BATCH_ROWS):
            yield table.slice(start, BATCH_ROWS)


def _batch_rows(rows: Iterable[Row]) -> Iterator[pa.Table]:
    batch: list[Row] = []
    batch_size = 0
    for row in rows:
        batch.append(row)
        batch_size += len(row["text"])
        if len(batch) == BATCH_ROWS or batch_size > BATCH_BYTES:
            yield records.make_table(batch, BATCH_COLUMNS)
            batch, batch_size = [], 0
    if batch:
        yield records.make_table(batch, BATCH_COLUMNS)


def list_files(path: Path) -> list[Path]:
    """The file, or the readable files of a folder, sorted. Raises UserError if there is none."""
    if path.is_file():
        candidates = [path]
    else:
        candidates = sorted(path_inside for path_inside in path.rglob("*") if path_inside.is_file())
    readable = [candidate for candidate in candidates if candidate.name.endswith(SUFFIXES)]
    if not readable:
        problem = "no file that can be read" if path.exists() else "nothing there"
        raise UserError(f"{path}: {problem}; give a file or a folder of {', '.join(SUFFIXES)}")
    return readable


def _read_rows(path: Path, columns: Sequence[str], skipped: dict[str, int]) -> Iterator[Row]:
    for file in list_files(path):
        # Once per file: a row costs as much as this.
        relative_path = str(file.relative_to(path)) if path.is_dir() else ""
        n_rows = n_texts = 0
        names: dict[str, None] = {}
        for line_number, values in _read_file(file, skipped):
            text = values if isinstance(values, str) else _join_columns(values, columns, file)
            n_rows += 1
            if text:
                n_texts += 1
                # A lone surrogate fits in no Arrow table.
                text = text.encode("utf-8", "replace").decode("utf-8")
                yield {
                    "id": records.document_id(text),
                    "text": text,
                    "origin": path.name,
                    "start": line_number,
                    "path": relative_path,
                }
            else:
                _count_skipped(skipped, "no text")
                names |= dict.fromkeys(values)
        if n_rows and not n_texts and names:
            raise UserError(
                f"{file}: none of its {n_rows:,} records has text in a column that can be read; "
                f"columns are {', '.join(names)}. Name the right ones by --column"
            )


def _join_columns(values: Mapping[str, Any], columns: Sequence[str], file: Path) -> str:
    missing = [name for name in columns if name not in values]
    if missing:
        raise UserError(f"{file} has no column {missing[0]}; it has {', '.join(values) or 'none'}")
    texts: list[str] = []
    if columns:
        for name in columns:
            texts += _collect_texts(values[name])
        return "\n".join(texts)
    for name in TEXT_COLUMNS:
        texts += _collect_texts(values.get(name))
    for name, value in values.items():
        if name not in TEXT_COLUMNS:
            texts += [text for text in _collect_texts(value) if _has_words(text)]
    return "\n".join(texts)


def _collect_texts(value: Any) -> list[str]:
    """All texts in a value, in order: a text, a list of turns, a record.

    >>> _collect_texts([{"role": "user", "content": "Add."}, {"from": "gpt", "value": "a + b"}])
    ['Add.', 'a + b']
    """
    if isinstance(value, str):
        return [value] if value else []
    texts: list[str] = []
    if isinstance(value, Mapping):
        for key, part in value.items():
            if key not in ("role", "from"):
                texts += _collect_texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            texts += _collect_texts(part)
    return texts


def _has_words(text: str) -> bool:
    return len(text.split(maxsplit=MIN_TEXT_WORDS)) >= MIN_TEXT_WORDS


def _count_skipped(skipped: dict[str, int], reason: str) -> None:
    skipped[reason] = skipped.get(reason, 0) + 1


def _read_file(
    file: Path, skipped: dict[str, int]
) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """(line or row, from 1, and its fields), or the whole text of a file of plain text."""
    try:
        if file.suffix == ".parquet":
            yield from _read_parquet(file)
        elif file.suffix in TEXT_SUFFIXES:
            yield 1, file.read_text(encoding="utf-8", errors="replace")
        elif file.suffix == ".ipynb":
            yield 1, join_notebook_cells(file.read_text(encoding="utf-8", errors="replace"))
        elif file.suffix == ".json":
            yield from _read_json_objects(json.loads(file.read_text(encoding="utf-8")), file)
        else:
            yield from _read_json_lines(file, skipped)
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"{file} cannot be read ({error}): mend it, or leave it out") from error


def join_notebook_cells(text: str) -> str:
    """The cells of a notebook, code and prose, joined. ValueError for what is no notebook."""
    cells = json.loads(text)
    if not isinstance(cells, dict):
        raise ValueError("no notebook")
    # Up to format 3 the cells lie in worksheets, and code is called input.
    sheets = [sheet.get("cells", ()) for sheet in cells.get("worksheets", ())]
    code_cells = cells.get("cells") or list(itertools.chain.from_iterable(sheets))
    sources = [cell.get("source", cell.get("input", "")) for cell in code_cells]
    return "\n\n".join(source if isinstance(source, str) else "".join(source) for source in sources)


def _read_parquet(file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    import pyarrow.parquet as pq

    row_number = 0
    for batch in pq.ParquetFile(file, memory_map=True).iter_batches(1000):
        for values in batch.to_pylist():
            row_number += 1
            yield row_number, values


def _read_json_objects(value: Any, file: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise UserError(f"{file} must hold a JSON list of objects, or be .jsonl")
    yield from enumerate(value, start=1)


def _read_json_lines(
    file: Path, skipped: dict[str, int]
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    with _open_stream(file) as stream:
        for line_number, line in enumerate(stream, start=1):
            if line.strip():
                try:
                    values = json.loads(line)
                except ValueError:
                    values = None
                if isinstance(values, dict):
                    yield line_number, values
                else:
                    _count_skipped(skipped, "no JSON object")


def _open_stream(file: Path) -> IO[bytes] | gzip.GzipFile:
    if file.suffix == ".gz":
        return gzip.open(file)
    if file.suffix == ".zst":
        return open_zstd(file)
    return file.open("rb")
