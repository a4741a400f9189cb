"""A model trained here as a teacher: found by its folder and weights, prompted with code."""

from __future__ import annotations

import pytest

from hornbook import llm
from hornbook.frame.stage import RunContext
from hornbook.llm import LLM, Prompt, complete_prompts, named, trained
from hornbook.models import tokenizer, transformer
from hornbook.models.transformer import Phi, Shape
from hornbook.records import UserError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    import torch

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("run")
    text_tokenizer = tokenizer.train_tokenizer(["def f(a):\n    return a + 1\n" * 50], 300)
    phi = Phi(Shape(vocab=text_tokenizer.vocab, width=32, layers=1, heads=2, context=64, rotary=8))
    (folder / "final").mkdir()
    transformer.save_model(phi, text_tokenizer, folder / "final" / "model")
    return folder


def test_a_run_its_stage_and_its_model_are_one_teacher(run, tmp_path):
    # Greedy: a draw depends on the folder, and one in 300 is the end of the text at once.
    names = [
        named(str(path), max_tokens=8, temperature=0.0)
        for path in (run, run / "final", run / "final" / "model")
    ]
    assert {item.kind for item in names} == {"trained"} and len({item.model for item in names}) == 1
    prompts = [Prompt((("user", "x"),), begins="```python\ndef f(a):\n   "), "def f(b):"]
    answers = complete_prompts(names[0], prompts, RunContext(tmp_path))
    assert all(0 < item.tokens_out <= 8 for item in answers)
    assert answers[0].text.startswith("```python\ndef f(a):\n   ")
    assert (
        complete_prompts(names[0], prompts[::-1], RunContext(tmp_path / "again")) == answers[::-1]
    )
    assert llm.spending_by_model(RunContext(tmp_path))[names[0].model].requests == 2


def test_a_stage_of_the_same_run_is_found_by_its_name(run, tmp_path):
    digest = trained.digest_model(run / "final" / "model")
    teacher = LLM(f"final#{digest}", "trained", max_tokens=4, temperature=0.0)
    assert complete_prompts(teacher, ["def f("], RunContext(run))[0].tokens_out
    for wrong, message in (
        (f"final#{digest[:-1]}x", "was trained again"),
        (f"nowhere#{digest}", "no trained model"),
    ):
        with pytest.raises(UserError, match=message):
            complete_prompts(LLM(wrong, "trained"), ["def f("], RunContext(run))
    with pytest.raises(UserError, match="without a trained model"):
        named(str(tmp_path))


def test_a_chat_is_given_as_the_code_that_it_shows():
    chat = Prompt(
        (("user", "a"), ("assistant", "```python\nx = 1\n```"), ("user", "b")),
        begins="```python\ndef f(",
    )
    assert trained.chat_as_code(chat) == "x = 1\n\n\ndef f("
    assert trained.chat_as_code(Prompt((("user", "def g("),))) == "def g("
