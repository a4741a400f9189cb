"""Language models: one function that answers many prompts, whoever the model is, and never pays for an answer twice.

In: a model's settings, prompts, a desk with the ledger. Out: answers in the order of the prompts;
each was in the ledger before it is returned. Kinds: embedded (SmolLM2-135M, no server, no key),
http (any OpenAI-compatible server), scripted (fixed answers, for tests and dry runs), trained (a
model that Hornbook trained). How-options of the desk: base_url and api_key (else OPENAI_BASE_URL
and OPENAI_API_KEY), prices ({model: (per million tokens in, per million out)}), budget (money),
requests_per_minute, timeout_s, device; batch=True for the vendor's batch interface at half the
price (say the prices that it has), batch_poll_s. Not covered: streaming, tools, images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hornbook import meter
from hornbook.llm.by_name import named
from hornbook.llm.ledger import Answer, Entry, Ledger, Spent
from hornbook.llm.requests import LLM, Desk, Prompt, Request, Schema, request

__all__ = [
    "LLM",
    "Answer",
    "Estimate",
    "Prompt",
    "Spent",
    "complete",
    "estimate",
    "named",
    "reachable",
    "spent",
]

LEDGER = "ledger.sqlite"
Keep = Callable[[Sequence[Entry]], None]


def complete(
    llm: LLM,
    prompts: Sequence[str | Prompt],
    desk: Desk,
    samples: Sequence[int] | None = None,
    schema: Schema | None = None,
) -> list[Answer]:
    """Answer each prompt; `samples` tells apart answers to the same prompt. Answers come in the prompts' order.

    `desk.reporter` advances by one per answer. A prompt that cannot be answered gets finish "error" and the reason.
    Raises UserError for what stops all (no server, no credit, no model, the budget); what was
    answered is kept.
    """
    numbers = samples if samples is not None else [0] * len(prompts)
    asked = [
        request(llm, prompt, number, schema)
        for prompt, number in zip(prompts, numbers, strict=True)
    ]
    with Ledger(desk.root / LEDGER) as ledger:
        known = ledger.get([each.key for each in asked])
        missing = list({each.key: each for each in asked if each.key not in known}.values())
        desk.reporter.advance(len(asked) - len(missing))
        fresh: dict[bytes, Answer] = {}

        def keep(entries: Sequence[Entry]) -> None:
            first = ledger.put(entries)  # another process may have been first: its answer holds
            for entry in entries:
                fresh[entry.key] = first.get(entry.key, entry.answer)
                cost = entry.spent
                meter.count(cost.tokens_in, cost.tokens_out, cost.requests, cost.money)
            desk.reporter.advance(len(entries))

        if missing:
            _ask(llm, missing, desk, ledger, keep)
            known |= fresh
    return [known[each.key] for each in asked]


def _ask(llm: LLM, missing: Sequence[Request], desk: Desk, ledger: Ledger, keep: Keep) -> None:
    if llm.kind == "scripted":
        keep([_scripted(each) for each in missing])
    elif llm.kind == "embedded":
        from hornbook.llm import local

        local.answer(missing, str(desk.options.get("device") or "cpu"), keep)
    elif llm.kind == "trained":
        from hornbook.llm import trained

        trained.answer(missing, desk.root, str(desk.options.get("device") or "cpu"), keep)
    elif desk.options.get("batch"):
        from hornbook.llm import batch

        batch.answer(missing, desk.options, ledger, keep)
    else:
        from hornbook.llm import http_client

        http_client.answer(missing, desk.options, ledger, keep)


def _scripted(asked: Request) -> Entry:
    """The prompt's hash chooses where in `answers` to begin, the sample number goes on from there."""
    prompt = "\0".join(text for _, text in asked.prompt.turns)
    begin = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "big")
    text = asked.llm.answers[(begin + asked.sample) % len(asked.llm.answers)]
    answer = Answer(text, len(prompt.split()), len(text.split()))
    return Entry(asked.key, asked.llm.model, answer, Spent(1, answer.tokens_in, answer.tokens_out))


def spent(desk: Desk) -> dict[str, Spent]:
    """What this run has paid so far, by model."""
    if not (desk.root / LEDGER).exists():
        return {}
    with Ledger(desk.root / LEDGER) as ledger:
        return dict(ledger.spent())


class Estimate(NamedTuple):
    """What a number of prompts is expected to cost before the first one is sent."""

    requests: int
    tokens: float
    money: float
    minutes: float


BYTES_PER_TOKEN = 3.6  # English and Python in current vocabularies
PROMPT_TOKENS = 400.0  # of a prompt that is not written yet: instructions and one example
FILLED = 0.6  # share of max_tokens that an answer takes, until the ledger knows better
EMBEDDED_TOKENS_S = 200.0  # read or written; an estimate: the matrices alone allow 285 on 2 cores with AVX2 (32 rows)
SERVER_TOKENS_S = 1000.0  # written, of a hosted model under the concurrency that we reach


def estimate(llm: LLM, prompts: Sequence[str | Prompt] | int, desk: Desk) -> Estimate:
    """The cost of what is not in the ledger yet, by the mean of what this run's ledger has seen of the model."""
    seen = spent(desk).get(llm.model, Spent())
    wrote = seen.tokens_out / seen.requests if seen.requests else FILLED * llm.max_tokens
    if isinstance(prompts, int):
        number = prompts
        read = number * (seen.tokens_in / seen.requests if seen.requests else PROMPT_TOKENS)
    else:
        todo = _unanswered([request(llm, prompt, 0, None) for prompt in prompts], desk)
        number, read = len(todo), sum(_size(each) for each in todo) / BYTES_PER_TOKEN
    price_in, price_out = dict(desk.options.get("prices") or {}).get(llm.model, (0.0, 0.0))
    seconds = {
        "scripted": 0.0,
        "embedded": (read + number * wrote) / EMBEDDED_TOKENS_S,
        "trained": (read + number * wrote) / EMBEDDED_TOKENS_S,
        "http": number * wrote / SERVER_TOKENS_S,
    }
    money = (read * price_in + number * wrote * price_out) / 1e6
    return Estimate(number, read + number * wrote, money, seconds[llm.kind] / 60)


def _unanswered(asked: Sequence[Request], desk: Desk) -> list[Request]:
    if not (desk.root / LEDGER).exists():
        return list(asked)
    with Ledger(desk.root / LEDGER) as ledger:
        known = ledger.get([each.key for each in asked])
    return [each for each in asked if each.key not in known]


def _size(asked: Request) -> int:
    return sum(len(each["content"].encode()) for each in asked.messages())


def reachable(options: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the server of the options, or of OPENAI_BASE_URL, answers and takes the key; in words. Never raises."""
    from hornbook.llm import openai_protocol

    return openai_protocol.reachable(options)
