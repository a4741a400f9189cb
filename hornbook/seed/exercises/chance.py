"""Statistics and probability"""

from fractions import Fraction
from random import Random


def pick_by_weight(weights: dict[str, int], spin: float) -> str:
    """A wheel of fortune has fields of different width. `weights` gives the width of each field, in the order in which
    they lie along the rim, and `spin`, from 0 up to but not including 1, is where the pointer stops as a part of the
    whole rim. Name the field; a pointer exactly on a border belongs to the field that begins there.

    >>> pick_by_weight({"cake": 1, "soap": 3}, 0.2)
    'cake'
    >>> pick_by_weight({"cake": 1, "soap": 3}, 0.25)
    'soap'
    """
    place = spin * sum(weights.values())
    for field, width in weights.items():
        if place < width:
            return field
        place -= width
    raise ValueError("the wheel has no fields, or the spin is not below 1")


def test_pick_by_weight() -> None:
    wheel = {"a": 2, "b": 0, "c": 1, "d": 1}
    assert [pick_by_weight(wheel, spin) for spin in (0.0, 0.49, 0.5, 0.74, 0.75, 0.99)] == list("aaccdd")
    assert pick_by_weight({"only": 7}, 0.999) == "only"
    assert pick_by_weight({"x": 0, "y": 5}, 0) == "y"
    for wheel, spin in (({}, 0.5), ({"a": 4}, 1.0)):
        try:
            pick_by_weight(wheel, spin)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def lucky_dip(names: list[str], prizes: int, seed: int) -> list[str]:
    """At a school fair each name may win at most one prize, and the drawing must be repeatable: the same seed gives
    the same winners in the same order, whatever else the program has drawn before. Names that were handed in twice
    count once. If there are fewer names than prizes, all of them win.

    >>> lucky_dip(["Ida", "Bo", "Cy", "Bo"], 2, seed=4) == lucky_dip(["Ida", "Bo", "Cy"], 2, seed=4)
    True
    >>> sorted(lucky_dip(["Ida", "Bo"], 5, seed=1))
    ['Bo', 'Ida']
    """
    # A generator of its own: the module's functions share one with everybody.
    chance = Random(seed)
    tickets = sorted(set(names))
    return chance.sample(tickets, min(prizes, len(tickets)))


def test_lucky_dip() -> None:
    names = [f"child {number}" for number in range(50)]
    first = lucky_dip(names, 10, seed=7)
    assert len(set(first)) == 10
    assert set(first) <= set(names)
    assert lucky_dip(names[::-1], 10, seed=7) == first
    assert len({tuple(lucky_dip(names, 10, seed)) for seed in range(20)}) == 20
    assert lucky_dip([], 3, seed=1) == []
    assert lucky_dip(["a"], 0, seed=1) == []


def matching_socks(drawer: dict[str, int]) -> Fraction:
    """In the dark somebody takes two socks out of a drawer that holds so many of each colour. What is the exact chance
    that they match? A drawer with fewer than two socks is a ValueError.

    >>> matching_socks({"grey": 2, "red": 2})
    Fraction(1, 3)
    >>> matching_socks({"grey": 1, "red": 1})
    Fraction(0, 1)
    """
    socks = sum(drawer.values())
    if socks < 2:
        raise ValueError("two socks cannot be taken")
    # For every first sock, the second comes from one sock fewer.
    matching = sum(count * (count - 1) for count in drawer.values())
    return Fraction(matching, socks * (socks - 1))


def test_matching_socks() -> None:
    assert matching_socks({"blue": 2}) == 1
    assert matching_socks({"blue": 3, "pink": 1}) == Fraction(1, 2)
    assert matching_socks({"a": 4, "b": 6, "c": 0}) == Fraction(7, 15)
    for drawer in ({}, {"blue": 1}, {"blue": 0, "red": 1}):
        try:
            matching_socks(drawer)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def shared_birthday(guests: int, days: int = 365) -> Fraction:
    """How likely is it that at least two guests of a party have their birthday on the same day of the year, if all
    days are equally likely? Work out first how likely it is that all are different, one guest after another.

    >>> shared_birthday(2)
    Fraction(1, 365)
    >>> float(shared_birthday(23)) > 0.5 > float(shared_birthday(22))
    True
    """
    all_different = Fraction(1)
    for earlier in range(guests):
        all_different *= Fraction(max(days - earlier, 0), days)
    return 1 - all_different


def test_shared_birthday() -> None:
    assert shared_birthday(0) == 0
    assert shared_birthday(1) == 0
    assert shared_birthday(3, days=2) == 1
    assert shared_birthday(3, days=3) == Fraction(7, 9)
    assert shared_birthday(2, days=10) == Fraction(1, 10)
    assert shared_birthday(20, days=4) == 1


def sums_of_dice(sides: list[int]) -> dict[int, Fraction]:
    """Odd dice are thrown together: one die for each number in the list, with the sides 1 up to that number, all
    equally likely. Return the chance of every possible sum, smallest sum first. No dice at all always give 0.

    >>> sums_of_dice([2, 2])
    {2: Fraction(1, 4), 3: Fraction(1, 2), 4: Fraction(1, 4)}
    >>> sums_of_dice([])
    {0: Fraction(1, 1)}
    """
    chances = {0: Fraction(1)}
    for die in sides:
        # Every sum so far is carried on by every side of the next die.
        after: dict[int, Fraction] = {}
        for total, chance in chances.items():
            for side in range(1, die + 1):
                after[total + side] = after.get(total + side, Fraction(0)) + chance / die
        chances = after
    return dict(sorted(chances.items()))


def test_sums_of_dice() -> None:
    assert sums_of_dice([3]) == {1: Fraction(1, 3), 2: Fraction(1, 3), 3: Fraction(1, 3)}
    two = sums_of_dice([6, 6])
    assert (two[7], two[2], two[12]) == (Fraction(1, 6), Fraction(1, 36), Fraction(1, 36))
    assert list(sums_of_dice([2, 4])) == [2, 3, 4, 5, 6]
    assert sums_of_dice([2, 4])[3] == Fraction(1, 4)
    assert sum(sums_of_dice([4, 6, 8]).values()) == 1


def lake_area(shore: list[str], throws: int, seed: int) -> float:
    """A map is a rectangle of squares of one hectare, "~" for water and "." for land. Estimate the area of the lake,
    in hectares, as if it were too large to be counted: throw so many points at random onto the map, all places equally
    likely, and take the share of those that fall into water. The same seed gives the same estimate.

    >>> lake_area(["~~", "~~"], throws=10, seed=1)
    4.0
    >>> abs(lake_area(["~.", "~~"], throws=4000, seed=1) - 3) < 0.15
    True
    """
    chance = Random(seed)
    height, width = len(shore), len(shore[0])
    hits = 0
    for _ in range(throws):
        row, column = chance.randrange(height), chance.randrange(width)
        hits += shore[row][column] == "~"
    return height * width * hits / throws


def test_lake_area() -> None:
    pond = ["....", ".~~.", "...."]
    assert lake_area([".."], 50, 3) == 0.0
    assert lake_area(pond, 300, 9) == lake_area(pond, 300, 9)
    assert len({lake_area(pond, 300, seed) for seed in range(8)}) > 1
    assert all(abs(lake_area(pond, 4000, seed) - 2) < 0.4 for seed in range(3))
    assert lake_area(pond, 1, 5) in (0.0, 12.0)
    assert abs(lake_area(["~....", "....."], 4000, 2) - 1) < 0.3


def beetle_places(length: int, start: int, minutes: int) -> list[Fraction]:
    """A beetle sits on a twig with the places 0 to `length` - 1. Each minute it crawls one place to the left or to the
    right, both equally likely; at an end of the twig it can only turn back. Return the exact chance of finding it at
    each place after so many minutes. On a twig with a single place it stays.

    >>> beetle_places(3, 1, 1)
    [Fraction(1, 2), Fraction(0, 1), Fraction(1, 2)]
    >>> beetle_places(3, 0, 1)
    [Fraction(0, 1), Fraction(1, 1), Fraction(0, 1)]
    """
    chances = [Fraction(0)] * length
    chances[start] = Fraction(1)
    for _ in range(minutes if length > 1 else 0):
        after = [Fraction(0)] * length
        for place, chance in enumerate(chances):
            ways = [way for way in (place - 1, place + 1) if 0 <= way < length]
            for way in ways:
                after[way] += chance / len(ways)
        chances = after
    return chances


def test_beetle_places() -> None:
    assert beetle_places(1, 0, 9) == [1]
    assert beetle_places(2, 0, 3) == [0, 1]
    assert beetle_places(5, 2, 0) == [0, 0, 1, 0, 0]
    assert beetle_places(5, 2, 2) == [Fraction(1, 4), 0, Fraction(1, 2), 0, Fraction(1, 4)]
    assert beetle_places(4, 3, 3) == [Fraction(1, 4), 0, Fraction(3, 4), 0]
    assert sum(beetle_places(6, 1, 11)) == 1
