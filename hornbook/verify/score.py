"""From verdicts to results: pass@1 and pass@k with intervals per protocol, and paired comparison.

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
from hornbook.intervals import (
    Estimate,
    PairedResults,
    compare_pairs,
    mean_pass_at_k,
    wilson_interval,
)
from hornbook.records import UserError
from hornbook.verify.protocols import EvalProtocol, build_whole_program, get_protocols
from hornbook.verify.run_tests import AnswerVerdict, ExamAnswer, count_categories, run_answer_tests

PASS_AT_KS = (
    1,
    10,
    100,
)  # the paper's and HumanEval's; where there are fewer samples than 10, also their number


@dataclass(frozen=True)
class ProtocolScore:
    """One protocol's result on one exam. `unanswered` problems have no sample; they count wrong."""

    protocol: str
    problems: int
    samples: int
    pass_at: Mapping[int, Estimate]
    categories: Mapping[str, int]
    trust: Mapping[str, int]  # how many verdicts were reached with how much isolation
    unanswered: int = 0


@dataclass(frozen=True)
class ScoredLine:
    """A line of a samples file that was scored under one protocol."""

    line_number: int  # from 1
    verdict: AnswerVerdict


@dataclass(frozen=True)
class DroppedLine:
    """A line of a samples file that could not be used."""

    line_number: int
    reason: str
    task_id: str | None = None  # what it names, where that can be read


@dataclass(frozen=True)
class ScoredFile:
    """A scored file: its lines by protocol, the dropped lines, and a score per protocol."""

    lines: list[ScoredLine]
    dropped: list[DroppedLine]
    scores: list[ProtocolScore]


@dataclass(frozen=True)
class _SampleLine:
    line_number: int
    task_id: str
    text: str
    is_whole_program: bool  # the text is a whole program


def score_protocols(
    problems: Sequence[Problem], verdicts: Sequence[AnswerVerdict]
) -> list[ProtocolScore]:
    """A score per protocol, in the answers' order. A problem without an answer counts as failed."""
    names = dict.fromkeys(verdict.answer.protocol for verdict in verdicts)
    return [
        _score_protocol(
            name, problems, [verdict for verdict in verdicts if verdict.answer.protocol == name]
        )
        for name in names
    ]


def _score_protocol(
    protocol: str, problems: Sequence[Problem], verdicts: Sequence[AnswerVerdict]
) -> ProtocolScore:
    passed_by_task: dict[str, list[bool]] = {problem.task_id: [] for problem in problems}
    for verdict in verdicts:
        passed_by_task[verdict.answer.task_id].append(verdict.has_passed)
    max_samples = max(map(len, passed_by_task.values()), default=1)
    counts = [(len(outcomes) or max_samples, sum(outcomes)) for outcomes in passed_by_task.values()]
    min_samples = min((n for n, _ in counts), default=1)
    ks = sorted({*PASS_AT_KS, min_samples} if min_samples < PASS_AT_KS[1] else PASS_AT_KS)
    pass_at = {k: mean_pass_at_k(counts, k, f"pass@{k}") for k in ks if k <= min_samples}
    if (
        max_samples == 1
    ):  # a rate: Wilson's interval holds where a bootstrap of all failures would say 0 to 0
        pass_at[1] = wilson_interval(sum(correct for _, correct in counts), len(counts))
    trust: dict[str, int] = {}
    for verdict in verdicts:
        trust[verdict.trust] = trust.get(verdict.trust, 0) + 1
    unanswered = sum(not outcomes for outcomes in passed_by_task.values())
    return ProtocolScore(
        protocol,
        len(problems),
        len(verdicts),
        pass_at,
        count_categories(verdicts),
        trust,
        unanswered,
    )


def score_samples(
    path: Path,
    problems: Sequence[Problem],
    protocol_names: Sequence[str] = ("plain",),
    allow_unsafe: bool = False,
) -> ScoredFile:
    """Score a jsonl file of samples: task_id with `completion` or `solution` (a whole program).

    Several lines of one task_id are samples of it. Raises UserError where no line can be used.
    """
    protocols = get_protocols(protocol_names)
    exam = {problem.task_id: problem for problem in problems}
    samples: list[_SampleLine] = []
    dropped: list[DroppedLine] = []
    for line in read_samples(path, exam):
        samples.append(line) if isinstance(line, _SampleLine) else dropped.append(line)
    if not samples:
        hint = (
            f": line {dropped[0].line_number} {dropped[0].reason}"
            if dropped
            else ": it has no lines"
        )
        raise UserError(f"{path} has no sample of this exam{hint}")
    answers: list[ExamAnswer] = []
    for protocol in protocols:
        answers += _build_answers(samples, exam, protocol)
    verdicts = list(run_answer_tests(problems, answers, allow_unsafe))
    line_numbers = [sample.line_number for sample in samples] * len(protocols)
    lines = [
        ScoredLine(line_number, verdict)
        for line_number, verdict in zip(line_numbers, verdicts, strict=True)
    ]
    return ScoredFile(lines, dropped, score_protocols(problems, verdicts))


def read_samples(path: Path, exam: Mapping[str, Problem]) -> Iterator[_SampleLine | DroppedLine]:
    """Every line of a samples file (.jsonl, .jsonl.gz), as a sample or as dropped with a reason."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} cannot be read: {getattr(error, 'strerror', None) or error}"
        ) from error
    for line_number, line in enumerate(data.split(b"\n"), start=1):
        if line.strip():
            yield _parse_sample(line_number, line, exam)


def _parse_sample(
    line_number: int, line: bytes, exam: Mapping[str, Problem]
) -> _SampleLine | DroppedLine:
    try:
        row = json.loads(line.decode("utf-8-sig" if line_number == 1 else "utf-8"))
    except UnicodeDecodeError as error:
        return DroppedLine(line_number, f"not UTF-8: byte {error.start} of the line")
    except ValueError as error:
        return DroppedLine(line_number, f"not JSON: {error}")
    except RecursionError:
        return DroppedLine(line_number, "not JSON: nested too deeply")
    if not isinstance(row, dict):
        return DroppedLine(line_number, f"no JSON object: {type(row).__name__}")
    task_id = row.get("task_id")
    if not isinstance(task_id, str):
        return DroppedLine(line_number, "no task_id: a text is expected")
    if task_id not in exam:
        return DroppedLine(line_number, f"task_id not in the exam: {task_id[:60]}", task_id)
    field = "completion" if "completion" in row else "solution"
    if not isinstance(row.get(field), str):
        return DroppedLine(
            line_number, "no completion: a text named completion or solution is expected", task_id
        )
    return _SampleLine(line_number, task_id, row[field], field == "solution")


def _build_answers(
    samples: Sequence[_SampleLine], exam: Mapping[str, Problem], protocol: EvalProtocol
) -> Iterator[ExamAnswer]:
    sample_counts: dict[str, int] = {}
    for sample in samples:
        problem = exam[sample.task_id]
        prompt = "" if sample.is_whole_program else problem.prompt
        program = (
            build_whole_program(problem, protocol, sample.text)
            if sample.is_whole_program
            else protocol.build_program(problem, prompt, sample.text)
        )
        sample_index = sample_counts.get(sample.task_id, 0)
        sample_counts[sample.task_id] = sample_index + 1
        yield ExamAnswer(sample.task_id, sample_index, protocol.name, prompt, sample.text, program)


def make_report_rows(scored: ScoredFile) -> Iterator[dict[str, Any]]:
    """A row a sample and protocol, and one a dropped line, in the order of the file."""
    rows = [(line.line_number, _make_dropped_row(line)) for line in scored.dropped]
    rows += [(line.line_number, _make_scored_row(line)) for line in scored.lines]
    yield from (
        row for _, row in sorted(rows, key=lambda numbered_row: numbered_row[0])
    )  # stable: protocols keep their order


def _make_scored_row(line: ScoredLine) -> dict[str, Any]:
    answer = line.verdict.answer
    return {
        "task_id": answer.task_id,
        "line": line.line_number,
        "sample": answer.sample,
        "protocol": answer.protocol,
        "verdict": line.verdict.status,
        "reason": line.verdict.reason,
        "category": line.verdict.category,
        "cpu_s": round(line.verdict.cpu_s, 3),
        "trust": line.verdict.trust,
    }


def _make_dropped_row(line: DroppedLine) -> dict[str, Any]:
    return {
        "task_id": line.task_id,
        "line": line.line_number,
        "verdict": "dropped",
        "reason": line.reason,
    }


def make_totals_row(scored: ScoredFile) -> dict[str, Any]:
    """The last row: a score a protocol, and how many lines were dropped."""
    return {
        "totals": [score_to_json(score) for score in scored.scores],
        "dropped": len(scored.dropped),
    }


def score_to_json(score: ProtocolScore) -> dict[str, Any]:
    """A score as plain data; pass@k under its name, with value, low, high, n, method."""
    fields = asdict(score)
    pass_at = fields.pop("pass_at")
    return {**fields, "passed": score.categories.get("passed", 0)} | {
        f"pass@{k}": v for k, v in pass_at.items()
    }


def compare_samples(
    first: Sequence[AnswerVerdict], second: Sequence[AnswerVerdict]
) -> dict[str, PairedResults]:
    """Two models on the problems that both answered, per common protocol, by the first samples.

    Raises UserError where they have no problem or protocol in common.
    """
    first_passed, second_passed = _first_outcomes(first), _first_outcomes(second)
    common_keys = [key for key in first_passed if key in second_passed]
    if not common_keys:
        raise UserError(
            "the two files have no problem with the same protocol in common: there is nothing to "
            "compare"
        )
    names = dict.fromkeys(protocol for protocol, _ in common_keys)
    return {
        name: compare_pairs(
            [first_passed[k] for k in common_keys if k[0] == name],
            [second_passed[k] for k in common_keys if k[0] == name],
        )
        for name in names
    }


def _first_outcomes(verdicts: Sequence[AnswerVerdict]) -> dict[tuple[str, str], bool]:
    outcomes: dict[tuple[str, str], bool] = {}
    for verdict in verdicts:
        outcomes.setdefault((verdict.answer.protocol, verdict.answer.task_id), verdict.has_passed)
    return outcomes
