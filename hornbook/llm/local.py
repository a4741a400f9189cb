"""The embedded model answers: 32 requests at a time, slots refilled as answers end, common beginnings read once.

In: requests. Out: an entry each, kept as soon as it ends. Prompts are read eight chunks of 64
tokens at once, of one slot or of several, and a chunk that another slot holds with all before it is
copied: few-shot examples and repeated prompts are read once. Every computation has the same shape
whoever sits in the other slots and chance belongs to the request (its key), so an answer does not
depend on its neighbours, nor on where a run was killed. Measured on a core of a Xeon with AMX, CPU
time: 1,080 tokens/s read, 200 written (docs/log.md).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from hornbook.llm.ledger import Answer, Entry, Spent
from hornbook.llm.requests import LLM, Request
from hornbook.llm.slot_cache import Blocks
from hornbook.models import embedded_weights

if TYPE_CHECKING:
    from torch import Tensor

SLOTS = 32  # rows of a step; 64 are hardly faster on 2 cores, which 32 rows keep busy
CHUNK = 64  # tokens of a prompt in a row, and the cache's stride
ROWS = 8  # chunks read at once, of any slots: one row of 32 tokens costs a third of eight of 64 on a CPU with AMX
FREE = 4  # slots that wait for each other, so that reading fills its rows
CONTEXT = 2048  # prompt and answer; the cache of 32 slots takes 3 GB there in float32
LIKELY = 3e-5  # tokens below are looked at only if the others do not fill the nucleus
TAIL = 24  # tokens looked back at for a stop sequence


def answer(asked: Sequence[Request], device: str, keep: Callable[[Sequence[Entry]], None]) -> None:
    """Answer all; `keep` is called with each entry as it ends."""
    import torch

    model, tokenizer = embedded_weights.model(device)
    jobs = [
        _Job(each, tokenizer.encode(_prompt(each, tokenizer), add_special_tokens=False))
        for each in asked
    ]
    fit = [job for job in jobs if len(job.ids) + job.llm.max_tokens <= CONTEXT]
    for job in (job for job in jobs if len(job.ids) + job.llm.max_tokens > CONTEXT):
        error = f"a prompt of {len(job.ids)} tokens and {job.llm.max_tokens} to answer are over {CONTEXT}"
        keep(
            [Entry(job.asked.key, job.llm.model, Answer("", finish="error", error=error), Spent())]
        )
    if fit:
        room = -(-max(len(job.ids) + job.llm.max_tokens for job in fit) // CHUNK) * CHUNK
        with torch.inference_mode():
            for job in _Writer(model, tokenizer, room).write(sorted(fit, key=lambda job: job.ids)):
                keep([job.entry(tokenizer)])


def _prompt(asked: Request, tokenizer: Any) -> str:
    if not asked.prompt.turns:  # no chat: the text is gone on with as it stands
        return asked.prompt.begins
    chat = tokenizer.apply_chat_template(
        asked.messages(tell_schema=True), add_generation_prompt=True, tokenize=False
    )
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
    """The slots: what each has read and is answering, and the two steps that move them on."""

    def __init__(self, model: Any, tokenizer: Any, room: int) -> None:
        self.blocks = Blocks(
            model, SLOTS + 1, room
        )  # the last slot is where rows write that read nothing
        self.tokenizer, self.room = tokenizer, room
        self.slots: list[_Job | None] = [None] * SLOTS
        self.read: list[list[int]] = [
            [] for _ in range(SLOTS)
        ]  # the tokens whose keys and values a slot holds
        self.after: list[Tensor | None] = [
            None
        ] * SLOTS  # the logits (V,) that follow them, if they are a whole prompt

    def write(self, jobs: Sequence[_Job]) -> Iterator[_Job]:
        """The jobs as they end."""
        waiting = list(reversed(jobs))
        while waiting or any(self.slots):
            free = [place for place in range(SLOTS) if self.slots[place] is None][: len(waiting)]
            if free and len(free) >= min(FREE, len(waiting)):
                for place in free:
                    self.slots[place] = waiting.pop()
                yield from self._open(free)
            if any(self.slots):
                yield from self._take(range(SLOTS), list(self._step()))

    def _open(self, places: list[int]) -> Iterator[_Job]:
        """Read the prompts of these slots, and draw the first token of each. A beginning is read once and copied."""
        closed, opened = list(places), list[int]()
        while closed or opened:
            for turn, place in enumerate(list(closed)):
                ids = self._job(place).ids
                donor = max(range(SLOTS), key=lambda other: _common(self.read[other], ids))
                whole = self.read[donor] == ids and self.after[donor] is not None
                known = len(ids) if whole else _shared(self.read[donor], ids)
                soon = max(
                    (_shared(self._job(other).ids, ids) for other in opened + closed[:turn]),
                    default=0,
                )
                if soon > known:
                    continue  # another slot is about to read more of it
                if donor != place:
                    self.blocks.copy(donor, place, known)
                self.read[place], self.after[place] = (
                    ids[:known],
                    self.after[donor] if whole else None,
                )
                opened.append(place)
            closed = [place for place in closed if place not in opened]
            self._read(opened)
            done = [place for place in opened if self.after[place] is not None]
            opened = [place for place in opened if place not in done]
            yield from self._take(done, [self.after[place] for place in done])

    def _job(self, place: int) -> _Job:
        job = self.slots[place]
        assert job is not None
        return job

    def _read(self, places: Sequence[int]) -> None:
        """Read ROWS chunks of these slots' prompts, and keep the logits that follow a prompt read to its end."""
        import torch

        rows, firsts, ends = list[int](), list[int](), list[tuple[int, int, int]]()
        tokens = torch.zeros((ROWS, CHUNK), dtype=torch.long)
        for place in places:
            ids = self._job(place).ids
            for first in range(len(self.read[place]), len(ids), CHUNK)[: ROWS - len(rows)]:
                some = ids[first : first + CHUNK]
                tokens[len(rows), : len(some)] = torch.tensor(some)
                self.read[place] = ids[: first + CHUNK]
                if first + CHUNK >= len(ids):
                    ends.append((place, len(rows), len(some) - 1))
                rows.append(place)
                firsts.append(first)
        if not rows:
            return
        empty = ROWS - len(rows)
        positions = torch.tensor(firsts + [0] * empty)[:, None] + torch.arange(CHUNK)
        hidden = self.blocks.hidden(
            tokens, positions, torch.tensor(rows + [SLOTS] * empty), max(firsts) + CHUNK
        )
        last = hidden[:, 0].clone()
        for at, (_, row, column) in enumerate(ends):
            last[at] = hidden[row, column]
        for logits, (place, _, _) in zip(self.blocks.logits(last).clone(), ends, strict=False):
            self.after[place] = logits

    def _step(self) -> Tensor:
        """Read each slot's last token; logits (SLOTS, V). Empty slots are computed too and looked at by nobody."""
        import torch

        at = [len(job.ids) + len(job.drawn) - 1 if job else self.room - 1 for job in self.slots]
        token = torch.tensor([[job.drawn[-1] if job else 0] for job in self.slots])
        longest = max(position for position, job in zip(at, self.slots, strict=True) if job)
        seen = (longest // CHUNK + 1) * CHUNK
        hidden = self.blocks.hidden(token, torch.tensor(at)[:, None], None, seen)
        return self.blocks.logits(hidden[:, 0])

    def _take(self, places: Sequence[int], logits: Sequence[Tensor | None]) -> Iterator[_Job]:
        """Draw a token for each occupied place; a job that ends leaves its slot."""
        jobs = [
            (place, job, row)
            for place, row in zip(places, logits, strict=True)
            if (job := self.slots[place]) and row is not None
        ]
        drawn = _draw([row for _, _, row in jobs], [job for _, job, _ in jobs])
        for (place, job, _), token in zip(jobs, drawn, strict=True):
            job.take(token, self.tokenizer)
            if job.finish:
                self.slots[place] = None
                yield job


def _common(a: list[int], b: list[int]) -> int:
    """Length of the common beginning."""
    if a[: len(b)] == b[: len(a)]:
        return min(len(a), len(b))
    return next(at for at, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)


def _shared(read: list[int], ids: list[int]) -> int:
    """How many tokens of a prompt can be copied from one that was read: whole chunks, and never the last token."""
    return min(_common(read, ids), len(ids) - 1) // CHUNK * CHUNK


def _draw(logits: Sequence[Tensor], jobs: Sequence[_Job]) -> list[int]:
    """The next token after each row of logits (V,), by its job's temperature, nucleus and chance.

    Only likely tokens are sorted: 5 ms for 32 rows, where torch's topk of 256 takes 190.
    """
    import numpy as np
    import torch

    if not jobs:
        return []
    llm, table = jobs[0].llm, torch.stack(list(logits))
    if not llm.temperature:
        return [int(token) for token in table.argmax(-1)]
    drawn = []
    for p, job in zip(
        (table.float() / llm.temperature).softmax(-1).cpu().numpy(), jobs, strict=True
    ):
        ids = np.flatnonzero(p >= LIKELY)
        if p[ids].sum() < llm.top_p:
            ids = np.arange(len(p))
        ids = ids[np.argsort(-p[ids], kind="stable")]
        sums = p[ids].cumsum(dtype=np.float64)
        inside = min(
            int((sums < llm.top_p).sum()) + 1, len(ids)
        )  # the token that crosses the line stays
        at = int(
            np.searchsorted(sums[:inside], job.chance.random() * sums[inside - 1], side="right")
        )
        drawn.append(int(ids[min(at, inside - 1)]))
    return drawn
