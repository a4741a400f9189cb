"""What moves the weights: AdamW with the paper's values, Muon for the hidden matrices as an option; the learning rate.

In: a model and settings. Out: optimisers, their state as named tensors and back, and the rate at a step.
The paper gives the peak rate, warm-up, linear decay and weight decay; betas, epsilon, clipping and the lowest rate are
ours: GPT-3's betas (0.9, 0.95), clipping at 1, decay to zero. Biases and LayerNorms do not decay, as is usual.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

Schedule = Literal["linear", "cosine", "constant"]


def rate(step: int, peak: float, lowest: float, warmup: int, steps: int, schedule: Schedule) -> float:
    """The learning rate of a step, counted from 0: linear from nothing over `warmup`, then down to `lowest` at `steps`.

    >>> [round(rate(s, 1.0, 0.0, 2, 6, "linear"), 2) for s in range(6)]
    [0.5, 1.0, 1.0, 0.75, 0.5, 0.25]
    """
    if step < warmup:
        return peak * (step + 1) / warmup
    if schedule == "constant":
        return peak
    done = min(1.0, (step - warmup) / max(1, steps - warmup))
    left = 1 - done if schedule == "linear" else (1 + math.cos(math.pi * done)) / 2
    return lowest + (peak - lowest) * left


def optimisers(
    model: nn.Module, lr: float, betas: tuple[float, float], eps: float, weight_decay: float, muon: bool
) -> list[torch.optim.Optimizer]:
    """AdamW for everything, or Muon for the blocks' matrices and AdamW for the rest."""
    import torch

    named = [(name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad]
    hidden = [p for name, p in named if muon and "blocks." in name and p.ndim == 2]
    taken = {id(p) for p in hidden}
    rest = [p for _, p in named if id(p) not in taken]
    groups = [
        {"params": [p for p in rest if p.ndim >= 2], "weight_decay": weight_decay},
        {"params": [p for p in rest if p.ndim < 2], "weight_decay": 0.0},
    ]
    made: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=lr, betas=betas, eps=eps, fused=True)]
    if hidden:
        # Muon's update has the size of AdamW's at 0.2 times the square root of the matrix's longer side.
        made.append(torch.optim.Muon(hidden, lr=lr, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw"))
    return made


def state(made: list[torch.optim.Optimizer]) -> dict[str, Tensor]:
    """Every tensor of the optimisers' state, named by optimiser, parameter and kind."""
    return {
        f"{at}.{index}.{kind}": tensor
        for at, each in enumerate(made)
        for index, kinds in each.state_dict()["state"].items()
        for kind, tensor in kinds.items()
    }


def restore(made: list[torch.optim.Optimizer], tensors: Mapping[str, Tensor]) -> None:
    """Put back what `state` gave."""
    states: list[dict[int, dict[str, Any]]] = [{} for _ in made]
    for name, tensor in tensors.items():
        at, index, kind = name.split(".")
        states[int(at)].setdefault(int(index), {})[kind] = tensor
    for each, found in zip(made, states, strict=True):
        each.load_state_dict({"state": found, "param_groups": each.state_dict()["param_groups"]})
