"""A server that speaks the protocol of /v1/chat/completions on this machine and fails as it is told to.

In: a function that says what happens to the n-th request; a rate, above which it refuses. Out: its
address, and what it was asked and paid for. An answer is a hash of the prompt, so that a test sees
whose it is; sent, it counts as given.
"""

from __future__ import annotations

import asyncio
import collections
import hashlib
import json
import threading
import time
from collections.abc import Callable
from typing import Any

from aiohttp import web

Fault = Callable[[int], str]


def text_for(prompt: str) -> str:
    return hashlib.sha256(prompt.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class FakeTeacher:
    """A context manager; faults by name: 429, 500, cut, half, no-text, 401, 404, quota, schema."""

    def __init__(
        self,
        fault: Fault = lambda n: "",
        delay_s: float = 0.0,
        retry_after: str = "0.01",
        rate: float = 0.0,
    ) -> None:
        self.fault, self.delay_s, self.retry_after = fault, delay_s, retry_after
        self.rate, self.tokens, self.filled_at = (
            rate,
            rate / 10,
            time.monotonic(),
        )  # a bucket of a tenth of a second
        self.requests = 0
        self.answer_counts: collections.Counter[str] = collections.Counter()  # by prompt
        self.bodies: list[dict[str, Any]] = []
        self.requests_inside = self.max_requests_inside = 0

    def __enter__(self) -> FakeTeacher:
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self._serve, args=(started,), daemon=True)
        self.thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)

    def _serve(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self.loop)
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._complete)
        app.router.add_get("/v1/models", self._models)
        self.add_routes(app)
        runner = web.AppRunner(app, shutdown_timeout=0)
        self.loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self.loop.run_until_complete(site.start())
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        started.set()
        self.loop.run_forever()
        self.loop.run_until_complete(runner.cleanup())
        self.loop.close()

    def add_routes(self, app: web.Application) -> None:
        """For servers that can do more."""

    async def _models(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization") != "Bearer right":
            return web.json_response({"error": {"message": "wrong key"}}, status=401)
        return web.json_response({"data": []})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self.requests_inside += 1
        self.max_requests_inside = max(self.max_requests_inside, self.requests_inside)
        try:
            return await self._reply(request, await request.json())
        finally:
            self.requests_inside -= 1

    async def _reply(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
        fault = self.fault(self.requests)
        self.requests += 1
        self.bodies.append(body)
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        key = request.headers.get("Authorization", "")
        if fault == "429" or not self._has_room():
            return web.Response(
                status=429, headers={"Retry-After": self.retry_after}, text="slow down"
            )
        if fault == "500":
            return web.Response(status=500, text="oops")
        if fault in ("401", "403", "404"):
            return web.json_response({"error": {"message": f"no: {key}"}}, status=int(fault))
        if fault == "quota":
            message = {"message": "You exceeded your current quota", "code": "insufficient_quota"}
            return web.json_response({"error": message}, status=429)
        if fault == "400":
            return web.json_response({"error": {"message": "this prompt is too long"}}, status=400)
        if fault == "schema" and "response_format" in body:
            return web.json_response(
                {"error": {"message": "response_format is not supported"}}, status=400
            )
        if fault == "cut":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        return self._answer(body, fault)

    def _has_room(self) -> bool:
        """Whether the rate limit, if there is one, lets this request in."""
        if not self.rate:
            return True
        now = time.monotonic()
        self.tokens = min(self.rate / 10, self.tokens + (now - self.filled_at) * self.rate)
        self.filled_at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def _answer(self, body: dict[str, Any], fault: str) -> web.Response:
        prompt = body["messages"][-1]["content"]
        self.answer_counts[prompt] += 1
        text = {"no-text": None, "json": '{"score": 3}'}.get(fault, text_for(prompt))
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": text},
        }
        payload = json.dumps(
            {"choices": [choice, choice], "usage": {"prompt_tokens": 10, "completion_tokens": 5}}
        )
        return web.Response(
            text=payload[: len(payload) // 2] if fault == "half" else payload,
            content_type="application/json",
        )
