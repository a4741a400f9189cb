"""A trained model in other people's formats: GGUF for llama.cpp and what is built on it (Ollama, LM Studio).

In: a folder with a Hugging Face phi model. Out: one .gguf file of the architecture phi2, which is
phi-1's, with the tokenizer inside; whole or not at all. Tested by the same greedy tokens in
llama.cpp (tests/test_export.py). Not covered: quantised weights; llama.cpp's own llama-quantize
makes them from what is written here.
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

# Ours -> theirs, in a block; `into` is q, k, v (theirs: one matrix, in this order) and then the
# MLP's first.
_OUTSIDE = {"embedding": "token_embd", "norm": "output_norm", "head": "output"}
_INSIDE = {"norm": "attn_norm", "dense": "attn_output", "fc2": "ffn_down"}


def to_gguf(folder: Path | str, path: Path, weights: Weights = "f16") -> None:
    """Write the model and its tokenizer as one GGUF file. LayerNorms and biases are fp32, as llama.cpp wants them."""
    import gguf

    model, words = phi.load(folder), tokenizer.load(folder)
    shape, name = model.shape, Path(folder).resolve().name
    with store.whole(path) as temporary:
        writer = gguf.GGUFWriter(temporary, "phi2")
        writer.add_name(name)
        _describe(writer, shape, weights)
        _spell(writer, words, shape.vocab)
        for key, tensor in _renamed(model.state_dict(), shape.width).items():
            kind = weights if tensor.ndim == 2 else "f32"
            _add(writer, key, tensor.to(DTYPES[kind]).contiguous())
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def _describe(writer: Any, shape: Shape, weights: Weights) -> None:
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


def _spell(writer: Any, words: Tokenizer, rows: int) -> None:
    """The tokenizer: entries, merges, and llama.cpp's name for how it cuts text before it merges."""
    import gguf

    facts = json.loads(words.backend.to_str())
    tokens, kinds = [f"[PAD{at}]" for at in range(rows)], [int(gguf.TokenType.UNUSED)] * rows
    for token, at in facts["model"]["vocab"].items():
        tokens[at], kinds[at] = token, int(gguf.TokenType.NORMAL)
    for added in facts["added_tokens"]:
        kind = gguf.TokenType.CONTROL if added["special"] else gguf.TokenType.USER_DEFINED
        tokens[added["id"]], kinds[added["id"]] = added["content"], int(kind)
    merges = [
        each if isinstance(each, str) else " ".join(each) for each in facts["model"]["merges"]
    ]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(_cut(facts["pre_tokenizer"]))
    writer.add_token_list(tokens)
    writer.add_token_types(kinds)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(words.end)
    writer.add_eos_token_id(words.end)
    writer.add_add_bos_token(False)


def _cut(pre: dict[str, Any]) -> str:
    """llama.cpp's name: "gpt-2" for the plain byte level, "starcoder" where each digit also stands alone."""
    steps = pre["pretokenizers"] if pre["type"] == "Sequence" else [pre]
    found = [(each["type"], each.get("individual_digits"), each.get("use_regex")) for each in steps]
    known: dict[tuple[Any, ...], str] = {
        (("ByteLevel", None, True),): "gpt-2",
        (("Digits", True, None), ("ByteLevel", None, True)): "starcoder",
    }
    if tuple(found) not in known:
        raise UserError(
            f"GGUF has no name for how this tokenizer cuts text ({', '.join(str(each[0]) for each in found)}): only "
            "tokenizers trained here and CodeGen's can be exported"
        )
    return known[tuple(found)]


def _renamed(state: dict[str, Tensor], width: int) -> dict[str, Tensor]:
    theirs: dict[str, Tensor] = {}
    for name, tensor in state.items():
        *path, module, kind = name.split(".")
        if not path:
            theirs[f"{_OUTSIDE[module]}.{kind}"] = tensor
        elif module == "into":
            theirs[f"blk.{path[1]}.attn_qkv.{kind}"] = tensor[: 3 * width]
            theirs[f"blk.{path[1]}.ffn_up.{kind}"] = tensor[3 * width :]
        else:
            theirs[f"blk.{path[1]}.{_INSIDE[module]}.{kind}"] = tensor
    return theirs


def _add(writer: Any, key: str, tensor: Tensor) -> None:
    import gguf

    if tensor.dtype == torch.bfloat16:  # numpy has none: its bytes, and a word on what they are
        data = tensor.view(torch.uint8).numpy()
        writer.add_tensor(key, data, raw_dtype=gguf.GGMLQuantizationType.BF16)
    else:
        writer.add_tensor(key, tensor.numpy())
