"""Data sets that lie elsewhere: Parquet and jsonl on S3, on the Hub, or wherever fsspec reaches; and ids to text.

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
from hornbook.collect.documents import COLUMNS, Limits, dropped, from_bytes
from hornbook.collect.files import rows_of_file
from hornbook.collect.listing import Found, Slice, kind_of
from hornbook.frame.stage import Desk, Price, Size, Stage
from hornbook.records import UserError

if TYPE_CHECKING:
    import pyarrow as pa

AT_ONCE = 16  # texts that are fetched at a time in one part
TEXT_AT_ONCE = 1024  # rows that are held while their texts are fetched


@dataclass(frozen=True)
class CollectRemote(Stage):
    """Documents of the data files at or under `url`; `text_at` fetches each row's text where rows hold ids alone."""

    url: str
    column: str = ""
    text_at: str = ""
    piece_lines: int = 70
    most_bytes: int = 1_000_000
    licences: tuple[str, ...] = ()
    mask: bool = False

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        seen = [
            (name, facts["size"], _version(facts)) for name, facts in sorted(self._files().items())
        ]
        return {"files": hashlib.sha256(json.dumps(seen).encode()).hexdigest()}

    def parts(self, desk: Desk) -> Sequence[str]:
        return [_part(name) for name in sorted(self._files())]

    def work(self, desk: Desk, part: str) -> pa.Table:
        remote = next(name for name in self._files() if _part(name) == part)
        with tempfile.TemporaryDirectory(prefix="hornbook-") as folder:
            path = Path(folder) / remote.rsplit("/", 1)[-1]
            try:
                _filesystem(self.url)[0].get_file(remote, str(path))
            except Exception as error:  # each file system raises its own
                raise UserError(f"{remote} could not be fetched: {_said(error)}") from error
            found = Found(path, remote, kind_of(remote), path.stat().st_size)
            return records.table(self._rows(found), COLUMNS)

    def _rows(self, found: Found) -> Iterator[dict[str, Any]]:
        limits = Limits(self.piece_lines, self.most_bytes, self.licences, self.mask)
        if self.text_at:
            yield from self._joined(found, limits)
            return
        if found.kind == "parquet":
            groups = columns.open_parquet(found.path).metadata.num_row_groups
            columns.text_column(
                columns.open_parquet(found.path).schema_arrow.names, self.column, found.path
            )
            yield from rows_of_file(found, Slice(0, 0, 0, groups), self.column, limits)
        else:
            yield from rows_of_file(found, Slice(0, 0, 0, found.size), self.column, limits)

    def _joined(self, found: Found, limits: Limits) -> Iterator[dict[str, Any]]:
        """The rows of a set of ids, each with the text that its address holds."""
        held: list[Mapping[str, Any]] = []
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for values in _id_rows(found):
                held.append(values)
                if len(held) == TEXT_AT_ONCE:
                    yield from self._texts(held, found, limits, pool)
                    held = []
            yield from self._texts(held, found, limits, pool)

    def _texts(
        self,
        rows: Sequence[Mapping[str, Any]],
        found: Found,
        limits: Limits,
        pool: ThreadPoolExecutor,
    ) -> Iterator[dict[str, Any]]:
        datas: Iterable[bytes | str] = pool.map(
            lambda row: fetch(self.text_at, row, self.most_bytes), rows
        )
        for row, data in zip(rows, datas, strict=True):
            place = columns.place(row, found.name, _address(self.text_at, row))
            if isinstance(data, str):
                yield dropped("", place, data)
                continue
            yield from from_bytes(_utf8(data, row), place, limits)

    def _files(self) -> dict[str, dict[str, Any]]:
        """{path within the file system: its facts} of every data file; asked once a process."""
        return _listed(self.url)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        megabytes = (
            4 * sum(facts["size"] for facts in self._files().values()) / 1e6
        )  # zstd packs code about 4 times
        minutes = (
            (megabytes / 5 + (megabytes * 200 / AT_ONCE / 20 if self.text_at else 0))
            / 60
            / max(1, desk.workers)
        )
        return Price(Size(megabytes * 400, megabytes), minutes=minutes, peak_mb=1500)


_LISTED: dict[str, dict[str, dict[str, Any]]] = {}


def _listed(url: str) -> dict[str, dict[str, Any]]:
    if url not in _LISTED:
        files, root = _filesystem(url)
        try:
            found = {root: files.info(root)} if kind_of(root) else files.find(root, detail=True)
        except Exception as error:
            raise UserError(
                f"{url} cannot be listed: {_said(error)}. Is the address right, and the key set?"
            ) from error
        data = {
            name: facts for name, facts in found.items() if kind_of(name) in ("parquet", "jsonl")
        }
        if not data:
            raise UserError(f"{url} holds no .parquet or .jsonl file (it has {len(found)} files)")
        _LISTED[url] = data
    return _LISTED[url]


def _filesystem(url: str) -> tuple[Any, str]:
    import fsspec

    try:
        return fsspec.core.url_to_fs(url)  # type: ignore[no-any-return]
    except (ImportError, ValueError) as error:
        raise UserError(
            f"{url} cannot be opened: {error}. s3:// needs pip install 'hornbook[s3]'"
        ) from error


def _version(facts: Mapping[str, Any]) -> str:
    """What tells one version of a remote file from another: the store's checksum, or when it was changed."""
    names = ("ETag", "etag", "blob_id", "xet_hash", "md5Hash", "LastModified", "mtime", "created")
    return next((str(facts[name]) for name in names if facts.get(name)), "")


def _part(name: str) -> str:
    stem = "".join(c if c.isalnum() or c in "-_." else "-" for c in name.rsplit("/", 1)[-1])
    return f"{stem[:80]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def _id_rows(found: Found) -> Iterator[Mapping[str, Any]]:
    if found.kind == "parquet":
        for batch in columns.open_parquet(found.path).iter_batches(TEXT_AT_ONCE):
            yield from batch.to_pylist()
    else:
        for line in jsonl.read(found.path, Slice(0, 0, 0, found.size)):
            yield line.values if not line.reason else {"": line.reason}


class _Plain(string.Formatter):
    """Fields by their names alone: no attributes and no indexing, which could reach into objects."""

    def get_field(self, field_name: str, args: Any, kwargs: Any) -> Any:
        return kwargs[field_name], field_name


def _address(template: str, row: Mapping[str, Any]) -> str:
    try:
        return _Plain().vformat(template, (), row)
    except (KeyError, IndexError):
        return ""


def fetch(template: str, row: Mapping[str, Any], most: int) -> bytes | str:
    """The bytes at the row's address, unpacked, at most `most` + 1 of them; or why there are none."""
    import fsspec

    address = _address(template, row)
    if not address:
        return str(row.get("") or f"no text: the row has no columns for {template}")
    # Software Heritage's bucket is open to all, and asks for no key.
    options = {"anon": True} if address.startswith("s3://softwareheritage/") else {}
    try:
        with fsspec.open(address, "rb", **options) as file:
            data: bytes = file.read(most + 1)
        if data[:2] == b"\x1f\x8b":
            data = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(data, most + 1)
        return data
    except Exception as error:  # a store's own errors (no such key, no access) are no OSErrors; one row, not the run
        return f"text not found: {address}: {_said(error)}"


def _utf8(data: bytes, row: Mapping[str, Any]) -> bytes:
    """Bytes in the encoding that the row states (Stack v2's src_encoding), as UTF-8 where that can be done."""
    stated = row.get("src_encoding")
    if not stated:
        return data
    try:
        return data.decode(str(stated)).encode()
    except (LookupError, ValueError):
        return data


def _said(error: BaseException) -> str:
    return (str(error).strip().split("\n")[0] or type(error).__name__)[:200]
