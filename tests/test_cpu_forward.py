"""The CPU inference engine: the model's logits, and the same bits however rows are batched."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hornbook.jit import simd
from hornbook.models import cpu_forward
from hornbook.models.cpu_forward import CpuForward
from hornbook.models.transformer import Phi, Shape

pytestmark = pytest.mark.skipif(not simd.HAS_FMA, reason="a processor without fused multiply-add")
SHAPES = {
    "heads of 32": Shape(2, 64, 2, 300, 640, 16),
    "heads of 64": Shape(3, 192, 3, 257, 640, 32),
    "heads of 80, as in phi-2": Shape(2, 160, 2, 331, 640, 32),
}


@pytest.fixture(scope="module", params=SHAPES)
def phi(request):
    torch.manual_seed(1)
    model = Phi(SHAPES[request.param]).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(3).add_(torch.randn_like(parameter) * 0.02)  # biases too
    assert cpu_forward.supports_model(model)
    return model


@pytest.fixture(scope="module")
def texts(phi):
    generator = torch.Generator().manual_seed(2)
    return [
        torch.randint(0, phi.shape.vocab, (n,), generator=generator).tolist()
        for n in (1, 2, 15, 16, 17, 300, 600)
    ]


def logits_alone(phi, text):
    """The logits of an engine with one slot, which reads the text at once."""
    return CpuForward(phi, 1, phi.shape.context).compute_logits([(0, 0, text)])[0].clone()


def test_logits_are_the_models(phi, texts):
    for text in texts:
        with torch.inference_mode():
            expected = phi(torch.tensor([text]))[0, -1]
        assert torch.allclose(
            logits_alone(phi, text), expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max())
        )


def test_company_changes_no_bit(phi, texts):
    """1,051 rows are read in five pieces, which split three of the texts."""
    together = CpuForward(phi, len(texts), phi.shape.context).compute_logits(
        [(slot_index, 0, text) for slot_index, text in enumerate(texts)]
    )
    for text, logits in zip(texts, together, strict=True):
        assert torch.equal(logits, logits_alone(phi, text))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_threads_change_no_bit(phi, texts, threads):
    reader = CpuForward(phi, 2, phi.shape.context)
    reader.threads = min(threads, phi.shape.width // simd.TILE_COLUMNS)
    reader.buffers["scores"] = simd.allocate_huge_pages((threads, reader.slot_length + simd.LANES))
    assert torch.equal(reader.compute_logits([(1, 0, texts[-1])])[0], logits_alone(phi, texts[-1]))


def test_a_text_read_token_by_token_gives_the_same_bits(phi, texts):
    text, reader = texts[-2], CpuForward(phi, 3, phi.shape.context)
    reader.compute_logits([(0, 0, texts[-1]), (2, 0, text[:40])])
    for position in range(40, len(text)):
        logits = reader.compute_logits([(0, position, [5]), (2, position, [text[position]])])
    assert torch.equal(logits[1], logits_alone(phi, text))


def test_slots_are_as_many_as_memory_allows(phi, monkeypatch):
    shape = phi.shape
    monkeypatch.setattr(
        cpu_forward, "MAX_CACHE_BYTES", 3 * 8 * shape.layers * shape.width * shape.context + 1
    )
    assert CpuForward(phi, 50, shape.context).slots == 3


def test_nan_weights_give_nan_and_no_endless_loop(phi, texts):
    """A model that training broke must show it."""
    broken = Phi(phi.shape).eval()
    with torch.no_grad():
        broken.norm.weight.fill_(float("nan"))
    assert bool(logits_alone(broken, texts[2]).isnan().all())


def test_products_and_mixtures_are_numpys(phi):
    from numba import njit

    width = 48

    @njit
    def dot_and_sum(q, keys, blocks, scores, values, count, out):
        simd.dot_keys(48, q, keys, blocks, scores, values)
        simd.weighted_sum(48, scores, values, count, np.float32(0.5), out, keys)

    draw = np.random.default_rng(0)
    q, keys, values = (
        draw.normal(size=size).astype(np.float32) for size in (width, (32, width), (32, width))
    )
    scores, out = np.empty(32, np.float32), np.empty(width, np.float32)
    dot_and_sum(
        *(a.ctypes.data for a in (q, keys)),
        2,
        scores.ctypes.data,
        values.ctypes.data,
        29,
        out.ctypes.data,
    )
    assert np.allclose(scores, keys @ q, atol=1e-5)
    assert np.allclose(out, 0.5 * (scores[:29] @ values[:29]), rtol=1e-4, atol=1e-4)
