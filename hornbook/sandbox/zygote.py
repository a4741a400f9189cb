"""A warm parent: locks itself in, then forks one process a program (or a program's tests) and watches it to its end.

In: `python -s -P -S -B`, an empty environment, standard input a socket to the supervisor, and
settings as JSON. Out: one outcome for each job. Two kinds run: `candidate` never sees tests,
`judge` never sees a program. A child owns its channel, a report pipe and an output pipe; it can
make no process, so one SIGKILL is the whole clean-up, by wall clock or by the child's CPU clock,
whatever signals it masks.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import threading
import time
from typing import Any

from hornbook.sandbox import confinement, namespaces, program_side, test_side

OUTPUT_KEPT = 4096
REPORT_BYTES = 4096
HEADER = 8
# Loaded once and inherited by every fork: what answers to programming exercises import, and what
# their tests do.
PRELOADED = """abc array ast bisect calendar collections collections.abc contextlib copy dataclasses datetime decimal
enum fractions functools hashlib heapq inspect io itertools json math numbers operator os pprint queue random re
statistics string textwrap threading time traceback types typing unittest uuid zlib"""
CALIBRATION = 40_000
SLOWER = 4.0  # times slower than at the start: no machine is believed to be more
THREADS = 64
REHEARSALS = 20
REHEARSED = "def f(x, y=2):\n    return {x: [(y, None)]} if x else [1.5, 'x']"
REHEARSED_TESTS = "assert f(1) == {1: [(2, None)]}\nassert f(0) == [1.5, 'x']"


def main(settings: dict[str, Any]) -> None:
    """Lock, say so, and serve until the supervisor hangs up."""
    os.closerange(3, 1 << 16)
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        for name in PRELOADED.split():
            importlib.import_module(name)
        unsafe = settings["level"] == "none"
        seccomp = None if unsafe else confinement.Seccomp()
        if not unsafe:
            lock(settings)
        confinement.confine()
        sys.argv, sys.path = (
            ["program.py"],
            [path for path in sys.path if path not in settings["hide"]],
        )
        os.environ.clear()
        rehearse()
        random.seed(
            0
        )  # so that a program which draws without a seed gets the same verdict every time
        gc.collect()
        gc.freeze()
        send(control, {"ready": calibrate()})
    except Exception as error:
        send(control, {"refused": f"{type(error).__name__}: {error}"})
        return
    scratch = set(os.listdir(namespaces.SCRATCH)) if settings["level"] == "A" else None
    Zygote(control, settings["role"], settings["uid"], seccomp, scratch).serve()


def lock(settings: dict[str, Any]) -> None:
    """Walls, another user, no new rights, and Landlock: everything that every program will inherit."""
    files, listable, shown = interpreter()
    uid = settings["uid"]
    if settings["level"] == "A" and namespaces.enter(shown, uid):
        uid = 0
    confinement.drop_privileges(uid, keep_reading=settings["level"] == "B" and uid != 0)
    confinement.confine()
    if settings["level"] == "A":
        confinement.prctl(
            confinement.PR_SET_PDEATHSIG, signal.SIGKILL
        )  # process 1 goes with its parent, and all others with it
    confinement.landlock(
        files, [os.devnull, *([namespaces.SCRATCH] if settings["level"] == "A" else [])], listable
    )


def interpreter() -> tuple[list[str], list[str], list[str]]:
    """What the interpreter reads: files and folders by Landlock's measure, folders to list, and what a root must show.

    Installed packages are left out: they are no part of the promise, and test data lie among them.
    """
    library = os.path.dirname(os.path.realpath(os.__file__))
    with open("/proc/self/maps") as maps:
        loaded = {
            os.path.dirname(line.split(maxsplit=5)[5].strip()) for line in maps if ".so" in line
        }
    folders = sorted(folder for folder in loaded if not folder.startswith(library))
    shared = [
        f"{folder}/{name}" for folder in folders for name in os.listdir(folder) if ".so" in name
    ]
    inside = [
        f"{library}/{name}"
        for name in os.listdir(library)
        if name not in ("site-packages", "dist-packages")
    ]
    single = [
        "/dev/null",
        "/dev/zero",
        "/dev/urandom",
        "/dev/random",
        "/etc/ld.so.cache",
        "/etc/localtime",
    ]
    single.append("/usr/share/zoneinfo")
    return [*inside, *shared, *single], [library, *folders], [library, *folders, *single]


def rehearse() -> None:
    """Judge a program in here a few times: what the interpreter adapts then is shared, not copied by every child."""
    report = os.open(os.devnull, os.O_WRONLY)
    for _ in range(REHEARSALS):
        ours, theirs = socket.socketpair()
        program = threading.Thread(
            target=program_side.serve, args=(REHEARSED, theirs.fileno(), report)
        )
        program.start()
        test_side.run(REHEARSED_TESTS, ["f"], None, ours.fileno(), report)
        ours.close()  # which the program takes for the end of the tests
        program.join()
        theirs.close()
    os.close(report)
    del sys.modules["program"]


def calibrate() -> float:
    """CPU seconds of a fixed piece of Python, the best of five."""
    best = 1e9
    for _ in range(5):
        before = time.process_time()
        sum(i * i % 7 for i in range(CALIBRATION))
        best = min(best, time.process_time() - before)
    return best


def send(control: socket.socket, message: dict[str, Any], handles: tuple[int, ...] = ()) -> None:
    """A message as its length and JSON; handles ride on the length."""
    data = json.dumps(message).encode()
    socket.send_fds(control, [len(data).to_bytes(HEADER, "little")], handles)
    control.sendall(data)


def receive(control: socket.socket, handles: int = 0) -> tuple[dict[str, Any], list[int]]:
    """The next message and its handles. EOFError where the other end hung up."""
    data, found, _, _ = socket.recv_fds(control, HEADER, max(1, handles), socket.MSG_WAITALL)
    if len(data) < HEADER:
        raise EOFError
    size, parts = int.from_bytes(data, "little"), []
    while size:
        part = control.recv(min(size, 1 << 20))
        if not part:
            raise EOFError
        parts.append(part)
        size -= len(part)
    message = json.loads(b"".join(parts))
    if not isinstance(message, dict):
        raise EOFError
    return message, found


class Zygote:
    """One kind of warm parent; one child at a time."""

    def __init__(
        self,
        control: socket.socket,
        role: str,
        uid: int,
        seccomp: confinement.Seccomp | None,
        scratch: set[str] | None,
    ) -> None:
        """`uid`: the unused user that this zygote became, 0 where it stayed who it was. `scratch`: what lies in the
        scratch folder from the start; None where there is none, and /tmp is the machine's own."""
        self._control, self._role, self._uid, self._seccomp = control, role, uid, seccomp
        self._scratch = scratch

    def serve(self) -> None:
        while True:
            try:
                job, handles = receive(self._control, 1)
            except EOFError:
                return
            if not job:
                continue  # a stop that came after the end
            send(self._control, self._run(job, handles[0] if handles else -1))
            self._clean()

    def _run(self, job: dict[str, Any], channel: int) -> dict[str, Any]:
        report, its_report = os.pipe()
        output, its_output = os.pipe()
        began, parent = time.monotonic(), os.getpid()
        pid = confinement.fork()
        if pid == 0:
            try:
                os.setsid()
                confinement.prctl(confinement.PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent:  # it died before that was said
                    return {}
                os.close(report)
                os.close(output)
                self._child(job, channel, its_report, its_output)
            finally:
                os._exit(0)
        for handle in (its_report, its_output, *([channel] if channel >= 0 else [])):
            os.close(handle)
        watch = Watch(
            pid, report, output, self._control, self._role == "candidate" and channel >= 0
        )
        end = watch.until(job["cpu_s"], began + job["wall_s"], job["speed_s"])
        if self._seccomp is None:
            _kill_group(pid)
        os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        wall = time.monotonic() - began
        watch.drain(end == "stopped")
        os.close(report)
        os.close(output)
        return {
            "end": end,
            "exit": os.waitstatus_to_exitcode(status),
            "report": bytes(watch.report).decode("latin-1"),
            "output": bytes(watch.output).decode("utf-8", "replace"),
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "wall_s": wall,
        }

    def _child(self, job: dict[str, Any], channel: int, report: int, output: int) -> None:
        """In the fork: only the channel and the two pipes stay open, then the limits and seccomp, then the job."""
        os.dup2(output, 1)
        os.dup2(output, 2)
        keep = sorted({0, 1, 2, report, *([channel] if channel >= 0 else [])})
        for low, high in zip(keep, [*keep[1:], 256], strict=True):
            os.closerange(low + 1, high)
        cpu_s = int(job["cpu_s"] * SLOWER) + 2
        confinement.limit_program(
            cpu_s, job["memory_mb"] << 20, THREADS if os.getuid() == self._uid else 0
        )
        if self._seccomp is not None:
            self._seccomp.install()
        if self._role == "judge":
            test_side.run(job["tests"], job["names"], job["classes"], channel, report)
        elif channel >= 0:
            program_side.serve(job["code"], channel, report)
        else:
            program_side.run(job["code"], report)

    def _clean(self) -> None:
        """Empty the scratch folder; what cannot be removed ends this zygote, and the supervisor starts another."""
        if self._scratch is None:
            return
        for name in set(os.listdir(namespaces.SCRATCH)) - self._scratch:
            path = os.path.join(namespaces.SCRATCH, name)
            if os.path.isdir(path) and not os.path.islink(path):
                _remove(path)
            else:
                os.unlink(path)


def _remove(path: str) -> None:
    """A folder with all below it, however deep and whatever the modes. OSError for paths beyond the kernel's limit."""
    stack = [path]
    while stack:
        os.chmod(stack[-1], 0o700)
        inside = []
        for entry in os.scandir(stack[-1]):
            if entry.is_dir(follow_symlinks=False):
                inside.append(entry.path)
            else:
                os.unlink(entry.path)
        if not inside:
            os.rmdir(stack.pop())
        stack += inside


def _kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


class Watch:
    """Waits for a child's report, its end, its limits or the supervisor's stop, and drinks its output meanwhile.

    With `stays`, only the stop is the end: a program that tests talk to lives, or is dead, until
    they are done.
    """

    def __init__(
        self, pid: int, report: int, output: int, control: socket.socket, stays: bool
    ) -> None:
        self.report, self.output = bytearray(), bytearray()
        self._pid = pid
        self._clock = (
            ~pid << 3
        ) | 2  # the kernel's number for another process's CPU clock: CPUCLOCK_SCHED
        self._report, self._output, self._control, self._stays = report, output, control, stays
        self._open = {report, output}
        self._poll = select.poll()
        for handle in (report, output, control.fileno()):
            self._poll.register(handle, select.POLLIN)

    def until(self, cpu_s: float, deadline: float, speed_s: float) -> str:
        """report, gone (it hung up without), timeout or stopped.

        `cpu_s` supposes that the calibration takes `speed_s`. Neighbours on the same core and cache slow it down, so it
        is taken again before a program is stopped for its CPU time.
        """
        ended, spent = "", 0.0
        while True:
            if speed_s and not ended and spent >= cpu_s:
                cpu_s, speed_s = cpu_s * min(max(1.0, calibrate() / speed_s), SLOWER), 0.0
            left = min(cpu_s - spent, deadline - time.monotonic())
            if not ended and left <= 0:
                ended = "timeout"
            if ended and not self._stays:
                return ended
            if ended:
                os.kill(self._pid, signal.SIGKILL)
            for handle, _ in self._poll.poll(None if ended else min(left, 3600.0) * 1000 + 1):
                if handle == self._report:
                    if self._finished():
                        ended = ended or ("report" if self.report else "gone")
                elif handle == self._output:
                    self._drink()
                else:
                    receive(self._control)
                    return ended or "stopped"
            spent = 0.0 if ended else time.clock_gettime(self._clock)

    def drain(self, stopped: bool) -> None:
        """After the child's end: what is left in the pipes."""
        for handle in (self._report, self._output):
            os.set_blocking(handle, False)
        if stopped:
            self._finished()
        self._drink()

    def _finished(self) -> bool:
        try:
            data = os.read(self._report, REPORT_BYTES)
        except BlockingIOError:
            return False
        self.report += data[: REPORT_BYTES - len(self.report)]
        self._hung_up(self._report, data)
        return not data or b"\n" in data or len(self.report) >= REPORT_BYTES

    def _drink(self) -> None:
        try:
            data = os.read(self._output, 1 << 16)
        except BlockingIOError:
            return
        self._hung_up(self._output, data)
        self.output += data[: OUTPUT_KEPT - len(self.output)]

    def _hung_up(self, handle: int, data: bytes) -> None:
        if not data and handle in self._open:
            self._open.remove(handle)
            self._poll.unregister(handle)
