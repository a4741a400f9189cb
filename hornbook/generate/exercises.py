"""Exercises from a teacher: asked for under sampled constraints, kept only if they run and their tests bite.

In: a teacher (any LLM), a number; a stage with code that may inspire it. Out: exercise records with
the constraints that they were written under, each rejected one with its reason. Parts of PART
requests: a killed run asks nothing twice, for every answer is in the ledger first. A prompt that
yields nothing stops the run after WATCHED answers. Not covered: near-duplicates across parts;
DropDuplicates drops them over the whole set (recipes/phi1.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import intervals, records, store
from hornbook.frame.stage import Placement, Price, RunContext, Size, Stage
from hornbook.generate import drafts, prompts
from hornbook.generate.constraints import (
    Constraint,
    count_distinct_prompts,
    raise_difficulty,
    sample_constraints,
)
from hornbook.generate.diversity import measure_texts
from hornbook.generate.drafts import Draft, TeacherSettings
from hornbook.generate.exercise import Exercise
from hornbook.generate.from_shelf import make_exercise_row, open_sandbox
from hornbook.generate.run_drafts import GateResult, check_exercises
from hornbook.generate.scaffolded import draft_scaffolded
from hornbook.generate.snippets import sample_snippets
from hornbook.llm import LLM
from hornbook.records import UserError
from hornbook.seed import vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.sandbox import Sandbox

REQUESTS_PER_SHARD = 256  # requests
TRIAL_ANSWERS = 200  # answers after which a prompt has shown what it is worth
COLUMNS = records.EXERCISE | {
    "topic": "string", "audience": "string", "style": "string", "difficulty": "string", "library": "string",
    "function_name": "string", "words": "string", "attempt": "int32", "caught": "int32", "mutants": "int32",
    "votes": "int32", "parent": "string",
}  # fmt: skip
REPORTED_AXES = ("audience", "style", "difficulty", "library")


@dataclass(frozen=True)
class CheckedDraft:
    """A draft, the attempt that it came from, and the gates' verdict."""

    draft: Draft
    verdict: GateResult
    attempt: int = 0

    @property
    def accepted_exercise(self) -> Exercise | None:
        """The exercise, if it was accepted."""
        found = self.draft.found
        return found if isinstance(found, Exercise) and not self.verdict.reason else None


@dataclass(frozen=True)
class Exercises(Stage):
    """Ask `teacher` for `number` exercises; each is tried `tries` times until one holds. `shots` examples are shown.

    `inspired` is a stage of code, a piece of which goes into each request (OSS-Instruct). `evolve` times, what was
    accepted is asked for again one level harder (Evol-Instruct). `solutions` of each exercise vote
    (0: by the teacher, 5 for the embedded one, which is weak, 1 for others). Under a yield of
    `least` a prompt is given up.
    `by` is a stage that trains: its model is the teacher, sampled as `teacher` says (the paper's recursive training).
    """

    teacher: LLM
    count: int
    tries: int = 1
    shots: int = 1
    seed: int = 0
    snippet_source: Stage | None = None
    evolve: int = 0
    solutions: int = 0
    least: float = 0.005
    teacher_stage: Stage | None = None

    version: ClassVar[int] = 2
    placement: ClassVar[Placement] = "per_machine"

    def shards(self, ctx: RunContext) -> Sequence[str]:
        return [f"{shard_index:05d}" for shard_index in range(-(-self.count // REQUESTS_PER_SHARD))]

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        prompt_texts = {
            "prompt": prompts.EXERCISE,
            "shot": prompts.SHOT,
            "harder": prompts.HARDER,
            "led": prompts.SCAFFOLDED,
        }
        prompt_texts |= {"primer": prompts.FEW_SHOT_FILE.read_text(encoding="utf-8")}
        vocabulary_digests = {
            file.name: store.file_digest(file) for file in sorted(vocabulary.FOLDER.glob("*.txt"))
        }
        return prompt_texts | {
            "vocabulary": vocabulary_digests,
            "distinct prompts": f"{count_distinct_prompts():.1e}",
        }

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        first = int(part) * REQUESTS_PER_SHARD
        constraints = sample_constraints(min(self.count, first + REQUESTS_PER_SHARD), self.seed)[
            first:
        ]
        if self.snippet_source:
            pieces = sample_snippets(self.snippet_source, ctx, int(part), len(constraints))
            constraints = [
                replace(constraint, snippet=piece)
                for constraint, piece in zip(constraints, pieces, strict=True)
            ]
        ctx.reporter.say(
            f"{self.name} {part}: {len(constraints)} of {count_distinct_prompts():.1e} distinct prompts"
        )
        checked: list[CheckedDraft] = []
        with open_sandbox(ctx) as box:
            for batch in (constraints[:TRIAL_ANSWERS], constraints[TRIAL_ANSWERS:]):
                checked += self._draft_and_check(ctx, box, batch, f"{self.name} {part}", checked)
                self._stop_on_low_yield(checked)
        ctx.reporter.say(f"{self.name} {part}: {summarise_yield(checked)}")
        programs = [each.accepted_exercise.program for each in checked if each.accepted_exercise]
        if len(programs) > 1:
            numbers = ", ".join(
                f"{name.replace('_', ' ')} {value}"
                for name, value in measure_texts(programs).items()
            )
            ctx.reporter.say(f"{self.name} {part}: {numbers}")
        return records.make_table([self._make_row(each) for each in checked], COLUMNS)

    def _draft_and_check(
        self,
        ctx: RunContext,
        box: Sandbox,
        constraints: Sequence[Constraint],
        title: str,
        earlier: Sequence[CheckedDraft],
    ) -> list[CheckedDraft]:
        """All that comes of these constraints: each is asked again while it fails, and then for something harder."""
        solutions = self._solution_count()
        settings = TeacherSettings(self._resolve_teacher(ctx), self.shots, solutions, title=title)
        pending, checked = list(constraints), list[CheckedDraft]()
        for attempt in range(self.tries if constraints else 0):
            ctx.reporter.begin(title, len(pending), "answers")
            found = (draft_scaffolded if solutions > 1 else _draft_direct)(
                replace(settings, attempt=attempt), pending, ctx, box
            )
            now = self._check_drafts(box, found, [*earlier, *checked], attempt)
            checked += now
            pending = [each.draft.constraint for each in now if not each.accepted_exercise]
            if not pending:
                break
        now = checked
        for _ in range(self.evolve):
            steps = [
                (raise_difficulty(each.draft.constraint), each.accepted_exercise)
                for each in now
                if each.accepted_exercise
            ]
            easier = [(to, was) for (to, was), each in zip(steps, (e for e in now if e.accepted_exercise), strict=True)
                      if to != each.draft.constraint]  # fmt: skip
            ctx.reporter.begin(f"{title} harder", len(easier), "answers")
            now = self._check_drafts(
                box, drafts.draft_harder(settings, easier, ctx), [*earlier, *checked], 0
            )
            checked += now
        return checked

    def _resolve_teacher(self, ctx: RunContext) -> LLM:
        if self.teacher_stage is None:
            return self.teacher
        from hornbook.llm.trained import digest_model

        model = f"{self.teacher_stage.name}#{digest_model(ctx.run.stage_folder(self.teacher_stage) / 'model')}"
        return replace(self.teacher, model=model, kind="trained")

    def _solution_count(self) -> int:
        weak = self.teacher_stage is not None or self.teacher.kind in ("embedded", "trained")
        return self.solutions or (drafts.WEAK_TEACHER_SOLUTIONS if weak else 1)

    def _origin_name(self) -> str:
        return self.teacher_stage.name if self.teacher_stage else self.teacher.model

    def _check_drafts(
        self,
        box: Sandbox,
        new_drafts: Sequence[Draft],
        earlier: Sequence[CheckedDraft],
        attempt: int,
    ) -> list[CheckedDraft]:
        programs = [each.accepted_exercise.program for each in earlier if each.accepted_exercise]
        verdicts = check_exercises(box, [each.found for each in new_drafts], lambda number: None)
        holding = [
            each if not verdict.reason else replace(each, found=verdict.reason)
            for each, verdict in zip(new_drafts, verdicts, strict=True)
        ]
        result = []
        for each, was, verdict in zip(
            drafts.mark_near_duplicates(holding, programs), new_drafts, verdicts, strict=True
        ):
            if isinstance(each.found, str) and not verdict.reason:
                verdict = replace(verdict, reason=each.found)
            result.append(CheckedDraft(was, verdict, attempt))
        return result

    def _stop_on_low_yield(self, checked: Sequence[CheckedDraft]) -> None:
        """Raise UserError where so many answers have yielded so little that the prompt must be at fault."""
        answer_count, accepted_count = (
            len(checked),
            sum(each.accepted_exercise is not None for each in checked),
        )
        if answer_count >= TRIAL_ANSWERS and accepted_count < self.least * answer_count:
            raise UserError(
                f"{self.name}: {summarise_yield(checked)}. That is under least={self.least:g}, so nothing more is asked: the prompt "
                f"does not suit {self._origin_name()}. What was answered is in the ledger. Change shots, solutions or "
                "the teacher, or set least=0 to go on"
            )

    def _make_row(self, checked: CheckedDraft) -> dict[str, Any]:
        """A record; an answer that is no exercise is kept as it is, to be looked at."""
        was, verdict, constraint = checked.draft, checked.verdict, checked.draft.constraint
        if isinstance(was.found, Exercise):
            row = make_exercise_row(was.found, verdict.reason, self._origin_name())
        else:
            row = {"id": records.document_id(was.text), "text": was.text, "kind": "exercise"}
            row |= {"origin": self._origin_name(), "kept": False, "reason": was.found}
        parent = records.document_id(was.parent) if was.parent else ""
        more = {
            "attempt": checked.attempt,
            "caught": verdict.caught,
            "mutants": verdict.mutants,
            "votes": was.votes,
        }
        return (
            row
            | constraint_columns(constraint)
            | more
            | {"function_name": constraint.function_name, "parent": parent}
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        scaffolded = self._solution_count() > 1
        return estimate_price(
            self.teacher,
            self.count * self.tries,
            len(prompts.EXERCISE) + 700 * self.shots,
            ctx,
            scaffolded,
        )


def _draft_direct(
    settings: TeacherSettings, constraints: Sequence[Constraint], ctx: RunContext, box: Sandbox
) -> list[Draft]:
    return drafts.draft_exercises(settings, constraints, ctx)


def summarise_yield(checked: Sequence[CheckedDraft]) -> str:
    """How many were accepted, what the others failed at, and the values whose yield is surely below the rest's."""
    accepted_count = sum(each.accepted_exercise is not None for each in checked)
    reasons = Counter(gate_name(each.verdict.reason) for each in checked if each.verdict.reason)
    text = f"{accepted_count} of {len(checked)} accepted"
    if reasons:
        text += "; " + ", ".join(f"{number} {reason}" for reason, number in reasons.most_common(6))
    poor = find_poor_values(
        [
            (constraint_columns(each.draft.constraint), each.accepted_exercise is not None)
            for each in checked
        ]
    )
    return text + (f"; hardly any under {', '.join(poor)}" if poor else "")


def gate_name(reason: str) -> str:
    """A reason without the particulars, to be counted: "its own tests end with failed"."""
    return reason.partition(":")[0]


def find_poor_values(rows: Sequence[tuple[Mapping[str, Any], bool]]) -> list[str]:
    """Values of the constraints whose yield is below the yield of all, the whole 95% interval: `style=a puzzle`."""
    if not rows:
        return []
    overall = sum(good for _, good in rows) / len(rows)
    accepted_by_value: dict[str, list[bool]] = {}
    for row, good in rows:
        for axis in REPORTED_AXES:
            accepted_by_value.setdefault(f"{axis}={row[axis] or 'none'}", []).append(good)
    return [
        value
        for value, seen in accepted_by_value.items()
        if intervals.wilson_interval(sum(seen), len(seen)).high < overall
    ]


def estimate_price(
    teacher: LLM,
    requests: float,
    prompt_characters: float,
    ctx: RunContext,
    scaffolded: bool = False,
) -> Price:
    """What that many requests cost, by the teacher's own estimate; half of the answers are counted as kept."""
    tokens_in = requests * prompt_characters / 3.5
    tokens_out = requests * teacher.max_tokens * 0.7
    if scaffolded:  # a sentence and five solutions; what is shown is read once (docs/log.md)
        tokens_in, tokens_out = requests * 120, requests * 270
    # Tokens/s read and written on 2 cores: the embedded model without AMX at batch 32, a trained
    # one of 3M to 17M. A server: 20 requests/s.
    rates = {"embedded": (600, 150), "trained": (5000, 800)}.get(teacher.kind)
    minutes = (tokens_in / rates[0] + tokens_out / rates[1]) / 60 if rates else requests / 20 / 60
    price_in, price_out = dict(ctx.options.get("prices") or {}).get(teacher.model, (0.0, 0.0))
    money = (tokens_in * price_in + tokens_out * price_out) / 1e6
    size = Size(requests / 2, tokens_out * 3.5 / 2 / 1e6)
    return Price(size, tokens_in + tokens_out, requests, minutes, peak_mb=1500, money=money)


def constraint_columns(constraint: Constraint) -> dict[str, Any]:
    """The constraints as columns."""
    return {
        "path": constraint.topic, "topic": constraint.topic, "audience": constraint.audience, "style": constraint.style,
        "difficulty": constraint.difficulty, "library": constraint.module, "words": " ".join(constraint.words),
    }  # fmt: skip
