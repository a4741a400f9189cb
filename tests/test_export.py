"""GGUF has the model's tensors, and llama.cpp generates the same greedy tokens from it."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from test_model import SMALL, random_model

from hornbook.cli import main
from hornbook.models import export, generate, tokenizer
from hornbook.models import transformer as phi
from hornbook.models.shape import Shape
from hornbook.records import UserError

TEXTS = [
    f"def f{n}(a, b={n}):\n    # {n * 37} numbers\n    return a + {n}\n\n\n" for n in range(40)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("model") / "phi"
    phi.save_model(random_model(SMALL), tokenizer.train_tokenizer(TEXTS, 300), place)
    return place


def read_field(reader, name):
    return reader.get_field(name).contents()


@pytest.mark.parametrize("weights", ["f32", "f16", "bf16"])
def test_every_weight_and_token_is_in_the_file(folder, tmp_path, weights):
    import gguf

    export.export_gguf(folder, tmp_path / "m.gguf", weights)
    reader = gguf.GGUFReader(tmp_path / "m.gguf")
    model, words = phi.load_model(folder), tokenizer.load_tokenizer(folder)
    assert read_field(reader, "general.architecture") == "phi2"
    assert read_field(reader, "phi2.rope.dimension_count") == SMALL.rotary
    tokens = read_field(reader, "tokenizer.ggml.tokens")
    assert len(tokens) == SMALL.vocab
    assert [words.backend.id_to_token(i) for i in range(words.vocab)] == tokens[: words.vocab]
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    assert sum(int(tensor.n_elements) for tensor in reader.tensors) == SMALL.count_parameters()
    into = model.blocks[1].qkv_fc1.weight.detach()
    pairs = {
        "blk.1.attn_qkv.weight": into[: 3 * SMALL.width],
        "blk.1.ffn_up.weight": into[3 * SMALL.width :],
    }
    for name, expected in {**pairs, "output.bias": model.head.bias.detach()}.items():
        values = gguf.quants.dequantize(tensors[name].data, tensors[name].tensor_type)
        np.testing.assert_allclose(
            np.asarray(values).reshape(expected.shape), expected, rtol=5e-3, atol=1e-6
        )


def test_the_command_writes_both_forms_and_never_over_something(folder, tmp_path):
    run = CliRunner().invoke
    assert run(main, ["export", str(folder), str(tmp_path / "out"), "--to", "gguf"]).exit_code == 0
    assert (tmp_path / "out" / "phi-f32.gguf").exists()
    assert (
        run(main, ["export", str(folder), str(tmp_path / "hf"), "--weights", "bf16"]).exit_code == 0
    )
    again = run(main, ["export", str(folder), str(tmp_path / "hf")])
    assert again.exit_code == 2 and "exists already" in again.output
    torch.testing.assert_close(
        phi.load_model(tmp_path / "hf").head.weight,
        phi.load_model(folder).head.weight,
        rtol=5e-3,
        atol=1e-5,
    )


def test_a_tokenizer_that_gguf_cannot_name_is_refused():
    with pytest.raises(UserError, match="Metaspace"):
        export._gguf_pre_tokenizer({"type": "Metaspace"})


LLAMA = """
import json, sys, llama_cpp
model = llama_cpp.Llama(sys.argv[1], n_ctx=128, verbose=False, logits_all=False, seed=0)
for prompt in json.load(sys.stdin):
    ids = model.tokenize(prompt.encode(), add_bos=False, special=False)
    out, drawn = list(ids), []
    for token in model.generate(ids, temp=0.0, repeat_penalty=1.0):
        drawn.append(token)
        if len(drawn) == 24:
            break
    print(json.dumps({"ids": ids, "sampled": sampled}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("shape", [Shape(2, 128, 2, 320, 128), Shape(3, 192, 3, 320, 128)], ids=str)
def test_llama_cpp_writes_the_same_greedy_tokens(shape, tmp_path):
    """HORNBOOK_LLAMA_PYTHON can name a Python that has llama_cpp, if this one has not."""
    import json

    python = os.environ.get("HORNBOOK_LLAMA_PYTHON", sys.executable)
    if subprocess.run([python, "-c", "import llama_cpp"], capture_output=True).returncode:
        pytest.skip(
            "no llama_cpp: pip install llama-cpp-python, or set HORNBOOK_LLAMA_PYTHON to a Python "
            "that has it"
        )
    words = tokenizer.train_tokenizer(TEXTS, 300)
    model = random_model(shape).eval()
    with torch.no_grad():
        model.head.weight.mul_(
            40
        )  # a random model is often undecided to the fifth digit: this one is not
    phi.save_model(model, words, tmp_path / "phi")
    export.export_gguf(tmp_path / "phi", tmp_path / "m.gguf", "f32")
    prompts = [
        "def f3(a, b=2023):\n    return",
        "# 12 numbers\n\n\n",
        "x = [1, 22]\n\tif x:  # tab",
        "é ∑ 'don't'",
    ]
    done = subprocess.run(
        [python, "-c", LLAMA, str(tmp_path / "m.gguf")],
        input=json.dumps(prompts),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    for prompt, line in zip(prompts, done.stdout.splitlines(), strict=True):
        reference = json.loads(line)
        assert reference["ids"] == words.encode(prompt)
        ids = list(reference["ids"])
        for token in reference["drawn"]:
            with torch.inference_mode():
                assert token == int(model(torch.tensor([ids]))[0, -1].argmax())
            ids.append(token)
        completion = generate.generate_completions(
            model, words, [prompt], generate.SamplingParams(24)
        )[0]
        assert completion.text == words.decode(reference["drawn"][: completion.tokens])
