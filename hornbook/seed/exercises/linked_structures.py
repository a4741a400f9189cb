"""Linked structures"""

from typing import Any


def chain_to_list(chain: tuple[Any, Any] | None) -> list[Any]:
    """A chain is a pair (value, rest of the chain), and None is the empty chain. Collect its values in order, by
    walking along it.

    >>> chain_to_list(("a", ("b", ("c", None))))
    ['a', 'b', 'c']
    >>> chain_to_list(None)
    []
    """
    values = []
    while chain is not None:
        value, chain = chain
        values.append(value)
    return values


def test_chain_to_list() -> None:
    assert chain_to_list(None) == []
    assert chain_to_list((1, None)) == [1]
    assert chain_to_list((None, (None, None))) == [None, None]
    assert chain_to_list((1, (2, (3, None)))) == [1, 2, 3]
    long_chain = None
    for number in range(5000):
        long_chain = (number, long_chain)
    assert chain_to_list(long_chain)[0] == 4999


def couple_wagons(front: tuple[Any, Any] | None, back: tuple[Any, Any] | None) -> tuple[Any, Any] | None:
    """Trains are chains of wagons: a pair (wagon, rest), or None for no wagon. Couple the second train behind the
    first. Pairs cannot be changed, so the first train is built anew while the second one is reused as it is.

    >>> couple_wagons(("mail", ("coal", None)), ("post", None))
    ('mail', ('coal', ('post', None)))
    >>> couple_wagons(None, ("post", None))
    ('post', None)
    """
    wagons = []
    while front is not None:
        wagon, front = front
        wagons.append(wagon)
    train = back
    for wagon in reversed(wagons):
        train = (wagon, train)
    return train


def test_couple_wagons() -> None:
    assert couple_wagons(("mail", ("coal", None)), ("post", None)) == ("mail", ("coal", ("post", None)))
    assert couple_wagons(None, None) is None
    assert couple_wagons(("a", None), None) == ("a", None)
    back = ("y", ("z", None))
    joined = couple_wagons(("x", None), back)
    assert joined is not None
    assert joined[1] is back


def treasure_trail(notes: dict[str, str], start: str) -> tuple[list[str], bool]:
    """Each place holds a note that names the next place. Follow the notes from the start and return all places in the
    order of visiting, each once, and whether the trail ends up in a circle rather than at a place without a note.

    >>> treasure_trail({"oak": "well", "well": "barn"}, "oak")
    (['oak', 'well', 'barn'], False)
    >>> treasure_trail({"oak": "well", "well": "oak"}, "oak")
    (['oak', 'well'], True)
    """
    visited = [start]
    place = start
    while place in notes:
        place = notes[place]
        if place in visited:
            return visited, True
        visited.append(place)
    return visited, False


def test_treasure_trail() -> None:
    assert treasure_trail({"oak": "well", "well": "barn"}, "oak") == (["oak", "well", "barn"], False)
    assert treasure_trail({"oak": "well", "well": "oak"}, "oak") == (["oak", "well"], True)
    assert treasure_trail({"a": "b", "b": "c", "c": "b"}, "a") == (["a", "b", "c"], True)
    assert treasure_trail({}, "here") == (["here"], False)
    assert treasure_trail({"a": "a"}, "a") == (["a"], True)


def middle_carriage(links: dict[str, str | None], first: str) -> str:
    """A train is stored as a dict from each carriage to the next one, None at the end. Find the middle carriage with
    two walkers, one of whom takes two steps at a time; of two middle ones return the later.

    >>> middle_carriage({"a": "b", "b": "c", "c": None}, "a")
    'b'
    >>> middle_carriage({"a": "b", "b": None}, "a")
    'b'
    """
    slow = first
    fast: str | None = first
    while fast is not None and links[fast] is not None:
        slow = links[slow] or slow
        fast = links[links[fast] or ""]
    return slow


def test_middle_carriage() -> None:
    assert middle_carriage({"a": None}, "a") == "a"
    assert middle_carriage({"a": "b", "b": None}, "a") == "b"
    assert middle_carriage({"x": "b", "b": "a", "a": None}, "x") == "b"
    assert middle_carriage({"1": "2", "2": "3", "3": "4", "4": None}, "1") == "3"
    assert middle_carriage({"1": "2", "2": "3", "3": "4", "4": "5", "5": None}, "1") == "3"


def rebuild_route(tickets: list[tuple[str, str]]) -> list[str]:
    """A traveller dropped a pile of tickets (from, to). Each town was left at most once and reached at most once, and
    the journey was one line, not a circle. List the towns in travel order. Tickets that do not form one line are a
    ValueError.

    >>> rebuild_route([("Rome", "Bari"), ("Nice", "Rome")])
    ['Nice', 'Rome', 'Bari']
    >>> rebuild_route([])
    []
    """
    next_town = dict(tickets)
    starts = set(next_town) - set(next_town.values())
    if not tickets:
        return []
    if len(starts) != 1:
        raise ValueError("the tickets do not form one line")
    route = [starts.pop()]
    while route[-1] in next_town:
        route.append(next_town[route[-1]])
    if len(route) != len(tickets) + 1:
        raise ValueError("some tickets are left over")
    return route


def test_rebuild_route() -> None:
    assert rebuild_route([("Rome", "Bari"), ("Nice", "Rome")]) == ["Nice", "Rome", "Bari"]
    assert rebuild_route([("c", "d"), ("a", "b"), ("b", "c")]) == ["a", "b", "c", "d"]
    assert rebuild_route([]) == []
    for wrong in ([("a", "b"), ("b", "a")], [("a", "b"), ("c", "d")], [("a", "b"), ("c", "d"), ("d", "c")]):
        try:
            rebuild_route(wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def zip_chains(one: tuple[Any, Any] | None, other: tuple[Any, Any] | None) -> tuple[Any, Any] | None:
    """Close a zipper: take links from two chains, pairs (value, rest) or None, in turn, beginning with the first. When
    one chain is used up, the rest of the other follows.

    >>> zip_chains((1, (3, None)), (2, (4, (5, None))))
    (1, (2, (3, (4, (5, None)))))
    >>> zip_chains(None, (7, None))
    (7, None)
    """
    if one is None:
        return other
    value, rest = one
    # The roles change with every link, which is what makes the chains alternate.
    return (value, zip_chains(other, rest))


def test_zip_chains() -> None:
    assert zip_chains((1, (3, None)), (2, (4, (5, None)))) == (1, (2, (3, (4, (5, None)))))
    assert zip_chains(None, None) is None
    assert zip_chains((1, (2, None)), None) == (1, (2, None))
    assert zip_chains((1, (2, (3, None))), (9, None)) == (1, (9, (2, (3, None))))


class Necklace:
    """Beads on a string, each linked to the next, the last one to the first. `add(bead)` threads a bead behind the
    current one and makes it current, `move(steps)` goes on along the ring, `cut()` removes the current bead, returns
    it and makes the next one current, and `beads()` lists all from the current one on. Cutting an empty string is an
    IndexError.

    >>> ring = Necklace()
    >>> for bead in "abc":
    ...     ring.add(bead)
    >>> ring.beads()
    ['c', 'a', 'b']
    >>> ring.move(1)
    >>> ring.cut(), ring.beads()
    ('a', ['b', 'c'])
    """

    def __init__(self) -> None:
        self.ring: list[str] = []
        self.place = 0

    def add(self, bead: str) -> None:
        self.place = self.place + 1 if self.ring else 0
        self.ring.insert(self.place, bead)

    def move(self, steps: int) -> None:
        if self.ring:
            self.place = (self.place + steps) % len(self.ring)

    def cut(self) -> str:
        bead = self.ring.pop(self.place)
        self.place = self.place % len(self.ring) if self.ring else 0
        return bead

    def beads(self) -> list[str]:
        return self.ring[self.place :] + self.ring[: self.place]


def test_Necklace() -> None:
    ring = Necklace()
    ring.move(3)
    assert ring.beads() == []
    for bead in "abcd":
        ring.add(bead)
    assert ring.beads() == ["d", "a", "b", "c"]
    assert ring.cut() == "d"
    assert ring.beads() == ["a", "b", "c"]
    ring.move(-1)
    ring.add("x")
    assert ring.beads() == ["x", "a", "b", "c"]
    ring.move(5)
    assert [ring.cut() for _ in range(4)] == ["a", "b", "c", "x"]
    try:
        ring.cut()
    except IndexError:
        pass
    else:
        raise AssertionError("expected IndexError")
