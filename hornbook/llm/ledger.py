"""The ledger: every answer is on disk before it is used, so that none is ever paid for twice.

In: answers under the keys of their requests. Out: the same answers, in any later run of any process
on this machine, and what they cost, by model. SQLite in WAL mode with synchronous=FULL: an answer
survives a power cut, not only a kill; a commit takes 0.4 ms on the disk measured, and writers
commit many answers at once. Each entry carries a checksum: a damaged one is never handed out but
asked for again. Not covered: network filesystems, where SQLite's WAL does not work; prompts, which
are only in the keys.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import orjson

from hornbook.records import UserError

BUSY_TIMEOUT_S = 60  # how long one process waits while another one commits
KEYS_PER_QUERY = 500  # keys a query; SQLite takes 999 parameters in old builds

CREATE_TABLES = """
CREATE TABLE IF NOT EXISTS answers
    (key BLOB PRIMARY KEY, facts TEXT NOT NULL, text BLOB NOT NULL, checksum BLOB);
CREATE TABLE IF NOT EXISTS spent
    (model TEXT PRIMARY KEY, requests INT, tokens_in INT, tokens_out INT, money REAL);
CREATE TABLE IF NOT EXISTS reserved (key BLOB PRIMARY KEY, money REAL NOT NULL);
"""


@dataclass(frozen=True)
class LLMAnswer:
    """What a model answered. finish: stop, length, or error; then `error` says what was wrong."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0
    finish: str = "stop"
    error: str = ""


@dataclass(frozen=True)
class Spending:
    """What was really paid: nothing that came out of the ledger is in here."""

    requests: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            self.requests + other.requests,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
            self.money + other.money,
        )


@dataclass(frozen=True)
class LedgerEntry:
    """An answer and its cost, failed tries included. Only the cost is kept unless `is_final`."""

    key: bytes
    model: str
    answer: LLMAnswer
    spending: Spending
    is_final: bool = True


class AnswerLedger:
    """An open ledger, a context manager. Safe from any thread, its file from any process."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        with self._explain_errors():
            self._db = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(CREATE_TABLES)

    def __enter__(self) -> AnswerLedger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def get_answers(self, keys: Sequence[bytes]) -> dict[bytes, LLMAnswer]:
        """The answers that are there and whole; a damaged entry is as good as absent."""
        with self._lock, self._explain_errors():
            return self._read_answers(keys)

    def _read_answers(self, keys: Sequence[bytes]) -> dict[bytes, LLMAnswer]:
        answers = {}
        for start in range(0, len(keys), KEYS_PER_QUERY):
            chunk = keys[start : start + KEYS_PER_QUERY]
            places = ",".join("?" * len(chunk))
            query = f"SELECT key, facts, text, checksum FROM answers WHERE key IN ({places})"
            for key, fields_json, text, checksum in self._db.execute(query, chunk).fetchall():
                if checksum == _answer_checksum(key, fields_json, text):
                    answers[key] = LLMAnswer(text.decode(), **orjson.loads(fields_json))
        return answers

    def put_entries(self, entries: Sequence[LedgerEntry]) -> dict[bytes, LLMAnswer]:
        """Write answers and their cost, all of them or none. They are on disk when this returns.

        The first whole answer to a request stays, for another process may have been told it
        already: those that were there are returned.
        """
        with self._write_transaction() as db:
            stored = self._read_answers([entry.key for entry in entries])
            new_entries: dict[bytes, LedgerEntry] = {}
            spending: dict[str, list[Spending]] = {}
            for entry in entries:
                if entry.is_final and entry.key not in stored:
                    new_entries.setdefault(entry.key, entry)
                spending.setdefault(entry.model, []).append(entry.spending)
            db.executemany(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?, ?)",
                map(_answer_row, new_entries.values()),
            )
            db.executemany(
                "INSERT INTO spent VALUES (?, ?, ?, ?, ?) ON CONFLICT (model) DO UPDATE SET "
                "requests = requests + excluded.requests, "
                "tokens_in = tokens_in + excluded.tokens_in, "
                "tokens_out = tokens_out + excluded.tokens_out, money = money + excluded.money",
                [(model, *_sum_spending(parts)) for model, parts in spending.items()],
            )
            if db.execute("SELECT 1 FROM reserved").fetchone():  # nothing is, without a budget
                db.executemany(
                    "DELETE FROM reserved WHERE key = ?", [(entry.key,) for entry in entries]
                )
        return stored

    def reserve_money(self, key: bytes, money: float, budget: float) -> bool:
        """Reserve money for a request that is about to be sent; False if it could pass the budget.

        What was set aside by a process that was killed stays so: its request may have been paid.
        Asked again, the request takes its own place.
        """
        with self._write_transaction() as db:
            (spent_money,) = db.execute("SELECT COALESCE(SUM(money), 0) FROM spent").fetchone()
            (reserved_money,) = db.execute(
                "SELECT COALESCE(SUM(money), 0) FROM reserved WHERE key != ?", (key,)
            ).fetchone()
            if spent_money + reserved_money + money > budget:
                return False
            db.execute("INSERT OR REPLACE INTO reserved VALUES (?, ?)", (key, money))
        return True

    def release_money(self, key: bytes) -> None:
        """Give back what was set aside for a request that the server refused."""
        with self._write_transaction() as db:
            db.execute("DELETE FROM reserved WHERE key = ?", (key,))

    def spending_by_model(self) -> Mapping[str, Spending]:
        """What was paid, by model."""
        with self._lock, self._explain_errors():
            rows = self._db.execute(
                "SELECT model, requests, tokens_in, tokens_out, money FROM spent ORDER BY model"
            )
            return {model: Spending(*numbers) for model, *numbers in rows}

    @contextlib.contextmanager
    def _write_transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock, self._explain_errors():
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                with contextlib.suppress(sqlite3.Error):  # a full disk has rolled back already
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @contextlib.contextmanager
    def _explain_errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            raise UserError(
                f"the ledger {self.path} cannot be used ({error}): is the disk full, the folder "
                "closed to you, or on "
                "a network filesystem? What was answered before is kept; mend it and run again"
            ) from error
        except sqlite3.DatabaseError as error:
            raise UserError(
                f"the ledger {self.path} is damaged ({error}). Save what can be saved with "
                f"`sqlite3 {self.path.name} .recover | sqlite3 new.sqlite` and rename that, or "
                "remove it to ask again"
            ) from error


def _sum_spending(parts: Sequence[Spending]) -> Iterator[float]:
    """Their sum, field by field: sum(costs, Spent()) would make an object for each."""
    return map(sum, zip(*(vars(spending).values() for spending in parts), strict=True))


def _answer_row(entry: LedgerEntry) -> tuple[bytes, str, bytes, bytes]:
    answer = entry.answer
    fields = {
        "tokens_in": answer.tokens_in,
        "tokens_out": answer.tokens_out,
        "finish": answer.finish,
    }
    fields_json, text = (
        orjson.dumps({**fields, "error": answer.error}).decode(),
        answer.text.encode(),
    )
    return entry.key, fields_json, text, _answer_checksum(entry.key, fields_json, text)


def _answer_checksum(key: bytes, fields_json: str, text: bytes) -> bytes:
    return hashlib.blake2b(b"\0".join((key, fields_json.encode(), text)), digest_size=16).digest()
