"""Whose a file of a source tree is: the git checkout around it, its remote and commit, and the licence it states.

In: the root of a tree. Out: for a path, an origin such as git:github.com/owner/name@0a1b2c3d4e5f,
and an SPDX name. Read from files alone (.git/HEAD, packed-refs, config, LICENSE): git itself is
never run, so that nothing a stranger wrote into a repository's configuration is executed. A folder
of many checkouts is told apart, each by its own. Not covered: notices inside single files, licences
of subfolders, worktrees and submodules whose .git is a file.
"""

from __future__ import annotations

import configparser
import functools
import os
import re
from dataclasses import dataclass
from pathlib import Path

from hornbook.collect import licence

# Names by which repositories call the file, in the order in which they are looked at.
LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "COPYING", "COPYING.txt", "LICENSE.rst",
            "UNLICENSE")  # fmt: skip
MOST_BYTES = 200_000


@dataclass(frozen=True)
class Checkout:
    """What is known of the tree that a file stands in; empty where nothing is stated."""

    origin: str = ""
    licence: str = ""


def checkout_of(file: Path, root: Path) -> Checkout:
    """The nearest folder at or above a file, not above `root`, that is a checkout or has a licence file."""
    for folder in file.parents:
        if (folder / ".git").is_dir() or any((folder / name).is_file() for name in LICENCES):
            return _read(folder)
        if folder in (root, root.parent):
            break
    return Checkout()


@functools.lru_cache(maxsize=100_000)
def _read(folder: Path) -> Checkout:
    stated = next((text for name in LICENCES if (text := _head(folder / name))), "")
    if not (folder / ".git").is_dir():
        return Checkout("", licence.of_text(stated))
    where = _remote(folder / ".git" / "config") or folder.name
    commit = _commit(folder / ".git")
    return Checkout(f"git:{where}{f'@{commit[:12]}' if commit else ''}", licence.of_text(stated))


def _head(path: Path) -> str:
    """A small regular file's text; empty for anything else."""
    try:
        if path.is_symlink() or not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _remote(config: Path) -> str:
    """host/owner/name of the remote "origin"; a user name or token in its address is left out."""
    reader = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        reader.read_string(re.sub(r"(?m)^\s+", "", _head(config)))
        url = reader.get('remote "origin"', "url", fallback="")
    except configparser.Error:
        return ""
    found = re.fullmatch(r"(?:\w+://)?(?:[^@/]*@)?([\w.-]+)(?::\d+)?[:/]+(.+?)(?:\.git)?/?", url)
    return f"{found[1]}/{found[2]}" if found else ""


def _commit(git: Path) -> str:
    """The commit that HEAD names; empty where it cannot be read."""
    head = _head(git / "HEAD").strip()
    name = head.removeprefix("ref: ")
    if name == head:
        found = head
    elif ".." in name or os.path.isabs(name):
        return ""
    else:
        packed = dict(
            line.split(" ", 1)[::-1]
            for line in _head(git / "packed-refs").splitlines()
            if " " in line
        )
        found = _head(git / name).strip() or packed.get(name, "")
    return found if re.fullmatch("[0-9a-f]{40,64}", found) else ""
