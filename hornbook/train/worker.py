"""A training as a job on disk, done in this process or by processes that torchrun starts.

In: a Job. Out: `model/`, `log.parquet`, `training.json` and `speed.json` in its folder. torchrun's
processes talk to the one that started them in JSON lines on their standard output; what else they
print is passed on. Several machines: give the starting command (`srun ...`, `torchrun --nnodes 2
...`) as the option `launch`; they need the run's folder on a common file system (docs/train.md).
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from hornbook import store
from hornbook.frame.stage import Reporter, SilentReporter
from hornbook.models import tokenizer
from hornbook.models import transformer as phi
from hornbook.models.device import deterministic_sums, keep_freed_memory
from hornbook.models.shape import Shape
from hornbook.records import UserError
from hornbook.train.faults import is_out_of_memory
from hornbook.train.loop import TrainingLoop
from hornbook.train.parallel import Parallelism, ProcessGroup, join_process_group
from hornbook.train.price import flops_per_token
from hornbook.train.progress import LoopSettings
from hornbook.train.sequences import Sequences

if TYPE_CHECKING:
    from torch import Tensor

    from hornbook.models.transformer import Phi

# Between SIGTERM and SIGKILL torchrun gives its processes 30 s, in which phi-1's checkpoint of 17
# GB is not written.
SHUTDOWN_TIMEOUT_S = "900"


@dataclass(frozen=True)
class TrainingJob:
    """All that a training needs, as JSON. Folders are absolute; `start` "": random weights."""

    folder: str
    data: str
    tokenizer_folder: str  # the tokenizer's folder
    start: str
    shape: Shape
    dropout: float
    isolate_documents: bool
    device: str
    parallelism: Parallelism
    settings: LoopSettings
    exact: bool = True  # on a GPU too, for 5 to 8 % of the speed (benchmarks/gpu.py)
    tensorboard: str = ""  # where its events go, if it is asked for

    @staticmethod
    def read_json(path: Path) -> TrainingJob:
        fields: dict[str, Any] = store.read_json(path)
        settings = fields["settings"]
        # JSON has no tuples.
        settings = LoopSettings(**{**settings, "betas": tuple(settings["betas"])})
        return TrainingJob(**{**fields, "shape": Shape(**fields["shape"]), "settings": settings})

    def write_json(self, path: Path) -> None:
        store.write_json(path, dataclasses.asdict(self))

    def make_model(self) -> Phi:
        """Random weights of the seed, or those of the training to start from."""
        if self.start:
            return phi.set_dropout(phi.load_model(self.start), self.dropout)
        torch.manual_seed(self.settings.seed)
        return phi.Phi(self.shape, self.dropout)


def run_job(job: TrainingJob, process_group: ProcessGroup, reporter: Reporter) -> None:
    """Do what is left of a job, as this process of its group; the first one writes the results.

    Raises UserError where memory does not suffice, whatever the micro-batch.
    """
    try:
        _train_and_export(job, process_group, reporter)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise UserError(
            f"weights, gradients and moments of {job.shape} take "
            f"{16 * job.shape.count_parameters() / 1e9:,.2f} GB, which do "
            "not fit in memory: use a smaller shape, or several devices with parallelism=fsdp"
        ) from error


def _train_and_export(job: TrainingJob, process_group: ProcessGroup, reporter: Reporter) -> None:
    process_group.split_batch(job.settings.batch)
    data, held_out = (
        Sequences(Path(job.data), is_held_out, job.isolate_documents)
        for is_held_out in (False, True)
    )
    folder = Path(job.folder)
    loop = TrainingLoop(
        job.make_model(),
        data,
        held_out,
        job.settings,
        folder / "checkpoints",
        process_group,
        reporter,
    )
    step_logger = open_step_logger(job.tensorboard if process_group.rank == 0 else "")
    deterministic = (
        deterministic_sums(process_group.device) if job.exact else contextlib.nullcontext()
    )
    if process_group.rank == 0:
        loop.export_snapshot = lambda step, weights: _export_model(
            job, weights, folder / "models" / f"step-{step:07d}"
        )
    with keep_freed_memory(process_group.device), deterministic, step_logger as loop.log_step:
        loop.train_to_end()
    weights = loop.final_weights()
    if process_group.rank:
        return
    _export_model(job, weights, folder / "model")
    _write_results(job, loop, folder)


def _export_model(job: TrainingJob, weights: Mapping[str, Tensor], folder: Path) -> None:
    with torch.device("meta"):
        model = phi.Phi(job.shape, job.dropout)
    model.load_state_dict(weights, assign=True)
    phi.save_model(model, tokenizer.load_tokenizer(Path(job.tokenizer_folder)), folder)


@contextlib.contextmanager
def open_step_logger(folder: str) -> Iterator[Callable[[dict[str, Any]], None]]:
    """What is told of each step as it is logged: TensorBoard's writer, or nobody."""
    if not folder:
        yield lambda row: None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UserError(
            "tensorboard=yes needs TensorBoard: pip install tensorboard, or leave the option out"
        ) from error
    with SummaryWriter(folder) as writer:

        def log_step(row: dict[str, Any]) -> None:
            for name, value in row.items():
                if name != "step" and value is not None:
                    writer.add_scalar(f"train/{name}", value, row["step"])

        yield log_step


def _write_results(job: TrainingJob, loop: TrainingLoop, folder: Path) -> None:
    """Write the log, what was trained on what, and the speed; training.json is last."""
    import pyarrow as pa

    settings, progress, context = job.settings, loop.progress, loop.data.context
    column_types = {
        "step": pa.int64(),
        "loss": pa.float64(),
        "lr": pa.float64(),
        "grad_norm": pa.float64(),
    }
    column_types |= {"tokens": pa.int64(), "held_out_loss": pa.float64()}
    store.write_table(
        folder / "log.parquet",
        pa.Table.from_pylist(progress.log, schema=pa.schema(column_types.items())),
    )
    best = settings.best and progress.best_loss is not None
    facts = {
        "parameters": job.shape.count_parameters(),
        "shape": dataclasses.asdict(job.shape),
        "steps": settings.steps,
        "batch_tokens": settings.batch * context,
        "tokens": progress.log[-1]["tokens"],
        "epochs": settings.steps * settings.batch / len(loop.data),
        "flops": flops_per_token(job.shape, context) * settings.steps * settings.batch * context,
        "lr": settings.lr,
        "held_out_loss": progress.best_loss if best else progress.log[-1]["held_out_loss"],
        "chosen_step": progress.best_step if best else settings.steps,
        "skipped": progress.skipped,
        "precision": settings.precision,
    }
    seconds, tokens = loop.speed.seconds, loop.speed.tokens
    speed = {
        "tokens_per_s": tokens / seconds if seconds else 0.0,
        "seconds": seconds,
        "processes": loop.process_group.world_size,
    }
    store.write_json(folder / "speed.json", speed)
    store.write_json(folder / "training.json", facts)


def launch_processes(path: Path, processes: int, command: str, reporter: Reporter) -> None:
    """Have torchrun do the job at `path`. Raises UserError if a process fails."""
    launcher = shlex.split(command) or [
        sys.executable, "-m", "torch.distributed.run", "--standalone",
        f"--nproc-per-node={processes}",
    ]  # fmt: skip
    worker_error = ""
    arguments = [*launcher, "-m", "hornbook.train.worker", str(path)]
    # In a session of its own, so that a terminal's Ctrl-C does not reach it a second time, from
    # here and from torchrun.
    try:
        environment = {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": SHUTDOWN_TIMEOUT_S, **os.environ}
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, text=True, start_new_session=True, env=environment
        )
    except OSError as error:
        raise UserError(
            f"{launcher[0]} cannot be started ({error.strerror}): look at the option launch"
        ) from error
    with process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                worker_error = _handle_line(line, reporter) or worker_error
        except KeyboardInterrupt:
            process.terminate()  # torchrun passes SIGTERM on; each process saves after its step
            # If nobody read its lines, the first of them would end it before it has saved.
            process.communicate()
            raise
    if worker_error:
        raise UserError(worker_error)
    if process.returncode:
        raise UserError(
            f"{shlex.join(launcher)} ended with code {process.returncode}, its messages are above: "
            "the same command goes on "
            "from the last checkpoint"
        )


def _handle_line(line: str, reporter: Reporter) -> str:
    """Pass a worker's line on; its error, if it is one."""
    try:
        facts = json.loads(line)
        kind, value = facts["hornbook"], facts["value"]
    except (ValueError, KeyError, TypeError):
        reporter.say(line.rstrip())
        return ""
    if kind == "advance":
        reporter.advance(value)
    elif kind == "say":
        reporter.say(value)
    return str(value) if kind == "error" else ""


class _JsonLinesReporter(SilentReporter):
    """The reporter of the first of torchrun's processes."""

    def advance(self, amount: float = 1) -> None:
        _print_message("advance", amount)

    def say(self, text: str) -> None:
        _print_message("say", text)


def _print_message(kind: str, value: Any) -> None:
    sys.stdout.write(
        json.dumps({"hornbook": kind, "value": value}) + "\n"
    )  # at once: several processes share the pipe
    sys.stdout.flush()


def main(path: str) -> int:
    """One of torchrun's processes. 0: done. 2: UserError on a line. 130: stopped, and saved."""
    job = TrainingJob.read_json(Path(path))
    with join_process_group(job.device, job.parallelism) as process_group:
        try:
            run_job(
                job, process_group, SilentReporter() if process_group.rank else _JsonLinesReporter()
            )
        except UserError as error:
            _print_message(
                "error", str(error)
            )  # whoever met it: memory may not suffice in one process alone
            return 2
        except KeyboardInterrupt:
            return 130
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    sys.stderr.flush()
    # Past torch's own destructors: in 2 of some 500 processes with gloo (torch 2.13) they ended in
    # std::terminate, all work done, and torchrun stopped the process that was still saving.
    os._exit(code)
