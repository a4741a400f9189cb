from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from hornbook.llm.ledger import Answer, Entry, Ledger, Spent
from hornbook.records import UserError

COST = Spent(1, 10, 5, 0.25)


def entry(name: str, text: str = "text", **more: bool) -> Entry:
    return Entry(name.encode(), "m", Answer(text, 10, 5), COST, **more)


@pytest.mark.parametrize(
    "text", ["", "plain", "two\nlines\0and a nul", "\u00fc\u4e2d\U0001f600", "x" * 100_000]
)
def test_what_is_put_in_comes_out_in_another_process_too(tmp_path: Path, text: str) -> None:
    with Ledger(tmp_path / "l") as ledger:
        ledger.put([entry("a", text)])
    with Ledger(tmp_path / "l") as again:
        assert again.get([b"a", b"b"]) == {b"a": Answer(text, 10, 5)}


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
    with Ledger(tmp_path / "l") as ledger:
        ledger.put([entry("a")])
        other = sqlite3.connect(tmp_path / "l")
        with other:
            other.execute(damage)
        other.close()
        assert ledger.get([b"a"]) == {}
        ledger.put([entry("a", "again")])
        assert ledger.get([b"a"])[b"a"].text == "again"


def test_the_first_whole_answer_stays_and_both_costs_count(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l") as one, Ledger(tmp_path / "l") as two:
        assert one.put([entry("a", "first")]) == {}
        assert two.put([entry("a", "second"), entry("b")]) == {b"a": Answer("first", 10, 5)}
        assert one.get([b"a"]) == two.get([b"a"]) == {b"a": Answer("first", 10, 5)}
        assert one.spent() == {"m": COST + COST + COST}


def test_an_answer_that_is_not_lasting_costs_and_is_not_given_again(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l") as ledger:
        ledger.put([entry("a", lasting=False)])
        assert ledger.get([b"a"]) == {}
        assert ledger.spent() == {"m": COST}


def test_writers_in_several_connections_lose_nothing(tmp_path: Path) -> None:
    def write(who: int) -> None:
        with Ledger(tmp_path / "l") as ledger:
            for number in range(40):
                ledger.put([entry(f"{who}-{number}")])

    threads = [threading.Thread(target=write, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Ledger(tmp_path / "l") as ledger:
        keys = [f"{who}-{number}".encode() for who in range(4) for number in range(40)]
        assert len(ledger.get(keys)) == ledger.spent()["m"].requests == 160


def test_money_set_aside_counts_until_the_answer_or_its_release(tmp_path: Path) -> None:
    with Ledger(tmp_path / "l") as one, Ledger(tmp_path / "l") as two:
        assert one.reserve(b"a", 0.5, budget=1.0)
        assert not two.reserve(b"b", 0.6, budget=1.0)
        assert one.reserve(b"a", 1.0, budget=1.0)  # its own place again
        one.put([entry("a")])  # it cost 0.25
        assert two.reserve(b"b", 0.7, budget=1.0)
        two.release(b"b")
        assert one.reserve(b"c", 0.75, budget=1.0)


def test_a_file_that_is_no_ledger_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "l").write_bytes(b"this is not a database, and long enough to be looked at" * 20)
    with (
        pytest.raises(UserError, match=r"is damaged.*remove it to ask again"),
        Ledger(tmp_path / "l"),
    ):
        pass
