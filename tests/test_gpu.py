"""On a GPU: the CPU's results, exact resumes, memory as planned. Run with `pytest -m gpu`."""

from __future__ import annotations

import pytest
import torch
from test_train import list_files, make_training, stop_after, train_and_read_losses

from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, SilentReporter
from hornbook.models import device, generate, tokenizer
from hornbook.models import transformer as phi
from hornbook.models.attention import make_attention, rotation_table
from hornbook.models.shape import Shape
from hornbook.models.transformer import NO_TARGET, Phi
from hornbook.train import price
from hornbook.train.loop import TrainingLoop

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU"),
]

SMALL = Shape(layers=2, width=128, heads=2, vocab=1000, context=256)


def on_gpu(path, **options) -> RunContext:
    return RunContext(path, options={"device": "cuda", **options})


def random_documents(batch: int, time: int) -> torch.Tensor:
    """Numbers of documents (B, T) of many lengths."""
    torch.manual_seed(2)
    return (torch.rand(batch, time) < 0.03).cumsum(1)


@pytest.mark.parametrize(("compiled", "apart"), [(False, False), (True, False), (True, True)])
def test_loss_and_gradients_are_the_cpus(compiled, apart):
    torch.manual_seed(0)
    here = Phi(SMALL)
    there = Phi(SMALL)
    there.load_state_dict(here.state_dict())
    there.cuda()
    if compiled:
        there.compile_blocks()
    ids = torch.randint(0, SMALL.vocab, (4, SMALL.context))
    targets, documents = ids.roll(-1, 1), random_documents(4, SMALL.context) if apart else None
    targets[:, -1] = NO_TARGET
    expected = here.sum_loss(ids, targets, documents)
    actual = there.sum_loss(
        ids.cuda(), targets.cuda(), None if documents is None else documents.cuda()
    )
    expected.backward()
    actual.backward()
    assert actual.item() == pytest.approx(expected.item(), rel=1e-5)
    for (name, cpu_param), gpu_param in zip(
        here.named_parameters(), there.parameters(), strict=True
    ):
        torch.testing.assert_close(
            gpu_param.grad.cpu(), cpu_param.grad, rtol=1e-3, atol=1e-3, msg=name
        )


@pytest.mark.parametrize("apart", [False, True])
def test_half_precision_attention_is_that_of_fp32(apart):
    """FlashAttention, or FlexAttention for documents apart, in value and gradient."""
    torch.manual_seed(1)
    qkv = torch.randn(2, 512, 3, 4, 64)
    cos, sin = rotation_table(512, 32, 10_000.0)
    slope, documents = torch.randn(2, 512, 256), random_documents(2, 512) if apart else None

    def run_attention(device: str, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        inputs = qkv.to(device, dtype).requires_grad_()
        attend = make_attention(None if documents is None else documents.to(device), 0.0)
        mixed = attend(inputs, cos.to(device), sin.to(device))
        (grad,) = torch.autograd.grad(mixed, inputs, slope.to(device, dtype))
        return mixed.detach().cpu().float(), grad.cpu().float()

    for actual, expected in zip(
        run_attention("cuda", torch.bfloat16), run_attention("cpu", torch.float32), strict=True
    ):
        assert float((actual - expected).norm() / expected.norm()) < 1e-2


@pytest.mark.parametrize(("dropout", "apart"), [(0.0, False), (0.1, False), (0.0, True)])
def test_gradients_are_the_same_twice(dropout, apart):
    """At a context of many blocks: in one block alone nothing can come in another order."""
    shape = Shape(layers=2, width=256, heads=4, vocab=1000, context=1024)
    torch.manual_seed(0)
    model = Phi(shape, dropout).cuda()
    ids = torch.randint(0, shape.vocab, (16, shape.context)).cuda()
    documents = random_documents(16, shape.context).cuda() if apart else None

    def gradients() -> list[torch.Tensor | None]:
        torch.manual_seed(1)
        model.zero_grad(set_to_none=True)
        with torch.autocast("cuda", torch.bfloat16):
            loss = model.sum_loss(ids, ids.roll(-1, 1), documents)
        loss.backward()
        return [p.grad for p in model.parameters()]

    with device.deterministic_sums("cuda"):
        first, *others = (gradients() for _ in range(4))
    assert all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize(
    ("precision", "compiled"), [("fp32", False), ("bf16", True), ("fp16", False)]
)
def test_a_resume_is_exact(tmp_path, monkeypatch, precision, compiled):
    whole, broken = (on_gpu(tmp_path / name, compile=compiled) for name in ("whole", "broken"))
    run_recipe(make_training(precision=precision), whole)
    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "_evaluate_and_save", stop_after(5))
        with pytest.raises(KeyboardInterrupt):
            run_recipe(make_training(precision=precision), broken)
    run_recipe(make_training(precision=precision), broken)
    assert list_files(broken) == list_files(whole)


@pytest.mark.parametrize("more", [{"isolate_documents": True}, {"optimiser": "muon"}])
def test_a_training_has_the_losses_of_a_cpus(tmp_path, more):
    there, here = on_gpu(tmp_path / "gpu", compile=False), RunContext(tmp_path / "cpu")
    actual, expected = (
        train_and_read_losses(there, dropout=0.0, **more),
        train_and_read_losses(here, dropout=0.0, **more),
    )
    assert actual == pytest.approx(expected, rel=2e-3)


def test_exhausted_memory_halves_the_micro_batch_and_says_so(tmp_path):
    messages: list[str] = []

    class Ears(SilentReporter):
        def say(self, text):
            messages.append(text)

    _, total = torch.cuda.mem_get_info()
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(1.5e9 / total)
    try:
        ctx = RunContext(
            tmp_path,
            options={"device": "cuda", "micro_batch": 4096, "compile": False},
            reporter=Ears(),
        )
        run_recipe(make_training(batch=4096, steps=1, shape="17M"), ctx)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert any("does not fit in memory" in text for text in messages)


def test_memory_is_what_plan_says():
    """Compiled, as a GPU's default is, with the gradients of a micro-batch before kept."""
    shape, batch = Shape.from_name("125M", 32_000, 1024), 16
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    base_bytes = torch.cuda.memory_allocated()
    model = Phi(shape).cuda()
    model.compile_blocks()
    optimiser = torch.optim.AdamW(model.parameters(), fused=True)
    ids = torch.randint(0, shape.vocab, (batch, shape.context)).cuda()
    for _ in range(3):
        for _ in range(2):
            with torch.autocast("cuda", torch.bfloat16):
                loss = model.sum_loss(ids, ids.roll(-1, 1)) / ids.numel()
            loss.backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    peak = (torch.cuda.max_memory_allocated() - base_bytes) / 1e9
    planned = price.estimate_memory_gb(
        shape, batch, shape.context, half_precision=True, is_gpu=True
    )
    assert peak == pytest.approx(planned, rel=0.1), (peak, planned)


def test_greedy_text_is_the_cpus_and_does_not_depend_on_its_batch(tmp_path):
    run_recipe(make_training(steps=40), RunContext(tmp_path))
    folder = tmp_path / "base" / "model"
    text_tokenizer, params = (
        tokenizer.load_tokenizer(folder),
        generate.SamplingParams(max_new_tokens=12),
    )
    prompts = [f"def f{n}(a):\n" * (1 + n % 3) for n in range(9)]
    here, there = phi.load_model(folder), phi.load_model(folder, device="cuda")
    expected = [
        completion.text
        for completion in generate.generate_completions(here, text_tokenizer, prompts, params)
    ]
    together = [
        completion.text
        for completion in generate.generate_completions(there, text_tokenizer, prompts, params)
    ]
    alone = [
        generate.generate_completions(there, text_tokenizer, [prompt], params)[0].text
        for prompt in prompts
    ]
    assert together == alone == expected
