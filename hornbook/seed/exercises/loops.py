"""Loops"""


def snail_days(wall: int, up: int, down: int) -> int | None:
    """A snail climbs a wall of some centimetres. By day it gains `up`, and each night it slips back by `down`, but
    not once it has reached the top. On which day does it arrive? A wall of 0 takes 0 days; None means never.

    >>> snail_days(10, up=4, down=1)
    3
    >>> snail_days(10, up=2, down=2) is None
    True
    """
    height = 0
    day = 0
    while height < wall:
        day += 1
        height += up
        if height >= wall:
            break
        if up <= down:
            return None
        height -= down
    return day


def test_snail_days() -> None:
    assert snail_days(10, 4, 1) == 3
    assert snail_days(10, 10, 99) == 1
    assert snail_days(11, 4, 1) == 4
    assert snail_days(0, 1, 1) == 0
    assert snail_days(10, 2, 2) is None
    assert snail_days(7, 4, 1) == 2


def lawn_stripes(width: int, mower: int) -> list[tuple[int, int]]:
    """A gardener mows a lawn in stripes as wide as the mower. The last stripe overlaps the one before it if need be,
    so that the mower never leaves the lawn. List the stripes as (from, to) in centimetres; a lawn narrower than the
    mower is a ValueError.

    >>> lawn_stripes(100, 40)
    [(0, 40), (40, 80), (60, 100)]
    >>> lawn_stripes(80, 40)
    [(0, 40), (40, 80)]
    """
    if width < mower:
        raise ValueError("the mower is too wide")
    stripes = []
    left = 0
    while left + mower < width:
        stripes.append((left, left + mower))
        left += mower
    stripes.append((width - mower, width))
    return stripes


def test_lawn_stripes() -> None:
    assert lawn_stripes(100, 40) == [(0, 40), (40, 80), (60, 100)]
    assert lawn_stripes(40, 40) == [(0, 40)]
    assert lawn_stripes(41, 40) == [(0, 40), (1, 41)]
    assert lawn_stripes(120, 40) == [(0, 40), (40, 80), (80, 120)]
    try:
        lawn_stripes(39, 40)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def countdown_song(bottles: int) -> list[str]:
    """Write the lines of a song: from the given number down to 1, each line says "N crows on a fence, one flies
    away", with "1 crow" in the singular, and a last line says "no crows on a fence".

    >>> countdown_song(2)
    ['2 crows on a fence, one flies away', '1 crow on a fence, one flies away', 'no crows on a fence']
    >>> countdown_song(0)
    ['no crows on a fence']
    """
    lines = []
    for count in range(bottles, 0, -1):
        noun = "crow" if count == 1 else "crows"
        lines.append(f"{count} {noun} on a fence, one flies away")
    lines.append("no crows on a fence")
    return lines


def test_countdown_song() -> None:
    assert countdown_song(0) == ["no crows on a fence"]
    assert countdown_song(1)[0] == "1 crow on a fence, one flies away"
    assert len(countdown_song(12)) == 13
    assert countdown_song(12)[0].startswith("12 crows")
    assert countdown_song(3)[1:3] == ["2 crows on a fence, one flies away", "1 crow on a fence, one flies away"]


def bus_driver(capacity: int, stops: list[tuple[int, int]]) -> tuple[int, int]:
    """At each stop first some passengers leave, then some want to get on; when the bus is full the others stay
    behind. Given (leaving, waiting) for each stop, return how many ride at the end and how many were left behind in
    all. If more leave than are aboard, the list is wrong: raise a ValueError.

    >>> bus_driver(10, [(0, 7), (2, 9)])
    (10, 4)
    >>> bus_driver(5, [])
    (0, 0)
    """
    aboard = 0
    left_behind = 0
    for leaving, waiting in stops:
        if leaving > aboard:
            raise ValueError("more passengers leave than ride")
        aboard -= leaving
        boarding = min(waiting, capacity - aboard)
        aboard += boarding
        left_behind += waiting - boarding
    return aboard, left_behind


def test_bus_driver() -> None:
    assert bus_driver(10, [(0, 7), (2, 9)]) == (10, 4)
    assert bus_driver(10, [(0, 10), (10, 0)]) == (0, 0)
    assert bus_driver(1, [(0, 3), (1, 3), (0, 1)]) == (1, 5)
    assert bus_driver(8, [(0, 5), (3, 4)]) == (6, 0)
    try:
        bus_driver(10, [(0, 3), (4, 0)])
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def drum_pattern(length: int, every: dict[str, int]) -> str:
    """A drum machine plays each drum on every k-th beat, starting with beat 0. Write one letter for each beat: the
    drum's letter, "-" for silence, and "*" where two or more drums meet.

    >>> drum_pattern(7, {"b": 2, "s": 3})
    '*-bsb-*'
    >>> drum_pattern(3, {})
    '---'
    """
    pattern = ""
    for beat in range(length):
        hits = [drum for drum, period in every.items() if beat % period == 0]
        if len(hits) > 1:
            pattern += "*"
        elif hits:
            pattern += hits[0]
        else:
            pattern += "-"
    return pattern


def test_drum_pattern() -> None:
    assert drum_pattern(7, {"b": 2, "s": 3}) == "*-bsb-*"
    assert drum_pattern(5, {"x": 4}) == "x---x"
    assert drum_pattern(4, {"a": 1, "b": 2, "c": 2}) == "*a*a"
    assert drum_pattern(0, {"a": 1}) == ""
    assert drum_pattern(3, {}) == "---"


def sparrow_census(counts: list[int], wanted: int) -> int | None:
    """Bird watchers count sparrows day after day and stop on the first day on which the total of the last three days
    (or fewer, at the beginning) reaches the wanted number. Return that day, counted from 1, or None.

    >>> sparrow_census([2, 5, 1, 6, 0], 12)
    4
    >>> sparrow_census([1, 1], 3) is None
    True
    """
    for day in range(1, len(counts) + 1):
        if sum(counts[max(0, day - 3) : day]) >= wanted:
            return day
    return None


def test_sparrow_census() -> None:
    assert sparrow_census([2, 5, 1, 6, 0], 12) == 4
    assert sparrow_census([2, 5, 1, 6, 0], 13) is None
    assert sparrow_census([9], 9) == 1
    assert sparrow_census([3, 3, 3, 3], 10) is None
    assert sparrow_census([3, 3, 3, 3], 9) == 3
    assert sparrow_census([], 1) is None


def bouncing_ball(height: float, bounce: float, window: float) -> int:
    """A ball falls from a height and rises after each bounce to a fixed share of its last height. A neighbour looks
    out of a window at some height. How often does the ball pass the window, falling and rising? It passes only when
    it starts above the window; a share of 1 or more, or below 0, is a ValueError.

    >>> bouncing_ball(3.0, 0.5, 1.0)
    3
    >>> bouncing_ball(1.0, 0.5, 1.0)
    0
    """
    if not 0 <= bounce < 1:
        raise ValueError("no such ball exists")
    passes = 0
    while height > window:
        # It falls past the window, and rises past it again only if the next height is above.
        passes += 1
        height *= bounce
        if height > window:
            passes += 1
    return passes


def test_bouncing_ball() -> None:
    assert bouncing_ball(3.0, 0.5, 1.0) == 3
    assert bouncing_ball(2.0, 0.5, 1.0) == 1
    assert bouncing_ball(9.0, 0.5, 1.0) == 7
    assert bouncing_ball(1.0, 0.5, 1.0) == 0
    assert bouncing_ball(5.0, 0, 1.0) == 1
    for wrong in (1.0, -0.1):
        try:
            bouncing_ball(5.0, wrong, 1.0)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")
