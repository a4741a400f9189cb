"""unconventional / odd machines"""

from collections import deque


def moody_lift(calls: list[int], top: int) -> list[int]:
    """A moody lift stands at floor 0 of a house with floors 0 to `top`. It answers calls in order, but after every
    second call that it answers it sulks and first goes to the floor opposite (top minus the floor where it stands).
    Calls to the floor on which it stands just then are ignored and do not count. Return the floors where it stops, in
    order.

    >>> moody_lift([3, 1, 4], 10)
    [3, 1, 9, 4]
    >>> moody_lift([0, 2, 2, 5], 5)
    [2, 5, 0]
    """
    stops: list[int] = []
    floor, answered = 0, 0
    for call in calls:
        if call == floor:
            continue
        floor = call
        stops.append(floor)
        answered += 1
        if answered % 2 == 0:
            floor = top - floor
            stops.append(floor)
    return stops


def test_moody_lift() -> None:
    assert moody_lift([3, 1, 4], 10) == [3, 1, 9, 4]
    assert moody_lift([0, 2, 2, 5], 5) == [2, 5, 0]
    assert moody_lift([], 3) == []
    assert moody_lift([1, 2, 8, 3], 10) == [1, 2, 8, 3]
    assert moody_lift([0, 0], 1) == []


def toaster_queue(slices: list[tuple[str, int]], slots: int) -> list[str]:
    """A toaster with so many slots takes slices (name, seconds) in order, and all that are in it go up together when
    the longest is done: those that needed less than half of that time are burnt and get a "!" after their names, the
    others are good. Then the next ones go in. Return the names in the order in which they went in.

    >>> toaster_queue([("rye", 60), ("bun", 20), ("pita", 50)], 2)
    ['rye', 'bun!', 'pita']
    >>> toaster_queue([], 2)
    []
    """
    out = []
    for start in range(0, len(slices), slots):
        batch = slices[start : start + slots]
        longest = max(seconds for _, seconds in batch)
        out += [name + "!" * (2 * seconds < longest) for name, seconds in batch]
    return out


def test_toaster_queue() -> None:
    assert toaster_queue([("rye", 60), ("bun", 20), ("pita", 50)], 2) == ["rye", "bun!", "pita"]
    assert toaster_queue([], 2) == []
    assert toaster_queue([("a", 10), ("b", 20)], 2) == ["a", "b"]
    assert toaster_queue([("a", 9), ("b", 20)], 5) == ["a!", "b"]
    assert toaster_queue([("a", 1), ("b", 100)], 1) == ["a", "b"]


def jukebox_coins(coins: list[int], price: int, jams: int) -> tuple[int, int]:
    """A jukebox takes coins one by one into its slot; as soon as they add up to the price or more, it plays a song and
    keeps all that is in the slot, giving no change. After every `jams` songs it jams, and swallows the next coin
    without counting it. Return the number of songs played and the coins' worth that bought nothing: swallowed ones,
    what was paid above the price, and what is left in the slot.

    >>> jukebox_coins([5, 5, 10, 5], 10, 1)
    (1, 15)
    >>> jukebox_coins([20, 20], 10, 5)
    (2, 20)
    """
    songs, slot, lost, jammed = 0, 0, 0, False
    for coin in coins:
        if jammed:
            lost += coin
            jammed = False
            continue
        slot += coin
        if slot >= price:
            lost += slot - price
            slot = 0
            songs += 1
            jammed = songs % jams == 0
    return songs, lost + slot


def test_jukebox_coins() -> None:
    assert jukebox_coins([5, 5, 10, 5], 10, 1) == (1, 15)
    assert jukebox_coins([20, 20], 10, 5) == (2, 20)
    assert jukebox_coins([], 10, 2) == (0, 0)
    assert jukebox_coins([10] * 6, 10, 2) == (4, 20)
    assert jukebox_coins([3, 3, 3], 8, 1) == (1, 1)


def pendulum_painter(length: int, swings: list[int]) -> str:
    """A brush hangs over the middle of a strip of `length` (odd) squares, all ".". Swing after swing it moves to one
    side, first right, then left and so on, each time by the given number of squares from where it is, painting every
    square that it passes or lands on, not the one where it starts. Squares painted twice are wet ("O"), three times
    or more drip ("@"), once are "o". At an edge of the strip the brush stops. Return the strip.

    >>> pendulum_painter(5, [1, 2])
    '.ooo.'
    >>> pendulum_painter(3, [])
    '...'
    """
    coats = [0] * length
    at, side = length // 2, 1
    for swing in swings:
        for _ in range(swing):
            if not 0 <= at + side < length:
                break
            at += side
            coats[at] += 1
        side = -side
    return "".join(".oO@"[min(coat, 3)] for coat in coats)


def test_pendulum_painter() -> None:
    assert pendulum_painter(5, [1, 2]) == ".ooo."
    assert pendulum_painter(3, []) == "..."
    assert pendulum_painter(3, [9, 9, 9]) == "oOO"
    assert pendulum_painter(1, [4, 4]) == "."
    assert pendulum_painter(5, [2, 4, 4, 4]) == "O@@@O"


def conveyor_cats(belt: str, ticks: int) -> str:
    """A belt moves one place to the right at each tick; what falls off its right end comes back at its left end. Cats
    "c" on it chase mice "m": after each move a cat that has a mouse directly to its right (within the belt, not
    around its end) jumps onto its place and eats it, leaving "." behind; cats are asked from left to right, and a cat
    jumps at most once a tick. Return the belt after so many ticks.

    >>> conveyor_cats("cm..", 1)
    '..c.'
    >>> conveyor_cats("m..c", 1)
    '.c..'
    """
    row = list(belt)
    for _ in range(ticks):
        row = row[-1:] + row[:-1]
        at = 0
        while at < len(row) - 1:
            if row[at] == "c" and row[at + 1] == "m":
                row[at], row[at + 1] = ".", "c"
                at += 1
            at += 1
    return "".join(row)


def test_conveyor_cats() -> None:
    assert conveyor_cats("cm..", 1) == "..c."
    assert conveyor_cats("m..c", 1) == ".c.."
    assert conveyor_cats("", 3) == ""
    assert conveyor_cats("cmm", 0) == "cmm"
    assert conveyor_cats("cmm.", 1) == "..cm"
    assert conveyor_cats("mm", 5) == "mm"


def weather_vane(winds: str) -> str:
    """A rusty weather vane points north. Winds are letters N, E, S, W. It turns by one quarter towards a new wind, and
    by none if it already points there; a wind from straight behind makes it turn clockwise. Rust: it moves only for a
    wind that blows two times in a row, and the second time is the one that turns it (a third in a row turns it again).
    Return where it points after each wind.

    >>> weather_vane("EEWWW")
    'NEESW'
    >>> weather_vane("ESE")
    'NNN'
    """
    points = "NESW"
    at, before, shown = 0, "", ""
    for wind in winds:
        if wind == before:
            away = (points.index(wind) - at) % 4
            at = (at + (0, 1, 1, -1)[away]) % 4
        before = wind
        shown += points[at]
    return shown


def test_weather_vane() -> None:
    assert weather_vane("EEWWW") == "NEESW"
    assert weather_vane("ESE") == "NNN"
    assert weather_vane("") == ""
    assert weather_vane("SSS") == "NES"
    assert weather_vane("WWSSNN") == "NWWSSW"
    assert weather_vane("NNNN") == "NNNN"


def vending_poet(verses: list[str], coins: list[int]) -> list[str]:
    """A vending machine sells verses. For a coin of value n it prints the next n words of its poem (verses one after
    another, words split at spaces) as one line, but never more than what is left of the verse where it is: then the
    rest of the coin is lost. When the poem is finished it starts again, printing "*" alone before the next line that
    it would print. Return all lines.

    >>> vending_poet(["rose is red", "so"], [2, 5, 1, 1])
    ['rose is', 'red', 'so', '*', 'rose']
    >>> vending_poet(["oh my"], [])
    []
    """
    printed: list[str] = []
    poem = [verse.split() for verse in verses]
    left = deque(poem)
    for coin in coins:
        if not left:
            printed.append("*")
            left = deque(poem)
        verse = left.popleft()
        printed.append(" ".join(verse[:coin]))
        if verse[coin:]:
            left.appendleft(verse[coin:])
    return printed


def test_vending_poet() -> None:
    assert vending_poet(["rose is red", "so"], [2, 5, 1, 1]) == ["rose is", "red", "so", "*", "rose"]
    assert vending_poet(["oh my"], []) == []
    assert vending_poet(["a b", "c"], [1, 1, 1]) == ["a", "b", "c"]
    assert vending_poet(["a"], [1, 1, 1]) == ["a", "*", "a", "*", "a"]
    assert vending_poet(["a b c"], [2, 2, 2]) == ["a b", "c", "*", "a b"]


def gear_secrets(teeth: list[int], marks: list[int]) -> int:
    """Gears mesh in a row; gear i has teeth[i] teeth and a red mark on its tooth marks[i] (teeth counted from 0).
    Tooth 0 of each gear points up at the start. With each click every gear moves by one tooth: the first, third, ...
    gears bring their next tooth up, the second, fourth, ... their previous one. Return after how many clicks all
    marks point up together for the first time (0 if they do so already), or -1 if that never happens.

    >>> gear_secrets([4, 3], [2, 1])
    2
    >>> gear_secrets([2, 2], [1, 0])
    -1
    """
    cycle = 1
    for number in teeth:
        a, b = cycle, number
        while b:
            a, b = b, a % b
        cycle = cycle * number // a
    for clicks in range(cycle):
        up = [(clicks if place % 2 == 0 else -clicks) % number for place, number in enumerate(teeth)]
        if up == marks:
            return clicks
    return -1


def test_gear_secrets() -> None:
    assert gear_secrets([4, 3], [2, 1]) == 2
    assert gear_secrets([2, 2], [1, 0]) == -1
    assert gear_secrets([5], [0]) == 0
    assert gear_secrets([5, 7], [4, 0]) == 14
    assert gear_secrets([], []) == 0
    assert gear_secrets([3, 3, 3], [1, 2, 1]) == 1


def typewriter_ribbon(text: str, ribbon: str) -> str:
    """A typewriter's ribbon is a string of colours, such as "bbr"; each typed character that is not a space uses up the
    next piece, and at the end the ribbon turns round and runs backwards (the last piece is used twice in a row), then
    forwards again, and so on. Return the text with the characters typed on red ("r") as capitals, and those typed on
    dry pieces ("_") missing.

    >>> typewriter_ribbon("hello you", "br_")
    'hEO yoU'
    >>> typewriter_ribbon("ink", "r")
    'INK'
    """
    if not ribbon:
        return "".join(mark for mark in text if mark == " ")
    loop = ribbon + ribbon[::-1]
    typed, used = "", 0
    for mark in text:
        if mark == " ":
            typed += mark
            continue
        piece = loop[used % len(loop)]
        used += 1
        if piece != "_":
            typed += mark.upper() if piece == "r" else mark
    return typed


def test_typewriter_ribbon() -> None:
    assert typewriter_ribbon("hello you", "br_") == "hEO yoU"
    assert typewriter_ribbon("ink", "r") == "INK"
    assert typewriter_ribbon("", "b") == ""
    assert typewriter_ribbon("abc def", "") == " "
    assert typewriter_ribbon("abcd", "br") == "aBCd"
    assert typewriter_ribbon("a b c", "_b") == " b c"


def marble_run(track: str, marbles: int) -> list[int]:
    """Marbles roll down a track one after another, each from its left end, until it leaves at the right end or is
    stuck. "-" is plain; "o" is a hole that swallows the first marble that reaches it and is plain from then on; "/"
    is a gate that sends the first marble past it and holds the second (who becomes part of the track: the gate is
    plain from then on). Return the place where each marble ended: an index in the track, or its length if it rolled
    out.

    >>> marble_run("-o-", 2)
    [1, 3]
    >>> marble_run("/", 3)
    [1, 0, 1]
    """
    pieces = list(track)
    ends = []
    for _ in range(marbles):
        at = 0
        while at < len(pieces):
            if pieces[at] == "o" or pieces[at] == "|":
                pieces[at] = "-"
                break
            if pieces[at] == "/":
                pieces[at] = "|"
            at += 1
        ends.append(at)
    return ends


def test_marble_run() -> None:
    assert marble_run("-o-", 2) == [1, 3]
    assert marble_run("/", 3) == [1, 0, 1]
    assert marble_run("", 2) == [0, 0]
    assert marble_run("oo", 4) == [0, 1, 2, 2]
    assert marble_run("/o", 4) == [1, 0, 2, 2]
    assert marble_run("--", 0) == []
