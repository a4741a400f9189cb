"""The stage: what is dropped and why, what the columns say, and that neither parts nor a second run change it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from conftest import contents, rows_of

from hornbook import records
from hornbook.frame.identity import compute_identity
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Stage
from hornbook.models.embedder import Embedder
from hornbook.records import UserError
from hornbook.scrub import Idioms, Scrub

PROMPT = '''def running_peak(levels):
    """For each position of a list give the greatest of the values up to it, in a new list of the same length.
    >>> running_peak([1, 3, 2])
    [1, 3, 3]
    """
'''
BODY = """    peaks = []
    for level in levels:
        if peaks and peaks[-1] > level:
            peaks.append(peaks[-1])
        else:
            peaks.append(level)
    return peaks
"""
OTHER = '''def shout(words):
    """Join words in capitals with spaces between them."""
    return " ".join(word.upper() for word in words if word)
'''


@dataclass(frozen=True)
class HeldOutExam(Stage):
    """An exam of one exercise; more of them are dropped already."""

    kept: bool = True

    def shards(self, ctx: RunContext) -> list[str]:
        return ["held"]

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        row = {"kind": "exercise", "prompt": PROMPT, "solution": BODY, "text": PROMPT + BODY}
        row |= {"entry_point": "running_peak", "tests": "assert running_peak([1]) == [1]\n"}
        dropped = row | {
            "prompt": OTHER,
            "solution": "",
            "entry_point": "shout",
            "tests": "",
            "kept": False,
            "reason": "no tests",
        }
        return records.make_table(
            [row | {"id": "peak", "kept": self.kept}, dropped | {"id": "gone"}], records.EXERCISE
        )


@dataclass(frozen=True)
class GivenTexts(Stage):
    texts: tuple[str, ...]
    rows_per_shard: int = 100

    def shards(self, ctx: RunContext) -> list[str]:
        return [str(start) for start in range(0, max(1, len(self.texts)), self.rows_per_shard)]

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        shard_texts = self.texts[int(part) : int(part) + self.rows_per_shard]
        return records.make_table(
            {"id": records.document_id(t), "text": t, "kept": t != "dropped before"}
            for t in shard_texts
        )


RENAMED = "# another one\n" + BODY.replace("    peaks = []", "def top(row):\n    out = []").replace(
    "peaks", "out"
).replace("levels", "row").replace("level", "x")


def run_scrub(
    texts: list[str], folder: Path, rows_per_shard: int = 100, **settings: Any
) -> list[dict[str, Any]]:
    stage = Scrub(
        "clean",
        GivenTexts("given", tuple(texts), rows_per_shard),
        exams=(HeldOutExam("exam"),),
        **settings,
    )
    run_recipe(stage, RunContext(folder))
    return rows_of(RunContext(folder), stage)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PROMPT + BODY, "13-gram overlap: peak"),
        (
            "Some prose. For each position of a list, give the greatest of the values up to it!",
            "13-gram overlap: peak",
        ),
        (RENAMED, "syntax tree match: peak at 1.00"),
        ("Look:\n```python\n" + RENAMED + "```\n", "syntax tree match: peak at 1.00"),
        (OTHER, ""),
        ("", ""),
        ("x = 1\n", ""),
    ],
)
def test_what_overlaps_is_dropped_with_the_detector_and_the_problem(
    text: str, reason: str, tmp_path: Path
) -> None:
    (row,) = run_scrub([text], tmp_path)
    assert (row["kept"], row["reason"]) == (not reason, reason)


def test_the_columns_say_how_near_a_kept_row_came(tmp_path: Path) -> None:
    (row,) = run_scrub([RENAMED.replace("> x", "> x + 1")], tmp_path)
    assert (
        row["kept"]
        and row["nearest_exam"] == "peak"
        and 0.8 < row["syntax_match"] < 0.95
        and row["ngram_hit"] == ""
    )


def test_a_detector_that_is_switched_off_drops_nothing(tmp_path: Path) -> None:
    texts = [PROMPT + BODY, RENAMED]
    assert [r["kept"] for r in run_scrub(texts, tmp_path / "a", ngram=None, syntax=None)] == [
        True,
        True,
    ]
    assert [r["kept"] for r in run_scrub(texts, tmp_path / "b", syntax=None)] == [False, True]
    assert [r["reason"] for r in run_scrub(texts, tmp_path / "c", ngram=None)] == [
        "syntax tree match: peak at 1.00"
    ] * 2


def test_small_trees_are_no_evidence_unless_asked_for(tmp_path: Path) -> None:
    assert run_scrub([RENAMED], tmp_path / "a", min_tree_nodes=500)[0]["kept"]
    assert not run_scrub([RENAMED], tmp_path / "b", min_tree_nodes=0)[0]["kept"]


def test_embeddings_drop_what_is_nearer_than_the_distance(tmp_path: Path) -> None:
    settings = {"ngram": None, "syntax": None, "embedding": 0.3, "embedder": Embedder("hashed")}
    near, far = run_scrub([PROMPT + BODY + "\n", OTHER], tmp_path, **settings)
    assert near["reason"].startswith("embedding distance: peak at 0.0")
    assert far["kept"] and far["embedding_distance"] > 0.3 and far["embedding_exam"] == "peak"


def test_rows_that_were_dropped_before_stay_as_they_were(tmp_path: Path) -> None:
    rows = run_scrub(["dropped before", PROMPT + BODY, OTHER], tmp_path)
    assert [row["kept"] for row in rows] == [False, False, True]
    assert rows[0]["reason"] == "" and rows[0]["ngram_hit"] is None


def test_parts_change_nothing(tmp_path: Path) -> None:
    texts = [PROMPT + BODY, OTHER, RENAMED, "", "dropped before", RENAMED + OTHER] * 3
    assert run_scrub(texts, tmp_path / "a") == run_scrub(texts, tmp_path / "b", rows_per_shard=2)


def test_a_second_run_writes_the_same_bytes(tmp_path: Path) -> None:
    run_scrub([PROMPT + BODY, OTHER, RENAMED], tmp_path / "a")
    run_scrub([PROMPT + BODY, OTHER, RENAMED], tmp_path / "b")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")


def test_an_exam_without_problems_is_an_error_that_says_so(tmp_path: Path) -> None:
    stage = Scrub("clean", GivenTexts("given", (OTHER,)), exams=(HeldOutExam("exam", kept=False),))
    with pytest.raises(UserError, match="name an exam"):
        run_recipe(stage, RunContext(tmp_path))


def test_the_content_of_an_exam_file_is_part_of_the_identity(tmp_path: Path) -> None:
    file = tmp_path / "exam.jsonl"
    stage = Scrub("clean", GivenTexts("given", (OTHER,)), exams=(f"jsonl:{file}",))
    file.write_text("{}\n")
    identity_before = compute_identity(stage, RunContext(tmp_path))
    file.write_text("{ }\n")
    assert compute_identity(stage, RunContext(tmp_path)) != identity_before


def test_the_exams_are_inputs_and_the_data_is_the_first() -> None:
    data, exam = GivenTexts("given", ()), HeldOutExam("exam")
    assert Scrub("clean", data, exams=("humaneval", exam)).inputs() == [data, exam]


def test_code_that_many_documents_have_is_no_evidence_but_a_docstring_always_is(
    tmp_path: Path,
) -> None:
    code = "\n".join(BODY.splitlines()[1:5])
    texts = (*(f"x = {n}\n{code}" for n in range(4)), *(f"# {n}\n{PROMPT}" for n in range(4)))
    data, ctx = GivenTexts("given", texts), RunContext(tmp_path)
    common_ngrams = Idioms("idioms", data, (HeldOutExam("exam"),), max_documents=3)
    strict = Scrub("strict", data, (HeldOutExam("exam"),), syntax=None)
    run_recipe(strict, ctx)
    assert not any(row["kept"] for row in rows_of(ctx, strict))
    lenient = Scrub("lenient", data, (HeldOutExam("exam"),), syntax=None, idioms=common_ngrams)
    run_recipe(lenient, ctx)
    assert [row["kept"] for row in rows_of(ctx, lenient)] == [True] * 4 + [False] * 4


def test_code_that_few_documents_have_is_evidence(tmp_path: Path) -> None:
    data = GivenTexts("given", tuple(f"x = {n}\n{BODY}" for n in range(3)))
    stage = Scrub(
        "clean",
        data,
        (HeldOutExam("exam"),),
        syntax=None,
        idioms=Idioms("idioms", data, (HeldOutExam("exam"),), max_documents=3),
    )
    run_recipe(stage, RunContext(tmp_path))
    assert not any(row["kept"] for row in rows_of(RunContext(tmp_path), stage))


@pytest.mark.parametrize(
    ("text", "state"),
    [(OTHER, "parsed"), ("Look:\n" + OTHER, "repaired"), ("it's prose\n", "unreadable")],
)
def test_the_column_tree_says_what_could_be_read(text: str, state: str, tmp_path: Path) -> None:
    assert run_scrub([text], tmp_path)[0]["tree"] == state
