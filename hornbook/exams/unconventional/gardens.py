"""unconventional / gardens, kitchens and other living rooms"""


def hedgehog_supper(slugs: dict[str, int], hedgehogs: list[str]) -> list[tuple[str, str]]:
    """Hedgehogs arrive one after another. Each walks to the garden bed that has the most slugs left (of two equal beds
    the one whose name is shorter, then the alphabetically first), eats half of its slugs, rounded up, and sleeps there.
    A hedgehog that finds no slug in any bed goes "home". Return (hedgehog, bed) in the order of arrival.

    >>> hedgehog_supper({"peas": 3, "mint": 4}, ["Ivo", "Ada", "Max"])
    [('Ivo', 'mint'), ('Ada', 'peas'), ('Max', 'mint')]
    >>> hedgehog_supper({"roses": 1}, ["Ivo", "Ada"])
    [('Ivo', 'roses'), ('Ada', 'home')]
    """
    left = dict(slugs)
    walks = []
    for hedgehog in hedgehogs:
        open_beds = [bed for bed in left if left[bed] > 0]
        if not open_beds:
            walks.append((hedgehog, "home"))
            continue
        bed = min(open_beds, key=lambda name: (-left[name], len(name), name))
        left[bed] //= 2
        walks.append((hedgehog, bed))
    return walks


def test_hedgehog_supper() -> None:
    assert hedgehog_supper({"peas": 3, "mint": 4}, ["Ivo", "Ada", "Max"]) == [
        ("Ivo", "mint"),
        ("Ada", "peas"),
        ("Max", "mint"),
    ]
    assert hedgehog_supper({"roses": 1}, ["Ivo", "Ada"]) == [("Ivo", "roses"), ("Ada", "home")]
    assert hedgehog_supper({}, ["Ivo"]) == [("Ivo", "home")]
    assert hedgehog_supper({"bb": 2, "aaa": 2, "cc": 2}, ["x", "y", "z"]) == [("x", "bb"), ("y", "cc"), ("z", "aaa")]
    beds = {"kale": 5}
    assert hedgehog_supper(beds, ["x", "y", "z", "u"])[-1] == ("u", "home")
    assert beds == {"kale": 5}


def jam_labels(jars: list[tuple[str, int]], shelf_width: int) -> list[str]:
    """Jars stand on shelves in the order given, as many as fit: a jar (fruit, diameter) needs its diameter, and between
    two neighbours of the same fruit a gap of one. Return for each shelf the first letters of its fruits in capitals,
    with "." for each gap. A jar wider than the shelf is skipped as if it were not there.

    >>> jam_labels([("plum", 2), ("plum", 2), ("fig", 2)], 7)
    ['P.PF']
    >>> jam_labels([("plum", 2), ("plum", 2), ("fig", 9), ("fig", 2)], 4)
    ['P', 'PF']
    """
    shelves: list[str] = []
    used, last = shelf_width + 1, ""
    for fruit, diameter in jars:
        if diameter > shelf_width:
            continue
        gap = 1 if fruit == last else 0
        if used + gap + diameter <= shelf_width:
            shelves[-1] += "." * gap + fruit[0].upper()
            used += gap + diameter
        else:
            shelves.append(fruit[0].upper())
            used = diameter
        last = fruit
    return shelves


def test_jam_labels() -> None:
    assert jam_labels([("plum", 2), ("plum", 2), ("fig", 2)], 7) == ["P.PF"]
    assert jam_labels([("plum", 2), ("plum", 2), ("fig", 9), ("fig", 2)], 4) == ["P", "PF"]
    assert jam_labels([], 5) == []
    assert jam_labels([("fig", 6)], 5) == []
    assert jam_labels([("fig", 2), ("fig", 2)], 5) == ["F.F"]
    assert jam_labels([("fig", 5), ("fig", 5)], 5) == ["F", "F"]


def echo_recipe(steps: list[str]) -> list[str]:
    """Grandmother's recipe says "as before" when a step repeats. Write it out: a step "as before" is the step just
    before it (as written out), "as before N" is the step N places before it, and "twice X" is the step X done two
    times, as two steps. A reference to before the beginning becomes "?".

    >>> echo_recipe(["stir", "as before", "twice knead", "as before 4"])
    ['stir', 'stir', 'knead', 'knead', 'stir']
    >>> echo_recipe(["as before"])
    ['?']
    """
    done: list[str] = []
    for step in steps:
        if step.startswith("as before"):
            back = int(step.removeprefix("as before") or 1)
            done.append(done[-back] if 0 < back <= len(done) else "?")
        elif step.startswith("twice "):
            done += [step.removeprefix("twice ")] * 2
        else:
            done.append(step)
    return done


def test_echo_recipe() -> None:
    assert echo_recipe(["stir", "as before", "twice knead", "as before 4"]) == [
        "stir",
        "stir",
        "knead",
        "knead",
        "stir",
    ]
    assert echo_recipe(["as before"]) == ["?"]
    assert echo_recipe([]) == []
    assert echo_recipe(["a", "b", "as before 2", "as before 1", "as before 9"]) == ["a", "b", "a", "a", "?"]
    assert echo_recipe(["twice fold", "as before 3"]) == ["fold", "fold", "?"]


def beehive_gossip(dances: list[tuple[str, str]], first: str) -> dict[str, int]:
    """In the evening one bee knows where the clover is. A dance (dancer, watcher) tells the watcher, but only if the
    dancer already knows at that moment, and a bee who has danced three times to others is tired: her later dances tell
    nothing (dances she did while she knew nothing do not tire her). Return each bee who knows in the end with the
    number of dances that told somebody something new which she did.

    >>> beehive_gossip([("Bo", "Cy"), ("Al", "Bo"), ("Bo", "Cy")], "Al")
    {'Al': 1, 'Bo': 1, 'Cy': 0}
    >>> beehive_gossip([], "Al")
    {'Al': 0}
    """
    told = {first: 0}
    danced: dict[str, int] = {}
    for dancer, watcher in dances:
        if dancer not in told:
            continue
        danced[dancer] = danced.get(dancer, 0) + 1
        if danced[dancer] <= 3 and watcher not in told:
            told[watcher] = 0
            told[dancer] += 1
    return told


def test_beehive_gossip() -> None:
    assert beehive_gossip([("Bo", "Cy"), ("Al", "Bo"), ("Bo", "Cy")], "Al") == {"Al": 1, "Bo": 1, "Cy": 0}
    assert beehive_gossip([], "Al") == {"Al": 0}
    tired = [("Al", "Al")] * 3 + [("Al", "Bo")]
    assert beehive_gossip(tired, "Al") == {"Al": 0}
    assert beehive_gossip([("Bo", "x")] * 5 + [("Al", "Bo"), ("Bo", "x")], "Al") == {"Al": 1, "Bo": 1, "x": 0}
    assert beehive_gossip([("Al", "b"), ("Al", "c"), ("Al", "d"), ("Al", "e")], "Al") == {
        "Al": 3,
        "b": 0,
        "c": 0,
        "d": 0,
    }


def snail_diary(wall: str) -> tuple[int, str]:
    """A snail climbs a wall of bricks, one brick a day: on "r" (rough) it climbs one, on "s" (smooth) it climbs one and
    slips back one at once, on "m" (moss) it climbs one and eats: each meal lets it stick to the next smooth brick that
    it meets. A smooth brick on which it slipped is rough from then on. Return the days until it is over the last brick,
    and the wall as it is then.

    >>> snail_diary("rs")
    (3, 'rr')
    >>> snail_diary("msr")
    (3, 'msr')
    """
    bricks, at, day, meals = list(wall), 0, 0, 0
    while at < len(bricks):
        day += 1
        if bricks[at] == "s" and not meals:
            bricks[at] = "r"
            continue
        if bricks[at] == "s":
            meals -= 1
        if bricks[at] == "m":
            meals += 1
        at += 1
    return day, "".join(bricks)


def test_snail_diary() -> None:
    assert snail_diary("rs") == (3, "rr")
    assert snail_diary("msr") == (3, "msr")
    assert snail_diary("") == (0, "")
    assert snail_diary("sss") == (6, "rrr")
    assert snail_diary("mmsss") == (6, "mmssr")


def teapot_choir(pots: list[int], minute: int) -> str:
    """Teapots stand in a row; pot number i whistles during every minute that pots[i] divides (minute 0 included).
    Whistling is catching: a pot whose two neighbours both whistle by themselves joins in. Pots at an end have only one
    neighbour and never join in. Return a character for each pot: "W" by itself, "w" joined in, "-" silent.

    >>> teapot_choir([2, 5, 3, 4], 6)
    'WwW-'
    >>> teapot_choir([2, 2], 3)
    '--'
    """
    alone = [minute % pot == 0 for pot in pots]
    row = ""
    for place, whistles in enumerate(alone):
        inside = 0 < place < len(pots) - 1
        if whistles:
            row += "W"
        elif inside and alone[place - 1] and alone[place + 1]:
            row += "w"
        else:
            row += "-"
    return row


def test_teapot_choir() -> None:
    assert teapot_choir([2, 5, 3, 4], 6) == "WwW-"
    assert teapot_choir([2, 2], 3) == "--"
    assert teapot_choir([], 1) == ""
    assert teapot_choir([7, 9, 8], 0) == "WWW"
    assert teapot_choir([4, 3, 5, 2, 4], 4) == "W--WW"
    assert teapot_choir([3, 2, 3, 2, 3], 3) == "WwWwW"


def moth_lamps(lamps: list[int], moths: list[int]) -> list[int]:
    """Lamps stand at places along a path, each with one seat. Moths come in turn, each at a place; a moth takes the
    nearest free lamp (of two at equal distance the one with the larger number of metres), or -1 if none is free. A
    taken lamp grows dark. Return the lamp's place for each moth.

    >>> moth_lamps([0, 10], [5, 9, 1])
    [10, 0, -1]
    >>> moth_lamps([3], [])
    []
    """
    lit = list(lamps)
    seats = []
    for moth in moths:
        if not lit:
            seats.append(-1)
            continue
        seat = min(lit, key=lambda lamp: (abs(lamp - moth), -lamp))
        lit.remove(seat)
        seats.append(seat)
    return seats


def test_moth_lamps() -> None:
    assert moth_lamps([0, 10], [5, 9, 1]) == [10, 0, -1]
    assert moth_lamps([3], []) == []
    assert moth_lamps([4, 4], [4, 100, 4]) == [4, 4, -1]
    lamps = [1, 6, 2]
    assert moth_lamps(lamps, [4, 4]) == [6, 2]
    assert lamps == [1, 6, 2]
    assert moth_lamps([], [1]) == [-1]


def orchard_ladder(heights: list[int], reach: int) -> list[int]:
    """A picker walks along a row of apple trees with a ladder. At a tree no higher than the reach she picks from the
    ground. At a higher one she needs the ladder one rung longer for each metre above the reach; rungs once added stay
    on the ladder, but after two trees in a row that needed no ladder she takes all of them off again. Return the
    number of rungs on the ladder after each tree.

    >>> orchard_ladder([2, 4, 3, 2, 2], 2)
    [0, 2, 2, 2, 0]
    >>> orchard_ladder([5], 6)
    [0]
    """
    rungs, easy, after = 0, 0, []
    for height in heights:
        if height <= reach:
            easy += 1
            if easy >= 2:
                rungs = 0
        else:
            easy = 0
            rungs = max(rungs, height - reach)
        after.append(rungs)
    return after


def test_orchard_ladder() -> None:
    assert orchard_ladder([2, 4, 3, 2, 2], 2) == [0, 2, 2, 2, 0]
    assert orchard_ladder([5], 6) == [0]
    assert orchard_ladder([], 3) == []
    assert orchard_ladder([9, 1, 7, 1, 1, 4], 3) == [6, 6, 6, 6, 0, 1]
    assert orchard_ladder([3, 3, 4], 2) == [1, 1, 2]


def compost_layers(scraps: list[tuple[str, int]], limit: int) -> list[tuple[str, int]]:
    """Scraps (kind, litres) fall on a compost heap. A scrap of the kind that lies on top mixes with it. When the heap
    holds more litres than the limit, it rots from below: the lowest layer loses litres, and vanishes at zero, then the
    next, until the limit is met. Return the layers from the bottom to the top.

    >>> compost_layers([("leaf", 3), ("leaf", 2), ("peel", 4)], 7)
    [('leaf', 3), ('peel', 4)]
    >>> compost_layers([("leaf", 3), ("peel", 4), ("leaf", 4)], 4)
    [('leaf', 4)]
    """
    heap: list[tuple[str, int]] = []
    for kind, litres in scraps:
        if heap and heap[-1][0] == kind:
            litres += heap.pop()[1]
        heap.append((kind, litres))
        over = sum(layer for _, layer in heap) - limit
        while over > 0:
            lowest, layer = heap.pop(0)
            if layer > over:
                heap.insert(0, (lowest, layer - over))
            over -= layer
    return heap


def test_compost_layers() -> None:
    assert compost_layers([("leaf", 3), ("leaf", 2), ("peel", 4)], 7) == [("leaf", 3), ("peel", 4)]
    assert compost_layers([("leaf", 3), ("peel", 4), ("leaf", 4)], 4) == [("leaf", 4)]
    assert compost_layers([], 4) == []
    assert compost_layers([("leaf", 9)], 4) == [("leaf", 4)]
    assert compost_layers([("a", 1), ("b", 1), ("a", 1)], 3) == [("a", 1), ("b", 1), ("a", 1)]
    assert compost_layers([("a", 1), ("b", 5)], 0) == []


def lighthouse_moss(stones: str, nights: int) -> str:
    """Moss "m" grows on a round lighthouse wall, written as one ring of stones: the last stone touches the first. Each
    night moss spreads to bare stones "." that touch it on exactly one side; a bare stone with moss on both sides is
    scratched clean by the wind and becomes sand "_", where nothing ever grows. Return the ring after so many nights.

    >>> lighthouse_moss("m....", 1)
    'mm..m'
    >>> lighthouse_moss("m.m..", 1)
    'm_mmm'
    """
    ring = stones
    for _ in range(nights):
        grown = ""
        for place, stone in enumerate(ring):
            mossy = (ring[place - 1] == "m") + (ring[(place + 1) % len(ring)] == "m")
            grown += stone if stone != "." else ".m_"[mossy]
        ring = grown
    return ring


def test_lighthouse_moss() -> None:
    assert lighthouse_moss("m....", 1) == "mm..m"
    assert lighthouse_moss("m.m..", 1) == "m_mmm"
    assert lighthouse_moss("m......", 2) == "mmm..mm"
    assert lighthouse_moss("m.....", 3) == "mmm_mm"
    assert lighthouse_moss("....", 9) == "...."
    assert lighthouse_moss("", 2) == ""
    assert lighthouse_moss("m_..", 0) == "m_.."
