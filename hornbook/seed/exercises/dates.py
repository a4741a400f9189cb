"""Dates and times"""

from calendar import monthrange
from collections import Counter
from datetime import UTC, date, datetime, timedelta


def days_until_birthday(born: date, today: date) -> int:
    """How many days is it until the next birthday? On the birthday itself the answer is 0. People born on 29
    February celebrate on 1 March in years that lack that day.

    >>> days_until_birthday(date(1990, 5, 20), date(2024, 5, 18))
    2
    >>> days_until_birthday(date(2000, 2, 29), date(2023, 2, 28))
    1
    """

    def birthday_in(year: int) -> date:
        try:
            return born.replace(year=year)
        except ValueError:
            return date(year, 3, 1)

    coming = birthday_in(today.year)
    if coming < today:
        coming = birthday_in(today.year + 1)
    return (coming - today).days


def test_days_until_birthday() -> None:
    assert days_until_birthday(date(1990, 5, 20), date(2024, 5, 20)) == 0
    assert days_until_birthday(date(1990, 5, 20), date(2024, 5, 21)) == 364
    assert days_until_birthday(date(1990, 1, 1), date(2024, 12, 31)) == 1
    assert days_until_birthday(date(2000, 2, 29), date(2024, 2, 28)) == 1
    assert days_until_birthday(date(2000, 2, 29), date(2023, 3, 2)) == 364


def rubbish_days(year: int, month: int) -> list[date]:
    """In our street the bins are emptied on the first and the third Tuesday of each month. Give both dates.

    >>> rubbish_days(2024, 5)
    [datetime.date(2024, 5, 7), datetime.date(2024, 5, 21)]
    >>> rubbish_days(2024, 10)[0]
    datetime.date(2024, 10, 1)
    """
    first = date(year, month, 1)
    # Monday is weekday 0, so Tuesday is 1; the remainder is the number of days to wait for it.
    tuesday = first + timedelta(days=(1 - first.weekday()) % 7)
    return [tuesday, tuesday + timedelta(weeks=2)]


def test_rubbish_days() -> None:
    assert rubbish_days(2024, 5) == [date(2024, 5, 7), date(2024, 5, 21)]
    assert rubbish_days(2024, 10) == [date(2024, 10, 1), date(2024, 10, 15)]
    assert rubbish_days(2025, 1) == [date(2025, 1, 7), date(2025, 1, 21)]
    assert rubbish_days(2023, 2) == [date(2023, 2, 7), date(2023, 2, 21)]
    assert rubbish_days(2025, 4)[0] == date(2025, 4, 1)


def add_working_days(start: date, count: int, holidays: set[date]) -> date:
    """A workshop promises repairs "within `count` working days". Starting on the day after `start`, count only days
    from Monday to Friday that are no holidays, and return the day on which the count is reached. For a count of 0
    that is the start itself.

    >>> add_working_days(date(2024, 5, 3), 1, set())
    datetime.date(2024, 5, 6)
    >>> add_working_days(date(2024, 5, 3), 1, {date(2024, 5, 6)})
    datetime.date(2024, 5, 7)
    """
    day = start
    while count > 0:
        day += timedelta(days=1)
        if day.weekday() < 5 and day not in holidays:
            count -= 1
    return day


def test_add_working_days() -> None:
    friday = date(2024, 5, 3)
    assert add_working_days(friday, 0, set()) == friday
    assert add_working_days(friday, 5, set()) == date(2024, 5, 10)
    assert add_working_days(friday, 6, set()) == date(2024, 5, 13)
    assert add_working_days(friday, 2, {date(2024, 5, 7), date(2024, 5, 11)}) == date(2024, 5, 8)
    assert add_working_days(date(2024, 5, 1), 1, set()) == date(2024, 5, 2)


def same_day_next_month(day: date) -> date:
    """Rent is due on the same day of each month; where the next month is too short, on its last day. Given one due
    date, return the next.

    >>> same_day_next_month(date(2024, 1, 31))
    datetime.date(2024, 2, 29)
    >>> same_day_next_month(date(2024, 12, 15))
    datetime.date(2025, 1, 15)
    """
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    _, last = monthrange(year, month)
    return date(year, month, min(day.day, last))


def test_same_day_next_month() -> None:
    assert same_day_next_month(date(2023, 1, 31)) == date(2023, 2, 28)
    assert same_day_next_month(date(2024, 11, 30)) == date(2024, 12, 30)
    assert same_day_next_month(date(2024, 12, 31)) == date(2025, 1, 31)
    assert same_day_next_month(date(2024, 3, 31)) == date(2024, 4, 30)
    assert same_day_next_month(date(2024, 2, 29)) == date(2024, 3, 29)


def describe_gap(earlier: datetime, later: datetime) -> str:
    """Chat programs say how long ago a message came: "just now" under a minute, then "N min", from one hour "N h",
    from one day "N d", and from seven days on the date itself as YYYY-MM-DD. Round every number down.

    >>> describe_gap(datetime(2024, 5, 1, 12, 0), datetime(2024, 5, 1, 12, 59, 59))
    '59 min'
    >>> describe_gap(datetime(2024, 5, 1, 12, 0), datetime(2024, 5, 9))
    '2024-05-01'
    """
    seconds = int((later - earlier).total_seconds())
    if seconds < 60:
        return "just now"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 24 * 3600:
        return f"{seconds // 3600} h"
    if seconds < 7 * 24 * 3600:
        return f"{seconds // (24 * 3600)} d"
    return earlier.date().isoformat()


def test_describe_gap() -> None:
    sent = datetime(2024, 5, 1, 12, 0)
    assert describe_gap(sent, sent + timedelta(seconds=59)) == "just now"
    assert [describe_gap(sent, sent + timedelta(seconds=s)) for s in (60, 119, 3599)] == ["1 min", "1 min", "59 min"]
    assert [describe_gap(sent, sent + timedelta(hours=h)) for h in (1, 23, 24, 47)] == ["1 h", "23 h", "1 d", "1 d"]
    assert describe_gap(sent, sent + timedelta(days=7, seconds=-1)) == "6 d"
    assert describe_gap(sent, sent + timedelta(days=7)) == "2024-05-01"


def weekday_totals(takings: dict[date, int]) -> dict[str, int]:
    """An ice-cream van wants to know on which weekdays it earns most. Add the daily takings by weekday and return
    the three-letter English names in order of the sum, the largest first; ties go by the order of the week.

    >>> weekday_totals({date(2024, 6, 1): 90, date(2024, 6, 2): 120, date(2024, 6, 8): 50})
    {'Sat': 140, 'Sun': 120}
    >>> weekday_totals({})
    {}
    """
    names = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    totals: Counter[int] = Counter()
    for day, amount in takings.items():
        totals[day.weekday()] += amount
    ranked = sorted(totals, key=lambda number: (-totals[number], number))
    return {names[number]: totals[number] for number in ranked}


def test_weekday_totals() -> None:
    assert weekday_totals({date(2024, 6, 1): 90, date(2024, 6, 2): 120}) == {"Sun": 120, "Sat": 90}
    assert list(weekday_totals({date(2024, 6, 1): 90, date(2024, 6, 2): 120})) == ["Sun", "Sat"]
    assert list(weekday_totals({date(2024, 6, 7): 5, date(2024, 6, 3): 5})) == ["Mon", "Fri"]
    assert weekday_totals({date(2024, 6, 5): 5, date(2024, 6, 12): 6}) == {"Wed": 11}
    assert weekday_totals({}) == {}


def world_clock(utc: str, offsets: dict[str, int]) -> dict[str, str]:
    """Show one moment in several cities. The moment is UTC, written "YYYY-MM-DD HH:MM"; each city's offset is in
    minutes east of Greenwich. Answer times as "HH:MM", with "+1" or "-1" after a blank where the date differs.

    >>> world_clock("2024-05-01 22:30", {"Delhi": 330, "Lima": -300})
    {'Delhi': '04:00 +1', 'Lima': '17:30'}
    >>> world_clock("2024-01-01 01:00", {"Lima": -300})
    {'Lima': '20:00 -1'}
    """
    moment = datetime.strptime(utc, "%Y-%m-%d %H:%M").replace(tzinfo=UTC)
    shown = {}
    for city, minutes in offsets.items():
        local = moment + timedelta(minutes=minutes)
        shift = (local.date() - moment.date()).days
        shown[city] = f"{local:%H:%M}" + (f" {shift:+d}" if shift else "")
    return shown


def test_world_clock() -> None:
    assert world_clock("2024-05-01 22:30", {"Delhi": 330, "Lima": -300}) == {"Delhi": "04:00 +1", "Lima": "17:30"}
    assert world_clock("2024-01-01 00:00", {"Lima": -300}) == {"Lima": "19:00 -1"}
    assert world_clock("2024-02-29 12:00", {"Utc": 0}) == {"Utc": "12:00"}
    assert world_clock("2024-02-29 12:00", {"Kiritimati": 840}) == {"Kiritimati": "02:00 +1"}
    assert world_clock("2024-02-29 12:00", {}) == {}


def longest_streak(days: list[date]) -> tuple[date, int] | None:
    """A language app rewards streaks: days of practice without a gap. From the days on which somebody practised, in
    any order and with repeats, find the longest streak; return its first day and its length, and the latest such
    streak if several are equally long. No practice at all gives None.

    >>> longest_streak([date(2024, 3, 1), date(2024, 2, 29), date(2024, 3, 5)])
    (datetime.date(2024, 2, 29), 2)
    >>> longest_streak([]) is None
    True
    """
    best: tuple[date, int] | None = None
    length = 0
    previous: date | None = None
    for day in sorted(set(days)):
        follows = previous is not None and day - previous == timedelta(days=1)
        length = length + 1 if follows else 1
        if best is None or length >= best[1]:
            best = day - timedelta(days=length - 1), length
        previous = day
    return best


def test_longest_streak() -> None:
    assert longest_streak([date(2024, 3, 1), date(2024, 2, 29), date(2024, 3, 5)]) == (date(2024, 2, 29), 2)
    assert longest_streak([date(2024, 3, 1), date(2024, 3, 1)]) == (date(2024, 3, 1), 1)
    assert longest_streak([date(2024, 3, 9), date(2024, 3, 1)]) == (date(2024, 3, 9), 1)
    assert longest_streak([date(2023, 12, 30 + n) for n in (0, 1)] + [date(2024, 1, 1)]) == (date(2023, 12, 30), 3)
    assert longest_streak([]) is None
    days = [1, 2, 3, 10, 11]
    assert longest_streak([date(2024, 1, n) for n in days]) == (date(2024, 1, 1), 3)
