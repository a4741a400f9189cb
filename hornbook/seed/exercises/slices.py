"""Lists / slicing with a step"""

from typing import Any


def lantern_row(colours: list[str]) -> list[str]:
    """For a festival, lanterns are hung so that the row looks the same from both ends: the given colours in order, then
    back again, with the last colour hanging once in the middle.

    >>> lantern_row(["red", "gold", "blue"])
    ['red', 'gold', 'blue', 'gold', 'red']
    >>> lantern_row(["red"])
    ['red']
    """
    # From the last but one down to the first; for a short list this slice is simply empty.
    return colours + colours[-2::-1]


def test_lantern_row() -> None:
    assert lantern_row(["a", "b"]) == ["a", "b", "a"]
    assert lantern_row(["a"]) == ["a"]
    assert lantern_row([]) == []
    row = ["x", "y", "z"]
    assert lantern_row(row) == ["x", "y", "z", "y", "x"]
    assert row == ["x", "y", "z"]


def lend_from_middle(stack: list[str], count: int) -> tuple[list[str], list[str]]:
    """A librarian takes `count` books out of the middle of a stack without touching the ends. Return what she took and
    what is left, both in order. When the rest cannot be shared evenly, the upper end (the start of the list) keeps one
    book fewer. Asking for more books than there are takes them all.

    >>> lend_from_middle(["A", "B", "C", "D", "E"], 3)
    (['B', 'C', 'D'], ['A', 'E'])
    >>> lend_from_middle(["A", "B", "C", "D"], 1)
    (['B'], ['A', 'C', 'D'])
    """
    count = min(count, len(stack))
    start = (len(stack) - count) // 2
    return stack[start : start + count], stack[:start] + stack[start + count :]


def test_lend_from_middle() -> None:
    assert lend_from_middle(["A", "B", "C", "D"], 2) == (["B", "C"], ["A", "D"])
    assert lend_from_middle(["A", "B", "C", "D"], 3) == (["A", "B", "C"], ["D"])
    assert lend_from_middle(["A", "B"], 5) == (["A", "B"], [])
    assert lend_from_middle(["A", "B"], 0) == ([], ["A", "B"])
    assert lend_from_middle([], 1) == ([], [])


def exam_seating(names: list[str], seats: int) -> list[str]:
    """In an exam nobody sits beside anybody. There is one long row of seats: the names take every second seat from the
    first on, and all other seats are "-". If the row is too short, that is a ValueError.

    >>> exam_seating(["Ann", "Bo"], 5)
    ['Ann', '-', 'Bo', '-', '-']
    >>> exam_seating(["Ann", "Bo"], 3)
    ['Ann', '-', 'Bo']
    """
    row = ["-"] * seats
    if len(names) > len(row[::2]):
        raise ValueError(f"{len(names)} people cannot sit apart on {seats} seats")
    # A slice with a step can be assigned to, if both sides have the same length.
    row[: 2 * len(names) : 2] = names
    return row


def test_exam_seating() -> None:
    assert exam_seating(["a", "b", "c"], 6) == ["a", "-", "b", "-", "c", "-"]
    assert exam_seating(["a"], 1) == ["a"]
    assert exam_seating([], 2) == ["-", "-"]
    assert exam_seating([], 0) == []
    for names, seats in ((["a"], 0), (["a", "b"], 2), (["a", "b", "c"], 4)):
        try:
            exam_seating(names, seats)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def splice_scene(film: list[str], marker: str, scene: list[str]) -> int:
    """A film editor has left a marker in the list of shots wherever a scene is still missing. Put the shots of the
    scene in place of each marker, in the very list that was given, and return how many markers there were. The scene
    itself may contain the marker as the name of a shot; that one stays.

    >>> film = ["train", "???", "kiss"]
    >>> splice_scene(film, "???", ["tunnel", "smoke"]), film
    (1, ['train', 'tunnel', 'smoke', 'kiss'])
    >>> splice_scene(film, "???", ["rain"])
    0
    """
    replaced = 0
    place = 0
    while place < len(film):
        if film[place] == marker:
            film[place : place + 1] = scene
            replaced += 1
            place += len(scene)
        else:
            place += 1
    return replaced


def test_splice_scene() -> None:
    film = ["x", "x", "a", "x"]
    assert splice_scene(film, "x", ["b", "c"]) == 3
    assert film == ["b", "c", "b", "c", "a", "b", "c"]
    assert splice_scene(film, "b", []) == 3
    assert film == ["c", "c", "a", "c"]
    assert splice_scene(film, "a", ["a", "a"]) == 1
    assert film == ["c", "c", "a", "a", "c"]


def perfect_shuffle(cards: list[Any], times: int = 1) -> list[Any]:
    """A magician cuts a deck exactly in half and lets the halves fall together so that they alternate; the top card
    stays on top. With an odd number of cards the upper half has one more. Return the deck after so many shuffles.

    >>> perfect_shuffle([1, 2, 3, 4, 5, 6])
    [1, 4, 2, 5, 3, 6]
    >>> perfect_shuffle([1, 2, 3, 4, 5], times=2)
    [1, 5, 4, 3, 2]
    """
    deck = list(cards)
    for _ in range(times):
        half = (len(deck) + 1) // 2
        shuffled = list(deck)
        shuffled[::2] = deck[:half]
        shuffled[1::2] = deck[half:]
        deck = shuffled
    return deck


def test_perfect_shuffle() -> None:
    assert perfect_shuffle(list("abcdefgh")) == list("aebfcgdh")
    assert perfect_shuffle(list("abc")) == ["a", "c", "b"]
    assert perfect_shuffle([1, 2, 3], 0) == [1, 2, 3]
    assert perfect_shuffle(list(range(52)), times=8) == list(range(52))
    assert perfect_shuffle([]) == []
    deck = [1, 2, 3, 4]
    assert (perfect_shuffle(deck), deck) == ([1, 3, 2, 4], [1, 2, 3, 4])


def stitch_panorama(left: list[int], right: list[int], least: int = 1) -> list[int] | None:
    """Two photographs of a skyline, given as heights from left to right, overlap: the end of the first shows the same
    heights as the beginning of the second. Join them at the longest such overlap. None means that no overlap of at
    least `least` heights exists.

    >>> stitch_panorama([3, 1, 4, 1], [4, 1, 5])
    [3, 1, 4, 1, 5]
    >>> stitch_panorama([3, 1, 4, 1], [1, 5], least=2) is None
    True
    """
    for shared in range(min(len(left), len(right)), max(least, 1) - 1, -1):
        if left[-shared:] == right[:shared]:
            return left + right[shared:]
    return None


def test_stitch_panorama() -> None:
    assert stitch_panorama([1, 2, 1, 2], [1, 2, 1, 2, 3]) == [1, 2, 1, 2, 3]
    assert stitch_panorama([5, 6], [6, 5]) == [5, 6, 5]
    assert stitch_panorama([1, 2], [3, 4]) is None
    assert stitch_panorama([1, 2, 3], [2, 3, 4], 2) == [1, 2, 3, 4]
    assert stitch_panorama([1, 2, 3], [2, 3, 4], 3) is None
    assert stitch_panorama([], [1]) is None
    assert stitch_panorama([7, 7], [7, 7], 0) == [7, 7]


def move_verses(song: list[str], first: int, last: int, to: int) -> list[str]:
    """In a text editor somebody marks the verses number `first` to `last` and drags them so that they stand before
    verse number `to`; numbers count from 1, and one more than the last verse means the very end. Dropping them inside
    the marked part, or at one of its edges, changes nothing. Return the new order and leave the old list alone.

    >>> move_verses(["a", "b", "c", "d", "e"], 2, 3, 6)
    ['a', 'd', 'e', 'b', 'c']
    >>> move_verses(["a", "b", "c", "d", "e"], 4, 5, 1)
    ['d', 'e', 'a', 'b', 'c']
    """
    start, stop, target = first - 1, last, to - 1
    marked = song[start:stop]
    if target < start:
        return song[:target] + marked + song[target:start] + song[stop:]
    if target > stop:
        return song[:start] + song[stop:target] + marked + song[target:]
    return list(song)


def test_move_verses() -> None:
    verses = ["a", "b", "c", "d", "e"]
    assert move_verses(verses, 1, 1, 3) == ["b", "a", "c", "d", "e"]
    assert move_verses(verses, 2, 4, 1) == ["b", "c", "d", "a", "e"]
    assert move_verses(verses, 3, 3, 2) == ["a", "c", "b", "d", "e"]
    assert [move_verses(verses, 2, 4, to) for to in (2, 3, 4, 5)] == [verses] * 4
    assert move_verses(verses, 1, 5, 6) == verses
    assert verses == ["a", "b", "c", "d", "e"]


def booklet_sheets(pages: int) -> list[tuple[int, int, int, int]]:
    """To make a booklet, sheets are printed with two pages on each side, stacked and folded once. A sheet is (left and
    right of its outer side, left and right of its inner side), the outermost sheet first. Page numbers are filled up
    to a multiple of four with 0 for blank pages, which come last.

    >>> booklet_sheets(8)
    [(8, 1, 2, 7), (6, 3, 4, 5)]
    >>> booklet_sheets(3)
    [(0, 1, 2, 3)]
    """
    numbers = list(range(1, pages + 1))
    numbers += [0] * (-pages % 4)
    sheets = []
    while numbers:
        # Each sheet takes two pages from the front and two from the back.
        first, second, *numbers = numbers
        *numbers, before_last, last = numbers
        sheets.append((last, first, second, before_last))
    return sheets


def test_booklet_sheets() -> None:
    assert booklet_sheets(4) == [(4, 1, 2, 3)]
    assert booklet_sheets(5) == [(0, 1, 2, 0), (0, 3, 4, 5)]
    assert booklet_sheets(12) == [(12, 1, 2, 11), (10, 3, 4, 9), (8, 5, 6, 7)]
    assert booklet_sheets(1) == [(0, 1, 0, 0)]
    assert booklet_sheets(0) == []
