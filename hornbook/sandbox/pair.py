"""The supervisor's side of one worker: start its two zygotes, give them jobs, return verdicts.

In: a ProgramJob. Out: a Verdict. A worker has a zygote for programs and a zygote for tests
(zygote.py). Whatever the supervisor does not understand is `infrastructure`: the two zygotes are
replaced and the job runs again, up to MAX_TRIES times, before that is the verdict.

Not covered: what a verdict follows from (verdict.py), jobs in parallel (the package's Sandbox).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hornbook.sandbox.control_messages import receive_message, send_message
from hornbook.sandbox.cpu_watch import IdleTimer
from hornbook.sandbox.verdict import (
    ChildOutcome,
    ProgramJob,
    Verdict,
    decide_verdict_with_tests,
    decide_verdict_without_tests,
    parse_outcome,
)

# A zygote that is this late after the job's wall-clock limit is taken for dead.
REPLY_TIMEOUT_S = 30.0
# It imports, confines itself and warms up, on a machine that may be busy.
START_TIMEOUT_S = 4 * REPLY_TIMEOUT_S
MAX_CODE_BYTES = 4 << 20
# Of a job whose zygotes die: whatever kills them may do so twice in a row.
MAX_TRIES = 4
# CPU seconds of the calibration at the reference speed, which is that of one core of a cloud
# machine of 2026.
REFERENCE_CALIBRATION_S = 0.0027
# A program may be idle for three seconds per CPU second of its limit, then it counts as asleep.
# A program that waits for its turn on a busy machine is not idle (cpu_watch.py) and must not count
# as asleep: so the wall-clock limit for all is far above that.
IDLE_PER_CPU_SECOND, MIN_IDLE_S = 3.0, 2.0
WALL_PER_CPU_SECOND, MIN_WALL_S = 10.0, 60.0
# Before a job's idle time is first looked at, and between looks. Most jobs are done before.
FIRST_LOOK_S, LOOK_INTERVAL_S = 1.0, 0.25
# Every supervisor takes its unused users from a range of its own.
FIRST_USER_ID, USERS_PER_SUPERVISOR, USER_RANGES = 200_000, 1_000, 40_000
# -s -P -S: no user or installed packages and no current folder on the path; -B: write no bytecode.
PYTHON_OPTIONS = ("-s", "-P", "-S", "-B", "-X", "utf8")
# hornbook.sandbox without its __init__, which belongs to the supervisor and would make every fork
# bigger.
BOOT_CODE = """import sys, types, json
sys.path.insert(0, sys.argv[1])
package = types.ModuleType("hornbook.sandbox")
package.__path__ = [sys.argv[1] + "/hornbook/sandbox"]
sys.modules["hornbook.sandbox"] = package
from hornbook.sandbox import zygote
zygote.run_zygote(json.loads(sys.argv[2]))
"""


class ZygoteError(Exception):
    """A zygote died or does not answer."""


class ZygoteClient:
    """The supervisor's end of one zygote."""

    def __init__(self, role: str, level: str, uid: int) -> None:
        """Start the zygote; it warms up meanwhile.

        Args:
            role: "program" or "tests".
            level: "A", "B" or "none".
            uid: the user to become; 0: none.
        """
        self._socket, zygote_end = socket.socketpair()
        self._socket.settimeout(REPLY_TIMEOUT_S)
        root = str(Path(__file__).parents[2])
        settings = json.dumps({"role": role, "level": level, "uid": uid, "hidden_paths": [root]})
        self._process = subprocess.Popen(
            [sys.executable, *PYTHON_OPTIONS, "-c", BOOT_CODE, root, settings],
            stdin=zygote_end.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            # Sets keep one order, so verdicts do not change from run to run.
            env={"PYTHONHASHSEED": "0"},
            start_new_session=True,
        )
        zygote_end.close()
        self.calibration_s = 0.0

    @property
    def process_id(self) -> int:
        """Of the process that was started; at level A the zygote itself is below it."""
        return self._process.pid

    def wait_until_ready(self) -> None:
        """Wait until it is warm and confined.

        Raises:
            OSError: it could not confine itself; the text says why.
            ZygoteError: it died or does not answer.
        """
        message = self.read_answer(START_TIMEOUT_S)
        if "refused" in message:
            self.kill_and_wait()
            raise OSError(str(message["refused"])[:300])
        self.calibration_s = float(message["ready"])

    def send_request(self, message: dict[str, Any], channel: socket.socket | None = None) -> None:
        """Send a job, or {} to stop one.

        Args:
            channel: the child's end of the socket between program and tests.
        """
        try:
            self._socket.settimeout(REPLY_TIMEOUT_S)
            send_message(self._socket, message, (channel.fileno(),) if channel else ())
        except OSError as error:
            raise ZygoteError(f"a zygote hung up: {error}") from error

    def has_answer_within(self, seconds: float) -> bool:
        """Wait for an answer; True also if the zygote has died."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    def read_answer(self, timeout_s: float) -> dict[str, Any]:
        """The next message. Raises ZygoteError if none comes in time."""
        try:
            self._socket.settimeout(timeout_s)
            return receive_message(self._socket)[0]
        except (OSError, EOFError, ValueError) as error:
            raise ZygoteError(f"a zygote does not answer: {type(error).__name__}") from error

    def kill_process(self) -> None:
        """Kill it. A thread that waits for its answer gets ZygoteError."""
        # At level A it is the parent of process 1, which dies with it.
        self._process.kill()
        self._process.wait()

    def kill_and_wait(self) -> None:
        """Kill it, and wait until all its children are ending."""
        self.kill_process()
        # They hold the other end of the socket, so its end of file comes when all are gone.
        with contextlib.suppress(OSError):
            self._socket.settimeout(REPLY_TIMEOUT_S)
            while self._socket.recv(1 << 16):
                pass
        self._socket.close()


class ZygotePair:
    """A zygote for programs and a zygote for tests. It runs one job at a time."""

    def __init__(self, level: str, user_ids: tuple[int, int], slowness: float = 1.0) -> None:
        """Start both.

        Args:
            level: "A", "B" or "none".
            user_ids: the users to become, of programs and of tests; 0: none.
            slowness: how many times slower than the reference this machine is; it scales the
                CPU limits.
        """
        self._level, self._user_ids = level, user_ids
        self.slowness = slowness
        self._is_stopped = False
        self._start_zygotes()

    def _start_zygotes(self) -> None:
        self._program_zygote = ZygoteClient("program", self._level, self._user_ids[0])
        self._tests_zygote = ZygoteClient("tests", self._level, self._user_ids[1])
        self._is_starting = True

    def wait_until_ready(self) -> float:
        """Wait for both; the CPU seconds of the calibration, the better of two."""
        self._program_zygote.wait_until_ready()
        self._tests_zygote.wait_until_ready()
        self._is_starting = False
        return min(self._program_zygote.calibration_s, self._tests_zygote.calibration_s)

    def kill_zygotes(self) -> None:
        """Kill both. A job that runs in another thread ends as `infrastructure`."""
        self._is_stopped = True
        self._program_zygote.kill_process()
        self._tests_zygote.kill_process()

    def close_zygotes(self) -> None:
        """Kill both, and wait until all their children are ending."""
        self._program_zygote.kill_and_wait()
        self._tests_zygote.kill_and_wait()

    def run_job(self, job: ProgramJob) -> Verdict:
        """The verdict on one job. It raises nothing: a failure of the sandbox is a verdict too."""
        size = len(job.code.encode("utf-8", "replace")) + len(job.tests.encode("utf-8", "replace"))
        if size > MAX_CODE_BYTES:
            reason = f"{size:,} bytes of program: the limit is {MAX_CODE_BYTES:,}"
            return Verdict("refused", reason, trust=self._trust_label(job))
        problem = ""
        for _ in range(MAX_TRIES):
            try:
                if self._is_starting:
                    self.wait_until_ready()
                return self._run_once(job)
            except (ZygoteError, OSError, KeyError, TypeError, ValueError) as error:
                problem = f"{type(error).__name__}: {error}"
                if self._is_stopped:
                    break
                self.close_zygotes()
                self._start_zygotes()
        return Verdict("infrastructure", problem, trust=self._trust_label(job))

    def _trust_label(self, job: ProgramJob) -> str:
        if self._level == "none":
            return "unsafe"
        return "split" if job.tests.strip() else "ran"

    def _run_once(self, job: ProgramJob) -> Verdict:
        cpu_s = job.timeout_s * self.slowness
        wall_s = max(cpu_s * WALL_PER_CPU_SECOND, MIN_WALL_S) * processes_per_core()
        limits = {
            "cpu_s": cpu_s,
            "wall_s": wall_s,
            "memory_mb": job.memory_mb,
            "calibration_s": REFERENCE_CALIBRATION_S * self.slowness,
        }
        trust = self._trust_label(job)
        if not job.tests.strip():
            self._program_zygote.send_request({"code": job.code, **limits})
            outcome = self._await_outcome(self._program_zygote, cpu_s, wall_s)
            return decide_verdict_without_tests(outcome, trust, job.timeout_s)
        tests = {"tests": job.tests, "names": job.entry_points, "classes": job.classes}
        program_end, tests_end = socket.socketpair()
        # Closed here at once: each end must get an end of file when the other child dies.
        with program_end, tests_end:
            self._program_zygote.send_request({"code": job.code, **limits}, program_end)
            self._tests_zygote.send_request({**tests, **limits}, tests_end)
        tests_outcome = self._await_outcome(self._tests_zygote, cpu_s, wall_s)
        self._program_zygote.send_request({})
        program_outcome = parse_outcome(self._program_zygote.read_answer(REPLY_TIMEOUT_S))
        return decide_verdict_with_tests(program_outcome, tests_outcome, trust, job.timeout_s)

    def _await_outcome(self, zygote: ZygoteClient, cpu_s: float, wall_s: float) -> ChildOutcome:
        """Wait for a zygote's answer.

        If neither zygote's child runs for too long, the job is stopped as a timeout.
        """
        if zygote.has_answer_within(FIRST_LOOK_S):
            return parse_outcome(zygote.read_answer(REPLY_TIMEOUT_S))
        # Both, because one child is idle while the other computes.
        process_ids = [self._program_zygote.process_id, self._tests_zygote.process_id]
        idle_timer = IdleTimer(process_ids)
        max_idle_s = max(cpu_s * IDLE_PER_CPU_SECOND, MIN_IDLE_S)
        deadline = time.monotonic() + wall_s + REPLY_TIMEOUT_S
        while not zygote.has_answer_within(LOOK_INTERVAL_S):
            if (idle_timer.idle_seconds() or 0.0) > max_idle_s:
                zygote.send_request({})
                message = zygote.read_answer(REPLY_TIMEOUT_S)
                return parse_outcome(message | {"end": "timeout"})
            if time.monotonic() > deadline:
                raise ZygoteError("a zygote does not answer in time")
        return parse_outcome(zygote.read_answer(REPLY_TIMEOUT_S))


def processes_per_core() -> float:
    """Processes per core that want to run, by the kernel's mean over a minute; at least 1."""
    return max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


def find_unused_users(count: int) -> list[int]:
    """User ids without a name and without a process, for root to become.

    Returns:
        `count` ids; zeros for anybody but root, who cannot become another user.
    """
    if os.getuid() != 0:
        return [0] * count
    # Imported here: the module exists on Unix only.
    import pwd

    taken_ids = {entry.pw_uid for entry in pwd.getpwall()}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            # The process may have ended since it was listed.
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                taken_ids.add(os.stat(entry.path).st_uid)
    first_id = FIRST_USER_ID + os.getpid() % USER_RANGES * USERS_PER_SUPERVISOR
    candidates = range(first_id, first_id + USERS_PER_SUPERVISOR)
    return [user_id for user_id in candidates if user_id not in taken_ids][:count]
