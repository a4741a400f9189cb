"""Who is near this test? For each problem of an exam the nearest training records by each detector, with their origin.

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
from hornbook.frame.stage import Desk, Price, Runs, Size, Stage
from hornbook.models.embedder import Embedder, embed
from hornbook.scrub import embedding_match, exam_index, ngram, syntax
from hornbook.scrub.pairs import excerpt

if TYPE_CHECKING:
    import pyarrow as pa

    from hornbook.exams import Problem

NEAR: dict[str, str] = {
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
class Near:
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
    """The `top` nearest records of each part of `data` to each problem. Read it with `of`, which merges the parts."""

    data: tuple[Stage, ...]
    exams: tuple[str | Stage, ...] = ("humaneval",)
    top: int = 3
    how: Embedder | None = None  # None: no vectors
    index: bool = (
        False  # of parts of more than nearest.INDEX_PAST records: nearly exact, by an index
    )

    version: ClassVar[int] = 2

    @property
    def runs(self) -> Runs:  # type: ignore[override]
        """With embeddings a model's weights stay in one process; without, every core reads for itself."""
        return "core" if self.how is None else "machine"

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"exams": {exam: exams.source(exam) for exam in self.exams if isinstance(exam, str)}}

    def parts(self, desk: Desk) -> Sequence[str]:
        return [f"{at}-{part}" for at, stage in enumerate(self.data) for part in desk.parts(stage)]

    def work(self, desk: Desk, part: str) -> pa.Table:
        at, _, which = part.partition("-")
        rows = desk.table(
            self.data[int(at)], which, ["id", "text", "origin", "path", "start", "kept"]
        )
        device = str(desk.options.get("device", "cpu"))
        kept = rows.filter(rows["kept"])
        found = near(
            exam_index.problems(desk, self.exams), kept, self.top, self.how, device, self.index
        )
        return records.table((asdict(each) for each in found), NEAR)

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        megabytes = sum(size.megabytes for size in inputs[: len(self.data)])
        minutes = 0.2 + megabytes / syntax.MB_S / 60 / max(1, desk.workers)
        return Price(
            Size(),
            minutes=minutes + (megabytes * 0.7 if self.how else 0),
            peak_mb=1600 if self.how else 400,
        )


def of(desk: Desk, stage: NearExam | str, top: int = 3) -> list[Near]:
    """What a finished stage found, over all parts."""
    rows = (table.to_pylist() for table in desk.tables(stage))
    return merged(([Near(**row) for row in part] for part in rows), top)


def near(
    exam: Sequence[Problem],
    rows: pa.Table,
    top: int = 3,
    how: Embedder | None = None,
    device: str = "cpu",
    index: bool = False,
) -> list[Near]:
    """The `top` nearest of these rows (columns id, text, origin, path, start) to each problem, by each detector.

    Of equally near rows the first ones are taken. A problem that nothing is near has no row.
    """
    found = itertools.chain(
        _by_words(exam, rows, top),
        _by_trees(exam, rows, top),
        _by_vectors(exam, rows, top, how, device, index),
    )
    described = rows.select(["id", "origin", "path", "start"])
    made = []
    for problem, by, ranked in found:
        for rank, (at, value) in enumerate(ranked, start=1):
            where = {name: described[name][at].as_py() for name in described.column_names}
            text = excerpt(exam[problem], rows["text"][at].as_py())
            made.append(Near(exam[problem].task_id, by, rank, float(value), **where, text=text))
    return made


Ranked = Iterator[tuple[int, str, list[tuple[int, float]]]]


def _by_words(exam: Sequence[Problem], rows: pa.Table, top: int) -> Ranked:
    runs = exam_index.runs(tuple(exam))
    counts: dict[int, dict[int, float]] = {}
    for text, run in ngram.find(runs, rows["text"]).tolist():
        for problem in runs.owners[run]:
            mine = counts.setdefault(problem, {})
            mine[text] = mine.get(text, 0) + 1
    for problem, mine in sorted(counts.items()):
        yield problem, "words", sorted(mine.items(), key=lambda item: (-item[1], item[0]))[:top]


def _by_trees(exam: Sequence[Problem], rows: pa.Table, top: int) -> Ranked:
    trees, owners = syntax.group(syntax.trees(text) for text in rows["text"].to_pylist())
    for problem, found, rates in syntax.rates(exam_index.units(tuple(exam)), trees):
        best: dict[int, float] = {}
        for at in (-rates).argsort(kind="stable").tolist():
            if len(best) >= top and rates[at] < min(best.values()):
                break
            for text in owners[found[at]][:top]:
                best.setdefault(text, float(rates[at]))
        yield problem, "syntax", sorted(best.items(), key=lambda item: (-item[1], item[0]))[:top]


def _by_vectors(
    exam: Sequence[Problem],
    rows: pa.Table,
    top: int,
    how: Embedder | None,
    device: str,
    index: bool,
) -> Ranked:
    if how is None or not len(rows):
        return
    forms, owners = exam_index.views(exam)
    vectors = embed(rows["text"].to_pylist(), how, device)
    where, distance = embedding_match.nearest(vectors, embed(forms, how, device), top, index)
    best: dict[int, dict[int, float]] = {}
    for problem, found, far in zip(owners, where.tolist(), distance.tolist(), strict=True):
        mine = best.setdefault(problem, {})
        for at, value in zip(found, far, strict=True):
            mine[at] = min(value, mine.get(at, value))
    for problem, mine in best.items():
        yield problem, "embedding", sorted(mine.items(), key=lambda item: (item[1], item[0]))[:top]


def merged(parts: Iterable[Iterable[Near]], top: int = 3) -> list[Near]:
    """The nearest of all parts, given in the order of the data; problems by the numbers in their names."""
    groups: dict[tuple[str, str], list[Near]] = {}
    for each in itertools.chain.from_iterable(parts):
        groups.setdefault((each.task_id, each.by), []).append(each)
    tasks = sorted({task for task, _ in groups}, key=numbered)
    made = []
    for task, by in itertools.product(tasks, DETECTORS):
        ranked = sorted(
            groups.get((task, by), []),
            key=lambda one: one.value if by == "embedding" else -one.value,
        )
        made += [
            Near(**asdict(one) | {"rank": rank}) for rank, one in enumerate(ranked[:top], start=1)
        ]
    return made


def numbered(task: str) -> list[tuple[str, int]]:
    """HumanEval/9 before HumanEval/10."""
    return [(word, int(number or 0)) for word, number in re.findall(r"(\D*)(\d*)", task)]


def matches(exam: Sequence[Problem], found: Iterable[Near]) -> dict[str, float]:
    """The highest match rate of every problem, 0 where nothing comes near: what table.similar divides by."""
    best = dict.fromkeys((problem.task_id for problem in exam), 0.0)
    for each in found:
        if each.by == "syntax" and each.rank == 1:
            best[each.task_id] = max(best[each.task_id], each.value)
    return best
