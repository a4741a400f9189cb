"""What a person sees in the terminal: progress, tables, records.

In: names of stages, numbers, rows. Out: a live progress bar where standard output is a terminal;
elsewhere (a log file, CI) plain lines, at most one every ten seconds.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

SECONDS_BETWEEN_LINES = 10.0
# Rich assumes 80 columns for a pipe, which would fold each row of a wide table.
PIPE_WIDTH = 140


class BarReporter:
    """The reporter for a terminal: a live bar for the running stage, a line per finished stage."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._task: TaskID | None = None
        self._name, self._started = "", time.perf_counter()

    def begin(self, name: str, total: float, unit: str) -> None:
        from rich import progress

        # A stage may begin several bars (one per phase): its time runs from the first.
        if name != self._name:
            self._name, self._started = name, time.perf_counter()
        self._stop_progress()
        self._progress = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description:<22}"),
            progress.BarColumn(),
            progress.MofNCompleteColumn(),
            progress.TextColumn("{task.fields[unit]}  {task.fields[rate]}"),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            transient=True,
        )
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
        print(_format_end_line(self._name, self._started, text), flush=True)
        self._name = ""

    def _stop_progress(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None


class PlainReporter:
    """The reporter for files and pipes: a line per finished stage, and a few while one runs."""

    def __init__(self) -> None:
        self._name, self._unit = "", ""
        self._total = self._done = 0.0
        self._stage_started = self._phase_started = self._last_line = time.perf_counter()

    def begin(self, name: str, total: float, unit: str) -> None:
        now = time.perf_counter()
        if name != self._name:
            self._stage_started = now
        self._name, self._unit = name, unit
        self._total, self._done = total, 0.0
        self._phase_started = self._last_line = now

    def advance(self, amount: float = 1) -> None:
        self._done += amount
        now = time.perf_counter()
        # Stages advance many times per second; a log of that would be unreadable.
        if now - self._last_line < SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        rate = self._done / (now - self._phase_started)
        time_left = ""
        if self._total > self._done and rate:
            time_left = f", {format_duration((self._total - self._done) / rate)} left"
        total = f"/{self._total:,.0f}" if self._total else ""
        print(
            f"  {self._name}: {self._done:,.0f}{total} {self._unit}, {rate:,.1f}/s{time_left}",
            flush=True,
        )

    def say(self, text: str) -> None:
        print(f"  {text}", flush=True)

    def end(self, text: str) -> None:
        print(_format_end_line(self._name, self._stage_started, text), flush=True)


def _format_end_line(name: str, started: float, text: str) -> str:
    return f"{name:<22} {format_duration(time.perf_counter() - started):>8}  {text}"


def make_reporter() -> BarReporter | PlainReporter:
    """A live bar on a terminal, plain lines elsewhere."""
    # A bar in a log file would be thousands of control characters.
    return BarReporter() if sys.stdout.isatty() else PlainReporter()


def format_duration(seconds: float) -> str:
    """Seconds as a person reads them.

    >>> [format_duration(s) for s in (7.21, 185, 7800, 1e8)]
    ['7.2 s', '3:05 min', '2:10 h', '1,157 days']
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)}:{int(seconds % 60):02d} min"
    if seconds >= 48 * 3600:
        return f"{seconds / 86400:,.0f} days"
    return f"{int(seconds // 3600)}:{int(seconds % 3600 // 60):02d} h"


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table with right-aligned numbers; long cells are folded over several lines."""
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=title or None, title_justify="left", header_style="bold", box=None, pad_edge=False
    )
    for i, column in enumerate(columns):
        is_numeric = bool(rows) and all(_looks_numeric(row[i]) for row in rows)
        table.add_column(column, justify="right" if is_numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*[_format_cell(value) for value in row])
    width = None if sys.stdout.isatty() else PIPE_WIDTH
    Console(width=width, markup=False, highlight=False).print(table)


def show_record(record: Mapping[str, Any], width: int = 100, max_lines: int = 24) -> None:
    """Print one record: a line with its id, origin and verdict, then the start of its text."""
    location = f"{record.get('origin', '')} {record.get('path', '')}".strip()
    span = f":{record['start']}-{record['end']}" if record.get("start") else ""
    state = "kept" if record.get("kept", True) else f"dropped ({record.get('reason')})"
    score = f"  score {record['score']:.3f}" if isinstance(record.get("score"), float) else ""
    print(f"-- {record.get('id', '')}  {location}{span}  {state}{score}")
    lines = str(record.get("text") or record.get("raw") or "").split("\n")
    # Cut, because minified code can have lines of a megabyte.
    print("\n".join(f"   {line[:width]}" for line in lines[:max_lines]))
    if len(lines) > max_lines:
        print(f"   ... {len(lines) - max_lines} more lines")
    print()


def show_piece(record: Mapping[str, Any], heading: str) -> None:
    """Print a piece of code to be labelled: its location and all of it, with line numbers."""
    from rich.console import Console
    from rich.syntax import Syntax

    console = Console(highlight=False, markup=False)
    console.rule(heading, style="dim")
    location = f"{record['origin']} {record['path']}:{record['start']}-{record['end']}"
    console.print(location, style="dim")
    # A whole text has start 0.
    first = max(1, record["start"])
    console.print(
        Syntax(record["text"], "python", line_numbers=True, start_line=first, word_wrap=True)
    )


def _looks_numeric(value: Any) -> bool:
    if isinstance(value, int | float):
        return True
    text = str(value).replace(",", "").replace(".", "").replace("-", "").replace("%", "").strip()
    return text.isdigit() or text == ""


def _format_cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.3g}" if abs(value) < 100 else f"{value:,.0f}"
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return str(value)
