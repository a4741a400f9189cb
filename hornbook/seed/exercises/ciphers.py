"""Strings / Caesar and Vigenere ciphers"""

from collections import Counter
from string import ascii_lowercase


def robber_talk(sentence: str) -> str:
    """Swedish children speak the robbers' language: every consonant is said twice with an "o" between, and all the rest
    stays. The second of the two is always a small letter. The vowels are a, e, i, o, u and y.

    >>> robber_talk("Hej du!")
    'Hohejoj dodu!'
    >>> robber_talk("aye")
    'aye'
    """
    spoken = []
    for sign in sentence:
        # Digits and blanks are no letters, so they must not be doubled either.
        is_consonant = sign.isalpha() and sign.lower() not in "aeiouy"
        spoken.append(f"{sign}o{sign.lower()}" if is_consonant else sign)
    return "".join(spoken)


def test_robber_talk() -> None:
    assert robber_talk("Hej du!") == "Hohejoj dodu!"
    assert robber_talk("B") == "Bob"
    assert robber_talk("AYE 42?") == "AYE 42?"
    assert robber_talk("") == ""
    assert robber_talk("xyz") == "xoxyzoz"


def tap_code(word: str) -> list[tuple[int, int]]:
    """Prisoners tap on a pipe. The letters A to Z without K fill a square of five rows, row by row, and each letter is
    tapped as its row and its column, both counted from 1. K is tapped as C; anything that is no letter is left out.

    >>> tap_code("Bake")
    [(1, 2), (1, 1), (1, 3), (1, 5)]
    >>> tap_code("z!")
    [(5, 5)]
    """
    square = ascii_lowercase.replace("k", "")
    taps = []
    for letter in word.lower().replace("k", "c"):
        if letter in square:
            row, column = divmod(square.index(letter), 5)
            taps.append((row + 1, column + 1))
    return taps


def test_tap_code() -> None:
    assert tap_code("a") == [(1, 1)]
    assert tap_code("KC") == [(1, 3), (1, 3)]
    assert tap_code("f j l") == [(2, 1), (2, 5), (3, 1)]
    assert tap_code("Quiz") == [(4, 1), (4, 5), (2, 4), (5, 5)]
    assert tap_code("7 - ?") == []


def letters_in_hiding(letter: str, places: list[int]) -> str:
    """A harmless letter hides a message: take the first number's letter of the first word, the second number's letter
    of the second word, and so on (counted from 1); when the numbers are used up they begin again. A word that is too
    short hides nothing, but it uses up its number.

    >>> letters_in_hiding("she came by river", [1, 2])
    'sabi'
    >>> letters_in_hiding("my old hat", [3, 1, 2])
    'oa'
    """
    found = ""
    for number, word in enumerate(letter.split()):
        place = places[number % len(places)]
        found += word[place - 1 : place]
    return found


def test_letters_in_hiding() -> None:
    assert letters_in_hiding("some apples visibly end", [1]) == "save"
    assert letters_in_hiding("ab cd ef", [2]) == "bdf"
    assert letters_in_hiding("ab cd ef", [2, 1]) == "bcf"
    assert letters_in_hiding("a bcd", [2, 3]) == "d"
    assert letters_in_hiding("", [4]) == ""


def book_cipher(page: list[str], numbers: str) -> str:
    """Two spies own the same book. A message is a row of places such as "2.1.3": line, word and letter, each counted
    from 1. Return the letters; a place that the page does not have is shown as "?".

    >>> book_cipher(["Call me Ishmael", "Some years ago"], "1.3.1 2.2.5 2.3.3")
    'Iso'
    >>> book_cipher(["Call me"], "1.2.2 1.3.1")
    'e?'
    """
    message = []
    for place in numbers.split():
        line, word, letter = (int(part) for part in place.split("."))
        # A place 0 would otherwise count from the end, silently.
        if min(line, word, letter) < 1:
            message.append("?")
            continue
        try:
            message.append(page[line - 1].split()[word - 1][letter - 1])
        except IndexError:
            message.append("?")
    return "".join(message)


def test_book_cipher() -> None:
    page = ["one two", "", "three four five"]
    assert book_cipher(page, "1.1.1 3.2.4 3.3.4") == "ore"
    assert book_cipher(page, "2.1.1 4.1.1 1.3.1 1.1.4") == "????"
    assert book_cipher(page, "0.1.1 1.0.1 1.1.0") == "???"
    assert book_cipher(page, "") == ""
    assert book_cipher(["x"], "1.1.1") == "x"


def rail_fence(message: str, rails: int) -> str:
    """Write a message along a zigzag: down over the rails, up again, and so on, one sign a step. Then read the rails
    from the top one to the bottom one. With three rails, "WEAREHERE" is written as

    W...E...E
    .E.R.H.R.
    ..A...E..

    >>> rail_fence("WEAREHERE", 3)
    'WEEERHRAE'
    >>> rail_fence("HELLO", 1)
    'HELLO'
    """
    rows = [""] * rails
    row, step = 0, 1
    for sign in message:
        rows[row] += sign
        if not 0 <= row + step < rails:
            step = -step
        # With a single rail there is nowhere to go.
        if rails > 1:
            row += step
    return "".join(rows)


def test_rail_fence() -> None:
    assert rail_fence("abcdef", 2) == "acebdf"
    assert rail_fence("abcdefg", 3) == "aebdfcg"
    assert rail_fence("abcdefgh", 4) == "agbfhced"
    assert rail_fence("abc", 5) == "abc"
    assert rail_fence("", 3) == ""
    assert rail_fence("xyz", 1) == "xyz"


def garden_path(message: str, key: str) -> str:
    """A message without blanks is written into rows under a key word, one letter under each of the key's letters. The
    columns are then read downwards, in the alphabetical order of the key's letters; equal letters go from left to
    right. The last row may be incomplete.

    >>> garden_path("meetmeatnoon", "PEAR")
    'eaoeeommnttn'
    >>> garden_path("abcde", "AA")
    'acebd'
    """
    order = sorted(range(len(key)), key=lambda column: (key[column], column))
    return "".join(message[column :: len(key)] for column in order)


def test_garden_path() -> None:
    assert garden_path("abcdef", "CAB") == "becfad"
    assert garden_path("abcdefg", "CAB") == "becfadg"
    assert garden_path("abcdefgh", "TOOT") == "bfcgaedh"
    assert garden_path("ab", "ZEBRA") == "ba"
    assert garden_path("", "KEY") == ""


def crib_table(secret: str, plain: str) -> dict[str, str] | None:
    """A breaker of ciphers guesses that a secret text means a certain plain text, letter by letter. If that can be,
    with each secret letter always standing for the same plain one and no two for the same, return the table from
    secret to plain letters, else None. Signs other than letters must be equal in both and are not in the table.

    >>> crib_table("xqqa b-a", "moon i-n")
    {'x': 'm', 'q': 'o', 'a': 'n', 'b': 'i'}
    >>> crib_table("aab", "moo") is None
    True
    """
    if len(secret) != len(plain):
        return None
    table: dict[str, str] = {}
    for hidden, shown in zip(secret, plain, strict=True):
        if not hidden.isalpha() or not shown.isalpha():
            if hidden != shown:
                return None
        elif table.setdefault(hidden, shown) != shown:
            return None
    return table if len(set(table.values())) == len(table) else None


def test_crib_table() -> None:
    assert crib_table("abc", "xyz") == {"a": "x", "b": "y", "c": "z"}
    assert crib_table("abb", "xyy") == {"a": "x", "b": "y"}
    assert crib_table("ab", "xx") is None
    assert crib_table("aa", "xy") is None
    assert crib_table("ab", "xyz") is None
    assert crib_table("a b", "x-y") is None
    assert crib_table("a.", "x.") == {"a": "x"}
    assert crib_table("1", "1") == {}


def turning_grille(square: list[str], holes: list[tuple[int, int]]) -> str:
    """A card with holes lies on a square of letters. The letters that show through the holes are read row by row; then
    the card is turned by a quarter to the right and read again, four times in all. Holes are (row, column), counted
    from 0, in the card's first position.

    >>> turning_grille(["de", "ir"], [(0, 0)])
    'deri'
    >>> turning_grille(["abc", "d.e", "fgh"], [(0, 1), (2, 2)])
    'bhefagcd'
    """
    last = len(square) - 1
    message = ""
    for _ in range(4):
        message += "".join(square[row][column] for row, column in sorted(holes))
        # A quarter turn to the right brings the top row to the right-hand column.
        holes = [(column, last - row) for row, column in holes]
    return message


def test_turning_grille() -> None:
    assert turning_grille(["ab", "cd"], [(1, 0)]) == "cabd"
    assert turning_grille(["abc", "d.e", "fgh"], [(0, 0)]) == "achf"
    assert turning_grille(["abc", "d.e", "fgh"], [(1, 0), (0, 0)]) == "adbcehfg"
    assert turning_grille(["x"], [(0, 0)]) == "xxxx"
    assert turning_grille(["ab", "cd"], []) == ""


def likely_shift(secret: str, common: str = "e") -> int:
    """Somebody moved every small letter of a text by the same number of places in the alphabet, with "a" after "z".
    Guess the number: the most frequent letter of the secret is taken to stand for `common`. Of equally frequent ones
    take the one that comes first in the alphabet. A text without small letters was moved by 0.

    >>> likely_shift("phhw ph khuh")
    3
    >>> likely_shift("aaa", common="z")
    1
    """
    counts = Counter(sign for sign in secret if sign in ascii_lowercase)
    if not counts:
        return 0
    top = min(counts, key=lambda letter: (-counts[letter], letter))
    return (ord(top) - ord(common)) % 26


def test_likely_shift() -> None:
    assert likely_shift("e") == 0
    assert likely_shift("d") == 25
    assert likely_shift("ggff") == 1
    assert likely_shift("hh  ,,,,  gE") == 3
    assert likely_shift("1234 ABC") == 0
    assert likely_shift("nnn", common="n") == 0
    assert likely_shift("bbc", common="x") == 4
