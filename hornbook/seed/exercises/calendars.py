"""Dates and times / calendars as grids"""


def weekday_after(today: str, days: int) -> str:
    """A monk on the island of Sul has a calendar of six days a week: Moon, Fire, Water, Wood, Gold and Sun. Given the
    name of today, which day is it so many days later, or, with a negative number, earlier? An unknown name is a
    ValueError.

    >>> weekday_after("Gold", 3)
    'Fire'
    >>> weekday_after("Moon", -1)
    'Sun'
    """
    week = ["Moon", "Fire", "Water", "Wood", "Gold", "Sun"]
    # index raises the ValueError by itself, and % brings every number back into the week.
    return week[(week.index(today) + days) % len(week)]


def test_weekday_after() -> None:
    assert weekday_after("Moon", 0) == "Moon"
    assert weekday_after("Sun", 1) == "Moon"
    assert weekday_after("Wood", 600) == "Wood"
    assert weekday_after("Fire", -14) == "Sun"
    try:
        weekday_after("Earth", 1)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def lum_date(day: int, long_year: bool = False) -> str:
    """On the planet Lum a year has thirteen months of 28 days, then one day that belongs to no month, the Feast; a
    long year has a second such day, the Rest. Name the day number `day` of a year, counted from 1, as "month M, day D"
    or "Feast" or "Rest". Days that the year does not have are a ValueError.

    >>> lum_date(30)
    'month 2, day 2'
    >>> lum_date(365), lum_date(366, long_year=True)
    ('Feast', 'Rest')
    """
    months, per_month = 13, 28
    beyond = day - months * per_month
    if day < 1 or beyond > 1 + long_year:
        raise ValueError(f"the year has no day {day}")
    if beyond > 0:
        return "Feast" if beyond == 1 else "Rest"
    month, number = divmod(day - 1, per_month)
    return f"month {month + 1}, day {number + 1}"


def test_lum_date() -> None:
    assert lum_date(1) == "month 1, day 1"
    assert lum_date(28) == "month 1, day 28"
    assert lum_date(29, True) == "month 2, day 1"
    assert lum_date(364) == "month 13, day 28"
    assert lum_date(365, True) == "Feast"
    for day, long_year in ((0, False), (366, False), (367, True), (-3, True)):
        try:
            lum_date(day, long_year)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def month_sheet(days: int, first: int) -> list[str]:
    """Print a month as a sheet with one row a week, Monday at the left: `days` is its length and `first` the weekday
    of its first day, 0 for Monday to 6 for Sunday. Each day takes two places, right-aligned, with one blank between
    days; places before the first day stay blank, and rows carry no blanks at their end.

    >>> for row in month_sheet(12, 5): print(row)
                    1  2
     3  4  5  6  7  8  9
    10 11 12
    >>> month_sheet(3, 0)
    [' 1  2  3']
    """
    cells = ["  "] * first + [f"{day:2}" for day in range(1, days + 1)]
    return [" ".join(cells[start : start + 7]).rstrip() for start in range(0, len(cells), 7)]


def test_month_sheet() -> None:
    sheet = month_sheet(31, 6)
    assert sheet[0] == " " * 18 + " 1"
    assert sheet[1] == " 2  3  4  5  6  7  8"
    assert sheet[5] == "30 31"
    assert len(month_sheet(28, 0)) == 4
    assert month_sheet(7, 0) == [" 1  2  3  4  5  6  7"]
    assert month_sheet(2, 6) == [" " * 18 + " 1", " 2"]


def roman_day(day: int, nones: int, month_days: int) -> str:
    """The Romans counted the days that were left to the next fixed day of the month: the Nones (day 5 or 7), the Ides
    (8 days after the Nones) and the Kalends (day 1 of the next month). Both ends were counted, so the second day
    before the Nones is "3 before Nones". The day just before is "eve of Nones", and a fixed day has its name alone.

    >>> roman_day(3, 5, 31), roman_day(4, 5, 31), roman_day(5, 5, 31)
    ('3 before Nones', 'eve of Nones', 'Nones')
    >>> roman_day(14, 5, 30)
    '18 before Kalends'
    """
    fixed = [(1, "Kalends"), (nones, "Nones"), (nones + 8, "Ides"), (month_days + 1, "Kalends")]
    date, name = next((date, name) for date, name in fixed if date >= day)
    if date == day:
        return name
    return f"eve of {name}" if date - day == 1 else f"{date - day + 1} before {name}"


def test_roman_day() -> None:
    assert roman_day(1, 7, 31) == "Kalends"
    assert roman_day(2, 7, 31) == "6 before Nones"
    assert roman_day(15, 7, 31) == "Ides"
    assert roman_day(13, 7, 31) == "3 before Ides"
    assert roman_day(14, 7, 31) == "eve of Ides"
    assert roman_day(31, 7, 31) == "eve of Kalends"
    assert roman_day(27, 5, 28) == "3 before Kalends"


def market_meets_feast(markets: tuple[int, int], feasts: tuple[int, int], until: int) -> list[int]:
    """A village has a market every few days and a feast every few days, each given as (first day, days from one to the
    next). On which days, up to and including day `until`, do the two fall together?

    >>> market_meets_feast((1, 5), (4, 7), 60)
    [11, 46]
    >>> market_meets_feast((1, 2), (2, 2), 60)
    []
    """
    (market, market_step), (feast, feast_step) = markets, feasts
    together = []
    while market <= until and feast <= until:
        if market == feast:
            together.append(market)
        # Whichever is behind moves on; when both are equal, moving one is enough.
        if market <= feast:
            market += market_step
        else:
            feast += feast_step
    return together


def test_market_meets_feast() -> None:
    assert market_meets_feast((3, 10), (3, 4), 23) == [3, 23]
    assert market_meets_feast((3, 10), (3, 4), 22) == [3]
    assert market_meets_feast((5, 1), (1, 3), 13) == [7, 10, 13]
    assert market_meets_feast((9, 1), (1, 1), 8) == []
    assert market_meets_feast((2, 6), (5, 9), 100) == [14, 32, 50, 68, 86]


def day_count(year: int, month: int, day: int) -> int:
    """Count the days by hand, without the library: the first of January of the year 1 is day 1 in today's calendar.
    Every fourth year has a 29th of February, but of the full hundreds only those that can be divided by 400. The date
    is taken to be a real one.

    >>> day_count(1, 1, 31)
    31
    >>> day_count(2024, 3, 1) - day_count(2024, 2, 28)
    2
    """
    lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    if year % 4 == 0 and (year % 100 != 0 or year % 400 == 0):
        lengths[1] = 29
    full_years = year - 1
    leap_days = full_years // 4 - full_years // 100 + full_years // 400
    return 365 * full_years + leap_days + sum(lengths[: month - 1]) + day


def test_day_count() -> None:
    from datetime import date

    assert day_count(1, 12, 31) == 365
    assert day_count(2, 1, 1) == 366
    assert day_count(1900, 3, 1) - day_count(1900, 2, 28) == 1
    assert day_count(2000, 3, 1) - day_count(2000, 2, 28) == 2
    days = [(1582, 10, 15), (1999, 12, 31), (2023, 3, 1), (2024, 2, 29), (2024, 12, 31), (2100, 7, 4), (2400, 2, 29)]
    assert [day_count(*day) for day in days] == [date(*day).toordinal() for day in days]


def same_calendar(year: int) -> int:
    """Last year's wall calendar is too pretty to be thrown away. Return the next year in which every date falls on the
    same weekday as in the given year, so that the calendar can be hung up again. A common year of 365 days moves
    weekdays on by one day and a leap year by two, and both years must have equally many days.

    >>> same_calendar(2023)
    2034
    >>> same_calendar(2024)
    2052
    """

    def days_of(some_year: int) -> int:
        is_leap = some_year % 4 == 0 and (some_year % 100 != 0 or some_year % 400 == 0)
        return 366 if is_leap else 365

    moved = days_of(year)
    later = year + 1
    while moved % 7 or days_of(later) != days_of(year):
        moved += days_of(later)
        later += 1
    return later


def test_same_calendar() -> None:
    assert same_calendar(2021) == 2027
    assert same_calendar(2022) == 2033
    assert same_calendar(2025) == 2031
    assert same_calendar(2096) == 2108
    assert same_calendar(1896) == 1908
    assert same_calendar(1999) == 2010
