"""Text from a trained model: many prompts at once, slots refilled as soon as one ends; and what a text would cost it.

In: a Phi, its tokenizer, prompts. Out: completions in the prompts' order, or bits of given continuations.
Each prompt is read alone and each step computes all slots, whoever sits in them, so in fp32 a completion does not
depend on its neighbours (lm-evaluation-harness issue 1992 is what happens otherwise). Seeds belong to requests.
Not covered: beam search, several GPUs for one model, speculative decoding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F

from hornbook import meter

if TYPE_CHECKING:
    from torch import Tensor

    from hornbook.model import Phi
    from hornbook.tokenizer import Tokenizer

SLOTS = 32
STRIDE = 64  # the cache is read in whole strides: sums over it then have the same shape wherever a batch stands
TAIL = 24  # tokens looked back at for a stop sequence
PREFILL = 16  # prompts' lengths are rounded up to this
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
    token: int  # the next token to be read
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

    A prompt that leaves no room for `how.max_new_tokens` in the context loses its beginning, down to half the context.
    """
    writer = _Writer(model, tokenizer, how, slots)
    draw = _drawer(how, seeds or range(len(prompts)))
    done: list[Completion | None] = [None] * len(prompts)
    with torch.inference_mode():
        for request, completion in writer.write(prompts, draw):
            done[request] = completion
            meter.count(tokens_out=completion.tokens)
            if advance:
                advance(1)
    return [completion for completion in done if completion is not None]


Draw = Callable[[int, "Tensor"], int]


def _drawer(how: Drawing, seeds: Sequence[int]) -> Draw:
    """A function from (request, logits (V,)) to the next token."""
    generators: dict[int, torch.Generator] = {}

    def draw(request: int, logits: Tensor) -> int:
        if not how.temperature:
            return int(logits.argmax())
        if request not in generators:
            generators[request] = torch.Generator().manual_seed(seeds[request])
        p = torch.softmax(logits.float().cpu() / how.temperature, dim=-1)
        if how.top_p < 1:
            p, order = p.sort(descending=True, stable=True)
            p[p.cumsum(0) - p >= how.top_p] = 0  # the token that crosses the line stays
            return int(order[torch.multinomial(p, 1, generator=generators[request])])
        return int(torch.multinomial(p, 1, generator=generators[request]))

    return draw


class _Writer:
    """The slots, their cache of keys and values, and the step that moves all of them on by one token."""

    def __init__(self, model: Phi, tokenizer: Tokenizer, how: Drawing, slots: int) -> None:
        self.model, self.tokenizer, self.most, self.stop = model, tokenizer, how.max_new_tokens, tuple(how.stop)
        self.slots: list[_Slot | None] = [None] * slots
        self.blocks: list[Any] = list(model.blocks)
        shape, weight = model.shape, model.embedding.weight
        self.device = weight.device
        size = (shape.layers, 2, slots, shape.heads, shape.context, shape.width // shape.heads)
        self.cache = torch.zeros(size, dtype=weight.dtype, device=self.device)

    def write(self, prompts: Sequence[str], draw: Draw) -> Iterator[tuple[int, Completion]]:
        """(request, completion) as they end."""
        waiting = list(enumerate(self.tokenizer.encode_many(prompts)))[::-1]
        while waiting or any(self.slots):
            for place, slot in enumerate(self.slots):
                while self.slots[place] is None and waiting:
                    request, ids = waiting.pop()
                    slot, logits = self._open(place, request, ids)
                    yield from self._take(place, slot, draw(request, logits))
            if not any(self.slots):
                return
            logits = self._step()
            for place, slot in enumerate(self.slots):
                if slot is not None:
                    yield from self._take(place, slot, draw(slot.request, logits[place]))

    def _open(self, place: int, request: int, ids: list[int]) -> tuple[_Slot, Tensor]:
        """Read a prompt into a slot's cache; the logits (V,) of what follows it."""
        context = self.model.shape.context
        meter.count(tokens_in=len(ids))
        ids = (ids or [self.tokenizer.end])[-max(context - self.most, context // 2) :]
        padded = min(context, -(-len(ids) // PREFILL) * PREFILL)  # few distinct shapes: kernels are planned once each
        batch = torch.full((1, padded), self.tokenizer.end, device=self.device)
        batch[0, : len(ids)] = torch.tensor(ids, device=self.device)
        x = self.model.embedding(batch)
        cos, sin = self.model.cos[:padded], self.model.sin[:padded]
        for layer, block in enumerate(self.blocks):
            qkv, inner = block.open(x, cos, sin)
            q, k, v = qkv[0].permute(1, 2, 0, 3).unsqueeze(1).unbind(0)  # each (1, H, T, D)
            self.cache[layer, 0, place, :, :padded], self.cache[layer, 1, place, :, :padded] = k[0], v[0]
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = block.close(x, mixed.transpose(1, 2).flatten(-2), inner)
        logits: Tensor = self.model.head(self.model.norm(x[:, len(ids) - 1]))[0]
        slot = _Slot(request, len(ids), 0, min(self.most, context - len(ids)))
        self.slots[place] = slot
        return slot, logits

    def _step(self) -> Tensor:
        """Read each slot's next token; logits (slots, V). Empty slots are computed too and looked at by nobody."""
        position = torch.tensor([s.position if s else 0 for s in self.slots], device=self.device)
        token = torch.tensor([[s.token if s else 0] for s in self.slots], device=self.device)
        seen = min(self.model.shape.context, -(-(int(position.max()) + 1) // STRIDE) * STRIDE)
        allowed = (torch.arange(seen, device=self.device) <= position[:, None])[:, None, None]
        cos, sin = self.model.cos[position][:, None], self.model.sin[position][:, None]
        rows = torch.arange(len(self.slots), device=self.device)
        x = self.model.embedding(token)
        by_hand = x.dtype == torch.float32 and x.device.type == "cpu"
        for layer, block in enumerate(self.blocks):
            qkv, inner = block.open(x, cos, sin)
            q, k, v = qkv[:, 0].unbind(1)  # each (slots, H, D)
            keys, values = self.cache[layer, 0], self.cache[layer, 1]
            keys[rows, :, position], values[rows, :, position] = k, v
            if by_hand:
                mixed = _ask(q, keys, values, position + 1)
            else:
                many = F.scaled_dot_product_attention(q[:, :, None], keys[:, :, :seen], values[:, :, :seen], allowed)
                mixed = many.transpose(1, 2)
            x = block.close(x, mixed.flatten(-2), inner)
        for slot in self.slots:
            if slot is not None:
                slot.position += 1
        logits: Tensor = self.model.head(self.model.norm(x[:, 0]))
        return logits

    def _take(self, place: int, slot: _Slot, token: int) -> Iterator[tuple[int, Completion]]:
        """Add a drawn token to a slot; a request that ends with it leaves the slot empty."""
        finish = "end" if token == self.tokenizer.end else ""
        if not finish:
            slot.drawn.append(token)
            slot.token = token
            slot.room -= 1
            recent = self.tokenizer.decode(slot.drawn[-TAIL:]) if self.stop else ""
            finish = "stop" if any(word in recent for word in self.stop) else "" if slot.room > 0 else "length"
        if finish:
            self.slots[place] = None
            text = self.tokenizer.decode(slot.drawn)
            ends = [at for word in self.stop if (at := text.find(word)) >= 0]
            yield slot.request, Completion(text[: min(ends)] if ends else text, len(slot.drawn), finish)


def _ask(q: Tensor, keys: Tensor, values: Tensor, seen: Tensor) -> Tensor:
    """Attention (slots, 1, H, D) of one query (slots, H, D) a slot over the first `seen` of its (slots, H, T, D)."""
    from hornbook import kernels as k

    width, rows, q = q.shape[-1], q.shape[0] * q.shape[1], q.contiguous()
    out = torch.empty_like(q)
    cached = keys.flatten(0, 1), values.flatten(0, 1)
    k.over_rows(k.asking(width), rows, int(seen.sum()) * width, q.flatten(0, 1), *cached, seen, k.f32(width**-0.5),
                out.flatten(0, 1))  # fmt: skip
    return out[:, None]


def reference_bits(model: Phi, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]]) -> list[float]:
    """Bits that the model needs for each continuation given its prompt; divide by its UTF-8 bytes for bits per byte.

    Prompt and continuation are encoded apart. Both are cut from the left to the context; what is cut off the
    continuation is counted at the mean of the rest.
    """
    encoded = [(tokenizer.encode(prompt) or [tokenizer.end], tokenizer.encode(text)) for prompt, text in pairs]
    context = model.shape.context
    bits = [0.0] * len(pairs)
    rows = [((prompt + text)[-context:], min(len(text), context - 1)) for prompt, text in encoded]
    order = sorted((at for at, (_, scored) in enumerate(rows) if scored), key=lambda at: -len(rows[at][0]))
    while order:
        longest = len(rows[order[0]][0])
        batch, order = order[: max(1, SCORE_TOKENS // longest)], order[max(1, SCORE_TOKENS // longest) :]
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
        found.append(float(F.cross_entropy(logits, torch.tensor(row[first:], device=device), reduction="sum")))
    return found
