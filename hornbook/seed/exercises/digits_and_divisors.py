"""Numbers"""

from math import lcm


def page_number_ink(pages: int) -> int:
    """A printer sets page numbers with single lead digits. How many digits does a book with the pages 1 to `pages`
    need in all?

    >>> page_number_ink(12)
    15
    >>> page_number_ink(9)
    9
    """
    return sum(len(str(page)) for page in range(1, pages + 1))


def test_page_number_ink() -> None:
    assert page_number_ink(0) == 0
    assert page_number_ink(10) == 11
    assert page_number_ink(99) == 189
    assert page_number_ink(100) == 192
    assert page_number_ink(1) == 1


def chocolate_boxes(pieces: int, longest: int) -> list[tuple[int, int]]:
    """A confectioner packs pieces in full rectangles of rows and columns. List all boxes (rows, columns) for exactly
    this many pieces with at least two rows, no more rows than columns, and at most `longest` columns, the one with
    the fewest rows first.

    >>> chocolate_boxes(24, 12)
    [(2, 12), (3, 8), (4, 6)]
    >>> chocolate_boxes(7, 12)
    []
    """
    boxes = []
    rows = 2
    # Beyond the square root the boxes would only repeat, turned on their side.
    while rows * rows <= pieces:
        columns, left_over = divmod(pieces, rows)
        if not left_over and columns <= longest:
            boxes.append((rows, columns))
        rows += 1
    return boxes


def test_chocolate_boxes() -> None:
    assert chocolate_boxes(24, 11) == [(3, 8), (4, 6)]
    assert chocolate_boxes(36, 9) == [(4, 9), (6, 6)]
    assert chocolate_boxes(4, 2) == [(2, 2)]
    assert chocolate_boxes(1, 5) == []
    assert chocolate_boxes(30, 99) == [(2, 15), (3, 10), (5, 6)]


def lamps_after_parade(lamps: int, walkers: list[int]) -> list[int]:
    """Lamps number 1 to `lamps` line a corridor and are off. A walker with number n presses the switch of each lamp
    whose number is a multiple of n. The walkers come one after another, and the same number may come again. List the
    lamps that burn in the end.

    >>> lamps_after_parade(6, [2, 3])
    [2, 3, 4]
    >>> lamps_after_parade(6, [2, 3, 2])
    [3, 6]
    """
    burning = [False] * (lamps + 1)
    for walker in walkers:
        for lamp in range(walker, lamps + 1, walker):
            burning[lamp] = not burning[lamp]
    return [lamp for lamp in range(1, lamps + 1) if burning[lamp]]


def test_lamps_after_parade() -> None:
    assert lamps_after_parade(10, list(range(1, 11))) == [1, 4, 9]
    assert lamps_after_parade(3, []) == []
    assert lamps_after_parade(3, [1]) == [1, 2, 3]
    assert lamps_after_parade(5, [7]) == []
    assert lamps_after_parade(7, [7, 1]) == [1, 2, 3, 4, 5, 6]


def dial_turns(now: str, code: str) -> int:
    """A bicycle lock has a row of dials with the digits 0 to 9, and a dial can be turned either way, so that 9 and 0
    are neighbours. How many single clicks does it take to get from what the lock shows now to its code?

    >>> dial_turns("0592", "9500")
    4
    >>> dial_turns("1", "6")
    5
    """
    clicks = 0
    for shown, wanted in zip(now, code, strict=True):
        up = (int(wanted) - int(shown)) % 10
        clicks += min(up, 10 - up)
    return clicks


def test_dial_turns() -> None:
    assert dial_turns("000", "000") == 0
    assert dial_turns("9", "0") == 1
    assert dial_turns("0", "9") == 1
    assert dial_turns("2", "8") == 4
    assert dial_turns("123", "456") == 9
    assert dial_turns("", "") == 0


def smudged_price(pattern: str, people: int) -> list[str]:
    """A waiter reads an old bill with one smudged digit, shown as "?", and remembers only that the sum could be shared
    evenly, without a rest, by so many people. List all sums that it may have been, as text, in rising order. A sum of
    more than one digit does not begin with 0.

    >>> smudged_price("4?7", 3)
    ['417', '447', '477']
    >>> smudged_price("?0", 7)
    ['70']
    """
    possible = []
    for digit in "0123456789":
        amount = pattern.replace("?", digit)
        if len(amount) > 1 and amount[0] == "0":
            continue
        if int(amount) % people == 0:
            possible.append(amount)
    return possible


def test_smudged_price() -> None:
    assert smudged_price("1?", 5) == ["10", "15"]
    assert smudged_price("?", 4) == ["0", "4", "8"]
    assert smudged_price("?5", 5) == [f"{digit}5" for digit in range(1, 10)]
    assert smudged_price("2?3", 2) == []
    assert smudged_price("?", 1) == list("0123456789")
    assert smudged_price("99?", 9) == ["990", "999"]


def gears_in_line(teeth: list[int]) -> list[int]:
    """Gear wheels touch in a row, and each has a painted tooth that points up at the start. The wheels turn until all
    painted teeth point up again for the first time. Return how many full turns each wheel has made.

    >>> gears_in_line([12, 18])
    [3, 2]
    >>> gears_in_line([8, 8, 16])
    [2, 2, 1]
    """
    # Touching wheels move by equally many teeth, so all are home at the least common multiple.
    moved = lcm(*teeth)
    return [moved // count for count in teeth]


def test_gears_in_line() -> None:
    assert gears_in_line([7, 5]) == [5, 7]
    assert gears_in_line([10]) == [1]
    assert gears_in_line([6, 10, 15]) == [5, 3, 2]
    assert gears_in_line([9, 3]) == [1, 3]


def into_units(amount: int, units: list[tuple[str, int]]) -> str:
    """Old measures have odd ratios: 12 pence make a shilling and 20 shillings a pound. The units are given from small
    to large, each with the number of them that makes one of the next; that number does not matter for the last unit.
    Write an amount of the smallest unit with the largest possible counts, largest unit first, and leave out units
    with a count of 0; nothing at all is "0" of the smallest unit.

    >>> into_units(500, [("pence", 12), ("shillings", 20), ("pounds", 0)])
    '2 pounds 1 shillings 8 pence'
    >>> into_units(240, [("pence", 12), ("shillings", 20), ("pounds", 0)])
    '1 pounds'
    """
    counts = []
    rest = amount
    for name, per_next in units[:-1]:
        rest, count = divmod(rest, per_next)
        counts.append((count, name))
    counts.append((rest, units[-1][0]))
    shown = [f"{count} {name}" for count, name in reversed(counts) if count]
    return " ".join(shown) or f"0 {units[0][0]}"


def test_into_units() -> None:
    time = [("s", 60), ("min", 60), ("h", 24), ("d", 1)]
    assert into_units(59, time) == "59 s"
    assert into_units(3600, time) == "1 h"
    assert into_units(90061, time) == "1 d 1 h 1 min 1 s"
    assert into_units(86400 * 400, time) == "400 d"
    assert into_units(0, time) == "0 s"
    assert into_units(30, [("eggs", 12), ("dozen", 12)]) == "2 dozen 6 eggs"
    assert into_units(7, [("apples", 1)]) == "7 apples"


def digit_roundabout(number: int) -> tuple[list[int], int]:
    """From a number, step to the sum of the squares of its digits, again and again. Sooner or later a number comes
    back. Return the numbers met, each once, in order, and the place in that list (counted from 0) at which the
    roundabout begins, that is, the place of the number that came back first.

    >>> digit_roundabout(23)
    ([23, 13, 10, 1], 3)
    >>> digit_roundabout(4)
    ([4, 16, 37, 58, 89, 145, 42, 20], 0)
    """
    met: dict[int, int] = {}
    while number not in met:
        met[number] = len(met)
        number = sum(int(digit) ** 2 for digit in str(number))
    return list(met), met[number]


def test_digit_roundabout() -> None:
    assert digit_roundabout(1) == ([1], 0)
    assert digit_roundabout(0) == ([0], 0)
    assert digit_roundabout(7) == ([7, 49, 97, 130, 10, 1], 5)
    assert digit_roundabout(2) == ([2, 4, 16, 37, 58, 89, 145, 42, 20], 1)
    assert digit_roundabout(100) == ([100, 1], 1)


def pans(weight: int) -> tuple[list[int], list[int]]:
    """A trader weighs with a balance and one weight each of 1, 3, 9, 27 ... grams. Weights may stand on both pans. For
    goods of the given weight, on the left pan, return the weights that stand beside them on the left and those on the
    right, both in rising order. There is exactly one way.

    >>> pans(5)
    ([1, 3], [9])
    >>> pans(10)
    ([], [1, 9])
    """
    left, right = [], []
    power = 1
    while weight:
        weight, rest = divmod(weight, 3)
        if rest == 1:
            right.append(power)
        elif rest == 2:
            # Two thirds are one whole (carried on) less one third, which goes beside the goods.
            left.append(power)
            weight += 1
        power *= 3
    return left, right


def test_pans() -> None:
    assert pans(0) == ([], [])
    assert pans(1) == ([], [1])
    assert pans(2) == ([1], [3])
    assert pans(13) == ([], [1, 3, 9])
    assert pans(14) == ([1, 3, 9], [27])
    assert all(sum(right) - sum(left) == goods for goods in range(200) for left, right in [pans(goods)])
