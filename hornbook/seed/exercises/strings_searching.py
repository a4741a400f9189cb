"""Strings / replacing and translating"""


def redact_card(text: str, keep: int = 4) -> str:
    """Hide a card number before it is printed on a receipt: every digit except the last `keep` becomes `#`.
    Spaces and dashes stay where they are, so that the groups remain readable.

    >>> redact_card("4929 1212 3456 7890")
    '#### #### #### 7890'
    >>> redact_card("12-34", keep=1)
    '##-#4'
    """
    to_hide = sum(ch.isdigit() for ch in text) - keep
    shown = []
    for ch in text:
        if ch.isdigit() and to_hide > 0:
            shown.append("#")
            to_hide -= 1
        else:
            shown.append(ch)
    return "".join(shown)


def test_redact_card() -> None:
    assert redact_card("4929 1212 3456 7890") == "#### #### #### 7890"
    assert redact_card("123") == "123"
    assert redact_card("12345") == "#2345"
    assert redact_card("9-9", keep=0) == "#-#"
    assert redact_card("") == ""
    assert redact_card("no digits", keep=2) == "no digits"


def clue_positions(page: str, clue: str) -> list[tuple[int, int]]:
    """A treasure hunter marks where a clue starts on a page of several lines. Give each place as (line, column),
    both counted from 1, and ignore upper and lower case. Places may overlap: "ana" starts twice in "banana".

    >>> clue_positions("Banana\\nan ANA", "ana")
    [(1, 2), (1, 4), (2, 4)]
    >>> clue_positions("nothing here", "gold")
    []
    """
    found = []
    wanted = clue.lower()
    for row, line in enumerate(page.lower().splitlines(), start=1):
        start = line.find(wanted)
        while start != -1:
            found.append((row, start + 1))
            # Move on by one letter only, or overlapping places would be missed.
            start = line.find(wanted, start + 1)
    return found


def test_clue_positions() -> None:
    assert clue_positions("Banana\nan ANA", "ana") == [(1, 2), (1, 4), (2, 4)]
    assert clue_positions("xx\nxx", "XX") == [(1, 1), (2, 1)]
    assert clue_positions("aaaa", "aa") == [(1, 1), (1, 2), (1, 3)]
    assert clue_positions("", "a") == []
    assert clue_positions("\n\nend", "end") == [(3, 1)]


def between_markers(text: str, start: str, end: str) -> str | None:
    """Editors often hide a note between two markers. Return the text between the first `start` marker and the
    nearest `end` marker after it, without blanks around it; return None if either marker is missing.

    >>> between_markers("Dear all [[ call Bo ]] bye", "[[", "]]")
    'call Bo'
    >>> between_markers("]] wrong order [[", "[[", "]]") is None
    True
    """
    _, opened, rest = text.partition(start)
    inside, closed, _ = rest.partition(end)
    if not opened or not closed:
        return None
    return inside.strip()


def test_between_markers() -> None:
    assert between_markers("a <b> c <d>", "<", ">") == "b"
    assert between_markers("x [[]] y", "[[", "]]") == ""
    assert between_markers("no end [[ here", "[[", "]]") is None
    assert between_markers("no start ]] here", "[[", "]]") is None
    assert between_markers("|mid|rest|", "|", "|") == "mid"
    assert between_markers("", "(", ")") is None


def swap_names(script: str, one: str, other: str) -> str:
    """The director has exchanged two roles. Swap both names wherever they stand as whole words in the script; a
    name inside a longer word ("Ann" in "Annual") is left alone. Words are separated by single blanks, and a word
    may carry one or more of the signs `.,!?:` at its end.

    >>> swap_names("Ann greets Bob. Bob: hello, Ann!", "Ann", "Bob")
    'Bob greets Ann. Ann: hello, Bob!'
    >>> swap_names("Annual Ann", "Ann", "Bob")
    'Annual Bob'
    """
    partner = {one: other, other: one}
    swapped = []
    for word in script.split(" "):
        core = word.rstrip(".,!?:")
        swapped.append(partner.get(core, core) + word[len(core) :])
    return " ".join(swapped)


def test_swap_names() -> None:
    assert swap_names("Ann greets Bob. Bob: hello, Ann!", "Ann", "Bob") == "Bob greets Ann. Ann: hello, Bob!"
    assert swap_names("Kit, Kitty?!", "Kit", "Mo") == "Mo, Kitty?!"
    assert swap_names("nobody here", "Ann", "Bob") == "nobody here"
    assert swap_names("", "A", "B") == ""
    assert swap_names("A  B", "A", "B") == "B  A"


def first_difference(old: str, new: str) -> str:
    """Proofreaders want to know where two versions of a line part. Answer "same" when they do not; otherwise
    "at N: X -> Y", where N counts from 1 and X and Y are the characters there, or "end" for the version that has
    stopped already.

    >>> first_difference("the cat", "the cut")
    'at 6: a -> u'
    >>> first_difference("the", "then")
    'at 4: end -> n'
    """
    from itertools import zip_longest

    for place, (before, after) in enumerate(zip_longest(old, new, fillvalue="end"), start=1):
        if before != after:
            return f"at {place}: {before} -> {after}"
    return "same"


def test_first_difference() -> None:
    assert first_difference("same", "same") == "same"
    assert first_difference("", "") == "same"
    assert first_difference("x", "") == "at 1: x -> end"
    assert first_difference("abc", "abd") == "at 3: c -> d"
    assert first_difference("Abc", "abc") == "at 1: A -> a"


def expand_abbreviations(line: str, table: dict[str, str]) -> str:
    """Old letters are full of abbreviations that end in a full stop, such as "Yr." for "Your". Replace each word
    that is in the table, keep a capital first letter if the abbreviation had one, and leave unknown words alone.
    The table's keys are in lower case and include the full stop.

    >>> expand_abbreviations("Yr. obt. friend", {"yr.": "your", "obt.": "obedient"})
    'Your obedient friend'
    >>> expand_abbreviations("recd. etc.", {"recd.": "received"})
    'received etc.'
    """
    words = []
    for word in line.split():
        full = table.get(word.lower())
        if full is None:
            words.append(word)
        elif word[0].isupper():
            words.append(full[0].upper() + full[1:])
        else:
            words.append(full)
    return " ".join(words)


def test_expand_abbreviations() -> None:
    table = {"yr.": "your", "st.": "saint McX"}
    assert expand_abbreviations("yr. Yr. yr", table) == "your Your yr"
    assert expand_abbreviations("St. Anne", table) == "Saint McX Anne"
    assert expand_abbreviations("", table) == ""
    assert expand_abbreviations("plain words", {}) == "plain words"
    assert expand_abbreviations("YR.", table) == "Your"


def longest_echo(sound: str) -> str:
    """An echo is a piece of text that is followed at once by itself, like "ha" in "haha". Find the longest piece
    that is echoed somewhere in the sound; among equally long ones take the one that comes first. The answer is
    empty when nothing is echoed.

    >>> longest_echo("tick tick boom")
    'tick '
    >>> longest_echo("abc")
    ''
    """
    for size in range(len(sound) // 2, 0, -1):
        for start in range(len(sound) - 2 * size + 1):
            piece = sound[start : start + size]
            if sound.startswith(piece, start + size):
                return piece
    return ""


def test_longest_echo() -> None:
    assert longest_echo("haha") == "ha"
    assert longest_echo("aab") == "a"
    assert longest_echo("xyzyzx") == "yz"
    assert longest_echo("abaabb") == "a"
    assert longest_echo("") == ""
    assert longest_echo("aaaaa") == "aa"


def wildcard_match(pattern: str, name: str) -> bool:
    """Decide whether a file name fits a pattern in which `?` stands for exactly one character and `*` for any
    number of characters, none included. The whole name must fit, and every other character stands for itself.

    >>> wildcard_match("report-??.t*", "report-07.txt")
    True
    >>> wildcard_match("*.py", "notes.pyc")
    False
    """
    # reachable holds every length of the name's beginning that the pattern read so far can cover.
    reachable = {0}
    for sign in pattern:
        if sign == "*":
            reachable = set(range(min(reachable), len(name) + 1)) if reachable else set()
        else:
            reachable = {n + 1 for n in reachable if n < len(name) and sign in ("?", name[n])}
    return len(name) in reachable


def test_wildcard_match() -> None:
    assert wildcard_match("a*b*c", "aXXbYYc") is True
    assert wildcard_match("a*b*c", "acb") is False
    assert wildcard_match("*", "") is True
    assert wildcard_match("?", "") is False
    assert wildcard_match("??", "ab") is True
    assert wildcard_match("", "a") is False
    assert wildcard_match("x*", "yx") is False
