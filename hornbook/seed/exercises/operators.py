"""Classes / operators on vectors"""

from collections.abc import Callable
from functools import total_ordering


class LapTime:
    """A swimming coach works with times in hundredths of a second. `LapTime(hundredths)` prints as "1:05.30" (minutes,
    seconds, hundredths; without minutes "59.07"), two times can be added and subtracted with + and -, a time divided by
    a whole number with / is rounded to whole hundredths, and == and < compare them, so that `min` and `sorted` work
    too.

    >>> str(LapTime(6530)), str(LapTime(5907))
    ('1:05.30', '59.07')
    >>> str(LapTime(6530) + LapTime(100)), str(LapTime(12437) / 2)
    ('1:06.30', '1:02.18')
    >>> str(min([LapTime(6530), LapTime(5907)]))
    '59.07'
    """

    def __init__(self, hundredths: int) -> None:
        self.hundredths = hundredths

    def __str__(self) -> str:
        minutes, rest = divmod(self.hundredths, 6000)
        seconds, parts = divmod(rest, 100)
        return f"{minutes}:{seconds:02d}.{parts:02d}" if minutes else f"{seconds}.{parts:02d}"

    def __add__(self, other: "LapTime") -> "LapTime":
        return LapTime(self.hundredths + other.hundredths)

    def __sub__(self, other: "LapTime") -> "LapTime":
        return LapTime(self.hundredths - other.hundredths)

    def __truediv__(self, laps: int) -> "LapTime":
        exact = self.hundredths / laps
        return LapTime(round(exact))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LapTime) and self.hundredths == other.hundredths

    def __lt__(self, other: "LapTime") -> bool:
        return self.hundredths < other.hundredths


def test_LapTime() -> None:
    assert [str(LapTime(n)) for n in (0, 5, 6000, 6001, 72345)] == ["0.00", "0.05", "1:00.00", "1:00.01", "12:03.45"]
    assert str(LapTime(6000) - LapTime(1)) == "59.99"
    assert LapTime(300) / 7 == LapTime(43)
    assert LapTime(1) + LapTime(2) == LapTime(3) and LapTime(3) != 3
    assert [time.hundredths for time in sorted([LapTime(9), LapTime(2), LapTime(5)])] == [2, 5, 9]


class Brine:
    """A cook mixes salt water. `Brine(litres, grams)` is so much water with so much salt; + pours two together, * makes
    a multiple (with the number on either side), `strength` is grams per litre, and == compares what is in them. Nothing
    is changed in place.

    >>> mix = Brine(2, 60) + 3 * Brine(1, 10)
    >>> mix
    Brine(5, 90)
    >>> mix.strength, mix == Brine(5, 90)
    (18.0, True)
    """

    def __init__(self, litres: float, grams: float) -> None:
        self.litres = litres
        self.grams = grams

    @property
    def strength(self) -> float:
        return self.grams / self.litres

    def __add__(self, other: "Brine") -> "Brine":
        return Brine(self.litres + other.litres, self.grams + other.grams)

    def __mul__(self, times: float) -> "Brine":
        return Brine(times * self.litres, times * self.grams)

    __rmul__ = __mul__  # 3 * brine: the number does not know brines, so Python asks the brine

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Brine) and (self.litres, self.grams) == (other.litres, other.grams)

    def __repr__(self) -> str:
        return f"Brine({self.litres}, {self.grams})"


def test_Brine() -> None:
    tank = Brine(4, 100)
    assert tank * 2 == Brine(8, 200) == 2 * tank
    assert tank.strength == 25.0
    assert repr(tank + Brine(1, 0)) == "Brine(5, 100)"
    assert tank == Brine(4, 100) and tank != Brine(4, 101) and tank != (4, 100)
    assert 0.5 * tank == Brine(2.0, 50.0)


class Roundabout:
    """Exits of a roundabout are numbered from 0, and after the last one comes the first again, so any whole number is
    an index. `exits[i]` gives an exit, `exits[i:j]` lists those passed from i up to but not including j (possibly
    several times round), and `exits[i] = name` renames one.

    >>> exits = Roundabout(["Mill Rd", "High St", "A5"])
    >>> exits[4], exits[-1]
    ('High St', 'A5')
    >>> exits[2:5]
    ['A5', 'Mill Rd', 'High St']
    """

    def __init__(self, names: list[str]) -> None:
        self.names = [*names]

    def __getitem__(self, where: int | slice) -> str | list[str]:
        if isinstance(where, slice):
            return [self.names[number % len(self.names)] for number in range(where.start, where.stop)]
        return self.names[where % len(self.names)]

    def __setitem__(self, number: int, name: str) -> None:
        self.names[number % len(self.names)] = name


def test_Roundabout() -> None:
    exits = Roundabout(["a", "b", "c"])
    assert [exits[i] for i in (0, 2, 3, 7, -1, -4)] == ["a", "c", "a", "b", "c", "c"]
    assert exits[1:8] == ["b", "c", "a", "b", "c", "a", "b"]
    assert exits[-1:1] == ["c", "a"]
    assert exits[2:2] == []
    exits[5] = "z"
    assert (exits[2], exits[0:3]) == ("z", ["a", "b", "z"])


@total_ordering
class Surname:
    """Phone books of some countries sort "van den Berg" under B. `Surname(text)` compares by the part from the first
    capital letter on, ignoring its case, and only if these are equal by what stands before it, also ignoring case. Two
    surnames are equal if neither goes before the other. One comparison besides == is enough: `total_ordering` adds the
    others.

    >>> sorted([Surname("Young"), Surname("van den Berg"), Surname("de Boer")])
    [<van den Berg>, <de Boer>, <Young>]
    >>> Surname("Berg") < Surname("van Berg") <= Surname("Bergen")
    True
    """

    def __init__(self, text: str) -> None:
        capital = next((place for place, letter in enumerate(text) if letter.isupper()), 0)
        self.text = text
        self.key = text[capital:].lower(), text[:capital].lower()

    def __repr__(self) -> str:
        return f"<{self.text}>"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Surname) and self.key == other.key

    def __lt__(self, other: "Surname") -> bool:
        return self.key < other.key


def test_Surname() -> None:
    names = [Surname(text) for text in ("von Arnim", "Zeh", "d'Artois", "Adler", "de la Mare")]
    assert [name.text for name in sorted(names)] == ["Adler", "von Arnim", "d'Artois", "de la Mare", "Zeh"]
    assert Surname("MÜLLER") == Surname("Müller") and Surname("Müller") != "Müller"
    assert Surname("van Berg") > Surname("Berg") and not Surname("van Berg") <= Surname("Berg")
    assert Surname("plain") >= Surname("plain") and Surname("plain") < Surname("Plum")
    assert Surname("Ng") == Surname("NG") and not Surname("Ng") < Surname("NG")


class Measured:
    """A carpenter never measures exactly. `Measured(centre, error)` stands for a length somewhere from centre - error
    to centre + error. Sums and differences add up the errors, a plain number on either side has no error, `in` asks
    whether a number is possible, and `a < b` is True only if a is certainly shorter.

    >>> print(Measured(100, 2) - 30 - Measured(20, 1))
    50 ± 3
    >>> board = Measured(50, 3)
    >>> 53 in board, 54 in board, board < Measured(60, 5)
    (True, False, True)
    """

    def __init__(self, centre: float, error: float) -> None:
        self.centre = centre
        self.error = error

    def __str__(self) -> str:
        return f"{self.centre} ± {self.error}"

    def __add__(self, other: "Measured | float") -> "Measured":
        if not isinstance(other, Measured):
            other = Measured(other, 0)
        return Measured(self.centre + other.centre, self.error + other.error)

    __radd__ = __add__

    def __neg__(self) -> "Measured":
        return Measured(-self.centre, self.error)

    def __sub__(self, other: "Measured | float") -> "Measured":
        opposite = -other
        return self + opposite

    def __rsub__(self, other: float) -> "Measured":
        opposite = -self
        return opposite + other

    def __contains__(self, length: float) -> bool:
        return abs(length - self.centre) <= self.error

    def __lt__(self, other: "Measured") -> bool:
        return self.centre + self.error < other.centre - other.error


def test_Measured() -> None:
    assert str(Measured(10, 1) + Measured(5, 2)) == "15 ± 3"
    assert str(Measured(10, 1) - Measured(5, 2)) == "5 ± 3"
    assert str(sum([Measured(1, 0.5), Measured(2, 0.5)])) == "3 ± 1.0"
    assert str(20 - Measured(5, 1)) == "15 ± 1"
    assert [n for n in (6, 7, 13, 14) if n in Measured(10, 3)] == [7, 13]
    assert Measured(1, 1) < Measured(4, 1) and not Measured(1, 1) < Measured(3, 1)


class Rule:
    """Park rules say who may enter. `Rule(test)` wraps a function from a visitor, a dictionary, to True or False. Rules
    are combined with & (both), | (at least one) and ~ (not), and a rule is called like a function. As with `and` and
    `or`, the second rule is not asked when the first one decides.

    >>> grown_up = Rule(lambda visitor: visitor["age"] >= 18)
    >>> with_dog = Rule(lambda visitor: visitor["dog"])
    >>> may_enter = grown_up & ~with_dog
    >>> may_enter({"age": 30, "dog": False}), may_enter({"age": 30, "dog": True}), may_enter({"age": 8, "dog": True})
    (True, False, False)
    >>> grown_up.asked, with_dog.asked
    (3, 2)
    """

    def __init__(self, test: Callable[[dict[str, int]], bool]) -> None:
        self.test = test
        self.asked = 0

    def __call__(self, visitor: dict[str, int]) -> bool:
        self.asked += 1
        return bool(self.test(visitor))

    # The words `and`, `or` and `not` cannot be given a new meaning; the bit operators can.
    def __and__(self, other: "Rule") -> "Rule":
        return Rule(lambda visitor: self(visitor) and other(visitor))

    def __or__(self, other: "Rule") -> "Rule":
        return Rule(lambda visitor: self(visitor) or other(visitor))

    def __invert__(self) -> "Rule":
        return Rule(lambda visitor: not self(visitor))


def test_Rule() -> None:
    tall = Rule(lambda visitor: visitor["cm"] > 120)
    old = Rule(lambda visitor: visitor["age"] >= 10)
    people = [{"cm": 110, "age": 12}, {"cm": 130, "age": 8}, {"cm": 130, "age": 12}, {"cm": 100, "age": 3}]
    assert [(tall & old)(person) for person in people] == [False, False, True, False]
    assert [(tall | old)(person) for person in people] == [True, True, True, False]
    assert [(tall & ~old)(person) for person in people] == [False, True, False, False]
    assert Rule(lambda visitor: visitor.get("ticket", 0))({}) is False
    assert (tall.asked, old.asked) == (12, 6)
    assert (tall | Rule(lambda visitor: visitor["missing"] > 0))(people[1]) is True


class Shuffle:
    """Card magicians learn shuffles: `Shuffle([2, 0, 1])` puts card 2 first, then card 0, then card 1. A shuffle @ a
    list of cards gives the new list; s @ t is the shuffle that does t first and then s; ~s undoes s; and s**n does it n
    times, where 0 times changes nothing and -n times undoes n.

    >>> s = Shuffle([2, 0, 1])
    >>> s @ ["ace", "king", "queen"]
    ['queen', 'ace', 'king']
    >>> (~s @ s).order, (s**2).order
    ([0, 1, 2], [1, 2, 0])
    """

    def __init__(self, order: list[int]) -> None:
        self.order = order

    def __matmul__(self, cards: "list[str] | Shuffle") -> "list[str] | Shuffle":
        if isinstance(cards, Shuffle):
            return Shuffle([cards.order[place] for place in self.order])
        return [cards[place] for place in self.order]

    def __invert__(self) -> "Shuffle":
        return Shuffle(sorted(range(len(self.order)), key=self.order.__getitem__))

    def __pow__(self, times: int) -> "Shuffle":
        step = self if times >= 0 else ~self
        result = Shuffle(list(range(len(self.order))))
        for _ in range(abs(times)):
            result = step @ result
        return result


def test_Shuffle() -> None:
    swap, turn = Shuffle([1, 0, 2]), Shuffle([1, 2, 0])
    cards = ["a", "b", "c"]
    assert turn @ cards == ["b", "c", "a"]
    assert Shuffle((swap @ turn).order) @ cards == swap @ (turn @ cards) == ["c", "b", "a"]
    assert (turn @ swap).order == [0, 2, 1]
    assert Shuffle((~turn).order) @ (turn @ cards) == cards
    assert (turn**3).order == (turn**0).order == [0, 1, 2]
    assert (turn**-1).order == [2, 0, 1]


class Sheet:
    """A tiny spreadsheet. `sheet["A1"] = 3` stores a number, `sheet["B1"] = "=A1+A1-2"` a formula of cell names and
    whole numbers joined by + and -. Reading `sheet["B1"]` computes its present value; an empty cell is 0, `del
    sheet["A1"]` empties one, and `in` tells whether a cell is filled. A cell that needs itself is a ValueError when it
    is read.

    >>> sheet = Sheet()
    >>> sheet["A1"] = 3
    >>> sheet["B1"] = "=A1+A1-2"
    >>> sheet["B1"]
    4
    >>> sheet["A1"] = 10
    >>> sheet["B1"], "C7" in sheet
    (18, False)
    """

    def __init__(self) -> None:
        self.cells: dict[str, int | str] = {}
        self.reading: set[str] = set()

    def __setitem__(self, cell: str, content: int | str) -> None:
        self.cells |= {cell: content}

    def __delitem__(self, cell: str) -> None:
        del self.cells[cell]

    def __contains__(self, cell: str) -> bool:
        return cell in self.cells

    def __getitem__(self, cell: str) -> int:
        content = self.cells.get(cell, 0)
        if isinstance(content, int):
            return content
        if cell in self.reading:
            raise ValueError(f"{cell} needs itself")
        self.reading.add(cell)
        try:
            terms = content[1:].replace("-", "+-").split("+")
            return sum(self.value(term) for term in terms if term)
        finally:
            # Also after an error, or the sheet would call this cell circular for ever.
            self.reading.discard(cell)

    def value(self, term: str) -> int:
        sign, name = (-1, term[1:]) if term.startswith("-") else (1, term)
        return sign * (int(name) if name.isdigit() else self[name])


def test_Sheet() -> None:
    sheet = Sheet()
    sheet["A1"], sheet["A2"], sheet["A3"] = 5, "=A1-7", "=-A2+A1+100"
    assert (sheet["A2"], sheet["A3"], sheet["Z9"]) == (-2, 107, 0)
    del sheet["A1"]
    assert (sheet["A3"], "A1" in sheet, "A2" in sheet) == (107, False, True)
    sheet["A1"] = "=A3"
    try:
        sheet["A2"]
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")
    sheet["A1"] = 1
    assert (sheet["A2"], sheet["A3"]) == (-6, 107)
    sheet["B1"] = "=A1+A1"
    assert sheet["B1"] == 2
