"""One process or many: who has which sequences, what is summed between them, and how weights are held.

In: what torchrun put into the environment, or nothing. Out: a Team. "replicas" holds all weights in
every process (DistributedDataParallel); "shards" splits weights, gradients and optimiser state
(fully_shard). A checkpoint holds whole tensors either way, so what many processes wrote one can go
on with, and the other way round. Not covered: tensor, pipeline and sequence parallelism; phi-1's
1.3B needs none of them.
"""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor, nn

from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.models.transformer import Phi

Hold = Literal["replicas", "shards"]
Loss = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class Team:
    """This process among `world` of them."""

    device: str = "cpu"
    rank: int = 0
    world: int = 1
    hold: Hold = "replicas"

    def share(self, number: int) -> int:
        """How many of a batch's sequences are this process's. Raises UserError where they do not divide evenly."""
        if number % self.world:
            raise UserError(
                f"a batch of {number} does not divide among {self.world} processes: use a multiple of them"
            )
        return number // self.world

    def losses(self, model: Phi) -> tuple[Loss, nn.Module]:
        """A function that gives the loss, with gradients summed over the team, and the module that does the summing."""
        if self.world == 1:
            return model.loss, model
        if self.hold == "shards":
            from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

            for block in model.blocks:
                fully_shard(block)
            fully_shard(model)
            register_fsdp_forward_method(model, "loss")
            return model.loss, model
        from torch.nn.parallel import DistributedDataParallel

        with (
            warnings.catch_warnings()
        ):  # torch 2.13 calls broadcast_buffers by another name, which 2.11 does not know
            warnings.simplefilter("ignore", FutureWarning)
            whole = DistributedDataParallel(
                _LossModule(model), broadcast_buffers=False, gradient_as_bucket_view=True
            )
        return whole, whole

    @contextlib.contextmanager
    def accumulating(self, summing: nn.Module, last: bool) -> Iterator[None]:
        """Gradients travel after a step's last micro-batch alone."""
        if self.world > 1 and self.hold == "shards":
            summing.set_requires_gradient_sync(last)  # type: ignore[operator]
        if self.world == 1 or self.hold == "shards" or last:
            yield
        else:
            with summing.no_sync():  # type: ignore[operator]
                yield

    def sums(self, *numbers: float) -> list[float]:
        """Each number summed over the team."""
        if self.world == 1:
            return list(numbers)
        together = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(together)
        return [float(each) for each in together.cpu()]

    def wait(self) -> None:
        if self.world > 1:
            torch.distributed.barrier()


class _LossModule(nn.Module):
    """The loss as a module's forward, which is what DistributedDataParallel listens to."""

    def __init__(self, model: Phi) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, targets: Tensor, documents: Tensor | None) -> Tensor:
        return self.model.loss(ids, targets, documents)


@contextlib.contextmanager
def team(device: str, hold: Hold) -> Iterator[Team]:
    """The team that torchrun's environment describes; one process where there is none."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        yield Team(device)
        return
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    if device.startswith("cuda"):
        device = f"cuda:{local}"
        torch.cuda.set_device(local)
    torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield Team(device, rank, world, hold)
    finally:
        torch.distributed.destroy_process_group()


def gathered(tensor: Tensor) -> Tensor:
    """A whole tensor from its shards; every process of the team must ask."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def spread_like(whole: Tensor, like: Any) -> Tensor:
    """This process's shard of a whole tensor that every process has, or the tensor itself."""
    if not hasattr(like, "full_tensor"):
        return whole
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(
        whole.to(like.device), like.device_mesh, like.placements, src_data_rank=None
    )
