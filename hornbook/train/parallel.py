"""One process or many: who has which sequences, what is summed, how weights are held.

In: what torchrun put into the environment, or nothing. Out: a ProcessGroup. "ddp" holds all
weights in every process (DistributedDataParallel); "fsdp" splits weights, gradients and optimiser
state
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

Parallelism = Literal["ddp", "fsdp"]
LossFn = Callable[[Tensor, Tensor, Tensor | None], Tensor]


@dataclass(frozen=True)
class ProcessGroup:
    """This process among `world` of them."""

    device: str = "cpu"
    rank: int = 0
    world_size: int = 1
    parallelism: Parallelism = "ddp"

    def split_batch(self, batch: int) -> int:
        """How many of a batch's sequences this process has. Raises UserError for a remainder."""
        if batch % self.world_size:
            raise UserError(
                f"a batch of {batch} does not divide among {self.world_size} processes: "
                "use a multiple "
                "of them"
            )
        return batch // self.world_size

    def wrap_loss(self, model: Phi) -> tuple[LossFn, nn.Module]:
        """The loss function, with gradients summed over processes, and the module that sums."""
        if self.world_size == 1:
            return model.sum_loss, model
        if self.parallelism == "fsdp":
            from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

            for block in model.blocks:
                fully_shard(block)
            fully_shard(model)
            register_fsdp_forward_method(model, "sum_loss")
            return model.sum_loss, model
        from torch.nn.parallel import DistributedDataParallel

        with (
            warnings.catch_warnings()
        ):  # torch 2.13 calls broadcast_buffers by another name, which 2.11 does not know
            warnings.simplefilter("ignore", FutureWarning)
            replicated = DistributedDataParallel(
                _LossModule(model), broadcast_buffers=False, gradient_as_bucket_view=True
            )
        return replicated, replicated

    @contextlib.contextmanager
    def sync_gradients(self, module: nn.Module, is_last: bool) -> Iterator[None]:
        """Gradients travel after a step's last micro-batch alone."""
        if self.world_size > 1 and self.parallelism == "fsdp":
            module.set_requires_gradient_sync(is_last)  # type: ignore[operator]
        if self.world_size == 1 or self.parallelism == "fsdp" or is_last:
            yield
        else:
            with module.no_sync():  # type: ignore[operator]
                yield

    def sum_over_processes(self, *numbers: float) -> list[float]:
        """Each number summed over all processes."""
        if self.world_size == 1:
            return list(numbers)
        totals = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        torch.distributed.all_reduce(totals)
        return [float(total) for total in totals.cpu()]

    def wait_for_all(self) -> None:
        if self.world_size > 1:
            torch.distributed.barrier()


class _LossModule(nn.Module):
    """The loss as a module's forward, which is what DistributedDataParallel listens to."""

    def __init__(self, model: Phi) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, targets: Tensor, documents: Tensor | None) -> Tensor:
        return self.model.sum_loss(ids, targets, documents)


@contextlib.contextmanager
def join_process_group(device: str, parallelism: Parallelism) -> Iterator[ProcessGroup]:
    """The process group that torchrun's environment describes; one process where there is none."""
    world_size = int(os.environ.get("WORLD_SIZE", "1"))
    if world_size == 1:
        yield ProcessGroup(device)
        return
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    if device.startswith("cuda"):
        device = f"cuda:{local}"
        torch.cuda.set_device(local)
    torch.distributed.init_process_group("nccl" if device.startswith("cuda") else "gloo")
    try:
        yield ProcessGroup(device, rank, world_size, parallelism)
    finally:
        torch.distributed.destroy_process_group()


def gather_tensor(tensor: Tensor) -> Tensor:
    """A whole tensor from its shards; every process of the group must call it."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def shard_like(tensor: Tensor, like: Any) -> Tensor:
    """This process's shard of a whole tensor that every process has, or the tensor itself."""
    if not hasattr(like, "full_tensor"):
        return tensor
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(
        tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None
    )
