"""What a person sees in the terminal: progress, tables, errors. Only this file and cli.py print.

In: a stage's name, numbers, rows. Out: a live bar with rate and time left where there is a
terminal, and plain lines, at most one every few seconds, where there is none (a log file, CI).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 10.0


class BarReporter:
    """The reporter for a terminal: one live line for the stage at work, one finished line for each stage done."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._name, self._started = "", time.perf_counter()

    def begin(self, name: str, total: float, unit: str) -> None:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )
        from rich.progress import TimeRemainingColumn as Left

        if name != self._name:
            self._name, self._started = name, time.perf_counter()
        self._stop_progress()
        columns = [
            SpinnerColumn(),
            TextColumn("{task.description:<16}"),
            BarColumn(),
            MofNCompleteColumn(),
        ]
        columns += [
            TextColumn("{task.fields[unit]}  {task.fields[rate]}"),
            TimeElapsedColumn(),
            Left(),
        ]
        self._progress = Progress(*columns, transient=True)
        self._progress.start()
        self._task = self._progress.add_task(name, total=total or None, unit=unit, rate="")

    def advance(self, amount: float = 1) -> None:
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, amount)
            task = self._progress.tasks[-1]
            self._progress.update(self._task, rate=f"{task.speed:,.1f}/s" if task.speed else "")

    def say(self, text: str) -> None:
        if self._progress is not None:
            self._progress.console.print(f"  {text}", markup=False, highlight=False)
        else:
            print(f"  {text}")

    def end(self, text: str) -> None:
        self._stop_progress()
        print(
            f"{self._name:<18} {format_duration(time.perf_counter() - self._started):>8}  {text}",
            flush=True,
        )
        self._name = ""

    def _stop_progress(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class PlainReporter:
    """The reporter for files and pipes: a line when a stage ends, and now and then one while it works."""

    def __init__(self) -> None:
        self._name, self._total, self._unit, self._done = "", 0.0, "", 0.0
        self._started = self._spoke = self._begun = time.perf_counter()

    def begin(self, name: str, total: float, unit: str) -> None:
        now = time.perf_counter()
        if name != self._name:
            self._started = now
        self._name, self._total, self._unit, self._done, self._begun, self._spoke = (
            name,
            total,
            unit,
            0.0,
            now,
            now,
        )

    def advance(self, amount: float = 1) -> None:
        self._done += amount
        now = time.perf_counter()
        if now - self._spoke < SECONDS_BETWEEN_LINES:
            return
        self._spoke = now
        rate = self._done / (now - self._begun)
        left = (
            f", {format_duration((self._total - self._done) / rate)} left"
            if self._total > self._done and rate
            else ""
        )
        of = f"/{self._total:,.0f}" if self._total else ""
        print(
            f"  {self._name}: {self._done:,.0f}{of} {self._unit}, {rate:,.1f}/s{left}", flush=True
        )

    def say(self, text: str) -> None:
        print(f"  {text}", flush=True)

    def end(self, text: str) -> None:
        print(
            f"{self._name:<18} {format_duration(time.perf_counter() - self._started):>8}  {text}",
            flush=True,
        )


def make_reporter() -> BarReporter | PlainReporter:
    """A live bar on a terminal, plain lines elsewhere."""
    return BarReporter() if sys.stdout.isatty() else PlainReporter()


def format_duration(seconds: float) -> str:
    """Seconds as 7.2 s, 3:05 min, 2:10 h or 1,234 days."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d} min"
    if seconds >= 48 * 3600:
        return f"{seconds / 86400:,.0f} days"
    return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d} h"


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """A table with right-aligned numbers; every cell on as many lines as it needs."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False
    )
    for at, column in enumerate(columns):
        numeric = all(
            isinstance(row[at], int | float) or _looks_numeric(row[at]) for row in rows
        ) and bool(rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*[_format_cell(value) for value in row])
    # Rich guesses 80 columns for a pipe, which would fold every row of a wide table.
    Console(width=None if sys.stdout.isatty() else 140, markup=False, highlight=False).print(table)


def show_record(record: Mapping[str, Any], width: int = 100, lines: int = 24) -> None:
    """One record as a person reads it: a head line, then its text with at most so many lines."""
    where = f"{record.get('origin', '')} {record.get('path', '')}".strip()
    span = f":{record['start']}-{record['end']}" if record.get("start") else ""
    state = "kept" if record.get("kept", True) else f"dropped ({record.get('reason')})"
    score = f"  score {record['score']:.3f}" if isinstance(record.get("score"), float) else ""
    print(f"-- {record.get('id', '')}  {where}{span}  {state}{score}")
    text = str(record.get("text") or record.get("raw") or "").split("\n")
    print("\n".join(f"   {line[:width]}" for line in text[:lines]))
    if len(text) > lines:
        print(f"   ... {len(text) - lines} more lines")
    print()


def show_piece(record: Mapping[str, Any], above: str) -> None:
    """A piece of code to be judged: where it stands, and all of it, numbered and in syntax colours."""
    from rich.console import Console
    from rich.syntax import Syntax

    console = Console(highlight=False, markup=False)
    console.rule(above, style="dim")
    console.print(
        f"{record['origin']} {record['path']}:{record['start']}-{record['end']}", style="dim"
    )
    first = max(1, record["start"])
    console.print(
        Syntax(record["text"], "python", line_numbers=True, start_line=first, word_wrap=True)
    )


def _looks_numeric(value: Any) -> bool:
    text = str(value).replace(",", "").replace(".", "").replace("-", "").replace("%", "").strip()
    return text.isdigit() or text == ""


def _format_cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
