from pathlib import Path

from hornbook.frame.stage import RunContext
from hornbook.llm import LLM
from hornbook.llm.ask_until_parsed import ask_until_parsed


def parse_number(reply: str) -> int | None:
    return int(reply) if reply.isdigit() else None


def test_a_malformed_reply_is_asked_for_again(tmp_path: Path) -> None:
    llm = LLM("m", "scripted", answers=("none", "0"))
    replies = ask_until_parsed(llm, ["a", "b", "c"], parse_number, 2, RunContext(tmp_path))
    assert replies == [(0, "0")] * 3


def test_after_the_last_try_the_value_is_missing(tmp_path: Path) -> None:
    llm = LLM("m", "scripted", answers=("none", "nor this"))
    replies = ask_until_parsed(llm, ["a", "b"], parse_number, 3, RunContext(tmp_path))
    assert [value for value, _ in replies] == [None, None]
