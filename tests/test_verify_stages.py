"""Grades, probes and the lock as stages of a run: scripted judges and students, everything read back from disk."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from hornbook import store
from hornbook.frame import exam_log
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import FileStage, GlobalStage, RecordForm, RunContext
from hornbook.llm import LLM
from hornbook.records import UserError
from hornbook.verify import Examine, Grade, Probe
from hornbook.writeup import Report

STUDENT = LLM("student", "scripted", temperature=0.0, answers=("    return 1\n",))
JUDGES = (
    LLM("kind", "scripted", answers=("Good.\nGrade: 9",)),
    LLM("vague", "scripted", answers=("Fair enough.", "Poor.\nGrade: 2")),
)


def make_exam(name: str = "exam", **more: Any) -> Examine:
    return Examine(name, STUDENT, "unconventional", max_problems=3, **more)


@pytest.fixture(scope="module")
def ctx(tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    found = RunContext(tmp_path_factory.mktemp("run"))
    examined = make_exam()
    other = LLM(
        "tutored",
        "scripted",
        answers=("def total(values):\n    for v in values: pass\n    return 0\n",),
    )
    grades = Grade("grades", examined, JUDGES)
    run_recipe(Report("report", (examined, grades, Probe("probes", STUDENT, other))), found)
    return found


def read_rows(ctx: RunContext, name: str) -> list[dict[str, Any]]:
    return [row for table in ctx.run.read_shards(name) for row in table.to_pylist()]


def test_every_answer_has_a_row_a_judge_and_a_grade_that_no_try_brought_is_missing(
    ctx: RunContext,
) -> None:
    found = read_rows(ctx, "grades")
    assert len(found) == 3 * 2
    assert {row["order"] for row in found if row["judge"] == 0} == {"reference"}
    assert {row["order"] for row in found if row["judge"] == 1} == {"answer"}
    assert {row["grade"] for row in found if row["judge"] == 0} == {9}
    vague = [row for row in found if row["judge"] == 1]
    assert {row["grade"] for row in vague} == {2} and max(row["tries"] for row in vague) == 2
    assert not any(row["passed"] for row in found)


def test_the_summary_has_agreement_beside_the_score(ctx: RunContext) -> None:
    graded = store.read_json(ctx.run.stage_folder("grades") / "summary.json")["graded"]
    assert graded["understanding"]["value"] == pytest.approx(0.55) and graded["missing"] == 0
    assert (
        graded["agrees_with_tests"]["value"] == 0.5
    )  # the kind judge is wrong throughout, the other is right
    assert graded["same_within_one"]["value"] == 0.0


def test_one_judge_alone_is_asked_in_both_orders(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(Grade("grades", make_exam(), JUDGES[:1]), ctx)
    assert {(row["judge"], row["order"]) for row in read_rows(ctx, "grades")} == {
        (0, "reference"),
        (1, "answer"),
    }


def test_a_protocol_that_was_not_asked_for_cannot_be_graded(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no answers under bigcode"):
        run_recipe(Grade("grades", make_exam(), JUDGES, "bigcode"), RunContext(tmp_path))


def test_probes_count_before_and_after_with_n_and_interval(ctx: RunContext) -> None:
    facts = store.read_json(ctx.run.stage_folder("probes") / "summary.json")
    instructions = facts["probes"][0]
    assert instructions["probe"] == "instructions" and instructions["before"]["met"]["n"] == 24
    assert instructions["before"]["met"]["value"] == 0 < instructions["after"]["met"]["value"]
    low, value, high = (instructions["difference"][key] for key in ("low", "value", "high"))
    assert 0 < low < value < high
    assert len(read_rows(ctx, "probes")) == 2 * (24 + 17)


def test_the_page_shows_grades_probes_and_the_lock(ctx: RunContext) -> None:
    page = (ctx.root / "report" / "report.html").read_text()
    for words in (
        "Understanding",
        "agrees with the tests",
        "Before and after finetuning",
        "The exam was",
        "openings",
    ):
        assert words in page


@dataclass(frozen=True)
class Train(FileStage):
    """Stands for a training: the lock knows trainings by this name."""

    seed: int = 0
    start: GlobalStage | None = None

    form: ClassVar[RecordForm] = "files"

    def write_files(self, ctx: RunContext):
        (ctx.run.stage_folder(self) / "weights").write_text(str(self.seed))
        return ()


def test_an_exam_after_the_last_training_is_locked_and_one_before_it_is_not(tmp_path: Path) -> None:
    base, final = Train("base"), Train("final", 1)
    good = RunContext(tmp_path / "good")
    run_recipe(make_exam(after=(base, final)), good)
    assert (
        exam_log.read_exam_lock(good).was_held
        and "after all 2 trainings" in exam_log.read_exam_lock(good).label
    )
    late = RunContext(tmp_path / "late")
    run_recipe(make_exam(after=(base,)), late)
    run_recipe(final, late)
    found = exam_log.read_exam_lock(late)
    assert not found.was_held and "final was trained after an exam had been opened" in found.label


def test_a_checkpoint_chosen_on_the_exam_is_labelled_so(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(Train("final", start=make_exam()), ctx)
    assert exam_log.read_exam_lock(ctx).label.startswith("chosen on the exam: final")


def test_the_log_outlives_rebuilding_and_a_damaged_one_is_an_error(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(make_exam(), ctx)
    line = json.loads((tmp_path / exam_log.OPENINGS_FILE).read_text())
    assert line["exam"] == "unconventional" and line["trained"] == {}
    (tmp_path / exam_log.OPENINGS_FILE).write_text("{")
    with pytest.raises(UserError, match="damaged"):
        exam_log.read_exam_lock(ctx)
