"""The exam: a model is sampled, its programs are run, and what that shows is written down with its uncertainty.

In: a trained model (or any LLM), an exam by name or held-out exercises. Out: a row a problem,
sample and protocol with raw text, program, verdict and reason, and `summary.json`: pass@k with
intervals per protocol, bits per byte of the reference solutions, failures by category. Opening a
benchmark is noted in the run's log first (lock.py). Killed while sampling, it goes on with the
batches that are on disk. Not covered: time, which is in usage.json, for rows must be the same bytes
whenever they are made.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import exams, store
from hornbook.frame import exam_log
from hornbook.frame.stage import Desk, Price, Size, Stage, Whole
from hornbook.intervals import ratio
from hornbook.llm import LLM
from hornbook.records import UserError, share
from hornbook.verify import samplers
from hornbook.verify.protocols import protocols
from hornbook.verify.run_tests import MEMORY_MB, TIMEOUT_S, Judged, judge
from hornbook.verify.sample import asked, sampled
from hornbook.verify.score import as_json, summarise

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem

RESULT: dict[str, str] = {
    "task_id": "string",
    "sample": "int32",
    "protocol": "string",
    "prompt": "string",  # what the model was shown
    "raw": "string",  # what it wrote, uncut
    "program": "string",  # what the protocol made of it
    "verdict": "string",
    "reason": "string",
    "category": "string",
    "trust": "string",
    "reference_bits": "double",  # of the reference given the prompt; null where the model gives no probabilities
    "reference_bytes": "int32",
}


@dataclass(frozen=True)
class Examine(Whole):
    """Examine a model. Its stages `after` are finished before the exam is opened: checkpoints to choose among."""

    model: Stage | LLM
    exam: str | Stage  # a name for benchmarks.load, or a stage of exercises
    protocols: tuple[str, ...] = ("plain",)
    samples: int = 1
    temperature: float = 0.0
    max_new_tokens: int = (
        384  # the longest reference of HumanEval has 249 tokens of CodeGen's vocabulary
    )
    problems: int = 0  # so many, chosen by a hash of their ids; 0 for all
    after: tuple[Stage, ...] = ()

    version: ClassVar[int] = 1

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        source = exams.source(self.exam) if isinstance(self.exam, str) else ""
        return {"exam": source, "timeout_s": TIMEOUT_S, "memory_mb": MEMORY_MB}

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        known = (
            exams.SIZES.get(self.exam.partition(":")[0], 500) if isinstance(self.exam, str) else 100
        )
        answers = (min(known, self.problems) if self.problems else known) * self.samples
        tokens = answers * self.max_new_tokens
        # 500 tokens a second is the embedded model at batch 32 (measured, 2 cores); 100 programs a
        # second are judged.
        return Price(
            Size(answers), tokens=tokens, minutes=(tokens / 500 + answers / 100) / 60, peak_mb=1500
        )

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        chosen = protocols(self.protocols)
        if self.samples > 1 and not self.temperature:
            raise UserError(
                f"{self.name}: {self.samples} samples at temperature 0 are one answer, {self.samples} times over: "
                "set a temperature, or samples=1"
            )
        exam = self.open(desk)
        questions = asked(exam, chosen)
        writer = samplers.writer(self.model, desk, self.temperature, self.max_new_tokens)
        desk.reporter.begin(self.name, len(questions), "prompts")
        given = list(
            sampled(
                desk.folder(self) / "raw", questions, self.samples, writer, desk.reporter.advance
            )
        )
        place = {problem.task_id: at for at, problem in enumerate(exam)}
        rank = {protocol.name: at for at, protocol in enumerate(chosen)}
        given.sort(key=lambda answer: (place[answer.task_id], rank[answer.protocol], answer.sample))
        judged = list(judge(exam, given, bool(desk.options.get("allow_unsafe"))))
        bits = samplers.reference_bits(self.model, desk, exam)
        yield "answers", table(exam, judged, bits)
        store.write_json(desk.folder(self) / "summary.json", _summary(self, exam, judged, bits))

    def open(self, desk: Desk) -> list[Problem]:
        """The problems; for a benchmark, the run's log is told first."""
        if isinstance(self.exam, str):
            checkpoint = (
                exam_log.fingerprint(desk, self.model)
                if isinstance(self.model, Stage)
                else str(self.model)
            )
            exam_log.record_opening(desk, self.name, self.exam, exams.source(self.exam), checkpoint)
        return self.chosen(desk)

    def chosen(self, desk: Desk) -> list[Problem]:
        """The problems that are asked, without a word to the log: for whoever reads answers that are on disk."""
        exam = exercises(desk, self.exam) if isinstance(self.exam, Stage) else exams.load(self.exam)
        return few(self.name, exam, self.problems)


def exercises(desk: Desk, stage: Stage) -> list[Problem]:
    """The kept exercises of a stage, as problems."""
    return list(exams.from_records(row for table in desk.kept(stage) for row in table.to_pylist()))


def few(name: str, exam: Sequence[Problem], number: int) -> list[Problem]:
    """So many of the problems, chosen by a hash of their ids, in their order; 0 for all. Raises UserError for none."""
    chosen = sorted(exam, key=lambda problem: share("problems", problem.task_id))[: number or None]
    if not chosen:
        raise UserError(
            f"{name}: no problem is left to be asked; is every exercise of the exam dropped?"
        )
    return [problem for problem in exam if problem in chosen]


def table(
    exam: Sequence[Problem], judged: Sequence[Judged], bits: Sequence[float | None]
) -> pa.Table:
    import pyarrow as pa

    from hornbook.records import schema

    surprise = dict(zip((problem.task_id for problem in exam), bits, strict=True))
    length = {problem.task_id: len(problem.reference.encode()) for problem in exam}
    rows = [
        dataclasses.asdict(each.answer)
        | {
            "verdict": each.verdict,
            "reason": each.reason,
            "category": each.category,
            "trust": each.trust,
        }
        | {
            "reference_bits": surprise[each.answer.task_id],
            "reference_bytes": length[each.answer.task_id],
        }
        for each in judged
    ]
    return pa.Table.from_pylist(rows, schema=schema(RESULT))


def _summary(
    stage: Examine, exam: Sequence[Problem], judged: Sequence[Judged], bits: Sequence[float | None]
) -> dict[str, Any]:
    """What the report shows, as plain data: the report's stage reads it and needs none of ours."""
    known = [(each, problem) for each, problem in zip(bits, exam, strict=True) if each is not None]
    estimate = ratio(
        [each for each, _ in known], [len(p.reference.encode()) for _, p in known], "bits per byte"
    )
    facts = {
        "exam": stage.exam if isinstance(stage.exam, str) else stage.exam.name,
        "exam_digest": exams.digest(exam),
        "decoding": {
            "temperature": stage.temperature,
            "samples": stage.samples,
            "max_new_tokens": stage.max_new_tokens,
        },
        "scores": [as_json(score) for score in summarise(exam, judged)],
        "bits_per_byte": dataclasses.asdict(estimate) if known else None,
    }
    said: dict[str, Any] = plain(facts)
    return said


def plain(value: Any) -> Any:
    """Data as JSON has it: what is not a number becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return None if isinstance(value, float) and math.isnan(value) else value
