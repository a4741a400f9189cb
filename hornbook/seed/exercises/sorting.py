"""Sorting / keys instead of comparisons"""

from functools import cmp_to_key


def shelf_order(titles: list[str]) -> list[str]:
    """Sort titles as a bookshop does: without regard to capitals, and a leading "The ", "A " or "An " does not count.
    Titles that are then equal keep their order.

    >>> shelf_order(["The Waves", "dune", "A Room", "Emma"])
    ['dune', 'Emma', 'A Room', 'The Waves']
    >>> shelf_order(["An end", "end"])
    ['An end', 'end']
    """

    def key(title: str) -> str:
        lowered = title.lower()
        for article in ("the ", "a ", "an "):
            if lowered.startswith(article):
                return lowered[len(article) :]
        return lowered

    return sorted(titles, key=key)


def test_shelf_order() -> None:
    assert shelf_order(["The Waves", "dune", "A Room", "Emma"]) == ["dune", "Emma", "A Room", "The Waves"]
    assert shelf_order(["An end", "end", "the end"]) == ["An end", "end", "the end"]
    assert shelf_order(["Theory", "Anna", "Sea"]) == ["Anna", "Sea", "Theory"]
    assert shelf_order([]) == []


def file_order(names: list[str]) -> list[str]:
    """People expect "photo2" before "photo10". Sort file names so that runs of digits compare as numbers and all other
    text compares letter by letter, as Python compares strings.

    >>> file_order(["photo10", "photo2", "photo1"])
    ['photo1', 'photo2', 'photo10']
    >>> file_order(["b1", "a20", "a3b"])
    ['a3b', 'a20', 'b1']
    """
    import re

    def key(name: str) -> list[tuple[str, int]]:
        # Each pair is a piece of text and the number after it, -1 where none follows.
        pieces = re.findall(r"(\D*)(\d*)", name)
        return [(text, int(digits) if digits else -1) for text, digits in pieces]

    return sorted(names, key=key)


def test_file_order() -> None:
    assert file_order(["photo10", "photo2", "photo1"]) == ["photo1", "photo2", "photo10"]
    assert file_order(["b1", "a20", "a3b"]) == ["a3b", "a20", "b1"]
    assert file_order(["10", "9", "x"]) == ["9", "10", "x"]
    assert file_order(["v1.10", "v1.9", "v1"]) == ["v1", "v1.9", "v1.10"]
    assert file_order(["a0", "a"]) == ["a", "a0"]


def medal_table(medals: dict[str, tuple[int, int, int]]) -> list[tuple[int, str]]:
    """Nations are ranked by gold, then silver, then bronze. Return (rank, nation) pairs; nations with the same medals
    share a rank and stand in alphabetical order, and the ranks after them are skipped.

    >>> medal_table({"Fiji": (1, 0, 0), "Cuba": (1, 2, 0), "Chad": (1, 0, 0), "Peru": (0, 9, 9)})
    [(1, 'Cuba'), (2, 'Chad'), (2, 'Fiji'), (4, 'Peru')]
    >>> medal_table({})
    []
    """

    def strength(nation: str) -> tuple[int, ...]:
        return tuple(-count for count in medals[nation])

    ordered = sorted(medals, key=lambda nation: (strength(nation), nation))
    return [(1 + sum(strength(other) < strength(nation) for other in ordered), nation) for nation in ordered]


def test_medal_table() -> None:
    table = {"Fiji": (1, 0, 0), "Cuba": (1, 2, 0), "Chad": (1, 0, 0), "Peru": (0, 9, 9)}
    assert medal_table(table) == [(1, "Cuba"), (2, "Chad"), (2, "Fiji"), (4, "Peru")]
    assert medal_table({"B": (0, 0, 0), "A": (0, 0, 0)}) == [(1, "A"), (1, "B")]
    assert medal_table({"B": (0, 0, 2), "A": (0, 0, 1)}) == [(1, "B"), (2, "A")]
    assert medal_table({}) == []


def alien_dictionary(words: list[str], alphabet: str) -> list[str]:
    """Explorers found a language with our letters in a different order. Sort its words by the given alphabet; a letter
    that the alphabet lacks comes after all others, and a word comes before any longer word that begins with it.

    >>> alien_dictionary(["apple", "banana", "cab"], "cba")
    ['cab', 'banana', 'apple']
    >>> alien_dictionary(["aa", "a"], "a")
    ['a', 'aa']
    """
    place = {letter: index for index, letter in enumerate(alphabet)}
    return sorted(words, key=lambda word: [(place.get(letter, len(alphabet)), letter) for letter in word])


def test_alien_dictionary() -> None:
    assert alien_dictionary(["apple", "banana", "cab"], "cba") == ["cab", "banana", "apple"]
    assert alien_dictionary(["ab", "aa", "a"], "ba") == ["a", "ab", "aa"]
    assert alien_dictionary(["xb", "xa", "y"], "yx") == ["y", "xa", "xb"]
    assert alien_dictionary(["z", "a", "q"], "q") == ["q", "a", "z"]
    assert alien_dictionary([], "abc") == []


def dance_line(heights: list[int]) -> list[int]:
    """Dancers line up for a photo with the tallest in the middle: starting from the tallest, the next ones step to
    the left and to the right in turn. Return the heights from left to right.

    >>> dance_line([150, 160, 170, 180])
    [150, 170, 180, 160]
    >>> dance_line([5, 9, 7])
    [7, 9, 5]
    """
    tallest_first = sorted(heights, reverse=True)
    right = tallest_first[0::2]
    left = tallest_first[1::2]
    return left[::-1] + right


def test_dance_line() -> None:
    assert dance_line([150, 160, 170, 180]) == [150, 170, 180, 160]
    assert dance_line([5, 9, 7]) == [7, 9, 5]
    assert dance_line([]) == []
    assert dance_line([3]) == [3]
    assert dance_line([1, 2]) == [1, 2]
    assert dance_line([1, 2, 3, 4, 5]) == [2, 4, 5, 3, 1]


def swaps_to_sort(stack: list[int]) -> list[tuple[int, int]]:
    """A librarian sorts a shelf by swapping two books at a time: for each place from the left she looks for the
    smallest book that is not yet in place (the leftmost of equals) and swaps it there, if it is not there already.
    Return the swaps as pairs of places.

    >>> swaps_to_sort([3, 1, 2])
    [(0, 1), (1, 2)]
    >>> swaps_to_sort([1, 2])
    []
    """
    books = list(stack)
    swaps = []
    for place in range(len(books)):
        smallest = min(range(place, len(books)), key=lambda index: books[index])
        if smallest != place:
            books[place], books[smallest] = books[smallest], books[place]
            swaps.append((place, smallest))
    return swaps


def test_swaps_to_sort() -> None:
    assert swaps_to_sort([3, 1, 2]) == [(0, 1), (1, 2)]
    assert swaps_to_sort([2, 2, 1, 1]) == [(0, 2), (1, 3)]
    assert swaps_to_sort([4, 3, 2, 1]) == [(0, 3), (1, 2)]
    assert swaps_to_sort([1, 2, 3]) == []
    assert swaps_to_sort([]) == []


def tournament_rank(players: list[str], beaten: set[tuple[str, str]]) -> list[str]:
    """Rank players by direct comparison: if (a, b) is in the set of results, a has beaten b and goes before b. If two
    have not met, the name decides. Results are free of contradictions, so that sorting with a comparison works.

    >>> tournament_rank(["Al", "Bo", "Cy"], {("Bo", "Al"), ("Cy", "Al"), ("Cy", "Bo")})
    ['Cy', 'Bo', 'Al']
    >>> tournament_rank(["Bo", "Al"], set())
    ['Al', 'Bo']
    """

    def compare(one: str, other: str) -> int:
        if (one, other) in beaten:
            return -1
        if (other, one) in beaten:
            return 1
        return (one > other) - (one < other)

    return sorted(players, key=cmp_to_key(compare))


def test_tournament_rank() -> None:
    assert tournament_rank(["Al", "Bo", "Cy"], {("Bo", "Al"), ("Cy", "Al"), ("Cy", "Bo")}) == ["Cy", "Bo", "Al"]
    assert tournament_rank(["c", "a", "b"], set()) == ["a", "b", "c"]
    assert tournament_rank(["a", "b"], {("b", "a")}) == ["b", "a"]
    assert tournament_rank(["b", "a"], {("b", "a")}) == ["b", "a"]
    assert tournament_rank([], {("b", "a")}) == []


def merge_rankings(rankings: list[list[str]]) -> list[str]:
    """Several judges each rank all the cakes, the best first. A cake gets as many points from a judge as there are
    cakes behind it. Return the cakes by points; ties are broken by the number of first places, then by name.

    >>> merge_rankings([["plum", "nut", "lime"], ["nut", "plum", "lime"], ["plum", "lime", "nut"]])
    ['plum', 'nut', 'lime']
    >>> merge_rankings([["b", "a"], ["a", "b"]])
    ['a', 'b']
    """
    points: dict[str, int] = {}
    wins: dict[str, int] = {}
    for ranking in rankings:
        for place, cake in enumerate(ranking):
            points[cake] = points.get(cake, 0) + len(ranking) - 1 - place
            wins[cake] = wins.get(cake, 0) + (place == 0)
    return sorted(points, key=lambda cake: (-points[cake], -wins[cake], cake))


def test_merge_rankings() -> None:
    assert merge_rankings([["p", "n", "l"], ["n", "p", "l"], ["p", "l", "n"]]) == ["p", "n", "l"]
    assert merge_rankings([["z", "a", "m"], ["m", "a", "z"]]) == ["m", "z", "a"]
    assert merge_rankings([["b", "a"], ["a", "b"]]) == ["a", "b"]
    assert merge_rankings([]) == []
    assert merge_rankings([["x", "y", "z"]]) == ["x", "y", "z"]
