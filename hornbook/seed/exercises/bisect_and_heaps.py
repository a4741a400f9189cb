"""Heaps"""

import heapq
from bisect import bisect_left, bisect_right


def parcel_zone(kilometres: int, borders: list[int]) -> str:
    """A courier has zones A, B, C ... around the depot, with one border between each two of them, in rising order. A
    house that lies exactly on a border belongs to the nearer zone. A parcel costs 4 euros in zone A and 3 more in each
    further zone. Name the zone of a house and the price.

    >>> parcel_zone(12, [5, 20])
    'B: 7 euros'
    >>> parcel_zone(20, [5, 20]), parcel_zone(21, [5, 20])
    ('B: 7 euros', 'C: 10 euros')
    """
    # bisect_left counts the borders that lie strictly nearer than the house.
    crossed = bisect_left(borders, kilometres)
    return f"{chr(ord('A') + crossed)}: {4 + 3 * crossed} euros"


def test_parcel_zone() -> None:
    assert parcel_zone(0, [5, 20]) == "A: 4 euros"
    assert parcel_zone(5, [5, 20]) == "A: 4 euros"
    assert parcel_zone(6, [5, 20]) == "B: 7 euros"
    assert parcel_zone(999, [1, 2, 3]) == "D: 13 euros"
    assert parcel_zone(7, []) == "A: 4 euros"


def riders_allowed(heights: list[int], smallest: int, tallest: int) -> int:
    """A school class stands in line, sorted by height. The ghost train takes children from `smallest` to `tallest`
    centimetres, both included. How many may ride? Two binary searches answer that without looking at every child.

    >>> riders_allowed([98, 110, 110, 125, 140], 110, 130)
    3
    >>> riders_allowed([98, 140], 110, 130)
    0
    """
    return bisect_right(heights, tallest) - bisect_left(heights, smallest)


def test_riders_allowed() -> None:
    assert riders_allowed([98, 110, 110, 125, 140], 110, 140) == 4
    assert riders_allowed([98, 110, 110, 125, 140], 111, 124) == 0
    assert riders_allowed([110, 110, 110], 110, 110) == 3
    assert riders_allowed([90, 91], 100, 200) == 0
    assert riders_allowed([], 100, 200) == 0


def price_on(changes: list[tuple[str, int]], day: str) -> int | None:
    """A bakery writes down each new price of its rolls as (day, cents), days as "YYYY-MM-DD" and in order of time. The
    price holds from that day until the next change. Look up what a roll cost on a day; before the first entry nobody
    knows, which is None.

    >>> price_on([("2021-05-01", 30), ("2023-01-01", 45)], "2022-12-31")
    30
    >>> price_on([("2021-05-01", 30)], "1999-01-01") is None
    True
    """
    # Dates written year first sort like text, so no date arithmetic is needed.
    place = bisect_right(changes, day, key=lambda change: change[0])
    return changes[place - 1][1] if place else None


def test_price_on() -> None:
    changes = [("2021-05-01", 30), ("2023-01-01", 45), ("2023-11-15", 50)]
    assert price_on(changes, "2021-04-30") is None
    assert price_on(changes, "2021-05-01") == 30
    assert price_on(changes, "2023-01-01") == 45
    assert price_on(changes, "2023-11-14") == 45
    assert price_on(changes, "2030-01-01") == 50
    assert price_on([], "2030-01-01") is None


def join_garlands(lengths: list[int]) -> int:
    """Paper garlands are glued together two at a time until one is left. Gluing two of them takes as many minutes as
    the new garland is long in metres, so short ones should come first. Return the least total number of minutes.

    >>> join_garlands([1, 2, 3])
    9
    >>> join_garlands([8])
    0
    """
    heap = list(lengths)
    heapq.heapify(heap)
    minutes = 0
    while len(heap) > 1:
        glued = heapq.heappop(heap) + heapq.heappop(heap)
        minutes += glued
        heapq.heappush(heap, glued)
    return minutes


def test_join_garlands() -> None:
    assert join_garlands([1, 2, 3]) == 9
    assert join_garlands([3, 2, 1]) == 9
    assert join_garlands([5, 5, 5, 5]) == 40
    assert join_garlands([10, 1, 1, 1]) == 18
    assert join_garlands([]) == 0


def checkout_waits(customers: list[tuple[int, int]], tills: int) -> list[int]:
    """Customers come to the tills as (second of arrival, seconds needed), in order of arrival. Each of them goes to
    the till that gets free first. Return how long each one stands waiting before being served.

    >>> checkout_waits([(0, 60), (10, 30), (20, 5)], tills=2)
    [0, 0, 20]
    >>> checkout_waits([(0, 60), (10, 30)], tills=1)
    [0, 50]
    """
    free_at = [0] * tills  # a list of equal numbers is a heap already
    waits = []
    for arrival, needed in customers:
        start = max(arrival, free_at[0])
        waits.append(start - arrival)
        heapq.heapreplace(free_at, start + needed)
    return waits


def test_checkout_waits() -> None:
    assert checkout_waits([(0, 60), (10, 30), (20, 5)], 2) == [0, 0, 20]
    assert checkout_waits([(0, 10), (10, 10), (15, 10)], 1) == [0, 0, 5]
    assert checkout_waits([(0, 9), (0, 9), (0, 9)], 3) == [0, 0, 0]
    assert checkout_waits([(0, 9), (0, 5), (0, 3), (0, 1)], 2) == [0, 0, 5, 8]
    assert checkout_waits([], 2) == []


def beeping_timers(periods: dict[str, int], beeps: int) -> list[tuple[int, str]]:
    """Several kitchen timers are started together, and each beeps again and again after its own period in minutes.
    Write down the first `beeps` beeps as (minute, timer); timers that beep in the same minute go by their names.

    >>> beeping_timers({"soup": 5, "tea": 3}, 4)
    [(3, 'tea'), (5, 'soup'), (6, 'tea'), (9, 'tea')]
    >>> beeping_timers({"tea": 3}, 2)
    [(3, 'tea'), (6, 'tea')]
    """
    heap = [(period, name) for name, period in periods.items()]
    heapq.heapify(heap)
    heard = []
    for _ in range(beeps):
        minute, name = heap[0]
        heard.append((minute, name))
        heapq.heapreplace(heap, (minute + periods[name], name))
    return heard


def test_beeping_timers() -> None:
    assert beeping_timers({"b": 2, "a": 2}, 3) == [(2, "a"), (2, "b"), (4, "a")]
    assert beeping_timers({"x": 10, "y": 4}, 4) == [(4, "y"), (8, "y"), (10, "x"), (12, "y")]
    assert beeping_timers({"x": 3, "y": 2}, 5)[-2:] == [(6, "x"), (6, "y")]
    assert beeping_timers({"x": 3, "y": 2}, 4) == [(2, "y"), (3, "x"), (4, "y"), (6, "x")]
    assert beeping_timers({"x": 1}, 0) == []


def vet_order(arrivals: list[tuple[int, str, int]], minutes: int) -> list[tuple[int, str]]:
    """A vet treats one animal at a time, `minutes` for each. Animals come as (minute, name, urgency), in order of
    time. When the vet is free, the most urgent animal in the waiting room is next, and of equally urgent ones that
    which has waited longest. Return (minute of treatment, name) for each, in the order of treatment.

    >>> vet_order([(0, "Rex", 1), (5, "Tom", 1), (8, "Ada", 9)], 10)
    [(0, 'Rex'), (10, 'Ada'), (20, 'Tom')]
    >>> vet_order([(3, "Rex", 1), (40, "Tom", 1)], 10)
    [(3, 'Rex'), (40, 'Tom')]
    """
    waiting: list[tuple[int, int, str]] = []
    treated = []
    now = place = 0
    while place < len(arrivals) or waiting:
        if not waiting:
            now = max(now, arrivals[place][0])
        while place < len(arrivals) and arrivals[place][0] <= now:
            # heapq gives out the smallest first, so the urgency is stored with a minus.
            heapq.heappush(waiting, (-arrivals[place][2], place, arrivals[place][1]))
            place += 1
        treated.append((now, heapq.heappop(waiting)[2]))
        now += minutes
    return treated


def test_vet_order() -> None:
    assert vet_order([(0, "a", 1), (0, "b", 5), (0, "c", 5)], 7) == [(0, "b"), (7, "c"), (14, "a")]
    assert vet_order([(0, "a", 1), (1, "b", 1), (2, "c", 2)], 2) == [(0, "a"), (2, "c"), (4, "b")]
    assert vet_order([(4, "a", 1), (20, "b", 1)], 3) == [(4, "a"), (20, "b")]
    assert vet_order([(0, "z", 1), (1, "y", 1), (2, "x", 1)], 5) == [(0, "z"), (5, "y"), (10, "x")]
    assert vet_order([], 5) == []


def refuel_stops(tank: int, goal: int, stations: list[tuple[int, int]]) -> int | None:
    """A scooter has fuel for `tank` kilometres and wants to go `goal` kilometres. Stations on the way, in order, are
    (kilometre, fuel for how many kilometres); stopping takes all of their fuel. Return the least number of stops, or
    None if the scooter cannot arrive. (Think backwards: stop only when you would run dry, and then "have stopped" at
    the richest station already passed.)

    >>> refuel_stops(10, 30, [(5, 10), (8, 25)])
    1
    >>> refuel_stops(10, 30, [(11, 99)]) is None
    True
    """
    passed: list[int] = []
    stops = place = 0
    reach = tank
    while reach < goal:
        while place < len(stations) and stations[place][0] <= reach:
            heapq.heappush(passed, -stations[place][1])
            place += 1
        if not passed:
            return None
        reach -= heapq.heappop(passed)
        stops += 1
    return stops


def test_refuel_stops() -> None:
    assert refuel_stops(10, 10, []) == 0
    assert refuel_stops(10, 30, [(5, 10), (8, 25)]) == 1
    assert refuel_stops(10, 30, [(5, 10), (10, 10)]) == 2
    assert refuel_stops(10, 60, [(10, 30), (20, 5), (30, 15), (40, 10)]) == 3
    assert refuel_stops(10, 30, [(11, 99)]) is None
    assert refuel_stops(1, 4, [(1, 1), (2, 1)]) is None


class MiddleTip:
    """A waiter is curious about the middle one of all tips so far: half of them are at least as high, half at most.
    `add(cents)` notes a tip, and `middle()` gives the middle one, of two the lower; before the first tip it is None.
    Two heaps keep both calls fast: one for the lower half, one for the upper.

    >>> tips = MiddleTip()
    >>> for cents in (50, 500, 100):
    ...     tips.add(cents)
    >>> tips.middle()
    100
    >>> tips.add(20)
    >>> tips.middle()
    50
    """

    def __init__(self) -> None:
        self.lower: list[int] = []  # negative, so that the highest of them comes first
        self.upper: list[int] = []

    def add(self, cents: int) -> None:
        # Through the lower half into the upper one: so what goes up is the highest of the lower half.
        heapq.heappush(self.upper, -heapq.heappushpop(self.lower, -cents))
        if len(self.upper) > len(self.lower):
            heapq.heappush(self.lower, -heapq.heappop(self.upper))

    def middle(self) -> int | None:
        return -self.lower[0] if self.lower else None


def test_MiddleTip() -> None:
    tips = MiddleTip()
    assert tips.middle() is None
    seen = []
    for cents in (5, 3, 8, 1, 9, 9):
        tips.add(cents)
        seen.append(tips.middle())
    assert seen == [5, 3, 5, 3, 5, 5]
    tips.add(100)
    assert tips.middle() == 8
    tips.add(0)
    assert tips.middle() == 5
