"""Any OpenAI-compatible server answers: as many requests at once as it can take, none lost, none paid for twice.

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
from hornbook.llm.concurrency import Gate
from hornbook.llm.ledger import Entry, Ledger, Spent
from hornbook.llm.openai_protocol import Malformed, Refused, Reply, Stop, Unwell
from hornbook.llm.requests import Request
from hornbook.records import UserError

if TYPE_CHECKING:
    import aiohttp

IN_FLIGHT = 256  # requests at the server; hosted models answer 1,000 tokens/s long before
MOST = 384  # requests sent and not on disk yet; with IN_FLIGHT here too, places wait for commits (docs/log.md)
TRIES = 6  # of a request that meets a broken connection, a time limit or a 5xx: 30 s of backing off
MALFORMED_TRIES = 3  # of a request whose answers are not what was asked for
BACKOFF_S = 0.5  # doubled with each try, with full jitter (AWS Architecture Blog, Exponential Backoff And Jitter)
BACKOFF_MOST_S = 60.0
PATIENCE_S = (
    900.0  # without any answer, only refusals: then the server's limit is no longer one of rate
)
TIMEOUT_S = 600.0
COMMIT_S = (
    0.01  # between commits, at least: each takes 0.3 ms of CPU, however few answers are in it
)
SETTLING_S = 0.02  # between looks at the budget while requests in flight may turn out cheaper than they could be

Keep = Callable[[Sequence[Entry]], None]


def answer(
    asked: Sequence[Request], options: Mapping[str, Any], ledger: Ledger, keep: Keep
) -> None:
    """Answer all; `keep` is called, in a thread, with groups of entries. Raises UserError for what stops all."""
    server = openai_protocol.server(options)
    clerk = _Clerk(server, asked, options, ledger, keep)
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        asyncio.run(clerk.serve())
    else:  # in a notebook
        with cf.ThreadPoolExecutor(1) as pool:
            pool.submit(asyncio.run, clerk.serve()).result()
    if clerk.stopped:
        raise UserError(
            f"{server.hide(clerk.stopped)}. {clerk.kept:,} of {len(asked):,} answers came and are in the ledger: "
            "nothing is lost, and running again asks only for the rest"
        ) from None


class _Clerk:
    """Sends the requests, keeps the answers, and knows when to stop."""

    def __init__(
        self,
        server: openai_protocol.Server,
        asked: Sequence[Request],
        options: Mapping[str, Any],
        ledger: Ledger,
        keep: Keep,
    ) -> None:
        self.server, self.ledger, self.keep = server, ledger, keep
        self.waiting: Iterator[Request] = iter(asked)
        self.workers = min(IN_FLIGHT, len(asked))
        self.unwritten: asyncio.Queue[Entry | None] = asyncio.Queue()  # None: there will be no more
        self.in_hand = 0  # answers that are not on disk yet
        self.written = asyncio.Event()
        self.prices: tuple[float, float] | None = dict(options.get("prices") or {}).get(
            asked[0].llm.model
        )
        self.budget: float | None = options.get("budget")
        self.timeout_s = float(options.get("timeout_s") or TIMEOUT_S)
        self.gate = Gate(IN_FLIGHT, float(options.get("requests_per_minute") or 0))
        self.sent: dict[
            asyncio.Task[Any], float
        ] = {}  # workers whose request is at the server, since when
        self.aside: set[bytes] = set()  # requests in flight for which money is set aside
        self.till = asyncio.Lock()
        self.stopped = ""
        self.kept = 0
        self.answered_at = 0.0  # when the last answer came
        if self.budget is not None and self.prices is None:
            raise UserError(
                f"a budget of {self.budget} cannot be kept without the price of {asked[0].llm.model}: give "
                f"prices={{{asked[0].llm.model!r}: (per million tokens in, per million out)}}"
            )

    async def serve(self) -> None:
        import aiohttp

        session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),  # _watch has the total
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=self.server.headers,
            json_serialize=openai_protocol.written,
        )
        async with session:
            self.writer, watch = (
                asyncio.create_task(self._write()),
                asyncio.create_task(self._watch()),
            )
            workers = [asyncio.create_task(self._work(session)) for _ in range(self.workers)]
            try:
                await asyncio.gather(*workers)
            finally:  # also where a person interrupts: what came is paid
                for task in (watch, *workers):
                    task.cancel()
                self.unwritten.put_nowait(None)
                await self.writer

    async def _work(self, session: aiohttp.ClientSession) -> None:
        """Take requests until there are none or all is stopped; as many workers run as could be in flight."""
        for each in self.waiting:
            try:
                entry = await self._answer(session, each)
                if entry:
                    await self._file(entry)
            except Stop as stop:
                self.stopped = self.stopped or str(stop)
            if self.stopped:
                self.gate.open()
                return

    async def _answer(self, session: aiohttp.ClientSession, each: Request) -> Entry | None:
        """Ask until there is an answer or the tries are used up, or None where all is stopped."""
        failed, started = (
            list[Spent](),
            time.monotonic(),
        )  # `failed`: what answers cost that were not as asked for
        refused = unwell = 0
        while True:
            async with (
                self.gate
            ):  # whoever waits for the server's sake keeps the place: fewer are sent meanwhile
                if self.stopped:
                    return None
                try:
                    reply = await self._send(session, each, failed)
                    return Entry(
                        each.key,
                        each.llm.model,
                        reply.answer,
                        sum(failed, reply.paid),
                        reply.lasting,
                    )
                except Malformed as error:
                    failed.append(error.paid)
                    if len(failed) == MALFORMED_TRIES:
                        return Entry(each.key, each.llm.model, error.answer, sum(failed, Spent()))
                except Refused as error:
                    refused += 1
                    self._out_of_patience(started, str(error))
                    await asyncio.sleep(error.wait_s * random.uniform(1, 1.1) or _backoff(refused))
                except Unwell as error:
                    unwell += 1
                    if unwell == TRIES:
                        self._out_of_order(started, str(error))
                        answer = openai_protocol.failed(str(error))
                        return Entry(
                            each.key, each.llm.model, answer, sum(failed, Spent()), lasting=False
                        )
                    await asyncio.sleep(_backoff(unwell))

    async def _send(
        self, session: aiohttp.ClientSession, each: Request, failed: Sequence[Spent]
    ) -> Reply:
        """One request, if there is money for it; after so many failed ones."""
        await self._set_aside(each, failed)
        task = asyncio.current_task()
        assert task
        self.sent[task] = sent = time.monotonic()
        try:
            reply = await self.server.ask(session, each, len(failed), self.prices)
        except asyncio.CancelledError:
            if task in self.sent:
                raise
            task.uncancel()  # it was _watch
            raise Unwell(f"no answer within {self.timeout_s:g} s") from None
        except (Refused, Stop) as error:
            if self.budget is not None:
                await asyncio.to_thread(self.ledger.release, each.key)
                self.aside.discard(each.key)
            if isinstance(error, Refused):
                self.gate.refused(sent, error.wait_s)
            raise
        finally:
            self.sent.pop(task, None)
        self.gate.answered()
        self.answered_at = time.monotonic()
        return reply

    async def _watch(self) -> None:
        """End what takes too long. A timer of aiohttp's for each request would cost a tenth of all CPU time."""
        while True:
            await asyncio.sleep(min(1.0, self.timeout_s / 10))
            late = time.monotonic() - self.timeout_s
            for task in [task for task, sent in self.sent.items() if sent < late]:
                del self.sent[task]
                task.cancel()

    async def _set_aside(self, each: Request, failed: Sequence[Spent]) -> None:
        """Take the most that the request can cost out of the budget; what it costs less comes back with its answer."""
        if self.budget is None or self.prices is None:
            return
        most = openai_protocol.most(each, self.prices) + sum(cost.money for cost in failed)
        self.aside.discard(each.key)
        while True:
            async with self.till:
                others = bool(self.aside)
                if await asyncio.to_thread(self.ledger.reserve, each.key, most, self.budget):
                    self.aside.add(each.key)
                    return
            if not others:
                spent = sum(cost.money for cost in self.ledger.spent().values())
                raise Stop(
                    f"the budget of {self.budget:g} could be passed by the next request ({spent:.4g} is spent)"
                )
            await asyncio.sleep(SETTLING_S)

    def _out_of_patience(self, started: float, why: str) -> None:
        if time.monotonic() - max(started, self.answered_at) > PATIENCE_S:
            raise Stop(f"{self.server.name} has refused everything for {PATIENCE_S:.0f} s ({why})")

    def _out_of_order(self, started: float, why: str) -> None:
        """One request that always fails is that record's misfortune; if no other was answered either, it is ours."""
        if self.answered_at < started:
            raise Stop(f"{self.server.name} does not answer ({why}), tried {TRIES} times")

    async def _file(self, entry: Entry) -> None:
        """Hand an entry to the writer; return when there is room for the next answer."""
        self.unwritten.put_nowait(entry)
        self.in_hand += 1
        while self.in_hand > MOST - IN_FLIGHT and not self.writer.done():
            self.written.clear()
            await self.written.wait()
        if self.writer.done():
            self.writer.result()  # raises what ended it: a full disk

    async def _write(self) -> None:
        """Commit what has come since the last commit: many answers a disk flush."""
        next_at, came = 0.0, list[Entry | None]()
        try:
            while None not in came:
                came = [await self.unwritten.get()]
                await asyncio.sleep(next_at - time.monotonic())
                while not self.unwritten.empty():
                    came.append(self.unwritten.get_nowait())
                next_at = time.monotonic() + COMMIT_S
                group = [entry for entry in came if entry]
                await asyncio.to_thread(self.keep, group)
                self.kept += len(group)
                self.in_hand -= len(group)
                self.aside -= {entry.key for entry in group}
                self.written.set()
        finally:
            self.written.set()


def _backoff(turn: int) -> float:
    return random.uniform(0, min(BACKOFF_MOST_S, BACKOFF_S * 2**turn))
