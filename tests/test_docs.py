"""The documents cannot drift: their examples run, and every command, stage and recipe is in them."""

from __future__ import annotations

import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hornbook.cli import MODULE_BY_COMMAND
from hornbook.frame.recipe import list_shipped_recipes
from hornbook.frame.stage import Stage

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


DOCS = "\n".join(
    path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    if path.name != "log.md"
)


def list_stage_names() -> list[str]:
    """The public Stage classes: those that a stage package exports."""
    names = []
    for package in ("collect", "curate", "generate", "scrub", "train", "verify", "writeup"):
        module = importlib.import_module(f"hornbook.{package}")
        exported = [getattr(module, name) for name in module.__all__]
        names += [
            item.__name__ for item in exported if isinstance(item, type) and issubclass(item, Stage)
        ]
    return names


@pytest.mark.parametrize("command", MODULE_BY_COMMAND)
def test_every_command_is_in_the_docs(command: str) -> None:
    assert f"hornbook {command}" in DOCS


@pytest.mark.parametrize("stage_name", list_stage_names())
def test_every_public_stage_is_in_the_docs(stage_name: str) -> None:
    assert re.search(rf"\b{stage_name}\b", DOCS)


@pytest.mark.parametrize("recipe_name", list_shipped_recipes())
def test_every_recipe_is_in_the_docs(recipe_name: str) -> None:
    assert re.search(rf"\b(run|plan) {recipe_name}\b|recipes/{recipe_name}\.py", DOCS)


def read_tutorial_blocks() -> dict[str, str]:
    """The tutorial's console blocks: the output by its command."""
    tutorial = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    return dict(re.findall(r"^```\n\$ ([^\n]+)\n(.*?)^```$", tutorial, flags=re.M | re.S))


def test_the_tutorials_outputs_that_do_not_depend_on_speed_are_what_is_printed(
    tmp_path: Path,
) -> None:
    blocks = read_tutorial_blocks()
    for command in ("hornbook new mine.py", "hornbook plan mine.py stepz=3"):
        result = run_console_line(command, tmp_path)
        printed = result.stdout + result.stderr
        assert printed.strip() == blocks[command].strip(), command
