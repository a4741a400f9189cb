"""The origin of a file in a source tree: its git checkout, remote, commit and stated licence.

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
LICENCE_FILES = (
    "LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "COPYING", "COPYING.txt",
    "LICENSE.rst", "UNLICENSE",
)  # fmt: skip
MAX_READ_BYTES = 200_000


@dataclass(frozen=True)
class Checkout:
    """What is known of the tree that a file stands in; empty where nothing is stated."""

    origin: str = ""
    licence: str = ""


def find_checkout(file: Path, root: Path) -> Checkout:
    """The nearest folder from a file up to `root` that is a checkout or has a licence file."""
    for folder in file.parents:
        if (folder / ".git").is_dir() or any((folder / name).is_file() for name in LICENCE_FILES):
            return _read_checkout(folder)
        if folder in (root, root.parent):
            break
    return Checkout()


@functools.lru_cache(maxsize=100_000)
def _read_checkout(folder: Path) -> Checkout:
    licence_texts = (_read_head(folder / name) for name in LICENCE_FILES)
    licence_text = next((text for text in licence_texts if text), "")
    if not (folder / ".git").is_dir():
        return Checkout("", licence.identify_licence(licence_text))
    repository = _read_remote(folder / ".git" / "config") or folder.name
    commit = _read_commit(folder / ".git")
    version = f"@{commit[:12]}" if commit else ""
    return Checkout(f"git:{repository}{version}", licence.identify_licence(licence_text))


def _read_head(path: Path) -> str:
    """A small regular file's text; empty for anything else."""
    try:
        if path.is_symlink() or not path.is_file():
            return ""
        with path.open("rb") as file:
            return file.read(MAX_READ_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _read_remote(config: Path) -> str:
    """host/owner/name of the remote "origin"; a user name or token in its address is left out."""
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(re.sub(r"(?m)^\s+", "", _read_head(config)))
        url = parser.get('remote "origin"', "url", fallback="")
    except configparser.Error:
        return ""
    match = re.fullmatch(r"(?:\w+://)?(?:[^@/]*@)?([\w.-]+)(?::\d+)?[:/]+(.+?)(?:\.git)?/?", url)
    return f"{match[1]}/{match[2]}" if match else ""


def _read_commit(git: Path) -> str:
    """The commit that HEAD names; empty where it cannot be read."""
    head_text = _read_head(git / "HEAD").strip()
    ref_name = head_text.removeprefix("ref: ")
    if ref_name == head_text:
        commit = head_text
    elif ".." in ref_name or os.path.isabs(ref_name):
        return ""
    else:
        packed_refs = dict(
            line.split(" ", 1)[::-1]
            for line in _read_head(git / "packed-refs").splitlines()
            if " " in line
        )
        commit = _read_head(git / ref_name).strip() or packed_refs.get(ref_name, "")
    return commit if re.fullmatch("[0-9a-f]{40,64}", commit) else ""
