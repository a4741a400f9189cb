"""Rewrite instead of drop: a language model makes a piece self-contained and documented, and execution decides.

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
from hornbook.frame.stage import Desk, Price, Runs, Size, Stage
from hornbook.llm import LLM

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = records.DOCUMENT | {"ran_before": "bool", "ran_after": "bool", "original": "string"}
FENCE = re.compile(r"```(?:python|py)?[ \t]*\n(.*?)```", re.S)
TIMEOUT_S, MEMORY_MB = 3.0, 512
PROMPT = """\
Rewrite this piece of Python for a student who learns basic coding concepts. Keep its idea and the names of what it
defines. Make it self-contained: only the standard library, no names that are not defined, no input and no network.
Give clear names, a docstring to each function with one worked example, and comments where a step needs a reason. End
with two or three assert statements that hold. Answer with nothing but one Python code block.

```python
{text}
```"""


@dataclass(frozen=True)
class Rewrite(Stage):
    """The kept documents of `data`, each rewritten by `writer`; texts above `characters` are dropped, not cut."""

    data: Stage
    writer: LLM
    characters: int = 6000

    runs: ClassVar[Runs] = "machine"

    def facts(self, desk: Desk) -> Mapping[str, Any]:
        return {"prompt": PROMPT}

    def work(self, desk: Desk, part: str) -> pa.Table:
        from hornbook.sandbox import Job, Sandbox

        rows = desk.table(self.data, part)
        asked = rows.filter(rows["kept"]).to_pylist()
        short = [row for row in asked if len(row["text"]) <= self.characters]
        desk.reporter.begin(f"{self.name} {part}", len(short), "answers")
        answers = llm.complete(
            self.writer, [PROMPT.format(text=row["text"]) for row in short], desk
        )
        found = [
            accepted(row["text"], answer.text) for row, answer in zip(short, answers, strict=True)
        ]
        programs = [row["text"] for row in short] + [code for code, _ in found]
        with Sandbox(allow_unsafe=bool(desk.options.get("allow_unsafe"))) as box:
            jobs = [Job(program, timeout_s=TIMEOUT_S, memory_mb=MEMORY_MB) for program in programs]
            ran = [verdict.status for verdict in box.run(jobs)]
        made = [
            self._row(row, code, reason, before, after)
            for row, (code, reason), before, after in zip(
                short, found, ran, ran[len(short) :], strict=False
            )
        ]
        long = [row for row in asked if len(row["text"]) > self.characters]
        made += [self._row(row, "", "too long to rewrite", "", "") for row in long]
        return records.table(made, COLUMNS)

    def _row(
        self, row: Mapping[str, Any], code: str, reason: str, before: str, after: str
    ) -> dict[str, Any]:
        reason = reason or ("" if after == "passed" else f"rewriting does not run: {after}")
        text = code or row["text"]
        facts = {name: row[name] for name in ("origin", "path", "start", "end", "licence")}
        return facts | {
            "id": records.document_id(text), "text": text, "kind": "code", "kept": not reason, "reason": reason,
            "ran_before": before == "passed", "ran_after": after == "passed", "original": row["id"],
        }  # fmt: skip

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        number = inputs[0].documents
        expected = llm.estimate(self.writer, int(number), desk)
        minutes = expected.minutes + number * 0.2 / 60
        return Price(inputs[0], expected.tokens, expected.requests, minutes, 1500, expected.money)


def accepted(original: str, reply: str) -> tuple[str, str]:
    """(the code of a reply, why it is not taken): its longest block, or all of it where there is none."""
    blocks = FENCE.findall(reply)
    code = (max(blocks, key=len) if blocks else reply).strip() + "\n"
    before, after = _defined(original), _defined(code)
    if after is None:
        return code, "rewriting does not parse"
    if not code.strip():
        return code, "rewriting is empty"
    if before and not before & after:
        return code, f"rewriting defines nothing of the original: {', '.join(sorted(before)[:3])}"
    return code, ""


def _defined(code: str) -> set[str] | None:
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
