"""Everyday programs / a voting booth"""

from collections import Counter
from fractions import Fraction
from itertools import combinations


def read_ballot(lines: list[str]) -> str | None:
    """A ballot paper has a line for each candidate, such as "( ) Ida Moor" or "(x) Bo Lind". Return the name that is
    marked. A cross may be x or X; a paper with no mark or with several, or with any other sign in the brackets, is
    spoilt: None.

    >>> read_ballot(["( ) Ida Moor", "(x) Bo Lind"])
    'Bo Lind'
    >>> read_ballot(["(x) Ida Moor", "(X) Bo Lind"]) is None
    True
    """
    marked = []
    for line in lines:
        mark, name = line[1], line[4:]
        if mark in "xX":
            marked.append(name)
        elif mark != " ":
            return None
    return marked[0] if len(marked) == 1 else None


def test_read_ballot() -> None:
    assert read_ballot(["(X) Ida Moor", "( ) Bo Lind"]) == "Ida Moor"
    assert read_ballot(["( ) Ida Moor", "( ) Bo Lind"]) is None
    assert read_ballot(["(x) Ida Moor", "(?) Bo Lind"]) is None
    assert read_ballot(["(x) x"]) == "x"
    assert read_ballot([]) is None


def motion_carried(votes: list[str], members: int, to_change_rules: bool = False) -> bool:
    """A club of so many members votes "yes", "no" or "abstain". The vote counts only if at least half of all members
    cast one, abstentions included. A motion is carried if yes beats no; one that changes the club's rules needs at
    least two thirds of the yes and no votes.

    >>> motion_carried(["yes", "yes", "no", "abstain"], members=8)
    True
    >>> motion_carried(["yes", "yes", "no", "abstain"], members=9)
    False
    """
    if 2 * len(votes) < members:
        return False
    yes, no = votes.count("yes"), votes.count("no")
    if to_change_rules:
        # Multiplied out, so that no fraction has to be compared; without any yes nothing is carried.
        return yes > 0 and 3 * yes >= 2 * (yes + no)
    return yes > no


def test_motion_carried() -> None:
    assert motion_carried(["yes", "no"], 2) is False
    assert motion_carried(["yes", "abstain", "abstain"], 6) is True
    assert motion_carried(["yes"] * 3, 7) is False
    assert motion_carried(["yes", "yes", "no"], 3, to_change_rules=True) is True
    assert motion_carried(["yes"] * 3 + ["no"] * 2, 5, to_change_rules=True) is False
    assert motion_carried(["abstain"], 1, to_change_rules=True) is False


def rank_points(ballots: list[list[str]]) -> list[tuple[str, int]]:
    """A village chooses its song of the year. Every ballot ranks all songs, the favourite first: of n songs the first
    gets n points, the next n - 1, and the last one point. List (song, points), most points first; equal ones go by the
    number of first places, then by name.

    >>> rank_points([["polka", "waltz", "tango"], ["waltz", "tango", "polka"]])
    [('waltz', 5), ('polka', 4), ('tango', 3)]
    >>> rank_points([["waltz", "polka"], ["polka", "waltz"]])
    [('polka', 3), ('waltz', 3)]
    """
    points: Counter[str] = Counter()
    firsts = Counter(ballot[0] for ballot in ballots)
    for ballot in ballots:
        for place, song in enumerate(ballot):
            points[song] += len(ballot) - place
    return sorted(points.items(), key=lambda entry: (-entry[1], -firsts[entry[0]], entry[0]))


def test_rank_points() -> None:
    assert rank_points([["a", "b", "c"]]) == [("a", 3), ("b", 2), ("c", 1)]
    assert rank_points([["a", "z", "b"], ["b", "z", "a"], ["z", "b", "a"]]) == [("z", 7), ("b", 6), ("a", 5)]
    assert rank_points([["q", "p"], ["p", "q"]]) == [("p", 3), ("q", 3)]
    ballots = [["b", "c", "a"], ["b", "c", "a"], ["c", "a", "b"], ["c", "a", "b"], ["c", "b", "a"]]
    assert rank_points(ballots) == [("c", 13), ("b", 10), ("a", 7)]
    assert rank_points([["m", "k", "z"], ["m", "k", "z"], ["k", "z", "m"], ["k", "z", "m"]])[0] == ("k", 10)
    assert rank_points([]) == []


def duel_winner(ballots: list[list[str]]) -> str | None:
    """Somebody who would win a duel against every other candidate should surely be elected. Each ballot ranks all the
    candidates, best first; in a duel the one who stands higher on more ballots wins. Return whoever wins all duels, or
    None if nobody does: people's wishes may run in a circle.

    >>> duel_winner([["Ann", "Bob", "Cyd"], ["Bob", "Ann", "Cyd"], ["Cyd", "Bob", "Ann"]])
    'Bob'
    >>> duel_winner([["Ann", "Bob", "Cyd"], ["Bob", "Cyd", "Ann"], ["Cyd", "Ann", "Bob"]]) is None
    True
    """
    candidates = sorted(ballots[0])
    won: Counter[str] = Counter()
    for one, other in combinations(candidates, 2):
        higher = sum(ballot.index(one) < ballot.index(other) for ballot in ballots)
        if 2 * higher != len(ballots):
            won[one if 2 * higher > len(ballots) else other] += 1
    return next((name for name in candidates if won[name] == len(candidates) - 1), None)


def test_duel_winner() -> None:
    assert duel_winner([["a", "b"], ["b", "a"], ["b", "a"]]) == "b"
    assert duel_winner([["a", "b"], ["b", "a"]]) is None
    assert duel_winner([["a"]]) == "a"
    # Nobody's favourite but everybody's second choice.
    assert duel_winner([["a", "m", "b", "c"], ["b", "m", "c", "a"], ["c", "m", "a", "b"]]) == "m"
    assert duel_winner([["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]) is None


def transfer_votes(ballots: list[list[str]]) -> list[str]:
    """Each voter ranks some candidates, the favourite first. While nobody has more than half of the ballots that still
    name somebody, the candidate with the fewest is struck out, and each of those ballots goes to the next candidate on
    it who is left, if there is any. Of several with the fewest the alphabetically last is struck out. Return those
    struck out in order, and then the winner. At least one candidate is named.

    >>> transfer_votes([["Ann"], ["Ann"], ["Bob", "Cyd"], ["Bob", "Cyd"], ["Cyd", "Bob"]])
    ['Cyd', 'Bob']
    >>> transfer_votes([["Ann"], ["Ann"], ["Bob"]])
    ['Ann']
    """
    left = {name for ballot in ballots for name in ballot}
    struck_out: list[str] = []
    while True:
        held = Counter(dict.fromkeys(left, 0))
        held.update(next((name for name in ballot if name in left), "") for ballot in ballots)
        del held[""]
        leader = max(sorted(left), key=lambda name: held[name])
        if 2 * held[leader] > held.total() or len(left) == 1:
            return [*struck_out, leader]
        weakest = min(sorted(left, reverse=True), key=lambda name: held[name])
        left.remove(weakest)
        struck_out.append(weakest)


def test_transfer_votes() -> None:
    assert transfer_votes([["a"], ["a"], ["b", "c"], ["b", "c"], ["c", "b"]]) == ["c", "b"]
    assert transfer_votes([["a"], ["b"]]) == ["b", "a"]
    assert transfer_votes([["a"], ["a"], ["b"], ["b"], ["c"]]) == ["c", "b", "a"]
    assert transfer_votes([["a", "d"], ["b", "a"], ["b"], ["c", "d", "a"], ["c"]]) == ["d", "a", "c", "b"]
    assert transfer_votes([["x", "y"]]) == ["x"]
    assert transfer_votes([["a"], ["a"], ["a"], ["b"], ["b"], ["c", "b"], ["c", "b"]]) == ["c", "b"]


def seats_by_division(votes: dict[str, int], seats: int) -> dict[str, int]:
    """A council shares its seats among lists one by one. Each next seat goes to the list with the greatest quotient of
    its votes and one more than the seats it already has; of equal quotients the list with more votes wins, then the one
    named first. Return the seats of each list.

    >>> seats_by_division({"Oak": 100, "Elm": 60, "Fir": 30}, 5)
    {'Oak': 3, 'Elm': 2, 'Fir': 0}
    >>> seats_by_division({"Oak": 10, "Elm": 10}, 3)
    {'Oak': 2, 'Elm': 1}
    """
    shares = dict.fromkeys(votes, 0)
    for _ in range(seats):
        # Fractions compare exactly; decimal numbers might see a difference where there is none.
        winner = max(votes, key=lambda name: (Fraction(votes[name], shares[name] + 1), votes[name]))
        shares[winner] += 1
    return shares


def test_seats_by_division() -> None:
    assert seats_by_division({"Oak": 100, "Elm": 60, "Fir": 30}, 5) == {"Oak": 3, "Elm": 2, "Fir": 0}
    assert seats_by_division({"Oak": 100, "Elm": 60, "Fir": 30}, 6) == {"Oak": 3, "Elm": 2, "Fir": 1}
    assert seats_by_division({"Elm": 50, "Oak": 100}, 2) == {"Elm": 0, "Oak": 2}
    assert seats_by_division({"a": 7, "b": 7}, 1) == {"a": 1, "b": 0}
    assert seats_by_division({"a": 340, "b": 280, "c": 160, "d": 60}, 7) == {"a": 3, "b": 3, "c": 1, "d": 0}
    assert seats_by_division({"a": 5}, 0) == {"a": 0}


def seats_by_rest(votes: dict[str, int], seats: int) -> dict[str, int]:
    """Another council computes for each list its exact share of the seats, votes times seats by all votes, and first
    gives everybody the whole part. The seats still free go, one each, to the lists with the largest rests; of equal
    rests the one with more votes comes first, then the one named first. Return the seats of each list.

    >>> seats_by_rest({"Oak": 47, "Elm": 16, "Fir": 37}, 10)
    {'Oak': 5, 'Elm': 1, 'Fir': 4}
    >>> seats_by_rest({"Oak": 50, "Elm": 50}, 3)
    {'Oak': 2, 'Elm': 1}
    """
    total = sum(votes.values())
    shares = {name: count * seats // total for name, count in votes.items()}
    by_rest = sorted(votes, key=lambda name: (-(votes[name] * seats % total), -votes[name]))
    for name in by_rest[: seats - sum(shares.values())]:
        shares[name] += 1
    return shares


def test_seats_by_rest() -> None:
    assert seats_by_rest({"Oak": 47, "Elm": 16, "Fir": 37}, 10) == {"Oak": 5, "Elm": 1, "Fir": 4}
    assert seats_by_rest({"a": 5, "b": 3, "c": 2}, 10) == {"a": 5, "b": 3, "c": 2}
    assert seats_by_rest({"c": 1, "a": 3}, 2) == {"c": 0, "a": 2}
    assert seats_by_rest({"c": 1, "b": 1, "a": 1}, 2) == {"c": 1, "b": 1, "a": 0}
    assert seats_by_rest({"a": 1, "b": 9}, 1) == {"a": 0, "b": 1}


def weight_of_votes(delegates: dict[str, str], voted: set[str]) -> dict[str, int]:
    """In a cooperative a member may hand the vote to another member, who may hand it on in turn. `delegates` says to
    whom. Whoever is in `voted` has voted in person: that vote counts and is not handed on, together with all votes that
    reached this member. Votes that reach nobody who voted, or run in a circle, are lost. Return the weight of each vote
    cast, by name. Everyone who hands on or votes has one vote.

    >>> weight_of_votes({"Ida": "Bo", "Bo": "Cy", "Dee": "Cy"}, {"Cy"})
    {'Cy': 4}
    >>> weight_of_votes({"Ida": "Bo", "Bo": "Ida"}, {"Cy", "Bo"})
    {'Bo': 2, 'Cy': 1}
    """
    weights = dict.fromkeys(sorted(voted), 0)
    for member in voted | delegates.keys():
        holder, passed = member, set()
        while holder not in voted and holder in delegates and holder not in passed:
            passed.add(holder)
            holder = delegates[holder]
        if holder in voted:
            weights[holder] += 1
    return weights


def test_weight_of_votes() -> None:
    assert weight_of_votes({"a": "b", "b": "c", "d": "c"}, {"c"}) == {"c": 4}
    assert weight_of_votes({"a": "b", "b": "c"}, {"b", "c"}) == {"b": 2, "c": 1}
    assert weight_of_votes({"a": "b", "b": "a", "c": "a"}, {"z"}) == {"z": 1}
    assert weight_of_votes({"a": "b", "b": "a", "c": "a"}, {"a"}) == {"a": 3}
    assert weight_of_votes({"a": "q"}, set()) == {}
    assert list(weight_of_votes({}, {"y", "x"})) == ["x", "y"]
