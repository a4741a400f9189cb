"""Iterators and generators / writing an iterator class"""

from collections.abc import Callable, Iterable, Iterator


class Carousel:
    """A merry-go-round carries named animals past the ticket booth. `Carousel(animals, rounds, first)` can be iterated:
    it gives all the animals in order, starting with number `first`, and that as often as it has rounds. Like a list,
    and unlike a generator, it may be iterated again and again, even by two loops at the same time, because each loop
    gets an iterator of its own.

    >>> list(Carousel(["swan", "lion", "frog"], 2, first=1))
    ['lion', 'frog', 'swan', 'lion', 'frog', 'swan']
    >>> ride = Carousel(["swan", "lion"], 1)
    >>> [(a, b) for a in ride for b in ride]
    [('swan', 'swan'), ('swan', 'lion'), ('lion', 'swan'), ('lion', 'lion')]
    """

    def __init__(self, animals: list[str], rounds: int, first: int = 0) -> None:
        self.animals = animals[first:] + animals[:first]
        self.rounds = rounds

    def __iter__(self) -> Iterator[str]:
        # A generator method is the shortest way to a fresh iterator for every caller.
        for _ in range(self.rounds):
            yield from self.animals


def test_Carousel() -> None:
    assert list(Carousel(["a", "b", "c"], 2)) == ["a", "b", "c", "a", "b", "c"]
    assert list(Carousel(["a", "b", "c"], 1, 2)) == ["c", "a", "b"]
    assert list(Carousel(["a"], 0)) == []
    ride = Carousel(["a", "b"], 1)
    assert list(ride) == list(ride) == ["a", "b"]
    first, second = iter(ride), iter(ride)
    assert (next(first), next(first), next(second)) == ("a", "b", "a")


class LiftRide:
    """A paternoster never stops: it passes floors 0, 1 ... top, then top - 1 ... 0, then 1 again, and so on without
    end. Write it as an iterator in the plain way, with `__iter__` that returns itself and `__next__` that returns the
    next floor. A house with no upper floor stays at 0.

    >>> ride = LiftRide(top=2)
    >>> [next(ride) for _ in range(6)]
    [0, 1, 2, 1, 0, 1]
    >>> next(iter(ride))
    2
    """

    def __init__(self, top: int) -> None:
        self.top = top
        self.floor = 0
        self.step = 1

    def __iter__(self) -> Iterator[int]:
        return self

    def __next__(self) -> int:
        passing = self.floor
        if self.top:
            if not 0 <= passing + self.step <= self.top:
                self.step = -self.step
            self.floor += self.step
        return passing


def test_LiftRide() -> None:
    ride = LiftRide(3)
    assert [next(ride) for _ in range(9)] == [0, 1, 2, 3, 2, 1, 0, 1, 2]
    assert next(iter(ride)) == 3
    still = LiftRide(0)
    assert [next(still) for _ in range(3)] == [0, 0, 0]
    assert [floor for floor, _ in zip(LiftRide(1), range(4), strict=False)] == [0, 1, 0, 1]


def until_silence(listen: Callable[[], str], hush: str = "") -> list[str]:
    """A parrot repeats what it hears. `listen()` gives the next word each time it is called; collect the words until
    one equals `hush`, which is not collected, and return them in capitals. The built-in `iter` has a form with two
    arguments for exactly this: it calls a function again and again until it returns the given value.

    >>> words = ["hello", "pretty", "", "bird"]
    >>> until_silence(lambda: words.pop(0))
    ['HELLO', 'PRETTY']
    >>> words
    ['bird']
    """
    return [word.upper() for word in iter(listen, hush)]


def test_until_silence() -> None:
    heard = iter(["a", "b", "stop", "c"])
    assert until_silence(heard.__next__, "stop") == ["A", "B"]
    assert next(heard) == "c"
    assert until_silence(lambda: "") == []
    numbers = iter(range(10))
    assert until_silence(lambda: str(next(numbers)), "3") == ["0", "1", "2"]
    assert next(numbers) == 4


class Ferry:
    """A small ferry takes a queue of people over in boatloads. `Ferry(people, seats)` can be iterated and gives one
    list for each crossing, the last one perhaps with empty seats. `len(ferry)` is the number of crossings, and
    `reversed(ferry)` gives the boatloads from the last to the first.

    >>> list(Ferry(["Ann", "Bob", "Cyd"], 2))
    [['Ann', 'Bob'], ['Cyd']]
    >>> len(Ferry(["Ann", "Bob", "Cyd"], 2)), list(reversed(Ferry(["Ann", "Bob", "Cyd"], 2)))
    (2, [['Cyd'], ['Ann', 'Bob']])
    """

    def __init__(self, people: list[str], seats: int) -> None:
        self.people = people
        self.seats = seats

    def __len__(self) -> int:
        return (len(self.people) + self.seats - 1) // self.seats

    def __iter__(self) -> Iterator[list[str]]:
        for number in range(len(self)):
            yield self.crossing(number)

    def __reversed__(self) -> Iterator[list[str]]:
        for number in reversed(range(len(self))):
            yield self.crossing(number)

    def crossing(self, number: int) -> list[str]:
        return self.people[number * self.seats : (number + 1) * self.seats]


def test_Ferry() -> None:
    ferry = Ferry(list("abcdefg"), 3)
    assert list(ferry) == [["a", "b", "c"], ["d", "e", "f"], ["g"]]
    assert len(ferry) == 3
    assert next(reversed(ferry)) == ["g"]
    assert list(reversed(Ferry(list("abcd"), 2))) == [["c", "d"], ["a", "b"]]
    assert (len(Ferry([], 4)), list(Ferry([], 4))) == (0, [])
    assert len(Ferry(list("abcd"), 4)) == 1


class BusTimes:
    """A bus leaves every `every` minutes from `first` to at most `last`, as minutes of the day. The timetable behaves
    like a list without storing one: `len`, an index (negative ones count from the end, others beyond the end are an
    IndexError), `in`, and iteration, for which Python needs nothing but the index.

    >>> times = BusTimes(first=360, last=400, every=15)
    >>> list(times), len(times), times[-1]
    ([360, 375, 390], 3, 390)
    >>> 375 in times, 376 in times
    (True, False)
    """

    def __init__(self, first: int, last: int, every: int) -> None:
        self.first = first
        self.last = last
        self.every = every

    def __len__(self) -> int:
        return max(0, (self.last - self.first) // self.every + 1)

    def __getitem__(self, number: int) -> int:
        if not -len(self) <= number < len(self):
            # A for loop without __iter__ counts upward from 0 until it meets this error.
            raise IndexError(f"there are {len(self)} buses")
        return self.first + number % len(self) * self.every

    def __contains__(self, minute: int) -> bool:
        return self.first <= minute <= self.last and (minute - self.first) % self.every == 0


def test_BusTimes() -> None:
    times = BusTimes(10, 30, 10)
    assert list(times) == [10, 20, 30]
    assert (times[0], times[2], times[-1], times[-3]) == (10, 30, 30, 10)
    assert [minute for minute in (0, 10, 15, 30, 40) if minute in times] == [10, 30]
    for number in (3, -4):
        try:
            times[number]
        except IndexError:
            pass
        else:
            raise AssertionError("expected IndexError")
    assert (len(BusTimes(10, 9, 5)), list(BusTimes(10, 5, 5))) == (0, [])
    assert list(BusTimes(10, 19, 5)) == [10, 15]


class Replay:
    """A slow sensor is read through an iterator, which can be walked through only once. `Replay(source)` wraps it: it
    may be iterated any number of times and gives the same values each time, but takes each value from the source only
    once and not before somebody asks for it. `taken` counts what it took so far.

    >>> tape = Replay(iter([4, 8, 15]))
    >>> next(iter(tape)), tape.taken
    (4, 1)
    >>> list(tape), list(tape), tape.taken
    ([4, 8, 15], [4, 8, 15], 3)
    """

    def __init__(self, source: Iterable[int]) -> None:
        self.source = iter(source)
        self.kept: list[int] = []

    @property
    def taken(self) -> int:
        return len(self.kept)

    def __iter__(self) -> Iterator[int]:
        place = 0
        while True:
            if place == len(self.kept):
                try:
                    self.kept.append(next(self.source))
                except StopIteration:
                    return
            yield self.kept[place]
            place += 1


def test_Replay() -> None:
    tape = Replay(iter([1, 2, 3]))
    assert tape.taken == 0
    one, two = iter(tape), iter(tape)
    assert [next(one), next(one), next(two), next(two), next(two), next(one)] == [1, 2, 1, 2, 3, 3]
    assert tape.taken == 3
    assert list(tape) == [1, 2, 3]
    assert list(Replay([])) == []
    endless = Replay(iter(lambda: 7, 0))
    assert [value for value, _ in zip(endless, range(3), strict=False)] == [7, 7, 7]


class BoxWalk:
    """A removal firm unpacks boxes that may hold other boxes. What a box holds is a list of things; a thing is a box if
    it has an entry in `contents`. Iterating over `BoxWalk(contents, "van")` names everything inside the van, each box
    just before what is in it. Keep the things still to be named on a stack of your own and write `__next__` without
    recursion or generators.

    >>> list(BoxWalk({"van": ["box", "lamp"], "box": ["cups"]}, "van"))
    ['box', 'cups', 'lamp']
    >>> list(BoxWalk({"van": []}, "van"))
    []
    """

    def __init__(self, contents: dict[str, list[str]], start: str) -> None:
        self.contents = contents
        self.waiting = list(reversed(contents[start]))

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if not self.waiting:
            raise StopIteration
        thing = self.waiting.pop()
        # The top of the stack is its end, so what is inside goes on it in reverse.
        self.waiting += reversed(self.contents.get(thing, []))
        return thing


def test_BoxWalk() -> None:
    contents = {"van": ["a", "b", "c"], "a": ["d", "e"], "e": ["f"], "c": ["g"]}
    assert list(BoxWalk(contents, "van")) == ["a", "d", "e", "f", "b", "c", "g"]
    assert list(BoxWalk(contents, "e")) == ["f"]
    walk = BoxWalk(contents, "van")
    assert [next(walk), next(walk)] == ["a", "d"]
    assert list(walk) == ["e", "f", "b", "c", "g"]
    assert list(walk) == []
    assert contents["van"] == ["a", "b", "c"]


class ZipperMerge:
    """Where lanes of a road end, cars take turns: one from the first lane, one from the second, and so on round and
    round. `ZipperMerge(lanes)` is an iterator over the cars. A lane that has run empty is left out of the rounds, and
    the merge ends when all are empty. Lanes may be any iterables, even endless ones, and no car is taken before its
    turn.

    >>> list(ZipperMerge([["a1", "a2", "a3"], ["b1"], ["c1", "c2"]]))
    ['a1', 'b1', 'c1', 'a2', 'c2', 'a3']
    >>> next(ZipperMerge([[], ["b1"]]))
    'b1'
    """

    def __init__(self, lanes: Iterable[Iterable[str]]) -> None:
        self.lanes = [iter(lane) for lane in lanes]
        self.turn = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        while self.lanes:
            self.turn %= len(self.lanes)
            try:
                car = next(self.lanes[self.turn])
            except StopIteration:
                # The lanes behind it move up, so the turn already points at the next one.
                del self.lanes[self.turn]
                continue
            self.turn += 1
            return car
        raise StopIteration


def test_ZipperMerge() -> None:
    assert list(ZipperMerge([["a1", "a2", "a3"], ["b1"], ["c1", "c2"]])) == ["a1", "b1", "c1", "a2", "c2", "a3"]
    assert list(ZipperMerge(["abc", "", "xy"])) == ["a", "x", "b", "y", "c"]
    assert list(ZipperMerge([])) == []
    assert "".join(ZipperMerge(["ad", "be", "cf"])) == "abcdef"
    endless = ZipperMerge([iter(lambda: "z", ""), ["q"]])
    assert [next(endless) for _ in range(5)] == ["z", "q", "z", "z", "z"]
    finished = ZipperMerge(["a"])
    assert (list(finished), list(finished)) == (["a"], [])
