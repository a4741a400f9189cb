"""Dictionaries / grouping by a key"""

from collections import defaultdict


def wardrobe_by_colour(clothes: list[tuple[str, str]]) -> dict[str, list[str]]:
    """Before a journey a dancer lays out her clothes by colour. From (piece, colour) pairs build a dictionary from
    each colour to its pieces, both in the order in which they were taken out. Colours with a single piece match
    nothing: such pieces lie together at the end under "odd", if there are any.

    >>> wardrobe_by_colour([("shawl", "red"), ("boots", "black"), ("skirt", "red")])
    {'red': ['shawl', 'skirt'], 'odd': ['boots']}
    >>> wardrobe_by_colour([])
    {}
    """
    piles: dict[str, list[str]] = {}
    for piece, colour in clothes:
        piles.setdefault(colour, []).append(piece)
    matching = {colour: pieces for colour, pieces in piles.items() if len(pieces) > 1}
    odd = [piece for pieces in piles.values() if len(pieces) == 1 for piece in pieces]
    return matching | {"odd": odd} if odd else matching


def test_wardrobe_by_colour() -> None:
    assert wardrobe_by_colour([("a", "x")]) == {"odd": ["a"]}
    assert wardrobe_by_colour([("a", "x"), ("a", "x")]) == {"x": ["a", "a"]}
    piles = wardrobe_by_colour([("tie", "grey"), ("hat", "blue"), ("cap", "pink"), ("sock", "blue"), ("vest", "grey")])
    assert list(piles) == ["grey", "blue", "odd"]
    assert piles == {"grey": ["tie", "vest"], "blue": ["hat", "sock"], "odd": ["cap"]}
    assert wardrobe_by_colour([("a", "x"), ("b", "y")]) == {"odd": ["a", "b"]}


def guests_by_decade(guests: dict[str, int]) -> dict[str, list[str]]:
    """At a big family party the tables are set by decade of birth. From names and years of birth build a dictionary
    from labels such as "1980s" to the names, oldest decade first; at a table, names are in alphabetical order.

    >>> guests_by_decade({"Zoe": 1989, "Otto": 1951, "Ali": 1980})
    {'1950s': ['Otto'], '1980s': ['Ali', 'Zoe']}
    >>> guests_by_decade({"Mia": 2010})
    {'2010s': ['Mia']}
    """
    tables: dict[str, list[str]] = {}
    for name, year in sorted(guests.items(), key=lambda guest: (guest[1] // 10, guest[0])):
        tables.setdefault(f"{year // 10 * 10}s", []).append(name)
    return tables


def test_guests_by_decade() -> None:
    tables = guests_by_decade({"D": 2001, "C": 1999, "B": 2000, "A": 2009})
    assert tables == {"1990s": ["C"], "2000s": ["A", "B", "D"]}
    assert list(tables) == ["1990s", "2000s"]
    assert list(guests_by_decade({"A": 1920, "B": 1919})) == ["1910s", "1920s"]
    assert guests_by_decade({}) == {}


def tool_borrowers(borrowed: dict[str, list[str]]) -> dict[str, list[str]]:
    """The village workshop notes for each neighbour which tools he or she has taken home. Turn the list around: for
    each tool, in alphabetical order, who has it, also in alphabetical order. Somebody who took the same tool twice is
    named once.

    >>> tool_borrowers({"Olga": ["saw", "drill"], "Ben": ["saw", "saw"]})
    {'drill': ['Olga'], 'saw': ['Ben', 'Olga']}
    >>> tool_borrowers({"Ben": []})
    {}
    """
    holders: dict[str, set[str]] = defaultdict(set)
    for neighbour, tools in borrowed.items():
        for tool in tools:
            holders[tool].add(neighbour)
    return {tool: sorted(holders[tool]) for tool in sorted(holders)}


def test_tool_borrowers() -> None:
    turned = tool_borrowers({"B": ["z", "y"], "A": ["y"], "C": ["y", "x"]})
    assert turned == {"x": ["C"], "y": ["A", "B", "C"], "z": ["B"]}
    assert list(turned) == ["x", "y", "z"]
    assert tool_borrowers({}) == {}
    assert tool_borrowers({"A": ["axe", "axe"]}) == {"axe": ["A"]}


def merge_address_books(books: list[dict[str, list[str]]]) -> dict[str, list[str]]:
    """Three friends put their address books together. Each maps a name to telephone numbers. In the common book each
    name has all its numbers, in the order in which they turn up and without repeats; blanks inside a number mean
    nothing and are dropped. The old books must stay as they are.

    >>> merge_address_books([{"Ida": ["55 12"]}, {"Ida": ["5512", "70"], "Bo": ["31"]}])
    {'Ida': ['5512', '70'], 'Bo': ['31']}
    >>> merge_address_books([])
    {}
    """
    common: dict[str, list[str]] = {}
    for book in books:
        for name, numbers in book.items():
            known = common.setdefault(name, [])
            for number in numbers:
                plain = number.replace(" ", "")
                if plain not in known:
                    known.append(plain)
    return common


def test_merge_address_books() -> None:
    first = {"A": ["1 1"]}
    assert merge_address_books([first, {"A": ["2"]}]) == {"A": ["11", "2"]}
    assert first == {"A": ["1 1"]}
    assert merge_address_books([{"A": []}, {"B": ["3"]}]) == {"A": [], "B": ["3"]}
    assert merge_address_books([{"A": ["1", "2"]}, {"A": ["2", "1", "0"]}]) == {"A": ["1", "2", "0"]}
    assert merge_address_books([{"A": ["7", "7 "]}]) == {"A": ["7"]}


def nights_abroad(stays: list[tuple[str, str, int]]) -> dict[str, dict[str, int]]:
    """A travelling salesman notes each stay as (country, town, nights). Sum the nights up by country and, within it,
    by town. Countries and towns stay in the order of the first visit; stays of no nights leave no trace.

    >>> nights_abroad([("Peru", "Lima", 2), ("Chile", "Arica", 1), ("Peru", "Lima", 3), ("Peru", "Cusco", 4)])
    {'Peru': {'Lima': 5, 'Cusco': 4}, 'Chile': {'Arica': 1}}
    >>> nights_abroad([("Peru", "Lima", 0)])
    {}
    """
    totals: dict[str, dict[str, int]] = {}
    for country, town, nights in stays:
        if nights > 0:
            towns = totals.setdefault(country, {})
            towns[town] = towns.get(town, 0) + nights
    return totals


def test_nights_abroad() -> None:
    assert nights_abroad([("A", "x", 1), ("A", "x", 1), ("B", "x", 2)]) == {"A": {"x": 2}, "B": {"x": 2}}
    assert nights_abroad([("A", "x", 0), ("A", "y", 1)]) == {"A": {"y": 1}}
    assert nights_abroad([]) == {}
    assert list(nights_abroad([("B", "b", 1), ("A", "a", 1)])) == ["B", "A"]


def voices(singers: dict[str, tuple[int, int]], parts: dict[str, tuple[int, int]]) -> dict[str, list[str]]:
    """A choir leader knows the lowest and the highest note, as piano key numbers, of each singer and of each part of
    a song. A singer can take a part if all of it lies within his or her range, both ends included. List for every
    part who can sing it, in the order of the singers; a part that nobody can sing has an empty list.

    >>> voices({"Lu": (40, 60), "Mo": (48, 72)}, {"high": (50, 70), "low": (41, 55), "mid": (50, 60)})
    {'high': ['Mo'], 'low': ['Lu'], 'mid': ['Lu', 'Mo']}
    >>> voices({}, {"solo": (30, 90)})
    {'solo': []}
    """
    able: dict[str, list[str]] = {part: [] for part in parts}
    for singer, (lowest, highest) in singers.items():
        for part, (bottom, top) in parts.items():
            if lowest <= bottom and top <= highest:
                able[part].append(singer)
    return able


def test_voices() -> None:
    assert voices({"A": (10, 20)}, {"p": (10, 20)}) == {"p": ["A"]}
    assert voices({"A": (10, 20)}, {"p": (9, 20), "q": (10, 21)}) == {"p": [], "q": []}
    assert voices({"B": (0, 9), "A": (0, 9)}, {"p": (1, 2)}) == {"p": ["B", "A"]}
    assert voices({"A": (0, 9)}, {}) == {}


def book_index(pages: dict[int, str], terms: list[str]) -> dict[str, str]:
    """At the end of a travel guide stands an index. For every term that occurs somewhere, in any capitals, give its
    pages as text: single pages and runs such as "4-6", parted by a comma and a blank. Terms are in alphabetical order;
    those that occur nowhere are left out.

    >>> book_index({1: "Old port", 2: "The port", 3: "port, fort", 7: "Port"}, ["port", "fort", "zoo"])
    {'fort': '3', 'port': '1-3, 7'}
    >>> book_index({}, ["port"])
    {}
    """
    index = {}
    for term in sorted(terms):
        runs: list[list[int]] = []
        for page in sorted(pages):
            if term.lower() not in pages[page].lower():
                continue
            if runs and page == runs[-1][1] + 1:
                runs[-1][1] = page
            else:
                runs.append([page, page])
        if runs:
            index[term] = ", ".join(f"{start}-{end}" if end > start else str(start) for start, end in runs)
    return index


def test_book_index() -> None:
    pages = {9: "inn", 10: "Inn", 12: "INN", 2: "mill", 1: "mill, inn"}
    assert book_index(pages, ["mill", "inn"]) == {"inn": "1, 9-10, 12", "mill": "1-2"}
    assert list(book_index(pages, ["mill", "inn"])) == ["inn", "mill"]
    assert book_index({3: "x", 4: "x", 5: "x"}, ["x"]) == {"x": "3-5"}
    assert book_index({3: "abc"}, ["d"]) == {}
    assert book_index({3: "harbour"}, ["bour"]) == {"bour": "3"}


def fair_teams(skills: dict[str, int], teams: int) -> list[list[str]]:
    """For a quiz night, teams must be about equally good. Go through the players from the strongest to the weakest
    (alphabetically among equals) and put each into the team with the smallest sum of skills so far; among those take
    the team with the fewest players, and then the first. Return the teams as lists of names in the order of joining.

    >>> fair_teams({"Ann": 9, "Bo": 7, "Cy": 3, "Di": 2}, 2)
    [['Ann', 'Di'], ['Bo', 'Cy']]
    >>> fair_teams({"Ann": 5}, 2)
    [['Ann'], []]
    """
    members: list[list[str]] = [[] for _ in range(teams)]
    sums = [0] * teams
    for player in sorted(skills, key=lambda name: (-skills[name], name)):
        # min takes the first of equals, which is just the last rule.
        chosen = min(range(teams), key=lambda team: (sums[team], len(members[team])))
        members[chosen].append(player)
        sums[chosen] += skills[player]
    return members


def test_fair_teams() -> None:
    assert fair_teams({"A": 5, "B": 5, "C": 5}, 2) == [["A", "C"], ["B"]]
    assert fair_teams({"A": 10, "B": 4, "C": 3, "D": 3}, 2) == [["A"], ["B", "C", "D"]]
    assert fair_teams({"A": 4, "B": 2, "C": 2, "D": 1}, 2) == [["A", "D"], ["B", "C"]]
    assert fair_teams({"A": 0, "B": 0, "C": 0}, 3) == [["A"], ["B"], ["C"]]
    assert fair_teams({"Z": 1, "Y": 1}, 1) == [["Y", "Z"]]
    assert fair_teams({}, 2) == [[], []]
