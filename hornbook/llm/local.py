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

from hornbook.llm.ledger import LedgerEntry, LLMAnswer, Spending
from hornbook.llm.requests import LLM, LLMRequest
from hornbook.llm.slot_cache import SlotCacheModel
from hornbook.models import embedded_weights

if TYPE_CHECKING:
    from torch import Tensor

SLOTS = 32  # rows of a step; 64 are hardly faster on 2 cores, which 32 rows keep busy
CHUNK = 64  # tokens of a prompt in a row, and the cache's stride
CHUNKS_AT_ONCE = 8  # chunks read at once, of any slots: one row of 32 tokens costs a third of eight of 64 on a CPU with AMX
MIN_FREE_SLOTS = 4  # slots that wait for each other, so that reading fills its rows
MAX_CONTEXT = 2048  # prompt and answer; the cache of 32 slots takes 3 GB there in float32
LIKELY_PROBABILITY = 3e-5  # tokens below are looked at only if the others do not fill the nucleus
STOP_LOOKBACK = 24  # tokens looked back at for a stop sequence


def answer_requests(
    requests: Sequence[LLMRequest],
    device: str,
    save_entries: Callable[[Sequence[LedgerEntry]], None],
) -> None:
    """Answer all; `keep` is called with each entry as it ends."""
    import torch

    model, tokenizer = embedded_weights.load_model(device)
    jobs = [
        LocalRequest(
            request, tokenizer.encode(_render_prompt(request, tokenizer), add_special_tokens=False)
        )
        for request in requests
    ]
    fit = [job for job in jobs if len(job.prompt_ids) + job.llm.max_tokens <= MAX_CONTEXT]
    for job in (job for job in jobs if len(job.prompt_ids) + job.llm.max_tokens > MAX_CONTEXT):
        error = f"a prompt of {len(job.prompt_ids)} tokens and {job.llm.max_tokens} to answer are over {MAX_CONTEXT}"
        save_entries(
            [
                LedgerEntry(
                    job.request.key,
                    job.llm.model,
                    LLMAnswer("", finish="error", error=error),
                    Spending(),
                )
            ]
        )
    if fit:
        slot_length = (
            -(-max(len(job.prompt_ids) + job.llm.max_tokens for job in fit) // CHUNK) * CHUNK
        )
        with torch.inference_mode():
            for job in LocalScheduler(model, tokenizer, slot_length).run_requests(
                sorted(fit, key=lambda job: job.prompt_ids)
            ):
                save_entries([job.make_entry(tokenizer)])


def _render_prompt(request: LLMRequest, tokenizer: Any) -> str:
    if not request.prompt.turns:  # no chat: the text is gone on with as it stands
        return request.prompt.begins
    chat = tokenizer.apply_chat_template(
        request.messages(tell_schema=True), add_generation_prompt=True, tokenize=False
    )
    return str(chat) + request.prompt.begins


@dataclass
class LocalRequest:
    """A request being answered: the prompt's ids, the ids drawn so far, and its own chance."""

    request: LLMRequest
    prompt_ids: list[int]
    sampled_ids: list[int] = field(default_factory=list)
    finish: str = ""

    def __post_init__(self) -> None:
        self.random_ = random.Random(self.request.seed)

    @property
    def llm(self) -> LLM:
        return self.request.llm

    def append_token(self, token: int, tokenizer: Any) -> None:
        """Add a drawn token and see whether the answer ends with it."""
        self.sampled_ids.append(token)
        recent = tokenizer.decode(self.sampled_ids[-STOP_LOOKBACK:]) if self.llm.stop else ""
        if token == tokenizer.eos_token_id or any(word in recent for word in self.llm.stop):
            self.finish = "stop"
        elif len(self.sampled_ids) == self.llm.max_tokens:
            self.finish = "length"

    def make_entry(self, tokenizer: Any) -> LedgerEntry:
        text = tokenizer.decode(self.sampled_ids, skip_special_tokens=True)
        ends = [position for word in self.llm.stop if (position := text.find(word)) >= 0]
        text = self.request.prompt.begins + (text[: min(ends)] if ends else text)
        tokens_in, tokens_out = len(self.prompt_ids), len(self.sampled_ids)
        answer = LLMAnswer(text, tokens_in, tokens_out, self.finish)
        return LedgerEntry(
            self.request.key, self.llm.model, answer, Spending(1, tokens_in, tokens_out)
        )


class LocalScheduler:
    """The slots: what each has read and is answering, and the two steps that move them on."""

    def __init__(self, model: Any, tokenizer: Any, slot_length: int) -> None:
        self.blocks = SlotCacheModel(
            model, SLOTS + 1, slot_length
        )  # the last slot is where rows write that read nothing
        self.tokenizer, self.slot_length = tokenizer, slot_length
        self.slots: list[LocalRequest | None] = [None] * SLOTS
        self.read_ids: list[list[int]] = [
            [] for _ in range(SLOTS)
        ]  # the tokens whose keys and values a slot holds
        self.next_logits: list[Tensor | None] = [
            None
        ] * SLOTS  # the logits (V,) that follow them, if they are a whole prompt

    def run_requests(self, jobs: Sequence[LocalRequest]) -> Iterator[LocalRequest]:
        """The jobs as they end."""
        waiting = list(reversed(jobs))
        while waiting or any(self.slots):
            free = [slot_index for slot_index in range(SLOTS) if self.slots[slot_index] is None][
                : len(waiting)
            ]
            if free and len(free) >= min(MIN_FREE_SLOTS, len(waiting)):
                for slot_index in free:
                    self.slots[slot_index] = waiting.pop()
                yield from self._prefill_slots(free)
            if any(self.slots):
                yield from self._append_tokens(range(SLOTS), list(self._decode_step()))

    def _prefill_slots(self, slot_indices: list[int]) -> Iterator[LocalRequest]:
        """Read the prompts of these slots, and draw the first token of each. A beginning is read once and copied."""
        unopened, opened = list(slot_indices), list[int]()
        while unopened or opened:
            for turn, slot_index in enumerate(list(unopened)):
                ids = self._job_in_slot(slot_index).prompt_ids
                donor = max(
                    range(SLOTS), key=lambda other: _common_prefix(self.read_ids[other], ids)
                )
                whole = self.read_ids[donor] == ids and self.next_logits[donor] is not None
                copied = len(ids) if whole else _copyable_tokens(self.read_ids[donor], ids)
                soon_copied = max(
                    (
                        _copyable_tokens(self._job_in_slot(other).prompt_ids, ids)
                        for other in opened + unopened[:turn]
                    ),
                    default=0,
                )
                if soon_copied > copied:
                    continue  # another slot is about to read more of it
                if donor != slot_index:
                    self.blocks.copy_slot(donor, slot_index, copied)
                self.read_ids[slot_index], self.next_logits[slot_index] = (
                    ids[:copied],
                    self.next_logits[donor] if whole else None,
                )
                opened.append(slot_index)
            unopened = [slot_index for slot_index in unopened if slot_index not in opened]
            self._read_chunks(opened)
            finished = [
                slot_index for slot_index in opened if self.next_logits[slot_index] is not None
            ]
            opened = [slot_index for slot_index in opened if slot_index not in finished]
            yield from self._append_tokens(
                finished, [self.next_logits[slot_index] for slot_index in finished]
            )

    def _job_in_slot(self, slot_index: int) -> LocalRequest:
        job = self.slots[slot_index]
        assert job is not None
        return job

    def _read_chunks(self, slot_indices: Sequence[int]) -> None:
        """Read ROWS chunks of these slots' prompts, and keep the logits that follow a prompt read to its end."""
        import torch

        rows, firsts, ends = list[int](), list[int](), list[tuple[int, int, int]]()
        tokens = torch.zeros((CHUNKS_AT_ONCE, CHUNK), dtype=torch.long)
        for slot_index in slot_indices:
            ids = self._job_in_slot(slot_index).prompt_ids
            for first in range(len(self.read_ids[slot_index]), len(ids), CHUNK)[
                : CHUNKS_AT_ONCE - len(rows)
            ]:
                chunk = ids[first : first + CHUNK]
                tokens[len(rows), : len(chunk)] = torch.tensor(chunk)
                self.read_ids[slot_index] = ids[: first + CHUNK]
                if first + CHUNK >= len(ids):
                    ends.append((slot_index, len(rows), len(chunk) - 1))
                rows.append(slot_index)
                firsts.append(first)
        if not rows:
            return
        padding = CHUNKS_AT_ONCE - len(rows)
        positions = torch.tensor(firsts + [0] * padding)[:, None] + torch.arange(CHUNK)
        hidden = self.blocks.compute_hidden(
            tokens, positions, torch.tensor(rows + [SLOTS] * padding), max(firsts) + CHUNK
        )
        last = hidden[:, 0].clone()
        for i, (_, row, column) in enumerate(ends):
            last[i] = hidden[row, column]
        for logits, (slot_index, _, _) in zip(
            self.blocks.compute_logits(last).clone(), ends, strict=False
        ):
            self.next_logits[slot_index] = logits

    def _decode_step(self) -> Tensor:
        """Read each slot's last token; logits (SLOTS, V). Empty slots are computed too and looked at by nobody."""
        import torch

        positions = [
            len(job.prompt_ids) + len(job.sampled_ids) - 1 if job else self.slot_length - 1
            for job in self.slots
        ]
        token = torch.tensor([[job.sampled_ids[-1] if job else 0] for job in self.slots])
        longest = max(position for position, job in zip(positions, self.slots, strict=True) if job)
        cached = (longest // CHUNK + 1) * CHUNK
        hidden = self.blocks.compute_hidden(token, torch.tensor(positions)[:, None], None, cached)
        return self.blocks.compute_logits(hidden[:, 0])

    def _append_tokens(
        self, slot_indices: Sequence[int], logits: Sequence[Tensor | None]
    ) -> Iterator[LocalRequest]:
        """Draw a token for each occupied place; a job that ends leaves its slot."""
        jobs = [
            (slot_index, job, row)
            for slot_index, row in zip(slot_indices, logits, strict=True)
            if (job := self.slots[slot_index]) and row is not None
        ]
        tokens = _sample_tokens([row for _, _, row in jobs], [job for _, job, _ in jobs])
        for (slot_index, job, _), token in zip(jobs, tokens, strict=True):
            job.append_token(token, self.tokenizer)
            if job.finish:
                self.slots[slot_index] = None
                yield job


def _common_prefix(a: list[int], b: list[int]) -> int:
    """Length of the common beginning."""
    if a[: len(b)] == b[: len(a)]:
        return min(len(a), len(b))
    return next(i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y)


def _copyable_tokens(read_ids: list[int], ids: list[int]) -> int:
    """How many tokens of a prompt can be copied from one that was read: whole chunks, and never the last token."""
    return min(_common_prefix(read_ids, ids), len(ids) - 1) // CHUNK * CHUNK


def _sample_tokens(logits: Sequence[Tensor], jobs: Sequence[LocalRequest]) -> list[int]:
    """The next token after each row of logits (V,), by its job's temperature, nucleus and chance.

    Only likely tokens are sorted: 5 ms for 32 rows, where torch's topk of 256 takes 190.
    """
    import numpy as np
    import torch

    if not jobs:
        return []
    llm, stacked = jobs[0].llm, torch.stack(list(logits))
    if not llm.temperature:
        return [int(token) for token in stacked.argmax(-1)]
    tokens = []
    for p, job in zip(
        (stacked.float() / llm.temperature).softmax(-1).cpu().numpy(), jobs, strict=True
    ):
        ids = np.flatnonzero(p >= LIKELY_PROBABILITY)
        if p[ids].sum() < llm.top_p:
            ids = np.arange(len(p))
        ids = ids[np.argsort(-p[ids], kind="stable")]
        sums = p[ids].cumsum(dtype=np.float64)
        inside = min(
            int((sums < llm.top_p).sum()) + 1, len(ids)
        )  # the token that crosses the line stays
        position = int(
            np.searchsorted(sums[:inside], job.random_.random() * sums[inside - 1], side="right")
        )
        tokens.append(int(ids[min(position, inside - 1)]))
    return tokens
