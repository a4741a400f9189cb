"""The pairs of a stage: its hits beside the exam's problems, with what was decided on them.

In: a run's folder and the name of a Scrub, JudgeNear, NearExam or AuditScrub stage; no recipe is
needed. Out: pairs (pairs.py) in the order of the problems, and a page of them side by side, with
the shared parts marked. `record_decisions` writes decisions (review_decisions.py); they are applied
when the stage is rebuilt.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hornbook import exams, store
from hornbook.frame.stage import RunContext
from hornbook.pages import review_page
from hornbook.records import UserError
from hornbook.scrub import judge_pairs, nearest_records, review_decisions, syntax
from hornbook.scrub.pairs import ReviewPair, cut_excerpt, find_shared_spans

if TYPE_CHECKING:
    from hornbook.exams import Problem

REVIEWED_CLASSES = ("Scrub", "JudgeNear", "NearExam", "AuditScrub")
# Decisions are applied by these; NearExam is only looked at.
DECIDABLE_CLASSES = ("Scrub", "JudgeNear", "AuditScrub")


def reviewable_stages(ctx: RunContext) -> list[str]:
    """The finished stages of a run that have pairs to show."""
    return [
        name for name in ctx.run.finished_stages() if _stage_class(ctx, name) in REVIEWED_CLASSES
    ]


def _stage_class(ctx: RunContext, stage: str) -> str:
    return str(ctx.run.read_manifest(stage)["identity"]["stage"])


def read_pairs(ctx: RunContext, stage: str, kept: bool = False) -> list[ReviewPair]:
    """All pairs of a stage: a Scrub's hits, or with `kept` the records that came near and stayed.

    Raises UserError for a stage that has none.
    """
    if stage not in ctx.run.finished_stages() or _stage_class(ctx, stage) not in REVIEWED_CLASSES:
        raise UserError(
            f"{ctx.root} has no pairs of {stage!r}; it has those of "
            f"{', '.join(reviewable_stages(ctx)) or 'none'}"
        )
    read_stage_pairs = {
        "Scrub": _read_scrub_pairs,
        "JudgeNear": _read_judge_pairs,
        "NearExam": _read_near_pairs,
        "AuditScrub": _read_audit_pairs,
    }[_stage_class(ctx, stage)]
    pairs = read_stage_pairs(ctx, stage, kept)
    decisions = review_decisions.read_decisions(ctx.root / review_decisions.DECISIONS_FILE)
    decision_by_pair = {
        (decision.id, decision.task_id): decision
        for decision in decisions
        if decision.stage == stage
    }
    decided_pairs = []
    for pair in pairs:
        decision = decision_by_pair.get((pair.id, pair.task_id))
        if decision is not None:
            pair = replace(pair, verdict=decision.verdict, by=decision.by or "a person")
        decided_pairs.append(pair)
    return decided_pairs


def _load_stage_problems(ctx: RunContext, stage: str) -> dict[str, Problem]:
    """The problems that a stage compared with, by their names: as its manifest names them."""
    problems: list[Problem] = []
    for exam in ctx.run.read_manifest(stage)["identity"]["settings"]["exams"]:
        if isinstance(exam, str):
            problems += exams.load_exam(exam)
        else:
            rows = ctx.run.iterate_rows(exam["stage"], kept_only=True)
            problems += exams.problems_from_records(rows)
    return {problem.task_id: problem for problem in problems}


def _read_scrub_pairs(ctx: RunContext, stage: str, kept: bool) -> list[ReviewPair]:
    problem_by_id = _load_stage_problems(ctx, stage)
    columns = [
        "id",
        "text",
        "origin",
        "path",
        "start",
        "kept",
        "reason",
        "syntax_match",
        "nearest_exam",
    ]
    pairs = []
    for table in ctx.run.read_shards(stage, columns):
        for row in table.to_pylist():
            task, evidence = _task_from_reason(row, problem_by_id), row["reason"] or ""
            if kept and row["kept"] and (row["syntax_match"] or 0) >= syntax.MIN_RATE:
                task, evidence = row["nearest_exam"], f"syntax {row['syntax_match']:.2f}, kept"
            elif (
                kept or row["kept"] or row["syntax_match"] is None
            ):  # null: another stage dropped it before
                continue
            if task in problem_by_id:
                text = cut_excerpt(problem_by_id[task], row["text"])
                pairs.append(
                    ReviewPair(
                        task,
                        problem_by_id[task].solution,
                        row["id"],
                        _format_location(row),
                        text,
                        evidence,
                    )
                )
    return _sort_pairs(pairs)


def _task_from_reason(row: Mapping[str, Any], problem_by_id: Mapping[str, Problem]) -> str:
    """The problem named by a reason such as "syntax tree match: HumanEval/3 at 0.97"."""
    task = (row["reason"] or "").partition(": ")[2]
    return task if task in problem_by_id else re.sub(r" at [\d.]+$", "", task)


def _read_judge_pairs(ctx: RunContext, stage: str, kept: bool) -> list[ReviewPair]:
    settings = ctx.run.read_manifest(stage)["identity"]["settings"]
    rows = list(ctx.run.iterate_rows(stage))
    return judge_pairs.make_review_pairs(
        rows, _load_stage_problems(ctx, settings["near"]["stage"]), settings["judge"]["model"]
    )


def _read_near_pairs(ctx: RunContext, stage: str, kept: bool) -> list[ReviewPair]:
    return pair_nearest(
        _load_stage_problems(ctx, stage).values(), nearest_records.read_nearest(ctx, stage)
    )


def pair_nearest(
    problems: Iterable[Problem], records: Sequence[nearest_records.NearRecord]
) -> list[ReviewPair]:
    """Nearest records as pairs, one per record and problem."""
    solution_by_id = {problem.task_id: problem.solution for problem in problems}
    groups = judge_pairs.group_candidates(records, max_distance=2.0)
    return [
        ReviewPair(
            group[0].task_id,
            solution_by_id[group[0].task_id],
            group[0].id,
            _format_location(vars(group[0])),
            group[0].text,
            judge_pairs.describe_evidence(group),
        )
        for group in groups
    ]


def _read_audit_pairs(ctx: RunContext, stage: str, kept: bool) -> list[ReviewPair]:
    hits = store.read_json(ctx.run.stage_folder(stage) / "hits.json") or []
    return [
        ReviewPair(hit["task_id"], hit["problem"], hit["record"], hit["where"], hit["text"],
                   hit["detector"], hit["verdict"],
             hit.get("by", ""))
        for hit in hits
    ]  # fmt: skip


def _format_location(row: Mapping[str, Any]) -> str:
    return f"{row['origin']}:{row['path']}:{row['start']}"


def _sort_pairs(pairs: Sequence[ReviewPair]) -> list[ReviewPair]:
    return sorted(
        pairs,
        key=lambda pair: (nearest_records.natural_sort_key(pair.task_id), pair.location, pair.id),
    )


def record_decisions(
    ctx: RunContext, stage: str, options: Sequence[str], by: str = ""
) -> list[review_decisions.ReviewDecision]:
    """Write decisions ID=VERDICT or ID:TASK=VERDICT (an id by its start); "open" removes one.

    Raises UserError for what names no pair or more than one record, and writes nothing then.
    """
    if _stage_class(ctx, stage) not in DECIDABLE_CLASSES:
        raise UserError(
            f"decisions do not apply to {stage}, which only lists near records: decide about a "
            "Scrub of the data"
        )
    pairs = [
        *read_pairs(ctx, stage),
        *(read_pairs(ctx, stage, kept=True) if _stage_class(ctx, stage) == "Scrub" else []),
    ]
    pair_keys = {(pair.id, pair.task_id) for pair in pairs}
    # A pair that was decided earlier is no hit any more; its decision can be taken back.
    for record_id, tasks in review_decisions.read_stage_verdicts(ctx, stage).items():
        pair_keys |= {(record_id, task) for task in tasks}
    decisions: list[review_decisions.ReviewDecision] = []
    for option in options:
        decisions += _parse_decision_option(option, stage, pair_keys, by)
    review_decisions.append_decisions(ctx.root / review_decisions.DECISIONS_FILE, decisions)
    return decisions


def _parse_decision_option(
    option: str, stage: str, pair_keys: set[tuple[str, str]], by: str
) -> Iterator[review_decisions.ReviewDecision]:
    name, _, verdict = option.rpartition("=")
    id, _, task = name.partition(":")
    if verdict not in (*review_decisions.VERDICTS, "open") or not id:
        raise UserError(f"{option!r}: write ID=VERDICT or ID:TASK=VERDICT, a verdict being one of "
                        f"{', '.join(review_decisions.VERDICTS)}, or open")  # fmt: skip
    matching = {
        (record_id, problem)
        for record_id, problem in pair_keys
        if record_id.startswith(id) and task in ("", problem)
    }
    if len({record_id for record_id, _ in matching}) != 1:
        raise UserError(
            f"{option!r} names {len(matching) or 'no'} pairs of {stage}: give more of the "
            "record's id"
        )
    for record_id, problem in sorted(matching):
        yield review_decisions.ReviewDecision(
            stage, record_id, problem, "" if verdict == "open" else verdict, by
        )


def render_pairs(title: str, pairs: Sequence[ReviewPair], instructions: str = "") -> str:
    """The page of these pairs as HTML (pages/review_page.py)."""
    counts = dict.fromkeys(review_decisions.VERDICTS, 0) | {"not decided": 0}
    shown = []
    for pair in pairs:
        counts[pair.verdict or "not decided"] = counts.get(pair.verdict or "not decided", 0) + 1
        problem_spans, record_spans = find_shared_spans(pair.problem, pair.text)
        shown.append(
            review_page.ShownPair(
                f"{pair.task_id} \u00b7 {pair.location}",
                pair.evidence,
                pair.id[:12],
                pair.verdict,
                pair.by,
                review_page.MarkedText(pair.problem, problem_spans),
                review_page.MarkedText(pair.text, record_spans),
            )
        )
    return review_page.render_review_page(title, shown, counts, instructions)
