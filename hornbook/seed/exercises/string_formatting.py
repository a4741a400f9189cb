"""Strings / formatting columns with f-strings"""


def name_badge(name: str, role: str = "guest") -> str:
    """The badge printer at a puppet festival has 14 places for the name. Print it in capitals, centred between square
    brackets, then a blank and the role. A longer name is cut to 13 letters and a full stop.

    >>> name_badge("Mila Otto")
    '[  MILA OTTO   ] guest'
    >>> name_badge("Bartholomew Quist", role="puppeteer")
    '[BARTHOLOMEW Q.] puppeteer'
    """
    shown = name if len(name) <= 14 else name[:13] + "."
    # The sign ^ centres, and an odd blank goes to the right.
    return f"[{shown.upper():^14}] {role}"


def test_name_badge() -> None:
    assert name_badge("Mila Otto") == "[  MILA OTTO   ] guest"
    assert name_badge("", "x") == "[" + " " * 14 + "] x"
    assert name_badge("abcdefghijklmn") == "[ABCDEFGHIJKLMN] guest"
    assert name_badge("abcdefghijklmno") == "[ABCDEFGHIJKLM.] guest"
    assert name_badge("Li", role="stage hand") == "[      LI      ] stage hand"


def jigsaw_progress(placed: int, pieces: int, width: int = 20) -> str:
    """A box on the screen shows how much of a jigsaw is done: a bar of `width` signs between brackets, "#" for the
    done part and "." for the rest, then the percentage in three places. Both are rounded down, so that the last piece
    alone makes the bar full.

    >>> jigsaw_progress(250, 1000)
    '[#####...............]  25%'
    >>> jigsaw_progress(999, 1000, width=10)
    '[#########.]  99%'
    """
    done = width * placed // pieces
    return f"[{'#' * done:.<{width}}] {100 * placed // pieces:3d}%"


def test_jigsaw_progress() -> None:
    assert jigsaw_progress(0, 500, 5) == "[.....]   0%"
    assert jigsaw_progress(500, 500, 5) == "[#####] 100%"
    assert jigsaw_progress(3, 7, 7) == "[###....]  42%"
    assert jigsaw_progress(1, 2) == "[##########..........]  50%"
    assert jigsaw_progress(499, 500, 5) == "[####.]  99%"


def frost_report(celsius: float) -> str:
    """A radio station reads temperatures aloud with one decimal and always with a sign, "+3.5" or "-0.4". What would
    come out as a zero is read without a sign, and never as "-0.0".

    >>> frost_report(3.46)
    '+3.5'
    >>> frost_report(-0.04)
    '0.0'
    """
    text = f"{celsius:+.1f}"
    return "0.0" if text in ("+0.0", "-0.0") else text


def test_frost_report() -> None:
    assert frost_report(-12.34) == "-12.3"
    assert frost_report(0) == "0.0"
    assert frost_report(0.04) == "0.0"
    assert frost_report(0.06) == "+0.1"
    assert frost_report(-0.06) == "-0.1"
    assert frost_report(21) == "+21.0"


def race_clock(milliseconds: int) -> str:
    """The clock at a canal swim shows minutes, seconds and tenths as "M:SS.T". From one hour on it shows "H:MM:SS"
    and no tenths. What is not shown is dropped and never rounded up, since nobody may seem faster or slower.

    >>> race_clock(83_490)
    '1:23.4'
    >>> race_clock(3_605_999)
    '1:00:05'
    """
    seconds, rest = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{seconds:02d}"
    return f"{minutes}:{seconds:02d}.{rest // 100}"


def test_race_clock() -> None:
    assert race_clock(0) == "0:00.0"
    assert race_clock(99) == "0:00.0"
    assert race_clock(59_999) == "0:59.9"
    assert race_clock(60_000) == "1:00.0"
    assert race_clock(3_599_999) == "59:59.9"
    assert race_clock(3_600_000) == "1:00:00"
    assert race_clock(36_061_000) == "10:01:01"


def floor_sign(floor: int) -> str:
    """Signs in a tall hotel say "ground floor" for 0, "basement 2" for -2, and above the ground "1st floor",
    "2nd floor", "3rd floor", "4th floor". The numbers that end in 11, 12 or 13 take "th".

    >>> floor_sign(22)
    '22nd floor'
    >>> floor_sign(12), floor_sign(-1)
    ('12th floor', 'basement 1')
    """
    if floor == 0:
        return "ground floor"
    if floor < 0:
        return f"basement {-floor}"
    if floor % 100 in (11, 12, 13):
        ending = "th"
    else:
        ending = {1: "st", 2: "nd", 3: "rd"}.get(floor % 10, "th")
    return f"{floor}{ending} floor"


def test_floor_sign() -> None:
    assert [floor_sign(n).split()[0] for n in (1, 2, 3, 4, 10)] == ["1st", "2nd", "3rd", "4th", "10th"]
    assert [floor_sign(n).split()[0] for n in (11, 12, 13, 14)] == ["11th", "12th", "13th", "14th"]
    assert [floor_sign(n).split()[0] for n in (21, 101, 111, 113)] == ["21st", "101st", "111th", "113th"]
    assert floor_sign(0) == "ground floor"
    assert floor_sign(-3) == "basement 3"


def newspaper_number(amount: int) -> str:
    """A newspaper writes numbers below a million in full, with a comma after every three digits. From a million on it
    writes millions with at most one decimal, rounded half up, and leaves out a decimal that is zero; from a thousand
    million on it does the same with "billion".

    >>> newspaper_number(45678)
    '45,678'
    >>> newspaper_number(1_250_000), newspaper_number(3_000_000_000)
    ('1.3 million', '3 billion')
    """
    if amount < 1_000_000:
        return f"{amount:,}"
    unit, name = (1_000_000_000, "billion") if amount >= 1_000_000_000 else (1_000_000, "million")
    # Whole tenths keep the rounding exact, whereas round(1.25, 1) is 1.2.
    whole, tenth = divmod((amount * 10 + unit // 2) // unit, 10)
    return f"{whole}.{tenth} {name}" if tenth else f"{whole} {name}"


def test_newspaper_number() -> None:
    assert newspaper_number(999) == "999"
    assert newspaper_number(999_999) == "999,999"
    assert newspaper_number(1_000_000) == "1 million"
    assert newspaper_number(1_049_999) == "1 million"
    assert newspaper_number(1_050_000) == "1.1 million"
    assert newspaper_number(987_650_000) == "987.7 million"
    assert newspaper_number(1_000_000_000) == "1 billion"
    assert newspaper_number(2_450_000_000) == "2.5 billion"


def star_catalogue(stars: dict[str, float]) -> list[str]:
    """Astronomers list stars by magnitude, and the smaller the magnitude, the brighter the star. Print one row a star,
    the brightest first and alphabetically among equals: the name, filled up with dots to the longest name and two
    dots more, and the magnitude with its sign and two decimals, right-aligned in six places.

    >>> star_catalogue({"Vega": 0.03, "Sirius": -1.46})
    ['Sirius.. -1.46', 'Vega.... +0.03']
    >>> star_catalogue({"Faint": 11.5})
    ['Faint..+11.50']
    """
    width = max((len(name) for name in stars), default=0) + 2
    brightest_first = sorted(stars.items(), key=lambda star: (star[1], star[0]))
    return [f"{name:.<{width}}{magnitude:+6.2f}" for name, magnitude in brightest_first]


def test_star_catalogue() -> None:
    assert star_catalogue({"B": 1, "A": 1, "Long": -2}) == ["Long.. -2.00", "A..... +1.00", "B..... +1.00"]
    assert star_catalogue({}) == []
    assert star_catalogue({"x": 0.005, "y": -0.2}) == ["y.. -0.20", "x.. +0.01"]
    assert [len(row) for row in star_catalogue({"ab": 1, "abcdef": 12})] == [14, 14]


def line_up_points(readings: list[str]) -> list[str]:
    """A lab book is easier to read when decimal points stand below each other. Given numbers as text, such as "3.14"
    or "120", put blanks before and after each so that all have the same length and the points (or, without a point,
    the place where it would be) form one column.

    >>> line_up_points(["3.14", "120", "-0.5"])
    ['  3.14', '120   ', ' -0.5 ']
    >>> line_up_points(["7", "12"])
    [' 7', '12']
    """
    parts = [reading.partition(".") for reading in readings]
    before = max((len(whole) for whole, _, _ in parts), default=0)
    after = max((len(point + digits) for _, point, digits in parts), default=0)
    return [f"{whole:>{before}}{point + digits:<{after}}" for whole, point, digits in parts]


def test_line_up_points() -> None:
    assert line_up_points(["1.5", "10.25", "100"]) == ["  1.5 ", " 10.25", "100   "]
    assert line_up_points([]) == []
    assert line_up_points(["1.", "22"]) == [" 1.", "22 "]
    assert line_up_points([".5", "-3"]) == ["  .5", "-3  "]
    assert line_up_points(["42"]) == ["42"]
