"""Security and coding theory"""

import heapq
import re
from collections import Counter
from itertools import accumulate, pairwise


def ticket_check(number: str) -> bool:
    """A railway prints nine digits on its tickets, the last of which guards the others: multiply the first eight by 2,
    3, 4 ... 9 in turn and add up; the last digit must be the remainder of that sum by 7. A typing error or a swap of
    neighbours is then usually noticed. Tell whether a ticket number, which may contain spaces, is in order.

    >>> ticket_check("1000 0000 2")
    True
    >>> ticket_check("0100 0000 2"), ticket_check("1000 0000")
    (False, False)
    """
    digits = [int(digit) for digit in number.replace(" ", "")]
    if len(digits) != 9:
        return False
    total = sum(weight * digit for weight, digit in enumerate(digits[:8], start=2))
    return total % 7 == digits[8]


def test_ticket_check() -> None:
    assert ticket_check("0000 0000 0") is True
    assert ticket_check("010000003") is True
    assert ticket_check("000 000 012") is True
    assert ticket_check("1234 5678 2") is True
    assert ticket_check("2134 5678 2") is False
    assert ticket_check("12345678") is False
    assert ticket_check("1234567822") is False


def knitting_pattern(stitches: str) -> str:
    """Knitting books write a row of stitches in short: letters are kinds of stitches, and a run of one kind is the
    letter and its length, such as "k4", without the number if it is 1. A row that is one and the same group over and
    over is written as "(group)xN", with the shortest such group, if there are at least two of it and it has at least
    two kinds in it.

    >>> knitting_pattern("kkkkpyy")
    'k4 p y2'
    >>> knitting_pattern("kkpkkpkkp")
    '(k2 p)x3'
    """

    def runs(row: str) -> str:
        found = re.finditer(r"(.)\1*", row)
        return " ".join(run[1] + (str(len(run[0])) if len(run[0]) > 1 else "") for run in found)

    for size in range(2, len(stitches) // 2 + 1):
        times, rest = divmod(len(stitches), size)
        if rest == 0 and stitches == stitches[:size] * times and len(set(stitches[:size])) > 1:
            return f"({runs(stitches[:size])})x{times}"
    return runs(stitches)


def test_knitting_pattern() -> None:
    assert knitting_pattern("k") == "k"
    assert knitting_pattern("kkkkkkkkkkkk") == "k12"
    assert knitting_pattern("kpkp") == "(k p)x2"
    assert knitting_pattern("kpkpk") == "k p k p k"
    assert knitting_pattern("kkpppkkppp") == "(k2 p3)x2"
    assert knitting_pattern("kppk") == "k p2 k"
    assert knitting_pattern("") == ""


def tide_deltas(levels: list[int]) -> str:
    """A tide gauge sends its levels over a slow radio. The first level is sent as it is, each later one as the change
    with its sign, such as "+3" or "-2"; no change is "=", and several of these in a row are "=3" for three. Join all by
    commas.

    >>> tide_deltas([120, 123, 123, 121])
    '120,+3,=,-2'
    >>> tide_deltas([50, 50, 50, 50, 51])
    '50,=3,+1'
    """
    sent = [str(level) for level in levels[:1]]
    still = 0
    for before, after in pairwise([*levels, None] if levels else []):
        if before == after:
            still += 1
            continue
        if still:
            sent.append(f"={still}" if still > 1 else "=")
            still = 0
        if after is not None:
            sent.append(f"{after - before:+d}")
    return ",".join(sent)


def test_tide_deltas() -> None:
    assert tide_deltas([120, 123, 123, 121]) == "120,+3,=,-2"
    assert tide_deltas([7, 7, 7]) == "7,=2"
    assert tide_deltas([-4, -4, 0]) == "-4,=,+4"
    assert tide_deltas([9]) == "9"
    assert tide_deltas([1, 2, 2, 3, 3]) == "1,+1,=,+1,="
    assert tide_deltas([]) == ""


def tide_levels(message: str) -> list[int]:
    """At the other end of the radio the messages of a tide gauge are read: "120,+3,=,-2,=2" is the first level, then
    changes with their signs, where "=" is no change and "=2" two times no change. Give back the levels. An empty
    message has none, and anything that is not in this form is a ValueError that names the piece.

    >>> tide_levels("120,+3,=,-2,=2")
    [120, 123, 123, 121, 121, 121]
    >>> tide_levels("")
    []
    """
    if not message:
        return []
    first, *pieces = message.split(",")
    steps = [int(first)]
    for piece in pieces:
        if re.fullmatch(r"[+-]\d+", piece):
            steps.append(int(piece))
        elif re.fullmatch(r"=\d*", piece):
            steps += [0] * int(piece[1:] or 1)
        else:
            raise ValueError(f"{piece!r} is no change of a level")
    # Running sums turn a level and its changes into levels.
    return list(accumulate(steps))


def test_tide_levels() -> None:
    assert tide_levels("120,+3,=,-2,=2") == [120, 123, 123, 121, 121, 121]
    assert tide_levels("-4,=,+4") == [-4, -4, 0]
    assert tide_levels("9") == [9]
    assert tide_levels("0,=12") == [0] * 13
    messages = []
    for wrong in ("1,2", "1,+", "1,=-2"):
        try:
            tide_levels(wrong)
        except ValueError as error:
            messages.append(str(error).split()[0])
    assert messages == ["'2'", "'+'", "'=-2'"]


def unpack_chorus(song: str) -> str:
    """A songbook saves paper: "3(la )" stands for three times "la ", and brackets may lie within each other, as in
    "2(oh 2(la )hey )". A number always stands directly before its bracket, and all other text is kept as it is.

    >>> unpack_chorus("2(oh 2(la )hey )")
    'oh la la hey oh la la hey '
    >>> unpack_chorus("no 3(no )never")
    'no no no no never'
    """
    texts, times = [""], []
    for piece in re.findall(r"\d+\(|\)|[^()\d]+", song):
        if piece.endswith("("):
            times.append(int(piece[:-1]))
            texts.append("")
        elif piece == ")":
            inner = texts.pop()
            texts[-1] += inner * times.pop()
        else:
            texts[-1] += piece
    return texts[0]


def test_unpack_chorus() -> None:
    assert unpack_chorus("2(oh 2(la )hey )") == "oh la la hey oh la la hey "
    assert unpack_chorus("3(a)2(b)") == "aaabb"
    assert unpack_chorus("plain") == "plain"
    assert unpack_chorus("12(x)") == "x" * 12
    assert unpack_chorus("1(0(gone)2(2(2(z))))!") == "zzzzzzzz!"
    assert unpack_chorus("") == ""


def mend_grid(rows: list[str]) -> tuple[int, int] | None:
    """A message of zeros and ones was laid out in rows, and a last column and a last row were added that make the
    number of ones in every row and every column even. On the way at most one sign was flipped. Return where, as (row,
    column), or None if nothing was. If it cannot have been a single sign, raise a ValueError.

    >>> mend_grid(["110", "111", "011"])
    (1, 1)
    >>> mend_grid(["110", "011", "101"]) is None
    True
    """
    odd_rows = [number for number, row in enumerate(rows) if row.count("1") % 2]
    odd_columns = [number for number, column in enumerate(zip(*rows, strict=True)) if column.count("1") % 2]
    if not odd_rows and not odd_columns:
        return None
    if len(odd_rows) != 1 or len(odd_columns) != 1:
        raise ValueError("more than one sign was flipped")
    return odd_rows[0], odd_columns[0]


def test_mend_grid() -> None:
    good = ["1001", "0110", "1111"]
    assert mend_grid(good) is None
    for r in range(3):
        for c in range(4):
            flipped = [list(row) for row in good]
            flipped[r][c] = "0" if flipped[r][c] == "1" else "1"
            assert mend_grid(["".join(row) for row in flipped]) == (r, c)
    failed = 0
    for wrong in (["0101", "0110", "1111"], ["1101", "0010", "1111"], ["1101", "0100", "1111"]):
        try:
            mend_grid(wrong)
        except ValueError:
            failed += 1
    assert failed == 3
    assert mend_grid(["00", "01"]) == (1, 1)


def echo_unpack(pieces: list[str | tuple[int, int]]) -> str:
    """Packers find that texts repeat themselves. A packed text is a list of plain pieces and of echoes (back, length):
    go back so many characters from the end of what has been unpacked so far, and copy so many from there. The length
    may be greater than the way back: then the copy runs into what it has just written itself. An echo that goes back
    too far, or not at all, is a ValueError.

    >>> echo_unpack(["she sells sea ", (10, 4), "shells"])
    'she sells sea sellshells'
    >>> echo_unpack(["ha", (2, 6), "!"])
    'hahahaha!'
    """
    text = ""
    for piece in pieces:
        if isinstance(piece, str):
            text += piece
            continue
        back, length = piece
        if not 0 < back <= len(text):
            raise ValueError(f"cannot go back {back} of {len(text)} characters")
        for _ in range(length):
            # One character at a time, so that the copy may overlap with its own beginning.
            text += text[-back]
    return text


def test_echo_unpack() -> None:
    assert echo_unpack(["ha", (2, 6), "!"]) == "hahahaha!"
    assert echo_unpack(["abc", (3, 3), (1, 2)]) == "abcabccc"
    assert echo_unpack(["x", (1, 5)]) == "xxxxxx"
    assert echo_unpack(["plain", (2, 0)]) == "plain"
    assert echo_unpack([]) == ""
    failed = 0
    for wrong in ([(1, 1)], ["ab", (3, 1)], ["ab", (0, 1)]):
        try:
            echo_unpack(wrong)
        except ValueError:
            failed += 1
    assert failed == 3


def telegraph_code(message: str) -> dict[str, str]:
    """A telegraph office wants short codes of dots and dashes for the letters of a message, so that frequent letters
    get short ones and no code begins another. Begin with one bundle for each letter, weighing as much as the letter is
    frequent. Tie the two lightest bundles together, of equal ones those that hold the alphabetically first letter; all
    codes of the lighter of the two get a "." in front, those of the other a "-". Go on until one bundle is left. A
    single letter gets ".".

    >>> telegraph_code("abacab")
    {'a': '.', 'b': '--', 'c': '-.'}
    >>> telegraph_code("zzz")
    {'z': '.'}
    """
    bundles = [(weight, letter, [letter]) for letter, weight in Counter(message).items()]
    heapq.heapify(bundles)
    codes = dict.fromkeys(sorted(set(message)), "" if len(bundles) > 1 else ".")
    while len(bundles) > 1:
        light, heavy = heapq.heappop(bundles), heapq.heappop(bundles)
        for sign, (_, _, letters) in ((".", light), ("-", heavy)):
            for letter in letters:
                codes[letter] = sign + codes[letter]
        heapq.heappush(bundles, (light[0] + heavy[0], min(light[1], heavy[1]), light[2] + heavy[2]))
    return codes


def test_telegraph_code() -> None:
    assert telegraph_code("abacab") == {"a": ".", "b": "--", "c": "-."}
    assert telegraph_code("ab") == {"a": ".", "b": "-"}
    assert telegraph_code("abcd") == {"a": "..", "b": ".-", "c": "-.", "d": "--"}
    assert telegraph_code("") == {}
    codes = telegraph_code("a" * 8 + "b" * 4 + "c" * 2 + "d" + "e")
    assert [len(codes[letter]) for letter in "abcde"] == [1, 2, 3, 4, 4]
    assert not any(one != other and one.startswith(other) for one in codes.values() for other in codes.values())
