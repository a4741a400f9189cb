"""How many requests may be in flight: found out from the server's answers and refusals, as TCP finds a link's width.

In: answered() and refused() as they come. Out: an async context manager that lets so many in.
Tripled each round until the first refusal, then one more a round, and fewer at a refusal, once a
round. A stated rate is kept by spacing.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from types import TracebackType

FIRST = 2  # so that a wrong key or address costs two requests
PROVEN = 32  # once there was an answer
EVERYONE = 1e9
# At a refusal, as CUBIC's (RFC 9438, 4.6). Measured: 72% of a limit of 100/s that is not stated and
# answers with Retry-After 1 is used so, 52% with TCP's older half; where it is stated, 97%.
CUT = 0.7
CATCH_UP_S = (
    0.05  # of a stated rate that was not used for a moment; servers' buckets hold little more
)
NEARLY = 0.98  # of a stated rate, so that the server's clock does not find us too fast


class Gate:
    """Lets at most `limit` in at once, and `rate` a minute if one is stated."""

    def __init__(self, most: int, rate: float = 0.0) -> None:
        self.most, self.interval_s = most, 60 / (NEARLY * rate) if rate else 0.0
        self.limit = float(FIRST)
        self.inside = 0
        self.growing = True  # until the first refusal
        self.cut_at = 0.0
        self.next_at = 0.0
        self.queue: deque[asyncio.Future[None]] = deque()

    async def __aenter__(self) -> None:
        if self.inside >= int(self.limit):
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.queue.append(turn)
            await turn  # whoever wakes us has counted us in
        else:
            self.inside += 1
        if self.interval_s:
            now = time.monotonic()
            mine = self.next_at = max(now - CATCH_UP_S, self.next_at + self.interval_s)
            await asyncio.sleep(max(0.0, mine - now))

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.inside -= 1
        self._let_in()

    def answered(self) -> None:
        """The server coped: more may come."""
        step = 2.0 if self.growing else 1 / self.limit
        self.limit = min(self.most, max(self.limit + step, PROVEN if self.growing else 1.0))
        self._let_in()

    def refused(self, sent: float, wait_s: float = 0.0) -> None:
        """The server had too much. What was sent before the last cut, or before its wait was over, says nothing new."""
        if sent < self.cut_at:
            return
        self.growing = False
        self.cut_at = time.monotonic() + wait_s
        self.limit = max(1.0, self.limit * CUT)

    def open(self) -> None:
        """Let everyone in who waits: all is over and they will go home."""
        self.limit = EVERYONE
        self.interval_s = 0.0
        self._let_in()

    def _let_in(self) -> None:
        while self.queue and self.inside < int(self.limit):
            turn = self.queue.popleft()
            if not turn.done():
                self.inside += 1
                turn.set_result(None)
