"""classes / context managers"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class StageLight:
    """A spotlight must never stay on by mistake. `with StageLight(log, "red") as light:` writes "red on" into the log
    when the block begins and "red off" when it ends, even if an error ends it; the error then goes on to the caller.
    Inside the block, `light.flash(n)` writes "red flash" n times.

    >>> log = []
    >>> with StageLight(log, "red") as light:
    ...     light.flash(2)
    >>> log
    ['red on', 'red flash', 'red flash', 'red off']
    >>> with StageLight(log, "blue"): print(len(log))
    5
    """

    def __init__(self, log: list[str], colour: str) -> None:
        self.log = log
        self.colour = colour

    def __enter__(self) -> "StageLight":
        self.log.append(f"{self.colour} on")
        return self

    def __exit__(self, *error: object) -> None:
        # Returning None (or False) lets an error go on.
        self.log.append(f"{self.colour} off")

    def flash(self, times: int) -> None:
        self.log += [f"{self.colour} flash"] * times


def test_StageLight() -> None:
    log: list[str] = []
    light = StageLight(log, "green")
    assert log == []
    with light as same, StageLight(log, "white") as other:
        assert same is light
        other.flash(1)
        light.flash(0)
    assert log == ["green on", "white on", "white flash", "white off", "green off"]
    log.clear()
    try:
        with light:
            raise RuntimeError("fuse")
    except RuntimeError:
        log.append("heard of it")
    assert log == ["green on", "green off", "heard of it"]


@contextmanager
def temporarily(settings: dict[str, Any], **changes: Any) -> Iterator[None]:
    """A puppet theatre changes some settings for a single scene. Inside `with temporarily(settings, sound=3):` the
    settings hold the new values; afterwards, whatever happened inside, the named settings are as before, and those
    that did not exist before are gone. Settings that were not named but changed inside keep their change.

    >>> settings = {"sound": 5}
    >>> with temporarily(settings, sound=0, fog=True):
    ...     print(settings)
    {'sound': 0, 'fog': True}
    >>> settings
    {'sound': 5}
    """
    before = {name: settings[name] for name in changes if name in settings}
    settings.update(changes)
    try:
        yield
    finally:
        for name in changes:
            if name in before:
                settings[name] = before[name]
            else:
                # The block itself may have deleted it already.
                settings.pop(name, None)


def test_temporarily() -> None:
    settings = {"a": 1, "b": 2}
    with temporarily(settings, a=9):
        assert settings == {"a": 9, "b": 2}
        settings["b"] = 7
    assert settings == {"a": 1, "b": 7}
    with temporarily(settings, c=3):
        del settings["c"]
    assert settings == {"a": 1, "b": 7}
    seen = []
    try:
        with temporarily(settings, a=0, d=4):
            del settings["a"]
            raise KeyError("lost")
    except KeyError:
        seen.append("error came through")
    assert seen == ["error came through"]
    assert settings == {"a": 1, "b": 7}


class Forgiving:
    """`with Forgiving(ValueError, KeyError) as calm:` swallows errors of the given kinds, which end the block quietly,
    and keeps the last of them in `calm.error` (None if the block went well). Other errors go through, and they are not
    kept. The same object may be used for several blocks; each of them begins with `error` None.

    >>> with Forgiving(ValueError) as calm:
    ...     int("twelve")
    ...     print("never reached")
    >>> type(calm.error).__name__
    'ValueError'
    >>> with calm: print("fine")
    fine
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
def element(page: list[str], name: str, **attributes: str) -> Iterator[None]:
    """A web page is a list of lines. Inside `with element(page, "ul", id="menu"):` whatever is added to the page
    stands between "<ul id="menu">" and "</ul>" and is indented by two blanks more, so blocks may be nested. Attributes
    stand in the order given. If an error ends the block, all lines that were added since its start disappear, the
    opening one included.

    >>> page = []
    >>> with element(page, "ul", id="menu"):
    ...     with element(page, "li"):
    ...         page.append("Soup")
    >>> for line in page: print(line)
    <ul id="menu">
      <li>
        Soup
      </li>
    </ul>
    >>> with element(page, "br"): page[:] = []
    >>> page
    ['<br>', '</br>']
    """
    start = len(page)
    try:
        yield
    except BaseException:
        del page[start:]
        raise
    inside = ["  " + line for line in page[start:]]
    opening = name + "".join(f' {key}="{value}"' for key, value in attributes.items())
    page[start:] = [f"<{opening}>", *inside, f"</{name}>"]


def test_element() -> None:
    page = ["top"]
    with element(page, "p", title="a", lang="de"):
        page += ["x", "y"]
    assert page == ["top", '<p title="a" lang="de">', "  x", "  y", "</p>"]
    lines: list[str] = []
    with element(lines, "div"):
        with element(lines, "b"):
            pass
        lines.append("end")
    assert lines == ["<div>", "  <b>", "  </b>", "  end", "</div>"]
    seen = []
    try:
        with element(page, "i"):
            page.append("lost")
            raise OSError
    except OSError:
        seen.append("error")
    assert seen == ["error"]
    assert len(page) == 5


class Basket:
    """A shopper fills a basket from the shelves of a shop, given as counts by name. `with Basket(shelves) as basket:`
    and then `basket.take(name, count)` moves things from the shelves into `basket.held`; taking more than there is
    raises ValueError. If the block ends well, the things are bought and stay off the shelves; if any error ends it,
    everything goes back. `held` is empty again afterwards, and `bought` holds what was bought in the last block.

    >>> shelves = {"tea": 3}
    >>> with Basket(shelves) as basket:
    ...     basket.take("tea", 2)
    >>> shelves, basket.bought
    ({'tea': 1}, {'tea': 2})
    >>> try:
    ...     with basket:
    ...         basket.take("tea", 1)
    ...         basket.take("tea", 1)
    ... except ValueError:
    ...     print(shelves, basket.bought)
    {'tea': 1} {}
    """

    def __init__(self, shelves: dict[str, int]) -> None:
        self.shelves = shelves
        self.held: dict[str, int] = {}
        self.bought: dict[str, int] = {}

    def __enter__(self) -> "Basket":
        self.held, self.bought = {}, {}
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self.bought = self.held
        else:
            for name, count in self.held.items():
                self.shelves[name] += count
        self.held = {}

    def take(self, name: str, count: int) -> None:
        if count > self.shelves.get(name, 0):
            raise ValueError(f"not enough {name}")
        self.shelves[name] -= count
        self.held[name] = self.held.get(name, 0) + count


def test_Basket() -> None:
    shelves = {"jam": 2, "rye": 1}
    with Basket(shelves) as basket:
        basket.take("jam", 1)
        basket.take("jam", 1)
        assert basket.held == {"jam": 2}
        assert shelves == {"jam": 0, "rye": 1}
    assert (basket.bought, basket.held) == ({"jam": 2}, {})
    errors = []
    for wish in ("rye", "figs"):
        try:
            with basket:
                basket.take("rye", 1)
                basket.take(wish, 1)
        except ValueError as error:
            errors.append(str(error))
    assert errors == ["not enough rye", "not enough figs"]
    assert shelves == {"jam": 0, "rye": 1}
    assert basket.bought == {}


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
