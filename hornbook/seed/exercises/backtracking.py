"""Backtracking"""

from itertools import product


def padlock_codes(length: int, dials: str) -> list[str]:
    """The lock of a bicycle opens with a code of `length` signs from `dials`, and its owner remembers only that no sign
    stands next to an equal one. List all codes to be tried, in the order of the dials. Build a code sign by sign, and
    give up a beginning as soon as it breaks the rule.

    >>> padlock_codes(2, "abc")
    ['ab', 'ac', 'ba', 'bc', 'ca', 'cb']
    >>> padlock_codes(3, "01")
    ['010', '101']
    """
    codes = []

    def extend(code: str) -> None:
        if len(code) == length:
            codes.append(code)
            return
        for sign in dials:
            if not code.endswith(sign):
                extend(code + sign)

    extend("")
    return codes


def test_padlock_codes() -> None:
    assert padlock_codes(1, "xy") == ["x", "y"]
    assert padlock_codes(0, "xy") == [""]
    assert padlock_codes(2, "x") == []
    assert padlock_codes(3, "ba") == ["bab", "aba"]
    assert len(padlock_codes(4, "0123456789")) == 10 * 9 * 9 * 9


def dinner_row(guests: list[str], quarrels: set[frozenset[str]]) -> list[str] | None:
    """Guests sit in one row along a table, and two who have quarrelled must not sit side by side. Find a seating: try
    the guests for each seat in the order of the list, and return the first seating that works, or None.

    >>> dinner_row(["Ann", "Bob", "Cyd"], {frozenset({"Ann", "Bob"})})
    ['Ann', 'Cyd', 'Bob']
    >>> dinner_row(["Ann", "Bob"], {frozenset({"Ann", "Bob"})}) is None
    True
    """

    def seat(row: list[str]) -> list[str] | None:
        if len(row) == len(guests):
            return row
        for guest in guests:
            if guest in row or (row and frozenset({row[-1], guest}) in quarrels):
                continue
            seated = seat([*row, guest])
            if seated is not None:
                return seated
        return None

    return seat([])


def test_dinner_row() -> None:
    assert dinner_row(list("abc"), set()) == ["a", "b", "c"]
    assert dinner_row(list("abc"), {frozenset("ab"), frozenset("bc")}) is None
    assert dinner_row(list("abcd"), {frozenset("ab"), frozenset("bc")}) == ["a", "c", "d", "b"]
    assert dinner_row(list("abcd"), {frozenset("ab"), frozenset("ac"), frozenset("bd")}) == ["a", "d", "c", "b"]
    assert dinner_row([], {frozenset("ab")}) == []


def weigh_on_both_pans(weights: list[int], goods: int) -> tuple[list[int], list[int]] | None:
    """A market woman has a balance and a few iron weights. She puts the goods on the left pan and weights on either
    pan. Find out how to weigh goods of exactly this weight: return (weights on the left, weights on the right), or None
    if she cannot. Look at the weights in order, and for each one try the right pan first, then leaving it out, then the
    left pan.

    >>> weigh_on_both_pans([9, 3, 1], 7)
    ([3], [9, 1])
    >>> weigh_on_both_pans([9, 3], 7) is None
    True
    """

    def place(number: int, missing: int) -> tuple[list[int], list[int]] | None:
        """The answer for the weights from `number` on, if the right pan still lacks `missing`."""
        if number == len(weights):
            return ([], []) if missing == 0 else None
        weight = weights[number]
        for change, left, right in ((-weight, [], [weight]), (0, [], []), (weight, [weight], [])):
            rest = place(number + 1, missing + change)
            if rest is not None:
                return left + rest[0], right + rest[1]
        return None

    return place(0, goods)


def test_weigh_on_both_pans() -> None:
    assert weigh_on_both_pans([9, 3, 1], 7) == ([3], [9, 1])
    assert weigh_on_both_pans([9, 3, 1], 13) == ([], [9, 3, 1])
    assert weigh_on_both_pans([9, 3, 1], 14) is None
    assert weigh_on_both_pans([2, 5], 3) == ([2], [5])
    assert weigh_on_both_pans([4, 4], 4) == ([], [4])
    assert weigh_on_both_pans([], 0) == ([], [])


def colour_map(borders: dict[str, list[str]], colours: list[str]) -> dict[str, str] | None:
    """A printer colours a map so that countries with a common border differ. `borders` names for each country all of
    its neighbours. Colour the countries in the order of the dictionary, trying the colours in their order, and take a
    colour back when that leads nowhere. None means that there are too few colours.

    >>> colour_map({"P": ["Q"], "Q": ["P", "R"], "R": ["Q"]}, ["red", "blue"])
    {'P': 'red', 'Q': 'blue', 'R': 'red'}
    >>> colour_map({"P": ["Q"], "Q": ["P"]}, ["red"]) is None
    True
    """
    countries = list(borders)
    chosen: dict[str, str] = {}

    def paint(number: int) -> bool:
        if number == len(countries):
            return True
        country = countries[number]
        for colour in colours:
            if any(chosen.get(neighbour) == colour for neighbour in borders[country]):
                continue
            chosen[country] = colour
            if paint(number + 1):
                return True
            del chosen[country]
        return False

    return chosen if paint(0) else None


def test_colour_map() -> None:
    triangle = {"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]}
    assert colour_map(triangle, ["x", "y"]) is None
    assert colour_map(triangle, ["x", "y", "z"]) == {"a": "x", "b": "y", "c": "z"}
    path = {"p": ["r"], "q": ["s"], "r": ["p", "s"], "s": ["r", "q"]}
    # The first try, p and q both in x, leaves nothing for s once r is y.
    assert colour_map(path, ["x", "y"]) == {"p": "x", "q": "y", "r": "y", "s": "x"}
    assert colour_map({"island": []}, ["x"]) == {"island": "x"}
    assert colour_map({}, []) == {}


def trace_word(board: list[str], word: str) -> list[tuple[int, int]] | None:
    """A tray of letter dice hides words: go from die to die, up, down, left or right, using no die twice. Return the
    places (row, column) of the word's letters, or None. Try starting places row by row, and steps in the order up,
    down, left, right; the first path found is the answer.

    >>> trace_word(["cat", "rob"], "boat")
    [(1, 2), (1, 1), (0, 1), (0, 2)]
    >>> trace_word(["cat", "rob"], "tact") is None
    True
    """

    def walk(path: list[tuple[int, int]]) -> list[tuple[int, int]] | None:
        if len(path) == len(word):
            return path
        row, column = path[-1]
        for step in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            on_board = 0 <= step[0] < len(board) and 0 <= step[1] < len(board[0])
            if on_board and step not in path and board[step[0]][step[1]] == word[len(path)]:
                found = walk([*path, step])
                if found is not None:
                    return found
        return None

    starts = [(r, c) for r, row in enumerate(board) for c, letter in enumerate(row) if letter == word[0]]
    paths = (walk([start]) for start in starts)
    return next((path for path in paths if path is not None), None)


def test_trace_word() -> None:
    assert trace_word(["cat", "rob"], "orca") == [(1, 1), (1, 0), (0, 0), (0, 1)]
    assert trace_word(["cat", "rob"], "rob") == [(1, 0), (1, 1), (1, 2)]
    assert trace_word(["cat", "rob"], "tact") is None
    assert trace_word(["aab", "cad"], "abd") == [(0, 1), (0, 2), (1, 2)]
    assert trace_word(["aa", "ab"], "aaab") == [(0, 1), (0, 0), (1, 0), (1, 1)]
    assert trace_word(["cat", "rob"], "cr") == [(0, 0), (1, 0)]
    assert trace_word(["xy"], "z") is None


def milk_round(lanes: dict[str, list[str]], dairy: str) -> list[str] | None:
    """A milkman starts at the dairy and wants to come through every village exactly once; he need not come back. Lanes
    may be used in the direction given only. At each village try the next ones in alphabetical order; return the first
    complete round, or None.

    >>> milk_round({"D": ["A", "B"], "A": [], "B": ["A"]}, "D")
    ['D', 'B', 'A']
    >>> milk_round({"D": ["A", "B"], "A": [], "B": []}, "D") is None
    True
    """
    way = [dairy]

    def go_on() -> bool:
        if len(way) == len(lanes):
            return True
        for village in sorted(lanes[way[-1]]):
            if village not in way:
                way.append(village)
                if go_on():
                    return True
                way.pop()
        return False

    return way if go_on() else None


def test_milk_round() -> None:
    assert milk_round({"D": []}, "D") == ["D"]
    assert milk_round({"D": ["C", "A"], "A": ["C"], "C": ["A"]}, "D") == ["D", "A", "C"]
    assert milk_round({"D": ["A"], "A": ["D"], "E": ["A"]}, "D") is None
    ring = {"a": ["b", "d"], "b": ["a", "c"], "c": ["b", "d"], "d": ["a", "c"]}
    assert milk_round(ring, "c") == ["c", "b", "a", "d"]
    trap = {"s": ["a", "b"], "a": ["c"], "b": ["a"], "c": []}
    assert milk_round(trap, "s") == ["s", "b", "a", "c"]


def camp_sites(meadow: list[str], tents: int) -> int:
    """Campers want quiet. On a meadow of squares, "." is grass and "#" is bog, and no tent may touch another one, not
    even at a corner. In how many ways can so many equal tents be pitched on grass?

    >>> camp_sites(["..."], 2)
    1
    >>> camp_sites(["..", ".#"], 1)
    3
    """
    grass = [(r, c) for r, row in enumerate(meadow) for c, square in enumerate(row) if square == "."]

    def ways(start: int, pitched: list[tuple[int, int]]) -> int:
        if len(pitched) == tents:
            return 1
        total = 0
        for number in range(start, len(grass)):
            row, column = grass[number]
            if all(max(abs(row - r), abs(column - c)) > 1 for r, c in pitched):
                # Going on behind this square only, so that no set of squares is counted in two orders.
                total += ways(number + 1, [*pitched, (row, column)])
        return total

    return ways(0, [])


def test_camp_sites() -> None:
    assert camp_sites(["..."], 2) == 1
    assert camp_sites(["....", "...."], 2) == 12
    assert camp_sites(["...", "...", "..."], 4) == 1
    assert camp_sites(["...", ".#.", "..."], 5) == 0
    assert camp_sites(["##"], 1) == 0
    assert camp_sites(["."], 0) == 1


def little_sudoku(rows: list[str]) -> list[str] | None:
    """A little sudoku has four rows of four cells. Fill its dots so that every row, every column and every quarter of
    two by two cells holds the digits 1 to 4. Fill the dots from the top left on and try small digits first; return the
    first solution, or None if there is none.

    >>> little_sudoku(["1.3.", "3.1.", "2143", "4321"])
    ['1234', '3412', '2143', '4321']
    >>> little_sudoku(["11..", "....", "....", "...."]) is None
    True
    """
    grid = [list(row) for row in rows]

    def fits(row: int, column: int) -> bool:
        digit = grid[row][column]
        across = grid[row].count(digit)
        down = sum(line[column] == digit for line in grid)
        top, left = row // 2 * 2, column // 2 * 2
        quarter = sum(grid[r][c] == digit for r, c in product((top, top + 1), (left, left + 1)))
        return across == down == quarter == 1

    def fill(cell: int) -> bool:
        if cell == 16:
            return True
        row, column = divmod(cell, 4)
        if grid[row][column] != ".":
            return fits(row, column) and fill(cell + 1)
        for digit in "1234":
            grid[row][column] = digit
            if fits(row, column) and fill(cell + 1):
                return True
        grid[row][column] = "."
        return False

    return ["".join(row) for row in grid] if fill(0) else None


def test_little_sudoku() -> None:
    assert little_sudoku(["1234", "3412", "2143", "4321"]) == ["1234", "3412", "2143", "4321"]
    assert little_sudoku(["....", "....", "....", "...."]) == ["1234", "3412", "2143", "4321"]
    assert little_sudoku(["..3.", "4...", "...1", ".2.."]) is not None
    solved = little_sudoku(["4...", "..3.", ".2..", "...1"]) or []
    assert [sorted(column) for column in zip(*solved, strict=True)] == [["1", "2", "3", "4"]] * 4
    assert little_sudoku(["1.3.", "3.1.", "2143", "4323"]) is None
    assert little_sudoku(["1...", ".1..", "....", "...."]) is None


def letter_sum(first: str, second: str, total: str) -> dict[str, int] | None:
    """In a letter sum such as "to + go = out" every letter stands for a digit of its own, and no word begins with 0.
    Find digits that make `first + second = total` true, or return None. Work as on paper, from the last column to the
    first, choosing digits from 0 upward only for the letters that a column needs.

    >>> letter_sum("a", "a", "b")
    {'a': 1, 'b': 2}
    >>> letter_sum("to", "go", "out")
    {'o': 1, 't': 2, 'g': 8, 'u': 0}
    """
    columns = [
        [word[-place] if place <= len(word) else "" for word in (first, second, total)]
        for place in range(1, max(len(first), len(second), len(total)) + 1)
    ]
    initials = {first[0], second[0], total[0]}
    digits: dict[str, int] = {"": 0}

    def solve(column: int, carry: int) -> bool:
        if column == len(columns):
            return carry == 0
        for letter in columns[column]:
            if letter not in digits:
                for digit in range(letter in initials, 10):
                    if digit not in [known for name, known in digits.items() if name]:
                        digits[letter] = digit
                        if solve(column, carry):
                            return True
                        del digits[letter]
                return False
        upper, lower, below = (digits[letter] for letter in columns[column])
        carried, shown = divmod(upper + lower + carry, 10)
        return shown == below and solve(column + 1, carried)

    return {letter: digit for letter, digit in digits.items() if letter} if solve(0, 0) else None


def test_letter_sum() -> None:
    assert letter_sum("a", "a", "b") == {"a": 1, "b": 2}
    assert letter_sum("to", "go", "out") == {"o": 1, "t": 2, "g": 8, "u": 0}
    assert letter_sum("a", "b", "a") is None
    assert letter_sum("i", "i", "it") is None
    found = letter_sum("bug", "bug", "mess") or {}
    numbers = [int("".join(str(found[letter]) for letter in word)) for word in ("bug", "mess")]
    assert 2 * numbers[0] == numbers[1]
    assert len(set(found.values())) == 6
