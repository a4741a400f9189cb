"""Exercises from a teacher: asked for under sampled constraints, kept only if they run and their tests bite.

In: a teacher (any LLM), a number. Out: exercise records with the constraints they were written under, each rejected
one with its reason. Parts of PART requests: a killed run asks nothing twice, for every answer is in the ledger first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import llm, records
from hornbook.generate import prompts
from hornbook.generate.check import check
from hornbook.generate.constraints import Constraint, sample
from hornbook.generate.exercise import Exercise, parse
from hornbook.generate.from_shelf import exercise_row, sandbox
from hornbook.llm import LLM
from hornbook.stage import Desk, Price, Runs, Size, Stage

if TYPE_CHECKING:
    import pyarrow as pa

PART = 256  # requests
COLUMNS = records.EXERCISE | {
    "topic": "string", "audience": "string", "style": "string", "difficulty": "string", "library": "string",
    "function_name": "string", "words": "string", "attempt": "int32", "caught": "int32", "mutants": "int32",
}  # fmt: skip
COPIED = 0.9  # of the shown example's tokens, in their order: what is nearer is called a copy


@dataclass(frozen=True)
class Exercises(Stage):
    """Ask `teacher` for `number` exercises; each is tried `tries` times until one holds. `shots` examples are shown."""

    teacher: LLM
    number: int
    tries: int = 1
    shots: int = 1
    seed: int = 0

    runs: ClassVar[Runs] = "machine"

    def parts(self, desk: Desk) -> Sequence[str]:
        return [f"{at:05d}" for at in range(-(-self.number // PART))]

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"prompt": prompts.EXERCISE, "shot": prompts.SHOT}

    def work(self, desk: Desk, part: str) -> pa.Table:
        first = int(part) * PART
        constraints = sample(min(self.number, first + PART), self.seed)[first:]
        rows: list[dict[str, Any]] = []
        open_ = list(constraints)
        desk.reporter.begin(f"{self.name} {part}", len(open_) * self.tries, "answers")
        with sandbox(desk) as box:
            for attempt in range(self.tries):
                asked = [prompts.exercise(each, self.shots) for each in open_]
                answers = llm.complete(self.teacher, asked, desk, samples=[attempt] * len(open_))
                written = [self._parsed(each, answer.text) for each, answer in zip(open_, answers, strict=True)]
                checked = check(box, written, lambda number: None)
                for each, answer, exercise, verdict in zip(open_, answers, written, checked, strict=True):
                    row = (
                        exercise_row(exercise, verdict.reason, self.teacher.model)
                        if isinstance(exercise, Exercise)
                        else self._rejected(answer.text, exercise)
                    )
                    more = {"attempt": attempt, "caught": verdict.caught, "mutants": verdict.mutants}
                    rows.append(row | _described(each) | more)
                open_ = [each for each, verdict in zip(open_, checked, strict=True) if verdict.reason]
        return records.table(rows, COLUMNS)

    def _parsed(self, constraint: Constraint, text: str) -> Exercise | str:
        """The exercise in an answer, or why there is none; a copy of the example that was shown is none."""
        found = parse(text)
        if isinstance(found, str):
            return found
        from rapidfuzz.distance import Indel

        for shown in prompts.chosen(constraint, self.shots):
            likeness = Indel.normalized_similarity(found.solution.split(), shown.solution.split())
            if found.entry_point == shown.name or likeness >= COPIED:
                return "a copy of the example that was shown"
        return found

    def _rejected(self, text: str, reason: str) -> dict[str, Any]:
        """An answer that is no exercise, kept as it is to be looked at."""
        facts = {"id": records.document_id(text), "text": text, "kind": "exercise", "origin": self.teacher.model}
        return facts | {"kept": False, "reason": reason}

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return price(self.teacher, self.number * self.tries, len(prompts.EXERCISE) + 700 * self.shots, desk)


def price(teacher: LLM, requests: float, prompt_characters: float, desk: Desk) -> Price:
    """What that many requests cost, by the teacher's own estimate; half of the answers are counted as kept."""
    tokens_in = requests * prompt_characters / 3.5
    tokens_out = requests * teacher.max_tokens * 0.7
    # Embedded, 2 cores without AMX: reading 600 tokens/s, writing 150 tokens/s at batch 32. A server: 20 requests/s.
    minutes = (tokens_in / 600 + tokens_out / 150) / 60 if teacher.kind == "embedded" else requests / 20 / 60
    size = Size(requests / 2, tokens_out * 3.5 / 2 / 1e6)
    return Price(size, tokens_in + tokens_out, requests, minutes, peak_mb=1500)


def _described(each: Constraint) -> dict[str, Any]:
    return {
        "path": each.topic, "topic": each.topic, "audience": each.audience, "style": each.style,
        "difficulty": each.difficulty, "library": each.library, "function_name": each.function_name,
        "words": " ".join(each.words),
    }  # fmt: skip
