"""How different the texts of a set are from each other: what the paper's authors said that they lacked a measure of.

In: stages with texts. Out: `diversity.json`: for each stage, numbers that do not grow with its size, so that two sets
or two rounds can be compared: a set that narrows shows it here before its score does.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from hornbook import records, store
from hornbook.embedder import Embedder, embed
from hornbook.stage import Desk, Form, Price, Size, Stage, Whole

if TYPE_CHECKING:
    import pyarrow as pa

SAMPLE = 1000  # texts that are measured, drawn by a hash of their ids: distinct-n falls as a set grows
WINDOW = 20_000  # words that distinct-n looks at, for the same reason
OPENING = 3  # words


@dataclass(frozen=True)
class MeasureDiversity(Whole):
    """Measure the kept texts of each stage of `data`."""

    data: tuple[Stage, ...]
    how: Embedder = Embedder("hashed")

    form: ClassVar[Form] = "files"

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        found = {}
        for stage in self.data:
            rows = [row for table in desk.kept(stage, ["id", "text"]) for row in table.to_pylist()]
            rows.sort(key=lambda row: (records.share("diversity", row["id"]), row["id"]))
            texts = [row["text"] for row in rows[:SAMPLE]]
            found[stage.name] = {"texts": len(rows), **measure(texts, self.how)} if texts else {"texts": 0}
        store.write_json(desk.folder(self) / "diversity.json", found)
        return ()

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        return Price(Size(), minutes=0.02 * len(self.data))


def measure(texts: Sequence[str], how: Embedder) -> dict[str, float]:
    """Each number of the page: higher is more diverse, but for the two that say `repeated` and `likeness`."""
    words = [word for text in texts for word in re.findall(r"\w+|[^\w\s]", text)][:WINDOW]
    openings = Counter(" ".join(_prose(text).split()[:OPENING]).lower() for text in texts)
    shapes = Counter(_shape(text) for text in texts)
    return {
        **{f"distinct_{n}": distinct(words, n) for n in (1, 2, 3)},
        "likeness": likeness(texts, how),
        "repeated_openings": round(1 - len(openings) / len(texts), 4),
        "distinct_syntax_trees": round(len(shapes) / len(texts), 4),
    }


def distinct(words: Sequence[str], n: int) -> float:
    """The share of n-grams of words that are not a repetition (distinct-n, Li et al. 2016).

    >>> distinct("a b a b".split(), 2)
    0.6667
    """
    grams = [tuple(words[at : at + n]) for at in range(len(words) - n + 1)]
    return round(len(set(grams)) / len(grams), 4) if grams else 0.0


def likeness(texts: Sequence[str], how: Embedder) -> float:
    """The mean cosine of each text to the nearest other one: 1 where everything has a twin."""
    import numpy as np

    if len(texts) < 2:
        return 0.0
    vectors = embed(list(texts), how)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    return round(float(cosines.max(1).mean()), 4)


def _prose(text: str) -> str:
    """The first docstring of a program, or the text itself."""
    try:
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module) and (found := ast.get_docstring(node)):
                return found
    except (SyntaxError, ValueError, RecursionError):
        pass
    return re.sub(r"^#.*\n", "", text)


def _shape(text: str) -> str:
    """The kinds of the syntax tree's nodes in order; a text that is no program is its own shape."""
    try:
        return " ".join(type(node).__name__ for node in ast.walk(ast.parse(text)))
    except (SyntaxError, ValueError, RecursionError):
        return text
