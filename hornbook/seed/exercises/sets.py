"""Sets"""


def missing_pages(pages: set[int]) -> list[str]:
    """A scanner lost some pages of a book that begins with page 1 and ends with the highest page found. List the
    gaps, a single page as "7" and several in a row as "7-9".

    >>> missing_pages({1, 2, 6, 8})
    ['3-5', '7']
    >>> missing_pages(set())
    []
    """
    gaps = []
    start = 1
    for page in sorted(pages):
        if page - 1 > start:
            gaps.append(f"{start}-{page - 1}")
        elif page - 1 == start:
            gaps.append(str(start))
        start = page + 1
    return gaps


def test_missing_pages() -> None:
    assert missing_pages({1, 2, 6, 8}) == ["3-5", "7"]
    assert missing_pages({3}) == ["1-2"]
    assert missing_pages({2}) == ["1"]
    assert missing_pages({1, 2, 3}) == []
    assert missing_pages({4, 1, 10}) == ["2-3", "5-9"]


def party_plan(likes: dict[str, set[str]]) -> tuple[set[str], set[str]]:
    """Everybody has told which games they like. Return the games that all like, and the games that exactly one
    person likes. With no guests both sets are empty.

    >>> everyone, single = party_plan({"Ada": {"chess", "go"}, "Bob": {"chess", "uno"}})
    >>> sorted(everyone), sorted(single)
    (['chess'], ['go', 'uno'])
    >>> party_plan({})
    (set(), set())
    """
    shared: set[str] = set.intersection(*likes.values()) if likes else set()
    once: set[str] = set()
    more: set[str] = set()
    for games in likes.values():
        more |= once & games
        once |= games
    return shared, once - more


def test_party_plan() -> None:
    assert party_plan({"Ada": {"chess", "go"}, "Bob": {"chess", "uno"}}) == ({"chess"}, {"go", "uno"})
    assert party_plan({"A": {"x", "y"}}) == ({"x", "y"}, {"x", "y"})
    assert party_plan({"A": {"x"}, "B": {"x"}, "C": {"x"}}) == ({"x"}, set())
    assert party_plan({"A": {"x"}, "B": set()}) == (set(), {"x"})
    assert party_plan({}) == (set(), set())


def spelling_bee(letters: str, centre: str, words: list[str]) -> dict[str, int]:
    """The rules of a word puzzle: a word counts if it uses only the given letters and contains the centre letter,
    which is one of them. A word of four letters scores 1, a longer one its length, a shorter one nothing, and a
    word that uses every letter 7 points more. Return the scores of all words that count.

    >>> spelling_bee("antoilm", "a", ["mail", "animation", "lion", "am"])
    {'mail': 1, 'animation': 9}
    >>> spelling_bee("abcd", "a", ["abcda"])
    {'abcda': 12}
    """
    allowed = set(letters)
    scores = {}
    for word in words:
        used = set(word)
        if len(word) >= 4 and centre in used and used <= allowed:
            points = 1 if len(word) == 4 else len(word)
            scores[word] = points + (7 if used == allowed else 0)
    return scores


def test_spelling_bee() -> None:
    assert spelling_bee("antoilm", "a", ["mail", "animation", "lion", "am"]) == {"mail": 1, "animation": 9}
    assert spelling_bee("abcd", "a", ["abcda", "abcd", "abce", "bcdb"]) == {"abcda": 12, "abcd": 8}
    assert spelling_bee("abcd", "b", ["bab", "babab"]) == {"babab": 5}
    assert spelling_bee("xy", "x", []) == {}


def one_of_each(collections: list[set[str]]) -> list[str] | None:
    """Scouts trade stickers. Each scout holds a set of stickers and gives one of them to the museum, which wants no
    sticker twice. Return what the scouts give, in their order, or None if it cannot work; among all solutions take
    the alphabetically smallest list.

    >>> one_of_each([{"fox", "owl"}, {"fox"}])
    ['owl', 'fox']
    >>> one_of_each([{"fox"}, {"fox"}]) is None
    True
    """

    def give(scout: int, given: set[str]) -> list[str] | None:
        if scout == len(collections):
            return []
        for sticker in sorted(collections[scout] - given):
            rest = give(scout + 1, given | {sticker})
            if rest is not None:
                return [sticker, *rest]
        return None

    return give(0, set())


def test_one_of_each() -> None:
    assert one_of_each([{"fox", "owl"}, {"fox"}]) == ["owl", "fox"]
    assert one_of_each([{"b", "a"}, {"b", "a"}, {"c", "a"}]) == ["a", "b", "c"]
    assert one_of_each([]) == []
    assert one_of_each([set()]) is None
    assert one_of_each([{"a", "b"}, {"a", "b"}, {"a", "b"}]) is None
    assert one_of_each([{"a", "b", "c"}, {"a"}, {"b"}]) == ["c", "a", "b"]


def similar_tastes(readers: dict[str, set[str]]) -> tuple[str, str] | None:
    """Which two readers have the most similar taste? The likeness of two sets is the size of what they share divided
    by the size of what they hold together. Return the pair of names, each pair and the list of pairs in
    alphabetical order, the first of equals; None if nobody shares anything.

    >>> similar_tastes({"Al": {"x", "y"}, "Bo": {"x"}, "Cy": {"x", "y", "z"}})
    ('Al', 'Cy')
    >>> similar_tastes({"Al": {"x"}, "Bo": {"y"}}) is None
    True
    """
    from fractions import Fraction
    from itertools import combinations

    best: tuple[str, str] | None = None
    best_likeness = Fraction(0)
    for one, other in combinations(sorted(readers), 2):
        together = readers[one] | readers[other]
        if together:
            likeness = Fraction(len(readers[one] & readers[other]), len(together))
            if likeness > best_likeness:
                best, best_likeness = (one, other), likeness
    return best


def test_similar_tastes() -> None:
    assert similar_tastes({"Al": {"x", "y"}, "Bo": {"x"}, "Cy": {"x", "y", "z"}}) == ("Al", "Cy")
    assert similar_tastes({"c": {"x"}, "b": {"x"}, "a": {"x"}}) == ("a", "b")
    assert similar_tastes({"a": set(), "b": set()}) is None
    assert similar_tastes({"a": {"p", "q", "r"}, "b": {"p", "q", "s"}, "c": {"r"}}) == ("a", "b")
    assert similar_tastes({"a": {"x"}}) is None


def cover_shifts(shifts: set[str], helpers: dict[str, set[str]]) -> list[str] | None:
    """Find a smallest team of helpers such that every shift is covered by somebody. Among the smallest teams return
    the alphabetically first, as a sorted list of names; None when even all together do not cover the shifts.

    >>> cover_shifts({"mon", "tue", "wed"}, {"Al": {"mon"}, "Bo": {"mon", "tue"}, "Cy": {"wed"}})
    ['Bo', 'Cy']
    >>> cover_shifts({"mon"}, {"Al": set()}) is None
    True
    """
    from itertools import combinations

    names = sorted(helpers)
    for size in range(len(names) + 1):
        for team in combinations(names, size):
            covered = set().union(*(helpers[name] for name in team))
            if shifts <= covered:
                return list(team)
    return None


def test_cover_shifts() -> None:
    assert cover_shifts({"m", "t", "w"}, {"Al": {"m"}, "Bo": {"m", "t"}, "Cy": {"w"}}) == ["Bo", "Cy"]
    assert cover_shifts(set(), {"Al": {"m"}}) == []
    assert cover_shifts({"m"}, {"Zo": {"m"}, "Al": {"m"}}) == ["Al"]
    assert cover_shifts({"m", "t"}, {"B": {"m"}, "A": {"t"}}) == ["A", "B"]
    assert cover_shifts({"m"}, {}) is None


def banned_neighbours(seating: list[str], feuds: set[frozenset[str]]) -> list[str]:
    """At a round table everybody has two neighbours. A feud is a frozenset of two names that must not sit side by
    side. List the names of all who sit beside a foe, in seating order. Fewer than two guests cannot quarrel.

    >>> banned_neighbours(["Al", "Bo", "Cy", "Di"], {frozenset({"Al", "Di"}), frozenset({"Al", "Cy"})})
    ['Al', 'Di']
    >>> banned_neighbours(["Al"], set())
    []
    """
    quarrelling: set[str] = set()
    for place, guest in enumerate(seating):
        # Index -1 is the last guest, who closes the circle.
        pair = frozenset({guest, seating[place - 1]})
        if pair in feuds:
            quarrelling |= pair
    return [guest for guest in seating if guest in quarrelling]


def test_banned_neighbours() -> None:
    feuds = {frozenset({"Al", "Di"}), frozenset({"Al", "Cy"})}
    assert banned_neighbours(["Al", "Bo", "Cy", "Di"], feuds) == ["Al", "Di"]
    assert banned_neighbours(["Cy", "Bo", "Al", "Ed"], feuds) == []
    assert banned_neighbours(["Di", "Al", "Cy"], feuds) == ["Di", "Al", "Cy"]
    assert banned_neighbours([], feuds) == []
    assert banned_neighbours(["Bo", "Al", "Di"], feuds) == ["Al", "Di"]
