"""The vendors' batch interface: half the price for answers within a day, for those who can wait.

In: requests, the desk's options (batch=True). Out: an entry each. The requests go up as one file a
batch, under their ledger keys; then the server is asked now and then. Nothing has to be remembered
here: a run that was killed asks the server which batches of Hornbook's it has, and takes from them
whatever answers its own keys, so none is paid twice. As OpenAI defines it (/files, /batches). Not
covered: Anthropic's and Google's own forms; cancelling.
"""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from hornbook.llm import openai_protocol
from hornbook.llm.ledger import AnswerLedger, LedgerEntry, Spending
from hornbook.llm.requests import LLMRequest
from hornbook.records import UserError

MAX_REQUESTS = 10_000  # requests a batch; OpenAI takes 50,000 and 200 MB
POLL_S = 60.0
TIMEOUT_S = 300.0
ENDED_EARLY = (
    "failed",
    "expired",
    "cancelled",
    "cancelling",
)  # what was answered before is still in the output file
METADATA_KEY = "hornbook"

SaveEntries = Callable[[Sequence[LedgerEntry]], None]


def answer_requests(
    requests: Sequence[LLMRequest],
    options: Mapping[str, Any],
    ledger: AnswerLedger,
    save_entries: SaveEntries,
) -> None:
    """Answer all, taking up batches that are under way. Raises UserError for what stops all."""
    server = openai_protocol.server_from_options(options)
    prices = dict(options.get("prices") or {}).get(requests[0].llm.model)
    _check_budget(requests, options, ledger, prices)
    open_requests = {request.key: request for request in requests}
    under_way = [
        request["id"]
        for request in _get_json(server, "batches?limit=100")["data"]
        if _is_ours(request)
    ]
    for name in under_way:
        _collect_batch(server, name, open_requests, options, prices, save_entries)
    remaining = list(open_requests.values())
    for start in range(0, len(remaining), MAX_REQUESTS):
        name = _submit_batch(server, remaining[start : start + MAX_REQUESTS])
        _collect_batch(server, name, open_requests, options, prices, save_entries)
    for request in (
        open_requests.values()
    ):  # the server lost them, or the batch expired: another run asks again
        answer = openai_protocol.error_answer("the batch ended without an answer to this")
        save_entries(
            [LedgerEntry(request.key, request.llm.model, answer, Spending(), is_final=False)]
        )


def _is_ours(batch: Mapping[str, Any]) -> bool:
    return METADATA_KEY in (batch.get("metadata") or {})


def _check_budget(
    requests: Sequence[LLMRequest], options: Mapping[str, Any], ledger: AnswerLedger, prices: Any
) -> None:
    budget = options.get("budget")
    if budget is None:
        return
    if prices is None:
        raise UserError(
            f"a budget of {budget} cannot be kept without the price of {requests[0].llm.model}: "
            "give prices="
        )
    spent_money = sum(spending.money for spending in ledger.spending_by_model().values())
    max_cost = sum(openai_protocol.max_request_cost(request, prices) for request in requests)
    if spent_money + max_cost > budget:
        raise UserError(
            f"the budget of {budget:g} could be passed: {spent_money:.4g} is spent and a batch of "
            f"{len(requests):,} requests may cost {max_cost:.4g}. Raise the budget, ask for fewer, "
            "or leave batch out: then it stops in time"
        )


def _submit_batch(server: openai_protocol.OpenAIServer, requests: Sequence[LLMRequest]) -> str:
    """Send the requests; the batch's name."""
    lines = [
        {"custom_id": request.key.hex(), "method": "POST", "url": "/v1/chat/completions",
         "body": openai_protocol.request_body(request, 0, server.refuses)}
        for request in requests
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = _upload_file(server, text)
    body = {
        "input_file_id": file["id"],
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    return str(
        _post_json(
            server, "batches", json.dumps(body | {"metadata": {METADATA_KEY: "1"}}).encode()
        )["id"]
    )


def _collect_batch(
    server: openai_protocol.OpenAIServer,
    name: str,
    open_requests: dict[bytes, LLMRequest],
    options: Mapping[str, Any],
    prices: tuple[float, float] | None,
    save_entries: SaveEntries,
) -> None:
    """Wait for a batch, keep what it answers of `open_`, and take that out of it."""
    while True:
        batch = _get_json(server, f"batches/{name}")
        if batch["status"] == "completed" or batch["status"] in ENDED_EARLY:
            break
        time.sleep(float(options.get("batch_poll_s") or POLL_S))
    if batch["status"] == "failed" and not batch.get("output_file_id"):
        reason = json.dumps(batch.get("errors") or "no reason given")[:300]
        raise UserError(f"{server.name} refuses the batch: {server.hide_secrets(reason)}")
    entries = []
    for kind in ("output_file_id", "error_file_id"):
        if batch.get(kind):
            for line in (
                _send_request(server, f"files/{batch[kind]}/content")
                .decode("utf-8", "replace")
                .splitlines()
            ):
                entry = _parse_line(line, open_requests, prices)
                if entry:
                    entries.append(entry)
    if entries:
        save_entries(entries)


def _parse_line(
    line: str, open_requests: dict[bytes, LLMRequest], prices: tuple[float, float] | None
) -> LedgerEntry | None:
    """A line of the result, if it answers a request that is open; a damaged one answers nothing."""
    try:
        result = json.loads(line)
        request = open_requests.get(bytes.fromhex(result["custom_id"]))
        body = (result.get("response") or {}).get("body")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if request is None:
        return None
    if not isinstance(body, dict) or "choices" not in body:
        reason = json.dumps(result.get("error") or body or "no answer")[:300]
        del open_requests[request.key]
        return LedgerEntry(
            request.key, request.llm.model, openai_protocol.error_answer(reason), Spending()
        )
    del open_requests[request.key]
    try:
        reply = openai_protocol.parse_response(request, json.dumps(body).encode(), prices)
    except openai_protocol.MalformedAnswerError as error:
        return LedgerEntry(request.key, request.llm.model, error.answer, error.spending)
    return LedgerEntry(request.key, request.llm.model, reply.answer, replace(reply.spending))


def _upload_file(server: openai_protocol.OpenAIServer, text: bytes) -> dict[str, Any]:
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'.encode(),
        f"--{boundary}\r\nContent-Disposition: form-data; "
        'name="file"; filename="hornbook.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n".encode(),
        text,
        f"\r\n--{boundary}--\r\n".encode(),
    ]
    return _post_json(server, "files", b"".join(parts), f"multipart/form-data; boundary={boundary}")


def _post_json(
    server: openai_protocol.OpenAIServer, path: str, body: bytes, kind: str = "application/json"
) -> dict[str, Any]:
    return dict(json.loads(_send_request(server, path, body, kind)))


def _get_json(server: openai_protocol.OpenAIServer, path: str) -> dict[str, Any]:
    return dict(json.loads(_send_request(server, path)))


def _send_request(
    server: openai_protocol.OpenAIServer,
    path: str,
    body: bytes | None = None,
    kind: str = "application/json",
) -> bytes:
    headers = server.headers | ({"Content-Type": kind} if body else {})
    request = urllib.request.Request(f"{server.address}/{path}", data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        detail = server.hide_secrets(error.read()[:300].decode("utf-8", "replace"))
        hint = (
            "; has it no batch interface? Leave batch out" if error.code in (404, 405, 501) else ""
        )
        raise UserError(
            f"{server.name}/{path.partition('?')[0]} answers {error.code}: {detail}{hint}"
        ) from None
    except (OSError, ValueError) as error:
        reason = server.hide_secrets(str(getattr(error, "reason", error)))
        raise UserError(
            f"{server.name} does not answer ({reason}). What it has is taken up by the next run"
        ) from None
