"""Measure for how long processes were idle, as opposed to waiting for a core on a busy machine.

In: the processes below which programs run. Out: wall-clock seconds in which none of them ran or
wanted to run. The supervisor reads them from /proc, because the zygotes see no /proc.

Not covered: kernels without schedstat, which has the time that a thread waited for a core. There
only the wall-clock limit ends a sleeping program.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence


class IdleTimer:
    """The time for which some processes and all their descendants were idle."""

    def __init__(self, root_pids: Sequence[int]) -> None:
        """Start measuring."""
        self._root_pids, self._start_time = root_pids, time.monotonic()
        self._first_busy_seconds = self._read_busy_seconds()
        self._last_busy_seconds = dict(self._first_busy_seconds)

    def idle_seconds(self) -> float | None:
        """Idle seconds since the start; None where the kernel does not tell.

        Two threads that run at once count twice, which makes the result smaller. It is computed
        from the start, not between looks: the kernel books a wait when it is over, so a short
        interval may look idle.
        """
        # A thread that has ended keeps its last value.
        self._last_busy_seconds |= self._read_busy_seconds()
        if not self._first_busy_seconds:
            return None
        busy_seconds = 0.0
        for thread_id, seconds in self._last_busy_seconds.items():
            busy_seconds += seconds - self._first_busy_seconds.get(thread_id, 0.0)
        return time.monotonic() - self._start_time - busy_seconds

    def _read_busy_seconds(self) -> dict[str, float]:
        """Seconds that each thread ran or waited for a core, by thread id.

        It is empty if anything cannot be read: a process may end while its files are read.
        """
        busy_seconds: dict[str, float] = {}
        pids_to_read = [str(root) for root in self._root_pids]
        try:
            while pids_to_read:
                pid = pids_to_read.pop()
                for thread_id in os.listdir(f"/proc/{pid}/task"):
                    folder = f"/proc/{pid}/task/{thread_id}"
                    # Time on a core and time in the run queue in ns, number of time slices
                    # (Documentation/scheduler/sched-stats.rst).
                    ran_ns, waited_ns, _ = _read_text(f"{folder}/schedstat").split()
                    busy_seconds[thread_id] = (int(ran_ns) + int(waited_ns)) / 1e9
                    pids_to_read += _read_text(f"{folder}/children").split()
        except (OSError, ValueError):
            return {}
        return busy_seconds


def _read_text(path: str) -> str:
    with open(path) as file:
        return file.read()
