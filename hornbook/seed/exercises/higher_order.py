"""Functions / passing functions as values"""

from collections.abc import Callable
from functools import cache, partial, reduce, wraps
from typing import Any


def pipeline(*steps: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Join functions of one argument into a single function that applies them from left to right. Without any steps
    it gives back its argument unchanged.

    >>> shout = pipeline(str.strip, str.upper, lambda text: text + "!")
    >>> shout("  tea ")
    'TEA!'
    >>> pipeline()(3)
    3
    """

    def run(value: Any) -> Any:
        return reduce(lambda so_far, step: step(so_far), steps, value)

    return run


def test_pipeline() -> None:
    assert pipeline(str.strip, str.upper)("  tea ") == "TEA"
    assert pipeline()(3) == 3
    assert pipeline(lambda n: n + 1, lambda n: n * 10)(2) == 30
    assert pipeline(lambda n: n * 10, lambda n: n + 1)(2) == 21


def retry(times: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Write a decorator with an argument: the decorated function is called again when it raises a ConnectionError, up
    to `times` calls in all, and the last error goes out to the caller. Any other exception is not caught.

    >>> answers = [ConnectionError, ConnectionError, "pong"]
    >>> @retry(3)
    ... def ping() -> str:
    ...     answer = answers.pop(0)
    ...     if answer is ConnectionError:
    ...         raise answer
    ...     return answer
    >>> ping()
    'pong'
    >>> ping.__name__
    'ping'
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            for attempt in range(1, times + 1):
                try:
                    return function(*args, **options)
                except ConnectionError:
                    if attempt == times:
                        raise
            return None

        return call

    return decorate


def test_retry() -> None:
    calls: list[int] = []

    def flaky(fail: int, error: type[Exception] = ConnectionError) -> int:
        calls.append(1)
        if len(calls) <= fail:
            raise error
        return len(calls)

    assert retry(3)(flaky)(2) == 3
    calls.clear()
    assert retry(1)(flaky)(fail=0) == 1
    for times, error, expected in ((2, ConnectionError, 2), (5, KeyError, 1)):
        calls.clear()
        try:
            retry(times)(flaky)(9, error)
        except error:
            pass
        else:
            raise AssertionError("expected the error")
        assert len(calls) == expected
    assert retry(2)(flaky).__name__ == "flaky"


def call_counter(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function so that it counts its calls in an attribute `calls`, those that raise an exception included,
    and remembers the last arguments in `last` as a pair (args, keyword arguments), None before the first call.

    >>> double = call_counter(lambda x: 2 * x)
    >>> double(4), double(x=5), double.calls
    (8, 10, 2)
    >>> double.last
    ((), {'x': 5})
    """

    @wraps(function)
    def counted(*args: Any, **options: Any) -> Any:
        counted.calls += 1  # type: ignore[attr-defined]
        counted.last = args, options  # type: ignore[attr-defined]
        return function(*args, **options)

    counted.calls = 0  # type: ignore[attr-defined]
    counted.last = None  # type: ignore[attr-defined]
    return counted


def test_call_counter() -> None:
    half = call_counter(lambda x: 1 / x)
    assert (half.calls, half.last) == (0, None)
    assert half(2) == 0.5
    assert (half.calls, half.last) == (1, ((2,), {}))
    try:
        half(0)
    except ZeroDivisionError:
        pass
    else:
        raise AssertionError("expected ZeroDivisionError")
    assert half.calls == 2


def compare_by(*keys: str) -> Callable[[dict[str, Any]], tuple[Any, ...]]:
    """Make a key function for sorting records. Each name sorts by that field, and a name with a "-" in front sorts by
    that numeric field in falling order.

    >>> books = [{"t": "B", "n": 2}, {"t": "A", "n": 2}, {"t": "C", "n": 9}]
    >>> [book["t"] for book in sorted(books, key=compare_by("-n", "t"))]
    ['C', 'A', 'B']
    >>> compare_by("t")({"t": "x", "n": 1})
    ('x',)
    """

    def key(record: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(-record[name[1:]] if name.startswith("-") else record[name] for name in keys)

    return key


def test_compare_by() -> None:
    books = [{"t": "B", "n": 2}, {"t": "A", "n": 2}, {"t": "C", "n": 9}]
    assert [book["t"] for book in sorted(books, key=compare_by("-n", "t"))] == ["C", "A", "B"]
    assert [book["t"] for book in sorted(books, key=compare_by("n", "t"))] == ["A", "B", "C"]
    assert compare_by("-n", "t")({"t": "x", "n": 4}) == (-4, "x")
    assert [book["t"] for book in sorted(books, key=compare_by())] == ["B", "A", "C"]


def price_with(rules: list[tuple[str, int]]) -> Callable[[int], int]:
    """Build a pricing function in cents from a list of rules applied in order: ("percent", p) adds p per cent, rounded
    down, ("add", c) adds c cents, ("cap", c) is an upper and ("floor", c) a lower limit. Any other rule is a
    ValueError when the function is built, not only when it is used.

    >>> price = price_with([("percent", -10), ("add", 50), ("floor", 300)])
    >>> price(1000), price(100)
    (950, 300)
    >>> price_with([])(5)
    5
    """
    operations: dict[str, Callable[[int, int], int]] = {
        "percent": lambda amount, price: price + price * amount // 100,
        "add": lambda amount, price: price + amount,
        "cap": min,
        "floor": max,
    }
    unknown = [name for name, _ in rules if name not in operations]
    if unknown:
        raise ValueError(f"unknown rules: {unknown}")
    steps = [partial(operations[name], amount) for name, amount in rules]
    return lambda cents: reduce(lambda price, step: step(price), steps, cents)


def test_price_with() -> None:
    assert price_with([("percent", -10), ("add", 50), ("floor", 300)])(1000) == 950
    assert price_with([("add", 50), ("percent", 10)])(100) == 165
    assert price_with([("percent", 10), ("add", 50)])(100) == 160
    assert [price_with([("cap", 70), ("floor", 20)])(n) for n in (10, 50, 90)] == [20, 50, 70]
    assert price_with([("percent", 15)])(9) == 10
    try:
        price_with([("double", 1)])
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def domino_rows(length: int) -> int:
    """In how many ways can a row of `length` cells be filled with red tiles of 2 cells and blue tiles of 3 cells, if
    two blue tiles must never touch? Cache the recursive function so that long rows are quick.

    >>> [domino_rows(n) for n in (2, 3, 5, 6)]
    [1, 1, 2, 1]
    >>> domino_rows(1)
    0
    """

    @cache
    def ways(left: int, after_blue: bool) -> int:
        if left == 0:
            return 1
        if left < 2:
            return 0
        total = ways(left - 2, False)
        if left >= 3 and not after_blue:
            total += ways(left - 3, True)
        return total

    return ways(length, False)


def test_domino_rows() -> None:
    assert [domino_rows(n) for n in range(10)] == [1, 0, 1, 1, 1, 2, 1, 3, 2, 4]
    assert domino_rows(60) > 1000
    assert domino_rows(1) == 0
    assert domino_rows(8) == 2


def debounce(handler: Callable[[str], None], pause: int) -> Callable[[int, str], bool]:
    """A doorbell is pressed again and again. Wrap a handler of messages in a function (second, message) that passes a
    message on only if at least `pause` seconds have gone by since the last one that was passed on, and tells whether
    it did. Keep the time in a closure.

    >>> rings = []
    >>> bell = debounce(rings.append, pause=10)
    >>> [bell(0, "ding"), bell(4, "dong"), bell(10, "dang")]
    [True, False, True]
    >>> rings
    ['ding', 'dang']
    """
    last: int | None = None

    def receive(second: int, message: str) -> bool:
        nonlocal last
        if last is not None and second - last < pause:
            return False
        last = second
        handler(message)
        return True

    return receive


def test_debounce() -> None:
    rings: list[str] = []
    bell = debounce(rings.append, 10)
    assert [bell(0, "a"), bell(9, "b"), bell(10, "c"), bell(19, "d"), bell(20, "e")] == [True, False, True, False, True]
    assert rings == ["a", "c", "e"]
    other = debounce(rings.append, 10)
    assert other(5, "f") is True
    assert bell(21, "g") is False
    assert debounce(rings.append, 0)(1, "h") is True
