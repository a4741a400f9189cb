"""Exercises from a teacher under sampled constraints, kept only if tested by execution.

In: a teacher (any LLM), a count, optionally a stage of code for snippets. Out: exercise records
with their constraints; a rejected record has its reason. A shard has REQUESTS_PER_SHARD requests.
A killed run asks nothing twice, because each answer is first written to the ledger. A prompt that
yields hardly anything stops the run after TRIAL_ANSWERS answers.

Not covered: near-duplicates across shards; DropDuplicates drops them over the whole set
(recipes/phi1.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import intervals, llm, records, store
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

REQUESTS_PER_SHARD = 256
TRIAL_ANSWERS = 200  # answers after which a prompt has shown what it is worth
COLUMNS = records.EXERCISE | {
    "topic": "string", "audience": "string", "style": "string", "difficulty": "string",
    "library": "string", "function_name": "string", "words": "string", "attempt": "int32",
    "caught": "int32", "mutants": "int32",
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
        return None if self.verdict.reason else self.draft.exercise


@dataclass(frozen=True)
class Exercises(Stage):
    """Ask a teacher for exercises.

    Args:
        teacher: the model that is asked.
        count: exercises asked for.
        tries: requests per exercise until one is accepted.
        shots: examples shown in each request.
        snippet_source: a stage of code; a piece of it goes into each request (OSS-Instruct).
        evolve: how often accepted exercises are asked for again one level harder (Evol-Instruct).
        solutions: solutions per exercise that vote; 0: 5 for a weak teacher, 1 for others.
        least: share of accepted exercises below which a prompt is given up.
        teacher_stage: a stage that trains; its model is the teacher, sampled as `teacher` says (the
            paper's recursive training).
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
            "primer": prompts.FEW_SHOT_FILE.read_text(encoding="utf-8"),
        }
        vocabulary_digests = {
            file.name: store.file_digest(file) for file in sorted(vocabulary.FOLDER.glob("*.txt"))
        }
        return prompt_texts | {
            "vocabulary": vocabulary_digests,
            "distinct prompts": f"{count_distinct_prompts():.1e}",
        }

    def make_shard(self, ctx: RunContext, shard: str) -> pa.Table:
        first = int(shard) * REQUESTS_PER_SHARD
        last = min(self.count, first + REQUESTS_PER_SHARD)
        constraints = sample_constraints(last, self.seed)[first:]
        if self.snippet_source:
            pieces = sample_snippets(self.snippet_source, ctx, int(shard), len(constraints))
            constraints = [
                replace(constraint, snippet=piece)
                for constraint, piece in zip(constraints, pieces, strict=True)
            ]
        ctx.reporter.say(
            f"{self.name} {shard}: {len(constraints)} of {count_distinct_prompts():.1e} distinct "
            "prompts"
        )
        checked: list[CheckedDraft] = []
        with open_sandbox(ctx) as box:
            # In two batches, so that a bad prompt costs TRIAL_ANSWERS answers and not a shard's.
            for batch in (constraints[:TRIAL_ANSWERS], constraints[TRIAL_ANSWERS:]):
                checked += self._draft_and_check(ctx, box, batch, f"{self.name} {shard}", checked)
                self._stop_on_low_yield(checked)
        ctx.reporter.say(f"{self.name} {shard}: {summarise_yield(checked)}")
        programs = [item.accepted_exercise.program for item in checked if item.accepted_exercise]
        if len(programs) > 1:
            numbers = ", ".join(
                f"{name.replace('_', ' ')} {value}"
                for name, value in measure_texts(programs).items()
            )
            ctx.reporter.say(f"{self.name} {shard}: {numbers}")
        return records.make_table([self._make_row(item) for item in checked], COLUMNS)

    def _draft_and_check(
        self,
        ctx: RunContext,
        box: Sandbox,
        constraints: Sequence[Constraint],
        title: str,
        earlier: Sequence[CheckedDraft],
    ) -> list[CheckedDraft]:
        """Ask until each constraint has an accepted exercise or no try left; then for harder."""
        solutions = self._solution_count()
        settings = TeacherSettings(self._resolve_teacher(ctx), self.shots, solutions, title=title)
        pending, checked = list(constraints), list[CheckedDraft]()
        for attempt in range(self.tries if constraints else 0):
            ctx.reporter.begin(title, len(pending), "answers")
            ask = draft_scaffolded if solutions > 1 else _draft_direct
            new_drafts = ask(replace(settings, attempt=attempt), pending, ctx, box)
            newest = self._check_drafts(box, new_drafts, [*earlier, *checked], attempt)
            checked += newest
            pending = [item.draft.constraint for item in newest if not item.accepted_exercise]
            if not pending:
                break
        newest = checked
        # Each level is made from the accepted exercises of the level below.
        for _ in range(self.evolve):
            easier: list[tuple[Constraint, Exercise]] = []
            for item in newest:
                harder = raise_difficulty(item.draft.constraint)
                if item.accepted_exercise and harder != item.draft.constraint:
                    easier.append((harder, item.accepted_exercise))
            ctx.reporter.begin(f"{title} harder", len(easier), "answers")
            new_drafts = drafts.draft_harder(settings, easier, ctx)
            newest = self._check_drafts(box, new_drafts, [*earlier, *checked], 0)
            checked += newest
        return checked

    def _resolve_teacher(self, ctx: RunContext) -> LLM:
        if self.teacher_stage is None:
            return self.teacher
        from hornbook.llm.trained import digest_model

        digest = digest_model(ctx.run.stage_folder(self.teacher_stage) / "model")
        # The ledger's key has the model's name: with the digest in it, the answers of another model
        # under the same name are not reused.
        model = f"{self.teacher_stage.name}#{digest}"
        return replace(self.teacher, model=model, kind="trained")

    def _solution_count(self) -> int:
        weak = self.teacher_stage is not None or self.teacher.kind in ("embedded", "trained")
        if self.solutions:
            return self.solutions
        return drafts.WEAK_TEACHER_SOLUTIONS if weak else 1

    def _origin_name(self) -> str:
        return self.teacher_stage.name if self.teacher_stage else self.teacher.model

    def _check_drafts(
        self,
        box: Sandbox,
        new_drafts: Sequence[Draft],
        earlier: Sequence[CheckedDraft],
        attempt: int,
    ) -> list[CheckedDraft]:
        """Run the gates on new drafts, then reject near-duplicates of accepted exercises."""
        programs = [item.accepted_exercise.program for item in earlier if item.accepted_exercise]
        candidates = [draft.candidate for draft in new_drafts]
        # Progress counts answers, not checks: hence no `advance`.
        verdicts = check_exercises(box, candidates, lambda n_checked: None)
        passed = [
            draft.with_candidate(verdict.reason) if verdict.reason else draft
            for draft, verdict in zip(new_drafts, verdicts, strict=True)
        ]
        marked = drafts.mark_near_duplicates(passed, programs)
        result = []
        for draft, marked_draft, verdict in zip(new_drafts, marked, verdicts, strict=True):
            if marked_draft.exercise is None and not verdict.reason:
                verdict = replace(verdict, reason=marked_draft.rejection)
            result.append(CheckedDraft(draft, verdict, attempt))
        return result

    def _stop_on_low_yield(self, checked: Sequence[CheckedDraft]) -> None:
        """Raise UserError if many answers yield so little that the prompt must be at fault."""
        answer_count = len(checked)
        accepted_count = sum(item.accepted_exercise is not None for item in checked)
        if answer_count >= TRIAL_ANSWERS and accepted_count < self.least * answer_count:
            raise UserError(
                f"{self.name}: {summarise_yield(checked)}. That is under least={self.least:g}, so "
                f"nothing more is asked: the prompt does not suit {self._origin_name()}. What was "
                "answered is in the ledger. Change shots, solutions or the teacher, or set "
                "least=0 to go on"
            )

    def _make_row(self, checked: CheckedDraft) -> dict[str, Any]:
        """A record. An answer without an exercise keeps its whole text, so that it can be read."""
        draft, verdict, constraint = checked.draft, checked.verdict, checked.draft.constraint
        if draft.exercise is not None:
            row = make_exercise_row(draft.exercise, verdict.reason, self._origin_name())
        else:
            row = {"id": records.document_id(draft.text), "text": draft.text, "kind": "exercise"}
            row |= {"origin": self._origin_name(), "kept": False, "reason": draft.rejection}
        parent = records.document_id(draft.parent) if draft.parent else ""
        return {
            **row,
            **constraint_columns(constraint),
            "attempt": checked.attempt,
            "caught": verdict.caught,
            "mutants": verdict.mutants,
            "votes": draft.votes,
            "function_name": constraint.function_name,
            "parent": parent,
        }

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
    """How many were accepted, why the others failed, and constraint values with a low yield."""
    accepted_count = sum(item.accepted_exercise is not None for item in checked)
    reasons = Counter(gate_name(item.verdict.reason) for item in checked if item.verdict.reason)
    text = f"{accepted_count} of {len(checked)} accepted"
    if reasons:
        text += "; " + ", ".join(f"{n} {reason}" for reason, n in reasons.most_common(6))
    poor = find_poor_values(
        [
            (constraint_columns(item.draft.constraint), item.accepted_exercise is not None)
            for item in checked
        ]
    )
    return text + (f"; hardly any under {', '.join(poor)}" if poor else "")


def gate_name(reason: str) -> str:
    """A reason without its details, for counting.

    >>> gate_name("its own tests end with failed: 3 != 4")
    'its own tests end with failed'
    """
    return reason.partition(":")[0]


def find_poor_values(rows: Sequence[tuple[Mapping[str, Any], bool]]) -> list[str]:
    """Constraint values (`style=a puzzle`) whose whole 95 % interval of yield is below the mean."""
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
    """The price of requests to a teacher; half of the answers are counted as kept."""
    # 3.5 characters per token, and answers that use 70 % of max_tokens: both are estimates.
    tokens_in = requests * prompt_characters / 3.5
    tokens_out = requests * teacher.max_tokens * 0.7
    if scaffolded:
        # A sentence and five solutions; the examples are read once (docs/log.md).
        tokens_in, tokens_out = requests * 120, requests * 270
    cost = llm.price_requests(teacher, requests, tokens_in, tokens_out, ctx)
    size = Size(requests / 2, tokens_out * 3.5 / 2 / 1e6)
    return Price(size, cost.tokens, requests, cost.minutes, peak_mb=1500, money=cost.money)


def constraint_columns(constraint: Constraint) -> dict[str, Any]:
    """The constraints as columns."""
    return {
        "path": constraint.topic, "topic": constraint.topic, "audience": constraint.audience,
        "style": constraint.style, "difficulty": constraint.difficulty,
        "library": constraint.module, "words": " ".join(constraint.words),
    }  # fmt: skip
