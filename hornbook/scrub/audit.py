"""What the detectors are worth: recall on planted copies and paraphrases, and false alarms on data that has none.

In: the exams and settings that a recipe scrubs by, and data to look at. Out: `audit.json`: of each
detector, at each threshold, how many plants of each kind it found and how many records of the data
it would drop, with Wilson intervals; and `hits.json`, a sample of those records beside the problem,
with a verdict each: a judge's by option, and a person's (`hornbook review RUN STAGE --mark ...`),
which goes before it. Of the hits with a verdict, how many are copies or paraphrases is the
precision, `precision.json`, with intervals too. Whether the data is free of copies is for its owner
to know: where it is, each of its hits is a false alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import exams, store
from hornbook.frame.stage import Desk, Form, Price, Size, Stage, Whole
from hornbook.intervals import Estimate, wilson
from hornbook.llm import LLM
from hornbook.models.embedder import Embedder
from hornbook.records import share
from hornbook.scrub import detect, ngram, planted_copies, review_decisions, syntax
from hornbook.scrub import judge_pairs as judging
from hornbook.scrub.exam_index import problems
from hornbook.scrub.pairs import excerpt
from hornbook.scrub.table import THRESHOLDS

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem

DISTANCES = (0.1, 0.2, 0.3, 0.4)


@dataclass(frozen=True)
class Settings:
    """What is measured: 13-grams, trees at each of `rates` with trees below `smallest` left out, vectors if `how`."""

    ngram: int = ngram.N
    shared: int = 0
    smallest: int = 15
    rates: tuple[float, ...] = THRESHOLDS
    how: Embedder | None = None
    distances: tuple[float, ...] = DISTANCES


@dataclass(frozen=True)
class Found:
    """A row of the audit: a detector with its threshold, what it looked at, and how much of that it hit."""

    detector: str
    among: str  # a kind of plant, or "data"
    hits: int
    rate: Estimate


@dataclass(frozen=True)
class AuditScrub(Whole):
    """Plant copies of `exams` and look for them; look for the exams in `data`, of which `sample` records are read."""

    data: Stage
    exams: tuple[str | Stage, ...] = ("humaneval",)
    settings: Settings = Settings()
    sample: int = 2000
    shown: int = 40  # hits written out to be judged
    judge: LLM | None = None

    version: ClassVar[int] = 2
    form: ClassVar[Form] = "files"

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        digests = {exam: exams.source(exam) for exam in self.exams if isinstance(exam, str)}
        asked = {"question": judging.QUESTION} if self.judge else {}
        return {"exams": digests, **asked, **review_decisions.facts(desk, self)}

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        size = inputs[0]
        read = size.megabytes * min(1.0, self.sample / max(1.0, size.documents)) + 1
        return Price(
            Size(), minutes=0.3 + read / syntax.MB_S / 60 + (read * 0.7 if self.settings.how else 0)
        )

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        exam, device = problems(desk, self.exams), str(desk.options.get("device", "cpu"))
        made = list(planted_copies.planted(exam))
        rows = self._sampled(desk)
        on_plants = hits(exam, [text for *_, text in made], self.settings, device)
        on_data = hits(exam, [row["text"] for row in rows], self.settings, device)
        found = [
            *recall([kind for kind, *_ in made], on_plants),
            *recall(["data"] * len(rows), on_data),
        ]
        store.write_json(desk.folder(self) / "audit.json", [asdict(each) for each in found])
        pairs = self._judged(desk, self._to_be_judged(exam, rows, on_data))
        store.write_json(desk.folder(self) / "hits.json", pairs)
        store.write_json(
            desk.folder(self) / "precision.json", [asdict(each) for each in precision(pairs)]
        )
        yield from ()

    def _sampled(self, desk: Desk) -> list[dict[str, Any]]:
        """The records with the smallest hashes of their ids, in the data's order."""
        ids = [one for table in desk.kept(self.data, ["id"]) for one in table["id"].to_pylist()]
        chosen = set(sorted(ids, key=lambda one: (share(self.name, one), one))[: self.sample])
        tables = desk.kept(self.data, ["id", "text", "origin", "path", "start"])
        return [row for table in tables for row in table.to_pylist() if row["id"] in chosen]

    def _to_be_judged(
        self,
        exam: Sequence[Problem],
        rows: Sequence[Mapping[str, Any]],
        found: Mapping[str, Sequence[str]],
    ) -> list[dict[str, str]]:
        """Pairs for a person's eyes, an equal share of each detector's, chosen by hash."""
        known = {problem.task_id: problem for problem in exam}
        pairs = []
        for detector, tasks in found.items():
            hit = [(row, task) for row, task in zip(rows, tasks, strict=True) if task]
            hit.sort(key=lambda pair: share(detector, pair[0]["id"]))
            for row, task in hit[: -(-self.shown // len(found))]:
                where = f"{row['origin']}:{row['path']}:{row['start']}"
                text = excerpt(known[task], row["text"])
                pairs.append({"detector": detector, "record": row["id"], "where": where, "text": text,
                              "task_id": task, "problem": known[task].solution, "verdict": "", "by": ""})  # fmt: skip
        return pairs

    def _judged(self, desk: Desk, pairs: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
        """The pairs with the judge's verdicts, and over them those that people gave."""
        made = [dict(pair) for pair in pairs]
        if self.judge is not None:
            questions = [judging.question(pair["problem"], pair["text"]) for pair in made]
            for pair, (verdict, _) in zip(
                made, judging.ask(self.judge, questions, desk), strict=True
            ):
                pair |= {"verdict": verdict, "by": self.judge.model if verdict else ""}
        decided = review_decisions.of_stage(desk, self)
        for pair in made:
            if given := decided.get(pair["record"], {}).get(pair["task_id"]):
                pair |= {"verdict": given, "by": "a person"}
        return made


def precision(pairs: Iterable[Mapping[str, str]]) -> Iterator[Found]:
    """Of each detector's hits that have a verdict, how many are copies or paraphrases."""
    given: dict[str, list[str]] = {}
    for pair in pairs:
        if pair["verdict"]:
            given.setdefault(pair["detector"], []).append(pair["verdict"])
    for detector, mine in given.items():
        number = sum(verdict in review_decisions.DROPPED for verdict in mine)
        yield Found(detector, "hits with a verdict", number, wilson(number, len(mine)))


def hits(
    exam: Sequence[Problem], texts: Sequence[str], settings: Settings, device: str = "cpu"
) -> dict[str, list[str]]:
    """For each detector at each of its thresholds: of every text the problem that it hits, "" where it hits none."""
    import pyarrow as pa

    column = pa.chunked_array([pa.array(texts, pa.string())])
    found = {
        f"{settings.ngram}-gram": detect.by_words(exam, column, settings.ngram, settings.shared)
    }
    tasks, rates, _ = detect.by_trees(
        exam, texts, settings.smallest, min(settings.rates, default=syntax.FLOOR)
    )
    for least in settings.rates:
        near = zip(tasks, rates, strict=True)
        found[f"syntax tree at {least:g}"] = [
            task if rate >= least - 1e-6 else "" for task, rate in near
        ]
    if settings.how is not None:
        tasks, far = detect.by_vectors(exam, texts, settings.how, device)
        for most in settings.distances:
            near = zip(tasks, far, strict=True)
            found[f"embedding within {most:g}"] = [
                task if distance <= most else "" for task, distance in near
            ]
    return found


def recall(groups: Sequence[str], found: Mapping[str, Sequence[str]]) -> Iterator[Found]:
    """How many of each group every detector hit, whichever problem it named; groups in the order of their first."""
    for detector, tasks in found.items():
        for group in dict.fromkeys(groups):
            mine = [task for of, task in zip(groups, tasks, strict=True) if of == group]
            number = sum(task != "" for task in mine)
            yield Found(detector, group, number, wilson(number, len(mine)))
