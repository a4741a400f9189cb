"""Sampling and continuous batching, without a model."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from hornbook.models.batch_scheduler import BatchScheduler
from hornbook.models.sampling import SamplingParams, make_sampler, select_nucleus


@pytest.mark.parametrize("top_p", [1e-9, 0.1, 0.5, 0.9, 0.999])
def test_the_nucleus_is_the_smallest_set_that_reaches_top_p(top_p):
    rng = np.random.default_rng(3)
    for _ in range(50):
        probabilities = rng.dirichlet(np.full(300, 0.1)).astype(np.float32)
        nucleus = select_nucleus(probabilities, top_p)
        inside = probabilities[nucleus].astype(np.float64)
        assert len(set(nucleus.tolist())) == len(nucleus)
        assert inside.sum() >= top_p
        assert inside.sum() - inside.min() < top_p
        assert inside.min() >= np.delete(probabilities, nucleus).max(initial=0)


def test_unlikely_tokens_are_in_the_nucleus_where_it_needs_them():
    probabilities = np.full(100_000, 1e-5)
    assert len(select_nucleus(probabilities, 0.5)) == pytest.approx(50_000, abs=1)


def test_samples_have_the_frequencies_of_the_nucleus():
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log() * 2
    sampler = make_sampler(SamplingParams(temperature=2.0, top_p=0.85), range(4000))
    counts = Counter(sampler(range(4000), logits.repeat(4000, 1)))
    assert set(counts) == {1, 2, 3}  # 0.4 + 0.3 + 0.2 reach 0.85
    for token, probability in ((1, 2 / 9), (2, 3 / 9), (3, 4 / 9)):
        assert counts[token] / 4000 == pytest.approx(probability, abs=0.03)


def test_a_sample_depends_on_its_own_seed_alone():
    logits = torch.randn(3, 50, generator=torch.Generator().manual_seed(1))
    params = SamplingParams(temperature=1.0)
    together = make_sampler(params, [5, 6, 5])
    alone = make_sampler(params, [7, 6, 7])
    for _ in range(5):
        assert together([0, 1, 2], logits)[1] == alone([1], logits[1:2])[0]


class CountingEngine:
    """Predicts the token after the one it has read last; records what it was asked."""

    min_free_slots = 1

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.calls: list[list[tuple[int, int, list[int]]]] = []

    def compute_logits(self, work):
        self.calls.append([(slot, first, list(tokens)) for slot, first, tokens in work])
        next_ids = torch.tensor([tokens[-1] + 1 for _, _, tokens in work])
        return torch.nn.functional.one_hot(next_ids, 200).float()


class NumberTokenizer:
    end = 150

    def decode(self, ids):
        return "".join(f"<{token_id}>" for token_id in ids)


def complete_numbers(engine, prompts, **sampling):
    params = SamplingParams(**sampling)
    sampler = make_sampler(params, range(len(prompts)))
    scheduler = BatchScheduler(engine, NumberTokenizer(), params, sampler, context=100)
    return dict(scheduler.run_requests(prompts))


def test_completions_end_by_length_stop_text_or_end_of_text():
    prompts = [[10], [1, 20], [148], [3] * 98]
    completions = complete_numbers(CountingEngine(2), prompts, max_new_tokens=4, stop=["23>"])
    results = [
        (completions[i].text, completions[i].tokens, completions[i].finish) for i in range(4)
    ]
    assert results == [
        ("<11><12><13><14>", 4, "length"),
        ("<21><22><", 3, "stop"),
        ("<149>", 1, "end"),
        ("<4><5>", 2, "length"),  # the context is full
    ]


def test_a_free_slot_is_refilled_at_once():
    engine = CountingEngine(2)
    complete_numbers(engine, [[148], [20], [30]], max_new_tokens=3)
    assert engine.calls == [
        [(0, 0, [148]), (1, 0, [20])],
        [(0, 1, [149]), (1, 1, [21])],
        [(0, 0, [30]), (1, 2, [22])],
        [(0, 1, [31])],
        [(0, 2, [32])],
    ]


def test_slots_wait_for_each_other_where_the_engine_wants_it():
    engine = CountingEngine(4)
    engine.min_free_slots = 2
    prompts = [[148], *[[20 + i] for i in range(6)]]
    completions = complete_numbers(engine, prompts, max_new_tokens=4)
    assert len(completions) == 7
    # The slot that ended first stays empty until a second one is free.
    assert [len(call) for call in engine.calls] == [4, 4, 3, 3, 3, 3, 3, 3]


def test_no_prompts_are_no_completions():
    assert complete_numbers(CountingEngine(2), []) == {}
