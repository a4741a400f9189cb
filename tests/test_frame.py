"""The frame: a killed and resumed run equals an undisturbed one; changes are refused; no row vanishes."""

from __future__ import annotations

import dataclasses
import errno
import functools
import importlib.util
import json
import random
import site
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pytest
from conftest import Longer, Numbers, contents, rows_of

from hornbook import records, store
from hornbook.cli import inspect_run
from hornbook.cli.inspect_run import find_damaged_files
from hornbook.frame import executors
from hornbook.frame.identity import compute_identity, describe_difference, order_stages, read_state
from hornbook.frame.recipe import MOVED_MODULES, Recipe, load_recipe, plan_recipe
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext, Stage
from hornbook.records import UserError


def chain(above: int = 30, longer: int = 60, deadly: str = "") -> Longer:
    return Longer("long", Longer("medium", Numbers("numbers"), above, deadly), longer)


class Killed(BaseException):
    """Stands for kill -9: nothing of ours may catch it."""


@pytest.mark.parametrize("seed", range(20))
def test_a_run_killed_at_random_points_and_resumed_equals_one_never_killed(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    undisturbed, disturbed = (
        RunContext(tmp_path / "a", shard_mb=0.2),
        RunContext(tmp_path / "b", shard_mb=0.2),
    )
    run_recipe(chain(), undisturbed)
    chance, replace = random.Random(seed), store.os.replace
    kills = [0]

    def dying_replace(source: Path, target: Path) -> None:
        if chance.random() < 0.3 and kills[0] < 12:
            kills[0] += 1
            raise Killed
        replace(source, target)

    monkeypatch.setattr(store.os, "replace", dying_replace)
    for _ in range(20):
        try:
            run_recipe(chain(), disturbed)
            break
        except Killed:
            continue
    assert kills[0] > 0
    assert contents(tmp_path / "b") == contents(tmp_path / "a")


@pytest.mark.parametrize("part_mb", [1.0, 0.5, 0.14, 0.05])
def test_the_number_of_parts_changes_no_record(part_mb: float, tmp_path: Path) -> None:
    one, many = (
        RunContext(tmp_path / "one", shard_mb=1.0),
        RunContext(tmp_path / "many", shard_mb=part_mb),
    )
    run_recipe(chain(), one)
    run_recipe(chain(), many)
    assert len(many.run.shard_names(chain())) == round(1 / part_mb)
    assert rows_of(one, chain()) == rows_of(many, chain())


def test_the_process_pool_makes_the_same_bytes_as_one_process(tmp_path: Path) -> None:
    # Many small parts, so that workers write into one folder at the same moment.
    inline, pooled = (
        RunContext(tmp_path / "inline", shard_mb=0.08),
        RunContext(tmp_path / "pool", workers=2, shard_mb=0.08),
    )
    run_recipe(chain(), inline)
    with executors.PoolExecutor(2) as crew:
        run_recipe(chain(), pooled, crew)
    assert contents(tmp_path / "inline") == contents(tmp_path / "pool")


@pytest.mark.slow
def test_ray_makes_the_same_bytes_as_one_process(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    inline, rayed = (
        RunContext(tmp_path / "inline", shard_mb=0.3),
        RunContext(tmp_path / "ray", workers=2, shard_mb=0.3),
    )
    run_recipe(chain(), inline)
    here = functools.partial(site.addsitedir, str(Path(__file__).parent))
    with executors.make_executor("ray", 2, prepare=here) as crew:
        run_recipe(chain(), rayed, crew)
    assert contents(tmp_path / "inline") == contents(tmp_path / "ray")


def test_a_part_that_kills_its_worker_twice_is_set_aside_and_the_rest_survives(
    tmp_path: Path,
) -> None:
    ctx, fatal = RunContext(tmp_path, workers=2, shard_mb=0.2), chain(deadly="40")
    with executors.PoolExecutor(2) as crew:
        run_recipe(fatal, ctx, crew)
    medium = order_stages(fatal)[1]
    facts = ctx.run.read_manifest(medium)
    assert len(facts["set_aside"]) == 1 and "killed twice" in next(
        iter(facts["set_aside"].values())
    )
    rows = rows_of(ctx, medium)
    assert len(rows) == 60
    assert {row["reason"].split(":")[0] for row in rows if 36 <= int(row["path"]) < 48} == {
        "shard set aside"
    }
    assert all(row["kept"] for row in rows if int(row["path"]) >= 48)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (chain(above=31), "above: 30 -> 31"),
        (chain(longer=61), "above: 60 -> 61"),
        (Longer("long", Longer("medium", Numbers("numbers", upto=50)), 60), "upto: 60 -> 50"),
    ],
)
def test_a_changed_setting_is_refused_with_its_difference(
    changed: Longer, words: str, tmp_path: Path
) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(chain(), ctx)
    before = contents(tmp_path)
    with pytest.raises(UserError, match=words) as error:
        run_recipe(changed, ctx)
    assert "--rebuild" in str(error.value)
    assert contents(tmp_path) == before


def test_a_stage_whose_input_changed_is_stale_too_and_says_so(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(chain(), ctx)
    now = read_state(chain(above=31), ctx)
    assert (now.status, now.detail) == ("stale", "its input medium changed")


def test_rebuild_makes_the_stage_and_all_that_follows_and_nothing_before(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(chain(), ctx)
    untouched = (tmp_path / "numbers" / "manifest.json").stat().st_mtime_ns
    run_recipe(chain(above=40), ctx, rebuild=["medium"])
    assert (tmp_path / "numbers" / "manifest.json").stat().st_mtime_ns == untouched
    assert read_state(chain(above=40), ctx).status == "done"


def test_every_record_leaves_kept_or_dropped_with_a_reason(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(chain(), ctx)
    rows = rows_of(ctx, chain())
    assert len(rows) == 60
    assert all(row["kept"] == (row["reason"] == "") for row in rows)
    facts = [ctx.run.read_manifest(stage) for stage in order_stages(chain())]
    assert [f["seen"] - f["kept"] for f in facts] == [sum(f["reasons"].values()) for f in facts]
    assert facts[2]["seen"] == facts[1]["kept"]


def test_where_a_stage_ran_is_no_part_of_what_it_is(tmp_path: Path) -> None:
    here, there = (
        RunContext(tmp_path / "a", 1, 1.0),
        RunContext(tmp_path / "b", 8, 64.0, {"device": "cuda"}),
    )
    assert compute_identity(chain(), here) == compute_identity(chain(), there)


@pytest.mark.parametrize("value", [print, Path("x"), {1, 2}, object()])
def test_a_setting_without_a_stable_form_is_refused(value: object, tmp_path: Path) -> None:
    odd = dataclasses.replace(chain(), above=value)
    with pytest.raises(UserError, match="no stable form"):
        run_recipe(odd, RunContext(tmp_path))


@dataclasses.dataclass(frozen=True)
class ReadsFile(Numbers):
    """Numbers whose output also depends on a file, which it may change while it works."""

    path: str = ""
    changes_file: bool = False
    n_digests: ClassVar[list[int]] = [0]

    def identity_inputs(self, ctx: RunContext) -> dict[str, str]:
        self.n_digests[0] += 1
        return {"file": Path(self.path).read_text()}

    def make_shard(self, ctx: RunContext, shard: str) -> pa.Table:
        if self.changes_file:
            Path(self.path).write_text("changed")
        return super().make_shard(ctx, shard)


def test_an_input_that_changes_during_the_work_is_refused_and_not_certified(tmp_path: Path) -> None:
    file = tmp_path / "input.txt"
    file.write_text("as it was read")
    ctx = RunContext(tmp_path / "run")
    with pytest.raises(UserError, match="changed while it was read .*--rebuild numbers"):
        run_recipe(ReadsFile("numbers", path=str(file), changes_file=True), ctx)
    assert not (tmp_path / "run" / "numbers" / "manifest.json").exists()
    # The shards on disk came from an input that is gone: a second try must not certify them either.
    with pytest.raises(UserError, match="file: .*as it was read.* -> .*changed.*--rebuild numbers"):
        run_recipe(ReadsFile("numbers", path=str(file)), ctx)
    run_recipe(ReadsFile("numbers", path=str(file)), ctx, rebuild=["numbers"])
    assert ctx.run.read_manifest("numbers")["identity"]["identity_inputs"] == {"file": "changed"}


def test_identity_inputs_are_computed_once_per_run_however_deep_the_graph(tmp_path: Path) -> None:
    (tmp_path / "input.txt").write_text("x")
    last: Numbers | Longer = ReadsFile("numbers", path=str(tmp_path / "input.txt"))
    for i in range(12):
        # Two inputs from the same stage at each level: without sharing, 2^12 visits.
        last = TwoInputs(f"level{i}", last, other=last)
    ReadsFile.n_digests[0] = 0
    plan_recipe(Recipe("deep", tmp_path / "deep.py", "", {}, last), RunContext(tmp_path / "run"))
    assert ReadsFile.n_digests[0] == 1


@dataclasses.dataclass(frozen=True)
class TwoInputs(Longer):
    """A filter with a second input."""

    other: Stage | None = None


def test_a_recipe_that_imports_a_module_that_moved_is_told_where_it_is(tmp_path: Path) -> None:
    for old, new in MOVED_MODULES.items():
        assert importlib.util.find_spec(new), new
        file = tmp_path / "own.py"
        file.write_text(f"import {old}\n")
        with pytest.raises(UserError, match=f"line 1.*it is now {new}"):
            load_recipe(str(file))


def test_a_run_of_another_version_is_refused_with_a_sentence(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(chain(), ctx)
    path = tmp_path / "medium" / "manifest.json"
    manifest = json.loads(path.read_text())
    # What manifests had before they had a version.
    manifest["parts"] = manifest.pop("shards")
    del manifest["version"]
    path.write_text(json.dumps(manifest))
    for read in (
        lambda: run_recipe(chain(), ctx),
        lambda: ctx.run.read_manifest("medium"),
        lambda: list(ctx.run.read_shards("medium")),
    ):
        with pytest.raises(UserError, match="another version of Hornbook .*another --out"):
            read()


def test_two_stages_of_one_name_are_refused() -> None:
    with pytest.raises(UserError, match="two different stages"):
        order_stages(Longer("numbers", Numbers("numbers")))


def test_a_second_process_on_the_same_folder_is_refused_and_told_who_is_there(
    tmp_path: Path,
) -> None:
    from hornbook.frame.run import _lock_run_folder

    with (
        _lock_run_folder(tmp_path),
        pytest.raises(UserError, match="process [0-9]+ is already running"),
        _lock_run_folder(tmp_path),
    ):
        pass
    with _lock_run_folder(tmp_path):
        pass


def test_a_folder_that_cannot_be_written_to_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written to .*another --out"):
        run_recipe(Numbers("numbers"), RunContext(tmp_path / "file" / "run"))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
        RuntimeError(
            "Error while serializing: I/O error: No space left on device (os error 28)"
        ),  # safetensors
    ],
)
def test_a_full_disk_ends_in_one_readable_error_and_leaves_nothing_half_written(
    error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: Path, target: Path) -> None:
        raise error

    monkeypatch.setattr(store.os, "replace", full)
    with pytest.raises(UserError, match="disk is full"):
        store.write_json(tmp_path / "facts.json", {})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("keep", [0, 4, 100, -8])
def test_a_damaged_part_is_named(keep: int, tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(chain(), ctx)
    path = ctx.run.shard_path("numbers", ctx.run.shard_names("numbers")[0])
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match=path.name):
        list(ctx.run.read_shards("numbers"))


@pytest.mark.parametrize("at", [0, 100, -1])
def test_one_changed_byte_of_any_output_is_found_and_named(at: int, tmp_path: Path) -> None:
    ctx = RunContext(tmp_path, shard_mb=0.3)
    run_recipe(chain(), ctx)
    assert find_damaged_files(ctx) == []
    path = ctx.run.shard_path("medium", ctx.run.shard_names("medium")[1])
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    assert [
        path.name in line and "--rebuild medium" in line for line in find_damaged_files(ctx)
    ] == [True]


def test_a_run_can_be_read_by_the_names_of_its_stages_alone(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    run_recipe(chain(), ctx)
    assert [t.to_pylist() for t in ctx.run.read_shards("long")] == [
        t.to_pylist() for t in ctx.run.read_shards(chain())
    ]
    assert next(ctx.run.read_kept_rows("long", ["id", "length"])).column_names == [
        "id",
        "length",
        "kept",
    ]


def test_a_difference_names_settings_in_words() -> None:
    old = {"settings": {"above": 0.5, "prompt": "a" * 100}, "inputs": {"data": "1"}, "version": 1}
    new = {"settings": {"above": 0.7, "prompt": "b" * 100}, "inputs": {"data": "2"}, "version": 1}
    lines = describe_difference(old, new)
    assert (
        lines[0] == "its input data changed"
        and lines[1] == "above: 0.5 -> 0.7"
        and "100 characters" in lines[2]
    )


def test_sampling_by_identity_is_even_and_does_not_know_positions() -> None:
    shares = [records.hash_fraction("sample", str(i)) for i in range(4000)]
    assert all(0 <= s < 1 for s in shares) and abs(sum(shares) / 4000 - 0.5) < 0.02
    assert (
        records.hash_fraction("sample", "7")
        == records.hash_fraction("sample", "7")
        != records.hash_fraction("other", "7")
    )


def test_equal_facts_are_equal_bytes(tmp_path: Path) -> None:
    store.write_json(tmp_path / "a", {"x": 1, "y": [1.5, "ü"]})
    store.write_json(tmp_path / "b", {"y": [1.5, "ü"], "x": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    assert json.loads((tmp_path / "a").read_text()) == store.read_json(tmp_path / "b")


def test_peek_shows_what_this_stage_dropped_and_not_what_an_earlier_one_had(tmp_path: Path) -> None:
    ctx = RunContext(tmp_path)
    first = Longer("long", Numbers("numbers", 60), 30)
    run_recipe(Longer("longer", first, 40), ctx)
    by_first, by_second = (
        {row["id"] for row in inspect_run.sample_records(ctx, name, 100, dropped=True)}
        for name in ("long", "longer")
    )
    assert by_first and by_second and not by_first & by_second
    assert len(by_second) == ctx.run.read_manifest("longer")["reasons"]["short"]
