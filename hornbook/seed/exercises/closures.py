"""Functions / closures and late binding"""

from collections.abc import Callable
from functools import wraps
from typing import Any


def ticket_machine(prefix: str, size: int = 999) -> Callable[[], str]:
    """An office hands out numbers to people who wait. Return a function without arguments whose calls give "A001",
    "A002" and so on for the prefix "A"; after number `size` it begins again at 1. Each machine counts for itself.

    >>> next_in_line = ticket_machine("A", size=2)
    >>> [next_in_line() for _ in range(3)]
    ['A001', 'A002', 'A001']
    >>> ticket_machine("B")()
    'B001'
    """
    number = 0

    def draw() -> str:
        # Without this line the assignment would make a new local name.
        nonlocal number
        number = number % size + 1
        return f"{prefix}{number:03d}"

    return draw


def test_ticket_machine() -> None:
    first, second = ticket_machine("X"), ticket_machine("Y")
    assert [first(), first(), second(), first()] == ["X001", "X002", "Y001", "X003"]
    short = ticket_machine("", 3)
    assert [short() for _ in range(7)] == ["001", "002", "003", "001", "002", "003", "001"]
    assert [ticket_machine("Z", 1)() for _ in range(2)] == ["Z001", "Z001"]
    long = ticket_machine("", 1200)
    assert [long() for _ in range(1000)][-2:] == ["999", "1000"]


def bell_buttons(guests: list[str]) -> list[Callable[[], str]]:
    """A house has one bell button for each flat. Return a list of functions without arguments, one for each name in
    order, that return "ding-dong, NAME". Mind the trap: functions made in a loop all look up the loop's name when they
    are called, and by then it holds the last value.

    >>> buttons = bell_buttons(["Ada", "Bo"])
    >>> buttons[0](), buttons[1]()
    ('ding-dong, Ada', 'ding-dong, Bo')
    >>> bell_buttons([])
    []
    """

    def button(name: str) -> Callable[[], str]:
        # Every call of button makes a name of its own that only the inner function sees.
        return lambda: f"ding-dong, {name}"

    return [button(name) for name in guests]


def test_bell_buttons() -> None:
    names = ["x", "y", "z"]
    buttons = bell_buttons(names)
    assert [press() for press in buttons] == ["ding-dong, x", "ding-dong, y", "ding-dong, z"]
    names[0] = "changed"
    assert buttons[0]() == "ding-dong, x"
    assert buttons[2]() == buttons[2]() == "ding-dong, z"
    assert len(bell_buttons(["a", "a"])) == 2


def record_keeper(better: Callable[[float, float], bool]) -> Callable[[float], bool]:
    """At a sports day some events want high numbers and others low ones. `better(new, old)` tells whether a new result
    beats an old one. Return a function that takes one result after another and says whether it is a record; the first
    result always is, and a result that only equals the record is not unless `better` says so.

    >>> is_record = record_keeper(lambda new, old: new < old)
    >>> [is_record(seconds) for seconds in (12.4, 12.9, 12.1)]
    [True, False, True]
    >>> record_keeper(lambda new, old: new > old)(0)
    True
    """
    best: float | None = None

    def judge(result: float) -> bool:
        nonlocal best
        if best is not None and not better(result, best):
            return False
        best = result
        return True

    return judge


def test_record_keeper() -> None:
    jump = record_keeper(lambda new, old: new > old)
    assert [jump(x) for x in (0, 3, 3, 2, 4)] == [True, True, False, False, True]
    run = record_keeper(lambda new, old: new <= old)
    assert [run(x) for x in (5, 5, 6, 4)] == [True, True, False, True]
    never = record_keeper(lambda new, old: False)
    assert [never(x) for x in (1, 9)] == [True, False]
    assert jump(1) is False


def politely(function: Callable[..., str]) -> Callable[..., str]:
    """A talking doll should be polite. Write a decorator for functions that return a sentence: the decorated function
    puts ", please" before the last sign of the sentence if that is "." or "!", otherwise at the end; an empty sentence
    stays empty. It takes the same arguments as before and keeps its name and docstring.

    >>> @politely
    ... def order(what, count=1):
    ...     return f"Bring me {count} {what}!"
    >>> order("tea", count=2)
    'Bring me 2 tea, please!'
    >>> order.__name__
    'order'
    """

    @wraps(function)
    def polite(*args: object, **kwargs: object) -> str:
        sentence = function(*args, **kwargs)
        if not sentence:
            return sentence
        if sentence[-1] in ".!":
            return f"{sentence[:-1]}, please{sentence[-1]}"
        return f"{sentence}, please"

    return polite


def test_politely() -> None:
    @politely
    def echo(text: str, times: int = 1) -> str:
        return text * times

    assert echo("Sit.") == "Sit, please."
    assert echo("Come", times=2) == "ComeCome, please"
    assert echo("Go?") == "Go?, please"
    assert echo("") == ""
    assert echo("!") == ", please!"
    assert echo.__name__ == "echo"


def within(low: float, high: float) -> Callable[[Callable[..., float]], Callable[..., float]]:
    """Sensors sometimes report nonsense. Write a decorator with two settings: `@within(low, high)` makes a function
    whose result is never below `low` and never above `high`. If low is greater than high, that is a ValueError as soon
    as the decorator is set up, not only when the function is called.

    >>> @within(0, 100)
    ... def humidity(raw):
    ...     return raw / 10
    >>> humidity(455), humidity(-20), humidity(4000)
    (45.5, 0, 100)
    >>> within(3, 2)
    Traceback (most recent call last):
        ...
    ValueError: 3 is above 2
    """
    if low > high:
        raise ValueError(f"{low} is above {high}")

    def decorate(function: Callable[..., float]) -> Callable[..., float]:
        @wraps(function)
        def limited(*args: Any, **kwargs: Any) -> float:
            return min(max(function(*args, **kwargs), low), high)

        return limited

    return decorate


def test_within() -> None:
    @within(-1, 1)
    def difference(a: float, b: float = 0) -> float:
        return a - b

    assert [difference(n) for n in (-5, -1, 0.5, 1, 2)] == [-1, -1, 0.5, 1, 1]
    assert difference(10, b=9.5) == 0.5
    assert difference.__name__ == "difference"
    assert within(2, 2)(lambda: 7)() == 2
    try:
        within(1, 0.5)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def once_a_day(function: Callable[[str], str]) -> Callable[[str], str]:
    """An oracle answers each visitor only once: asked again by the same person, it gives the answer it gave before,
    without thinking anew. Write the decorator. The decorated function has an attribute `forget`, a function without
    arguments, after which everybody may hope for a new answer.

    >>> riddles = iter(["fog", "salt", "moss"])
    >>> oracle = once_a_day(lambda visitor: next(riddles))
    >>> oracle("Ida"), oracle("Bo"), oracle("Ida")
    ('fog', 'salt', 'fog')
    >>> oracle.forget()
    >>> oracle("Ida")
    'moss'
    """
    answers: dict[str, str] = {}

    @wraps(function)
    def remembered(visitor: str) -> str:
        if visitor not in answers:
            answers[visitor] = function(visitor)
        return answers[visitor]

    # Functions are objects, so they can carry attributes of their own.
    remembered.forget = answers.clear  # type: ignore[attr-defined]
    return remembered


def test_once_a_day() -> None:
    asked: list[str] = []

    @once_a_day
    def oracle(visitor: str) -> str:
        asked.append(visitor)
        return "" if visitor == "mute" else visitor.upper()

    assert [oracle(v) for v in ("a", "b", "a")] == ["A", "B", "A"]
    assert asked == ["a", "b"]
    assert [oracle("mute"), oracle("mute")] == ["", ""]
    assert asked == ["a", "b", "mute"]
    oracle.forget()
    assert oracle("a") == "A"
    assert asked == ["a", "b", "mute", "a"]


def command_table() -> tuple[Callable[..., Any], Callable[[str], str]]:
    """A text adventure wants to note its commands where they are written. Return two functions: `command(*words)`, a
    decorator that registers a function under one or several words and gives back the function unchanged, and
    `run(line)`, which calls the function registered for the first word of the line with the rest of the line, without
    blanks at its ends, and returns what it says. An unknown or missing word gives "What?".

    >>> command, run = command_table()
    >>> @command("take", "get")
    ... def take(thing):
    ...     return f"You take the {thing}."
    >>> run("get  lamp"), run("eat lamp")
    ('You take the lamp.', 'What?')
    >>> take("rope")
    'You take the rope.'
    """
    table: dict[str, Callable[[str], str]] = {}

    def command(*words: str) -> Callable[[Callable[[str], str]], Callable[[str], str]]:
        def register(function: Callable[[str], str]) -> Callable[[str], str]:
            for word in words:
                table[word] = function
            return function

        return register

    def run(line: str) -> str:
        word, _, rest = line.strip().partition(" ")
        return table[word](rest.strip()) if word in table else "What?"

    return command, run


def test_command_table() -> None:
    command, run = command_table()

    @command("look")
    @command("examine", "x")
    def look(at: str) -> str:
        return f"<{at}>"

    assert [run(line) for line in ("look", " x  old  map ", "examine me")] == ["<>", "<old  map>", "<me>"]
    assert [run(line) for line in ("", "   ", "looking", "X map")] == ["What?"] * 4
    assert look("y") == "<y>"
    other_command, other_run = command_table()
    assert other_run("look") == "What?"
    other_command("look")(lambda rest: "new")
    assert (other_run("look"), run("look")) == ("new", "<>")


def with_undo(change: Callable[[list[str], str], list[str]]) -> tuple[Callable[..., Any], Callable[[], list[str]]]:
    """A drawing program should be able to take back any step. `change(drawing, wish)` gives the shapes of a drawing
    after a wish. Return two functions: `apply(wish)` changes the present drawing, which is empty at first, and returns
    it; `undo()` goes back to the drawing before the last step that really changed something and returns that, or the
    present one if nothing is left to take back. If `change` raises an error, or spoils the list that it was given
    before it does, the drawing stays as it was, and the error goes on to the caller.

    >>> apply, undo = with_undo(lambda drawing, wish: [*drawing, wish])
    >>> apply("house"), apply("tree")
    (['house'], ['house', 'tree'])
    >>> undo(), undo(), undo()
    (['house'], [], [])
    """
    # The present drawing is the last of all the drawings so far.
    drawings: list[list[str]] = [[]]

    def apply(wish: str) -> list[str]:
        # Both ways only copies are handed out, so nobody else can change what is kept.
        new = list(change(list(drawings[-1]), wish))
        if new != drawings[-1]:
            drawings.append(new)
        return list(new)

    def undo() -> list[str]:
        if len(drawings) > 1:
            drawings.pop()
        return list(drawings[-1])

    return apply, undo


def test_with_undo() -> None:
    def change(drawing: list[str], wish: str) -> list[str]:
        drawing.append(wish)
        if wish == "spill":
            raise ValueError("ink")
        return [shape for shape in drawing if shape != "nothing"]

    apply, undo = with_undo(change)
    assert undo() == []
    assert [apply("sky"), apply("nothing"), apply("sea")] == [["sky"], ["sky"], ["sky", "sea"]]
    errors = []
    try:
        apply("spill")
    except ValueError:
        errors.append("ink")
    assert errors == ["ink"]
    assert undo() == ["sky"]
    undo().append("graffiti")
    assert undo() == []
    assert apply("moon") == ["moon"]
