"""The seed shelf's textbook sections, hand-written in Markdown.

In: the files of `sections/`, each with a title, a topic, a format, and prose between code blocks.
Out: `SeedSection` records in the order of the files' numbers: textbook pages that need no model.

Not covered: running the blocks. They run in order in one namespace, and a ```text block right after
a ```python block is its expected output; tests/test_shelf_sections.py checks both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parent / "sections"
FORMATS = ("tutorial", "worked example", "FAQ", "commented walk-through", "debugging story")

_HEAD_PATTERN = re.compile(
    r"# (?P<title>.+)\ntopic: (?P<topic>.+)\nformat: (?P<format>.+)\n\n(?P<body>(?s:.+))\Z"
)
_BLOCK_PATTERN = re.compile(
    r"^```python\n(.*?)^```\n(?:\n?^```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE
)


@dataclass(frozen=True)
class LessonBlock:
    """One code block, and its output if the section shows it."""

    code: str
    expected_output: str | None


@dataclass(frozen=True)
class SeedSection:
    """One section. `text` is what a model reads: title and body, without the head lines."""

    title: str
    topic: str  # a leaf of the topic tree (vocabulary/topics.txt), "Branch / leaf", or a branch
    format: str  # one of FORMATS
    text: str
    blocks: tuple[LessonBlock, ...]  # in order; later ones use the names of earlier ones
    path: str  # the file's name


def read_sections() -> Iterator[SeedSection]:
    """All sections of the shelf, in the order of the files' numbers."""
    for path in sorted(FOLDER.glob("*.md")):
        yield parse_section(path.read_text(encoding="utf-8"), path.name)


def parse_section(source: str, path: str) -> SeedSection:
    """One file as a record.

    Raises:
        AssertionError: the head is malformed; the message has the file's name.
    """
    head = _HEAD_PATTERN.match(source)
    assert head, (
        f"{path} does not start with '# title', 'topic: ...', 'format: ...' and an empty line"
    )
    return SeedSection(
        title=head["title"],
        topic=head["topic"],
        format=head["format"],
        text=f"# {head['title']}\n\n{head['body']}",
        blocks=tuple(
            LessonBlock(code, output or None)
            for code, output in _BLOCK_PATTERN.findall(head["body"])
        ),
        path=path,
    )
