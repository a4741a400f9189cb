"""Lists / two pointers"""

from collections import Counter, deque


def merge_mailing_lists(ours: list[str], theirs: list[str]) -> list[str]:
    """Two clubs join. Both mailing lists are sorted and free of repeats; merge them into one sorted list in a single
    pass, and keep a name that stands in both only once.

    >>> merge_mailing_lists(["amy", "cal"], ["bea", "cal", "dot"])
    ['amy', 'bea', 'cal', 'dot']
    >>> merge_mailing_lists([], ["bea"])
    ['bea']
    """
    merged = []
    left = right = 0
    while left < len(ours) and right < len(theirs):
        if ours[left] == theirs[right]:
            right += 1
        elif ours[left] < theirs[right]:
            merged.append(ours[left])
            left += 1
        else:
            merged.append(theirs[right])
            right += 1
    return merged + ours[left:] + theirs[right:]


def test_merge_mailing_lists() -> None:
    assert merge_mailing_lists(["a", "c"], ["b", "c", "d"]) == ["a", "b", "c", "d"]
    assert merge_mailing_lists(["a"], ["a"]) == ["a"]
    assert merge_mailing_lists(["x", "y"], ["a"]) == ["a", "x", "y"]
    assert merge_mailing_lists(["a", "b"], []) == ["a", "b"]
    assert merge_mailing_lists([], []) == []


def seesaw_pairs(weights: list[int], tolerance: int) -> int:
    """Children, sorted by weight, are seated in pairs on seesaws. A pair works if the weights differ by at most the
    tolerance, and each child sits only once. Greedily from the lightest on, count how many seesaws can be filled.

    >>> seesaw_pairs([20, 21, 30, 32, 33], 2)
    2
    >>> seesaw_pairs([20, 30, 40], 5)
    0
    """
    filled = 0
    place = 0
    while place + 1 < len(weights):
        if weights[place + 1] - weights[place] <= tolerance:
            filled += 1
            place += 2
        else:
            # The lighter child fits nobody: all the others are heavier still.
            place += 1
    return filled


def test_seesaw_pairs() -> None:
    assert seesaw_pairs([20, 21, 30, 32, 33], 2) == 2
    assert seesaw_pairs([20, 21, 22], 1) == 1
    assert seesaw_pairs([10, 20, 21], 1) == 1
    assert seesaw_pairs([10, 10, 10, 10], 0) == 2
    assert seesaw_pairs([], 3) == 0
    assert seesaw_pairs([7], 3) == 0


def warmest_week(temperatures: list[float], days: int = 7) -> tuple[int, float] | None:
    """Find the run of `days` days in a row with the highest mean temperature. Return the index of its first day and
    the mean, rounded to one decimal; the earliest run wins a tie, and too short a record gives None.

    >>> warmest_week([10.0, 20.0, 30.0, 10.0], days=2)
    (1, 25.0)
    >>> warmest_week([10.0], days=2) is None
    True
    """
    if len(temperatures) < days:
        return None
    total = best = sum(temperatures[:days])
    first = 0
    for day in range(days, len(temperatures)):
        # Slide: the new day enters the window and the oldest one leaves.
        total += temperatures[day] - temperatures[day - days]
        if total > best:
            best, first = total, day - days + 1
    return first, round(best / days, 1)


def test_warmest_week() -> None:
    assert warmest_week([10.0, 20.0, 30.0, 10.0], 2) == (1, 25.0)
    assert warmest_week([5.0, 5.0, 5.0], 2) == (0, 5.0)
    assert warmest_week([1.0, 2.0, 4.0], 1) == (2, 4.0)
    assert warmest_week([1.0, 2.0, 4.0], 3) == (0, 2.3)
    assert warmest_week([-5.0, -9.0, -1.0, -2.0], 2) == (2, -1.5)
    assert warmest_week([1.0] * 6) is None


def longest_playlist(tracks: list[int], limit: int) -> int:
    """A radio hour needs consecutive tracks from an album. Track lengths in seconds are positive; how many tracks
    in a row fit into the limit at most?

    >>> longest_playlist([200, 180, 240, 90, 60], 400)
    3
    >>> longest_playlist([500], 400)
    0
    """
    longest = start = playing = 0
    for end, seconds in enumerate(tracks):
        playing += seconds
        while playing > limit:
            playing -= tracks[start]
            start += 1
        longest = max(longest, end - start + 1)
    return longest


def test_longest_playlist() -> None:
    assert longest_playlist([200, 180, 240, 90, 60], 400) == 3
    assert longest_playlist([200, 200], 400) == 2
    assert longest_playlist([200, 201], 400) == 1
    assert longest_playlist([1, 2, 3, 4, 5], 9) == 3
    assert longest_playlist([], 10) == 0
    assert longest_playlist([11, 1, 11, 1, 1], 10) == 2


def shortest_tour(rooms: list[str], wanted: set[str]) -> tuple[int, int] | None:
    """A museum visitor walks along rooms that each show one style. Find the shortest stretch, as (first index, last
    index), that shows every wanted style; the earliest such stretch wins, and None means that a style is missing.

    >>> shortest_tour(["op", "pop", "dada", "op", "dada"], {"op", "dada"})
    (2, 3)
    >>> shortest_tour(["op"], {"pop"}) is None
    True
    """
    seen: Counter[str] = Counter()
    missing = len(wanted)
    best: tuple[int, int] | None = None
    first = 0
    for last, style in enumerate(rooms):
        if style in wanted:
            missing -= seen[style] == 0
            seen[style] += 1
        while wanted and missing == 0:
            if best is None or last - first < best[1] - best[0]:
                best = first, last
            if rooms[first] in wanted:
                seen[rooms[first]] -= 1
                missing += seen[rooms[first]] == 0
            first += 1
    return best


def test_shortest_tour() -> None:
    assert shortest_tour(["op", "pop", "dada", "op", "dada"], {"op", "dada"}) == (2, 3)
    assert shortest_tour(list("xaxbxc"), set("abc")) == (1, 5)
    assert shortest_tour(list("abcab"), set("abc")) == (0, 2)
    assert shortest_tour(list("aab"), {"a"}) == (0, 0)
    assert shortest_tour(list("aab"), {"z"}) is None
    assert shortest_tour([], set()) is None
    assert shortest_tour(list("aabbbca"), set("abc")) == (4, 6)


def rate_limiter(requests: list[int], most: int, window: int) -> list[bool]:
    """A server accepts at most `most` requests in any `window` seconds; refused ones do not count. Given the times
    of all requests in rising order, tell for each whether it is accepted. A request exactly `window` seconds old no
    longer counts.

    >>> rate_limiter([0, 1, 2, 10], most=2, window=10)
    [True, True, False, True]
    >>> rate_limiter([5, 5], most=1, window=1)
    [True, False]
    """
    recent: deque[int] = deque()
    verdicts = []
    for time in requests:
        while recent and time - recent[0] >= window:
            recent.popleft()
        accepted = len(recent) < most
        if accepted:
            recent.append(time)
        verdicts.append(accepted)
    return verdicts


def test_rate_limiter() -> None:
    assert rate_limiter([0, 1, 2, 10], 2, 10) == [True, True, False, True]
    assert rate_limiter([0, 1, 2, 9], 2, 10) == [True, True, False, False]
    assert rate_limiter([0, 1, 10, 10, 11], 2, 10) == [True, True, True, False, True]
    assert rate_limiter([], 2, 10) == []
    assert rate_limiter([3], 0, 10) == [False]


def quiet_nights(noise: list[int], nights: int, limit: int) -> list[int]:
    """Campers want `nights` nights in a row none of which is louder than the limit. List the indices at which such a
    stay can begin, reading the noise of each night only once.

    >>> quiet_nights([30, 20, 25, 60, 10, 10], nights=2, limit=30)
    [0, 1, 4]
    >>> quiet_nights([99], nights=1, limit=50)
    []
    """
    starts = []
    quiet_in_a_row = 0
    for night, level in enumerate(noise):
        quiet_in_a_row = quiet_in_a_row + 1 if level <= limit else 0
        if quiet_in_a_row >= nights:
            starts.append(night - nights + 1)
    return starts


def test_quiet_nights() -> None:
    assert quiet_nights([30, 20, 25, 60, 10, 10], 2, 30) == [0, 1, 4]
    assert quiet_nights([5, 5, 5], 3, 5) == [0]
    assert quiet_nights([5, 6, 5], 1, 5) == [0, 2]
    assert quiet_nights([5, 5], 3, 5) == []
    assert quiet_nights([], 1, 5) == []


def duet_partner(voices: list[int], gap: int) -> list[tuple[int, int]]:
    """Singers' pitches are given in strictly rising order. List all pairs (low, high) whose pitches are exactly
    `gap` apart, by moving two fingers along the list instead of comparing everybody with everybody.

    >>> duet_partner([1, 3, 4, 7, 8], 4)
    [(3, 7), (4, 8)]
    >>> duet_partner([1, 2], 5)
    []
    """
    pairs = []
    low = 0
    high = 1
    while high < len(voices):
        distance = voices[high] - voices[low]
        if distance == gap:
            pairs.append((voices[low], voices[high]))
        if distance <= gap:
            high += 1
        else:
            low += 1
    return pairs


def test_duet_partner() -> None:
    assert duet_partner([1, 3, 4, 7, 8], 4) == [(3, 7), (4, 8)]
    assert duet_partner([1, 2, 3], 1) == [(1, 2), (2, 3)]
    assert duet_partner([1, 9], 8) == [(1, 9)]
    assert duet_partner([5], 1) == []
    assert duet_partner([], 1) == []
    assert duet_partner([0, 10, 11, 20, 30], 10) == [(0, 10), (10, 20), (20, 30)]
