"""Optimisers and schedule: AdamW with the paper's values, Muon for hidden matrices as an option.

In: a model and settings. Out: optimisers, their state as named tensors and back, and the rate at a
step. The paper gives the peak rate, warm-up, linear decay and weight decay; betas, epsilon,
clipping and the lowest rate are ours: GPT-3's betas (0.9, 0.95), clipping at 1, decay to zero.
Biases and LayerNorms do not decay, as is usual.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from hornbook.train.parallel import gather_tensor, shard_like

Schedule = Literal["linear", "cosine", "constant"]

# Jordan et al. 2024 (kellerjordan.github.io/posts/muon): the polynomial, its 5 rounds, the
# momentum.
NEWTON_SCHULZ_ROUNDS, MOMENTUM = 5, 0.95
A, B, C = 3.4445, -4.7750, 2.0315


def learning_rate(
    step: int, peak: float, lowest: float, warmup: int, steps: int, schedule: Schedule
) -> float:
    """The learning rate of a step, counted from 0.

    It rises linearly from 0 over `warmup` steps, then falls to `lowest` at `steps`.

    >>> [round(learning_rate(s, 1.0, 0.0, 2, 6, "linear"), 2) for s in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    remaining = 1 - done if schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return lowest + (peak - lowest) * remaining


def make_optimisers(
    model: nn.Module,
    lr: float,
    betas: tuple[float, float],
    eps: float,
    weight_decay: float,
    muon: bool,
) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the blocks' matrices and AdamW for the rest."""
    params_by_name = dict(model.named_parameters())
    hidden = [
        name
        for name, p in params_by_name.items()
        if muon and name.startswith("blocks.") and p.ndim == 2
    ]
    rest = [p for name, p in params_by_name.items() if name not in hidden]
    groups = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    created: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps, fused=True)
    ]
    if hidden:
        created.append(
            Muon(
                [params_by_name[name] for name in hidden],
                [_matrix_heights(name, params_by_name[name]) for name in hidden],
                weight_decay,
            )
        )
    return created


def _matrix_heights(name: str, matrix: Tensor) -> list[int]:
    """Rows of the matrices stacked in a parameter: q, k, v and fc1 in `qkv_fc1`."""
    width = matrix.shape[1]
    return (
        [width, width, width, 4 * width] if name.endswith(".qkv_fc1.weight") else [matrix.shape[0]]
    )


class Muon(torch.optim.Optimizer):
    """Momentum, made orthogonal one matrix at a time.

    The root mean square of a matrix's step is AdamW's, 0.2
    (Liu et al. 2025, arXiv 2502.16982), so that one learning rate and weight decay serve both.
    """

    def __init__(
        self, matrices: Sequence[Tensor], matrix_heights: Sequence[list[int]], weight_decay: float
    ) -> None:
        super().__init__(matrices, {"lr": 0.0, "weight_decay": weight_decay})
        self.matrix_heights = matrix_heights

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        group = self.param_groups[0]
        for matrix, heights in zip(group["params"], self.matrix_heights, strict=True):
            state = self.state[matrix]
            if not state:
                state["momentum"] = torch.zeros_like(matrix)
            state["momentum"].lerp_(matrix.grad, 1 - MOMENTUM)
            update = gather_tensor(
                matrix.grad.lerp(state["momentum"], MOMENTUM)
            )  # Nesterov's look ahead
            orthogonal = torch.cat(
                [_orthogonalise_matrix(piece) for piece in torch.split(update, heights)]
            )
            matrix.mul_(1 - group["lr"] * group["weight_decay"])
            matrix.add_(shard_like(orthogonal, matrix), alpha=-group["lr"])


def _orthogonalise_matrix(matrix: Tensor) -> Tensor:
    """Nearly the closest matrix with orthonormal rows or columns, times 0.2 sqrt(longer side)."""
    rows, columns = matrix.shape
    x = matrix.bfloat16() if matrix.is_cuda else matrix
    x = x.t() if rows > columns else x
    x = x / (x.norm() + 1e-7)
    for _ in range(NEWTON_SCHULZ_ROUNDS):
        square = x @ x.t()
        x = A * x + (B * square + C * square @ square) @ x
    oriented = x.t() if rows > columns else x
    scaled: Tensor = oriented.to(matrix.dtype) * (0.2 * math.sqrt(max(rows, columns)))
    return scaled


def state_tensors(optimisers: Sequence[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Every tensor of the optimisers' state, whole, named by optimiser, parameter and kind."""
    tensors = {}
    for optimiser_index, optimiser in enumerate(optimisers):
        for index, kinds in optimiser.state_dict()["state"].items():
            for kind, tensor in kinds.items():
                tensors[f"{optimiser_index}.{index}.{kind}"] = gather_tensor(tensor)
    return tensors


def restore_state(
    optimisers: Sequence[torch.optim.Optimizer], tensors: Mapping[str, Tensor]
) -> None:
    """Put back what `state_tensors` returned."""
    states: list[dict[int, dict[str, Any]]] = [{} for _ in optimisers]
    parameters: list[list[Any]] = []
    for optimiser in optimisers:
        groups = [group["params"] for group in optimiser.param_groups]
        parameters.append(list(itertools.chain.from_iterable(groups)))
    for name, tensor in tensors.items():
        optimiser_index, index, kind = name.split(".")
        like = None if kind == "step" else parameters[int(optimiser_index)][int(index)]
        states[int(optimiser_index)].setdefault(int(index), {})[kind] = shard_like(tensor, like)
    for optimiser, param_states in zip(optimisers, states, strict=True):
        optimiser.load_state_dict(
            {"state": param_states, "param_groups": optimiser.state_dict()["param_groups"]}
        )
