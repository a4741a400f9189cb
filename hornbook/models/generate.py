"""Batched generation with a KV cache (continuous batching), and the bits of given continuations.

In: a Phi, its tokenizer, prompts. Out: completions in the order of the prompts, or the bits that
the model needs for given continuations. On a CPU in fp32 the engine is cpu_forward.py, elsewhere
torch_forward.py. In fp32 a completion does not depend on the prompts beside it
(lm-evaluation-harness issue 1992 shows what happens otherwise). Every request has its own seed. Not
covered: beam search, several GPUs for one model, speculative decoding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F

from hornbook import meter
from hornbook.models.batch_scheduler import BatchScheduler, Completion, ForwardEngine
from hornbook.models.sampling import SamplingParams, make_sampler
from hornbook.models.torch_forward import TorchForward

if TYPE_CHECKING:
    from hornbook.models.tokenizer import Tokenizer
    from hornbook.models.transformer import Phi

__all__ = [
    "DEFAULT_SLOTS",
    "Completion",
    "SamplingParams",
    "generate_completions",
    "measure_continuation_bits",
]

DEFAULT_SLOTS = 64
SCORE_TOKENS = 8192  # tokens of a batch in measure_continuation_bits


def prompt_room(context: int, max_new_tokens: int) -> int:
    """Tokens of a prompt that a model reads: what the answer leaves, at least half the context."""
    return max(context - max_new_tokens, context // 2)


def generate_completions(
    model: Phi,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    sampling: SamplingParams,
    seeds: Sequence[int] = (),
    slots: int = DEFAULT_SLOTS,
    on_progress: Callable[[int], object] | None = None,
) -> list[Completion]:
    """Complete each prompt: greedy at temperature 0, else nucleus sampling.

    A prompt that leaves no room for `sampling.max_new_tokens` in the context loses its beginning,
    down to half the context.

    Args:
        model: in evaluation mode, on any device.
        tokenizer: the model's.
        prompts: an empty one is read as end-of-text.
        sampling: temperature, top_p, the number of new tokens and the stop texts.
        seeds: one per prompt; the default is the index of the prompt.
        slots: prompts that are completed at the same time, at most.
        on_progress: called with 1 for each finished completion.
    """
    context = model.shape.context
    max_prompt = prompt_room(context, sampling.max_new_tokens)
    prompt_ids = [(ids or [tokenizer.end])[-max_prompt:] for ids in tokenizer.encode_many(prompts)]
    engine = _pick_engine(model, prompt_ids, sampling.max_new_tokens, slots)
    sampler = make_sampler(sampling, seeds or range(len(prompts)))
    scheduler = BatchScheduler(engine, tokenizer, sampling, sampler, context)
    completions: dict[int, Completion] = {}
    with torch.inference_mode():
        for request, completion in scheduler.run_requests(prompt_ids):
            completions[request] = completion
            meter.add_usage(tokens_in=len(prompt_ids[request]), tokens_out=completion.tokens)
            if on_progress:
                on_progress(1)
    return [completions[request] for request in range(len(prompts))]


def _pick_engine(
    model: Phi, prompt_ids: Sequence[list[int]], max_new_tokens: int, slots: int
) -> ForwardEngine:
    """The fastest engine for this model on its device, with at most `slots` slots."""
    if model.embedding.weight.device.type == "cpu":
        from hornbook.models import cpu_forward

        if cpu_forward.supports_model(model):
            longest = max(map(len, prompt_ids), default=0) + max_new_tokens
            return cpu_forward.CpuForward(
                model, max(1, min(slots, len(prompt_ids))), min(model.shape.context, longest)
            )
    return TorchForward(model, slots)


def measure_continuation_bits(
    model: Phi, tokenizer: Tokenizer, prompts_and_continuations: Sequence[tuple[str, str]]
) -> list[float]:
    """Bits that the model needs for each continuation given its prompt.

    Divide by the continuation's UTF-8 bytes for bits per byte. Prompt and continuation are encoded
    separately. Both are cut from the left to fit the context; the part of the continuation that is
    cut off counts at the mean of the rest.
    """
    encoded = [
        (tokenizer.encode(prompt) or [tokenizer.end], tokenizer.encode(text))
        for prompt, text in prompts_and_continuations
    ]
    context = model.shape.context
    bits = [0.0] * len(encoded)
    # Each row: the ids that are read, and how many of them, at the end, are scored.
    rows = [((prompt + text)[-context:], min(len(text), context - 1)) for prompt, text in encoded]
    # Longest first: rows of similar length share a batch.
    order = sorted(
        (row_index for row_index, (_, scored) in enumerate(rows) if scored),
        key=lambda row_index: -len(rows[row_index][0]),
    )
    while order:
        longest = len(rows[order[0]][0])
        batch_size = max(1, SCORE_TOKENS // longest)
        batch, order = order[:batch_size], order[batch_size:]
        nll_sums = _sum_token_nll(model, [rows[row_index] for row_index in batch], longest)
        for row_index, nats in zip(batch, nll_sums, strict=True):
            bits[row_index] = nats / math.log(2) * len(encoded[row_index][1]) / rows[row_index][1]
    return bits


@torch.inference_mode()
def _sum_token_nll(model: Phi, rows: Sequence[tuple[list[int], int]], longest: int) -> list[float]:
    """Negative log-likelihood, in nats, of the last `scored` ids of each (ids, scored)."""
    device = model.embedding.weight.device
    # Padding on the right: under the causal mask no token of a row sees it.
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    for row_index, (row, _) in enumerate(rows):
        ids[row_index, : len(row)] = torch.tensor(row)
    meter.add_usage(tokens_in=sum(len(row) for row, _ in rows))
    hidden = model.hidden_states(ids.to(device))
    nll_sums = []
    for row_index, (row, scored) in enumerate(rows):
        first = len(row) - scored
        logits = model.head(hidden[row_index, first - 1 : len(row) - 1]).float()
        targets = torch.tensor(row[first:], device=device)
        nll_sums.append(float(F.cross_entropy(logits, targets, reduction="sum")))
    return nll_sums
