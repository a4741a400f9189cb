"""A model's text for an exam's prompts: greedy or sampled, seeded by problem, raw and uncut.

In: problems, protocols, a model (a folder that training wrote, or any LLM). Out: samples: what was
shown, what was written. Protocols that show the same prompt share its samples, and sampling ends
only where all of them have stopped. A seed depends on the problem and the number of the sample,
never on batch or order. Not covered: beam search, and models that need a session of several turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hornbook import store
from hornbook.records import share
from hornbook.verify.protocols import Protocol, cut, shared_stop
from hornbook.verify.run_tests import Answer

if TYPE_CHECKING:
    from hornbook.exams import Problem

T = TypeVar("T")
U = TypeVar("U")
BATCH = (
    128  # prompts sampled before they are put on disk: twice the slots that the reader on a CPU has
)
# Prompts, stop sequences, seeds; to the texts after the prompts, in their order.
Write = Callable[[Sequence[str], Sequence[str], Sequence[int]], Sequence[str]]


@dataclass(frozen=True)
class Asked:
    """A prompt to be answered a number of times, and for which protocols."""

    problem: Problem
    prompt: str
    protocols: tuple[Protocol, ...]


def asked(problems: Sequence[Problem], protocols: Sequence[Protocol]) -> list[Asked]:
    """The distinct prompts of each problem, with the protocols that show them."""
    found = []
    for problem in problems:
        by_prompt: dict[str, list[Protocol]] = {}
        for protocol in protocols:
            by_prompt.setdefault(protocol.prompt(problem), []).append(protocol)
        found += [Asked(problem, prompt, tuple(group)) for prompt, group in by_prompt.items()]
    return found


def seed(problem: Problem, sample: int) -> int:
    """31 bits that name a problem and one of its samples."""
    return int(share(f"sample {sample}", problem.task_id) * 2**31)


def write(batch: Sequence[Asked], samples: int, writer: Write) -> list[list[str]]:
    """`samples` raw texts for each prompt of the batch; prompts with the same stop sequences are asked together."""
    texts: list[list[str]] = [[] for _ in batch]
    groups: dict[tuple[str, ...], list[int]] = {}
    for at, each in enumerate(batch):
        groups.setdefault(shared_stop(each.protocols, each.problem), []).append(at)
    for stop, places in groups.items():
        wanted = [(at, sample) for at in places for sample in range(samples)]
        prompts = [batch[at].prompt for at, _ in wanted]
        seeds = [seed(batch[at].problem, sample) for at, sample in wanted]
        for (at, _), text in zip(wanted, writer(prompts, stop, seeds), strict=True):
            texts[at].append(text)
    return texts


def sampled(
    folder: Path,
    questions: Sequence[Asked],
    samples: int,
    writer: Write,
    advance: Callable[[int], object],
) -> Iterator[Answer]:
    """Answers to all questions, each asked so many times."""
    written = in_batches(folder, questions, lambda batch: write(batch, samples, writer), advance)
    for question, texts in written:
        yield from answers([question], [texts])


def in_batches(
    folder: Path,
    asked: Sequence[T],
    ask: Callable[[Sequence[T]], list[U]],
    advance: Callable[[int], object],
) -> Iterator[tuple[T, U]]:
    """Each with what was written for it, which is put into `folder`, BATCH a file, and not asked for again."""
    for first in range(0, len(asked), BATCH):
        batch = asked[first : first + BATCH]
        path = folder / f"{first:05d}+{len(batch)}.json"
        texts = store.read_json(path)
        if texts is None:
            texts = ask(batch)
            store.write_json(path, texts)
        advance(len(batch))
        yield from zip(batch, texts, strict=True)


def answers(batch: Sequence[Asked], texts: Sequence[Sequence[str]]) -> Iterator[Answer]:
    """The programs that each protocol makes of the raw texts, cut where that protocol would have stopped."""
    for each, raw in zip(batch, texts, strict=True):
        for protocol in each.protocols:
            for sample, text in enumerate(raw):
                kept = cut(text, protocol.stop(each.problem))
                program = protocol.program(each.problem, each.prompt, kept)
                yield Answer(
                    each.problem.task_id, sample, protocol.name, each.prompt, text, program
                )
