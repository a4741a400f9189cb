"""The fused bf16 step is as near to fp32 as autocast's own; its kernels compute what they name."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hornbook.jit import bf16, bf16_kernels
from hornbook.models import fused
from hornbook.models.shape import Shape
from hornbook.models.transformer import NO_TARGET, Phi

BF16 = torch.bfloat16


@pytest.fixture
def model() -> Phi:
    torch.manual_seed(1)
    phi = Phi(Shape(layers=2, width=128, heads=2, vocab=257, context=300))
    with torch.no_grad():
        for parameter in phi.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.03)  # biases that are not zero
    return phi


def compute_gradients(model: Phi, half: bool, time: int = 300) -> dict[str, torch.Tensor]:
    torch.manual_seed(time)
    ids = torch.randint(0, 257, (2, time))
    targets = ids.roll(-1, 1)
    targets[:, -1] = NO_TARGET
    model.zero_grad()
    with torch.autocast("cpu", BF16, enabled=half):
        loss = model.sum_loss(ids, targets) / targets.numel()
    loss.backward()
    return {"loss": loss.detach(), **{name: p.grad.clone() for name, p in model.named_parameters()}}


def relative_distance(actual: torch.Tensor, expected: torch.Tensor) -> float:
    return float((actual.detach().float() - expected.detach()).norm() / expected.detach().norm())


@pytest.mark.parametrize("time", [1, 100, 128, 300])
def test_every_gradient_is_as_near_to_fp32_as_autocast_alone_gives(model, time, monkeypatch):
    truth, fused_grads = compute_gradients(model, False, time), compute_gradients(model, True, time)
    monkeypatch.setattr(fused, "is_supported", lambda x, documents: False)
    plain = compute_gradients(model, True, time)
    for name, expected in truth.items():
        if expected.norm() > 1e-6:
            assert (
                relative_distance(fused_grads[name], expected)
                < 1.4 * relative_distance(plain[name], expected) + 1e-3
            ), name


def test_the_work_of_two_threads_is_that_of_one(model):
    grads = {}
    thread_count = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            grads[threads] = compute_gradients(model, True, 140)
    finally:
        torch.set_num_threads(thread_count)
    for name, one in grads[1].items():
        torch.testing.assert_close(grads[2][name], one, rtol=2e-2, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.2])
def test_dropout_is_drawn_by_the_seed_and_its_mean_is_the_plain_step(model, dropout):
    cos, sin = model.cos[:64], model.sin[:64]
    x = torch.randn(2, 64, 128)
    block = model.blocks[0]
    params = [
        param
        for module in (block.norm, block.qkv_fc1, block.dense, block.fc2)
        for param in (module.weight, module.bias)
    ]

    def step(seed: int, share: float) -> torch.Tensor:
        torch.manual_seed(seed)
        out: torch.Tensor = fused.FusedBlock.apply(x, cos, sin, 2, share, *params)
        return out.detach()

    assert torch.equal(step(3, dropout), step(3, dropout))
    assert not torch.equal(step(3, dropout), step(4, dropout))
    mean = torch.stack([step(seed, dropout) for seed in range(60)]).mean(0)
    assert (mean - step(0, 0.0)).abs().mean() < 0.05


def test_the_derivative_under_dropout_is_that_of_what_was_drawn(model, monkeypatch):
    def every_fifth_goes(values: torch.Tensor, dropout: float) -> torch.Tensor:
        return (torch.arange(values.numel()) % 5 != 0).view(values.shape)

    def kept(values: torch.Tensor) -> torch.Tensor:
        return values * every_fifth_goes(values, 0.2) / 0.8

    monkeypatch.setattr(fused, "draw_keep_mask", every_fifth_goes)
    block, (cos, sin) = model.blocks[0], (model.cos[:64], model.sin[:64])
    params = [
        param
        for m in (block.norm, block.qkv_fc1, block.dense, block.fc2)
        for param in (m.weight, m.bias)
    ]
    x, grad_out = torch.randn(2, 64, 128, requires_grad=True), torch.randn(2, 64, 128)
    actual = fused.FusedBlock.apply(x, cos, sin, 2, 0.2, *params)
    grads = torch.autograd.grad(actual, [x, *params], grad_out)

    qkv, inner = block.project_inputs(x, cos, sin)
    q, k, v = (param.transpose(1, 2).flatten(0, 1) for param in qkv.unbind(2))
    score = (q @ k.transpose(1, 2) / 8).masked_fill(torch.ones(64, 64).triu(1).bool(), -torch.inf)
    mixed = (kept(score.softmax(-1)) @ v).unflatten(0, (2, 2)).transpose(1, 2).flatten(-2)
    expected = (
        x
        + kept(block.dense(mixed).flatten(0, 1)).view_as(x)
        + kept(block.fc2(inner).flatten(0, 1)).view_as(x)
    )
    assert relative_distance(actual, expected) < 0.01
    for one, other in zip(
        grads, torch.autograd.grad(expected, [x, *params], grad_out), strict=True
    ):
        assert relative_distance(one, other) < 0.02


def test_kernels_are_what_they_are_named():
    torch.manual_seed(0)
    z, out = (torch.randn(40, 70) * 4).to(BF16), torch.empty(40, 40, dtype=BF16)
    bias = torch.randn(70)
    bf16.run_over_rows(bf16_kernels.gelu_forward, 40, 1 << 30, z, bias, 30, out)
    expected = F.gelu((z.float() + bias)[:, 30:], approximate="tanh")
    torch.testing.assert_close(out.float(), expected, rtol=8e-3, atol=1e-6)
    logits, targets = (torch.randn(30, 513) * 5).to(BF16), torch.randint(0, 513, (30,))
    targets[4] = NO_TARGET
    reference = logits.float().requires_grad_()
    expected = F.cross_entropy(reference, targets, reduction="sum", ignore_index=NO_TARGET)
    expected.backward()
    nats = sum(bf16.run_over_rows(bf16_kernels.cross_entropy, 30, 1 << 30, logits, targets))
    assert nats == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(logits.float(), reference.grad, rtol=8e-3, atol=1e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_shows_in_the_loss(model, bad):
    with torch.no_grad():
        model.blocks[0].qkv_fc1.weight[5, 5] = bad
    with torch.autocast("cpu", BF16):
        assert not torch.isfinite(
            model.sum_loss(torch.arange(100)[None], torch.arange(1, 101)[None])
        )
