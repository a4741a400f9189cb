"""People's decisions about pairs, kept beside the run and applied when a stage is rebuilt.

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
from hornbook.frame.stage import RunContext, Stage
from hornbook.records import UserError

Verdict = Literal["copy", "paraphrase", "same idea", "unrelated"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
DROPPED_VERDICTS = ("copy", "paraphrase")  # what must not be trained on
DECISIONS_FILE = "decisions.jsonl"


@dataclass(frozen=True)
class ReviewDecision:
    """A verdict on a record and a problem, and its author. "" takes an earlier verdict back."""

    stage: str
    id: str
    task_id: str
    verdict: str
    by: str = ""


def read_decisions(path: Path) -> list[ReviewDecision]:
    """The decisions that hold, the last one on each pair; none where there is no file.

    Raises UserError for a line that is no decision.
    """
    if not path.is_file():
        return []
    decision_by_pair: dict[tuple[str, str, str], ReviewDecision] = {}
    for line_number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            stage, id, task, verdict = (
                str(row[name]) for name in ("stage", "id", "task_id", "verdict")
            )
            decision = ReviewDecision(stage, id, task, verdict, str(row.get("by", "")))
            if decision.verdict and decision.verdict not in VERDICTS:
                raise ValueError(f"{decision.verdict!r} is none of {', '.join(VERDICTS)}")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(
                f"{path}, line {line_number}: no decision ({error}): mend the line, or take it out"
            ) from None
        decision_by_pair[decision.stage, decision.id, decision.task_id] = decision
    return [decision for decision in decision_by_pair.values() if decision.verdict]


def append_decisions(path: Path, decisions: Iterable[ReviewDecision]) -> None:
    """Write further decisions; the file is whole at every moment."""
    existing = path.read_text(encoding="utf-8") if path.is_file() else ""
    lines = "".join(
        json.dumps(asdict(decision), ensure_ascii=False) + "\n" for decision in decisions
    )
    with store.atomic_write(path) as temporary:
        temporary.write_text(
            existing + ("\n" if existing and not existing.endswith("\n") else "") + lines,
            encoding="utf-8",
        )


def read_stage_verdicts(ctx: RunContext, stage: Stage | str) -> dict[str, dict[str, str]]:
    """Verdicts by record's id and task_id that were given on this stage's hits."""
    name = stage if isinstance(stage, str) else stage.name
    verdicts: dict[str, dict[str, str]] = {}
    for decision in read_decisions(ctx.root / DECISIONS_FILE):
        if decision.stage == name:
            verdicts.setdefault(decision.id, {})[decision.task_id] = decision.verdict
    return verdicts


def decision_identity_inputs(ctx: RunContext, stage: Stage) -> dict[str, dict[str, str]]:
    """The decisions as identity inputs; nothing where nothing was decided."""
    verdicts: dict[str, str] = {}
    for record_id, tasks in sorted(read_stage_verdicts(ctx, stage).items()):
        for task, verdict in sorted(tasks.items()):
            verdicts[f"{record_id[:12]} {task}"] = verdict
    return {"decisions": verdicts} if verdicts else {}
