"""Answers from any OpenAI-compatible server: as many at once as it takes; none lost or paid twice.

In: requests, the desk's options, the ledger. Out: an entry each, committed to the ledger in groups:
a kill costs at most the MOST answers that are under way. The number at the server adapts: tripled
each round until its first refusal, then one more a round and fewer at each refusal, as TCP does;
Retry-After is honoured. What stops all (key, credit, model, budget, a dead server) lets the
requests in flight end and be kept, then raises UserError. Not covered: streaming. batch.py is the
way for who can wait.
"""

from __future__ import annotations

import asyncio
import concurrent.futures as cf
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from hornbook.llm import openai_protocol
from hornbook.llm.concurrency import ConcurrencyGate
from hornbook.llm.ledger import AnswerLedger, LedgerEntry, Spending
from hornbook.llm.openai_protocol import (
    FatalError,
    MalformedAnswerError,
    RateLimitError,
    Reply,
    TransientError,
)
from hornbook.llm.requests import LLMRequest
from hornbook.records import UserError

if TYPE_CHECKING:
    import aiohttp

IN_FLIGHT = 256  # requests at the server; hosted models answer 1,000 tokens/s long before
# Requests sent and not on disk yet. With IN_FLIGHT here too, places would wait for commits
# (docs/log.md).
MAX_UNCOMMITTED = 384
MAX_TRIES = (
    6  # of a request that meets a broken connection, a time limit or a 5xx: 30 s of backing off
)
MAX_MALFORMED = 3  # of a request whose answers are not what was asked for
# Doubled with each try, with full jitter (AWS Architecture Blog, Exponential Backoff And Jitter).
BACKOFF_S = 0.5
MAX_BACKOFF_S = 60.0
PATIENCE_S = (
    900.0  # without any answer, only refusals: then the server's limit is no longer one of rate
)
TIMEOUT_S = 600.0
COMMIT_INTERVAL_S = (
    0.01  # between commits, at least: each takes 0.3 ms of CPU, however few answers are in it
)
# Between looks at the budget while requests in flight may turn out cheaper than reserved.
BUDGET_POLL_S = 0.02

SaveEntries = Callable[[Sequence[LedgerEntry]], None]


def answer_requests(
    requests: Sequence[LLMRequest],
    options: Mapping[str, Any],
    ledger: AnswerLedger,
    save_entries: SaveEntries,
) -> None:
    """Answer all. `keep` is called in a thread with groups of entries. Raises UserError."""
    server = openai_protocol.server_from_options(options)
    client = HttpClient(server, requests, options, ledger, save_entries)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(client.run_workers())
    else:  # in a notebook
        with cf.ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, client.run_workers()).result()
    if client.stop_reason:
        raise UserError(
            f"{server.hide_secrets(client.stop_reason)}. {client.saved_count:,} of "
            f"{len(requests):,} answers came and are in the ledger: "
            "nothing is lost, and running again asks only for the rest"
        ) from None


class HttpClient:
    """Sends the requests, keeps the answers, and knows when to stop."""

    def __init__(
        self,
        server: openai_protocol.OpenAIServer,
        requests: Sequence[LLMRequest],
        options: Mapping[str, Any],
        ledger: AnswerLedger,
        save_entries: SaveEntries,
    ) -> None:
        self.server, self.ledger, self.save_entries = server, ledger, save_entries
        self.pending: Iterator[LLMRequest] = iter(requests)
        self.worker_count = min(IN_FLIGHT, len(requests))
        self.uncommitted: asyncio.Queue[LedgerEntry | None] = (
            asyncio.Queue()
        )  # None: there will be no more
        self.uncommitted_count = 0  # answers that are not on disk yet
        self.committed = asyncio.Event()
        self.prices: tuple[float, float] | None = dict(options.get("prices") or {}).get(
            requests[0].llm.model
        )
        self.budget: float | None = options.get("budget")
        self.timeout_s = float(options.get("timeout_s") or TIMEOUT_S)
        self.gate = ConcurrencyGate(IN_FLIGHT, float(options.get("requests_per_minute") or 0))
        self.sent_at: dict[
            asyncio.Task[Any], float
        ] = {}  # workers whose request is at the server, since when
        self.reserved: set[bytes] = set()  # requests in flight for which money is set aside
        self.budget_lock = asyncio.Lock()
        self.stop_reason = ""
        self.saved_count = 0
        self.last_answer_at = 0.0  # when the last answer came
        if self.budget is not None and self.prices is None:
            raise UserError(
                f"a budget of {self.budget} cannot be kept without the price of "
                f"{requests[0].llm.model}: give "
                f"prices={{{requests[0].llm.model!r}: (per million tokens in, per million out)}}"
            )

    async def run_workers(self) -> None:
        import aiohttp

        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),  # _watch has the total
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self.server.headers,
            json_serialize=openai_protocol.encode_json,
        )
        async with session:
            self.commit_task, watchdog = (
                asyncio.create_task(self._commit_entries()),
                asyncio.create_task(self._cancel_late_requests()),
            )
            workers = [
                asyncio.create_task(self._run_worker(session)) for _ in range(self.worker_count)
            ]
            try:
                await asyncio.gather(*workers)
            finally:  # also where a person interrupts: what came is paid
                for task in (watchdog, *workers):
                    task.cancel()
                self.uncommitted.put_nowait(None)
                await self.commit_task

    async def _run_worker(self, session: aiohttp.ClientSession) -> None:
        """Take requests until none is left or all stops. As many run as could be in flight."""
        for request in self.pending:
            try:
                entry = await self._answer_request(session, request)
                if entry:
                    await self._queue_entry(entry)
            except FatalError as stop:
                self.stop_reason = self.stop_reason or str(stop)
            if self.stop_reason:
                self.gate.open_gate()
                return

    async def _answer_request(
        self, session: aiohttp.ClientSession, request: LLMRequest
    ) -> LedgerEntry | None:
        """Ask until there is an answer or the tries are used up, or None where all is stopped."""
        failed_spending, started = (
            list[Spending](),
            time.monotonic(),
        )  # `failed`: what answers cost that were not as asked for
        refusals = failures = 0
        while True:
            async with (
                self.gate
            ):  # whoever waits for the server's sake keeps the place: fewer are sent meanwhile
                if self.stop_reason:
                    return None
                try:
                    reply = await self._send_once(session, request, failed_spending)
                    return LedgerEntry(
                        request.key,
                        request.llm.model,
                        reply.answer,
                        sum(failed_spending, reply.spending),
                        reply.is_final,
                    )
                except MalformedAnswerError as error:
                    failed_spending.append(error.spending)
                    if len(failed_spending) == MAX_MALFORMED:
                        return LedgerEntry(
                            request.key,
                            request.llm.model,
                            error.answer,
                            sum(failed_spending, Spending()),
                        )
                except RateLimitError as error:
                    refusals += 1
                    self._check_refusals(started, str(error))
                    await asyncio.sleep(
                        error.wait_s * random.uniform(1, 1.1) or _backoff_seconds(refusals)
                    )
                except TransientError as error:
                    failures += 1
                    if failures == MAX_TRIES:
                        self._check_failures(started, str(error))
                        answer = openai_protocol.error_answer(str(error))
                        return LedgerEntry(
                            request.key,
                            request.llm.model,
                            answer,
                            sum(failed_spending, Spending()),
                            is_final=False,
                        )
                    await asyncio.sleep(_backoff_seconds(failures))

    async def _send_once(
        self,
        session: aiohttp.ClientSession,
        request: LLMRequest,
        failed_spending: Sequence[Spending],
    ) -> Reply:
        """One request, if there is money for it; after so many failed ones."""
        await self._reserve_budget(request, failed_spending)
        task = asyncio.current_task()
        assert task
        self.sent_at[task] = sent_at = time.monotonic()
        try:
            reply = await self.server.send_request(
                session, request, len(failed_spending), self.prices
            )
        except asyncio.CancelledError:
            if task in self.sent_at:
                raise
            task.uncancel()  # it was _watch
            raise TransientError(f"no answer within {self.timeout_s:g} s") from None
        except (RateLimitError, FatalError) as error:
            if self.budget is not None:
                await asyncio.to_thread(self.ledger.release_money, request.key)
                self.reserved.discard(request.key)
            if isinstance(error, RateLimitError):
                self.gate.record_refusal(sent_at, error.wait_s)
            raise
        finally:
            self.sent_at.pop(task, None)
        self.gate.record_answer()
        self.last_answer_at = time.monotonic()
        return reply

    async def _cancel_late_requests(self) -> None:
        """End requests that take too long. aiohttp's own timers cost a tenth of all CPU time."""
        while True:
            await asyncio.sleep(min(1.0, self.timeout_s / 10))
            deadline = time.monotonic() - self.timeout_s
            for task in [task for task, sent_at in self.sent_at.items() if sent_at < deadline]:
                del self.sent_at[task]
                task.cancel()

    async def _reserve_budget(
        self, request: LLMRequest, failed_spending: Sequence[Spending]
    ) -> None:
        """Reserve the most that a request can cost; the difference comes back with its answer."""
        if self.budget is None or self.prices is None:
            return
        max_cost = openai_protocol.max_request_cost(request, self.prices) + sum(
            spending.money for spending in failed_spending
        )
        self.reserved.discard(request.key)
        while True:
            async with self.budget_lock:
                others_reserved = bool(self.reserved)
                if await asyncio.to_thread(
                    self.ledger.reserve_money, request.key, max_cost, self.budget
                ):
                    self.reserved.add(request.key)
                    return
            if not others_reserved:
                spent_money = sum(
                    spending.money for spending in self.ledger.spending_by_model().values()
                )
                raise FatalError(
                    f"the budget of {self.budget:g} could be passed by the next request "
                    f"({spent_money:.4g} is spent)"
                )
            await asyncio.sleep(BUDGET_POLL_S)

    def _check_refusals(self, started: float, reason: str) -> None:
        if time.monotonic() - max(started, self.last_answer_at) > PATIENCE_S:
            raise FatalError(
                f"{self.server.name} has refused everything for {PATIENCE_S:.0f} s ({reason})"
            )

    def _check_failures(self, started: float, reason: str) -> None:
        """One request that always fails is that record's fault; if none was answered, ours."""
        if self.last_answer_at < started:
            raise FatalError(
                f"{self.server.name} does not answer ({reason}), tried {MAX_TRIES} times"
            )

    async def _queue_entry(self, entry: LedgerEntry) -> None:
        """Hand an entry to the writer; return when there is room for the next answer."""
        self.uncommitted.put_nowait(entry)
        self.uncommitted_count += 1
        while self.uncommitted_count > MAX_UNCOMMITTED - IN_FLIGHT and not self.commit_task.done():
            self.committed.clear()
            await self.committed.wait()
        if self.commit_task.done():
            self.commit_task.result()  # raises what ended it: a full disk

    async def _commit_entries(self) -> None:
        """Commit what has come since the last commit: many answers a disk flush."""
        next_at, received = 0.0, list[LedgerEntry | None]()
        try:
            while None not in received:
                received = [await self.uncommitted.get()]
                await asyncio.sleep(next_at - time.monotonic())
                while not self.uncommitted.empty():
                    received.append(self.uncommitted.get_nowait())
                next_at = time.monotonic() + COMMIT_INTERVAL_S
                group = [entry for entry in received if entry]
                await asyncio.to_thread(self.save_entries, group)
                self.saved_count += len(group)
                self.uncommitted_count -= len(group)
                self.reserved -= {entry.key for entry in group}
                self.committed.set()
        finally:
            self.committed.set()


def _backoff_seconds(attempt: int) -> float:
    return random.uniform(0, min(MAX_BACKOFF_S, BACKOFF_S * 2**attempt))
