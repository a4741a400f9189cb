"""Dates and times / overlapping intervals"""

from bisect import bisect_right
from itertools import pairwise


def lights_on(motions: list[int], minutes: int) -> int:
    """The lamp in a stairwell goes on when something moves and off after `minutes` without any motion. The motions of a
    day are given as minutes since midnight, in order. For how many minutes does the lamp shine in all?

    >>> lights_on([100, 103, 200], 5)
    13
    >>> lights_on([100], 5)
    5
    """
    if not motions:
        return 0
    # Each motion adds a whole stay of light, unless the next one comes sooner and begins its own.
    return sum(min(later - earlier, minutes) for earlier, later in pairwise(motions)) + minutes


def test_lights_on() -> None:
    assert lights_on([100, 103, 200], 5) == 13
    assert lights_on([100, 105], 5) == 10
    assert lights_on([100, 106], 5) == 10
    assert lights_on([7, 7, 7], 5) == 5
    assert lights_on([], 5) == 0


def night_minutes(start: str, end: str) -> int:
    """A guard is paid extra for minutes worked between 22:00 and 06:00. A shift is given by two clock times "HH:MM";
    one whose end is not later than its start runs past midnight. Count the minutes of the shift at night.

    >>> night_minutes("20:00", "23:30")
    90
    >>> night_minutes("23:00", "07:00")
    420
    """

    def minute(clock: str) -> int:
        hours, minutes = clock.split(":")
        return 60 * int(hours) + int(minutes)

    first, last = minute(start), minute(end)
    if last <= first:
        last += 24 * 60
    # On a line of two days the nights are 0 to 6, 22 to 30 and 46 to 54 o'clock.
    nights = [(0, 6 * 60), (22 * 60, 30 * 60), (46 * 60, 54 * 60)]
    return sum(max(0, min(last, until) - max(first, since)) for since, until in nights)


def test_night_minutes() -> None:
    assert night_minutes("20:00", "23:30") == 90
    assert night_minutes("23:00", "07:00") == 420
    assert night_minutes("05:00", "23:00") == 120
    assert night_minutes("08:00", "16:00") == 0
    assert night_minutes("21:59", "22:01") == 1
    assert night_minutes("12:00", "12:00") == 480
    assert night_minutes("05:30", "04:30") == 30 + 390


def tidy_bookings(bookings: list[tuple[int, int]], cleaning: int) -> list[tuple[int, int]]:
    """A hall is booked for stretches (first minute, last minute), in any order, which may overlap. Between two bookings
    it must be cleaned; if there is less time than `cleaning` between them, they are treated as one long booking. Return
    the bookings after such joining, in order of time.

    >>> tidy_bookings([(120, 180), (0, 60), (70, 90)], 30)
    [(0, 90), (120, 180)]
    >>> tidy_bookings([(0, 100), (20, 40)], 10)
    [(0, 100)]
    """
    tidy: list[tuple[int, int]] = []
    for first, last in sorted(bookings):
        if tidy and first - tidy[-1][1] < cleaning:
            # A booking inside a longer one must not shorten it.
            tidy[-1] = (tidy[-1][0], max(tidy[-1][1], last))
        else:
            tidy.append((first, last))
    return tidy


def test_tidy_bookings() -> None:
    assert tidy_bookings([(120, 180), (0, 60), (70, 90)], 30) == [(0, 90), (120, 180)]
    assert tidy_bookings([(0, 10), (20, 30)], 10) == [(0, 10), (20, 30)]
    assert tidy_bookings([(0, 10), (20, 30)], 11) == [(0, 30)]
    assert tidy_bookings([(0, 100), (20, 40), (95, 101)], 5) == [(0, 101)]
    assert tidy_bookings([], 5) == []


def unwatched(shifts: list[tuple[int, int]], opening: int, closing: int) -> list[tuple[int, int]]:
    """A pool is open from one hour to another, and lifeguards watch it in shifts (from hour, to hour), listed in any
    order; a shift may begin before the opening or end after the closing. List the stretches of the opening hours during
    which nobody watches.

    >>> unwatched([(9, 12), (14, 20)], 8, 18)
    [(8, 9), (12, 14)]
    >>> unwatched([(6, 13), (12, 18)], 8, 18)
    []
    """
    gaps = []
    watched_until = opening
    for start, end in sorted(shifts):
        if watched_until < min(start, closing):
            gaps.append((watched_until, min(start, closing)))
        watched_until = max(watched_until, end)
    if watched_until < closing:
        gaps.append((watched_until, closing))
    return gaps


def test_unwatched() -> None:
    assert unwatched([(14, 20), (9, 12)], 8, 18) == [(8, 9), (12, 14)]
    assert unwatched([], 8, 18) == [(8, 18)]
    assert unwatched([(9, 17), (10, 11), (16, 17)], 8, 18) == [(8, 9), (17, 18)]
    assert unwatched([(2, 5), (20, 22)], 8, 18) == [(8, 18)]
    assert unwatched([(8, 10), (10, 18)], 8, 18) == []


def watering_days(plants: dict[str, tuple[int, int]]) -> list[int]:
    """Each plant must be watered on one day of its window (first day, last day), both included. On a watering day the
    neighbour waters all plants. Choose as few days as possible, and each of them as late as possible.

    >>> watering_days({"fern": (1, 4), "lily": (3, 6), "cactus": (9, 30)})
    [4, 30]
    >>> watering_days({})
    []
    """
    days: list[int] = []
    # The plant whose window closes first cannot wait any longer; its last day serves as many others as any day would.
    for first, last in sorted(plants.values(), key=lambda window: window[1]):
        if not days or days[-1] < first:
            days.append(last)
    return days


def test_watering_days() -> None:
    assert watering_days({"a": (1, 4), "b": (4, 6)}) == [4]
    assert watering_days({"a": (1, 3), "b": (4, 6)}) == [3, 6]
    assert watering_days({"a": (1, 9), "b": (2, 3), "c": (5, 6), "d": (6, 8)}) == [3, 6]
    assert watering_days({"a": (2, 2), "b": (2, 2)}) == [2]
    assert watering_days({"a": (1, 10), "b": (1, 2), "c": (8, 9)}) == [2, 9]


def first_rehearsal(calendars: list[list[tuple[int, int]]], length: int, until: int) -> tuple[int, int] | None:
    """A string quartet looks for a time to play. Each player's calendar lists busy stretches (from, to) in minutes of
    the day, in any order. Find the earliest stretch of `length` minutes, not before minute 0 and ending by `until`, in
    which nobody is busy; None means that there is none. Being busy until a minute leaves that minute free.

    >>> first_rehearsal([[(0, 60)], [(100, 200)]], 40, until=600)
    (60, 100)
    >>> first_rehearsal([[(0, 60)], [(100, 200)]], 60, until=240) is None
    True
    """
    start = 0
    for busy_from, busy_to in sorted(busy for calendar in calendars for busy in calendar):
        if busy_from - start >= length:
            break
        start = max(start, busy_to)
    return (start, start + length) if start + length <= until else None


def test_first_rehearsal() -> None:
    assert first_rehearsal([[(0, 60)], [(100, 200)]], 40, 600) == (60, 100)
    assert first_rehearsal([[(0, 60)], [(100, 200)]], 41, 600) == (200, 241)
    assert first_rehearsal([[(50, 60), (0, 10)], [(5, 55)]], 30, 90) == (60, 90)
    assert first_rehearsal([[(50, 60), (0, 10)], [(5, 55)]], 31, 90) is None
    assert first_rehearsal([[(30, 90)], []], 30, 600) == (0, 30)
    assert first_rehearsal([[(0, 100), (10, 20)]], 5, 200) == (100, 105)


def visible_paint(strokes: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Painters work on one long wall. Each stroke (from, to, colour) covers the metres from `from` up to `to`, and lies
    over whatever was there. List what can be seen in the end, from left to right, as stretches (from, to, colour):
    bare wall is left out, and stretches of one colour that touch are joined.

    >>> visible_paint([(0, 10, "red"), (4, 6, "blue")])
    [(0, 4, 'red'), (4, 6, 'blue'), (6, 10, 'red')]
    >>> visible_paint([(0, 3, "red"), (3, 5, "red")])
    [(0, 5, 'red')]
    """
    edges = sorted({edge for start, end, _ in strokes for edge in (start, end)})
    seen: list[tuple[int, int, str]] = []
    for start, end in pairwise(edges):
        # Between two edges nothing changes, so the last stroke that covers this piece decides.
        covering = [colour for first, last, colour in strokes if first <= start and end <= last]
        if not covering:
            continue
        if seen and seen[-1][1:] == (start, covering[-1]):
            seen[-1] = (seen[-1][0], end, covering[-1])
        else:
            seen.append((start, end, covering[-1]))
    return seen


def test_visible_paint() -> None:
    assert visible_paint([(0, 10, "r"), (4, 6, "b")]) == [(0, 4, "r"), (4, 6, "b"), (6, 10, "r")]
    assert visible_paint([(4, 6, "b"), (0, 10, "r")]) == [(0, 10, "r")]
    assert visible_paint([(0, 2, "r"), (5, 7, "r")]) == [(0, 2, "r"), (5, 7, "r")]
    assert visible_paint([(0, 4, "r"), (2, 6, "b"), (3, 5, "r")]) == [
        (0, 2, "r"),
        (2, 3, "b"),
        (3, 5, "r"),
        (5, 6, "b"),
    ]
    assert visible_paint([(0, 4, "r"), (2, 6, "r")]) == [(0, 6, "r")]
    assert visible_paint([]) == []


def best_gigs(gigs: list[tuple[int, int, int]]) -> int:
    """A band is offered gigs (start, end, fee) and can play only one at a time; one may begin the moment another ends.
    Return the largest sum of fees that can be earned. Taking the best paid gig first is not always right: two cheap
    ones may be worth more than the dear one that overlaps both.

    >>> best_gigs([(1, 9, 100), (1, 4, 60), (5, 9, 60)])
    120
    >>> best_gigs([(1, 5, 10), (4, 9, 11)])
    11
    """
    by_end = sorted(gigs, key=lambda gig: gig[1])
    ends = [end for _, end, _ in by_end]
    earned = [0]  # earned[n]: the best that the first n gigs allow
    for number, (start, _, fee) in enumerate(by_end):
        over_by_then = bisect_right(ends, start, hi=number)
        earned.append(max(earned[number], earned[over_by_then] + fee))
    return earned[-1]


def test_best_gigs() -> None:
    assert best_gigs([(1, 9, 100), (1, 4, 60), (5, 9, 60)]) == 120
    assert best_gigs([(1, 9, 130), (1, 4, 60), (5, 9, 60)]) == 130
    assert best_gigs([(1, 4, 10), (4, 6, 10)]) == 20
    assert best_gigs([(1, 5, 10), (4, 9, 11)]) == 11
    assert best_gigs([(0, 3, 5), (2, 5, 9), (4, 7, 5), (6, 9, 1)]) == 10
    assert best_gigs([]) == 0


class PagesRead:
    """An electronic book notes which pages were read, in whatever order. `read(first, last)` marks pages, both
    included, `page in book` asks for one of them, `len(book)` counts them, and `str(book)` shows them in short, such as
    "1-5, 9". The ranges are kept apart and in order, so that a thousand pages cost no more than one.

    >>> book = PagesRead()
    >>> book.read(1, 3); book.read(9, 9); book.read(4, 5)
    >>> str(book), len(book)
    ('1-5, 9', 6)
    >>> 4 in book, 6 in book
    (True, False)
    """

    def __init__(self) -> None:
        self.ranges: list[tuple[int, int]] = []

    def read(self, first: int, last: int) -> None:
        apart = []
        for start, end in self.ranges:
            # Ranges that touch, such as 1-3 and 4-5, become one.
            if end + 1 < first or last + 1 < start:
                apart.append((start, end))
            else:
                first, last = min(first, start), max(last, end)
        self.ranges = sorted([*apart, (first, last)])

    def __contains__(self, page: int) -> bool:
        return any(start <= page <= end for start, end in self.ranges)

    def __len__(self) -> int:
        return sum(end - start + 1 for start, end in self.ranges)

    def __str__(self) -> str:
        return ", ".join(f"{start}-{end}" if start < end else str(start) for start, end in self.ranges)


def test_PagesRead() -> None:
    book = PagesRead()
    assert (str(book), len(book), 1 in book) == ("", 0, False)
    book.read(10, 20)
    book.read(1, 3)
    assert str(book) == "1-3, 10-20"
    book.read(5, 5)
    assert str(book) == "1-3, 5, 10-20"
    book.read(4, 4)
    assert (str(book), len(book)) == ("1-5, 10-20", 16)
    book.read(2, 30)
    assert (str(book), 30 in book, 31 in book, 1 in book) == ("1-30", True, False, True)
    book.read(12, 13)
    assert len(book) == 30
