"""The stage that has models grade answers (the paper's section 4); grading.py has the method.

In: an Examine stage and one or two language models as judges. Out: a row an answer and judge with
the evaluation, the grade and what the hidden tests said; `summary.json`: the score, both judges'
agreement with each other and with the tests. Two judges see the two orders; one judge alone is
asked twice, once in each. Killed, it asks nobody again: the ledger has the replies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import llm, store
from hornbook.frame.stage import GlobalStage, Price, RunContext, Size
from hornbook.llm import LLM
from hornbook.records import UserError, make_schema
from hornbook.verify import grading
from hornbook.verify.examine import Examine, to_json_value

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem

GRADE_COLUMNS: dict[str, str] = {
    "task_id": "string",
    "sample": "int32",
    "judge": "int32",  # its place: 0 reads the reference first, 1 the answer
    "model": "string",
    "order": "string",
    "evaluation": "string",
    "grade": "int32",  # null where no try brought one
    "tries": "int32",
    "passed": "bool",  # the hidden tests
}


@dataclass(frozen=True)
class Grade(GlobalStage):
    """Have `judges` grade the answers of an exam under a protocol, by default the first."""

    exam: Examine
    judges: tuple[LLM, ...]
    protocol: str = ""

    version: ClassVar[int] = 1

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {
            "question": grading.QUESTION_TEMPLATE,
            "reference": grading.REFERENCE_TEMPLATE,
            "answer": grading.ANSWER_TEMPLATE,
        }

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        answers = round(inputs[0].documents) if inputs else 0
        estimates = [llm.estimate_cost(judge, answers, ctx) for judge in self._judge_models()]
        tokens, money = (
            sum(estimate.tokens for estimate in estimates),
            sum(estimate.money for estimate in estimates),
        )
        minutes = sum(estimate.minutes for estimate in estimates)
        return Price(
            Size(answers * len(estimates)),
            tokens,
            answers * len(estimates),
            minutes,
            peak_mb=1500,
            money=money,
        )

    def make_shards(self, ctx: RunContext) -> Iterable[tuple[str, pa.Table]]:
        import pyarrow as pa

        protocol = self.protocol or self.exam.protocols[0]
        if protocol not in self.exam.protocols:
            raise UserError(
                f"{self.name}: {self.exam.name} has no answers under {protocol}: add it to its "
                "protocols"
            )
        problems = {problem.task_id: problem for problem in self.exam.select_problems(ctx)}
        columns = ["task_id", "sample", "protocol", "prompt", "program", "verdict"]
        answers = [
            row for row in ctx.run.iterate_rows(self.exam, columns) if row["protocol"] == protocol
        ]
        problem_answers = [(problems[row["task_id"]], _strip_prompt(row)) for row in answers]
        ctx.reporter.begin(self.name, len(problem_answers) * len(self._judge_models()), "grades")
        rows: list[dict[str, Any]] = []
        for judge_index in range(len(self._judge_models())):
            rows += self._grade_answers(ctx, answers, problem_answers, judge_index)
        yield "grades", pa.Table.from_pylist(rows, schema=make_schema(GRADE_COLUMNS))
        summary = {
            "exam": self.exam.exam if isinstance(self.exam.exam, str) else self.exam.exam.name,
            "answers": self.exam.name,
            "protocol": protocol,
            "models": [judge.model for judge in self._judge_models()],
            "graded": dataclasses.asdict(grading.summarise_grades(rows)),
        }
        store.write_json(ctx.run.stage_folder(self) / "summary.json", to_json_value(summary))

    def _judge_models(self) -> tuple[LLM, ...]:
        if not self.judges:
            raise UserError(f"{self.name}: no judge: judges=(LLM(...),), or two")
        return self.judges * 2 if len(self.judges) == 1 else self.judges

    def _grade_answers(
        self,
        ctx: RunContext,
        answers: Sequence[Mapping[str, Any]],
        problem_answers: Sequence[tuple[Problem, str]],
        judge_index: int,
    ) -> list[dict[str, Any]]:
        judge = self._judge_models()[judge_index]

        def ask_judge(prompts: Sequence[str], attempt: int) -> list[str]:
            return [
                reply.text
                for reply in llm.complete_prompts(
                    judge, prompts, ctx, samples=[attempt] * len(prompts)
                )
            ]

        return [
            {"task_id": row["task_id"], "sample": row["sample"], "model": judge.model}
            | dataclasses.asdict(judge_grade)
            | {"passed": row["verdict"] == "passed"}
            for row, judge_grade in zip(
                answers, grading.grade_answers(problem_answers, judge_index, ask_judge), strict=True
            )
        ]


def _strip_prompt(row: Mapping[str, Any]) -> str:
    """What the model wrote: the program without the prompt, where it begins with the prompt."""
    return str(row["program"]).removeprefix(str(row["prompt"]))
