"""Rewriting: only what parses, keeps a name of the original and runs in the sandbox is learned from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from conftest import rows_of

from hornbook import records
from hornbook.curate import Rewrite
from hornbook.curate.rewrite import check_rewriting
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Stage
from hornbook.llm import LLM

GOOD = 'Here:\n```python\ndef double(n):\n    """Twice n."""\n    return 2 * n\n\n\nassert double(2) == 4\n```\n'


@pytest.mark.parametrize(
    ("original", "reply", "reason"),
    [
        ("def double(n): return 2 * n", GOOD, ""),
        ("x = 1", GOOD, ""),
        ("def other(n): return n", GOOD, "rewriting defines nothing of the original: other"),
        ("x = 1", "```python\ndef f(:\n```", "rewriting does not parse"),
        ("x = 1", "Sorry, I cannot.", "rewriting does not parse"),
        ("x = 1", "", "rewriting is empty"),
    ],
)
def test_a_reply_is_taken_or_says_why_not(original: str, reply: str, reason: str) -> None:
    assert check_rewriting(original, reply)[1] == reason


@dataclass(frozen=True)
class Pieces(Stage):
    def shards(self, ctx: RunContext) -> list[str]:
        return ["all"]

    def make_shard(self, ctx: RunContext, part: str):
        texts = ["def double(n):\n    return twice(n)\n\n\ndouble(1)\n", "y = 2\n" * 2000]
        return records.make_table({"id": records.document_id(text), "text": text} for text in texts)


@pytest.mark.parametrize(
    ("reply", "reason"), [(GOOD, ""), (GOOD.replace("== 4", "== 5"), "rewriting does not run: ")]
)
def test_execution_decides(tmp_path: Path, reply: str, reason: str) -> None:
    stage = Rewrite("rewritten", Pieces("pieces"), LLM("script", "scripted", answers=(reply,)))
    ctx = RunContext(tmp_path)
    run_recipe(stage, ctx)
    first, second = rows_of(ctx, stage)
    assert first["reason"].startswith(reason) and first["kept"] == (not reason)
    assert (first["ran_before"], first["ran_after"]) == (False, not reason)
    assert second["reason"] == "too long to rewrite"
