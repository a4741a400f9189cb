"""Conditions"""


def ticket_class(age: int, student: bool, weekend: bool) -> str:
    """The zoo's price list: under 4 "free", under 16 "child", from 65 on "senior" but only on working days, students
    "reduced", everybody else "full". The first rule that fits decides.

    >>> ticket_class(70, student=False, weekend=False)
    'senior'
    >>> ticket_class(70, student=True, weekend=True)
    'reduced'
    """
    if age < 4:
        return "free"
    if age < 16:
        return "child"
    if age >= 65 and not weekend:
        return "senior"
    return "reduced" if student else "full"


def test_ticket_class() -> None:
    assert [ticket_class(age, False, False) for age in (3, 4, 15, 16, 64, 65)] == [
        "free",
        "child",
        "child",
        "full",
        "full",
        "senior",
    ]
    assert ticket_class(65, False, True) == "full"
    assert ticket_class(20, True, True) == "reduced"
    assert ticket_class(65, True, False) == "senior"
    assert ticket_class(15, True, False) == "child"


def washing_label(cotton: int, wool: int, silk: int) -> str:
    """A fabric's parts in per cent decide how to wash it. Any wool or silk of 10 or more makes it "hand"; otherwise
    cotton of 80 or more is "60", of 50 or more "40", and the rest is washed at "30". Parts below 0 or more than 100
    together are a ValueError.

    >>> washing_label(90, 10, 0)
    'hand'
    >>> washing_label(80, 9, 9)
    '60'
    """
    if min(cotton, wool, silk) < 0 or cotton + wool + silk > 100:
        raise ValueError("parts must add up to at most 100")
    if wool >= 10 or silk >= 10:
        return "hand"
    if cotton >= 80:
        return "60"
    return "40" if cotton >= 50 else "30"


def test_washing_label() -> None:
    assert washing_label(90, 0, 10) == "hand"
    assert washing_label(90, 10, 0) == "hand"
    assert [washing_label(c, 9, 0) for c in (80, 79, 50, 49)] == ["60", "40", "40", "30"]
    assert washing_label(0, 0, 0) == "30"
    for wrong in ((99, 1, 1), (-1, 0, 0)):
        try:
            washing_label(*wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def traffic_light(second: int) -> str:
    """A light repeats a cycle of 60 seconds: red for 30, red-yellow for 2, green for 25 and yellow for 3. What does it
    show after a given number of seconds since it was switched on?

    >>> traffic_light(31)
    'red-yellow'
    >>> traffic_light(60)
    'red'
    """
    moment = second % 60
    if moment < 30:
        return "red"
    if moment < 32:
        return "red-yellow"
    return "green" if moment < 57 else "yellow"


def test_traffic_light() -> None:
    assert [traffic_light(s) for s in (0, 29, 30, 31)] == ["red", "red", "red-yellow", "red-yellow"]
    assert [traffic_light(s) for s in (32, 56, 57, 59)] == ["green", "green", "yellow", "yellow"]
    assert traffic_light(60) == "red"
    assert traffic_light(6000 + 32) == "green"


def chess_queen(here: str, there: str) -> bool:
    """On an empty chessboard, may a queen go from one square to another in a single move? Squares are written like
    "d4". Standing still is not a move, and a square outside a1 to h8 is a ValueError.

    >>> chess_queen("d1", "h5")
    True
    >>> chess_queen("d1", "e3")
    False
    """
    for square in (here, there):
        if len(square) != 2 or square[0] not in "abcdefgh" or square[1] not in "12345678":
            raise ValueError(f"no such square: {square}")
    across = abs(ord(here[0]) - ord(there[0]))
    along = abs(int(here[1]) - int(there[1]))
    return here != there and (across == 0 or along == 0 or across == along)


def test_chess_queen() -> None:
    assert chess_queen("d1", "h5") is True
    assert chess_queen("h1", "a8") is True
    assert chess_queen("a1", "a8") is True
    assert chess_queen("c3", "g3") is True
    assert chess_queen("d1", "e3") is False
    assert chess_queen("d4", "d4") is False
    for wrong in ("i1", "a9", "a0", "a", "a10"):
        try:
            chess_queen("a1", wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def weather_advice(celsius: float, wind: float, rain: bool) -> list[str]:
    """What should a cyclist wear? Below 5 degrees "gloves"; below 12, or below 16 when the wind exceeds 30 km/h,
    "jacket"; "raincoat" instead of the jacket if it rains, and in rain also when it is warm; "sunglasses" from 18
    on without rain. List the things in this order.

    >>> weather_advice(14, wind=35, rain=False)
    ['jacket']
    >>> weather_advice(3, wind=0, rain=True)
    ['gloves', 'raincoat']
    """
    things = []
    if celsius < 5:
        things.append("gloves")
    if rain:
        things.append("raincoat")
    elif celsius < 12 or (celsius < 16 and wind > 30):
        things.append("jacket")
    elif celsius >= 18:
        things.append("sunglasses")
    return things


def test_weather_advice() -> None:
    assert weather_advice(14, 35, False) == ["jacket"]
    assert weather_advice(14, 30, False) == []
    assert weather_advice(16, 99, False) == []
    assert [weather_advice(t, 0, False) for t in (4.9, 5)] == [["gloves", "jacket"], ["jacket"]]
    assert [weather_advice(t, 0, False) for t in (11.9, 12)] == [["jacket"], []]
    assert weather_advice(18, 0, False) == ["sunglasses"]
    assert weather_advice(25, 0, True) == ["raincoat"]


def card_beats(first: str, second: str, trump: str) -> bool:
    """In a trick of a card game, does the second card beat the first? Cards are a rank of "789XJQKA" (weak to
    strong) and a suit letter. A trump beats every other suit; within a suit the higher rank wins; a card of another
    suit that is no trump never wins.

    >>> card_beats("Kh", "7s", trump="s")
    True
    >>> card_beats("7h", "Ac", trump="s")
    False
    """
    ranks = "789XJQKA"
    if first[1] == second[1]:
        return ranks.index(second[0]) > ranks.index(first[0])
    return second[1] == trump


def test_card_beats() -> None:
    assert card_beats("Kh", "7s", "s") is True
    assert card_beats("7h", "Ac", "s") is False
    assert card_beats("7s", "Ah", "s") is False
    assert card_beats("Xs", "Js", "s") is True
    assert card_beats("Js", "Xs", "s") is False
    assert card_beats("9h", "Xh", "c") is True


def elevator_choice(floor: int, going_up: bool, lifts: list[tuple[int, str]]) -> int | None:
    """Somebody presses the button on a floor. A lift (its floor, "up", "down" or "idle") can come if it is idle, or
    if it moves towards that floor in the wanted direction or stands there in that direction. Choose the nearest
    lift, the first in the list of equals; return its index, or None when none can come.

    >>> elevator_choice(5, True, [(3, "up"), (6, "idle")])
    1
    >>> elevator_choice(5, True, [(7, "up"), (4, "down")]) is None
    True
    """
    best: int | None = None
    for index, (at, state) in enumerate(lifts):
        coming = state == "idle" or (
            (state == "up" and going_up and at <= floor) or (state == "down" and not going_up and at >= floor)
        )
        if coming and (best is None or abs(at - floor) < abs(lifts[best][0] - floor)):
            best = index
    return best


def test_elevator_choice() -> None:
    assert elevator_choice(5, True, [(3, "up"), (6, "idle")]) == 1
    assert elevator_choice(5, True, [(7, "up"), (4, "down")]) is None
    assert elevator_choice(5, False, [(3, "up"), (9, "down"), (0, "idle")]) == 1
    assert elevator_choice(5, True, [(5, "up"), (5, "idle")]) == 0
    assert elevator_choice(5, True, [(7, "idle"), (3, "up")]) == 0
    assert elevator_choice(5, False, [(5, "down")]) == 0
    assert elevator_choice(5, False, [(5, "up")]) is None
