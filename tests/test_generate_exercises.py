"""The stage Exercises: yields, the stop of bad prompts, snippets, harder exercises."""

from __future__ import annotations

import pytest

from hornbook.collect import CollectFiles
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.generate import Exercises
from hornbook.generate.constraints import sample_constraints
from hornbook.generate.exercises import find_poor_values
from hornbook.generate.snippets import SNIPPET_LINES, cut_snippet, sample_snippets
from hornbook.llm import LLM, named
from hornbook.records import UserError


class Listener:
    def __init__(self):
        self.messages = []

    def begin(self, name, total, unit): ...
    def advance(self, amount=1): ...
    def end(self, text): ...
    def say(self, text):
        self.messages.append(text)


def run_and_read_rows(ctx, stage):
    run_recipe(stage, ctx)
    return [row for table in ctx.run.read_shards(stage) for row in table.to_pylist()]


def test_yields_and_the_number_of_distinct_prompts_are_reported(tmp_path):
    listener = Listener()
    ctx = RunContext(tmp_path, reporter=listener)
    stage = Exercises("drills", named("scripted"), 12)
    rows = stage.make_shard(ctx, "00000").to_pylist()
    good = sum(row["kept"] for row in rows)
    assert len(rows) == 12 and 0 < good < 12
    assert "12 of" in listener.messages[0] and "distinct prompts" in listener.messages[0]
    assert f"{good} of 12 accepted; " in listener.messages[1]
    assert all(row["reason"] for row in rows if not row["kept"])
    assert len({row["text"] for row in rows if row["kept"]}) == good, (
        "a scripted teacher repeats itself"
    )
    assert any(row["reason"] == "nearly the same as another one" for row in rows)


def test_a_prompt_that_yields_nothing_is_stopped_after_two_hundred_answers(tmp_path):
    bad = LLM("m", "scripted", answers=("Sure! I hope that it helps.",))
    with pytest.raises(UserError, match=r"0 of 200 accepted; 200 does not parse.*least=0"):
        Exercises("drills", bad, 250).make_shard(RunContext(tmp_path), "00000")
    assert (
        len(Exercises("drills", bad, 250, least=0).make_shard(RunContext(tmp_path), "00000")) == 250
    )


def test_a_value_whose_yield_is_below_the_others_is_named():
    rows = [({"audience": "a", "style": "s", "difficulty": "d", "library": ""}, True)] * 60
    rows += [({"audience": "b", "style": "s", "difficulty": "d", "library": ""}, False)] * 20
    assert find_poor_values(rows) == ["audience=b"]
    assert find_poor_values([]) == find_poor_values(rows[:3]) == []


CODE = "\n".join(f"value_{n} = {n} * {n}" for n in range(60)) + "\n"


def test_snippets_are_in_the_prompts_and_deterministic(tmp_path):
    source = tmp_path / "src"
    source.mkdir()
    for name in "abc":
        (source / f"{name}.py").write_text(f"# {name}\n{CODE}")
    ctx = RunContext(tmp_path / "run")
    stack = CollectFiles("stack", str(source), licences=())
    run_recipe(stack, ctx)
    snippets = sample_snippets(stack, ctx, 0, 7)
    assert snippets == sample_snippets(stack, ctx, 0, 7) and len(set(snippets)) > 3
    for snippet in snippets:
        assert len(snippet.splitlines()) <= SNIPPET_LINES and "value_" in snippet
    sent_prompts = []
    teacher = named("scripted")
    stage = Exercises("drills", teacher, 4, snippet_source=stack)
    assert stage.inputs() == [stack]
    import hornbook.generate.drafts as drafts

    original = drafts.llm.complete_prompts
    drafts.llm.complete_prompts = lambda llm, prompts, *rest, **more: (
        sent_prompts.extend(prompts) or original(llm, prompts, *rest, **more)
    )
    try:
        stage.make_shard(ctx, "00000")
    finally:
        drafts.llm.complete_prompts = original
    assert len(sent_prompts) == 4
    for prompt in sent_prompts:
        assert "without copying it" in prompt and "value_" in prompt


@pytest.mark.parametrize("text", ["x = 1\n", "\n\nx = 1\n\n\ny = 2\n", CODE])
def test_a_snippet_is_in_its_text(text):
    snippet = cut_snippet(text, "name")
    assert snippet and snippet in text and len(snippet.splitlines()) <= SNIPPET_LINES


HARDER = '''```python
def add_two_and_check(number: int) -> int:
    """Add two to a number that must not be negative.

    >>> add_two_and_check(1)
    3
    """
    if number < 0:
        raise ValueError("negative")
    return number + 2


assert add_two_and_check(0) == 2
assert add_two_and_check(5) == 7
assert add_two_and_check(1) == 3
```'''


def test_accepted_exercises_are_asked_for_again_one_level_harder(tmp_path):
    teacher = LLM("m", "scripted", answers=(HARDER,))
    stage = Exercises("drills", teacher, 6, evolve=1)
    rows = stage.make_shard(RunContext(tmp_path), "00000").to_pylist()
    first, second = rows[:6], rows[6:]
    accepted = {row["id"]: row["difficulty"] for row in first if row["kept"]}
    levels = ("very easy", "easy", "medium", "hard")
    assert second and all(row["parent"] in accepted for row in second)
    assert all(
        levels.index(row["difficulty"]) == levels.index(accepted[row["parent"]]) + 1
        for row in second
    )
    assert {row["reason"] for row in second} <= {
        "no different from the easier one",
        "nearly the same as another one",
    }


def test_a_weak_teachers_exercise_has_the_values_of_the_majority(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "hornbook.generate.scaffolded.choose_signature", lambda name: "number: int) -> int"
    )
    name = sample_constraints(1)[0].function_name
    body = "    return number * 2 if number > 3 else 0\n"
    text = (
        f"```python\ndef {name}(number: int) -> int:\n"
        f'    """Double numbers above three, for the others give nought."""\n{body}```'
    )
    stage = Exercises("drills", LLM("m", "scripted", answers=(text,)), 1, solutions=3)
    (row,) = stage.make_shard(RunContext(tmp_path), "00000").to_pylist()
    assert row["kept"], row["reason"]
    assert row["votes"] == 3 and f"assert {name}(7) == 14\n" in row["tests"]
    assert f">>> {name}(7)\n    14\n" in row["prompt"]
