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
from hornbook.models.device import fast_dtype, read_cpu_flags
from hornbook.models.embedding_cache import EmbeddingCache
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
LENGTH_STEP = 64
HASHED_WIDTH = 512

Pooling = Literal["mean", "last"]


@dataclass(frozen=True)
class Embedder:
    """Which vectors: the model, the layer they are taken from (0: the middle one) and the tokens that are read."""

    model: str = embedded_weights.NAME
    layer: int = 0
    tokens: int = 512
    pooling: Pooling = "mean"  # of all tokens that are read, or the last one's


def embed_texts(
    texts: Sequence[str],
    embedder: Embedder | None = None,
    device: str = "cpu",
    on_progress: Callable[[int], object] | None = None,
    use_cache: bool = True,
) -> Vectors:
    """Embed texts: float32 of shape (texts, width), rows of length 1. `advance` hears each batch's number of texts."""
    return embed_texts_per_layer(texts, [embedder or Embedder()], device, on_progress, use_cache)[0]


def embed_texts_per_layer(
    texts: Sequence[str],
    embedders: Sequence[Embedder],
    device: str = "cpu",
    on_progress: Callable[[int], object] | None = None,
    use_cache: bool = True,
) -> list[Vectors]:
    """Embed texts by several layers and poolings of one model: an array each, of one pass of the model."""
    import numpy as np

    assert len({(embedder.model, embedder.tokens) for embedder in embedders}) == 1, (
        "one pass reads one model and one number of tokens"
    )
    hashed = embedders[0].model == "hashed"
    if not texts:
        return [np.zeros((0, HASHED_WIDTH if hashed else 1), np.float32) for _ in embedders]
    texts = [
        text.encode("utf-8", "replace").decode() for text in texts
    ]  # no tokenizer takes a lone surrogate
    if hashed:
        return [_embed_hashed(texts)] * len(embedders)
    cache = EmbeddingCache(embedding_cache.cache_file() if use_cache else None)
    vectors = _embed_with_model(
        texts,
        [resolve_layer(embedder) for embedder in embedders],
        device,
        on_progress or (lambda i: None),
        cache,
    )
    return [vectors[:, i] for i in range(len(embedders))]


def resolve_layer(embedder: Embedder) -> Embedder:
    """The same with the number of its layer, which the model must have; "hashed" has none."""
    if embedder.model == "hashed":
        return embedder
    layers = count_layers(embedder.model)
    if not 0 <= embedder.layer <= layers:
        raise UserError(f"layer {embedder.layer} of {embedder.model}: it has layers 1 to {layers}")
    return replace(embedder, layer=embedder.layer or layers // 2)


def _embed_hashed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Counts of words and of character 3-grams, hashed: the cheap baseline (AUC 0.85 where SmolLM2 reached 0.90)."""
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    half = HASHED_WIDTH // 2
    word_counter = HashingVectorizer(
        n_features=half, token_pattern=r"\w+|[^\w\s]", alternate_sign=True, norm=None
    )
    trigram_counter = HashingVectorizer(
        n_features=half, analyzer="char", ngram_range=(3, 3), alternate_sign=True, norm=None
    )
    counts = np.hstack(
        [word_counter.transform(texts).toarray(), trigram_counter.transform(texts).toarray()]
    )
    return _normalise_rows(np.sign(counts) * np.log1p(np.abs(counts)))


def _normalise_rows(vectors: NDArray[Any]) -> NDArray[np.float32]:
    import numpy as np

    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-12), np.float32)


def _embed_with_model(
    texts: Sequence[str],
    embedders: Sequence[Embedder],
    device: str,
    on_progress: Callable[[int], object],
    cache: EmbeddingCache,
) -> Vectors:
    """(texts, hows, width), from the cache where all of a text's vectors are there, else by the model."""
    import numpy as np

    model = _load_truncated_model(
        embedders[0].model, max(embedder.layer for embedder in embedders), device
    )
    keys = [[_cache_key(model, embedder, text) for embedder in embedders] for text in texts]
    vectors = np.zeros((len(texts), len(embedders), model.width), np.float32)
    with cache:
        cached = cache.get_vectors([key for text_keys in keys for key in text_keys])
        missing = [
            text_index
            for text_index, text_keys in enumerate(keys)
            if not cached.keys() >= set(text_keys)
        ]
        for text_index in set(range(len(texts))) - set(missing):
            vectors[text_index] = [cached[key] for key in keys[text_index]]
        on_progress(len(texts) - len(missing))
        for members, computed in _compute_vectors(
            model, [texts[text_index] for text_index in missing], embedders, device
        ):
            rows = [missing[member] for member in members]
            vectors[rows] = computed
            cache.put_vectors(
                {
                    key: vector
                    for text_index in rows
                    for key, vector in zip(keys[text_index], vectors[text_index], strict=True)
                }
            )
            on_progress(len(members))
    return vectors


def _cache_key(model: EmbeddingModel, embedder: Embedder, text: str) -> bytes:
    import torch

    dependencies = (
        model.digest,
        torch.get_num_threads(),
        embedder.layer,
        embedder.pooling,
        embedder.tokens,
        model.batch_tokens,
        LENGTH_STEP,
    )
    return hashlib.blake2b(
        "\0".join([*map(str, dependencies), text]).encode(), digest_size=16
    ).digest()


def _compute_vectors(
    model: EmbeddingModel, texts: Sequence[str], embedders: Sequence[Embedder], device: str
) -> Iterator[tuple[list[int], Vectors]]:
    """(numbers of texts, their vectors (texts, hows, width)) of each batch."""
    import numpy as np
    import torch

    tokens = embedders[0].tokens
    # Characters beyond any plausible need of `tokens` are cut first: tokenising a 1 MB text to keep
    # 512 is waste.
    shortened = [text[: tokens * 12] for text in texts]
    ids = (
        model.tokenizer(shortened, truncation=True, max_length=tokens)["input_ids"]
        if shortened
        else []
    )
    for length, members in _plan_batches([len(token_ids) for token_ids in ids], model.batch_tokens):
        batch = torch.zeros((_rows_per_batch(length, model.batch_tokens), length), dtype=torch.long)
        for row, member in enumerate(members):
            batch[row, : len(ids[member])] = torch.tensor(ids[member])
        with torch.inference_mode():
            states = model.hidden_states(batch.to(device))
        vectors = np.zeros((len(members), len(embedders), model.width), np.float32)
        for embedder_index, embedder in enumerate(embedders):
            for row, member in enumerate(members):
                # Right padding under a causal mask: no token that counts has seen the padding.
                token_states = states[embedder.layer][row, : max(1, len(ids[member]))].float()
                vectors[row, embedder_index] = (
                    (token_states.mean(0) if embedder.pooling == "mean" else token_states[-1])
                    .cpu()
                    .numpy()
                )
        meter.add_usage(tokens_in=sum(len(ids[member]) for member in members))
        yield members, _normalise_rows(vectors)


def _plan_batches(lengths: Sequence[int], tokens: int) -> list[tuple[int, list[int]]]:
    """(padded length, members), as many members as fit a batch; longest first, so that memory is asked for once."""
    buckets: dict[int, list[int]] = {}
    for member, length in enumerate(lengths):
        buckets.setdefault(max(LENGTH_STEP, -(-length // LENGTH_STEP) * LENGTH_STEP), []).append(
            member
        )
    batches = []
    for length, members in sorted(buckets.items(), reverse=True):
        rows = _rows_per_batch(length, tokens)
        batches += [
            (length, members[start : start + rows]) for start in range(0, len(members), rows)
        ]
    return batches


def _rows_per_batch(length: int, tokens: int) -> int:
    """Texts of a batch of this padded length."""
    return max(1, tokens // length)


@dataclass(frozen=True)
class EmbeddingModel:
    """A model up to a layer. `origin` names what its vectors depend on: weights, tokenizer, libraries, processor."""

    hidden_states: Callable[
        [Any], Sequence[Any]
    ]  # ids (B, T) to hidden states (B, T, width) after 0, 1, 2 ... layers
    tokenizer: Any
    width: int
    digest: str
    batch_tokens: int


def _model_source(name: str) -> str:
    return str(embedded_weights.weights_folder()) if name == embedded_weights.NAME else name


@contextlib.contextmanager
def _explain_load_errors(name: str) -> Iterator[None]:
    try:
        with embedded_weights.silence_loader():
            yield
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"the embedding model {name} cannot be loaded ({reason}): give a folder, a Hub name, smollm2 or hashed"
        ) from error


@functools.lru_cache(maxsize=4)
def count_layers(name: str) -> int:
    """The number of layers that a model has."""
    from transformers import AutoConfig

    with _explain_load_errors(name):
        return int(AutoConfig.from_pretrained(_model_source(name)).num_hidden_layers)


@functools.lru_cache(maxsize=1)
def _load_truncated_model(name: str, layers: int, device: str) -> EmbeddingModel:
    """The model without what stands after so many layers: half the layers cost half the time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    with _explain_load_errors(name):
        tokenizer = AutoTokenizer.from_pretrained(_model_source(name))
        model = (
            AutoModel.from_pretrained(_model_source(name), dtype=fast_dtype(device))
            .to(device)
            .eval()
        )
    digest = _digest_model(model, tokenizer, device)
    blocks = next(
        child
        for child in model.children()
        if isinstance(child, torch.nn.ModuleList) and len(child) > 1
    )
    del blocks[layers:]
    _skip_final_norm(model)

    def hidden_states(ids: Any) -> Any:
        return model(input_ids=ids, use_cache=False, output_hidden_states=True).hidden_states

    batch_tokens = GPU_BATCH_TOKENS if device.startswith("cuda") else BATCH_TOKENS
    return EmbeddingModel(
        hidden_states, tokenizer, int(model.config.hidden_size), digest, batch_tokens
    )


def _digest_model(model: Any, tokenizer: Any, device: str) -> str:
    """A digest of all that decides a vector's bits beside the text and the Embedder; 0.3 s for SmolLM2."""
    import torch
    import transformers

    machine = (
        torch.cuda.get_device_name(device)
        if device.startswith("cuda")
        else ",".join(sorted(read_cpu_flags()))
    )
    digest = hashlib.sha256(
        f"{torch.__version__}\0{transformers.__version__}\0{device}\0{machine}".encode()
    )
    backend = getattr(tokenizer, "backend_tokenizer", None)
    digest.update(
        (backend.to_str() if backend else repr(sorted(tokenizer.get_vocab().items()))).encode()
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
