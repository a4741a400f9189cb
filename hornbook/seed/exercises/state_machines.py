"""Parsing and languages / state machines"""


def turnstile(events: str) -> tuple[int, int]:
    """The gate of a zoo takes a coin ("c") and then lets one visitor push through ("p"). A second coin before the push
    is lost, and a push at the locked gate rings a bell. Return how many visitors went through and how often the bell
    rang.

    >>> turnstile("cpp")
    (1, 1)
    >>> turnstile("ccpcp")
    (2, 0)
    """
    locked = True
    visitors = rings = 0
    for event in events:
        if event == "c":
            locked = False
        elif locked:
            rings += 1
        else:
            visitors += 1
            locked = True
    return visitors, rings


def test_turnstile() -> None:
    assert turnstile("") == (0, 0)
    assert turnstile("c") == (0, 0)
    assert turnstile("ppp") == (0, 3)
    assert turnstile("cccp") == (1, 0)
    assert turnstile("pcpcppp") == (2, 3)


def garage_door(events: list[str]) -> list[str]:
    """A garage door is "closed", "opening", "open", "closing" or "stopped". The button opens a closed or stopped door,
    closes an open one, and stops a moving one. "end" comes when a moving door has arrived, and "beam" when something
    stands in the way: a closing door then opens again. What is not mentioned changes nothing. Start closed and return
    the state after each event.

    >>> garage_door(["button", "end", "button", "beam"])
    ['opening', 'open', 'closing', 'opening']
    >>> garage_door(["beam", "button", "button", "end"])
    ['closed', 'opening', 'stopped', 'stopped']
    """
    moves = {
        ("closed", "button"): "opening",
        ("stopped", "button"): "opening",
        ("open", "button"): "closing",
        ("opening", "button"): "stopped",
        ("closing", "button"): "stopped",
        ("opening", "end"): "open",
        ("closing", "end"): "closed",
        ("closing", "beam"): "opening",
    }
    state = "closed"
    history = []
    for event in events:
        state = moves.get((state, event), state)
        history.append(state)
    return history


def test_garage_door() -> None:
    assert garage_door([]) == []
    assert garage_door(["end", "beam"]) == ["closed", "closed"]
    assert garage_door(["button", "beam", "end", "end"]) == ["opening", "opening", "open", "open"]
    assert garage_door(["button", "end", "button", "end"]) == ["opening", "open", "closing", "closed"]
    stops = garage_door(["button", "end", "button", "button", "beam", "button"])
    assert stops == ["opening", "open", "closing", "stopped", "stopped", "opening"]


def code_without_remarks(line: str) -> str:
    """In a small language a remark begins with "#" and goes on to the end of the line, but inside a text in double
    quotes "#" is a sign like any other. Return the line without its remark and without blanks at the end. A text that
    is never closed reaches to the end of the line.

    >>> code_without_remarks('say "room #4"  # to the guest')
    'say "room #4"'
    >>> code_without_remarks("# all remark")
    ''
    """
    in_text = False
    for place, sign in enumerate(line):
        if sign == '"':
            in_text = not in_text
        elif sign == "#" and not in_text:
            return line[:place].rstrip()
    return line.rstrip()


def test_code_without_remarks() -> None:
    assert code_without_remarks("go left") == "go left"
    assert code_without_remarks("go left ") == "go left"
    assert code_without_remarks('a "b" # "c"') == 'a "b"'
    assert code_without_remarks('a "b # c') == 'a "b # c'
    assert code_without_remarks('""#""') == '""'
    assert code_without_remarks("  x#y#z") == "  x"


def read_flashes(light: str) -> str:
    """A lighthouse keeper notes every half second whether the other tower is bright ("1") or dark ("0"). Up to two
    bright signs in a row are a short flash ".", three or more a long one "-". Four or more dark signs in a row end a
    word: they become one blank, except before the first and after the last flash.

    >>> read_flashes("1011101")
    '.-.'
    >>> read_flashes("000011000001111")
    '. -'
    """
    read = ""
    kind, length = "0", 0
    # One more sign of neither kind ends the last run.
    for sign in light + "x":
        if sign == kind:
            length += 1
            continue
        if kind == "1":
            read += "-" if length >= 3 else "."
        elif length >= 4:
            read += " "
        kind, length = sign, 1
    return read.strip()


def test_read_flashes() -> None:
    assert read_flashes("") == ""
    assert read_flashes("0000000") == ""
    assert read_flashes("11") == "."
    assert read_flashes("111") == "-"
    assert read_flashes("1000100001") == ".. ."
    assert read_flashes("1111011000011100000") == "-. -"
    assert read_flashes("01000000000010") == ". ."


def plain_signs(text: str) -> str:
    """Cheap label printers cannot print every sign, so a backslash changes the meaning of the next letter: \\n is a
    new line, \\s is a star "*", \\\\ is the backslash itself, and \\u makes the next sign a capital, whatever it is;
    that changes nothing for a star or a digit. Any other letter after a backslash, or none, is a ValueError.

    >>> plain_signs("\\\\utea\\\\s\\\\n12")
    'Tea*\\n12'
    >>> plain_signs("a\\\\\\\\b")
    'a\\\\b'
    """
    meanings = {"n": "\n", "s": "*", "\\": "\\"}
    shown = ""
    escaped = capital = False
    for sign in text:
        if escaped:
            escaped = False
            if sign == "u":
                capital = True
                continue
            if sign not in meanings:
                raise ValueError(f"no such sign: \\{sign}")
            shown += meanings[sign]
        elif sign == "\\":
            escaped = True
            continue
        else:
            shown += sign.upper() if capital else sign
        capital = False
    if escaped:
        raise ValueError("the text ends in the middle of a sign")
    return shown


def test_plain_signs() -> None:
    assert plain_signs("") == ""
    assert plain_signs("plain") == "plain"
    assert plain_signs("\\uab\\uc") == "AbC"
    assert plain_signs("\\\\n\\n") == "\\n\n"
    assert plain_signs("\\u\\sab") == "*ab"
    assert plain_signs("\\u\\u\\ux") == "X"
    for wrong in ("\\", "a\\x", "\\\\\\", "\\N"):
        try:
            plain_signs(wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


class SafeDial:
    """A toy safe opens when the digits of its secret are dialled one after another. `dial(digit)` returns "ok" for the
    right next digit, "open" for the last one, and "wrong" otherwise; a wrong digit means starting from the first one
    again. After the third wrong digit since the safe was closed, every answer is "locked". `close()` closes an open
    safe for a new try; a locked one stays locked.

    >>> safe = SafeDial([7, 3])
    >>> [safe.dial(digit) for digit in (7, 1, 3, 7, 3)]
    ['ok', 'wrong', 'wrong', 'ok', 'open']
    >>> safe.close()
    >>> [safe.dial(digit) for digit in (1, 1, 1, 7)]
    ['wrong', 'wrong', 'wrong', 'locked']
    """

    def __init__(self, secret: list[int]) -> None:
        self.secret = list(secret)
        self.place = 0
        self.mistakes = 0

    def dial(self, digit: int) -> str:
        if self.mistakes == 3:
            return "locked"
        if self.place == len(self.secret):
            return "open"
        if digit != self.secret[self.place]:
            self.place = 0
            self.mistakes += 1
            return "wrong"
        self.place += 1
        return "open" if self.place == len(self.secret) else "ok"

    def close(self) -> None:
        if self.mistakes < 3:
            self.place = self.mistakes = 0


def test_SafeDial() -> None:
    safe = SafeDial([1, 2, 3])
    assert [safe.dial(d) for d in (1, 2, 2, 1, 2, 3)] == ["ok", "ok", "wrong", "ok", "ok", "open"]
    assert safe.dial(9) == "open"
    safe.close()
    assert [safe.dial(d) for d in (3, 2, 1, 1)] == ["wrong", "wrong", "ok", "wrong"]
    safe.close()
    assert safe.dial(1) == "locked"
    assert SafeDial([5]).dial(5) == "open"


def button_gestures(edges: list[int], long_press: int = 500, double_gap: int = 300) -> list[str]:
    """One button on a lamp must do for everything. Its log holds times in milliseconds: pressed, released, pressed,
    released and so on. A press of at least `long_press` is "long". A shorter one is a "click", unless the next press
    begins at most `double_gap` after its release and is short as well: then both together are a "double". Three short
    presses in a row are a double and a click.

    >>> button_gestures([0, 90, 300, 380, 2000, 2700])
    ['double', 'long']
    >>> button_gestures([0, 90, 391, 480])
    ['click', 'click']
    """
    presses = list(zip(edges[::2], edges[1::2], strict=True))
    gestures: list[str] = []
    # The release of a short press that may still become the first half of a double.
    waiting: int | None = None
    for pressed, released in presses:
        if released - pressed >= long_press:
            gestures.append("long")
            waiting = None
        elif waiting is not None and pressed - waiting <= double_gap:
            gestures[-1] = "double"
            waiting = None
        else:
            gestures.append("click")
            waiting = released
    return gestures


def test_button_gestures() -> None:
    assert button_gestures([]) == []
    assert button_gestures([0, 499]) == ["click"]
    assert button_gestures([0, 500]) == ["long"]
    assert button_gestures([0, 50, 350, 400]) == ["double"]
    assert button_gestures([0, 50, 100, 150, 200, 250]) == ["double", "click"]
    assert button_gestures([0, 50, 100, 700, 750, 800]) == ["click", "long", "click"]
    assert button_gestures([0, 50, 70, 90], long_press=50, double_gap=20) == ["long", "click"]
    assert button_gestures([0, 9, 20, 29, 40, 49, 60, 69]) == ["double", "double"]


def where_is_the_cat(doors: dict[str, list[tuple[str, str]]], start: str, sounds: list[str]) -> list[str]:
    """A cat walks through a dark house. For each room, `doors` lists (sound, next room): what is heard when the cat
    goes that way. The same sound may lead to several rooms, so after some sounds the cat may be in one of several
    places. List the rooms, in alphabetical order, in which it can be after it was in `start` and all the sounds were
    heard; an empty list means that somebody must have misheard.

    >>> house = {"hall": [("creak", "attic"), ("creak", "cellar")], "attic": [("thump", "hall")]}
    >>> where_is_the_cat(house, "hall", ["creak"])
    ['attic', 'cellar']
    >>> where_is_the_cat(house, "hall", ["creak", "thump"])
    ['hall']
    """
    possible = {start}
    for heard in sounds:
        possible = {beyond for room in possible for sound, beyond in doors.get(room, []) if sound == heard}
    return sorted(possible)


def test_where_is_the_cat() -> None:
    house = {"a": [("x", "b"), ("x", "c"), ("y", "a")], "b": [("x", "c"), ("y", "d")], "c": [("x", "a"), ("y", "d")]}
    assert where_is_the_cat(house, "a", []) == ["a"]
    assert where_is_the_cat(house, "a", ["x", "x"]) == ["a", "c"]
    assert where_is_the_cat(house, "a", ["x", "x", "y"]) == ["a", "d"]
    assert where_is_the_cat(house, "a", ["x", "y"]) == ["d"]
    assert where_is_the_cat(house, "d", ["x"]) == []
    assert where_is_the_cat(house, "a", ["y", "y", "z"]) == []
