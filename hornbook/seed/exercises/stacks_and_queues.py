"""Stacks and queues"""

from collections import deque


def plate_washer(actions: list[str]) -> list[str]:
    """Dirty plates are piled up and always taken from the top. "wash" takes a plate away; any other word puts down a
    plate of that name. List the plates in the order of washing; with no plate there, washing does nothing.

    >>> plate_washer(["blue", "red", "wash", "green", "wash", "wash", "wash"])
    ['red', 'green', 'blue']
    >>> plate_washer(["wash"])
    []
    """
    pile: list[str] = []
    washed = []
    for action in actions:
        if action != "wash":
            pile.append(action)
        elif pile:
            washed.append(pile.pop())
    return washed


def test_plate_washer() -> None:
    assert plate_washer(["blue", "red", "wash", "green", "wash", "wash", "wash"]) == ["red", "green", "blue"]
    assert plate_washer(["a", "b"]) == []
    assert plate_washer(["wash", "a", "wash"]) == ["a"]
    assert plate_washer([]) == []


def backspaces(typed: str) -> str:
    """A typewriter log uses "<" for a backspace, which deletes the last character still there, and "|" for a key that
    clears the whole line. Return what is left on the paper.

    >>> backspaces("helpp<lo<<o")
    'helpo'
    >>> backspaces("rubbish|<ok")
    'ok'
    """
    paper: list[str] = []
    for key in typed:
        if key == "|":
            paper.clear()
        elif key == "<":
            # Slicing an empty list is harmless, pop would fail.
            del paper[-1:]
        else:
            paper.append(key)
    return "".join(paper)


def test_backspaces() -> None:
    assert backspaces("helpp<lo<<o") == "helpo"
    assert backspaces("<<a") == "a"
    assert backspaces("ab<<<c") == "c"
    assert backspaces("abc|") == ""
    assert backspaces("") == ""


def supermarket_till(baskets: list[int], tills: int) -> list[int]:
    """Customers with some number of items come one after another, and each joins the till with the fewest items
    waiting, the leftmost of equals; nobody finishes meanwhile. Return the items waiting at each till in the end.

    >>> supermarket_till([5, 2, 9, 1, 1], 2)
    [7, 11]
    >>> supermarket_till([], 3)
    [0, 0, 0]
    """
    waiting = [0] * tills
    for items in baskets:
        shortest = waiting.index(min(waiting))
        waiting[shortest] += items
    return waiting


def test_supermarket_till() -> None:
    assert supermarket_till([5, 2, 9, 1, 1], 2) == [7, 11]
    assert supermarket_till([3], 2) == [3, 0]
    assert supermarket_till([3, 3, 1], 2) == [4, 3]
    assert supermarket_till([], 3) == [0, 0, 0]
    assert supermarket_till([4, 3, 2, 1], 3) == [4, 3, 3]


def hot_potato(children: list[str], passes: int) -> str:
    """Children sit in a circle and pass a hot potato. After a fixed number of passes the child that holds it leaves,
    and the potato goes to the child after that one. Who is left at the end? Nobody at the start is a ValueError.

    >>> hot_potato(["Al", "Bo", "Cy"], 1)
    'Cy'
    >>> hot_potato(["Al", "Bo", "Cy", "Di"], 2)
    'Al'
    """
    if not children:
        raise ValueError("nobody plays")
    circle = deque(children)
    while len(circle) > 1:
        circle.rotate(-passes)
        circle.popleft()
    return circle[0]


def test_hot_potato() -> None:
    assert hot_potato(["Al", "Bo", "Cy"], 1) == "Cy"
    assert hot_potato(["Al", "Bo", "Cy"], 0) == "Cy"
    assert hot_potato(["Al", "Bo", "Cy", "Di"], 2) == "Al"
    assert hot_potato(["a", "b"], 1) == "a"
    assert hot_potato(["only"], 7) == "only"
    try:
        hot_potato([], 1)
    except ValueError:
        pass
    else:
        raise AssertionError("expected ValueError")


def taller_ahead(queue: list[int]) -> list[int | None]:
    """People stand in a queue; index 0 is the front. For each person, find the height of the nearest person in front
    who is strictly taller and blocks the view, or None. Do it in one pass with a stack.

    >>> taller_ahead([180, 160, 170, 150])
    [None, 180, 180, 170]
    >>> taller_ahead([150, 150])
    [None, None]
    """
    blockers: list[int] = []
    views: list[int | None] = []
    for height in queue:
        # Whoever is not taller than this person can never block anybody further back.
        while blockers and blockers[-1] <= height:
            blockers.pop()
        views.append(blockers[-1] if blockers else None)
        blockers.append(height)
    return views


def test_taller_ahead() -> None:
    assert taller_ahead([180, 160, 170, 150]) == [None, 180, 180, 170]
    assert taller_ahead([150, 150]) == [None, None]
    assert taller_ahead([3, 2, 1]) == [None, 3, 2]
    assert taller_ahead([1, 2, 3]) == [None, None, None]
    assert taller_ahead([5, 3, 4, 4, 1]) == [None, 5, 5, 5, 4]
    assert taller_ahead([]) == []


def round_robin(jobs: dict[str, int], slice_ms: int) -> list[tuple[str, int]]:
    """A processor gives each job in turn a slice of time; a job that needs more goes to the back of the queue. Given
    the milliseconds that each job needs, return (job, time at which it is finished) in the order of finishing. A job
    that needs nothing finishes as soon as its turn comes.

    >>> round_robin({"mail": 3, "backup": 5}, 2)
    [('mail', 5), ('backup', 8)]
    >>> round_robin({}, 1)
    []
    """
    queue = deque(jobs.items())
    clock = 0
    finished = []
    while queue:
        job, needed = queue.popleft()
        clock += min(needed, slice_ms)
        if needed > slice_ms:
            queue.append((job, needed - slice_ms))
        else:
            finished.append((job, clock))
    return finished


def test_round_robin() -> None:
    assert round_robin({"mail": 3, "backup": 5}, 2) == [("mail", 5), ("backup", 8)]
    assert round_robin({"a": 2, "b": 2}, 2) == [("a", 2), ("b", 4)]
    assert round_robin({"a": 9, "b": 0, "c": 1}, 4) == [("b", 4), ("c", 5), ("a", 10)]
    assert round_robin({"a": 5}, 100) == [("a", 5)]
    assert round_robin({}, 1) == []


def tag_checker(page: str) -> str:
    """Check a page of simple tags such as "<b>bold</b>": every opening tag needs its closing tag, properly nested, and
    a tag like "<br/>" stands alone. Answer "ok", "unexpected </x>" for the first closing tag that does not fit, or
    "unclosed <x>" for the innermost tag still open at the end. Every "<" has its ">".

    >>> tag_checker("<p>Some <b>bold</b> text<br/></p>")
    'ok'
    >>> tag_checker("<p><b>crossed</p></b>")
    'unexpected </p>'
    """
    still_open: list[str] = []
    for piece in page.split("<")[1:]:
        tag = piece.split(">")[0]
        if tag.endswith("/"):
            continue
        if not tag.startswith("/"):
            still_open.append(tag)
        elif still_open and still_open[-1] == tag[1:]:
            still_open.pop()
        else:
            return f"unexpected <{tag}>"
    return f"unclosed <{still_open[-1]}>" if still_open else "ok"


def test_tag_checker() -> None:
    assert tag_checker("<p>Some <b>bold</b> text<br/></p>") == "ok"
    assert tag_checker("<p><b>crossed</p></b>") == "unexpected </p>"
    assert tag_checker("</i>") == "unexpected </i>"
    assert tag_checker("<a><b></b>") == "unclosed <a>"
    assert tag_checker("<a><b>") == "unclosed <b>"
    assert tag_checker("no tags") == "ok"
