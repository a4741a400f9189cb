"""Tuples / records that do not change"""

from itertools import pairwise
from typing import NamedTuple


def podium(results: list[tuple[str, float]]) -> tuple[str, str, str]:
    """Three runners climb the podium. From (name, seconds) pairs, at least three of them, return the names of the
    fastest, second and third; equal times are decided by the name.

    >>> podium([("Uno", 12.1), ("Dos", 11.8), ("Tres", 12.0), ("Quatro", 13.3)])
    ('Dos', 'Tres', 'Uno')
    >>> podium([("c", 9.0), ("b", 9.0), ("a", 9.0)])
    ('a', 'b', 'c')
    """
    # Unpacking names the parts and fails loudly if there are fewer than three runners.
    first, second, third, *_ = sorted(results, key=lambda result: (result[1], result[0]))
    return first[0], second[0], third[0]


def test_podium() -> None:
    assert podium([("Uno", 12.1), ("Dos", 11.8), ("Tres", 12.0), ("Quatro", 13.3)]) == ("Dos", "Tres", "Uno")
    assert podium([("c", 9.0), ("b", 9.0), ("a", 9.0)]) == ("a", "b", "c")
    assert podium([("z", 1.0), ("b", 3.0), ("a", 2.0)]) == ("z", "a", "b")
    try:
        podium([("a", 1.0), ("b", 2.0)])
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def price_changes(prices: list[tuple[str, int]]) -> list[tuple[str, int, int]]:
    """A shop notes (day, price) whenever somebody looks at the shelf. Keep only the entries at which the price had
    changed, as (day, old price, new price).

    >>> price_changes([("Mon", 5), ("Tue", 5), ("Wed", 7), ("Thu", 6)])
    [('Wed', 5, 7), ('Thu', 7, 6)]
    >>> price_changes([("Mon", 5)])
    []
    """
    return [(day, old, new) for (_, old), (day, new) in pairwise(prices) if old != new]


def test_price_changes() -> None:
    assert price_changes([("Mon", 5), ("Tue", 5), ("Wed", 7), ("Thu", 6)]) == [("Wed", 5, 7), ("Thu", 7, 6)]
    assert price_changes([]) == []
    assert price_changes([("a", 1), ("b", 2), ("c", 1)]) == [("b", 1, 2), ("c", 2, 1)]
    assert price_changes([("a", 1), ("b", 1)]) == []


def newer_version(installed: str, offered: str) -> bool:
    """Software asks whether an update is worth loading. Versions are numbers between dots, compared part by part as
    numbers; missing parts count as 0. Answer True only if the offered version is newer.

    >>> newer_version("3.9", "3.10.1")
    True
    >>> newer_version("2", "2.0.0")
    False
    """

    def parts(version: str) -> tuple[int, ...]:
        numbers = [int(part) for part in version.split(".")]
        while numbers and numbers[-1] == 0:
            numbers.pop()
        return tuple(numbers)

    # Tuples compare from left to right, and a longer one is greater than its own beginning.
    return parts(offered) > parts(installed)


def test_newer_version() -> None:
    assert newer_version("3.9", "3.10") is True
    assert newer_version("3.10", "3.9") is False
    assert newer_version("2", "2.0.0") is False
    assert newer_version("2.0", "2.0.1") is True
    assert newer_version("1.2.3", "1.2.3") is False
    assert newer_version("1.10.0", "1.9.9") is False


def closest_match(order: tuple[int, int, int], boxes: list[tuple[int, int, int]]) -> tuple[int, int, int] | None:
    """Parcels go into the smallest box, by volume, that they fit into when turned in any way along the edges. Sizes
    are (length, width, height). Return the box as it stands in the list, the first of equals, or None.

    >>> closest_match((30, 5, 10), [(40, 40, 40), (10, 31, 6), (29, 50, 50)])
    (10, 31, 6)
    >>> closest_match((9, 9, 9), [(8, 99, 99)]) is None
    True
    """
    wanted = sorted(order)
    fitting = [box for box in boxes if all(w <= b for w, b in zip(wanted, sorted(box), strict=True))]
    return min(fitting, key=lambda box: box[0] * box[1] * box[2], default=None)


def test_closest_match() -> None:
    assert closest_match((30, 5, 10), [(40, 40, 40), (10, 31, 6), (29, 50, 50)]) == (10, 31, 6)
    assert closest_match((1, 2, 3), [(3, 2, 1)]) == (3, 2, 1)
    assert closest_match((1, 1, 1), [(2, 3, 1), (1, 2, 3)]) == (2, 3, 1)
    assert closest_match((2, 2, 2), [(2, 2, 1), (9, 9, 3), (5, 5, 5)]) == (5, 5, 5)
    assert closest_match((1, 1, 1), []) is None


def relay_splits(finish_times: tuple[int, ...]) -> tuple[tuple[int, ...], int]:
    """In a relay the clock runs on, so only the time at each handover is known, in seconds since the start. Return
    each runner's own time and the number of the fastest runner, counted from 1 (the first of equals).

    >>> relay_splits((12, 25, 36, 49))
    ((12, 13, 11, 13), 3)
    >>> relay_splits((10, 20))
    ((10, 10), 1)
    """
    splits = tuple(after - before for before, after in pairwise((0, *finish_times)))
    return splits, splits.index(min(splits)) + 1


def test_relay_splits() -> None:
    assert relay_splits((12, 25, 36, 49)) == ((12, 13, 11, 13), 3)
    assert relay_splits((10, 20)) == ((10, 10), 1)
    assert relay_splits((7,)) == ((7,), 1)
    assert relay_splits((9, 17, 24, 30)) == ((9, 8, 7, 6), 4)


class Seat(NamedTuple):
    """A cinema seat is a row number and a seat number. `label()` gives "C7" for row 3, seat 7 (rows go no further
    than 26), and `next_to(other)` tells whether two seats are neighbours in the same row.

    >>> Seat(3, 7).label()
    'C7'
    >>> Seat(3, 7).next_to(Seat(3, 6)), Seat(3, 7).next_to(Seat(4, 7))
    (True, False)
    """

    row: int
    number: int

    def label(self) -> str:
        return f"{chr(ord('A') + self.row - 1)}{self.number}"

    def next_to(self, other: "Seat") -> bool:
        return self.row == other.row and abs(self.number - other.number) == 1


def test_Seat() -> None:
    assert Seat(1, 1).label() == "A1"
    assert Seat(26, 12).label() == "Z12"
    assert Seat(2, 5).next_to(Seat(2, 6)) is True
    assert Seat(2, 5).next_to(Seat(2, 5)) is False
    assert Seat(2, 5).next_to(Seat(2, 7)) is False
    assert Seat(2, 5).next_to(Seat(3, 6)) is False
    assert Seat(2, 5) == (2, 5)
