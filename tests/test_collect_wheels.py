"""Collecting wheels: a wheel made in the test, where a fetched one would be; and hostile archives."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from conftest import rows_of

from hornbook import wheels
from hornbook.collect import CollectWheels
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.records import UserError, document_id

METADATA = "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\nLicense: MIT License\n"


def make_wheel(members: dict[str, bytes], name: str = "tiny", version: str = "1.0") -> Path:
    folder = wheels.cache_folder() / "wheels" / f"{name}-{version}"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(
        folder / f"{name}-{version}-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED
    ) as archive:
        for path, data in {
            f"{name}-{version}.dist-info/METADATA": METADATA.encode(),
            **members,
        }.items():
            archive.writestr(path, data)
    return folder


def test_a_wheel_becomes_pieces_with_origin_path_lines_and_licence(tmp_path: Path) -> None:
    make_wheel(
        {"tiny/a.py": b"def f():\n    return 1\n", "tiny/data.bin": b"\0", "tiny/b.py": b"\0"}
    )
    stage, ctx = CollectWheels("stack", (("tiny", "1.0"),)), RunContext(tmp_path / "run")
    run_recipe(stage, ctx)
    first, second = rows_of(ctx, stage)
    assert first == {
        "id": document_id("def f():\n    return 1"), "text": "def f():\n    return 1", "kind": "code",
        "origin": "pypi:tiny==1.0", "path": "tiny/a.py", "start": 1, "end": 2, "licence": "MIT",
        "kept": True, "reason": "", "masked": "",
    }  # fmt: skip
    assert (second["path"], second["kept"], second["reason"]) == (
        "tiny/b.py",
        False,
        "binary: has null bytes",
    )


def test_names_in_every_script_are_kept(tmp_path: Path) -> None:
    names = [
        "tiny/\u6a21\u578b.py",
        "tiny/\u043c\u043e\u0434\u0443\u043b\u044c.py",
        "tiny/\U0001d6fc.py",
        "tiny/a b'c.py",
    ]
    make_wheel(dict.fromkeys(names, b"x = 1\n"))
    stage, ctx = CollectWheels("stack", (("tiny", "1.0"),)), RunContext(tmp_path / "run")
    run_recipe(stage, ctx)
    assert {row["path"] for row in rows_of(ctx, stage)} == set(names)


def test_a_member_that_claims_to_be_small_and_is_not_is_dropped(tmp_path: Path) -> None:
    make_wheel({"tiny/bomb.py": b"#" * 30_000_000, "tiny/a.py": b"x = 1\n"})
    stage, ctx = CollectWheels("stack", (("tiny", "1.0"),)), RunContext(tmp_path / "run")
    run_recipe(stage, ctx)
    assert {row["path"]: row["reason"] for row in rows_of(ctx, stage)} == {
        "tiny/a.py": "",
        "tiny/bomb.py": "oversized: above 1,000,000 bytes",
    }


@pytest.mark.parametrize("path", ["../outside.py", "/etc/outside.py", "a\\..\\b.py", "C:/x.py"])
def test_a_wheel_whose_members_leave_it_is_refused(path: str, tmp_path: Path) -> None:
    make_wheel({path: b"x = 1\n"})
    with pytest.raises(UserError, match="leaves the archive"):
        run_recipe(CollectWheels("stack", (("tiny", "1.0"),)), RunContext(tmp_path / "run"))


def test_what_is_no_wheel_is_refused_with_its_name(tmp_path: Path) -> None:
    folder = make_wheel({})
    (folder / "tiny-1.0-py3-none-any.whl").write_bytes(b"not a zip")
    with pytest.raises(UserError, match="tiny-1.0-py3-none-any.whl is not a wheel"):
        run_recipe(CollectWheels("stack", (("tiny", "1.0"),)), RunContext(tmp_path / "run"))


def test_a_wheel_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="twice: tiny==1.0"):
        run_recipe(
            CollectWheels("stack", (("tiny", "1.0"), ("tiny", "1.0"))), RunContext(tmp_path / "run")
        )
