"""The command line answers quickly, loads nothing heavy, and reports a mistake in one line."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from conftest import Longer, Numbers

from hornbook.cli import MODULE_BY_COMMAND, main
from hornbook.cli.run import _parse_run_options
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext

HEAVY = (
    "torch", "numba", "ray", "numpy", "pyarrow", "transformers", "sklearn", "matplotlib", "rich",
)  # fmt: skip


def invoke_cli(*words: str) -> Result:
    return CliRunner().invoke(main, list(words))


def read_json_lines(*words: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in invoke_cli(*words, "--json").output.splitlines()]


def write_recipe_file(folder: Path, body: str) -> str:
    path = folder / "mine.py"
    path.write_text(body)
    return str(path)


def test_help_loads_nothing_heavy() -> None:
    probe = (
        "import sys, hornbook.cli as c\n"
        "try: c.main(['--help'])\nexcept SystemExit: pass\n"
        f"print('LOADED', [m for m in {HEAVY!r} if m in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    assert result.stdout.endswith("LOADED []\n")


def test_help_answers_in_under_a_fifth_of_a_second() -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "hornbook.cli", "--help"], capture_output=True, check=True
        )
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # CPU seconds, the best of five: other processes on the machine do not count.
    assert min(seconds() for _ in range(5)) < 0.2


@pytest.mark.parametrize("name", sorted(MODULE_BY_COMMAND))
def test_every_command_has_help_with_an_example(name: str) -> None:
    text = invoke_cli(name, "--help").output
    assert f"hornbook {name}" in text.partition("Example: ")[2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["plam", "pocket"], "did you mean plan"),
        (["plan", "poket"], "did you mean pocket"),
        (["plan", "nowhere/else.py"], "there is no recipe"),
        (["plan", "pocket", "--workes", "2"], "--workers"),
        (["plan", "pocket", "stepz=3"], "did you mean steps"),
        (["plan", "pocket", "steps"], "name=value"),
        (["plan", "pocket", "steps=many"], "takes a int"),
        (["plan", "pocket", "--how", "cores=3"], "micro_batch"),
        (["plan", "pocket", "--how", "micro_batch=0"], "0 is not 1 or more"),
        (["plan", "pocket", "--how", "processes=-1"], "-1 is not 1 or more"),
        (["plan", "pocket", "--how", "parallelism=banana"], "neither ddp nor fsdp"),
        (["peek", "nowhere"], "is not the folder of a run"),
        (["ask", "nowhere", "x"], "is not the folder of a run"),
        (["check", "nowhere.py"], "nowhere.py cannot be read"),
    ],
)
def test_a_mistake_ends_in_exit_code_2_and_the_way_out(
    words: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke_cli(*words)
    assert result.exit_code == 2
    assert message in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def recipe(:\n", "line 1"),
        ("import nothing_like_this\n", "line 1, raised ModuleNotFoundError"),
        ("def recipe(n=1):\n    return 1 / 0\n", "line 2, raised ZeroDivisionError"),
        ("def other():\n    pass\n", "has no function named recipe"),
        ("def recipe():\n    return 3\n", "must return its last stage"),
        ("def recipe(a=1, b=1, c=1, d=1, e=1, f=1, g=1, h=1, i=1):\n    pass\n", "9 dials"),
    ],
)
def test_a_recipe_that_fails_is_named_with_its_line(
    body: str, message: str, tmp_path: Path
) -> None:
    result = invoke_cli("plan", write_recipe_file(tmp_path, body))
    assert (result.exit_code, message in result.output) == (2, True), result.output


OWN_STAGE = '''
"""Counts to a number."""
import sys
sys.path.insert(0, {tests!r})
from conftest import Longer, Numbers

def recipe(upto=60, above=30):
    return Longer("long", Numbers("numbers", upto), above)
'''


@pytest.fixture
def own_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A recipe of two small stages; the current folder is empty but for it."""
    monkeypatch.chdir(tmp_path)
    return write_recipe_file(tmp_path, OWN_STAGE.format(tests=str(Path(__file__).parent)))


def run_own_recipe(path: str, *words: str) -> Result:
    return invoke_cli("run", path, *words, "--workers", "1")


def test_the_plan_names_the_machine_and_what_is_done(own_recipe: str) -> None:
    plan = invoke_cli("plan", own_recipe).output
    assert "to do" in plan and "on this machine\n" in plan
    plan = invoke_cli("plan", own_recipe, "--device", "h100").output
    assert "on this machine, training on h100" in plan
    assert run_own_recipe(own_recipe, "--out", "a").exit_code == 0
    # 6e1 is the default, 60.
    plan = invoke_cli("plan", own_recipe, "upto=6e1", "--out", "a").output
    assert "done 49 kept of 60" in " ".join(plan.split())


def test_peek_shows_the_dropped_records_and_their_reasons(own_recipe: str) -> None:
    assert run_own_recipe(own_recipe, "--out", "a").exit_code == 0
    rows = read_json_lines("peek", "a", "long", "--dropped", "-n", "3")
    assert len(rows) == 3 and all(row["reason"].startswith("short") for row in rows)
    assert "short" in invoke_cli("peek", "a").output


def test_a_changed_dial_is_compared_and_refused_in_the_same_folder(own_recipe: str) -> None:
    assert run_own_recipe(own_recipe, "--out", "a").exit_code == 0
    assert run_own_recipe(own_recipe, "above=40", "--out", "b").exit_code == 0
    difference = {"stage": "long", "what": "above", "first": "30", "second": "40"}
    assert difference in read_json_lines("compare", "a", "b")
    refusal = run_own_recipe(own_recipe, "above=40", "--out", "a")
    assert refusal.exit_code == 2 and "above: 30 -> 40" in refusal.output


@pytest.mark.parametrize("setting", ["parallelism=fsdp", "hold=shards"])
def test_parallelism_has_its_old_name_too(setting: str) -> None:
    assert _parse_run_options((setting,)) == {"parallelism": "fsdp"}


@pytest.mark.parametrize("option", ["--shard-mb", "--part-mb"])
def test_the_size_of_a_shard_has_its_old_name_too(option: str, own_recipe: str) -> None:
    assert run_own_recipe(own_recipe, option, "0.5", "--out", "a").exit_code == 0
    assert len(RunContext(Path("a")).run.shard_names("numbers")) == 2


def test_a_damaged_file_is_named_by_doctor(own_recipe: str) -> None:
    assert run_own_recipe(own_recipe, "--out", "a").exit_code == 0
    assert invoke_cli("doctor", "a").exit_code == 0
    next(Path("a/numbers").glob("*.parquet")).write_bytes(b"")
    result = invoke_cli("doctor", "a")
    assert result.exit_code == 1 and "--rebuild numbers" in result.output


def test_two_samples_files_are_compared_in_a_sentence(tmp_path: Path) -> None:
    problem = {"prompt": "def f():\n", "entry_point": "f", "test": "assert f() == 1\n"}
    exam, first, second = (tmp_path / f"{name}.jsonl" for name in ("exam", "first", "second"))
    exam.write_text(
        json.dumps({"task_id": "own/0", "canonical_solution": "    return 1\n"} | problem)
    )
    first.write_text(json.dumps({"task_id": "own/0", "completion": "    return 0\n"}))
    second.write_text(json.dumps({"task_id": "own/0", "completion": "    return 1\n"}))
    result = invoke_cli("score", str(first), "--exam", f"jsonl:{exam}", "--against", str(second))
    assert result.exit_code == 0, result.output
    assert f"both 0, only {first} 0, only {second} 1, neither 0" in result.output
    assert "+100.0 points" in result.output


def test_a_stage_that_a_recipe_defines_itself_reaches_the_workers(tmp_path: Path) -> None:
    body = OWN_STAGE.format(tests=str(Path(__file__).parent)).replace(
        "return Longer", "return Mine"
    )
    body += "\nfrom dataclasses import dataclass\n"
    body += "@dataclass(frozen=True)\nclass Mine(Longer):\n    pass\n"
    path = write_recipe_file(tmp_path, body)
    command = [sys.executable, "-m", "hornbook.cli", "run", path]
    command += ["--out", str(tmp_path / "run"), "--workers", "2"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert RunContext(tmp_path / "run").run.read_manifest("long")["identity"]["stage"] == "Mine"


def test_a_folder_without_finished_stages_is_refused(tmp_path: Path) -> None:
    assert invoke_cli("peek", str(tmp_path)).exit_code == 2


def test_peek_names_the_finished_stages_when_asked_for_another(tmp_path: Path) -> None:
    run_recipe(Longer("long", Numbers("numbers")), RunContext(tmp_path))
    result = invoke_cli("peek", str(tmp_path), "lnog")
    assert result.exit_code == 2 and "numbers, long" in result.output


def test_new_writes_a_recipe_that_plans_and_never_overwrites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert invoke_cli("new", "mine").exit_code == 0
    assert invoke_cli("plan", "mine.py").exit_code == 0
    again = invoke_cli("new", "mine")
    assert again.exit_code == 2 and "exists already" in again.output
