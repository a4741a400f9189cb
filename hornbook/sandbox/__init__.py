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
from hornbook.sandbox.pair import REFERENCE_S, Broken, Job, Pair, Verdict, unused_users
from hornbook.sandbox.probe import Layer, elsewhere, probe

__all__ = ["Job", "Layer", "Refused", "Sandbox", "Verdict", "probe"]

LEVELS = {"A": ("A",), "B": ("B",), "auto": ("A", "B")}
AHEAD = 8  # jobs a worker that are handed out before the first verdict is read


class Refused(UserError):
    """This machine cannot keep the sandbox's promises; the text says which, and how to get it."""

    exit_code = 3


class Sandbox:
    """Warm workers; use it in a `with`. Raises Refused where the machine cannot hold the level asked for.

    workers: 0 for one a core and one more. level: auto, A or B. allow_unsafe: go on without
    isolation if need be.
    """

    def __init__(self, workers: int = 0, level: str = "auto", allow_unsafe: bool = False) -> None:
        if level not in LEVELS:
            raise UserError(f"no sandbox level {level!r}: auto, A or B")
        if sys.platform != "linux":
            raise Refused(f"the sandbox needs Linux, this is {sys.platform}: {elsewhere()}")
        self._workers = workers or len(os.sched_getaffinity(0)) + 1
        self._users = unused_users(2 * self._workers)
        self._pairs: list[Pair] = []
        self._free: queue.SimpleQueue[Pair] = queue.SimpleQueue()
        self.level = ""
        self._start(level, allow_unsafe)
        self._threads = ThreadPoolExecutor(self._workers, "sandbox")

    def _start(self, level: str, allow_unsafe: bool) -> None:
        problem = ""
        for each in (*LEVELS[level], *(("none",) if allow_unsafe else ())):
            try:
                return self._open(each)
            except (OSError, Broken) as error:
                problem = str(error)
                self._close_pairs()
        missing = [
            layer
            for layer in probe()
            if not layer.available and (layer.name != "namespaces" or level == "A")
        ]
        said = (
            "; ".join(f"{layer.name} ({layer.detail}): {layer.remedy}" for layer in missing)
            or problem
        )
        raise Refused(f"this machine cannot hold a program a model wrote. Missing: {said}")

    def _open(self, level: str) -> None:
        for at in range(self._workers):
            self._pairs.append(Pair(level, (self._users[2 * at], self._users[2 * at + 1])))
        slowness = max(1.0, min(pair.ready() for pair in self._pairs) / REFERENCE_S)
        for pair in self._pairs:
            pair.slowness = slowness
            self._free.put(pair)
        self.level = level

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every process; jobs that run are given up."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for pair in self._pairs:
            pair.stop()
        self._threads.shutdown(wait=True)
        self._close_pairs()

    def _close_pairs(self) -> None:
        for pair in self._pairs:
            pair.close()
        self._pairs = []

    def run(self, jobs: Iterable[Job]) -> Iterator[Verdict]:
        """The jobs' verdicts in the jobs' order, as they become known."""
        waiting: deque[Future[Verdict]] = deque()
        try:
            for job in jobs:
                waiting.append(self._threads.submit(self._work, job))
                if len(waiting) >= AHEAD * self._workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()

    def one(self, job: Job) -> Verdict:
        """One job's verdict."""
        return next(self.run([job]))

    def _work(self, job: Job) -> Verdict:
        pair = self._free.get()
        try:
            return pair.run(job)
        finally:
            self._free.put(pair)
