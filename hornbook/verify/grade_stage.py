"""The stage that has answers graded by models, as in the paper's section 4: grading.py is the idea, this is the work.

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
from hornbook.frame.stage import Desk, Price, Size, Whole
from hornbook.llm import LLM
from hornbook.records import UserError, schema
from hornbook.verify import grading
from hornbook.verify.examine import Examine, plain

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem

GRADED: dict[str, str] = {
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
class Grade(Whole):
    """Have the answers of an exam graded by `judges`, under one of its protocols (the first, if none is named)."""

    exam: Examine
    judges: tuple[LLM, ...]
    protocol: str = ""

    version: ClassVar[int] = 1

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {
            "question": grading.QUESTION,
            "reference": grading.REFERENCE,
            "answer": grading.ANSWER,
        }

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        answers = round(inputs[0].documents) if inputs else 0
        each = [llm.estimate(judge, answers, desk) for judge in self._judges()]
        tokens, money = sum(found.tokens for found in each), sum(found.money for found in each)
        minutes = sum(found.minutes for found in each)
        return Price(
            Size(answers * len(each)),
            tokens,
            answers * len(each),
            minutes,
            peak_mb=1500,
            money=money,
        )

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        import pyarrow as pa

        protocol = self.protocol or self.exam.protocols[0]
        if protocol not in self.exam.protocols:
            raise UserError(
                f"{self.name}: {self.exam.name} has no answers under {protocol}: add it to its protocols"
            )
        problems = {problem.task_id: problem for problem in self.exam.chosen(desk)}
        columns = ["task_id", "sample", "protocol", "prompt", "program", "verdict"]
        answers = [
            row
            for table in desk.tables(self.exam, columns)
            for row in table.to_pylist()
            if row["protocol"] == protocol
        ]
        asked = [(problems[row["task_id"]], _written(row)) for row in answers]
        desk.reporter.begin(self.name, len(asked) * len(self._judges()), "grades")
        rows = [
            row
            for at in range(len(self._judges()))
            for row in self._graded(desk, answers, asked, at)
        ]
        yield "grades", pa.Table.from_pylist(rows, schema=schema(GRADED))
        facts = {
            "exam": self.exam.exam if isinstance(self.exam.exam, str) else self.exam.exam.name,
            "answers": self.exam.name,
            "protocol": protocol,
            "models": [judge.model for judge in self._judges()],
            "graded": dataclasses.asdict(grading.agreement(rows)),
        }
        store.write_json(desk.folder(self) / "summary.json", plain(facts))

    def _judges(self) -> tuple[LLM, ...]:
        if not self.judges:
            raise UserError(f"{self.name}: no judge: judges=(LLM(...),), or two")
        return self.judges * 2 if len(self.judges) == 1 else self.judges

    def _graded(
        self,
        desk: Desk,
        answers: Sequence[Mapping[str, Any]],
        asked: Sequence[tuple[Problem, str]],
        at: int,
    ) -> list[dict[str, Any]]:
        judge = self._judges()[at]

        def ask(prompts: Sequence[str], attempt: int) -> list[str]:
            return [
                each.text
                for each in llm.complete(judge, prompts, desk, samples=[attempt] * len(prompts))
            ]

        return [
            {"task_id": row["task_id"], "sample": row["sample"], "model": judge.model}
            | dataclasses.asdict(opinion)
            | {"passed": row["verdict"] == "passed"}
            for row, opinion in zip(answers, grading.grade(asked, at, ask), strict=True)
        ]


def _written(row: Mapping[str, Any]) -> str:
    """What the student wrote: the program without the prompt that it was given, where it stands at the beginning."""
    return str(row["program"]).removeprefix(str(row["prompt"]))
