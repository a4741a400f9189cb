"""A training as a job on disk: done in this process, or by as many as torchrun starts, each of which calls `main`.

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
from hornbook.frame.stage import Reporter, Silent
from hornbook.models import tokenizer
from hornbook.models import transformer as phi
from hornbook.models.device import kept_memory, repeatable
from hornbook.models.shape import Shape
from hornbook.records import UserError
from hornbook.train.loop import Loop, Settings, exhausted
from hornbook.train.parallel import Hold, Team, team
from hornbook.train.price import flops_per_token
from hornbook.train.sequences import Sequences

if TYPE_CHECKING:
    from torch import Tensor

    from hornbook.models.transformer import Phi

# Between SIGTERM and SIGKILL torchrun gives its processes 30 s, in which phi-1's checkpoint of 17
# GB is not written.
PATIENCE_S = "900"


@dataclass(frozen=True)
class Job:
    """What a training needs to know, all of it as JSON. Folders are absolute; `start` is "" for random weights."""

    folder: str
    data: str
    words: str  # the tokenizer's folder
    start: str
    shape: Shape
    dropout: float
    apart: bool
    device: str
    hold: Hold
    how: Settings
    exact: bool = True  # on a GPU too, for 5 to 8 % of the speed (benchmarks/gpu.py)
    tensorboard: str = ""  # where its events go, if it is asked for

    @staticmethod
    def read(path: Path) -> Job:
        facts: dict[str, Any] = store.read_json(path)
        facts["how"]["betas"] = tuple(facts["how"]["betas"])
        return Job(**{**facts, "shape": Shape(**facts["shape"]), "how": Settings(**facts["how"])})

    def write(self, path: Path) -> None:
        store.write_json(path, dataclasses.asdict(self))

    def model(self) -> Phi:
        """Random weights of the seed, or those of the training to start from."""
        if self.start:
            return phi.with_dropout(phi.load(self.start), self.dropout)
        torch.manual_seed(self.how.seed)
        return phi.Phi(self.shape, self.dropout)


def work(job: Job, mine: Team, reporter: Reporter) -> None:
    """Do what is left of a job, as this process of its team; the first one writes what was made.

    Raises UserError where memory does not suffice, whatever the micro-batch.
    """
    try:
        _work(job, mine, reporter)
    except (MemoryError, RuntimeError) as error:
        if not exhausted(error):
            raise
        raise UserError(
            f"weights, gradients and moments of {job.shape} take {16 * job.shape.parameters() / 1e9:,.2f} GB, which do "
            "not fit in memory: use a smaller shape, or several devices with hold=shards"
        ) from error


def _work(job: Job, mine: Team, reporter: Reporter) -> None:
    mine.share(job.how.batch)
    data, held_out = (Sequences(Path(job.data), which, job.apart) for which in (False, True))
    folder = Path(job.folder)
    loop = Loop(job.model(), data, held_out, job.how, folder / "checkpoints", mine, reporter)
    told = watching(job.tensorboard if mine.rank == 0 else "")
    order = repeatable(mine.device) if job.exact else contextlib.nullcontext()
    if mine.rank == 0:
        loop.leave = lambda step, weights: _export(
            job, weights, folder / "models" / f"step-{step:07d}"
        )
    with kept_memory(mine.device), order, told as loop.watch:
        loop.run()
    weights = loop.finish()
    if mine.rank:
        return
    _export(job, weights, folder / "model")
    _write_up(job, loop, folder)


def _export(job: Job, weights: Mapping[str, Tensor], folder: Path) -> None:
    with torch.device("meta"):
        made = phi.Phi(job.shape, job.dropout)
    made.load_state_dict(weights, assign=True)
    phi.save(made, tokenizer.load(Path(job.words)), folder)


@contextlib.contextmanager
def watching(folder: str) -> Iterator[Callable[[dict[str, Any]], None]]:
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

        def tell(row: dict[str, Any]) -> None:
            for name, value in row.items():
                if name != "step" and value is not None:
                    writer.add_scalar(f"train/{name}", value, row["step"])

        yield tell


def _write_up(job: Job, loop: Loop, folder: Path) -> None:
    """The log, what was trained on what, and how fast it went; training.json is last and says that all is there."""
    import pyarrow as pa

    how, at, context = job.how, loop.at, loop.data.context
    kinds = {
        "step": pa.int64(),
        "loss": pa.float64(),
        "lr": pa.float64(),
        "grad_norm": pa.float64(),
    }
    kinds |= {"tokens": pa.int64(), "held_out_loss": pa.float64()}
    store.write_table(
        folder / "log.parquet", pa.Table.from_pylist(at.log, schema=pa.schema(kinds.items()))
    )
    best = how.best and at.best_loss is not None
    facts = {
        "parameters": job.shape.parameters(),
        "shape": dataclasses.asdict(job.shape),
        "steps": how.steps,
        "batch_tokens": how.batch * context,
        "tokens": at.log[-1]["tokens"],
        "epochs": how.steps * how.batch / len(loop.data),
        "flops": flops_per_token(job.shape, context) * how.steps * how.batch * context,
        "lr": how.lr,
        "held_out_loss": at.best_loss if best else at.log[-1]["held_out_loss"],
        "chosen_step": at.best_step if best else how.steps,
        "skipped": at.skipped,
        "precision": how.precision,
    }
    seconds, tokens = loop.speed.seconds, loop.speed.tokens
    speed = {
        "tokens_per_s": tokens / seconds if seconds else 0.0,
        "seconds": seconds,
        "processes": loop.team.world,
    }
    store.write_json(folder / "speed.json", speed)
    store.write_json(folder / "training.json", facts)


def launch(path: Path, processes: int, command: str, reporter: Reporter) -> None:
    """Have torchrun do the job at `path`. Raises UserError: that of one of its processes, in its words, or its end."""
    start = shlex.split(command) or [
        sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}",
    ]  # fmt: skip
    said = ""
    words = [*start, "-m", "hornbook.train.worker", str(path)]
    # In a session of its own, so that a terminal's Ctrl-C does not reach it a second time, from
    # here and from torchrun.
    try:
        told = {"TORCH_ELASTIC_SHUTDOWN_TIMEOUT": PATIENCE_S, **os.environ}
        crew = subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, start_new_session=True, env=told
        )
    except OSError as error:
        raise UserError(
            f"{start[0]} cannot be started ({error.strerror}): look at the option launch"
        ) from error
    with crew:
        assert crew.stdout is not None
        try:
            for line in crew.stdout:
                said = _tell(line, reporter) or said
        except KeyboardInterrupt:
            crew.terminate()  # torchrun passes SIGTERM on; each process saves after its step
            crew.communicate()  # with nobody to read its lines the first of them would die before it has saved
            raise
    if said:
        raise UserError(said)
    if crew.returncode:
        raise UserError(
            f"{shlex.join(start)} ended with code {crew.returncode}, its messages are above: the same command goes on "
            "from the last checkpoint"
        )


def _tell(line: str, reporter: Reporter) -> str:
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


class _Lines(Silent):
    """The reporter of the first of torchrun's processes."""

    def advance(self, amount: float = 1) -> None:
        _line("advance", amount)

    def say(self, text: str) -> None:
        _line("say", text)


def _line(kind: str, value: Any) -> None:
    sys.stdout.write(
        json.dumps({"hornbook": kind, "value": value}) + "\n"
    )  # at once: several processes share the pipe
    sys.stdout.flush()


def main(path: str) -> int:
    """One of torchrun's processes. 0: done. 2: a UserError, said on a line. 130: asked to stop, and saved."""
    job = Job.read(Path(path))
    with team(job.device, job.hold) as mine:
        try:
            work(job, mine, Silent() if mine.rank else _Lines())
        except UserError as error:
            _line(
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
