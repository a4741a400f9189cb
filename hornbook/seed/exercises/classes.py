"""Classes / a class with a rule to keep"""

from collections import deque
from collections.abc import Iterator


class TeaTimer:
    """A kitchen timer counts down when it is told that time passes. `start(seconds)` sets it, `tick(seconds)` lets
    time pass and returns True in the very call in which the timer reaches zero, and `left` is the rest, never below
    zero.

    >>> timer = TeaTimer()
    >>> timer.start(90)
    >>> [timer.tick(60), timer.tick(60), timer.tick(60)]
    [False, True, False]
    >>> timer.left
    0
    """

    def __init__(self) -> None:
        self.left = 0

    def start(self, seconds: int) -> None:
        self.left = seconds

    def tick(self, seconds: int) -> bool:
        was_running = self.left > 0
        self.left = max(0, self.left - seconds)
        return was_running and self.left == 0


def test_TeaTimer() -> None:
    timer = TeaTimer()
    assert timer.tick(5) is False
    timer.start(10)
    assert timer.tick(9) is False
    assert timer.left == 1
    assert timer.tick(1) is True
    assert timer.tick(1) is False
    timer.start(3)
    assert (timer.tick(7), timer.left) == (True, 0)


class PunchCard:
    """A café stamps a card for each coffee; every `size` stamps earn a free one. `buy(cups)` adds stamps, `redeem()`
    spends a full card and tells whether there was one, and `str(card)` draws the stamps of the card in use, such as
    "**--", followed by " +N" when N full cards wait.

    >>> card = PunchCard(4)
    >>> card.buy(6)
    >>> str(card)
    '**-- +1'
    >>> card.redeem(), card.redeem(), str(card)
    (True, False, '**--')
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.stamps = 0

    def buy(self, cups: int) -> None:
        self.stamps += cups

    def redeem(self) -> bool:
        if self.stamps < self.size:
            return False
        self.stamps -= self.size
        return True

    def __str__(self) -> str:
        full, started = divmod(self.stamps, self.size)
        return "*" * started + "-" * (self.size - started) + (f" +{full}" if full else "")


def test_PunchCard() -> None:
    card = PunchCard(3)
    assert str(card) == "---"
    assert card.redeem() is False
    card.buy(2)
    assert str(card) == "**-"
    card.buy(1)
    assert str(card) == "--- +1"
    card.buy(4)
    assert str(card) == "*-- +2"
    assert [card.redeem(), card.redeem(), card.redeem()] == [True, True, False]


class Thermostat:
    """A heater with hysteresis: `read(temperature)` switches it on below `target - slack`, off above
    `target + slack`, and otherwise leaves it as it was; the answer is whether it now heats. `switches` counts how
    often it changed, for the guarantee. It starts switched off.

    >>> heater = Thermostat(20, slack=1)
    >>> [heater.read(t) for t in (19.5, 18.5, 20.5, 21.5)]
    [False, True, True, False]
    >>> heater.switches
    2
    """

    def __init__(self, target: float, slack: float) -> None:
        self.low = target - slack
        self.high = target + slack
        self.heating = False
        self.switches = 0

    def read(self, temperature: float) -> bool:
        wanted = self.heating
        if temperature < self.low:
            wanted = True
        elif temperature > self.high:
            wanted = False
        self.switches += wanted != self.heating
        self.heating = wanted
        return wanted


def test_Thermostat() -> None:
    heater = Thermostat(20, slack=2)
    assert [heater.read(t) for t in (18, 17.9, 18, 22, 22.1, 22)] == [False, True, True, True, False, False]
    assert heater.switches == 2
    assert Thermostat(20, 2).heating is False
    assert [heater.read(t) for t in (0, 99, 0)] == [True, False, True]
    assert heater.switches == 5


class Playlist:
    """Songs are kept in order without repeats. `add(song)` appends a new song and moves a known one to the end,
    `skip(n)` lets the first n songs wander to the end in turn, iterating gives the songs in order, and
    `len(playlist)` counts them.

    >>> music = Playlist(["So What", "Naima", "Ruby"])
    >>> music.add("So What")
    >>> music.skip(1)
    >>> list(music)
    ['Ruby', 'So What', 'Naima']
    >>> len(music)
    3
    """

    def __init__(self, songs: list[str]) -> None:
        self.queue: deque[str] = deque()
        for song in songs:
            self.add(song)

    def add(self, song: str) -> None:
        if song in self.queue:
            self.queue.remove(song)
        self.queue.append(song)

    def skip(self, count: int) -> None:
        self.queue.rotate(-count)

    def __iter__(self) -> Iterator[str]:
        return iter(self.queue)

    def __len__(self) -> int:
        return len(self.queue)


def test_Playlist() -> None:
    assert list(Playlist(["a", "b", "a"])) == ["b", "a"]
    music = Playlist(["a", "b", "c", "d"])
    music.skip(2)
    assert list(music) == ["c", "d", "a", "b"]
    music.skip(5)
    assert list(music) == ["d", "a", "b", "c"]
    music.add("e")
    assert (len(music), list(music)[-1]) == (5, "e")
    assert len(Playlist([])) == 0


class Odometer:
    """A car's odometer with some digit wheels rolls over to zero. `drive(km)` moves it forward, `trip` is the
    distance since the last `reset_trip()` and never rolls over, and `str(meter)` shows the wheels with leading
    zeros. Driving backwards is a ValueError.

    >>> meter = Odometer(wheels=3)
    >>> meter.drive(998)
    >>> meter.reset_trip()
    >>> meter.drive(5)
    >>> str(meter), meter.trip
    ('003', 5)
    >>> meter.drive(1000)
    >>> str(meter), meter.trip
    ('003', 1005)
    """

    def __init__(self, wheels: int) -> None:
        self.wheels = wheels
        self.total = 0
        self.trip = 0

    def drive(self, km: int) -> None:
        if km < 0:
            raise ValueError("cheating with the odometer is a crime")
        self.total = (self.total + km) % 10**self.wheels
        self.trip += km

    def reset_trip(self) -> None:
        self.trip = 0

    def __str__(self) -> str:
        return f"{self.total:0{self.wheels}d}"


def test_Odometer() -> None:
    meter = Odometer(wheels=2)
    assert str(meter) == "00"
    meter.drive(99)
    assert str(meter) == "99"
    meter.drive(2)
    assert (str(meter), meter.trip) == ("01", 101)
    meter.reset_trip()
    meter.drive(0)
    assert (str(meter), meter.trip) == ("01", 0)
    try:
        meter.drive(-1)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


class Ballot:
    """Voting by approval: each voter names any number of candidates. `vote(voter, names)` counts only a voter's
    latest ballot, names that do not stand are ignored, and `leaders()` lists all candidates with the most votes in
    alphabetical order, which is everybody before the first vote.

    >>> box = Ballot(["Uma", "Leo", "Kai"])
    >>> box.vote("v1", {"Uma", "Leo"})
    >>> box.vote("v2", {"Leo", "Santa"})
    >>> box.leaders()
    ['Leo']
    >>> box.vote("v2", {"Uma"})
    >>> box.leaders()
    ['Uma']
    """

    def __init__(self, candidates: list[str]) -> None:
        self.candidates = sorted(candidates)
        self.ballots: dict[str, set[str]] = {}

    def vote(self, voter: str, names: set[str]) -> None:
        self.ballots[voter] = names & set(self.candidates)

    def votes_for(self, candidate: str) -> int:
        return sum(candidate in names for names in self.ballots.values())

    def leaders(self) -> list[str]:
        most = max(self.votes_for(candidate) for candidate in self.candidates)
        return [candidate for candidate in self.candidates if self.votes_for(candidate) == most]


def test_Ballot() -> None:
    box = Ballot(["c", "a", "b"])
    assert box.leaders() == ["a", "b", "c"]
    box.vote("v1", {"c", "b"})
    assert box.leaders() == ["b", "c"]
    box.vote("v2", {"c", "zzz"})
    assert (box.leaders(), box.votes_for("c"), box.votes_for("zzz")) == (["c"], 2, 0)
    box.vote("v1", set())
    assert box.votes_for("c") == 1
    assert box.votes_for("b") == 0


class Undo:
    """A drawing program remembers what was drawn. `do(stroke)` adds a stroke, `undo()` takes the last one back and
    `redo()` restores it; both return the stroke, or None when there is nothing to do. A new stroke forgets all that
    could have been redone. `strokes` is the present drawing.

    >>> paper = Undo()
    >>> paper.do("line"); paper.do("circle")
    >>> paper.undo(), paper.undo(), paper.undo()
    ('circle', 'line', None)
    >>> paper.redo(), paper.strokes
    ('line', ['line'])
    """

    def __init__(self) -> None:
        self.strokes: list[str] = []
        self.undone: list[str] = []

    def do(self, stroke: str) -> None:
        self.strokes.append(stroke)
        self.undone.clear()

    def undo(self) -> str | None:
        if not self.strokes:
            return None
        self.undone.append(self.strokes.pop())
        return self.undone[-1]

    def redo(self) -> str | None:
        if not self.undone:
            return None
        self.strokes.append(self.undone.pop())
        return self.strokes[-1]


def test_Undo() -> None:
    paper = Undo()
    assert paper.redo() is None
    for stroke in "abc":
        paper.do(stroke)
    assert [paper.undo(), paper.undo()] == ["c", "b"]
    assert paper.redo() == "b"
    paper.do("x")
    assert paper.redo() is None
    assert paper.strokes == ["a", "b", "x"]
    assert [paper.undo() for _ in range(4)] == ["x", "b", "a", None]


class Polynomial:
    """Polynomials hold their coefficients from the constant term upward, without zeros at the top end. Two of them
    can be added and compared with ==, a polynomial can be called with a number, and `str` writes the terms from the
    highest power down, such as "3x^2 - x + 4" ("0" for the zero polynomial).

    >>> p = Polynomial([4, -1, 3])
    >>> str(p), p(2)
    ('3x^2 - x + 4', 14)
    >>> str(p + Polynomial([0, 1, -3]))
    '4'
    """

    def __init__(self, coefficients: list[int]) -> None:
        self.coefficients = list(coefficients)
        while self.coefficients and self.coefficients[-1] == 0:
            self.coefficients.pop()

    def __add__(self, other: "Polynomial") -> "Polynomial":
        from itertools import zip_longest

        pairs = zip_longest(self.coefficients, other.coefficients, fillvalue=0)
        return Polynomial([mine + theirs for mine, theirs in pairs])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Polynomial) and self.coefficients == other.coefficients

    def __call__(self, x: int) -> int:
        value = 0
        for coefficient in reversed(self.coefficients):
            value = value * x + coefficient
        return value

    def __str__(self) -> str:
        text = ""
        for power in range(len(self.coefficients) - 1, -1, -1):
            coefficient = self.coefficients[power]
            if coefficient:
                size = "" if abs(coefficient) == 1 and power else str(abs(coefficient))
                variable = ("", "x")[power > 0] + (f"^{power}" if power > 1 else "")
                sign = (" - " if coefficient < 0 else " + ") if text else "-" * (coefficient < 0)
                text += sign + size + variable
        return text or "0"


def test_Polynomial() -> None:
    assert str(Polynomial([4, -1, 3])) == "3x^2 - x + 4"
    assert str(Polynomial([0, 0])) == "0"
    assert str(Polynomial([-1, 2, 0, -1])) == "-x^3 + 2x - 1"
    assert Polynomial([1, 2]) + Polynomial([0, -2, 5]) == Polynomial([1, 0, 5])
    assert Polynomial([1, 1]) + Polynomial([0, -1]) == Polynomial([1, 0])
    assert [Polynomial([1, 2, 3])(x) for x in (0, 1, -2)] == [1, 6, 9]
    assert (Polynomial([1]) == 1) is False
