"""Helpers of several commands: print JSON, open a run, count the usable cores."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.frame.stage import RunContext


def show_json(value: Any, err: bool = False) -> None:
    """Print a value as one JSON line, on standard error if `err`."""
    click.echo(json.dumps(value, ensure_ascii=False, default=str), err=err)


def count_cores() -> int:
    """The number of cores that this process may use, which a container can limit."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def open_run(folder: Path) -> RunContext:
    """The run in this folder.

    Raises:
        UserError: no stage is finished in it.
    """
    from hornbook.frame.stage import RunContext

    ctx = RunContext(folder)
    if not ctx.run.finished_stages():
        raise UserError(
            f"{folder} is not the folder of a run: it has no finished stage. "
            f"`hornbook run RECIPE --out {folder}` makes one"
        )
    return ctx
