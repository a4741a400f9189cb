"""The paper's Table 3 as a stage: prune exercises at each threshold, retrain, examine.

In: who is near which problem of the exam (NearExam over the data as it was), exams of models
(Examine stages), exams of the models retrained on what each threshold left, the Scrub stages that
pruned, and files of results of models that never saw the data. Out: `table.json` and `table.md`:
the paper's Table 3 for this data, model and exam, with intervals. The retrained column holds
another model at each threshold, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import store
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.records import UserError
from hornbook.scrub import nearest_records as nearby
from hornbook.scrub import similar, table
from hornbook.scrub.exam_index import load_problems
from hornbook.scrub.nearest_records import NearExam

if TYPE_CHECKING:
    pass

RETRAINED_COLUMN = "retrained on pruned"


@dataclass(frozen=True)
class SimilarTable(FileStage):
    """Table 3. `retrained` and `pruned` are in the order of `thresholds`; `scores`: NAME=FILE."""

    near: NearExam
    models: tuple[Stage, ...] = ()
    retrained_models: tuple[Stage, ...] = ()
    pruned_data: tuple[Stage, ...] = ()
    scores: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = table.THRESHOLDS

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        for name, stages in (("retrained", self.retrained_models), ("pruned", self.pruned_data)):
            if stages and len(stages) != len(self.thresholds):
                raise UserError(
                    f"{self.name}: {len(stages)} stages {name} for {len(self.thresholds)} "
                    "thresholds"
                )
        files = [similar.parse_results_option(option) for option in self.scores]
        return {"scores": {str(path): store.file_digest(path) for _, path in files}}

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.05)

    def write_files(self, ctx: RunContext) -> None:
        problems = load_problems(ctx, self.near.exams)
        matches = nearby.best_match_rates(problems, nearby.read_nearest(ctx, self.near, 1))
        passed: dict[str, Mapping[str, bool]] = {}
        for option in (
            *(f"{stage.name}={ctx.run.stage_folder(stage)}" for stage in self.models),
            *self.scores,
        ):
            passed |= similar.read_results(option)
        retrained_results = {
            tau: self._read_first_protocol(ctx.run.stage_folder(stage))
            for tau, stage in zip(self.thresholds, self.retrained_models, strict=False)
        }  # noqa: B905
        similarity = table.build_table(
            matches,
            passed,
            self.thresholds,
            {RETRAINED_COLUMN: retrained_results} if retrained_results else {},
        )
        exam_names = [exam if isinstance(exam, str) else exam.name for exam in self.near.exams]
        summary = {"exam": exam_names,
                 "models": list(similarity.models), "rows": table.table_records(similarity),
                 "pruned": self._count_pruned(ctx)}  # fmt: skip
        store.write_json(ctx.run.stage_folder(self) / "table.json", summary)
        with store.atomic_write(ctx.run.stage_folder(self) / "table.md") as temporary:
            temporary.write_text(
                "\n".join(table.format_markdown(similarity)) + "\n", encoding="utf-8"
            )

    def _read_first_protocol(self, folder: Path) -> Mapping[str, bool]:
        """Verdicts by the first protocol of a model's exam."""
        return next(iter(similar.read_results(str(folder)).values()))

    def _count_pruned(self, ctx: RunContext) -> list[dict[str, Any]]:
        """How many records each threshold took away."""
        rows = []
        for tau, stage in zip(self.thresholds, self.pruned_data):  # noqa: B905
            manifest = ctx.run.read_manifest(stage)
            rows.append(
                {
                    "threshold": tau,
                    "removed": manifest["seen"] - manifest["kept"],
                    "of": manifest["seen"],
                }
            )
        return rows
