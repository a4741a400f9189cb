"""Dynamic programming"""

from functools import cache


def beach_passes(days: list[int], day_price: int, week_price: int) -> int:
    """A holiday-maker goes to the beach on the given days (numbers in rising order). A day pass holds for one day, a
    week pass for seven days in a row. What is the least that the passes can cost?

    >>> beach_passes([1, 2, 3, 4], day_price=3, week_price=10)
    10
    >>> beach_passes([1, 8, 15], day_price=3, week_price=10)
    9
    """
    cheapest = [0]  # cheapest[n]: the price of the first n days at the beach
    covered = 0
    for number, day in enumerate(days, start=1):
        # A week pass that ends today covers all beach days after day - 7.
        while days[covered] <= day - 7:
            covered += 1
        cheapest.append(min(cheapest[number - 1] + day_price, cheapest[covered] + week_price))
    return cheapest[-1]


def test_beach_passes() -> None:
    assert beach_passes([1, 2, 3, 4], 3, 10) == 10
    assert beach_passes([1, 2, 3], 3, 10) == 9
    assert beach_passes([1, 3, 5, 7, 8], 3, 10) == 13
    assert beach_passes([1, 7, 8, 14], 6, 10) == 20
    assert beach_passes([5], 12, 10) == 10
    assert beach_passes([], 3, 10) == 0


def fair_shares(marbles: list[int]) -> int:
    """Twins inherit bags of marbles and may not open them. They share out the bags as fairly as they can. Return how
    many marbles more one of them gets than the other.

    >>> fair_shares([5, 3, 2])
    0
    >>> fair_shares([10, 1, 2])
    7
    """
    reachable = {0}  # what one of the twins may own
    for bag in marbles:
        reachable |= {owned + bag for owned in reachable}
    total = sum(marbles)
    return min(abs(total - 2 * owned) for owned in reachable)


def test_fair_shares() -> None:
    assert fair_shares([4, 4]) == 0
    assert fair_shares([9]) == 9
    assert fair_shares([3, 3, 2, 2, 2]) == 0
    assert fair_shares([7, 7, 7]) == 7
    assert fair_shares([8, 6, 5, 4]) == 1
    assert fair_shares([]) == 0


def fewest_stamps(postage: int, values: list[int]) -> list[int] | None:
    """A letter needs stamps for exactly `postage` cents. Stamps of the given values are there in any number. Return
    the fewest stamps that do it, the highest value first; of several such choices take the one with the higher first
    stamps. None means that it cannot be done. Beware: always taking the highest stamp that fits is not the answer.

    >>> fewest_stamps(60, [50, 30, 1])
    [30, 30]
    >>> fewest_stamps(7, [5, 3]) is None
    True
    """
    best: list[list[int] | None] = [[]]
    for amount in range(1, postage + 1):
        choice: list[int] | None = None
        for stamp in sorted(values):
            rest = best[amount - stamp] if stamp <= amount else None
            if rest is not None:
                stamps = sorted([stamp, *rest], reverse=True)
                if choice is None or (-len(stamps), stamps) > (-len(choice), choice):
                    choice = stamps
        best.append(choice)
    return best[postage]


def test_fewest_stamps() -> None:
    assert fewest_stamps(60, [50, 30, 1]) == [30, 30]
    assert fewest_stamps(80, [50, 30, 1]) == [50, 30]
    assert fewest_stamps(8, [7, 4, 1]) == [7, 1]
    assert fewest_stamps(0, [5]) == []
    assert fewest_stamps(7, [5, 3]) is None
    assert fewest_stamps(9, [6, 4, 3]) == [6, 3]


def split_hashtag(tag: str, words: set[str]) -> list[str] | None:
    """Hashtags run words together: "#lastnightinparis". Split such a tag into words that are all in the given set,
    using as few of them as possible; among equals choose the longest first word, then the longest second word, and so
    on. Return None if it cannot be done.

    >>> split_hashtag("#nowherefast", {"now", "here", "nowhere", "fast"})
    ['nowhere', 'fast']
    >>> split_hashtag("#fasting", {"fast"}) is None
    True
    """
    text = tag.removeprefix("#")
    # best[start] is the answer for text[start:]; it is filled from the end, where nothing is left to be split.
    best: list[list[str] | None] = [None] * len(text) + [[]]
    for start in reversed(range(len(text))):
        for end in range(len(text), start, -1):
            rest = best[end]
            if text[start:end] not in words or rest is None:
                continue
            known = best[start]
            if known is None or len(rest) + 1 < len(known):
                best[start] = [text[start:end], *rest]
    return best[0]


def test_split_hashtag() -> None:
    words = {"now", "here", "nowhere", "fast", "h", "ere", "nowh"}
    assert split_hashtag("#nowherefast", words) == ["nowhere", "fast"]
    assert split_hashtag("#nowhere", words - {"nowhere"}) == ["nowh", "ere"]
    assert split_hashtag("#fastfast", words) == ["fast", "fast"]
    assert split_hashtag("#fastx", words) is None
    assert split_hashtag("#", words) == []
    assert split_hashtag("#aaab", {"a", "aa", "ab", "aab"}) == ["aa", "ab"]


def paint_fence(costs: list[dict[str, int]]) -> list[str]:
    """Neighbours paint their fences, and no two next to each other may choose the same colour. For each fence the
    price of each colour is given. Return the colours that make the whole street cheapest. Only one street is cheapest
    in what you are given.

    >>> paint_fence([{"red": 5, "blue": 6}, {"red": 1, "blue": 9}])
    ['blue', 'red']
    >>> paint_fence([{"red": 5, "blue": 6}])
    ['red']
    """
    streets: dict[str, tuple[int, list[str]]] = {"": (0, [])}  # by the colour of the last fence painted
    for prices in costs:
        longer: dict[str, tuple[int, list[str]]] = {}
        for colour, price in prices.items():
            before = [street for last, street in streets.items() if last != colour]
            if before:
                total, colours = min(before)
                longer[colour] = (total + price, [*colours, colour])
        streets = longer
    return min(streets.values())[1]


def test_paint_fence() -> None:
    assert paint_fence([{"red": 5, "blue": 6}, {"red": 1, "blue": 9}]) == ["blue", "red"]
    wild = {"r": 1, "g": 2, "b": 9}
    assert paint_fence([wild, {"r": 1, "g": 5, "b": 9}, wild]) == ["g", "r", "g"]
    assert paint_fence([wild, {"r": 4, "g": 1, "b": 9}, wild]) == ["r", "g", "r"]
    assert paint_fence([{"r": 9, "g": 1}, {"r": 9, "g": 1}, {"r": 9, "g": 1}]) == ["g", "r", "g"]
    assert paint_fence([]) == []
    assert paint_fence([{"r": 4, "g": 3, "b": 7}]) == ["g"]


def sweets_duel(row: list[int]) -> int:
    """Two children take turns. Whoever is next takes the bag of sweets at the left or the right end of a row of bags,
    and keeps it. Both play as well as possible. By how many sweets does the child that begins end up ahead? (A
    negative answer means that the other one wins.)

    >>> sweets_duel([3, 9, 1, 2])
    7
    >>> sweets_duel([1, 10, 1])
    -8
    """

    @cache
    def lead(left: int, right: int) -> int:
        if left > right:
            return 0
        # The lead of whoever plays next counts against the one who plays now.
        return max(row[left] - lead(left + 1, right), row[right] - lead(left, right - 1))

    return lead(0, len(row) - 1)


def test_sweets_duel() -> None:
    assert sweets_duel([]) == 0
    assert sweets_duel([6]) == 6
    assert sweets_duel([2, 5]) == 3
    assert sweets_duel([1, 10, 1]) == -8
    assert sweets_duel([3, 9, 1, 2]) == 7
    assert sweets_duel([4, 4, 4, 4]) == 0


def drop_tests(floors: int, phones: int) -> int:
    """A phone maker wants to know from which floor a phone case breaks. Dropping a phone tells whether it survives;
    a broken phone cannot be dropped again. With so many phones, how many drops are enough in the worst case to find
    the highest safe floor of a house, which may be the ground, floor 0?

    >>> drop_tests(10, phones=1)
    10
    >>> drop_tests(10, phones=2)
    4
    """
    # Turned round: with d drops and p phones one can settle sum[p] floors, because after a drop from the best floor
    # either fewer drops and one phone less are left for those below, or fewer drops for those above.
    settled = [0] * (phones + 1)
    drops = 0
    while settled[phones] < floors:
        drops += 1
        for count in range(phones, 0, -1):
            settled[count] += settled[count - 1] + 1
    return drops


def test_drop_tests() -> None:
    assert drop_tests(0, 3) == 0
    assert drop_tests(1, 1) == 1
    assert drop_tests(6, 2) == 3
    assert drop_tests(7, 2) == 4
    assert drop_tests(100, 2) == 14
    assert drop_tests(7, 3) == 3
    assert drop_tests(8, 3) == 4


def even_lines(words: list[str], width: int) -> list[str]:
    """Set a paragraph so that its right edge is as even as possible. Words stay in order, with one space between, and
    no line is longer than `width`. Each line but the last is charged the square of the room that it leaves; make the
    sum of the charges least. A word that is longer than the width is a ValueError. Only one choice is best in what you
    are given.

    >>> even_lines(["a", "fat", "cat", "naps", "here"], 9)
    ['a fat cat', 'naps here']
    >>> even_lines(["aaa", "bb", "cc", "ddddd"], 6)
    ['aaa', 'bb cc', 'ddddd']
    """
    if any(len(word) > width for word in words):
        raise ValueError(f"a word is longer than {width}")

    @cache
    def best(start: int) -> tuple[int, tuple[str, ...]]:
        if start == len(words):
            return 0, ()
        choices = []
        for end in range(start + 1, len(words) + 1):
            line = " ".join(words[start:end])
            if len(line) > width:
                break
            rest, lines = best(end)
            charge = 0 if end == len(words) else (width - len(line)) ** 2
            choices.append((charge + rest, (line, *lines)))
        return min(choices)

    return list(best(0)[1])


def test_even_lines() -> None:
    assert even_lines(["a", "fat", "cat", "naps", "here"], 9) == ["a fat cat", "naps here"]
    assert even_lines(["aaa", "bb", "cc", "ddddd"], 6) == ["aaa", "bb cc", "ddddd"]
    assert even_lines(["one"], 3) == ["one"]
    assert even_lines([], 5) == []
    assert even_lines(["x", "y"], 3) == ["x y"]
    try:
        even_lines(["short", "enormous"], 6)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")
