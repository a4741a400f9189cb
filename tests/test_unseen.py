"""What a recipe's models may have seen of their exams is read off the graph, refused, or allowed and printed."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_scrub_stage import GivenTexts, HeldOutExam

from hornbook.curate import DropDuplicates
from hornbook.frame import leak_check, recipe
from hornbook.frame.stage import Stage
from hornbook.records import UserError
from hornbook.scrub import Scrub
from hornbook.train import Pack, Train, TrainTokenizer
from hornbook.verify import Examine

DATA = GivenTexts("data", ("x = 1\n",))


def train_and_examine(data: Stage, exam: str | Stage = "humaneval", **pack: bool) -> Stage:
    packed = Pack("pack", (data,), TrainTokenizer("words", (data,)), **pack)
    return Examine("exam", Train("final", packed, start=Train("base", packed), shape="tiny"), exam)


@pytest.mark.parametrize(
    ("scrubbed", "examined"),
    [
        (("humaneval",), "humaneval"),
        (("mbpp:a.jsonl", "humaneval"), "humaneval"),
        (("humaneval",), "humaneval+"),
        (("humaneval", HeldOutExam("held")), HeldOutExam("held")),
    ],
)
def test_an_exam_that_was_scrubbed_against_may_be_sat(
    scrubbed: tuple[str | Stage, ...], examined: str | Stage
) -> None:
    assert (
        leak_check.find_possible_leaks(train_and_examine(Scrub("clean", DATA, scrubbed), examined))
        == []
    )


def test_marks_over_a_scrub_are_scrubbed_and_so_is_a_scrub_over_marks() -> None:
    assert (
        leak_check.find_possible_leaks(
            train_and_examine(DropDuplicates("unique", Scrub("clean", DATA)))
        )
        == []
    )
    assert (
        leak_check.find_possible_leaks(
            train_and_examine(Scrub("clean", DropDuplicates("unique", DATA)))
        )
        == []
    )


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (
            train_and_examine(DATA),
            "pack packs data, which no Scrub has looked at: put a Scrub before it",
        ),
        (train_and_examine(DropDuplicates("unique", DATA)), "pack packs unique, which no Scrub"),
        (
            train_and_examine(Scrub("clean", DATA), "unconventional"),
            "not scrubbed against unconventional.*add 'unconventional'",
        ),
        (train_and_examine(Scrub("clean", DATA), HeldOutExam("held")), "not scrubbed against held"),
        (Pack("pack", (DATA,), TrainTokenizer("words", (DATA,))), "no Scrub has looked"),
    ],
)
def test_what_may_have_been_seen_is_refused_with_the_way_out(last: Stage, says: str) -> None:
    with pytest.raises(UserError, match=says):
        leak_check.refuse_leaks(last)


ALLOWED = (
    train_and_examine(DATA, unscrubbed=True),
    train_and_examine(Scrub("c", DATA), "unconventional", unscrubbed=True),
)


@pytest.mark.parametrize("last", ALLOWED)
def test_it_is_allowed_in_so_many_words_and_still_found(last: Stage) -> None:
    leak_check.refuse_leaks(last)
    assert [seen.allowed for seen in leak_check.find_possible_leaks(last)] == [True]


def test_a_recipe_that_trains_on_unscrubbed_data_does_not_load(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from hornbook.generate import ShelfSections\nfrom hornbook.train import Pack, TrainTokenizer\ndef recipe():\n"
        "    data = ShelfSections('data')\n    return Pack('pack', (data,), TrainTokenizer('words', (data,)))\n"
    )
    with pytest.raises(UserError, match="unscrubbed=True"):
        recipe.load_recipe(str(tmp_path / "mine.py"))
