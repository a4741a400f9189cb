"""Games and simulations"""


def snakes_and_ladders(rolls: list[int], jumps: dict[int, int], goal: int) -> list[int]:
    """A counter starts before the first square, at 0, and moves by the numbers rolled. On a square that is a key of
    `jumps` it goes on to the square given there, up a ladder or down a snake. A roll past the goal does not count and
    leaves the counter where it is; on the goal the game is over. Return the square after each roll that was played.

    >>> snakes_and_ladders([3, 4], {3: 11, 14: 2}, goal=20)
    [11, 15]
    >>> snakes_and_ladders([6, 5, 4], {}, goal=10)
    [6, 6, 10]
    """
    square = 0
    visited = []
    for roll in rolls:
        if square == goal:
            break
        if square + roll <= goal:
            square = jumps.get(square + roll, square + roll)
        visited.append(square)
    return visited


def test_snakes_and_ladders() -> None:
    assert snakes_and_ladders([3, 3], {3: 11, 14: 2}, 20) == [11, 2]
    assert snakes_and_ladders([6, 5, 4, 1], {}, 10) == [6, 6, 10]
    assert snakes_and_ladders([2], {2: 9}, 9) == [9]
    assert snakes_and_ladders([1, 1, 1], {2: 0}, 5) == [1, 0, 1]
    assert snakes_and_ladders([], {1: 2}, 5) == []


def bingo_after(card: list[list[int]], called: list[int]) -> int | None:
    """A bingo card is a square of different numbers. After how many called numbers is a whole row or a whole column of
    it marked for the first time? None means that it never happens.

    >>> bingo_after([[1, 2], [3, 4]], [9, 2, 4, 1])
    3
    >>> bingo_after([[1, 2], [3, 4]], [1, 4]) is None
    True
    """
    # A number that was not called counts as called too late.
    turn = {number: count for count, number in reversed(list(enumerate(called, start=1)))}
    never = len(called) + 1
    lines = [*card, *zip(*card, strict=True)]
    soonest = min(max(turn.get(number, never) for number in line) for line in lines)
    return soonest if soonest < never else None


def test_bingo_after() -> None:
    card = [[5, 9, 2], [7, 1, 3], [4, 8, 6]]
    assert bingo_after(card, [9, 1, 8]) == 3
    assert bingo_after(card, [4, 8, 5, 10, 6, 7]) == 5
    assert bingo_after(card, [5, 1, 6]) is None
    assert bingo_after(card, [2, 2, 3, 2, 6]) == 5
    assert bingo_after([[3]], [1, 3]) == 2
    assert bingo_after([[3]], []) is None


def mine_hints(field: list[str]) -> list[str]:
    """In the game of mines, "*" is a mine and "." a free square. Replace every free square by the number of mines among
    the up to eight squares around it, but leave a dot where that number is 0.

    >>> mine_hints(["*..", "...", "..*"])
    ['*1.', '121', '.1*']
    >>> mine_hints(["**"])
    ['**']
    """
    hints = []
    for r, row in enumerate(field):
        hint = ""
        for c, square in enumerate(row):
            # Slices stop at the border by themselves; only a negative start would be misread.
            near = "".join(line[max(c - 1, 0) : c + 2] for line in field[max(r - 1, 0) : r + 2])
            hint += "*" if square == "*" else str(near.count("*") or ".")
        hints.append(hint)
    return hints


def test_mine_hints() -> None:
    assert mine_hints(["*..", "...", "..*"]) == ["*1.", "121", ".1*"]
    assert mine_hints(["***", "*.*", "***"]) == ["***", "*8*", "***"]
    assert mine_hints(["...."]) == ["...."]
    assert mine_hints(["..*.."]) == [".1*1."]
    assert mine_hints([".", "*", "."]) == ["1", "*", "1"]
    assert mine_hints([]) == []


def drop_disc(rack: list[str], column: int, disc: str) -> tuple[list[str], bool]:
    """Four in a row is played in a standing rack: a disc falls to the lowest free place "." of its column. Return the
    rack after the move and whether the disc completed four equal ones in a row, across, upright or slanting. A full
    column is a ValueError.

    >>> drop_disc(["....", "xxx."], 3, "x")
    (['....', 'xxxx'], True)
    >>> drop_disc(["....", "xxx."], 0, "o")
    (['o...', 'xxx.'], False)
    """
    free = [number for number, row in enumerate(rack) if row[column] == "."]
    if not free:
        raise ValueError(f"column {column} is full")
    fell_to = free[-1]
    after = list(rack)
    after[fell_to] = rack[fell_to][:column] + disc + rack[fell_to][column + 1 :]

    def run(down: int, across: int) -> int:
        """How many equal discs follow the new one in this direction."""
        row, col, length = fell_to + down, column + across, 0
        while 0 <= row < len(after) and 0 <= col < len(after[0]) and after[row][col] == disc:
            row, col, length = row + down, col + across, length + 1
        return length

    directions = [(0, 1), (1, 0), (1, 1), (1, -1)]
    return after, any(run(down, across) + 1 + run(-down, -across) >= 4 for down, across in directions)


def test_drop_disc() -> None:
    assert drop_disc(["....", "xx.x"], 2, "x") == (["....", "xxxx"], True)
    assert drop_disc(["....", "xxx."], 0, "x") == (["x...", "xxx."], False)
    assert drop_disc([".", "o", "o", "o"], 0, "o") == (["o", "o", "o", "o"], True)
    assert drop_disc(["....", "..ox", ".oxx", "oxxx"], 3, "o") == (["...o", "..ox", ".oxx", "oxxx"], True)
    assert drop_disc(["....", "xo..", "xxo.", "xxxx"], 0, "o") == (["o...", "xo..", "xxo.", "xxxx"], False)
    assert drop_disc(["o...", "xo..", "xx..", "xxxo"], 2, "o") == (["o...", "xo..", "xxo.", "xxxo"], True)
    try:
        drop_disc(["x", "o"], 0, "x")
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def peg_answer(secret: str, guess: str) -> tuple[int, int]:
    """The code maker hides a row of coloured pegs, written as letters, and answers each guess with two numbers: how
    many pegs have the right colour in the right place, and how many more have a right colour in a wrong place. Each peg
    of the secret can be matched only once.

    >>> peg_answer("rgby", "rbgg")
    (1, 2)
    >>> peg_answer("rrgg", "bbrb")
    (0, 1)
    """
    exact = sum(mine == theirs for mine, theirs in zip(secret, guess, strict=True))
    colours = sum(min(secret.count(colour), guess.count(colour)) for colour in set(guess))
    return exact, colours - exact


def test_peg_answer() -> None:
    assert peg_answer("rgby", "rgby") == (4, 0)
    assert peg_answer("rgby", "ybgr") == (0, 4)
    assert peg_answer("rrgg", "rrrr") == (2, 0)
    assert peg_answer("rgbb", "bbbr") == (1, 2)
    assert peg_answer("aaaa", "bbbb") == (0, 0)


def fleet_report(ships: dict[str, list[str]], shots: list[str]) -> list[str]:
    """In sea battle each ship of the fleet covers some squares, such as "B4". For every shot, in order, report "miss",
    "hit", or "sunk NAME" when the last square of that ship is hit; a square that was shot at before is a "miss".
    When the last ship goes down, the report ends with "fleet lost" and later shots are not answered.

    >>> fleet_report({"Gull": ["A1", "A2"], "Tern": ["C3"]}, ["A1", "B1", "A1", "A2"])
    ['hit', 'miss', 'miss', 'sunk Gull']
    >>> fleet_report({"Tern": ["C3"]}, ["C3", "C4"])
    ['sunk Tern', 'fleet lost']
    """
    afloat = {name: set(squares) for name, squares in ships.items()}
    report = []
    for shot in shots:
        struck = next((name for name, squares in afloat.items() if shot in squares), None)
        if struck is None:
            report.append("miss")
            continue
        afloat[struck].discard(shot)
        if afloat[struck]:
            report.append("hit")
            continue
        del afloat[struck]
        report.append(f"sunk {struck}")
        if not afloat:
            return [*report, "fleet lost"]
    return report


def test_fleet_report() -> None:
    ships = {"Gull": ["A1", "A2"], "Tern": ["C3"]}
    assert fleet_report(ships, ["C3", "C3", "A2", "A1", "A1"]) == [
        "sunk Tern",
        "miss",
        "hit",
        "sunk Gull",
        "fleet lost",
    ]
    assert fleet_report(ships, ["D4"]) == ["miss"]
    assert fleet_report(ships, []) == []
    assert ships == {"Gull": ["A1", "A2"], "Tern": ["C3"]}
    assert fleet_report({"x": ["A1"], "y": ["A2"]}, ["A2", "A1"]) == ["sunk y", "sunk x", "fleet lost"]


def flip_discs(board: list[str], row: int, column: int, disc: str) -> list[str]:
    """Reversi is played with discs "x" and "o". A disc put on an empty square "." turns over every straight run of the
    other colour, in all eight directions, that lies between it and another disc of its own colour without a gap. Return
    the board after the move. A move that turns nothing is against the rules: raise a ValueError.

    >>> flip_discs(["....", ".ox.", ".xo.", "...."], 1, 3, "o")
    ['....', '.ooo', '.xo.', '....']
    >>> flip_discs([".xxo"], 0, 0, "o")
    ['oooo']
    """
    grid = [list(line) for line in board]
    turned = []
    for down, across in [(d, a) for d in (-1, 0, 1) for a in (-1, 0, 1) if d or a]:
        run = []
        r, c = row + down, column + across
        while 0 <= r < len(grid) and 0 <= c < len(grid[0]) and grid[r][c] not in (".", disc):
            run.append((r, c))
            r, c = r + down, c + across
        # The run counts only if it stopped at an own disc, not at the border or at a gap.
        if 0 <= r < len(grid) and 0 <= c < len(grid[0]) and grid[r][c] == disc:
            turned += run
    if not turned or grid[row][column] != ".":
        raise ValueError("this move turns nothing over")
    for r, c in [(row, column), *turned]:
        grid[r][c] = disc
    return ["".join(line) for line in grid]


def test_flip_discs() -> None:
    assert flip_discs(["....", ".ox.", ".xo.", "...."], 1, 3, "o") == ["....", ".ooo", ".xo.", "...."]
    assert flip_discs(["o.o", ".xx", "ox."], 2, 2, "o") == ["o.o", ".oo", "ooo"]
    assert flip_discs(["xoo.oox"], 0, 3, "x") == ["xxxxxxx"]
    assert flip_discs([".ox", "oo.", "..."], 0, 0, "x") == ["xxx", "oo.", "..."]
    for board in (["...", "ox."], [".oo"], ["oox"], [".o.x"]):
        try:
            flip_discs(board, 0, 0, "x")
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def push_crates(cellar: list[str], moves: str) -> list[str]:
    """In a cellar a porter "@" pushes crates "$". "#" is wall and "." floor. Moves are the letters u, d, l and r. The
    porter steps onto floor, or pushes one crate ahead if the square behind it is floor; any other move does nothing.
    The cellar is walled all round. Draw it after all moves.

    >>> push_crates(["######", "#@$..#", "######"], "rr")
    ['######', '#..@$#', '######']
    >>> push_crates(["######", "#@$$.#", "######"], "r")
    ['######', '#@$$.#', '######']
    """
    grid = [list(row) for row in cellar]
    row, column = next((r, line.index("@")) for r, line in enumerate(cellar) if "@" in line)
    for move in moves:
        down, across = {"u": (-1, 0), "d": (1, 0), "l": (0, -1), "r": (0, 1)}[move]
        ahead = row + down, column + across
        beyond = row + 2 * down, column + 2 * across
        if grid[ahead[0]][ahead[1]] == "$" and grid[beyond[0]][beyond[1]] == ".":
            grid[beyond[0]][beyond[1]] = "$"
            grid[ahead[0]][ahead[1]] = "."
        if grid[ahead[0]][ahead[1]] == ".":
            grid[row][column] = "."
            row, column = ahead
            grid[row][column] = "@"
    return ["".join(line) for line in grid]


def test_push_crates() -> None:
    assert push_crates(["#####", "#@$.#", "#####"], "rr") == ["#####", "#.@$#", "#####"]
    assert push_crates(["#####", "#@$.#", "#####"], "rl") == ["#####", "#@.$#", "#####"]
    assert push_crates(["#####", "#@$.#", "#####"], "ulr") == ["#####", "#.@$#", "#####"]
    yard = ["#####", "#...#", "#.$.#", "#.@.#", "#####"]
    assert push_crates(yard, "u") == ["#####", "#.$.#", "#.@.#", "#...#", "#####"]
    assert push_crates(yard, "uu") == push_crates(yard, "u")
    assert push_crates(yard, "luurd") == ["#####", "#...#", "#.@.#", "#.$.#", "#####"]
