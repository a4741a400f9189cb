"""The paper's transformer: token ids in, logits or a loss out; equal to Hugging Face's PhiForCausalLM.

In: ids (batch, time). Out: logits (batch, time, vocabulary), or the summed cross-entropy for
training, which is computed in chunks so that the logits of a whole batch never exist. `load` and
`save` speak Hugging Face's format. Attention and MLP stand in parallel behind one LayerNorm, so
their four first projections are one matrix product. Not covered: grouped heads, query-key norms and
other variants of the format: `load` refuses them by name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hornbook import store
from hornbook.models import fused
from hornbook.models.attention import AttentionFn, apply_rotary, make_attention, rotation_table
from hornbook.models.shape import Shape
from hornbook.records import UserError

if TYPE_CHECKING:
    from hornbook.models.tokenizer import Tokenizer

INIT_STD = 0.02  # Hugging Face's PhiConfig.initializer_range; the paper does not say
NORM_EPS = fused.NORM_EPS
ROPE_THETA = 10_000.0  # PhiConfig.rope_theta
NO_TARGET = -100  # a position without a next token to predict


class Phi(nn.Module):
    """The model. `model(ids)` gives logits; `model.loss(ids, targets)` gives the summed loss for training."""

    cos: Tensor
    sin: Tensor
    loss_with_grad: LossWithGrad

    def __init__(self, shape: Shape, dropout: float = 0.0) -> None:
        """Weights are drawn from torch's random state: seed it first."""
        super().__init__()
        self.shape, self.dropout = shape, dropout
        self.embedding = nn.Embedding(shape.vocab, shape.width)
        self.blocks = nn.ModuleList(TransformerBlock(shape, dropout) for _ in range(shape.layers))
        self.norm = nn.LayerNorm(shape.width, eps=NORM_EPS)
        self.head = nn.Linear(shape.width, shape.vocab)
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
        """Train through torch.compile from now on: a block, which serves for all of them, and the head's derivative.

        On an H100 phi-1-small is as fast as when compiled whole (169.7 and 168.6 ms a step) and
        ready in 4 s, not 37.
        """
        self.compiled, self.loss_with_grad = True, torch.compile(loss_with_grad, dynamic=False)
        for block in self.blocks:
            block.forward = torch.compile(
                block.forward
            )  # not `block`: what FSDP hooks to it stays outside

    def forward(self, ids: Tensor, documents: Tensor | None = None) -> Tensor:
        """Logits (B, T, V) of ids (B, T); `documents` (B, T) are numbers that hide documents from each other."""
        logits: Tensor = self.head(self.hidden_states(ids, documents))
        return logits

    def sum_loss(self, ids: Tensor, targets: Tensor, documents: Tensor | None = None) -> Tensor:
        """Summed cross-entropy in nats over the targets (B, T); those that are NO_TARGET do not count."""
        hidden = self.hidden_states(ids, documents)
        summed: Tensor = _HeadLoss.apply(  # type: ignore[no-untyped-call]
            hidden.reshape(-1, self.shape.width),
            self.head.weight,
            self.head.bias,
            targets.reshape(-1),
            self.loss_with_grad,
        )
        return summed

    def hidden_states(self, ids: Tensor, documents: Tensor | None = None) -> Tensor:
        """What the head sees: (B, T, width). Raises ValueError for more tokens than the context."""
        seq_len = ids.shape[1]
        if seq_len > self.shape.context:
            raise ValueError(f"{seq_len} tokens, and the model's context is {self.shape.context}")
        x = F.dropout(self.embedding(ids), self.dropout, self.training)
        attend = make_attention(documents, self.dropout if self.training else 0.0)
        cos, sin = self.cos[:seq_len], self.sin[:seq_len]
        use_fused = not self.compiled and fused.is_supported(x, documents)
        for block in self.blocks:
            x = block(x, cos, sin, None if use_fused else attend)
        normed: Tensor = self.norm(x)
        return normed


class TransformerBlock(nn.Module):
    """x + dense(attention(norm(x))) + fc2(gelu(fc1(norm(x)))), with q, k, v and fc1 as one matrix."""

    def __init__(self, shape: Shape, dropout: float) -> None:
        super().__init__()
        self.width, self.heads, self.dropout = shape.width, shape.heads, dropout
        self.norm = nn.LayerNorm(shape.width, eps=NORM_EPS)
        self.qkv_fc1 = nn.Linear(
            shape.width, 7 * shape.width
        )  # rows: q, k, v, fc1 (4 times the width)
        self.dense = nn.Linear(shape.width, shape.width)
        self.fc2 = nn.Linear(4 * shape.width, shape.width)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, attend: AttentionFn | None) -> Tensor:
        """x (B, T, C) to the same; `attend` None: by the hand-made step of fused.py."""
        if attend is None:
            params = [
                (module.weight, module.bias)
                for module in (self.norm, self.qkv_fc1, self.dense, self.fc2)
            ]
            dropout = self.dropout if self.training else 0.0
            fused_out: Tensor = fused.FusedBlock.apply(  # type: ignore[no-untyped-call]
                x, cos, sin, self.heads, dropout, *(param for pair in params for param in pair)
            )
            return fused_out
        qkv, inner = self._project_qkv_fc1(x)
        return self.add_branches(x, attend(qkv, cos, sin), inner)

    def project_inputs(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
        """x (B, T, C) to rotated queries, keys and values (B, T, 3, heads, 64), and the MLP's inside (B, T, 4C)."""
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


# Elements of a chunk's logits. CPU: 4 MB of fp32 stay in the cache, 2 times faster than all at
# once; GPU: 512 MB.
CPU_CHUNK_ELEMENTS, GPU_CHUNK_ELEMENTS = 1 << 20, 1 << 27
LossWithGrad = Callable[[Tensor, Tensor, float], tuple[Tensor, Tensor, Tensor]]
# fp16 has no room for probabilities of 1e-6: its logits' gradients are multiplied by this, and
# their products divided.
FP16_GRAD_SCALE = 1024.0


def _count_chunk_rows(device: str, vocab: int) -> int:
    """Rows of a chunk's logits; on a GPU a power of two, so that chunks of one size are all that is compiled for."""
    if device == "cpu":
        return max(16, CPU_CHUNK_ELEMENTS // vocab)
    return 1 << max(4, (GPU_CHUNK_ELEMENTS // vocab).bit_length() - 1)


def loss_with_grad(
    logits: Tensor, target: Tensor, grad_scale: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Summed nats of logits (rows, V); their derivative, `boost` times, in the logits' type; its fp32 sum over rows."""
    log_p = F.log_softmax(logits.float(), dim=-1)
    counts_in_loss = (target != NO_TARGET)[:, None]
    index = target.clamp(min=0)[:, None]
    nats = -(log_p.gather(1, index) * counts_in_loss).sum()
    grad = log_p.exp_()
    if (
        grad.is_cuda
    ):  # compiled, this is part of one pass; a GPU's scatter_add is a pass of its own, in any order
        grad = grad - (torch.arange(grad.shape[1], device=grad.device) == index).float()
    else:
        grad.scatter_add_(1, index, torch.full_like(index, -1, dtype=torch.float32))
    grad.mul_(counts_in_loss * grad_scale)
    return nats, grad.to(logits.dtype), grad.sum(0)


class _HeadLoss(torch.autograd.Function):
    """The head and the cross-entropy in one: a chunk's gradients are taken while its logits are at hand.

    The gradients are exact; they are made in the forward pass because the loss is the last thing
    that happens.
    """

    @staticmethod
    def forward(
        ctx: Any,
        hidden: Tensor,
        weight: Tensor,
        bias: Tensor,
        targets: Tensor,
        loss_with_grad: LossWithGrad,
    ) -> Tensor:
        device = hidden.device.type
        dtype = (
            torch.get_autocast_dtype(device) if torch.is_autocast_enabled(device) else hidden.dtype
        )
        training = any(ctx.needs_input_grad)
        grad_scale = FP16_GRAD_SCALE if dtype == torch.float16 else 1.0
        h, w, b = hidden.to(dtype), weight.to(dtype), bias.to(dtype)
        ctx.dtypes = hidden.dtype, weight.dtype, bias.dtype
        if training and device == "cpu" and dtype == torch.bfloat16:
            with torch.autocast(device, enabled=False):
                total, *grads = fused.head_loss_with_grads(h, w, b, targets)
            ctx.save_for_backward(*grads)
            return total
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        dh = torch.empty_like(h, dtype=torch.float32) if training else None
        dw, db = (
            torch.zeros_like(p, dtype=torch.float32) if training else None for p in (weight, bias)
        )
        rows = _count_chunk_rows(device, weight.shape[0])
        with torch.autocast(device, enabled=False):
            for start in range(0, h.shape[0], rows):
                chunk = h[start : start + rows]
                nats, grad, grad_bias = loss_with_grad(
                    F.linear(chunk, w, b), targets[start : start + rows], grad_scale
                )
                total += nats
                if dh is None or dw is None or db is None:
                    continue
                db += grad_bias
                dh[start : start + rows] = grad @ w
                if dtype == torch.float32:
                    dw.addmm_(grad.t(), chunk)
                elif device == "cuda":  # adds in fp32 as it multiplies
                    torch.addmm(dw, grad.t(), chunk, out_dtype=torch.float32, out=dw)
                else:
                    dw += grad.t() @ chunk
        if dh is not None and dw is not None and db is not None:
            ctx.save_for_backward(dh.div_(grad_scale), dw.div_(grad_scale), db.div_(grad_scale))
        return total

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scaled = (
            grad.mul_(grads[0]).to(dtype)
            for grad, dtype in zip(ctx.saved_tensors, ctx.dtypes, strict=True)
        )
        return (*scaled, None, None)


def load_model(folder: Path | str, dtype: torch.dtype = torch.float32, device: str = "cpu") -> Phi:
    """The model in a Hugging Face phi folder, in evaluation mode. Only safetensors are read; nothing is unpickled."""
    folder = Path(folder)
    shape = read_shape(folder)
    with torch.device("meta"):
        model = Phi(shape)
    model.load_state_dict(
        _from_hugging_face(_read_tensors(folder), shape, dtype, folder), assign=True
    )
    model.cos, model.sin = rotation_table(shape.context, shape.rotary, ROPE_THETA)
    return model.eval().to(device)


def read_shape(folder: Path | str) -> Shape:
    """The shape that a folder's config.json states. Raises UserError for what is no plain phi model."""
    path = Path(folder) / "config.json"
    config = store.read_json(path)
    if config is None:
        raise UserError(f"{folder} has no config.json: give the folder of a Hugging Face phi model")
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    heads = config.get("num_attention_heads", 32)
    variants = {
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
        for name, (got, expected) in variants.items()
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
    """Write a folder that AutoModelForCausalLM, AutoTokenizer and vLLM load unmodified; whole or not at all."""
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
        # beside it.
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
    """Our parameters under Hugging Face's names."""
    hf_state: dict[str, Tensor] = {}
    for name, tensor in state.items():
        *path, module, param = name.split(".")
        if not path:
            hf_state[f"{_HF_TOP_LEVEL[module]}.{param}"] = tensor
        elif module == "qkv_fc1":
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
    """Their parameters under our names, checked to be exactly those that the shape asks for."""
    with torch.device("meta"):
        skeleton = Phi(shape).state_dict()
    expected = {name: tensor.shape for name, tensor in _to_hugging_face(skeleton).items()}
    got = {name: tensor.shape for name, tensor in hf_state.items()}
    if expected != got:
        differing = sorted(
            name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name)
        )
        raise UserError(
            f"the weights in {folder} are not those of its config.json: look at {', '.join(differing[:5])}"
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
            f"{folder} has no model.safetensors. Weights in pickled .bin files are not read: they may run code. "
            "Convert them with Hugging Face's convert tool first"
        )
    tensors: dict[str, Tensor] = {}
    for file in files:
        try:
            tensors |= load_file(file)
        except (SafetensorError, OSError) as error:
            raise UserError(
                f"{file} cannot be read as safetensors ({error}): download or train it again"
            ) from error
    return {
        name: tensor for name, tensor in tensors.items() if not name.endswith("rotary_emb.inv_freq")
    }


def rename_old_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a checkpoint under today's names: `qkv_fc1` was `into` until December 2026."""
    return {name.replace(".into.", ".qkv_fc1."): tensor for name, tensor in state.items()}


def set_dropout(model: Phi, dropout: float) -> Phi:
    """The same model with another dropout, for finetuning."""
    for module in model.modules():
        if isinstance(module, Phi | TransformerBlock):
            module.dropout = dropout
    return model
