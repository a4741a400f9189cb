"""The head and the cross-entropy in one step: the logits of a whole batch never exist.

In: hidden states, the head's weight and bias, targets. Out: the summed loss. Logits are computed in
chunks, and a chunk's gradients while its logits are in the cache. They are exact: the loss is the
last operation, so its gradients can be computed in the forward pass and scaled in the backward
pass. Not covered: a loss per token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from hornbook.models import fused

NO_TARGET = -100  # a position without a next token to predict
# Elements of a chunk's logits. CPU: 4 MB of fp32 stay in the cache, 2 times faster than all at
# once. GPU: 512 MB.
CPU_CHUNK_ELEMENTS, GPU_CHUNK_ELEMENTS = 1 << 20, 1 << 27
# fp16 cannot represent probabilities of 1e-6: the gradients of its logits are multiplied by this,
# and the products with them divided.
FP16_GRAD_SCALE = 1024.0
LossWithGrad = Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor, Tensor]]


def loss_with_grad(
    logits: Tensor, target: Tensor, grad_scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Cross-entropy of logits with its derivative.

    Args:
        logits: (N, V).
        target: (N,); rows with NO_TARGET do not count.
        grad_scale: the derivative is multiplied by it.

    Returns:
        The sum in nats; its derivative in the type of the logits; the derivative's fp32 sum over
        rows, which is the gradient of the head's bias.
    """
    log_p = F.log_softmax(logits.float(), dim=-1)
    counts_in_loss = (target != NO_TARGET)[:, None]
    index = target.clamp(min=0)[:, None]
    nats = -(log_p.gather(1, index) * counts_in_loss).sum()
    grad = log_p.exp_()
    if grad.is_cuda:
        # torch.compile fuses this; scatter_add on a GPU is a pass of its own, in any order.
        grad = grad - (torch.arange(grad.shape[1], device=grad.device) == index).float()
    else:
        grad.scatter_add_(1, index, torch.full_like(index, -1, dtype=torch.float32))
    grad.mul_(counts_in_loss * grad_scale)
    return nats, grad.to(logits.dtype), grad.sum(0)


def _count_chunk_rows(device: str, vocab: int) -> int:
    """Rows of a chunk. On a GPU a power of two, so that few shapes are compiled."""
    if device == "cpu":
        return max(16, CPU_CHUNK_ELEMENTS // vocab)
    return 1 << max(4, (GPU_CHUNK_ELEMENTS // vocab).bit_length() - 1)


class HeadLoss(torch.autograd.Function):
    """Summed cross-entropy in nats of the head's logits.

    Arguments of `apply`: hidden states (N, C), weight (V, C), bias (V,), targets (N,), and
    loss_with_grad or its compiled form.
    """

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor, targets: Tensor,
        loss_with_grad: LossWithGrad,
    ) -> Tensor:  # fmt: skip
        device = hidden.device.type
        dtype = hidden.dtype
        if torch.is_autocast_enabled(device):
            dtype = torch.get_autocast_dtype(device)
        is_training = any(ctx.needs_input_grad)
        h, w, b = hidden.to(dtype), weight.to(dtype), bias.to(dtype)
        ctx.dtypes = hidden.dtype, weight.dtype, bias.dtype
        with torch.autocast(device, enabled=False):
            if is_training and device == "cpu" and dtype == torch.bfloat16:
                total, *grads = fused.head_loss_with_grads(h, w, b, targets)
            elif is_training:
                total, *grads = _compute_in_chunks(h, w, b, targets, loss_with_grad)
            else:
                return _sum_in_chunks(h, w, b, targets, loss_with_grad)
        ctx.save_for_backward(*grads)
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scaled = (
            grad.mul_(grads[0]).to(dtype)
            for grad, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        )
        return (*scaled, None, None)


def _sum_in_chunks(
    h: Tensor, w: Tensor, b: Tensor, targets: Tensor, loss_with_grad: LossWithGrad
) -> Tensor:
    """The loss without gradients."""
    total = torch.zeros((), dtype=torch.float32, device=h.device)
    rows = _count_chunk_rows(h.device.type, w.shape[0])
    for start in range(0, h.shape[0], rows):
        logits = F.linear(h[start : start + rows], w, b)
        total += loss_with_grad(logits, targets[start : start + rows], 1.0)[0]
    return total


def _compute_in_chunks(
    h: Tensor, w: Tensor, b: Tensor, targets: Tensor, loss_with_grad: LossWithGrad
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The loss, and its fp32 gradients of h, w and b."""
    total = torch.zeros((), dtype=torch.float32, device=h.device)
    dh, dw, db = (torch.zeros_like(x, dtype=torch.float32) for x in (h, w, b))
    grad_scale = FP16_GRAD_SCALE if h.dtype == torch.float16 else 1.0
    rows = _count_chunk_rows(h.device.type, w.shape[0])
    for start in range(0, h.shape[0], rows):
        chunk = h[start : start + rows]
        nats, grad, grad_bias = loss_with_grad(
            F.linear(chunk, w, b), targets[start : start + rows], grad_scale
        )
        total += nats
        db += grad_bias
        dh[start : start + rows] = grad @ w
        if h.dtype == torch.float32:
            dw.addmm_(grad.t(), chunk)
        elif h.device.type == "cuda":
            # Adds in fp32 as it multiplies, without a bf16 copy of the product.
            torch.addmm(dw, grad.t(), chunk, out_dtype=torch.float32, out=dw)
        else:
            dw += grad.t() @ chunk
    return total, dh.div_(grad_scale), dw.div_(grad_scale), db.div_(grad_scale)
