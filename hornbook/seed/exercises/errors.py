"""Errors"""

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

    def outcome(text: str, readers: list) -> str:
        try:
            return str(first_reading(text, readers))
        except Exception as error:
            return f"{type(error).__name__}: {error}"

    assert outcome("7", [int, broken]) == "7"
    assert outcome("7", [broken, int]) == "KeyError: '7'"
    assert outcome("x", [int]) == "ValueError: nobody can read 'x'"
    assert outcome("7", []) == "ValueError: nobody can read '7'"
    assert outcome("0x1f", [int, lambda text: int(text, 16), broken]) == "31"


class KeyRack:
    """The keys of a theatre hang on a rack. `send(key, errand)` takes the key off, runs the errand, a function without
    arguments, and returns its result; whatever happens during the errand, even an error, the key hangs on the rack
    again afterwards, at the end of `hanging`. A key that does not hang there is a LookupError, and then there is no
    errand.

    >>> rack = KeyRack(["stage", "cellar"])
    >>> rack.send("stage", lambda: f"meanwhile there hang {rack.hanging}")
    "meanwhile there hang ['cellar']"
    >>> rack.hanging
    ['cellar', 'stage']
    """

    def __init__(self, keys: list[str]) -> None:
        self.hanging = list(keys)

    def send(self, key: str, errand: Callable[[], str]) -> str:
        if key not in self.hanging:
            raise LookupError(f"no key {key!r} on the rack")
        self.hanging.remove(key)
        try:
            return errand()
        finally:
            self.hanging.append(key)


def test_KeyRack() -> None:
    rack = KeyRack(["a", "b", "c"])
    seen = []
    assert rack.send("b", lambda: "done") == "done"
    assert rack.hanging == ["a", "c", "b"]
    try:
        rack.send("a", lambda: str(1 // 0))
    except ZeroDivisionError:
        seen.append("error came through")
    assert rack.hanging == ["c", "b", "a"]
    try:
        rack.send("z", lambda: str(seen.append("errand")))
    except LookupError:
        seen.append("no key")
    assert seen == ["error came through", "no key"]
    assert rack.hanging == ["c", "b", "a"]


def seat_for(plan: dict[str, list[str]], ticket: str) -> str:
    """A ticket says "ROW-NUMBER", as in "B-2", and the seating plan lists the people of each row, seat 1 first. Return
    who sits there. Whatever is wrong with a ticket, callers want to catch one kind of error only: raise LookupError
    with "no seat TICKET: " and a reason, which is "unreadable", "no such row" or "no such place".

    >>> seat_for({"B": ["Ann", "Bo"]}, "B-2")
    'Bo'
    >>> seat_for({"B": ["Ann", "Bo"]}, "C-1")
    Traceback (most recent call last):
        ...
    LookupError: no seat C-1: no such row
    """
    try:
        row, number = ticket.split("-")
        place = int(number)
        # Place 0 and below would otherwise count from the end of the row.
        if place < 1:
            raise IndexError(place)
        return plan[row][place - 1]
    except ValueError:
        reason = "unreadable"
    except KeyError:
        reason = "no such row"
    except IndexError:
        reason = "no such place"
    raise LookupError(f"no seat {ticket}: {reason}")


def test_seat_for() -> None:
    plan = {"A": ["Ida"], "B": ["Ann", "Bo"], "": ["nobody"]}

    def message(ticket: str) -> str:
        try:
            return seat_for(plan, ticket)
        except LookupError as error:
            return str(error)

    assert (message("A-1"), message("-1")) == ("Ida", "nobody")
    assert message("B-3") == "no seat B-3: no such place"
    assert message("B-0") == "no seat B-0: no such place"
    assert message("Z-1") == "no seat Z-1: no such row"
    assert message("A-one") == "no seat A-one: unreadable"
    assert message("A-1-2") == "no seat A-1-2: unreadable"
    assert message("A") == "no seat A: unreadable"


def told_by(errand: Callable[[], int], write: Callable[[str], None]) -> int | None:
    """Run an errand and tell its story, line by line, to the function `write`: "start" first; "result N" if it went
    well; "nothing found" if it raised any LookupError; "no way" for any ArithmeticError; and in every case, even for
    other errors, which go through to the caller, "end" last. Return the result, or None after one of the two known
    errors.

    >>> diary = []
    >>> told_by(lambda: 6 * 7, diary.append), diary
    (42, ['start', 'result 42', 'end'])
    >>> told_by(lambda: {}["map"], diary.append) is None, diary[3:]
    (True, ['start', 'nothing found', 'end'])
    """
    write("start")
    try:
        result = errand()
    except LookupError:
        write("nothing found")
    except ArithmeticError:
        write("no way")
    else:
        # Runs only without an error, and an error in here would not be caught above.
        write(f"result {result}")
        return result
    finally:
        write("end")
    return None


def test_told_by() -> None:
    diary: list[str] = []
    assert told_by(lambda: 0, diary.append) == 0
    assert told_by(lambda: 1 // 0, diary.append) is None
    assert diary == ["start", "result 0", "end", "start", "no way", "end"]
    assert told_by(lambda: [1][5], diary.append) is None
    assert diary[6:] == ["start", "nothing found", "end"]
    seen = []
    try:
        told_by(lambda: int("x"), diary.append)
    except ValueError:
        seen.append("ValueError")
    assert seen == ["ValueError"]
    assert diary[9:] == ["start", "end"]


def all_complaints(form: dict[str, str], rules: dict[str, Callable[[str], object]]) -> list[str]:
    """People hate forms that report one mistake at a time. Each rule reads the answer to one question and raises an
    error if it does not like it. Go through all rules, in order, and list the complaints: "QUESTION: missing" if there
    is no answer or an empty one; "QUESTION: " and the message of the rule's ValueError; and for any other kind of
    error, which is the rule's own fault, "QUESTION: cannot be checked". A form without complaints gives an empty list.

    >>> all_complaints({"age": "ten", "name": "Ida"}, {"name": str, "age": int, "town": str})
    ["age: invalid literal for int() with base 10: 'ten'", 'town: missing']
    >>> all_complaints({"age": "10"}, {"age": int})
    []
    """
    complaints = []
    for question, rule in rules.items():
        answer = form.get(question, "")
        if not answer:
            complaints.append(f"{question}: missing")
            continue
        try:
            rule(answer)
        except ValueError as error:
            complaints.append(f"{question}: {error}")
        except Exception:
            complaints.append(f"{question}: cannot be checked")
    return complaints


def test_all_complaints() -> None:
    def short(answer: str) -> str:
        if len(answer) > 3:
            raise ValueError("too long")
        return answer

    def broken(answer: str) -> str:
        return answer[99]

    assert all_complaints({"a": "abcd", "b": "abc"}, {"a": short, "b": short}) == ["a: too long"]
    assert all_complaints({"a": ""}, {"a": broken, "b": broken}) == ["a: missing", "b: missing"]
    assert all_complaints({"a": "x", "b": "long"}, {"b": short, "a": broken}) == ["b: too long", "a: cannot be checked"]
    assert all_complaints({"extra": "long"}, {}) == []
    assert all_complaints({"a": "x"}, {"a": lambda answer: False}) == []


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
