"""Graphs / graphs as dictionaries"""

import heapq
from collections import deque


def fewest_flights(routes: dict[str, set[str]], start: str, goal: str) -> int | None:
    """An airline's routes map an airport to those it flies to. With how few flights can one travel from start to
    goal? Being there already takes 0 flights, and None means that there is no way.

    >>> fewest_flights({"OSL": {"CPH"}, "CPH": {"VIE", "OSL"}}, "OSL", "VIE")
    2
    >>> fewest_flights({"OSL": {"CPH"}}, "CPH", "OSL") is None
    True
    """
    reached = {start}
    frontier = {start}
    flights = 0
    while frontier and goal not in frontier:
        frontier = {there for here in frontier for there in routes.get(here, set())} - reached
        reached |= frontier
        flights += 1
    return flights if frontier else None


def test_fewest_flights() -> None:
    routes = {"A": {"B", "C"}, "B": {"D"}, "C": {"D", "A"}, "D": {"E"}}
    assert fewest_flights(routes, "A", "A") == 0
    assert fewest_flights(routes, "A", "C") == 1
    assert fewest_flights(routes, "A", "E") == 3
    assert fewest_flights(routes, "E", "A") is None
    assert fewest_flights({}, "X", "X") == 0


def friend_circles(friendships: list[tuple[str, str]]) -> list[list[str]]:
    """Friends of friends belong to the same circle. From pairs of friends, list all circles with their members in
    alphabetical order, the largest circle first and otherwise by the first member's name.

    >>> friend_circles([("Al", "Bo"), ("Cy", "Di"), ("Bo", "Ed")])
    [['Al', 'Bo', 'Ed'], ['Cy', 'Di']]
    >>> friend_circles([])
    []
    """
    circle_of: dict[str, set[str]] = {}
    for one, other in friendships:
        joined = circle_of.get(one, {one}) | circle_of.get(other, {other})
        for member in joined:
            circle_of[member] = joined
    circles = {tuple(sorted(circle)) for circle in circle_of.values()}
    return [list(circle) for circle in sorted(circles, key=lambda circle: (-len(circle), circle))]


def test_friend_circles() -> None:
    assert friend_circles([("a", "b"), ("c", "d"), ("b", "c")]) == [["a", "b", "c", "d"]]
    assert friend_circles([("y", "z"), ("b", "a")]) == [["a", "b"], ["y", "z"]]
    assert friend_circles([("x", "y"), ("a", "b"), ("y", "z")]) == [["x", "y", "z"], ["a", "b"]]
    assert friend_circles([("a", "a")]) == [["a"]]
    assert friend_circles([]) == []


def cheapest_trip(prices: dict[str, dict[str, int]], start: str, goal: str) -> tuple[int, list[str]] | None:
    """Bus tickets between towns have prices, and each direction has its own: prices[a][b] leads from a to b. Find
    the cheapest trip and return (price, towns on the way); None if the goal cannot be reached. Prices are positive.

    >>> cheapest_trip({"Bern": {"Thun": 5, "Brig": 20}, "Thun": {"Brig": 9}}, "Bern", "Brig")
    (14, ['Bern', 'Thun', 'Brig'])
    >>> cheapest_trip({"Bern": {"Thun": 5}}, "Thun", "Bern") is None
    True
    """
    waiting = [(0, [start])]
    settled: set[str] = set()
    while waiting:
        price, towns = heapq.heappop(waiting)
        here = towns[-1]
        if here == goal:
            return price, towns
        if here in settled:
            continue
        settled.add(here)
        for there, ticket in prices.get(here, {}).items():
            heapq.heappush(waiting, (price + ticket, [*towns, there]))
    return None


def test_cheapest_trip() -> None:
    prices = {"A": {"B": 5, "C": 20}, "B": {"C": 9, "A": 1}, "C": {"D": 1}}
    assert cheapest_trip(prices, "A", "C") == (14, ["A", "B", "C"])
    assert cheapest_trip(prices, "A", "D") == (15, ["A", "B", "C", "D"])
    assert cheapest_trip(prices, "A", "A") == (0, ["A"])
    assert cheapest_trip(prices, "D", "A") is None
    assert cheapest_trip({"A": {"B": 1, "C": 5}, "B": {"C": 5}}, "A", "C") == (5, ["A", "C"])


def two_teams(rivals: list[tuple[str, str]]) -> tuple[list[str], list[str]] | None:
    """A camp splits its children into two teams such that no two rivals share one. The alphabetically first child of
    each connected group of rivals joins the first team. Return both teams sorted, or None where it cannot work.

    >>> two_teams([("Al", "Bo"), ("Bo", "Cy")])
    (['Al', 'Cy'], ['Bo'])
    >>> two_teams([("Al", "Bo"), ("Bo", "Cy"), ("Cy", "Al")]) is None
    True
    """
    against: dict[str, set[str]] = {}
    for one, other in rivals:
        against.setdefault(one, set()).add(other)
        against.setdefault(other, set()).add(one)
    team: dict[str, int] = {}
    for first in sorted(against):
        if first in team:
            continue
        team[first] = 0
        queue = deque([first])
        while queue:
            child = queue.popleft()
            for rival in against[child]:
                if rival not in team:
                    team[rival] = 1 - team[child]
                    queue.append(rival)
                elif team[rival] == team[child]:
                    return None
    return sorted(c for c in team if team[c] == 0), sorted(c for c in team if team[c] == 1)


def test_two_teams() -> None:
    assert two_teams([("Al", "Bo"), ("Bo", "Cy")]) == (["Al", "Cy"], ["Bo"])
    assert two_teams([("d", "c"), ("b", "a")]) == (["a", "c"], ["b", "d"])
    assert two_teams([("a", "b"), ("b", "c"), ("c", "d"), ("d", "a")]) == (["a", "c"], ["b", "d"])
    assert two_teams([("a", "a")]) is None
    assert two_teams([]) == ([], [])
    assert two_teams([("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("e", "a")]) is None


def dead_ends(links: dict[str, list[str]]) -> list[str]:
    """A text adventure links rooms to rooms. List, in alphabetical order, all rooms from which one cannot get back
    to "hall" once one has entered them from there: they can be reached from the hall, but not the other way round.

    >>> dead_ends({"hall": ["attic", "pit"], "attic": ["hall"], "pit": ["cave"]})
    ['cave', 'pit']
    >>> dead_ends({"hall": ["attic"], "attic": ["hall"]})
    []
    """

    def reachable(graph: dict[str, list[str]]) -> set[str]:
        found = {"hall"}
        to_visit = ["hall"]
        while to_visit:
            for room in graph.get(to_visit.pop(), []):
                if room not in found:
                    found.add(room)
                    to_visit.append(room)
        return found

    backwards: dict[str, list[str]] = {}
    for room, exits in links.items():
        for target in exits:
            backwards.setdefault(target, []).append(room)
    return sorted(reachable(links) - reachable(backwards))


def test_dead_ends() -> None:
    assert dead_ends({"hall": ["attic", "pit"], "attic": ["hall"], "pit": ["cave"]}) == ["cave", "pit"]
    assert dead_ends({"hall": ["a"], "a": ["b"], "b": ["c"], "c": ["hall", "d"]}) == ["d"]
    assert dead_ends({"island": ["moon"], "hall": []}) == []
    assert dead_ends({"hall": ["x"], "x": ["y"], "y": ["x"]}) == ["x", "y"]
    assert dead_ends({}) == []


def cheapest_network(cables: list[tuple[int, str, str]]) -> tuple[int, list[tuple[str, str]]]:
    """Villages are to be joined by cables (price, village, village) into one network at the lowest cost. Take the
    cables from the cheapest on (ties by name) and skip one whose ends are joined already. Return the total price
    and the cables bought, in the order of buying.

    >>> cheapest_network([(4, "A", "B"), (2, "B", "C"), (3, "A", "C")])
    (5, [('B', 'C'), ('A', 'C')])
    >>> cheapest_network([])
    (0, [])
    """
    leader: dict[str, str] = {}

    def group(village: str) -> str:
        while leader.setdefault(village, village) != village:
            village = leader[village]
        return village

    total = 0
    bought = []
    for price, one, other in sorted(cables):
        if group(one) != group(other):
            leader[group(one)] = group(other)
            total += price
            bought.append((one, other))
    return total, bought


def test_cheapest_network() -> None:
    assert cheapest_network([(4, "A", "B"), (2, "B", "C"), (3, "A", "C")]) == (5, [("B", "C"), ("A", "C")])
    assert cheapest_network([(1, "A", "B"), (1, "C", "D"), (9, "B", "C"), (8, "A", "D")])[0] == 10
    assert cheapest_network([(5, "A", "B"), (5, "A", "B")]) == (5, [("A", "B")])
    assert cheapest_network([(1, "A", "A")]) == (0, [])
    assert cheapest_network([(1, "A", "B"), (2, "B", "C"), (3, "C", "D"), (4, "D", "A")])[0] == 6


def wettest_route(rain: dict[tuple[str, str], int], start: str, goal: str) -> int | None:
    """A cyclist hates rain. Each two-way road (a, b) has a forecast in millimetres, and a route is as bad as its
    wettest road. Return the smallest such badness over all routes from start to goal; 0 when both are the same place
    and None when no route exists.

    >>> wettest_route({("A", "B"): 7, ("A", "C"): 2, ("C", "B"): 3}, "A", "B")
    3
    >>> wettest_route({("A", "B"): 7}, "A", "Z") is None
    True
    """
    waiting = [(0, start)]
    done: set[str] = set()
    while waiting:
        worst, here = heapq.heappop(waiting)
        if here == goal:
            return worst
        done.add(here)
        for (one, other), amount in rain.items():
            if here in (one, other):
                there = other if here == one else one
                if there not in done:
                    heapq.heappush(waiting, (max(worst, amount), there))
    return None


def test_wettest_route() -> None:
    rain = {("A", "B"): 7, ("A", "C"): 2, ("C", "B"): 3, ("B", "D"): 1}
    assert wettest_route(rain, "A", "B") == 3
    assert wettest_route(rain, "D", "A") == 3
    assert wettest_route(rain, "A", "A") == 0
    assert wettest_route({("B", "A"): 7}, "A", "B") == 7
    assert wettest_route({("A", "B"): 7}, "A", "Z") is None
    assert wettest_route({("A", "B"): 2, ("B", "C"): 4, ("A", "C"): 5}, "A", "C") == 4


def influencers(follows: dict[str, set[str]], rounds: int) -> dict[str, int]:
    """Everybody starts with 60 points. In each round all hand out all of their points in equal whole parts to those
    they follow and keep the remainder; whoever follows nobody keeps everything. Everyone followed is a key too.
    Return the points after the given number of rounds.

    >>> influencers({"Al": {"Bo"}, "Bo": {"Al", "Cy"}, "Cy": {"Bo"}}, 1)
    {'Al': 30, 'Bo': 120, 'Cy': 30}
    >>> influencers({"Al": set()}, 5)
    {'Al': 60}
    """
    points = dict.fromkeys(follows, 60)
    for _ in range(rounds):
        after = dict.fromkeys(follows, 0)
        for person, followed in follows.items():
            share, kept = divmod(points[person], len(followed)) if followed else (0, points[person])
            after[person] += kept
            for other in followed:
                after[other] += share
        points = after
    return points


def test_influencers() -> None:
    follows = {"Al": {"Bo"}, "Bo": {"Al", "Cy"}, "Cy": {"Bo"}}
    assert influencers(follows, 0) == {"Al": 60, "Bo": 60, "Cy": 60}
    assert influencers(follows, 2) == {"Al": 60, "Bo": 60, "Cy": 60}
    assert influencers({"A": {"B"}, "B": set()}, 3) == {"A": 0, "B": 120}
    seven = {name: set("BCDEFGH") for name in "A"} | {name: set() for name in "BCDEFGH"}
    assert influencers(seven, 1)["A"] == 4
    assert influencers(seven, 1)["B"] == 68
