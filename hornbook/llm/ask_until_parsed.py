"""Ask a model again until its reply can be parsed.

In: a model, prompts, a parser that returns None for a malformed reply. Out: for each prompt the
parsed value (None after the last try) and the last reply. Each try is a sample of its own in the
ledger, so a killed run asks nothing twice. Not covered: replies that parse and are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from hornbook.llm import complete_prompts
from hornbook.llm.requests import LLM, LLMContext

Parsed = TypeVar("Parsed")


def ask_until_parsed(
    llm: LLM,
    prompts: Sequence[str],
    parse: Callable[[str], Parsed | None],
    tries: int,
    ctx: LLMContext,
) -> list[tuple[Parsed | None, str]]:
    """(parsed value, reply) of each prompt; only malformed replies are asked for again.

    Try number i has sample number i, from 0: changing that would change the ledger's keys.
    """
    results: list[tuple[Parsed | None, str]] = [(None, "")] * len(prompts)
    for attempt in range(tries):
        unparsed = [i for i, (value, _) in enumerate(results) if value is None]
        if not unparsed:
            break
        answers = complete_prompts(
            llm, [prompts[i] for i in unparsed], ctx, samples=[attempt] * len(unparsed)
        )
        for i, answer in zip(unparsed, answers, strict=True):
            results[i] = (parse(answer.text), answer.text.strip())
    return results
