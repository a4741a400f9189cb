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

MAX_OUTPUT_BYTES = 4096
MAX_REPORT_BYTES = 4096
HEADER_BYTES = 8
# Loaded once and inherited by every fork: what answers to programming exercises import, and what
# their tests do.
PRELOADED_MODULES = """abc array ast bisect calendar collections collections.abc contextlib copy dataclasses datetime decimal
enum fractions functools hashlib heapq inspect io itertools json math numbers operator os pprint queue random re
statistics string textwrap threading time traceback types typing unittest uuid zlib"""
CALIBRATION_STEPS = 40_000
MAX_SLOWDOWN = 4.0  # times slower than at the start: no machine is believed to be more
MAX_THREADS = 64
WARM_UP_RUNS = 20
WARM_UP_PROGRAM = "def f(x, y=2):\n    return {x: [(y, None)]} if x else [1.5, 'x']"
WARM_UP_TESTS = "assert f(1) == {1: [(2, None)]}\nassert f(0) == [1.5, 'x']"


def run_zygote(settings: dict[str, Any]) -> None:
    """Lock, say so, and serve until the supervisor hangs up."""
    os.closerange(3, 1 << 16)
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        for name in PRELOADED_MODULES.split():
            importlib.import_module(name)
        is_unsafe = settings["level"] == "none"
        seccomp_filter = None if is_unsafe else confinement.SeccompFilter()
        if not is_unsafe:
            confine_zygote(settings)
        confinement.confine_process()
        sys.argv, sys.path = (
            ["program.py"],
            [path for path in sys.path if path not in settings["hide"]],
        )
        os.environ.clear()
        warm_up_interpreter()
        random.seed(
            0
        )  # so that a program which draws without a seed gets the same verdict every time
        gc.collect()
        gc.freeze()
        send_message(control, {"ready": calibrate_speed()})
    except Exception as error:
        send_message(control, {"refused": f"{type(error).__name__}: {error}"})
        return
    scratch_names = set(os.listdir(namespaces.SCRATCH)) if settings["level"] == "A" else None
    ZygoteServer(
        control, settings["role"], settings["uid"], seccomp_filter, scratch_names
    ).serve_jobs()


def confine_zygote(settings: dict[str, Any]) -> None:
    """Walls, another user, no new rights, and Landlock: everything that every program will inherit."""
    readable, listable, visible_paths = list_interpreter_paths()
    uid = settings["uid"]
    if settings["level"] == "A" and namespaces.enter_namespaces(visible_paths, uid):
        uid = 0
    confinement.drop_privileges(uid, keep_read_capability=settings["level"] == "B" and uid != 0)
    confinement.confine_process()
    if settings["level"] == "A":
        confinement.call_prctl(
            confinement.PR_SET_PDEATHSIG, signal.SIGKILL
        )  # process 1 goes with its parent, and all others with it
    confinement.apply_landlock(
        readable,
        [os.devnull, *([namespaces.SCRATCH] if settings["level"] == "A" else [])],
        listable,
    )


def list_interpreter_paths() -> tuple[list[str], list[str], list[str]]:
    """What the interpreter reads: files and folders by Landlock's measure, folders to list, and what a root must show.

    Installed packages are left out: they are no part of the promise, and test data lie among them.
    """
    library = os.path.dirname(os.path.realpath(os.__file__))
    with open("/proc/self/maps") as maps:
        library_folders = {
            os.path.dirname(line.split(maxsplit=5)[5].strip()) for line in maps if ".so" in line
        }
    folders = sorted(folder for folder in library_folders if not folder.startswith(library))
    shared_libraries = [
        f"{folder}/{name}" for folder in folders for name in os.listdir(folder) if ".so" in name
    ]
    library_paths = [
        f"{library}/{name}"
        for name in os.listdir(library)
        if name not in ("site-packages", "dist-packages")
    ]
    single_paths = [
        "/dev/null",
        "/dev/zero",
        "/dev/urandom",
        "/dev/random",
        "/etc/ld.so.cache",
        "/etc/localtime",
    ]
    single_paths.append("/usr/share/zoneinfo")
    return (
        [*library_paths, *shared_libraries, *single_paths],
        [library, *folders],
        [library, *folders, *single_paths],
    )


def warm_up_interpreter() -> None:
    """Judge a program in here a few times: what the interpreter adapts then is shared, not copied by every child."""
    null_fd = os.open(os.devnull, os.O_WRONLY)
    for _ in range(WARM_UP_RUNS):
        tests_end, program_end = socket.socketpair()
        program = threading.Thread(
            target=program_side.serve_program, args=(WARM_UP_PROGRAM, program_end.fileno(), null_fd)
        )
        program.start()
        test_side.run_tests(WARM_UP_TESTS, ["f"], None, tests_end.fileno(), null_fd)
        tests_end.close()  # which the program takes for the end of the tests
        program.join()
        program_end.close()
    os.close(null_fd)
    del sys.modules["program"]


def calibrate_speed() -> float:
    """CPU seconds of a fixed piece of Python, the best of five."""
    best_s = 1e9
    for _ in range(5):
        start_time = time.process_time()
        sum(i * i % 7 for i in range(CALIBRATION_STEPS))
        best_s = min(best_s, time.process_time() - start_time)
    return best_s


def send_message(
    control: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()
) -> None:
    """A message as its length and JSON; handles ride on the length."""
    data = json.dumps(message).encode()
    socket.send_fds(control, [len(data).to_bytes(HEADER_BYTES, "little")], fds)
    control.sendall(data)


def receive_message(control: socket.socket, max_fds: int = 0) -> tuple[dict[str, Any], list[int]]:
    """The next message and its handles. EOFError where the other end hung up."""
    data, fds, _, _ = socket.recv_fds(control, HEADER_BYTES, max(1, max_fds), socket.MSG_WAITALL)
    if len(data) < HEADER_BYTES:
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
    return message, fds


class ZygoteServer:
    """One kind of warm parent; one child at a time."""

    def __init__(
        self,
        control: socket.socket,
        role: str,
        user_id: int,
        seccomp_filter: confinement.SeccompFilter | None,
        scratch_names: set[str] | None,
    ) -> None:
        """`uid`: the unused user that this zygote became, 0 where it stayed who it was. `scratch`: what lies in the
        scratch folder from the start; None where there is none, and /tmp is the machine's own."""
        self._control, self._role, self._user_id, self._seccomp_filter = (
            control,
            role,
            user_id,
            seccomp_filter,
        )
        self._scratch_names = scratch_names

    def serve_jobs(self) -> None:
        while True:
            try:
                job, fds = receive_message(self._control, 1)
            except EOFError:
                return
            if not job:
                continue  # a stop that came after the end
            send_message(self._control, self._run_job(job, fds[0] if fds else -1))
            self._empty_scratch()

    def _run_job(self, job: dict[str, Any], channel_fd: int) -> dict[str, Any]:
        report_fd, child_report_fd = os.pipe()
        output_fd, child_output_fd = os.pipe()
        start_time, parent_pid = time.monotonic(), os.getpid()
        pid = confinement.fork_process()
        if pid == 0:
            try:
                os.setsid()
                confinement.call_prctl(confinement.PR_SET_PDEATHSIG, signal.SIGKILL)
                if os.getppid() != parent_pid:  # it died before that was said
                    return {}
                os.close(report_fd)
                os.close(output_fd)
                self._run_child(job, channel_fd, child_report_fd, child_output_fd)
            finally:
                os._exit(0)
        for fd in (child_report_fd, child_output_fd, *([channel_fd] if channel_fd >= 0 else [])):
            os.close(fd)
        watch = ChildWatch(
            pid, report_fd, output_fd, self._control, self._role == "candidate" and channel_fd >= 0
        )
        end = watch.wait_for_end(job["cpu_s"], start_time + job["wall_s"], job["speed_s"])
        if self._seccomp_filter is None:
            _kill_group(pid)
        os.kill(pid, signal.SIGKILL)
        _, status, usage = os.wait4(pid, 0)
        wall_s = time.monotonic() - start_time
        watch.drain_pipes(end == "stopped")
        os.close(report_fd)
        os.close(output_fd)
        return {
            "end": end,
            "exit": os.waitstatus_to_exitcode(status),
            "report": bytes(watch.report).decode("latin-1"),
            "output": bytes(watch.output).decode("utf-8", "replace"),
            "cpu_s": usage.ru_utime + usage.ru_stime,
            "wall_s": wall_s,
        }

    def _run_child(
        self, job: dict[str, Any], channel_fd: int, report_fd: int, output_fd: int
    ) -> None:
        """In the fork: only the channel and the two pipes stay open, then the limits and seccomp, then the job."""
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        fds_to_keep = sorted({0, 1, 2, report_fd, *([channel_fd] if channel_fd >= 0 else [])})
        for low, high in zip(fds_to_keep, [*fds_to_keep[1:], 256], strict=True):
            os.closerange(low + 1, high)
        cpu_s = int(job["cpu_s"] * MAX_SLOWDOWN) + 2
        confinement.limit_program(
            cpu_s, job["memory_mb"] << 20, MAX_THREADS if os.getuid() == self._user_id else 0
        )
        if self._seccomp_filter is not None:
            self._seccomp_filter.install_filter()
        if self._role == "judge":
            test_side.run_tests(job["tests"], job["names"], job["classes"], channel_fd, report_fd)
        elif channel_fd >= 0:
            program_side.serve_program(job["code"], channel_fd, report_fd)
        else:
            program_side.run_program(job["code"], report_fd)

    def _empty_scratch(self) -> None:
        """Empty the scratch folder; what cannot be removed ends this zygote, and the supervisor starts another."""
        if self._scratch_names is None:
            return
        for name in set(os.listdir(namespaces.SCRATCH)) - self._scratch_names:
            path = os.path.join(namespaces.SCRATCH, name)
            if os.path.isdir(path) and not os.path.islink(path):
                _remove_tree(path)
            else:
                os.unlink(path)


def _remove_tree(path: str) -> None:
    """A folder with all below it, however deep and whatever the modes. OSError for paths beyond the kernel's limit."""
    folders = [path]
    while folders:
        os.chmod(folders[-1], 0o700)
        subfolders = []
        for entry in os.scandir(folders[-1]):
            if entry.is_dir(follow_symlinks=False):
                subfolders.append(entry.path)
            else:
                os.unlink(entry.path)
        if not subfolders:
            os.rmdir(folders.pop())
        folders += subfolders


def _kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)


class ChildWatch:
    """Waits for a child's report, its end, its limits or the supervisor's stop, and drinks its output meanwhile.

    With `stays`, only the stop is the end: a program that tests talk to lives, or is dead, until
    they are done.
    """

    def __init__(
        self,
        pid: int,
        report_fd: int,
        output_fd: int,
        control: socket.socket,
        runs_until_stop: bool,
    ) -> None:
        self.report, self.output = bytearray(), bytearray()
        self._pid = pid
        self._cpu_clock_id = (
            ~pid << 3
        ) | 2  # the kernel's number for another process's CPU clock: CPUCLOCK_SCHED
        self._report_fd, self._output_fd, self._control, self._runs_until_stop = (
            report_fd,
            output_fd,
            control,
            runs_until_stop,
        )
        self._open_fds = {report_fd, output_fd}
        self._poll = select.poll()
        for fd in (report_fd, output_fd, control.fileno()):
            self._poll.register(fd, select.POLLIN)

    def wait_for_end(self, cpu_s: float, deadline: float, calibration_s: float) -> str:
        """report, gone (it hung up without), timeout or stopped.

        `cpu_s` supposes that the calibration takes `speed_s`. Neighbours on the same core and cache slow it down, so it
        is taken again before a program is stopped for its CPU time.
        """
        end, spent_s = "", 0.0
        while True:
            if calibration_s and not end and spent_s >= cpu_s:
                cpu_s, calibration_s = (
                    cpu_s * min(max(1.0, calibrate_speed() / calibration_s), MAX_SLOWDOWN),
                    0.0,
                )
            left_s = min(cpu_s - spent_s, deadline - time.monotonic())
            if not end and left_s <= 0:
                end = "timeout"
            if end and not self._runs_until_stop:
                return end
            if end:
                os.kill(self._pid, signal.SIGKILL)
            for fd, _ in self._poll.poll(None if end else min(left_s, 3600.0) * 1000 + 1):
                if fd == self._report_fd:
                    if self._read_report():
                        end = end or ("report" if self.report else "gone")
                elif fd == self._output_fd:
                    self._read_output()
                else:
                    receive_message(self._control)
                    return end or "stopped"
            spent_s = 0.0 if end else time.clock_gettime(self._cpu_clock_id)

    def drain_pipes(self, was_stopped: bool) -> None:
        """After the child's end: what is left in the pipes."""
        for fd in (self._report_fd, self._output_fd):
            os.set_blocking(fd, False)
        if was_stopped:
            self._read_report()
        self._read_output()

    def _read_report(self) -> bool:
        try:
            data = os.read(self._report_fd, MAX_REPORT_BYTES)
        except BlockingIOError:
            return False
        self.report += data[: MAX_REPORT_BYTES - len(self.report)]
        self._forget_closed_pipe(self._report_fd, data)
        return not data or b"\n" in data or len(self.report) >= MAX_REPORT_BYTES

    def _read_output(self) -> None:
        try:
            data = os.read(self._output_fd, 1 << 16)
        except BlockingIOError:
            return
        self._forget_closed_pipe(self._output_fd, data)
        self.output += data[: MAX_OUTPUT_BYTES - len(self.output)]

    def _forget_closed_pipe(self, fd: int, data: bytes) -> None:
        if not data and fd in self._open_fds:
            self._open_fds.remove(fd)
            self._poll.unregister(fd)
