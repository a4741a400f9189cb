"""Sources of answers: a model that a recipe trained, or any LLM; and the bits of the references.

In: a Train stage or an LLM, and a desk. Out: a function from prompts to texts (sample.Write), and
bits per reference. The embedded model goes on with the prompt as it is; an LLM behind a chat
interface is asked to, and to answer with code alone. Neither gives bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hornbook import llm, meter
from hornbook.frame.stage import RunContext, Stage
from hornbook.llm import LLM, Prompt
from hornbook.models import device
from hornbook.verify.sample import Completer

if TYPE_CHECKING:
    from hornbook.exams import Problem
    from hornbook.models.tokenizer import Tokenizer
    from hornbook.models.transformer import Phi

CHAT_TEMPLATE = (
    "Complete this Python code. Answer with the rest of the code only, without a fence:\n\n{}"
)


def make_completer(
    model: Stage | LLM, ctx: RunContext, temperature: float, max_new_tokens: int
) -> Completer:
    """A function from prompts, stop sequences and seeds to the texts after the prompts."""
    return (
        _make_llm_completer(model, ctx, temperature, max_new_tokens)
        if isinstance(model, LLM)
        else make_model_completer(
            *load_model(ctx.run.stage_folder(model) / "model", ctx), temperature, max_new_tokens
        )
    )


def count_cut_tokens(
    model: Stage | LLM, ctx: RunContext, prompts: Sequence[str], max_new_tokens: int
) -> list[int]:
    """For each prompt the number of tokens at its beginning that the model's context cuts off.

    Zeros for an LLM: servers refuse what is too long for them.
    """
    if isinstance(model, LLM):
        return [0] * len(prompts)
    phi, tokenizer = load_model(ctx.run.stage_folder(model) / "model", ctx)
    return count_tokens_beyond_room(phi, tokenizer, prompts, max_new_tokens)


def count_tokens_beyond_room(
    phi: Phi, tokenizer: Tokenizer, prompts: Sequence[str], max_new_tokens: int
) -> list[int]:
    """For each prompt the tokens beyond the room that the answer leaves in the context."""
    from hornbook.models import generate

    room = generate.prompt_room(phi.shape.context, max_new_tokens)
    return [max(0, len(ids) - room) for ids in tokenizer.encode_many(list(prompts))]


def compute_reference_bits(
    model: Stage | LLM, ctx: RunContext, exam: Sequence[Problem]
) -> list[float | None]:
    """Bits of each reference given its prompt; None from a model that gives no probabilities."""
    if isinstance(model, LLM):
        return [None] * len(exam)
    from hornbook.models import generate

    phi, tokenizer = load_model(ctx.run.stage_folder(model) / "model", ctx)
    return list(
        generate.measure_continuation_bits(
            phi, tokenizer, [(problem.prompt, problem.reference) for problem in exam]
        )
    )


def load_model(folder: Path, ctx: RunContext) -> tuple[Phi, Tokenizer]:
    """The model in a folder that training left, in fp32 on a CPU (exact) and in bf16 on a GPU."""
    from hornbook.models import tokenizer
    from hornbook.models import transformer as phi

    device_name = device.pick_device(ctx.options.get("device"))
    import torch

    dtype = torch.float32 if device_name == "cpu" else device.fast_dtype(device_name)
    return phi.load_model(folder, dtype, device_name), tokenizer.load_tokenizer(folder)


def make_model_completer(
    phi: Phi, tokenizer: Tokenizer, temperature: float, max_new_tokens: int
) -> Completer:
    """What writes with this model."""
    from hornbook.models import generate

    def complete(prompts: Sequence[str], stop: Sequence[str], seeds: Sequence[int]) -> list[str]:
        sampling = generate.SamplingParams(
            max_new_tokens, temperature, 0.95 if temperature else 1.0, stop
        )
        completions = generate.generate_completions(phi, tokenizer, prompts, sampling, seeds)
        meter.add_usage(requests=len(completions))
        return [completion.text for completion in completions]

    return complete


def _make_llm_completer(
    model: LLM, ctx: RunContext, temperature: float, max_new_tokens: int
) -> Completer:
    import dataclasses

    def complete(prompts: Sequence[str], stop: Sequence[str], seeds: Sequence[int]) -> list[str]:
        # Servers take four stop sequences; the protocol cuts the text again, so that more are not
        # missed.
        request_model = dataclasses.replace(
            model, temperature=temperature, max_tokens=max_new_tokens, stop=tuple(stop)[:4]
        )
        requests = [
            Prompt((), prompt) if model.kind == "embedded" else CHAT_TEMPLATE.format(prompt)
            for prompt in prompts
        ]
        completions = llm.complete_prompts(request_model, requests, ctx, samples=list(seeds))
        return [
            completion.text.removeprefix(prompt)
            for completion, prompt in zip(completions, prompts, strict=True)
        ]

    return complete
