"""The model equals Hugging Face's both ways; its loss and gradients are exact; bad folders."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
import torch.nn.functional as F

from hornbook.models import head_loss, tokenizer
from hornbook.models import transformer as phi
from hornbook.models.shape import Shape
from hornbook.models.transformer import NO_TARGET, Phi
from hornbook.records import UserError

SHAPES = [Shape(2, 64, 1, 307, 48), Shape(3, 128, 2, 320, 64), Shape(2, 96, 4, 300, 40, rotary=8)]
SMALL = SHAPES[1]


def random_model(shape: Shape, dropout: float = 0.0) -> Phi:
    torch.manual_seed(5)
    model = Phi(shape, dropout)
    with torch.no_grad():
        # Biases and norms too, or a forgotten one would not show.
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    return model


def random_ids(shape: Shape, batch: int = 3) -> torch.Tensor:
    return torch.randint(0, 300, (batch, shape.context), generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def text_tokenizer():
    return tokenizer.train_tokenizer([f"def f{n}(a):\n    return a\n" for n in range(9)], 300)


@pytest.fixture(scope="module")
def folder(text_tokenizer, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model") / "phi"
    phi.save_model(random_model(SMALL), text_tokenizer, folder)
    return folder


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_transformers_gives_the_same_logits_from_our_folder(shape, text_tokenizer, tmp_path):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = random_model(shape).eval()
    phi.save_model(model, text_tokenizer, tmp_path / "phi")
    reference = AutoModelForCausalLM.from_pretrained(tmp_path / "phi", dtype=torch.float32).eval()
    ids = random_ids(shape)
    with torch.inference_mode():
        torch.testing.assert_close(model(ids), reference(ids).logits, atol=1e-4, rtol=0)
    text = "def f(a):\n    return  2023\n"
    assert AutoTokenizer.from_pretrained(tmp_path / "phi")(text)[
        "input_ids"
    ] == text_tokenizer.encode(text)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_we_give_the_same_logits_from_a_folder_of_transformers(shape, tmp_path):
    from transformers import PhiConfig, PhiForCausalLM

    torch.manual_seed(2)
    config = PhiConfig(
        vocab_size=shape.vocab,
        hidden_size=shape.width,
        intermediate_size=4 * shape.width,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        max_position_embeddings=shape.context,
        rope_parameters={
            "rope_theta": 10_000.0,
            "rope_type": "default",
            "partial_rotary_factor": shape.rotary * shape.heads / shape.width,
        },
    )
    reference = PhiForCausalLM(config).eval()
    with torch.no_grad():
        for parameter in reference.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)
    reference.save_pretrained(tmp_path)
    assert phi.read_shape(tmp_path) == shape
    ids = random_ids(shape)
    with torch.inference_mode():
        torch.testing.assert_close(
            phi.load_model(tmp_path)(ids), reference(ids).logits, atol=1e-4, rtol=0
        )


def test_saved_and_loaded_weights_are_the_same_bits(folder):
    state, again = random_model(SMALL).state_dict(), phi.load_model(folder).state_dict()
    assert state.keys() == again.keys()
    assert all(torch.equal(state[name], again[name]) for name in state)


def test_a_checkpoint_with_the_old_names_of_weights_still_loads():
    state = random_model(SMALL).state_dict()
    old_state = {name.replace("qkv_fc1", "into"): tensor for name, tensor in state.items()}
    assert "blocks.2.into.bias" in old_state
    model = Phi(SMALL)
    model.load_state_dict(phi.rename_old_keys(old_state))
    again = model.state_dict()
    assert all(torch.equal(state[name], again[name]) for name in state)


@pytest.mark.parametrize("targets_kept", ["all", "some", "none"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_loss_and_its_gradients_are_those_of_the_plain_formula(
    targets_kept, dtype, monkeypatch
):
    # Many chunks, the last of them not full.
    monkeypatch.setattr(head_loss, "CPU_CHUNK_ELEMENTS", 16 * SMALL.vocab)
    model, plain = random_model(SMALL), random_model(SMALL)
    ids = random_ids(SMALL)[:, :50]
    targets = ids.roll(-1, 1)
    targets[:, -1] = NO_TARGET
    if targets_kept != "all":
        targets[:, :: 2 if targets_kept == "some" else 1] = NO_TARGET
    with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        loss = model.sum_loss(ids, targets)
        expected = F.cross_entropy(
            plain(ids).flatten(0, 1).float(),
            targets.flatten(),
            ignore_index=NO_TARGET,
            reduction="sum",
        )
    (loss * 0.37).backward()
    (expected * 0.37).backward()
    tolerances = (
        {"rtol": 1e-4, "atol": 1e-4} if dtype == torch.float32 else {"rtol": 0.1, "atol": 0.6}
    )
    torch.testing.assert_close(
        loss, expected, rtol=1e-5 if dtype == torch.float32 else 1e-2, atol=1e-4
    )
    for (name, a), b in zip(model.named_parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(
            a.grad, b.grad, **tolerances, msg=lambda message, name=name: f"{name}: {message}"
        )


def test_documents_apart_do_not_see_each_other():
    model = random_model(SMALL).eval()
    ids, documents = random_ids(SMALL, 1), torch.zeros(1, SMALL.context, dtype=torch.long)
    documents[:, 20:] = 1
    changed = ids.clone()
    changed[:, :20] = 7
    with torch.inference_mode():
        a, b = model(ids, documents), model(changed, documents)
        assert not torch.equal(model(ids)[:, 20:], model(changed)[:, 20:])
    assert torch.equal(a[:, 20:], b[:, 20:]) and not torch.equal(a[:, :20], b[:, :20])


def test_no_position_sees_a_later_one():
    model, ids = random_model(SMALL).eval(), random_ids(SMALL, 1)
    changed = ids.clone()
    changed[:, 30:] = 7
    with torch.inference_mode():
        torch.testing.assert_close(model(ids)[:, :30], model(changed)[:, :30], atol=1e-5, rtol=0)


def test_dropout_acts_in_training_alone():
    model, ids = random_model(SMALL, dropout=0.5), random_ids(SMALL, 1)
    with torch.no_grad():
        assert not torch.equal(model(ids), model(ids))
        model.eval()
        assert torch.equal(model(ids), model(ids))
        torch.testing.assert_close(
            phi.set_dropout(model, 0.0).train()(ids), model.eval()(ids), atol=1e-5, rtol=0
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "llama"}, "model_type is 'llama'"),
        ({"num_key_value_heads": 1}, "num_key_value_heads is 1"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings"),
        ({"qk_layernorm": True}, "qk_layernorm"),
        ({"num_hidden_layers": 4}, "not those of its config.json"),
        ({"vocab_size": 301}, "not those of its config.json"),
    ],
)
def test_what_is_no_plain_phi_is_refused_by_name(folder, tmp_path, change, message):
    shutil.copytree(folder, tmp_path / "phi")
    path = tmp_path / "phi" / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(UserError, match=message):
        phi.load_model(tmp_path / "phi")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: (f / "model.safetensors").write_bytes(b"x" * 90),
            "cannot be read as safetensors",
        ),
        (lambda f: (f / "model.safetensors").rename(f / "pytorch_model.bin"), "pickled"),
        (lambda f: (f / "config.json").unlink(), "has no config.json"),
    ],
)
def test_a_damaged_folder_is_refused_with_the_way_out(folder, tmp_path, spoil, message):
    shutil.copytree(folder, tmp_path / "phi")
    spoil(tmp_path / "phi")
    with pytest.raises(UserError, match=message):
        phi.load_model(tmp_path / "phi")


@pytest.mark.parametrize("shape", [*SHAPES, Shape(), Shape.from_name("phi-1-small")], ids=str)
def test_the_number_of_parameters_is_counted_right(shape):
    with torch.device("meta"):
        assert (
            sum(parameter.numel() for parameter in Phi(shape).parameters())
            == shape.count_parameters()
        )


@pytest.mark.parametrize(
    ("name", "vocab", "parameters"),
    [
        ("phi-1", 51_200, 1.418e9),
        ("phi-1-small", 51_200, 0.357e9),
        ("1M", 4096, 1e6),
        ("3M", 4096, 3e6),
        ("10M", 4096, 10e6),
        ("25M", 8192, 25e6),
        ("50M", 32_768, 50e6),
        ("125M", 51_200, 125e6),
    ],
)
def test_a_shape_by_name_has_the_size_it_says(name, vocab, parameters):
    tolerance = 0.001 if name.startswith("phi") else 0.1
    assert Shape.from_name(name, vocab).count_parameters() == pytest.approx(
        parameters, rel=tolerance
    )


@pytest.mark.parametrize("name", ["phi-3", "3", "1M"])
def test_a_shape_that_cannot_be_is_refused(name):
    with pytest.raises(UserError, match="no shape"):
        Shape.from_name(name)
