"""Dictionaries"""

from collections import ChainMap, Counter, OrderedDict, defaultdict, deque


def letter_soup(word: str, letters: str) -> str:
    """Can a word be laid with the letters from a soup plate, each used once? Answer "yes", or the missing letters in
    alphabetical order, a letter as often as it is missing. Capitals count as small letters.

    >>> letter_soup("Noodle", "oodleen")
    'yes'
    >>> letter_soup("noodle", "nodle")
    'o'
    """
    # Subtracting counters drops whatever falls to zero or below.
    missing = Counter(word.lower()) - Counter(letters.lower())
    return "".join(sorted(missing.elements())) or "yes"


def test_letter_soup() -> None:
    assert letter_soup("Noodle", "oodleen") == "yes"
    assert letter_soup("noodle", "nodle") == "o"
    assert letter_soup("aab", "") == "aab"
    assert letter_soup("zza", "Z") == "az"
    assert letter_soup("", "x") == "yes"


def jersey_numbers(players: list[tuple[str, int]]) -> dict[int, list[str]]:
    """Two players of a team must not wear the same number. Return each number that more than one player asked for, in
    rising order, with the names of the players in the order of asking.

    >>> jersey_numbers([("Ana", 7), ("Bea", 9), ("Cid", 7)])
    {7: ['Ana', 'Cid']}
    >>> jersey_numbers([("Ana", 7)])
    {}
    """
    wearers: defaultdict[int, list[str]] = defaultdict(list)
    for name, number in players:
        wearers[number].append(name)
    return {number: wearers[number] for number in sorted(wearers) if len(wearers[number]) > 1}


def test_jersey_numbers() -> None:
    assert jersey_numbers([("Ana", 7), ("Bea", 9), ("Cid", 7)]) == {7: ["Ana", "Cid"]}
    assert list(jersey_numbers([("a", 9), ("b", 2), ("c", 9), ("d", 2)])) == [2, 9]
    assert jersey_numbers([("z", 1), ("y", 1), ("x", 1)]) == {1: ["z", "y", "x"]}
    assert jersey_numbers([]) == {}


def last_messages(chat: list[tuple[str, str]], keep: int) -> dict[str, list[str]]:
    """A chat room remembers only the last few messages of each person. From (person, message) pairs in order of time
    return what is remembered, with the people in the order of their first message.

    >>> last_messages([("Al", "hi"), ("Bo", "hey"), ("Al", "tea?"), ("Al", "now!")], keep=2)
    {'Al': ['tea?', 'now!'], 'Bo': ['hey']}
    >>> last_messages([], keep=2)
    {}
    """
    memory: dict[str, deque[str]] = {}
    for person, message in chat:
        # A deque with a maximal length forgets its oldest entry by itself.
        memory.setdefault(person, deque(maxlen=keep)).append(message)
    return {person: list(messages) for person, messages in memory.items()}


def test_last_messages() -> None:
    chat = [("Al", "hi"), ("Bo", "hey"), ("Al", "tea?"), ("Al", "now!")]
    assert last_messages(chat, 2) == {"Al": ["tea?", "now!"], "Bo": ["hey"]}
    assert last_messages(chat, 1) == {"Al": ["now!"], "Bo": ["hey"]}
    assert last_messages(chat, 9) == {"Al": ["hi", "tea?", "now!"], "Bo": ["hey"]}
    assert last_messages(chat, 0) == {"Al": [], "Bo": []}
    assert last_messages([], 2) == {}


def effective_settings(*layers: dict[str, str]) -> dict[str, tuple[str, int]]:
    """Settings come in layers, the strongest first: the command line, the user's file, the defaults. Return for every
    setting, in alphabetical order, its value and the number of the layer, from 0, that decided it.

    >>> effective_settings({"font": "mono"}, {"font": "serif", "size": "12"})
    {'font': ('mono', 0), 'size': ('12', 1)}
    >>> effective_settings()
    {}
    """
    combined = ChainMap(*layers)
    return {
        name: (combined[name], next(number for number, layer in enumerate(layers) if name in layer))
        for name in sorted(combined)
    }


def test_effective_settings() -> None:
    assert effective_settings({"font": "mono"}, {"font": "serif", "size": "12"}) == {
        "font": ("mono", 0),
        "size": ("12", 1),
    }
    assert effective_settings({}, {}, {"a": "x"}) == {"a": ("x", 2)}
    assert list(effective_settings({"z": "1"}, {"a": "2"})) == ["a", "z"]
    assert effective_settings({"a": ""}, {"a": "full"}) == {"a": ("", 0)}
    assert effective_settings() == {}


def dice_histogram(rolls: list[int], sides: int = 6) -> list[str]:
    """Draw how often each side of a die came up: one line "side: ###" for each side from 1 on, with one mark for each
    roll. A roll that the die cannot show is a ValueError.

    >>> dice_histogram([1, 3, 3], sides=3)
    ['1: #', '2:', '3: ##']
    >>> dice_histogram([], sides=2)
    ['1:', '2:']
    """
    counts = Counter(rolls)
    if any(roll not in range(1, sides + 1) for roll in counts):
        raise ValueError("a roll is impossible")
    return [f"{side}: {'#' * counts[side]}".rstrip() for side in range(1, sides + 1)]


def test_dice_histogram() -> None:
    assert dice_histogram([1, 3, 3], 3) == ["1: #", "2:", "3: ##"]
    assert dice_histogram([6, 6])[-1] == "6: ##"
    assert dice_histogram([], 2) == ["1:", "2:"]
    for wrong in ([0], [7], [1, 2, -1]):
        try:
            dice_histogram(wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


class RecentFiles:
    """An editor's menu of recently opened files. `open(name)` puts a file on top, moving it up if it is listed already,
    and drops the lowest entry beyond `room`; `pin(name)` protects a listed file from being dropped (an unknown one is
    a KeyError). `menu()` lists the files from the top, with a star after the pinned ones.

    >>> recent = RecentFiles(room=2)
    >>> for name in ("a.txt", "b.txt", "a.txt", "c.txt"):
    ...     recent.open(name)
    >>> recent.menu()
    ['c.txt', 'a.txt']
    >>> recent.pin("a.txt")
    >>> recent.open("d.txt")
    >>> recent.menu()
    ['d.txt', 'a.txt*']
    """

    def __init__(self, room: int) -> None:
        self.room = room
        self.files: OrderedDict[str, bool] = OrderedDict()

    def open(self, name: str) -> None:
        self.files.setdefault(name, False)
        self.files.move_to_end(name)
        loose = [other for other, pinned in self.files.items() if not pinned and other != name]
        if len(self.files) > self.room and loose:
            del self.files[loose[0]]

    def pin(self, name: str) -> None:
        if name not in self.files:
            raise KeyError(name)
        self.files[name] = True

    def menu(self) -> list[str]:
        return [name + "*" * pinned for name, pinned in reversed(self.files.items())]


def test_RecentFiles() -> None:
    recent = RecentFiles(2)
    assert recent.menu() == []
    for name in "aba":
        recent.open(name)
    assert recent.menu() == ["a", "b"]
    recent.pin("b")
    recent.open("c")
    assert recent.menu() == ["c", "b*"]
    recent.pin("c")
    recent.open("d")
    assert recent.menu() == ["d", "c*", "b*"]
    recent.open("e")
    assert recent.menu() == ["e", "c*", "b*"]
    try:
        recent.pin("zzz")
    except KeyError:
        pass
    else:
        raise AssertionError("expected KeyError")
