"""Measure the detectors: recall on planted copies, and false alarms on data without copies.

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
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.intervals import Estimate, wilson_interval
from hornbook.llm import LLM
from hornbook.models.embedder import Embedder
from hornbook.records import hash_fraction
from hornbook.scrub import detect, ngram, planted_copies, review_decisions, syntax
from hornbook.scrub import judge_pairs as judging
from hornbook.scrub.exam_index import load_problems
from hornbook.scrub.pairs import cut_excerpt
from hornbook.scrub.table import THRESHOLDS

if TYPE_CHECKING:
    from hornbook.exams import Problem

DISTANCE_THRESHOLDS = (0.1, 0.2, 0.3, 0.4)


@dataclass(frozen=True)
class AuditSettings:
    """What is measured: 13-grams; trees at each rate; embeddings if there is an embedder."""

    ngram: int = ngram.NGRAM_SIZE
    max_problems_per_ngram: int = 0
    min_tree_nodes: int = 15
    rates: tuple[float, ...] = THRESHOLDS
    embedder: Embedder | None = None
    distances: tuple[float, ...] = DISTANCE_THRESHOLDS


@dataclass(frozen=True)
class DetectorResult:
    """A row of the audit: a detector with its threshold, texts looked at, and hits among them."""

    detector: str
    among: str  # a kind of plant, or "data"
    hits: int
    rate: Estimate


@dataclass(frozen=True)
class AuditScrub(FileStage):
    """Plant copies of `exams` and look for them; look for the exams in a sample of `data`."""

    data: Stage
    exams: tuple[str | Stage, ...] = ("humaneval",)
    settings: AuditSettings = AuditSettings()
    sample_size: int = 2000
    max_hits: int = 40  # hits written out to be judged
    judge: LLM | None = None

    version: ClassVar[int] = 2

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        digests = {
            exam: exams.describe_source(exam) for exam in self.exams if isinstance(exam, str)
        }
        prompt_inputs = {"question": judging.JUDGE_PROMPT} if self.judge else {}
        return {
            "exams": digests,
            **prompt_inputs,
            **review_decisions.decision_identity_inputs(ctx, self),
        }

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        data_size = inputs[0]
        megabytes_read = (
            data_size.megabytes * min(1.0, self.sample_size / max(1.0, data_size.documents)) + 1
        )
        return Price(
            Size(),
            minutes=0.3
            + megabytes_read / syntax.MB_PER_SECOND / 60
            + (megabytes_read * 0.7 if self.settings.embedder else 0),
        )

    def write_files(self, ctx: RunContext) -> None:
        problems, device = load_problems(ctx, self.exams), str(ctx.options.get("device", "cpu"))
        copies = list(planted_copies.plant_copies(problems))
        rows = self._sample_records(ctx)
        hits_in_copies = find_hits(problems, [text for *_, text in copies], self.settings, device)
        hits_in_data = find_hits(problems, [row["text"] for row in rows], self.settings, device)
        results = [
            *recall_by_group([kind for kind, *_ in copies], hits_in_copies),
            *recall_by_group(["data"] * len(rows), hits_in_data),
        ]
        store.write_json(
            ctx.run.stage_folder(self) / "audit.json", [asdict(result) for result in results]
        )
        pairs = self._judge_hits(ctx, self._select_hits(problems, rows, hits_in_data))
        store.write_json(ctx.run.stage_folder(self) / "hits.json", pairs)
        store.write_json(
            ctx.run.stage_folder(self) / "precision.json",
            [asdict(result) for result in precision_by_detector(pairs)],
        )

    def _sample_records(self, ctx: RunContext) -> list[dict[str, Any]]:
        """The records with the smallest hashes of their ids, in the data's order."""
        ids: list[str] = []
        for table in ctx.run.read_kept_rows(self.data, ["id"]):
            ids += table["id"].to_pylist()
        ids.sort(key=lambda record_id: (hash_fraction(self.name, record_id), record_id))
        sample_ids = set(ids[: self.sample_size])
        rows: list[dict[str, Any]] = []
        # Table by table: only the sample is held in memory.
        for table in ctx.run.read_kept_rows(self.data, ["id", "text", "origin", "path", "start"]):
            rows += [row for row in table.to_pylist() if row["id"] in sample_ids]
        return rows

    def _select_hits(
        self,
        problems: Sequence[Problem],
        rows: Sequence[Mapping[str, Any]],
        hits: Mapping[str, Sequence[str]],
    ) -> list[dict[str, str]]:
        """Pairs for a person's eyes, an equal share of each detector's, chosen by hash."""
        problem_by_id = {problem.task_id: problem for problem in problems}
        pairs = []
        for detector, tasks in hits.items():
            row_tasks = [(row, task) for row, task in zip(rows, tasks, strict=True) if task]
            row_tasks.sort(key=lambda pair: hash_fraction(detector, pair[0]["id"]))
            for row, task in row_tasks[: -(-self.max_hits // len(hits))]:
                location = f"{row['origin']}:{row['path']}:{row['start']}"
                text = cut_excerpt(problem_by_id[task], row["text"])
                pairs.append({"detector": detector, "record": row["id"], "where": location,
                              "text": text,
                              "task_id": task, "problem": problem_by_id[task].solution,
                              "verdict": "", "by": ""})  # fmt: skip
        return pairs

    def _judge_hits(
        self, ctx: RunContext, pairs: Sequence[Mapping[str, str]]
    ) -> list[dict[str, str]]:
        """The pairs with the judge's verdicts, and over them those that people gave."""
        labelled = [dict(pair) for pair in pairs]
        if self.judge is not None:
            questions = [judging.format_prompt(pair["problem"], pair["text"]) for pair in labelled]
            for pair, (verdict, _) in zip(
                labelled, judging.ask_judge(self.judge, questions, ctx), strict=True
            ):
                pair |= {"verdict": verdict, "by": self.judge.model if verdict else ""}
        decisions = review_decisions.read_stage_verdicts(ctx, self)
        for pair in labelled:
            if decision := decisions.get(pair["record"], {}).get(pair["task_id"]):
                pair |= {"verdict": decision, "by": "a person"}
        return labelled


def precision_by_detector(pairs: Iterable[Mapping[str, str]]) -> Iterator[DetectorResult]:
    """Of each detector's hits that have a verdict, how many are copies or paraphrases."""
    verdicts_by_detector: dict[str, list[str]] = {}
    for pair in pairs:
        if pair["verdict"]:
            verdicts_by_detector.setdefault(pair["detector"], []).append(pair["verdict"])
    for detector, verdicts in verdicts_by_detector.items():
        copy_count = sum(verdict in review_decisions.DROPPED_VERDICTS for verdict in verdicts)
        yield DetectorResult(
            detector, "hits with a verdict", copy_count, wilson_interval(copy_count, len(verdicts))
        )


def find_hits(
    problems: Sequence[Problem], texts: Sequence[str], settings: AuditSettings, device: str = "cpu"
) -> dict[str, list[str]]:
    """For each detector and threshold, the problem that each text hits ("" for none)."""
    import pyarrow as pa

    column = pa.chunked_array([pa.array(texts, pa.string())])
    hits = {
        f"{settings.ngram}-gram": detect.match_ngrams(
            problems, column, settings.ngram, settings.max_problems_per_ngram
        )
    }
    tasks, rates, _ = detect.match_trees(
        problems, texts, settings.min_tree_nodes, min(settings.rates, default=syntax.MIN_RATE)
    )
    for min_rate in settings.rates:
        matches = zip(tasks, rates, strict=True)
        hits[f"syntax tree at {min_rate:g}"] = [
            task if rate >= min_rate - 1e-6 else "" for task, rate in matches
        ]
    if settings.embedder is not None:
        tasks, distances = detect.match_embeddings(problems, texts, settings.embedder, device)
        for max_distance in settings.distances:
            matches = zip(tasks, distances, strict=True)
            hits[f"embedding within {max_distance:g}"] = [
                task if distance <= max_distance else "" for task, distance in matches
            ]
    return hits


def recall_by_group(
    groups: Sequence[str], hits: Mapping[str, Sequence[str]]
) -> Iterator[DetectorResult]:
    """Hits of every detector in each group, whichever problem it named, in order of the groups."""
    for detector, tasks in hits.items():
        for group in dict.fromkeys(groups):
            group_tasks = [
                task for task_group, task in zip(groups, tasks, strict=True) if task_group == group
            ]
            hit_count = sum(task != "" for task in group_tasks)
            yield DetectorResult(
                detector, group, hit_count, wilson_interval(hit_count, len(group_tasks))
            )
