"""errors / raising, catching and cleaning up"""

from collections.abc import Callable


def rope_length(text: str) -> int:
    """A climbing shop asks for a length of rope in whole metres, from 1 to 80, as a customer typed it; blanks around
    it are fine. Return the number. If it is no whole number, raise ValueError with the message "not a number of
    metres: " and the text in quotes (as repr shows it); if it is out of range, raise ValueError with "between 1 and 80
    metres, not " and the number.

    >>> rope_length(" 35 ")
    35
    >>> rope_length("95")
    Traceback (most recent call last):
        ...
    ValueError: between 1 and 80 metres, not 95
    """
    try:
        metres = int(text)
    except ValueError:
        # "from None" hides int's own message, which would tell the customer nothing.
        raise ValueError(f"not a number of metres: {text!r}") from None
    if not 1 <= metres <= 80:
        raise ValueError(f"between 1 and 80 metres, not {metres}")
    return metres


def test_rope_length() -> None:
    def message(text: str) -> str:
        try:
            return f"no error, but {rope_length(text)}"
        except ValueError as error:
            return str(error)

    assert (rope_length("1"), rope_length("80")) == (1, 80)
    assert message("0") == "between 1 and 80 metres, not 0"
    assert message("81") == "between 1 and 80 metres, not 81"
    assert message("-5") == "between 1 and 80 metres, not -5"
    assert message("ten") == "not a number of metres: 'ten'"
    assert message("") == "not a number of metres: ''"


def first_reading(text: str, readers: list[Callable[[str], int]]) -> int:
    """Old account books write numbers in several ways, and there is a function for each way that raises ValueError
    when it cannot read a text. Return what the first reader that manages makes of the text. If none does, raise
    ValueError with the message "nobody can read " and the text in quotes. Other errors of a reader are faults: let
    them through.

    >>> first_reading("101", [lambda text: int(text, 2), int])
    5
    >>> first_reading("12", [lambda text: int(text, 2), int])
    12
    """
    for reader in readers:
        try:
            return reader(text)
        except ValueError:
            continue
    raise ValueError(f"nobody can read {text!r}")


def test_first_reading() -> None:
    def broken(text: str) -> int:
        raise KeyError(text)

    def outcome(text: str, readers: list[Callable[[str], int]]) -> str:
        try:
            return str(first_reading(text, readers))
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    assert outcome("7", [int, broken]) == "7"
    assert outcome("7", [broken, int]) == "KeyError: '7'"
    assert outcome("x", [int]) == "ValueError: nobody can read 'x'"
    assert outcome("7", []) == "ValueError: nobody can read '7'"
    assert outcome("0x1f", [int, lambda text: int(text, 16), broken]) == "31"


def with_key(rack: list[str], key: str, errand: Callable[[], str]) -> str:
    """The keys of a theatre hang on a rack. Take the key off, run the errand and return its result; whatever happens
    during the errand, even an error, the key must hang on the rack again afterwards, at the end of the list. A key
    that does not hang there is a LookupError, and then there is no errand.

    >>> rack = ["stage", "cellar"]
    >>> with_key(rack, "stage", lambda: f"left on the rack: {rack}")
    "left on the rack: ['cellar']"
    >>> rack
    ['cellar', 'stage']
    """
    if key not in rack:
        raise LookupError(f"no key {key!r} on the rack")
    rack.remove(key)
    try:
        return errand()
    finally:
        rack.append(key)


def test_with_key() -> None:
    rack = ["a", "b", "c"]
    runs = []
    assert with_key(rack, "b", lambda: "done") == "done"
    assert rack == ["a", "c", "b"]
    try:
        with_key(rack, "a", lambda: str(1 // 0))
    except ZeroDivisionError:
        runs.append("error came through")
    assert runs == ["error came through"]
    assert rack == ["c", "b", "a"]
    try:
        with_key(rack, "z", lambda: str(runs.append("errand")))
    except LookupError:
        runs.append("no key")
    assert runs == ["error came through", "no key"]
    assert rack == ["c", "b", "a"]


def seat_for(plan: dict[str, list[str]], ticket: str) -> str:
    """A ticket says "ROW-NUMBER", as in "B-2", and the seating plan lists the people of each row, seat 1 first. Return
    who sits there. Whatever is wrong with a ticket, callers want one kind of error only: raise LookupError with the
    message "no seat " and the ticket, and keep the error that caused it as its cause (`raise ... from ...`).

    >>> seat_for({"B": ["Ann", "Bo"]}, "B-2")
    'Bo'
    >>> seat_for({"B": ["Ann", "Bo"]}, "C-1")
    Traceback (most recent call last):
        ...
    LookupError: no seat C-1
    """
    try:
        row, number = ticket.split("-")
        place = int(number) - 1
        if place < 0:
            raise IndexError("seats count from 1")
        return plan[row][place]
    except (ValueError, KeyError, IndexError) as error:
        raise LookupError(f"no seat {ticket}") from error


def test_seat_for() -> None:
    plan = {"A": ["Ida"], "B": ["Ann", "Bo"]}

    def cause(ticket: str) -> str:
        try:
            return seat_for(plan, ticket)
        except LookupError as error:
            return f"{error} / {type(error.__cause__).__name__}"

    assert cause("A-1") == "Ida"
    assert cause("B-3") == "no seat B-3 / IndexError"
    assert cause("B-0") == "no seat B-0 / IndexError"
    assert cause("Z-1") == "no seat Z-1 / KeyError"
    assert cause("A-one") == "no seat A-one / ValueError"
    assert cause("A-1-2") == "no seat A-1-2 / ValueError"


def told_by(errand: Callable[[], int], diary: list[str]) -> int | None:
    """Run an errand and write a diary of it: "start" first; "result N" if it went well; "missing K" if it raised a
    KeyError for the key K; "no way" for any ArithmeticError; and in every case, even for other errors, which go
    through to the caller, "end" last. Return the result, or None after one of the two known errors.

    >>> diary = []
    >>> told_by(lambda: 6 * 7, diary), diary
    (42, ['start', 'result 42', 'end'])
    >>> told_by(lambda: {}["map"], diary) is None, diary[3:]
    (True, ['start', 'missing map', 'end'])
    """
    diary.append("start")
    try:
        result = errand()
    except KeyError as error:
        diary.append(f"missing {error.args[0]}")
    except ArithmeticError:
        diary.append("no way")
    else:
        # Runs only without an error, and an error in here would not be caught above.
        diary.append(f"result {result}")
        return result
    finally:
        diary.append("end")
    return None


def test_told_by() -> None:
    diary: list[str] = []
    assert told_by(lambda: 0, diary) == 0
    assert told_by(lambda: 1 // 0, diary) is None
    assert diary == ["start", "result 0", "end", "start", "no way", "end"]
    seen = []
    try:
        told_by(lambda: [1][5], diary)
    except IndexError:
        seen.append("IndexError")
    assert seen == ["IndexError"]
    assert diary[6:] == ["start", "end"]


def cause_chain(error: BaseException) -> list[str]:
    """When one error leads to another, Python keeps the earlier one: in `__cause__` if it was named with `raise ...
    from`, otherwise in `__context__`, which only counts if `__suppress_context__` is false. Follow the chain from the
    given error back to the first and list "Kind: message" for each.

    >>> def pay():
    ...     try:
    ...         int("ten")
    ...     except ValueError as bad:
    ...         raise RuntimeError("cannot pay") from bad
    >>> try:
    ...     pay()
    ... except RuntimeError as error:
    ...     print(cause_chain(error))
    ['RuntimeError: cannot pay', "ValueError: invalid literal for int() with base 10: 'ten'"]
    >>> cause_chain(OSError("wet"))
    ['OSError: wet']
    """
    chain = []
    step: BaseException | None = error
    while step is not None:
        chain.append(f"{type(step).__name__}: {step}")
        if step.__cause__ is not None:
            step = step.__cause__
        else:
            step = None if step.__suppress_context__ else step.__context__
    return chain


def test_cause_chain() -> None:
    first, second, third = ValueError("1"), TypeError("2"), OSError("3")
    second.__context__ = first
    third.__cause__ = second
    assert cause_chain(third) == ["OSError: 3", "TypeError: 2", "ValueError: 1"]
    assert cause_chain(second) == ["TypeError: 2", "ValueError: 1"]
    second.__suppress_context__ = True
    assert cause_chain(second) == ["TypeError: 2"]
    assert cause_chain(first) == ["ValueError: 1"]
    first.__context__, first.__cause__ = OSError("other"), KeyError("k")
    assert cause_chain(first) == ["ValueError: 1", "KeyError: 'k'"]


def close_all(doors: dict[str, Callable[[], None]]) -> list[str]:
    """In the evening all doors must be closed, and one that sticks must not leave the others open. Each door has a
    function that closes it and may raise OSError. Call all of them, in order, and return the names of the closed
    doors; but if any failed, raise at the end one RuntimeError that lists the failures as "name (message)", parted by
    a comma and a blank.

    >>> close_all({"front": lambda: None, "back": lambda: None})
    ['front', 'back']
    >>> def stuck(): raise OSError("rust")
    >>> close_all({"front": stuck, "back": lambda: None})
    Traceback (most recent call last):
        ...
    RuntimeError: still open: front (rust)
    """
    closed, failures = [], []
    for name, close in doors.items():
        try:
            close()
        except OSError as error:
            failures.append(f"{name} ({error})")
        else:
            closed.append(name)
    if failures:
        raise RuntimeError("still open: " + ", ".join(failures))
    return closed


def test_close_all() -> None:
    calls: list[str] = []

    def stuck() -> None:
        calls.append("stuck")
        raise OSError("ice")

    def smooth() -> None:
        calls.append("smooth")

    message = ""
    try:
        close_all({"a": stuck, "b": smooth, "c": stuck})
    except RuntimeError as error:
        message = str(error)
    assert message == "still open: a (ice), c (ice)"
    assert calls == ["stuck", "smooth", "stuck"]
    assert close_all({"b": smooth}) == ["b"]
    assert close_all({}) == []


class Cauldron:
    """A cauldron holds so many litres and has an error of its own: `Cauldron.Overflow`, a kind of ValueError, whose
    `spilled` says how many litres did not fit. `pour(litres)` adds soup; if it is too much, the cauldron is full
    afterwards and Overflow is raised with the message "N litres on the floor". `litres` is what is in it.

    >>> pot = Cauldron(10)
    >>> pot.pour(8)
    >>> pot.litres
    8
    >>> try:
    ...     pot.pour(5)
    ... except ValueError as error:
    ...     print(error, error.spilled, pot.litres)
    3 litres on the floor 3 10
    """

    class Overflow(ValueError):
        def __init__(self, spilled: int) -> None:
            super().__init__(f"{spilled} litres on the floor")
            self.spilled = spilled

    def __init__(self, size: int) -> None:
        self.size = size
        self.litres = 0

    def pour(self, litres: int) -> None:
        total = self.litres + litres
        self.litres = min(total, self.size)
        if total > self.size:
            raise self.Overflow(total - self.size)


def test_Cauldron() -> None:
    pot = Cauldron(5)
    spilled = []
    for litres in (2, 3, 0, 1, 4):
        try:
            pot.pour(litres)
        except Cauldron.Overflow as error:
            spilled.append((str(error), error.spilled))
    assert spilled == [("1 litres on the floor", 1), ("4 litres on the floor", 4)]
    assert pot.litres == 5
    assert issubclass(Cauldron.Overflow, ValueError)
    assert Cauldron(7).litres == 0
