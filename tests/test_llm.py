from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hornbook import meter
from hornbook.collect import CollectFiles
from hornbook.curate import JudgeSample
from hornbook.frame.identity import canonical_form
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Size
from hornbook.llm import (
    LLM,
    Prompt,
    complete_prompts,
    estimate_cost,
    price_requests,
    spending_by_model,
)
from hornbook.llm.requests import make_request
from hornbook.records import UserError
from hornbook.scrub import JudgeNear, NearExam

SCRIPTED = LLM("script", "scripted", answers=("one", "two words", "three"))


@pytest.mark.parametrize(
    "settings",
    [
        {"kind": "grpc"},
        {"model": "gpt-9"},
        {"kind": "scripted"},
        {"temperature": -1.0},
        {"top_p": 0.0},
        {"max_tokens": 0},
    ],
)
def test_settings_that_mean_nothing_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        LLM(**settings)


def test_the_model_and_all_its_settings_are_in_a_stages_identity() -> None:
    assert (
        canonical_form(LLM()) != canonical_form(LLM(temperature=0.7)) != canonical_form(LLM(seed=1))
    )
    assert canonical_form(SCRIPTED)["answers"] == ["one", "two words", "three"]


def test_everything_that_an_answer_depends_on_is_in_its_key() -> None:
    base = (LLM(), "p", 0, None)
    others: list[Any] = [
        (LLM(seed=1), "p", 0, None),
        (LLM(system="s"), "p", 0, None),
        (LLM(stop=("x",)), "p", 0, None),
        (LLM(), "q", 0, None),
        (LLM(), "p", 1, None),
        (LLM(), "p", 0, {"type": "object"}),
        (LLM(), Prompt((("user", "p"),), begins="b"), 0, None),
        (LLM("smollm2", "http"), "p", 0, None),
    ]
    assert len({make_request(*arguments).key for arguments in [base, *others]}) == 1 + len(others)
    assert make_request(*base).key == make_request(LLM(), Prompt((("user", "p"),)), 0, None).key


def test_the_key_of_a_request_never_changes_or_all_that_was_paid_is_asked_for_again() -> None:
    llm_request = make_request(LLM("m", "http", stop=("\u00fc",)), "p\u00e9", 3, {"a": 1})
    assert (
        llm_request.key.hex() == "036ec7f25ef30995600c2ebc5db0665d99c3cb9c2b7b2f114df953915d02f955"
    )


def test_scripted_answers_come_in_turn_and_depend_on_prompt_and_sample_alone(
    tmp_path: Path,
) -> None:
    prompts = [f"p{n}" for n in range(30)]
    first = complete_prompts(SCRIPTED, prompts, RunContext(tmp_path / "a"))
    again = complete_prompts(SCRIPTED, prompts[::-1], RunContext(tmp_path / "b"))
    assert first == again[::-1]
    assert {a.text for a in first} == set(SCRIPTED.answers)
    samples = complete_prompts(SCRIPTED, ["p"] * 3, RunContext(tmp_path / "a"), samples=range(3))
    assert {a.text for a in samples} == set(SCRIPTED.answers)


def test_an_answer_in_the_ledger_costs_nothing_and_the_ledger_says_what_was_paid(
    tmp_path: Path,
) -> None:
    ctx = RunContext(tmp_path)
    assert spending_by_model(ctx) == {}
    for requests in (2, 0):
        with meter.measure_usage() as usage:
            complete_prompts(SCRIPTED, ["a", "b", "a"], ctx)
        assert usage.requests == requests
    assert spending_by_model(ctx)["script"].requests == 2


def test_progress_is_one_step_an_answer_known_or_not(tmp_path: Path) -> None:
    class Counter:
        total = 0.0

        def begin(self, name: str, total: float, unit: str) -> None: ...
        def say(self, text: str) -> None: ...
        def end(self, text: str) -> None: ...
        def advance(self, amount: float = 1) -> None:
            self.total += amount

    for prompts in (["a", "b", "c"], ["a", "b", "c", "d", "d"]):
        counter = Counter()
        complete_prompts(SCRIPTED, prompts, RunContext(tmp_path, reporter=counter))
        assert counter.total == len(prompts)


def test_no_prompts_are_no_work(tmp_path: Path) -> None:
    assert complete_prompts(LLM(), [], RunContext(tmp_path)) == []


def test_the_estimate_leaves_out_what_is_known_and_learns_from_what_was_paid(
    tmp_path: Path,
) -> None:
    llm = LLM("m", "http", max_tokens=100)
    ctx = RunContext(tmp_path, options={"prices": {"m": (1.0, 10.0)}})
    guess = estimate_cost(llm, 1000, ctx)
    assert guess.requests == 1000 and guess.money == pytest.approx(
        (1000 * 400 * 1 + 1000 * 60 * 10) / 1e6
    )
    assert estimate_cost(llm, ["a" * 360], ctx).tokens == pytest.approx(100 + 60)
    scripted_desk = RunContext(tmp_path / "s")
    complete_prompts(SCRIPTED, ["a", "b"], scripted_desk)
    assert estimate_cost(SCRIPTED, ["a", "b", "c"], scripted_desk).requests == 1


def test_an_address_is_needed_for_http(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UserError, match="set OPENAI_BASE_URL"):
        complete_prompts(LLM("m", "http"), ["p"], RunContext(tmp_path))


@pytest.mark.slow
@pytest.mark.network
def test_the_embedded_model_answers_as_transformers_does_and_whoever_sits_beside(
    tmp_path: Path,
) -> None:
    from hornbook.models import embedded_weights

    model, tokenizer = embedded_weights.load_model("cpu")
    greedy, sampled = LLM(temperature=0, max_tokens=12), LLM(max_tokens=12, stop=("\n\n",))
    shots = Prompt(
        (("user", "Say a colour. " * 20), ("assistant", "red"), ("user", "Another one.")),
        begins="The",
    )
    prompts: list[Any] = [
        "What is two and two?",
        shots,
        *(f"Write a function about {n} apples." for n in range(6)),
    ]
    together = complete_prompts(sampled, prompts, RunContext(tmp_path / "together"))
    alone = [
        complete_prompts(sampled, [prompt], RunContext(tmp_path / "alone"))[0]
        for prompt in prompts[1::-1]
    ]
    assert alone[::-1] == together[:2]
    assert together[1].text.startswith("The")

    answer = complete_prompts(greedy, prompts[:1], RunContext(tmp_path / "greedy"))[0]
    chat = [{"role": "user", "content": prompts[0]}]
    ids = tokenizer.apply_chat_template(
        chat, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    reference_ids = model.generate(**ids, max_new_tokens=12, do_sample=False)[
        0, ids["input_ids"].shape[1] :
    ]
    assert answer.text == tokenizer.decode(reference_ids, skip_special_tokens=True)


@pytest.mark.parametrize("kind", ["http", "embedded", "trained"])
def test_every_model_is_priced_by_one_function_with_tokens_time_and_money(
    kind: str, tmp_path: Path
) -> None:
    llm = LLM("smollm2" if kind == "embedded" else "m", kind)
    ctx = RunContext(tmp_path, options={"prices": {llm.model: (1.0, 10.0)}})
    cost = price_requests(llm, 10, 6000, 1500, ctx)
    assert (cost.requests, cost.tokens) == (10, 7500)
    assert cost.money == pytest.approx((6000 * 1 + 1500 * 10) / 1e6)
    seconds = {"http": 1.5, "embedded": 20, "trained": 6000 / 5000 + 1500 / 800}
    assert 60 * cost.minutes == pytest.approx(seconds[kind])


def test_judges_are_priced_with_their_money(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path, options={"prices": {"judge": (2.0, 10.0)}})
    judge = LLM("judge", "http", max_tokens=60)
    sample = JudgeSample("judged", CollectFiles("code", "."), judge, sample=100)
    near = NearExam("near", (CollectFiles("code", "."),), ("humaneval",))
    for stage in (sample, JudgeNear("pairs", near, judge)):
        price = stage.price(ctx, [Size(1000, 2)])
        assert price.requests >= 100
        assert price.money > 0


def test_a_judge_whose_reply_has_no_score_is_asked_again(tmp_path: Path) -> None:
    row = {"text": "def f():\n    return 1\n"}
    (tmp_path / "code.jsonl").write_text(json.dumps(row) + "\n")
    judge = LLM("m", "scripted", answers=("I cannot say.", "Good. Score: 4"))
    data = CollectFiles("code", str(tmp_path / "code.jsonl"), piece_lines=0)
    ctx = RunContext(tmp_path / "run")
    run_recipe(JudgeSample("judged", data, judge, sample=10), ctx)
    assert [row["label"] for row in ctx.run.iterate_rows("judged")] == [4]
