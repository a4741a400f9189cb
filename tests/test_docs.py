"""The documents cannot drift: their examples run, and every command, stage and recipe is in them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAX_EXAMPLE_LINES = 60


def find_sections(text: str) -> dict[str, str]:
    """The sections `## Add a ...` of CONTRIBUTING.md by title."""
    sections = {}
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        title, _, body = section.partition("\n")
        if title.startswith("Add a"):
            sections[title] = body
    return sections


def read_blocks(section: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", section, flags=re.M | re.S)


def run_console_line(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one line of a console block, `hornbook` and `python` being those of this environment."""
    bin_folder = str(Path(sys.executable).parent)
    environment = {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "HORNBOOK_CACHE": str(folder / "cache"),
    }
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize("title", find_sections(CONTRIBUTING))
def test_the_examples_of_contributing_run_as_they_stand(title: str, tmp_path: Path) -> None:
    section = find_sections(CONTRIBUTING)[title]
    blocks = read_blocks(section, "python")
    assert blocks
    for block in blocks:
        name = re.match(r"# file: (\S+)\n", block)
        assert name, f"{title}: a Python block starts with `# file: NAME`"
        assert block.count("\n") <= MAX_EXAMPLE_LINES
        (tmp_path / name[1]).write_text(block, encoding="utf-8")
    for console in read_blocks(section, "console"):
        for line in console.splitlines():
            assert line.startswith("$ "), line
            result = run_console_line(line.removeprefix("$ "), tmp_path)
            assert result.returncode == 0, f"{line}\n{result.stdout}\n{result.stderr}"
            assert "Traceback" not in result.stderr
            assert shlex.split(line)
