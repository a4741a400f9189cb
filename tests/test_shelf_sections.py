"""The seed shelf's sections: their heads, blocks that run, and the output that they show."""

from __future__ import annotations

import contextlib
import io

import pytest

from hornbook.seed.sections import FORMATS, SeedSection, read_sections

SHELF = list(read_sections())


def test_there_are_sixty_sections_with_titles_of_their_own():
    assert len(SHELF) >= 60
    assert len({section.title for section in SHELF}) == len(SHELF)
    assert {section.format for section in SHELF} == set(FORMATS)


@pytest.mark.parametrize("section", SHELF, ids=lambda section: section.path)
def test_the_blocks_run_in_order_and_print_what_is_shown(section: SeedSection):
    namespace: dict[str, object] = {"__name__": "__main__"}
    assert len(section.blocks) >= 3
    for block in section.blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block.code, section.path, "exec"), namespace)  # noqa: S102
        if block.expected_output is not None:
            assert out.getvalue() == block.expected_output


@pytest.mark.parametrize("section", SHELF, ids=lambda section: section.path)
def test_prose_and_code_are_both_there(section: SeedSection):
    code = sum(len(block.code.split()) for block in section.blocks)
    assert len(section.text.split()) - code >= 150
    assert section.text.startswith(f"# {section.title}\n")
