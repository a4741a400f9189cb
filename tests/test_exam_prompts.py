"""Prompts that are longer than the context are cut, counted, and reported in result, page and terminal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, SilentReporter
from hornbook.generate import ShelfExercises
from hornbook.scrub import Scrub
from hornbook.train import Pack, Train, TrainTokenizer
from hornbook.verify import Examine
from hornbook.writeup import Report


class Messages(SilentReporter):
    """Keeps what is said to the user."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def say(self, text: str) -> None:
        self.texts.append(text)


def write_exam(path: Path, n_long: int, n_short: int) -> None:
    lines = [f"    Line {i} of a long explanation.\n" for i in range(12)]
    with path.open("w") as file:
        for i in range(n_long + n_short):
            docstring = "".join(lines) if i < n_long else "    Return one.\n"
            row = {
                "task_id": f"own/{i}",
                "prompt": f'def f{i}(x):\n    """A beginning.\n{docstring}    """\n',
                "entry_point": f"f{i}",
                "canonical_solution": "    return 1\n",
                "test": f"assert f{i}(0) == 1",
            }
            file.write(json.dumps(row) + "\n")


def examine(folder: Path, n_long: int, n_short: int) -> tuple[RunContext, list[str]]:
    write_exam(folder / "exam.jsonl", n_long, n_short)
    exam = f"jsonl:{folder / 'exam.jsonl'}"
    clean = Scrub("clean", ShelfExercises("exercises", "train", 0.1), (exam,))
    tokenizer = TrainTokenizer("tokenizer", (clean,), vocab=512)
    data = Pack("pack", (clean,), tokenizer, context=128)
    model = Train("model", data, shape="tiny", steps=2, batch=2)
    messages = Messages()
    ctx = RunContext(folder / "run", reporter=messages)
    run_recipe(Report("report", (Examine("exam", model, exam, max_new_tokens=32),)), ctx)
    return ctx, messages.texts


def read_summary(ctx: RunContext) -> dict[str, Any]:
    summary = json.loads((ctx.root / "exam" / "summary.json").read_text())
    return dict(summary["prompts"])


def test_cut_prompts_are_counted_and_reported_everywhere(tmp_path: Path) -> None:
    ctx, messages = examine(tmp_path, n_long=2, n_short=1)
    prompts = read_summary(ctx)
    assert (prompts["asked"], prompts["cut"]) == (3, 2)
    cut_tokens = [row["cut_tokens"] for row in ctx.run.iterate_rows("exam")]
    assert [tokens > 0 for tokens in cut_tokens] == [True, True, False]
    assert prompts["most_cut_tokens"] == max(cut_tokens)
    assert any("exam: 2 of 3 prompts are longer than the context" in text for text in messages)
    page = (ctx.root / "report" / "report.html").read_text()
    assert "2 of 3 prompts were longer than the" in page


def test_prompts_that_fit_are_not_mentioned(tmp_path: Path) -> None:
    ctx, messages = examine(tmp_path, n_long=0, n_short=2)
    assert read_summary(ctx) == {"asked": 2, "cut": 0, "most_cut_tokens": 0}
    assert not any("longer than the context" in text for text in messages)
    assert "longer than the" not in (ctx.root / "report" / "report.html").read_text()
