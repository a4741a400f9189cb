"""Everyday programs / a library desk"""

from collections import Counter, defaultdict
from datetime import date, timedelta


def overdue_list(loans: list[tuple[str, str, date]], today: date) -> list[str]:
    """Every morning the librarian prints who is late. Each loan is (reader, title, due date). Write one line
    "reader: title (N days)" for each loan whose due date has passed, the longest overdue first; loans that are
    equally late go by reader and then by title.

    >>> overdue_list([("Ida", "Dune", date(2024, 3, 1)), ("Bo", "Emma", date(2024, 3, 9))], date(2024, 3, 4))
    ['Ida: Dune (3 days)']
    >>> overdue_list([("Ida", "Dune", date(2024, 3, 4))], date(2024, 3, 4))
    []
    """
    late = [((today - due).days, reader, title) for reader, title, due in loans if due < today]
    late.sort(key=lambda loan: (-loan[0], loan[1], loan[2]))
    return [f"{reader}: {title} ({days} days)" for days, reader, title in late]


def test_overdue_list() -> None:
    day = date(2024, 3, 10)
    loans = [("Bo", "B", date(2024, 3, 9)), ("Al", "Z", date(2024, 3, 1)), ("Al", "C", date(2024, 3, 9))]
    assert overdue_list(loans, day) == ["Al: Z (9 days)", "Al: C (1 days)", "Bo: B (1 days)"]
    assert overdue_list([], day) == []
    assert overdue_list([("Bo", "B", day)], day) == []
    assert overdue_list([("A", "Y", date(2024, 2, 29)), ("A", "X", date(2024, 2, 29))], day) == [
        "A: X (10 days)",
        "A: Y (10 days)",
    ]


def shelf_mark(author: str, title: str, copy: int = 1) -> str:
    """Books get a mark on their spine: the first three letters of the author's last name in capitals, a full stop,
    the first letter of the title in lower case, and "/2", "/3" ... from the second copy on. A leading "The ", "A "
    or "An " of the title does not count, and a short name is filled up with "X".

    >>> shelf_mark("Ursula Le Guin", "The Dispossessed")
    'GUI.d'
    >>> shelf_mark("Bai Wu", "A River", copy=3)
    'WUX.r/3'
    """
    first, _, rest = title.partition(" ")
    if rest and first.lower() in ("the", "a", "an"):
        title = rest
    last_name = author.split()[-1]
    mark = f"{last_name[:3].upper().ljust(3, 'X')}.{title[0].lower()}"
    return mark if copy == 1 else f"{mark}/{copy}"


def test_shelf_mark() -> None:
    assert shelf_mark("Homer", "Odyssey") == "HOM.o"
    assert shelf_mark("Homer", "Odyssey", 2) == "HOM.o/2"
    assert shelf_mark("Ann O", "An Apple") == "OXX.a"
    assert shelf_mark("Tom Lee", "Theory") == "LEE.t"
    assert shelf_mark("Tom Lee", "A") == "LEE.a"


def waiting_positions(requests: list[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Requests for popular books arrive as (reader, title) in order of time. Build, for each title, the reader's
    place in the queue, counted from 1. Asking twice for the same title does not give a second place.

    >>> waiting_positions([("Ida", "Dune"), ("Bo", "Dune"), ("Ida", "Dune"), ("Bo", "Emma")])
    {'Dune': {'Ida': 1, 'Bo': 2}, 'Emma': {'Bo': 1}}
    >>> waiting_positions([])
    {}
    """
    queues: dict[str, dict[str, int]] = {}
    for reader, title in requests:
        queue = queues.setdefault(title, {})
        # The right side is computed first, but setdefault ignores it for readers who already wait.
        queue.setdefault(reader, len(queue) + 1)
    return queues


def test_waiting_positions() -> None:
    assert waiting_positions([("A", "x"), ("B", "x"), ("C", "x")]) == {"x": {"A": 1, "B": 2, "C": 3}}
    assert waiting_positions([("A", "x"), ("A", "x"), ("B", "x")]) == {"x": {"A": 1, "B": 2}}
    assert waiting_positions([("A", "x"), ("A", "y")]) == {"x": {"A": 1}, "y": {"A": 1}}
    assert waiting_positions([]) == {}


def late_fee(days_late: int, is_child: bool = False) -> int:
    """Late books cost 10 cents a day in the first week and 25 cents for each day after that, up to 500 cents.
    Children pay half of the result, rounded down. A book that came back early or on time costs nothing.

    >>> late_fee(3)
    30
    >>> late_fee(9)
    120
    >>> late_fee(9, is_child=True)
    60
    """
    if days_late <= 0:
        return 0
    cheap_days = min(days_late, 7)
    fee = min(10 * cheap_days + 25 * (days_late - cheap_days), 500)
    return fee // 2 if is_child else fee


def test_late_fee() -> None:
    assert [late_fee(n) for n in (-2, 0, 1, 7, 8)] == [0, 0, 10, 70, 95]
    assert late_fee(24) == 495
    assert late_fee(25) == 500
    assert late_fee(300) == 500
    assert late_fee(300, is_child=True) == 250
    assert late_fee(8, is_child=True) == 47


def renew(due: date, today: date, renewals: int, requested: bool) -> date:
    """A loan may be renewed for 14 days, counted from today or from the due date, whichever is later. The desk
    refuses with a ValueError if the loan was renewed twice already, if another reader requested the book, or if it
    is more than 3 days overdue.

    >>> renew(date(2024, 5, 20), date(2024, 5, 10), 0, False)
    datetime.date(2024, 6, 3)
    >>> renew(date(2024, 5, 20), date(2024, 5, 22), 1, False)
    datetime.date(2024, 6, 5)
    """
    if renewals >= 2:
        raise ValueError("renewed twice already")
    if requested:
        raise ValueError("another reader waits")
    if today - due > timedelta(days=3):
        raise ValueError("too long overdue")
    return max(due, today) + timedelta(days=14)


def test_renew() -> None:
    assert renew(date(2024, 5, 20), date(2024, 5, 20), 0, False) == date(2024, 6, 3)
    assert renew(date(2024, 2, 20), date(2024, 2, 10), 1, False) == date(2024, 3, 5)
    assert renew(date(2024, 5, 20), date(2024, 5, 23), 1, False) == date(2024, 6, 6)
    for late, times, asked in ((24, 0, False), (20, 2, False), (20, 0, True)):
        try:
            renew(date(2024, 5, 20), date(2024, 5, late), times, asked)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def busiest_hours(visits: list[str]) -> list[int]:
    """The door counter logs each visitor as "HH:MM". Return the hours in which most people came, in rising order;
    usually that is one hour, but several may tie. Nobody at all gives an empty list.

    >>> busiest_hours(["09:15", "10:01", "10:59", "17:30"])
    [10]
    >>> busiest_hours(["08:00", "19:00"])
    [8, 19]
    """
    per_hour = Counter(int(visit.split(":")[0]) for visit in visits)
    most = max(per_hour.values(), default=0)
    return sorted(hour for hour, count in per_hour.items() if count == most)


def test_busiest_hours() -> None:
    assert busiest_hours(["09:15", "10:01", "10:59", "17:30"]) == [10]
    assert busiest_hours(["19:00", "08:00", "08:30", "19:59", "12:00"]) == [8, 19]
    assert busiest_hours([]) == []
    assert busiest_hours(["00:00"]) == [0]


def also_borrowed(histories: dict[str, set[str]], title: str, at_least: int = 2) -> list[str]:
    """ "Readers of this book also borrowed ..." needs a count: for a given title, look at all readers who borrowed
    it, and list the other titles that at least `at_least` of them borrowed too, the most shared first and
    alphabetically among equals.

    >>> also_borrowed({"Al": {"Dune", "Emma"}, "Bo": {"Dune", "Emma", "Ulysses"}, "Cy": {"Ulysses"}}, "Dune")
    ['Emma']
    >>> also_borrowed({"Al": {"Dune", "Emma"}}, "Dune", at_least=1)
    ['Emma']
    """
    together: dict[str, int] = defaultdict(int)
    for books in histories.values():
        if title in books:
            for other in books - {title}:
                together[other] += 1
    shared = [(-count, other) for other, count in together.items() if count >= at_least]
    return [other for _, other in sorted(shared)]


def test_also_borrowed() -> None:
    histories = {"A": {"x", "y", "z"}, "B": {"x", "z", "w"}, "C": {"x", "z", "y"}, "D": {"y", "w"}}
    assert also_borrowed(histories, "x") == ["z", "y"]
    assert also_borrowed(histories, "x", 1) == ["z", "y", "w"]
    assert also_borrowed(histories, "x", 3) == ["z"]
    assert also_borrowed(histories, "w", 1) == ["x", "y", "z"]
    assert also_borrowed(histories, "unknown", 1) == []
    assert also_borrowed({}, "x", 0) == []


class LoanDesk:
    """A small lending desk. `lend(reader, title)` notes a loan and returns True, but returns False if the book is
    out already or the reader holds `limit` books; `give_back(title)` ends a loan and returns the reader's name, or
    None for a book that was not out; `held_by(reader)` lists the reader's titles alphabetically.

    >>> desk = LoanDesk(limit=1)
    >>> desk.lend("Ida", "Dune"), desk.lend("Bo", "Dune"), desk.lend("Ida", "Emma")
    (True, False, False)
    >>> desk.give_back("Dune")
    'Ida'
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.reader_of: dict[str, str] = {}

    def lend(self, reader: str, title: str) -> bool:
        if title in self.reader_of or len(self.held_by(reader)) >= self.limit:
            return False
        self.reader_of[title] = reader
        return True

    def give_back(self, title: str) -> str | None:
        return self.reader_of.pop(title, None)

    def held_by(self, reader: str) -> list[str]:
        return sorted(title for title, holder in self.reader_of.items() if holder == reader)


def test_LoanDesk() -> None:
    desk = LoanDesk(limit=2)
    assert [desk.lend("Ida", title) for title in ("Emma", "Dune", "Iliad")] == [True, True, False]
    assert desk.held_by("Ida") == ["Dune", "Emma"]
    assert desk.lend("Bo", "Dune") is False
    assert desk.give_back("Dune") == "Ida"
    assert desk.give_back("Dune") is None
    assert desk.lend("Bo", "Dune") is True
    assert desk.held_by("Nobody") == []
