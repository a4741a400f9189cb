"""Context managers"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class StageLight:
    """A spotlight must never stay on by mistake. `with StageLight("red") as light:` writes "red on" into `light.log`
    when the block begins and "red off" when it ends, even if an error ends it; the error then goes on to the caller.
    Inside the block, `light.flash(n)` writes "red flash" n times; outside, the lamp is off, and flashing is a
    RuntimeError.

    >>> with StageLight("red") as light:
    ...     light.flash(2)
    >>> light.log
    ['red on', 'red flash', 'red flash', 'red off']
    >>> light.flash(1)
    Traceback (most recent call last):
        ...
    RuntimeError: the red light is off
    """

    def __init__(self, colour: str) -> None:
        self.colour = colour
        self.log: list[str] = []
        self.is_on = False

    def __enter__(self) -> "StageLight":
        self.is_on = True
        self.log.append(f"{self.colour} on")
        return self

    def __exit__(self, *error: object) -> None:
        # Returning None (or False) lets an error go on.
        self.is_on = False
        self.log.append(f"{self.colour} off")

    def flash(self, times: int) -> None:
        if not self.is_on:
            raise RuntimeError(f"the {self.colour} light is off")
        self.log += [f"{self.colour} flash"] * times


def test_StageLight() -> None:
    light = StageLight("green")
    assert light.log == []
    with light as same, StageLight("white") as other:
        same.flash(1)
        other.flash(0)
        assert light.log == ["green on", "green flash"]
    assert other.log == ["white on", "white off"]
    seen = []
    try:
        with light:
            raise OSError("fuse")
    except OSError:
        seen.append("heard of it")
    assert seen == ["heard of it"]
    assert light.log == ["green on", "green flash", "green off", "green on", "green off"]
    try:
        StageLight("blue").flash(1)
    except RuntimeError:
        pass
    else:
        raise AssertionError("expected RuntimeError")


class Theatre:
    """A puppet theatre has settings, given by name, and changes some of them for a single scene. In the block
    `with theatre.scene(sound=3):` the settings hold the new values; afterwards, whatever happened inside, the named
    ones are as before, and those that did not exist before are gone. Scenes may be nested. What else is changed in
    `theatre.settings` during a scene, with `theatre.change(name, value)`, stays changed.

    >>> theatre = Theatre(sound=5)
    >>> with theatre.scene(sound=0, fog=1):
    ...     theatre.change("light", 7)
    ...     during = dict(theatre.settings)
    >>> during
    {'sound': 0, 'fog': 1, 'light': 7}
    >>> theatre.settings
    {'sound': 5, 'light': 7}
    """

    def __init__(self, **settings: int) -> None:
        self.settings = settings
        self.coming: dict[str, int] = {}
        # One entry for each scene that is being played: its names, with their values before, None for new ones.
        self.before: list[dict[str, int | None]] = []

    def scene(self, **changes: int) -> "Theatre":
        self.coming = changes
        return self

    def change(self, name: str, value: int) -> None:
        self.settings[name] = value

    def __enter__(self) -> "Theatre":
        self.before.append({name: self.settings.get(name) for name in self.coming})
        self.settings.update(self.coming)
        return self

    def __exit__(self, *error: object) -> None:
        for name, value in self.before.pop().items():
            if value is None:
                del self.settings[name]
            else:
                self.settings[name] = value


def test_Theatre() -> None:
    theatre = Theatre(a=1, b=2)
    with theatre.scene(a=9):
        assert theatre.settings == {"a": 9, "b": 2}
        theatre.change("b", 7)
        with theatre.scene(a=0, c=0):
            assert theatre.settings == {"a": 0, "b": 7, "c": 0}
        assert theatre.settings == {"a": 9, "b": 7}
    assert theatre.settings == {"a": 1, "b": 7}
    seen = []
    try:
        with theatre.scene(b=3, d=4):
            theatre.change("b", 5)
            raise KeyError("lost")
    except KeyError:
        seen.append("error came through")
    assert seen == ["error came through"]
    assert theatre.settings == {"a": 1, "b": 7}


class Forgiving:
    """`with Forgiving(ValueError, KeyError) as calm:` swallows errors of the given kinds, which end the block quietly,
    and keeps the last of them in `calm.error` (None if the block went well). Other errors go through, and they are not
    kept. The same object may be used for several blocks; each of them begins with `error` None.

    >>> with Forgiving(ValueError) as calm:
    ...     int("twelve")
    ...     print("never reached")
    >>> type(calm.error).__name__
    'ValueError'
    >>> with calm:
    ...     twelve = int("12")
    >>> calm.error is None
    True
    """

    def __init__(self, *kinds: type[Exception]) -> None:
        self.kinds = kinds
        self.error: BaseException | None = None

    def __enter__(self) -> "Forgiving":
        self.error = None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> bool:
        # True tells Python that the error has been dealt with.
        if swallowed := isinstance(error, self.kinds):
            self.error = error
        return swallowed


def test_Forgiving() -> None:
    calm = Forgiving(LookupError, ZeroDivisionError)
    reached = []
    with calm:
        reached.append({}["x"])
    assert isinstance(calm.error, KeyError)
    with calm:
        reached.append(1 // 0)
    assert isinstance(calm.error, ZeroDivisionError)
    with calm:
        reached.append("fine")
    assert (calm.error, reached) == (None, ["fine"])
    try:
        with calm:
            int("x")
    except ValueError:
        reached.append("went through")
    assert reached == ["fine", "went through"]
    assert calm.error is None


@contextmanager
def raffle(prizes: list[str], blanks_between: int) -> Iterator[Callable[[], str]]:
    """A raffle is open only as long as its stall. `with raffle(prizes, n) as draw:` gives a function `draw()` that
    returns the prizes in order, with n times "blank" before each of them, and "sold out" when all the prizes are gone.
    After the block the stall is closed, and drawing is a RuntimeError. Write it as a generator with one `yield`.

    >>> with raffle(["bear", "kite"], 1) as draw:
    ...     tickets = [draw() for _ in range(5)]
    >>> tickets
    ['blank', 'bear', 'blank', 'kite', 'sold out']
    >>> draw()
    Traceback (most recent call last):
        ...
    RuntimeError: the stall is closed
    """
    rows = [row for prize in prizes for row in [*["blank"] * blanks_between, prize]]
    tickets = iter(rows)
    is_open = True

    def draw() -> str:
        if not is_open:
            raise RuntimeError("the stall is closed")
        return next(tickets, "sold out")

    try:
        # What stands before runs at the start of the block, what stands after at its end.
        yield draw
    finally:
        is_open = False


def test_raffle() -> None:
    with raffle(["a", "b"], 2) as draw:
        assert [draw() for _ in range(7)] == ["blank", "blank", "a", "blank", "blank", "b", "sold out"]
        assert draw() == "sold out"
    with raffle(["x"], 0) as first, raffle([], 5) as second:
        assert (first(), second()) == ("x", "sold out")
    closed = []
    for ticket in (draw, first, second):
        try:
            closed.append(ticket())
        except RuntimeError:
            closed.append("closed")
    assert closed == ["closed"] * 3
    with raffle(["a"], 1):
        closed.clear()
    assert closed == []


class Stall:
    """A market stall has a stock of counts by name. Inside `with stall:` a shopper calls `stall.take(name, count)`,
    which moves things from `stock` into the basket `held`; taking more than there is raises ValueError. If the block
    ends well, the things are sold: they are added to `sold`. If any error ends it, everything goes back into the
    stock, and the error goes on. Either way the basket is empty afterwards.

    >>> stall = Stall({"tea": 3})
    >>> with stall:
    ...     stall.take("tea", 2)
    >>> stall.stock, stall.sold
    ({'tea': 1}, {'tea': 2})
    >>> with stall:
    ...     stall.take("tea", 1)
    ...     stall.take("tea", 1)
    Traceback (most recent call last):
        ...
    ValueError: not enough tea
    >>> stall.stock
    {'tea': 1}
    """

    def __init__(self, stock: dict[str, int]) -> None:
        self.stock = dict(stock)
        self.held: dict[str, int] = {}
        self.sold: dict[str, int] = {}

    def __enter__(self) -> "Stall":
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        # Without an error all three arguments are None.
        target = self.sold if kind is None else self.stock
        for name, count in self.held.items():
            target[name] = target.get(name, 0) + count
        self.held = {}

    def take(self, name: str, count: int) -> None:
        if count > self.stock.get(name, 0):
            raise ValueError(f"not enough {name}")
        self.stock[name] -= count
        self.held[name] = self.held.get(name, 0) + count


def test_Stall() -> None:
    stall = Stall({"jam": 3, "rye": 1})
    with stall:
        stall.take("jam", 1)
        stall.take("jam", 1)
        assert stall.held == {"jam": 2}
        assert stall.stock == {"jam": 1, "rye": 1}
    assert (stall.sold, stall.held) == ({"jam": 2}, {})
    errors = []
    for wish in ("rye", "figs"):
        try:
            with stall:
                stall.take("rye", 1)
                stall.take(wish, 1)
        except ValueError as error:
            errors.append(str(error))
    assert errors == ["not enough rye", "not enough figs"]
    assert (stall.stock, stall.held, stall.sold) == ({"jam": 1, "rye": 1}, {}, {"jam": 2})
    with stall:
        stall.take("jam", 1)
    assert stall.sold == {"jam": 3}


class Convoy:
    """A caravan enters several gates one after another and leaves them in the opposite order. A gate is any context
    manager. `with Convoy(gates) as passed:` enters them in order and gives the list of what their `__enter__`
    returned. If a gate refuses to let the caravan in (its `__enter__` raises), the gates entered so far are left
    again, each without an error, and the error goes on. At the end every gate is left, even if leaving another one
    fails; the first such failure is raised after all have been left. Errors of the block itself are told to every
    gate, and none may swallow them.

    >>> class Gate:
    ...     def __init__(self, name): self.name = name
    ...     def __enter__(self): print("into", self.name); return self.name
    ...     def __exit__(self, kind, error, trace): print("out of", self.name, kind)
    >>> with Convoy([Gate("north"), Gate("south")]) as passed: print(passed)
    into north
    into south
    ['north', 'south']
    out of south None
    out of north None
    >>> with Convoy([]) as passed: print(passed)
    []
    """

    def __init__(self, gates: list[Any]) -> None:
        self.gates = gates
        self.inside: list[Any] = []

    def __enter__(self) -> list[Any]:
        names = []
        for gate in self.gates:
            try:
                names.append(gate.__enter__())
            except BaseException:
                self._leave(None, None, None)
                raise
            self.inside.append(gate)
        return names

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        failure = self._leave(kind, error, trace)
        if failure is not None:
            raise failure
        return False

    def _leave(self, *told: Any) -> BaseException | None:
        failure = None
        while self.inside:
            try:
                self.inside.pop().__exit__(*told)
            except BaseException as raised:
                failure = failure or raised
        return failure


def test_Convoy() -> None:
    seen: list[str] = []

    class Gate:
        def __init__(self, name: str, fails: str = "") -> None:
            self.name, self.fails = name, fails

        def __enter__(self) -> str:
            if self.fails == "in":
                raise OSError(self.name)
            return self.name.upper()

        def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
            seen.append(f"{self.name} {kind.__name__ if kind else '-'}")
            if self.fails == "out":
                raise RuntimeError(self.name)
            return True

    def journey(*gates: Gate, lost: bool = False) -> str:
        seen.clear()
        try:
            with Convoy(list(gates)) as passed:
                if lost:
                    raise KeyError("way")
        except Exception as error:
            return f"{type(error).__name__} {error}"
        return " ".join(passed)

    assert (journey(Gate("a"), Gate("b")), seen) == ("A B", ["b -", "a -"])
    assert (journey(Gate("a"), Gate("b", "in"), Gate("c")), seen) == ("OSError b", ["a -"])
    assert (journey(Gate("a"), lost=True), seen) == ("KeyError 'way'", ["a KeyError"])
    assert (journey(Gate("a", "out"), Gate("b", "out"), Gate("c")), seen) == ("RuntimeError b", ["c -", "b -", "a -"])
