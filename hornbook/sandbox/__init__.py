"""The sandbox: run a program that a model wrote, with tests that it can neither see nor influence.

In: jobs (a program, tests, names, limits). Out: one verdict per job, in order. Each worker has two
warm interpreters, one that never sees tests and one that never sees programs. A job forks one
process of each, and the two talk in plain data.

Isolation levels:

- A: namespaces, Landlock, seccomp and limits
- B: the same without namespaces, and without a scratch folder: writes are refused
- none: only with allow_unsafe; every verdict says "unsafe". Without it nothing runs below level B.

Covered attacks: early exits, printed passes, frames, gc, patched built-ins, operators that answer
what the tests expect, signals, threads, forks, files, network, other processes, memory, time,
output.

What crosses between program and tests:

- plain data, iterators, functions, objects, coroutines, exceptions with causes and contexts
- lists, dicts and other mutables that both sides hold: they stay in step and keep their identity
- sys.stdout, sys.stdin and input() that tests replace: they are replaced for the program
- standard modules that the program imports: its tests may use them

Times are CPU seconds at a reference speed, measured at the start and again before a program counts
as late. The wall clock ends only sleepers, so a busy machine changes no verdict.

Not covered: a bug in the kernel; side channels in time; a program that passes because it knows the
tests (all of them in one block of its own that swallows what it raises); installed packages:
programs have the standard library only. A program without tests that reports a pass is believed.

These tests fail in the sandbox: tests that read the program's source, subclass its classes,
subscript them (C[int]) or use them as patterns, compare type(x) with a class (x.__class__ works),
call dataclasses.replace or fields, catch its warnings, seed its random numbers, order by cmp_to_key
of the program, need a swallowed AssertionError, or need a global that the program binds anew.
"""

from __future__ import annotations

import os
import queue
import sys
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from hornbook.records import UserError
from hornbook.sandbox.pair import (
    REFERENCE_CALIBRATION_S,
    ZygoteError,
    ZygotePair,
    find_unused_users,
)
from hornbook.sandbox.probe import Layer, describe_alternatives, probe_layers
from hornbook.sandbox.verdict import ProgramJob, Verdict

__all__ = ["ProgramJob", "Layer", "SandboxUnavailable", "Sandbox", "Verdict", "probe_layers"]

# By the level that was asked for: the levels to try, best first.
ISOLATION_LEVELS = {"A": ("A",), "B": ("B",), "auto": ("A", "B")}
# Jobs in the queue per worker. They are read ahead, so that no worker waits for the one job that is
# first in order and slow.
JOBS_AHEAD_PER_WORKER = 8


class SandboxUnavailable(UserError):
    """This machine cannot isolate programs; the text says what is missing and how to get it."""

    exit_code = 3


class Sandbox:
    """Warm workers that run jobs in parallel. Use it in a `with` statement.

    Attributes:
        level: the isolation level that was reached: "A", "B" or "none".
    """

    def __init__(self, workers: int = 0, level: str = "auto", allow_unsafe: bool = False) -> None:
        """Start the workers.

        Args:
            workers: 0: one more than there are cores.
            level: "auto", "A" or "B".
            allow_unsafe: go on without isolation where it cannot be had.

        Raises:
            SandboxUnavailable: this machine cannot hold the level.
        """
        if level not in ISOLATION_LEVELS:
            raise UserError(f"no sandbox level {level!r}: auto, A or B")
        if sys.platform != "linux":
            raise SandboxUnavailable(
                f"the sandbox needs Linux, this is {sys.platform}: {describe_alternatives()}"
            )
        self._workers = workers or len(os.sched_getaffinity(0)) + 1
        self._user_ids = find_unused_users(2 * self._workers)
        self._pairs: list[ZygotePair] = []
        self._free_pairs: queue.SimpleQueue[ZygotePair] = queue.SimpleQueue()
        self.level = ""
        self._start_workers(level, allow_unsafe)
        self._threads = ThreadPoolExecutor(self._workers, "sandbox")

    def _start_workers(self, level: str, allow_unsafe: bool) -> None:
        levels = ISOLATION_LEVELS[level]
        problem = ""
        for level_to_try in (*levels, "none") if allow_unsafe else levels:
            try:
                return self._open_level(level_to_try)
            except (OSError, ZygoteError) as error:
                problem = str(error)
                self._close_pairs()
        # Only now: trying each layer takes 0.3 s.
        missing_texts = []
        for layer in probe_layers():
            is_needed = layer.name != "namespaces" or level == "A"
            if not layer.available and is_needed:
                missing_texts.append(f"{layer.name} ({layer.detail}): {layer.remedy}")
        raise SandboxUnavailable(
            "this machine cannot isolate a program that a model wrote. Missing: "
            + ("; ".join(missing_texts) or problem)
        )

    def _open_level(self, level: str) -> None:
        # Start all before waiting for the first: they warm up side by side.
        for i in range(self._workers):
            user_ids = (self._user_ids[2 * i], self._user_ids[2 * i + 1])
            self._pairs.append(ZygotePair(level, user_ids))
        # The best worker's: the others were slowed down by their neighbours.
        calibration_s = min(pair.wait_until_ready() for pair in self._pairs)
        # At least 1: on a faster machine the limit stays in plain CPU seconds.
        slowness = max(1.0, calibration_s / REFERENCE_CALIBRATION_S)
        for pair in self._pairs:
            pair.slowness = slowness
            self._free_pairs.put(pair)
        self.level = level

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop_workers()

    def stop_workers(self) -> None:
        """End every process. Jobs that are running get no verdict."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for pair in self._pairs:
            pair.kill_zygotes()
        self._threads.shutdown(wait=True)
        self._close_pairs()

    def _close_pairs(self) -> None:
        for pair in self._pairs:
            pair.close_zygotes()
        self._pairs = []

    def run_jobs(self, jobs: Iterable[ProgramJob]) -> Iterator[Verdict]:
        """Run jobs in parallel; yield their verdicts in the order of the jobs."""
        futures: deque[Future[Verdict]] = deque()
        try:
            for job in jobs:
                futures.append(self._threads.submit(self._run_on_free_pair, job))
                if len(futures) >= JOBS_AHEAD_PER_WORKER * self._workers:
                    yield futures.popleft().result()
            while futures:
                yield futures.popleft().result()
        finally:
            # The caller stopped reading, or a job failed: drop what has not started.
            for future in futures:
                future.cancel()

    def run_job(self, job: ProgramJob) -> Verdict:
        """Run one job."""
        return next(self.run_jobs([job]))

    def _run_on_free_pair(self, job: ProgramJob) -> Verdict:
        pair = self._free_pairs.get()
        try:
            return pair.run_job(job)
        finally:
            self._free_pairs.put(pair)
