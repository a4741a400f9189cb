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

SLOTS = 64
CACHE = 12 << 30  # bytes of keys and values for torch at most: fewer slots rather than more
STRIDE = 64  # torch reads the cache in whole strides: sums over it then have the same shape wherever a batch stands
TAIL = 24  # tokens looked back at for a stop sequence
PREFILL = 16  # torch reads prompts whose lengths are rounded up to this
SCORE_TOKENS = 8192  # tokens of a batch whose probabilities are taken


@dataclass(frozen=True)
class Completion:
    """What was written after a prompt: text before the stop, tokens drawn, and stop, end, length or context."""

    text: str
    tokens: int
    finish: str


@dataclass(frozen=True)
class Drawing:
    """How tokens are drawn: the likeliest at temperature 0, else from the likeliest of `top_p` in all."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: Sequence[str] = ()


@dataclass
class _Slot:
    """A request being written."""

    request: int
    position: int  # of the next token to be read
    unread: list[int]
    room: int  # tokens that may still be drawn
    drawn: list[int] = field(default_factory=list)


def generate(
    model: Phi,
    tokenizer: Tokenizer,
    prompts: Sequence[str],
    how: Drawing,
    seeds: Sequence[int] = (),
    slots: int = SLOTS,
    advance: Callable[[int], object] | None = None,
) -> list[Completion]:
    """Complete each prompt: greedy at temperature 0, else nucleus sampling with the request's own seed.

    A prompt that leaves no room for `how.max_new_tokens` in the context loses its beginning, down
    to half the context.
    """
    context = model.shape.context
    asked = [(ids or [tokenizer.end])[-max(context - how.max_new_tokens, context // 2) :]
             for ids in tokenizer.encode_many(prompts)]  # fmt: skip
    writer = _Writer(model, tokenizer, asked, how, slots)
    draw = _drawer(how, seeds or range(len(prompts)))
    done: list[Completion | None] = [None] * len(prompts)
    with torch.inference_mode():
        for request, completion in writer.write(draw):
            done[request] = completion
            meter.count(tokens_in=len(asked[request]), tokens_out=completion.tokens)
            if advance:
                advance(1)
    return [completion for completion in done if completion is not None]


Draw = Callable[[Sequence[int], "Tensor"], list[int]]


def _drawer(how: Drawing, seeds: Sequence[int]) -> Draw:
    """A function from requests and their logits (requests, V) to their next tokens."""
    generators: dict[int, torch.Generator] = {}

    def one(request: int, logits: Tensor) -> int:
        if request not in generators:
            generators[request] = torch.Generator().manual_seed(seeds[request])
        p = torch.softmax(logits.float().cpu() / how.temperature, dim=-1)
        if how.top_p < 1:
            p, order = p.sort(descending=True, stable=True)
            p[p.cumsum(0) - p >= how.top_p] = 0  # the token that crosses the line stays
            return int(order[torch.multinomial(p, 1, generator=generators[request])])
        return int(torch.multinomial(p, 1, generator=generators[request]))

    def draw(requests: Sequence[int], logits: Tensor) -> list[int]:
        if not how.temperature:
            return [int(token) for token in logits.argmax(-1).tolist()]
        return [one(request, row) for request, row in zip(requests, logits, strict=True)]

    return draw


class _Writer:
    """The slots, and the loop that moves all of them on by one token."""

    def __init__(
        self, model: Phi, tokenizer: Tokenizer, asked: Sequence[list[int]], how: Drawing, slots: int
    ) -> None:
        self.tokenizer, self.asked, self.most, self.stop = (
            tokenizer,
            asked,
            how.max_new_tokens,
            tuple(how.stop),
        )
        self.context = model.shape.context
        self.reader: Reader = _reader(model, asked, how.max_new_tokens, slots)
        self.slots: list[_Slot | None] = [None] * self.reader.slots

    def write(self, draw: Draw) -> Iterator[tuple[int, Completion]]:
        """(request, completion) as they end."""
        waiting = list(enumerate(self.asked))[::-1]
        while True:
            for place, slot in enumerate(self.slots):
                if slot is None and waiting:
                    request, ids = waiting.pop()
                    self.slots[place] = _Slot(
                        request, 0, ids, min(self.most, self.context - len(ids))
                    )
            busy = [(place, slot) for place, slot in enumerate(self.slots) if slot is not None]
            if not busy:
                return
            logits = self.reader.read([(place, slot.position, slot.unread) for place, slot in busy])
            for (place, slot), token in zip(
                busy, draw([slot.request for _, slot in busy], logits), strict=True
            ):
                slot.position += len(slot.unread)
                yield from self._take(place, slot, token)

    def _take(self, place: int, slot: _Slot, token: int) -> Iterator[tuple[int, Completion]]:
        """Add a drawn token to a slot; a request that ends with it leaves the slot empty."""
        finish = "end" if token == self.tokenizer.end else ""
        if not finish:
            slot.drawn.append(token)
            slot.unread = [token]
            slot.room -= 1
            recent = self.tokenizer.decode(slot.drawn[-TAIL:]) if self.stop else ""
            finish = (
                "stop"
                if any(word in recent for word in self.stop)
                else ""
                if slot.room > 0
                else "length"
            )
        if finish:
            self.slots[place] = None
            text = self.tokenizer.decode(slot.drawn)
            ends = [at for word in self.stop if (at := text.find(word)) >= 0]
            yield (
                slot.request,
                Completion(text[: min(ends)] if ends else text, len(slot.drawn), finish),
            )


class Reader(Protocol):
    """Reads tokens into slots."""

    slots: int

    def read(self, work: Sequence[tuple[int, int, Sequence[int]]]) -> Tensor:
        """Logits (work, V) after the last token of each (slot, position of its first token, tokens); until the next."""


def _reader(model: Phi, asked: Sequence[list[int]], most: int, slots: int) -> Reader:
    """The fastest that there is for this model where it is, with so many slots at most."""
    if model.embedding.weight.device.type == "cpu":
        from hornbook.models import cpu_forward

        if cpu_forward.serves(model):
            longest = max(map(len, asked), default=0) + most
            return cpu_forward.Reader(
                model, max(1, min(slots, len(asked))), min(model.shape.context, longest)
            )
    return _Torch(model, slots)


class _Torch:
    """By torch, wherever the model is. Prompts are read alone, and a step computes all slots, whoever sits in them, so
    that in fp32 a completion does not depend on its neighbours."""

    def __init__(self, model: Phi, slots: int) -> None:
        self.model, shape, weight = model, model.shape, model.embedding.weight
        self.blocks: list[Any] = list(model.blocks)
        self.device = weight.device
        each = 2 * shape.layers * shape.width * shape.context * weight.element_size()
        self.slots = max(1, min(slots, CACHE // each))
        size = (shape.layers, 2, self.slots, shape.heads, shape.context, shape.width // shape.heads)
        self.cache = torch.zeros(size, dtype=weight.dtype, device=self.device)

    def read(self, work: Sequence[tuple[int, int, Sequence[int]]]) -> Tensor:
        """As Reader's. The step comes first: it writes a key, of nothing, into slots that are about to be opened."""
        found: list[Any] = [None] * len(work)
        steps = [at for at, (_, _, tokens) in enumerate(work) if len(tokens) == 1]
        if steps:
            logits = self._step([work[at] for at in steps])
            for at in steps:
                found[at] = logits[work[at][0]]
        for at, (slot, first, tokens) in enumerate(work):
            if len(tokens) > 1:
                assert first == 0, "a prompt is read whole"
                found[at] = self._open(slot, tokens)
        return torch.stack(found)

    def _open(self, slot: int, ids: Sequence[int]) -> Tensor:
        """Read a prompt into a slot's cache; the logits (V,) of what follows it."""
        padded = min(
            self.model.shape.context, -(-len(ids) // PREFILL) * PREFILL
        )  # few distinct shapes: kernels are planned once each
        batch = torch.zeros((1, padded), dtype=torch.long, device=self.device)
        batch[0, : len(ids)] = torch.tensor(ids, device=self.device)
        x = self.model.embedding(batch)
        cos, sin = self.model.cos[:padded], self.model.sin[:padded]
        for layer, block in enumerate(self.blocks):
            qkv, inner = block.open(x, cos, sin)
            q, k, v = qkv[0].permute(1, 2, 0, 3).unsqueeze(1).unbind(0)  # each (1, H, T, D)
            self.cache[layer, 0, slot, :, :padded], self.cache[layer, 1, slot, :, :padded] = (
                k[0],
                v[0],
            )
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = block.close(x, mixed.transpose(1, 2).flatten(-2), inner)
        logits: Tensor = self.model.head(self.model.norm(x[:, len(ids) - 1]))[0]
        return logits

    def _step(self, work: Sequence[tuple[int, int, Sequence[int]]]) -> Tensor:
        """Read a token in each of these slots; logits (slots, V), which for the other slots say nothing."""
        positions, tokens = [0] * self.slots, [0] * self.slots
        for slot, first, ids in work:
            positions[slot], tokens[slot] = first, ids[0]
        position, token = torch.tensor([positions, tokens], device=self.device)
        seen = min(self.model.shape.context, -(-(max(positions) + 1) // STRIDE) * STRIDE)
        allowed = (torch.arange(seen, device=self.device) <= position[:, None])[:, None, None]
        cos, sin = self.model.cos[position][:, None], self.model.sin[position][:, None]
        rows = torch.arange(self.slots, device=self.device)
        x = self.model.embedding(token[:, None])
        for layer, block in enumerate(self.blocks):
            qkv, inner = block.open(x, cos, sin)
            q, k, v = qkv[:, 0].unbind(1)  # each (slots, H, D)
            keys, values = self.cache[layer, 0], self.cache[layer, 1]
            keys[rows, :, position], values[rows, :, position] = k, v
            many = F.scaled_dot_product_attention(
                q[:, :, None], keys[:, :, :seen], values[:, :, :seen], allowed
            )
            x = block.close(x, many.transpose(1, 2).flatten(-2), inner)
        logits: Tensor = self.model.head(self.model.norm(x[:, 0]))
        return logits


def reference_bits(
    model: Phi, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]
) -> list[float]:
    """Bits that the model needs for each continuation given its prompt; divide by its UTF-8 bytes for bits per byte.

    Prompt and continuation are encoded apart. Both are cut from the left to the context; what is
    cut off the continuation is counted at the mean of the rest.
    """
    encoded = [
        (tokenizer.encode(prompt) or [tokenizer.end], tokenizer.encode(text))
        for prompt, text in pairs
    ]
    context = model.shape.context
    bits = [0.0] * len(pairs)
    rows = [((prompt + text)[-context:], min(len(text), context - 1)) for prompt, text in encoded]
    order = sorted(
        (at for at, (_, scored) in enumerate(rows) if scored), key=lambda at: -len(rows[at][0])
    )
    while order:
        longest = len(rows[order[0]][0])
        batch, order = (
            order[: max(1, SCORE_TOKENS // longest)],
            order[max(1, SCORE_TOKENS // longest) :],
        )
        for at, nats in zip(batch, _nats(model, [rows[at] for at in batch], longest), strict=True):
            bits[at] = nats / math.log(2) * len(encoded[at][1]) / rows[at][1]
    return bits


@torch.inference_mode()
def _nats(model: Phi, rows: Sequence[tuple[list[int], int]], longest: int) -> list[float]:
    """Summed nats of the last `scored` ids of each row."""
    device = model.embedding.weight.device
    ids = torch.zeros((len(rows), longest), dtype=torch.long)
    for at, (row, _) in enumerate(rows):
        ids[at, : len(row)] = torch.tensor(row)
    meter.count(tokens_in=sum(len(row) for row, _ in rows))
    hidden = model.hidden(ids.to(device))
    found = []
    for at, (row, scored) in enumerate(rows):
        first = len(row) - scored
        logits = model.head(hidden[at, first - 1 : len(row) - 1]).float()
        found.append(
            float(
                F.cross_entropy(logits, torch.tensor(row[first:], device=device), reduction="sum")
            )
        )
    return found
