"""Iterators and generators / products and combinations"""

from itertools import accumulate, combinations, cycle, groupby, islice, pairwise, product, takewhile, zip_longest


def tasting_menu(soups: list[str], mains: list[str], banned: set[tuple[str, str]]) -> list[str]:
    """List every menu "soup + main" in the order of the lists, leaving out pairs (soup, main) that the cook bans.

    >>> tasting_menu(["leek", "pea"], ["trout", "pasta"], {("pea", "trout")})
    ['leek + trout', 'leek + pasta', 'pea + pasta']
    >>> tasting_menu([], ["trout"], set())
    []
    """
    return [f"{soup} + {main}" for soup, main in product(soups, mains) if (soup, main) not in banned]


def test_tasting_menu() -> None:
    assert tasting_menu(["leek", "pea"], ["trout", "pasta"], {("pea", "trout")}) == [
        "leek + trout",
        "leek + pasta",
        "pea + pasta",
    ]
    assert tasting_menu(["a"], ["b"], {("b", "a")}) == ["a + b"]
    assert tasting_menu(["a"], ["b"], {("a", "b")}) == []
    assert tasting_menu([], ["b"], set()) == []


def kitchen_rota(names: list[str], tasks: list[str]) -> dict[str, list[str]]:
    """Flatmates take the tasks in turn, going round and round through the names. Give each flatmate the list of tasks
    that fell to them, which may be empty.

    >>> kitchen_rota(["Al", "Bo"], ["dishes", "bins", "floor"])
    {'Al': ['dishes', 'floor'], 'Bo': ['bins']}
    >>> kitchen_rota(["Al", "Bo"], [])
    {'Al': [], 'Bo': []}
    """
    rota: dict[str, list[str]] = {name: [] for name in names}
    # zip stops with the shorter side, so the endless cycle does no harm.
    for name, task in zip(cycle(names), tasks, strict=False):
        rota[name].append(task)
    return rota


def test_kitchen_rota() -> None:
    assert kitchen_rota(["Al", "Bo"], ["dishes", "bins", "floor"]) == {"Al": ["dishes", "floor"], "Bo": ["bins"]}
    assert kitchen_rota(["Al", "Bo", "Cy"], ["x"]) == {"Al": ["x"], "Bo": [], "Cy": []}
    assert kitchen_rota(["Al"], ["x", "y"]) == {"Al": ["x", "y"]}
    assert kitchen_rota(["Al", "Bo"], ["a", "b", "c", "d"])["Bo"] == ["b", "d"]


def low_battery(start: int, uses: list[int]) -> int:
    """A battery begins at `start` per cent, and each use takes some per cent. How many uses run before the charge would
    drop below zero? A use that leaves exactly zero still works.

    >>> low_battery(50, [20, 20, 20, 5])
    2
    >>> low_battery(40, [20, 20])
    2
    """
    charges = accumulate(uses, lambda charge, use: charge - use, initial=start)
    # The first charge is the one before any use.
    return len(list(takewhile(lambda charge: charge >= 0, charges))) - 1


def test_low_battery() -> None:
    assert low_battery(50, [20, 20, 20, 5]) == 2
    assert low_battery(40, [20, 20]) == 2
    assert low_battery(40, [20, 21]) == 1
    assert low_battery(10, [11, 0, 0]) == 0
    assert low_battery(5, []) == 0
    assert low_battery(100, [10] * 12) == 10


def heat_waves(temperatures: list[int], hot: int, days: int) -> list[tuple[int, int]]:
    """A heat wave is a run of at least `days` days with a temperature of `hot` or more. List each as (first day,
    length), with days counted from 1.

    >>> heat_waves([31, 33, 20, 35, 30, 30], hot=30, days=3)
    [(4, 3)]
    >>> heat_waves([31, 33], hot=30, days=3)
    []
    """
    waves = []
    for is_hot, run in groupby(enumerate(temperatures, start=1), key=lambda entry: entry[1] >= hot):
        numbers = [day for day, _ in run]
        if is_hot and len(numbers) >= days:
            waves.append((numbers[0], len(numbers)))
    return waves


def test_heat_waves() -> None:
    assert heat_waves([31, 33, 20, 35, 30, 30], 30, 3) == [(4, 3)]
    assert heat_waves([31, 33, 20, 35, 30, 30], 30, 2) == [(1, 2), (4, 3)]
    assert heat_waves([29, 29, 29], 30, 1) == []
    assert heat_waves([30], 30, 1) == [(1, 1)]
    assert heat_waves([], 30, 1) == []


def side_by_side(left: list[str], right: list[str], width: int) -> list[str]:
    """Print two versions of a text next to each other: left lines padded to `width`, a vertical bar with a blank on
    each side, right lines. The shorter version is filled up with empty lines, and blanks at the end are cut.

    >>> side_by_side(["tea", "cup"], ["tee"], 4)
    ['tea  | tee', 'cup  |']
    >>> side_by_side([], [], 4)
    []
    """
    return [f"{a:<{width}} | {b}".rstrip() for a, b in zip_longest(left, right, fillvalue="")]


def test_side_by_side() -> None:
    assert side_by_side(["tea", "cup"], ["tee"], 4) == ["tea  | tee", "cup  |"]
    assert side_by_side([], ["x"], 2) == ["   | x"]
    assert side_by_side(["long line"], ["y"], 4) == ["long line | y"]
    assert side_by_side([], [], 4) == []


def loudest_pair(drums: dict[str, int], limit: int) -> tuple[str, str] | None:
    """The neighbours allow a total loudness below a limit. Which two drums together come closest to it? Return their
    names in alphabetical order; the alphabetically first pair wins a tie, and None means that every pair is too loud.

    >>> loudest_pair({"snare": 40, "conga": 30, "bongo": 20}, 70)
    ('bongo', 'snare')
    >>> loudest_pair({"snare": 40}, 99) is None
    True
    """
    allowed = [
        (-(drums[one] + drums[two]), one, two)
        for one, two in combinations(sorted(drums), 2)
        if drums[one] + drums[two] < limit
    ]
    return min(allowed)[1:] if allowed else None


def test_loudest_pair() -> None:
    assert loudest_pair({"snare": 40, "conga": 30, "bongo": 20}, 70) == ("bongo", "snare")
    assert loudest_pair({"snare": 40, "conga": 30, "bongo": 20}, 71) == ("conga", "snare")
    assert loudest_pair({"d": 1, "c": 1, "b": 1, "a": 1}, 9) == ("a", "b")
    assert loudest_pair({"a": 5, "b": 5}, 10) is None
    assert loudest_pair({}, 10) is None


def staircase_profile(heights: list[int]) -> list[str]:
    """A hiker describes a path in words: compare each height with the next one and say "up N", "down N" or "level N"
    for each stretch of equal direction, where N is the number of steps in it.

    >>> staircase_profile([1, 2, 4, 4, 3])
    ['up 2', 'level 1', 'down 1']
    >>> staircase_profile([5])
    []
    """

    def direction(step: tuple[int, int]) -> str:
        before, after = step
        if before == after:
            return "level"
        return "up" if before < after else "down"

    return [f"{name} {len(list(steps))}" for name, steps in groupby(pairwise(heights), key=direction)]


def test_staircase_profile() -> None:
    assert staircase_profile([1, 2, 4, 4, 3]) == ["up 2", "level 1", "down 1"]
    assert staircase_profile([3, 2, 1, 2, 2, 2]) == ["down 2", "up 1", "level 2"]
    assert staircase_profile([5]) == []
    assert staircase_profile([]) == []
    assert staircase_profile([1, 1]) == ["level 1"]


def deal(cards: list[str], players: int, hand: int) -> tuple[list[list[str]], list[str]]:
    """Deal cards from the top, one at a time round the table, until each player holds a hand of the given size. Return
    the hands and the rest of the pack; too few cards are a ValueError.

    >>> deal(["A", "B", "C", "D", "E"], players=2, hand=2)
    ([['A', 'C'], ['B', 'D']], ['E'])
    >>> deal(["A"], players=1, hand=0)
    ([[]], ['A'])
    """
    needed = players * hand
    if needed > len(cards):
        raise ValueError("not enough cards")
    hands = [list(islice(cards, player, needed, players)) for player in range(players)]
    return hands, list(islice(cards, needed, None))


def test_deal() -> None:
    assert deal(list("ABCDE"), 2, 2) == ([["A", "C"], ["B", "D"]], ["E"])
    assert deal(list("ABCDEF"), 3, 2) == ([["A", "D"], ["B", "E"], ["C", "F"]], [])
    assert deal(list("ABC"), 3, 1) == ([["A"], ["B"], ["C"]], [])
    assert deal(["A"], 1, 0) == ([[]], ["A"])
    try:
        deal(list("ABC"), 2, 2)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")
