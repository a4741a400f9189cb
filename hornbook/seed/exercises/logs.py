"""Text and files / logs and timestamps"""

from collections import Counter, defaultdict


def count_levels(log: str) -> dict[str, int]:
    """Each line of a program's log begins with its level and a colon, as in "WARNING: disk almost full". Count the
    lines of each level, the most frequent first and alphabetically among equals; lines without a level in capitals
    belong to the message above and are not counted.

    >>> count_levels("INFO: started\\nERROR: no file\\n  in line 3\\nERROR: gave up")
    {'ERROR': 2, 'INFO': 1}
    >>> count_levels("")
    {}
    """
    counts: Counter[str] = Counter()
    for line in log.splitlines():
        level, colon, _ = line.partition(":")
        if colon and level.isupper():
            counts[level] += 1
    return {level: counts[level] for level in sorted(counts, key=lambda name: (-counts[name], name))}


def test_count_levels() -> None:
    assert list(count_levels("B: x\nA: y\nC: z\nC: z").items()) == [("C", 2), ("A", 1), ("B", 1)]
    assert count_levels("INFO: a: b: c") == {"INFO": 1}
    assert count_levels("info: lower") == {}
    assert count_levels("ERROR") == {}
    assert count_levels("  x: 1\n\nOK: ") == {"OK": 1}


def collapse_repeats(lines: list[str]) -> list[str]:
    """Log viewers fold repeated messages: of several equal lines in a row keep the first, and after it write
    "  (repeated N more times)", or "  (repeated once more)" where it came just twice.

    >>> collapse_repeats(["ping", "ping", "ping", "pong"])
    ['ping', '  (repeated 2 more times)', 'pong']
    >>> collapse_repeats(["a", "a"])
    ['a', '  (repeated once more)']
    """
    from itertools import groupby

    folded = []
    for line, group in groupby(lines):
        extra = len(list(group)) - 1
        folded.append(line)
        if extra == 1:
            folded.append("  (repeated once more)")
        elif extra > 1:
            folded.append(f"  (repeated {extra} more times)")
    return folded


def test_collapse_repeats() -> None:
    assert collapse_repeats(["ping", "ping", "ping", "pong"]) == ["ping", "  (repeated 2 more times)", "pong"]
    assert collapse_repeats(["a", "b", "a"]) == ["a", "b", "a"]
    assert collapse_repeats(["a", "a", "b", "b"]) == ["a", "  (repeated once more)", "b", "  (repeated once more)"]
    assert collapse_repeats([]) == []
    assert collapse_repeats([""] * 11) == ["", "  (repeated 10 more times)"]


def session_lengths(events: list[tuple[int, str, str]]) -> dict[str, int]:
    """A web server notes (second, user, "in" or "out"). Add up for each user the seconds spent logged in. A second
    "in" without an "out" between is ignored, so is an "out" without an "in", and a session still open at the end
    counts until the last event of the log.

    >>> session_lengths([(0, "amy", "in"), (5, "bob", "in"), (30, "amy", "out"), (40, "amy", "in"), (60, "bob", "out")])
    {'amy': 50, 'bob': 55}
    >>> session_lengths([(7, "amy", "out")])
    {}
    """
    since: dict[str, int] = {}
    spent: dict[str, int] = defaultdict(int)
    for second, user, kind in events:
        if kind == "in":
            since.setdefault(user, second)
        elif user in since:
            spent[user] += second - since.pop(user)
    for user, start in since.items():
        spent[user] += events[-1][0] - start
    return dict(sorted(spent.items()))


def test_session_lengths() -> None:
    assert session_lengths([(0, "a", "in"), (3, "a", "in"), (9, "a", "out")]) == {"a": 9}
    assert session_lengths([(0, "a", "in"), (2, "a", "out"), (5, "a", "in"), (6, "a", "out")]) == {"a": 3}
    assert session_lengths([(1, "b", "in"), (4, "a", "out")]) == {"b": 3}
    assert session_lengths([(1, "b", "in"), (1, "a", "in"), (4, "b", "out"), (9, "c", "out")]) == {"a": 8, "b": 3}
    assert session_lengths([]) == {}


def slowest_pages(log: list[str], most: int) -> list[tuple[str, float]]:
    """Lines such as "GET /tea 200 31ms" tell the method, page, status and duration of a request. List the `most`
    pages with the highest mean duration of successful requests (status below 400), as (page, milliseconds rounded
    to one decimal), the slowest first and by name among equals.

    >>> slowest_pages(["GET /tea 200 31ms", "GET /tea 200 30ms", "PUT /milk 201 99ms", "GET /x 404 500ms"], 2)
    [('/milk', 99.0), ('/tea', 30.5)]
    >>> slowest_pages([], 3)
    []
    """
    durations: dict[str, list[int]] = defaultdict(list)
    for line in log:
        _, page, status, duration = line.split()
        if int(status) < 400:
            durations[page].append(int(duration.removesuffix("ms")))
    means = [(page, round(sum(times) / len(times), 1)) for page, times in durations.items()]
    return sorted(means, key=lambda entry: (-entry[1], entry[0]))[:most]


def test_slowest_pages() -> None:
    log = ["GET /a 200 10ms", "GET /b 399 10ms", "GET /c 400 99ms", "GET /b 200 11ms"]
    assert slowest_pages(log, 5) == [("/b", 10.5), ("/a", 10.0)]
    assert slowest_pages(log, 1) == [("/b", 10.5)]
    assert slowest_pages(["GET /z 200 5ms", "PUT /y 200 5ms"], 2) == [("/y", 5.0), ("/z", 5.0)]
    assert slowest_pages(["GET /a 200 1ms", "GET /a 200 1ms", "GET /a 200 2ms"], 1) == [("/a", 1.3)]
    assert slowest_pages(log, 0) == []


def error_bursts(times: list[int], at_least: int, within: int) -> list[tuple[int, int]]:
    """Alarm only on bursts. Given the seconds of all errors in rising order, group them: an error belongs to the group
    before it if at most `within` seconds separate it from that group's last error. Return (first, last) of each
    group with at least `at_least` errors.

    >>> error_bursts([1, 2, 4, 30, 31, 50], at_least=2, within=3)
    [(1, 4), (30, 31)]
    >>> error_bursts([1, 9], at_least=2, within=3)
    []
    """
    groups: list[list[int]] = []
    for time in times:
        if groups and time - groups[-1][-1] <= within:
            groups[-1].append(time)
        else:
            groups.append([time])
    return [(group[0], group[-1]) for group in groups if len(group) >= at_least]


def test_error_bursts() -> None:
    assert error_bursts([1, 2, 4, 30, 31, 50], 2, 3) == [(1, 4), (30, 31)]
    assert error_bursts([1, 4, 8], 2, 3) == [(1, 4)]
    assert error_bursts([1, 4, 8], 1, 3) == [(1, 4), (8, 8)]
    assert error_bursts([5, 5, 5], 3, 0) == [(5, 5)]
    assert error_bursts([5, 5], 3, 0) == []
    assert error_bursts([], 1, 1) == []


def blame_line(trace: str) -> tuple[str, int] | None:
    """A traceback names files in lines like `  File "app/tea.py", line 12, in pour`. Return the file and the line
    number of the last such line whose file lies in the folder "app/", for the error is usually there; None if there
    is none.

    >>> blame_line('  File "app/tea.py", line 12, in pour\\n  File "/usr/lib/json.py", line 3, in load')
    ('app/tea.py', 12)
    >>> blame_line("KeyError: 3") is None
    True
    """
    for line in reversed(trace.splitlines()):
        words = line.strip().split(", ")
        if words[0].startswith('File "app/') and len(words) > 1:
            return words[0].split('"')[1], int(words[1].removeprefix("line "))
    return None


def test_blame_line() -> None:
    own, other = '  File "app/tea.py", line 12, in pour', '  File "/usr/app/json.py", line 3, in load'
    assert blame_line(own) == ("app/tea.py", 12)
    assert blame_line("\n".join([own, other])) == ("app/tea.py", 12)
    assert blame_line("\n".join([own, '  File "app/cup.py", line 7, in fill', other])) == ("app/cup.py", 7)
    assert blame_line(other) is None
    assert blame_line("") is None


def redact_log(line: str, secrets: list[str]) -> str:
    """Before a log is shared, settings such as "password=tea42" must lose their values. Replace the value of every
    word "name=value" whose name is among the secrets (in any case) by as many stars as it has characters, but at
    most five. Words are separated by single blanks.

    >>> redact_log("user=amy Password=tea42! ok", ["password"])
    'user=amy Password=***** ok'
    >>> redact_log("pin=12", ["pin", "token"])
    'pin=**'
    """
    hidden = {name.lower() for name in secrets}
    words = []
    for word in line.split(" "):
        name, equals, value = word.partition("=")
        if equals and name.lower() in hidden:
            word = name + "=" + "*" * min(5, len(value))
        words.append(word)
    return " ".join(words)


def test_redact_log() -> None:
    assert redact_log("user=amy Password=tea42! ok", ["password"]) == "user=amy Password=***** ok"
    assert redact_log("pin=1234 pin=12345 pin=123456", ["PIN"]) == "pin=**** pin=***** pin=*****"
    assert redact_log("token token=", ["token"]) == "token token="
    assert redact_log("key=a=b", ["key"]) == "key=***"
    assert redact_log("", []) == ""
