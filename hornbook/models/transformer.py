"""The paper's transformer (Phi): token ids to logits or to a training loss.

In: ids (batch, time). Out: logits (batch, time, vocabulary), or the summed cross-entropy, computed
in chunks (head_loss.py). The model equals Hugging Face's PhiForCausalLM, and `load_model` and
`save_model` use its format. Attention and MLP are parallel branches behind one LayerNorm, so their
four input projections are one matrix. Not covered: grouped heads, query-key norms and other
variants of the format; `load_model` refuses them by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hornbook import store
from hornbook.models import fused
from hornbook.models.attention import AttentionFn, apply_rotary, make_attention, rotation_table
from hornbook.models.head_loss import NO_TARGET, HeadLoss, LossWithGrad, loss_with_grad
from hornbook.models.shape import Shape
from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.models.tokenizer import Tokenizer

INIT_STD = 0.02  # PhiConfig.initializer_range; the paper does not state it
NORM_EPS = fused.NORM_EPS
ROPE_THETA = 10_000.0  # PhiConfig.rope_theta

__all__ = [
    "NO_TARGET",
    "Phi",
    "Shape",
    "TransformerBlock",
    "load_model",
    "read_shape",
    "rename_old_keys",
    "save_model",
    "set_dropout",
]


class Phi(nn.Module):
    """The model: `model(ids)` gives logits, `model.sum_loss(ids, targets)` the training loss."""

    cos: Tensor
    sin: Tensor
    loss_with_grad: LossWithGrad

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        """Create random weights from torch's global random state: seed it first."""
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.embedding = nn.Embedding(shape.vocab, shape.width)
        self.blocks = nn.ModuleList(TransformerBlock(shape, dropout) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width, eps=NORM_EPS)
        self.head = nn.Linear(shape.width, shape.vocab)
        # Not persistent: computed from the shape, and no part of checkpoints.
        cos, sin = rotation_table(shape.context, shape.rotary, ROPE_THETA)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        self.compiled, self.loss_with_grad = False, loss_with_grad
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.normal_(module.weight, std=INIT_STD)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def compile_blocks(self) -> None:
        """Train through torch.compile from now on.

        One block is compiled, which all layers share, and the head's loss. On an H100 phi-1-small
        is as fast as when compiled as a whole (169.7 and 168.6 ms per step) and ready in 4 s
        instead of 37.
        """
        self.compiled, self.loss_with_grad = True, torch.compile(loss_with_grad, dynamic=False)
        for block in self.blocks:
            # Not `block`, so that FSDP's hooks are not compiled.
            block.forward = torch.compile(block.forward)

    def forward(self, ids: Tensor, documents: Tensor | None = None) -> Tensor:
        """Compute logits (B, T, V).

        Args:
            ids: (B, T).
            documents: (B, T), the number of each token's document, if tokens shall not see other
                documents.
        """
        logits: Tensor = self.head(self.hidden_states(ids, documents))
        return logits

    def sum_loss(self, ids: Tensor, targets: Tensor, documents: Tensor | None = None) -> Tensor:
        """Summed cross-entropy in nats over the targets (B, T); NO_TARGET does not count."""
        hidden = self.hidden_states(ids, documents)
        summed: Tensor = HeadLoss.apply(  # type: ignore[no-untyped-call]
            hidden.reshape(-1, self.shape.width),
            self.head.weight,
            self.head.bias,
            targets.reshape(-1),
            self.loss_with_grad,
        )
        return summed

    def hidden_states(self, ids: Tensor, documents: Tensor | None = None) -> Tensor:
        """The head's input, (B, T, C). Raises ValueError for more tokens than the context."""
        seq_len = ids.shape[1]
        if seq_len > self.shape.context:
            raise ValueError(f"{seq_len} tokens, and the model's context is {self.shape.context}")
        x = F.dropout(self.embedding(ids), self.dropout, self.training)
        attend = make_attention(documents, self.dropout if self.training else 0.0)
        cos, sin = self.cos[:seq_len], self.sin[:seq_len]
        # A compiled block must not call the fused step: numba kernels cannot be traced.
        use_fused = not self.compiled and fused.is_supported(x, documents)
        for block in self.blocks:
            x = block(x, cos, sin, None if use_fused else attend)
        normed: Tensor = self.norm(x)
        return normed


class TransformerBlock(nn.Module):
    """x + dense(attention(norm(x))) + fc2(gelu(fc1(norm(x)))); q, k, v and fc1 are one matrix."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.width, self.heads, self.dropout = shape.width, shape.heads, dropout
        self.norm = nn.LayerNorm(shape.width, eps=NORM_EPS)
        # Rows: q, k, v, then fc1 with 4 times the width.
        self.qkv_fc1 = nn.Linear(shape.width, 7 * shape.width)
        self.dense = nn.Linear(shape.width, shape.width)
        self.fc2 = nn.Linear(4 * shape.width, shape.width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, attend: AttentionFn | None) -> Tensor:
        """Compute x (B, T, C) to (B, T, C).

        Args:
            x: the residual stream.
            cos, sin: the rotation table up to T.
            attend: the attention; None for the fused step of fused.py.
        """
        if attend is None:
            params: list[Tensor] = []
            for module in (self.norm, self.qkv_fc1, self.dense, self.fc2):
                params += (module.weight, module.bias)
            dropout = self.dropout if self.training else 0.0
            fused_out: Tensor = fused.FusedBlock.apply(  # type: ignore[no-untyped-call]
                x, cos, sin, self.heads, dropout, *params
            )
            return fused_out
        qkv, inner = self._project_qkv_fc1(x)
        return self.add_branches(x, attend(qkv, cos, sin), inner)

    def project_inputs(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, T, C) to rotated q, k, v (B, T, 3, H, D) and the MLP's activations (B, T, 4 C)."""
        qkv, inner = self._project_qkv_fc1(x)
        return apply_rotary(qkv, cos, sin), inner

    def _project_qkv_fc1(self, x: Tensor) -> tuple[Tensor, Tensor]:
        qkv, inner = self.qkv_fc1(self.norm(x)).split((3 * self.width, 4 * self.width), dim=-1)
        return qkv.unflatten(-1, (3, self.heads, -1)), F.gelu(inner, approximate="tanh")

    def add_branches(self, x: Tensor, attention: Tensor, inner: Tensor) -> Tensor:
        """Add both branches to x; attention is (B, T, C)."""
        attention_out = F.dropout(self.dense(attention), self.dropout, self.training)
        mlp_out = F.dropout(self.fc2(inner), self.dropout, self.training)
        return x + attention_out + mlp_out


def load_model(folder: Path | str, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Phi:
    """Load a Hugging Face phi folder; the model is in evaluation mode.

    Only safetensors are read; nothing is unpickled. Raises UserError where config.json or the
    weights are not those of a plain phi model.
    """
    folder = Path(folder)
    shape = read_shape(folder)
    with torch.device("meta"):
        model = Phi(shape)
    state = _from_hugging_face(_read_tensors(folder), shape, dtype, folder)
    model.load_state_dict(state, assign=True)
    # Created on the meta device, like the weights, but not in the file.
    model.cos, model.sin = rotation_table(shape.context, shape.rotary, ROPE_THETA)
    return model.eval().to(device)


def read_shape(folder: Path | str) -> Shape:
    """Read the shape from config.json. Raises UserError unless it is a plain phi model."""
    path = Path(folder) / "config.json"
    config = store.read_json(path)
    if config is None:
        raise UserError(f"{folder} has no config.json: give the folder of a Hugging Face phi model")
    # transformers 5 writes rope_parameters, transformers 4 rope_scaling or plain keys.
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    heads = config.get("num_attention_heads", 32)
    # Each setting with its value here, and the only one that this module computes.
    settings = {
        "model_type": (config.get("model_type"), "phi"),
        "qk_layernorm": (config.get("qk_layernorm", False), False),
        "num_key_value_heads": (config.get("num_key_value_heads") or heads, heads),
        "tie_word_embeddings": (config.get("tie_word_embeddings", False), False),
        "hidden_act": (config.get("hidden_act", "gelu_new"), "gelu_new"),
        "layer_norm_eps": (config.get("layer_norm_eps", NORM_EPS), NORM_EPS),
        "rope_theta": (rope.get("rope_theta", config.get("rope_theta", ROPE_THETA)), ROPE_THETA),
        "rope_type": (rope.get("rope_type", "default"), "default"),
        "intermediate_size": (config.get("intermediate_size"), 4 * config.get("hidden_size", 0)),
    }
    wrong = [
        f"{name} is {got!r}, not {expected!r}"
        for name, (got, expected) in settings.items()
        if got != expected
    ]
    if wrong:
        raise UserError(
            f"{path} describes a model that is not phi-1's architecture: {'; '.join(wrong)}"
        )
    width = config["hidden_size"]
    rotary_fraction = rope.get("partial_rotary_factor", config.get("partial_rotary_factor", 0.5))
    return Shape(
        layers=config["num_hidden_layers"],
        width=width,
        heads=heads,
        vocab=config["vocab_size"],
        context=config["max_position_embeddings"],
        rotary=int(rotary_fraction * (width // heads)),
    )


def save_model(
    model: Phi, tokenizer: Tokenizer, folder: Path | str, dtype: torch.dtype = torch.float32
) -> None:
    """Atomically write a folder that AutoModelForCausalLM, AutoTokenizer and vLLM load."""
    from safetensors.torch import save_file

    with store.atomic_write(Path(folder)) as temporary:
        temporary.mkdir()
        tensors = {
            k: v.to("cpu", dtype).contiguous()
            for k, v in _to_hugging_face(model.state_dict()).items()
        }
        save_file(tensors, temporary / "model.safetensors", metadata={"format": "pt"})
        configs = {
            "config.json": _make_config(model, tokenizer.end, dtype),
            "generation_config.json": {
                "bos_token_id": tokenizer.end,
                "eos_token_id": tokenizer.end,
            },
        }
        for name, values in configs.items():
            (temporary / name).write_text(
                json.dumps(values, indent=2, sort_keys=True) + "\n", encoding="utf-8"
            )
        tokenizer.save(temporary, model.shape.context)


def _make_config(model: Phi, end_of_text: int, dtype: torch.dtype) -> dict[str, Any]:
    shape = model.shape
    rotary_fraction = shape.rotary / (shape.width // shape.heads)
    return {
        "architectures": ["PhiForCausalLM"],
        "model_type": "phi",
        "vocab_size": shape.vocab,
        "hidden_size": shape.width,
        "intermediate_size": 4 * shape.width,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.heads,
        "max_position_embeddings": shape.context,
        # transformers 5 reads rope_parameters; transformers 4 and older servers read the two keys
        # after it.
        "rope_parameters": {
            "rope_theta": ROPE_THETA,
            "rope_type": "default",
            "partial_rotary_factor": rotary_fraction,
        },
        "rope_theta": ROPE_THETA,
        "partial_rotary_factor": rotary_fraction,
        "hidden_act": "gelu_new",
        "layer_norm_eps": NORM_EPS,
        "initializer_range": INIT_STD,
        "qk_layernorm": False,
        "tie_word_embeddings": False,
        "attention_dropout": model.dropout,
        "resid_pdrop": model.dropout,
        "embd_pdrop": model.dropout,
        "bos_token_id": end_of_text,
        "eos_token_id": end_of_text,
        "pad_token_id": None,
        "dtype": str(dtype).removeprefix("torch."),
        "torch_dtype": str(dtype).removeprefix("torch."),
    }


# Our names to Hugging Face's. `qkv_fc1` holds their four first projections, one below the other.
_HF_TOP_LEVEL = {
    "embedding": "model.embed_tokens",
    "norm": "model.final_layernorm",
    "head": "lm_head",
}
_HF_IN_BLOCK = {"norm": "input_layernorm", "dense": "self_attn.dense", "fc2": "mlp.fc2"}
_HF_QKV_FC1 = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "mlp.fc1")


def _to_hugging_face(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename our parameters to Hugging Face's; qkv_fc1 is split into its four matrices."""
    hf_state: dict[str, Tensor] = {}
    for name, tensor in state.items():
        # "head.weight" or "blocks.3.qkv_fc1.weight"
        *path, module, param = name.split(".")
        if not path:
            hf_state[f"{_HF_TOP_LEVEL[module]}.{param}"] = tensor
        elif module == "qkv_fc1":
            # q, k and v have the width C, fc1 has 4 C.
            width = tensor.shape[0] // 7
            parts = torch.split(tensor, [width, width, width, 4 * width])
            hf_state |= {
                f"model.layers.{path[1]}.{hf_name}.{param}": part
                for hf_name, part in zip(_HF_QKV_FC1, parts, strict=True)
            }
        else:
            hf_state[f"model.layers.{path[1]}.{_HF_IN_BLOCK[module]}.{param}"] = tensor
    return hf_state


def _from_hugging_face(
    hf_state: Mapping[str, Tensor], shape: Shape, dtype: torch.dtype, folder: Path
) -> dict[str, Tensor]:
    """Rename Hugging Face's parameters to ours, after a check of names and sizes."""
    with torch.device("meta"):
        skeleton = Phi(shape).state_dict()
    expected = {name: tensor.shape for name, tensor in _to_hugging_face(skeleton).items()}
    got = {name: tensor.shape for name, tensor in hf_state.items()}
    if expected != got:
        differing = sorted(
            name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name)
        )
        raise UserError(
            f"the weights in {folder} are not those of its config.json: "
            f"look at {', '.join(differing[:5])}"
        )
    state = {}
    for name in skeleton:
        *path, module, param = name.split(".")
        if not path:
            state[name] = hf_state[f"{_HF_TOP_LEVEL[module]}.{param}"].to(dtype)
            continue
        sources = _HF_QKV_FC1 if module == "qkv_fc1" else (_HF_IN_BLOCK[module],)
        state[name] = torch.cat(
            [hf_state[f"model.layers.{path[1]}.{hf_name}.{param}"].to(dtype) for hf_name in sources]
        )
    return state


def _read_tensors(folder: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    files = sorted(folder.glob("model*.safetensors"))
    if not files:
        raise UserError(
            f"{folder} has no model.safetensors. Weights in pickled .bin files are not read: they "
            "may run code. Convert them with Hugging Face's convert tool first"
        )
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            tensors |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise UserError(
                f"{file} cannot be read as safetensors ({error}): download or train it again"
            ) from error
    # Old versions of transformers saved the frequencies, which follow from the shape.
    return {
        name: tensor for name, tensor in tensors.items() if not name.endswith("rotary_emb.inv_freq")
    }


def rename_old_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a checkpoint under today's names: `qkv_fc1` was `into` until December 2026."""
    return {name.replace(".into.", ".qkv_fc1."): tensor for name, tensor in state.items()}


def set_dropout(model: Phi, dropout: float) -> Phi:
    """Change the dropout of a model, for finetuning; returns the model."""
    for module in model.modules():
        if isinstance(module, Phi | TransformerBlock):
            module.dropout = dropout
    return model
