"""Generation: each completion is what the plain loop gives, whatever else is in the batch."""

from __future__ import annotations

import math

import pytest
import torch

from hornbook.models import cpu_forward, generate, tokenizer
from hornbook.models.generate import SamplingParams
from hornbook.models.transformer import Phi, Shape

TEXTS = [f"def f{n}(a, b):\n    return a + {n} * b\n" for n in range(60)]
PROMPTS = [
    "def f",
    "def f1(a",
    "x = ",
    "return a + 3",
    "def f2(a, b):\n    ret",
    "    " * 20,
    "import",
]


@pytest.fixture(scope="module")
def text_tokenizer():
    return tokenizer.train_tokenizer(TEXTS, 300)


@pytest.fixture(scope="module")
def phi(text_tokenizer):
    torch.manual_seed(3)
    model = Phi(Shape(2, 64, 2, text_tokenizer.vocab, 128, 16)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(6)  # far from uniform, so that argmax means something
    return model


@pytest.fixture(params=["kernels", "torch"])
def engine(request, monkeypatch):
    """Both engines on a CPU."""
    if request.param == "torch":
        monkeypatch.setattr(cpu_forward, "supports_model", lambda model: False)


def greedy_ids(phi, ids, max_new_tokens, end):
    """The plain loop: no cache, no batch."""
    sampled = []
    with torch.inference_mode():
        while len(sampled) < max_new_tokens:
            token = int(phi(torch.tensor([ids + sampled]))[0, -1].argmax())
            if token == end:
                break
            sampled.append(token)
    return sampled


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_equals_the_plain_loop(phi, text_tokenizer, engine, prompt):
    expected = text_tokenizer.decode(
        greedy_ids(phi, text_tokenizer.encode(prompt), 30, text_tokenizer.end)
    )
    assert (
        generate.generate_completions(phi, text_tokenizer, [prompt], SamplingParams(30))[0].text
        == expected
    )


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_a_completion_does_not_depend_on_its_neighbours(phi, text_tokenizer, engine, temperature):
    sampling = SamplingParams(25, temperature, top_p=0.9)
    together = generate.generate_completions(
        phi, text_tokenizer, PROMPTS, sampling, range(7), slots=4
    )
    alone = [
        generate.generate_completions(phi, text_tokenizer, [p], sampling, [i], slots=4)[0]
        for i, p in enumerate(PROMPTS)
    ]
    assert together == alone


def test_a_completion_does_not_depend_on_the_number_of_slots(phi, text_tokenizer):
    sampling = SamplingParams(25, 0.9)
    first, *others = (
        generate.generate_completions(phi, text_tokenizer, PROMPTS, sampling, range(7), slots=n)
        for n in (1, 3, 7, 64)
    )
    assert all(other == first for other in others)


def test_seeds_are_the_requests_own(phi, text_tokenizer):
    first, again, other = generate.generate_completions(
        phi, text_tokenizer, ["def f"] * 3, SamplingParams(20, temperature=1.0), [5, 5, 6]
    )
    assert first == again
    assert first != other


def test_text_ends_before_the_stop_sequence(phi, text_tokenizer):
    whole = generate.generate_completions(phi, text_tokenizer, ["def f"], SamplingParams(30))[
        0
    ].text
    word = whole[5:8]
    cut = generate.generate_completions(
        phi, text_tokenizer, ["def f"], SamplingParams(30, stop=[word])
    )[0]
    assert cut.text == whole[: whole.find(word)]
    assert cut.finish == "stop"


def test_a_prompt_longer_than_the_context_still_gets_an_answer(phi, text_tokenizer, engine):
    answer = generate.generate_completions(
        phi, text_tokenizer, ["a + b " * 200], SamplingParams(16)
    )[0]
    assert answer.tokens > 0


def test_bits_are_those_of_the_softmax(phi, text_tokenizer):
    pairs = [("def f1(a", ", b):"), ("x", "return a + b\n"), ("", "import")]
    for (prompt, text), bits in zip(
        pairs, generate.measure_continuation_bits(phi, text_tokenizer, pairs), strict=True
    ):
        left, right = (
            text_tokenizer.encode(prompt) or [text_tokenizer.end],
            text_tokenizer.encode(text),
        )
        with torch.inference_mode():
            log_p = torch.log_softmax(phi(torch.tensor([left + right]))[0].double(), -1)
        expected = -sum(
            float(log_p[len(left) + i - 1, token]) for i, token in enumerate(right)
        ) / math.log(2)
        assert bits == pytest.approx(expected, rel=1e-4)
