"""unconventional / numbers with moods"""


def jealous_numbers(numbers: list[int]) -> list[int]:
    """Numbers stand in a row. A number is jealous of its right neighbour if that is more than twice as large: it then
    takes one from it. This is looked at from left to right, each number once, with what the earlier ones have already
    taken or lost. Return the row after one such look.

    >>> jealous_numbers([1, 5, 9])
    [2, 5, 8]
    >>> jealous_numbers([1, 4, 7])
    [2, 4, 6]
    """
    row = list(numbers)
    for place in range(len(row) - 1):
        if row[place + 1] > 2 * row[place]:
            row[place] += 1
            row[place + 1] -= 1
    return row


def test_jealous_numbers() -> None:
    assert jealous_numbers([1, 5, 9]) == [2, 5, 8]
    assert jealous_numbers([1, 4, 7]) == [2, 4, 6]
    assert jealous_numbers([]) == []
    assert jealous_numbers([0, 1]) == [1, 0]
    assert jealous_numbers([-3, -7, 2]) == [-3, -6, 1]
    row = [1, 9]
    jealous_numbers(row)
    assert row == [1, 9]


def clock_in_a_mirror(times: list[str]) -> list[str]:
    """Someone reads a twelve-hour clock with hands in a mirror, and writes down what the mirror shows as "H:MM" with H
    from 1 to 12. Given what was written, return the true times in the same form; but a reader who writes the same time
    twice in a row was asleep the second time: for that give "asleep" (the third equal one in a row is asleep as well).

    >>> clock_in_a_mirror(["3:00", "3:00", "1:50"])
    ['9:00', 'asleep', '10:10']
    >>> clock_in_a_mirror(["12:00"])
    ['12:00']
    """
    true = []
    before = ""
    for written in times:
        hour, minute = (int(part) for part in written.split(":"))
        left = (-(hour * 60 + minute)) % 720
        true.append("asleep" if written == before else f"{left // 60 or 12}:{left % 60:02d}")
        before = written
    return true


def test_clock_in_a_mirror() -> None:
    assert clock_in_a_mirror(["3:00", "3:00", "1:50"]) == ["9:00", "asleep", "10:10"]
    assert clock_in_a_mirror(["12:00"]) == ["12:00"]
    assert clock_in_a_mirror([]) == []
    assert clock_in_a_mirror(["12:30", "11:59", "12:30"]) == ["11:30", "12:01", "11:30"]
    assert clock_in_a_mirror(["6:00", "6:00", "6:00"]) == ["6:00", "asleep", "asleep"]


def ghost_digits(number: int, ghost: int) -> int:
    """The digit `ghost` haunts a number: wherever it stands, it adds itself to the digit at its right (keeping only the
    last digit of the sum, and a digit that becomes the ghost in this way haunts on), and then fades to 0. At the right
    end it just fades. Return the number that is left.

    >>> ghost_digits(3142, 1)
    3052
    >>> ghost_digits(992, 9)
    82
    """
    digits = [int(digit) for digit in str(number)]
    for place, digit in enumerate(digits):
        if digit == ghost:
            digits[place] = 0
            if place + 1 < len(digits):
                digits[place + 1] = (digits[place + 1] + ghost) % 10
    return int("".join(map(str, digits)))


def test_ghost_digits() -> None:
    assert ghost_digits(3142, 1) == 3052
    assert ghost_digits(992, 9) == 82
    assert ghost_digits(7, 7) == 0
    assert ghost_digits(505, 5) == 0
    assert ghost_digits(1234, 9) == 1234
    assert ghost_digits(0, 0) == 0


def birthday_candles(ages: list[int], blows: list[int]) -> list[int]:
    """Each cake carries as many candles as its child is old. The children blow in turn, round after round: blow
    number i puts out blows[i] candles of the child whose turn it is, but one candle lights itself again after every
    blow that leaves at least one burning. A child whose cake is dark drops out of the turns. Return the candles left
    burning for each child when the blows are used up.

    >>> birthday_candles([3, 5], [2, 4, 9])
    [0, 2]
    >>> birthday_candles([1], [1, 1])
    [0]
    """
    burning = list(ages)
    turn = 0
    for blow in blows:
        if not any(burning):
            break
        while not burning[turn]:
            turn = (turn + 1) % len(burning)
        burning[turn] = max(burning[turn] - blow, 0)
        burning[turn] += burning[turn] > 0
        turn = (turn + 1) % len(burning)
    return burning


def test_birthday_candles() -> None:
    assert birthday_candles([3, 5], [2, 4, 9]) == [0, 2]
    assert birthday_candles([1], [1, 1]) == [0]
    assert birthday_candles([4, 4], []) == [4, 4]
    assert birthday_candles([1, 6, 1], [1, 2, 1, 3]) == [0, 3, 0]
    assert birthday_candles([], [3]) == []
    assert birthday_candles([5, 2], [0, 1, 0]) == [7, 2]


def bridge_of_sums(heights: list[int]) -> list[int]:
    """Builders lay planks over a row of poles. A plank rests on two poles of equal height if all the poles between them
    are lower; planks over neighbours with nothing between them need no plank. Return for each height that has planks
    the height itself as often as it has planks, in rising order.

    >>> bridge_of_sums([3, 1, 2, 1, 3])
    [3]
    >>> bridge_of_sums([2, 2])
    []
    """
    planks = []
    for left, height in enumerate(heights):
        for right in range(left + 1, len(heights)):
            if heights[right] >= height:
                if heights[right] == height and right > left + 1:
                    planks.append(height)
                break
    return sorted(planks)


def test_bridge_of_sums() -> None:
    assert bridge_of_sums([3, 1, 2, 1, 3]) == [3]
    assert bridge_of_sums([2, 2]) == []
    assert bridge_of_sums([]) == []
    assert bridge_of_sums([5, 1, 5, 2, 5]) == [5, 5]
    assert bridge_of_sums([4, 1, 0, 1, 4]) == [1, 4]
    assert bridge_of_sums([1, 9, 1]) == []


def leaky_dice(throws: list[int]) -> tuple[int, list[int]]:
    """Six-sided dice with a leak: each throw scores its pips, but a face that has been thrown three times has leaked
    and shows one pip less from its fourth throw on, two less from its seventh, and so on, never below zero. Return
    the total score and the faces (1 to 6) that score zero from now on, in rising order.

    >>> leaky_dice([1, 1, 1, 1])
    (3, [1])
    >>> leaky_dice([6, 2])
    (8, [])
    """
    total = 0
    thrown = [0] * 7
    for face in throws:
        total += max(face - thrown[face] // 3, 0)
        thrown[face] += 1
    return total, [face for face in range(1, 7) if face - thrown[face] // 3 <= 0]


def test_leaky_dice() -> None:
    assert leaky_dice([1, 1, 1, 1]) == (3, [1])
    assert leaky_dice([6, 2]) == (8, [])
    assert leaky_dice([]) == (0, [])
    assert leaky_dice([2] * 6) == (9, [2])
    assert leaky_dice([1, 2, 1, 2, 1, 2, 2]) == (10, [1])
    assert leaky_dice([1] * 9) == (3, [1])


def shadow_sums(rows: list[list[int]]) -> list[int]:
    """Towers stand on a square board, rows from north to south. In the morning the sun stands in the east: a tower is
    in shadow if any tower farther east in its row is taller. In the evening it stands in the west. Return for each
    row the sum of the heights of the towers that see the sun at exactly one of the two times.

    >>> shadow_sums([[1, 3, 2]])
    [3]
    >>> shadow_sums([[2, 2], [1, 4]])
    [0, 1]
    """
    sums = []
    for row in rows:
        total = 0
        for place, height in enumerate(row):
            morning = all(other <= height for other in row[place + 1 :])
            evening = all(other <= height for other in row[:place])
            total += height * (morning != evening)
        sums.append(total)
    return sums


def test_shadow_sums() -> None:
    assert shadow_sums([[1, 3, 2]]) == [3]
    assert shadow_sums([[2, 2], [1, 4]]) == [0, 1]
    assert shadow_sums([]) == []
    assert shadow_sums([[5, 1, 4, 1, 3]]) == [7]
    assert shadow_sums([[1, 2, 3], [3, 1, 3]]) == [3, 0]


def magpie_bank(events: list[str]) -> dict[str, int]:
    """A magpie keeps shiny things for other birds. "wren +3" lays in three, "wren -2" takes two out (if there are
    fewer, nothing happens). At "thunder" it forgets whose things belong to whom and gives all the things of the bird
    with the most to the bird with the fewest (of equals the alphabetically first bird, both times; with fewer than
    two birds nothing happens). Birds are known from their first "+". Return what each bird owns, birds in
    alphabetical order.

    >>> magpie_bank(["wren +3", "owl +1", "thunder", "owl -2"])
    {'owl': 2, 'wren': 0}
    >>> magpie_bank(["jay -1"])
    {}
    """
    kept: dict[str, int] = {}
    for event in events:
        if event == "thunder":
            if len(kept) > 1:
                rich = min(kept, key=lambda bird: (-kept[bird], bird))
                poor = min(kept, key=lambda bird: (kept[bird], bird))
                if rich != poor:
                    kept[poor] += kept[rich]
                    kept[rich] = 0
            continue
        bird, change = event.split()
        if int(change) > 0:
            kept[bird] = kept.get(bird, 0) + int(change)
        elif kept.get(bird, 0) >= -int(change):
            kept[bird] += int(change)
    return dict(sorted(kept.items()))


def test_magpie_bank() -> None:
    assert magpie_bank(["wren +3", "owl +1", "thunder", "owl -2"]) == {"owl": 2, "wren": 0}
    assert magpie_bank(["jay -1"]) == {}
    assert magpie_bank([]) == {}
    assert magpie_bank(["a +2", "b +2", "thunder"]) == {"a": 2, "b": 2}
    assert magpie_bank(["b +5", "a +1", "c +1", "thunder", "a -7"]) == {"a": 6, "b": 0, "c": 1}
    assert magpie_bank(["z +1", "thunder", "z -1"]) == {"z": 0}


def sulking_average(marks: list[float]) -> list[float]:
    """A teacher keeps a running average of marks, but sulks: a mark that is more than 2 below the average so far is
    counted twice, and a mark that is more than 2 above it is written down as the average plus 2. The first mark is
    taken as it is. Return the average after each mark, rounded to two places.

    >>> sulking_average([6, 10, 1])
    [6.0, 7.0, 4.0]
    >>> sulking_average([])
    []
    """
    total, count = 0.0, 0
    shown = []
    for mark in marks:
        average = total / count if count else mark
        times = 2 if mark < average - 2 else 1
        total += times * min(mark, average + 2)
        count += times
        shown.append(round(total / count, 2))
    return shown


def test_sulking_average() -> None:
    assert sulking_average([6, 10, 1]) == [6.0, 7.0, 4.0]
    assert sulking_average([]) == []
    assert sulking_average([5, 3, 7]) == [5.0, 4.0, 4.67]
    assert sulking_average([8, 5]) == [8.0, 6.0]
    assert sulking_average([0, 100, 100]) == [0.0, 1.0, 1.67]


def dominoes_in_love(tiles: list[tuple[int, int]]) -> list[list[tuple[int, int]]]:
    """Dominoes are laid down in order. Each looks for the chain whose right end shows one of its two numbers (the chain
    begun earliest, if there are several), turns if it must and joins at that end; a double (two equal numbers) never
    joins, and always begins a chain of its own. A domino that finds no end begins a chain, as it lies. Return the
    chains.

    >>> dominoes_in_love([(1, 2), (3, 2), (4, 4), (4, 3)])
    [[(1, 2), (2, 3), (3, 4)], [(4, 4)]]
    >>> dominoes_in_love([(5, 6), (1, 2)])
    [[(5, 6)], [(1, 2)]]
    """
    chains: list[list[tuple[int, int]]] = []
    for left, right in tiles:
        for chain in chains:
            end = chain[-1][1]
            if left != right and end in (left, right):
                chain.append((left, right) if end == left else (right, left))
                break
        else:
            chains.append([(left, right)])
    return chains


def test_dominoes_in_love() -> None:
    assert dominoes_in_love([(1, 2), (3, 2), (4, 4), (4, 3)]) == [[(1, 2), (2, 3), (3, 4)], [(4, 4)]]
    assert dominoes_in_love([(5, 6), (1, 2)]) == [[(5, 6)], [(1, 2)]]
    assert dominoes_in_love([]) == []
    assert dominoes_in_love([(2, 2), (2, 2), (3, 2)]) == [[(2, 2), (2, 3)], [(2, 2)]]
    assert dominoes_in_love([(1, 2), (1, 5)]) == [[(1, 2)], [(1, 5)]]
