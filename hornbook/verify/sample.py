"""A model's text for an exam's prompts: greedy or sampled, seeded by problem, raw and uncut.

In: problems, protocols, a model (a folder that training wrote, or any LLM). Out: samples: what was shown, what was
written. Protocols that show the same prompt share its samples, and sampling ends only where all of them have stopped.
A seed depends on the problem and the number of the sample, never on batch or order.
Not covered: beam search, and models that need a session of several turns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hornbook.records import share
from hornbook.verify.judge import Answer
from hornbook.verify.protocols import Protocol, cut, shared_stop

if TYPE_CHECKING:
    from hornbook.benchmarks import Problem

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


def answers(batch: Sequence[Asked], texts: Sequence[Sequence[str]]) -> Iterator[Answer]:
    """The programs that each protocol makes of the raw texts, cut where that protocol would have stopped."""
    for each, raw in zip(batch, texts, strict=True):
        for protocol in each.protocols:
            for sample, text in enumerate(raw):
                kept = cut(text, protocol.stop(each.problem))
                program = protocol.program(each.problem, each.prompt, kept)
                yield Answer(each.problem.task_id, sample, protocol.name, each.prompt, text, program)
