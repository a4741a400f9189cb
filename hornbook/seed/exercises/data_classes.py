"""Classes / data classes"""

from dataclasses import asdict, dataclass, field, replace
from typing import Any


@dataclass
class Postcard:
    """A postcard has a text, the name of who gets it, a stamp in cents (95 unless said otherwise) and a list of
    further people who are greeted, empty at first. `greet(name)` adds one, and `shown()` is the text and then, if
    anybody is greeted, " Greetings to A, B!".

    >>> card = Postcard("Sun all day.", "Ida")
    >>> card.greet("Bo")
    >>> card.shown()
    'Sun all day. Greetings to Bo!'
    >>> Postcard("Rain.", "Max", stamp=120)
    Postcard(text='Rain.', to='Max', stamp=120, greeted=[])
    """

    text: str
    to: str
    stamp: int = 95
    # A plain [] would be shared by all cards; dataclasses refuse it.
    greeted: list[str] = field(default_factory=list)

    def greet(self, name: str) -> None:
        self.greeted.append(name)

    def shown(self) -> str:
        return self.text + (f" Greetings to {', '.join(self.greeted)}!" if self.greeted else "")


def test_Postcard() -> None:
    first, second = Postcard("Hi.", "A"), Postcard("Hi.", "A")
    assert first == second
    first.greet("B")
    first.greet("C")
    assert first.shown() == "Hi. Greetings to B, C!"
    assert second.shown() == "Hi."
    assert first != second
    assert second.stamp == 95
    assert Postcard("Hi.", "A", 95, ["Z"]).greeted == ["Z"]


@dataclass
class Parcel:
    """A parcel counter takes the length, width and height in centimetres and the weight in grams. As soon as a parcel
    is made, check it: each of the four must be above 0, and girth plus length must not exceed 300, where the three
    sides are first put in order and the girth is twice the sum of the two shorter ones. A bad parcel is a ValueError.
    The property `volume` is in whole litres, rounded up.

    >>> Parcel(40, 30, 20, 900).volume
    24
    >>> Parcel(10, 10, 100, 0)
    Traceback (most recent call last):
        ...
    ValueError: every measure must be above 0
    """

    length: int
    width: int
    height: int
    grams: int

    def __post_init__(self) -> None:
        if min(self.length, self.width, self.height, self.grams) <= 0:
            raise ValueError("every measure must be above 0")
        short, middle, long = sorted((self.length, self.width, self.height))
        if 2 * (short + middle) + long > 300:
            raise ValueError("too large for the post")

    @property
    def volume(self) -> int:
        return -(-self.length * self.width * self.height // 1000)


def test_Parcel() -> None:
    assert Parcel(1, 1, 1, 1).volume == 1
    assert Parcel(10, 10, 11, 1).volume == 2
    assert Parcel(50, 50, 100, 5).volume == 250
    assert Parcel(100, 50, 50, 5) == Parcel(length=100, width=50, height=50, grams=5)
    for wrong in ((50, 50, 101, 5), (101, 50, 50, 5), (50, 51, 100, 5), (0, 5, 5, 5), (5, 5, 5, -1)):
        try:
            Parcel(*wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


@dataclass(frozen=True)
class Moment:
    """A moment in a radio play is (act, second), and it must never be changed once it is written down.
    `later(seconds)` gives a new moment in the same act; a negative second never occurs, since going back stops at 0.
    `next_act()` gives the start of the next act. Moments can be put into sets, and `str(moment)` is like "2/01:05"
    (act, minutes, seconds).

    >>> start = Moment(1, 50)
    >>> str(start.later(15)), str(start.next_act())
    ('1/01:05', '2/00:00')
    >>> start
    Moment(act=1, second=50)
    """

    act: int
    second: int

    def later(self, seconds: int) -> "Moment":
        return replace(self, second=max(0, self.second + seconds))

    def next_act(self) -> "Moment":
        return Moment(self.act + 1, 0)

    def __str__(self) -> str:
        return f"{self.act}/{self.second // 60:02d}:{self.second % 60:02d}"


def test_Moment() -> None:
    assert Moment(3, 5).later(0) == Moment(3, 5)
    assert Moment(3, 5).later(-9) == Moment(3, 0)
    assert str(Moment(4, 3605)) == "4/60:05"
    assert Moment(4, 7).next_act() == Moment(5, 0)
    assert len({Moment(1, 2), Moment(1, 2), Moment(2, 1)}) == 2
    try:
        Moment(1, 2).second = 3
    except AttributeError:
        pass
    else:
        raise AssertionError("expected an error")


@dataclass(order=True)
class Climb:
    """Climbing routes are sorted by grade and, within a grade, by height, lowest first; the name says nothing about
    the order. Grades are texts such as "5c" or "10a": a number and a letter, compared first by number. Let the class
    compare by a hidden field that it works out itself, which neither the call nor the printed form shows.

    >>> sorted([Climb("Chimney", "10a", 20), Climb("Slab", "9c", 35)])
    [Climb(name='Slab', grade='9c', height=35), Climb(name='Chimney', grade='10a', height=20)]
    >>> Climb("A", "6a", 30) < Climb("B", "6a", 31)
    True
    """

    # Comparison goes through the fields in order, so the key comes first and the others stay out of it.
    key: tuple[int, str, int] = field(init=False, repr=False)
    name: str = field(compare=False)
    grade: str = field(compare=False)
    height: int = field(compare=False)

    def __post_init__(self) -> None:
        self.key = (int(self.grade[:-1]), self.grade[-1], self.height)


def test_Climb() -> None:
    assert Climb("x", "9c", 5) < Climb("a", "10a", 5)
    assert Climb("z", "6a", 99) < Climb("a", "6b", 1)
    assert Climb("z", "6b", 12) > Climb("a", "6b", 11)
    assert Climb("z", "6b", 12) == Climb("a", "6b", 12)
    assert max(Climb("p", "7a", 9), Climb("q", "6c", 90)).name == "p"
    assert "key" not in repr(Climb("x", "9c", 5))


@dataclass
class Aquarium:
    """An aquarium holds so many litres and a list of fish, each (kind, litres that it needs). `add(kind, litres)` puts
    a fish in if the needs of all fish still fit into the litres, and says whether it did. `without(kind)` gives a new
    aquarium with all fish of other kinds, in order; the old one stays as it is, and later changes to one do not show
    in the other.

    >>> tank = Aquarium(20)
    >>> tank.add("guppy", 12), tank.add("tetra", 9), tank.add("snail", 8)
    (True, False, True)
    >>> tank.without("guppy")
    Aquarium(litres=20, fish=[('snail', 8)])
    """

    litres: int
    fish: list[tuple[str, int]] = field(default_factory=list)

    def add(self, kind: str, litres: int) -> bool:
        if sum(needed for _, needed in self.fish) + litres > self.litres:
            return False
        self.fish.append((kind, litres))
        return True

    def without(self, kind: str) -> "Aquarium":
        return replace(self, fish=[one for one in self.fish if one[0] != kind])


def test_Aquarium() -> None:
    tank = Aquarium(10)
    assert [tank.add("a", 5), tank.add("b", 6), tank.add("b", 5), tank.add("c", 1)] == [True, False, True, False]
    smaller = tank.without("a")
    assert smaller == Aquarium(10, [("b", 5)])
    assert smaller.add("d", 5) is True
    assert tank.fish == [("a", 5), ("b", 5)]
    copy = tank.without("nothing")
    assert copy == tank
    assert copy.fish is not tank.fish
    assert Aquarium(3).fish == []


@dataclass
class Choir:
    """A choir is a name and its singers, each given as (name, voice). `to_dict()` gives plain data of dictionaries and
    lists that can be written as JSON, with the singers as {"name": ..., "voice": ...} and, at the end, their number as
    "size"; `Choir.from_dict(data)` builds the choir again and does not look at the size. Missing voices are read as
    "tenor", as there are never enough of them.

    >>> Choir("Larks", [Choir.Singer("Ida", "alto")]).to_dict()
    {'name': 'Larks', 'singers': [{'name': 'Ida', 'voice': 'alto'}], 'size': 1}
    >>> Choir.from_dict({"name": "Owls", "singers": [{"name": "Bo"}]}).singers[0].voice
    'tenor'
    """

    @dataclass
    class Singer:
        name: str
        voice: str = "tenor"

    name: str
    singers: list[Singer]

    def to_dict(self) -> dict[str, Any]:
        # asdict goes into nested data classes and lists by itself.
        return asdict(self) | {"size": len(self.singers)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Choir":
        return cls(data["name"], [cls.Singer(**singer) for singer in data["singers"]])


def test_Choir() -> None:
    larks = Choir("Larks", [Choir.Singer("A", "bass"), Choir.Singer("B")])
    data = larks.to_dict()
    singers = [{"name": "A", "voice": "bass"}, {"name": "B", "voice": "tenor"}]
    assert data == {"name": "Larks", "singers": singers, "size": 2}
    assert Choir.from_dict(data) == larks
    data["singers"][0]["voice"] = "alto"
    assert larks.singers[0].voice == "bass"
    assert Choir.from_dict({"name": "", "singers": []}).to_dict() == {"name": "", "singers": [], "size": 0}
    try:
        Choir.from_dict({"singers": []})
    except KeyError:
        pass
    else:
        raise AssertionError("expected KeyError")


@dataclass(frozen=True)
class Ledger:
    """A ledger that cannot be changed is easy to trust: every booking gives a new one. A ledger is a tuple of
    (account, cents) entries. `book(account, cents)` returns a ledger with one more entry, or raises ValueError if the
    account would fall below zero; `balance(account)` sums up; `transfer(source, target, cents)` makes two entries; and
    `since(older)` lists the entries that were added to an older ledger to make this one, or raises ValueError if this
    one does not grow out of it.

    >>> empty = Ledger()
    >>> full = empty.book("Ida", 500).transfer("Ida", "Bo", 200)
    >>> full.balance("Ida"), full.balance("Bo"), empty.balance("Ida")
    (300, 200, 0)
    >>> full.since(empty.book("Ida", 500))
    (('Ida', -200), ('Bo', 200))
    """

    entries: tuple[tuple[str, int], ...] = ()

    def book(self, account: str, cents: int) -> "Ledger":
        if self.balance(account) + cents < 0:
            raise ValueError(f"{account} has only {self.balance(account)}")
        return Ledger((*self.entries, (account, cents)))

    def transfer(self, source: str, target: str, cents: int) -> "Ledger":
        return self.book(source, -cents).book(target, cents)

    def balance(self, account: str) -> int:
        return sum(cents for name, cents in self.entries if name == account)

    def since(self, older: "Ledger") -> tuple[tuple[str, int], ...]:
        known = len(older.entries)
        if self.entries[:known] != older.entries:
            raise ValueError("not a later state of that ledger")
        return self.entries[known:]


def test_Ledger() -> None:
    start = Ledger().book("A", 100)
    assert start == Ledger((("A", 100),))
    assert start.book("A", -100).balance("A") == 0
    later = start.transfer("A", "B", 60)
    assert (later.balance("A"), later.balance("B"), start.balance("A")) == (40, 60, 100)
    assert later.since(start) == (("A", -60), ("B", 60))
    assert later.since(later) == ()
    refused = []
    for attempt in (lambda: start.book("A", -101), lambda: later.transfer("B", "A", 61), lambda: start.since(later)):
        try:
            attempt()
        except ValueError:
            refused.append(True)
    assert refused == [True, True, True]
    assert start.entries == (("A", 100),)
