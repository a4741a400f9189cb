"""How long a program has slept, which is not how long it took: on a busy machine it waits for its turn at a core.

In: the processes below which programs run. Out: seconds by the clock in which none of them ran or
wanted to run. Read from /proc by the supervisor, for the zygotes see no /proc. Not covered: kernels
that do not say how long a process waited for a core (schedstat); there a fixed wall-clock limit is
all there is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence


class IdleTimer:
    """The time for which some processes and all below them were idle, from now on."""

    def __init__(self, root_pids: Sequence[int]) -> None:
        self._root_pids, self._start_time = root_pids, time.monotonic()
        self._first_busy_seconds = self._read_busy_seconds()
        self._last_busy_seconds = dict(self._first_busy_seconds)

    def idle_seconds(self) -> float | None:
        """So far; None where the kernel does not tell. What runs on two cores counts twice, and makes it less.

        It is worked out from the beginning: the kernel books a wait when it is over, so single gaps
        look idle.
        """
        self._last_busy_seconds |= (
            self._read_busy_seconds()
        )  # a thread that has ended keeps what it had
        if not self._first_busy_seconds:
            return None
        busy_seconds = sum(
            seconds - self._first_busy_seconds.get(thread, 0.0)
            for thread, seconds in self._last_busy_seconds.items()
        )
        return time.monotonic() - self._start_time - busy_seconds

    def _read_busy_seconds(self) -> dict[str, float]:
        """Seconds that each thread ran or waited for a core."""
        busy_seconds: dict[str, float] = {}
        pids_to_read = [str(root) for root in self._root_pids]
        try:
            while pids_to_read:
                pid = pids_to_read.pop()
                for thread_id in os.listdir(f"/proc/{pid}/task"):
                    ran_ns, waited_ns, _ = _read_text(
                        f"/proc/{pid}/task/{thread_id}/schedstat"
                    ).split()
                    busy_seconds[thread_id] = (int(ran_ns) + int(waited_ns)) / 1e9
                    pids_to_read += _read_text(f"/proc/{pid}/task/{thread_id}/children").split()
        except (OSError, ValueError):
            return {}
        return busy_seconds


def _read_text(path: str) -> str:
    with open(path) as file:
        return file.read()
