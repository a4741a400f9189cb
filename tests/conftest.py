"""Two small stages, on which the tests of the frame run, and fixtures for all tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest

from hornbook import records
from hornbook.frame.stage import RowFilter, RunContext, Stage


@dataclass(frozen=True)
class Numbers(Stage):
    """Documents that spell the numbers below `upto`, in as many shards as the shard size asks for."""

    upto: int = 60

    def shards(self, ctx: RunContext) -> Sequence[str]:
        n_shards = max(1, round(1 / ctx.shard_mb))
        return [f"{i:04d}-of-{n_shards:04d}" for i in range(n_shards)]

    def make_shard(self, ctx: RunContext, shard: str) -> pa.Table:
        shard_index, n_shards = (int(word) for word in shard.split("-of-"))
        first = self.upto * shard_index // n_shards
        end = self.upto * (shard_index + 1) // n_shards
        texts = {i: f"{i} " * i for i in range(first, end)}
        return records.make_table(
            {"id": records.document_id(text), "text": text, "path": str(i)}
            for i, text in texts.items()
        )


@dataclass(frozen=True)
class Longer(RowFilter):
    """Keep texts above a length. The row whose path is `deadly` kills its worker."""

    above: int = 30
    deadly: str = ""
    seen_in: ClassVar[list[str]] = []

    def filter_rows(self, ctx: RunContext, rows: pa.Table) -> pa.Table:
        kept, reason = [], []
        for path, text in zip(rows["path"].to_pylist(), rows["text"].to_pylist(), strict=True):
            if self.deadly and path == self.deadly:
                os.kill(os.getpid(), 9)
            kept.append(len(text) > self.above)
            reason.append("" if kept[-1] else f"short: {len(text)} characters")
        return records.verdict_columns(
            kept, reason, length=[len(text) for text in rows["text"].to_pylist()]
        )


def contents(root: Path) -> dict[str, bytes]:
    """Every output file of a run: neither what it cost nor how it was split."""
    from hornbook.frame.run import BOOKKEEPING_FILES
    from hornbook.frame.run_folder import RUN_MARKER

    skip = {*BOOKKEEPING_FILES, RUN_MARKER} - {"manifest.json"}
    return {
        str(f.relative_to(root)): f.read_bytes()
        for f in sorted(root.rglob("*"))
        if f.is_file() and f.name not in skip
    }


def rows_of(ctx: RunContext, stage: Stage) -> list[dict[str, Any]]:
    return [row for table in ctx.run.read_shards(stage) for row in table.to_pylist()]


@pytest.fixture(autouse=True)
def own_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """No test writes into the cache of the person who runs it, but those that fetch may read it."""
    if "network" not in request.keywords:
        monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def codegen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as the Hub has Salesforce/codegen-350M-mono, with a random model of 4 small layers."""
    import torch
    from transformers import CodeGenConfig, CodeGenForCausalLM, PreTrainedTokenizerFast

    from hornbook.models import tokenizer

    place = tmp_path_factory.mktemp("hub") / "codegen"
    torch.manual_seed(0)
    shape = CodeGenConfig(
        vocab_size=300, n_positions=128, n_embd=64, n_layer=4, n_head=4, rotary_dim=8
    )
    CodeGenForCausalLM(shape).save_pretrained(place)
    texts = [
        f"def f{n}(a, b={n}):\n    # {n * 37} numbers\n    return a + {n}\n" * (1 + n % 5)
        for n in range(12)
    ]
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer.train_tokenizer(texts, 300).backend
    ).save_pretrained(place)
    return place
