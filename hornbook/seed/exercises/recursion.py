"""Recursion"""

from typing import Any


def russian_dolls(doll: dict[str, Any] | None) -> list[str]:
    """A wooden doll is a dict with its "colour" and, under "inside", the next smaller doll or None. Open them one by
    one and list the colours from the outside in.

    >>> russian_dolls({"colour": "red", "inside": {"colour": "blue", "inside": None}})
    ['red', 'blue']
    >>> russian_dolls(None)
    []
    """
    if doll is None:
        return []
    return [doll["colour"], *russian_dolls(doll["inside"])]


def test_russian_dolls() -> None:
    assert russian_dolls({"colour": "red", "inside": None}) == ["red"]
    one = {"colour": "c", "inside": None}
    assert russian_dolls({"colour": "a", "inside": {"colour": "b", "inside": one}}) == ["a", "b", "c"]
    assert russian_dolls(None) == []
    assert russian_dolls({"colour": "", "inside": one}) == ["", "c"]


def ruler_marks(level: int) -> str:
    """The marks of an inch ruler follow a pattern: the ruler of level 0 is empty, and the ruler of level n is the
    ruler of level n-1, one mark of height n, and that smaller ruler again. Give the heights as a string of digits.

    >>> ruler_marks(2)
    '121'
    >>> ruler_marks(3)
    '1213121'
    """
    if level == 0:
        return ""
    half = ruler_marks(level - 1)
    return f"{half}{level}{half}"


def test_ruler_marks() -> None:
    assert ruler_marks(0) == ""
    assert ruler_marks(1) == "1"
    assert ruler_marks(4) == "121312141213121"
    assert len(ruler_marks(7)) == 127


def folder_size(folder: dict[str, Any]) -> int:
    """In a picture of a disk, a dict is a folder that maps names to what they hold: an int is the size of a file in
    bytes and another dict is a folder inside. Add up all files, at whatever depth; each folder itself, the
    outermost included, takes 4 bytes more.

    >>> folder_size({"a.txt": 10, "sub": {"b.txt": 5}})
    23
    >>> folder_size({})
    4
    """
    total = 4
    for content in folder.values():
        if isinstance(content, dict):
            total += folder_size(content)
        else:
            total += content
    return total


def test_folder_size() -> None:
    assert folder_size({}) == 4
    assert folder_size({"a": 1, "b": 2}) == 7
    assert folder_size({"x": {"y": {"z": {}}}}) == 16
    assert folder_size({"a.txt": 10, "sub": {"b.txt": 5}, "t": 1}) == 24


def fold_paper(times: int) -> str:
    """Fold a strip of paper in half several times, always right over left, and open it: creases point up or down.
    One fold gives "D". Each further fold adds a "D" in the middle; the left half is the old pattern, and the right
    half is the old pattern read backwards with U and D exchanged.

    >>> fold_paper(1)
    'D'
    >>> fold_paper(2)
    'DDU'
    """
    if times == 0:
        return ""
    left = fold_paper(times - 1)
    right = "".join("D" if crease == "U" else "U" for crease in reversed(left))
    return left + "D" + right


def test_fold_paper() -> None:
    assert fold_paper(0) == ""
    assert fold_paper(2) == "DDU"
    assert fold_paper(3) == "DDUDDUU"
    assert fold_paper(4) == "DDUDDUUDDDUUDUU"
    assert len(fold_paper(6)) == 63


def spell_out(steps: int) -> list[str]:
    """A child climbs `steps` stairs by single steps ("s") and jumps over two stairs ("j"), but never makes two jumps
    in a row. List every way to the top as a string, in alphabetical order.

    >>> spell_out(3)
    ['js', 'sj', 'sss']
    >>> spell_out(0)
    ['']
    """

    def ways(left: int, may_jump: bool) -> list[str]:
        if left == 0:
            return [""]
        jumping = ["j" + rest for rest in ways(left - 2, False)] if may_jump and left >= 2 else []
        return jumping + ["s" + rest for rest in ways(left - 1, True)]

    return ways(steps, True)


def test_spell_out() -> None:
    assert spell_out(0) == [""]
    assert spell_out(1) == ["s"]
    assert spell_out(2) == ["j", "ss"]
    assert spell_out(4) == ["jss", "sjs", "ssj", "ssss"]
    assert spell_out(5) == ["jsj", "jsss", "sjss", "ssjs", "sssj", "sssss"]


def family_line(tree: dict[str, list[str]], ancestor: str, person: str) -> list[str] | None:
    """A family tree maps a parent to the list of children. Find the line of descent from an ancestor down to a
    person, both included; return None when the person does not descend from that ancestor.

    >>> family_line({"Eva": ["Max", "Liv"], "Liv": ["Tim"]}, "Eva", "Tim")
    ['Eva', 'Liv', 'Tim']
    >>> family_line({"Eva": ["Max"]}, "Max", "Eva") is None
    True
    """
    if ancestor == person:
        return [person]
    for child in tree.get(ancestor, []):
        line = family_line(tree, child, person)
        if line is not None:
            return [ancestor, *line]
    return None


def test_family_line() -> None:
    tree = {"Eva": ["Max", "Liv"], "Liv": ["Tim", "Joy"], "Max": ["Ole"]}
    assert family_line(tree, "Eva", "Joy") == ["Eva", "Liv", "Joy"]
    assert family_line(tree, "Liv", "Joy") == ["Liv", "Joy"]
    assert family_line(tree, "Eva", "Eva") == ["Eva"]
    assert family_line(tree, "Liv", "Ole") is None
    assert family_line({}, "A", "B") is None


def mobile_weight(mobile: Any) -> int | None:
    """A mobile hangs from the ceiling: it is either a figure (an int, its weight) or a rod, a list of two mobiles
    that hang at equal distance. A rod weighs 1 itself and balances only if both sides weigh the same and balance
    too. Return the whole weight, or None if anything is out of balance.

    >>> mobile_weight([[2, 2], 5])
    11
    >>> mobile_weight([1, 2]) is None
    True
    """
    if isinstance(mobile, int):
        return mobile
    left, right = (mobile_weight(side) for side in mobile)
    if left is None or left != right:
        return None
    return left + right + 1


def test_mobile_weight() -> None:
    assert mobile_weight(7) == 7
    assert mobile_weight([3, 3]) == 7
    assert mobile_weight([[2, 2], 5]) == 11
    assert mobile_weight([[2, 2], [2, 2]]) == 11
    assert mobile_weight([[2, 3], 5]) is None
    assert mobile_weight([[1, 2], [1, 2]]) is None
    assert mobile_weight([5, 6]) is None


def flood(garden: list[str], row: int, column: int) -> int:
    """Rain starts to fill a garden at one cell. Water spreads up, down, left and right through "." cells but not
    through "#". Count how many cells get wet; starting on a stone or outside wets none.

    >>> flood(["..#", ".#.", "#.."], 0, 0)
    3
    >>> flood(["#"], 0, 0)
    0
    """
    wet: set[tuple[int, int]] = set()

    def spread(r: int, c: int) -> None:
        inside = 0 <= r < len(garden) and 0 <= c < len(garden[r])
        if not inside or garden[r][c] == "#" or (r, c) in wet:
            return
        wet.add((r, c))
        for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
            spread(r + down, c + right)

    spread(row, column)
    return len(wet)


def test_flood() -> None:
    assert flood(["..#", ".#.", "#.."], 0, 0) == 3
    assert flood(["..#", ".#.", "#.."], 2, 2) == 3
    assert flood(["...", "...", "..."], 1, 1) == 9
    assert flood(["#."], 0, 0) == 0
    assert flood(["."], 1, 0) == 0
    assert flood(["."], 0, -1) == 0
    assert flood([".#.#.", ".....", "#.#.#"], 0, 4) == 10
