"""The embedded model's engine, with a small random Llama: the logits of transformers, prefixes read once."""

from __future__ import annotations

import pytest
import torch

from hornbook.llm import local
from hornbook.models.batch_scheduler import BatchScheduler
from hornbook.models.sampling import SamplingParams, make_sampler

PREFIX = list(range(3, 3 + 2 * local.CHUNK + 10))


@pytest.fixture(scope="module")
def model():
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=300, hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
    )  # fmt: skip
    llama = LlamaForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in llama.parameters():
            parameter.mul_(3)  # far from uniform, so that the likeliest token is clear
    return llama


@pytest.fixture
def engine(model):
    return local.PrefixSharingEngine(model, 4 * local.CHUNK)


def reference_logits(model, ids: list[int]) -> torch.Tensor:
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits[0, -1]


def test_logits_are_those_of_transformers(model, engine):
    prompts = [PREFIX, [*PREFIX, 7], [5], PREFIX[:64], PREFIX[:65], [9] * 200, PREFIX]
    with torch.inference_mode():
        logits = engine.compute_logits([(slot, 0, ids) for slot, ids in enumerate(prompts)])
        steps = [(slot, len(ids), [11]) for slot, ids in enumerate(prompts)]
        next_logits = engine.compute_logits(steps)
    for i, ids in enumerate(prompts):
        torch.testing.assert_close(logits[i], reference_logits(model, ids), atol=1e-4, rtol=1e-4)
        expected = reference_logits(model, [*ids, 11])
        torch.testing.assert_close(next_logits[i], expected, atol=1e-4, rtol=1e-4)


def test_a_shared_prefix_is_read_once(engine, monkeypatch):
    chunks = []
    compute_hidden = engine.model.compute_hidden

    def count_chunks(tokens, positions, slots, cached):
        chunks.extend(slot for slot in slots.tolist() if slot != local.SLOTS)
        return compute_hidden(tokens, positions, slots, cached)

    monkeypatch.setattr(engine.model, "compute_hidden", count_chunks)
    prompts = [[*PREFIX, i] for i in range(6)]
    with torch.inference_mode():
        logits = engine.compute_logits([(slot, 0, ids) for slot, ids in enumerate(prompts)])
        # Two whole chunks for all of them, and the last chunk of each.
        assert len(chunks) == 2 + 6
        again = engine.compute_logits([(9, 0, prompts[3])])
    assert len(chunks) == 2 + 6  # a whole prompt is copied with its logits
    assert torch.equal(again[0], logits[3])


def test_an_answer_does_not_depend_on_its_neighbours(model):
    class Numbers:
        end = 2

        def decode(self, ids):
            return " ".join(map(str, ids))

    params = SamplingParams(max_new_tokens=8, temperature=0.7, top_p=0.9)
    prompts = [[*PREFIX[: 20 + 5 * i], 100 + i] for i in range(40)]

    def complete(indices: list[int]) -> dict[int, object]:
        engine = local.PrefixSharingEngine(model, 4 * local.CHUNK)
        sampler = make_sampler(params, [1000 + i for i in indices])
        scheduler = BatchScheduler(engine, Numbers(), params, sampler, engine.slot_length)
        with torch.inference_mode():
            done = dict(scheduler.run_requests([prompts[i] for i in indices]))
        return {i: done[row] for row, i in enumerate(indices)}

    together = complete(list(range(40)))
    for i in (0, 17, 39):
        assert complete([i])[i] == together[i]
