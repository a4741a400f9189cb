from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from fake_teacher import FakeTeacher, text_for

from hornbook import meter
from hornbook.frame.stage import RunContext
from hornbook.llm import (
    LLM,
    Prompt,
    check_server,
    complete_prompts,
    concurrency,
    http_client,
    openai_protocol,
    spending_by_model,
)
from hornbook.llm.ledger import AnswerLedger, LedgerEntry, LLMAnswer
from hornbook.llm.requests import make_request
from hornbook.records import UserError

MODEL = LLM("m", "http", max_tokens=50)
PROMPTS = [f"prompt {i}" for i in range(120)]
EXPECTED = [text_for(prompt) for prompt in PROMPTS]


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "BACKOFF_S", 0.001)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


def make_context(root: Path, teacher: FakeTeacher, **options: Any) -> RunContext:
    return RunContext(root, options={"base_url": teacher.url, "api_key": "sk-secret", **options})


def fail_share(fault: str, share: float) -> Any:
    """The fault at a share of the requests, always the same ones."""
    return lambda n: fault if random.Random(n).random() < share else ""


@pytest.mark.parametrize(
    "fault",
    [
        lambda n: "",
        fail_share("429", 0.2),
        fail_share("500", 0.1),
        fail_share("cut", 0.1),
        fail_share("half", 0.1),
        fail_share("no-text", 0.1),
        lambda n: ["429", "500", "cut", "half", "no-text"][n // 3 % 5] if n % 3 == 0 else "",
        lambda n: "429" if n < 40 else "",
    ],
)
def test_every_prompt_gets_its_own_answer_whatever_fails_on_the_way(
    tmp_path: Path, fault: Any
) -> None:
    with FakeTeacher(fault) as teacher:
        answers = complete_prompts(MODEL, PROMPTS, make_context(tmp_path, teacher))
    wrong = [
        (a, e)
        for a, e in zip(answers, EXPECTED, strict=True)
        if a.text != e and a.finish != "error"
    ]
    assert not wrong
    assert (
        sum(a.finish == "error" for a in answers) <= 2
    )  # three malformed answers to the same prompt


def test_what_was_answered_is_never_asked_again_and_only_payments_are_counted(
    tmp_path: Path,
) -> None:
    with FakeTeacher() as teacher:
        for expected_requests in (len(PROMPTS), 0):
            with meter.measure_usage() as usage:
                answers = complete_prompts(
                    MODEL,
                    [*PROMPTS, *PROMPTS],
                    make_context(tmp_path, teacher, prices={"m": (1.0, 2.0)}),
                )
            assert [a.text for a in answers] == EXPECTED * 2
            assert (usage.requests, usage.tokens_out) == (expected_requests, 5 * expected_requests)
            assert usage.money == pytest.approx(expected_requests * (10 * 1 + 5 * 2) / 1e6)
        assert max(teacher.answer_counts.values()) == 1
    assert spending_by_model(RunContext(tmp_path))["m"].requests == len(PROMPTS)


def test_samples_of_one_prompt_are_requests_of_their_own_with_seeds_of_their_own(
    tmp_path: Path,
) -> None:
    with FakeTeacher() as teacher:
        complete_prompts(MODEL, ["p"] * 5, make_context(tmp_path, teacher), samples=range(5))
        assert teacher.answer_counts["p"] == 5
        assert len({body["seed"] for body in teacher.bodies}) == 5


@pytest.mark.parametrize(
    ("fault", "says"),
    [
        ("401", "refuses the key"),
        ("404", "no such address or model"),
        ("quota", "no credit left"),
        ("403", "forbids"),
    ],
)
def test_what_no_request_can_survive_stops_all_within_three_requests(
    tmp_path: Path, fault: str, says: str
) -> None:
    with FakeTeacher(lambda n: fault, delay_s=0.02) as teacher:
        with pytest.raises(UserError, match=rf"{says}.*nothing is lost"):
            complete_prompts(MODEL, PROMPTS, make_context(tmp_path, teacher))
        assert teacher.requests <= 3


def test_a_key_that_dies_on_the_way_loses_no_answer_in_flight(tmp_path: Path) -> None:
    with FakeTeacher(lambda n: "401" if n == 50 else "", delay_s=0.005) as teacher:
        with pytest.raises(UserError, match="refuses the key"):
            complete_prompts(MODEL, PROMPTS, make_context(tmp_path, teacher))
        teacher.fault = lambda n: ""
        answers = complete_prompts(MODEL, PROMPTS, make_context(tmp_path, teacher))
        assert [a.text for a in answers] == EXPECTED
        assert max(teacher.answer_counts.values()) == 1


def test_the_key_is_in_no_error_log_or_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with (
        FakeTeacher(lambda n: "" if n < 5 else "401") as teacher,
        pytest.raises(UserError) as caught,
    ):
        complete_prompts(MODEL, PROMPTS, make_context(tmp_path, teacher))
    assert "sk-secret" not in str(caught.value) + caplog.text
    assert "[hidden]" in str(caught.value)
    assert not [f for f in tmp_path.rglob("*") if b"sk-secret" in f.read_bytes()]


def test_a_dead_server_is_a_user_error_and_one_bad_record_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "MAX_TRIES", 2)
    with FakeTeacher() as teacher:
        ctx = make_context(tmp_path, teacher)
    with pytest.raises(UserError, match=r"does not answer.*nothing is lost"):
        complete_prompts(MODEL, PROMPTS, ctx)
    with FakeTeacher(lambda n: "400" if n == 30 else "") as teacher:
        answers = complete_prompts(MODEL, PROMPTS, make_context(tmp_path, teacher))
    assert [a.error for a in answers if a.finish == "error"] == ["400: this prompt is too long"]


def test_the_budget_is_never_passed_and_a_higher_one_goes_on(tmp_path: Path) -> None:
    prices = {"m": (0.0, 1e6)}  # a token out costs 1, an answer at most 50 and really 5
    with FakeTeacher(delay_s=0.002) as teacher:
        with pytest.raises(UserError, match=r"budget of 300 could be passed.*nothing is lost"):
            complete_prompts(
                MODEL, PROMPTS, make_context(tmp_path, teacher, prices=prices, budget=300)
            )
        paid = spending_by_model(RunContext(tmp_path))["m"].money
        assert 5 <= paid <= 300
        answers = complete_prompts(
            MODEL, PROMPTS, make_context(tmp_path, teacher, prices=prices, budget=1000)
        )
        assert [a.text for a in answers] == EXPECTED
        assert max(teacher.answer_counts.values()) == 1


def test_a_budget_without_a_price_is_refused(tmp_path: Path) -> None:
    with FakeTeacher() as teacher, pytest.raises(UserError, match="without the price of m"):
        complete_prompts(MODEL, PROMPTS, make_context(tmp_path, teacher, budget=1))


@pytest.mark.parametrize("fault", ["json", "schema"])
def test_a_schema_is_sent_or_told_in_words_where_the_server_refuses_it(
    tmp_path: Path, fault: str
) -> None:
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}}
    refused = []

    def faults(n: int) -> str:
        refused.append(n)
        return "schema" if fault == "schema" and len(refused) <= 2 else "json"

    with FakeTeacher(faults) as teacher:
        answers = complete_prompts(
            MODEL, PROMPTS[:10], make_context(tmp_path, teacher), schema=schema
        )
        last = teacher.bodies[-1]
    assert {a.text for a in answers} == {'{"score": 3}'}
    assert ("response_format" in last) == (fault == "json")
    assert ("fits this schema" in last["messages"][-1]["content"]) == (fault == "schema")


def test_half_of_a_surrogate_pair_goes_either_way(tmp_path: Path) -> None:
    """Where a text was cut within an emoji; orjson takes neither."""
    with FakeTeacher() as teacher:
        (answer,) = complete_prompts(MODEL, ["cut \ud83d"], make_context(tmp_path, teacher))
        assert answer.finish == "stop" and "cut \ud83d" in teacher.answer_counts
    raw = b'{"choices": [{"message": {"content": "cut \\ud83d"}}]}'
    assert (
        openai_protocol.parse_response(make_request(MODEL, "p", 0, None), raw, None).answer.text
        == "cut ?"
    )


def test_an_answer_that_is_not_the_json_asked_for_is_an_error_after_three_paid_tries(
    tmp_path: Path,
) -> None:
    with FakeTeacher() as teacher:
        (answer,) = complete_prompts(
            MODEL, ["p"], make_context(tmp_path, teacher), schema={"type": "object"}
        )
        assert answer.finish == "error" and answer.error.startswith("JSON was asked for")
        assert (
            teacher.answer_counts["p"] == spending_by_model(RunContext(tmp_path))["m"].requests == 3
        )


def test_a_prompt_of_turns_is_sent_as_it_is_with_the_system_prompt_before_it(
    tmp_path: Path,
) -> None:
    chat = Prompt((("user", "a"), ("assistant", "b"), ("user", "c")), begins="def f(")
    with FakeTeacher() as teacher:
        complete_prompts(
            LLM("m", "http", system="s", stop=("x",)), [chat], make_context(tmp_path, teacher)
        )
        body = teacher.bodies[0]
    assert [m["role"] for m in body["messages"]] == ["system", "user", "assistant", "user"]
    assert (
        body["messages"][-1]["content"].startswith("c\n")
        and "def f(" in body["messages"][-1]["content"]
    )
    assert body["stop"] == ["x"] and body["max_tokens"] == 256


def test_many_are_in_flight_and_a_stated_rate_is_kept(tmp_path: Path) -> None:
    with FakeTeacher(delay_s=0.02) as teacher:
        complete_prompts(MODEL, PROMPTS, make_context(tmp_path / "a", teacher))
        assert teacher.max_requests_inside >= 16
    with FakeTeacher() as teacher, meter.measure_usage() as usage:
        complete_prompts(
            MODEL, PROMPTS[:40], make_context(tmp_path / "b", teacher, requests_per_minute=6000)
        )
    assert usage.seconds >= (40 - 1) * 0.01 - concurrency.CATCH_UP_S


@pytest.mark.parametrize("commits", [0, 1])
def test_a_full_disk_ends_the_run_and_what_was_committed_before_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commits: int
) -> None:
    done, put = [], AnswerLedger.put_entries

    def fails(self: AnswerLedger, entries: Sequence[LedgerEntry]) -> dict[bytes, LLMAnswer]:
        if len(done) == commits:
            raise UserError("the disk is full")
        done.append(len(entries))
        return put(self, entries)

    monkeypatch.setattr(AnswerLedger, "put_entries", fails)
    with FakeTeacher(delay_s=0.002) as teacher:
        with pytest.raises(UserError, match="the disk is full"):
            complete_prompts(
                MODEL, [f"prompt {i}" for i in range(1000)], make_context(tmp_path, teacher)
            )
        assert sum(teacher.answer_counts.values()) < 1000
    assert sum(cost.requests for cost in spending_by_model(RunContext(tmp_path)).values()) == sum(
        done
    )


def test_a_request_that_takes_too_long_is_tried_again(tmp_path: Path) -> None:
    slow = ["prompt 3", "prompt 7"]

    class Slow(FakeTeacher):
        async def _reply(self, request: web.Request, body: dict[str, Any]) -> web.StreamResponse:
            if body["messages"][0]["content"] in slow:
                slow.remove(body["messages"][0]["content"])
                await asyncio.sleep(2)
            return await super()._reply(request, body)

    with Slow() as teacher, meter.measure_usage() as usage:
        answers = complete_prompts(MODEL, PROMPTS, make_context(tmp_path, teacher, timeout_s=0.4))
    assert [a.text for a in answers] == EXPECTED and not slow
    assert usage.seconds < 30 and usage.requests == len(PROMPTS)


def test_what_came_before_an_interruption_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "COMMIT_INTERVAL_S", 0.3)
    with FakeTeacher() as teacher, AnswerLedger(tmp_path / "l") as ledger:
        requests = [make_request(MODEL, prompt, 0, None) for prompt in PROMPTS]
        client = http_client.HttpClient(
            openai_protocol.server_from_options({"base_url": teacher.url}),
            requests,
            {},
            ledger,
            ledger.put_entries,
        )

        async def interrupted() -> int:
            serving = asyncio.create_task(client.run_workers())
            while client.uncommitted_count < 10:
                await asyncio.sleep(0.001)
            came = client.saved_count + client.uncommitted_count
            serving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await serving
            return came

        came = asyncio.run(interrupted())
        assert ledger.spending_by_model()["m"].requests >= came


async def _complete_in_a_loop(ctx: RunContext) -> list[str]:
    return [a.text for a in complete_prompts(MODEL, PROMPTS, ctx)]


def test_a_notebook_with_a_running_loop_may_call_it(tmp_path: Path) -> None:
    with FakeTeacher() as teacher:
        assert asyncio.run(_complete_in_a_loop(make_context(tmp_path, teacher))) == EXPECTED


CLIENT = """
import sys
from pathlib import Path
from hornbook.llm import LLM, complete_prompts
from hornbook.frame.stage import RunContext
ctx = RunContext(Path(sys.argv[1]), options={"base_url": sys.argv[2]})
complete_prompts(LLM("m", "http"), [f"prompt {n}" for n in range(int(sys.argv[3]))], ctx)
"""


def kill_and_resume(root: Path, teacher: FakeTeacher, count: int, moments: Sequence[int]) -> None:
    """Kill the client when so many were answered, again and again; then let it end and count."""
    kills = 0
    for upto in moments:
        client = subprocess.Popen(
            [sys.executable, "-c", CLIENT, str(root), teacher.url, str(count)]
        )
        while client.poll() is None and sum(teacher.answer_counts.values()) < upto:
            with contextlib.suppress(subprocess.TimeoutExpired):
                client.wait(0.002)
        kills += client.poll() is None
        client.kill()
        client.wait()
    assert kills == len(moments)
    answers = complete_prompts(
        LLM("m", "http"), [f"prompt {n}" for n in range(count)], make_context(root, teacher)
    )
    assert [a.text for a in answers] == [text_for(f"prompt {n}") for n in range(count)]
    # In flight is what was sent and is not on disk yet: on a busy machine more than the server saw
    # at one moment.
    assert sum(teacher.answer_counts.values()) - count <= kills * min(
        http_client.MAX_UNCOMMITTED, max(count // 5, teacher.max_requests_inside)
    )


def test_killed_at_any_moment_no_answered_request_is_asked_again_beyond_those_in_flight(
    tmp_path: Path,
) -> None:
    with FakeTeacher(fail_share("429", 0.05), delay_s=0.01) as teacher:
        kill_and_resume(tmp_path, teacher, 300, (30, 200))


@pytest.mark.slow
def test_ten_thousand_requests_killed_twenty_times_are_all_answered(tmp_path: Path) -> None:
    chance = random.Random(0)
    with FakeTeacher(fail_share("429", 0.05), delay_s=0.01) as teacher:
        kill_and_resume(
            tmp_path, teacher, 10_000, sorted(chance.randrange(1, 9_000) for _ in range(20))
        )


def test_the_server_is_found_reachable_only_with_an_address_and_the_right_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not check_server({})[0]
    assert not check_server({"base_url": "localhost"})[0]
    assert not check_server({"base_url": "http://127.0.0.1:9/v1"})[0]
    with FakeTeacher() as teacher:
        assert check_server({"base_url": teacher.url, "api_key": "right"})[0]
        assert not check_server({"base_url": teacher.url, "api_key": "wrong"})[0]
        monkeypatch.setenv("OPENAI_BASE_URL", teacher.url)
        monkeypatch.setenv("OPENAI_API_KEY", "right")
        assert check_server({})[0]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, 0),
        ("", 0),
        ("7", 7),
        ("0.5", 0.5),
        ("-3", 0),
        ("soon", 0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60),
    ],
)
def test_retry_after_is_read_in_both_forms(value: str | None, seconds: float) -> None:
    assert openai_protocol.parse_retry_after(value, now=1445412480.0 - 60) == seconds
