"""Pairs side by side: what is marked as shared, what a judge says, what people decide, and what comes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from conftest import rows_of
from test_scrub_stage import BODY, OTHER, PROMPT, RENAMED, GivenTexts, HeldOutExam

from hornbook import store
from hornbook.cli import main
from hornbook.frame.identity import read_state
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.llm import LLM
from hornbook.records import UserError, document_id
from hornbook.scrub import (
    AuditScrub,
    JudgeNear,
    NearExam,
    Scrub,
    audit,
    judge_pairs,
    pairs,
    review,
    review_decisions,
)

COPY, SAME, FAR = PROMPT + BODY, RENAMED, OTHER
NEARLY = RENAMED.replace("> x", "> x + 1")
TEXTS = (COPY, SAME, NEARLY, FAR)
EXAM = HeldOutExam("exam")


def scripted_llm(*verdicts: str) -> LLM:
    return LLM(
        "scripted",
        "scripted",
        answers=tuple(f"Because. Verdict: {verdict}" for verdict in verdicts),
    )


def make_scrub(**settings: Any) -> Scrub:
    return Scrub("clean", GivenTexts("given", TEXTS), exams=(EXAM,), **settings)


@pytest.fixture
def ctx(tmp_path: Path) -> RunContext:
    context = RunContext(tmp_path / "run")
    run_recipe(make_scrub(), context)
    return context


def run_reasons(ctx: RunContext, stage: Scrub, rebuild: tuple[str, ...] = ()) -> list[str]:
    run_recipe(stage, ctx, rebuild=rebuild)
    return [row["reason"] for row in rows_of(ctx, stage)]


# What is marked
# ------------------------------------------------------------------------------------------------------


def text_of_spans(text: str, spans: list[pairs.SharedSpan], kind: str) -> str:
    return " | ".join(text[start:stop] for start, stop, which in spans if which == kind)


def test_shared_words_are_marked_in_both_texts() -> None:
    first, second = (
        "Give the greatest of the values up to it.",
        "x = 1\n# give THE greatest of the values, and stop",
    )
    a, b = pairs.find_shared_spans(first, second)
    assert text_of_spans(first, a, "same") == "Give the greatest of the values"
    assert text_of_spans(second, b, "same") == "give THE greatest of the values"


def test_code_that_differs_in_names_is_marked_as_of_one_form_and_prose_never_is() -> None:
    a, b = pairs.find_shared_spans(PROMPT + BODY, RENAMED)
    assert "for level in levels:" in text_of_spans(
        PROMPT + BODY, a, "form"
    ) and "for x in row:" in text_of_spans(RENAMED, b, "form")
    a, b = pairs.find_shared_spans(
        '"""one two, three, four, five"""', '"""six seven, eight, nine, ten"""'
    )
    assert a == b == []


@pytest.mark.parametrize(
    "texts", [("", "x"), ("x", ""), (PROMPT + BODY, PROMPT + BODY), (BODY * 40, RENAMED * 40)]
)
def test_spans_lie_apart_in_order_and_inside(texts: tuple[str, str]) -> None:
    for text, marks in zip(texts, pairs.find_shared_spans(*texts), strict=True):
        assert all(0 <= start < stop <= len(text) for start, stop, _ in marks)
        assert all(a[1] <= b[0] for a, b in zip(marks, marks[1:], strict=False))


@pytest.mark.parametrize("copy", [RENAMED, PROMPT])
def test_an_excerpt_of_a_long_text_is_the_part_that_matters(copy: str) -> None:
    from hornbook.exams import problems_from_records

    problem = problems_from_records(
        [
            {
                "id": "p",
                "prompt": PROMPT,
                "solution": BODY,
                "tests": "",
                "entry_point": "running_peak",
            }
        ]
    )
    excerpt = pairs.cut_excerpt(
        problem[0],
        "x = [\n" + "    1,\n" * 999 + "]\n" + copy + "\n    y = 2\n" * 0 + "z = 3\n" * 999,
    )
    assert len(excerpt) <= pairs.MAX_EXCERPT and copy.splitlines()[-1] in excerpt


# The judge
# -----------------------------------------------------------------------------------------------------------


def make_judge_stage(llm: LLM, **settings: Any) -> JudgeNear:
    return JudgeNear(
        "judged",
        NearExam("near", (GivenTexts("given", TEXTS),), (EXAM,), top=9),
        llm,
        top=9,
        **settings,
    )


def test_a_judge_sees_each_candidate_once_and_its_verdicts_are_counted_by_detector(
    ctx: RunContext,
) -> None:
    stage = make_judge_stage(scripted_llm("copy"))
    run_recipe(stage, ctx)
    rows = {row["text"]: row for row in rows_of(ctx, stage)}
    assert set(rows) == {COPY, SAME, NEARLY}
    assert rows[COPY]["said"].startswith("13-grams") and "syntax 1.00" in rows[COPY]["said"]
    facts = store.read_json(ctx.run.stage_folder(stage) / "judged.json")
    counted = [(row["detector"], row["hits"], row["rate"]["n"]) for row in facts["precision"]]
    assert counted == [("words", 1, 1), ("syntax", 3, 3)]


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        ("Names only. Verdict: copy", "copy"),
        ("**Verdict: Same idea**", "same idea"),
        ("verdict - unrelated.", "unrelated"),
        ("A copy.", ""),
        ("Verdict: maybe", ""),
        ("Verdict: copy, no: Verdict: paraphrase", "paraphrase"),
    ],
)
def test_a_reply_is_read_or_counted_and_never_guessed(reply: str, verdict: str) -> None:
    assert judge_pairs.parse_verdict(reply) == verdict


def test_a_judge_who_says_nothing_is_counted(ctx: RunContext) -> None:
    stage = make_judge_stage(LLM("scripted", "scripted", answers=("Well.",)))
    run_recipe(stage, ctx)
    assert {row["reason"] for row in rows_of(ctx, stage)} == {"no verdict in the judge's reply"}


def test_what_a_judge_calls_a_paraphrase_goes_and_a_persons_word_goes_before_it(
    ctx: RunContext,
) -> None:
    stage = make_judge_stage(scripted_llm("paraphrase"))
    clean = make_scrub(judge_stage=stage)
    assert run_reasons(ctx, clean, ("clean",))[2:] == ["judged a paraphrase: peak", ""]
    review.record_decisions(ctx, "judged", [f"{document_id(NEARLY)[:8]}=same idea"])
    assert read_state(clean, ctx).status == "stale"
    assert run_reasons(ctx, clean, ("clean",))[2:] == ["", ""]


# Decisions
# -----------------------------------------------------------------------------------------------------------


def test_the_hits_of_a_scrub_stand_beside_their_problems(ctx: RunContext) -> None:
    found_pairs = review.read_pairs(ctx, "clean")
    assert [(pair.task_id, pair.text, pair.problem) for pair in found_pairs] == [("peak", t, PROMPT + BODY)
                                                                          for t in (COPY, SAME)]  # fmt: skip
    assert [pair.text for pair in review.read_pairs(ctx, "clean", kept=True)] == [NEARLY]
    assert review.reviewable_stages(ctx) == ["clean"]


def test_a_decision_makes_the_stage_stale_and_is_applied_when_it_is_rebuilt(
    ctx: RunContext,
) -> None:
    stage = make_scrub()
    assert (
        review.record_decisions(ctx, "clean", [f"{document_id(SAME)[:9]}=unrelated"], "me")[
            0
        ].task_id
        == "peak"
    )
    assert [(pair.verdict, pair.by) for pair in review.read_pairs(ctx, "clean")] == [
        ("", ""),
        ("unrelated", "me"),
    ]
    with pytest.raises(UserError, match=r"absent -> unrelated.*--rebuild clean"):
        run_recipe(stage, ctx)
    assert run_reasons(ctx, stage, ("clean",)) == ["13-gram overlap: peak", "", "", ""]
    review.record_decisions(
        ctx, "clean", [f"{document_id(SAME)[:9]}=open", f"{document_id(NEARLY)[:9]}:peak=copy"]
    )
    reasons = run_reasons(ctx, stage, ("clean",))
    assert reasons == [
        "13-gram overlap: peak",
        "syntax tree match: peak at 1.00",
        "decided a copy: peak",
        "",
    ]


@pytest.mark.parametrize(
    "word", ["x=copy", "=copy", "{id}=nonsense", "{id}", "{id}:other=copy", ""]
)
def test_a_decision_that_names_no_pair_is_refused_and_nothing_is_written(
    ctx: RunContext, word: str
) -> None:
    with pytest.raises(UserError):
        review.record_decisions(
            ctx, "clean", [f"{document_id(COPY)}=copy", word.format(id=document_id(SAME)[:8])]
        )
    assert not (ctx.root / review_decisions.DECISIONS_FILE).exists()


@pytest.mark.parametrize("line", ["nonsense", "[]", '{"stage": "a"}',
                                  '{"stage": "a", "id": "b", "task_id": "c", "verdict": "so so"}'])  # fmt: skip
def test_a_line_that_is_no_decision_is_one_error_with_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "d.jsonl").write_text("\n" + line)
    with pytest.raises(UserError, match=r"d\.jsonl, line 2"):
        review_decisions.read_decisions(tmp_path / "d.jsonl")


def test_the_page_escapes_what_strangers_wrote_and_marks_what_is_shared(ctx: RunContext) -> None:
    hostile = '<script>alert("x")</script>'
    found_pairs = [
        pairs.ReviewPair(
            hostile, hostile + BODY, "id", hostile, hostile + BODY, hostile, "copy", hostile
        )
    ]
    text = review.render_pairs(hostile, found_pairs, hostile)
    assert "<script" not in text and text.count("<mark") >= 2 and "http" not in text


def test_the_command_shows_decides_and_writes_the_page(ctx: RunContext, tmp_path: Path) -> None:
    def run_review(*words: str) -> str:
        result = CliRunner().invoke(main, ["review", str(ctx.root), *words])
        assert result.exit_code == 0, result.output
        return result.output

    assert "clean: 2 pairs, 0 decided" in run_review()
    assert "13-gram overlap: peak" in run_review("clean") and "2 of 2 pairs" in run_review("clean")
    assert "applied by" in run_review(
        "clean", "--mark", f"{document_id(COPY)[:8]}=copy", "--by", "me"
    )
    lines = [json.loads(line) for line in run_review("clean", "--json").splitlines()]
    assert [line["verdict"] for line in lines] == ["copy", ""]
    assert "1 pairs" in run_review("clean", "--undecided", "--html", str(tmp_path / "p.html"))
    assert "running_peak" in (tmp_path / "p.html").read_text()


def test_an_unknown_stage_is_an_error_that_names_those_there_are(ctx: RunContext) -> None:
    with pytest.raises(UserError, match="it has those of clean"):
        review.read_pairs(ctx, "given")


# The audit's labelled sample
# -----------------------------------------------------------------------------------------


def read_precision(folder: Path) -> dict[str, tuple[int, int]]:
    rows = store.read_json(folder / "audit" / "precision.json")
    return {row["detector"]: (row["hits"], row["rate"]["n"]) for row in rows}


def test_precision_is_of_the_hits_with_a_verdict_a_persons_before_the_judges(
    tmp_path: Path,
) -> None:
    ctx = RunContext(tmp_path)
    settings = audit.AuditSettings(rates=(0.95,))
    stage = AuditScrub(
        "audit", GivenTexts("given", TEXTS), (EXAM,), settings, judge=scripted_llm("copy")
    )
    run_recipe(stage, ctx)
    rates = read_precision(tmp_path)
    assert rates == {"13-gram": (1, 1), "syntax tree at 0.95": (2, 2)}
    review.record_decisions(ctx, "audit", [f"{document_id(SAME)[:8]}=unrelated"])
    run_recipe(stage, ctx, rebuild=("audit",))
    rates = read_precision(tmp_path)
    assert rates == {"13-gram": (1, 1), "syntax tree at 0.95": (1, 2)}
    assert sorted(pair.by for pair in review.read_pairs(ctx, "audit")) == [
        "a person",
        "scripted",
        "scripted",
    ]
