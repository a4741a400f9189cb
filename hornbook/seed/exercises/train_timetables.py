"""Everyday programs / a timetable"""

from itertools import pairwise


def minutes_between(departure: str, arrival: str) -> int:
    """A night train may arrive on the next morning. Given two clock times "HH:MM", return the minutes that the
    journey takes; an arrival that is not later than the departure belongs to the next day.

    >>> minutes_between("09:40", "11:05")
    85
    >>> minutes_between("23:30", "00:15")
    45
    """

    def minute_of_day(clock: str) -> int:
        hours, minutes = clock.split(":")
        return 60 * int(hours) + int(minutes)

    duration = minute_of_day(arrival) - minute_of_day(departure)
    return duration if duration > 0 else duration + 24 * 60


def test_minutes_between() -> None:
    assert minutes_between("09:40", "11:05") == 85
    assert minutes_between("00:00", "23:59") == 1439
    assert minutes_between("12:00", "12:00") == 1440
    assert minutes_between("12:01", "12:00") == 1439
    assert minutes_between("23:59", "00:00") == 1


def delayed_clock(planned: str, delay: int) -> str:
    """The board shows when a delayed train is expected. Add `delay` minutes to a clock time "HH:MM" and give it in
    the same form; past midnight, "+1" (or "+2" ...) after a blank tells how many days later that is.

    >>> delayed_clock("08:55", 10)
    '09:05'
    >>> delayed_clock("23:50", 15)
    '00:05 +1'
    """
    hours, minutes = planned.split(":")
    days, rest = divmod(60 * int(hours) + int(minutes) + delay, 24 * 60)
    clock = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{clock} +{days}" if days else clock


def test_delayed_clock() -> None:
    assert delayed_clock("08:55", 0) == "08:55"
    assert delayed_clock("23:59", 1) == "00:00 +1"
    assert delayed_clock("23:58", 1) == "23:59"
    assert delayed_clock("10:30", 2 * 24 * 60 + 45) == "11:15 +2"
    assert delayed_clock("00:00", 61) == "01:01"


def next_departures(times: list[str], now: str, count: int) -> list[str]:
    """Passengers look for the next trains of the day. From times "HH:MM" in any order, list the first `count` that
    leave at `now` or later; when too few are left today, go on with the first trains of tomorrow, each at most once.

    >>> next_departures(["07:10", "12:30", "18:00"], "12:30", 2)
    ['12:30', '18:00']
    >>> next_departures(["07:10", "12:30", "18:00"], "15:00", 2)
    ['18:00', '07:10']
    """
    # Clock times with leading zeros sort as text just as they do on the clock.
    ordered = sorted(times)
    today = [time for time in ordered if time >= now]
    tomorrow = [time for time in ordered if time < now]
    return (today + tomorrow)[:count]


def test_next_departures() -> None:
    times = ["18:00", "07:10", "12:30"]
    assert next_departures(times, "12:30", 2) == ["12:30", "18:00"]
    assert next_departures(times, "12:31", 2) == ["18:00", "07:10"]
    assert next_departures(times, "23:00", 9) == ["07:10", "12:30", "18:00"]
    assert next_departures(times, "00:00", 1) == ["07:10"]
    assert next_departures([], "00:00", 3) == []


def shortest_change(arrivals: list[int], departures: list[int], walk: int) -> tuple[int, int] | None:
    """To change trains you need `walk` minutes between arriving and departing. Among all pairs that leave enough
    time, return the (arrival, departure) with the shortest wait, and the earliest arrival if several waits are
    equal; None means that no change works. Times are minutes of the day.

    >>> shortest_change([600, 630], [615, 637, 660], 8)
    (600, 615)
    >>> shortest_change([600], [605], 8) is None
    True
    """
    feasible = [
        (leave - arrive, arrive, leave) for arrive in arrivals for leave in departures if leave - arrive >= walk
    ]
    if not feasible:
        return None
    _, arrive, leave = min(feasible)
    return arrive, leave


def test_shortest_change() -> None:
    assert shortest_change([600, 630], [615, 637, 660], 8) == (600, 615)
    assert shortest_change([600, 630], [615, 637, 660], 7) == (630, 637)
    assert shortest_change([10, 20], [15, 25], 5) == (10, 15)
    assert shortest_change([20, 10], [25, 15], 5) == (10, 15)
    assert shortest_change([], [15], 0) is None
    assert shortest_change([9], [9], 0) == (9, 9)


def stops_on_request(route: list[str], rides: list[tuple[str, str]]) -> list[str]:
    """On a rural line the train halts only where somebody gets on or off; it always halts at both ends. Given the
    stations in travel order and the booked rides (from, to), list the halts in order. A ride against the direction
    of travel or with an unknown station is a ValueError.

    >>> stops_on_request(["Ash", "Birch", "Cedar", "Dale"], [("Birch", "Dale")])
    ['Ash', 'Birch', 'Dale']
    >>> stops_on_request(["Ash", "Birch", "Cedar"], [])
    ['Ash', 'Cedar']
    """
    halts = {route[0], route[-1]}
    for start, goal in rides:
        # list.index raises ValueError by itself for an unknown station.
        if route.index(start) >= route.index(goal):
            raise ValueError(f"no train runs from {start} to {goal}")
        halts |= {start, goal}
    return [station for station in route if station in halts]


def test_stops_on_request() -> None:
    route = ["A", "B", "C", "D"]
    assert stops_on_request(route, [("B", "C"), ("C", "D")]) == ["A", "B", "C", "D"]
    assert stops_on_request(route, [("A", "C")]) == ["A", "C", "D"]
    assert stops_on_request(["A"], []) == ["A"]
    for ride in (("C", "B"), ("B", "B"), ("A", "X")):
        try:
            stops_on_request(route, [ride])
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def crowding(stations: int, rides: list[tuple[int, int]], seats: int) -> list[int]:
    """Count the travellers who must stand. Stations are numbered from 0 and each ride is (from, to); for each leg
    between a station and the next, return how many of its travellers exceed the number of seats.

    >>> crowding(4, [(0, 3), (1, 2), (1, 3)], seats=2)
    [0, 1, 0]
    >>> crowding(2, [], seats=5)
    [0]
    """
    change = [0] * stations
    for start, goal in rides:
        change[start] += 1
        change[goal] -= 1
    standing = []
    aboard = 0
    for difference in change[:-1]:
        aboard += difference
        standing.append(max(0, aboard - seats))
    return standing


def test_crowding() -> None:
    assert crowding(4, [(0, 3), (1, 2), (1, 3)], 2) == [0, 1, 0]
    assert crowding(4, [(0, 3), (1, 2), (1, 3)], 0) == [1, 3, 2]
    assert crowding(3, [(0, 1), (1, 2)], 1) == [0, 0]
    assert crowding(3, [(1, 2), (1, 2), (1, 2)], 1) == [0, 2]
    assert crowding(2, [], 5) == [0]


def average_speeds(log: list[tuple[str, float, int]]) -> list[tuple[str, float]]:
    """A train's log notes (station, kilometres from the start, minute of the day). For each leg give "A-B" and its
    mean speed in km/h, rounded to one decimal. A leg that took no time, or went back in time, makes the log
    invalid: raise a ValueError that names the leg.

    >>> average_speeds([("Ulm", 0.0, 600), ("Aulendorf", 60.0, 640), ("Lindau", 100.0, 700)])
    [('Ulm-Aulendorf', 90.0), ('Aulendorf-Lindau', 40.0)]
    >>> average_speeds([("Ulm", 0.0, 600)])
    []
    """
    speeds = []
    for (start, km_out, left), (goal, km_in, reached) in pairwise(log):
        leg = f"{start}-{goal}"
        if reached <= left:
            raise ValueError(f"impossible times for {leg}")
        speeds.append((leg, round((km_in - km_out) * 60 / (reached - left), 1)))
    return speeds


def test_average_speeds() -> None:
    assert average_speeds([("A", 0.0, 0), ("B", 10.0, 7)]) == [("A-B", 85.7)]
    assert average_speeds([("A", 5.0, 10), ("B", 6.0, 11), ("C", 9.0, 13)]) == [("A-B", 60.0), ("B-C", 90.0)]
    assert average_speeds([]) == []
    for second in (10, 9):
        try:
            average_speeds([("A", 0.0, 10), ("B", 1.0, second)])
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def platform_plan(trains: list[tuple[str, int, int]], platforms: int) -> dict[str, int] | None:
    """Assign platforms 1, 2, ... to trains (name, arrives, leaves). Serve trains by arrival time (by name when equal)
    and give each the lowest platform that is free, which it is from the very minute in which its last train leaves.
    Return None if some train finds no platform.

    >>> platform_plan([("IC1", 10, 20), ("RE2", 12, 30), ("RB3", 20, 25)], 2)
    {'IC1': 1, 'RE2': 2, 'RB3': 1}
    >>> platform_plan([("IC1", 10, 20), ("RE2", 12, 30)], 1) is None
    True
    """
    free_from = [0] * platforms
    plan = {}
    for name, arrives, leaves in sorted(trains, key=lambda train: (train[1], train[0])):
        choice = next((n for n, free in enumerate(free_from) if free <= arrives), None)
        if choice is None:
            return None
        free_from[choice] = leaves
        plan[name] = choice + 1
    return plan


def test_platform_plan() -> None:
    assert platform_plan([], 0) == {}
    assert platform_plan([("B", 5, 9), ("A", 5, 6)], 2) == {"A": 1, "B": 2}
    assert platform_plan([("A", 0, 5), ("B", 4, 6), ("C", 5, 7)], 2) == {"A": 1, "B": 2, "C": 1}
    assert platform_plan([("A", 0, 5), ("B", 4, 6), ("C", 4, 7)], 2) is None
    assert platform_plan([("A", 0, 5), ("B", 5, 6)], 1) == {"A": 1, "B": 1}
