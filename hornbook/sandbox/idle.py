"""How long a program has slept, which is not how long it took: on a busy machine it waits for its turn at a core.

In: the processes below which programs run. Out: seconds by the clock in which none of them ran or wanted to run.
Read from /proc by the supervisor, for the zygotes see no /proc. Not covered: kernels that do not say how long a process
waited for a core (schedstat); there a fixed wall-clock limit is all there is.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence


class Idle:
    """The idle time of some processes and all below them, added up between calls of `seconds`."""

    def __init__(self, roots: Sequence[int]) -> None:
        self._roots = roots
        self._at, self._wanted = time.monotonic(), self._busy()
        self._idle = 0.0

    def seconds(self) -> float | None:
        """So far; None where the kernel does not tell."""
        now, wanted = time.monotonic(), self._busy()
        if not wanted:
            return None
        # What ran on two cores at once, or waited while another ran, makes the gap no less than nothing.
        busy = sum(spent - self._wanted.get(process, 0.0) for process, spent in wanted.items())
        self._idle += max(0.0, now - self._at - busy)
        self._at, self._wanted = now, wanted
        return self._idle

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
