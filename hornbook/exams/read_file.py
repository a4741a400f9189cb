"""Rows of an exam's file: jsonl, jsonl.gz, a JSON list, Parquet, or a data set on the Hub.

In: a path or a Hub id. Out: dictionaries. An exam must be whole, so a line that cannot be read is
an error that names it and never skipped. Not covered: data sets that need code of their own to
load.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hornbook.records import UserError

Row = dict[str, Any]


def read_file_rows(path: Path) -> list[Row]:
    """Every row of a file, by its suffix. Raises UserError with the line that cannot be read."""
    if not path.is_file():
        raise UserError(
            f"there is no exam file {path}: give the path of a .jsonl, .jsonl.gz, .json or "
            ".parquet file"
        )
    if path.suffix == ".parquet":
        from hornbook.store import read_table

        return list(read_table(path).to_pylist())
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        text = raw.decode("utf-8")
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if path.suffix == ".json":
        return _check_objects(path, json.loads(text))
    return list(parse_jsonl_rows(text, str(path)))


def parse_jsonl_rows(text: str, source: str) -> Iterator[Row]:
    """The objects of a jsonl text, one a line; empty lines are passed over."""
    for line_number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{source}, line {line_number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise UserError(
                f"{source}, line {line_number} is no JSON object but a {type(row).__name__}"
            )
        yield row


def _check_objects(path: Path, value: Any) -> list[Row]:
    if not isinstance(value, list) or not all(isinstance(row, dict) for row in value):
        raise UserError(f"{path} must hold a JSON list of objects")
    return value


def download_hub_rows(repository: str, revision: str | None = None) -> list[Row]:
    """Every row of a Hub data set's Parquet files; of several configurations the full one.

    Raises UserError where the Hub cannot be reached or has no such data set.
    """
    from huggingface_hub import HfApi, hf_hub_download

    try:
        # Not list_repo_files: it retries for half a minute before it says that there is no network.
        info = HfApi().dataset_info(repository, revision=revision, timeout=10)
        files = [sibling.rfilename for sibling in info.siblings or ()]
        tables = sorted(name for name in files if name.endswith(".parquet"))
        full = [name for name in tables if name.startswith("full/")]
        paths = [
            hf_hub_download(repository, name, repo_type="dataset", revision=revision)
            for name in full or tables
        ]
    # The client raises its own errors, requests' or httpx's, by version.
    except Exception as error:
        detail = str(error).splitlines()[0] if str(error) else ""
        raise UserError(
            f"{repository} could not be downloaded from the Hugging Face Hub "
            f"({type(error).__name__}: {detail}): check the name and the network, or download its "
            "file and give the exam as NAME:PATH"
        ) from error
    if not paths:
        raise UserError(
            f"{repository} on the Hub holds no Parquet file: give a downloaded file as NAME:PATH"
        )
    rows: list[Row] = []
    for path in paths:
        rows += read_file_rows(Path(path))
    return rows
