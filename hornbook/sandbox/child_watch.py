"""Watch one child of a zygote until its end, its limits or the supervisor's stop.

In: the child's process id, its report and output pipes, and its limits in CPU and wall-clock
seconds. Out: how it ended, its report and the start of its output. CPU time is measured by the
kernel's clock of the child's process, which no signal mask stops.

Not covered: memory and threads (confinement.limit_program), killing the child (zygote.py).
"""

from __future__ import annotations

import os
import select
import signal
import socket
import time
from typing import Literal

from hornbook.sandbox.control_messages import receive_message

MAX_OUTPUT_BYTES = 4096
MAX_REPORT_BYTES = 4096
# poll's timeout is a C int of milliseconds, at most 24 days; a wall-clock limit can be longer.
MAX_POLL_S = 3600.0
CALIBRATION_STEPS = 40_000
CALIBRATION_RUNS = 5
# A machine counts as at most this many times slower than at the start.
MAX_SLOWDOWN = 4.0
# Linux: the clock id of another process is (~pid << 3) | kind, and CPUCLOCK_SCHED is its CPU time
# as the scheduler counts it (include/linux/posix-timers.h).
CPUCLOCK_SCHED = 2

# report: it wrote one. gone: it closed the report pipe without. timeout: over a limit. stopped: the
# supervisor said so.
ChildEnd = Literal["report", "gone", "timeout", "stopped"]


def calibrate_speed() -> float:
    """CPU seconds of a fixed piece of Python: the best of five, for anything else is noise."""
    best_s = 1e9
    for _ in range(CALIBRATION_RUNS):
        start_s = time.process_time()
        sum(i * i % 7 for i in range(CALIBRATION_STEPS))
        best_s = min(best_s, time.process_time() - start_s)
    return best_s


class ChildWatch:
    """Waits for a child and reads its pipes meanwhile.

    Attributes:
        report: what it wrote to the report pipe, at most MAX_REPORT_BYTES.
        output: what it printed first, at most MAX_OUTPUT_BYTES.
    """

    def __init__(
        self,
        pid: int,
        report_fd: int,
        output_fd: int,
        control: socket.socket,
        runs_until_stop: bool,
    ) -> None:
        """Create it right after the fork.

        Args:
            control: the socket to the supervisor; a message on it is the stop.
            runs_until_stop: wait for the stop even after the child's end. So a program with tests
                is reported when the tests are done.
        """
        self.report, self.output = bytearray(), bytearray()
        self._pid, self._cpu_clock_id = pid, (~pid << 3) | CPUCLOCK_SCHED
        self._report_fd, self._output_fd, self._control = report_fd, output_fd, control
        self._runs_until_stop = runs_until_stop
        self._open_fds = {report_fd, output_fd}
        self._poll = select.poll()
        for fd in (report_fd, output_fd, control.fileno()):
            self._poll.register(fd, select.POLLIN)

    def wait_for_end(self, cpu_s: float, deadline: float, calibration_s: float) -> ChildEnd:
        """Wait for the child's end. The child may still be alive afterwards.

        Args:
            cpu_s: its CPU limit, on a machine on which the calibration takes `calibration_s`.
                Neighbours on the same core or cache slow it down, so the machine is calibrated
                again before a child is stopped for its CPU time.
            deadline: its wall-clock limit, in seconds of time.monotonic().
            calibration_s: CPU seconds that calibrate_speed took at the start; 0: do not repeat it.
        """
        end: ChildEnd | None = None
        spent_s = 0.0
        while True:
            if calibration_s and end is None and spent_s >= cpu_s:
                slowdown = min(max(1.0, calibrate_speed() / calibration_s), MAX_SLOWDOWN)
                cpu_s, calibration_s = cpu_s * slowdown, 0.0
            left_s = min(cpu_s - spent_s, deadline - time.monotonic())
            if end is None and left_s <= 0:
                end = "timeout"
            if end is not None and not self._runs_until_stop:
                return end
            if end is not None:
                os.kill(self._pid, signal.SIGKILL)
            # One more millisecond, because poll cuts fractions off and would wake up early.
            timeout_ms = None if end is not None else min(left_s, MAX_POLL_S) * 1000 + 1
            for fd, _ in self._poll.poll(timeout_ms):
                if fd == self._report_fd:
                    if self._read_report() and end is None:
                        end = "report" if self.report else "gone"
                elif fd == self._output_fd:
                    self._read_output()
                else:
                    receive_message(self._control)
                    return end or "stopped"
            spent_s = 0.0 if end is not None else time.clock_gettime(self._cpu_clock_id)

    def drain_pipes(self, was_stopped: bool) -> None:
        """Read what is left in the pipes after the child's end.

        Args:
            was_stopped: the report may have come at the same time as the stop, so it is read too.
        """
        for fd in (self._report_fd, self._output_fd):
            os.set_blocking(fd, False)
        if was_stopped:
            self._read_report()
        self._read_output()

    def _read_report(self) -> bool:
        """Read from the report pipe; whether the report is complete or the pipe closed."""
        try:
            data = os.read(self._report_fd, MAX_REPORT_BYTES)
        except BlockingIOError:
            return False
        self.report += data[: MAX_REPORT_BYTES - len(self.report)]
        self._forget_closed_pipe(self._report_fd, data)
        return not data or b"\n" in data or len(self.report) >= MAX_REPORT_BYTES

    def _read_output(self) -> None:
        """Read from the output pipe. All of it, or the child would block on a full pipe."""
        try:
            data = os.read(self._output_fd, 1 << 16)
        except BlockingIOError:
            return
        self._forget_closed_pipe(self._output_fd, data)
        self.output += data[: MAX_OUTPUT_BYTES - len(self.output)]

    def _forget_closed_pipe(self, fd: int, data: bytes) -> None:
        # A closed pipe is always ready: poll would return at once from then on.
        if not data and fd in self._open_fds:
            self._open_fds.remove(fd)
            self._poll.unregister(fd)
