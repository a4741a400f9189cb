"""The batch interface: answers come back by their keys, a killed run takes up what is under way."""

from __future__ import annotations

import json

import pytest
from aiohttp import web
from fake_teacher import FakeTeacher, text_for

from hornbook.frame.stage import RunContext
from hornbook.llm import LLM, batch, complete_prompts, spending_by_model
from hornbook.records import UserError

MODEL = LLM("m", "http", max_tokens=50)
PROMPTS = [f"prompt {i}" for i in range(30)]


class FakeVendor(FakeTeacher):
    """The fake teacher with /files and /batches; a batch is done when it has been asked about `patience` times."""

    patience, status = 2, "completed"

    def add_routes(self, app):
        self.files, self.batches = {}, {}
        app.router.add_post("/v1/files", self._upload)
        app.router.add_get("/v1/files/{name}/content", self._content)
        app.router.add_post("/v1/batches", self._create)
        app.router.add_get("/v1/batches", self._list)
        app.router.add_get("/v1/batches/{name}", self._look)

    async def _upload(self, request):
        form = await request.post()
        assert form["purpose"] == "batch"
        name = f"file-{len(self.files)}"
        self.files[name] = form["file"].file.read().decode()
        return web.json_response({"id": name})

    async def _create(self, request):
        body = await request.json()
        name = f"batch-{len(self.batches)}"
        self.batches[name] = {"id": name, "status": "in_progress", "looked": 0, **body}
        return web.json_response(self.batches[name])

    async def _list(self, request):
        return web.json_response({"data": list(self.batches.values())})

    async def _look(self, request):
        status = self.batches[request.match_info["name"]]
        status["looked"] += 1
        if status["looked"] == self.patience and self.status == "failed":
            status |= {"status": "failed", "errors": {"data": [{"message": "no such model"}]}}
        elif status["looked"] == self.patience:
            lines = [json.loads(line) for line in self.files[status["input_file_id"]].splitlines()]
            self.files["out" + status["id"]] = "\n".join(
                [self._line(line) for line in lines[::-1]] + ["{damaged"]
            )
            status |= {"status": self.status, "output_file_id": "out" + status["id"]}
        return web.json_response(status)

    def _line(self, line):
        fault = self.fault(int(line["body"]["messages"][-1]["content"].split()[1]))
        if fault == "lost":
            return "{}"
        if fault == "400":
            return json.dumps(
                {"custom_id": line["custom_id"], "response": {"body": {"error": "too long"}}}
            )
        body = json.loads(self._answer(line["body"], fault).body)
        return json.dumps(
            {"custom_id": line["custom_id"], "response": {"status_code": 200, "body": body}}
        )

    async def _content(self, request):
        return web.Response(text=self.files[request.match_info["name"]])


def make_context(root, vendor, **more):
    return RunContext(
        root, options={"base_url": vendor.url, "batch": True, "batch_poll_s": 0.001, **more}
    )


def test_answers_come_back_by_their_keys_whatever_their_order(tmp_path):
    with FakeVendor() as vendor:
        answers = complete_prompts(
            MODEL, PROMPTS, make_context(tmp_path, vendor, prices={"m": (1.0, 2.0)}, budget=1)
        )
        assert [a.text for a in answers] == [text_for(prompt) for prompt in PROMPTS]
        assert vendor.requests == 0 and len(vendor.batches) == 1
        assert spending_by_model(RunContext(tmp_path))["m"].money == pytest.approx(30 * 20 / 1e6)
        assert (
            complete_prompts(MODEL, PROMPTS, make_context(tmp_path, vendor)) == answers
            and len(vendor.batches) == 1
        )


def test_a_killed_run_takes_up_the_batch_that_is_under_way(tmp_path, monkeypatch):
    def killed(*_):
        raise KeyboardInterrupt

    with FakeVendor() as vendor:
        with monkeypatch.context() as patch:
            patch.setattr(batch.time, "sleep", killed)
            with pytest.raises(KeyboardInterrupt):
                complete_prompts(MODEL, PROMPTS, make_context(tmp_path, vendor))
        answers = complete_prompts(MODEL, PROMPTS + ["prompt 99"], make_context(tmp_path, vendor))
        assert [a.text for a in answers[:30]] == [text_for(prompt) for prompt in PROMPTS]
        assert max(vendor.answer_counts.values()) == 1 and len(vendor.batches) == 2


def test_what_was_lost_or_refused_is_that_records_misfortune(tmp_path):
    with FakeVendor(lambda n: {3: "lost", 5: "400"}.get(n, "")) as vendor:
        answers = complete_prompts(MODEL, PROMPTS, make_context(tmp_path, vendor))
        assert [n for n, a in enumerate(answers) if a.finish == "error"] == [3, 5]
        assert "too long" in answers[5].error and "without an answer" in answers[3].error


@pytest.mark.parametrize("status", ["expired", "cancelled"])
def test_of_a_batch_that_ended_early_what_was_answered_counts(tmp_path, status):
    with FakeVendor() as vendor:
        vendor.status = status
        assert all(
            a.finish == "stop"
            for a in complete_prompts(MODEL, PROMPTS, make_context(tmp_path, vendor))
        )


def test_what_cannot_be_is_said(tmp_path):
    with FakeVendor() as vendor:
        vendor.status = "failed"
        with pytest.raises(UserError, match="refuses the batch.*no such model"):
            complete_prompts(MODEL, PROMPTS, make_context(tmp_path, vendor))
        with pytest.raises(UserError, match="could be passed"):
            complete_prompts(
                MODEL,
                PROMPTS,
                make_context(tmp_path / "b", vendor, prices={"m": (1.0, 1e6)}, budget=1),
            )
    with FakeTeacher() as teacher, pytest.raises(UserError, match="has it no batch interface"):
        complete_prompts(MODEL, PROMPTS, make_context(tmp_path / "c", teacher))


def test_prices_and_batch_reach_a_run_from_the_command_line():
    from hornbook.cli.run import _parse_run_options

    words = ("price=a:b:0.5:2", "price=c:1:3", "batch=yes", "requests_per_minute=60")
    assert _parse_run_options(words) == {
        "prices": {"a:b": (0.5, 2.0), "c": (1.0, 3.0)},
        "batch": True,
        "requests_per_minute": 60.0,
    }
    with pytest.raises(UserError, match="MODEL:IN:OUT"):
        _parse_run_options(("price=gpt",))
