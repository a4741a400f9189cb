"""Lists / lists of lists"""


def seat_row_sums(hall: list[list[int]]) -> tuple[list[int], list[int]]:
    """In a concert hall, 1 marks a taken seat and 0 a free one. Count the taken seats of each row and of each
    column; all rows have the same length.

    >>> seat_row_sums([[1, 0, 1], [1, 0, 0]])
    ([2, 1], [2, 0, 1])
    >>> seat_row_sums([])
    ([], [])
    """
    rows = [sum(row) for row in hall]
    columns = [sum(column) for column in zip(*hall, strict=True)]
    return rows, columns


def test_seat_row_sums() -> None:
    assert seat_row_sums([[1, 0, 1], [1, 0, 0]]) == ([2, 1], [2, 0, 1])
    assert seat_row_sums([]) == ([], [])
    assert seat_row_sums([[1], [1], [0]]) == ([1, 1, 0], [2])
    assert seat_row_sums([[0, 1]]) == ([1], [0, 1])


def turn_photo(photo: list[list[int]], quarter_turns: int) -> list[list[int]]:
    """Turn a photo, a grid of grey values, clockwise by some quarter turns. Negative numbers turn it the other way,
    and four turns change nothing.

    >>> turn_photo([[1, 2, 3], [4, 5, 6]], 1)
    [[4, 1], [5, 2], [6, 3]]
    >>> turn_photo([[1, 2]], -1)
    [[2], [1]]
    """
    turned = [list(row) for row in photo]
    for _ in range(quarter_turns % 4):
        # Upside down first, then rows become columns.
        turned = [list(column) for column in zip(*reversed(turned), strict=True)]
    return turned


def test_turn_photo() -> None:
    photo = [[1, 2, 3], [4, 5, 6]]
    assert turn_photo(photo, 2) == [[6, 5, 4], [3, 2, 1]]
    assert turn_photo(photo, 3) == [[3, 6], [2, 5], [1, 4]]
    assert turn_photo(photo, -3) == [[4, 1], [5, 2], [6, 3]]
    assert turn_photo(photo, 4) == photo
    assert turn_photo(photo, 8) is not photo
    assert turn_photo([], 1) == []


def blur(picture: list[list[int]]) -> list[list[int]]:
    """Soften a picture: each new pixel is the mean, rounded down, of the old pixel and all of its up to eight
    neighbours.

    >>> blur([[9, 0], [0, 3]])
    [[3, 3], [3, 3]]
    >>> blur([[0, 6, 0]])
    [[3, 2, 3]]
    """
    height, width = len(picture), len(picture[0]) if picture else 0
    result = []
    for row in range(height):
        new_row = []
        for column in range(width):
            near = [
                picture[r][c]
                for r in range(max(0, row - 1), min(height, row + 2))
                for c in range(max(0, column - 1), min(width, column + 2))
            ]
            new_row.append(sum(near) // len(near))
        result.append(new_row)
    return result


def test_blur() -> None:
    assert blur([]) == []
    assert blur([[7]]) == [[7]]
    assert blur([[0, 6, 0]]) == [[3, 2, 3]]
    assert blur([[0, 0, 0], [0, 9, 0], [0, 0, 0]]) == [[2, 1, 2], [1, 1, 1], [2, 1, 2]]
    assert blur([[10], [0], [0], [8]]) == [[5], [3], [2], [4]]


def lookout_points(heights: list[list[int]]) -> list[tuple[int, int]]:
    """A lookout point is a cell of the map that is higher than all cells to its east and all cells to its north:
    one sees sunrise and snow from there. List them as (row, column), row by row; row 0 is the northernmost.

    >>> lookout_points([[3, 5, 2], [4, 1, 6]])
    [(0, 1), (0, 2), (1, 2)]
    >>> lookout_points([[1, 1]])
    [(0, 1)]
    """
    points = []
    for r, row in enumerate(heights):
        for c, height in enumerate(row):
            east = row[c + 1 :]
            north = [heights[above][c] for above in range(r)]
            if all(height > other for other in east + north):
                points.append((r, c))
    return points


def test_lookout_points() -> None:
    assert lookout_points([[3, 5, 2], [4, 1, 6]]) == [(0, 1), (0, 2), (1, 2)]
    assert lookout_points([[5]]) == [(0, 0)]
    assert lookout_points([[2], [2], [3]]) == [(0, 0), (2, 0)]
    assert lookout_points([[9, 1], [8, 7]]) == [(0, 0), (0, 1), (1, 1)]
    assert lookout_points([]) == []


def text_table(rows: list[list[str]]) -> list[str]:
    """Lay out rows of cells so that columns line up: each column is as wide as its widest cell, cells are padded on
    the right, a " | " stands between columns, and blanks at the end of a line are cut off.

    >>> text_table([["name", "age"], ["Bo", "9"]])
    ['name | age', 'Bo   | 9']
    >>> text_table([["a", ""], ["", "b"]])
    ['a |', '  | b']
    """
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return [" | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def test_text_table() -> None:
    assert text_table([["name", "age"], ["Bo", "9"]]) == ["name | age", "Bo   | 9"]
    assert text_table([["x"]]) == ["x"]
    assert text_table([]) == []
    assert text_table([["1", "22", "3"], ["111", "2", "333"]]) == ["1   | 22 | 3", "111 | 2  | 333"]
    assert text_table([["a", ""], ["", "b"]]) == ["a |", "  | b"]


def transfer(points: list[list[int]], moves: list[list[int]]) -> list[list[int]]:
    """Multiply two matrices, as a school does: row r of the first tells how many pupils of class r chose each course,
    and row k of the second tells which materials course k needs. The product tells the materials of each class.
    A ValueError reports matrices that do not fit.

    >>> transfer([[2, 1]], [[1, 0], [3, 5]])
    [[5, 5]]
    >>> transfer([[1], [2]], [[7]])
    [[7], [14]]
    """
    if any(len(row) != len(moves) for row in points):
        raise ValueError("each row needs one number for each course")
    columns = list(zip(*moves, strict=True))
    return [[sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in points]


def test_transfer() -> None:
    assert transfer([[1, 2], [3, 4]], [[5, 6], [7, 8]]) == [[19, 22], [43, 50]]
    assert transfer([[1, 0], [0, 1]], [[9, 8], [7, 6]]) == [[9, 8], [7, 6]]
    assert transfer([[2, 3, 4]], [[1], [1], [2]]) == [[13]]
    assert transfer([], [[1]]) == []
    try:
        transfer([[1, 2]], [[1]])
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def crop(picture: list[str], background: str = ".") -> list[str]:
    """A scanned stamp is surrounded by empty paper. Cut away all outer rows and columns that hold nothing but
    background, but keep empty ones inside. A scan without any stamp becomes an empty list.

    >>> crop(["....", ".#..", "...#"])
    ['#..', '..#']
    >>> crop(["..", ".."])
    []
    """
    rows = [r for r, row in enumerate(picture) if row.strip(background)]
    columns = [c for row in picture for c, sign in enumerate(row) if sign != background]
    if not rows:
        return []
    return [row[min(columns) : max(columns) + 1] for row in picture[rows[0] : rows[-1] + 1]]


def test_crop() -> None:
    assert crop(["....", ".#..", "...#"]) == ["#..", "..#"]
    assert crop(["#"]) == ["#"]
    assert crop(["...", "#..", "...", "#..", "..."]) == ["#", ".", "#"]
    assert crop(["x.x", "xxx"], "x") == ["."]
    assert crop([]) == []
    assert crop(["  ", " a"], " ") == ["a"]


def snow_depth(field: list[list[int]], storms: list[tuple[int, int, int, int]]) -> int:
    """Each snow storm (top, left, bottom, right) lays one centimetre on every cell of its rectangle, borders
    included; parts of a storm beyond the field are lost. Return how many cells are covered more deeply than they
    were high: the field holds the height of the grass.

    >>> snow_depth([[0, 1], [2, 0]], [(0, 0, 1, 1), (0, 1, 0, 5)])
    3
    >>> snow_depth([[0]], [])
    0
    """
    covered = 0
    for r, row in enumerate(field):
        for c, grass in enumerate(row):
            snow = sum(top <= r <= bottom and left <= c <= right for top, left, bottom, right in storms)
            covered += snow > grass
    return covered


def test_snow_depth() -> None:
    assert snow_depth([[0, 1], [2, 0]], [(0, 0, 1, 1), (0, 1, 0, 5)]) == 3
    assert snow_depth([[1]], [(0, 0, 0, 0)]) == 0
    assert snow_depth([[0, 0, 0]] * 3, [(1, 1, 1, 1)]) == 1
    assert snow_depth([[0, 0, 0]] * 3, [(0, 0, 1, 2)]) == 6
    assert snow_depth([[0]], [(1, 0, 2, 0), (-2, -2, -1, 0), (0, 1, 0, 2)]) == 0
    assert snow_depth([], [(0, 0, 9, 9)]) == 0


def magic_word_square(words: list[str]) -> bool:
    """In a word square, the word in row k can also be read down column k, for every k. Tell whether a list of words
    forms one; there must be as many words as letters in each.

    >>> magic_word_square(["card", "area", "rear", "dart"])
    True
    >>> magic_word_square(["ab", "ac"])
    False
    """
    size = len(words)
    if any(len(word) != size for word in words):
        return False
    return all(words[r][c] == words[c][r] for r in range(size) for c in range(r))


def test_magic_word_square() -> None:
    assert magic_word_square(["card", "area", "rear", "dart"]) is True
    assert magic_word_square(["card", "area", "rear", "dort"]) is False
    assert magic_word_square(["ab", "bc"]) is True
    assert magic_word_square(["ab", "b"]) is False
    assert magic_word_square(["abc", "bcd"]) is False
    assert magic_word_square([]) is True
    assert magic_word_square(["xay", "aza", "wax"]) is False
