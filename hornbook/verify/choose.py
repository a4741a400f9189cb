"""Choose the checkpoint that solves the most held-out exercises. The paper took the best of six.

In: a Train that left snapshots (`snapshot_every`), and a stage of exercises that nothing was
trained on. Out: `model/`, as a Train leaves it; `answers.parquet`, a row a step and exercise;
`choice.json`. Of checkpoints that solve equally many, the one to which the reference solutions cost
the fewest bits goes on. The paper does not say on what it chose; a benchmark would be the test set,
so only a stage is taken here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.models import generate
from hornbook.records import UserError
from hornbook.verify import samplers
from hornbook.verify.examine import load_exercises, make_answer_table, select_by_hash, to_json_value
from hornbook.verify.protocols import get_protocols
from hornbook.verify.run_tests import MEMORY_MB, TIMEOUT_S, run_answer_tests
from hornbook.verify.sample import group_prompts, sample_answers

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem


@dataclass(frozen=True)
class Choose(FileStage):
    """Choose among the snapshots of `model` by `exam`: greedy answers, protocol "plain"."""

    model: Stage
    exam: Stage
    max_new_tokens: int = 384
    max_problems: int = 0  # so many, chosen by a hash of their ids; 0 for all

    def __post_init__(self) -> None:
        if not getattr(self.model, "snapshot_every", 0):
            raise UserError(
                f"{self.name}: {self.model.name} leaves one model: give it snapshot_every, in steps"
            )

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {"timeout_s": TIMEOUT_S, "memory_mb": MEMORY_MB}

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        snapshots = max(
            1, round(getattr(self.model, "steps", 0) / getattr(self.model, "snapshot_every", 1))
        )
        tokens = snapshots * (self.max_problems or 100) * self.max_new_tokens
        return Price(Size(), tokens=tokens, minutes=tokens / 500 / 60, peak_mb=1500)  # as Examine's

    def write_files(self, ctx: RunContext) -> None:
        import pyarrow as pa

        folder, exam = (
            ctx.run.stage_folder(self),
            select_by_hash(self.name, load_exercises(ctx, self.exam), self.max_problems),
        )
        snapshots = sorted((ctx.run.stage_folder(self.model) / "models").iterdir())
        ctx.reporter.begin(self.name, len(snapshots) * len(exam), "prompts")
        rows, tables = [], []
        for snapshot in snapshots:
            step = int(snapshot.name.removeprefix("step-"))
            summary, answers = self._examine_snapshot(ctx, snapshot, exam)
            rows.append({"step": step, **summary})
            tables.append(
                answers.add_column(0, "step", pa.array([step] * len(answers), pa.int64()))
            )
        best_index = find_best_row(rows)
        store.write_table(folder / "answers.parquet", pa.concat_tables(tables))
        shutil.rmtree(folder / "raw", ignore_errors=True)
        with store.atomic_write(folder / "model") as temporary:
            shutil.copytree(snapshots[best_index], temporary, copy_function=_link_or_copy)
        choice = {
            "chosen_step": rows[best_index]["step"],
            "exercises": len(exam),
            "checkpoints": rows,
        }
        store.write_json(folder / "choice.json", to_json_value(choice))

    def _examine_snapshot(
        self, ctx: RunContext, snapshot: Path, exam: Sequence[Problem]
    ) -> tuple[dict[str, Any], pa.Table]:
        """How many exercises a snapshot solves, its bits per byte, and its answers."""
        phi, tokenizer = samplers.load_model(snapshot, ctx)
        completer = samplers.make_model_completer(phi, tokenizer, 0.0, self.max_new_tokens)
        prompts = group_prompts(exam, get_protocols(("plain",)))
        raw_folder = ctx.run.stage_folder(self) / "raw" / snapshot.name
        answers = list(sample_answers(raw_folder, prompts, 1, completer, ctx.reporter.advance))
        verdicts = list(run_answer_tests(exam, answers, bool(ctx.options.get("allow_unsafe"))))
        bits = generate.measure_continuation_bits(
            phi, tokenizer, [(problem.prompt, problem.reference) for problem in exam]
        )
        reference_bytes = sum(len(problem.reference.encode()) for problem in exam)
        summary = {
            "solved": sum(verdict.has_passed for verdict in verdicts),
            "bits_per_byte": sum(bits) / max(1, reference_bytes),
        }
        texts = [prompt.prompt for prompt in prompts]
        cut_tokens = samplers.count_tokens_beyond_room(phi, tokenizer, texts, self.max_new_tokens)
        cut_by_prompt = dict(zip(texts, cut_tokens, strict=True))
        return summary, make_answer_table(exam, verdicts, bits, cut_by_prompt)


def find_best_row(rows: Sequence[Mapping[str, Any]]) -> int:
    """The row with the most solved; among equals the fewest bits, then the first. NaN loses.

    >>> find_best_row([{"solved": 1, "bits_per_byte": 2.0}, {"solved": 2, "bits_per_byte": 3.0}])
    1
    >>> nan = float("nan")
    >>> find_best_row([{"solved": 0, "bits_per_byte": nan}, {"solved": 0, "bits_per_byte": 1.5}])
    1
    """

    def rank_row(row_index: int) -> tuple[int, float]:
        bits = rows[row_index]["bits_per_byte"]
        return rows[row_index]["solved"], -bits if bits == bits else -float("inf")

    return max(range(len(rows)), key=rank_row)


def _link_or_copy(source: str, target: str) -> None:
    """The same file under a second name, or a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
