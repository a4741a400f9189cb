"""Everyday programs"""

from itertools import pairwise


def tune_contour(pitches: list[int]) -> str:
    """Librarians find a tune by its outline alone: write "*" for the first note, and for each later one "u" if it goes
    up, "d" if it goes down and "r" if the note before is repeated. Pitches are numbers; a tune without notes has no
    outline.

    >>> tune_contour([60, 60, 67, 67, 69, 69, 67])
    '*rururd'
    >>> tune_contour([60])
    '*'
    """
    steps = ["r" if after == before else "u" if after > before else "d" for before, after in pairwise(pitches)]
    return "*" * bool(pitches) + "".join(steps)


def test_tune_contour() -> None:
    assert tune_contour([60, 60, 67, 67, 69, 69, 67]) == "*rururd"
    assert tune_contour([5, 4, 3, 3, 9]) == "*ddru"
    assert tune_contour([1, 2]) == "*u"
    assert tune_contour([1]) == "*"
    assert tune_contour([]) == ""


def transpose_tune(notes: list[str], steps: int) -> list[str]:
    """Twelve notes make an octave: C C# D D# E F F# G G# A A# B, and then C again, one octave higher. A note is written
    with its octave, such as "A4". Move a tune by a number of such steps, up or, if negative, down.

    >>> transpose_tune(["C4", "E4", "B4"], 1)
    ['C#4', 'F4', 'C5']
    >>> transpose_tune(["C4"], -2)
    ['A#3']
    """
    names = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
    moved = []
    for note in notes:
        number = int(note[-1]) * 12 + names.index(note[:-1]) + steps
        moved.append(f"{names[number % 12]}{number // 12}")
    return moved


def test_transpose_tune() -> None:
    assert transpose_tune(["C4", "E4", "B4"], 1) == ["C#4", "F4", "C5"]
    assert transpose_tune(["F#3", "A#5"], 0) == ["F#3", "A#5"]
    assert transpose_tune(["D4", "G#2"], 12) == ["D5", "G#3"]
    assert transpose_tune(["C4", "C#1"], -1) == ["B3", "C1"]
    assert transpose_tune([], 5) == []


def sing_round(lines: list[str], voices: int) -> list[list[str]]:
    """A round is one tune sung by several voices: each voice begins one line after the voice before it, and each sings
    all the lines once. For every moment, from the first line of the first voice to the last line of the last one, list
    what is sung, the first voice first, leaving out those who are silent.

    >>> sing_round(["Row", "row", "your boat"], 2)
    [['Row'], ['row', 'Row'], ['your boat', 'row'], ['your boat']]
    >>> sing_round(["Hush"], 3)
    [['Hush'], ['Hush'], ['Hush']]
    """
    moments = len(lines) + voices - 1
    return [
        [lines[moment - voice] for voice in range(voices) if 0 <= moment - voice < len(lines)]
        for moment in range(moments)
    ]


def test_sing_round() -> None:
    assert sing_round(["a", "b", "c"], 2) == [["a"], ["b", "a"], ["c", "b"], ["c"]]
    assert sing_round(["a", "b"], 1) == [["a"], ["b"]]
    assert sing_round(["a"], 3) == [["a"], ["a"], ["a"]]
    assert sing_round(["a", "b"], 3) == [["a"], ["b", "a"], ["b", "a"], ["b"]]
    assert sing_round(["a", "b", "c", "d"], 4)[3] == ["d", "c", "b", "a"]


def even_beats(beats: int, steps: int) -> str:
    """Many dances of the world spread a few beats over a cycle of steps as evenly as whole numbers allow. Step number
    i, from 0, is a beat "x" where i * beats // steps is greater than it was for the step before; step 0 always is one,
    if there are any. All other steps are ".".

    >>> even_beats(3, 8)
    'x..x..x.'
    >>> even_beats(4, 8)
    'x.x.x.x.'
    """
    # Step 0 is compared with step -1, and -beats // steps is below zero for any beats: no special case is needed.
    return "".join("x" if i * beats // steps > (i - 1) * beats // steps else "." for i in range(steps))


def test_even_beats() -> None:
    assert even_beats(3, 8) == "x..x..x."
    assert even_beats(1, 4) == "x..."
    assert even_beats(0, 4) == "...."
    assert even_beats(5, 5) == "xxxxx"
    assert even_beats(5, 8) == "x.x.xx.x"
    assert even_beats(2, 5) == "x..x."


def tie_over_bars(lengths: list[int], bar: int) -> list[str]:
    """Notes, with lengths in sixteenths, are written into bars of `bar` sixteenths. A note that does not end before its
    bar does is cut at the bar line, and a tie "~" after the number shows that it goes on. Return one text for each bar,
    numbers separated by spaces; the last bar may be too short.

    >>> tie_over_bars([4, 6, 2], 8)
    ['4 4~', '2 2']
    >>> tie_over_bars([20], 8)
    ['8~', '8~', '4']
    """
    bars: list[list[str]] = []
    room = 0
    for length in lengths:
        while length > 0:
            if room == 0:
                bars.append([])
                room = bar
            part = min(length, room)
            length -= part
            room -= part
            bars[-1].append(f"{part}~" if length else str(part))
    return [" ".join(notes) for notes in bars]


def test_tie_over_bars() -> None:
    assert tie_over_bars([4, 6, 2], 8) == ["4 4~", "2 2"]
    assert tie_over_bars([4, 4, 4], 8) == ["4 4", "4"]
    assert tie_over_bars([20], 8) == ["8~", "8~", "4"]
    assert tie_over_bars([16], 8) == ["8~", "8"]
    assert tie_over_bars([1, 12, 3], 6) == ["1 5~", "6~", "1 3"]
    assert tie_over_bars([], 8) == []


def chord_name(notes: set[str]) -> str | None:
    """Three different notes make a major chord if the second lies four half steps above the root and the third seven,
    and a minor chord if these are three and seven. Any of the notes may be the lowest, so only their names are given.
    Return the name, such as "F" for F major and "Am" for A minor, or None for anything else.

    >>> chord_name({"E", "G", "C"})
    'C'
    >>> chord_name({"A", "C", "E"}), chord_name({"A", "B", "C"})
    ('Am', None)
    """
    names = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"]
    for root in notes:
        above = sorted((names.index(note) - names.index(root)) % 12 for note in notes)
        if above == [0, 4, 7]:
            return root
        if above == [0, 3, 7]:
            return root + "m"
    return None


def test_chord_name() -> None:
    assert chord_name({"C", "E", "G"}) == "C"
    assert chord_name({"F#", "D", "A"}) == "D"
    assert chord_name({"B", "E", "G"}) == "Em"
    assert chord_name({"G#", "D#", "C"}) == "G#"
    assert chord_name({"C", "E", "G", "A#"}) is None
    assert chord_name({"C", "E", "G#"}) is None
    assert chord_name(set()) is None


def bar_starts(marks: list[tuple[int, int]], beats: int, bars: int) -> list[float]:
    """A conductor's score has tempo marks (bar, beats per minute): from that bar on, counted from 1, the tempo is so
    many beats per minute, until the next mark. The first mark stands at bar 1. Every bar has `beats` beats. Give the
    second, rounded to hundredths, at which each of the first `bars` bars begins.

    >>> bar_starts([(1, 60), (3, 120)], beats=4, bars=4)
    [0.0, 4.0, 8.0, 10.0]
    >>> bar_starts([(1, 90)], beats=3, bars=2)
    [0.0, 2.0]
    """
    tempo_from = dict(marks)
    starts = []
    second = 0.0
    tempo = 0
    for bar in range(1, bars + 1):
        tempo = tempo_from.get(bar, tempo)
        starts.append(round(second, 2))
        # Only what is shown is rounded: rounding the running sum would let errors grow.
        second += beats * 60 / tempo
    return starts


def test_bar_starts() -> None:
    assert bar_starts([(1, 60), (3, 120)], 4, 4) == [0.0, 4.0, 8.0, 10.0]
    assert bar_starts([(1, 70)], 1, 4) == [0.0, 0.86, 1.71, 2.57]
    assert bar_starts([(1, 60), (2, 30)], 2, 3) == [0.0, 2.0, 6.0]
    assert bar_starts([(1, 60)], 4, 1) == [0.0]
    assert bar_starts([(1, 60), (9, 61)], 4, 0) == []


def easiest_frets(strings: list[int], tune: list[int], frets: int) -> list[tuple[int, int]]:
    """Each string of a guitar sounds its open note, a number; fret f raises it by f. Play each note of a tune at one
    (string, fret), strings counted from 0, frets from 0 (open) to `frets`, so that the hand moves as little as
    possible: the sum of the changes of fret from note to note is least. Among equals prefer the smaller list, compared
    from left to right. A note that no string can play is a ValueError.

    >>> easiest_frets([40, 45], [45, 47], frets=7)
    [(0, 5), (0, 7)]
    >>> easiest_frets([40, 45], [40, 45, 40], frets=7)
    [(0, 0), (1, 0), (0, 0)]
    """
    best: dict[tuple[int, int], tuple[int, list[tuple[int, int]]]] = {}
    for number, note in enumerate(tune):
        places = [
            (string, note - open_note) for string, open_note in enumerate(strings) if 0 <= note - open_note <= frets
        ]
        if not places:
            raise ValueError(f"no string plays {note}")
        reached = {}
        for place in places:
            ways = [(moved + abs(place[1] - last[1]), [*way, place]) for last, (moved, way) in best.items()]
            reached[place] = min(ways) if number else (0, [place])
        best = reached
    return min(best.values())[1] if best else []


def test_easiest_frets() -> None:
    assert easiest_frets([40, 45], [45, 47], 7) == [(0, 5), (0, 7)]
    assert easiest_frets([40, 45], [45, 41], 7) == [(1, 0), (0, 1)]
    assert easiest_frets([40, 45], [40, 45, 40], 7) == [(0, 0), (1, 0), (0, 0)]
    assert easiest_frets([40, 45, 50], [50, 47, 54], 12) == [(1, 5), (0, 7), (1, 9)]
    assert easiest_frets([40], [], 5) == []
    for note in (39, 46):
        try:
            easiest_frets([40], [note], 5)
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")
