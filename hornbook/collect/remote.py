"""Data sets elsewhere: Parquet and jsonl on S3, the Hub or any fsspec address; ids to texts.

In: a URL (s3://bucket/prefix, hf://datasets/owner/name/data/python, gs://..., or a local path).
Out: a part a file, fetched when its turn comes and removed when it is read: terabytes need one file
of disk a worker. Sets that ship ids alone (Stack v2, Stack-Edu) are joined to their text: `text_at`
is an address with the row's columns in it, such as s3://softwareheritage/content/{blob_id}; what it
holds may be packed by gzip, as there. A text that cannot be had is a dropped row. Keys and tokens
are the environment's (AWS_*, HF_TOKEN), never settings. Not covered: files above the disk's room;
accepting a gated set's terms, which a person does on its page.
"""

from __future__ import annotations

import hashlib
import json
import string
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import records
from hornbook.collect import columns, jsonl
from hornbook.collect.documents import (
    DOCUMENT_COLUMNS,
    CollectLimits,
    make_dropped_row,
    make_rows_from_bytes,
)
from hornbook.collect.files import read_data_file
from hornbook.collect.listing import FileSlice, InputFile, detect_kind
from hornbook.frame.stage import Price, RunContext, Size, Stage
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

FETCH_THREADS = 16  # texts that are fetched at a time in one part
FETCH_BATCH_ROWS = 1024  # rows that are held while their texts are fetched


@dataclass(frozen=True)
class CollectRemote(Stage):
    """Documents of the data files under `url`; `text_at` fetches the text of rows with ids only."""

    url: str
    column: str = ""
    text_url: str = ""
    piece_lines: int = 70
    max_bytes: int = 1_000_000
    licences: tuple[str, ...] = ()
    mask: bool = False

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        versions = [
            (name, info["size"], _file_version(info))
            for name, info in sorted(self._list_files().items())
        ]
        return {"files": hashlib.sha256(json.dumps(versions).encode()).hexdigest()}

    def shards(self, ctx: RunContext) -> Sequence[str]:
        return [_make_shard_name(name) for name in sorted(self._list_files())]

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        remote_path = next(name for name in self._list_files() if _make_shard_name(name) == part)
        with tempfile.TemporaryDirectory(prefix="hornbook-") as folder:
            path = Path(folder) / remote_path.rsplit("/", 1)[-1]
            try:
                _open_filesystem(self.url)[0].get_file(remote_path, str(path))
            except Exception as error:  # each file system raises its own
                raise UserError(
                    f"{remote_path} could not be fetched: {_short_message(error)}"
                ) from error
            file = InputFile(path, remote_path, detect_kind(remote_path), path.stat().st_size)
            return records.make_table(self._make_rows(file), DOCUMENT_COLUMNS)

    def _make_rows(self, file: InputFile) -> Iterator[dict[str, Any]]:
        limits = CollectLimits(self.piece_lines, self.max_bytes, self.licences, self.mask)
        if self.text_url:
            yield from self._make_joined_rows(file, limits)
            return
        if file.kind == "parquet":
            groups = columns.open_parquet(file.path).metadata.num_row_groups
            columns.find_text_column(
                columns.open_parquet(file.path).schema_arrow.names, self.column, file.path
            )
            yield from read_data_file(file, FileSlice(0, 0, 0, groups), self.column, limits)
        else:
            yield from read_data_file(file, FileSlice(0, 0, 0, file.size), self.column, limits)

    def _make_joined_rows(self, file: InputFile, limits: CollectLimits) -> Iterator[dict[str, Any]]:
        """The rows of a set of ids, each with the text that its address holds."""
        batch: list[Mapping[str, Any]] = []
        with ThreadPoolExecutor(FETCH_THREADS) as pool:
            for row in _read_id_rows(file):
                batch.append(row)
                if len(batch) == FETCH_BATCH_ROWS:
                    yield from self._fetch_batch(batch, file, limits, pool)
                    batch = []
            yield from self._fetch_batch(batch, file, limits, pool)

    def _fetch_batch(
        self,
        rows: Sequence[Mapping[str, Any]],
        file: InputFile,
        limits: CollectLimits,
        pool: ThreadPoolExecutor,
    ) -> Iterator[dict[str, Any]]:
        contents: Iterable[bytes | str] = pool.map(
            lambda row: fetch_text(self.text_url, row, self.max_bytes), rows
        )
        for row, content in zip(rows, contents, strict=True):
            provenance = columns.read_provenance(
                row, file.name, _format_address(self.text_url, row)
            )
            if isinstance(content, str):
                yield make_dropped_row("", provenance, content)
                continue
            yield from make_rows_from_bytes(_to_utf8(content, row), provenance, limits)

    def _list_files(self) -> dict[str, dict[str, Any]]:
        """{path within the file system: its facts} of every data file; asked once a process."""
        return _list_data_files(self.url)

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        megabytes = (
            4 * sum(info["size"] for info in self._list_files().values()) / 1e6
        )  # zstd packs code about 4 times
        minutes = (
            (megabytes / 5 + (megabytes * 200 / FETCH_THREADS / 20 if self.text_url else 0))
            / 60
            / max(1, ctx.workers)
        )
        return Price(Size(megabytes * 400, megabytes), minutes=minutes, peak_mb=1500)


_LISTINGS: dict[str, dict[str, dict[str, Any]]] = {}


def _list_data_files(url: str) -> dict[str, dict[str, Any]]:
    if url not in _LISTINGS:
        filesystem, root = _open_filesystem(url)
        try:
            infos = (
                {root: filesystem.info(root)}
                if detect_kind(root)
                else filesystem.find(root, detail=True)
            )
        except Exception as error:
            raise UserError(
                f"{url} cannot be listed: {_short_message(error)}. Is the address right, and the "
                "key set?"
            ) from error
        data_files = {
            name: info for name, info in infos.items() if detect_kind(name) in ("parquet", "jsonl")
        }
        if not data_files:
            raise UserError(f"{url} holds no .parquet or .jsonl file (it has {len(infos)} files)")
        _LISTINGS[url] = data_files
    return _LISTINGS[url]


def _open_filesystem(url: str) -> tuple[Any, str]:
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        raise UserError(
            f"{url} cannot be opened: {error}. s3:// needs pip install 'hornbook[s3]'"
        ) from error


def _file_version(info: Mapping[str, Any]) -> str:
    """The version of a remote file: the store's checksum, or its time of change."""
    names = ("ETag", "etag", "blob_id", "xet_hash", "md5Hash", "LastModified", "mtime", "created")
    return next((str(info[name]) for name in names if info.get(name)), "")


def _make_shard_name(name: str) -> str:
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in name.rsplit("/", 1)[-1])
    return f"{stem[:80]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _read_id_rows(file: InputFile) -> Iterator[Mapping[str, Any]]:
    if file.kind == "parquet":
        for batch in columns.open_parquet(file.path).iter_batches(FETCH_BATCH_ROWS):
            yield from batch.to_pylist()
    else:
        for line in jsonl.read_lines(file.path, FileSlice(0, 0, 0, file.size)):
            yield line.values if not line.reason else {"": line.reason}


class _NameOnlyFormatter(string.Formatter):
    """Fields by name only: attributes and indexing could reach into objects."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        return kwargs[field_name], field_name


def _format_address(template: str, row: Mapping[str, Any]) -> str:
    try:
        return _NameOnlyFormatter().vformat(template, (), row)
    except (KeyError, IndexError):
        return ""


def fetch_text(template: str, row: Mapping[str, Any], max_bytes: int) -> bytes | str:
    """The unpacked bytes at the row's address, at most `limit` + 1 of them; or a reason."""
    import fsspec

    address = _format_address(template, row)
    if not address:
        return str(row.get("") or f"no text: the row has no columns for {template}")
    # Software Heritage's bucket is open to all, and asks for no key.
    options = {"anon": True} if address.startswith("s3://softwareheritage/") else {}
    try:
        with fsspec.open(address, "rb", **options) as file:
            data: bytes = file.read(max_bytes + 1)
        if data[:2] == b"\x1f\x8b":
            data = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, max_bytes + 1)
        return data
    # A store's own errors (no such key, no access) are no OSErrors; they cost one row, not the run.
    except Exception as error:
        return f"text not found: {address}: {_short_message(error)}"


def _to_utf8(data: bytes, row: Mapping[str, Any]) -> bytes:
    """Bytes in the row's stated encoding (Stack v2's src_encoding), as UTF-8 where possible."""
    encoding = row.get("src_encoding")
    if not encoding:
        return data
    try:
        return data.decode(str(encoding)).encode()
    except (LookupError, ValueError):
        return data


def _short_message(error: BaseException) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__)[:200]
