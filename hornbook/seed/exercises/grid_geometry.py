"""Geometry"""

from math import gcd


def mosaic_frame(stones: list[tuple[int, int]]) -> tuple[int, int, int, int]:
    """A mosaic is made of square stones, each given by its (column, row). A frame must go around it: return the column
    and row of its lower left stone and the width and height of the smallest straight rectangle that holds all stones,
    counted in stones. A mosaic has at least one stone.

    >>> mosaic_frame([(2, 5), (4, 1), (3, 3)])
    (2, 1, 3, 5)
    >>> mosaic_frame([(-1, 0)])
    (-1, 0, 1, 1)
    """
    columns = [column for column, _ in stones]
    rows = [row for _, row in stones]
    left, bottom = min(columns), min(rows)
    # From stone 2 to stone 4 there are three stones, not two.
    return left, bottom, max(columns) - left + 1, max(rows) - bottom + 1


def test_mosaic_frame() -> None:
    assert mosaic_frame([(0, 0), (0, 0)]) == (0, 0, 1, 1)
    assert mosaic_frame([(1, 1), (1, 9)]) == (1, 1, 1, 9)
    assert mosaic_frame([(-3, 2), (3, -2)]) == (-3, -2, 7, 5)
    assert mosaic_frame([(5, 4), (6, 4), (7, 4)]) == (5, 4, 3, 1)


def nearest_fountain(walker: tuple[int, int], fountains: dict[str, tuple[int, int]]) -> tuple[str, int]:
    """In a city of square blocks people walk along the streets only, east or west and north or south. Name the
    fountain with the shortest walk, and give its length in blocks. Of equally near ones take the one that lies farther
    north (with the larger second number), then the first name in the alphabet. There is at least one fountain.

    >>> nearest_fountain((0, 0), {"Swan": (3, 4), "Frog": (-5, 0)})
    ('Frog', 5)
    >>> nearest_fountain((1, 1), {"Low": (1, 0), "High": (1, 2)})
    ('High', 1)
    """
    east, north = walker
    walks = {name: abs(x - east) + abs(y - north) for name, (x, y) in fountains.items()}
    best = min(walks, key=lambda name: (walks[name], -fountains[name][1], name))
    return best, walks[best]


def test_nearest_fountain() -> None:
    assert nearest_fountain((2, 3), {"A": (2, 3)}) == ("A", 0)
    assert nearest_fountain((0, 0), {"B": (3, 3), "A": (0, 5)}) == ("A", 5)
    assert nearest_fountain((0, 0), {"B": (2, 0), "A": (-2, 0)}) == ("A", 2)
    assert nearest_fountain((0, 0), {"Z": (0, 2), "A": (2, 0)}) == ("Z", 2)
    assert nearest_fountain((-4, -4), {"A": (4, 4), "B": (-4, 9)}) == ("B", 13)


def poster_still_seen(under: tuple[int, int, int, int], over: tuple[int, int, int, int]) -> int:
    """Somebody sticks a poster over another one. Posters are (left, bottom, right, top), with straight edges. How much
    area of the lower poster can still be seen?

    >>> poster_still_seen((0, 0, 4, 3), (2, 1, 9, 9))
    8
    >>> poster_still_seen((0, 0, 4, 3), (4, 0, 8, 3))
    12
    """
    left, bottom, right, top = under
    # The common part may be empty in one direction; then its width or height must not turn negative.
    width = max(0, min(right, over[2]) - max(left, over[0]))
    height = max(0, min(top, over[3]) - max(bottom, over[1]))
    return (right - left) * (top - bottom) - width * height


def test_poster_still_seen() -> None:
    assert poster_still_seen((0, 0, 2, 2), (0, 0, 2, 2)) == 0
    assert poster_still_seen((0, 0, 10, 10), (2, 3, 4, 7)) == 92
    assert poster_still_seen((0, 0, 2, 2), (5, 5, 9, 9)) == 4
    assert poster_still_seen((1, 1, 3, 3), (-5, 2, 2, 8)) == 3
    assert poster_still_seen((2, 2, 5, 4), (0, 0, 9, 9)) == 0


def hedge_length(beds: set[tuple[int, int]]) -> int:
    """Flower beds are squares of one metre, given by (column, row), and together they may form any shape, with holes
    as well. A hedge runs along every side of a bed that does not touch another bed. How many metres of hedge are
    there?

    >>> hedge_length({(0, 0), (1, 0)})
    6
    >>> hedge_length({(0, 0), (1, 0), (0, 1), (1, 1)})
    8
    """
    metres = 0
    for column, row in beds:
        beside = {(column + 1, row), (column - 1, row), (column, row + 1), (column, row - 1)}
        metres += len(beside - beds)
    return metres


def test_hedge_length() -> None:
    assert hedge_length(set()) == 0
    assert hedge_length({(7, -7)}) == 4
    assert hedge_length({(0, 0), (1, 1)}) == 8
    ring = {(x, y) for x in range(3) for y in range(3)} - {(1, 1)}
    assert hedge_length(ring) == 16
    assert hedge_length({(0, 0), (0, 1), (0, 2), (1, 0)}) == 10


def posts_on_wire(start: tuple[int, int], end: tuple[int, int]) -> list[tuple[int, int]]:
    """Fence posts stand at all points with whole coordinates. A wire is stretched in a straight line from one post to
    another. List the posts that it touches, both ends included, in order from the start.

    >>> posts_on_wire((0, 0), (6, 4))
    [(0, 0), (3, 2), (6, 4)]
    >>> posts_on_wire((2, 5), (2, 3))
    [(2, 5), (2, 4), (2, 3)]
    """
    east, north = end[0] - start[0], end[1] - start[1]
    # The wire can be cut into as many equal whole steps as the largest common divisor of both ways.
    pieces = gcd(east, north)
    if not pieces:
        return [start]
    step_east, step_north = east // pieces, north // pieces
    return [(start[0] + n * step_east, start[1] + n * step_north) for n in range(pieces + 1)]


def test_posts_on_wire() -> None:
    assert posts_on_wire((1, 1), (1, 1)) == [(1, 1)]
    assert posts_on_wire((0, 0), (3, 2)) == [(0, 0), (3, 2)]
    assert posts_on_wire((4, 4), (0, 0)) == [(4, 4), (3, 3), (2, 2), (1, 1), (0, 0)]
    assert posts_on_wire((-3, 2), (3, -1)) == [(-3, 2), (-1, 1), (1, 0), (3, -1)]
    assert posts_on_wire((0, 5), (-2, 5)) == [(0, 5), (-1, 5), (-2, 5)]


def honeycomb_steps(start: tuple[int, int], end: tuple[int, int]) -> int:
    """Cells of a honeycomb are numbered by (column, slant): from (c, s) a bee can step to (c + 1, s), (c - 1, s),
    (c, s + 1), (c, s - 1), (c + 1, s - 1) and (c - 1, s + 1). What is the smallest number of steps between two cells?

    >>> honeycomb_steps((0, 0), (2, -1))
    2
    >>> honeycomb_steps((0, 0), (2, 1))
    3
    """
    columns, slants = end[0] - start[0], end[1] - start[1]
    # A diagonal step saves one where the two ways have opposite signs; otherwise each must be gone alone.
    if columns * slants < 0:
        return max(abs(columns), abs(slants))
    return abs(columns) + abs(slants)


def test_honeycomb_steps() -> None:
    assert honeycomb_steps((3, 3), (3, 3)) == 0
    assert honeycomb_steps((0, 0), (-4, 3)) == 4
    assert honeycomb_steps((0, 0), (3, -4)) == 4
    assert honeycomb_steps((1, 2), (-1, 0)) == 4
    assert honeycomb_steps((0, 5), (0, -1)) == 6
    assert honeycomb_steps((2, -1), (0, 0)) == 2


def laser_exit(room: list[str], row: int) -> tuple[int, int, int]:
    """A laser shines into a room from the left, along the given row (counted from 0 at the top). The room has mirrors
    "/" and "\\\\" and is otherwise empty ("."). Return the row and column of the last cell inside the room that the
    beam crosses, and how often it was turned by a mirror. A beam from outside always comes out again.

    >>> laser_exit(["..\\\\", "...", "../"], 0)
    (2, 0, 2)
    >>> laser_exit(["..."], 0)
    (0, 2, 0)
    """
    column, down, right, turns = 0, 0, 1, 0
    while True:
        mirror = room[row][column]
        if mirror == "/":
            down, right = -right, -down
        elif mirror == "\\":
            down, right = right, down
        turns += mirror != "."
        if not (0 <= row + down < len(room) and 0 <= column + right < len(room[0])):
            return row, column, turns
        row, column = row + down, column + right


def test_laser_exit() -> None:
    assert laser_exit(["/"], 0) == (0, 0, 1)
    assert laser_exit(["..", "./"], 1) == (0, 1, 1)
    assert laser_exit([".\\", "..", "./"], 0) == (2, 0, 2)
    assert laser_exit(["./\\", "...", "./."], 2) == (2, 2, 3)
    assert laser_exit(["\\\\", "\\/"], 0) == (0, 0, 5)


def paving_spiral(stone: int) -> tuple[int, int]:
    """A mason lays stones in a spiral: stone 0 at (0, 0), stone 1 to the east of it at (1, 0), then he turns to the
    left whenever he can, so stone 2 is at (1, 1), stone 3 at (0, 1), and so on. Where is stone number `stone`? The
    first number counts to the east, the second to the north.

    >>> [paving_spiral(n) for n in range(5)]
    [(0, 0), (1, 0), (1, 1), (0, 1), (-1, 1)]
    >>> paving_spiral(8)
    (1, -1)
    """
    x, y = 0, 0
    dx, dy = 1, 0
    run, second = 1, False
    while stone:
        walked = min(run, stone)
        x, y = x + dx * walked, y + dy * walked
        stone -= walked
        dx, dy = -dy, dx
        # Straight runs have the lengths 1, 1, 2, 2, 3, 3 ...
        run += second
        second = not second
    return x, y


def test_paving_spiral() -> None:
    assert paving_spiral(6) == (-1, -1)
    assert [paving_spiral(n) for n in (9, 10, 12)] == [(2, -1), (2, 0), (2, 2)]
    assert paving_spiral(24) == (2, -2)
    assert paving_spiral(25) == (3, -2)
    assert len({paving_spiral(n) for n in range(121)}) == 121
    assert paving_spiral(120) == (5, -5)


def same_tile(one: set[tuple[int, int]], other: set[tuple[int, int]]) -> bool:
    """Wooden puzzle tiles are made of squares, given as (column, row). Two sets of squares show the same tile if one
    can be pushed and turned on the table until it covers the other exactly. Tiles have a painted face, so they must
    not be flipped over.

    >>> same_tile({(0, 0), (1, 0), (2, 0), (2, 1)}, {(5, 5), (5, 6), (5, 7), (4, 7)})
    True
    >>> same_tile({(0, 0), (1, 0), (2, 0), (2, 1)}, {(0, 0), (1, 0), (2, 0), (2, -1)})
    False
    """

    def in_corner(squares: set[tuple[int, int]]) -> set[tuple[int, int]]:
        left = min((x for x, _ in squares), default=0)
        bottom = min((y for _, y in squares), default=0)
        return {(x - left, y - bottom) for x, y in squares}

    wanted = in_corner(other)
    for _ in range(4):
        if in_corner(one) == wanted:
            return True
        one = {(-y, x) for x, y in one}
    return False


def test_same_tile() -> None:
    assert same_tile({(0, 0)}, {(9, -9)}) is True
    assert same_tile({(0, 0), (1, 0)}, {(0, 0), (0, 1)}) is True
    assert same_tile({(0, 0), (1, 0)}, {(0, 0), (0, 2)}) is False
    zigzag = {(0, 0), (1, 0), (1, 1), (2, 1)}
    assert same_tile(zigzag, {(x, -y) for x, y in zigzag}) is False
    assert same_tile(zigzag, {(7 - y, x) for x, y in zigzag}) is True
    assert same_tile(zigzag, {(-x, -y) for x, y in zigzag}) is True
    assert same_tile(set(), set()) is True


def nails_inside(corners: list[tuple[int, int]]) -> int:
    """A board has a nail at every point with whole coordinates. A rubber band runs around the nails at the given
    corners in order, back to the first, and does not cross itself. How many nails are strictly inside? Pick's rule
    helps: the area is the nails inside, plus half the nails on the band, minus one.

    >>> nails_inside([(0, 0), (4, 0), (4, 3), (0, 3)])
    6
    >>> nails_inside([(0, 0), (2, 0), (0, 2)])
    0
    """
    doubled_area = on_band = 0
    for (x, y), (next_x, next_y) in zip(corners, corners[1:] + corners[:1], strict=True):
        doubled_area += x * next_y - next_x * y
        on_band += gcd(next_x - x, next_y - y)
    return (abs(doubled_area) - on_band + 2) // 2


def test_nails_inside() -> None:
    assert nails_inside([(0, 0), (3, 0), (0, 3)]) == 1
    assert nails_inside([(0, 3), (3, 0), (0, 0)]) == 1
    assert nails_inside([(1, 1), (6, 1), (6, 6), (1, 6)]) == 16
    assert nails_inside([(0, 0), (4, 0), (4, 4), (2, 4), (2, 2), (0, 2)]) == 5
    assert nails_inside([(-2, 0), (0, -2), (2, 0), (0, 2)]) == 5
