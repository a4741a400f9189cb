"""A person's labels: asked blind, kept at once, resumed, joined; and judges compared pair by pair."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from conftest import rows_of
from test_curate_quality import Labelled

from hornbook.cli import main
from hornbook.curate import OwnLabels, Panel
from hornbook.curate.own_labels import compare_judges, read_label_file
from hornbook.curate.sampling import AnswerFile, sample_pieces
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.records import UserError


@pytest.fixture
def ctx(tmp_path: Path) -> RunContext:
    ctx = RunContext(tmp_path / "run")
    run_recipe(Labelled("labelled"), ctx)
    return ctx


def run_label(ctx: RunContext, keys: str, *words: str) -> str:
    result = CliRunner().invoke(main, ["label", str(ctx.root), *words], input=keys)
    assert result.exit_code == 0, result.output
    return result.output


def test_answers_are_kept_resumed_and_can_be_taken_back(ctx: RunContext) -> None:
    asked = [row["id"] for row in sample_pieces(ctx, "labelled", 4)]
    run_label(ctx, "5sq", "-n", "4")
    answers = AnswerFile(ctx.root / "labels.jsonl")
    assert answers.read_answers() == {asked[0]: 5, asked[1]: None}
    output = run_label(ctx, "0b14", "-n", "4")
    assert answers.read_answers() == {asked[0]: 5, asked[1]: None, asked[2]: 1, asked[3]: 4}
    assert "you and labelled: weighted kappa" in output and "over 3 pieces" in output
    assert run_label(ctx, "", "-n", "4").startswith("3 labels in")  # nothing left to ask


def test_the_judges_label_is_not_shown(ctx: RunContext) -> None:
    assert "label" not in run_label(ctx, "q", "-n", "1").split("educational value")[0].replace(
        "labelled", ""
    )


def test_a_line_cut_off_by_a_crash_costs_one_answer(ctx: RunContext) -> None:
    run_label(ctx, "52q", "-n", "4")
    file = ctx.root / "labels.jsonl"
    file.write_bytes(file.read_bytes()[:-30])
    run_label(ctx, "3q", "-n", "4")
    assert sorted(v for v in AnswerFile(file).read_answers().values() if v is not None) == [3, 5]


def test_own_labels_join_documents_and_say_what_does_not(ctx: RunContext, tmp_path: Path) -> None:
    run_label(ctx, "50q", "-n", "4")
    with (ctx.root / "labels.jsonl").open("a") as file:
        file.write(
            '{"id": "elsewhere", "label": 3}\nnot json\n{"id": "x", "label": 9}\n{"id": "y", "label": true}\n'
        )
    stage = OwnLabels("own", Labelled("labelled"), str(ctx.root / "labels.jsonl"))
    run_recipe(stage, ctx)
    assert sorted(row["label"] for row in rows_of(ctx, stage)) == [0, 5]
    given, odd = read_label_file(ctx.root / "labels.jsonl")
    assert len(given) == 3 and odd == 3
    (tmp_path / "none.jsonl").write_text('{"id": "elsewhere", "label": 3}\n')
    with pytest.raises(UserError, match="labels no document"):
        run_recipe(OwnLabels("none", Labelled("labelled"), str(tmp_path / "none.jsonl")), ctx)
    with pytest.raises(UserError, match="hornbook label RUN"):
        run_recipe(OwnLabels("absent", Labelled("labelled"), str(tmp_path / "absent.jsonl")), ctx)


def test_a_changed_file_of_labels_makes_the_stage_stale(ctx: RunContext) -> None:
    run_label(ctx, "50q", "-n", "4")
    stage = OwnLabels("own", Labelled("labelled"), str(ctx.root / "labels.jsonl"))
    run_recipe(stage, ctx)
    run_label(ctx, "4q", "-n", "4")
    with pytest.raises(UserError, match="own in .* was made with other settings: labels"):
        run_recipe(stage, ctx)


def test_a_panel_takes_the_median_and_compares_every_pair(ctx: RunContext, tmp_path: Path) -> None:
    first = sample_pieces(ctx, "labelled", 3)
    judges = []
    for judge, given in {"a": (0, 3, 5), "b": (1, 3, 5), "c": (4, 4, None)}.items():
        file = tmp_path / f"{judge}.jsonl"
        rows = zip(first, given, strict=True)
        file.write_text(
            "\n".join(json.dumps({"id": row["id"], "label": value}) for row, value in rows)
        )
        judges.append(OwnLabels(judge, Labelled("labelled"), str(file)))
    stage = Panel("panel", tuple(judges))
    run_recipe(stage, ctx)
    assert {row["id"]: row["label"] for row in rows_of(ctx, stage)} == {
        first[0]["id"]: 1, first[1]["id"]: 3, first[2]["id"]: 5,
    }  # fmt: skip
    pairs = json.loads((ctx.root / "panel" / "agreement.json").read_text())
    assert [(p["first"], p["judge"], p["compared"]) for p in pairs] == [
        ("a", "b", 3),
        ("a", "c", 2),
        ("b", "c", 2),
    ]


def test_kappa_is_one_for_agreement_and_the_librarys_otherwise() -> None:
    from sklearn.metrics import cohen_kappa_score

    a, b = [0, 1, 2, 3, 4, 5, 3, 3], [0, 1, 1, 3, 5, 5, 2, 4]
    named = {"x": dict(enumerate(a)), "y": dict(enumerate(b)), "z": dict(enumerate(a))}
    found = {(p["first"], p["judge"]): p["kappa"] for p in compare_judges(named)}  # type: ignore[arg-type]
    assert found["x", "z"] == 1
    assert found["x", "y"] == pytest.approx(cohen_kappa_score(a, b, weights="quadratic"), abs=1e-4)
