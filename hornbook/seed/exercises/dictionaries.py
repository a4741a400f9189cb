"""Dictionaries"""

from typing import Any


def phone_keypad(word: str) -> str:
    """On old telephones the letters share the keys 2 to 9: abc, def, ghi, jkl, mno, pqrs, tuv, wxyz. Write a word as
    the digits to press; anything but letters is left as it is.

    >>> phone_keypad("Code 7")
    '2633 7'
    >>> phone_keypad("xyz")
    '999'
    """
    groups = ("abc", "def", "ghi", "jkl", "mno", "pqrs", "tuv", "wxyz")
    key_of = {letter: str(key) for key, letters in enumerate(groups, start=2) for letter in letters}
    return "".join(key_of.get(sign.lower(), sign) for sign in word)


def test_phone_keypad() -> None:
    assert phone_keypad("Code 7") == "2633 7"
    assert phone_keypad("adgjmptw") == "23456789"
    assert phone_keypad("SZ-s") == "79-7"
    assert phone_keypad("") == ""


def change_report(old: dict[str, int], new: dict[str, int]) -> dict[str, str]:
    """Compare two stock lists. For each item that differs say "new", "gone", "+N" or "-N", sorted by item.

    >>> change_report({"nuts": 5, "bolts": 2}, {"nuts": 8, "pins": 1})
    {'bolts': 'gone', 'nuts': '+3', 'pins': 'new'}
    >>> change_report({"nuts": 5}, {"nuts": 5})
    {}
    """
    report = {}
    for item in sorted(old.keys() | new.keys()):
        if item not in old:
            report[item] = "new"
        elif item not in new:
            report[item] = "gone"
        elif old[item] != new[item]:
            report[item] = f"{new[item] - old[item]:+d}"
    return report


def test_change_report() -> None:
    assert change_report({"a": 5, "b": 2}, {"a": 8, "c": 1}) == {"a": "+3", "b": "gone", "c": "new"}
    assert list(change_report({"z": 1}, {"b": 1})) == ["b", "z"]
    assert change_report({"a": 5}, {"a": 1}) == {"a": "-4"}
    assert change_report({}, {}) == {}
    assert change_report({"a": 0}, {"a": 0}) == {}


def deep_get(settings: dict[str, Any], path: str, default: Any = None) -> Any:
    """Settings are nested dicts, and a path such as "window.size.width" leads to one value. Return it, or the
    default when any step of the path is missing or leads through something that is not a dict.

    >>> deep_get({"window": {"size": {"width": 80}}}, "window.size.width")
    80
    >>> deep_get({"window": 3}, "window.size", default="none")
    'none'
    """
    here: Any = settings
    for step in path.split("."):
        if not isinstance(here, dict) or step not in here:
            return default
        here = here[step]
    return here


def test_deep_get() -> None:
    settings = {"a": {"b": {"c": None}}, "x": [1]}
    assert deep_get(settings, "a.b") == {"c": None}
    assert deep_get(settings, "a.b.c", "default") is None
    assert deep_get(settings, "a.z.c", 7) == 7
    assert deep_get(settings, "x.0") is None
    assert deep_get(settings, "x") == [1]
    assert deep_get({}, "a", 1) == 1


def overlay(base: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """Lay a patch over nested settings: where both sides hold a dict, go on inside; a patch value of None removes
    the key; everything else of the patch replaces what was there. The originals must not change.

    >>> overlay({"ui": {"font": "serif", "size": 9}, "beta": True}, {"ui": {"size": 12}, "beta": None})
    {'ui': {'font': 'serif', 'size': 12}}
    >>> overlay({}, {"a": 1})
    {'a': 1}
    """
    merged = dict(base)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict) and isinstance(merged.get(key), dict):
            merged[key] = overlay(merged[key], value)
        else:
            merged[key] = value
    return merged


def test_overlay() -> None:
    base = {"ui": {"font": "serif", "size": 9}, "beta": True}
    assert overlay(base, {"ui": {"size": 12}, "beta": None}) == {"ui": {"font": "serif", "size": 12}}
    assert base == {"ui": {"font": "serif", "size": 9}, "beta": True}
    assert overlay(base, {"ui": 3})["ui"] == 3
    assert overlay(base, {"beta": {"on": 1}})["beta"] == {"on": 1}
    assert overlay(base, {"missing": None}) == base
    assert overlay({"a": {"b": {"c": 1, "d": 2}}}, {"a": {"b": {"c": None}}}) == {"a": {"b": {"d": 2}}}


def guess_the_owner(pets: dict[str, list[str]]) -> dict[str, str]:
    """Each owner has several pets. Turn the dict around so that each pet's name leads to its owner. If two owners
    have a pet of the same name, that name leads to "?".

    >>> guess_the_owner({"Ana": ["Rex", "Tom"], "Ben": ["Tom"]})
    {'Rex': 'Ana', 'Tom': '?'}
    >>> guess_the_owner({"Ana": []})
    {}
    """
    owner_of: dict[str, str] = {}
    for owner, names in pets.items():
        for name in names:
            known = owner_of.get(name, owner)
            owner_of[name] = owner if known == owner else "?"
    return owner_of


def test_guess_the_owner() -> None:
    assert guess_the_owner({"Ana": ["Rex", "Tom"], "Ben": ["Tom"]}) == {"Rex": "Ana", "Tom": "?"}
    assert guess_the_owner({"Ana": ["Rex", "Rex"]}) == {"Rex": "Ana"}
    assert guess_the_owner({"A": ["x"], "B": ["x"], "C": ["x"]}) == {"x": "?"}
    assert guess_the_owner({}) == {}


def resolve_aliases(aliases: dict[str, str], command: str) -> str:
    """A shell lets users define aliases that may lead to other aliases. Follow them from a command to its end. If the
    aliases run in a circle, raise a ValueError instead of running forever.

    >>> resolve_aliases({"ll": "list", "list": "ls -l"}, "ll")
    'ls -l'
    >>> resolve_aliases({}, "pwd")
    'pwd'
    """
    seen = {command}
    while command in aliases:
        command = aliases[command]
        if command in seen:
            raise ValueError(f"{command} is an alias of itself")
        seen.add(command)
    return command


def test_resolve_aliases() -> None:
    assert resolve_aliases({"a": "b", "b": "c", "c": "d"}, "a") == "d"
    assert resolve_aliases({"a": "b", "b": "c"}, "b") == "c"
    assert resolve_aliases({"x": "y"}, "z") == "z"
    for circle in ({"a": "a"}, {"a": "b", "b": "a"}, {"a": "b", "b": "c", "c": "b"}):
        try:
            resolve_aliases(circle, "a")
        except ValueError:
            pass
        else:
            raise AssertionError("expected ValueError")


def rarest_first(backpack: dict[str, int], weight: dict[str, int], limit: int) -> list[str]:
    """A hiker leaves things behind until the backpack is light enough: always one piece of the item with the most
    pieces, the alphabetically first among equals. Given pieces and the weight of one piece, list what is left
    behind, in order. Things without a known weight weigh 1.

    >>> rarest_first({"apple": 3, "knife": 1}, {"apple": 2, "knife": 4}, limit=7)
    ['apple', 'apple']
    >>> rarest_first({"rope": 1}, {}, limit=1)
    []
    """
    left = dict(backpack)
    dropped = []
    while sum(count * weight.get(item, 1) for item, count in left.items()) > limit:
        item = min(left, key=lambda name: (-left[name], name))
        left[item] -= 1
        dropped.append(item)
    return dropped


def test_rarest_first() -> None:
    assert rarest_first({"apple": 3, "knife": 1}, {"apple": 2, "knife": 4}, 7) == ["apple", "apple"]
    assert rarest_first({"b": 1, "a": 1}, {}, 1) == ["a"]
    assert rarest_first({"b": 2, "a": 1}, {"a": 5}, 1) == ["b", "a"]
    assert rarest_first({"a": 1}, {"a": 9}, 8) == ["a"]
    assert rarest_first({}, {}, 0) == []
    assert rarest_first({"a": 2, "b": 3}, {}, 0) == ["b", "a", "b", "a", "b"]
