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
from hornbook.frame.stage import Desk, Price, Runs, Size, Stage
from hornbook.generate import drafts, prompts
from hornbook.generate.constraints import Constraint, count, harder, sample
from hornbook.generate.diversity import measure
from hornbook.generate.drafts import Asking, Draft
from hornbook.generate.exercise import Exercise
from hornbook.generate.from_shelf import exercise_row, sandbox
from hornbook.generate.run_drafts import Checked, check
from hornbook.generate.scaffolded import led
from hornbook.generate.snippets import snippets
from hornbook.llm import LLM
from hornbook.records import UserError
from hornbook.seed import vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.sandbox import Sandbox

PART = 256  # requests
WATCHED = 200  # answers after which a prompt has shown what it is worth
COLUMNS = records.EXERCISE | {
    "topic": "string", "audience": "string", "style": "string", "difficulty": "string", "library": "string",
    "function_name": "string", "words": "string", "attempt": "int32", "caught": "int32", "mutants": "int32",
    "votes": "int32", "parent": "string",
}  # fmt: skip
AXES = ("audience", "style", "difficulty", "library")


@dataclass(frozen=True)
class Made:
    """A draft, the attempt that it came from, and the gates' verdict."""

    draft: Draft
    verdict: Checked
    attempt: int = 0

    @property
    def exercise(self) -> Exercise | None:
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
    number: int
    tries: int = 1
    shots: int = 1
    seed: int = 0
    inspired: Stage | None = None
    evolve: int = 0
    solutions: int = 0
    least: float = 0.005
    by: Stage | None = None

    version: ClassVar[int] = 2
    runs: ClassVar[Runs] = "machine"

    def parts(self, desk: Desk) -> Sequence[str]:
        return [f"{at:05d}" for at in range(-(-self.number // PART))]

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        asked = {
            "prompt": prompts.EXERCISE,
            "shot": prompts.SHOT,
            "harder": prompts.HARDER,
            "led": prompts.LED,
        }
        asked |= {"primer": prompts.PRIMER.read_text(encoding="utf-8")}
        words = {file.name: store.digest(file) for file in sorted(vocabulary.FOLDER.glob("*.txt"))}
        return asked | {"vocabulary": words, "distinct prompts": f"{count():.1e}"}

    def work(self, desk: Desk, part: str) -> pa.Table:
        first = int(part) * PART
        constraints = sample(min(self.number, first + PART), self.seed)[first:]
        if self.inspired:
            pieces = snippets(self.inspired, desk, int(part), len(constraints))
            constraints = [
                replace(each, snippet=piece)
                for each, piece in zip(constraints, pieces, strict=True)
            ]
        desk.reporter.say(
            f"{self.name} {part}: {len(constraints)} of {count():.1e} distinct prompts"
        )
        made: list[Made] = []
        with sandbox(desk) as box:
            for some in (constraints[:WATCHED], constraints[WATCHED:]):
                made += self._asked(desk, box, some, f"{self.name} {part}", made)
                self._watch(made)
        desk.reporter.say(f"{self.name} {part}: {told(made)}")
        programs = [each.exercise.program for each in made if each.exercise]
        if len(programs) > 1:
            numbers = ", ".join(
                f"{name.replace('_', ' ')} {value}" for name, value in measure(programs).items()
            )
            desk.reporter.say(f"{self.name} {part}: {numbers}")
        return records.table([self._row(each) for each in made], COLUMNS)

    def _asked(
        self,
        desk: Desk,
        box: Sandbox,
        constraints: Sequence[Constraint],
        title: str,
        before: Sequence[Made],
    ) -> list[Made]:
        """All that comes of these constraints: each is asked again while it fails, and then for something harder."""
        solutions = self._solutions()
        how = Asking(self._teacher(desk), self.shots, solutions, title=title)
        open_, made = list(constraints), list[Made]()
        for attempt in range(self.tries if constraints else 0):
            desk.reporter.begin(title, len(open_), "answers")
            found = (led if solutions > 1 else _unled)(
                replace(how, attempt=attempt), open_, desk, box
            )
            now = self._checked(box, found, [*before, *made], attempt)
            made += now
            open_ = [each.draft.constraint for each in now if not each.exercise]
            if not open_:
                break
        now = made
        for _ in range(self.evolve):
            steps = [
                (harder(each.draft.constraint), each.exercise) for each in now if each.exercise
            ]
            easier = [(to, was) for (to, was), each in zip(steps, (e for e in now if e.exercise), strict=True)
                      if to != each.draft.constraint]  # fmt: skip
            desk.reporter.begin(f"{title} harder", len(easier), "answers")
            now = self._checked(box, drafts.harder(how, easier, desk), [*before, *made], 0)
            made += now
        return made

    def _teacher(self, desk: Desk) -> LLM:
        if self.by is None:
            return self.teacher
        from hornbook.llm.trained import digest_of

        model = f"{self.by.name}#{digest_of(desk.folder(self.by) / 'model')}"
        return replace(self.teacher, model=model, kind="trained")

    def _solutions(self) -> int:
        weak = self.by is not None or self.teacher.kind in ("embedded", "trained")
        return self.solutions or (drafts.WEAK_SOLUTIONS if weak else 1)

    def _origin(self) -> str:
        return self.by.name if self.by else self.teacher.model

    def _checked(
        self, box: Sandbox, found: Sequence[Draft], before: Sequence[Made], attempt: int
    ) -> list[Made]:
        programs = [each.exercise.program for each in before if each.exercise]
        verdicts = check(box, [each.found for each in found], lambda number: None)
        holding = [
            each if not verdict.reason else replace(each, found=verdict.reason)
            for each, verdict in zip(found, verdicts, strict=True)
        ]
        result = []
        for each, was, verdict in zip(
            drafts.without_doubles(holding, programs), found, verdicts, strict=True
        ):
            if isinstance(each.found, str) and not verdict.reason:
                verdict = replace(verdict, reason=each.found)
            result.append(Made(was, verdict, attempt))
        return result

    def _watch(self, made: Sequence[Made]) -> None:
        """Raise UserError where so many answers have yielded so little that the prompt must be at fault."""
        asked, good = len(made), sum(each.exercise is not None for each in made)
        if asked >= WATCHED and good < self.least * asked:
            raise UserError(
                f"{self.name}: {told(made)}. That is under least={self.least:g}, so nothing more is asked: the prompt "
                f"does not suit {self._origin()}. What was answered is in the ledger. Change shots, solutions or "
                "the teacher, or set least=0 to go on"
            )

    def _row(self, each: Made) -> dict[str, Any]:
        """A record; an answer that is no exercise is kept as it is, to be looked at."""
        was, verdict, constraint = each.draft, each.verdict, each.draft.constraint
        if isinstance(was.found, Exercise):
            row = exercise_row(was.found, verdict.reason, self._origin())
        else:
            row = {"id": records.document_id(was.text), "text": was.text, "kind": "exercise"}
            row |= {"origin": self._origin(), "kept": False, "reason": was.found}
        parent = records.document_id(was.parent) if was.parent else ""
        more = {
            "attempt": each.attempt,
            "caught": verdict.caught,
            "mutants": verdict.mutants,
            "votes": was.votes,
        }
        return (
            row
            | described(constraint)
            | more
            | {"function_name": constraint.function_name, "parent": parent}
        )

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        led = self._solutions() > 1
        return price(
            self.teacher,
            self.number * self.tries,
            len(prompts.EXERCISE) + 700 * self.shots,
            desk,
            led,
        )


def _unled(how: Asking, constraints: Sequence[Constraint], desk: Desk, box: Sandbox) -> list[Draft]:
    return drafts.draft(how, constraints, desk)


def told(made: Sequence[Made]) -> str:
    """How many were accepted, what the others failed at, and the values whose yield is surely below the rest's."""
    good = sum(each.exercise is not None for each in made)
    reasons = Counter(gate(each.verdict.reason) for each in made if each.verdict.reason)
    text = f"{good} of {len(made)} accepted"
    if reasons:
        text += "; " + ", ".join(f"{number} {reason}" for reason, number in reasons.most_common(6))
    poor = poor_values(
        [(described(each.draft.constraint), each.exercise is not None) for each in made]
    )
    return text + (f"; hardly any under {', '.join(poor)}" if poor else "")


def gate(reason: str) -> str:
    """A reason without the particulars, to be counted: "its own tests end with failed"."""
    return reason.partition(":")[0]


def poor_values(rows: Sequence[tuple[Mapping[str, Any], bool]]) -> list[str]:
    """Values of the constraints whose yield is below the yield of all, the whole 95% interval: `style=a puzzle`."""
    if not rows:
        return []
    overall = sum(good for _, good in rows) / len(rows)
    tried: dict[str, list[bool]] = {}
    for row, good in rows:
        for axis in AXES:
            tried.setdefault(f"{axis}={row[axis] or 'none'}", []).append(good)
    return [
        value
        for value, seen in tried.items()
        if intervals.wilson(sum(seen), len(seen)).high < overall
    ]


def price(
    teacher: LLM, requests: float, prompt_characters: float, desk: Desk, led: bool = False
) -> Price:
    """What that many requests cost, by the teacher's own estimate; half of the answers are counted as kept."""
    tokens_in = requests * prompt_characters / 3.5
    tokens_out = requests * teacher.max_tokens * 0.7
    if led:  # a sentence and five solutions; what is shown is read once (docs/log.md)
        tokens_in, tokens_out = requests * 120, requests * 270
    # Tokens/s read and written on 2 cores: the embedded model without AMX at batch 32, a trained
    # one of 3M to 17M. A server: 20 requests/s.
    rates = {"embedded": (600, 150), "trained": (5000, 800)}.get(teacher.kind)
    minutes = (tokens_in / rates[0] + tokens_out / rates[1]) / 60 if rates else requests / 20 / 60
    price_in, price_out = dict(desk.options.get("prices") or {}).get(teacher.model, (0.0, 0.0))
    money = (tokens_in * price_in + tokens_out * price_out) / 1e6
    size = Size(requests / 2, tokens_out * 3.5 / 2 / 1e6)
    return Price(size, tokens_in + tokens_out, requests, minutes, peak_mb=1500, money=money)


def described(each: Constraint) -> dict[str, Any]:
    """The constraints as columns."""
    return {
        "path": each.topic, "topic": each.topic, "audience": each.audience, "style": each.style,
        "difficulty": each.difficulty, "library": each.module, "words": " ".join(each.words),
    }  # fmt: skip
