"""Classes / enumerations"""

from enum import Enum, Flag, IntEnum, StrEnum, auto


class Heading(Enum):
    """A toy robot looks in one of four directions. The members NORTH, EAST, SOUTH and WEST have as values the step,
    (right, up), that the robot takes when it looks there. `right()` and `left()` give the direction after a quarter
    turn, and `behind()` the opposite one.

    >>> Heading.NORTH.right()
    <Heading.EAST: (1, 0)>
    >>> Heading.NORTH.left().value, Heading.EAST.behind().name
    ((-1, 0), 'WEST')
    """

    NORTH = (0, 1)
    EAST = (1, 0)
    SOUTH = (0, -1)
    WEST = (-1, 0)

    def right(self) -> "Heading":
        across, up = self.value
        # Calling the class with a value looks the member up.
        return Heading((up, -across))

    def left(self) -> "Heading":
        return self.right().behind()

    def behind(self) -> "Heading":
        across, up = self.value
        return Heading((-across, -up))


def test_Heading() -> None:
    clockwise = [Heading.NORTH, Heading.EAST, Heading.SOUTH, Heading.WEST]
    assert list(Heading) == clockwise
    assert [heading.right() for heading in clockwise] == [*clockwise[1:], Heading.NORTH]
    assert [heading.right().left() for heading in clockwise] == clockwise
    assert [heading.behind() for heading in clockwise] == clockwise[2:] + clockwise[:2]
    assert Heading["SOUTH"].value == (0, -1)


class ShirtSize(IntEnum):
    """A shop sells shirts in sizes S, M, L and XL, numbered from 1 so that they can be compared. `up()` is the next
    larger size, and None for the largest; `fits(chest)` is True if the size is wide enough for a chest of so many
    centimetres: S up to 92, and each further size 8 more.

    >>> ShirtSize.S < ShirtSize.L, max(ShirtSize.M, ShirtSize.S).name
    (True, 'M')
    >>> ShirtSize.M.up(), ShirtSize.M.fits(100), ShirtSize.M.fits(101)
    (<ShirtSize.L: 3>, True, False)
    """

    S = 1
    M = 2
    L = 3
    XL = 4

    def up(self) -> "ShirtSize | None":
        return ShirtSize(self + 1) if self < max(ShirtSize) else None

    def fits(self, chest: int) -> bool:
        return chest <= 92 + 8 * (self - 1)


def test_ShirtSize() -> None:
    assert [size.name for size in sorted([ShirtSize.XL, ShirtSize.S, ShirtSize.M])] == ["S", "M", "XL"]
    assert ShirtSize.S.up() == ShirtSize.M
    assert ShirtSize.XL.up() is None
    assert [size.fits(92) for size in ShirtSize] == [True, True, True, True]
    assert [size.fits(108) for size in ShirtSize] == [False, False, True, True]
    assert ShirtSize.XL.fits(117) is False


class Coin(Enum):
    """A machine tells coins apart by their width. Each member is made of (cents, tenths of a millimetre across), which
    become its attributes `cents` and `width`. The static method `drop(width)` gives the coin whose width differs least
    from what was measured, but None if even that differs by more than two tenths.

    >>> Coin.drop(223)
    <Coin.TWENTY: (20, 222)>
    >>> Coin.drop(226) is None, sum(coin.cents for coin in Coin)
    (True, 80)
    """

    TEN = (10, 198)
    TWENTY = (20, 222)
    FIFTY = (50, 242)

    def __init__(self, cents: int, width: int) -> None:
        self.cents = cents
        self.width = width

    @staticmethod
    def drop(width: int) -> "Coin | None":
        nearest = min(Coin, key=lambda coin: abs(coin.width - width))
        return nearest if abs(nearest.width - width) <= 2 else None


def test_Coin() -> None:
    assert [Coin.drop(width) for width in (196, 198, 200)] == [Coin.TEN] * 3
    assert [Coin.drop(width) for width in (195, 201, 210, 245)] == [None] * 4
    assert (Coin.FIFTY.cents, Coin.FIFTY.width) == (50, 242)
    assert Coin((20, 222)) == Coin.TWENTY
    assert Coin.drop(240) == Coin.FIFTY


class Spice(StrEnum):
    """A spice rack is labelled in small letters. With `auto()` each member of a `StrEnum` has its own name in small
    letters as value, and is a text: it can be joined, compared with texts and put into an f-string. `label(width)`
    gives the value in the middle of a label of that width, between dots.

    >>> f"a pinch of {Spice.SAFFRON}", Spice.CUMIN == "cumin"
    ('a pinch of saffron', True)
    >>> Spice.CUMIN.label(11)
    '...cumin...'
    """

    CUMIN = auto()
    SAFFRON = auto()
    STAR_ANISE = auto()

    def label(self, width: int) -> str:
        return f"{self.value.replace('_', ' '):.^{width}}"


def test_Spice() -> None:
    assert [spice.value for spice in Spice] == ["cumin", "saffron", "star_anise"]
    assert Spice("saffron") == Spice.SAFFRON
    assert Spice.STAR_ANISE.label(14) == "..star anise.."
    assert Spice.SAFFRON.label(3) == "saffron"
    assert Spice.CUMIN.label(8) == ".cumin.."
    assert "PEPPER" not in Spice.__members__


class Answer(Enum):
    """A form in three languages asks a question, and people answer in many ways. `Answer("Ja")`, `Answer(" y")` and
    `Answer("OUI")` are all Answer.YES; likewise "no", "n", "nein" and "non" are Answer.NO, whatever their case and the
    spaces around them. Anything else, as long as it is a text, is Answer.UNSURE. Python calls the static or class
    method `_missing_` for a value that it does not find; what that returns is the member.

    >>> Answer("Ja"), Answer(" y"), Answer("hm?")
    (<Answer.YES: 'yes'>, <Answer.YES: 'yes'>, <Answer.UNSURE: 'unsure'>)
    >>> Answer("NON") == Answer.NO
    True
    """

    YES = "yes"
    NO = "no"
    UNSURE = "unsure"

    @staticmethod
    def _missing_(value: object) -> "Answer | None":
        if not isinstance(value, str):
            return None  # then the caller gets the usual ValueError
        word = value.strip().lower()
        if word in ("yes", "y", "ja", "j", "oui", "o"):
            return Answer.YES
        return Answer.NO if word in ("no", "n", "nein", "non") else Answer.UNSURE


def test_Answer() -> None:
    assert {Answer(text) for text in ("yes", "Yes ", "J", "oui")} == {Answer.YES}
    assert {Answer(text) for text in ("no", "N", "Nein", " non")} == {Answer.NO}
    assert {Answer(text) for text in ("", "yesno", "unsure", "oh")} == {Answer.UNSURE}
    assert len(Answer) == 3
    for strange in (3, None):
        try:
            Answer(strange)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


class Contains(Flag):
    """A canteen marks what its dishes contain. Flags are combined with | and compared with &. The static method
    `read(letters)` turns a mark such as "GN" into flags (G gluten, M milk, N nuts, E egg; other letters are a
    KeyError), `safe_for(avoids)` tells whether a dish has nothing of what a guest avoids, and `letters()` is the mark
    again, in the order above.

    >>> pancake = Contains.read("GME")
    >>> pancake.safe_for(Contains.NUTS), pancake.safe_for(Contains.read("NE"))
    (True, False)
    >>> pancake.letters(), (Contains(0) | Contains.EGG).letters(), Contains(5) & pancake
    ('GME', 'E', <Contains.GLUTEN: 1>)
    """

    GLUTEN = auto()
    MILK = auto()
    NUTS = auto()
    EGG = auto()

    @staticmethod
    def read(letters: str) -> "Contains":
        by_letter = {member.name[0]: member for member in Contains}
        found = Contains(0)
        for letter in letters:
            found |= by_letter[letter]
        return found

    def safe_for(self, avoids: "Contains") -> bool:
        return not self & avoids

    def letters(self) -> str:
        # Iterating over a flag gives the members that are set in it.
        return "".join(member.name[0] for member in self)


def test_Contains() -> None:
    assert Contains.read("") == Contains(0)
    assert Contains.read("EGG") == Contains(9)
    assert Contains.read("ENMG").letters() == "GMNE"
    assert Contains.read("MN").safe_for(Contains.read("GE")) is True
    assert Contains.read("MN").safe_for(Contains.read("GEN")) is False
    assert Contains(0).safe_for(Contains.MILK) and Contains.MILK.safe_for(Contains(0))
    try:
        Contains.read("X")
    except KeyError:
        pass
    else:
        raise AssertionError("expected KeyError")


class OpenOn(Flag):
    """A museum hangs out its opening days. `str` of a combination of days writes runs of three or more days as
    "MON-FRI" and other days singly, separated by ", "; no day at all is "closed". The week goes from Monday, the lowest
    bit, to Sunday and does not wrap round.

    >>> str(OpenOn(0b0100111))
    'MON-WED, SAT'
    >>> str(OpenOn(0b1000000) | OpenOn.SAT), str(OpenOn(0))
    ('SAT, SUN', 'closed')
    """

    MON = auto()
    TUE = auto()
    WED = auto()
    THU = auto()
    FRI = auto()
    SAT = auto()
    SUN = auto()

    def __str__(self) -> str:
        runs: list[list[str]] = [[]]
        for day in OpenOn:
            if day in self:
                runs[-1].append(day.name or "")
            else:
                runs.append([])
        texts = [f"{run[0]}-{run[-1]}" if len(run) > 2 else ", ".join(run) for run in runs if run]
        return ", ".join(texts) or "closed"


def test_OpenOn() -> None:
    assert str(~OpenOn(0)) == "MON-SUN"
    assert str(~OpenOn(0b0000100)) == "MON, TUE, THU-SUN"
    assert str(OpenOn.FRI) == "FRI"
    assert str(OpenOn(0b1000001) | OpenOn.THU) == "MON, THU, SUN"
    assert str(OpenOn(0)) == "closed"
    assert OpenOn.TUE in OpenOn(0b0010010)
