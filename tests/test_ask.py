"""`ask`: options reach the model, seeds repeat answers, and mistakes are explained."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from test_model import SMALL, random_model

from hornbook.cli import main
from hornbook.models import tokenizer
from hornbook.models import transformer as phi

TEXTS = [
    f"def f{n}(a, b={n}):\n    # {n * 37} numbers\n    return a + {n}\n\n\n" for n in range(40)
]
PROMPT = "def f1(a,"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("model") / "phi"
    phi.save_model(random_model(SMALL), tokenizer.train_tokenizer(TEXTS, 300), place)
    return place


def ask(folder: Path, *options: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["ask", str(folder), *options], input=stdin)


def read_answers(folder: Path, *options: str) -> list[dict]:
    result = ask(folder, PROMPT, "--json", "--max-new-tokens", "12", *options)
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.output.splitlines()]


def test_the_likeliest_text_follows_the_prompt(folder):
    shown = ask(folder, PROMPT, "--max-new-tokens", "12").output
    (answer,) = read_answers(folder)
    assert shown == PROMPT + answer["completion"] + "\n"
    assert answer["tokens"] == 12 and answer["finish"] == "length" and answer["prompt"] == PROMPT


def test_a_prompt_can_come_on_standard_input(folder):
    assert (
        ask(folder, "-", "--max-new-tokens", "5", stdin=PROMPT).output
        == ask(folder, PROMPT, "--max-new-tokens", "5").output
    )


def test_samples_differ_by_seed_and_come_again_with_it(folder):
    samples = read_answers(folder, "--temperature", "1", "--samples", "4", "--seed", "7")
    assert [sample["seed"] for sample in samples] == [7, 8, 9, 10]
    assert len({sample["completion"] for sample in samples}) > 1
    (again,) = read_answers(folder, "--temperature", "1", "--seed", "9")
    assert again["completion"] == samples[2]["completion"]


def test_a_small_nucleus_is_the_likeliest_text(folder):
    (greedy,) = read_answers(folder)
    (sample,) = read_answers(folder, "--temperature", "1", "--top-p", "0.000001")
    assert sample["completion"] == greedy["completion"]


def test_text_ends_before_each_stop(folder):
    (whole,) = read_answers(folder)
    letter = whole["completion"].strip()[0]
    (cut,) = read_answers(folder, "--stop", "never seen", "--stop", letter)
    assert cut["finish"] == "stop"
    assert cut["completion"] == whole["completion"].split(letter)[0]


@pytest.mark.parametrize(
    "options",
    [
        ("--samples", "0"),
        ("--max-new-tokens", "0"),
        ("--temperature", "-1"),
        ("--top-p", "0"),
        ("--top-p", "1.1"),
    ],
)
def test_a_number_out_of_range_is_named(folder, options):
    result = ask(folder, PROMPT, *options)
    assert result.exit_code == 2 and options[0] in result.output
