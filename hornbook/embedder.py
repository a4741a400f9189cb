"""Texts to vectors: what the filter learns from and what the scrubber compares.

In: texts and a model's name. Out: an array of float32, a row a text, L2-normalised. Models: "smollm2" (the embedded
one: a middle layer, mean-pooled), "hashed" (n-grams, no model at all, for baselines and for tests without network),
or any causal model of Hugging Face by name or folder, such as Salesforce/codegen-350M-mono, the paper's.
In fp32 a text's vector does not depend on its neighbours: rows of a product are the same whatever stands beside them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hornbook import embedded, meter
from hornbook.device import fast_dtype
from hornbook.records import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH_TOKENS = 2048  # larger batches are no faster on 2 cores
BUCKET = 64  # lengths are rounded up to this many tokens
HASHED_WIDTH = 512


@dataclass(frozen=True)
class Embedder:
    """Which vectors: the model, the layer they are taken from (0: the middle one) and the tokens that are read."""

    model: str = embedded.NAME
    layer: int = 0
    tokens: int = 512


def embed(
    texts: Sequence[str],
    how: Embedder | None = None,
    device: str = "cpu",
    advance: Callable[[int], object] | None = None,
) -> NDArray[np.float32]:
    """Embed texts: float32 of shape (texts, width), rows of length 1. `advance` hears each batch's number of texts."""
    import numpy as np

    how = how or Embedder()
    if not texts:
        return np.zeros((0, HASHED_WIDTH if how.model == "hashed" else 1), np.float32)
    texts = [text.encode("utf-8", "replace").decode() for text in texts]  # no tokenizer takes a lone surrogate
    if how.model == "hashed":
        return _hashed(texts)
    return _normalised(_pooled(texts, how, device, advance or (lambda number: None)))


def _hashed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Counts of words and of character 3-grams, hashed: the cheap baseline (AUC 0.85 where SmolLM2 reached 0.90)."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    half = HASHED_WIDTH // 2
    words = HashingVectorizer(n_features=half, token_pattern=r"\w+|[^\w\s]", alternate_sign=True, norm=None)
    letters = HashingVectorizer(n_features=half, analyzer="char", ngram_range=(3, 3), alternate_sign=True, norm=None)
    counts = np.hstack([words.transform(texts).toarray(), letters.transform(texts).toarray()])
    return _normalised(np.sign(counts) * np.log1p(np.abs(counts)))


def _normalised(vectors: NDArray[Any]) -> NDArray[np.float32]:
    import numpy as np

    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)


def _pooled(texts: Sequence[str], how: Embedder, device: str, advance: Callable[[int], object]) -> NDArray[np.float32]:
    import numpy as np
    import torch

    body, tokenizer, width = _body(how.model, how.layer, device)
    # Characters beyond any plausible need of `tokens` are cut first: tokenising a 1 MB text to keep 512 is waste.
    ids = tokenizer([text[: how.tokens * 12] for text in texts], truncation=True, max_length=how.tokens)["input_ids"]
    out = np.zeros((len(texts), width), np.float32)
    for length, members in _batches([len(each) for each in ids]):
        batch = torch.zeros((len(members), length), dtype=torch.long)
        for row, member in enumerate(members):
            batch[row, : len(ids[member])] = torch.tensor(ids[member])
        with torch.inference_mode():
            hidden = body(batch.to(device)).float()
        for row, member in enumerate(members):
            # Right padding under a causal mask: no token that counts has seen the padding.
            out[member] = hidden[row, : max(1, len(ids[member]))].mean(0).cpu().numpy()
        meter.count(tokens_in=sum(len(ids[member]) for member in members))
        advance(len(members))
    return out


def _batches(lengths: Sequence[int]) -> list[tuple[int, list[int]]]:
    """(padded length, members), as many members as fit a batch; longest first, so that memory is asked for once."""
    buckets: dict[int, list[int]] = {}
    for member, length in enumerate(lengths):
        buckets.setdefault(max(BUCKET, -(-length // BUCKET) * BUCKET), []).append(member)
    found = []
    for length, members in sorted(buckets.items(), reverse=True):
        rows = max(1, BATCH_TOKENS // length)
        found += [(length, members[at : at + rows]) for at in range(0, len(members), rows)]
    return found


@functools.lru_cache(maxsize=1)
def _body(name: str, layer: int, device: str) -> tuple[Callable[[Any], Any], Any, int]:
    """A function from ids (B, T) to hidden states (B, T, width) after `layer` layers, the tokenizer, and the width."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    source = str(embedded.folder()) if name == embedded.NAME else name
    try:
        with embedded.quiet():
            tokenizer = AutoTokenizer.from_pretrained(source)
            model = AutoModel.from_pretrained(source, dtype=fast_dtype(device)).to(device).eval()
    except (OSError, ValueError) as error:
        first = str(error).strip().split("\n")[0]
        raise UserError(
            f"the embedding model {name} cannot be loaded ({first}): give a folder, a Hub name, smollm2 or hashed"
        ) from error
    layers = next(child for child in model.children() if isinstance(child, torch.nn.ModuleList) and len(child) > 1)
    wanted = layer or len(layers) // 2
    if not 0 < wanted <= len(layers):
        raise UserError(f"layer {layer} of {name}: it has layers 1 to {len(layers)}")
    del layers[wanted:]  # what is not asked for is not computed: half the layers cost half the time

    def body(ids: Any) -> Any:
        # The hidden states before the final norm, which belongs to the last layer.
        return model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states[-1]

    _skip_final_norm(model)
    return body, tokenizer, int(model.config.hidden_size)


def _skip_final_norm(model: Any) -> None:
    """Replace the norm after the last layer by nothing; it was trained for the layers that were cut off."""
    import torch

    for name in ("norm", "ln_f", "final_layernorm", "final_layer_norm"):
        if hasattr(model, name):
            setattr(model, name, torch.nn.Identity())
