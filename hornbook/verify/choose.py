"""Which checkpoint goes on: the one that solves the most held-out exercises. The paper took the best of six.

In: a Train that left snapshots (`snapshot_every`), and a stage of exercises that nothing was
trained on. Out: `model/`, as a Train leaves it; `answers.parquet`, a row a step and exercise;
`choice.json`. Of checkpoints that solve equally many, the one to which the reference solutions cost
the fewest bits goes on. The paper does not say on what it chose; a benchmark would be the test set,
so only a stage is taken here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import store
from hornbook.frame.stage import Desk, Form, Price, Size, Stage, Whole
from hornbook.models import generate
from hornbook.records import UserError
from hornbook.verify import samplers
from hornbook.verify.examine import exercises, few, plain, table
from hornbook.verify.protocols import protocols
from hornbook.verify.run_tests import MEMORY_MB, TIMEOUT_S, judge
from hornbook.verify.sample import asked, sampled

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem


@dataclass(frozen=True)
class Choose(Whole):
    """Choose among the snapshots of `model` by the exercises of `exam`, asked greedily by the protocol "plain"."""

    model: Stage
    exam: Stage
    max_new_tokens: int = 384
    problems: int = 0  # so many, chosen by a hash of their ids; 0 for all

    form: ClassVar[Form] = "files"

    def __post_init__(self) -> None:
        if not getattr(self.model, "snapshot_every", 0):
            raise UserError(
                f"{self.name}: {self.model.name} leaves one model: give it snapshot_every, in steps"
            )

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"timeout_s": TIMEOUT_S, "memory_mb": MEMORY_MB}

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        snapshots = max(
            1, round(getattr(self.model, "steps", 0) / getattr(self.model, "snapshot_every", 1))
        )
        tokens = snapshots * (self.problems or 100) * self.max_new_tokens
        return Price(Size(), tokens=tokens, minutes=tokens / 500 / 60, peak_mb=1500)  # as Examine's

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        import pyarrow as pa

        folder, exam = desk.folder(self), few(self.name, exercises(desk, self.exam), self.problems)
        snapshots = sorted((desk.folder(self.model) / "models").iterdir())
        desk.reporter.begin(self.name, len(snapshots) * len(exam), "prompts")
        rows, tables = [], []
        for snapshot in snapshots:
            step = int(snapshot.name.removeprefix("step-"))
            facts, found = self._examined(desk, snapshot, exam)
            rows.append({"step": step, **facts})
            tables.append(found.add_column(0, "step", pa.array([step] * len(found), pa.int64())))
        best = best_of(rows)
        store.write_table(folder / "answers.parquet", pa.concat_tables(tables))
        shutil.rmtree(folder / "raw", ignore_errors=True)
        with store.whole(folder / "model") as temporary:
            shutil.copytree(snapshots[best], temporary, copy_function=_linked)
        chosen = {"chosen_step": rows[best]["step"], "exercises": len(exam), "checkpoints": rows}
        store.write_json(folder / "choice.json", plain(chosen))
        return ()

    def _examined(
        self, desk: Desk, snapshot: Path, exam: Sequence[Problem]
    ) -> tuple[dict[str, Any], pa.Table]:
        """How many a snapshot solves and what the references cost it, and its answers. Its texts stay on disk."""
        phi, words = samplers.load(snapshot, desk)
        writer = samplers.trained(phi, words, 0.0, self.max_new_tokens)
        questions, raw = (
            asked(exam, protocols(("plain",))),
            desk.folder(self) / "raw" / snapshot.name,
        )
        given = list(sampled(raw, questions, 1, writer, desk.reporter.advance))
        judged = list(judge(exam, given, bool(desk.options.get("allow_unsafe"))))
        bits = generate.reference_bits(phi, words, [(each.prompt, each.reference) for each in exam])
        size = sum(len(each.reference.encode()) for each in exam)
        facts = {
            "solved": sum(each.passed for each in judged),
            "bits_per_byte": sum(bits) / max(1, size),
        }
        return facts, table(exam, judged, bits)


def best_of(rows: Sequence[Mapping[str, Any]]) -> int:
    """The row with the most solved; of equals that with the fewest bits, of these the first. What is no number loses.

    >>> best_of([{"solved": 1, "bits_per_byte": 2.0}, {"solved": 2, "bits_per_byte": 3.0}])
    1
    >>> best_of([{"solved": 0, "bits_per_byte": float("nan")}, {"solved": 0, "bits_per_byte": 1.5}])
    1
    """

    def rank(at: int) -> tuple[int, float]:
        bits = rows[at]["bits_per_byte"]
        return rows[at]["solved"], -bits if bits == bits else -float("inf")

    return max(range(len(rows)), key=rank)


def _linked(source: str, target: str) -> None:
    """The same file under a second name, or a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
