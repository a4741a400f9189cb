"""The sandbox: run a program that a model wrote, against tests that it can neither see nor influence.

In: jobs (a program, tests, names, limits). Out: a verdict each, in order. Each worker has two warm
interpreters, one that never sees tests and one that never sees programs; a job forks one process of
each, and they talk in plain data.

Level A: namespaces, Landlock, seccomp, limits. Level B: the same without namespaces (no scratch
folder either: writes are refused). Below that nothing runs, unless allow_unsafe says so; then the
level is "none" and every verdict says so. Covered: exits, printed passes, frames, gc, patched
builtins, operators that answer what is hoped for, signals, threads, forks, files, network, other
processes, memory, time, output. Results may be plain data, iterators, functions, objects,
coroutines and exceptions, with causes and contexts. Lists, dicts and the like that both sides hold
stay in step and keep their identity, whenever either changes them (links.py); sys.stdout, stdin and
input() that tests replace are replaced for the program. Standard modules that the program imports
are there for its tests. Times are CPU seconds at a reference speed, measured at the start and again
before a program is said to be late; the wall clock ends sleepers only, so a busy machine changes no
verdict. Not covered: a bug in the kernel, side channels in time, tests that a program can pass by
knowing them (all of them in a block of its own that swallows what it raises itself), and installed
packages: programs have the standard library only. These fail: tests that read the program's source,
subclass its classes, subscript them (C[int]) or use them as patterns, compare type(x) with a class
(x.__class__ works), call dataclasses.replace or fields, catch its warnings, seed its random
numbers, order by cmp_to_key of the program, need a swallowed AssertionError, or a global that the
program binds anew. A program without tests that says it ran is believed.
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
    ProgramJob,
    Verdict,
    ZygoteError,
    ZygotePair,
    find_unused_users,
)
from hornbook.sandbox.probe import Layer, describe_alternatives, probe_layers

__all__ = ["ProgramJob", "Layer", "SandboxUnavailable", "Sandbox", "Verdict", "probe_layers"]

ISOLATION_LEVELS = {"A": ("A",), "B": ("B",), "auto": ("A", "B")}
JOBS_AHEAD_PER_WORKER = 8  # jobs a worker that are handed out before the first verdict is read


class SandboxUnavailable(UserError):
    """This machine cannot keep the sandbox's promises; the text says which, and how to get it."""

    exit_code = 3


class Sandbox:
    """Warm workers; use it in a `with`. Raises Refused where the machine cannot hold the level asked for.

    workers: 0 for one a core and one more. level: auto, A or B. allow_unsafe: go on without
    isolation if need be.
    """

    def __init__(self, workers: int = 0, level: str = "auto", allow_unsafe: bool = False) -> None:
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
        problem = ""
        for level_to_try in (*ISOLATION_LEVELS[level], *(("none",) if allow_unsafe else ())):
            try:
                return self._open_level(level_to_try)
            except (OSError, ZygoteError) as error:
                problem = str(error)
                self._close_pairs()
        missing_layers = [
            layer
            for layer in probe_layers()
            if not layer.available and (layer.name != "namespaces" or level == "A")
        ]
        missing_text = (
            "; ".join(f"{layer.name} ({layer.detail}): {layer.remedy}" for layer in missing_layers)
            or problem
        )
        raise SandboxUnavailable(
            f"this machine cannot hold a program a model wrote. Missing: {missing_text}"
        )

    def _open_level(self, level: str) -> None:
        for i in range(self._workers):
            self._pairs.append(
                ZygotePair(level, (self._user_ids[2 * i], self._user_ids[2 * i + 1]))
            )
        slowness = max(
            1.0, min(pair.wait_until_ready() for pair in self._pairs) / REFERENCE_CALIBRATION_S
        )
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
        """End every process; jobs that run are given up."""
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
        """The jobs' verdicts in the jobs' order, as they become known."""
        futures: deque[Future[Verdict]] = deque()
        try:
            for job in jobs:
                futures.append(self._threads.submit(self._run_on_free_pair, job))
                if len(futures) >= JOBS_AHEAD_PER_WORKER * self._workers:
                    yield futures.popleft().result()
            while futures:
                yield futures.popleft().result()
        finally:
            for future in futures:
                future.cancel()

    def run_job(self, job: ProgramJob) -> Verdict:
        """One job's verdict."""
        return next(self.run_jobs([job]))

    def _run_on_free_pair(self, job: ProgramJob) -> Verdict:
        pair = self._free_pairs.get()
        try:
            return pair.run_job(job)
        finally:
            self._free_pairs.put(pair)
