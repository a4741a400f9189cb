"""Language models: one function answers many prompts by any model, and never pays for one twice.

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
from hornbook.llm.ledger import AnswerLedger, LedgerEntry, LLMAnswer, Spending
from hornbook.llm.requests import LLM, LLMContext, LLMRequest, Prompt, Schema, make_request

__all__ = [
    "LLM",
    "LLMAnswer",
    "CostEstimate",
    "Prompt",
    "Spending",
    "complete_prompts",
    "estimate_cost",
    "named",
    "price_requests",
    "check_server",
    "spending_by_model",
]

LEDGER_FILE = "ledger.sqlite"
SaveEntries = Callable[[Sequence[LedgerEntry]], None]


def complete_prompts(
    llm: LLM,
    prompts: Sequence[str | Prompt],
    ctx: LLMContext,
    samples: Sequence[int] | None = None,
    schema: Schema | None = None,
) -> list[LLMAnswer]:
    """Answer each prompt, in order. `samples` tells apart several answers to the same prompt.

    The reporter advances by one per answer. A prompt without an answer gets finish "error" and why.
    Raises UserError for what stops all (no server, no credit, no model, the budget); what was
    answered is kept.
    """
    sample_numbers = samples if samples is not None else [0] * len(prompts)
    requests = [
        make_request(llm, prompt, sample, schema)
        for prompt, sample in zip(prompts, sample_numbers, strict=True)
    ]
    with AnswerLedger(ctx.root / LEDGER_FILE) as ledger:
        answers = ledger.get_answers([request.key for request in requests])
        missing = list(
            {request.key: request for request in requests if request.key not in answers}.values()
        )
        ctx.reporter.advance(len(requests) - len(missing))
        new_answers: dict[bytes, LLMAnswer] = {}

        def save_entries(entries: Sequence[LedgerEntry]) -> None:
            stored = ledger.put_entries(
                entries
            )  # another process may have been first: its answer holds
            for entry in entries:
                new_answers[entry.key] = stored.get(entry.key, entry.answer)
                spending = entry.spending
                meter.add_usage(
                    spending.tokens_in, spending.tokens_out, spending.requests, spending.money
                )
            ctx.reporter.advance(len(entries))

        if missing:
            _ask_model(llm, missing, ctx, ledger, save_entries)
            answers |= new_answers
    return [answers[request.key] for request in requests]


def _ask_model(
    llm: LLM,
    missing: Sequence[LLMRequest],
    ctx: LLMContext,
    ledger: AnswerLedger,
    save_entries: SaveEntries,
) -> None:
    if llm.kind == "scripted":
        save_entries([_scripted_entry(request) for request in missing])
    elif llm.kind == "embedded":
        from hornbook.llm import local

        local.answer_requests(missing, str(ctx.options.get("device") or "cpu"), save_entries)
    elif llm.kind == "trained":
        from hornbook.llm import trained

        trained.answer_requests(
            missing, ctx.root, str(ctx.options.get("device") or "cpu"), save_entries
        )
    elif ctx.options.get("batch"):
        from hornbook.llm import batch

        batch.answer_requests(missing, ctx.options, ledger, save_entries)
    else:
        from hornbook.llm import http_client

        http_client.answer_requests(missing, ctx.options, ledger, save_entries)


def _scripted_entry(request: LLMRequest) -> LedgerEntry:
    """The prompt's hash chooses the first of `answers`; the sample number counts on from there."""
    prompt = "\0".join(text for _, text in request.prompt.turns)
    start = int.from_bytes(hashlib.sha256(prompt.encode()).digest()[:8], "big")
    text = request.llm.answers[(start + request.sample) % len(request.llm.answers)]
    answer = LLMAnswer(text, len(prompt.split()), len(text.split()))
    return LedgerEntry(
        request.key, request.llm.model, answer, Spending(1, answer.tokens_in, answer.tokens_out)
    )


def spending_by_model(ctx: LLMContext) -> dict[str, Spending]:
    """What this run has paid so far, by model."""
    if not (ctx.root / LEDGER_FILE).exists():
        return {}
    with AnswerLedger(ctx.root / LEDGER_FILE) as ledger:
        return dict(ledger.spending_by_model())


class CostEstimate(NamedTuple):
    """What a number of prompts is expected to cost before the first one is sent."""

    requests: int
    tokens: float
    money: float
    minutes: float


BYTES_PER_TOKEN = 3.6  # English and Python in current vocabularies
PROMPT_TOKENS = 400.0  # of a prompt that is not written yet: instructions and one example
ANSWER_SHARE = 0.6  # share of max_tokens that an answer takes, until the ledger knows better
# Tokens (read, written) per second on 2 cores without AMX: the embedded model at batch 32, and a
# model of 3M to 17M parameters trained here. With AMX one core reads 1,080 and writes 176
# (docs/log.md, "The embedded model on AMX").
LOCAL_TOKENS_S = {"embedded": (600.0, 150.0), "trained": (5000.0, 800.0)}
SERVER_TOKENS_S = 1000.0  # written, of a hosted model under the concurrency that we reach


def estimate_cost(llm: LLM, prompts: Sequence[str | Prompt] | int, ctx: LLMContext) -> CostEstimate:
    """The cost of what is not in the ledger yet, from the mean of the model's answers so far."""
    spending = spending_by_model(ctx).get(llm.model, Spending())
    tokens_out = (
        spending.tokens_out / spending.requests
        if spending.requests
        else ANSWER_SHARE * llm.max_tokens
    )
    if isinstance(prompts, int):
        request_count = prompts
        tokens_in = request_count * (
            spending.tokens_in / spending.requests if spending.requests else PROMPT_TOKENS
        )
    else:
        unanswered = _find_unanswered(
            [make_request(llm, prompt, 0, None) for prompt in prompts], ctx
        )
        request_count, tokens_in = (
            len(unanswered),
            sum(_prompt_bytes(request) for request in unanswered) / BYTES_PER_TOKEN,
        )
    return price_requests(llm, request_count, tokens_in, request_count * tokens_out, ctx)


def price_requests(
    llm: LLM, requests: float, tokens_in: float, tokens_out: float, ctx: LLMContext
) -> CostEstimate:
    """The cost of asking a model: every stage that asks one is priced by this function.

    Args:
        tokens_in: read by the model, of all requests together.
        tokens_out: written by the model, of all requests together.
    """
    seconds = 0.0
    if llm.kind == "http":
        seconds = tokens_out / SERVER_TOKENS_S
    elif llm.kind in LOCAL_TOKENS_S:
        read_s, write_s = LOCAL_TOKENS_S[llm.kind]
        seconds = tokens_in / read_s + tokens_out / write_s
    price_in, price_out = dict(ctx.options.get("prices") or {}).get(llm.model, (0.0, 0.0))
    money = (tokens_in * price_in + tokens_out * price_out) / 1e6
    return CostEstimate(round(requests), tokens_in + tokens_out, money, seconds / 60)


def _find_unanswered(requests: Sequence[LLMRequest], ctx: LLMContext) -> list[LLMRequest]:
    if not (ctx.root / LEDGER_FILE).exists():
        return list(requests)
    with AnswerLedger(ctx.root / LEDGER_FILE) as ledger:
        answers = ledger.get_answers([request.key for request in requests])
    return [request for request in requests if request.key not in answers]


def _prompt_bytes(request: LLMRequest) -> int:
    return sum(len(message["content"].encode()) for message in request.chat_messages())


def check_server(options: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the server answers and takes the key, with a sentence about it. Never raises."""
    from hornbook.llm import openai_protocol

    return openai_protocol.check_server(options)
