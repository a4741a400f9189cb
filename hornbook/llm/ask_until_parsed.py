"""Ask a model again until its reply can be parsed.

In: a model, prompts, a parser that returns None for a malformed reply. Out: for each prompt the
parsed value (None after the last try), the last reply, and the number of the try. Each try is a
sample of its own in the ledger, so a killed run asks nothing twice. Not covered: replies that parse
and are wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from hornbook.llm import complete_prompts
from hornbook.llm.requests import LLM, LLMContext

Parsed = TypeVar("Parsed")
# Prompts and the number of the try, to replies in order.
AskPrompts = Callable[[Sequence[str], int], Sequence[str]]


@dataclass(frozen=True)
class ParsedReply(Generic[Parsed]):
    """The last reply to a prompt. `value` is None if no reply could be parsed."""

    value: Parsed | None
    reply: str
    attempt: int  # the number of the try that gave this reply


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

    def ask(unparsed_prompts: Sequence[str], attempt: int) -> list[str]:
        samples = [attempt] * len(unparsed_prompts)
        answers = complete_prompts(llm, unparsed_prompts, ctx, samples=samples)
        return [answer.text for answer in answers]

    replies = repeat_until_parsed(prompts, parse, range(tries), ask)
    return [(reply.value, reply.reply) for reply in replies]


def repeat_until_parsed(
    prompts: Sequence[str],
    parse: Callable[[str], Parsed | None],
    attempts: Sequence[int],
    ask: AskPrompts,
) -> list[ParsedReply[Parsed]]:
    """The same for any way of asking; `attempts` are the numbers of the tries."""
    replies: list[ParsedReply[Parsed]] = [ParsedReply(None, "", attempts[0])] * len(prompts)
    for attempt in attempts:
        unparsed = [i for i, reply in enumerate(replies) if reply.value is None]
        if not unparsed:
            break
        texts = ask([prompts[i] for i in unparsed], attempt)
        for i, text in zip(unparsed, texts, strict=True):
            replies[i] = ParsedReply(parse(text), text.strip(), attempt)
    return replies
