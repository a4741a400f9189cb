"""What every stage of a shipped recipe promises, held on the recipes' own smoke runs: offline, and all of it real."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hornbook import store
from hornbook.cli.inspect_run import find_damaged_files
from hornbook.frame import executors, recipe
from hornbook.frame.identity import order_stages
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext

PACKAGE = Path(recipe.__file__).parents[1]
MEASURED = {"report"}  # the page shows what the run cost, which differs from run to run
SHELF = (
    "bits",
    "classes",
    "conditionals",
    "dates",
    "dictionaries",
    "generators",
    "graphs",
    "json_data",
    "money",
)
POISON = {
    "empty.py": b"",
    "binary.py": b"\x00\x01\x02" * 900,
    "latin.py": b"# caf\xe9\nx = 1\n",
    "unclosed.py": b"def f(:\n    return (((\n",
    "deep.py": b"x = " + b"[" * 3000 + b"]" * 3000 + b"\n",
    "one_line.py": b"a = '" + b"x" * 300_000 + b"'\n",
    "end.py": b"s = '<|endoftext|>' * 3\n\n\ndef f():\n    return s\n",
}


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small corpus: some of the package's own files, and one of each kind that must not stop anything."""
    folder = tmp_path_factory.mktemp("source")
    shelf = [PACKAGE / "seed" / "exercises" / f"{name}.py" for name in SHELF]
    for file in sorted(PACKAGE.glob("collect/*.py")) + shelf:
        shutil.copy(file, folder)
    for name, data in POISON.items():
        (folder / name).write_bytes(data)
    return folder


@pytest.fixture(scope="session")
def undisturbed(source: Path, tmp_path_factory: pytest.TempPathFactory) -> RunContext:
    ctx = RunContext(tmp_path_factory.mktemp("undisturbed"))
    run_recipe(pocket(source), ctx)
    return ctx


def pocket(source: Path, *dials: str):
    return recipe.load_recipe("pocket", (f"source={source}", *dials), smoke=True).last


def manifests(ctx: RunContext) -> dict[str, bytes]:
    """What each stage made, by checksum; in the last stage's words."""
    return {
        name: (ctx.run.stage_folder(name) / "manifest.json").read_bytes()
        for name in ctx.run.finished_stages()
        if name not in MEASURED
    }


class Killed(BaseException):
    """Stands for kill -9: nothing of ours may catch it."""


def test_killed_at_twenty_points_and_resumed_equals_never_killed(
    source, undisturbed, tmp_path, monkeypatch
):
    ctx, chance, replace, kills = RunContext(tmp_path / "run"), random.Random(7), os.replace, [0]

    def dying(old: Path, new: Path) -> None:
        if kills[0] < 20 and chance.random() < 0.2:
            kills[0] += 1
            raise Killed
        replace(old, new)

    monkeypatch.setattr(store.os, "replace", dying)
    for _ in range(40):
        try:
            run_recipe(pocket(source), ctx)
            break
        except Killed:
            continue
    assert kills[0] == 20
    assert manifests(ctx) == manifests(undisturbed)


@pytest.mark.slow
def test_killed_for_good_at_twenty_moments_it_still_equals(source, undisturbed, tmp_path):
    command = [
        sys.executable,
        "-m",
        "hornbook.cli",
        "run",
        "pocket",
        f"source={source}",
        "--smoke",
        "--out",
        "run",
    ]
    environment = {**os.environ, "HORNBOOK_CACHE": str(tmp_path)}
    chance = random.Random(3)
    for _ in range(20):
        with subprocess.Popen(
            command, cwd=tmp_path, env=environment, start_new_session=True
        ) as process:
            time.sleep(chance.uniform(0.5, 8))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert subprocess.run(command, cwd=tmp_path, env=environment, check=False).returncode == 0
    assert manifests(RunContext(tmp_path / "run")) == manifests(undisturbed)


def test_the_number_of_parts_changes_no_record(source, undisturbed, tmp_path):
    many = RunContext(tmp_path / "many", shard_mb=0.05)
    run_recipe(pocket(source), many)
    assert len(many.run.shard_names("code")) > len(undisturbed.run.shard_names("code"))
    for stage in order_stages(pocket(source)):
        if stage.name in MEASURED:
            continue
        if stage.form == "files":
            assert (
                many.run.read_manifest(stage)["files"]
                == undisturbed.run.read_manifest(stage)["files"]
            ), stage.name
        else:
            assert rows(many, stage) == rows(undisturbed, stage), stage.name


def rows(ctx: RunContext, stage) -> list[dict]:
    return [row for table in ctx.run.read_shards(stage) for row in table.to_pylist()]


def test_the_process_pool_equals_one_process(source, undisturbed, tmp_path):
    ctx = RunContext(tmp_path / "pool", workers=2)
    with executors.make_executor("pool", 2) as crew:
        run_recipe(pocket(source), ctx, crew)
    assert manifests(ctx) == manifests(undisturbed)


@pytest.mark.slow
def test_ray_equals_one_process(source, undisturbed, tmp_path):
    pytest.importorskip("ray")
    ctx = RunContext(tmp_path / "ray", workers=2)
    with executors.make_executor("ray", 2) as crew:
        run_recipe(pocket(source), ctx, crew)
    assert manifests(ctx) == manifests(undisturbed)


def test_every_stage_is_sound_and_seen(undisturbed):
    assert find_damaged_files(undisturbed) == []
    for name in undisturbed.run.finished_stages():
        facts = undisturbed.run.read_manifest(name)
        assert facts["set_aside"] == {}, name
        assert facts["kept"] + sum(facts["reasons"].values()) == facts["seen"], name


def test_what_is_poisoned_is_dropped_with_a_reason(undisturbed):
    dropped = {row["path"]: row["reason"] for row in rows(undisturbed, "code") if not row["kept"]}
    assert set(dropped) >= {"empty.py", "binary.py", "latin.py", "one_line.py"}
    assert all(dropped.values())


@pytest.mark.parametrize(
    ("dial", "stage", "difference"),
    [
        ("steps=13", "base", "steps: 12 -> 13"),
        ("tokens=9000", "filtered_code", "tokens: 20000 -> 9000"),
    ],
)
def test_a_changed_setting_is_refused_with_its_difference(
    source, undisturbed, dial, stage, difference
):
    from hornbook.records import UserError

    with pytest.raises(UserError, match=f"{stage}.*{difference}"):
        run_recipe(pocket(source, dial), undisturbed)


def test_the_page_says_it_all(undisturbed):
    page = (undisturbed.root / "report" / "report.html").read_text()
    for word in (
        "Funnel",
        "Quality",
        "Generated data",
        "Contamination",
        "Training",
        "Exam",
        "pass@1",
        "Cost",
        "<svg",
    ):
        assert word in page
    assert "http://" not in page.replace("http://www.w3.org", "") and "<script" not in page
    tables = json.loads((undisturbed.root / "report" / "report.json").read_text())
    assert {table["section"] for table in tables} >= {"Funnel", "Exam", "Training"}


QUICK = {"taste"}  # seconds; the others train a model or several, as pocket does above


def recipes() -> Iterator[object]:
    for name in sorted(recipe.list_shipped_recipes().keys() - {"pocket"}):
        yield pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)


@pytest.mark.parametrize("name", recipes())
def test_every_shipped_recipe_runs_offline(name, source, tmp_path):
    if "source" in recipe.load_recipe(name, smoke=True).dials:
        made = recipe.load_recipe(name, (f"source={source}",), smoke=True)
    else:
        made = recipe.load_recipe(name, smoke=True)
    run_recipe(made.last, RunContext(tmp_path / name))
    assert (tmp_path / name / "report" / "report.html").exists()
