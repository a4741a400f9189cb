"""Numbers / money in whole cents"""


def parse_price(tag: str) -> int:
    """Shop software must never keep money in floats. Read a price tag such as "12.50", "12" or "0.5" and return the
    amount in whole cents. More than two digits after the point, or anything but digits, is a ValueError.

    >>> parse_price("12.50")
    1250
    >>> parse_price("7.5")
    750
    """
    whole, point, cents = tag.partition(".")
    if not whole.isdigit() or (point and not cents.isdigit()) or len(cents) > 2:
        raise ValueError(f"not a price: {tag!r}")
    return int(whole) * 100 + int(cents.ljust(2, "0"))


def test_parse_price() -> None:
    assert parse_price("12") == 1200
    assert parse_price("0.05") == 5
    assert parse_price("0.5") == 50
    assert parse_price("99.99") == 9999
    for wrong in ("", "1.", "1.234", "-3", "1,50", ".5"):
        try:
            parse_price(wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def split_bill(cents: int, guests: int) -> list[int]:
    """Friends share a restaurant bill as evenly as whole cents allow. Return what each guest pays; those at the
    front of the list pay the odd cents, one each, so that the shares add up to the bill exactly.

    >>> split_bill(1000, 3)
    [334, 333, 333]
    >>> split_bill(6, 4)
    [2, 2, 1, 1]
    """
    if guests < 1:
        raise ValueError("somebody has to pay")
    share, odd_cents = divmod(cents, guests)
    return [share + 1] * odd_cents + [share] * (guests - odd_cents)


def test_split_bill() -> None:
    assert split_bill(1000, 3) == [334, 333, 333]
    assert split_bill(100, 1) == [100]
    assert split_bill(2, 3) == [1, 1, 0]
    assert split_bill(90, 3) == [30, 30, 30]
    assert sum(split_bill(12345, 7)) == 12345
    try:
        split_bill(10, 0)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def parking_fee(minutes: int) -> int:
    """A car park charges in cents: the first 20 minutes are free; after that each started hour of the whole stay
    costs 150, and no stay costs more than 900.

    >>> parking_fee(20)
    0
    >>> parking_fee(21)
    150
    >>> parking_fee(61)
    300
    """
    if minutes <= 20:
        return 0
    # Negating twice turns floor division into rounding up.
    started_hours = -(-minutes // 60)
    return min(150 * started_hours, 900)


def test_parking_fee() -> None:
    assert parking_fee(0) == 0
    assert parking_fee(60) == 150
    assert parking_fee(120) == 300
    assert parking_fee(121) == 450
    assert parking_fee(360) == 900
    assert parking_fee(361) == 900
    assert parking_fee(300) == 750


def best_voucher(basket: int, vouchers: dict[str, tuple[int, int]]) -> str | None:
    """At the till a customer may use one voucher. Each has a smallest basket value from which it counts and an
    amount that it takes off, both in cents. Name the voucher that saves most; the name that sorts first wins a
    tie, and None means that no voucher counts. A voucher never takes off more than the basket is worth.

    >>> best_voucher(3000, {"TEA": (1000, 200), "BIG": (5000, 900)})
    'TEA'
    >>> best_voucher(500, {"TEA": (1000, 200)}) is None
    True
    """
    savings = [(-min(off, basket), name) for name, (least, off) in vouchers.items() if basket >= least]
    return min(savings)[1] if savings else None


def test_best_voucher() -> None:
    assert best_voucher(5000, {"TEA": (1000, 200), "BIG": (5000, 900)}) == "BIG"
    assert best_voucher(4999, {"TEA": (1000, 200), "BIG": (5000, 900)}) == "TEA"
    assert best_voucher(100, {"ZED": (0, 50), "ABE": (0, 50)}) == "ABE"
    assert best_voucher(30, {"B": (0, 40), "A": (0, 90)}) == "A"
    assert best_voucher(30, {}) is None


def receipt(lines: list[tuple[str, int, int]], width: int = 24) -> list[str]:
    """Print a till receipt. Each purchase is (name, count, price of one in cents); its row shows "count x name" at
    the left and the row's sum with two decimals at the right, with dots between, `width` characters in all. A last
    row, made in the same way, shows "TOTAL".

    >>> receipt([("roll", 3, 40), ("milk", 1, 119)], width=16)
    ['3 x roll....1.20', '1 x milk....1.19', 'TOTAL.......2.39']
    >>> receipt([], width=10)
    ['TOTAL.0.00']
    """

    def row(label: str, cents: int) -> str:
        amount = f"{cents // 100}.{cents % 100:02d}"
        return label + amount.rjust(width - len(label), ".")

    total = sum(count * price for _, count, price in lines)
    return [row(f"{count} x {name}", count * price) for name, count, price in lines] + [row("TOTAL", total)]


def test_receipt() -> None:
    assert receipt([("roll", 3, 40)], 16) == ["3 x roll....1.20", "TOTAL.......1.20"]
    assert receipt([("a", 1, 5)], 12) == ["1 x a...0.05", "TOTAL...0.05"]
    assert receipt([("x", 2, 5000)])[0] == "2 x x" + "." * 13 + "100.00"
    assert [len(row) for row in receipt([("x", 2, 50), ("yy", 1, 1)])] == [24, 24, 24]


def settle_debts(balances: dict[str, int]) -> list[tuple[str, str, int]]:
    """After a holiday together, some friends are owed money (positive balance) and some owe (negative); all balances
    add up to 0. List payments (from, to, cents) that settle everything: again and again, the one who owes most pays
    the one who is owed most as much as possible, and the name that sorts first breaks a tie.

    >>> settle_debts({"Ada": 50, "Ben": -30, "Cy": -20})
    [('Ben', 'Ada', 30), ('Cy', 'Ada', 20)]
    >>> settle_debts({"Ada": 0})
    []
    """
    if sum(balances.values()) != 0:
        raise ValueError("the balances do not add up to 0")
    left = dict(sorted(balances.items()))
    payments = []
    while any(left.values()):
        # min and max return the first of equals, and the names are sorted.
        debtor = min(left, key=lambda name: left[name])
        creditor = max(left, key=lambda name: left[name])
        amount = min(-left[debtor], left[creditor])
        left[debtor] += amount
        left[creditor] -= amount
        payments.append((debtor, creditor, amount))
    return payments


def test_settle_debts() -> None:
    assert settle_debts({"A": 10, "B": -10}) == [("B", "A", 10)]
    assert settle_debts({"D": -40, "C": -40, "B": 30, "A": 50}) == [("C", "A", 40), ("D", "B", 30), ("D", "A", 10)]
    assert settle_debts({}) == []
    assert settle_debts({"Y": 5, "X": 5, "Z": -10}) == [("Z", "X", 5), ("Z", "Y", 5)]
    try:
        settle_debts({"A": 1})
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def months_to_repay(loan: int, payment: int, rate_per_mille: int) -> int | None:
    """How many months until a loan is gone? Each month the bank first adds interest, `rate_per_mille` thousandths of
    what is still owed, rounded down to whole cents, and then the payment is taken off. Return None if the debt would
    never shrink.

    >>> months_to_repay(1000, 500, 0)
    2
    >>> months_to_repay(1000, 10, 10) is None
    True
    """
    months = 0
    while loan > 0:
        interest = loan * rate_per_mille // 1000
        if interest >= payment:
            return None
        loan += interest - payment
        months += 1
    return months


def test_months_to_repay() -> None:
    assert months_to_repay(0, 10, 10) == 0
    assert months_to_repay(1000, 500, 0) == 2
    assert months_to_repay(1001, 500, 0) == 3
    assert months_to_repay(1000, 508, 10) == 2
    assert months_to_repay(1000, 504, 10) == 3
    assert months_to_repay(1000, 11, 10) == 204
    assert months_to_repay(1000, 10, 10) is None


def progressive_tax(income: int, bands: list[tuple[int, int]]) -> int:
    """In the island republic, income is taxed in bands. Each band is (upper limit, per cent), in rising order, and
    only the part of the income inside a band is taxed at that band's rate; income above the last limit is taxed at
    the last rate. Return the whole tax, rounded down once at the very end.

    >>> progressive_tax(1500, [(1000, 0), (2000, 10)])
    50
    >>> progressive_tax(3000, [(1000, 0), (2000, 10)])
    200
    """
    hundredths = 0
    floor = 0
    for place, (limit, rate) in enumerate(bands):
        ceiling = max(income, limit) if place == len(bands) - 1 else limit
        hundredths += max(0, min(income, ceiling) - floor) * rate
        floor = limit
    return hundredths // 100


def test_progressive_tax() -> None:
    bands = [(1000, 0), (2000, 10), (5000, 25)]
    assert progressive_tax(0, bands) == 0
    assert progressive_tax(1000, bands) == 0
    assert progressive_tax(2000, bands) == 100
    assert progressive_tax(2100, bands) == 125
    assert progressive_tax(6000, bands) == 1100
    assert progressive_tax(1009, bands) == 0
    assert progressive_tax(500, []) == 0
