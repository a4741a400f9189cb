"""Texts to vectors: what the filter learns from and what the scrubber compares.

In: texts and a model's name. Out: an array of float32, a row a text, L2-normalised. Models:
"smollm2" (the embedded one: a middle layer, mean-pooled), "hashed" (n-grams, no model at all, for
baselines and for tests without network), or any causal model of Hugging Face by name or folder,
such as Salesforce/codegen-350M-mono, the paper's. A model reads batches of fixed shapes, so a
text's bits do not depend on its neighbours, which makes a cache across runs possible
(vector_cache.py). They depend on the processor and on the number of threads: both are in the keys.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from hornbook import meter
from hornbook.models import embedded_weights, embedding_cache
from hornbook.models.device import cpu_flags, fast_dtype
from hornbook.models.embedding_cache import VectorCache
from hornbook.records import UserError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

# Padded up to these, rows included: oneDNN chooses its kernels by a product's shape, and 15 of 16
# rows, or one, had other last bits in bf16 than 16. On 2 cores batches of 2048 tokens are no
# faster, and waste 2 to 9 % and not 1 to 4.
BATCH_TOKENS = 1024
GPU_BATCH_TOKENS = 16384  # a GPU is not full with less; not measured
BUCKET = 64
HASHED_WIDTH = 512

Pooling = Literal["mean", "last"]


@dataclass(frozen=True)
class Embedder:
    """Which vectors: the model, the layer they are taken from (0: the middle one) and the tokens that are read."""

    model: str = embedded_weights.NAME
    layer: int = 0
    tokens: int = 512
    pooling: Pooling = "mean"  # of all tokens that are read, or the last one's


def embed(
    texts: Sequence[str],
    how: Embedder | None = None,
    device: str = "cpu",
    advance: Callable[[int], object] | None = None,
    cached: bool = True,
) -> Vectors:
    """Embed texts: float32 of shape (texts, width), rows of length 1. `advance` hears each batch's number of texts."""
    return embed_each(texts, [how or Embedder()], device, advance, cached)[0]


def embed_each(
    texts: Sequence[str],
    hows: Sequence[Embedder],
    device: str = "cpu",
    advance: Callable[[int], object] | None = None,
    cached: bool = True,
) -> list[Vectors]:
    """Embed texts by several layers and poolings of one model: an array each, of one pass of the model."""
    import numpy as np

    assert len({(how.model, how.tokens) for how in hows}) == 1, (
        "one pass reads one model and one number of tokens"
    )
    hashed = hows[0].model == "hashed"
    if not texts:
        return [np.zeros((0, HASHED_WIDTH if hashed else 1), np.float32) for _ in hows]
    texts = [
        text.encode("utf-8", "replace").decode() for text in texts
    ]  # no tokenizer takes a lone surrogate
    if hashed:
        return [_hashed(texts)] * len(hows)
    cache = VectorCache(embedding_cache.file() if cached else None)
    found = _by_model(
        texts, [resolved(how) for how in hows], device, advance or (lambda number: None), cache
    )
    return [found[:, number] for number in range(len(hows))]


def resolved(how: Embedder) -> Embedder:
    """The same with the number of its layer, which the model must have; "hashed" has none."""
    if how.model == "hashed":
        return how
    layers = depth(how.model)
    if not 0 <= how.layer <= layers:
        raise UserError(f"layer {how.layer} of {how.model}: it has layers 1 to {layers}")
    return replace(how, layer=how.layer or layers // 2)


def _hashed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Counts of words and of character 3-grams, hashed: the cheap baseline (AUC 0.85 where SmolLM2 reached 0.90)."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    half = HASHED_WIDTH // 2
    words = HashingVectorizer(
        n_features=half, token_pattern=r"\w+|[^\w\s]", alternate_sign=True, norm=None
    )
    letters = HashingVectorizer(
        n_features=half, analyzer="char", ngram_range=(3, 3), alternate_sign=True, norm=None
    )
    counts = np.hstack([words.transform(texts).toarray(), letters.transform(texts).toarray()])
    return _normalised(np.sign(counts) * np.log1p(np.abs(counts)))


def _normalised(vectors: NDArray[Any]) -> NDArray[np.float32]:
    import numpy as np

    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)


def _by_model(
    texts: Sequence[str],
    hows: Sequence[Embedder],
    device: str,
    advance: Callable[[int], object],
    cache: VectorCache,
) -> Vectors:
    """(texts, hows, width), from the cache where all of a text's vectors are there, else by the model."""
    import numpy as np

    body = _body(hows[0].model, max(how.layer for how in hows), device)
    keys = [[_key(body, how, text) for how in hows] for text in texts]
    found = np.zeros((len(texts), len(hows), body.width), np.float32)
    with cache:
        known = cache.get([key for mine in keys for key in mine])
        missing = [at for at, mine in enumerate(keys) if not known.keys() >= set(mine)]
        for at in set(range(len(texts))) - set(missing):
            found[at] = [known[key] for key in keys[at]]
        advance(len(texts) - len(missing))
        for members, made in _computed(body, [texts[at] for at in missing], hows, device):
            where = [missing[member] for member in members]
            found[where] = made
            cache.put(
                {
                    key: vector
                    for at in where
                    for key, vector in zip(keys[at], found[at], strict=True)
                }
            )
            advance(len(members))
    return found


def _key(body: Body, how: Embedder, text: str) -> bytes:
    import torch

    names = (
        body.origin,
        torch.get_num_threads(),
        how.layer,
        how.pooling,
        how.tokens,
        body.batch_tokens,
        BUCKET,
    )
    return hashlib.blake2b("\0".join([*map(str, names), text]).encode(), digest_size=16).digest()


def _computed(
    body: Body, texts: Sequence[str], hows: Sequence[Embedder], device: str
) -> Iterator[tuple[list[int], Vectors]]:
    """(numbers of texts, their vectors (texts, hows, width)) of each batch."""
    import numpy as np
    import torch

    tokens = hows[0].tokens
    # Characters beyond any plausible need of `tokens` are cut first: tokenising a 1 MB text to keep
    # 512 is waste.
    cut = [text[: tokens * 12] for text in texts]
    ids = body.tokenizer(cut, truncation=True, max_length=tokens)["input_ids"] if cut else []
    for length, members in _batches([len(each) for each in ids], body.batch_tokens):
        batch = torch.zeros((_rows(length, body.batch_tokens), length), dtype=torch.long)
        for row, member in enumerate(members):
            batch[row, : len(ids[member])] = torch.tensor(ids[member])
        with torch.inference_mode():
            states = body.states(batch.to(device))
        made = np.zeros((len(members), len(hows), body.width), np.float32)
        for number, how in enumerate(hows):
            for row, member in enumerate(members):
                # Right padding under a causal mask: no token that counts has seen the padding.
                seen = states[how.layer][row, : max(1, len(ids[member]))].float()
                made[row, number] = (
                    (seen.mean(0) if how.pooling == "mean" else seen[-1]).cpu().numpy()
                )
        meter.count(tokens_in=sum(len(ids[member]) for member in members))
        yield members, _normalised(made)


def _batches(lengths: Sequence[int], tokens: int) -> list[tuple[int, list[int]]]:
    """(padded length, members), as many members as fit a batch; longest first, so that memory is asked for once."""
    buckets: dict[int, list[int]] = {}
    for member, length in enumerate(lengths):
        buckets.setdefault(max(BUCKET, -(-length // BUCKET) * BUCKET), []).append(member)
    found = []
    for length, members in sorted(buckets.items(), reverse=True):
        rows = _rows(length, tokens)
        found += [(length, members[at : at + rows]) for at in range(0, len(members), rows)]
    return found


def _rows(length: int, tokens: int) -> int:
    """Texts of a batch of this padded length."""
    return max(1, tokens // length)


@dataclass(frozen=True)
class Body:
    """A model up to a layer. `origin` names what its vectors depend on: weights, tokenizer, libraries, processor."""

    states: Callable[
        [Any], Sequence[Any]
    ]  # ids (B, T) to hidden states (B, T, width) after 0, 1, 2 ... layers
    tokenizer: Any
    width: int
    origin: str
    batch_tokens: int


def _source(name: str) -> str:
    return str(embedded_weights.folder()) if name == embedded_weights.NAME else name


@contextlib.contextmanager
def _explained(name: str) -> Iterator[None]:
    try:
        with embedded_weights.quiet():
            yield
    except (OSError, ValueError) as error:
        first = str(error).strip().split("\n")[0]
        raise UserError(
            f"the embedding model {name} cannot be loaded ({first}): give a folder, a Hub name, smollm2 or hashed"
        ) from error


@functools.lru_cache(maxsize=4)
def depth(name: str) -> int:
    """The number of layers that a model has."""
    from transformers import AutoConfig

    with _explained(name):
        return int(AutoConfig.from_pretrained(_source(name)).num_hidden_layers)


@functools.lru_cache(maxsize=1)
def _body(name: str, layers: int, device: str) -> Body:
    """The model without what stands after so many layers: half the layers cost half the time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    with _explained(name):
        tokenizer = AutoTokenizer.from_pretrained(_source(name))
        model = AutoModel.from_pretrained(_source(name), dtype=fast_dtype(device)).to(device).eval()
    origin = _origin(model, tokenizer, device)
    blocks = next(
        child
        for child in model.children()
        if isinstance(child, torch.nn.ModuleList) and len(child) > 1
    )
    del blocks[layers:]
    _skip_final_norm(model)

    def states(ids: Any) -> Any:
        return model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states

    batch_tokens = GPU_BATCH_TOKENS if device.startswith("cuda") else BATCH_TOKENS
    return Body(states, tokenizer, int(model.config.hidden_size), origin, batch_tokens)


def _origin(model: Any, tokenizer: Any, device: str) -> str:
    """A digest of all that decides a vector's bits beside the text and the Embedder; 0.3 s for SmolLM2."""
    import torch
    import transformers

    machine = (
        torch.cuda.get_device_name(device)
        if device.startswith("cuda")
        else ",".join(sorted(cpu_flags()))
    )
    digest = hashlib.sha256(
        f"{torch.__version__}\0{transformers.__version__}\0{device}\0{machine}".encode()
    )
    words = getattr(tokenizer, "backend_tokenizer", None)
    digest.update(
        (words.to_str() if words else repr(sorted(tokenizer.get_vocab().items()))).encode()
    )
    for name, tensor in model.state_dict().items():
        digest.update(f"{name}{tensor.dtype}".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _skip_final_norm(model: Any) -> None:
    """Replace the norm after the last layer by nothing; it was trained for the layers that were cut off.

    The last hidden states are then those before it, as all others are.
    """
    import torch

    for name in ("norm", "ln_f", "final_layernorm", "final_layer_norm"):
        if hasattr(model, name):
            setattr(model, name, torch.nn.Identity())
