"""Rewrite instead of drop: a model makes a piece self-contained; execution decides.

In: kept documents, an LLM. Out: records with the rewritten text, beside whether the original and
the rewriting ran on their own in the sandbox. What is no code, does not parse, lost everything that
the original defined, or does not run, is dropped with that reason. A fourth arm of a study beside
unfiltered, filtered and synthetic (SwallowCode's idea). Not covered: whether the rewriting does
what the original did; a piece cut from a package seldom runs before at all.
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from hornbook import llm, records
from hornbook.frame.stage import Placement, Price, RunContext, Size, Stage
from hornbook.llm import LLM

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = records.DOCUMENT | {"ran_before": "bool", "ran_after": "bool", "original": "string"}
CODE_FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.S)
TIMEOUT_S, MEMORY_MB = 3.0, 512
PROMPT = """\
Rewrite this piece of Python for a student who learns basic coding concepts. \
Keep its idea and the names of what it
defines. Make it self-contained: only the standard library, no names that are not defined, \
no input and no network.
Give clear names, a docstring to each function with one worked example, and comments where a step \
needs a reason. End
with two or three assert statements that hold. Answer with nothing but one Python code block.

```python
{text}
```"""


@dataclass(frozen=True)
class Rewrite(Stage):
    """The kept documents of `data`, rewritten by `writer`; longer than `characters`: dropped."""

    data: Stage
    writer: LLM
    characters: int = 6000

    placement: ClassVar[Placement] = "per_machine"

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {"prompt": PROMPT}

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        from hornbook.sandbox import ProgramJob, Sandbox

        rows = ctx.run.read_shard(self.data, part)
        kept_rows = rows.filter(rows["kept"]).to_pylist()
        short_rows = [row for row in kept_rows if len(row["text"]) <= self.characters]
        ctx.reporter.begin(f"{self.name} {part}", len(short_rows), "answers")
        answers = llm.complete_prompts(
            self.writer, [PROMPT.format(text=row["text"]) for row in short_rows], ctx
        )
        rewritings = [
            check_rewriting(row["text"], answer.text)
            for row, answer in zip(short_rows, answers, strict=True)
        ]
        programs = [row["text"] for row in short_rows] + [code for code, _ in rewritings]
        with Sandbox(allow_unsafe=bool(ctx.options.get("allow_unsafe"))) as sandbox:
            jobs = [
                ProgramJob(program, timeout_s=TIMEOUT_S, memory_mb=MEMORY_MB)
                for program in programs
            ]
            statuses = [verdict.status for verdict in sandbox.run_jobs(jobs)]
        rewritten_rows = [
            self._make_row(row, code, reason, status_before, status_after)
            for row, (code, reason), status_before, status_after in zip(
                short_rows, rewritings, statuses, statuses[len(short_rows) :], strict=False
            )
        ]
        long_rows = [row for row in kept_rows if len(row["text"]) > self.characters]
        rewritten_rows += [
            self._make_row(row, "", "too long to rewrite", "", "") for row in long_rows
        ]
        return records.make_table(rewritten_rows, COLUMNS)

    def _make_row(
        self, row: Mapping[str, Any], code: str, reason: str, status_before: str, status_after: str
    ) -> dict[str, Any]:
        reason = reason or (
            "" if status_after == "passed" else f"rewriting does not run: {status_after}"
        )
        text = code or row["text"]
        source_fields = {name: row[name] for name in ("origin", "path", "start", "end", "licence")}
        return source_fields | {
            "id": records.document_id(text), "text": text, "kind": "code", "kept": not reason,
            "reason": reason,
            "ran_before": status_before == "passed", "ran_after": status_after == "passed",
            "original": row["id"],
        }  # fmt: skip

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        n_documents = inputs[0].documents
        estimate = llm.estimate_cost(self.writer, int(n_documents), ctx)
        minutes = estimate.minutes + n_documents * 0.2 / 60
        return Price(inputs[0], estimate.tokens, estimate.requests, minutes, 1500, estimate.money)


def check_rewriting(original: str, reply: str) -> tuple[str, str]:
    """(code, rejection reason) of a reply: its longest block, or all of it without a block."""
    blocks = CODE_FENCE.findall(reply)
    code = (max(blocks, key=len) if blocks else reply).strip() + "\n"
    names_before, names_after = _find_top_level_names(original), _find_top_level_names(code)
    if names_after is None:
        return code, "rewriting does not parse"
    if not code.strip():
        return code, "rewriting is empty"
    if names_before and not names_before & names_after:
        return (
            code,
            f"rewriting defines nothing of the original: {', '.join(sorted(names_before)[:3])}",
        )
    return code, ""


def _find_top_level_names(code: str) -> set[str] | None:
    """Names of the top-level functions and classes; None where the code does not parse."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    return {
        node.name
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
