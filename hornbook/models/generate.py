"""Text from a trained model: many prompts at once, slots refilled as soon as one ends; and what a text would cost it.

In: a Phi, its tokenizer, prompts. Out: completions in the prompts' order, or bits of given
continuations. Two readers: kernels of our own for fp32 on a CPU (reading.py), and torch for the
rest. With either, in fp32 a completion does not depend on its neighbours (lm-evaluation-harness
issue 1992 is what happens otherwise). Seeds belong to requests. Not covered: beam search, several
GPUs for one model, speculative decoding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import torch
import torch.nn.functional as F

from hornbook import meter

if TYPE_CHECKING:
    from torch import Tensor

    from hornbook.models.tokenizer import Tokenizer
    from hornbook.models.transformer import Phi

DEFAULT_SLOTS = 64
MAX_CACHE_BYTES = (
    12 << 30
)  # bytes of keys and values for torch at most: fewer slots rather than more
CACHE_STRIDE = 64  # torch reads the cache in whole strides: sums over it then have the same shape wherever a batch stands
STOP_LOOKBACK = 24  # tokens looked back at for a stop sequence
PREFILL_STRIDE = 16  # torch reads prompts whose lengths are rounded up to this
SCORE_TOKENS = 8192  # tokens of a batch whose probabilities are taken


@dataclass(frozen=True)
class Completion:
    """What was written after a prompt: text before the stop, tokens drawn, and stop, end, length or context."""

    text: str
    tokens: int
    finish: str


@dataclass(frozen=True)
class SamplingParams:
    """How tokens are drawn: the likeliest at temperature 0, else from the likeliest of `top_p` in all."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: Sequence[str] = ()


@dataclass
class Slot:
    """A request being written."""

    request: int
    position: int  # of the next token to be read
    unread_ids: list[int]
    tokens_left: int  # tokens that may still be drawn
    sampled_ids: list[int] = field(default_factory=list)


def generate_completions(
    model: Phi,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    sampling: SamplingParams,
    seeds: Sequence[int] = (),
    slots: int = DEFAULT_SLOTS,
    on_progress: Callable[[int], object] | None = None,
) -> list[Completion]:
    """Complete each prompt: greedy at temperature 0, else nucleus sampling with the request's own seed.

    A prompt that leaves no room for `how.max_new_tokens` in the context loses its beginning, down
    to half the context.
    """
    context = model.shape.context
    prompt_ids = [(ids or [tokenizer.end])[-max(context - sampling.max_new_tokens, context // 2) :]
             for ids in tokenizer.encode_many(prompts)]  # fmt: skip
    scheduler = BatchScheduler(model, tokenizer, prompt_ids, sampling, slots)
    sampler = make_sampler(sampling, seeds or range(len(prompts)))
    completions: list[Completion | None] = [None] * len(prompts)
    with torch.inference_mode():
        for request, completion in scheduler.run_requests(sampler):
            completions[request] = completion
            meter.add_usage(tokens_in=len(prompt_ids[request]), tokens_out=completion.tokens)
            if on_progress:
                on_progress(1)
    return [completion for completion in completions if completion is not None]


Sampler = Callable[[Sequence[int], "Tensor"], list[int]]


def make_sampler(sampling: SamplingParams, seeds: Sequence[int]) -> Sampler:
    """A function from requests and their logits (requests, V) to their next tokens."""
    generators: dict[int, torch.Generator] = {}

    def sample_token(request: int, logits: Tensor) -> int:
        if request not in generators:
            generators[request] = torch.Generator().manual_seed(seeds[request])
        probabilities = torch.softmax(logits.float().cpu() / sampling.temperature, dim=-1)
        if sampling.top_p < 1:
            probabilities, order = probabilities.sort(descending=True, stable=True)
            probabilities[probabilities.cumsum(0) - probabilities >= sampling.top_p] = (
                0  # the token that crosses the line stays
            )
            return int(order[torch.multinomial(probabilities, 1, generator=generators[request])])
        return int(torch.multinomial(probabilities, 1, generator=generators[request]))

    def sample_tokens(requests: Sequence[int], logits: Tensor) -> list[int]:
        if not sampling.temperature:
            return [int(token) for token in logits.argmax(-1).tolist()]
        return [sample_token(request, row) for request, row in zip(requests, logits, strict=True)]

    return sample_tokens


class BatchScheduler:
    """The slots, and the loop that moves all of them on by one token."""

    def __init__(
        self,
        model: Phi,
        tokenizer: Tokenizer,
        prompt_ids: Sequence[list[int]],
        sampling: SamplingParams,
        slots: int,
    ) -> None:
        self.tokenizer, self.prompt_ids, self.max_new_tokens, self.stop = (
            tokenizer,
            prompt_ids,
            sampling.max_new_tokens,
            tuple(sampling.stop),
        )
        self.context = model.shape.context
        self.engine: ForwardEngine = _pick_engine(model, prompt_ids, sampling.max_new_tokens, slots)
        self.slots: list[Slot | None] = [None] * self.engine.slots

    def run_requests(self, sampler: Sampler) -> Iterator[tuple[int, Completion]]:
        """(request, completion) as they end."""
        waiting = list(enumerate(self.prompt_ids))[::-1]
        while True:
            for slot_index, slot in enumerate(self.slots):
                if slot is None and waiting:
                    request, ids = waiting.pop()
                    self.slots[slot_index] = Slot(
                        request, 0, ids, min(self.max_new_tokens, self.context - len(ids))
                    )
            busy = [
                (slot_index, slot) for slot_index, slot in enumerate(self.slots) if slot is not None
            ]
            if not busy:
                return
            logits = self.engine.compute_logits(
                [(slot_index, slot.position, slot.unread_ids) for slot_index, slot in busy]
            )
            for (slot_index, slot), token in zip(
                busy, sampler([slot.request for _, slot in busy], logits), strict=True
            ):
                slot.position += len(slot.unread_ids)
                yield from self._append_token(slot_index, slot, token)

    def _append_token(
        self, slot_index: int, slot: Slot, token: int
    ) -> Iterator[tuple[int, Completion]]:
        """Add a drawn token to a slot; a request that ends with it leaves the slot empty."""
        finish = "end" if token == self.tokenizer.end else ""
        if not finish:
            slot.sampled_ids.append(token)
            slot.unread_ids = [token]
            slot.tokens_left -= 1
            recent = self.tokenizer.decode(slot.sampled_ids[-STOP_LOOKBACK:]) if self.stop else ""
            finish = (
                "stop"
                if any(word in recent for word in self.stop)
                else ""
                if slot.tokens_left > 0
                else "length"
            )
        if finish:
            self.slots[slot_index] = None
            text = self.tokenizer.decode(slot.sampled_ids)
            ends = [position for word in self.stop if (position := text.find(word)) >= 0]
            yield (
                slot.request,
                Completion(text[: min(ends)] if ends else text, len(slot.sampled_ids), finish),
            )


class ForwardEngine(Protocol):
    """Reads tokens into slots."""

    slots: int

    def compute_logits(self, work: Sequence[tuple[int, int, Sequence[int]]]) -> Tensor:
        """Logits (work, V) after the last token of each (slot, position of its first token, tokens); until the next."""


def _pick_engine(
    model: Phi, prompt_ids: Sequence[list[int]], max_new_tokens: int, slots: int
) -> ForwardEngine:
    """The fastest that there is for this model where it is, with so many slots at most."""
    if model.embedding.weight.device.type == "cpu":
        from hornbook.models import cpu_forward

        if cpu_forward.supports_model(model):
            longest = max(map(len, prompt_ids), default=0) + max_new_tokens
            return cpu_forward.CpuForward(
                model, max(1, min(slots, len(prompt_ids))), min(model.shape.context, longest)
            )
    return TorchForward(model, slots)


class TorchForward:
    """By torch, wherever the model is. Prompts are read alone, and a step computes all slots, whoever sits in them, so
    that in fp32 a completion does not depend on its neighbours."""

    def __init__(self, model: Phi, slots: int) -> None:
        self.model, shape, weight = model, model.shape, model.embedding.weight
        self.blocks: list[Any] = list(model.blocks)
        self.device = weight.device
        bytes_per_slot = 2 * shape.layers * shape.width * shape.context * weight.element_size()
        self.slots = max(1, min(slots, MAX_CACHE_BYTES // bytes_per_slot))
        size = (shape.layers, 2, self.slots, shape.heads, shape.context, shape.width // shape.heads)
        self.cache = torch.zeros(size, dtype=weight.dtype, device=self.device)

    def compute_logits(self, work: Sequence[tuple[int, int, Sequence[int]]]) -> Tensor:
        """As Reader's. The step comes first: it writes a key, of nothing, into slots that are about to be opened."""
        logits_rows: list[Any] = [None] * len(work)
        decode_items = [item for item, (_, _, tokens) in enumerate(work) if len(tokens) == 1]
        if decode_items:
            logits = self._decode_step([work[item] for item in decode_items])
            for item in decode_items:
                logits_rows[item] = logits[work[item][0]]
        for item, (slot, first, tokens) in enumerate(work):
            if len(tokens) > 1:
                assert first == 0, "a prompt is read whole"
                logits_rows[item] = self._prefill_slot(slot, tokens)
        return torch.stack(logits_rows)

    def _prefill_slot(self, slot: int, ids: Sequence[int]) -> Tensor:
        """Read a prompt into a slot's cache; the logits (V,) of what follows it."""
        padded = min(
            self.model.shape.context, -(-len(ids) // PREFILL_STRIDE) * PREFILL_STRIDE
        )  # few distinct shapes: kernels are planned once each
        batch = torch.zeros((1, padded), dtype=torch.long, device=self.device)
        batch[0, : len(ids)] = torch.tensor(ids, device=self.device)
        x = self.model.embedding(batch)
        cos, sin = self.model.cos[:padded], self.model.sin[:padded]
        for layer, block in enumerate(self.blocks):
            qkv, mlp_hidden = block.project_inputs(x, cos, sin)
            q, k, v = qkv[0].permute(1, 2, 0, 3).unsqueeze(1).unbind(0)  # each (1, H, T, D)
            self.cache[layer, 0, slot, :, :padded], self.cache[layer, 1, slot, :, :padded] = (
                k[0],
                v[0],
            )
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = block.add_branches(x, attended.transpose(1, 2).flatten(-2), mlp_hidden)
        logits: Tensor = self.model.head(self.model.norm(x[:, len(ids) - 1]))[0]
        return logits

    def _decode_step(self, work: Sequence[tuple[int, int, Sequence[int]]]) -> Tensor:
        """Read a token in each of these slots; logits (slots, V), which for the other slots say nothing."""
        positions, tokens = [0] * self.slots, [0] * self.slots
        for slot, first, ids in work:
            positions[slot], tokens[slot] = first, ids[0]
        position, token = torch.tensor([positions, tokens], device=self.device)
        cached = min(
            self.model.shape.context, -(-(max(positions) + 1) // CACHE_STRIDE) * CACHE_STRIDE
        )
        allowed = (torch.arange(cached, device=self.device) <= position[:, None])[:, None, None]
        cos, sin = self.model.cos[position][:, None], self.model.sin[position][:, None]
        rows = torch.arange(self.slots, device=self.device)
        x = self.model.embedding(token[:, None])
        for layer, block in enumerate(self.blocks):
            qkv, mlp_hidden = block.project_inputs(x, cos, sin)
            q, k, v = qkv[:, 0].unbind(1)  # each (slots, H, D)
            keys, values = self.cache[layer, 0], self.cache[layer, 1]
            keys[rows, :, position], values[rows, :, position] = k, v
            attended = F.scaled_dot_product_attention(
                q[:, :, None], keys[:, :, :cached], values[:, :, :cached], allowed
            )
            x = block.add_branches(x, attended.transpose(1, 2).flatten(-2), mlp_hidden)
        logits: Tensor = self.model.head(self.model.norm(x[:, 0]))
        return logits


def measure_continuation_bits(
    model: Phi, tokenizer: Tokenizer, prompts_and_continuations: Sequence[tuple[str, str]]
) -> list[float]:
    """Bits that the model needs for each continuation given its prompt; divide by its UTF-8 bytes for bits per byte.

    Prompt and continuation are encoded apart. Both are cut from the left to the context; what is
    cut off the continuation is counted at the mean of the rest.
    """
    encoded = [
        (tokenizer.encode(prompt) or [tokenizer.end], tokenizer.encode(text))
        for prompt, text in prompts_and_continuations
    ]
    context = model.shape.context
    bits = [0.0] * len(prompts_and_continuations)
    rows = [((prompt + text)[-context:], min(len(text), context - 1)) for prompt, text in encoded]
    order = sorted(
        (row_index for row_index, (_, scored) in enumerate(rows) if scored),
        key=lambda row_index: -len(rows[row_index][0]),
    )
    while order:
        longest = len(rows[order[0]][0])
        batch, order = (
            order[: max(1, SCORE_TOKENS // longest)],
            order[max(1, SCORE_TOKENS // longest) :],
        )
        for row_index, nats in zip(
            batch,
            _sum_token_nll(model, [rows[row_index] for row_index in batch], longest),
            strict=True,
        ):
            bits[row_index] = nats / math.log(2) * len(encoded[row_index][1]) / rows[row_index][1]
    return bits


@torch.inference_mode()
def _sum_token_nll(model: Phi, rows: Sequence[tuple[list[int], int]], longest: int) -> list[float]:
    """Summed nats of the last `scored` ids of each row."""
    device = model.embedding.weight.device
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    for row_index, (row, _) in enumerate(rows):
        ids[row_index, : len(row)] = torch.tensor(row)
    meter.add_usage(tokens_in=sum(len(row) for row, _ in rows))
    hidden = model.hidden_states(ids.to(device))
    nll_sums = []
    for row_index, (row, scored) in enumerate(rows):
        first = len(row) - scored
        logits = model.head(hidden[row_index, first - 1 : len(row) - 1]).float()
        nll_sums.append(
            float(
                F.cross_entropy(logits, torch.tensor(row[first:], device=device), reduction="sum")
            )
        )
    return nll_sums
