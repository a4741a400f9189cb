"""For each problem of an exam the nearest training records by each detector, with origin.

In: records and exams. Out: a row a problem, detector and rank: `words` (runs of 13 words in
common), `syntax` (match rate) and, if asked for, `embedding` (L2 distance). The best `syntax` rate
of each problem is what table.py divides by. Every record of the data counts that is still kept, and
every function: nothing is too small, as in the paper. A part's nearest are found part by part;
`merged` makes the nearest of all.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import exams, records
from hornbook.frame.stage import Placement, Price, RunContext, Size, Stage
from hornbook.models.embedder import Embedder, embed_texts
from hornbook.scrub import embedding_match, exam_index, ngram, syntax
from hornbook.scrub.pairs import cut_excerpt

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem

NEAR_COLUMNS: dict[str, str] = {
    "task_id": "string",
    "by": "string",  # words, syntax or embedding
    "rank": "int32",  # 1 is the nearest
    "value": "float",  # runs in common, match rate, or distance
    "id": "string",  # of the record, and where it came from
    "origin": "string",
    "path": "string",
    "start": "int32",
    "text": "string",  # its part that is nearest, to be looked at
}
DETECTORS = ("words", "syntax", "embedding")


@dataclass(frozen=True)
class NearRecord:
    """A training record that is near a problem: a row of NEAR."""

    task_id: str
    by: str
    rank: int
    value: float
    id: str
    origin: str
    path: str
    start: int
    text: str


@dataclass(frozen=True)
class NearExam(Stage):
    """The `top` nearest records per shard of `data` to each problem; `read_nearest` merges them."""

    data: tuple[Stage, ...]
    exams: tuple[str | Stage, ...] = ("humaneval",)
    top: int = 3
    embedder: Embedder | None = None  # None: no vectors
    use_index: bool = (
        False  # of parts of more than nearest.INDEX_PAST records: nearly exact, by an index
    )

    version: ClassVar[int] = 2

    @property
    def placement(self) -> Placement:  # type: ignore[override]
        """With embeddings the model stays in one process; without, each core takes shards."""
        return "per_core" if self.embedder is None else "per_machine"

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {
            "exams": {
                exam: exams.describe_source(exam) for exam in self.exams if isinstance(exam, str)
            }
        }

    def shards(self, ctx: RunContext) -> Sequence[str]:
        names: list[str] = []
        for stage_index, stage in enumerate(self.data):
            names += [f"{stage_index}-{shard}" for shard in ctx.run.shard_names(stage)]
        return names

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        stage_index, _, stage_shard = part.partition("-")
        rows = ctx.run.read_shard(
            self.data[int(stage_index)],
            stage_shard,
            ["id", "text", "origin", "path", "start", "kept"],
        )
        device = str(ctx.options.get("device", "cpu"))
        kept_rows = rows.filter(rows["kept"])
        nearest = find_nearest(
            exam_index.load_problems(ctx, self.exams),
            kept_rows,
            self.top,
            self.embedder,
            device,
            self.use_index,
        )
        return records.make_table((asdict(record) for record in nearest), NEAR_COLUMNS)

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        megabytes = sum(size.megabytes for size in inputs[: len(self.data)])
        minutes = 0.2 + megabytes / syntax.MB_PER_SECOND / 60 / max(1, ctx.workers)
        return Price(
            Size(),
            minutes=minutes + (megabytes * 0.7 if self.embedder else 0),
            peak_mb=1600 if self.embedder else 400,
        )


def read_nearest(ctx: RunContext, stage: NearExam | str, top: int = 3) -> list[NearRecord]:
    """What a finished stage found, over all parts."""
    shards = (table.to_pylist() for table in ctx.run.read_shards(stage))
    return merge_nearest(([NearRecord(**record) for record in shard] for shard in shards), top)


def find_nearest(
    problems: Sequence[Problem],
    rows: pa.Table,
    top: int = 3,
    embedder: Embedder | None = None,
    device: str = "cpu",
    use_index: bool = False,
) -> list[NearRecord]:
    """The `top` nearest rows (id, text, origin, path, start) to each problem by each detector.

    Of equally near rows the first ones are taken. A problem that nothing is near has no row.
    """
    rankings = itertools.chain(
        _rank_by_ngrams(problems, rows, top),
        _rank_by_trees(problems, rows, top),
        _rank_by_embeddings(problems, rows, top, embedder, device, use_index),
    )
    origins = rows.select(["id", "origin", "path", "start"])
    records = []
    for problem_index, detector, ranked in rankings:
        for rank, (row, value) in enumerate(ranked, start=1):
            record_columns = {name: origins[name][row].as_py() for name in origins.column_names}
            text = cut_excerpt(problems[problem_index], rows["text"][row].as_py())
            records.append(
                NearRecord(
                    problems[problem_index].task_id,
                    detector,
                    rank,
                    float(value),
                    **record_columns,
                    text=text,
                )
            )
    return records


Rankings = Iterator[tuple[int, str, list[tuple[int, float]]]]


def _rank_by_ngrams(problems: Sequence[Problem], rows: pa.Table, top: int) -> Rankings:
    index = exam_index.index_ngrams(tuple(problems))
    counts: dict[int, dict[int, float]] = {}
    for row, ngram_id in ngram.find_ngrams(index, rows["text"]).tolist():
        for problem_index in index.owners[ngram_id]:
            row_counts = counts.setdefault(problem_index, {})
            row_counts[row] = row_counts.get(row, 0) + 1
    for problem_index, row_counts in sorted(counts.items()):
        yield (
            problem_index,
            "words",
            sorted(row_counts.items(), key=lambda item: (-item[1], item[0]))[:top],
        )


def _rank_by_trees(problems: Sequence[Problem], rows: pa.Table, top: int) -> Rankings:
    trees, owners = syntax.group_equal_trees(
        syntax.read_trees(text) for text in rows["text"].to_pylist()
    )
    for problem_index, tree_indices, rates in syntax.match_rates(
        exam_index.entry_point_trees(tuple(problems)), trees
    ):
        best: dict[int, float] = {}
        for i in (-rates).argsort(kind="stable").tolist():
            if len(best) >= top and rates[i] < min(best.values()):
                break
            for row in owners[tree_indices[i]][:top]:
                best.setdefault(row, float(rates[i]))
        yield (
            problem_index,
            "syntax",
            sorted(best.items(), key=lambda item: (-item[1], item[0]))[:top],
        )


def _rank_by_embeddings(
    problems: Sequence[Problem],
    rows: pa.Table,
    top: int,
    embedder: Embedder | None,
    device: str,
    use_index: bool,
) -> Rankings:
    if embedder is None or not len(rows):
        return
    variants, owners = exam_index.embedding_variants(problems)
    vectors = embed_texts(rows["text"].to_pylist(), embedder, device)
    neighbours, distances = embedding_match.nearest_vectors(
        vectors, embed_texts(variants, embedder, device), top, use_index
    )
    best: dict[int, dict[int, float]] = {}
    for problem_index, variant_neighbours, variant_distances in zip(
        owners, neighbours.tolist(), distances.tolist(), strict=True
    ):
        row_distances = best.setdefault(problem_index, {})
        for row, distance in zip(variant_neighbours, variant_distances, strict=True):
            row_distances[row] = min(distance, row_distances.get(row, distance))
    for problem_index, row_distances in best.items():
        yield (
            problem_index,
            "embedding",
            sorted(row_distances.items(), key=lambda item: (item[1], item[0]))[:top],
        )


def merge_nearest(shards: Iterable[Iterable[NearRecord]], top: int = 3) -> list[NearRecord]:
    """The nearest of all shards, given in the order of the data; problems in numeric order."""
    groups: dict[tuple[str, str], list[NearRecord]] = {}
    for record in itertools.chain.from_iterable(shards):
        groups.setdefault((record.task_id, record.by), []).append(record)
    tasks = sorted({task for task, _ in groups}, key=natural_sort_key)
    merged_records = []
    for task, detector in itertools.product(tasks, DETECTORS):
        ranked = sorted(
            groups.get((task, detector), []),
            key=lambda record: record.value if detector == "embedding" else -record.value,
        )
        merged_records += [
            NearRecord(**asdict(record) | {"rank": rank})
            for rank, record in enumerate(ranked[:top], start=1)
        ]
    return merged_records


def natural_sort_key(task_id: str) -> list[tuple[str, int]]:
    """HumanEval/9 before HumanEval/10."""
    return [(word, int(digits or 0)) for word, digits in re.findall(r"(\D*)(\d*)", task_id)]


def best_match_rates(
    problems: Sequence[Problem], records: Iterable[NearRecord]
) -> dict[str, float]:
    """The highest match rate of each problem, 0 if nothing is near; table.py splits by it."""
    best = dict.fromkeys((problem.task_id for problem in problems), 0.0)
    for record in records:
        if record.by == "syntax" and record.rank == 1:
            best[record.task_id] = max(best[record.task_id], record.value)
    return best
