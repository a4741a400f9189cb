"""Every example in the help of a command runs, in smoke form: offline, with tiny sizes.

In: the lines after `Example:` in the help texts. The examples of all commands are one session in
one folder, so they run in the order of the help, and each may read what an earlier one wrote.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from hornbook import exams
from hornbook.cli import MODULE_BY_COMMAND, main

# The smoke form of an example: what would take minutes, or needs the network, gets smaller. Each
# pattern has to occur in an example.
SMOKE_FORMS = {
    r"^new mine.py": "new mine.py",
    r"^run pocket$": "run pocket --smoke --out runs/pocket --workers 1",
    # The smoke dials already have 12 steps: the run resumes a copy of runs/pocket.
    r"^run pocket steps=200": "run pocket --smoke --workers 1 steps=12",
    r"^run taste$": "run taste --smoke --out runs/taste --workers 1",
    r"--exam humaneval": "--exam unconventional",
    r"--embedder smollm2": "--embedder hashed",
}
# What the examples expect beside the runs.
FILES = {
    "answer.py": "def add(a, b):\n    return a + b\n",
    "test_answer.py": "assert add(1, 2) == 3\n",
    "start.py": "def add(a, b):\n",
    "pieces.jsonl": json.dumps({"content": "def add(a, b):\n    return a + b\n"}) + "\n",
    "exercises.jsonl": json.dumps({"text": "def add(a, b):\n    return a + b\n"}) + "\n",
    "src/module.py": "def add(a, b):\n    return a + b\n",
    "mbpp.jsonl": json.dumps(
        {
            "task_id": 1,
            "text": "Write a function to add two numbers.",
            "code": "def add(a, b):\n    return a + b\n",
            "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
            "test_setup_code": "",
            "challenge_test_list": [],
        }
    )
    + "\n",
}


def find_examples() -> list[str]:
    """The command lines of all examples without `hornbook`, in the order of the help."""
    examples = []
    for name in MODULE_BY_COMMAND:
        # Wide, so that no example is folded.
        text = CliRunner().invoke(main, [name, "--help"], max_content_width=200).output
        for line in text.partition("Example:")[2].splitlines():
            # The first line that is no command ends the block.
            if not line.strip().startswith("hornbook "):
                break
            examples.append(line.strip().removeprefix("hornbook "))
    return examples


def make_smoke_form(example: str) -> str:
    for pattern, replacement in SMOKE_FORMS.items():
        example = re.sub(pattern, replacement, example)
    return example


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("examples")
    for name, text in FILES.items():
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(text)
    task_ids = [problem.task_id for problem in exams.load_exam("unconventional")]
    samples = [{"task_id": task_id, "completion": "    pass\n"} for task_id in task_ids[:3]]
    results = [{"task_id": task_id, "passed": True} for task_id in task_ids]
    for name, rows in (("samples.jsonl", samples), ("results.jsonl", results)):
        (path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run_example(example: str, folder: Path) -> None:
    command, _, stdin_file = make_smoke_form(example).partition(" < ")
    stdin = (folder / stdin_file).read_text() if stdin_file else None
    # `label` reads keys: q stops.
    keys = "q" if command.startswith("label ") else None
    result = CliRunner().invoke(main, shlex.split(command), input=stdin or keys)
    assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception!r}"
    if command.startswith("run pocket"):
        shutil.copytree(folder / "runs/pocket", folder / "runs/short", dirs_exist_ok=True)


def test_every_example_of_the_help_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    examples = find_examples()
    assert len(examples) > 20
    for example in examples:
        run_example(example, folder)


def test_each_smoke_form_is_needed() -> None:
    examples = find_examples()
    assert [
        pattern
        for pattern in SMOKE_FORMS
        if not any(re.search(pattern, example) for example in examples)
    ] == []
