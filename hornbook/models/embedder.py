"""Text embeddings, for the quality classifier and for the search for similar texts.

In: texts and a model's name. Out: an L2-normalised float32 row for each text. Models:

| name | model |
| --- | --- |
| smollm2 | the embedded model: a middle layer, mean-pooled |
| hashed | hashed n-grams, no model: a baseline, and for tests without network |
| others | a causal model of Hugging Face, by name or folder, such as the paper's CodeGen |

Embeddings are batch-invariant, bit for bit, because a model reads batches of fixed shapes. That
makes a cache across runs possible (embedding_cache.py). The bits depend on the processor and on the
number of threads: both are in the cache's keys. Not covered: encoder models, training embedders.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
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

# Tokens of a batch; length and rows are padded. oneDNN chooses its kernels by the shape of a
# product: batches of 1 or 15 rows had other last bits in bf16 than batches of 16. On 2 cores
# batches of 2048 tokens are no faster, and 2 to 9 % of them are padding instead of 1 to 4 %.
BATCH_TOKENS = 1024
GPU_BATCH_TOKENS = 16384  # a GPU is not full with less; not measured
LENGTH_STEP = 64  # lengths are padded to multiples of this
HASHED_WIDTH = 512
CHARACTERS_PER_TOKEN = 12  # more than any text has: the rest of a text is not tokenised

Pooling = Literal["mean", "last"]


@dataclass(frozen=True)
class Embedder:
    """How texts are embedded.

    Args:
        model: smollm2, hashed, or a causal model of Hugging Face by name or folder.
        layer: after how many layers the states are taken; 0 is the middle one.
        tokens: how many tokens of a text are read.
        pooling: the mean of the tokens' states, or the last token's.
    """

    model: str = embedded_weights.NAME
    layer: int = 0
    tokens: int = 512
    pooling: Pooling = "mean"


def embed_texts(
    texts: Sequence[str],
    embedder: Embedder | None = None,
    device: str = "cpu",
    on_progress: Callable[[int], object] | None = None,
    use_cache: bool = True,
) -> Vectors:
    """Embed texts.

    Args:
        texts: any strings.
        embedder: the default is the embedded model.
        device: where the model runs.
        on_progress: called with the number of texts of each batch.
        use_cache: whether vectors are looked up and kept in this machine's cache.

    Returns:
        float32 (texts, width); rows have length 1.
    """
    return embed_texts_per_layer(texts, [embedder or Embedder()], device, on_progress, use_cache)[0]


def embed_texts_per_layer(
    texts: Sequence[str],
    embedders: Sequence[Embedder],
    device: str = "cpu",
    on_progress: Callable[[int], object] | None = None,
    use_cache: bool = True,
) -> list[Vectors]:
    """Embed texts with several layers and poolings of one model, in one pass.

    Returns:
        For each embedder what embed_texts returns.
    """
    import numpy as np

    assert len({(embedder.model, embedder.tokens) for embedder in embedders}) == 1, (
        "one pass reads one model and one number of tokens"
    )
    is_hashed = embedders[0].model == "hashed"
    if not texts:
        return [np.zeros((0, HASHED_WIDTH if is_hashed else 1), np.float32) for _ in embedders]
    # No tokenizer accepts a lone surrogate.
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    if is_hashed:
        return [_embed_hashed(texts)] * len(embedders)
    cache = EmbeddingCache(embedding_cache.cache_file() if use_cache else None)
    resolved = [resolve_layer(embedder) for embedder in embedders]
    vectors = _embed_with_model(texts, resolved, device, on_progress or (lambda count: None), cache)
    return [vectors[:, i] for i in range(len(embedders))]


def resolve_layer(embedder: Embedder) -> Embedder:
    """Replace layer 0 by the middle layer. Raises UserError for a layer that the model lacks."""
    if embedder.model == "hashed":
        return embedder
    layers = count_layers(embedder.model)
    if not 0 <= embedder.layer <= layers:
        raise UserError(f"layer {embedder.layer} of {embedder.model}: it has layers 1 to {layers}")
    return replace(embedder, layer=embedder.layer or layers // 2)


def _embed_hashed(texts: Sequence[str]) -> NDArray[np.float32]:
    """Hashed counts of words and of character 3-grams, as a cheap baseline.

    As features of the quality classifier its AUC was 0.85, where SmolLM2 reached 0.90.
    """
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer

    half = HASHED_WIDTH // 2  # for words, and for 3-grams
    word_counter = HashingVectorizer(
        n_features=half, token_pattern=r"\w+|[^\w\s]", alternate_sign=True, norm=None
    )
    trigram_counter = HashingVectorizer(
        n_features=half, analyzer="char", ngram_range=(3, 3), alternate_sign=True, norm=None
    )
    counts = np.hstack(
        [word_counter.transform(texts).toarray(), trigram_counter.transform(texts).toarray()]
    )
    # Logarithms, so that a word that repeats does not dominate its text.
    return _normalise_rows(np.sign(counts) * np.log1p(np.abs(counts)))


def _normalise_rows(vectors: NDArray[Any]) -> NDArray[np.float32]:
    """Scale the last axis to length 1; zeros remain zeros."""
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
    """Vectors (texts, embedders, width), from the cache or by the model.

    A text is computed if one of its vectors is not in the cache.
    """
    import numpy as np

    layers = max(embedder.layer for embedder in embedders)
    model = _load_truncated_model(embedders[0].model, layers, device)
    keys = [[_cache_key(model, embedder, text) for embedder in embedders] for text in texts]
    vectors = np.zeros((len(texts), len(embedders), model.width), np.float32)
    with cache:
        cached = cache.get_vectors(list(itertools.chain.from_iterable(keys)))
        missing = []
        for text_index, text_keys in enumerate(keys):
            if cached.keys() >= set(text_keys):
                vectors[text_index] = [cached[key] for key in text_keys]
            else:
                missing.append(text_index)
        on_progress(len(texts) - len(missing))
        missing_texts = [texts[text_index] for text_index in missing]
        for members, computed in _compute_vectors(model, missing_texts, embedders, device):
            rows = [missing[member] for member in members]
            vectors[rows] = computed
            new_entries: dict[bytes, NDArray[np.float32]] = {}
            # Stored per batch, so that a killed run keeps what it has computed.
            for row in rows:
                new_entries |= dict(zip(keys[row], vectors[row], strict=True))
            cache.put_vectors(new_entries)
            on_progress(len(members))
    return vectors


def _cache_key(model: EmbeddingModel, embedder: Embedder, text: str) -> bytes:
    """A digest of all that the bits of a vector depend on."""
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
    """Yield for each batch the indices of its texts and their vectors (texts, embedders, width)."""
    import numpy as np
    import torch

    tokens = embedders[0].tokens
    # Tokenising a text of 1 MB to keep 512 tokens would be a waste.
    shortened = [text[: tokens * CHARACTERS_PER_TOKEN] for text in texts]
    if not shortened:
        return
    ids = model.tokenizer(shortened, truncation=True, max_length=tokens)["input_ids"]
    for length, members in _plan_batches([len(token_ids) for token_ids in ids], model.batch_tokens):
        # Always the full number of rows, so that all batches of one length have one shape.
        batch = torch.zeros((_rows_per_batch(length, model.batch_tokens), length), dtype=torch.long)
        for row, member in enumerate(members):
            batch[row, : len(ids[member])] = torch.tensor(ids[member])
        with torch.inference_mode():
            states = model.hidden_states(batch.to(device))
        vectors = np.zeros((len(members), len(embedders), model.width), np.float32)
        for embedder_index, embedder in enumerate(embedders):
            for row, member in enumerate(members):
                # Padding on the right under a causal mask: no token of the text has seen it.
                token_states = states[embedder.layer][row, : max(1, len(ids[member]))].float()
                is_mean = embedder.pooling == "mean"
                pooled = token_states.mean(0) if is_mean else token_states[-1]
                vectors[row, embedder_index] = pooled.cpu().numpy()
        meter.add_usage(tokens_in=sum(len(ids[member]) for member in members))
        yield members, _normalise_rows(vectors)


def _plan_batches(lengths: Sequence[int], tokens: int) -> list[tuple[int, list[int]]]:
    """Group texts of similar length into batches of `tokens` tokens.

    Returns:
        (padded length, indices of texts) of each batch, the longest first, so that memory is
        allocated once.

    >>> _plan_batches([10, 70, 500, 64], 128)
    [(512, [2]), (128, [1]), (64, [0, 3])]
    """
    buckets: dict[int, list[int]] = {}
    for member, length in enumerate(lengths):
        padded = max(LENGTH_STEP, -(-length // LENGTH_STEP) * LENGTH_STEP)
        buckets.setdefault(padded, []).append(member)
    batches = []
    for length, members in sorted(buckets.items(), reverse=True):
        rows = _rows_per_batch(length, tokens)
        for start in range(0, len(members), rows):
            batches.append((length, members[start : start + rows]))
    return batches


def _rows_per_batch(length: int, tokens: int) -> int:
    """How many texts of this padded length a batch has."""
    return max(1, tokens // length)


@dataclass(frozen=True)
class EmbeddingModel:
    """The first layers of a model.

    Args:
        hidden_states: from ids (B, T) to the states (B, T, width) after 0, 1, 2, ... layers.
        tokenizer: Hugging Face's.
        width: of the states.
        digest: of weights, tokenizer, libraries and processor.
        batch_tokens: tokens of a batch.
    """

    hidden_states: Callable[[Any], Sequence[Any]]
    tokenizer: Any
    width: int
    digest: str
    batch_tokens: int


def _model_source(name: str) -> str:
    return str(embedded_weights.weights_folder()) if name == embedded_weights.NAME else name


@contextlib.contextmanager
def _explain_load_errors(name: str) -> Iterator[None]:
    """Turn transformers' errors inside this context into a UserError."""
    try:
        with embedded_weights.silence_loader():
            yield
    except (OSError, ValueError) as error:
        reason = str(error).strip().split("\n")[0]
        raise UserError(
            f"the embedding model {name} cannot be loaded ({reason}): give a folder, a Hub name, "
            "smollm2 or hashed"
        ) from error


@functools.lru_cache(maxsize=4)
def count_layers(name: str) -> int:
    """The number of layers that a model has."""
    from transformers import AutoConfig

    with _explain_load_errors(name):
        return int(AutoConfig.from_pretrained(_model_source(name)).num_hidden_layers)


@functools.lru_cache(maxsize=1)
def _load_truncated_model(name: str, layers: int, device: str) -> EmbeddingModel:
    """The first `layers` layers of a model: half of the layers take half the time."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    with _explain_load_errors(name):
        tokenizer = AutoTokenizer.from_pretrained(_model_source(name))
        model = AutoModel.from_pretrained(_model_source(name), dtype=fast_dtype(device))
        model = model.to(device).eval()
    digest = _digest_model(model, tokenizer, device)
    # In Llama, CodeGen, phi and GPT-NeoX the first list of modules is the list of layers.
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
    """A digest of what the bits of vectors depend on, apart from the text and the Embedder.

    Takes 0.3 s for SmolLM2.
    """
    import torch
    import transformers

    machine = ",".join(sorted(read_cpu_flags()))
    if device.startswith("cuda"):
        machine = torch.cuda.get_device_name(device)
    digest = hashlib.sha256(
        f"{torch.__version__}\0{transformers.__version__}\0{device}\0{machine}".encode()
    )
    # Slow tokenizers have no backend; their vocabulary stands for them.
    backend = getattr(tokenizer, "backend_tokenizer", None)
    digest.update(
        (backend.to_str() if backend else repr(sorted(tokenizer.get_vocab().items()))).encode()
    )
    for name, tensor in model.state_dict().items():
        digest.update(f"{name}{tensor.dtype}".encode())
        digest.update(tensor.cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _skip_final_norm(model: Any) -> None:
    """Remove the norm after the last layer, which was trained for the layers that are cut off.

    The last hidden states are then without norm, as those of all other layers.
    """
    import torch

    # Its name in Llama, in GPT-2 and CodeGen, in phi, and in GPT-NeoX.
    for name in ("norm", "ln_f", "final_layernorm", "final_layer_norm"):
        if hasattr(model, name):
            setattr(model, name, torch.nn.Identity())
