"""The hand-made bf16 step is as near to fp32 as autocast's own, and its kernels are the functions they name."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from hornbook.jit import bf16
from hornbook.models import fused
from hornbook.models.shape import Shape
from hornbook.models.transformer import NO_TARGET, Phi

BF16 = torch.bfloat16


@pytest.fixture
def model() -> Phi:
    torch.manual_seed(1)
    made = Phi(Shape(layers=2, width=128, heads=2, vocab=257, context=300))
    with torch.no_grad():
        for each in made.parameters():
            each.add_(torch.randn_like(each) * 0.03)  # biases that are not zero
    return made


def gradients(model: Phi, half: bool, time: int = 300) -> dict[str, torch.Tensor]:
    torch.manual_seed(time)
    ids = torch.randint(0, 257, (2, time))
    targets = ids.roll(-1, 1)
    targets[:, -1] = NO_TARGET
    model.zero_grad()
    with torch.autocast("cpu", BF16, enabled=half):
        loss = model.loss(ids, targets) / targets.numel()
    loss.backward()
    return {"loss": loss.detach(), **{name: p.grad.clone() for name, p in model.named_parameters()}}


def far(found: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((found.detach().float() - wanted.detach()).norm() / wanted.detach().norm())


@pytest.mark.parametrize("time", [1, 100, 128, 300])
def test_every_gradient_is_as_near_to_fp32_as_autocast_alone_gives(model, time, monkeypatch):
    truth, mine = gradients(model, False, time), gradients(model, True, time)
    monkeypatch.setattr(fused, "serves", lambda x, documents: False)
    plain = gradients(model, True, time)
    for name, wanted in truth.items():
        if wanted.norm() > 1e-6:
            assert far(mine[name], wanted) < 1.4 * far(plain[name], wanted) + 1e-3, name


def test_the_work_of_two_threads_is_that_of_one(model):
    found = {}
    before = torch.get_num_threads()
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found[threads] = gradients(model, True, 140)
    finally:
        torch.set_num_threads(before)
    for name, one in found[1].items():
        torch.testing.assert_close(found[2][name], one, rtol=2e-2, atol=1e-5)


@pytest.mark.parametrize("dropout", [0.2])
def test_dropout_is_drawn_by_the_seed_and_its_mean_is_the_plain_step(model, dropout):
    cos, sin = model.cos[:64], model.sin[:64]
    x = torch.randn(2, 64, 128)
    block = model.blocks[0]
    both = [
        each
        for m in (block.norm, block.into, block.dense, block.fc2)
        for each in (m.weight, m.bias)
    ]

    def step(seed: int, share: float) -> torch.Tensor:
        torch.manual_seed(seed)
        made: torch.Tensor = fused.FusedBlock.apply(x, cos, sin, 2, share, *both)
        return made.detach()

    assert torch.equal(step(3, dropout), step(3, dropout))
    assert not torch.equal(step(3, dropout), step(4, dropout))
    mean = torch.stack([step(seed, dropout) for seed in range(60)]).mean(0)
    assert (mean - step(0, 0.0)).abs().mean() < 0.05


def test_the_derivative_under_dropout_is_that_of_what_was_drawn(model, monkeypatch):
    def every_fifth_goes(values: torch.Tensor, dropout: float) -> torch.Tensor:
        return (torch.arange(values.numel()) % 5 != 0).view(values.shape)

    def kept(values: torch.Tensor) -> torch.Tensor:
        return values * every_fifth_goes(values, 0.2) / 0.8

    monkeypatch.setattr(fused, "stays", every_fifth_goes)
    block, (cos, sin) = model.blocks[0], (model.cos[:64], model.sin[:64])
    both = [
        each
        for m in (block.norm, block.into, block.dense, block.fc2)
        for each in (m.weight, m.bias)
    ]
    x, slope = torch.randn(2, 64, 128, requires_grad=True), torch.randn(2, 64, 128)
    found = fused.FusedBlock.apply(x, cos, sin, 2, 0.2, *both)
    mine = torch.autograd.grad(found, [x, *both], slope)

    qkv, inner = block.open(x, cos, sin)
    q, k, v = (each.transpose(1, 2).flatten(0, 1) for each in qkv.unbind(2))
    score = (q @ k.transpose(1, 2) / 8).masked_fill(torch.ones(64, 64).triu(1).bool(), -torch.inf)
    mixed = (kept(score.softmax(-1)) @ v).unflatten(0, (2, 2)).transpose(1, 2).flatten(-2)
    wanted = (
        x
        + kept(block.dense(mixed).flatten(0, 1)).view_as(x)
        + kept(block.fc2(inner).flatten(0, 1)).view_as(x)
    )
    assert far(found, wanted) < 0.01
    for one, other in zip(mine, torch.autograd.grad(wanted, [x, *both], slope), strict=True):
        assert far(one, other) < 0.02


def test_kernels_are_what_they_are_named():
    torch.manual_seed(0)
    z, out = (torch.randn(40, 70) * 4).to(BF16), torch.empty(40, 40, dtype=BF16)
    bias = torch.randn(70)
    bf16.over_rows(bf16.gelu, 40, 1 << 30, z, bias, 30, out)
    wanted = F.gelu((z.float() + bias)[:, 30:], approximate="tanh")
    torch.testing.assert_close(out.float(), wanted, rtol=8e-3, atol=1e-6)
    logits, targets = (torch.randn(30, 513) * 5).to(BF16), torch.randint(0, 513, (30,))
    targets[4] = NO_TARGET
    asked = logits.float().requires_grad_()
    wanted = F.cross_entropy(asked, targets, reduction="sum", ignore_index=NO_TARGET)
    wanted.backward()
    nats = sum(bf16.over_rows(bf16.cross_entropy, 30, 1 << 30, logits, targets))
    assert nats == pytest.approx(float(wanted), rel=1e-5)
    torch.testing.assert_close(logits.float(), asked.grad, rtol=8e-3, atol=1e-6)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_weight_that_is_no_number_shows_in_the_loss(model, bad):
    with torch.no_grad():
        model.blocks[0].into.weight[5, 5] = bad
    with torch.autocast("cpu", BF16):
        assert not torch.isfinite(model.loss(torch.arange(100)[None], torch.arange(1, 101)[None]))
