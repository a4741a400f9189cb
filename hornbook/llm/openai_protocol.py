"""The protocol of OpenAI's /chat/completions, and what its servers' refusals mean.

In: a request. Out: a reply with its cost, or one of four kinds of failure: Malformed (paid,
useless), Refused (too many at once), Unwell (may be well later), Stop (no request can succeed).
Servers differ in what they take: one that refuses json_schema, seed or max_tokens is asked without
it from then on. The key is in the headers and nowhere else.
"""

from __future__ import annotations

import email.utils
import json
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from hornbook.llm.ledger import LLMAnswer, Spending
from hornbook.llm.requests import LLMRequest
from hornbook.records import UserError

if TYPE_CHECKING:
    import aiohttp

FATAL_STATUSES = {
    401: "refuses the key",
    403: "forbids this",
    402: "wants payment",
    404: "has no such address or model",
}
NO_CREDIT = (
    "insufficient_quota",
    "insufficient_balance",
    "billing",
    "exceeded your current quota",
    "credit balance",
)
RATE_LIMIT_STATUSES = (429, 503, 529)  # 529 is Anthropic's "overloaded"
MAX_WAIT_S = 3600.0  # a server that says to come back later than this has a quota, not a rate
BYTES_PER_TOKEN = 4  # where a server does not count
MESSAGE_TOKENS = 8  # what a chat template adds to a message, at most


class FatalError(Exception):
    """No request can succeed."""


@dataclass
class MalformedAnswerError(Exception):
    """An answer came, was paid, and is not what was asked for."""

    answer: LLMAnswer
    spending: Spending


@dataclass
class RateLimitError(Exception):
    """Too many at once, nothing paid."""

    reason: str
    wait_s: float = 0.0

    def __str__(self) -> str:
        return self.reason


@dataclass
class TransientError(Exception):
    """The server or the way to it failed; it may be well later."""

    reason: str

    def __str__(self) -> str:
        return self.reason


class Reply(NamedTuple):
    """An answer and its cost. One that is not lasting is asked for again by the next run."""

    answer: LLMAnswer
    spending: Spending
    is_final: bool = True


def error_answer(reason: str) -> LLMAnswer:
    return LLMAnswer("", finish="error", error=reason)


def server_from_options(options: Mapping[str, Any]) -> OpenAIServer:
    """The server that the desk's options or the environment name."""
    address = str(options.get("base_url") or os.environ.get("OPENAI_BASE_URL") or "")
    if not address:
        raise UserError(
            "a model of kind 'http' needs a server: set OPENAI_BASE_URL (such as "
            "https://api.openai.com/v1 or "
            "http://localhost:8000/v1) and OPENAI_API_KEY"
        )
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            "the base_url (or OPENAI_BASE_URL) is not an address like http://localhost:8000/v1"
        )
    return OpenAIServer(
        address.rstrip("/"), str(options.get("api_key") or os.environ.get("OPENAI_API_KEY") or "")
    )


@dataclass
class OpenAIServer:
    """Where requests go, and what it was found not to take."""

    address: str = field(repr=False)
    key: str = field(repr=False)
    refuses: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The address as it may be shown."""
        parts = urllib.parse.urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"} if self.key else {}

    def hide_secrets(self, text: str) -> str:
        """The text without the key and without a password of the address."""
        secrets = [self.key, urllib.parse.urlsplit(self.address).netloc.rpartition("@")[0]]
        for secret in secrets:
            text = text.replace(secret, "[hidden]") if secret else text
        return text

    async def send_request(
        self,
        session: aiohttp.ClientSession,
        request: LLMRequest,
        variant: int,
        prices: tuple[float, float] | None,
    ) -> Reply:
        """Send one request. Raises Malformed, Refused, Unwell or Stop."""
        import aiohttp

        while True:
            body = request_body(request, variant, self.refuses)
            try:
                async with session.post(f"{self.address}/chat/completions", json=body) as response:
                    status, headers, raw = response.status, response.headers, await response.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise TransientError(
                    self.hide_secrets(f"{type(error).__name__} {error}".strip())
                ) from None
            if status == 200:
                return parse_response(request, raw, prices)
            text = self.hide_secrets(raw[:2000].decode("utf-8", "replace"))
            if not self._drop_parameter(status, text, body):
                return interpret_error_status(self, status, headers, text)

    def _drop_parameter(self, status: int, text: str, body: Mapping[str, Any]) -> bool:
        """Whether the server complains of a parameter that can be left out; it is, from now on."""
        if status not in (400, 422):
            return False
        for name in ("response_format", "max_tokens", "seed"):
            complained = name in text or (name == "response_format" and "json_schema" in text)
            if complained and name in body:
                self.refuses.add(name)
                return True
        return False


def request_body(request: LLMRequest, variant: int, refuses: set[str]) -> dict[str, Any]:
    """The body of the request. A variant, asked for after a malformed answer, has another seed."""
    llm = request.llm
    messages = request.chat_messages(tell_schema="response_format" in refuses)
    if request.prompt.begins:
        messages[-1]["content"] += (
            f"\n\nBegin your answer with exactly this:\n{request.prompt.begins}"
        )
    body: dict[str, Any] = {
        "model": llm.model,
        "messages": messages,
        "temperature": llm.temperature,
    }
    body["max_completion_tokens" if "max_tokens" in refuses else "max_tokens"] = llm.max_tokens
    if llm.top_p < 1:
        body["top_p"] = llm.top_p
    if llm.stop:
        body["stop"] = list(llm.stop)
    if "seed" not in refuses:
        body["seed"] = (request.seed + variant) % 2**31
    if request.schema and "response_format" not in refuses:
        schema = {"name": "answer", "schema": json.loads(request.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def encode_json(body: Mapping[str, Any]) -> str:
    """JSON by orjson, and by Python where a text holds half of a surrogate pair."""
    try:
        return orjson.dumps(body).decode()
    except orjson.JSONEncodeError:
        return json.dumps(body)


def _decode_json(raw: bytes) -> Any:
    """The same way back. Raises ValueError."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw)


def parse_response(request: LLMRequest, raw: bytes, prices: tuple[float, float] | None) -> Reply:
    """The answer in a response of status 200, and what it cost."""
    try:
        response = _decode_json(raw)
        usage = response.get("usage") or {}
        choice = (response.get("choices") or [{}])[0]
        text = (choice.get("message") or {}).get("content")
        finish = "length" if choice.get("finish_reason") == "length" else "stop"
    except (ValueError, AttributeError, KeyError, TypeError, IndexError):
        tokens_in, price_pair = _estimate_prompt_tokens(request), (prices or (0.0, 0.0))
        spending = Spending(1, tokens_in, 0, tokens_in * price_pair[0] / 1e6)
        raise MalformedAnswerError(
            error_answer(f"not a completion: {raw[:80]!r}"), spending
        ) from None
    content = text if isinstance(text, str) else ""
    spending = _response_spending(usage, request, content, prices)
    content = content.encode(
        "utf-8", "replace"
    ).decode()  # a lone surrogate could not be written to any file
    answer = LLMAnswer(content, spending.tokens_in, spending.tokens_out, finish)
    fault = _find_fault(request, text, answer)
    if fault:
        raise MalformedAnswerError(
            LLMAnswer(content, spending.tokens_in, spending.tokens_out, "error", fault), spending
        )
    return Reply(answer, spending)


def _response_spending(
    usage: Any, request: LLMRequest, text: str, prices: tuple[float, float] | None
) -> Spending:
    """As the server counts; by bytes where it does not."""
    usage_fields = usage if isinstance(usage, dict) else {}
    tokens_in = usage_fields.get("prompt_tokens")
    tokens_out = usage_fields.get("completion_tokens")
    tokens_in = tokens_in if isinstance(tokens_in, int) else _estimate_prompt_tokens(request)
    tokens_out = (
        tokens_out
        if isinstance(tokens_out, int)
        else len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN
    )
    price_in, price_out = prices or (0.0, 0.0)
    return Spending(1, tokens_in, tokens_out, (tokens_in * price_in + tokens_out * price_out) / 1e6)


def _estimate_prompt_tokens(request: LLMRequest) -> int:
    return (
        sum(len(message["content"].encode()) for message in request.chat_messages())
        // BYTES_PER_TOKEN
    )


def max_request_cost(request: LLMRequest, prices: tuple[float, float]) -> float:
    """The most a request can cost: a token is at least a byte, and at most max_tokens follow."""
    messages = request_body(request, 0, {"response_format"})["messages"]
    tokens_in = sum(len(message["content"].encode()) + MESSAGE_TOKENS for message in messages)
    return (tokens_in * prices[0] + request.llm.max_tokens * prices[1]) / 1e6


def _find_fault(request: LLMRequest, text: Any, answer: LLMAnswer) -> str:
    """What is wrong with an answer; empty if nothing is. Cut at max_tokens is not wrong."""
    if not isinstance(text, str):
        return "the answer has no text"
    if request.schema and answer.finish == "stop":
        try:
            json.loads(text)
        except ValueError as error:
            return f"JSON was asked for: {error}"
    return ""


def interpret_error_status(
    server: OpenAIServer, status: int, headers: Mapping[str, str], text: str
) -> Reply:
    """What a status other than 200 means: an exception, or a reply that this request is refused."""
    message = f"{status}: {_error_message(text)}"
    if (
        status == 402
        or any(word in text.lower() for word in NO_CREDIT)
        and status in (400, 403, 429)
    ):
        raise FatalError(f"{server.name} says that there is no credit left ({message})")
    if status in FATAL_STATUSES:
        hint = (
            "; does the base_url end in /v1?"
            if status == 404 and not server.address.endswith("/v1")
            else ""
        )
        raise FatalError(f"{server.name} {FATAL_STATUSES[status]} ({message}){hint}")
    if status in RATE_LIMIT_STATUSES:
        wait_s = parse_retry_after(headers.get("Retry-After"), time.time())
        if wait_s > MAX_WAIT_S:
            raise FatalError(
                f"{server.name} says to come back in {wait_s / 3600:.1f} hours ({message})"
            )
        raise RateLimitError(message, wait_s)
    if status in (408, 409, 425) or status >= 500:
        raise TransientError(message)
    return Reply(error_answer(message), Spending())  # this prompt is too long, or not allowed


def _error_message(text: str) -> str:
    """The message in an error's JSON, or the beginning of whatever came."""
    try:
        body = json.loads(text)
        error = body.get("error", body)
        message = error.get("message") if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        message = None
    return " ".join(str(message or text or "no reason given").split())[:300]


def parse_retry_after(value: str | None, now: float) -> float:
    """Seconds to wait, from either form of the header (RFC 9110, 10.2.3); 0 where there is none."""
    if not value:
        return 0.0
    try:
        return max(0.0, float(value))
    except ValueError:
        retry_date = email.utils.parsedate_tz(value)
        return max(0.0, email.utils.mktime_tz(retry_date) - now) if retry_date else 0.0


def check_server(options: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the server answers and takes the key; for `hornbook doctor`. Never raises."""
    try:
        server = server_from_options(options)
    except UserError as error:
        return False, str(error)
    request = urllib.request.Request(f"{server.address}/models", headers=server.headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return True, f"{server.name} answers ({response.status})"
    except urllib.error.HTTPError as error:
        accepted = error.code not in (401, 403)
        status = "answers" if accepted else FATAL_STATUSES[error.code]
        return accepted, f"{server.name} {status} ({error.code})"
    except (OSError, ValueError) as error:
        return False, server.hide_secrets(
            f"{server.name} does not answer ({getattr(error, 'reason', error)})"
        )
