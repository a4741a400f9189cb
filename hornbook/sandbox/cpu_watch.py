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


class Idle:
    """The time for which some processes and all below them were idle, from now on."""

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots, self._began = roots, time.monotonic()
        self._first = self._busy()
        self._last = dict(self._first)

    def seconds(self) -> float | None:
        """So far; None where the kernel does not tell. What runs on two cores counts twice, and makes it less.

        It is worked out from the beginning: the kernel books a wait when it is over, so single gaps
        look idle.
        """
        self._last |= self._busy()  # a thread that has ended keeps what it had
        if not self._first:
            return None
        busy = sum(spent - self._first.get(thread, 0.0) for thread, spent in self._last.items())
        return time.monotonic() - self._began - busy

    def _busy(self) -> dict[str, float]:
        """Seconds that each thread ran or waited for a core."""
        found: dict[str, float] = {}
        todo = [str(root) for root in self._roots]
        try:
            while todo:
                process = todo.pop()
                for thread in os.listdir(f"/proc/{process}/task"):
                    ran, waited, _ = _read(f"/proc/{process}/task/{thread}/schedstat").split()
                    found[thread] = (int(ran) + int(waited)) / 1e9
                    todo += _read(f"/proc/{process}/task/{thread}/children").split()
        except (OSError, ValueError):
            return {}
        return found


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()
