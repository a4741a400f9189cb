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

from hornbook.llm.ledger import Answer, Spent
from hornbook.llm.requests import Request
from hornbook.records import UserError

if TYPE_CHECKING:
    import aiohttp

STOPS = {
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
CROWDED = (429, 503, 529)  # 529 is Anthropic's "overloaded"
LONGEST_WAIT_S = 3600.0  # a server that says to come back later than this has a quota, not a rate
BYTES_PER_TOKEN = 4  # where a server does not count
MESSAGE_TOKENS = 8  # what a chat template adds to a message, at most


class Stop(Exception):
    """No request can succeed."""


@dataclass
class Malformed(Exception):
    """An answer came, was paid, and is not what was asked for."""

    answer: Answer
    paid: Spent


@dataclass
class Refused(Exception):
    """Too many at once, nothing paid."""

    why: str
    wait_s: float = 0.0

    def __str__(self) -> str:
        return self.why


@dataclass
class Unwell(Exception):
    """The server or the way to it failed; it may be well later."""

    why: str

    def __str__(self) -> str:
        return self.why


class Reply(NamedTuple):
    """An answer and its cost. One that is not lasting is asked for again by the next run."""

    answer: Answer
    paid: Spent
    lasting: bool = True


def failed(why: str) -> Answer:
    return Answer("", finish="error", error=why)


def server(options: Mapping[str, Any]) -> Server:
    """The server that the desk's options or the environment name."""
    address = str(options.get("base_url") or os.environ.get("OPENAI_BASE_URL") or "")
    if not address:
        raise UserError(
            "a model of kind 'http' needs a server: set OPENAI_BASE_URL (such as https://api.openai.com/v1 or "
            "http://localhost:8000/v1) and OPENAI_API_KEY"
        )
    parts = urllib.parse.urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UserError(
            "the base_url (or OPENAI_BASE_URL) is not an address like http://localhost:8000/v1"
        )
    return Server(
        address.rstrip("/"), str(options.get("api_key") or os.environ.get("OPENAI_API_KEY") or "")
    )


@dataclass
class Server:
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

    def hide(self, text: str) -> str:
        """The text without the key and without a password of the address."""
        secrets = [self.key, urllib.parse.urlsplit(self.address).netloc.rpartition("@")[0]]
        for secret in secrets:
            text = text.replace(secret, "[hidden]") if secret else text
        return text

    async def ask(
        self,
        session: aiohttp.ClientSession,
        asked: Request,
        variant: int,
        prices: tuple[float, float] | None,
    ) -> Reply:
        """Send one request. Raises Malformed, Refused, Unwell or Stop."""
        import aiohttp

        while True:
            body = payload(asked, variant, self.refuses)
            try:
                async with session.post(f"{self.address}/chat/completions", json=body) as response:
                    status, headers, raw = response.status, response.headers, await response.read()
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                raise Unwell(self.hide(f"{type(error).__name__} {error}".strip())) from None
            if status == 200:
                return read(asked, raw, prices)
            text = self.hide(raw[:2000].decode("utf-8", "replace"))
            if not self._does_without(status, text, body):
                return refusal(self, status, headers, text)

    def _does_without(self, status: int, text: str, body: Mapping[str, Any]) -> bool:
        """Whether the server complains of a parameter that can be left out; it is, from now on."""
        if status not in (400, 422):
            return False
        for name in ("response_format", "max_tokens", "seed"):
            complained = name in text or (name == "response_format" and "json_schema" in text)
            if complained and name in body:
                self.refuses.add(name)
                return True
        return False


def payload(asked: Request, variant: int, refuses: set[str]) -> dict[str, Any]:
    """The body of the request. A variant, asked for after a malformed answer, has another seed."""
    llm = asked.llm
    messages = asked.messages(tell_schema="response_format" in refuses)
    if asked.prompt.begins:
        messages[-1]["content"] += (
            f"\n\nBegin your answer with exactly this:\n{asked.prompt.begins}"
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
        body["seed"] = (asked.seed + variant) % 2**31
    if asked.schema and "response_format" not in refuses:
        schema = {"name": "answer", "schema": json.loads(asked.schema), "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": schema}
    return body


def written(body: Mapping[str, Any]) -> str:
    """JSON by orjson, and by Python where a text holds half of a surrogate pair."""
    try:
        return orjson.dumps(body).decode()
    except orjson.JSONEncodeError:
        return json.dumps(body)


def _parsed(raw: bytes) -> Any:
    """The same way back. Raises ValueError."""
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw)


def read(asked: Request, raw: bytes, prices: tuple[float, float] | None) -> Reply:
    """The answer in a response of status 200, and what it cost."""
    try:
        told = _parsed(raw)
        usage = told.get("usage") or {}
        choice = (told.get("choices") or [{}])[0]
        text = (choice.get("message") or {}).get("content")
        finish = "length" if choice.get("finish_reason") == "length" else "stop"
    except (ValueError, AttributeError, KeyError, TypeError, IndexError):
        read_, cost = _read_tokens(asked), (prices or (0.0, 0.0))
        paid = Spent(1, read_, 0, read_ * cost[0] / 1e6)
        raise Malformed(failed(f"not a completion: {raw[:80]!r}"), paid) from None
    written = text if isinstance(text, str) else ""
    paid = _cost(usage, asked, written, prices)
    written = written.encode(
        "utf-8", "replace"
    ).decode()  # a lone surrogate could not be written to any file
    answer = Answer(written, paid.tokens_in, paid.tokens_out, finish)
    wrong = _wrong(asked, text, answer)
    if wrong:
        raise Malformed(Answer(written, paid.tokens_in, paid.tokens_out, "error", wrong), paid)
    return Reply(answer, paid)


def _cost(usage: Any, asked: Request, text: str, prices: tuple[float, float] | None) -> Spent:
    """As the server counts; by bytes where it does not."""
    counted = usage if isinstance(usage, dict) else {}
    tokens_in = counted.get("prompt_tokens")
    tokens_out = counted.get("completion_tokens")
    tokens_in = tokens_in if isinstance(tokens_in, int) else _read_tokens(asked)
    tokens_out = (
        tokens_out
        if isinstance(tokens_out, int)
        else len(text.encode("utf-8", "replace")) // BYTES_PER_TOKEN
    )
    price_in, price_out = prices or (0.0, 0.0)
    return Spent(1, tokens_in, tokens_out, (tokens_in * price_in + tokens_out * price_out) / 1e6)


def _read_tokens(asked: Request) -> int:
    return sum(len(each["content"].encode()) for each in asked.messages()) // BYTES_PER_TOKEN


def most(asked: Request, prices: tuple[float, float]) -> float:
    """No request costs more: a token is at least a byte, and no more than max_tokens are written."""
    messages = payload(asked, 0, {"response_format"})["messages"]
    tokens_in = sum(len(each["content"].encode()) + MESSAGE_TOKENS for each in messages)
    return (tokens_in * prices[0] + asked.llm.max_tokens * prices[1]) / 1e6


def _wrong(asked: Request, text: Any, answer: Answer) -> str:
    """What is wrong with an answer; empty if nothing is. An answer cut at max_tokens is as it was asked for."""
    if not isinstance(text, str):
        return "the answer has no text"
    if asked.schema and answer.finish == "stop":
        try:
            json.loads(text)
        except ValueError as error:
            return f"JSON was asked for: {error}"
    return ""


def refusal(where: Server, status: int, headers: Mapping[str, str], text: str) -> Reply:
    """What a status other than 200 means: raised, or the reply to a request that this server will never take."""
    said = f"{status}: {_said(text)}"
    if (
        status == 402
        or any(word in text.lower() for word in NO_CREDIT)
        and status in (400, 403, 429)
    ):
        raise Stop(f"{where.name} says that there is no credit left ({said})")
    if status in STOPS:
        hint = (
            "; does the base_url end in /v1?"
            if status == 404 and not where.address.endswith("/v1")
            else ""
        )
        raise Stop(f"{where.name} {STOPS[status]} ({said}){hint}")
    if status in CROWDED:
        wait_s = retry_after(headers.get("Retry-After"), time.time())
        if wait_s > LONGEST_WAIT_S:
            raise Stop(f"{where.name} says to come back in {wait_s / 3600:.1f} hours ({said})")
        raise Refused(said, wait_s)
    if status in (408, 409, 425) or status >= 500:
        raise Unwell(said)
    return Reply(failed(said), Spent())  # this prompt is too long, or not allowed


def _said(text: str) -> str:
    """The message in an error's JSON, or the beginning of whatever came."""
    try:
        told = json.loads(text)
        error = told.get("error", told)
        message = error.get("message") if isinstance(error, dict) else error
    except (ValueError, AttributeError):
        message = None
    return " ".join(str(message or text or "no reason given").split())[:300]


def retry_after(value: str | None, now: float) -> float:
    """Seconds to wait, from either form of the header (RFC 9110, 10.2.3); 0 where there is none."""
    if not value:
        return 0.0
    try:
        return max(0.0, float(value))
    except ValueError:
        when = email.utils.parsedate_tz(value)
        return max(0.0, email.utils.mktime_tz(when) - now) if when else 0.0


def reachable(options: Mapping[str, Any]) -> tuple[bool, str]:
    """Whether the server answers and takes the key, in words; for `hornbook doctor`. Never raises."""
    try:
        at = server(options)
    except UserError as error:
        return False, str(error)
    asked = urllib.request.Request(f"{at.address}/models", headers=at.headers)
    try:
        with urllib.request.urlopen(asked, timeout=5) as response:
            return True, f"{at.name} answers ({response.status})"
    except urllib.error.HTTPError as error:
        well = error.code not in (401, 403)
        return well, f"{at.name} {'answers' if well else STOPS[error.code]} ({error.code})"
    except (OSError, ValueError) as error:
        return False, at.hide(f"{at.name} does not answer ({getattr(error, 'reason', error)})")
