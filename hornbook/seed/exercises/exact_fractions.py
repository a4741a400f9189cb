"""Numbers / exact fractions"""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from math import floor


def pizza_left(pizzas: int, guests: list[tuple[int, int]]) -> Fraction:
    """Each guest says how much pizza he or she ate as (parts, of how many), so (3, 8) means three eighths of a pizza.
    Return exactly how much of the pizzas is left. If they claim to have eaten more than there was, raise ValueError.

    >>> pizza_left(2, [(3, 8), (1, 3), (1, 2)])
    Fraction(19, 24)
    >>> pizza_left(1, [(1, 3), (1, 3), (1, 3)])
    Fraction(0, 1)
    """
    left = pizzas - sum((Fraction(parts, whole) for parts, whole in guests), Fraction(0))
    if left < 0:
        raise ValueError(f"they cannot have eaten {-left} more than there was")
    return left


def test_pizza_left() -> None:
    assert pizza_left(3, []) == 3
    assert pizza_left(1, [(1, 10)] * 3) == Fraction(7, 10)
    assert pizza_left(2, [(9, 8), (7, 8)]) == 0
    assert isinstance(pizza_left(1, []), Fraction)
    message = ""
    try:
        pizza_left(1, [(2, 3), (3, 8)])
    except ValueError as error:
        message = str(error)
    assert "1/24" in message


def mixed_number(length: Fraction) -> str:
    """Carpenters write seven quarters as "1 3/4". Write a fraction as a whole number, a blank and a proper fraction;
    leave out whichever of the two is zero. A negative length has one minus sign, in front.

    >>> mixed_number(Fraction(7, 4))
    '1 3/4'
    >>> mixed_number(Fraction(-1, 2)), mixed_number(Fraction(6, 2))
    ('-1/2', '3')
    """
    sign = "-" if length < 0 else ""
    # Divide the size, not the number itself: -7 // 4 is -2.
    whole, rest = divmod(abs(length), 1)
    if not rest:
        return f"{sign}{whole}"
    return f"{sign}{whole} {rest}" if whole else f"{sign}{rest}"


def test_mixed_number() -> None:
    assert mixed_number(Fraction(0)) == "0"
    assert mixed_number(Fraction(-7, 4)) == "-1 3/4"
    assert mixed_number(Fraction(-4)) == "-4"
    assert mixed_number(Fraction(10, 4)) == "2 1/2"
    assert mixed_number(Fraction(2, 3)) == "2/3"
    assert mixed_number(Fraction(101, 100)) == "1 1/100"


def ruler_reading(inches: float, finest: int = 16) -> Fraction:
    """An old ruler has marks at every sixteenth of an inch, or at some other part `finest`. Read a length off it: the
    nearest mark, in lowest terms; exactly between two marks take the longer one.

    >>> ruler_reading(2.7)
    Fraction(43, 16)
    >>> ruler_reading(0.375, finest=4)
    Fraction(1, 2)
    """
    marks = floor(Fraction(inches) * finest + Fraction(1, 2))
    return Fraction(marks, finest)


def test_ruler_reading() -> None:
    assert ruler_reading(1.0) == 1
    assert ruler_reading(0.03) == 0
    assert ruler_reading(0.03125) == Fraction(1, 16)
    assert ruler_reading(0.125, 4) == Fraction(1, 4)
    assert ruler_reading(3.9, 2) == 4
    assert ruler_reading(0.4999, 1) == 0


def cash_price(amount: Decimal, smallest_coin: Decimal = Decimal("0.05")) -> Decimal:
    """Some countries have no coins below five cents, so at the till a bill is rounded to the nearest multiple of the
    smallest coin, and a bill exactly between two of them goes up. The result shows two decimals.

    >>> cash_price(Decimal("3.97"))
    Decimal('3.95')
    >>> cash_price(Decimal("3.975")), cash_price(Decimal("12.5"), Decimal("1"))
    (Decimal('4.00'), Decimal('13.00'))
    """
    coins = (amount / smallest_coin).quantize(Decimal(1), rounding=ROUND_HALF_UP)
    return (coins * smallest_coin).quantize(Decimal("0.01"))


def test_cash_price() -> None:
    assert str(cash_price(Decimal("0"))) == "0.00"
    assert str(cash_price(Decimal("1.02"))) == "1.00"
    assert str(cash_price(Decimal("1.025"))) == "1.05"
    assert str(cash_price(Decimal("10.074"))) == "10.05"
    assert str(cash_price(Decimal("0.5"), Decimal("0.20"))) == "0.60"
    assert str(cash_price(Decimal("7"), Decimal("10"))) == "10.00"


def percent_column(counts: list[int]) -> list[int]:
    """A survey prints whole percentages, and readers complain when a column does not add up to 100. Round every share
    down first; then give one more per cent to those with the largest rests, the earlier ones among equals, until the
    sum is 100. If nobody answered at all, every share is 0.

    >>> percent_column([1, 1, 1])
    [34, 33, 33]
    >>> percent_column([20, 7, 3])
    [67, 23, 10]
    """
    total = sum(counts)
    if not total:
        return [0] * len(counts)
    shares = [100 * count // total for count in counts]
    rests = [100 * count % total for count in counts]
    by_rest = sorted(range(len(counts)), key=lambda place: -rests[place])
    for place in by_rest[: 100 - sum(shares)]:
        shares[place] += 1
    return shares


def test_percent_column() -> None:
    assert percent_column([5]) == [100]
    assert percent_column([0, 0]) == [0, 0]
    assert percent_column([1, 2, 3]) == [17, 33, 50]
    assert percent_column([1] * 6) == [17, 17, 17, 17, 16, 16]
    assert percent_column([0, 3, 4]) == [0, 43, 57]
    assert percent_column([]) == []


def water_to_add(bottles: list[tuple[int, int]], target: int) -> Fraction:
    """Leftover syrups are poured together: each bottle is (millilitres, percentage of sugar). How many millilitres of
    water must be added so that the mixture has exactly `target` per cent of sugar? If the mixture is too weak already,
    raise ValueError.

    >>> water_to_add([(100, 60), (200, 30)], 25)
    Fraction(180, 1)
    >>> water_to_add([(70, 50)], 30)
    Fraction(140, 3)
    """
    volume = sum(millilitres for millilitres, _ in bottles)
    sugar = sum(millilitres * percent for millilitres, percent in bottles)
    # The sugar stays the same, so the final volume is sugar / target.
    water = Fraction(sugar, target) - volume
    if water < 0:
        raise ValueError("the mixture is too weak already")
    return water


def test_water_to_add() -> None:
    assert water_to_add([(100, 50)], 50) == 0
    assert water_to_add([(100, 50)], 10) == 400
    assert water_to_add([(10, 7), (20, 11)], 9) == Fraction(20, 9)
    assert water_to_add([], 20) == 0
    try:
        water_to_add([(100, 50), (900, 10)], 15)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def bread_shares(loaves: Fraction) -> list[int]:
    """Scribes in old Egypt wrote a share below one as a sum of different parts of the form 1/n. Always take the
    largest such part that fits, then go on with the rest, and return the numbers n. Anything that is not between 0 and
    1, both excluded, is a ValueError.

    >>> bread_shares(Fraction(3, 4))
    [2, 4]
    >>> bread_shares(Fraction(5, 121))
    [25, 757, 763309, 873960180913, 1527612795642093418846225]
    """
    if not 0 < loaves < 1:
        raise ValueError(f"not a share below one: {loaves}")
    parts = []
    while loaves:
        # The largest 1/n that fits has the smallest n with n >= 1 / loaves.
        n = -(-loaves.denominator // loaves.numerator)
        parts.append(n)
        loaves -= Fraction(1, n)
    return parts


def test_bread_shares() -> None:
    assert bread_shares(Fraction(1, 7)) == [7]
    assert bread_shares(Fraction(2, 3)) == [2, 6]
    assert bread_shares(Fraction(6, 7)) == [2, 3, 42]
    assert bread_shares(Fraction(9, 10)) == [2, 3, 15]
    for wrong in (Fraction(0), Fraction(1), Fraction(3, 2), Fraction(-1, 2)):
        try:
            bread_shares(wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def long_division(dividend: int, divisor: int) -> str:
    """Divide two numbers by hand, as at school, and write the result exactly: the digits after the point that repeat
    for ever stand in brackets. Neither number is negative, and the divisor is not 0.

    >>> long_division(1, 6)
    '0.1(6)'
    >>> long_division(22, 7), long_division(9, 4), long_division(8, 2)
    ('3.(142857)', '2.25', '4')
    """
    whole, rest = divmod(dividend, divisor)
    digits = ""
    # When a rest comes back, the digits since its first time repeat.
    first_at: dict[int, int] = {}
    while rest and rest not in first_at:
        first_at[rest] = len(digits)
        digit, rest = divmod(rest * 10, divisor)
        digits += str(digit)
    if rest:
        start = first_at[rest]
        digits = f"{digits[:start]}({digits[start:]})"
    return f"{whole}.{digits}" if digits else str(whole)


def test_long_division() -> None:
    assert long_division(0, 5) == "0"
    assert long_division(1, 3) == "0.(3)"
    assert long_division(7, 12) == "0.58(3)"
    assert long_division(1, 8) == "0.125"
    assert long_division(100, 99) == "1.(01)"
    assert long_division(1, 28) == "0.03(571428)"


def plainest_between(low: Fraction, high: Fraction) -> Fraction:
    """A clockmaker needs a gear ratio strictly between two positive bounds, and gears with few teeth are cheap. Find
    the fraction between them with the smallest denominator (and of those the smallest one).

    >>> plainest_between(Fraction(31, 100), Fraction(34, 100))
    Fraction(1, 3)
    >>> plainest_between(Fraction(3), Fraction(5))
    Fraction(4, 1)
    """
    teeth = 1
    while True:
        # The smallest numerator that lies strictly above the lower bound.
        numerator = floor(low * teeth) + 1
        if Fraction(numerator, teeth) < high:
            return Fraction(numerator, teeth)
        teeth += 1


def test_plainest_between() -> None:
    assert plainest_between(Fraction(1, 3), Fraction(1, 2)) == Fraction(2, 5)
    assert plainest_between(Fraction(1, 2), Fraction(3, 2)) == 1
    assert plainest_between(Fraction(3, 10), Fraction(9, 10)) == Fraction(1, 2)
    assert plainest_between(Fraction(314, 100), Fraction(315, 100)) == Fraction(22, 7)
    assert plainest_between(Fraction(2), Fraction(3)) == Fraction(5, 2)
