"""How the next token is chosen: greedy, or nucleus sampling (top-p).

In: logits of several requests. Out: a token for each. Every request has its own seed, so a sample
does not depend on the requests beside it, on the device or on torch's version. Used for models
trained here and for the embedded model. Not covered: top-k, repetition penalties.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

# Tokens less likely than this are sorted only if the others do not fill the nucleus: 5 ms for 32
# rows of SmolLM2's vocabulary, where torch.topk of 256 takes 190.
LIKELY_PROBABILITY = 3e-5

Sampler = Callable[[Sequence[int], "Tensor"], list[int]]


@dataclass(frozen=True)
class SamplingParams:
    """How tokens are sampled and when a completion ends.

    Args:
        max_new_tokens: tokens of a completion at most.
        temperature: 0 is greedy.
        top_p: the probability of the nucleus; 1 samples from all tokens.
        stop: texts that end a completion; they are cut off.
    """

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    stop: Sequence[str] = ()


def make_sampler(sampling: SamplingParams, seeds: Sequence[int]) -> Sampler:
    """A function from requests and their logits (requests, V) to their next tokens.

    Args:
        sampling: temperature and top_p are used.
        seeds: the seed of each request, by the request's index.
    """
    generators: dict[int, random.Random] = {}

    def sample_tokens(requests: Sequence[int], logits: Tensor) -> list[int]:
        if not sampling.temperature:
            return [int(token) for token in logits.argmax(-1).tolist()]
        # On the CPU, so that a GPU's softmax cannot depend on the number of rows.
        probabilities = torch.softmax(logits.float().cpu() / sampling.temperature, dim=-1).numpy()
        tokens = []
        for request, row in zip(requests, probabilities, strict=True):
            if request not in generators:
                generators[request] = random.Random(int(seeds[request]))
            tokens.append(_sample_token(row, sampling.top_p, generators[request].random()))
        return tokens

    return sample_tokens


def select_nucleus(probabilities: NDArray[Any], top_p: float) -> NDArray[Any]:
    """The smallest set of tokens whose probability is at least `top_p`, likeliest first.

    Source: Holtzman et al. 2020, arXiv 1904.09751, section 3.1. Of equally likely tokens the one
    with the lower id comes first. With `top_p` 1 all tokens are returned, in the order of their
    ids.

    >>> select_nucleus(np.array([0.125, 0.5, 0.125, 0.25]), 0.75).tolist()
    [1, 3]
    >>> select_nucleus(np.array([0.125, 0.5, 0.125, 0.25]), 0.76).tolist()
    [1, 3, 0]
    """
    if top_p >= 1:
        return np.arange(len(probabilities))
    token_ids = np.flatnonzero(probabilities >= LIKELY_PROBABILITY)
    if probabilities[token_ids].sum() < top_p:
        token_ids = np.arange(len(probabilities))
    token_ids = token_ids[np.argsort(-probabilities[token_ids], kind="stable")]
    # fp64: the sum of 50,000 numbers in fp32 is wrong in the fourth digit.
    cumulative = probabilities[token_ids].cumsum(dtype=np.float64)
    return token_ids[: int(np.searchsorted(cumulative, top_p)) + 1]


def _sample_token(probabilities: NDArray[Any], top_p: float, uniform: float) -> int:
    """Inverse transform sampling from the nucleus; `uniform` is in [0, 1)."""
    nucleus = select_nucleus(probabilities, top_p)
    cumulative = probabilities[nucleus].cumsum(dtype=np.float64)
    index = int(np.searchsorted(cumulative, uniform * cumulative[-1], side="right"))
    # uniform * total can round up to the total.
    return int(nucleus[min(index, len(nucleus) - 1)])
