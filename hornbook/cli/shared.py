"""What several commands share: a JSON line, a run that exists, the cores that this process may use."""

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
    click.echo(json.dumps(value, ensure_ascii=False, default=str), err=err)


def count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def open_run(folder: Path) -> RunContext:
    from hornbook.frame.stage import RunContext

    ctx = RunContext(folder)
    if not ctx.run.finished_stages():
        raise UserError(
            f"{folder} is no run's folder: it has no finished stage; `hornbook run RECIPE --out {folder}` makes one"
        )
    return ctx
