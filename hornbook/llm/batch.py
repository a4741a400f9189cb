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
from hornbook.llm.ledger import Entry, Ledger, Spent
from hornbook.llm.requests import Request
from hornbook.records import UserError

MOST = 10_000  # requests a batch; OpenAI takes 50,000 and 200 MB
POLL_S = 60.0
TIMEOUT_S = 300.0
GONE = (
    "failed",
    "expired",
    "cancelled",
    "cancelling",
)  # what was answered before is still in the output file
MARK = "hornbook"

Keep = Callable[[Sequence[Entry]], None]


def answer(
    asked: Sequence[Request], options: Mapping[str, Any], ledger: Ledger, keep: Keep
) -> None:
    """Answer all, taking up batches that are under way. Raises UserError where the server cannot or will not."""
    server = openai_protocol.server(options)
    prices = dict(options.get("prices") or {}).get(asked[0].llm.model)
    _afford(asked, options, ledger, prices)
    open_ = {each.key: each for each in asked}
    under_way = [each["id"] for each in _get(server, "batches?limit=100")["data"] if _ours(each)]
    for name in under_way:
        _collect(server, name, open_, options, prices, keep)
    rest = list(open_.values())
    for begin in range(0, len(rest), MOST):
        name = _submit(server, rest[begin : begin + MOST])
        _collect(server, name, open_, options, prices, keep)
    for (
        each
    ) in open_.values():  # the server lost them, or the batch expired: another run asks again
        failed = openai_protocol.failed("the batch ended without an answer to this")
        keep([Entry(each.key, each.llm.model, failed, Spent(), lasting=False)])


def _ours(batch: Mapping[str, Any]) -> bool:
    return MARK in (batch.get("metadata") or {})


def _afford(
    asked: Sequence[Request], options: Mapping[str, Any], ledger: Ledger, prices: Any
) -> None:
    budget = options.get("budget")
    if budget is None:
        return
    if prices is None:
        raise UserError(
            f"a budget of {budget} cannot be kept without the price of {asked[0].llm.model}: give prices="
        )
    spent = sum(cost.money for cost in ledger.spent().values())
    most = sum(openai_protocol.most(each, prices) for each in asked)
    if spent + most > budget:
        raise UserError(
            f"the budget of {budget:g} could be passed: {spent:.4g} is spent and a batch of {len(asked):,} requests "
            f"may cost {most:.4g}. Raise the budget, ask for fewer, or leave batch out: then it stops in time"
        )


def _submit(server: openai_protocol.Server, asked: Sequence[Request]) -> str:
    """Send the requests; the batch's name."""
    lines = [
        {"custom_id": each.key.hex(), "method": "POST", "url": "/v1/chat/completions",
         "body": openai_protocol.payload(each, 0, server.refuses)}
        for each in asked
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines).encode()
    file = _post_file(server, text)
    body = {
        "input_file_id": file["id"],
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    return str(
        _send(server, "batches", json.dumps(body | {"metadata": {MARK: "1"}}).encode())["id"]
    )


def _collect(
    server: openai_protocol.Server,
    name: str,
    open_: dict[bytes, Request],
    options: Mapping[str, Any],
    prices: tuple[float, float] | None,
    keep: Keep,
) -> None:
    """Wait for a batch, keep what it answers of `open_`, and take that out of it."""
    while True:
        batch = _get(server, f"batches/{name}")
        if batch["status"] == "completed" or batch["status"] in GONE:
            break
        time.sleep(float(options.get("batch_poll_s") or POLL_S))
    if batch["status"] == "failed" and not batch.get("output_file_id"):
        said = json.dumps(batch.get("errors") or "no reason given")[:300]
        raise UserError(f"{server.name} refuses the batch: {server.hide(said)}")
    entries = []
    for kind in ("output_file_id", "error_file_id"):
        if batch.get(kind):
            for line in (
                _raw(server, f"files/{batch[kind]}/content").decode("utf-8", "replace").splitlines()
            ):
                entry = _entry(line, open_, prices)
                if entry:
                    entries.append(entry)
    if entries:
        keep(entries)


def _entry(
    line: str, open_: dict[bytes, Request], prices: tuple[float, float] | None
) -> Entry | None:
    """A line of the result, if it answers a request that is open; a damaged one answers nothing."""
    try:
        told = json.loads(line)
        asked = open_.get(bytes.fromhex(told["custom_id"]))
        body = (told.get("response") or {}).get("body")
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if asked is None:
        return None
    if not isinstance(body, dict) or "choices" not in body:
        why = json.dumps(told.get("error") or body or "no answer")[:300]
        del open_[asked.key]
        return Entry(asked.key, asked.llm.model, openai_protocol.failed(why), Spent())
    del open_[asked.key]
    try:
        reply = openai_protocol.read(asked, json.dumps(body).encode(), prices)
    except openai_protocol.Malformed as error:
        return Entry(asked.key, asked.llm.model, error.answer, error.paid)
    return Entry(asked.key, asked.llm.model, reply.answer, replace(reply.paid))


def _post_file(server: openai_protocol.Server, text: bytes) -> dict[str, Any]:
    edge = uuid.uuid4().hex
    parts = [
        f'--{edge}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'.encode(),
        f'--{edge}\r\nContent-Disposition: form-data; name="file"; filename="hornbook.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n".encode(),
        text,
        f"\r\n--{edge}--\r\n".encode(),
    ]
    return _send(server, "files", b"".join(parts), f"multipart/form-data; boundary={edge}")


def _send(
    server: openai_protocol.Server, path: str, body: bytes, kind: str = "application/json"
) -> dict[str, Any]:
    return dict(json.loads(_raw(server, path, body, kind)))


def _get(server: openai_protocol.Server, path: str) -> dict[str, Any]:
    return dict(json.loads(_raw(server, path)))


def _raw(
    server: openai_protocol.Server,
    path: str,
    body: bytes | None = None,
    kind: str = "application/json",
) -> bytes:
    headers = server.headers | ({"Content-Type": kind} if body else {})
    asked = urllib.request.Request(f"{server.address}/{path}", data=body, headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=TIMEOUT_S) as response:
            return bytes(response.read())
    except urllib.error.HTTPError as error:
        said = server.hide(error.read()[:300].decode("utf-8", "replace"))
        hint = (
            "; has it no batch interface? Leave batch out" if error.code in (404, 405, 501) else ""
        )
        raise UserError(
            f"{server.name}/{path.partition('?')[0]} answers {error.code}: {said}{hint}"
        ) from None
    except (OSError, ValueError) as error:
        why = server.hide(str(getattr(error, "reason", error)))
        raise UserError(
            f"{server.name} does not answer ({why}). What it has is taken up by the next run"
        ) from None
