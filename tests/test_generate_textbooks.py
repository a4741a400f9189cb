"""Textbooks: outlines give each section its place, code becomes lessons, every form comes, what fails says why."""

from __future__ import annotations

import pytest

from hornbook.collect import CollectFiles
from hornbook.frame.run import run_recipe
from hornbook.frame.stage import RunContext
from hornbook.generate import Textbooks, prompts
from hornbook.generate.constraints import sample_constraints
from hornbook.generate.textbooks import SECTIONS_PER_CHAPTER, parse_titles
from hornbook.llm import LLM, named

LESSON = (
    "# Slices\n\n"
    + "A slice takes a part of a list. " * 8
    + "\n\n```python\nx = [1, 2, 3]\n```\n\n"
)
LESSON += "The next block goes on from it.\n\n```python\nassert x[1:] == [2, 3]\n```\n"


@pytest.fixture
def asked(monkeypatch):
    """The requests that were made of any teacher."""
    from hornbook.generate import textbooks

    seen, original = [], textbooks.llm.complete_prompts

    def complete(llm, prompts, *rest, **more):
        seen.extend(prompts)
        return original(llm, prompts, *rest, **more)

    monkeypatch.setattr(textbooks.llm, "complete_prompts", complete)
    return seen


def test_blocks_run_in_order_and_what_fails_says_why(tmp_path):
    bad = LESSON.replace("x = [1", "y = [1")
    rows = (
        Textbooks("books", LLM("m", "scripted", answers=(LESSON, bad)), 8)
        .make_shard(RunContext(tmp_path), "00000")
        .to_pylist()
    )
    assert {row["reason"].partition(":")[0] for row in rows} == {"", "its code ends with error"}
    assert all(row["blocks"] == 2 and row["form"] in prompts.FORMS for row in rows)


def test_with_an_outline_each_section_knows_its_chapter_and_what_came_before(tmp_path, asked):
    plan = "\n".join(f"{n}. Title {n}" for n in range(1, SECTIONS_PER_CHAPTER + 1))
    teacher = LLM("m", "scripted", answers=(plan,))
    rows = (
        Textbooks("books", teacher, 2 * SECTIONS_PER_CHAPTER, outline=True)
        .make_shard(RunContext(tmp_path), "00000")
        .to_pylist()
    )
    chapters = [
        each.topic.partition(" / ")[0]
        for each in sample_constraints(2 * SECTIONS_PER_CHAPTER)[::SECTIONS_PER_CHAPTER]
    ]
    assert [(row["chapter"], row["section"]) for row in rows] == [
        (chapter, at + 1) for chapter in chapters for at in range(SECTIONS_PER_CHAPTER)
    ]
    assert sum("Plan one chapter" in each for each in asked) == 2
    third = asked[2 + 2]
    assert 'called "Title 3"' in third and "Before it came: Title 1; Title 2." in third


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("1. A\n2. B", ("A", "B")),
        ("- A\n- A\n* B", ("A", "B")),
        ("Here:\n 1) **A**", ("A",)),
        ("no list", ()),
    ],
)
def test_titles_are_read_and_the_topic_tree_fills_what_is_missing(text, first):
    found = parse_titles(text, "Lists")
    assert found[: len(first)] == first and len(set(found)) == SECTIONS_PER_CHAPTER
    assert found[len(first)] == "slicing with a step"


def test_a_curated_file_is_made_a_lesson(tmp_path, asked):
    source = tmp_path / "src"
    source.mkdir()
    (source / "a.py").write_text("\n".join(f"value_{n} = {n} + {n}" for n in range(90)))
    stack = CollectFiles("stack", str(source), licences=())
    run_recipe(
        Textbooks("books", named("scripted"), 2, rephrase=stack), RunContext(tmp_path / "run")
    )
    assert len(asked) == 2 and all(
        "Teach what this code does" in each and "value_" in each for each in asked
    )


def test_every_form_comes_and_a_weak_teachers_answer_is_begun():
    assert {prompts.choose_form(each) for each in sample_constraints(60)} == set(prompts.FORMS)
    begun = Textbooks("books", LLM(), 1)._build_prompt(sample_constraints(1)[0], None, "")
    assert begun.begins.startswith("# ") and begun.begins.endswith("\n\n")


def test_of_several_answers_the_first_that_holds_is_taken(tmp_path):
    bad = LESSON.replace("x = [1", "y = [1")
    teacher = LLM("m", "scripted", answers=(bad, bad, LESSON, bad))
    rows = (
        Textbooks("books", teacher, 8, answers=4)
        .make_shard(RunContext(tmp_path), "00000")
        .to_pylist()
    )
    assert len(rows) == 8 and all(row["kept"] for row in rows)
    again = (
        Textbooks("books", teacher, 8, answers=1)
        .make_shard(RunContext(tmp_path / "b"), "00000")
        .to_pylist()
    )
    assert not all(row["kept"] for row in again)
