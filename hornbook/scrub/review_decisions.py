"""What people decided about pairs, kept beside the run that they looked at, and applied when a stage is made again.

In: `decisions.jsonl` in the run's folder (a line a decision: stage, id, task_id, verdict, by). Out:
verdicts by record and problem. A decision belongs to the stage whose hits were looked at; it is
part of that stage's identity, so a run that was decided about is refused as stale until the stage
is rebuilt, and says what changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, get_args

from hornbook import store
from hornbook.frame.stage import Desk, Stage
from hornbook.records import UserError

Verdict = Literal["copy", "paraphrase", "same idea", "unrelated"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
DROPPED = ("copy", "paraphrase")  # what must not be trained on
FILE = "decisions.jsonl"


@dataclass(frozen=True)
class Decision:
    """A verdict on a record and a problem, and who gave it. An empty verdict takes an earlier one back."""

    stage: str
    id: str
    task_id: str
    verdict: str
    by: str = ""


def read(path: Path) -> list[Decision]:
    """The decisions that hold, the last one on each pair; none where there is no file.

    Raises UserError for a line that is no decision.
    """
    if not path.is_file():
        return []
    held: dict[tuple[str, str, str], Decision] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            stage, id, task, verdict = (
                str(row[name]) for name in ("stage", "id", "task_id", "verdict")
            )
            made = Decision(stage, id, task, verdict, str(row.get("by", "")))
            if made.verdict and made.verdict not in VERDICTS:
                raise ValueError(f"{made.verdict!r} is none of {', '.join(VERDICTS)}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{path}, line {number}: no decision ({error}): mend the line, or take it out"
            ) from None
        held[made.stage, made.id, made.task_id] = made
    return [each for each in held.values() if each.verdict]


def add(path: Path, decisions: Iterable[Decision]) -> None:
    """Write further decisions; the file is whole at every moment."""
    before = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = "".join(json.dumps(asdict(each), ensure_ascii=False) + "\n" for each in decisions)
    with store.whole(path) as temporary:
        temporary.write_text(
            before + ("\n" if before and not before.endswith("\n") else "") + lines,
            encoding="utf-8",
        )


def of_stage(desk: Desk, stage: Stage | str) -> dict[str, dict[str, str]]:
    """Verdicts by record's id and task_id that were given on this stage's hits."""
    name = stage if isinstance(stage, str) else stage.name
    made: dict[str, dict[str, str]] = {}
    for each in read(desk.root / FILE):
        if each.stage == name:
            made.setdefault(each.id, {})[each.task_id] = each.verdict
    return made


def facts(desk: Desk, stage: Stage) -> dict[str, dict[str, str]]:
    """What of an identity the decisions are: nothing where nothing was decided."""
    made = {
        f"{id[:12]} {task}": verdict
        for id, tasks in sorted(of_stage(desk, stage).items())
        for task, verdict in sorted(tasks.items())
    }
    return {"decisions": made} if made else {}
