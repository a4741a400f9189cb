"""The embedded model answers: 32 requests at a time, a slot refilled when its answer ends, common words read once.

In: requests. Out: an entry each, kept as soon as it ends. Prompts are read in chunks of 32 tokens, and a chunk that
another slot holds with all before it is copied, so few-shot examples and repeated prompts are read once. Every
computation has the same shape whoever sits in the other slots and chance belongs to the request (its key), so an
answer does not depend on its neighbours, nor on where a run was killed.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hornbook import embedded
from hornbook.ledger import Answer, Entry, Spent
from hornbook.llm.chat import LLM, Request

if TYPE_CHECKING:
    from torch import Tensor

SLOTS = 32  # rows of a step; 64 are hardly faster on 2 cores, which 32 rows keep busy
CHUNK = 32  # tokens of a prompt read at once (226 a second on a core; 255 at 64), and the cache's stride
CONTEXT = 2048  # prompt and answer; the cache of 32 slots takes 3 GB there in float32
LIKELIEST = 256  # tokens looked at first for the nucleus
TAIL = 24  # tokens looked back at for a stop sequence


def answer(asked: Sequence[Request], device: str, keep: Callable[[Sequence[Entry]], None]) -> None:
    """Answer all; `keep` is called with each entry as it ends."""
    import torch

    model, tokenizer = embedded.model(device)
    jobs = [_Job(each, tokenizer.encode(_prompt(each, tokenizer), add_special_tokens=False)) for each in asked]
    fit = [job for job in jobs if len(job.ids) + job.llm.max_tokens <= CONTEXT]
    for job in (job for job in jobs if len(job.ids) + job.llm.max_tokens > CONTEXT):
        error = f"a prompt of {len(job.ids)} tokens and {job.llm.max_tokens} to answer are over {CONTEXT}"
        keep([Entry(job.asked.key, job.llm.model, Answer("", finish="error", error=error), Spent())])
    if fit:
        room = -(-max(len(job.ids) + job.llm.max_tokens for job in fit) // CHUNK) * CHUNK
        with torch.inference_mode():
            for job in _Writer(model, tokenizer, room).write(sorted(fit, key=lambda job: job.ids)):
                keep([job.entry(tokenizer)])


def _prompt(asked: Request, tokenizer: Any) -> str:
    if not asked.prompt.turns:  # no chat: the text is gone on with as it stands
        return asked.prompt.begins
    chat = tokenizer.apply_chat_template(asked.messages(tell_schema=True), add_generation_prompt=True, tokenize=False)
    return str(chat) + asked.prompt.begins


@dataclass
class _Job:
    """A request being answered: the prompt's ids, the ids drawn so far, and its own chance."""

    asked: Request
    ids: list[int]
    drawn: list[int] = field(default_factory=list)
    finish: str = ""

    def __post_init__(self) -> None:
        self.chance = random.Random(self.asked.seed)

    @property
    def llm(self) -> LLM:
        return self.asked.llm

    def take(self, token: int, tokenizer: Any) -> None:
        """Add a drawn token and see whether the answer ends with it."""
        self.drawn.append(token)
        recent = tokenizer.decode(self.drawn[-TAIL:]) if self.llm.stop else ""
        if token == tokenizer.eos_token_id or any(word in recent for word in self.llm.stop):
            self.finish = "stop"
        elif len(self.drawn) == self.llm.max_tokens:
            self.finish = "length"

    def entry(self, tokenizer: Any) -> Entry:
        text = tokenizer.decode(self.drawn, skip_special_tokens=True)
        ends = [at for word in self.llm.stop if (at := text.find(word)) >= 0]
        text = self.asked.prompt.begins + (text[: min(ends)] if ends else text)
        read, wrote = len(self.ids), len(self.drawn)
        found = Answer(text, read, wrote, self.finish)
        return Entry(self.asked.key, self.llm.model, found, Spent(1, read, wrote))


class _Writer:
    """The slots, their cache of keys and values, and the step that moves all of them on by one token."""

    def __init__(self, model: Any, tokenizer: Any, room: int) -> None:
        import torch

        config = model.config
        self.model, self.tokenizer, self.device = model, tokenizer, model.device
        self.heads, self.shared = config.num_attention_heads, config.num_key_value_heads
        width = config.head_dim
        size = (config.num_hidden_layers, 2, SLOTS, self.shared, room, width)
        self.cache = torch.zeros(size, dtype=model.dtype, device=self.device)
        rate = config.rope_parameters["rope_theta"] ** -(torch.arange(0, width, 2) / width)
        angle = torch.outer(torch.arange(room), torch.cat((rate, rate)))  # (room, D)
        self.cos, self.sin = (table.to(self.device, model.dtype) for table in (angle.cos(), angle.sin()))
        self.slots: list[_Job | None] = [None] * SLOTS
        self.read: list[list[int]] = [[] for _ in range(SLOTS)]  # the prompt whose keys and values a slot holds
        self.after: list[Tensor | None] = [None] * SLOTS  # the logits that followed it

    def write(self, jobs: Sequence[_Job]) -> Iterator[_Job]:
        """The jobs as they end."""
        waiting = list(reversed(jobs))
        while waiting or any(self.slots):
            for place in range(SLOTS):
                while self.slots[place] is None and waiting:
                    job = self.slots[place] = waiting.pop()
                    yield from self._take([place], self._open(place, job.ids))
            if any(self.slots):
                yield from self._take(range(SLOTS), self._step())

    def _open(self, place: int, ids: list[int]) -> Tensor:
        """Read a prompt into a slot; the logits (1, V) of what follows it."""
        import torch

        donor = max(range(SLOTS), key=lambda other: _common(self.read[other], ids))
        logits = self.after[donor] if self.read[donor] == ids else None
        known = min(_common(self.read[donor], ids), len(ids) - 1) // CHUNK * CHUNK if logits is None else len(ids)
        if donor != place:
            self.cache[:, :, place, :, :known] = self.cache[:, :, donor, :, :known]
        for begin in range(known, len(ids), CHUNK):
            chunk = torch.zeros((1, CHUNK), dtype=torch.long)
            some = torch.tensor(ids[begin : begin + CHUNK])
            chunk[0, : len(some)] = some
            positions = torch.arange(begin, begin + CHUNK)[None]
            hidden = self._forward(chunk, positions, slice(place, place + 1), begin + CHUNK)
        if logits is None:
            logits = self.model.lm_head(hidden[:, (len(ids) - 1) % CHUNK])
        self.read[place], self.after[place] = ids, logits
        return logits

    def _step(self) -> Tensor:
        """Read each slot's last token; logits (SLOTS, V). Empty slots are computed too and looked at by nobody."""
        import torch

        room = self.cache.shape[4]
        at = [len(job.ids) + len(job.drawn) - 1 if job else room - 1 for job in self.slots]
        token = torch.tensor([[job.drawn[-1] if job else 0] for job in self.slots])
        longest = max(position for position, job in zip(at, self.slots, strict=True) if job)
        seen = (longest // CHUNK + 1) * CHUNK
        hidden = self._forward(token, torch.tensor(at)[:, None], slice(0, SLOTS), seen)
        logits: Tensor = self.model.lm_head(hidden[:, 0])
        return logits

    def _forward(self, tokens: Tensor, positions: Tensor, rows: slice, seen: int) -> Tensor:
        """Llama's blocks over tokens (B, T) at positions (B, T) of the slots `rows`; hidden states (B, T, C).

        A query sees the cache up to its own position. The query heads that share keys lie along time, so that the
        keys are never repeated: a third of the memory traffic.
        """
        import torch
        import torch.nn.functional as F

        (B, T), group = tokens.shape, self.heads // self.shared
        tokens, positions = tokens.to(self.device), positions.to(self.device)
        cos, sin = self.cos[positions][:, :, None], self.sin[positions][:, :, None]  # (B, T, 1, D)
        which = torch.arange(B, device=self.device)[:, None]
        allowed = torch.arange(seen, device=self.device) <= positions[:, :, None]  # (B, T, seen)
        allowed = allowed[:, None].repeat(1, 1, group, 1)  # (B, 1, group * T, seen)
        x = self.model.model.embed_tokens(tokens)
        for layer, block in enumerate(self.model.model.layers):
            attention, y = block.self_attn, block.input_layernorm(x)
            q = _turn(attention.q_proj(y).view(B, T, self.heads, -1), cos, sin)
            k = _turn(attention.k_proj(y).view(B, T, self.shared, -1), cos, sin)
            keys, values = self.cache[layer, 0, rows], self.cache[layer, 1, rows]  # (B, shared, room, D)
            keys[which, :, positions], values[which, :, positions] = k, attention.v_proj(y).view(k.shape)
            q = q.view(B, T, self.shared, group, -1).permute(0, 2, 3, 1, 4).reshape(B, self.shared, group * T, -1)
            mixed = F.scaled_dot_product_attention(q, keys[:, :, :seen], values[:, :, :seen], allowed)
            mixed = mixed.view(B, self.shared, group, T, -1).permute(0, 3, 1, 2, 4).reshape(B, T, -1)
            x = x + attention.o_proj(mixed)
            x = x + block.mlp(block.post_attention_layernorm(x))
        hidden: Tensor = self.model.model.norm(x)
        return hidden

    def _take(self, places: Sequence[int], logits: Tensor) -> Iterator[_Job]:
        """Draw a token for each occupied place; a job that ends leaves its slot."""
        jobs = [self.slots[place] for place in places]
        for place, job, token in zip(places, jobs, _draw(logits, jobs), strict=True):
            if job is not None:
                job.take(token, self.tokenizer)
                if job.finish:
                    self.slots[place] = None
                    yield job


def _common(a: list[int], b: list[int]) -> int:
    """Length of the common beginning."""
    return next((at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary positions, the halves as in Llama's released code by Hugging Face."""
    import torch

    a, b = x.chunk(2, -1)
    return x * cos + torch.cat((-b, a), -1) * sin


def _draw(logits: Tensor, jobs: Sequence[_Job | None]) -> list[int]:
    """The next token of each row (N, V), by its job's temperature, nucleus and chance; 0 for an empty slot."""
    llm = next(job for job in jobs if job is not None).llm
    if not llm.temperature:
        return [int(token) for token in logits.argmax(-1)]
    p = (logits.float() / llm.temperature).softmax(-1)
    likely, tokens = p.topk(LIKELIEST)
    sums = likely.cumsum(-1)
    drawn = []
    for row, job in enumerate(jobs):
        if job is None:
            drawn.append(0)
            continue
        line, ids = sums[row], tokens[row]
        if float(line[-1]) < llm.top_p:
            all_likely, ids = p[row].sort(descending=True, stable=True)
            line = all_likely.cumsum(-1)
        inside = min(int((line < llm.top_p).sum()) + 1, len(line))  # the token that crosses the line stays
        at = int((line[:inside] <= job.chance.random() * float(line[inside - 1])).sum())
        drawn.append(int(ids[min(at, inside - 1)]))
    return drawn
