"""The pairs of a stage: its hits beside the exam's problems, with what was decided on them.

In: a run's folder and the name of a Scrub, JudgeNear, NearExam or AuditScrub stage; no recipe is
needed. Out: pairs (pairs.py) in the order of the problems, and one page (`page`) of them side by
side, with the shared parts marked. Decisions are written by `decide` (verdicts.py) and applied when
the stage is made again.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hornbook import exams, store
from hornbook.frame.stage import RunContext
from hornbook.records import UserError
from hornbook.scrub import judge_pairs, nearest_records, review_decisions, syntax
from hornbook.scrub.pairs import ReviewPair, SharedSpan, cut_excerpt, find_shared_spans

if TYPE_CHECKING:
    from hornbook.exams import Problem

REVIEWED_CLASSES = ("Scrub", "JudgeNear", "NearExam", "AuditScrub")
DECIDABLE_CLASSES = (
    "Scrub",
    "JudgeNear",
    "AuditScrub",
)  # whose decisions are applied; the others are only looked at


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
    return [
        replace(
            pair, verdict=decision_by_pair[key].verdict, by=decision_by_pair[key].by or "a person"
        )
        if key in decision_by_pair
        else pair
        for pair in pairs
        for key in [(pair.id, pair.task_id)]
    ]


def _load_stage_problems(ctx: RunContext, stage: str) -> dict[str, Problem]:
    """The problems that a stage compared with, by their names: as its manifest names them."""
    problems: list[Problem] = []
    for exam in ctx.run.read_manifest(stage)["identity"]["settings"]["exams"]:
        if isinstance(exam, str):
            problems += exams.load_exam(exam)
        else:
            problems += exams.problems_from_records(
                row for table in ctx.run.read_kept_rows(exam["stage"]) for row in table.to_pylist()
            )
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
    rows = [row for table in ctx.run.read_shards(stage) for row in table.to_pylist()]
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
    """Neighbours (near.py) as pairs, one a record and problem."""
    solution_by_id = {problem.task_id: problem.solution for problem in problems}
    return [
        ReviewPair(
            row.task_id,
            solution_by_id[row.task_id],
            row.id,
            _format_location(vars(row)),
            row.text,
            judge_pairs.describe_evidence(group),
        )
        for group in judge_pairs.group_candidates(records, max_distance=2.0)
        for row in group[:1]
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
    # What was let go is no hit any more, and can be called back.
    pair_keys |= {
        (id, task)
        for id, tasks in review_decisions.read_stage_verdicts(ctx, stage).items()
        for task in tasks
    }
    decisions = [
        decision
        for word in options
        for decision in _parse_decision_option(word, stage, pair_keys, by)
    ]
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


STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:90em;padding:0 1em;color:#222;background:#fff}
section{border-top:1px solid #ccc;margin-top:1.5em;padding-top:.5em}h2{font-size:1em;margin:.3em 0}
.sides{display:grid;grid-template-columns:1fr 1fr;gap:1em}pre{white-space:pre-wrap;overflow-wrap:anywhere;
font:13px/1.45 ui-monospace,monospace;background:#f7f7f5;padding:.7em;margin:0;max-height:36em;overflow:auto}
mark{color:inherit}.same{background:#ffd98a}.form{background:#cfe3ff}.key span{padding:0 .4em}code{background:#f1f1ee}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}pre,code{background:#242424}
.same{background:#7a5a10}.form{background:#1d4675}section{border-color:#444}}
"""


def render_review_page(title: str, pairs: Sequence[ReviewPair], instructions: str = "") -> str:
    """One self-contained HTML page; everything in it but its own words is escaped."""
    counts = ", ".join(
        f"{name} {sum(pair.verdict == name for pair in pairs)}"
        for name in review_decisions.VERDICTS
    )
    undecided = sum(not pair.verdict for pair in pairs)
    sections = "".join(
        _render_pair(pair_number, pair) for pair_number, pair in enumerate(pairs, start=1)
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><h1>{html.escape(title)}</h1>'
        f"<p>{len(pairs)} pairs: {counts}, not decided {undecided}. {html.escape(instructions)}</p>"
        '<p class="key"><span class="same">same words</span> <span class="form">same code but for names, numbers and '
        f"texts</span></p>{sections}</html>\n"
    )


def _render_pair(pair_number: int, pair: ReviewPair) -> str:
    first, second = find_shared_spans(pair.problem, pair.text)
    verdict = (
        f" &middot; <strong>{html.escape(pair.verdict)}</strong> ({html.escape(pair.by)})"
        if pair.verdict
        else ""
    )
    return (
        f"<section><h2>{pair_number}. {html.escape(pair.task_id)} &middot; {html.escape(pair.location)}{verdict}</h2>"
        f"<p>{html.escape(pair.evidence)} &middot; <code>{html.escape(pair.id[:12])}</code></p><div class=sides>"
        f"<pre>{_highlight_spans(pair.problem, first)}</pre><pre>{_highlight_spans(pair.text, second)}</pre></div></section>"
    )


def _highlight_spans(text: str, spans: Sequence[SharedSpan]) -> str:
    highlighted, position = "", 0
    for start, stop, kind in spans:
        highlighted += f"{html.escape(text[position:start])}<mark class={kind}>{html.escape(text[start:stop])}</mark>"
        position = stop
    return highlighted + html.escape(text[position:])
