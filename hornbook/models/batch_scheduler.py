"""Continuous batching: a fixed number of slots, each refilled as soon as its request ends.

In: token ids of prompts, and an engine that computes logits. Out: completions, in the order in
which they end. The models trained here (generate.py) and the embedded model (llm/local.py) use the
same scheduler with different engines. Not covered: requests that arrive while others run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from hornbook.models.sampling import Sampler, SamplingParams

if TYPE_CHECKING:
    from torch import Tensor

STOP_LOOKBACK = 24  # tokens that are decoded after each step to find a stop text

Finish = Literal["stop", "end", "length"]
# Of one slot: its index, the position of the first token, and the tokens to read.
SlotInput = tuple[int, int, Sequence[int]]


class ForwardEngine(Protocol):
    """A model with a cache of keys and values for each slot."""

    slots: int
    # Free slots that are filled together, while enough requests wait. 1: refill at once.
    min_free_slots: int

    def compute_logits(self, work: Sequence[SlotInput]) -> Tensor:
        """Read tokens into slots and return the logits (work, V) that follow the last one of each.

        Position 0 starts a new sequence in the slot. The result is valid until the next call.
        """


class TextDecoder(Protocol):
    """What the scheduler needs of a tokenizer."""

    @property
    def end(self) -> int:
        """The id of end-of-text."""

    def decode(self, ids: Sequence[int]) -> str: ...


@dataclass(frozen=True)
class Completion:
    """A finished completion.

    Args:
        text: what was generated, up to the stop text.
        tokens: number of sampled tokens; end-of-text is not counted.
        finish: "end" (the model wrote end-of-text), "stop" (a stop text) or "length".
    """

    text: str
    tokens: int
    finish: Finish


@dataclass
class Slot:
    """A request that is being completed."""

    request: int
    position: int  # of the first unread token
    unread_ids: Sequence[int]
    tokens_left: int  # how many may still be sampled
    sampled_ids: list[int] = field(default_factory=list)


class BatchScheduler:
    """Moves all occupied slots forward by one token per step."""

    def __init__(
        self,
        engine: ForwardEngine,
        tokenizer: TextDecoder,
        sampling: SamplingParams,
        sampler: Sampler,
        context: int,
    ) -> None:
        """`context` limits the tokens of a prompt with its completion."""
        self.engine, self.tokenizer = engine, tokenizer
        self.sampling, self.sampler, self.context = sampling, sampler, context
        self.slots: list[Slot | None] = [None] * engine.slots

    def run_requests(self, prompt_ids: Sequence[Sequence[int]]) -> Iterator[tuple[int, Completion]]:
        """Complete all prompts; yields (index of the prompt, completion) as each one ends."""
        waiting = list(enumerate(prompt_ids))[::-1]  # popped from its end
        while True:
            self._fill_free_slots(waiting)
            busy = [(index, slot) for index, slot in enumerate(self.slots) if slot is not None]
            if not busy:
                return
            logits = self.engine.compute_logits(
                [(index, slot.position, slot.unread_ids) for index, slot in busy]
            )
            tokens = self.sampler([slot.request for _, slot in busy], logits)
            for (slot_index, slot), token in zip(busy, tokens, strict=True):
                slot.position += len(slot.unread_ids)
                completion = self._append_token(slot, token)
                if completion is not None:
                    self.slots[slot_index] = None
                    yield slot.request, completion

    def _fill_free_slots(self, waiting: list[tuple[int, Sequence[int]]]) -> None:
        """Move requests from the end of `waiting` into free slots."""
        free = [index for index, slot in enumerate(self.slots) if slot is None][: len(waiting)]
        if len(free) < min(self.engine.min_free_slots, len(waiting)):
            return
        for slot_index in free:
            request, ids = waiting.pop()
            tokens_left = min(self.sampling.max_new_tokens, self.context - len(ids))
            self.slots[slot_index] = Slot(request, 0, ids, tokens_left)

    def _append_token(self, slot: Slot, token: int) -> Completion | None:
        """Add a sampled token to a slot; the completion if the request ends with it."""
        if token == self.tokenizer.end:
            return self._make_completion(slot, "end")
        slot.sampled_ids.append(token)
        slot.unread_ids = [token]
        slot.tokens_left -= 1
        stop = self.sampling.stop
        if stop:
            # Not the whole text: that would be quadratic in its length.
            recent = self.tokenizer.decode(slot.sampled_ids[-STOP_LOOKBACK:])
            if any(stop_text in recent for stop_text in stop):
                return self._make_completion(slot, "stop")
        if slot.tokens_left <= 0:
            return self._make_completion(slot, "length")
        return None

    def _make_completion(self, slot: Slot, finish: Finish) -> Completion:
        text = cut_at_stop(self.tokenizer.decode(slot.sampled_ids), self.sampling.stop)
        return Completion(text, len(slot.sampled_ids), finish)


def cut_at_stop(text: str, stop: Sequence[str]) -> str:
    """The text before the first stop text in it.

    >>> cut_at_stop("a b c", ["c", "b", "x"])
    'a '
    """
    positions = [text.find(stop_text) for stop_text in stop]
    return text[: min((position for position in positions if position >= 0), default=len(text))]
