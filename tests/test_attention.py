"""Attention in blocks gives SDPA's values, and its derivative is right."""

from __future__ import annotations

import pytest
import torch

from hornbook.models import attention
from hornbook.models.attention import rotation_table


def make_inputs(
    time: int, heads: int = 2, width: int = 16, rotary: int = 8, dtype: torch.dtype = torch.float32
):
    torch.manual_seed(time)
    cos, sin = rotation_table(time, rotary, 100.0)
    return (
        torch.randn(2, time, 3, heads, width, dtype=dtype, requires_grad=True),
        cos.to(dtype),
        sin.to(dtype),
    )


@pytest.mark.parametrize("time", [1, 7, 128, 129, 300])
@pytest.mark.parametrize("rotary", [8, 16])
def test_blocks_are_sdpa_in_value_and_gradient(time, rotary, monkeypatch):
    qkv, cos, sin = make_inputs(time, rotary=rotary)
    slope = torch.randn(2, time, 32)
    attend = attention.make_attention(None, 0.0)
    actual = attend(qkv, cos, sin)
    assert "Blocked" in type(actual.grad_fn).__name__
    (grad,) = torch.autograd.grad(actual, qkv, slope)
    monkeypatch.setattr(attention, "MAX_BLOCKED_CONTEXT", 0)
    expected = attend(qkv, cos, sin)
    assert "Blocked" not in type(expected.grad_fn).__name__
    (expected_grad,) = torch.autograd.grad(expected, qkv, slope)
    torch.testing.assert_close(actual, expected, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(grad, expected_grad, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_derivative_is_the_derivative(dropout, monkeypatch):
    monkeypatch.setattr(attention, "QUERY_BLOCK", 4)
    qkv, cos, sin = make_inputs(10, width=6, rotary=4, dtype=torch.float64)

    def same_draw(qkv):
        torch.manual_seed(1)
        return attention._BlockedAttention.apply(qkv, cos, sin, dropout)

    assert torch.autograd.gradcheck(same_draw, qkv, fast_mode=True)


def test_dropout_keeps_the_mean_and_takes_its_share():
    qkv, cos, sin = make_inputs(40)
    torch.manual_seed(0)
    plain = attention.make_attention(None, 0.0)(qkv, cos, sin)
    samples = torch.stack([attention.make_attention(None, 0.25)(qkv, cos, sin) for _ in range(400)])
    assert not torch.equal(samples[0], samples[1])
    torch.testing.assert_close(samples.mean(0), plain, atol=0.15, rtol=0)
    # The first position sees only itself: its output is zero where both heads are dropped.
    is_dropped = samples[:, :, 0].abs().sum(-1).flatten() == 0
    assert is_dropped.float().mean() == pytest.approx(0.25**2, abs=0.03)
