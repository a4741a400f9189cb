"""Executors: this machine's processes, or a Ray cluster. The same functions, the same bytes.

In: a stage, a run context, the names of shards. Out: the cost of each shard as it is finished. Both
executors drive a pool of futures. When the system kills a worker, its shards are tried once more,
each alone, and then set aside with the reason. Not covered: placement and retries on other nodes,
which are Ray's.
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
from hornbook.frame.run import FailedShard, InlineExecutor, ShardResult, make_and_write_shard
from hornbook.frame.stage import RunContext, SilentReporter, Stage
from hornbook.records import UserError

PR_SET_PDEATHSIG = 1


WorkerSetup = Callable[
    [], object
]  # run in each new worker: makes a recipe's own stage classes importable there


def make_executor(
    engine: str, workers: int, address: str | None = None, worker_setup: WorkerSetup | None = None
) -> PoolExecutor | RayExecutor:
    """The executor by name, `pool` or `ray`: a context manager that stops its workers."""
    if engine == "pool":
        return PoolExecutor(workers, worker_setup)
    if engine == "ray":
        return RayExecutor(workers, address, worker_setup)
    raise UserError(
        f"no engine named {engine!r}: pool (this machine) or ray (a cluster, or this machine "
        "through Ray)"
    )


class PoolExecutor:
    """Processes of this machine, started when first needed and kept from stage to stage."""

    spans_machines = False

    def __init__(self, workers: int, worker_setup: WorkerSetup | None = None) -> None:
        self.workers, self.worker_setup = workers, worker_setup
        self._pool: cf.ProcessPoolExecutor | None = None

    def __enter__(self) -> PoolExecutor:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop_workers()

    def run_shards(
        self, stage: Stage, ctx: RunContext, shards: Sequence[str]
    ) -> Iterator[ShardResult]:
        if (
            stage.placement == "per_machine"
        ):  # a model uses every core and its weights stay in this process between shards
            yield from InlineExecutor().run_shards(stage, ctx, shards)
            return
        yield from _run_in_window(
            lambda shard: self._submit_shard(stage, ctx, shard),
            shards,
            2 * self.workers,
            self._make_retry(stage, ctx),
        )

    def _submit_shard(self, stage: Stage, ctx: RunContext, shard: str) -> cf.Future[meter.Usage]:
        if self._pool is None:
            # spawn, never fork: pyarrow's and numba's threads do not survive a fork.
            context = multiprocessing.get_context("spawn")
            self._pool = cf.ProcessPoolExecutor(
                self.workers,
                mp_context=context,
                initializer=_start_worker,
                initargs=(self.worker_setup,),
            )
        return self._pool.submit(make_and_write_shard, stage, _without_reporter(ctx), shard)

    def _make_retry(
        self, stage: Stage, ctx: RunContext
    ) -> Callable[[str], meter.Usage | FailedShard]:
        def retry_alone(shard: str) -> meter.Usage | FailedShard:
            """Run a shard in its own pool: a broken pool does not say which shard broke it."""
            self._stop_workers()
            try:
                return self._submit_shard(stage, ctx, shard).result()
            except BrokenProcessPool:
                return FailedShard(
                    "its worker was killed twice, the second time alone (out of memory?)"
                )
            finally:
                self._stop_workers()

        return retry_alone

    def _stop_workers(self) -> None:
        if self._pool is None:
            return
        processes = list((self._pool._processes or {}).values())
        self._pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:
            process.kill()
        for process in processes:
            process.join()
        self._pool = None


class RayExecutor:
    """One Ray task per shard.

    A stage with `placement = "per_machine"` gets all processors of a node, and its GPU if any.
    """

    def __init__(
        self, workers: int, address: str | None = None, worker_setup: WorkerSetup | None = None
    ) -> None:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            self.ray: Any = importlib.import_module("ray")
        except ImportError:
            raise UserError(
                "--engine ray needs Ray: pip install 'hornbook[ray]' (the same version as the "
                "cluster's)"
            ) from None
        self.workers, self.address, self.worker_setup = workers, address, worker_setup

    def __enter__(self) -> RayExecutor:
        init_options: dict[str, Any] = (
            {"address": self.address}
            if self.address
            else {"num_cpus": self.workers, "include_dashboard": False}
        )
        if worker_setup := self.worker_setup:
            # Ray asks the hook for its __name__, which a functools.partial lacks.
            init_options["runtime_env"] = {"worker_process_setup_hook": lambda: worker_setup()}
        self.ray.init(
            **init_options, ignore_reinit_error=True, log_to_driver=False, logging_level="ERROR"
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.ray.shutdown()

    @property
    def spans_machines(self) -> bool:
        """Whether the cluster has more than one node."""
        return sum(bool(node["Alive"]) for node in self.ray.nodes()) > 1

    def run_shards(
        self, stage: Stage, ctx: RunContext, shards: Sequence[str]
    ) -> Iterator[ShardResult]:
        wants = self._stage_resources(stage)
        task = self.ray.remote(**wants, max_retries=1)(make_and_write_shard)
        window = max(
            2, int(2 * self.ray.cluster_resources().get("CPU", 1) / max(1, wants["num_cpus"]))
        )

        def submit(shard: str) -> Any:
            return task.remote(stage, _without_reporter(ctx), shard).future()

        def report_failure(shard: str) -> FailedShard:
            return FailedShard("its worker was killed twice (out of memory?)")

        yield from _run_in_window(
            submit, shards, window, report_failure, self.ray.exceptions.WorkerCrashedError
        )

    def _stage_resources(self, stage: Stage) -> dict[str, float]:
        if stage.placement != "per_machine":
            return {"num_cpus": 1}
        nodes = [node["Resources"] for node in self.ray.nodes() if node["Alive"]]
        return {
            "num_cpus": max(node.get("CPU", 1) for node in nodes),
            "num_gpus": 1 if any(node.get("GPU") for node in nodes) else 0,
        }


def _run_in_window(
    submit: Callable[[str], cf.Future[meter.Usage]],
    shards: Sequence[str],
    window: int,
    retry: Callable[[str], meter.Usage | FailedShard],
    broken: type[BaseException] = BrokenProcessPool,
) -> Iterator[ShardResult]:
    """Keep `window` shards in flight and yield each as it ends.

    Shards that were in flight when a worker died go to `retry`.
    """
    waiting, running = deque(shards), dict[cf.Future[meter.Usage], str]()
    while waiting or running:
        while waiting and len(running) < window:
            shard = waiting.popleft()
            running[submit(shard)] = shard
        done, _ = cf.wait(running, return_when=cf.FIRST_COMPLETED)
        lost = []
        for future in done:
            shard = running.pop(future)
            try:
                yield shard, future.result()
            except broken:
                lost.append(shard)
        # A broken pool fails everything that was in flight.
        if lost and broken is BrokenProcessPool:
            lost += running.values()
            running.clear()
        for shard in lost:
            yield shard, retry(shard)


def _without_reporter(ctx: RunContext) -> RunContext:
    return dataclasses.replace(ctx, reporter=SilentReporter(), workers=1)


def _start_worker(worker_setup: WorkerSetup | None) -> None:
    """One thread per worker; ignore Ctrl-C (the parent decides); end when the parent ends."""
    os.environ.update(
        OMP_NUM_THREADS="1", NUMBA_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", ARROW_IO_THREADS="1"
    )
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if worker_setup:
        worker_setup()
