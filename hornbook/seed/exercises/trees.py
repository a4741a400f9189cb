"""Trees"""

from collections import deque
from typing import Any


def leaves(tree: Any) -> list[Any]:
    """Branches of our paper tree are tuples, and everything that is not a tuple is a leaf. List the leaves from
    left to right.

    >>> leaves((("ash", "oak"), "elm", ()))
    ['ash', 'oak', 'elm']
    >>> leaves("bare")
    ['bare']
    """
    if not isinstance(tree, tuple):
        return [tree]
    return [leaf for branch in tree for leaf in leaves(branch)]


def test_leaves() -> None:
    assert leaves((("ash", "oak"), "elm", ())) == ["ash", "oak", "elm"]
    assert leaves(()) == []
    assert leaves(5) == [5]
    assert leaves((1, ((2,), [3, 4]), (((5,),),))) == [1, 2, [3, 4], 5]


def outline(tree: dict[str, Any], indent: int = 2) -> list[str]:
    """A table of contents is a dict of dicts: each key is a heading and its value holds the headings below. Write
    one line for each heading with its number, "1", "1.1", "1.2", "2" ..., indented by its depth.

    >>> outline({"Tea": {"Green": {}, "Black": {}}, "Coffee": {}})
    ['1 Tea', '  1.1 Green', '  1.2 Black', '2 Coffee']
    >>> outline({})
    []
    """
    lines = []

    def visit(headings: dict[str, Any], prefix: str, depth: int) -> None:
        for position, (heading, below) in enumerate(headings.items(), start=1):
            number = f"{prefix}{position}"
            lines.append(" " * (indent * depth) + f"{number} {heading}")
            visit(below, number + ".", depth + 1)

    visit(tree, "", 0)
    return lines


def test_outline() -> None:
    assert outline({"Tea": {"Green": {}, "Black": {}}, "Coffee": {}}, 1) == [
        "1 Tea",
        " 1.1 Green",
        " 1.2 Black",
        "2 Coffee",
    ]
    assert outline({"a": {"b": {"c": {}}}}) == ["1 a", "  1.1 b", "    1.1.1 c"]
    assert outline({"x": {}}, 0) == ["1 x"]
    assert outline({}) == []


def levels(tree: tuple[Any, ...] | None) -> list[list[Any]]:
    """A node is a tuple (value, left, right) whose last two parts are nodes or None. List the values level by level
    from the top, each level from left to right.

    >>> levels(("d", ("b", None, ("c", None, None)), ("f", None, None)))
    [['d'], ['b', 'f'], ['c']]
    >>> levels(None)
    []
    """
    rows = []
    row = [tree] if tree is not None else []
    while row:
        rows.append([value for value, _, _ in row])
        row = [child for _, left, right in row for child in (left, right) if child is not None]
    return rows


def test_levels() -> None:
    assert levels(None) == []
    assert levels((1, None, None)) == [[1]]
    assert levels((1, (2, (4, None, None), None), (3, None, (5, None, None)))) == [[1], [2, 3], [4, 5]]
    assert levels((1, None, (2, (3, None, None), None))) == [[1], [2], [3]]


def grow_sorted(values: list[int]) -> tuple[Any, ...] | None:
    """Put values one by one into a search tree of (value, left, right) tuples: smaller ones go left, larger ones go
    right, and a value that is there already changes nothing. Return the tree, or None for no values.

    >>> grow_sorted([5, 3, 8])
    (5, (3, None, None), (8, None, None))
    >>> grow_sorted([1, 2, 1])
    (1, None, (2, None, None))
    """

    def put(node: tuple[Any, ...] | None, value: int) -> tuple[Any, ...]:
        if node is None:
            return (value, None, None)
        here, left, right = node
        if value < here:
            return (here, put(left, value), right)
        if value > here:
            return (here, left, put(right, value))
        return node

    tree = None
    for value in values:
        tree = put(tree, value)
    return tree


def test_grow_sorted() -> None:
    assert grow_sorted([]) is None
    assert grow_sorted([5, 5, 5]) == (5, None, None)
    assert grow_sorted([2, 1, 3, 1]) == (2, (1, None, None), (3, None, None))
    assert grow_sorted([3, 1, 2]) == (3, (1, None, (2, None, None)), None)
    assert grow_sorted([1, 3, 2]) == (1, None, (3, (2, None, None), None))


def closest_key(tree: tuple[Any, ...] | None, wanted: float) -> float | None:
    """In a search tree of (key, left, right) tuples, find the key nearest to a wanted number while walking down a
    single path. The smaller key wins when two are equally near; an empty tree has no key at all.

    >>> closest_key((8, (3, None, (6, None, None)), (10, None, None)), 7)
    6
    >>> closest_key(None, 1) is None
    True
    """
    best: float | None = None
    node = tree
    while node is not None:
        key, left, right = node
        if best is None or (abs(key - wanted), key) < (abs(best - wanted), best):
            best = key
        if key == wanted:
            break
        node = left if wanted < key else right
    return best


def test_closest_key() -> None:
    tree = (8, (3, (1, None, None), (6, None, None)), (10, None, (14, None, None)))
    assert [closest_key(tree, n) for n in (0, 2, 4, 5, 7, 9)] == [1, 1, 3, 6, 6, 8]
    assert closest_key(tree, 10) == 10
    assert closest_key(tree, 99) == 14
    assert closest_key(tree, 12) == 10
    assert closest_key(None, 3) is None


def common_boss(boss_of: dict[str, str], one: str, other: str) -> str | None:
    """A company keeps a dict from each person to the direct boss; whoever is missing from it has none. Find the
    lowest person who stands over both, where everybody also counts as standing over themselves.

    >>> common_boss({"Al": "Cy", "Bo": "Cy", "Cy": "Di"}, "Al", "Bo")
    'Cy'
    >>> common_boss({"Al": "Cy"}, "Al", "Zoe") is None
    True
    """
    above = {one}
    person = one
    while person in boss_of:
        person = boss_of[person]
        above.add(person)
    person = other
    while person not in above:
        if person not in boss_of:
            return None
        person = boss_of[person]
    return person


def test_common_boss() -> None:
    boss_of = {"Al": "Cy", "Bo": "Cy", "Cy": "Di", "Ed": "Di"}
    assert common_boss(boss_of, "Al", "Bo") == "Cy"
    assert common_boss(boss_of, "Al", "Ed") == "Di"
    assert common_boss(boss_of, "Al", "Cy") == "Cy"
    assert common_boss(boss_of, "Cy", "Al") == "Cy"
    assert common_boss(boss_of, "Al", "Al") == "Al"
    assert common_boss(boss_of, "Al", "Zoe") is None


def prune(tree: dict[str, Any], rotten: set[str]) -> dict[str, Any]:
    """A gardener cuts off every branch whose name is in the set of rotten ones, with all that grows on it. Each
    branch is a key of nested dicts. Return a new tree and leave the old one as it is.

    >>> prune({"trunk": {"left": {"twig": {}}, "right": {}}}, {"left"})
    {'trunk': {'right': {}}}
    >>> prune({"trunk": {}}, {"trunk"})
    {}
    """
    return {branch: prune(below, rotten) for branch, below in tree.items() if branch not in rotten}


def test_prune() -> None:
    tree = {"t": {"a": {"b": {}}, "b": {"c": {}}}}
    assert prune(tree, {"b"}) == {"t": {"a": {}}}
    assert tree == {"t": {"a": {"b": {}}, "b": {"c": {}}}}
    assert prune(tree, set()) == tree
    assert prune(tree, {"t"}) == {}
    assert prune({}, {"t"}) == {}


def tournament_path(bracket: Any, team: str) -> list[str] | None:
    """A knock-out bracket is a team's name or a list of two brackets; its winner is the name that sorts first, for
    the cup is a spelling contest. List whom a team meets, round by round, until it loses or wins the cup; return
    None if the team does not take part.

    >>> tournament_path([["bees", "ants"], ["cats", "dogs"]], "bees")
    ['ants']
    >>> tournament_path([["bees", "ants"], ["cats", "dogs"]], "ants")
    ['bees', 'cats']
    """

    def play(part: Any) -> tuple[str, list[str] | None]:
        if isinstance(part, str):
            return part, [] if part == team else None
        (first, met_first), (second, met_second) = play(part[0]), play(part[1])
        winner = min(first, second)
        met = met_first if met_first is not None else met_second
        if met is not None and team in (first, second):
            # Only somebody who is still in the cup meets an opponent here.
            met = [*met, second if team == first else first]
        return winner, met

    return play(bracket)[1]


def test_tournament_path() -> None:
    cup = [["bees", "ants"], ["cats", "dogs"]]
    assert tournament_path(cup, "ants") == ["bees", "cats"]
    assert tournament_path(cup, "cats") == ["dogs", "ants"]
    assert tournament_path(cup, "dogs") == ["cats"]
    assert tournament_path(cup, "eels") is None
    assert tournament_path("solo", "solo") == []
    assert tournament_path(["b", ["c", "a"]], "b") == ["a"]


def ripple_depth(tree: dict[str, list[str]], start: str) -> dict[str, int]:
    """A rumour starts with one person; the dict tells to whom each person passes it on, at once and only once. Give
    for everybody who hears it the number of tellings it took, 0 for the start, in the order of hearing.

    >>> ripple_depth({"Al": ["Bo", "Cy"], "Bo": ["Di"], "Cy": ["Di", "Al"]}, "Al")
    {'Al': 0, 'Bo': 1, 'Cy': 1, 'Di': 2}
    >>> ripple_depth({}, "Zoe")
    {'Zoe': 0}
    """
    heard = {start: 0}
    talking = deque([start])
    while talking:
        person = talking.popleft()
        for listener in tree.get(person, []):
            if listener not in heard:
                heard[listener] = heard[person] + 1
                talking.append(listener)
    return heard


def test_ripple_depth() -> None:
    assert ripple_depth({"A": ["B"], "B": ["C"], "C": ["A"]}, "B") == {"B": 0, "C": 1, "A": 2}
    assert list(ripple_depth({"A": ["C", "B"], "C": ["D"]}, "A").items()) == [("A", 0), ("C", 1), ("B", 1), ("D", 2)]
    assert ripple_depth({"A": ["B", "C"], "B": ["C"]}, "A")["C"] == 1
    assert ripple_depth({"A": ["B"]}, "B") == {"B": 0}
