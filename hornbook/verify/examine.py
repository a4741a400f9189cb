"""The exam: sample a model, run its programs, and write down the results with their uncertainty.

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
from hornbook.frame.stage import GlobalStage, Price, RunContext, Size, Stage
from hornbook.intervals import bootstrap_ratio
from hornbook.llm import LLM
from hornbook.records import UserError, hash_fraction
from hornbook.verify import samplers
from hornbook.verify.protocols import get_protocols
from hornbook.verify.run_tests import MEMORY_MB, TIMEOUT_S, AnswerVerdict, run_answer_tests
from hornbook.verify.sample import group_prompts, sample_answers
from hornbook.verify.score import score_protocols, score_to_json

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem

RESULT_COLUMNS: dict[str, str] = {
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
    # Of the reference given the prompt; null where the model gives no probabilities.
    "reference_bits": "double",
    "reference_bytes": "int32",
    "cut_tokens": "int32",  # tokens at the beginning of the prompt that the context cut off
}


@dataclass(frozen=True)
class Examine(GlobalStage):
    """Examine a model. The stages `after` are finished before the exam is opened."""

    model: Stage | LLM
    exam: str | Stage  # a name for benchmarks.load, or a stage of exercises
    protocols: tuple[str, ...] = ("plain",)
    samples: int = 1
    temperature: float = 0.0
    max_new_tokens: int = (
        384  # the longest reference of HumanEval has 249 tokens of CodeGen's vocabulary
    )
    max_problems: int = 0  # so many, chosen by a hash of their ids; 0 for all
    after: tuple[Stage, ...] = ()

    version: ClassVar[int] = 2

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        source = exams.describe_source(self.exam) if isinstance(self.exam, str) else ""
        return {"exam": source, "timeout_s": TIMEOUT_S, "memory_mb": MEMORY_MB}

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        exam_size = (
            exams.PROBLEM_COUNTS.get(self.exam.partition(":")[0], 500)
            if isinstance(self.exam, str)
            else 100
        )
        answer_count = (
            min(exam_size, self.max_problems) if self.max_problems else exam_size
        ) * self.samples
        tokens = answer_count * self.max_new_tokens
        # 500 tokens a second is the embedded model at batch 32 (measured, 2 cores); 100 programs a
        # second are judged.
        return Price(
            Size(answer_count),
            tokens=tokens,
            minutes=(tokens / 500 + answer_count / 100) / 60,
            peak_mb=1500,
        )

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        chosen_protocols = get_protocols(self.protocols)
        if self.samples > 1 and not self.temperature:
            raise UserError(
                f"{self.name}: {self.samples} samples at temperature 0 are one answer, "
                f"{self.samples} times over: "
                "set a temperature, or samples=1"
            )
        exam = self.open_exam(ctx)
        prompts = group_prompts(exam, chosen_protocols)
        completer = samplers.make_completer(self.model, ctx, self.temperature, self.max_new_tokens)
        cut_tokens = samplers.count_cut_tokens(
            self.model, ctx, [prompt.prompt for prompt in prompts], self.max_new_tokens
        )
        n_cut = sum(tokens > 0 for tokens in cut_tokens)
        if n_cut:
            ctx.reporter.say(
                f"{self.name}: {n_cut} of {len(prompts)} prompts are longer than the context "
                "leaves room for and are cut at their beginning, by up to "
                f"{max(cut_tokens)} tokens: use a larger context, or a smaller max_new_tokens"
            )
        ctx.reporter.begin(self.name, len(prompts), "prompts")
        answers = list(
            sample_answers(
                ctx.run.stage_folder(self) / "raw",
                prompts,
                self.samples,
                completer,
                ctx.reporter.advance,
            )
        )
        problem_rank = {problem.task_id: i for i, problem in enumerate(exam)}
        protocol_rank = {protocol.name: i for i, protocol in enumerate(chosen_protocols)}
        answers.sort(
            key=lambda answer: (
                problem_rank[answer.task_id],
                protocol_rank[answer.protocol],
                answer.sample,
            )
        )
        verdicts = list(run_answer_tests(exam, answers, bool(ctx.options.get("allow_unsafe"))))
        bits = samplers.compute_reference_bits(self.model, ctx, exam)
        cut_by_prompt = {
            prompt.prompt: tokens for prompt, tokens in zip(prompts, cut_tokens, strict=True)
        }
        yield "answers", make_answer_table(exam, verdicts, bits, cut_by_prompt)
        summary = _make_summary(self, exam, verdicts, bits)
        summary["prompts"] = {
            "asked": len(prompts),
            "cut": n_cut,
            "most_cut_tokens": max(cut_tokens, default=0),
        }
        store.write_json(ctx.run.stage_folder(self) / "summary.json", summary)

    def open_exam(self, ctx: RunContext) -> list[Problem]:
        """The problems; for a benchmark, the run's log is told first."""
        if isinstance(self.exam, str):
            checkpoint = (
                exam_log.checkpoint_digest(ctx, self.model)
                if isinstance(self.model, Stage)
                else str(self.model)
            )
            exam_log.record_opening(
                ctx, self.name, self.exam, exams.describe_source(self.exam), checkpoint
            )
        return self.select_problems(ctx)

    def select_problems(self, ctx: RunContext) -> list[Problem]:
        """The problems that are asked, without an entry in the exam log: for answers on disk."""
        exam = (
            load_exercises(ctx, self.exam)
            if isinstance(self.exam, Stage)
            else exams.load_exam(self.exam)
        )
        return select_by_hash(self.name, exam, self.max_problems)


def load_exercises(ctx: RunContext, stage: Stage) -> list[Problem]:
    """The kept exercises of a stage, as problems."""
    return list(exams.problems_from_records(ctx.run.iterate_rows(stage, kept_only=True)))


def select_by_hash(stage_name: str, exam: Sequence[Problem], count: int) -> list[Problem]:
    """`count` of the problems by a hash of their ids, in order; 0 for all. UserError for none."""
    subset = sorted(exam, key=lambda problem: hash_fraction("problems", problem.task_id))[
        : count or None
    ]
    if not subset:
        raise UserError(
            f"{stage_name}: no problem is left to be asked; is every exercise of the exam dropped?"
        )
    return [problem for problem in exam if problem in subset]


def make_answer_table(
    exam: Sequence[Problem],
    verdicts: Sequence[AnswerVerdict],
    bits: Sequence[float | None],
    cut_by_prompt: Mapping[str, int],
) -> pa.Table:
    """One row per answer: its verdict, the bits of its reference, the cut of its prompt."""
    import pyarrow as pa

    from hornbook.records import make_schema

    bits_by_task = dict(zip((problem.task_id for problem in exam), bits, strict=True))
    bytes_by_task = {problem.task_id: len(problem.reference.encode()) for problem in exam}
    rows = [
        dataclasses.asdict(verdict.answer)
        | {
            "verdict": verdict.status,
            "reason": verdict.reason,
            "category": verdict.category,
            "trust": verdict.trust,
        }
        | {
            "reference_bits": bits_by_task[verdict.answer.task_id],
            "reference_bytes": bytes_by_task[verdict.answer.task_id],
            "cut_tokens": cut_by_prompt.get(verdict.answer.prompt, 0),
        }
        for verdict in verdicts
    ]
    return pa.Table.from_pylist(rows, schema=make_schema(RESULT_COLUMNS))


def _make_summary(
    stage: Examine,
    exam: Sequence[Problem],
    verdicts: Sequence[AnswerVerdict],
    bits: Sequence[float | None],
) -> dict[str, Any]:
    """What the report shows, as plain data: the report's stage reads it and needs none of ours."""
    known_bits = [
        (problem_bits, problem)
        for problem_bits, problem in zip(bits, exam, strict=True)
        if problem_bits is not None
    ]
    estimate = bootstrap_ratio(
        [problem_bits for problem_bits, _ in known_bits],
        [len(p.reference.encode()) for _, p in known_bits],
        "bits per byte",
    )
    summary = {
        "exam": stage.exam if isinstance(stage.exam, str) else stage.exam.name,
        "exam_digest": exams.digest_problems(exam),
        "decoding": {
            "temperature": stage.temperature,
            "samples": stage.samples,
            "max_new_tokens": stage.max_new_tokens,
        },
        "scores": [score_to_json(score) for score in score_protocols(exam, verdicts)],
        "bits_per_byte": dataclasses.asdict(estimate) if known_bits else None,
    }
    json_summary: dict[str, Any] = to_json_value(summary)
    return json_summary


def to_json_value(value: Any) -> Any:
    """Data as JSON has it: what is not a number becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return to_json_value(dataclasses.asdict(value))
    if isinstance(value, Mapping):
        return {str(key): to_json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_json_value(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value
