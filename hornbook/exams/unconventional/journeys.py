"""unconventional / journeys"""


def drunken_compass(walk: str) -> tuple[int, int]:
    """A walker follows a compass that has been in the sun. Steps are letters: N, S, E, W, each one metre. After every
    step to the north the compass swaps east and west until the next step to the south (as written) has been taken.
    A step that would lead straight back to where the last step that was taken began is not taken (but swaps as if it
    were). Return (metres east, metres north) of the start at the end; west and south are negative.

    >>> drunken_compass("NE")
    (-1, 1)
    >>> drunken_compass("EW")
    (1, 0)
    """
    moves = {"N": (0, 1), "S": (0, -1), "E": (1, 0), "W": (-1, 0)}
    places = [(0, 0)]
    swapped = False
    for letter in walk:
        east, north = moves[letter]
        if swapped:
            east = -east
        place = (places[-1][0] + east, places[-1][1] + north)
        if len(places) < 2 or place != places[-2]:
            places.append(place)
        if letter in "NS":
            swapped = letter == "N"
    return places[-1]


def test_drunken_compass() -> None:
    assert drunken_compass("NE") == (-1, 1)
    assert drunken_compass("EW") == (1, 0)
    assert drunken_compass("") == (0, 0)
    assert drunken_compass("NSE") == (1, 1)
    assert drunken_compass("NEESE") == (-1, 0)
    assert drunken_compass("EES") == (2, -1)


def ferry_goats(goats: list[int], seats: int) -> int:
    """Goats with horns of the given lengths wait in a row at a river. A ferry takes them in order, up to `seats` at a
    time, but it must leave early when the next goat's horns are longer than those of the first goat in the boat and
    shorter than those of the last (they would hook). A boat always takes at least one. Return the number of crossings.

    >>> ferry_goats([3, 9, 5, 4], 4)
    2
    >>> ferry_goats([1, 2, 3, 4, 5], 2)
    3
    """
    crossings = 0
    boat: list[int] = []
    for horns in goats:
        if boat and (len(boat) == seats or boat[0] < horns < boat[-1]):
            boat = []
        if not boat:
            crossings += 1
        boat.append(horns)
    return crossings


def test_ferry_goats() -> None:
    assert ferry_goats([3, 9, 5, 4], 4) == 2
    assert ferry_goats([1, 2, 3, 4, 5], 2) == 3
    assert ferry_goats([], 3) == 0
    assert ferry_goats([5, 5, 5], 1) == 3
    assert ferry_goats([1, 9, 5, 3, 2], 9) == 2
    assert ferry_goats([9, 5, 1], 9) == 1


def tunnel_hats(hats: list[int], tunnels: list[int]) -> list[int]:
    """Passengers sit on the roof of a train, with hats of the given heights. At each tunnel (its height given) all
    passengers whose hats are taller than the tunnel duck; whoever ducks for the second time takes off the hat and
    holds it from then on, needing no ducking any more. But the tallest hat still worn blows away in each tunnel in
    which nobody ducks (the front one of equal hats). Return how often each passenger ducked.

    >>> tunnel_hats([30, 10], [20, 40, 20])
    [1, 0]
    >>> tunnel_hats([30, 25], [20, 20, 20])
    [2, 2]
    """
    worn = dict(enumerate(hats))
    ducked = [0] * len(hats)
    for height in tunnels:
        low = [seat for seat, hat in worn.items() if hat > height]
        for seat in low:
            ducked[seat] += 1
            if ducked[seat] == 2:
                del worn[seat]
        if not low and worn:
            del worn[max(worn, key=lambda seat: (worn[seat], -seat))]
    return ducked


def test_tunnel_hats() -> None:
    assert tunnel_hats([30, 10], [20, 40, 20]) == [1, 0]
    assert tunnel_hats([30, 25], [20, 20, 20]) == [2, 2]
    assert tunnel_hats([], [5]) == []
    assert tunnel_hats([9, 9], [10, 5, 5]) == [0, 2]
    assert tunnel_hats([3], []) == [0]
    assert tunnel_hats([8, 8, 4], [9, 7, 3]) == [0, 2, 1]


def postcard_relay(stops: list[str], friends: dict[str, str]) -> list[str]:
    """A traveller posts a card at each stop to the friend in the town that `friends` maps the stop to. A friend who
    gets a card for the first time sends one on by the same table (from the friend's town), and so on. Towns that the
    table does not have send nothing. Return the towns that received more than one card, in alphabetical order.

    >>> postcard_relay(["Rome", "Oslo"], {"Rome": "Bern", "Oslo": "Bern", "Bern": "Rome"})
    ['Bern']
    >>> postcard_relay(["Rome", "Rome"], {"Rome": "Bern", "Bern": "Kyiv"})
    ['Bern']
    """
    received: dict[str, int] = {}
    for stop in stops:
        here = stop
        while here in friends:
            here = friends[here]
            received[here] = received.get(here, 0) + 1
            if received[here] > 1:
                break
    return sorted(town for town, cards in received.items() if cards > 1)


def test_postcard_relay() -> None:
    assert postcard_relay(["Rome", "Oslo"], {"Rome": "Bern", "Oslo": "Bern", "Bern": "Rome"}) == ["Bern"]
    assert postcard_relay(["Rome", "Rome"], {"Rome": "Bern", "Bern": "Kyiv"}) == ["Bern"]
    assert postcard_relay([], {"a": "b"}) == []
    assert postcard_relay(["a"], {"a": "a"}) == ["a"]
    assert postcard_relay(["a", "c"], {"a": "b", "b": "a", "c": "a"}) == ["a", "b"]
    assert postcard_relay(["x", "y"], {}) == []


def echo_canyon(shouts: list[tuple[int, str]], delay: int) -> list[str]:
    """In a canyon each shout (second, word) comes back after `delay` seconds, and its echo again after `delay` more,
    each time without its first letter, until nothing is left. When two or more sounds would be heard at the same
    second, only the longest is (the alphabetically first of equally long ones); the others are lost and make no
    further echo. Return all that is heard, as "second:word", in the order of time.

    >>> echo_canyon([(0, "hey")], 2)
    ['0:hey', '2:ey', '4:y']
    >>> echo_canyon([(0, "hey"), (2, "no!")], 2)
    ['0:hey', '2:no!', '4:o!', '6:!']
    """
    coming: dict[int, list[str]] = {}
    for second, word in shouts:
        coming.setdefault(second, []).append(word)
    heard = []
    while coming:
        now = min(coming)
        word = min(coming.pop(now), key=lambda sound: (-len(sound), sound))
        if word:
            heard.append(f"{now}:{word}")
            coming.setdefault(now + delay, []).append(word[1:])
    return heard


def test_echo_canyon() -> None:
    assert echo_canyon([(0, "hey")], 2) == ["0:hey", "2:ey", "4:y"]
    assert echo_canyon([(0, "hey"), (2, "no!")], 2) == ["0:hey", "2:no!", "4:o!", "6:!"]
    assert echo_canyon([], 1) == []
    assert echo_canyon([(5, "b"), (5, "a")], 3) == ["5:a"]
    assert echo_canyon([(0, "abc"), (3, "z")], 1) == ["0:abc", "1:bc", "2:c", "3:z"]
    assert echo_canyon([(0, "abc"), (1, "z")], 1) == ["0:abc", "1:bc", "2:c"]


def sheepdog_circles(field: str, whistles: int) -> str:
    """A field is a row of sheep "s", grass "." and one dog "d". At each whistle the dog runs to the end of the field
    that is farther from it (to the left one if both are equally far), and every sheep that it passes is pushed one
    place back against the dog's direction, into the place that the dog has just left. Return the field after so many
    whistles.

    >>> sheepdog_circles("d.s.", 1)
    '.s.d'
    >>> sheepdog_circles("s.d.s", 2)
    's..sd'
    """
    row = list(field)
    for _ in range(whistles):
        at = row.index("d")
        step = 1 if len(row) - 1 - at > at else -1
        while 0 <= at + step < len(row):
            row[at], row[at + step] = row[at + step], row[at]
            at += step
    return "".join(row)


def test_sheepdog_circles() -> None:
    assert sheepdog_circles("d.s.", 1) == ".s.d"
    assert sheepdog_circles("s.d.s", 2) == "s..sd"
    assert sheepdog_circles("d", 3) == "d"
    assert sheepdog_circles("sd", 1) == "ds"
    assert sheepdog_circles("ssd..", 1) == "dss.."
    assert sheepdog_circles(".ds", 0) == ".ds"


def toll_trolls(bridges: list[tuple[str, int]], apples: int) -> str:
    """A traveller with apples crosses bridges in order, each kept by a troll (mood, price). A "fair" troll takes its
    price; a "greedy" one takes its price and one apple more for each bridge already crossed; a "kind" one takes
    nothing, and gives an apple if the traveller has none; a "riddling" one takes half of all apples, rounded down,
    whatever the price. A traveller who cannot pay stops. Return "crossed with N apples" or "stopped at bridge N"
    (counted from 1).

    >>> toll_trolls([("fair", 2), ("riddling", 9), ("greedy", 1)], 8)
    'crossed with 0 apples'
    >>> toll_trolls([("greedy", 3)], 2)
    'stopped at bridge 1'
    """
    for crossed, (mood, price) in enumerate(bridges):
        if mood == "kind":
            apples = max(apples, 1)
            continue
        toll = {"fair": price, "greedy": price + crossed, "riddling": apples // 2}[mood]
        if toll > apples:
            return f"stopped at bridge {crossed + 1}"
        apples -= toll
    return f"crossed with {apples} apples"


def test_toll_trolls() -> None:
    assert toll_trolls([("fair", 2), ("riddling", 9), ("greedy", 1)], 8) == "crossed with 0 apples"
    assert toll_trolls([("greedy", 3)], 2) == "stopped at bridge 1"
    assert toll_trolls([], 5) == "crossed with 5 apples"
    assert toll_trolls([("kind", 7), ("greedy", 0), ("fair", 1)], 0) == "stopped at bridge 3"
    assert toll_trolls([("riddling", 0), ("kind", 0)], 5) == "crossed with 3 apples"
    assert toll_trolls([("fair", 1), ("kind", 0), ("kind", 0)], 1) == "crossed with 1 apples"


def stair_superstitions(steps: int, unlucky: set[int]) -> list[int]:
    """A superstitious climber takes stairs two at a time, never sets foot on an unlucky step (then takes one step
    only if that lands well, else three), and crosses her fingers, for one step only, whenever the number of the step
    where she stands ends in 3: with crossed fingers every step is safe. She starts at 0 and stops on the top step or
    when no move (never past the top) is allowed; if two steps would pass the top she takes one. Return the steps she
    stood on.

    >>> stair_superstitions(7, {4})
    [0, 2, 3, 5, 7]
    >>> stair_superstitions(4, {2, 1, 3})
    [0]
    """
    stood = [0]
    while stood[-1] < steps:
        here = stood[-1]
        brave = here % 10 == 3
        for stride in (2, 1, 3):
            there = here + stride
            if there <= steps and (brave or there not in unlucky):
                stood.append(there)
                break
        else:
            break
    return stood


def test_stair_superstitions() -> None:
    assert stair_superstitions(7, {4}) == [0, 2, 3, 5, 7]
    assert stair_superstitions(4, {2, 1, 3}) == [0]
    assert stair_superstitions(0, set()) == [0]
    assert stair_superstitions(5, {2, 1, 5}) == [0, 3, 5]
    assert stair_superstitions(3, set()) == [0, 2, 3]
    assert stair_superstitions(6, {4, 3, 5}) == [0, 2]


def hot_air_mail(bags: list[int], wind: list[int]) -> int:
    """A balloon hangs at height 100 with bags of post of the given weights, heaviest thrown first. At each hour the
    wind pushes it up or down by wind[hour]. Whenever it would then be at 0 or lower it throws bags, one after
    another, each lifting it by the bag's weight, until it is above 0; if the bags do not suffice it lands. Weather is
    kinder to a light balloon: from the hour after the last bag has gone, downward winds count half (rounded towards
    zero). Return the number of hours flown (the hour in which it lands is not one).

    >>> hot_air_mail([5, 20], [-90, -25, -5, -1])
    4
    >>> hot_air_mail([], [-50, -100, -1])
    3
    """
    height = 100
    left = sorted(bags)
    for hour, push in enumerate(wind):
        height += push if push > 0 or left else int(push / 2)
        while height <= 0 and left:
            height += left.pop()
        if height <= 0:
            return hour
    return len(wind)


def test_hot_air_mail() -> None:
    assert hot_air_mail([5, 20], [-90, -25, -5, -1]) == 4
    assert hot_air_mail([], [-50, -100, -1]) == 3
    assert hot_air_mail([1], [-100, -1, -1]) == 3
    assert hot_air_mail([1], [-101, 50]) == 0
    assert hot_air_mail([], [-201]) == 0
    assert hot_air_mail([9], []) == 0


def island_bottles(bottles: list[tuple[str, str]], home: str) -> list[str]:
    """Bottles drift from island to island: (from, to), all of them thrown on the same day. An islander who finds
    bottles throws them all back the next day, each towards the island that it came from. Only the first bottle to
    reach `home` in all those days is opened. If several arrive on that day, the one from the alphabetically first
    island is. Return the island from which it was thrown into the sea, then the word "today" or "tomorrow" for the
    day on which it arrived (a bottle thrown today arrives today); an empty list if none ever arrives.

    >>> island_bottles([("Ufa", "Bly"), ("Bly", "Ufa")], "Ufa")
    ['Bly', 'today']
    >>> island_bottles([("Ufa", "Bly"), ("Ufa", "Ako")], "Ufa")
    ['Ako', 'tomorrow']
    """
    today = [start for start, end in bottles if end == home]
    tomorrow = [end for start, end in bottles if start == home]
    if today:
        return [min(today), "today"]
    return [min(tomorrow), "tomorrow"] if tomorrow else []


def test_island_bottles() -> None:
    assert island_bottles([("Ufa", "Bly"), ("Bly", "Ufa")], "Ufa") == ["Bly", "today"]
    assert island_bottles([("Ufa", "Bly"), ("Ufa", "Ako")], "Ufa") == ["Ako", "tomorrow"]
    assert island_bottles([], "Ufa") == []
    assert island_bottles([("a", "b")], "c") == []
    assert island_bottles([("d", "x"), ("c", "x"), ("x", "a")], "x") == ["c", "today"]
