"""The embedded model answers: continuous batching over 32 slots, shared prefixes are read once.

In: requests. Out: a ledger entry for each, saved as soon as it ends. Prompts are read in chunks of
64 tokens, eight chunks at a time, of one slot or several. A chunk that another slot already holds,
with everything before it, is copied: few-shot examples and repeated prompts are read once. Every
computation has the same shape whatever the other slots hold, and the seed belongs to the request
(its key), so an answer does not depend on the requests beside it, nor on where a run was killed.
Measured on one core of a Xeon with AMX, CPU time: 1,080 tokens/s read, 200 written (docs/log.md).
Not covered: models other than SmolLM2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hornbook.llm.ledger import LedgerEntry, LLMAnswer, Spending
from hornbook.llm.requests import LLMRequest
from hornbook.llm.slot_cache import SlotCacheModel
from hornbook.models import embedded_weights

if TYPE_CHECKING:
    from torch import Tensor

    from hornbook.models.batch_scheduler import Completion, SlotInput

SLOTS = 32  # 64 are hardly faster on 2 cores, which 32 rows keep busy
CHUNK = 64  # tokens of a prompt in one row, and the cache's stride
# Rows of a prefill step, of any slots. On a CPU with AMX one row of 32 tokens costs a third of
# eight rows of 64.
CHUNKS_AT_ONCE = 8
MIN_FREE_SLOTS = 4  # free slots that are filled together, so that prefill has enough rows
MAX_CONTEXT = 2048  # prompt and answer; the cache of 32 slots takes 3 GB there in fp32


class ChatTokenizer:
    """The model's Hugging Face tokenizer with the interface that BatchScheduler needs."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.end: int = tokenizer.eos_token_id

    def encode_request(self, request: LLMRequest) -> list[int]:
        """Token ids of a request: its chat in the model's template, then the answer's beginning.

        A request without turns is no chat: its text is continued as it stands.
        """
        text = request.prompt.begins
        if request.prompt.turns:
            chat = self.tokenizer.apply_chat_template(
                request.chat_messages(tell_schema=True), add_generation_prompt=True, tokenize=False
            )
            text = str(chat) + text
        return list(self.tokenizer.encode(text, add_special_tokens=False)) or [self.end]

    def decode(self, ids: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=True))


def answer_requests(
    requests: Sequence[LLMRequest],
    device: str,
    save_entries: Callable[[Sequence[LedgerEntry]], None],
) -> None:
    """Answer all requests; `save_entries` is called with each entry as it ends.

    Args:
        requests: all of one LLM.
        device: where the model runs.
        save_entries: stores entries. A request that does not fit the context gets finish "error".
    """
    import torch

    from hornbook.models.batch_scheduler import BatchScheduler
    from hornbook.models.sampling import SamplingParams, make_sampler

    llm = requests[0].llm
    model, hf_tokenizer = embedded_weights.load_model(device)
    tokenizer = ChatTokenizer(hf_tokenizer)
    prompts: list[tuple[list[int], LLMRequest]] = []
    for request in requests:
        ids = tokenizer.encode_request(request)
        if len(ids) + llm.max_tokens > MAX_CONTEXT:
            save_entries([_make_error_entry(request, len(ids))])
        else:
            prompts.append((ids, request))
    if not prompts:
        return
    # Neighbours in this order share the longest prefixes.
    prompts.sort(key=lambda prompt: prompt[0])
    longest = max(len(ids) for ids, _ in prompts) + llm.max_tokens
    slot_length = -(-longest // CHUNK) * CHUNK
    sampling = SamplingParams(llm.max_tokens, llm.temperature, llm.top_p, llm.stop)
    sampler = make_sampler(sampling, [request.seed for _, request in prompts])
    engine = PrefixSharingEngine(model, slot_length)
    scheduler = BatchScheduler(engine, tokenizer, sampling, sampler, slot_length)
    with torch.inference_mode():
        for index, completion in scheduler.run_requests([ids for ids, _ in prompts]):
            ids, request = prompts[index]
            save_entries([_make_entry(request, len(ids), completion)])


def _make_error_entry(request: LLMRequest, prompt_tokens: int) -> LedgerEntry:
    error = (
        f"a prompt of {prompt_tokens} tokens and an answer of {request.llm.max_tokens} exceed the "
        f"context of {MAX_CONTEXT}"
    )
    answer = LLMAnswer("", finish="error", error=error)
    return LedgerEntry(request.key, request.llm.model, answer, Spending())


def _make_entry(request: LLMRequest, tokens_in: int, completion: Completion) -> LedgerEntry:
    is_ended = completion.finish == "end"
    tokens_out = completion.tokens + is_ended  # end-of-text is paid for too
    finish = "stop" if is_ended else completion.finish
    answer = LLMAnswer(request.prompt.begins + completion.text, tokens_in, tokens_out, finish)
    spending = Spending(1, tokens_in, tokens_out)
    return LedgerEntry(request.key, request.llm.model, answer, spending)


class PrefixSharingEngine:
    """SmolLM2 with a cache of SLOTS slots; implements ForwardEngine."""

    slots = SLOTS
    min_free_slots = MIN_FREE_SLOTS

    def __init__(self, model: Any, slot_length: int) -> None:
        """`slot_length`: positions of a slot, a multiple of CHUNK."""
        # One slot more than are used: rows without a chunk write there.
        self.model = SlotCacheModel(model, SLOTS + 1, slot_length)
        self.slot_length = slot_length
        # The prompt tokens whose keys and values a slot holds.
        self.read_ids: list[list[int]] = [[] for _ in range(SLOTS)]
        # The logits (V,) that follow them, once a prompt is read to its end.
        self.next_logits: list[Tensor | None] = [None] * SLOTS

    def compute_logits(self, work: Sequence[SlotInput]) -> Tensor:
        """Logits (work, V) after the last token of each (slot, position, tokens)."""
        import torch

        prompts = {slot: list(tokens) for slot, first, tokens in work if first == 0}
        steps = {slot: (first, tokens[0]) for slot, first, tokens in work if first > 0}
        logits_by_slot: dict[int, Tensor] = {}
        if steps:
            step_logits = self._decode_step(steps)
            logits_by_slot |= {slot: step_logits[slot] for slot in steps}
        if prompts:
            logits_by_slot |= self._prefill_slots(prompts)
        return torch.stack([logits_by_slot[slot] for slot, _, _ in work])

    def _prefill_slots(self, prompts: dict[int, list[int]]) -> dict[int, Tensor]:
        """Read a prompt into each slot; the logits that follow each. Shared prefixes are copied."""
        waiting, opened = list(prompts), list[int]()
        logits_by_slot: dict[int, Tensor] = {}
        while waiting or opened:
            for slot_index in list(waiting):
                earlier = waiting[: waiting.index(slot_index)]
                others = [prompts[other] for other in [*opened, *earlier]]
                if self._open_slot(slot_index, prompts[slot_index], others):
                    waiting.remove(slot_index)
                    opened.append(slot_index)
            self._read_chunks({slot_index: prompts[slot_index] for slot_index in opened})
            for slot_index in list(opened):
                logits = self.next_logits[slot_index]
                if logits is not None:
                    logits_by_slot[slot_index] = logits
                    opened.remove(slot_index)
        return logits_by_slot

    def _open_slot(self, slot_index: int, ids: list[int], others: list[list[int]]) -> bool:
        """Copy what another slot has read of this prompt.

        Args:
            slot_index: the slot to copy into.
            ids: the prompt.
            others: prompts that are being read now or before this one.

        Returns:
            False if one of the others will have more of this prompt soon: it is worth waiting for.
        """
        donor = max(range(SLOTS), key=lambda other: _count_common(self.read_ids[other], ids))
        is_whole = self.read_ids[donor] == ids and self.next_logits[donor] is not None
        copied = len(ids) if is_whole else _count_copyable(self.read_ids[donor], ids)
        if any(_count_copyable(other_ids, ids) > copied for other_ids in others):
            return False
        if donor != slot_index:
            self.model.copy_slot(donor, slot_index, copied)
        self.next_logits[slot_index] = self.next_logits[donor] if is_whole else None
        self.read_ids[slot_index] = ids[:copied]
        return True

    def _read_chunks(self, prompts: dict[int, list[int]]) -> None:
        """Read up to CHUNKS_AT_ONCE chunks of these slots' prompts.

        Sets next_logits where a prompt is read to its end.
        """
        import torch

        rows, firsts = list[int](), list[int]()
        ends: list[tuple[int, int, int]] = []  # slot, row and column of a prompt's last token
        tokens = torch.zeros((CHUNKS_AT_ONCE, CHUNK), dtype=torch.long)
        for slot_index, ids in prompts.items():
            free_rows = CHUNKS_AT_ONCE - len(rows)
            for first in range(len(self.read_ids[slot_index]), len(ids), CHUNK)[:free_rows]:
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
        slots = torch.tensor(rows + [SLOTS] * padding)
        hidden = self.model.compute_hidden(tokens, positions, slots, max(firsts) + CHUNK)
        # As many rows as ever, so that the head's product has one shape.
        last = hidden[:, 0].clone()
        for i, (_, row, column) in enumerate(ends):
            last[i] = hidden[row, column]
        logits = self.model.compute_logits(last).clone()
        for i, (slot_index, _, _) in enumerate(ends):
            self.next_logits[slot_index] = logits[i]

    def _decode_step(self, steps: dict[int, tuple[int, int]]) -> Tensor:
        """Read one token in each of these slots.

        Args:
            steps: position and token by slot.

        Returns:
            Logits (SLOTS, V). All slots are computed; those of the others have no meaning.
        """
        import torch

        # Other slots write to the last position, which no answer reaches: its last token is
        # never read.
        unused = (self.slot_length - 1, 0)
        inputs = torch.tensor([steps.get(slot_index, unused) for slot_index in range(SLOTS)])
        longest = max(position for position, _ in steps.values())
        cached = (longest // CHUNK + 1) * CHUNK
        hidden = self.model.compute_hidden(inputs[:, 1:], inputs[:, :1], None, cached)
        return self.model.compute_logits(hidden[:, 0])


def _count_common(a: list[int], b: list[int]) -> int:
    """Length of the common prefix.

    >>> _count_common([1, 2, 3], [1, 2, 4, 5]), _count_common([1], [1, 2])
    (2, 1)
    """
    shorter = min(len(a), len(b))
    if a[:shorter] == b[:shorter]:
        return shorter
    return next(i for i in range(shorter) if a[i] != b[i])


def _count_copyable(read_ids: list[int], ids: list[int]) -> int:
    """How many tokens of a prompt can be copied from one that was read.

    Whole chunks, and never the last token: its logits are needed.
    """
    return min(_count_common(read_ids, ids), len(ids) - 1) // CHUNK * CHUNK
