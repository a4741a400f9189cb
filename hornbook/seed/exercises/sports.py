"""Everyday programs"""

from collections import defaultdict


def diving_mark(marks: list[float], difficulty: float) -> float:
    """Seven judges mark a dive. The two best and the two worst marks are crossed out, and the sum of the other three is
    multiplied by the difficulty of the dive. Return the score, rounded to two decimals.

    >>> diving_mark([7.0, 7.5, 7.5, 8.0, 8.0, 9.5, 2.0], 3.0)
    69.0
    >>> diving_mark([6.0] * 7, 1.6)
    28.8
    """
    counted = sorted(marks)[2:-2]
    return round(sum(counted) * difficulty, 2)


def test_diving_mark() -> None:
    assert diving_mark([7.0, 7.5, 7.5, 8.0, 8.0, 9.5, 2.0], 3.0) == 69.0
    assert diving_mark([1, 2, 3, 4, 5, 6, 7], 2.0) == 24.0
    assert diving_mark([7, 6, 5, 4, 3, 2, 1], 2.0) == 24.0
    assert diving_mark([0, 0, 0, 0, 10, 10, 10], 1.5) == 15.0
    assert diving_mark([5.5, 5.5, 5.5, 6.0, 6.5, 6.5, 6.5], 2.35) == 42.3


def darts_left(start: int, visits: list[list[tuple[int, int]]]) -> int:
    """Darts players count down from `start` to exactly 0, three darts a visit, each (number, 1 to 3 for single, double
    or triple). The last dart must be a double. A visit that would leave less than 2, other than 0 by a double, is bust:
    the score goes back to what it was before that visit. Return what is left; after 0 nothing more is thrown.

    >>> darts_left(101, [[(20, 3), (9, 1), (16, 2)]])
    0
    >>> darts_left(40, [[(20, 1), (20, 1)], [(1, 1)]])
    39
    """
    left = start
    for visit in visits:
        before = left
        for number, times in visit:
            left -= number * times
            if left == 0 and times == 2:
                return 0
            if left < 2:
                left = before
                break
    return left


def test_darts_left() -> None:
    assert darts_left(101, [[(20, 3), (9, 1), (16, 2)]]) == 0
    assert darts_left(50, [[(20, 1), (10, 1), (20, 1)]]) == 50
    assert darts_left(50, [[(19, 1), (10, 3)], [(25, 2)]]) == 0
    assert darts_left(10, [[(5, 1), (1, 3)]]) == 2
    assert darts_left(501, [[(20, 3)] * 3, [(20, 3)] * 3]) == 141
    assert darts_left(32, [[(16, 2), (20, 1)], [(20, 1)]]) == 0
    assert darts_left(8, []) == 8


def tennis_call(points: str) -> str:
    """An umpire calls a game of tennis between A and B. The points so far are letters, such as "ABA". Both players
    count 0, 15, 30, 40. Call the score as "30-15", A's first; from three points each on equal scores are "deuce", and
    one point more is "advantage A". Whoever has four points and two more than the other one has won: "game A".

    >>> tennis_call("ABA")
    '30-15'
    >>> tennis_call("AAABBBB"), tennis_call("BBBB")
    ('advantage B', 'game B')
    """
    a, b = points.count("A"), points.count("B")
    leader = "A" if a > b else "B"
    if max(a, b) >= 4 and abs(a - b) >= 2:
        return f"game {leader}"
    if min(a, b) >= 3:
        return "deuce" if a == b else f"advantage {leader}"
    names = ["0", "15", "30", "40"]
    return f"{names[a]}-{names[b]}"


def test_tennis_call() -> None:
    assert tennis_call("") == "0-0"
    assert tennis_call("ABAB") == "30-30"
    assert tennis_call("AAAB") == "40-15"
    assert tennis_call("ABABAB") == "deuce"
    assert tennis_call("ABABABA") == "advantage A"
    assert tennis_call("ABABABABBB") == "game B"
    assert tennis_call("AAAA") == "game A"
    assert tennis_call("BBBAA") == "30-40"


def minutes_played(line_up: list[str], changes: list[tuple[int, str, str]], length: int) -> dict[str, int]:
    """Eleven or fewer players begin a match of `length` minutes. Each change is (minute, who leaves, who comes), in
    order of time; a player may leave and come back. An empty name stands for nobody, such as after a red card. Return
    for each player who took part the minutes on the pitch.

    >>> minutes_played(["Ada", "Eve"], [(60, "Eve", "Zoe")], 90)
    {'Ada': 90, 'Eve': 60, 'Zoe': 30}
    >>> minutes_played(["Ada"], [(15, "Ada", "")], 90)
    {'Ada': 15}
    """
    came_on = dict.fromkeys(line_up, 0)
    played: dict[str, int] = dict.fromkeys(line_up, 0)
    for minute, leaves, comes in changes:
        if leaves:
            played[leaves] += minute - came_on.pop(leaves)
        if comes:
            came_on[comes] = minute
            played.setdefault(comes, 0)
    for player, minute in came_on.items():
        played[player] += length - minute
    return played


def test_minutes_played() -> None:
    assert minutes_played(["a", "b"], [], 40) == {"a": 40, "b": 40}
    assert minutes_played(["a"], [(10, "a", "b"), (30, "b", "a")], 40) == {"a": 20, "b": 20}
    assert minutes_played(["a", "b"], [(5, "a", ""), (20, "", "c")], 40) == {"a": 5, "b": 40, "c": 20}
    assert minutes_played(["a"], [(39, "a", "z")], 40) == {"a": 39, "z": 1}
    assert minutes_played([], [(1, "", "q")], 3) == {"q": 2}


def league_table(results: list[str]) -> list[tuple[str, int, int]]:
    """Results of a league are lines such as "Rovers 3:1 United". A win earns three points and a draw one for each side.
    Return (team, points, goal difference), by points, then by difference, then by goals scored, and then by name.

    >>> league_table(["Rovers 3:1 United", "United 2:2 Town"])
    [('Rovers', 3, 2), ('Town', 1, 0), ('United', 1, -2)]
    >>> league_table(["A 0:0 B"])
    [('A', 1, 0), ('B', 1, 0)]
    """
    points: dict[str, int] = defaultdict(int)
    scored: dict[str, int] = defaultdict(int)
    against: dict[str, int] = defaultdict(int)
    for result in results:
        home, goals, guest = result.split()
        home_goals, guest_goals = map(int, goals.split(":"))
        for team, own, other in ((home, home_goals, guest_goals), (guest, guest_goals, home_goals)):
            points[team] += 3 if own > other else 1 if own == other else 0
            scored[team] += own
            against[team] += other
    order = sorted(points, key=lambda team: (-points[team], against[team] - scored[team], -scored[team], team))
    return [(team, points[team], scored[team] - against[team]) for team in order]


def test_league_table() -> None:
    assert league_table(["Rovers 3:1 United", "United 2:2 Town"]) == [
        ("Rovers", 3, 2),
        ("Town", 1, 0),
        ("United", 1, -2),
    ]
    assert league_table(["A 1:1 B", "C 2:2 D"]) == [("C", 1, 0), ("D", 1, 0), ("A", 1, 0), ("B", 1, 0)]
    assert league_table(["A 0:2 B", "B 0:1 A"]) == [("B", 3, 1), ("A", 3, -1)]
    assert league_table(["A 10:0 B", "C 1:0 B"]) == [("A", 3, 10), ("C", 3, 1), ("B", 0, -11)]
    assert league_table([]) == []


def cup_draw(players: int) -> list[tuple[int, int]]:
    """In a knock-out cup players are numbered by strength, 1 the best, and their number is a power of two. The first
    round is drawn so that, if the stronger one always wins, each round pairs the best with the weakest left, and 1 and
    2 meet in the final only. Return the first round's pairs from top to bottom of the sheet. It grows from the final:
    each round doubles it by giving everybody an opponent, so that the two numbers add up to one more than all.

    >>> cup_draw(4)
    [(1, 4), (2, 3)]
    >>> cup_draw(8)
    [(1, 8), (4, 5), (2, 7), (3, 6)]
    """
    order = [1]
    while len(order) < players:
        together = 2 * len(order) + 1
        order = [number for strong in order for number in (strong, together - strong)]
    # Now neighbours in the list are opponents.
    return list(zip(order[::2], order[1::2], strict=True))


def test_cup_draw() -> None:
    assert cup_draw(2) == [(1, 2)]
    assert cup_draw(4) == [(1, 4), (2, 3)]
    assert cup_draw(8) == [(1, 8), (4, 5), (2, 7), (3, 6)]
    draw = cup_draw(16)
    assert all(sum(pair) == 17 for pair in draw)
    assert [min(pair) for pair in draw] == [1, 8, 4, 5, 2, 7, 3, 6]


def match_days(teams: list[str]) -> list[list[tuple[str, str]]]:
    """Plan a season in which each team meets each other team once. All sit around a table: the first stays, the others
    move on by one seat each day, and who faces each other plays: the first seat against the last, the second against
    the last but one, and so on. With an odd number, a seat "" is added at the end, and whoever faces it rests that day.

    >>> match_days(["A", "B", "C", "D"])
    [[('A', 'D'), ('B', 'C')], [('A', 'C'), ('D', 'B')], [('A', 'B'), ('C', 'D')]]
    >>> match_days(["A", "B", "C"])
    [[('B', 'C')], [('A', 'C')], [('A', 'B')]]
    """
    seats = [*teams, ""] if len(teams) % 2 else list(teams)
    days = []
    for _ in range(len(seats) - 1):
        facing = zip(seats[: len(seats) // 2], reversed(seats[len(seats) // 2 :]), strict=True)
        days.append([pair for pair in facing if "" not in pair])
        seats = [seats[0], seats[-1], *seats[1:-1]]
    return days


def test_match_days() -> None:
    assert match_days(["A", "B"]) == [[("A", "B")]]
    assert match_days(["A", "B", "C"]) == [[("B", "C")], [("A", "C")], [("A", "B")]]
    days = match_days(list("ABCDEF"))
    assert [len(day) for day in days] == [3] * 5
    assert len({frozenset(pair) for day in days for pair in day}) == 15
    assert days[1] == [("A", "E"), ("F", "D"), ("B", "C")]
    assert match_days([]) == []


def ten_pins(rolls: list[int]) -> int:
    """A game of bowling has ten frames of up to two rolls at ten pins. A frame scores its fallen pins; if both rolls
    together clear all ten (a spare), the next roll is added to the frame, and if the first roll alone does (a strike),
    the next two are, and the frame is over. The tenth frame gets the rolls that its spare or strike needs. Score a
    complete game.

    >>> ten_pins([3, 4] * 10)
    70
    >>> ten_pins([10] * 12)
    300
    """
    score = first = 0
    for _ in range(10):
        if rolls[first] == 10:
            score += sum(rolls[first : first + 3])
            first += 1
        else:
            spare = rolls[first] + rolls[first + 1] == 10
            score += sum(rolls[first : first + 2 + spare])
            first += 2
    return score


def test_ten_pins() -> None:
    assert ten_pins([0] * 20) == 0
    assert ten_pins([5] * 21) == 150
    assert ten_pins([10, 3, 4] + [0] * 16) == 24
    assert ten_pins([3, 7, 4, 0] + [0] * 16) == 18
    assert ten_pins([0] * 18 + [10, 10, 5]) == 25
    assert ten_pins([0, 10, 2, 2] + [0] * 16) == 16
    assert ten_pins([9, 0] * 10) == 90
