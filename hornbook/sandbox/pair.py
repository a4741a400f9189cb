"""One worker's two warm parents, seen from the trusted side: start them, give them a job each, make one verdict.

In: a Job. Out: a Verdict. What the program's side says is believed only when it is bad news; a pass
needs the tests' side to say so in its one line, after the tests ran to their end, with no limit
overrun. Whatever is not understood is
`infrastructure`: the pair is replaced and the job run again, up to three times, before that is said.
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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hornbook.records import UserError
from hornbook.sandbox.cpu_watch import IdleTimer
from hornbook.sandbox.zygote import receive_message, send_message

REPLY_TIMEOUT_S = 30.0  # beyond the wall-clock limit: then the zygote itself is taken for dead
MAX_CODE_BYTES = 4 << 20
MAX_TIMEOUT_S = 86_400
MAX_TRIES = 4  # of a job whose zygotes go under: whoever kills them may do so twice running
REFERENCE_CALIBRATION_S = 0.0027  # the calibration's CPU seconds at the reference speed, that of a 2026 cloud machine's core
# Sleepers end too: a program may be idle for three seconds a CPU second. One that waits for its
# turn on a busy machine is not idle (idle.py), and must not be taken for a sleeper; so the
# wall-clock ceiling for all is far above that.
IDLE_PER_CPU_SECOND, MIN_IDLE_S = 3.0, 2.0
WALL_PER_CPU_SECOND, MIN_WALL_S = 10.0, 60.0
FIRST_LOOK_S, LOOK_INTERVAL_S = (
    1.0,
    0.25,
)  # before a job's idle time is looked at, and between looks
# hornbook.sandbox without its __init__, which is the supervisor's side and would only make every
# fork bigger.
BOOT_CODE = """import sys, types, json
sys.path.insert(0, sys.argv[1])
package = types.ModuleType("hornbook.sandbox")
package.__path__ = [sys.argv[1] + "/hornbook/sandbox"]
sys.modules["hornbook.sandbox"] = package
from hornbook.sandbox import zygote
zygote.run_zygote(json.loads(sys.argv[2]))
"""
REPORTED_STATUSES = ("passed", "failed", "error", "syntax", "memory", "refused", "gone")


@dataclass(frozen=True)
class ProgramJob:
    """A program, and tests that call its entry_points; without tests the program is only run.

    timeout_s: CPU seconds at the reference speed, for the program and for its tests each. Without
    entry_points every name that the tests use and do not define is taken from the program. classes:
    the entry points that are classes, whose instances are asked how they add and compare; None
    takes every CapWords name for one, and trusts it less.
    """

    code: str
    tests: str = ""
    entry_points: tuple[str, ...] = ()
    timeout_s: float = 5.0
    memory_mb: int = 1024
    classes: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.timeout_s <= MAX_TIMEOUT_S:
            raise UserError(
                f"a time limit of {self.timeout_s:g} s: above 0 and at most {MAX_TIMEOUT_S:,} s (a day)"
            )
        if not 16 <= self.memory_mb <= 1 << 20:
            raise UserError(
                f"a memory limit of {self.memory_mb:,} MB: 16 MB at least, {1 << 20:,} at most"
            )


@dataclass(frozen=True)
class Verdict:
    """status: passed, failed, error, syntax, timeout, memory, killed, refused or infrastructure.

    trust says what a pass is worth: "split" (tests in another process), "ran" (no tests), "unsafe"
    (no isolation). cpu_s: of program and tests together. output: the first 4 KiB that the program
    printed.
    """

    status: str
    reason: str = ""
    cpu_s: float = 0.0
    wall_s: float = 0.0
    output: str = ""
    trust: str = "split"


class ZygoteError(Exception):
    """A zygote did not do its part."""


class ZygoteClient:
    """The trusted end of a warm parent. Raises OSError with the zygote's own words where it could not lock itself."""

    def __init__(self, role: str, level: str, uid: int) -> None:
        self._socket, zygote_end = socket.socketpair()
        self._socket.settimeout(REPLY_TIMEOUT_S)
        root = str(Path(__file__).parents[2])
        settings = {"role": role, "level": level, "uid": uid, "hide": [root]}
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-s",
                "-P",
                "-S",
                "-B",
                "-X",
                "utf8",
                "-c",
                BOOT_CODE,
                root,
                json.dumps(settings),
            ],
            stdin=zygote_end.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                "PYTHONHASHSEED": "0"
            },  # sets keep one order, so verdicts do not change from run to run
            start_new_session=True,
        )
        zygote_end.close()
        self.calibration_s = 0.0

    def wait_until_ready(self) -> None:
        """Wait until it is warm and locked."""
        message = self.read_answer(4 * REPLY_TIMEOUT_S)
        if "refused" in message:
            self.kill_and_wait()
            raise OSError(str(message["refused"])[:300])
        self.calibration_s = float(message["ready"])

    def send_request(self, message: dict[str, Any], channel: socket.socket | None = None) -> None:
        try:
            self._socket.settimeout(REPLY_TIMEOUT_S)
            send_message(self._socket, message, (channel.fileno(),) if channel else ())
        except OSError as error:
            raise ZygoteError(f"a zygote hung up: {error}") from error

    @property
    def process_id(self) -> int:
        return self._process.pid

    def has_answer_within(self, seconds: float) -> bool:
        """Whether there is an answer to be read, or the end of the zygote."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    def read_answer(self, timeout_s: float) -> dict[str, Any]:
        try:
            self._socket.settimeout(timeout_s)
            return receive_message(self._socket)[0]
        except (OSError, EOFError, ValueError) as error:
            raise ZygoteError(f"a zygote does not answer: {type(error).__name__}") from error

    def kill_process(self) -> None:
        """End it; whoever waits for its answer gets Broken."""
        self._process.kill()  # at level A it is the parent of process 1, which dies with it
        self._process.wait()

    def kill_and_wait(self) -> None:
        """End it, and wait until all that it started is on its way out: they hold the other end of the socket."""
        self.kill_process()
        with contextlib.suppress(OSError):
            self._socket.settimeout(REPLY_TIMEOUT_S)
            while self._socket.recv(1 << 16):
                pass
        self._socket.close()


class ZygotePair:
    """A candidate zygote and a judge zygote."""

    def __init__(self, level: str, user_ids: tuple[int, int], slowness: float = 1.0) -> None:
        self._level, self._user_ids, self.slowness, self._is_stopped = (
            level,
            user_ids,
            slowness,
            False,
        )
        self._start_zygotes()

    def _start_zygotes(self) -> None:
        self._program_zygote = ZygoteClient("candidate", self._level, self._user_ids[0])
        self._tests_zygote = ZygoteClient("judge", self._level, self._user_ids[1])
        self._is_starting = True

    def wait_until_ready(self) -> float:
        """Wait for both; the CPU seconds of the calibration, the better of two."""
        self._program_zygote.wait_until_ready()
        self._tests_zygote.wait_until_ready()
        self._is_starting = False
        return min(self._program_zygote.calibration_s, self._tests_zygote.calibration_s)

    def kill_zygotes(self) -> None:
        """End both at once; a job that another thread has them do becomes `infrastructure`."""
        self._is_stopped = True
        self._program_zygote.kill_process()
        self._tests_zygote.kill_process()

    def close_zygotes(self) -> None:
        self._program_zygote.kill_and_wait()
        self._tests_zygote.kill_and_wait()

    def run_job(self, job: ProgramJob) -> Verdict:
        size = len(job.code.encode("utf-8", "replace")) + len(job.tests.encode("utf-8", "replace"))
        if size > MAX_CODE_BYTES:
            return Verdict(
                "refused",
                f"{size:,} bytes of program: the limit is {MAX_CODE_BYTES:,}",
                trust=self._trust_label(job),
            )
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
        return "unsafe" if self._level == "none" else "split" if job.tests.strip() else "ran"

    def _run_once(self, job: ProgramJob) -> Verdict:
        cpu_s = job.timeout_s * self.slowness
        wall_s = max(cpu_s * WALL_PER_CPU_SECOND, MIN_WALL_S) * processes_per_core()
        limits = {
            "cpu_s": cpu_s,
            "wall_s": wall_s,
            "memory_mb": job.memory_mb,
            "speed_s": REFERENCE_CALIBRATION_S * self.slowness,
        }
        if not job.tests.strip():
            self._program_zygote.send_request({"code": job.code, **limits})
            return decide_verdict_without_tests(
                _parse_outcome(self._await_outcome(self._program_zygote, cpu_s, wall_s)),
                self._trust_label(job),
                job.timeout_s,
            )
        program_end, tests_end = socket.socketpair()
        with program_end, tests_end:
            self._program_zygote.send_request({"code": job.code, **limits}, program_end)
            self._tests_zygote.send_request(
                {"tests": job.tests, "names": job.entry_points, "classes": job.classes, **limits},
                tests_end,
            )
        tests_outcome = _parse_outcome(self._await_outcome(self._tests_zygote, cpu_s, wall_s))
        self._program_zygote.send_request({})
        program_outcome = _parse_outcome(self._program_zygote.read_answer(REPLY_TIMEOUT_S))
        return decide_verdict_with_tests(
            program_outcome, tests_outcome, self._trust_label(job), job.timeout_s
        )

    def _await_outcome(self, zygote: ZygoteClient, cpu_s: float, wall_s: float) -> dict[str, Any]:
        """The zygote's answer; one that is idle for too long, and so is the other, is stopped: its end is a timeout."""
        if zygote.has_answer_within(FIRST_LOOK_S):
            return zygote.read_answer(REPLY_TIMEOUT_S)
        idle_timer, max_idle_s = (
            IdleTimer([self._program_zygote.process_id, self._tests_zygote.process_id]),
            max(cpu_s * IDLE_PER_CPU_SECOND, MIN_IDLE_S),
        )
        deadline = time.monotonic() + wall_s + REPLY_TIMEOUT_S
        while not zygote.has_answer_within(LOOK_INTERVAL_S):
            if (idle_timer.idle_seconds() or 0.0) > max_idle_s:
                zygote.send_request({})
                return zygote.read_answer(REPLY_TIMEOUT_S) | {"end": "timeout"}
            if time.monotonic() > deadline:
                raise ZygoteError("a zygote does not answer in time")
        return zygote.read_answer(REPLY_TIMEOUT_S)


@dataclass(frozen=True)
class ChildOutcome:
    """How one child ended, as its zygote saw it, and the line that the child wrote."""

    end: str  # report, gone, timeout or stopped
    exit_code: int
    status: str  # of the child's own report, "" without a readable one
    reason: str
    cpu_s: float
    wall_s: float
    output: str


def _parse_outcome(message: dict[str, Any]) -> ChildOutcome:
    """Raises KeyError, TypeError or ValueError if the zygote's message is not one."""
    status = reason = ""
    try:
        report = json.loads(message["report"].split("\n")[0])
        if report["status"] in REPORTED_STATUSES and isinstance(report["reason"], str):
            status, reason = report["status"], escape_unprintable(report["reason"][:300])
    except (ValueError, TypeError, KeyError, RecursionError):
        pass  # a child wrote nonsense: it counts as having said nothing
    return ChildOutcome(
        message["end"], int(message["exit"]), status, reason,
        float(message["cpu_s"]), float(message["wall_s"]), str(message["output"]),
    )  # fmt: skip


def escape_unprintable(text: str) -> str:
    """A program's words as one line that moves no cursor and turns no text around: they stand in lists of verdicts."""
    one_line = " ".join(text.split())
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in one_line
    )


def decide_verdict_without_tests(outcome: ChildOutcome, trust: str, timeout_s: float) -> Verdict:
    """The verdict on a program that was only run."""
    status, reason = _describe_end(outcome, timeout_s)
    return Verdict(status, reason, outcome.cpu_s, outcome.wall_s, outcome.output, trust)


def decide_verdict_with_tests(
    program_outcome: ChildOutcome, tests_outcome: ChildOutcome, trust: str, timeout_s: float
) -> Verdict:
    """The verdict on a program and its tests. Passed only if the tests' side says so and nothing speaks against it."""
    if "timeout" in (program_outcome.end, tests_outcome.end):
        status, reason = (
            "timeout",
            _describe_timeout(
                program_outcome if program_outcome.end == "timeout" else tests_outcome, timeout_s
            ),
        )
    elif program_outcome.status and program_outcome.status != "passed":
        status, reason = program_outcome.status, program_outcome.reason
    elif tests_outcome.status == "gone":
        status, reason = _describe_early_end(program_outcome, tests_outcome.reason)
    elif tests_outcome.end == "report" and tests_outcome.status:
        status, reason = tests_outcome.status, tests_outcome.reason
    else:
        status, reason = (
            "error",
            f"the tests ended without a verdict (exit {tests_outcome.exit_code})",
        )
    return Verdict(
        status,
        reason,
        program_outcome.cpu_s + tests_outcome.cpu_s,
        max(program_outcome.wall_s, tests_outcome.wall_s),
        program_outcome.output,
        trust,
    )


def _describe_end(outcome: ChildOutcome, timeout_s: float) -> tuple[str, str]:
    if outcome.end == "timeout":
        return "timeout", _describe_timeout(outcome, timeout_s)
    if outcome.end == "report" and outcome.status and outcome.status != "gone":
        return outcome.status, outcome.reason
    return _describe_early_end(outcome, "the program ended before its end")


def _describe_early_end(outcome: ChildOutcome, reason: str) -> tuple[str, str]:
    """A program's process that is gone: by a signal, or by its own exit; or it spoke what is not the protocol."""
    if "protocol" in reason or "raised" in reason:
        return "error", reason
    return (
        "killed",
        f"{reason} (signal {-outcome.exit_code})"
        if outcome.exit_code < 0
        else f"{reason} (exit {outcome.exit_code})",
    )


def _describe_timeout(outcome: ChildOutcome, timeout_s: float) -> str:
    """Why, in words that are the same every time: what was measured stands beside it."""
    return (
        f"over {timeout_s:g} s of CPU"
        if outcome.cpu_s > 0.9 * timeout_s
        else "asleep, or waiting for what never comes"
    )


def processes_per_core() -> float:
    """Processes that want a core, a core, by the kernel's mean over a minute; at least 1."""
    return max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


def find_unused_users(count: int) -> list[int]:
    """Ids of users that own no process and have no name, for root to become; empty for anybody else."""
    if os.getuid() != 0:
        return [0] * count
    import pwd

    taken_ids = {entry.pw_uid for entry in pwd.getpwall()}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(
                FileNotFoundError, ProcessLookupError
            ):  # it may have ended since it was listed
                taken_ids.add(os.stat(entry.path).st_uid)
    first_id = 200_000 + os.getpid() % 40_000 * 1_000  # each supervisor has a range of its own
    return [uid for uid in range(first_id, first_id + 1_000) if uid not in taken_ids][:count]
