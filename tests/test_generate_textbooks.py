"""The stage Textbooks: outlines, sections about code, forms, and rejection reasons."""

from __future__ import annotations

import itertools

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
def sent_prompts(monkeypatch):
    """The prompts that were sent to any teacher."""
    from hornbook.generate import textbooks

    sent, original = [], textbooks.llm.complete_prompts

    def complete(llm, prompts, *rest, **more):
        sent.extend(prompts)
        return original(llm, prompts, *rest, **more)

    monkeypatch.setattr(textbooks.llm, "complete_prompts", complete)
    return sent


def test_blocks_run_in_order_and_a_failure_is_the_reason(tmp_path):
    bad = LESSON.replace("x = [1", "y = [1")
    rows = (
        Textbooks("books", LLM("m", "scripted", answers=(LESSON, bad)), 8)
        .make_shard(RunContext(tmp_path), "00000")
        .to_pylist()
    )
    assert {row["reason"].partition(":")[0] for row in rows} == {"", "its code ends with error"}
    assert all(row["blocks"] == 2 and row["form"] in prompts.FORMS for row in rows)


def test_with_an_outline_a_prompt_has_the_chapter_and_the_earlier_titles(tmp_path, sent_prompts):
    plan = "\n".join(f"{n}. Title {n}" for n in range(1, SECTIONS_PER_CHAPTER + 1))
    teacher = LLM("m", "scripted", answers=(plan,))
    rows = (
        Textbooks("books", teacher, 2 * SECTIONS_PER_CHAPTER, outline=True)
        .make_shard(RunContext(tmp_path), "00000")
        .to_pylist()
    )
    chapters = [
        constraint.topic.partition(" / ")[0]
        for constraint in sample_constraints(2 * SECTIONS_PER_CHAPTER)[::SECTIONS_PER_CHAPTER]
    ]
    assert [(row["chapter"], row["section"]) for row in rows] == list(
        itertools.product(chapters, range(1, SECTIONS_PER_CHAPTER + 1))
    )
    assert sum("Plan one chapter" in prompt for prompt in sent_prompts) == 2
    third = sent_prompts[2 + 2]
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
def test_titles_are_parsed_and_missing_ones_come_from_the_topic_tree(text, first):
    titles = parse_titles(text, "Lists")
    assert titles[: len(first)] == first and len(set(titles)) == SECTIONS_PER_CHAPTER
    assert titles[len(first)] == "slicing with a step"


def test_a_section_explains_a_file_of_code(tmp_path, sent_prompts):
    source = tmp_path / "src"
    source.mkdir()
    (source / "a.py").write_text("\n".join(f"value_{n} = {n} + {n}" for n in range(90)))
    stack = CollectFiles("stack", str(source), licences=())
    run_recipe(
        Textbooks("books", named("scripted"), 2, rephrase=stack), RunContext(tmp_path / "run")
    )
    assert len(sent_prompts) == 2
    for prompt in sent_prompts:
        assert "Teach what this code does" in prompt and "value_" in prompt


def test_all_forms_come_and_a_weak_teachers_answer_starts_with_a_title():
    forms = {prompts.choose_form(constraint) for constraint in sample_constraints(60)}
    assert forms == set(prompts.FORMS)
    prompt = Textbooks("books", LLM(), 1)._build_prompt(sample_constraints(1)[0], None, "")
    assert prompt.begins.startswith("# ") and prompt.begins.endswith("\n\n")


def test_the_first_accepted_of_several_answers_is_kept(tmp_path):
    bad = LESSON.replace("x = [1", "y = [1")
    teacher = LLM("m", "scripted", answers=(bad, bad, LESSON, bad))
    rows = (
        Textbooks("books", teacher, 8, answers=4)
        .make_shard(RunContext(tmp_path), "00000")
        .to_pylist()
    )
    assert len(rows) == 8 and all(row["kept"] for row in rows)
    rows_of_one_answer = (
        Textbooks("books", teacher, 8, answers=1)
        .make_shard(RunContext(tmp_path / "b"), "00000")
        .to_pylist()
    )
    assert not all(row["kept"] for row in rows_of_one_answer)
