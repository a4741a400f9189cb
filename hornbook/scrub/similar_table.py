"""The paper's last experiment as a stage: prune the exercises at each threshold, retrain, examine, and lay it all out.

In: who is near which problem of the exam (NearExam over the data as it was), exams of models
(Examine stages), exams of the models retrained on what each threshold left, the Scrub stages that
pruned, and files of results of models that never saw the data. Out: `table.json` and `table.md`:
the paper's Table 3 for this data, model and exam, with intervals. The retrained column holds
another model at each threshold, as in the paper.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import store
from hornbook.frame.stage import Desk, Form, Price, Size, Stage, Whole
from hornbook.records import UserError
from hornbook.scrub import nearest_records as nearby
from hornbook.scrub import similar, table
from hornbook.scrub.exam_index import problems
from hornbook.scrub.nearest_records import NearExam

if TYPE_CHECKING:
    import pyarrow as pa

RETRAINED = "retrained on pruned"


@dataclass(frozen=True)
class SimilarTable(Whole):
    """Table 3. `retrained` and `pruned` are in the order of `thresholds`; `scores` are NAME=FILE, or FILE."""

    near: NearExam
    models: tuple[Stage, ...] = ()
    retrained: tuple[Stage, ...] = ()
    pruned: tuple[Stage, ...] = ()
    scores: tuple[str, ...] = ()
    thresholds: tuple[float, ...] = table.THRESHOLDS

    form: ClassVar[Form] = "files"

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        for name, given in (("retrained", self.retrained), ("pruned", self.pruned)):
            if given and len(given) != len(self.thresholds):
                raise UserError(
                    f"{self.name}: {len(given)} stages {name} for {len(self.thresholds)} thresholds"
                )
        files = [similar.file_of(word) for word in self.scores]
        return {"scores": {str(path): store.digest(path) for _, path in files}}

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.05)

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        exam = problems(desk, self.near.exams)
        matches = nearby.matches(exam, nearby.of(desk, self.near, 1))
        passed: dict[str, Mapping[str, bool]] = {}
        for word in (
            *(f"{stage.name}={desk.folder(stage)}" for stage in self.models),
            *self.scores,
        ):
            passed |= similar.results(word)
        again = {
            tau: self._first(desk.folder(stage))
            for tau, stage in zip(self.thresholds, self.retrained, strict=False)
        }  # noqa: B905
        made = table.similar(matches, passed, self.thresholds, {RETRAINED: again} if again else {})
        facts = {"exam": [exam if isinstance(exam, str) else exam.name for exam in self.near.exams],
                 "models": list(made.models), "rows": table.as_json(made), "pruned": self._pruned(desk)}  # fmt: skip
        store.write_json(desk.folder(self) / "table.json", facts)
        with store.whole(desk.folder(self) / "table.md") as temporary:
            temporary.write_text("\n".join(table.lines(made)) + "\n", encoding="utf-8")
        yield from ()

    def _first(self, folder: Path) -> Mapping[str, bool]:
        """Verdicts by the first protocol of a model's exam."""
        return next(iter(similar.results(str(folder)).values()))

    def _pruned(self, desk: Desk) -> list[dict[str, Any]]:
        """How many records each threshold took away."""
        found = []
        for tau, stage in zip(self.thresholds, self.pruned):  # noqa: B905
            facts = desk.manifest(stage)
            found.append(
                {"threshold": tau, "removed": facts["seen"] - facts["kept"], "of": facts["seen"]}
            )
        return found
