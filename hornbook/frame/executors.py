"""Who does the parts: this machine's processes, or a Ray cluster. The same functions, the same bytes.

In: a stage, a desk, the names of parts. Out: each part's cost as it gets done. Both crews drive an
executor of futures; a worker that the system kills takes nothing with it: its parts are tried once
more, each alone, and then set aside with the reason. Not covered: placement and retries on other
nodes, which are Ray's.
"""

from __future__ import annotations

import concurrent.futures as cf
import contextlib
import ctypes
import dataclasses
import importlib
import multiprocessing
import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Any

from hornbook import meter
from hornbook.frame.run import Failed, Inline, Result, do_part
from hornbook.frame.stage import Desk, Silent, Stage
from hornbook.records import UserError

PR_SET_PDEATHSIG = 1


Prepare = Callable[
    [], object
]  # run in each new worker: makes a recipe's own stage classes importable there


def crew(
    engine: str, workers: int, address: str | None = None, prepare: Prepare | None = None
) -> Pool | RayCrew:
    """The crew by name: `pool` (the default) or `ray`; a context manager that lets its workers go at the end."""
    if engine == "pool":
        return Pool(workers, prepare)
    if engine == "ray":
        return RayCrew(workers, address, prepare)
    raise UserError(
        f"no engine named {engine!r}: pool (this machine) or ray (a cluster, or this machine through Ray)"
    )


class Pool:
    """Processes of this machine, started when first needed and kept from stage to stage."""

    def __init__(self, workers: int, prepare: Prepare | None = None) -> None:
        self.workers, self.prepare = workers, prepare
        self._pool: cf.ProcessPoolExecutor | None = None

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._let_go()

    def do(self, stage: Stage, desk: Desk, parts: Sequence[str]) -> Iterator[Result]:
        if (
            stage.runs == "machine"
        ):  # a model uses every core and its weights stay in this process between parts
            yield from Inline().do(stage, desk, parts)
            return
        yield from _drive(
            lambda part: self._submit(stage, desk, part),
            parts,
            2 * self.workers,
            self._again(stage, desk),
        )

    def _submit(self, stage: Stage, desk: Desk, part: str) -> cf.Future[meter.Usage]:
        if self._pool is None:
            # spawn, never fork: pyarrow's and numba's threads do not survive a fork.
            context = multiprocessing.get_context("spawn")
            self._pool = cf.ProcessPoolExecutor(
                self.workers,
                mp_context=context,
                initializer=_start_worker,
                initargs=(self.prepare,),
            )
        return self._pool.submit(do_part, stage, _quiet(desk), part)

    def _again(self, stage: Stage, desk: Desk) -> Callable[[str], meter.Usage | Failed]:
        def alone(part: str) -> meter.Usage | Failed:
            """A broken pool does not say which part broke it, so each one that was in flight gets a pool of its own."""
            self._let_go()
            try:
                return self._submit(stage, desk, part).result()
            except BrokenProcessPool:
                return Failed("its worker was killed twice, the second time alone (out of memory?)")
            finally:
                self._let_go()

        return alone

    def _let_go(self) -> None:
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        self._pool = None


class RayCrew:
    """Ray core: a task a part; a stage that wants a machine gets a node's processors, and its GPU if it has one."""

    def __init__(
        self, workers: int, address: str | None = None, prepare: Prepare | None = None
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            self.ray: Any = importlib.import_module("ray")
        except ImportError:
            raise UserError(
                "--engine ray needs Ray: pip install 'hornbook[ray]' (the same version as the cluster's)"
            ) from None
        self.workers, self.address, self.prepare = workers, address, prepare

    def __enter__(self) -> RayCrew:
        mine: dict[str, Any] = (
            {"address": self.address}
            if self.address
            else {"num_cpus": self.workers, "include_dashboard": False}
        )
        if prepare := self.prepare:
            # Ray asks the hook for its __name__, which a functools.partial lacks.
            mine["runtime_env"] = {"worker_process_setup_hook": lambda: prepare()}
        self.ray.init(**mine, ignore_reinit_error=True, log_to_driver=False, logging_level="ERROR")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ray.shutdown()

    def do(self, stage: Stage, desk: Desk, parts: Sequence[str]) -> Iterator[Result]:
        wants = self._wants(stage)
        task = self.ray.remote(**wants, max_retries=1)(do_part)
        window = max(
            2, int(2 * self.ray.cluster_resources().get("CPU", 1) / max(1, wants["num_cpus"]))
        )

        def submit(part: str) -> Any:
            return task.remote(stage, _quiet(desk), part).future()

        def failed(part: str) -> Failed:
            return Failed("its worker was killed twice (out of memory?)")

        yield from _drive(submit, parts, window, failed, self.ray.exceptions.WorkerCrashedError)

    def _wants(self, stage: Stage) -> dict[str, float]:
        if stage.runs != "machine":
            return {"num_cpus": 1}
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        return {
            "num_cpus": max(node.get("CPU", 1) for node in nodes),
            "num_gpus": 1 if any(node.get("GPU") for node in nodes) else 0,
        }


def _drive(
    submit: Callable[[str], cf.Future[meter.Usage]],
    parts: Sequence[str],
    window: int,
    again: Callable[[str], meter.Usage | Failed],
    broken: type[BaseException] = BrokenProcessPool,
) -> Iterator[Result]:
    """Keep `window` parts in flight and yield each as it ends; those in flight when a worker died go to `again`."""
    waiting, running = deque(parts), dict[cf.Future[meter.Usage], str]()
    while waiting or running:
        while waiting and len(running) < window:
            part = waiting.popleft()
            running[submit(part)] = part
        done, _ = cf.wait(running, return_when=cf.FIRST_COMPLETED)
        lost = []
        for future in done:
            part = running.pop(future)
            try:
                yield part, future.result()
            except broken:
                lost.append(part)
        if (
            lost and broken is BrokenProcessPool
        ):  # a broken pool fails everything that was in flight
            lost += running.values()
            running.clear()
        for part in lost:
            yield part, again(part)


def _quiet(desk: Desk) -> Desk:
    return dataclasses.replace(desk, reporter=Silent(), workers=1)


def _start_worker(prepare: Prepare | None) -> None:
    """One thread a worker, no answer to Ctrl-C (the parent decides), and no life after the parent's."""
    os.environ.update(
        OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", ARROW_IO_THREADS="1"
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if prepare:
        prepare()
