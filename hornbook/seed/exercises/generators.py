"""Iterators and generators"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any


def night_watch(guards: list[str]) -> Iterator[str]:
    """Guards take the watch in turn, night after night, without end; but nobody likes the order, so after each full
    round the list is turned back to front. Yield the guard of each night.

    >>> from itertools import islice
    >>> list(islice(night_watch(["Ed", "Flo", "Gil"]), 7))
    ['Ed', 'Flo', 'Gil', 'Gil', 'Flo', 'Ed', 'Ed']
    >>> list(night_watch([]))
    []
    """
    order = list(guards)
    while order:
        yield from order
        order.reverse()


def test_night_watch() -> None:
    assert list(islice(night_watch(["a", "b"]), 6)) == ["a", "b", "b", "a", "a", "b"]
    assert list(islice(night_watch(["a"]), 3)) == ["a", "a", "a"]
    assert list(night_watch([])) == []
    crew = ["x", "y"]
    assert (list(islice(night_watch(crew), 3)), crew) == (["x", "y", "y"], ["x", "y"])


def letter_windows(text: Iterable[str], size: int) -> Iterator[str]:
    """Slide a window over a stream of characters, which may come from a generator and so can be read only once. Yield
    each group of `size` neighbours as a string; a stream that is too short yields nothing.

    >>> list(letter_windows("train", 3))
    ['tra', 'rai', 'ain']
    >>> list(letter_windows(iter("ab"), 3))
    []
    """
    window = ""
    for letter in text:
        window += letter
        if len(window) > size:
            window = window[1:]
        if len(window) == size:
            yield window


def test_letter_windows() -> None:
    assert list(letter_windows("train", 3)) == ["tra", "rai", "ain"]
    assert list(letter_windows(iter("abc"), 1)) == ["a", "b", "c"]
    assert list(letter_windows(iter("abc"), 3)) == ["abc"]
    assert list(letter_windows("ab", 3)) == []
    assert list(letter_windows("", 1)) == []


def with_progress(items: list[Any], every: int) -> Iterator[str | Any]:
    """Yield the items one by one, and after every `every` of them, as well as after the last one, a text like
    "4/10 done"; never the same text twice.

    >>> list(with_progress(["a", "b", "c"], 2))
    ['a', 'b', '2/3 done', 'c', '3/3 done']
    >>> list(with_progress([], 2))
    []
    """
    for count, item in enumerate(items, start=1):
        yield item
        if count % every == 0 or count == len(items):
            yield f"{count}/{len(items)} done"


def test_with_progress() -> None:
    assert list(with_progress(["a", "b", "c"], 2)) == ["a", "b", "2/3 done", "c", "3/3 done"]
    assert list(with_progress([1, 2], 2)) == [1, 2, "2/2 done"]
    assert list(with_progress([1, 2], 1)) == [1, "1/2 done", 2, "2/2 done"]
    assert list(with_progress([1], 9)) == [1, "1/1 done"]
    assert list(with_progress([], 2)) == []


def split_when(readings: Iterable[float], jump: float) -> Iterator[list[float]]:
    """Cut a stream of readings into pieces: a new piece begins whenever a reading differs from the one before by more
    than `jump`. Yield each piece as soon as it is complete.

    >>> list(split_when([1, 2, 9, 8, 1], 3))
    [[1, 2], [9, 8], [1]]
    >>> list(split_when([], 3))
    []
    """
    piece: list[float] = []
    for reading in readings:
        if piece and abs(reading - piece[-1]) > jump:
            yield piece
            piece = []
        piece.append(reading)
    if piece:
        yield piece


def test_split_when() -> None:
    assert list(split_when([1, 2, 9, 8, 1], 3)) == [[1, 2], [9, 8], [1]]
    assert list(split_when([1, 4, 8], 3)) == [[1, 4], [8]]
    assert list(split_when(iter([5]), 0)) == [[5]]
    assert list(split_when([5, 5, 2], 0)) == [[5, 5], [2]]
    assert next(split_when(iter([0, 100, 200]), 1)) == [0]
    assert list(split_when([], 3)) == []


def merge_by_time(*diaries: Iterable[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Several diaries each list (day, note) in order of days, and may be endless. Yield all their entries in order of
    days; entries of the same day come in the order of the diaries.

    >>> list(merge_by_time([(1, "a"), (4, "b")], [(2, "x"), (4, "y")]))
    [(1, 'a'), (2, 'x'), (4, 'b'), (4, 'y')]
    >>> list(merge_by_time())
    []
    """
    streams = [iter(diary) for diary in diaries]
    heads = [next(stream, None) for stream in streams]
    while True:
        open_ones = [(head[0], number) for number, head in enumerate(heads) if head is not None]
        if not open_ones:
            return
        _, number = min(open_ones)
        head = heads[number]
        assert head is not None
        yield head
        heads[number] = next(streams[number], None)


def test_merge_by_time() -> None:
    assert list(merge_by_time([(1, "a"), (4, "b")], [(2, "x"), (4, "y")])) == [(1, "a"), (2, "x"), (4, "b"), (4, "y")]
    assert list(merge_by_time([(3, "z")], [], [(3, "a")])) == [(3, "z"), (3, "a")]
    assert list(merge_by_time()) == []
    endless = ((day, "again") for day in iter(int, 1))
    assert next(merge_by_time(endless, [(0, "x")])) == (0, "again")
    assert list(merge_by_time([(1, "a"), (1, "b")], [(0, "c"), (1, "d")])) == [(0, "c"), (1, "a"), (1, "b"), (1, "d")]


def peek_ahead(words: Iterable[str]) -> Iterator[tuple[str, str | None]]:
    """A reader likes to know what comes next. Yield each word together with the word after it, and the last word with
    None, while reading the source only once and never more than one word ahead.

    >>> list(peek_ahead(["tea", "for", "two"]))
    [('tea', 'for'), ('for', 'two'), ('two', None)]
    >>> list(peek_ahead([]))
    []
    """
    source = iter(words)
    try:
        current = next(source)
    except StopIteration:
        return
    for following in source:
        yield current, following
        current = following
    yield current, None


def test_peek_ahead() -> None:
    assert list(peek_ahead(["tea", "for", "two"])) == [("tea", "for"), ("for", "two"), ("two", None)]
    assert list(peek_ahead(iter(["one"]))) == [("one", None)]
    assert list(peek_ahead([])) == []
    source = iter(["a", "b", "c", "d"])
    assert next(peek_ahead(source)) == ("a", "b")
    assert next(source) == "c"


class Countdown:
    """An iterable countdown: each `for` loop over it runs from the start down to 1 afresh, skipping the numbers that
    are unlucky. `len` tells how many numbers a loop visits.

    >>> launch = Countdown(5, unlucky={4})
    >>> list(launch), list(launch)
    ([5, 3, 2, 1], [5, 3, 2, 1])
    >>> len(launch)
    4
    """

    def __init__(self, start: int, unlucky: set[int]) -> None:
        self.start = start
        self.unlucky = frozenset(unlucky)

    def __iter__(self) -> Iterator[int]:
        for number in range(self.start, 0, -1):
            if number not in self.unlucky:
                yield number

    def __len__(self) -> int:
        return self.start - sum(1 for number in self.unlucky if 0 < number <= self.start)


def test_Countdown() -> None:
    assert list(Countdown(3, set())) == [3, 2, 1]
    assert list(Countdown(3, {1, 3})) == [2]
    assert list(Countdown(0, set())) == []
    launch = Countdown(5, {4, 99})
    first, second = iter(launch), iter(launch)
    assert [next(first), next(first), next(second)] == [5, 3, 5]
    assert len(launch) == 4
