"""The last table as a stage, from exams and outside results, and what the page says of contamination."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pytest
from test_scrub_similar import COPY, EXAM, jsonl_bytes
from test_scrub_stage import GivenTexts

from hornbook import store
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import GlobalStage, RunContext
from hornbook.llm import LLM
from hornbook.pages.blocks import PageSection
from hornbook.records import UserError
from hornbook.scrub import AuditScrub, JudgeNear, NearExam, Scrub, SimilarTable, audit, table
from hornbook.writeup import contamination


@dataclass(frozen=True)
class Examine(GlobalStage):
    """Stands for an exam: `passed` of its problems."""

    exam: str
    passed: tuple[str, ...] = ()
    model: str = "an LLM"

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        rows = [{"task_id": row["task_id"], "sample": 0, "protocol": "plain",
                 "verdict": "passed" if row["task_id"] in self.passed else "failed"} for row in EXAM]  # fmt: skip
        yield "answers", pa.Table.from_pylist(rows)


@pytest.fixture
def study(tmp_path: Path) -> tuple[RunContext, SimilarTable, str]:
    exam = f"jsonl:{tmp_path / 'exam.jsonl'}"
    (tmp_path / "exam.jsonl").write_bytes(jsonl_bytes(EXAM))
    (tmp_path / "other.jsonl").write_bytes(
        jsonl_bytes([{"task_id": f"own/{n}", "passed": True} for n in range(2)])
    )
    data = GivenTexts("data", (COPY, "x = 1\n"))
    cuts = tuple(
        Scrub(f"cut_{tau}", data, (exam,), ngram=None, syntax=tau, min_tree_nodes=0)
        for tau in (0.95, 0.9)
    )
    original_exam, retrained_exams = (
        Examine("before", exam, ("own/0",)),
        (Examine("a", exam), Examine("b", exam, ("own/1",))),
    )
    near = NearExam("near", (data,), (exam,))
    outside = (f"never={tmp_path / 'other.jsonl'}",)
    return (
        RunContext(tmp_path / "run"),
        SimilarTable("table", near, (original_exam,), retrained_exams, cuts, outside, (0.95, 0.9)),
        exam,
    )


def test_the_table_has_each_model_the_retrained_one_by_threshold_and_what_was_pruned(
    study: tuple[RunContext, SimilarTable, str],
) -> None:
    ctx, stage, _ = study
    run_recipe(stage, ctx)
    facts = store.read_json(ctx.run.stage_folder(stage) / "table.json")
    passed = {
        (row["threshold"], row["subset"], row["model"]): (row["passed"], row["n"])
        for row in facts["rows"]
    }
    assert facts["models"] == ["before", "never", "retrained on pruned"]
    for tau, (near, far) in ((0.95, (0, 0)), (0.9, (0, 1))):
        assert passed[tau, "similar", "before"] == (1, 1) and passed[
            tau, "non-similar", "before"
        ] == (0, 1)
        assert passed[tau, "total", "never"] == (2, 2)
        assert passed[tau, "similar", "retrained on pruned"] == (near, 1)
        assert passed[tau, "non-similar", "retrained on pruned"] == (far, 1)
    assert facts["pruned"] == [{"threshold": tau, "removed": 1, "of": 2} for tau in (0.95, 0.9)]
    assert (
        "| 0.95 | similar | 1 | 1/1 100.0%"
        in (ctx.run.stage_folder(stage) / "table.md").read_text()
    )


def test_stages_that_do_not_match_the_thresholds_and_missing_results_are_errors(
    study: tuple[RunContext, SimilarTable, str], tmp_path: Path
) -> None:
    ctx, stage, _ = study
    with pytest.raises(UserError, match="2 stages retrained for 4 thresholds"):
        SimilarTable("t", stage.near, (), stage.retrained_models).identity_inputs(ctx)
    with pytest.raises(UserError, match="no file of results"):
        SimilarTable("t", stage.near, scores=(f"x={tmp_path / 'none.jsonl'}",)).identity_inputs(ctx)


def test_a_threshold_without_a_verdict_is_named() -> None:
    with pytest.raises(UserError, match="again has no result for 1 of 1"):
        table.build_table({"a": 1.0}, {}, [0.9], {"again": {0.9: {}}})


def test_the_page_says_who_is_near_each_test_and_who_solved_it(
    study: tuple[RunContext, SimilarTable, str],
) -> None:
    ctx, stage, exam = study
    judged = JudgeNear(
        "judged", stage.near, LLM("scripted", "scripted", answers=("So. Verdict: copy",))
    )
    audited = AuditScrub("audit", stage.near.data[0], (exam,), audit.AuditSettings(rates=(0.95,)))
    stages = [
        *stage.pruned_data,
        stage.near,
        *stage.models,
        *stage.retrained_models,
        stage,
        judged,
        audited,
    ]
    for each_stage in stages:
        run_recipe(each_stage, ctx)
    section = contamination.build_contamination_section(ctx, stages)
    assert isinstance(section, PageSection)
    text = "\n\n".join(block.render_markdown() for block in section.blocks)
    assert "| own/0 | 1.00: ::0 | solved | not | not |" in text
    assert "| syntax | 1 | 0 | 0 | 0 | 1 of 1, 100 % (21 to 100) |" in text
    assert "| 0.95 | similar | 1 | 1, 100.0 % (20.7 to 100.0) |" in text
    assert "| 0.95 | 1 | 2 | 50.0 % |" in text
    assert "hornbook review RUN audit" in text
    json.dumps([block.render_html() for block in section.blocks])


def test_a_recipe_without_any_of_it_has_no_such_section(tmp_path: Path) -> None:
    assert (
        contamination.build_contamination_section(RunContext(tmp_path), [GivenTexts("data", ())])
        is None
    )
