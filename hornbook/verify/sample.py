"""A model's text for an exam's prompts: greedy or sampled, seeded by problem, raw and uncut.

In: problems, protocols, a model (a folder that training wrote, or any LLM). Out: samples: what was
shown, what was written. Protocols that show the same prompt share its samples, and sampling ends
only where all of them have stopped. A seed depends on the problem and the number of the sample,
never on batch or order. Not covered: beam search, and models that need a session of several turns.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from hornbook import store
from hornbook.records import hash_fraction
from hornbook.verify.protocols import EvalProtocol, cut_at_stop, shared_stop_sequences
from hornbook.verify.run_tests import ExamAnswer

if TYPE_CHECKING:
    from hornbook.exams import Problem

T = TypeVar("T")
U = TypeVar("U")
BATCH_PROMPTS = (
    128  # prompts sampled before they are put on disk: twice the slots that the reader on a CPU has
)
# Prompts, stop sequences, seeds; to the texts after the prompts, in their order.
Completer = Callable[[Sequence[str], Sequence[str], Sequence[int]], Sequence[str]]


@dataclass(frozen=True)
class ExamPrompt:
    """A prompt to be answered a number of times, and for which protocols."""

    problem: Problem
    prompt: str
    protocols: tuple[EvalProtocol, ...]


def group_prompts(
    problems: Sequence[Problem], protocols: Sequence[EvalProtocol]
) -> list[ExamPrompt]:
    """The distinct prompts of each problem, with the protocols that show them."""
    prompts = []
    for problem in problems:
        by_prompt: dict[str, list[EvalProtocol]] = {}
        for protocol in protocols:
            by_prompt.setdefault(protocol.build_prompt(problem), []).append(protocol)
        prompts += [
            ExamPrompt(problem, prompt, tuple(group)) for prompt, group in by_prompt.items()
        ]
    return prompts


def derive_seed(problem: Problem, sample: int) -> int:
    """31 bits that name a problem and one of its samples."""
    return int(hash_fraction(f"sample {sample}", problem.task_id) * 2**31)


def complete_batch(
    batch: Sequence[ExamPrompt], samples: int, completer: Completer
) -> list[list[str]]:
    """`samples` raw texts per prompt of the batch, grouped by equal stop sequences."""
    texts: list[list[str]] = [[] for _ in batch]
    groups: dict[tuple[str, ...], list[int]] = {}
    for i, exam_prompt in enumerate(batch):
        groups.setdefault(
            shared_stop_sequences(exam_prompt.protocols, exam_prompt.problem), []
        ).append(i)
    for stop, indexes in groups.items():
        requests = list(itertools.product(indexes, range(samples)))
        prompts = [batch[i].prompt for i, _ in requests]
        seeds = [derive_seed(batch[i].problem, sample) for i, sample in requests]
        for (i, _), text in zip(requests, completer(prompts, stop, seeds), strict=True):
            texts[i].append(text)
    return texts


def sample_answers(
    folder: Path,
    exam_prompts: Sequence[ExamPrompt],
    samples: int,
    completer: Completer,
    advance: Callable[[int], object],
) -> Iterator[ExamAnswer]:
    """Answers to all questions, each asked so many times."""
    completions = complete_in_batches(
        folder, exam_prompts, lambda batch: complete_batch(batch, samples, completer), advance
    )
    for exam_prompt, texts in completions:
        yield from build_answers([exam_prompt], [texts])


def complete_in_batches(
    folder: Path,
    items: Sequence[T],
    complete: Callable[[Sequence[T]], list[U]],
    advance: Callable[[int], object],
) -> Iterator[tuple[T, U]]:
    """Yield each prompt with its texts, which are kept in `folder` and not asked for again."""
    for first in range(0, len(items), BATCH_PROMPTS):
        batch = items[first : first + BATCH_PROMPTS]
        path = folder / f"{first:05d}+{len(batch)}.json"
        texts = store.read_json(path)
        if texts is None:
            texts = complete(batch)
            store.write_json(path, texts)
        advance(len(batch))
        yield from zip(batch, texts, strict=True)


def build_answers(
    batch: Sequence[ExamPrompt], texts: Sequence[Sequence[str]]
) -> Iterator[ExamAnswer]:
    """The programs that each protocol makes of the raw texts, cut where it would have stopped."""
    for exam_prompt, raw in zip(batch, texts, strict=True):
        for protocol in exam_prompt.protocols:
            for sample, text in enumerate(raw):
                cut_text = cut_at_stop(text, protocol.stop_sequences(exam_prompt.problem))
                program = protocol.build_program(exam_prompt.problem, exam_prompt.prompt, cut_text)
                yield ExamAnswer(
                    exam_prompt.problem.task_id,
                    sample,
                    protocol.name,
                    exam_prompt.prompt,
                    text,
                    program,
                )
