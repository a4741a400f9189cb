"""Who writes the answers: a model that a recipe trained, or any LLM; and what the references would cost it in bits.

In: a Train stage or an LLM, and a desk. Out: a function from prompts to texts (sample.Write), and
bits per reference. The embedded model goes on with the prompt as it is; an LLM behind a chat
interface is asked to, and to answer with code alone. Neither gives bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hornbook import llm, meter
from hornbook.frame.stage import Desk, Stage
from hornbook.llm import LLM, Prompt
from hornbook.models import device
from hornbook.verify.sample import Write

if TYPE_CHECKING:
    from hornbook.exams import Problem
    from hornbook.models.tokenizer import Tokenizer
    from hornbook.models.transformer import Phi

CHAT = "Complete this Python code. Answer with the rest of the code only, without a fence:\n\n{}"


def writer(model: Stage | LLM, desk: Desk, temperature: float, max_new_tokens: int) -> Write:
    """A function from prompts, stop sequences and seeds to the texts after the prompts."""
    return (
        _asked(model, desk, temperature, max_new_tokens)
        if isinstance(model, LLM)
        else trained(*load(desk.folder(model) / "model", desk), temperature, max_new_tokens)
    )


def reference_bits(model: Stage | LLM, desk: Desk, exam: Sequence[Problem]) -> list[float | None]:
    """Bits of each reference given its prompt; None from a model that gives no probabilities."""
    if isinstance(model, LLM):
        return [None] * len(exam)
    from hornbook.models import generate

    phi, tokenizer = load(desk.folder(model) / "model", desk)
    return list(
        generate.reference_bits(phi, tokenizer, [(each.prompt, each.reference) for each in exam])
    )


def load(folder: Path, desk: Desk) -> tuple[Phi, Tokenizer]:
    """The model in a folder that training left, in fp32 on a CPU (exact) and in bf16 on a GPU."""
    from hornbook.models import tokenizer
    from hornbook.models import transformer as phi

    where = device.pick(desk.options.get("device"))
    import torch

    dtype = torch.float32 if where == "cpu" else device.fast_dtype(where)
    return phi.load(folder, dtype, where), tokenizer.load(folder)


def trained(phi: Phi, tokenizer: Tokenizer, temperature: float, most: int) -> Write:
    """What writes with this model."""
    from hornbook.models import generate

    def write(prompts: Sequence[str], stop: Sequence[str], seeds: Sequence[int]) -> list[str]:
        how = generate.Drawing(most, temperature, 0.95 if temperature else 1.0, stop)
        found = generate.generate(phi, tokenizer, prompts, how, seeds)
        meter.count(requests=len(found))
        return [each.text for each in found]

    return write


def _asked(model: LLM, desk: Desk, temperature: float, most: int) -> Write:
    import dataclasses

    def write(prompts: Sequence[str], stop: Sequence[str], seeds: Sequence[int]) -> list[str]:
        # Servers take four stop sequences; the protocol cuts the text again, so that more are not
        # missed.
        how = dataclasses.replace(
            model, temperature=temperature, max_tokens=most, stop=tuple(stop)[:4]
        )
        asked = [
            Prompt((), each) if model.kind == "embedded" else CHAT.format(each) for each in prompts
        ]
        found = llm.complete(how, asked, desk, samples=list(seeds))
        return [each.text.removeprefix(prompt) for each, prompt in zip(found, prompts, strict=True)]

    return write
