"""Everyday programs / a weather diary"""

import math
import re
from datetime import date, timedelta


def wind_name(degrees: float) -> str:
    """A weather vane reports where the wind comes from in degrees: 0 is north, 90 east, and 360 north again. Name the
    nearest of the eight directions N, NE, E, SE, S, SW, W and NW. Exactly between two of them, take the next one
    clockwise.

    >>> wind_name(100)
    'E'
    >>> wind_name(350), wind_name(22.5)
    ('N', 'NE')
    """
    names = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"]
    # Each name owns 45 degrees, half of them on either side, so shift by a half before counting whole sectors.
    return names[int((degrees + 22.5) // 45) % 8]


def test_wind_name() -> None:
    assert [wind_name(45 * i) for i in range(9)] == ["N", "NE", "E", "SE", "S", "SW", "W", "NW", "N"]
    assert wind_name(22.4) == "N"
    assert wind_name(22.5) == "NE"
    assert wind_name(337.4) == "NW"
    assert wind_name(337.5) == "N"


def heating_demand(means: list[float], limit: float = 15.0, room: float = 20.0) -> float:
    """Heating engineers add up how cold the days were. A day whose mean temperature is below the limit counts with the
    difference between the room temperature and its mean, and a warmer day does not count at all. Return the sum,
    rounded to one decimal.

    >>> heating_demand([5.0, 14.5, 15.0, 21.0])
    20.5
    >>> heating_demand([10.0], limit=10.0)
    0.0
    """
    return round(sum((room - mean for mean in means if mean < limit), 0.0), 1)


def test_heating_demand() -> None:
    assert heating_demand([5.0, 14.5, 15.0, 21.0]) == 20.5
    assert heating_demand([-10.0]) == 30.0
    assert heating_demand([14.99]) == 5.0
    assert heating_demand([14.0, 9.0], limit=10.0, room=18.0) == 9.0
    assert heating_demand([]) == 0


def storm_moves(strikes: list[float]) -> list[str]:
    """Count the seconds between a flash and its thunder, and divide by three: so many kilometres away is the storm. For
    a list of such counts say after each one but the first whether the storm is "nearer", "farther" or "same", where
    changes of less than one kilometre are "same", and add a "!" if it is now within two kilometres.

    >>> storm_moves([30, 24, 25.5, 6])
    ['nearer', 'same', 'nearer!']
    >>> storm_moves([6, 5])
    ['same!']
    """
    reports = []
    for before, after in zip(strikes, strikes[1:], strict=False):
        moved = (after - before) / 3
        word = "nearer" if moved <= -1 else "farther" if moved >= 1 else "same"
        reports.append(word + "!" * (after / 3 <= 2))
    return reports


def test_storm_moves() -> None:
    assert storm_moves([30, 24, 25.5, 6]) == ["nearer", "same", "nearer!"]
    assert storm_moves([6, 9, 12]) == ["farther", "farther"]
    assert storm_moves([6, 8.9, 6]) == ["same", "same!"]
    assert storm_moves([9, 6, 6.1]) == ["nearer!", "same"]
    assert storm_moves([9]) == []


def fill_silence(readings: list[float | None]) -> list[float | None]:
    """A thermometer with a weak radio sometimes sends nothing, which is logged as None. Where there are true readings
    on both sides, put the missing ones on a straight line between them, rounded to one decimal; gaps at the beginning
    or the end stay as they are.

    >>> fill_silence([10.0, None, None, 13.0, None])
    [10.0, 11.0, 12.0, 13.0, None]
    >>> fill_silence([None, 4.0, None, 5.0])
    [None, 4.0, 4.5, 5.0]
    """
    filled = list(readings)
    known = [place for place, reading in enumerate(readings) if reading is not None]
    for left, right in zip(known, known[1:], strict=False):
        first, last = readings[left] or 0.0, readings[right] or 0.0
        for place in range(left + 1, right):
            share = (place - left) / (right - left)
            filled[place] = round(first + share * (last - first), 1)
    return filled


def test_fill_silence() -> None:
    assert fill_silence([10.0, None, None, 13.0, None]) == [10.0, 11.0, 12.0, 13.0, None]
    assert fill_silence([0.0, None, -1.0]) == [0.0, -0.5, -1.0]
    assert fill_silence([None, None]) == [None, None]
    assert fill_silence([1.0, None, 2.0, None, 0.0]) == [1.0, 1.5, 2.0, 1.0, 0.0]
    assert fill_silence([8.0, None, None, None, 4.0]) == [8.0, 7.0, 6.0, 5.0, 4.0]
    assert fill_silence([]) == []


def showers(hours: list[float], dry: int) -> list[tuple[int, int, float]]:
    """A rain gauge gives the millimetres of each hour. A shower begins with a wet hour and goes on until at least `dry`
    hours in a row were without rain; shorter pauses belong to it. Return each shower as (first wet hour, last wet hour,
    total rounded to one decimal).

    >>> showers([0, 1.5, 0, 0.5, 0, 0, 2.0], dry=2)
    [(1, 3, 2.0), (6, 6, 2.0)]
    >>> showers([0, 0], dry=1)
    []
    """
    found: list[tuple[int, int, float]] = []
    for hour, rain in enumerate(hours):
        if rain == 0:
            continue
        if found and hour - found[-1][1] <= dry:
            first, _, total = found[-1]
            found[-1] = (first, hour, round(total + rain, 1))
        else:
            found.append((hour, hour, rain))
    return found


def test_showers() -> None:
    assert showers([0, 1.5, 0, 0.5, 0, 0, 2.0], 2) == [(1, 3, 2.0), (6, 6, 2.0)]
    assert showers([0, 1.5, 0, 0.5, 0, 0, 2.0], 3) == [(1, 6, 4.0)]
    assert showers([0.1, 0.2, 0.0, 0.3], 1) == [(0, 1, 0.3), (3, 3, 0.3)]
    assert showers([1.0], 5) == [(0, 0, 1.0)]
    assert showers([], 1) == []


def growing_season(minima: dict[date, float], year: int) -> tuple[date, date] | None:
    """Gardeners ask when it is safe to plant. From the night minima of a year find the days after the last frost of
    spring (January to June) and before the first frost of autumn (July to December); frost is a minimum below 0. Return
    the first and the last day without frost in between. Without a frost the half-year's border takes its place:
    January 1 or December 31. If there is no such day, the answer is None.

    >>> growing_season({date(2023, 4, 20): -0.5, date(2023, 10, 9): -1.0}, 2023)
    (datetime.date(2023, 4, 21), datetime.date(2023, 10, 8))
    >>> growing_season({date(2023, 4, 20): 3.0}, 2023)
    (datetime.date(2023, 1, 1), datetime.date(2023, 12, 31))
    """
    frosts = [day for day, minimum in minima.items() if minimum < 0 and day.year == year]
    spring = [day for day in frosts if day.month <= 6]
    autumn = [day for day in frosts if day.month > 6]
    first = max(spring) + timedelta(days=1) if spring else date(year, 1, 1)
    last = min(autumn) - timedelta(days=1) if autumn else date(year, 12, 31)
    return (first, last) if first <= last else None


def test_growing_season() -> None:
    nights = {date(2023, 5, 2): -1.0, date(2023, 3, 1): -9.0, date(2023, 11, 1): -0.1, date(2023, 10, 4): 0.0}
    assert growing_season(nights, 2023) == (date(2023, 5, 3), date(2023, 10, 31))
    assert growing_season(nights, 2022) == (date(2022, 1, 1), date(2022, 12, 31))
    assert growing_season({date(2024, 2, 28): -1.0}, 2024) == (date(2024, 2, 29), date(2024, 12, 31))
    assert growing_season({date(2024, 6, 30): -1.0, date(2024, 7, 1): -1.0}, 2024) is None
    assert growing_season({date(2024, 6, 30): -1.0, date(2024, 7, 2): -1.0}, 2024) == (date(2024, 7, 1),) * 2


def read_airport_report(report: str) -> dict[str, int | None]:
    """Airports send the weather in short groups, such as "24015G28KT 9000 M02/M05 Q1013": wind from 240 degrees with 15
    knots and gusts of 28 (the G part may be missing), a sight of 9000 metres, temperature and dew point with M for
    minus, and the air pressure. Return wind, knots, gusts, sight, temperature, dew and pressure; what is not in the
    report is None, and groups of other kinds are passed over. "VRB" for the wind's direction is None too.

    >>> read_airport_report("24015KT M02/M05")["temperature"]
    -2
    >>> list(read_airport_report("VRB03G14KT 0800 Q0998").values())
    [None, 3, 14, 800, None, None, 998]
    """
    values: dict[str, str | None] = dict.fromkeys(["wind", "knots", "gusts", "sight", "temperature", "dew", "pressure"])
    shapes = [
        r"(?:(?P<wind>\d{3})|VRB)(?P<knots>\d{2})(?:G(?P<gusts>\d{2}))?KT",
        r"(?P<sight>\d{4})",
        r"(?P<temperature>M?\d{2})/(?P<dew>M?\d{2})",
        r"Q(?P<pressure>\d{4})",
    ]
    for group in report.split():
        for shape in shapes:
            match = re.fullmatch(shape, group)
            if match:
                values |= match.groupdict()
    return {name: None if text is None else int(text.replace("M", "-")) for name, text in values.items()}


def test_read_airport_report() -> None:
    full = read_airport_report("EDDF 24015G28KT 9000 BKN020 M02/M05 Q1013")
    assert full == {
        "wind": 240,
        "knots": 15,
        "gusts": 28,
        "sight": 9000,
        "temperature": -2,
        "dew": -5,
        "pressure": 1013,
    }
    assert set(read_airport_report("").values()) == {None}
    assert read_airport_report("00000KT")["wind"] == 0
    assert read_airport_report("VRB02KT")["wind"] is None
    assert read_airport_report("12/09")["dew"] == 9
    assert read_airport_report("12/09 99999")["sight"] is None


def mean_wind(winds: list[tuple[float, float]]) -> tuple[int, float] | None:
    """The mean of a wind from 350 degrees and one from 10 degrees is a wind from 0, not from 180: winds must be added
    as arrows. Each wind is (degrees, speed). Return the direction of the mean arrow, a whole number from 0 to 359, and
    its length, rounded to one decimal; None if there are no winds or they cancel out to less than 0.05.

    >>> mean_wind([(350, 10), (10, 10)])
    (0, 9.8)
    >>> mean_wind([(90, 5), (270, 5)]) is None
    True
    """
    if not winds:
        return None
    east = sum(speed * math.sin(math.radians(degrees)) for degrees, speed in winds) / len(winds)
    north = sum(speed * math.cos(math.radians(degrees)) for degrees, speed in winds) / len(winds)
    speed = math.hypot(east, north)
    if speed < 0.05:
        return None
    # atan2 measures from its second argument towards its first: from north to east, as a compass does.
    return round(math.degrees(math.atan2(east, north))) % 360, round(speed, 1)


def test_mean_wind() -> None:
    assert mean_wind([(350, 10), (10, 10)]) == (0, 9.8)
    assert mean_wind([(90, 4)]) == (90, 4.0)
    assert mean_wind([(180, 10), (270, 10)]) == (225, 7.1)
    assert mean_wind([(0, 30), (180, 10)]) == (0, 10.0)
    assert mean_wind([(300, 8), (300, 4)]) == (300, 6.0)
    assert mean_wind([(0, 1), (120, 1), (240, 1)]) is None
    assert mean_wind([]) is None
