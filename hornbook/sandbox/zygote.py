"""Zygote: a warm interpreter that confines itself, then forks one child for each job.

In: `python -s -P -S -B` with an empty environment, standard input a socket to the supervisor, and
settings as JSON (role, level, uid, hidden_paths). Out: one outcome for each job.

There are two roles. A `program` zygote never sees tests, a `tests` zygote never sees a program. A
child has the socket to the other child, a report pipe and an output pipe. It can start no process,
so one SIGKILL is the whole clean-up. The zygote sends it by the wall clock or by the child's CPU
clock, whatever signals the child masks.

Not covered: level "none" locks nothing in, and kills only the child's process group.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import random
import signal
import socket
import sys
import threading
import time
from typing import Any

from hornbook.sandbox import confinement, namespaces, program_side, test_side
from hornbook.sandbox.child_watch import MAX_SLOWDOWN, ChildWatch, calibrate_speed
from hornbook.sandbox.control_messages import receive_message, send_message

# Imported once and inherited by every fork: what answers to programming exercises and their tests
# import.
PRELOADED_MODULES = (
    "abc array ast bisect calendar collections collections.abc contextlib copy dataclasses "
    "datetime decimal enum fractions functools hashlib heapq inspect io itertools json math "
    "numbers operator os pprint queue random re statistics string textwrap threading time "
    "traceback types typing unittest uuid zlib"
)
MAX_THREADS = 64
# CPU seconds that the kernel's own limit allows beyond the zygote's.
CPU_LIMIT_MARGIN_S = 2
MAX_OPEN_FDS = 256
# CPython specialises a function's bytecode within its first calls. 20 runs leave little of that to
# the children, in whom every changed page is copied.
WARM_UP_RUNS = 20
WARM_UP_PROGRAM = "def f(x, y=2):\n    return {x: [(y, None)]} if x else [1.5, 'x']"
WARM_UP_TESTS = "assert f(1) == {1: [(2, None)]}\nassert f(0) == [1.5, 'x']"


def run_zygote(settings: dict[str, Any]) -> None:
    """Confine this process, report it, and serve jobs until the supervisor hangs up."""
    # Nothing of the supervisor's open files may reach a program.
    os.closerange(3, 1 << 16)
    control = socket.socket(fileno=os.dup(0))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    try:
        for name in PRELOADED_MODULES.split():
            importlib.import_module(name)
        is_unsafe = settings["level"] == "none"
        # Built once: each child only writes its process id into it.
        seccomp_filter = None if is_unsafe else confinement.SeccompFilter()
        if not is_unsafe:
            confine_zygote(settings)
        confinement.confine_process()
        sys.argv = ["program.py"]
        sys.path = [path for path in sys.path if path not in settings["hidden_paths"]]
        os.environ.clear()
        warm_up_interpreter()
        # A program that draws random numbers without a seed gets the same verdict every time.
        random.seed(0)
        # Objects of the zygote leave the collector: its marks would copy their pages in each child.
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
    """Apply what every child inherits: namespaces, another user, no new rights, Landlock."""
    readable, listable, visible_paths = list_interpreter_paths()
    uid, has_namespaces = settings["uid"], settings["level"] == "A"
    # In a user namespace there is no other user to become.
    if has_namespaces and namespaces.enter_namespaces(visible_paths, uid):
        uid = 0
    confinement.drop_privileges(uid, keep_read_capability=not has_namespaces and uid != 0)
    confinement.confine_process()
    if has_namespaces:
        # Process 1 of the namespace ends with its parent, and all others end with process 1.
        confinement.call_prctl(confinement.PR_SET_PDEATHSIG, signal.SIGKILL)
    writable = [os.devnull, namespaces.SCRATCH] if has_namespaces else [os.devnull]
    confinement.apply_landlock(readable, writable, listable)


def list_interpreter_paths() -> tuple[list[str], list[str], list[str]]:
    """Paths that the interpreter needs.

    Installed packages are left out: programs are promised the standard library only, and the data
    of exams may lie among the packages.

    Returns:
        (files and folders to read, folders to list, paths to show in the new root).
    """
    library = os.path.dirname(os.path.realpath(os.__file__))
    library_folders = set()
    with open("/proc/self/maps") as maps:
        for line in maps:
            if ".so" in line:
                # The sixth field is the path, which may contain spaces.
                library_folders.add(os.path.dirname(line.split(maxsplit=5)[5].strip()))
    folders = sorted(folder for folder in library_folders if not folder.startswith(library))
    readable = []
    for name in os.listdir(library):
        if name not in ("site-packages", "dist-packages"):
            readable.append(f"{library}/{name}")
    for folder in folders:
        # Landlock grants whole folders, and these hold more than shared libraries.
        readable += [f"{folder}/{name}" for name in os.listdir(folder) if ".so" in name]
    single_paths = ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random"]
    single_paths += ["/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo"]
    return (
        [*readable, *single_paths],
        [library, *folders],
        [library, *folders, *single_paths],
    )


def warm_up_interpreter() -> None:
    """Run a program and its tests in this process a few times.

    The memory that the interpreter changes meanwhile is shared by all children, not copied by each.
    """
    null_fd = os.open(os.devnull, os.O_WRONLY)
    for _ in range(WARM_UP_RUNS):
        tests_end, program_end = socket.socketpair()
        program = threading.Thread(
            target=program_side.serve_program, args=(WARM_UP_PROGRAM, program_end.fileno(), null_fd)
        )
        program.start()
        test_side.run_tests(WARM_UP_TESTS, ["f"], None, tests_end.fileno(), null_fd)
        # The program takes this for the end of the tests.
        tests_end.close()
        program.join()
        program_end.close()
    os.close(null_fd)
    del sys.modules["program"]


class ZygoteServer:
    """Runs the jobs of one zygote, one child at a time."""

    def __init__(
        self,
        control: socket.socket,
        role: str,
        user_id: int,
        seccomp_filter: confinement.SeccompFilter | None,
        scratch_names: set[str] | None,
    ) -> None:
        """Create it after the confinement.

        Args:
            control: the socket to the supervisor.
            role: "program" or "tests".
            user_id: the unused user that this process was told to become; 0: none.
            seccomp_filter: for each child; None at level "none".
            scratch_names: what the scratch folder holds from the start; None where there is none
                and /tmp belongs to the machine.
        """
        self._control, self._role, self._user_id = control, role, user_id
        self._seccomp_filter, self._scratch_names = seccomp_filter, scratch_names

    def serve_jobs(self) -> None:
        """Run jobs until the supervisor hangs up."""
        while True:
            try:
                job, fds = receive_message(self._control, 1)
            except EOFError:
                return
            # An empty message is the stop of a job that had ended before it came.
            if not job:
                continue
            send_message(self._control, self._run_job(job, fds[0] if fds else -1))
            self._empty_scratch()

    def _run_job(self, job: dict[str, Any], channel_fd: int) -> dict[str, Any]:
        """Run one job in a child.

        Args:
            job: its code or tests, and its limits.
            channel_fd: the socket to the other child; -1 for a program without tests.

        Returns:
            The outcome, as verdict.parse_outcome reads it.
        """
        report_fd, child_report_fd = os.pipe()
        output_fd, child_output_fd = os.pipe()
        start_time, parent_pid = time.monotonic(), os.getpid()
        pid = confinement.fork_process()
        if pid == 0:
            # Whatever happens, the child must not return into the zygote's code.
            try:
                os.setsid()
                confinement.call_prctl(confinement.PR_SET_PDEATHSIG, signal.SIGKILL)
                # The zygote may have died before the line above.
                if os.getppid() != parent_pid:
                    return {}
                os.close(report_fd)
                os.close(output_fd)
                self._run_child(job, channel_fd, child_report_fd, child_output_fd)
            finally:
                os._exit(0)
        os.close(child_report_fd)
        os.close(child_output_fd)
        if channel_fd >= 0:
            os.close(channel_fd)
        # A program that tests talk to is reported when the tests are done.
        runs_until_stop = self._role == "program" and channel_fd >= 0
        watch = ChildWatch(pid, report_fd, output_fd, self._control, runs_until_stop)
        end = watch.wait_for_end(job["cpu_s"], start_time + job["wall_s"], job["calibration_s"])
        # Without seccomp it may have started processes.
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
        """In the child: close all but the channel and the pipes, set the limits, run the job."""
        os.dup2(output_fd, 1)
        os.dup2(output_fd, 2)
        fds_to_keep = {0, 1, 2, report_fd}
        if channel_fd >= 0:
            fds_to_keep.add(channel_fd)
        kept_fds = sorted(fds_to_keep)
        for low, high in zip(kept_fds, [*kept_fds[1:], MAX_OPEN_FDS], strict=True):
            os.closerange(low + 1, high)
        # The kernel's limit is the second line: the zygote's clock comes first.
        cpu_s = int(job["cpu_s"] * MAX_SLOWDOWN) + CPU_LIMIT_MARGIN_S
        # The kernel counts threads by user, so the limit is only for a user who owns nothing else.
        max_threads = MAX_THREADS if os.getuid() == self._user_id else 0
        confinement.limit_program(cpu_s, job["memory_mb"] << 20, max_threads)
        if self._seccomp_filter is not None:
            self._seccomp_filter.install_filter()
        if self._role == "tests":
            test_side.run_tests(job["tests"], job["names"], job["classes"], channel_fd, report_fd)
        elif channel_fd >= 0:
            program_side.serve_program(job["code"], channel_fd, report_fd)
        else:
            program_side.run_program(job["code"], report_fd)

    def _empty_scratch(self) -> None:
        """Empty the scratch folder.

        OSError, for what cannot be removed, ends this zygote, and the supervisor starts another.
        """
        if self._scratch_names is None:
            return
        for name in set(os.listdir(namespaces.SCRATCH)) - self._scratch_names:
            path = os.path.join(namespaces.SCRATCH, name)
            if os.path.isdir(path) and not os.path.islink(path):
                _remove_tree(path)
            else:
                os.unlink(path)


def _remove_tree(path: str) -> None:
    """Remove a folder and all below it, whatever the modes, without recursion.

    shutil.rmtree stops at folders that a program made unreadable.

    Raises:
        OSError: a path is longer than the kernel allows.
    """
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
    # There is no such group if the child died before setsid.
    with contextlib.suppress(OSError):
        os.killpg(pid, signal.SIGKILL)
