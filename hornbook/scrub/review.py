"""The pairs that a stage of a run has to show: its hits beside the exam's problems, with what was decided about them.

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
from hornbook.frame.stage import Desk
from hornbook.records import UserError
from hornbook.scrub import judge_pairs, nearest_records, review_decisions, syntax
from hornbook.scrub.pairs import Mark, Pair, excerpt, shared

if TYPE_CHECKING:
    from hornbook.exams import Problem

KINDS = ("Scrub", "JudgeNear", "NearExam", "AuditScrub")
DECIDED = (
    "Scrub",
    "JudgeNear",
    "AuditScrub",
)  # whose decisions are applied; the others are only looked at


def stages(desk: Desk) -> list[str]:
    """The finished stages of a run that have pairs to show."""
    return [name for name in desk.stages() if _kind(desk, name) in KINDS]


def _kind(desk: Desk, stage: str) -> str:
    return str(desk.manifest(stage)["identity"]["stage"])


def pairs(desk: Desk, stage: str, kept: bool = False) -> list[Pair]:
    """All pairs of a stage; of a Scrub its hits, or with `kept` the records that came near and stayed.

    Raises UserError for a stage that has none.
    """
    if stage not in desk.stages() or _kind(desk, stage) not in KINDS:
        raise UserError(
            f"{desk.root} has no pairs of {stage!r}; it has those of {', '.join(stages(desk)) or 'none'}"
        )
    made = {"Scrub": _scrubbed, "JudgeNear": _judged, "NearExam": _near, "AuditScrub": _audited}[
        _kind(desk, stage)
    ]
    found = made(desk, stage, kept)
    decided = review_decisions.read(desk.root / review_decisions.FILE)
    given = {(each.id, each.task_id): each for each in decided if each.stage == stage}
    return [
        replace(pair, verdict=given[key].verdict, by=given[key].by or "a person")
        if key in given
        else pair
        for pair in found
        for key in [(pair.id, pair.task_id)]
    ]


def _exam(desk: Desk, stage: str) -> dict[str, Problem]:
    """The problems that a stage compared with, by their names: as its manifest names them."""
    found: list[Problem] = []
    for exam in desk.manifest(stage)["identity"]["settings"]["exams"]:
        if isinstance(exam, str):
            found += exams.load(exam)
        else:
            found += exams.from_records(
                row for table in desk.kept(exam["stage"]) for row in table.to_pylist()
            )
    return {problem.task_id: problem for problem in found}


def _scrubbed(desk: Desk, stage: str, kept: bool) -> list[Pair]:
    exam = _exam(desk, stage)
    wanted = [
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
    found = []
    for table in desk.tables(stage, wanted):
        for row in table.to_pylist():
            task, said = _task(row, exam), row["reason"] or ""
            if kept and row["kept"] and (row["syntax_match"] or 0) >= syntax.FLOOR:
                task, said = row["nearest_exam"], f"syntax {row['syntax_match']:.2f}, kept"
            elif (
                kept or row["kept"] or row["syntax_match"] is None
            ):  # null: another stage dropped it before
                continue
            if task in exam:
                text = excerpt(exam[task], row["text"])
                found.append(Pair(task, exam[task].solution, row["id"], _where(row), text, said))
    return _sorted(found)


def _task(row: Mapping[str, Any], exam: Mapping[str, Problem]) -> str:
    """The problem that a reason names: "13-gram overlap: HumanEval/12", "syntax tree match: HumanEval/3 at 0.97"."""
    named = (row["reason"] or "").partition(": ")[2]
    return named if named in exam else re.sub(r" at [\d.]+$", "", named)


def _judged(desk: Desk, stage: str, kept: bool) -> list[Pair]:
    settings = desk.manifest(stage)["identity"]["settings"]
    rows = [row for table in desk.tables(stage) for row in table.to_pylist()]
    return judge_pairs.pairs(
        rows, _exam(desk, settings["near"]["stage"]), settings["judge"]["model"]
    )


def _near(desk: Desk, stage: str, kept: bool) -> list[Pair]:
    return beside(_exam(desk, stage).values(), nearest_records.of(desk, stage))


def beside(problems: Iterable[Problem], found: Sequence[nearest_records.Near]) -> list[Pair]:
    """Neighbours (near.py) as pairs, one a record and problem."""
    exam = {problem.task_id: problem.solution for problem in problems}
    return [
        Pair(
            row.task_id,
            exam[row.task_id],
            row.id,
            _where(vars(row)),
            row.text,
            judge_pairs.said(group),
        )
        for group in judge_pairs.candidates(found, within=2.0)
        for row in group[:1]
    ]


def _audited(desk: Desk, stage: str, kept: bool) -> list[Pair]:
    hits = store.read_json(desk.folder(stage) / "hits.json") or []
    return [
        Pair(hit["task_id"], hit["problem"], hit["record"], hit["where"], hit["text"], hit["detector"], hit["verdict"],
             hit.get("by", ""))
        for hit in hits
    ]  # fmt: skip


def _where(row: Mapping[str, Any]) -> str:
    return f"{row['origin']}:{row['path']}:{row['start']}"


def _sorted(found: Sequence[Pair]) -> list[Pair]:
    return sorted(
        found, key=lambda pair: (nearest_records.numbered(pair.task_id), pair.where, pair.id)
    )


def decide(
    desk: Desk, stage: str, words: Sequence[str], by: str = ""
) -> list[review_decisions.Decision]:
    """Write decisions given as ID=VERDICT or ID:TASK=VERDICT, an id by its first characters; "open" takes one back.

    Raises UserError for what names no pair or more than one record, and writes nothing then.
    """
    if _kind(desk, stage) not in DECIDED:
        raise UserError(
            f"nothing is decided about {stage}: it only says who is near; decide about a Scrub of the data"
        )
    looked = [
        *pairs(desk, stage),
        *(pairs(desk, stage, kept=True) if _kind(desk, stage) == "Scrub" else []),
    ]
    known = {(pair.id, pair.task_id) for pair in looked}
    # What was let go is no hit any more, and can be called back.
    known |= {
        (id, task) for id, tasks in review_decisions.of_stage(desk, stage).items() for task in tasks
    }
    made = [decision for word in words for decision in _decisions(word, stage, known, by)]
    review_decisions.add(desk.root / review_decisions.FILE, made)
    return made


def _decisions(
    word: str, stage: str, known: set[tuple[str, str]], by: str
) -> Iterator[review_decisions.Decision]:
    name, _, verdict = word.rpartition("=")
    id, _, task = name.partition(":")
    if verdict not in (*review_decisions.VERDICTS, "open") or not id:
        raise UserError(f"{word!r}: write ID=VERDICT or ID:TASK=VERDICT, a verdict being one of "
                        f"{', '.join(review_decisions.VERDICTS)}, or open")  # fmt: skip
    found = {
        (one, problem) for one, problem in known if one.startswith(id) and task in ("", problem)
    }
    if len({one for one, _ in found}) != 1:
        raise UserError(
            f"{word!r} names {len(found) or 'no'} pairs of {stage}: give more of the record's id"
        )
    for one, problem in sorted(found):
        yield review_decisions.Decision(
            stage, one, problem, "" if verdict == "open" else verdict, by
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


def page(title: str, found: Sequence[Pair], how: str = "") -> str:
    """One self-contained HTML page; everything in it but its own words is escaped."""
    counts = ", ".join(
        f"{name} {sum(pair.verdict == name for pair in found)}"
        for name in review_decisions.VERDICTS
    )
    waiting = sum(not pair.verdict for pair in found)
    sections = "".join(_section(number, pair) for number, pair in enumerate(found, start=1))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style><h1>{html.escape(title)}</h1>'
        f"<p>{len(found)} pairs: {counts}, not decided {waiting}. {html.escape(how)}</p>"
        '<p class="key"><span class="same">same words</span> <span class="form">same code but for names, numbers and '
        f"texts</span></p>{sections}</html>\n"
    )


def _section(number: int, pair: Pair) -> str:
    first, second = shared(pair.problem, pair.text)
    verdict = (
        f" &middot; <strong>{html.escape(pair.verdict)}</strong> ({html.escape(pair.by)})"
        if pair.verdict
        else ""
    )
    return (
        f"<section><h2>{number}. {html.escape(pair.task_id)} &middot; {html.escape(pair.where)}{verdict}</h2>"
        f"<p>{html.escape(pair.said)} &middot; <code>{html.escape(pair.id[:12])}</code></p><div class=sides>"
        f"<pre>{_marked(pair.problem, first)}</pre><pre>{_marked(pair.text, second)}</pre></div></section>"
    )


def _marked(text: str, marks: Sequence[Mark]) -> str:
    made, at = "", 0
    for start, stop, kind in marks:
        made += f"{html.escape(text[at:start])}<mark class={kind}>{html.escape(text[start:stop])}</mark>"
        at = stop
    return made + html.escape(text[at:])
