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
from hornbook.sandbox.cpu_watch import Idle
from hornbook.sandbox.zygote import receive, send

WAIT_S = 30.0  # beyond the wall-clock limit: then the zygote itself is taken for dead
CODE_BYTES = 4 << 20
MOST_S = 86_400
TRIES = 4  # of a job whose zygotes go under: whoever kills them may do so twice running
REFERENCE_S = 0.0027  # the calibration's CPU seconds at the reference speed, that of a 2026 cloud machine's core
# Sleepers end too: a program may be idle for three seconds a CPU second. One that waits for its
# turn on a busy machine is not idle (idle.py), and must not be taken for a sleeper; so the
# wall-clock ceiling for all is far above that.
IDLE, LEAST_IDLE_S = 3.0, 2.0
CEILING, LEAST_CEILING_S = 10.0, 60.0
PATIENCE_S, LOOK_S = 1.0, 0.25  # before a job's idle time is looked at, and between looks
# hornbook.sandbox without its __init__, which is the supervisor's side and would only make every
# fork bigger.
BOOT = """import sys, types, json
sys.path.insert(0, sys.argv[1])
package = types.ModuleType("hornbook.sandbox")
package.__path__ = [sys.argv[1] + "/hornbook/sandbox"]
sys.modules["hornbook.sandbox"] = package
from hornbook.sandbox import zygote
zygote.main(json.loads(sys.argv[2]))
"""
STATUSES = ("passed", "failed", "error", "syntax", "memory", "refused", "gone")


@dataclass(frozen=True)
class Job:
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
        if not 0 < self.timeout_s <= MOST_S:
            raise UserError(
                f"a time limit of {self.timeout_s:g} s: above 0 and at most {MOST_S:,} s (a day)"
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


class Broken(Exception):
    """A zygote did not do its part."""


class Zygote:
    """The trusted end of a warm parent. Raises OSError with the zygote's own words where it could not lock itself."""

    def __init__(self, role: str, level: str, uid: int) -> None:
        self._socket, theirs = socket.socketpair()
        self._socket.settimeout(WAIT_S)
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
                BOOT,
                root,
                json.dumps(settings),
            ],
            stdin=theirs.fileno(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={
                "PYTHONHASHSEED": "0"
            },  # sets keep one order, so verdicts do not change from run to run
            start_new_session=True,
        )
        theirs.close()
        self.speed = 0.0

    def ready(self) -> None:
        """Wait until it is warm and locked."""
        message = self.answer(4 * WAIT_S)
        if "refused" in message:
            self.close()
            raise OSError(str(message["refused"])[:300])
        self.speed = float(message["ready"])

    def ask(self, message: dict[str, Any], channel: socket.socket | None = None) -> None:
        try:
            self._socket.settimeout(WAIT_S)
            send(self._socket, message, (channel.fileno(),) if channel else ())
        except OSError as error:
            raise Broken(f"a zygote hung up: {error}") from error

    @property
    def pid(self) -> int:
        return self._process.pid

    def answers_within(self, seconds: float) -> bool:
        """Whether there is an answer to be read, or the end of the zygote."""
        return bool(select.select([self._socket], [], [], seconds)[0])

    def answer(self, patience_s: float) -> dict[str, Any]:
        try:
            self._socket.settimeout(patience_s)
            return receive(self._socket)[0]
        except (OSError, EOFError, ValueError) as error:
            raise Broken(f"a zygote does not answer: {type(error).__name__}") from error

    def kill(self) -> None:
        """End it; whoever waits for its answer gets Broken."""
        self._process.kill()  # at level A it is the parent of process 1, which dies with it
        self._process.wait()

    def close(self) -> None:
        """End it, and wait until all that it started is on its way out: they hold the other end of the socket."""
        self.kill()
        with contextlib.suppress(OSError):
            self._socket.settimeout(WAIT_S)
            while self._socket.recv(1 << 16):
                pass
        self._socket.close()


class Pair:
    """A candidate zygote and a judge zygote."""

    def __init__(self, level: str, uids: tuple[int, int], slowness: float = 1.0) -> None:
        self._level, self._uids, self.slowness, self._stopped = level, uids, slowness, False
        self._open()

    def _open(self) -> None:
        self._c = Zygote("candidate", self._level, self._uids[0])
        self._t = Zygote("judge", self._level, self._uids[1])
        self._fresh = True

    def ready(self) -> float:
        """Wait for both; the CPU seconds of the calibration, the better of two."""
        self._c.ready()
        self._t.ready()
        self._fresh = False
        return min(self._c.speed, self._t.speed)

    def stop(self) -> None:
        """End both at once; a job that another thread has them do becomes `infrastructure`."""
        self._stopped = True
        self._c.kill()
        self._t.kill()

    def close(self) -> None:
        self._c.close()
        self._t.close()

    def run(self, job: Job) -> Verdict:
        size = len(job.code.encode("utf-8", "replace")) + len(job.tests.encode("utf-8", "replace"))
        if size > CODE_BYTES:
            return Verdict(
                "refused",
                f"{size:,} bytes of program: the limit is {CODE_BYTES:,}",
                trust=self._trust(job),
            )
        problem = ""
        for _ in range(TRIES):
            try:
                if self._fresh:
                    self.ready()
                return self._once(job)
            except (Broken, OSError, KeyError, TypeError, ValueError) as error:
                problem = f"{type(error).__name__}: {error}"
                if self._stopped:
                    break
                self.close()
                self._open()
        return Verdict("infrastructure", problem, trust=self._trust(job))

    def _trust(self, job: Job) -> str:
        return "unsafe" if self._level == "none" else "split" if job.tests.strip() else "ran"

    def _once(self, job: Job) -> Verdict:
        cpu_s = job.timeout_s * self.slowness
        wall_s = max(cpu_s * CEILING, LEAST_CEILING_S) * crowd()
        limits = {
            "cpu_s": cpu_s,
            "wall_s": wall_s,
            "memory_mb": job.memory_mb,
            "speed_s": REFERENCE_S * self.slowness,
        }
        if not job.tests.strip():
            self._c.ask({"code": job.code, **limits})
            return alone(
                _outcome(self._watched(self._c, cpu_s, wall_s)), self._trust(job), job.timeout_s
            )
        ours, theirs = socket.socketpair()
        with ours, theirs:
            self._c.ask({"code": job.code, **limits}, ours)
            self._t.ask(
                {"tests": job.tests, "names": job.entry_points, "classes": job.classes, **limits},
                theirs,
            )
        t = _outcome(self._watched(self._t, cpu_s, wall_s))
        self._c.ask({})
        c = _outcome(self._c.answer(WAIT_S))
        return together(c, t, self._trust(job), job.timeout_s)

    def _watched(self, zygote: Zygote, cpu_s: float, wall_s: float) -> dict[str, Any]:
        """The zygote's answer; one that is idle for too long, and so is the other, is stopped: its end is a timeout."""
        if zygote.answers_within(PATIENCE_S):
            return zygote.answer(WAIT_S)
        idle, most = Idle([self._c.pid, self._t.pid]), max(cpu_s * IDLE, LEAST_IDLE_S)
        deadline = time.monotonic() + wall_s + WAIT_S
        while not zygote.answers_within(LOOK_S):
            if (idle.seconds() or 0.0) > most:
                zygote.ask({})
                return zygote.answer(WAIT_S) | {"end": "timeout"}
            if time.monotonic() > deadline:
                raise Broken("a zygote does not answer in time")
        return zygote.answer(WAIT_S)


@dataclass(frozen=True)
class Outcome:
    """How one child ended, as its zygote saw it, and the line that the child wrote."""

    end: str  # report, gone, timeout or stopped
    exit: int
    status: str  # of the child's own report, "" without a readable one
    reason: str
    cpu_s: float
    wall_s: float
    output: str


def _outcome(message: dict[str, Any]) -> Outcome:
    """Raises KeyError, TypeError or ValueError if the zygote's message is not one."""
    status = reason = ""
    try:
        told = json.loads(message["report"].split("\n")[0])
        if told["status"] in STATUSES and isinstance(told["reason"], str):
            status, reason = told["status"], printable(told["reason"][:300])
    except (ValueError, TypeError, KeyError, RecursionError):
        pass  # a child wrote nonsense: it counts as having said nothing
    return Outcome(
        message["end"], int(message["exit"]), status, reason,
        float(message["cpu_s"]), float(message["wall_s"]), str(message["output"]),
    )  # fmt: skip


def printable(text: str) -> str:
    """A program's words as one line that moves no cursor and turns no text around: they stand in lists of verdicts."""
    words = " ".join(text.split())
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in words
    )


def alone(c: Outcome, trust: str, timeout_s: float) -> Verdict:
    """The verdict on a program that was only run."""
    status, reason = _ended(c, timeout_s)
    return Verdict(status, reason, c.cpu_s, c.wall_s, c.output, trust)


def together(c: Outcome, t: Outcome, trust: str, timeout_s: float) -> Verdict:
    """The verdict on a program and its tests. Passed only if the tests' side says so and nothing speaks against it."""
    if "timeout" in (c.end, t.end):
        status, reason = "timeout", _late(c if c.end == "timeout" else t, timeout_s)
    elif c.status and c.status != "passed":
        status, reason = c.status, c.reason
    elif t.status == "gone":
        status, reason = _fallen(c, t.reason)
    elif t.end == "report" and t.status:
        status, reason = t.status, t.reason
    else:
        status, reason = "error", f"the tests ended without a verdict (exit {t.exit})"
    return Verdict(status, reason, c.cpu_s + t.cpu_s, max(c.wall_s, t.wall_s), c.output, trust)


def _ended(c: Outcome, timeout_s: float) -> tuple[str, str]:
    if c.end == "timeout":
        return "timeout", _late(c, timeout_s)
    if c.end == "report" and c.status and c.status != "gone":
        return c.status, c.reason
    return _fallen(c, "the program ended before its end")


def _fallen(c: Outcome, why: str) -> tuple[str, str]:
    """A program's process that is gone: by a signal, or by its own exit; or it spoke what is not the protocol."""
    if "protocol" in why or "raised" in why:
        return "error", why
    return "killed", f"{why} (signal {-c.exit})" if c.exit < 0 else f"{why} (exit {c.exit})"


def _late(outcome: Outcome, timeout_s: float) -> str:
    """Why, in words that are the same every time: what was measured stands beside it."""
    return (
        f"over {timeout_s:g} s of CPU"
        if outcome.cpu_s > 0.9 * timeout_s
        else "asleep, or waiting for what never comes"
    )


def crowd() -> float:
    """Processes that want a core, a core, by the kernel's mean over a minute; at least 1."""
    return max(1.0, os.getloadavg()[0] / len(os.sched_getaffinity(0)))


def unused_users(number: int) -> list[int]:
    """Ids of users that own no process and have no name, for root to become; empty for anybody else."""
    if os.getuid() != 0:
        return [0] * number
    import pwd

    taken = {entry.pw_uid for entry in pwd.getpwall()}
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(
                FileNotFoundError, ProcessLookupError
            ):  # it may have ended since it was listed
                taken.add(os.stat(entry.path).st_uid)
    first = 200_000 + os.getpid() % 40_000 * 1_000  # each supervisor has a range of its own
    return [uid for uid in range(first, first + 1_000) if uid not in taken][:number]
