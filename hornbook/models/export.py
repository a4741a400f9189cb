"""Export to GGUF, the format of llama.cpp, Ollama and LM Studio.

In: a folder with a Hugging Face phi model. Out: one .gguf file of the architecture phi2, which is
phi-1's, with the tokenizer inside; the write is atomic. tests/test_export.py compares greedy tokens
with llama.cpp's. Not covered: quantised weights; llama-quantize makes them from this file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch

from hornbook import store
from hornbook.models import tokenizer
from hornbook.models import transformer as phi
from hornbook.records import UserError

if TYPE_CHECKING:
    from torch import Tensor

    from hornbook.models.shape import Shape
    from hornbook.models.tokenizer import Tokenizer

Weights = Literal["f32", "f16", "bf16"]
DTYPES = {"f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}

# Our names to GGUF's. `qkv_fc1` holds q, k, v (one matrix in GGUF, in this order), then the MLP's
# first projection.
_MODEL_NAMES = {"embedding": "token_embd", "norm": "output_norm", "head": "output"}
_BLOCK_NAMES = {"norm": "attn_norm", "dense": "attn_output", "fc2": "ffn_down"}


def export_gguf(folder: Path | str, path: Path, weights: Weights = "f16") -> None:
    """Write a model and its tokenizer as one GGUF file.

    Args:
        folder: a Hugging Face phi folder.
        path: the file to write.
        weights: the type of matrices; LayerNorms and biases are fp32, as llama.cpp needs them.
    """
    import gguf

    model, text_tokenizer = phi.load_model(folder), tokenizer.load_tokenizer(folder)
    shape, name = model.shape, Path(folder).resolve().name
    with store.atomic_write(path) as temporary:
        writer = gguf.GGUFWriter(temporary, "phi2")
        writer.add_name(name)
        _add_hyperparameters(writer, shape, weights)
        _add_tokenizer(writer, text_tokenizer, shape.vocab)
        for key, tensor in _rename_tensors(model.state_dict(), shape.width).items():
            kind = weights if tensor.ndim == 2 else "f32"
            _add_tensor(writer, key, tensor.to(DTYPES[kind]).contiguous())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _add_hyperparameters(writer: Any, shape: Shape, weights: Weights) -> None:
    import gguf

    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(4 * shape.width)
    writer.add_block_count(shape.layers)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.heads)
    writer.add_layer_norm_eps(phi.NORM_EPS)
    writer.add_rope_dimension_count(shape.rotary)
    writer.add_rope_freq_base(phi.ROPE_THETA)
    types = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "bf16": "MOSTLY_BF16"}
    writer.add_file_type(getattr(gguf.LlamaFileType, types[weights]))


def _add_tokenizer(writer: Any, text_tokenizer: Tokenizer, rows: int) -> None:
    """Write tokens, merges, and llama.cpp's name of the pre-tokenizer.

    Args:
        writer: a GGUFWriter.
        text_tokenizer: which tokenizer.
        rows: rows of the embedding; ids without a token are padded.
    """
    import gguf

    config = json.loads(text_tokenizer.backend.to_str())
    tokens = [f"[PAD{token_id}]" for token_id in range(rows)]
    kinds = [int(gguf.TokenType.UNUSED)] * rows
    for token, token_id in config["model"]["vocab"].items():
        tokens[token_id], kinds[token_id] = token, int(gguf.TokenType.NORMAL)
    # After the vocabulary: an added token can have an id of it, and its kind counts.
    for added in config["added_tokens"]:
        kind = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        tokens[added["id"]], kinds[added["id"]] = added["content"], int(kind)
    # Files of tokenizers before 0.20 have "a b", later ones ["a", "b"].
    merges = [
        merge if isinstance(merge, str) else " ".join(merge) for merge in config["model"]["merges"]
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_gguf_pre_tokenizer(config["pre_tokenizer"]))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    # phi-1 has no other special token: end-of-text also begins a text.
    writer.add_bos_token_id(text_tokenizer.end)
    writer.add_eos_token_id(text_tokenizer.end)
    # llama.cpp would otherwise put one before each prompt.
    writer.add_add_bos_token(False)


def _gguf_pre_tokenizer(pre_tokenizer: dict[str, Any]) -> str:
    """llama.cpp's name: "starcoder" if each digit is a pre-token of its own, else "gpt-2"."""
    steps = (
        pre_tokenizer["pretokenizers"] if pre_tokenizer["type"] == "Sequence" else [pre_tokenizer]
    )
    described = [
        (step["type"], step.get("individual_digits"), step.get("use_regex")) for step in steps
    ]
    names: dict[tuple[Any, ...], str] = {
        (("ByteLevel", None, True),): "gpt-2",
        (("Digits", True, None), ("ByteLevel", None, True)): "starcoder",
    }
    if tuple(described) not in names:
        types = ", ".join(str(step[0]) for step in described)
        raise UserError(
            f"GGUF has no name for this pre-tokenizer ({types}): only tokenizers trained here and "
            "CodeGen's can be exported"
        )
    return names[tuple(described)]


def _rename_tensors(state: dict[str, Tensor], width: int) -> dict[str, Tensor]:
    """Rename our parameters to GGUF's; qkv_fc1 is split in two."""
    renamed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        *path, module, kind = name.split(".")
        if not path:
            renamed[f"{_MODEL_NAMES[module]}.{kind}"] = tensor
        elif module == "qkv_fc1":
            renamed[f"blk.{path[1]}.attn_qkv.{kind}"] = tensor[: 3 * width]
            renamed[f"blk.{path[1]}.ffn_up.{kind}"] = tensor[3 * width :]
        else:
            renamed[f"blk.{path[1]}.{_BLOCK_NAMES[module]}.{kind}"] = tensor
    return renamed


def _add_tensor(writer: Any, key: str, tensor: Tensor) -> None:
    import gguf

    if tensor.dtype == torch.bfloat16:  # numpy has no bf16: bytes, with their type beside them
        data = tensor.view(torch.uint8).numpy()
        writer.add_tensor(key, data, raw_dtype=gguf.GGMLQuantizationType.BF16)
    else:
        writer.add_tensor(key, tensor.numpy())
