"""Regular expressions"""

import re


def find_hashtags(post: str) -> list[str]:
    """Collect the hashtags of a post: a "#" followed by letters, digits or underscores, beginning with a letter, where
    no such sign stands directly before the "#". Return them in lower case, each only once, in the order of appearance.

    >>> find_hashtags("#Tea time! #tea #Cake2go, not#this #9lives")
    ['tea', 'cake2go']
    >>> find_hashtags("no tags")
    []
    """
    tags = re.findall(r"(?<!\w)#([A-Za-z]\w*)", post)
    return list(dict.fromkeys(tag.lower() for tag in tags))


def test_find_hashtags() -> None:
    assert find_hashtags("#Tea time! #tea #Cake2go, not#this #9lives") == ["tea", "cake2go"]
    assert find_hashtags("(#a_b)#c") == ["a_b", "c"]
    assert find_hashtags("# gap ##double") == ["double"]
    assert find_hashtags("#Z #a #z") == ["z", "a"]
    assert find_hashtags("") == []


def parse_duration(text: str) -> int:
    """Workout plans write durations like "1h 20m 5s", "90s" or "2h5s": hours, minutes and seconds in this order, each
    at most once, at least one of them, with any blanks between. Return the seconds; anything else is a ValueError.

    >>> parse_duration("1h 20m 5s")
    4805
    >>> parse_duration("90s")
    90
    """
    match = re.fullmatch(r"\s*(?:(\d+)h)?\s*(?:(\d+)m)?\s*(?:(\d+)s)?\s*", text)
    if not match or not any(match.groups()):
        raise ValueError(f"not a duration: {text!r}")
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return 3600 * hours + 60 * minutes + seconds


def test_parse_duration() -> None:
    assert parse_duration("1h 20m 5s") == 4805
    assert parse_duration("2h5s") == 7205
    assert parse_duration(" 3m ") == 180
    assert parse_duration("0s") == 0
    for wrong in ("", "5", "5s 3m", "1h1h", "-3m", "1.5h"):
        try:
            parse_duration(wrong)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def link_references(text: str) -> str:
    """In a manual, "see section 3.2" should become "see [section 3.2](#s-3-2)". Link every "section" that is followed
    by one blank and numbers with dots between them, unless it stands inside square brackets already, that is, unless
    a "[" stands directly before it.

    >>> link_references("See section 3.2.")
    'See [section 3.2](#s-3-2).'
    >>> link_references("[section 1](#x), sections 1")
    '[section 1](#x), sections 1'
    """

    def linked(match: re.Match[str]) -> str:
        anchor = match[1].replace(".", "-")
        return f"[{match[0]}](#s-{anchor})"

    return re.sub(r"(?<!\[)\bsection (\d+(?:\.\d+)*)", linked, text)


def test_link_references() -> None:
    assert link_references("See section 3.2.") == "See [section 3.2](#s-3-2)."
    assert link_references("section 10, section 2.1.7") == "[section 10](#s-10), [section 2.1.7](#s-2-1-7)"
    assert link_references("[section 1](#x), sections 1") == "[section 1](#x), sections 1"
    assert link_references("subsection 4") == "subsection 4"
    assert link_references("section  4 section x") == "section  4 section x"


def mirror_dates(text: str) -> str:
    """An archive moves from American dates such as "7/4/1999" to "4 July 1999". Rewrite every month/day/year in a text,
    with a year of four digits; leave dates alone whose month does not exist or whose day is not within 1 to 31.

    >>> mirror_dates("Born 7/4/1999, moved 13/1/2001.")
    'Born 4 July 1999, moved 13/1/2001.'
    >>> mirror_dates("12/31/2020")
    '31 December 2020'
    """
    first = ["January", "February", "March", "April", "May", "June"]
    months = [*first, "July", "August", "September", "October", "November", "December"]

    def rewritten(match: re.Match[str]) -> str:
        month, day = int(match[1]), int(match[2])
        if not (1 <= month <= 12 and 1 <= day <= 31):
            return match[0]
        return f"{day} {months[month - 1]} {match[3]}"

    return re.sub(r"\b(\d{1,2})/(\d{1,2})/(\d{4})\b", rewritten, text)


def test_mirror_dates() -> None:
    assert mirror_dates("Born 7/4/1999, moved 13/1/2001.") == "Born 4 July 1999, moved 13/1/2001."
    assert mirror_dates("01/01/2000 and 12/31/2020") == "1 January 2000 and 31 December 2020"
    assert mirror_dates("0/5/2000 5/0/2000 5/32/2000") == "0/5/2000 5/0/2000 5/32/2000"
    assert mirror_dates("1/2/99 1/2/20001 111/2/2000") == "1/2/99 1/2/20001 111/2/2000"
    assert mirror_dates("") == ""


def parse_query(address: str) -> dict[str, list[str]]:
    """Take the part of a web address after the first "?" apart: "a=1&b=2&a=3" gives each name its list of values. A
    name without "=" has the value "", a "+" stands for a blank, "%" and two hexadecimal digits for that ASCII
    character, and a part from "#" on does not belong to it.

    >>> parse_query("http://tea.example/s?q=green+tea&page=2&q=100%25#top")
    {'q': ['green tea', '100%'], 'page': ['2']}
    >>> parse_query("http://tea.example/")
    {}
    """

    def decoded(text: str) -> str:
        return re.sub(r"%([0-9A-Fa-f]{2})", lambda match: chr(int(match[1], 16)), text.replace("+", " "))

    _, _, query = address.split("#")[0].partition("?")
    values: dict[str, list[str]] = {}
    for part in filter(None, query.split("&")):
        name, _, value = part.partition("=")
        values.setdefault(decoded(name), []).append(decoded(value))
    return values


def test_parse_query() -> None:
    assert parse_query("x?q=green+tea&page=2&q=100%25#top") == {"q": ["green tea", "100%"], "page": ["2"]}
    assert parse_query("x?flag&a=b=c&&") == {"flag": [""], "a": ["b=c"]}
    assert parse_query("x#y?a=1") == {}
    assert parse_query("x?a%20b=%2B%zz") == {"a b": ["+%zz"]}
    assert parse_query("") == {}


def check_rhyme(line: str, other: str) -> bool:
    """Roughly, two lines rhyme if their last words end alike from the last group of vowels (a, e, i, o, u, y) onward,
    without being the same word. Ignore capitals and signs that are not letters at the end; a line whose last word has
    no vowel rhymes with nothing.

    >>> check_rhyme("The cat sat on the mat,", "and wore a silly hat!")
    True
    >>> check_rhyme("the mat", "the mat")
    False
    """

    def last_word(text: str) -> str:
        words = re.findall(r"[a-z]+", text.lower())
        return words[-1] if words else ""

    def ending(word: str) -> str | None:
        match = re.search(r"[aeiouy]+[^aeiouy]*$", word)
        return match[0] if match else None

    one, two = last_word(line), last_word(other)
    return one != two and ending(one) is not None and ending(one) == ending(two)


def test_check_rhyme() -> None:
    assert check_rhyme("The cat sat on the mat,", "and wore a silly hat!") is True
    assert check_rhyme("the mat", "A MAT.") is False
    assert check_rhyme("moon", "soon") is True
    assert check_rhyme("moon", "son") is False
    assert check_rhyme("hmm", "brr") is False
    assert check_rhyme("", "") is False
    assert check_rhyme("tree", "three...") is True
