"""Strings / wrapping lines to a width"""

from itertools import zip_longest


def growing_poem(text: str) -> list[str]:
    """In a growing poem the first line has one word, the second has two, the third three, and so on; the last line
    takes what is left. Arrange a sentence in this way.

    >>> growing_poem("rain on the tin roof all night")
    ['rain', 'on the', 'tin roof all', 'night']
    >>> growing_poem("   ")
    []
    """
    words = text.split()
    lines: list[str] = []
    while words:
        size = len(lines) + 1
        lines.append(" ".join(words[:size]))
        words = words[size:]
    return lines


def test_growing_poem() -> None:
    assert growing_poem("a b c d e f") == ["a", "b c", "d e f"]
    assert growing_poem("a b c d e f g") == ["a", "b c", "d e f", "g"]
    assert growing_poem("one") == ["one"]
    assert growing_poem("") == []
    assert growing_poem(" two\nwords ") == ["two", "words"]


def hanging_banners(words: list[str]) -> list[str]:
    """Banners hang side by side from a balcony, and each carries a word that is read downwards. Draw them row by row,
    one column a banner with one blank between neighbours. Shorter banners end earlier; rows carry no blanks at their
    end.

    >>> hanging_banners(["JOY", "TO", "ALL"])
    ['J T A', 'O O L', 'Y   L']
    >>> hanging_banners(["HI", "A"])
    ['H A', 'I']
    """
    rows = zip_longest(*words, fillvalue=" ")
    return [" ".join(row).rstrip() for row in rows]


def test_hanging_banners() -> None:
    assert hanging_banners(["AB", "CD"]) == ["A C", "B D"]
    assert hanging_banners(["A", "XYZ", "B"]) == ["A X B", "  Y", "  Z"]
    assert hanging_banners([]) == []
    assert hanging_banners(["SOLO"]) == ["S", "O", "L", "O"]


def speech_bubble(words: str, width: int) -> list[str]:
    """Comic artists write a speech into a bubble. Break the words into lines of at most `width` signs, each line as
    full as it can be (no word is longer than that), then draw a frame: "-" above and below, and "| " and " |" around
    each line, which is filled up with blanks to the longest of the lines.

    >>> for row in speech_bubble("Mind the gap, Sir!", 8): print(row)
    ------------
    | Mind the |
    | gap,     |
    | Sir!     |
    ------------
    >>> speech_bubble("Oh", 9)
    ['------', '| Oh |', '------']
    """
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + 1 + len(word) <= width:
            lines[-1] += " " + word
        else:
            lines.append(word)
    inner = max(map(len, lines), default=0)
    edge = "-" * (inner + 4)
    return [edge, *(f"| {line:<{inner}} |" for line in lines), edge]


def test_speech_bubble() -> None:
    assert speech_bubble("a bb c", 4) == ["--------", "| a bb |", "| c    |", "--------"]
    assert speech_bubble("a bb c", 3) == ["------", "| a  |", "| bb |", "| c  |", "------"]
    assert speech_bubble("", 5) == ["----", "----"]
    assert speech_bubble("to be or", 5) == ["---------", "| to be |", "| or    |", "---------"]
    assert speech_bubble("abcde", 5) == ["---------", "| abcde |", "---------"]


def newspaper_columns(names: list[str], columns: int, gap: int = 2) -> list[str]:
    """A list of winners is printed in columns that are read downwards, one after the other: the columns are equally
    high, except that the last ones may be shorter or empty. Each column is as wide as its longest name, `gap` blanks
    part neighbours, and rows carry no blanks at their end.

    >>> newspaper_columns(["Ada", "Bo", "Cleo", "Dan", "Eve"], 2)
    ['Ada   Dan', 'Bo    Eve', 'Cleo']
    >>> newspaper_columns([], 3)
    []
    """
    height = -(-len(names) // columns)
    stacks = [names[start : start + height] for start in range(0, len(names), max(height, 1))]
    padded = []
    for stack in stacks:
        width = max(map(len, stack))
        filled = stack + [""] * (height - len(stack))
        padded.append([name.ljust(width) for name in filled])
    return [(" " * gap).join(row).rstrip() for row in zip(*padded, strict=True)]


def test_newspaper_columns() -> None:
    assert newspaper_columns(["a", "b", "c", "d", "e", "f"], 3) == ["a  c  e", "b  d  f"]
    assert newspaper_columns(["a", "b", "c"], 1) == ["a", "b", "c"]
    assert newspaper_columns(["aa", "b", "ccc", "d"], 2, gap=1) == ["aa ccc", "b  d"]
    assert newspaper_columns(["a", "b", "c", "d", "e"], 4) == ["a  c  e", "b  d"]
    assert newspaper_columns(["x", "y"], 5) == ["x  y"]


def rejoin_lines(lines: list[str]) -> str:
    """Scanned pages break words at line ends. Join the lines of a paragraph with single blanks, but where a line ends
    in a letter and a hyphen and the next begins with a small letter, drop the hyphen and the break. Before a capital
    letter the hyphen belongs to the word: it stays, and only the break goes.

    >>> rejoin_lines(["The light-", "house keeper met", "the Anglo-", "Danish envoy."])
    'The lighthouse keeper met the Anglo-Danish envoy.'
    >>> rejoin_lines(["Wait -", "he said"])
    'Wait - he said'
    """
    text = ""
    for line in lines:
        broken = len(text) > 1 and text[-1] == "-" and text[-2].isalpha()
        if broken and line[:1].islower():
            text = text[:-1] + line
        elif broken and line[:1].isupper():
            text += line
        else:
            text += (" " if text else "") + line
    return text


def test_rejoin_lines() -> None:
    assert rejoin_lines(["one", "two"]) == "one two"
    assert rejoin_lines(["ham-", "mer", "and nail"]) == "hammer and nail"
    assert rejoin_lines(["Jean-", "Paul"]) == "Jean-Paul"
    assert rejoin_lines(["a-", "b-", "c"]) == "abc"
    assert rejoin_lines(["1914-", "18"]) == "1914- 18"
    assert rejoin_lines(["x-", "2"]) == "x- 2"
    assert rejoin_lines(["-", "dash"]) == "- dash"
    assert rejoin_lines([]) == ""


def break_word(syllables: str, room: int) -> tuple[str, str]:
    """At the end of a line a typesetter may break a word between syllables, which are marked by "-" in "lan-tern".
    Return what still goes on this line, including a hyphen, and what goes on the next; `room` is how many signs fit.
    Put as much as possible on this line; the whole word needs no hyphen, and "" means that nothing fits.

    >>> break_word("lan-tern-fish", 9)
    ('lantern-', 'fish')
    >>> break_word("lan-tern-fish", 3)
    ('', 'lanternfish')
    """
    parts = syllables.split("-")
    word = "".join(parts)
    if len(word) <= room:
        return word, ""
    for kept in range(len(parts) - 1, 0, -1):
        head = "".join(parts[:kept]) + "-"
        if len(head) <= room:
            return head, "".join(parts[kept:])
    return "", word


def test_break_word() -> None:
    assert break_word("lan-tern-fish", 11) == ("lanternfish", "")
    assert break_word("lan-tern-fish", 10) == ("lantern-", "fish")
    assert break_word("lan-tern-fish", 8) == ("lantern-", "fish")
    assert break_word("lan-tern-fish", 7) == ("lan-", "ternfish")
    assert break_word("lan-tern-fish", 4) == ("lan-", "ternfish")
    assert break_word("straight", 7) == ("", "straight")
    assert break_word("a-b", 2) == ("ab", "")


def set_line(words: list[str], width: int) -> str:
    """In the days of lead type, lines were made equally long by pieces of metal between the words. Spread the words
    over exactly `width` places: the gaps differ by at most one blank, and the wider ones come first. A single word
    stands at the left. Words that do not fit, even with one blank between them, are a ValueError.

    >>> set_line(["ink", "and", "lead"], 14)
    'ink  and  lead'
    >>> set_line(["to", "be", "or"], 11)
    'to   be  or'
    """
    blanks = width - sum(map(len, words))
    gaps = len(words) - 1
    if blanks < gaps:
        raise ValueError(f"{len(words)} words do not fit into {width} places")
    if gaps < 1:
        return "".join(words).ljust(width)
    size, wider = divmod(blanks, gaps)
    line = ""
    for place, word in enumerate(words[:-1]):
        line += word + " " * (size + (place < wider))
    return line + words[-1]


def test_set_line() -> None:
    assert set_line(["a", "b", "c", "d"], 9) == "a  b  c d"
    assert set_line(["a", "b"], 3) == "a b"
    assert set_line(["word"], 6) == "word  "
    assert set_line([], 2) == "  "
    assert len(set_line(["x", "yy", "zzz"], 31)) == 31
    for words, width in ((["a", "b"], 2), (["long"], 3)):
        try:
            set_line(words, width)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def narrowest_note(text: str, lines: int) -> int:
    """A message must go onto a paper strip with room for so many lines, and paper is dear. Find the smallest width at
    which the words, in order and unbroken, with one blank between words of a line, need no more than `lines` lines.
    An empty message needs no width at all.

    >>> narrowest_note("keep the blue gate shut", 2)
    13
    >>> narrowest_note("keep the blue gate shut", 5)
    4
    """

    def needed(width: int) -> int:
        count, room = 1, width
        for length in lengths:
            if length > room:
                count, room = count + 1, width
            room -= length + 1
        return count

    lengths = [len(word) for word in text.split()]
    width = max(lengths, default=0)
    while needed(width) > lines:
        width += 1
    return width


def test_narrowest_note() -> None:
    assert narrowest_note("keep the blue gate shut", 1) == 23
    assert narrowest_note("keep the blue gate shut", 3) == 9
    assert narrowest_note("a bb ccc", 2) == 4
    assert narrowest_note("a bb ccc", 3) == 3
    assert narrowest_note("", 1) == 0
    assert narrowest_note("lantern", 4) == 7
    assert narrowest_note("aa aa aa aa", 2) == 5
