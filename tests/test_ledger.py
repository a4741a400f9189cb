from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from hornbook.llm.ledger import AnswerLedger, LedgerEntry, LLMAnswer, Spending
from hornbook.records import UserError

COST = Spending(1, 10, 5, 0.25)


def make_entry(name: str, text: str = "text", **more: bool) -> LedgerEntry:
    return LedgerEntry(name.encode(), "m", LLMAnswer(text, 10, 5), COST, **more)


@pytest.mark.parametrize(
    "text", ["", "plain", "two\nlines\0and a nul", "\u00fc\u4e2d\U0001f600", "x" * 100_000]
)
def test_what_is_put_in_comes_out_in_another_process_too(tmp_path: Path, text: str) -> None:
    with AnswerLedger(tmp_path / "l") as ledger:
        ledger.put_entries([make_entry("a", text)])
    with AnswerLedger(tmp_path / "l") as again:
        assert again.get_answers([b"a", b"b"]) == {b"a": LLMAnswer(text, 10, 5)}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE answers SET text = CAST('tex!' AS BLOB)",
        "UPDATE answers SET facts = replace(facts, '10', '11')",
        "UPDATE answers SET checksum = NULL",
        "UPDATE answers SET facts = 'not json', text = x'ff'",
    ],
)
def test_a_damaged_entry_is_absent_and_can_be_put_again(tmp_path: Path, damage: str) -> None:
    with AnswerLedger(tmp_path / "l") as ledger:
        ledger.put_entries([make_entry("a")])
        other = sqlite3.connect(tmp_path / "l")
        with other:
            other.execute(damage)
        other.close()
        assert ledger.get_answers([b"a"]) == {}
        ledger.put_entries([make_entry("a", "again")])
        assert ledger.get_answers([b"a"])[b"a"].text == "again"


def test_the_first_whole_answer_stays_and_both_costs_count(tmp_path: Path) -> None:
    with AnswerLedger(tmp_path / "l") as one, AnswerLedger(tmp_path / "l") as two:
        assert one.put_entries([make_entry("a", "first")]) == {}
        assert two.put_entries([make_entry("a", "second"), make_entry("b")]) == {
            b"a": LLMAnswer("first", 10, 5)
        }
        assert (
            one.get_answers([b"a"]) == two.get_answers([b"a"]) == {b"a": LLMAnswer("first", 10, 5)}
        )
        assert one.spending_by_model() == {"m": COST + COST + COST}


def test_an_answer_that_is_not_lasting_costs_and_is_not_given_again(tmp_path: Path) -> None:
    with AnswerLedger(tmp_path / "l") as ledger:
        ledger.put_entries([make_entry("a", is_final=False)])
        assert ledger.get_answers([b"a"]) == {}
        assert ledger.spending_by_model() == {"m": COST}


def test_writers_in_several_connections_lose_nothing(tmp_path: Path) -> None:
    def write(who: int) -> None:
        with AnswerLedger(tmp_path / "l") as ledger:
            for i in range(40):
                ledger.put_entries([make_entry(f"{who}-{i}")])

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with AnswerLedger(tmp_path / "l") as ledger:
        keys = [f"{who}-{i}".encode() for who in range(4) for i in range(40)]
        assert len(ledger.get_answers(keys)) == ledger.spending_by_model()["m"].requests == 160


def test_money_set_aside_counts_until_the_answer_or_its_release(tmp_path: Path) -> None:
    with AnswerLedger(tmp_path / "l") as one, AnswerLedger(tmp_path / "l") as two:
        assert one.reserve_money(b"a", 0.5, budget=1.0)
        assert not two.reserve_money(b"b", 0.6, budget=1.0)
        assert one.reserve_money(b"a", 1.0, budget=1.0)  # its own place again
        one.put_entries([make_entry("a")])  # it cost 0.25
        assert two.reserve_money(b"b", 0.7, budget=1.0)
        two.release_money(b"b")
        assert one.reserve_money(b"c", 0.75, budget=1.0)


def test_a_file_that_is_no_ledger_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(b"this is not a database, and long enough to be looked at" * 20)
    with (
        pytest.raises(UserError, match=r"is damaged.*remove it to ask again"),
        AnswerLedger(tmp_path / "l"),
    ):
        pass
